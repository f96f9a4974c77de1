// Concatenation by channels: of every group of rows all words of the first input, then those of the second, and so on.
//
// P gives BITS (of a word), GROUPS (of rows), and of an input words(input) and last_words(input): those of a group, and of
// the last one.
#ifndef FSQ_CONCAT_HPP
#define FSQ_CONCAT_HPP

#include "fsq_types.hpp"

namespace fsq {

// The words of a group of the inputs from number INPUT on. A loop for each: no wide word is chosen among streams.
template <class P, int INPUT> inline void pass_group(bool, hls::stream<ap_uint<P::BITS> >&) {}
template <class P, int INPUT, class... REST>
inline void pass_group(bool last, hls::stream<ap_uint<P::BITS> >& out, hls::stream<ap_uint<P::BITS> >& first,
                       REST&... rest) {
    FSQ_INLINE
    const int words = last ? P::last_words(INPUT) : P::words(INPUT);
    for (int n = 0; n < words; ++n) {
        FSQ_PIPELINE(1)
        out.write(first.read());
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
