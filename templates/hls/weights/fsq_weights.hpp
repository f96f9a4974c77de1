// Weights in the order of use: one unit (a weight for each output channel of a group) per term.
//
// The memory holds segments that start at a word; within a segment the units are packed without gaps, lowest bits
// first, so that a gearbox cuts them out of the words. What a segment leaves in its last word is dropped.
#ifndef FSQ_WEIGHTS_HPP
#define FSQ_WEIGHTS_HPP

#include "fsq_types.hpp"

namespace fsq {

// P gives WORD_BITS, WEIGHT_WORDS, CHANNELS_C, W_BITS and weight_word(address).
template <class P> struct WeightStream {
    static constexpr int UNIT = P::CHANNELS_C * P::W_BITS;
    static constexpr int BUFFER = P::WORD_BITS + UNIT;
    typedef sint<P::W_BITS> weight;

    uint<BUFFER> buffer = 0;
    upto<BUFFER> fill = 0;
    upto<P::WEIGHT_WORDS> address = 0;

    // Goes to the segment that starts at `word`.
    void restart(int word) {
        FSQ_INLINE
        address = word;
        fill = 0;
        buffer = 0;
    }

    // Takes a unit. A word is never narrower than a unit, so that one word at a time is enough.
    void take(weight (&weights)[P::CHANNELS_C]) {
        FSQ_INLINE
        if (fill < UNIT) {
            buffer = buffer | (uint<BUFFER>(P::weight_word(address)) << fill);
            fill = fill + P::WORD_BITS;
            address = address + 1;
        }
        FSQ_UNROLL_ABOVE
        for (int c = 0; c < P::CHANNELS_C; ++c) {
            FSQ_UNROLL_INSIDE
            weights[c] = weight(buffer >> (c * P::W_BITS));
        }
        buffer = buffer >> UNIT;
        fill = fill - UNIT;
    }
};

}  // namespace fsq
#endif
