// Terms as the lanes take them, one weight for each output channel of a group: counted here beside dense weights, or from
// a feed that has skipped the zeros (fsq_term_feed.hpp). The terms of phase 0 are kept and replayed for the other phases.
//
// Both kinds: look() brings the next term into view, take() gives its weights, next() goes on behind it.
#ifndef FSQ_TERMS_HPP
#define FSQ_TERMS_HPP

#include "fsq_term_feed.hpp"
#include "fsq_weights.hpp"

namespace fsq {

// Every position of the kernel: input channel, then kernel row, then kernel column.
template <class P> struct DenseTerms {
    typedef int feed;  // there is none
    typedef sint<P::W_BITS> replay_memory[P::PHASES > 1 ? P::TERMS : 1][P::CHANNELS_C];

    WeightStream<P> stream;
    upto<P::TERMS> term = 0;
    upto<P::TERMS> channel_at = 0;
    upto<P::KERNEL_ROWS> ky_at = 0;
    upto<P::KERNEL_COLUMNS> kx_at = 0;

    bool first() const { return term == 0; }
    bool last(int channels, int rows, int columns) const {
        return kx_at == columns - 1 && ky_at == rows - 1 && channel_at == channels - 1;
    }
    int channel() const { return channel_at; }
    int ky() const { return ky_at; }
    int kx() const { return kx_at; }

    // Goes to the segment that starts with a stage.
    void restart(int stage) {
        FSQ_INLINE
        stream.restart(P::first_word(stage));
    }

    void look(feed, const replay_memory&, bool) {}

    void take(replay_memory& replay, bool fresh, sint<P::W_BITS> (&weights)[P::CHANNELS_C]) {
        FSQ_INLINE
        if (fresh) stream.take(weights);
        if (P::PHASES > 1) {
            const int place = P::PHASES > 1 ? static_cast<int>(term) : 0;
            FSQ_UNROLL_ABOVE
            for (int c = 0; c < P::CHANNELS_C; ++c) {
                FSQ_UNROLL_INSIDE
                // values are chosen, not places: an array behind a choice is no memory of its own to some tools
                const sint<P::W_BITS> kept = replay[place][c];
                const sint<P::W_BITS> now = fresh ? weights[c] : kept;
                if (fresh) replay[place][c] = now;
                weights[c] = now;
            }
        }
    }

    void next(int channels, int rows, int columns) {
        FSQ_INLINE
        if (last(channels, rows, columns)) {
            term = 0;
            channel_at = 0;
            ky_at = 0;
            kx_at = 0;
            return;
        }
        term = term + 1;
        if (kx_at != columns - 1) {
            kx_at = kx_at + 1;
        } else {
            kx_at = 0;
            if (ky_at != rows - 1) {
                ky_at = ky_at + 1;
            } else {
                ky_at = 0;
                channel_at = channel_at + 1;
            }
        }
    }
};

// Positions that a feed gives.
template <class P> struct FedTerms {
    typedef TermLayout<P> Y;
    typedef typename Y::word word_t;
    typedef hls::stream<word_t>& feed;
    typedef word_t replay_memory[P::PHASES > 1 ? P::TERMS : 1][1];

    word_t word = 0;     // the term in view
    bool there = false;  // it came from the feed and has not been taken
    upto<P::TERMS> term = 0;

    template <int BITS> int field(int first) const { return static_cast<int>(uint<BITS>(word >> first)); }

    bool first() const { return term == 0; }
    bool last(int, int, int) const { return field<1>(Y::LAST) != 0; }
    int channel() const { return field<P::CHANNEL_BITS>(Y::CHANNEL); }
    int ky() const { return field<P::TAP_BITS>(Y::KY); }
    int kx() const { return field<P::TAP_BITS>(Y::KX); }

    void restart(int) {}

    void look(feed in, const replay_memory& replay, bool fresh) {
        FSQ_INLINE
        if (P::PHASES > 1 && !fresh) {
            word = replay[P::PHASES > 1 ? static_cast<int>(term) : 0][0];
        } else if (!there) {
            word = in.read();
            there = true;
        }
    }

    void take(replay_memory& replay, bool fresh, sint<P::W_BITS> (&weights)[P::CHANNELS_C]) {
        FSQ_INLINE
        if (P::PHASES > 1 && fresh) replay[P::PHASES > 1 ? static_cast<int>(term) : 0][0] = word;
        there = false;
        FSQ_UNROLL_ABOVE
        for (int c = 0; c < P::CHANNELS_C; ++c) {
            FSQ_UNROLL_INSIDE
            weights[c] = sint<P::W_BITS>(uint<P::W_BITS>(word >> (c * P::W_BITS)));
        }
    }

    void next(int channels, int rows, int columns) {
        FSQ_INLINE
        term = last(channels, rows, columns) ? upto<P::TERMS>(0) : upto<P::TERMS>(term + 1);
    }
};

template <class P> using terms_of = typename choose<P::FED, FedTerms<P>, DenseTerms<P> >::type;

}  // namespace fsq
#endif
