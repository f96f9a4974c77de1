// FSQ_TAP(index, stream) shows the row words of a stream to the test bench in C simulation, where the kernels of a frame
// run one after the other and a whole frame of words stands in the stream; FSQ_TAP_TERMS(index, bits, stream) shows the
// terms that a feed sends. For synthesis both are nothing.
#ifndef FSQ_TAP_HPP
#define FSQ_TAP_HPP

#ifdef FSQ_CSIM
#include "fsq_types.hpp"

// Of the test bench: `limbs` hold one word of `bits` bits of stream (or feed) number `index`, least significant first.
void fsq_tap_word(int index, int bits, const unsigned long long* limbs);
void fsq_tap_term(int index, int bits, const unsigned long long* limbs);
void fsq_tap_count(int index, unsigned long long words);

template <int BITS> void fsq_tap(int index, hls::stream<ap_uint<BITS> >& stream) {
    const unsigned long long words = stream.size();
    for (unsigned long long n = 0; n < words; ++n) {
        const ap_uint<BITS> word = stream.read();
        unsigned long long limbs[(BITS + 63) / 64];
        for (int i = 0; i < (BITS + 63) / 64; ++i) {
            const int end = 64 * i + 63 < BITS ? 64 * i + 63 : BITS - 1;
            const ap_uint<64> limb = word.range(end, 64 * i);
            limbs[i] = limb.to_uint64();
        }
        fsq_tap_word(index, BITS, limbs);
        stream.write(word);
    }
    fsq_tap_count(index, words);
}

template <int BITS> void fsq_tap_terms(int index, hls::stream<fsq::uint<BITS> >& stream) {
    const unsigned long long words = stream.size();
    for (unsigned long long n = 0; n < words; ++n) {
        const fsq::uint<BITS> word = stream.read();
        unsigned long long limbs[(BITS + 63) / 64] = {};
        for (int i = 0; i < BITS; i += 32) {
            const unsigned long long half = fsq::uint<32>(word >> i);
            limbs[i / 64] |= half << (i % 64);
        }
        fsq_tap_term(index, BITS, limbs);
        stream.write(word);
    }
}
#define FSQ_TAP(index, stream) fsq_tap(index, stream);
#define FSQ_TAP_TERMS(index, bits, stream) fsq_tap_terms<bits>(index, stream);
#else
#define FSQ_TAP(index, stream)
#define FSQ_TAP_TERMS(index, bits, stream)
#endif

#endif
