// Drives two lanes of fsq_mac_array with the terms of a file and writes both sums of every sequence.
//
// Terms are four 32-bit integers each: weight, x1, x0, and flags (1: a term, else a gap; 2: first, 4: last of its
// sequence). Pixels follow their weight two cycles later, as a row buffer gives them.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "Vfsq_mac_array.h"
#include "bench_clock.hpp"
#include "verilated.h"

struct Term {
    int32_t weight, x1, x0, flags;
};

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    FILE* in = std::fopen(argv[1], "rb");
    FILE* out = std::fopen(argv[2], "wb");
    const int x_bits = std::atoi(argv[3]), w_bits = std::atoi(argv[4]);
    if (!in || !out) return 2;
    const uint32_t x_mask = (1u << x_bits) - 1;
    Vfsq_mac_array top;
    top.replay_i = 0;
    top.term_i = 0;
    Term term, before = {0, 0, 0, 0}, earlier = {0, 0, 0, 0};
    bool done = false, done_before = false;
    for (int cycle = 0, left = 8; left > 0; ++cycle) {
        const bool reset = cycle < 8;
        if (reset || std::fread(&term, sizeof term, 1, in) != 1) {
            term = {0, 0, 0, 0};
            left -= !reset;
        }
        top.rst_n = !reset;
        top.issue_i = (term.flags & 1) != 0;
        top.first_i = (term.flags & 2) != 0;
        top.last_i = (term.flags & 4) != 0;
        top.weights_i = static_cast<uint32_t>(term.weight) & ((1u << w_bits) - 1);
        const uint32_t x1 = static_cast<uint32_t>(earlier.x1), x0 = static_cast<uint32_t>(earlier.x0);
        top.pixels_i = (x1 & x_mask) << x_bits | (x0 & x_mask);
        tick(top);
        if (done_before) {  // the sums stand there two cycles after done_o
            const uint64_t sums = top.sums_o;
            std::fwrite(&sums, sizeof sums, 1, out);
        }
        done_before = done;
        done = top.done_o;
        earlier = before;
        before = term;
    }
    std::fclose(out);
    return 0;
}
