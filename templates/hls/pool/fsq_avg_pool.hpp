// Global average pool: adds ADD pixels per turn, then divides bit by bit; y = round_half_even(sum * 2^EXTRA / COUNT).
//
// A restoring division of the magnitude, whose remainder decides the rounding exactly; no multiplier.
//
// P gives CHANNELS, HEIGHT, WIDTH, BITS, SIGNED, IN_ROWS, ADD, STEPS (turns per word), SUM_BITS, COUNT (pixels of a map),
// EXTRA, QUOTIENT (bits of the largest quotient), OUT_BITS, LOW, HIGH.
#ifndef FSQ_AVG_POOL_HPP
#define FSQ_AVG_POOL_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> using sums_memory = sint<P::SUM_BITS>[P::CHANNELS];

template <class P> inline ap_uint<P::OUT_BITS> divide(const sint<P::SUM_BITS>& sum) {
    typedef uint<bits_of(P::COUNT) + P::QUOTIENT + 2> wide;
    typedef sint<largest(P::QUOTIENT, P::OUT_BITS) + 2> result;
    const wide divisor = wide(P::COUNT) << (P::QUOTIENT - 1);
    const bool negative = sum < 0;
    const sint<P::SUM_BITS + 1> magnitude = negative ? sint<P::SUM_BITS + 1>(-sum) : sint<P::SUM_BITS + 1>(sum);
    wide rest = wide(magnitude) << P::EXTRA;
    uint<P::QUOTIENT> quotient = 0;
    FSQ_ROLLED_ABOVE
    for (int bit = 0; bit < P::QUOTIENT; ++bit) {
        FSQ_PIPELINE(1)
        const bool fits = rest >= divisor;
        if (fits) rest = rest - divisor;
        rest = rest << 1;
        quotient = (quotient << 1) | uint<P::QUOTIENT>(fits ? 1 : 0);
    }
    // the rest stands one place higher than the divisor: equal means exactly half
    const bool odd = uint<P::QUOTIENT>(quotient & uint<P::QUOTIENT>(1)) != 0;
    const bool up = rest > divisor || (rest == divisor && odd);
    const result rounded = result(quotient) + result(up ? 1 : 0);
    result y = negative ? result(-rounded) : rounded;
    if (y < P::LOW) y = P::LOW;
    if (y > P::HIGH) y = P::HIGH;
    return ap_uint<P::OUT_BITS>(static_cast<long long>(y));
}

template <class P>
void avg_pool(sums_memory<P>& sums, hls::stream<ap_uint<P::WIDTH * P::BITS> >& in,
              hls::stream<ap_uint<P::OUT_BITS> >& out) {
    typedef integer<P::BITS, P::SIGNED> pixel;
    upto<P::CHANNELS> channel = 0;
    upto<P::IN_ROWS> row = 0;  // within the arriving group
    upto<P::HEIGHT> y = 0;
    upto<P::HEIGHT> y_first = 0;

    for (int n = 0; n < P::CHANNELS * P::HEIGHT; ++n) {
        pixel pixels[P::STEPS * P::ADD];
        pixel read[P::WIDTH];
        FSQ_REGISTERS(pixels)
        FSQ_REGISTERS(read)
        unpack<P::WIDTH, P::BITS>(in.read(), read);
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            pixels[x] = read[x];
        }
        FSQ_UNROLL_ABOVE
        for (int x = P::WIDTH; x < P::STEPS * P::ADD; ++x) {  // no pixels: the constructor of ap_int sets nothing
            FSQ_UNROLL_INSIDE
            pixels[x] = 0;
        }
        sint<P::SUM_BITS> sum = sums[channel];
        if (y == 0) sum = 0;
        for (int step = 0; step < P::STEPS; ++step) {
            FSQ_PIPELINE(1)
            FSQ_UNROLL_ABOVE
            for (int i = 0; i < P::ADD; ++i) {
                FSQ_UNROLL_INSIDE
                sum = sum + sint<P::SUM_BITS>(pixels[i]);
            }
            FSQ_UNROLL_ABOVE
            for (int i = 0; i < (P::STEPS - 1) * P::ADD; ++i) {
                FSQ_UNROLL_INSIDE
                pixels[i] = pixels[i + P::ADD];
            }
        }
        sums[channel] = sum;
        if (y == P::HEIGHT - 1) out.write(divide<P>(sum));

        const bool last_channel = channel == P::CHANNELS - 1;
        const bool last_row = row == P::IN_ROWS - 1 || y == P::HEIGHT - 1;
        if (!last_row) {
            row = row + 1;
            y = y + 1;
        } else {
            row = 0;
            if (!last_channel) {
                channel = channel + 1;
                y = y_first;
            } else {
                channel = 0;
                y = y + 1;
                y_first = y;
            }
        }
    }
}

}  // namespace fsq
#endif
