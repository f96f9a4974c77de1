// Averages, y = round_half_even(sum * 2^EXTRA / COUNT): a restoring division of the magnitude, bit by bit, whose remainder
// decides the rounding exactly; no multiplier.
//
// P gives SUM_BITS, COUNT (pixels of a window), EXTRA, QUOTIENT (bits of the largest quotient), OUT_BITS, LOW, HIGH.
#ifndef FSQ_DIVIDE_HPP
#define FSQ_DIVIDE_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> using rest_of = uint<bits_of(P::COUNT) + P::QUOTIENT + 2>;
template <class P> using quotient_of = uint<P::QUOTIENT>;

// The rest that a division starts with.
template <class P> inline rest_of<P> dividend(const sint<P::SUM_BITS>& sum) {
    FSQ_INLINE
    const bool negative = sum < 0;
    const sint<P::SUM_BITS + 1> magnitude = negative ? sint<P::SUM_BITS + 1>(-sum) : sint<P::SUM_BITS + 1>(sum);
    return rest_of<P>(magnitude) << P::EXTRA;
}

// One more bit of the quotient.
template <class P> inline void divide_step(rest_of<P>& rest, quotient_of<P>& quotient) {
    FSQ_INLINE
    const rest_of<P> divisor = rest_of<P>(P::COUNT) << (P::QUOTIENT - 1);
    const bool fits = rest >= divisor;
    if (fits) rest = rest - divisor;
    rest = rest << 1;
    quotient = (quotient << 1) | quotient_of<P>(fits ? 1 : 0);
}

template <class P>
inline uint<P::OUT_BITS> divided(bool negative, const rest_of<P>& rest, const quotient_of<P>& quotient) {
    FSQ_INLINE
    typedef sint<largest(P::QUOTIENT, P::OUT_BITS) + 2> result;
    // the rest stands one place higher than the divisor: equal means exactly half
    const rest_of<P> divisor = rest_of<P>(P::COUNT) << (P::QUOTIENT - 1);
    const bool odd = quotient_of<P>(quotient & quotient_of<P>(1)) != 0;
    const bool up = rest > divisor || (rest == divisor && odd);
    const result rounded = result(quotient) + result(up ? 1 : 0);
    result y = negative ? result(-rounded) : rounded;
    if (y < P::LOW) y = P::LOW;
    if (y > P::HIGH) y = P::HIGH;
    return uint<P::OUT_BITS>(static_cast<long long>(y));
}

}  // namespace fsq
#endif
