// Average pool over any window: a row of sums is divided side by side, or shifted where COUNT is a power of two.
//
// P gives what fsq_window.hpp and fsq_divide.hpp ask for, and SHIFT (COUNT is 2 to it; below 0 where it is none).
#ifndef FSQ_WINDOW_AVERAGE_HPP
#define FSQ_WINDOW_AVERAGE_HPP

#include "fsq_divide.hpp"
#include "fsq_round.hpp"
#include "fsq_window.hpp"

namespace fsq {

template <class P, bool SHIFTS = (P::SHIFT >= 0)> struct Averages {
    static void of(const window_of<P> (&sums)[P::OUT_WIDTH], uint<P::OUT_BITS> (&y)[P::OUT_WIDTH]) {
        FSQ_INLINE
        const int BITS = P::SUM_BITS + P::EXTRA;
        typedef sint<largest(BITS, P::OUT_BITS) + 2> wide;
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::OUT_WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            wide mean = round_right<P::SHIFT, BITS>(wide(wide(sums[x]) << P::EXTRA));
            if (mean < P::LOW) mean = P::LOW;
            if (mean > P::HIGH) mean = P::HIGH;
            y[x] = uint<P::OUT_BITS>(mean);
        }
    }
};

template <class P> struct Averages<P, false> {
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
