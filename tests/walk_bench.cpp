// Steps the walks of walk_bench, which waits at random between the steps. Usage: bench CASES STEPS FILE
//
// FILE gets walk_o of every step: 32 bits for each walk.
#include <cstdio>
#include <cstdlib>

#include "Vwalk_bench.h"
#include "bench_clock.hpp"
#include "verilated.h"

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const auto cases = static_cast<std::size_t>(std::atoi(argv[1]));
    std::FILE* file = std::fopen(argv[3], "wb");
    if (!file) return 2;
    std::srand(1);
    Vwalk_bench top;
    top.rst_n = 0;
    tick(top);
    top.rst_n = 1;
    for (int step = 0; step < std::atoi(argv[2]);) {
        top.next_i = std::rand() % 3 != 0;
        top.clk = 0;
        top.eval();
        if (top.next_i) std::fwrite(&top.walk_o[0], 4, cases, file);
        step += top.next_i;
        tick(top);
    }
    return std::fclose(file) ? 2 : 0;
}
