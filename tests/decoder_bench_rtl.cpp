// Decodes the cases of a file with the RTL of decoder_bench, which stalls at random. Usage: bench CASES SYMBOLS
#include "decoder_cases.hpp"

#include "Vdecoder_bench.h"
#include "verilated.h"

namespace {

template <class WIDE> void put(WIDE& to, int place, int bits, int32_t value) {
    for (int i = 0; i < bits; ++i) {
        const int at = place * bits + i;
        const uint32_t mask = 1u << (at % 32);
        to[at / 32] = (value >> i) & 1 ? to[at / 32] | mask : to[at / 32] & ~mask;
    }
}

// The words in the order of the visits: S, S, E, E.
std::vector<int32_t> in_order(const Case& c) {
    const auto middle = c.words.begin() + c.s_words;
    std::vector<int32_t> words;
    for (int i = 0; i < 2; ++i) words.insert(words.end(), c.words.begin(), middle);
    for (int i = 0; i < 2; ++i) words.insert(words.end(), middle, c.words.end());
    return words;
}

void decode(Vdecoder_bench& top, const Case& c, std::vector<int32_t>& out) {
    for (int stage = 0; stage < STAGES; ++stage) {
        for (int n = 0; n < PREFIXES; ++n) {
            put(top.lengths_i, stage * PREFIXES + n, 4, c.lengths[stage][n]);
            put(top.firsts_i, stage * PREFIXES + n, 8, c.firsts[stage][n]);
        }
    }
    const std::vector<int32_t> words = in_order(c);
    // what has been asked of the memory, and of the decoder, in the cycles before; three steps fill the decoder
    int data[3] = {0, 0, 0}, due[4] = {0, 0, 0, 0};
    int visit = 0, n = 0, fill = 3;
    for (int cycle = 0; visit < 6 || due[0] || due[1] || due[2] || due[3]; ++cycle) {
        if (cycle == 100000) {
            std::fprintf(stderr, "the decoder stands still\n");
            std::exit(3);
        }
        const int stage = visit < 6 ? VISITS[visit] : 0, next = fill ? 0 : VISITS[(visit + 1) % 6];
        const bool last = visit < 6 && n == c.counts[stage] - 1;
        top.rst_n = cycle >= 2;
        top.rom_data_i = static_cast<uint32_t>(data[2]);
        top.stage_i = static_cast<uint32_t>(stage);
        top.end_i = fill || (last && stage != 1);
        top.start_i = static_cast<uint32_t>((next == 0 ? c.s_start : c.e_start) / 6);
        top.clk = 0;
        top.eval();
        const bool go = top.rst_n && visit < 6 && top.ready_o && std::rand() % 4 != 0;
        top.go_i = go;
        top.eval();
        if (due[3]) out.push_back(static_cast<int8_t>(top.symbol_o));
        for (int i = 3; i > 0; --i) due[i] = due[i - 1];
        due[0] = go && !fill;
        data[2] = data[1];
        data[1] = data[0];
        data[0] = top.rom_addr_o < words.size() ? words[top.rom_addr_o] : 0;
        if (go && fill) {
            --fill;
        } else if (go) {
            n = last ? 0 : n + 1;
            visit += last;
        }
        top.clk = 1;
        top.eval();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::srand(1);
    Vdecoder_bench top;
    std::vector<int32_t> out;
    const std::vector<Case> cases = read_cases(argv[1]);
    for (const Case& c : cases) decode(top, c, out);
    write_symbols(argv[2], out);
    return 0;
}
