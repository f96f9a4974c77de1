// Concatenation by channels: of every group of ROWS rows all words of the first input, then those of the second, and so on.
//
// P gives BITS (of a word), GROUPS (of rows), INPUTS, WORDS (per frame), MOST (words of a group of the widest input), and of
// an input words(input) and last_words(input), those of a group and of the last group.
#ifndef FSQ_CONCAT_HPP
#define FSQ_CONCAT_HPP

#include "fsq_types.hpp"

namespace fsq {

// A word of input number `input` of those that follow.
template <class WORD> inline WORD read_chosen(int, hls::stream<WORD>& only) {
    FSQ_INLINE
    return only.read();
}
template <class WORD, class... REST> inline WORD read_chosen(int input, hls::stream<WORD>& first, REST&... rest) {
    FSQ_INLINE
    WORD word = 0;
    if (input == 0) word = first.read();
    else word = read_chosen<WORD>(input - 1, rest...);
    return word;
}

template <class P, class... INS> void concat(hls::stream<ap_uint<P::BITS> >& out, INS&... ins) {
    typedef ap_uint<P::BITS> word_t;
    upto<P::GROUPS> group = 0;
    upto<P::INPUTS> input = 0;
    upto<P::MOST> word = 0;  // within the group of the input

    for (int n = 0; n < P::WORDS; ++n) {
        FSQ_PIPELINE(1)
        out.write(read_chosen<word_t>(input, ins...));

        const int words = group == P::GROUPS - 1 ? P::last_words(input) : P::words(input);
        if (word != words - 1) {
            word = word + 1;
        } else {
            word = 0;
            if (input != P::INPUTS - 1) {
                input = input + 1;
            } else {
                input = 0;
                group = group + 1;
            }
        }
    }
}

}  // namespace fsq
#endif
