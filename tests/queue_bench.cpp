// Drives queue_bench at random, in turns of a quick decoder, a quick reader and both. Usage: bench CYCLES FILE
//
// FILE gets a byte per symbol taken, and is followed on stdout by the most symbols taken in cycles one after the other.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "Vqueue_bench.h"
#include "bench_clock.hpp"
#include "verilated.h"

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::FILE* file = std::fopen(argv[2], "wb");
    if (!file) return 2;
    std::srand(1);
    Vqueue_bench top;
    top.rst_n = 0;
    for (int i = 0; i < 8; ++i) tick(top);
    top.rst_n = 1;
    int run = 0, longest = 0;
    for (int cycle = 0; cycle < std::atoi(argv[1]); ++cycle) {
        const int turn = cycle / 100 % 4;
        top.decode_i = (turn & 1) || std::rand() % 3 == 0;
        top.want_i = (turn & 2) || std::rand() % 3 == 0;
        top.clk = 0;
        top.eval();
        if (top.took_o) std::fputc(top.symbol_o, file);
        run = top.took_o ? run + 1 : 0;
        longest = std::max(longest, run);
        tick(top);
    }
    std::printf("%d\n", longest);
    return std::fclose(file) ? 2 : 0;
}
