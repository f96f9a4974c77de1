// What the kernels do with wide integers and streams, printed: the same text by every integer library.
#include <ap_int.h>
#include <cstdio>
#include <hls_stream.h>

namespace {

template <int BITS> void show(const ap_uint<BITS>& value) {
    for (int low = 0; low < BITS; low += 64) {
        const ap_uint<64> limb = value.range(low + 63 < BITS ? low + 63 : BITS - 1, low);
        std::printf("%016llx ", static_cast<unsigned long long>(limb.to_uint64()));
    }
    std::printf("\n");
}

}  // namespace

int main() {
    ap_uint<150> word = 0;
    for (int low = 0; low < 150; low += 50) word.range(low + 49, low) = 0xdeadbeefcafe1234ull * (low + 1);
    show(word);
    word.range(70, 70) = 0;
    word.range(149, 149) = 1;
    word.range(9, 3) = -1;
    show(word);
    show(ap_uint<150>(word >> 67));
    show(ap_uint<150>(word << ap_uint<9>(131)));
    show(ap_uint<150>(word << ap_uint<9>(150)));
    show(ap_uint<70>(word));

    const ap_int<5> small = 19;  // wraps to -13
    const ap_int<70> wide = ap_int<70>(small) * ap_int<70>(3);
    std::printf("%d %d %d\n", small.to_int(), small < 0, (wide >> 2).to_int());
    show(ap_uint<90>(wide));
    show(ap_uint<90>(ap_uint<70>(wide)));
    show(ap_uint<130>(ap_int<130>(wide) << 60));
    const ap_int<4> low = -8;
    std::printf("%d %d\n", (low * low).to_int(), (-low).to_int());

    hls::stream<ap_uint<7> > words;
    for (int i = 125; i < 130; ++i) words.write(i);
    int sum = 0;
    while (words.size() != 1) sum = sum + words.read().to_int();
    std::printf("%d %d\n", sum, static_cast<int>(words.empty()));  // one word is left
    std::fflush(stdout);
    hls::stream<ap_int<7> > none;
    none.read();
    std::printf("%d\n", static_cast<int>(none.empty()));
    return 0;
}
