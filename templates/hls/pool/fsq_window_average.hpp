// Average pool over any window: a row of sums is divided side by side, multiplied where FACTOR is not 0, or shifted.
//
// P gives what fsq_window.hpp, fsq_divide.hpp and fsq_mean_multiply.hpp ask for, and SHIFT (places to the right where
// neither is needed: COUNT is 2 to it, or 0 for the sums themselves; else below 0).
#ifndef FSQ_WINDOW_AVERAGE_HPP
#define FSQ_WINDOW_AVERAGE_HPP

#include "fsq_divide.hpp"
#include "fsq_mean_multiply.hpp"
#include "fsq_window.hpp"

namespace fsq {

template <class P, bool SHIFTS = (P::SHIFT >= 0), bool MULTIPLIES = (P::FACTOR != 0)> struct Averages {
    static void of(const window_of<P> (&sums)[P::OUT_WIDTH], uint<P::OUT_BITS> (&y)[P::OUT_WIDTH]) {
        FSQ_INLINE
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::OUT_WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            y[x] = placed<P, P::SHIFT, P::EXTRA, P::SUM_BITS>(sums[x]);
        }
    }
};

template <class P> struct Averages<P, false, false> {
    static void of(const window_of<P> (&sums)[P::OUT_WIDTH], uint<P::OUT_BITS> (&y)[P::OUT_WIDTH]) {
        FSQ_INLINE
        rest_of<P> rest[P::OUT_WIDTH];
        quotient_of<P> quotient[P::OUT_WIDTH];
        FSQ_REGISTERS(rest)
        FSQ_REGISTERS(quotient)
        clear(quotient);
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::OUT_WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            rest[x] = dividend<P>(sums[x]);
        }
        FSQ_ROLLED_ABOVE
        for (int bit = 0; bit < P::QUOTIENT; ++bit) {
            FSQ_PIPELINE(1)
            FSQ_UNROLL_ABOVE
            for (int x = 0; x < P::OUT_WIDTH; ++x) {
                FSQ_UNROLL_INSIDE
                divide_step<P>(rest[x], quotient[x]);
            }
        }
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::OUT_WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            y[x] = divided<P>(sums[x] < 0, rest[x], quotient[x]);
        }
    }
};

template <class P> struct Averages<P, false, true> {
    static void of(const window_of<P> (&sums)[P::OUT_WIDTH], uint<P::OUT_BITS> (&y)[P::OUT_WIDTH]) {
        FSQ_INLINE
        mean_product<P> product[P::OUT_WIDTH];
        FSQ_REGISTERS(product)
        clear(product);
        mean_factor<P> factor = P::FACTOR;
        FSQ_ROLLED_ABOVE
        for (int bit = 0; bit < P::QUOTIENT; ++bit) {
            FSQ_PIPELINE(1)
            mean_factor<P> rest = 0;
            FSQ_UNROLL_ABOVE
            for (int x = 0; x < P::OUT_WIDTH; ++x) {
                FSQ_UNROLL_INSIDE
                rest = factor;
                multiply_step<P>(sums[x], product[x], rest);
            }
            factor = rest;
        }
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::OUT_WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            y[x] = multiplied<P>(product[x]);
        }
    }
};

template <class P>
inline void send_averages(const window_of<P> (&sums)[P::OUT_WIDTH], hls::stream<ap_uint<P::OUT_WIDTH * P::OUT_BITS> >& out) {
    uint<P::OUT_BITS> y[P::OUT_WIDTH];
    FSQ_REGISTERS(y)
    Averages<P>::of(sums, y);
    out.write(pack<P::OUT_WIDTH, P::OUT_BITS>(y));
}

template <class P>
void window_average(window_memory<P>& kept, hls::stream<ap_uint<P::WIDTH * P::BITS> >& in,
                    hls::stream<ap_uint<P::OUT_WIDTH * P::OUT_BITS> >& out) {
    WordWalk<P> at;
    value_of<P> now[P::OUT_WIDTH];
    window_of<P> sums[P::OUT_WIDTH];
    FSQ_REGISTERS(now)
    FSQ_REGISTERS(sums)
    clear(now);

    for (int n = 0; n < P::CHANNELS * P::HEIGHT; ++n) {
        reduce_row<P>(in.read(), now);
        combine_rows<P>(kept, at.channel, true, now, P::mask_row(at.y), sums);
        keep_row<P>(kept, at.channel, now);
        if (P::emit_row(at.y)) send_averages<P>(sums, out);
        at.next();
    }
    for (int i = 0; i < P::EXTRAS; ++i) {
        for (int c = 0; c < P::CHANNELS; ++c) {
            combine_rows<P>(kept, c, false, now, P::extra_mask(i), sums);
            send_averages<P>(sums, out);
        }
    }
}

}  // namespace fsq
#endif
