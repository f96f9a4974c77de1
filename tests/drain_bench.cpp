// Drives drain_bench with passes of a file and writes the row words of each of its cases to a file of its own.
//
// A term has 4 + 64 + 1 bytes: weights, pixels, and flags (1: first, 2: last of its pass, 4: phase of its pass, 8: a gap).
// Arguments: the file of terms, and the number of cases; their files are 0.bin, 1.bin, ...
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "Vdrain_bench.h"
#include "bench_clock.hpp"
#include "verilated.h"

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    FILE* in = std::fopen(argv[1], "rb");
    const int count = std::atoi(argv[2]);
    std::vector<FILE*> out;
    for (int i = 0; i < count; ++i) out.push_back(std::fopen((std::to_string(i) + ".bin").c_str(), "wb"));
    if (!in) return 2;
    Vdrain_bench top;
    const int widest = sizeof top.words_o / sizeof top.words_o[0] / count;
    unsigned char term[69];
    for (int cycle = 0, left = 100; left > 0; ++cycle) {
        const bool reset = cycle < 8;
        if (reset || std::fread(term, sizeof term, 1, in) != 1) {
            std::memset(term, 0, sizeof term);
            term[68] = 8;
            left -= !reset;
        }
        top.rst_n = !reset;
        top.issue_i = !(term[68] & 8);
        top.first_i = term[68] & 1;
        top.last_i = term[68] >> 1 & 1;
        top.phase_i = term[68] >> 2 & 1;
        std::memcpy(&top.weights_i, term, 4);
        std::memcpy(&top.pixels_i[0], term + 4, 64);
        tick(top);
        for (int i = 0; i < count; ++i)
            if (top.send_o >> i & 1) std::fwrite(&top.words_o[i * widest], 4, widest, out[i]);
    }
    for (FILE* file : out) std::fclose(file);
    return 0;
}
