// Takes units of the streams of weight_bench, each when it wants: the first COUNT / 2 of each without a pause, the others
// at random. Usage: bench CASES WORDS COUNT FILE; a unit has WORDS words of 32 bits.
//
// FILE gets the units of each stream, [case, COUNT, WORDS]. Exit code 3: a stream paused although it was asked.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "Vweight_bench.h"
#include "verilated.h"

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    const auto cases = static_cast<std::size_t>(std::atoi(argv[1]));
    const auto words = static_cast<std::size_t>(std::atoi(argv[2]));
    const auto count = static_cast<std::size_t>(std::atoi(argv[3]));
    std::srand(1);
    Vweight_bench top;
    std::vector<std::vector<uint32_t>> units(cases);
    std::size_t done = 0;
    for (int cycle = 0; done < cases; ++cycle) {
        top.rst_n = cycle >= 2;
        top.clk = 0;
        top.eval();
        if (cycle > 10 && top.valid_o != (1u << cases) - 1) return 3;
        done = 0;
        top.take_i = 0;
        for (std::size_t g = 0; g < cases; ++g) {
            const bool full = units[g].size() == count * words;
            done += full;
            if (full || !top.rst_n || !(top.valid_o >> g & 1)) continue;
            if (units[g].size() >= count / 2 * words && std::rand() % 3 == 0) continue;
            top.take_i |= 1u << g;
            for (std::size_t w = 0; w < words; ++w) units[g].push_back(top.unit_o[g * words + w]);
        }
        top.eval();
        top.clk = 1;
        top.eval();
    }
    std::FILE* file = std::fopen(argv[4], "wb");
    if (!file) return 2;
    for (const auto& stream : units) std::fwrite(stream.data(), 4, stream.size(), file);
    return std::fclose(file) ? 2 : 0;
}
