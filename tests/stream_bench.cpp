// Drives a module between streams: any number of inputs and outputs, each side with stalls of its own.
//
// Usage: bench SEED SOURCE_PERIOD SINK_PERIOD INPUTS BITS... OUTPUTS BITS WORDS BITS WORDS ...
//   SEED    0: a source offers its next word in the first cycle that is a multiple of SOURCE_PERIOD, a sink takes words in
//           the multiples of SINK_PERIOD; else both are at random
//   BITS    of a word of each stream;  WORDS  to wait for
// Reads in<i>.bin, little-endian words of whole bytes; writes out<i>.bin, and the cycles in which words moved as 64-bit
// integers to in<i>_cycles.bin and out<i>_cycles.bin. FSQ_TOP is the class of the simulated module.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "verilated.h"
#include FSQ_HEADER

namespace {

// Bits of a port, whatever its type.
template <typename T> struct Bits {
    static bool get(const T& port, std::size_t i) { return (static_cast<std::uint64_t>(port) >> i) & 1u; }
    static void set(T& port, std::size_t i, bool bit) {
        const std::uint64_t mask = std::uint64_t{1} << i, old = static_cast<std::uint64_t>(port);
        port = static_cast<T>(bit ? old | mask : old & ~mask);
    }
};
template <std::size_t N> struct Bits<VlWide<N>> {
    static bool get(const VlWide<N>& port, std::size_t i) { return (port[i / 32] >> (i % 32)) & 1u; }
    static void set(VlWide<N>& port, std::size_t i, bool bit) {
        const std::uint32_t mask = 1u << (i % 32);
        port[i / 32] = bit ? port[i / 32] | mask : port[i / 32] & ~mask;
    }
};
template <typename T> bool get(const T& port, std::size_t i) { return Bits<T>::get(port, i); }
template <typename T> void set(T& port, std::size_t i, bool bit) { Bits<T>::set(port, i, bit); }

using Word = std::vector<std::uint8_t>;

struct Stream {
    std::size_t bits = 0, first = 0, wanted = 0;  // first: its lowest bit in the port
    std::vector<Word> words;
    std::vector<std::uint64_t> cycles;
    bool offered = false;
    std::size_t bytes() const { return (bits + 7) / 8; }
};

void write(const std::string& name, const void* data, std::size_t bytes) {
    std::FILE* file = std::fopen(name.c_str(), "wb");
    if (!file || std::fwrite(data, 1, bytes, file) != bytes) std::exit(2);
    std::fclose(file);
}

void write_cycles(const std::string& name, const Stream& stream) {
    write(name + "_cycles.bin", stream.cycles.data(), 8 * stream.cycles.size());
}

}  // namespace

int main(int argc, char** argv) {
    int at = 1;
    auto next = [&] {
        if (at >= argc) std::exit(2);
        return static_cast<std::size_t>(std::strtoull(argv[at++], nullptr, 10));
    };
    const std::size_t seed = next(), source_period = next(), sink_period = next();
    std::vector<Stream> inputs(next());
    std::size_t first = 0;
    for (Stream& in : inputs) {
        in.bits = next();
        in.first = first;
        first += in.bits;
    }
    std::vector<Stream> outputs(next());
    first = 0;
    for (Stream& out : outputs) {
        out.bits = next();
        out.wanted = next();
        out.first = first;
        first += out.bits;
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        Word word(inputs[i].bytes());
        std::FILE* file = std::fopen(("in" + std::to_string(i) + ".bin").c_str(), "rb");
        if (!file) return 2;
        while (std::fread(word.data(), 1, word.size(), file) == word.size()) inputs[i].words.push_back(word);
        std::fclose(file);
    }
    std::srand(static_cast<unsigned>(seed));
    // long runs of "go" and of "wait", so that FIFOs run full and empty
    std::vector<int> left(inputs.size() + outputs.size());
    std::vector<bool> go(left.size());
    auto random = [&](std::size_t i) {
        if (left[i]-- == 0) {
            go[i] = !go[i];
            left[i] = std::rand() % (std::rand() % 4 ? 3 : 30);
        }
        return static_cast<bool>(go[i]);
    };

    FSQ_TOP top;
    top.rst_n = 0;
    top.in_valid_i = 0;
    top.out_ready_i = 0;
    for (int i = 0; i < 4; ++i) {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    }
    top.rst_n = 1;
    std::size_t quiet = 0, missing = 1;
    std::vector<Word> held(outputs.size());  // words that were offered and not taken
    for (std::uint64_t cycle = 0; missing || quiet < 100; ++cycle) {
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            Stream& in = inputs[i];
            const bool may = seed ? random(i) : cycle % source_period == 0;
            in.offered = in.cycles.size() < in.words.size() && (in.offered || may);
            set(top.in_valid_i, i, in.offered);
            for (std::size_t b = 0; b < in.bits; ++b) {
                const bool bit = in.offered ? in.words[in.cycles.size()][b / 8] >> (b % 8) & 1 : std::rand() & 1;
                set(top.in_data_i, in.first + b, bit);
            }
        }
        for (std::size_t i = 0; i < outputs.size(); ++i)
            set(top.out_ready_i, i, seed ? random(inputs.size() + i) : cycle % sink_period == 0);
        top.clk = 0;
        top.eval();
        bool moved = false;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            Stream& in = inputs[i];
            if (!in.offered || !get(top.in_ready_o, i)) continue;
            in.cycles.push_back(cycle);
            in.offered = false;
            moved = true;
        }
        missing = 0;
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            Stream& out = outputs[i];
            Word word;
            if (get(top.out_valid_o, i)) {
                word.resize(out.bytes());
                for (std::size_t b = 0; b < out.bits; ++b)
                    if (get(top.out_data_o, out.first + b)) word[b / 8] |= static_cast<std::uint8_t>(1u << (b % 8));
            }
            if (!held[i].empty() && word != held[i]) {
                std::fprintf(stderr, "output %zu changed a word that was not taken\n", i);
                return 4;
            }
            held[i].clear();
            if (!word.empty() && get(top.out_ready_i, i)) {
                out.cycles.push_back(cycle);
                out.words.push_back(word);
                moved = true;
            } else {
                held[i] = word;
            }
            if (out.words.size() < out.wanted) ++missing;
        }
        top.clk = 1;
        top.eval();
        quiet = moved ? 0 : quiet + 1;
        if (quiet > 10000) {
            std::fprintf(stderr, "nothing moves\n");
            break;
        }
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) write_cycles("in" + std::to_string(i), inputs[i]);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        write_cycles("out" + std::to_string(i), outputs[i]);
        Word all;
        for (const Word& word : outputs[i].words) all.insert(all.end(), word.begin(), word.end());
        write("out" + std::to_string(i) + ".bin", all.data(), all.size());
    }
    return 0;
}
