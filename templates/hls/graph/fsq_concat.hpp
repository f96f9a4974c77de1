// Concatenation by channels: of every group of rows all words of the first input, then those of the second, and so on.
//
// P gives BITS (of a word that leaves), GROUPS (of rows), WIDTH, OUT_BITS (of a pixel that leaves), and of an input
// words(input) and last_words(input): those of a group, and of the last one; mapped(input): its pixels go through a table,
// pixel(input, bits).
#ifndef FSQ_CONCAT_HPP
#define FSQ_CONCAT_HPP

#include "fsq_types.hpp"

namespace fsq {

// A word as it is, or its pixels through a table.
template <class P, int INPUT, bool MAPPED = P::mapped(INPUT)> struct Recoded {
    static ap_uint<P::BITS> of(const ap_uint<P::BITS>& word) {
        FSQ_INLINE
        return word;
    }
};
template <class P, int INPUT> struct Recoded<P, INPUT, true> {
    template <int WORD> static ap_uint<P::BITS> of(const ap_uint<WORD>& word) {
        FSQ_INLINE
        uint<WORD / P::WIDTH> pixels[P::WIDTH];
        uint<P::OUT_BITS> recoded[P::WIDTH];
        FSQ_REGISTERS(pixels)
        FSQ_REGISTERS(recoded)
        unpack<P::WIDTH, WORD / P::WIDTH>(word, pixels);
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            recoded[x] = P::pixel(INPUT, pixels[x]);
        }
        return pack<P::WIDTH, P::OUT_BITS>(recoded);
    }
};

// The words of a group of the inputs from number INPUT on. A loop for each: no wide word is chosen among streams.
template <class P, int INPUT> inline void pass_group(bool, hls::stream<ap_uint<P::BITS> >&) {}
template <class P, int INPUT, int WORD, class... REST>
inline void pass_group(bool last, hls::stream<ap_uint<P::BITS> >& out, hls::stream<ap_uint<WORD> >& first,
                       REST&... rest) {
    FSQ_INLINE
    const int words = last ? P::last_words(INPUT) : P::words(INPUT);
    for (int n = 0; n < words; ++n) {
        FSQ_PIPELINE(1)
        const ap_uint<WORD> word = first.read();
        out.write(Recoded<P, INPUT>::of(word));
    }
    pass_group<P, INPUT + 1>(last, out, rest...);
}

template <class P, class... INS> void concat(hls::stream<ap_uint<P::BITS> >& out, INS&... ins) {
    for (int group = 0; group < P::GROUPS; ++group) {
        pass_group<P, 0>(group == P::GROUPS - 1, out, ins...);
    }
}

}  // namespace fsq
#endif
