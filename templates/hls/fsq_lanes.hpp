// The lanes of an engine: CHANNELS_C weights times ROWS x LANES pixels per term, and the order of the terms.
#ifndef FSQ_LANES_HPP
#define FSQ_LANES_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> using operand_of = integer<P::X_BITS, P::X_SIGNED>;
template <class P> using acc_of = sint<P::ACC_BITS>;

// Adds one product to every sum; the first term of a pass starts the sums anew. ACC_BITS holds every partial sum.
template <class P>
inline void multiply_add(const sint<P::W_BITS> (&weights)[P::CHANNELS_C],
                         const operand_of<P> (&pixels)[P::ROWS][P::LANES], bool first,
                         acc_of<P> (&acc)[P::CHANNELS_C][P::ROWS][P::LANES]) {
    FSQ_INLINE
    typedef sint<P::W_BITS + P::X_BITS> product_t;
    FSQ_UNROLL_ABOVE
    for (int c = 0; c < P::CHANNELS_C; ++c) {
        FSQ_UNROLL_INSIDE
        FSQ_UNROLL_ABOVE
        for (int r = 0; r < P::ROWS; ++r) {
            FSQ_UNROLL_INSIDE
            FSQ_UNROLL_ABOVE
            for (int l = 0; l < P::LANES; ++l) {
                FSQ_UNROLL_INSIDE
                const product_t product = weights[c] * pixels[r][l];
                FSQ_MULTIPLIER(product)
                const acc_of<P> before = first ? acc_of<P>(0) : acc[c][r][l];
                acc[c][r][l] = before + product;
            }
        }
    }
}

// The terms of a sum: input channel, then kernel row, then kernel column.
template <class P> struct Terms {
    upto<P::TERMS> term = 0;
    upto<P::TERMS> channel = 0;
    upto<P::KERNEL> ky = 0;
    upto<P::KERNEL> kx = 0;

    bool first() const { return term == 0; }
    bool row_end(int kernel) const { return kx == kernel - 1; }
    bool window_end(int kernel) const { return row_end(kernel) && ky == kernel - 1; }
    bool last(int channels, int kernel) const { return window_end(kernel) && channel == channels - 1; }

    void next(int channels, int kernel) {
        FSQ_INLINE
        if (last(channels, kernel)) {
            term = 0;
            channel = 0;
            ky = 0;
            kx = 0;
            return;
        }
        term = term + 1;
        if (!row_end(kernel)) {
            kx = kx + 1;
        } else {
            kx = 0;
            if (ky != kernel - 1) {
                ky = ky + 1;
            } else {
                ky = 0;
                channel = channel + 1;
            }
        }
    }
};

}  // namespace fsq
#endif
