// Drives fsq_mac_pair with the terms of a file and writes both sums of every sequence.
//
// Terms are four 32-bit integers each: weight, x1, x0, and flags (1: a term, else a gap; 2: first, 4: last of its
// sequence). A term enters in one cycle and is added in the next, as in fsq_mac_array.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "Vfsq_mac_pair.h"
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
    Vfsq_mac_pair top;
    Term term, before = {0, 0, 0, 0};
    while (true) {
        const bool more = std::fread(&term, sizeof term, 1, in) == 1;
        if (!more) term = {0, 0, 0, 0};
        top.x_i = (static_cast<uint32_t>(term.x1) << x_bits) | static_cast<uint32_t>(term.x0);
        top.w_i = static_cast<uint32_t>(term.weight) & ((1u << w_bits) - 1);
        top.acc_en_i = (before.flags & 1) != 0;
        top.acc_first_i = (before.flags & 2) != 0;
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
        if (before.flags & 1) top.negative_i = before.weight < 0;
        top.eval();
        if (before.flags & 4) {
            const uint64_t sums = top.acc_o;
            std::fwrite(&sums, sizeof sums, 1, out);
        }
        if (!more) break;
        before = term;
    }
    std::fclose(out);
    return 0;
}
