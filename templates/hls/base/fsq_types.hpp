// Integers, row words and counters that all kernels share.
#ifndef FSQ_TYPES_HPP
#define FSQ_TYPES_HPP

#include "fsq_widths.hpp"  // sets AP_INT_MAX_W, which must stand before the vendor's headers
#include "fsq_pragmas.hpp"

namespace fsq {

template <bool CONDITION, class THEN, class ELSE> struct choose { typedef THEN type; };
template <class THEN, class ELSE> struct choose<false, THEN, ELSE> { typedef ELSE type; };

constexpr int largest(int a, int b) { return a > b ? a : b; }

// Bits of a number up to `limit`, at least one.
constexpr int bits_of(int limit) {
    int bits = 1;
    while ((limit >> bits) > 0) ++bits;
    return bits;
}

}  // namespace fsq

#if defined(FSQ_CSIM) && defined(FSQ_CSIM_NATIVE)
#include "fsq_sim_int.hpp"
namespace fsq {
template <int BITS, bool SIGNED> struct integer_of {
    typedef typename choose<SIGNED, ap_int<BITS>, ap_uint<BITS> >::type wide;
    // instantiated with 63 bits at most
    typedef typename choose<(BITS <= 63), sim_int<(BITS <= 63 ? BITS : 63), SIGNED>, wide>::type type;
};
}  // namespace fsq
#else
namespace fsq {
template <int BITS, bool SIGNED> struct integer_of {
    typedef typename choose<SIGNED, ap_int<BITS>, ap_uint<BITS> >::type type;
};
}  // namespace fsq
#endif

namespace fsq {

template <int BITS, bool SIGNED> using integer = typename integer_of<BITS, SIGNED>::type;
template <int BITS> using sint = integer<BITS, true>;
template <int BITS> using uint = integer<BITS, false>;
// A counter that reaches `LIMIT`.
template <int LIMIT> using upto = uint<bits_of(LIMIT)>;

// Zero in every register of an array; not every integer class takes `= {}` for it. One function for each number of
// dimensions: a front end may stumble over an array whose element is a parameter that stands for an array.
template <class T, int N> inline void clear(T (&x)[N]) {
    FSQ_INLINE
    FSQ_UNROLL_ABOVE
    for (int i = 0; i < N; ++i) {
        FSQ_UNROLL_INSIDE
        x[i] = 0;
    }
}
template <class T, int N, int M> inline void clear(T (&x)[N][M]) {
    FSQ_INLINE
    FSQ_UNROLL_ABOVE
    for (int i = 0; i < N; ++i) {
        FSQ_UNROLL_INSIDE
        FSQ_UNROLL_ABOVE
        for (int j = 0; j < M; ++j) {
            FSQ_UNROLL_INSIDE
            x[i][j] = 0;
        }
    }
}
template <class T, int N, int M, int K> inline void clear(T (&x)[N][M][K]) {
    FSQ_INLINE
    FSQ_UNROLL_ABOVE
    for (int i = 0; i < N; ++i) {
        FSQ_UNROLL_INSIDE
        FSQ_UNROLL_ABOVE
        for (int j = 0; j < M; ++j) {
            FSQ_UNROLL_INSIDE
            FSQ_UNROLL_ABOVE
            for (int k = 0; k < K; ++k) {
                FSQ_UNROLL_INSIDE
                x[i][j][k] = 0;
            }
        }
    }
}

// A row word: all pixels of one row of one channel, pixel 0 in the lowest bits.
//
// Pixels are moved in limbs of up to 64 bits; for synthesis that is wiring, in simulation it saves most of the time
// that slices of a wide word would take.
template <int WIDTH, int BITS, class PIXEL>
inline ap_uint<WIDTH * BITS> pack(const PIXEL (&pixels)[WIDTH]) {
    FSQ_INLINE
    const int LIMB = 64 / BITS;
    const unsigned long long MASK = ~0ull >> (64 - BITS);
    ap_uint<WIDTH * BITS> word = 0;
    FSQ_UNROLL_ABOVE
    for (int first = 0; first < WIDTH; first += LIMB) {
        FSQ_UNROLL_INSIDE
        unsigned long long limb = 0;
        FSQ_UNROLL_ABOVE
        for (int i = 0; i < LIMB; ++i) {
            FSQ_UNROLL_INSIDE
            if (first + i < WIDTH) {
                const long long value = pixels[first + i];
                limb |= (static_cast<unsigned long long>(value) & MASK) << (i * BITS);
            }
        }
        const int end = first + LIMB < WIDTH ? first + LIMB : WIDTH;
        word.range(end * BITS - 1, first * BITS) = limb;
    }
    return word;
}

template <int WIDTH, int BITS, class PIXEL>
inline void unpack(const ap_uint<WIDTH * BITS>& word, PIXEL (&pixels)[WIDTH]) {
    FSQ_INLINE
    const int LIMB = 64 / BITS;
    FSQ_UNROLL_ABOVE
    for (int first = 0; first < WIDTH; first += LIMB) {
        FSQ_UNROLL_INSIDE
        const int end = first + LIMB < WIDTH ? first + LIMB : WIDTH;
        const ap_uint<64> bits = word.range(end * BITS - 1, first * BITS);
        const unsigned long long limb = bits.to_uint64();
        FSQ_UNROLL_ABOVE
        for (int i = 0; i < LIMB; ++i) {
            FSQ_UNROLL_INSIDE
            if (first + i < WIDTH) pixels[first + i] = PIXEL(limb >> (i * BITS));
        }
    }
}

}  // namespace fsq
#endif
