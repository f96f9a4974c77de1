// The lanes of an engine: CHANNELS_C weights times ROWS x LANES pixels per term.
#ifndef FSQ_LANES_HPP
#define FSQ_LANES_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> using operand_of = integer<P::X_BITS, P::X_SIGNED>;
template <class P> using acc_of = sint<P::ACC_BITS>;

// Two lanes in one DSP slice (PAIR_SHIFT != 0): pixels x1, x0 of one channel, packed n = PAIR_SHIFT bits apart.
//
// The slice accumulates P = sum of w * (x1 * 2^n + x0) = S1 * 2^n + S0. With C = floor(S0 / 2^n) and L = P mod 2^n,
// S0 = C * 2^n + L and S1 = (P >> n) - C. |w * x0| <= 2^(n-1), so that C has grown by one where the top bit of L falls
// under a product w * x0 >= 0, and shrunk by one where it rises under a negative one (that of no sign wraps nothing). Where
// the sums have n bits at most, C is the sign of L. Which widths allow it, and whether pixels are signed, is decided by
// the plan.
template <class P> struct Pairs {
    static constexpr int COUNT = P::PAIR_SHIFT > 0 ? P::ROWS * P::LANES / 2 : 0;  // of each channel
    static constexpr int PLACES = largest(COUNT, 1);
    static constexpr int SHIFT = largest(P::PAIR_SHIFT, 1);
    static constexpr bool COUNTS = P::ACC_BITS > SHIFT;
    typedef sint<SHIFT + P::X_BITS + 1> operand_t;
    typedef sint<SHIFT + P::X_BITS + 1 + P::W_BITS> product_t;
    typedef sint<SHIFT + P::ACC_BITS> sum_t;
    typedef sint<largest(P::ACC_BITS - SHIFT, 1)> wraps_t;
};
template <class P> using pair_sums_of = typename Pairs<P>::sum_t[P::CHANNELS_C][Pairs<P>::PLACES];
template <class P> using pair_wraps_of = typename Pairs<P>::wraps_t[P::CHANNELS_C][Pairs<P>::PLACES];

// One term of a pair: P and C move on, and both sums are read from them.
template <class P>
inline void add_pair(const sint<P::W_BITS>& weight, const operand_of<P>& x1, const operand_of<P>& x0, bool first,
                     typename Pairs<P>::sum_t& sum, typename Pairs<P>::wraps_t& wraps, acc_of<P>& s1, acc_of<P>& s0) {
    FSQ_INLINE
    typedef Pairs<P> Q;
    typedef typename Q::sum_t sum_t;
    typedef typename Q::wraps_t wraps_t;
    typedef typename Q::operand_t operand_t;
    typedef typename Q::product_t product_t;
    // unsigned pixels lie side by side, a negative one borrows of the other
    const operand_t high = operand_t(x1) << Q::SHIFT;
    const operand_t pixels = P::X_SIGNED ? operand_t(high + operand_t(x0)) : operand_t(high | operand_t(x0));
    const bool negative = (weight < 0) != (x0 < 0);
    const product_t product = product_t(weight) * product_t(pixels);
    FSQ_MULTIPLIER(product)
    const sum_t before = first ? sum_t(0) : sum;
    const sum_t after = before + product;
    const sum_t one = 1;
    const bool top_before = ((before >> (Q::SHIFT - 1)) & one) != 0;
    const bool top = ((after >> (Q::SHIFT - 1)) & one) != 0;
    wraps_t count = first ? wraps_t(0) : wraps;
    if (!Q::COUNTS) count = top ? wraps_t(-1) : wraps_t(0);
    else if (top_before && !top && !negative) count = count + 1;
    else if (!top_before && top && negative) count = count - 1;
    sum = after;
    wraps = count;
    s1 = (after >> Q::SHIFT) - count;
    s0 = (sum_t(count) << Q::SHIFT) + sum_t(uint<Q::SHIFT>(after));
}

// Adds one product to every sum; the first term of a pass starts the sums anew. ACC_BITS holds every partial sum.
template <class P>
inline void multiply_add(const sint<P::W_BITS> (&weights)[P::CHANNELS_C],
                         const operand_of<P> (&pixels)[P::ROWS][P::LANES], bool first,
                         acc_of<P> (&acc)[P::CHANNELS_C][P::ROWS][P::LANES], pair_sums_of<P>& pair_sums,
                         pair_wraps_of<P>& pair_wraps) {
    FSQ_INLINE
    typedef sint<P::W_BITS + P::X_BITS> product_t;
    FSQ_UNROLL_ABOVE
    for (int c = 0; c < P::CHANNELS_C; ++c) {
        FSQ_UNROLL_INSIDE
        FSQ_UNROLL_ABOVE
        for (int i = 0; i < Pairs<P>::COUNT; ++i) {
            FSQ_UNROLL_INSIDE
            const int p0 = 2 * i, p1 = 2 * i + 1;
            add_pair<P>(weights[c], pixels[p1 / P::LANES][p1 % P::LANES], pixels[p0 / P::LANES][p0 % P::LANES], first,
                        pair_sums[c][i], pair_wraps[c][i], acc[c][p1 / P::LANES][p1 % P::LANES],
                        acc[c][p0 / P::LANES][p0 % P::LANES]);
        }
    }
    // lanes with a slice of their own: all of them, or the last of an odd number
    FSQ_UNROLL_ABOVE
    for (int c = 0; c < P::CHANNELS_C; ++c) {
        FSQ_UNROLL_INSIDE
        FSQ_UNROLL_ABOVE
        for (int r = 0; r < P::ROWS; ++r) {
            FSQ_UNROLL_INSIDE
            FSQ_UNROLL_ABOVE
            for (int l = 0; l < P::LANES; ++l) {
                FSQ_UNROLL_INSIDE
                if (r * P::LANES + l >= 2 * Pairs<P>::COUNT) {
                    const product_t product = weights[c] * pixels[r][l];
                    FSQ_MULTIPLIER(product)
                    const acc_of<P> before = first ? acc_of<P>(0) : acc[c][r][l];
                    acc[c][r][l] = before + product;
                }
            }
        }
    }
}

}  // namespace fsq
#endif
