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
        for (int n = 0; n < LIMIT; ++n) {
            put(top.bounds_i, stage * LIMIT + n, LIMIT + 1, c.bounds[stage][n]);
            put(top.offsets_i, stage * LIMIT + n, INDEX_BITS, c.offsets[stage][n]);
        }
    }
    top.free_i = static_cast<uint32_t>(c.free[0] | c.free[1] << 1 | c.free[2] << 2);
    const std::vector<int32_t> words = in_order(c);
    int visit = 0, n = 0, data1 = 0, data2 = 0, data3 = 0, due1 = 0, due2 = 0;
    top.rst_n = 0;
    top.take_i = 0;
    top.end_i = 0;
    top.stage_i = 0;
    top.start_i = static_cast<uint32_t>(c.s_start);
    for (int cycle = 0; visit < 6 || due1 || due2; ++cycle) {
        if (cycle == 100000) {
            std::fprintf(stderr, "the decoder stands still\n");
            std::exit(3);
        }
        top.rst_n = cycle >= 2;
        top.rom_data_i = static_cast<uint32_t>(data3);
        top.clk = 0;
        const int stage = visit < 6 ? VISITS[visit] : 0;
        const bool last = visit < 6 && n == c.counts[stage] - 1;
        top.stage_i = static_cast<uint32_t>(stage);
        top.end_i = last && stage != 1;
        if (cycle >= 2) top.start_i = static_cast<uint32_t>(visit == 0 ? c.s_start : c.e_start);
        top.take_i = 0;
        top.eval();
        const bool take = top.rst_n && visit < 6 && top.valid_o && std::rand() % 4 != 0;
        top.take_i = take;
        top.eval();
        if (due2) out.push_back(c.symbols[top.stage_o][top.index_o]);
        due2 = due1;
        due1 = take;
        data3 = data2;
        data2 = data1;
        data1 = top.rom_addr_o < words.size() ? words[top.rom_addr_o] : 0;
        if (take) {
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
