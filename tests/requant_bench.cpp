// Drives fsq_requant with one sum per cycle of a file and writes the pixels.
//
// A sum is five 64-bit integers: acc, bias, scale, zero, and the two limits in one (low in the low half). The zero point and
// the limits come with their sum and are held back here as fsq_drain does, by argv[3] cycles until the pixel is there.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "Vfsq_requant.h"
#include "verilated.h"

struct Sum {
    int64_t acc, bias, scale, zero, limits;
};

int main(int argc, char** argv) {
    if (argc != 9) return 2;
    FILE* in = std::fopen(argv[1], "rb");
    FILE* out = std::fopen(argv[2], "wb");
    if (!in || !out) return 2;
    const int latency = std::atoi(argv[3]);
    auto mask = [&](int i) { return (1ull << std::atoi(argv[i])) - 1; };
    const uint64_t acc = mask(4), bias = mask(5), scale = mask(6), limit = mask(7), pixel = mask(8);
    std::vector<Sum> sums;
    for (Sum sum; std::fread(&sum, sizeof sum, 1, in) == 1;) sums.push_back(sum);
    Vfsq_requant top;
    const long long count = sums.size();
    for (long long t = 0; t < count + latency - 1; ++t) {
        const Sum& now = sums[t < count ? t : count - 1];
        auto ago = [&](int cycles) { return sums[t < cycles ? 0 : t - cycles < count ? t - cycles : count - 1]; };
        top.acc_i = now.acc & acc;
        top.bias_i = now.bias & bias;
        top.scale_i = now.scale & scale;
        top.zero_i = ago(latency - 2).zero & limit;
        top.low_i = static_cast<int32_t>(ago(latency - 1).limits) & limit;
        top.high_i = static_cast<int32_t>(ago(latency - 1).limits >> 32) & limit;
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
        if (t >= latency - 1) {
            const int64_t y = top.y_o & pixel;
            std::fwrite(&y, sizeof y, 1, out);
        }
    }
    return 0;
}
