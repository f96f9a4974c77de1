// Sum of two maps: operands move to one scale, the sum is requantised;
// y = clip(round_half_even((a * A_FACTOR + b * B_FACTOR + OFFSET) * 2^(LEFT - RIGHT)) + ZERO), one of LEFT and RIGHT is 0.
//
// P gives WORDS (per frame), WIDTH; A_BITS, A_SIGNED, A_FACTOR and the same of B; SUM_BITS, OFFSET, LEFT, RIGHT, ZERO,
// OUT_BITS, LOW, HIGH.
#ifndef FSQ_ADD_HPP
#define FSQ_ADD_HPP

#include "fsq_round.hpp"

namespace fsq {

template <class P> inline uint<P::OUT_BITS> sum_of(const integer<P::A_BITS, P::A_SIGNED>& a,
                                                   const integer<P::B_BITS, P::B_SIGNED>& b) {
    FSQ_INLINE
    const int BITS = P::SUM_BITS + P::LEFT;
    typedef sint<largest(BITS, P::OUT_BITS) + 2> wide;
    const wide left = wide(a) * wide(P::A_FACTOR);
    const wide right = wide(b) * wide(P::B_FACTOR);
    FSQ_MULTIPLIER_LUT(left)
    FSQ_MULTIPLIER_LUT(right)
    const wide sum = left + right + wide(P::OFFSET);
    wide y = round_right<P::RIGHT, BITS>(wide(sum << P::LEFT)) + wide(P::ZERO);
    if (y < P::LOW) y = P::LOW;
    if (y > P::HIGH) y = P::HIGH;
    return uint<P::OUT_BITS>(y);
}

template <class P>
void add(hls::stream<ap_uint<P::WIDTH * P::A_BITS> >& a, hls::stream<ap_uint<P::WIDTH * P::B_BITS> >& b,
         hls::stream<ap_uint<P::WIDTH * P::OUT_BITS> >& out) {
    for (int n = 0; n < P::WORDS; ++n) {
        FSQ_PIPELINE(2)
        integer<P::A_BITS, P::A_SIGNED> left[P::WIDTH];
        integer<P::B_BITS, P::B_SIGNED> right[P::WIDTH];
        uint<P::OUT_BITS> sums[P::WIDTH];
        FSQ_REGISTERS(left)
        FSQ_REGISTERS(right)
        FSQ_REGISTERS(sums)
        unpack<P::WIDTH, P::A_BITS>(a.read(), left);
        unpack<P::WIDTH, P::B_BITS>(b.read(), right);
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            sums[x] = sum_of<P>(left[x], right[x]);
        }
        out.write(pack<P::WIDTH, P::OUT_BITS>(sums));
    }
}

}  // namespace fsq
#endif
