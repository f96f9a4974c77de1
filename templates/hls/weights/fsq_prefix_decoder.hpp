// Decodes a stream of canonical prefix codewords from a memory, one symbol per turn, as fsq_prefix_decoder.sv.
//
// Two memory words stand side by side; the next codeword starts at a bit of the first one. Its length is one more than
// the number of lengths whose bound the window reaches; the codeword plus an offset of its length is the symbol's place
// in the table. A segment (stages that always follow each other) ends at the end of a word and starts behind zeros, so
// that no turn is lost between segments. A code of one symbol takes no bits. A third word is read ahead: from an address to
// its word in the window are two turns, so that the memory does not slow the way from one codeword to the next.
//
// T gives WORD_BITS, WORDS, word(address); Segments, what fsq_stages.hpp asks for of the segments that have words, and
// first_word, last_word of each; LIMIT (bits of the longest codeword, at most WORD_BITS), INDEX_BITS; and for the code of a
// stage: start(stage) (bit of its segment's first word at which that starts), bound(stage, n) and offset(stage, n) of length
// n + 1, is_free(stage) (it takes no bits), symbol(stage, index).
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
    typedef uint<T::LIMIT> window_t;
    typedef uint<T::INDEX_BITS> index_t;

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
        // The first bit highest. Always 16 bits are turned round: compilers make one operation of this loop, and HLS tools
        // know that operation for common widths only.
        uint<16> turned = 0;
        FSQ_UNROLL_ABOVE
        for (int i = 0; i < 16; ++i) {
            FSQ_UNROLL_INSIDE
            turned = turned | (uint<16>((raw >> i) & words_t(1)) << (15 - i));
        }
        const window_t window = window_t(turned >> (16 - T::LIMIT));
        upto<T::LIMIT> length = 1;
        FSQ_UNROLL_ABOVE
        for (int i = 0; i < T::LIMIT - 1; ++i) {
            FSQ_UNROLL_INSIDE
            if (window >= T::bound(turn.stage, i)) length = i + 2;
        }
        if (T::is_free(turn.stage)) length = 0;
        index_t index = 0;
        FSQ_UNROLL_ABOVE
        for (int i = 0; i < T::LIMIT; ++i) {
            FSQ_UNROLL_INSIDE
            if (length == i + 1) index = index_t(window >> (T::LIMIT - 1 - i)) + index_t(T::offset(turn.stage, i));
        }

        const upto<2 * T::WORD_BITS> end = bit + length;
        FSQ_EXPECT(!opens || word_t(words_t(low) << (T::WORD_BITS - static_cast<int>(bit))) == 0, T,
                   "padding before a segment is not zero");
        FSQ_EXPECT(length == 0 || window < T::bound(turn.stage, T::LIMIT - 1), T, "no codeword starts with these bits");
        FSQ_EXPECT(!turn.segment_end || length == 0 || end == T::WORD_BITS, T, "a segment ends within a word");
        if (end >= T::WORD_BITS) {
            low = high;
            high = ahead;
            ahead = fetch();
            bit = end - T::WORD_BITS;
        } else {
            bit = end;
        }
        if (turn.segment_end) bit = T::start(turn.following);
        opens = turn.segment_end;
        return T::symbol(turn.stage, index);
    }
};

}  // namespace fsq
#endif
