// Pooling over any window: what maxima and averages share. A row word is reduced along the row at once; the KEPT rows
// before it are kept per channel, reduced, the newest first; masks tell which of them a window takes.
//
// P gives CHANNELS, HEIGHT, WIDTH, OUT_WIDTH, BITS, SIGNED, IN_ROWS, COLUMNS (of a window), STRIDE, PAD_LEFT, KEPT (rows of
// a window without its last one, at least 1), AVERAGE, VALUE_BITS and VALUE_SIGNED (of a reduced pixel), WINDOW_BITS (of
// what a window gives, signed as a reduced pixel), NEUTRAL (what no pixel gives), PIXEL_ZERO (is taken off every pixel of
// a sum), EXTRAS (rows sent after the last one);
// emit_row(y), mask_row(y) (bit i: kept row i belongs to the window that row y completes), extra_mask(i) (bit 0: the last
// row itself, bit i: the row i above it).
#ifndef FSQ_WINDOW_HPP
#define FSQ_WINDOW_HPP

#include "fsq_walk.hpp"

namespace fsq {

template <class P> using value_of = integer<P::VALUE_BITS, P::VALUE_SIGNED>;
template <class P> using window_of = integer<P::WINDOW_BITS, P::VALUE_SIGNED>;
template <class P> using window_memory = value_of<P>[P::CHANNELS][P::KEPT * P::OUT_WIDTH];

// Columns of the row within the window that starts in column `from`.
template <class P> constexpr int inside(int from) {
    return (from + P::COLUMNS < P::WIDTH ? from + P::COLUMNS : P::WIDTH) - (from > 0 ? from : 0);
}

// The larger one, or the sum.
template <class P, class T> inline T merged(const T& a, const T& b) {
    FSQ_INLINE
    return P::AVERAGE ? T(a + b) : b > a ? b : a;
}

template <class P>
inline void reduce_row(const ap_uint<P::WIDTH * P::BITS>& word, value_of<P> (&now)[P::OUT_WIDTH]) {
    FSQ_INLINE
    integer<P::BITS, P::SIGNED> pixels[P::WIDTH];
    FSQ_REGISTERS(pixels)
    unpack<P::WIDTH, P::BITS>(word, pixels);
    FSQ_UNROLL_ABOVE
    for (int x = 0; x < P::OUT_WIDTH; ++x) {
        FSQ_UNROLL_INSIDE
        value_of<P> value = P::NEUTRAL - inside<P>(x * P::STRIDE - P::PAD_LEFT) * P::PIXEL_ZERO;
        FSQ_UNROLL_ABOVE
        for (int k = 0; k < P::COLUMNS; ++k) {
            FSQ_UNROLL_INSIDE
            const int from = x * P::STRIDE + k - P::PAD_LEFT;
            if (from >= 0 && from < P::WIDTH) value = merged<P, value_of<P> >(value, value_of<P>(pixels[from]));
        }
        now[x] = value;
    }
}

// The window of the kept rows of `mask`, and of the newest row where it holds that, too (`newest`).
template <class P>
inline void combine_rows(const window_memory<P>& kept, int channel, bool newest, const value_of<P> (&now)[P::OUT_WIDTH],
                         int mask, window_of<P> (&window)[P::OUT_WIDTH]) {
    FSQ_INLINE
    FSQ_UNROLL_ABOVE
    for (int x = 0; x < P::OUT_WIDTH; ++x) {
        FSQ_UNROLL_INSIDE
        window_of<P> value = newest ? window_of<P>(now[x]) : window_of<P>(P::NEUTRAL);
        FSQ_UNROLL_ABOVE
        for (int i = 0; i < P::KEPT; ++i) {
            FSQ_UNROLL_INSIDE
            const value_of<P> above = kept[channel][i * P::OUT_WIDTH + x];
            if (((mask >> i) & 1) != 0) value = merged<P, window_of<P> >(value, window_of<P>(above));
        }
        window[x] = value;
    }
}

// The newest row becomes the first of the kept ones.
template <class P>
inline void keep_row(window_memory<P>& kept, int channel, const value_of<P> (&now)[P::OUT_WIDTH]) {
    FSQ_INLINE
    FSQ_UNROLL_ABOVE
    for (int i = P::KEPT - 1; i > 0; --i) {
        FSQ_UNROLL_INSIDE
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::OUT_WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            kept[channel][i * P::OUT_WIDTH + x] = kept[channel][(i - 1) * P::OUT_WIDTH + x];
        }
    }
    FSQ_UNROLL_ABOVE
    for (int x = 0; x < P::OUT_WIDTH; ++x) {
        FSQ_UNROLL_INSIDE
        kept[channel][x] = now[x];
    }
}

}  // namespace fsq
#endif
