// Averages by a multiplication, y = round_half_even(sum * FACTOR * 2^(LEFT - RIGHT)) + ZERO, bit by bit of FACTOR, the
// highest first; no multiplier.
//
// P gives SUM_BITS, FACTOR, QUOTIENT (its bits, or more), RIGHT, LEFT, ZERO, OUT_BITS, LOW, HIGH.
#ifndef FSQ_MEAN_MULTIPLY_HPP
#define FSQ_MEAN_MULTIPLY_HPP

#include "fsq_round.hpp"

namespace fsq {

template <class P> using mean_product = sint<P::SUM_BITS + P::QUOTIENT + 1>;
template <class P> using mean_factor = uint<P::QUOTIENT>;

// One more bit of FACTOR, the highest one of `rest`.
template <class P>
inline void multiply_step(const sint<P::SUM_BITS>& sum, mean_product<P>& product, mean_factor<P>& rest) {
    FSQ_INLINE
    const bool takes = mean_factor<P>(rest >> (P::QUOTIENT - 1)) != 0;
    product = mean_product<P>(product << 1) + (takes ? mean_product<P>(sum) : mean_product<P>(0));
    rest = mean_factor<P>(rest << 1);
}

// An integer of BITS bits rounded, moved by ZERO and limited.
template <class P, int RIGHT, int LEFT, int BITS, class T> inline uint<P::OUT_BITS> placed(const T& value) {
    FSQ_INLINE
    typedef sint<largest(BITS + LEFT, P::OUT_BITS + 1) + 2> wide;
    wide y = round_right<RIGHT, BITS + LEFT>(wide(wide(value) << LEFT)) + wide(P::ZERO);
    if (y < P::LOW) y = P::LOW;
    if (y > P::HIGH) y = P::HIGH;
    return uint<P::OUT_BITS>(y);
}

template <class P> inline uint<P::OUT_BITS> multiplied(const mean_product<P>& product) {
    FSQ_INLINE
    return placed<P, P::RIGHT, P::LEFT, P::SUM_BITS + P::QUOTIENT>(product);
}

}  // namespace fsq
#endif
