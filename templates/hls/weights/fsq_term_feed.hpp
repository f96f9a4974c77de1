// Terms of an engine with compressed weights: run symbols become positions, weight symbols stand beside them.
//
// A run symbol is the run and, as its highest bit, the end: so many positions are skipped before the term; end says that its
// sum is complete although positions follow. Positions count input channel, kernel row, kernel column. A kernel of its own, so that the
// decoders run ahead of the engine.
//
// P gives what fsq_stages.hpp asks for, KERNEL_ROWS and KERNEL_COLUMNS (largest), CHANNELS_C, W_BITS, RUN_BITS, RUN_MAX
// (largest run), INPUTS (most input channels), MOST (most terms of a stage), FRAME_TERMS; for a stage inputs, taps (of its
// kernel), shape (its kernel among those of more than one tap, from 1 on; 0: it has one), joined (its symbols follow those
// of the stage before), outs (sums) and counts (terms) in a row group; SHAPES, MOST_TAPS, and of a shape shape_rows and
// shape_columns; TAP_BITS, CHANNEL_BITS, TERM_BITS; and Symbols, the decoders: start(), take(turn, run, weights).
#ifndef FSQ_TERM_FEED_HPP
#define FSQ_TERM_FEED_HPP

#include "fsq_prefix_decoder.hpp"

namespace fsq {

// A term as a word: weights, the first channel lowest; last of its sum; kernel column, kernel row, input channel.
template <class P> struct TermLayout {
    static constexpr int LAST = P::CHANNELS_C * P::W_BITS;
    static constexpr int KX = LAST + 1;
    static constexpr int KY = KX + P::TAP_BITS;
    static constexpr int CHANNEL = KY + P::TAP_BITS;
    static_assert(CHANNEL + P::CHANNEL_BITS == P::TERM_BITS, "the plan has another layout");
    typedef uint<P::TERM_BITS> word;
};

// The position of a term, from that of the one before it.
template <class P> struct Position {
    bool fresh = true;  // the next term starts a sum
    upto<P::INPUTS + P::RUN_MAX + 1> channel = 0;
    upto<P::MOST_TAPS> tap = 0;
    upto<P::KERNEL_ROWS> ky = 0;
    upto<P::KERNEL_COLUMNS> kx = 0;
};

// The next position of the kernels from SHAPE on.
template <class P, int SHAPE = 1, bool MORE = (SHAPE <= P::SHAPES)> struct ShapeStep {
    static constexpr int COLUMNS = P::shape_columns(SHAPE);
    static constexpr int TAPS = P::shape_rows(SHAPE) * COLUMNS;
    static constexpr int REACH = TAPS + P::RUN_MAX;  // furthest tap that a run leads to, counted on beyond the kernel

    static void take(Position<P>& at, int run, int shape) {
        FSQ_INLINE
        if (shape == SHAPE) {
            const upto<REACH> reach = at.fresh ? run : run + static_cast<int>(at.tap) + 1;
            const upto<P::INPUTS> from = at.fresh ? 0 : static_cast<int>(at.channel);
            at.channel = from;
            at.tap = reach;
            FSQ_UNROLL_ABOVE
            for (int i = 1; i <= REACH / TAPS; ++i) {
                FSQ_UNROLL_INSIDE
                if (reach >= i * TAPS) {
                    at.tap = reach - i * TAPS;
                    at.channel = from + i;
                }
            }
            at.kx = at.tap;
            FSQ_UNROLL_ABOVE
            for (int i = 1; i < P::shape_rows(SHAPE); ++i) {
                FSQ_UNROLL_INSIDE
                if (at.tap >= i * COLUMNS) {
                    at.ky = i;
                    at.kx = at.tap - i * COLUMNS;
                }
            }
        }
        ShapeStep<P, SHAPE + 1>::take(at, run, shape);
    }
};
template <class P, int SHAPE> struct ShapeStep<P, SHAPE, false> {
    static void take(Position<P>&, int, int) {}
};

template <class P> inline void step(Position<P>& at, int run, int shape) {
    FSQ_INLINE
    at.ky = 0;
    at.kx = 0;
    if (shape == 0) at.channel = at.fresh ? run : static_cast<int>(at.channel) + 1 + run;
    ShapeStep<P>::take(at, run, shape);
}

template <class P> void term_feed(hls::stream<typename TermLayout<P>::word>& out) {
    typedef TermLayout<P> Y;
    typedef typename Y::word word_t;
    typename P::Symbols symbols;
    StageWalk<P> walk;
    Position<P> position;
    upto<P::MOST> term = 0;    // within the stage
    upto<P::MOST> sums = 0;
    symbols.start();

    for (int n = 0; n < P::FRAME_TERMS; ++n) {
        FSQ_PIPELINE(1)
        const int stage = walk.stage, following = walk.following();
        const int shape = P::shape(stage);
        const bool stage_end = term == P::counts(stage) - 1;
        const Turn turn = {stage, stage_end && !P::joined(following), following};
        uint<P::RUN_BITS> run = 0;
        sint<P::W_BITS> weights[P::CHANNELS_C];
        FSQ_REGISTERS(weights)
        symbols.take(turn, run, weights);

        step<P>(position, uint<P::RUN_BITS - 1>(run), shape);
        const bool at_end = position.channel == P::inputs(stage) - 1 && (shape == 0 || position.tap == P::taps(stage) - 1);
        const bool last = run >> (P::RUN_BITS - 1) != 0 || at_end;
        FSQ_EXPECT(position.channel < P::inputs(stage), P, "a term lies beyond the last input channel");
        sums = sums + (last ? 1 : 0);
        FSQ_EXPECT(!stage_end || (last && sums == P::outs(stage)), P, "the terms of a stage do not end with its sums");
        position.fresh = last;

        word_t word = (word_t(position.channel) << Y::CHANNEL) | (word_t(position.ky) << Y::KY) |
                      (word_t(position.kx) << Y::KX) | (word_t(last ? 1 : 0) << Y::LAST);
        FSQ_UNROLL_ABOVE
        for (int c = 0; c < P::CHANNELS_C; ++c) {
            FSQ_UNROLL_INSIDE
            word = word | (word_t(uint<P::W_BITS>(weights[c])) << (c * P::W_BITS));
        }
        out.write(word);

        term = stage_end ? upto<P::MOST>(0) : upto<P::MOST>(term + 1);
        if (stage_end) {
            sums = 0;
            walk.next();
        }
    }
}

}  // namespace fsq
#endif
