// Rounding of integers, the same wherever a value moves to another binary point.
#ifndef FSQ_ROUND_HPP
#define FSQ_ROUND_HPP

#include "fsq_types.hpp"

namespace fsq {

// round_half_even(t * 2^-RIGHT), where t has BITS bits at most and T has room for two more.
template <int RIGHT, int BITS, class T> inline T round_right(const T& t) {
    FSQ_INLINE
    const bool ROUNDS = RIGHT > 0 && RIGHT < BITS;
    const int R = ROUNDS ? RIGHT : 1;
    T y = t;
    if (ROUNDS) {
        // half and more rounds up; exactly half only to an even value
        const T floor = t >> R;
        const T one = 1;
        const T below = t & T((one << (R - 1)) - one);
        const bool half = T((t >> (R - 1)) & one) != 0;
        const bool odd = T(floor & one) != 0;
        y = floor + T(half && (below != 0 || odd) ? 1 : 0);
    } else if (RIGHT > 0) {
        y = 0;  // everything lies below half
    }
    return y;
}

}  // namespace fsq
#endif
