// Decodes a stream of prefix codewords from a memory, one symbol per turn, as fsq_prefix_decoder.sv.
//
// Two memory words stand side by side; the next codeword starts at a bit of the first one. Its first six bits tell how many it
// has, and the first symbol of those that start so; the bits that follow are a number that is added to it. A segment (stages
// that always follow each other) starts and ends with zeros, so that each of its symbols starts in a word of its own and no
// turn is lost between segments. A code of one symbol takes no bits. A third word is read ahead: from an address to its word in
// the window are two turns, so that the memory does not slow the way from one codeword to the next.
//
// T gives WORD_BITS, WORDS, word(address); Segments, what fsq_stages.hpp asks for of the segments, and first_word, last_word
// of each; EXTRA (most bits of a codeword behind its first six); and for the code of a stage: start(stage) (bit of its
// segment's first word at which that starts), length(stage, prefix), first(stage, prefix), is_free(stage) (it takes no bits).
#ifndef FSQ_PREFIX_DECODER_HPP
#define FSQ_PREFIX_DECODER_HPP

#include "fsq_check.hpp"
#include "fsq_stages.hpp"

namespace fsq {

// What is known of a symbol before it is decoded.
struct Turn {
    int stage;         // its place in the tables
    bool segment_end;  // the last one of its segment
    int following;     // the stage behind this one
};

template <class T> struct PrefixDecoder {
    typedef uint<T::WORD_BITS> word_t;
    typedef uint<2 * T::WORD_BITS> words_t;
    static constexpr int PREFIX = 6;

    word_t low = 0;
    word_t high = 0;
    word_t ahead = 0;
    upto<2 * T::WORD_BITS> bit = 0;  // where the next codeword starts in {high, low}
    upto<T::WORDS> address = 0;
    StageWalk<typename T::Segments> segments;
    bool opens = true;               // the next symbol is the first one of its segment

    // The next word, in the order in which the engine uses the segments.
    word_t fetch() {
        FSQ_INLINE
        const word_t word = T::word(address);
        if (address == T::last_word(segments.stage)) {
            segments.next();
            address = T::first_word(segments.stage);
        } else {
            address = address + 1;
        }
        return word;
    }

    void start() {
        FSQ_INLINE
        low = fetch();
        high = fetch();
        ahead = fetch();
        bit = T::start(0);
    }

    int take(const Turn& turn) {
        FSQ_INLINE
        const words_t raw = ((words_t(high) << T::WORD_BITS) | words_t(low)) >> bit;
        const int prefix = uint<PREFIX>(raw);
        const upto<PREFIX + T::EXTRA> length = T::length(turn.stage, prefix);
        upto<(1 << T::EXTRA) - 1> number = 0;
        FSQ_UNROLL_ABOVE
        for (int i = 0; i < T::EXTRA; ++i) {
            FSQ_UNROLL_INSIDE
            if (length > PREFIX + i) number = number | (upto<(1 << T::EXTRA) - 1>((raw >> (PREFIX + i)) & words_t(1)) << i);
        }

        const upto<2 * T::WORD_BITS> end = bit + length;
        FSQ_EXPECT(!opens || word_t(words_t(low) << (T::WORD_BITS - static_cast<int>(bit))) == 0, T,
                   "padding before a segment is not zero");
        FSQ_EXPECT(length != 0 || T::is_free(turn.stage), T, "no codeword starts with these bits");
        FSQ_EXPECT(!turn.segment_end || (end < T::WORD_BITS && end >= T::WORD_BITS - PREFIX), T,
                   "a segment does not end with the last bits of a word");
        FSQ_EXPECT(!turn.segment_end || word_t(low >> static_cast<int>(end)) == 0, T, "padding behind a segment is not zero");
        if (turn.segment_end || end >= T::WORD_BITS) {
            low = high;
            high = ahead;
            ahead = fetch();
        }
        if (turn.segment_end) {
            bit = T::start(turn.following);
        } else {
            bit = end >= T::WORD_BITS ? int(end) - T::WORD_BITS : int(end);
        }
        opens = turn.segment_end;
        return T::first(turn.stage, prefix) + static_cast<int>(number);
    }
};

}  // namespace fsq
#endif
