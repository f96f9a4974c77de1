// Global average pool: adds ADD pixels per turn, then divides bit by bit; multiplies where FACTOR is not 0; sends the sum
// where QUOTIENT is 0.
//
// P gives CHANNELS, HEIGHT, WIDTH, BITS, SIGNED, IN_ROWS, ADD, STEPS (turns per word), start(channel) of a sum, and what
// fsq_divide.hpp and fsq_mean_multiply.hpp ask for.
#ifndef FSQ_AVG_POOL_HPP
#define FSQ_AVG_POOL_HPP

#include "fsq_divide.hpp"
#include "fsq_mean_multiply.hpp"
#include "fsq_walk.hpp"

namespace fsq {

template <class P> using sums_memory = sint<P::SUM_BITS>[P::CHANNELS];

template <class P, bool SUMS = (P::QUOTIENT == 0), bool MULTIPLIES = (P::FACTOR != 0)> struct Mean {
    static uint<P::OUT_BITS> of(const sint<P::SUM_BITS>& sum) {
        rest_of<P> rest = dividend<P>(sum);
        quotient_of<P> quotient = 0;
        FSQ_ROLLED_ABOVE
        for (int bit = 0; bit < P::QUOTIENT; ++bit) {
            FSQ_PIPELINE(1)
            divide_step<P>(rest, quotient);
        }
        return divided<P>(sum < 0, rest, quotient);
    }
};
template <class P> struct Mean<P, false, true> {
    static uint<P::OUT_BITS> of(const sint<P::SUM_BITS>& sum) {
        mean_product<P> product = 0;
        mean_factor<P> rest = P::FACTOR;
        FSQ_ROLLED_ABOVE
        for (int bit = 0; bit < P::QUOTIENT; ++bit) {
            FSQ_PIPELINE(1)
            multiply_step<P>(sum, product, rest);
        }
        return multiplied<P>(product);
    }
};
template <class P> struct Mean<P, true, false> {
    static uint<P::OUT_BITS> of(const sint<P::SUM_BITS>& sum) { return placed<P, 0, 0, P::SUM_BITS>(sum); }
};

template <class P>
void avg_pool(sums_memory<P>& sums, hls::stream<ap_uint<P::WIDTH * P::BITS> >& in,
              hls::stream<ap_uint<P::OUT_BITS> >& out) {
    typedef integer<P::BITS, P::SIGNED> pixel;
    WordWalk<P> at;

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
        sint<P::SUM_BITS> sum = sums[at.channel];
        if (at.y == 0) sum = P::start(at.channel);
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
        sums[at.channel] = sum;
        if (at.y == P::HEIGHT - 1) out.write(ap_uint<P::OUT_BITS>(static_cast<long long>(Mean<P>::of(sum))));
        at.next();
    }
}

}  // namespace fsq
#endif
