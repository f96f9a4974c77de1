// Drives requant_bench with one sum per cycle of a file and writes the pixels of one of its requantisers.
//
// A sum is five 64-bit integers: acc, bias, scale, zero, and the two limits in one (low in the low half). The zero point and
// the limits come with their sum and are held back here as fsq_drain does. Arguments: the two files, the number of the
// requantiser, and the cycles from a sum to its pixel.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "Vrequant_bench.h"
#include "bench_clock.hpp"
#include "verilated.h"

struct Sum {
    int64_t acc, bias, scale, zero, limits;
};

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    FILE* in = std::fopen(argv[1], "rb");
    FILE* out = std::fopen(argv[2], "wb");
    if (!in || !out) return 2;
    const int number = std::atoi(argv[3]), latency = std::atoi(argv[4]);
    std::vector<Sum> sums;
    for (Sum sum; std::fread(&sum, sizeof sum, 1, in) == 1;) sums.push_back(sum);
    Vrequant_bench top;
    const long long count = sums.size();
    const auto at = [&](long long t) { return sums[t < 0 ? 0 : t < count ? t : count - 1]; };
    for (long long t = 0; t < count + latency - 1; ++t) {
        const Sum now = at(t);
        top.acc_i = now.acc;
        top.bias_i = now.bias;
        top.scale_i = now.scale;
        top.zero_i = static_cast<uint32_t>(at(t - latency + 3).zero);
        top.low_i = static_cast<uint32_t>(at(t - latency + 2).limits);
        top.high_i = static_cast<uint32_t>(at(t - latency + 2).limits >> 32);
        tick(top);
        if (t >= latency - 1) {
            const int64_t y = (top.y_o[number / 2] >> (number % 2 * 16)) & 0xFFFF;
            std::fwrite(&y, sizeof y, 1, out);
        }
    }
    std::fclose(out);
    return 0;
}
