// Takes the sums of a pass, requantises them beat by beat while the next pass runs, and assembles row words.
//
// Beats go through the channels of the group, the rows, and the PARTS of a row; UNITS requantisers work per beat. A row
// word is complete with the last part of the last phase.
#ifndef FSQ_DRAIN_HPP
#define FSQ_DRAIN_HPP

#include "fsq_lanes.hpp"
#include "fsq_round.hpp"

namespace fsq {

template <class P> using scaled_sum_of = sint<largest(P::PRODUCT_BITS, P::Y_BITS) + 2>;

// A sum times its scale: a number of places to the left, or with MULTIPLIES an integer. IN_DSP: in DSP slices, else in LUTs.
template <class P> inline scaled_sum_of<P> scaled(const sint<P::SUM_BITS>& sum, const uint<P::SCALE_BITS>& scale) {
    FSQ_INLINE
    typedef scaled_sum_of<P> wide;
    if (!P::MULTIPLIES) return wide(sum) << scale;
    if (P::IN_DSP) {
        const wide product = wide(sum) * wide(scale);
        FSQ_MULTIPLIER(product)
        return product;
    }
    const wide product = wide(sum) * wide(scale);
    FSQ_MULTIPLIER_LUT(product)
    return product;
}

// y = saturate(zero + round_half_even((acc * 2^PLACES + bias) * scale * 2^-RIGHT)); then, with a table, what that says.
template <class P>
inline uint<P::Y_BITS> requantise(const acc_of<P>& acc, const sint<P::BIAS_BITS>& bias, const uint<P::SCALE_BITS>& scale,
                                  int stage) {
    FSQ_INLINE
    typedef sint<largest(P::ACC_BITS + P::PLACES, P::BIAS_BITS) + 1> whole;
    const sint<P::SUM_BITS> sum = (whole(acc) << P::PLACES) + whole(bias);
    scaled_sum_of<P> y = round_right<P::RIGHT, P::PRODUCT_BITS>(scaled<P>(sum, scale)) + P::zero(stage);
    const int low = P::low(stage), high = P::high(stage);
    if (y < low) y = low;
    if (y > high) y = high;
    if (P::TABLES > 0 && P::recode(stage) != 0) {
        const uint<P::INDEX_BITS> index = uint<P::INDEX_BITS>(y);
        y = P::recoded(P::recode(stage) - 1, index);
    }
    return uint<P::Y_BITS>(y);
}

// What a pass is, kept beside its sums.
template <class P> struct Pass {
    upto<P::STAGES> stage = 0;        // it belongs to
    upto<P::PHASES> phase = 0;
    upto<P::TABLE_ENTRIES> base = 0;  // its first channel in the table
    upto<P::CHANNELS_C> channels = 0; // its channels that exist
    upto<P::ROWS> rows = 0;           // its rows that exist
};

template <class P> struct Drain {
    static constexpr int BEATS = P::CHANNELS_C * P::ROWS * P::PARTS;
    static constexpr int WORDS = P::PHASES > 1 ? P::CHANNELS_C * P::ROWS : 1;  // words that wait for further phases

    Pass<P> pass;
    upto<BEATS> beat = BEATS;  // BEATS: idle
    upto<P::CHANNELS_C> channel = 0;
    upto<P::ROWS> row = 0;
    upto<P::PARTS> part = 0;
    upto<P::CHANNELS_C * P::ROWS> index = 0;

    bool busy() const { return beat != BEATS; }
    bool last_beat() const { return beat == BEATS - 1; }
};

template <class P> using shadow_of = acc_of<P>[Drain<P>::BEATS][P::UNITS];
template <class P> using words_of = uint<P::Y_BITS>[Drain<P>::WORDS][P::OUT_WIDTH];

// Moves the sums of a finished pass to the shadow registers, in the order of the beats.
template <class P>
inline void load_drain(Drain<P>& drain, const Pass<P>& pass, const acc_of<P> (&acc)[P::CHANNELS_C][P::ROWS][P::LANES],
                       shadow_of<P>& shadow) {
    FSQ_INLINE
    drain.pass = pass;
    drain.beat = 0;
    drain.channel = 0;
    drain.row = 0;
    drain.part = 0;
    drain.index = 0;
    FSQ_UNROLL_ABOVE
    for (int c = 0; c < P::CHANNELS_C; ++c) {
        FSQ_UNROLL_INSIDE
        FSQ_UNROLL_ABOVE
        for (int r = 0; r < P::ROWS; ++r) {
            FSQ_UNROLL_INSIDE
            FSQ_UNROLL_ABOVE
            for (int l = 0; l < P::LANES; ++l) {
                FSQ_UNROLL_INSIDE
                shadow[(c * P::ROWS + r) * P::PARTS + l / P::UNITS][l % P::UNITS] = acc[c][r][l];
            }
        }
    }
}

// One beat. Returns true where it completes a row word, which then stands in word[].
template <class P>
inline bool drain_beat(Drain<P>& drain, const shadow_of<P>& shadow, words_of<P>& words,
                       uint<P::Y_BITS> (&word)[P::OUT_WIDTH]) {
    FSQ_INLINE
    typedef uint<P::BIAS_BITS + P::SCALE_BITS> entry_t;
    const entry_t entry = P::table_word(drain.pass.base + drain.channel);
    const sint<P::BIAS_BITS> bias = sint<P::BIAS_BITS>(entry);
    const uint<P::SCALE_BITS> scale = uint<P::SCALE_BITS>(entry >> P::BIAS_BITS);

    uint<P::Y_BITS> y[P::UNITS];
    FSQ_REGISTERS(y)
    FSQ_UNROLL_ABOVE
    for (int u = 0; u < P::UNITS; ++u) {
        FSQ_UNROLL_INSIDE
        y[u] = requantise<P>(shadow[drain.beat][u], bias, scale, drain.pass.stage);
    }

    // pixel x belongs to lane x / PHASES in phase x mod PHASES
    const int slot = P::PHASES > 1 ? static_cast<int>(drain.index) : 0;
    FSQ_UNROLL_ABOVE
    for (int part = 0; part < P::PARTS; ++part) {
        FSQ_UNROLL_INSIDE
        FSQ_UNROLL_ABOVE
        for (int phase = 0; phase < P::PHASES; ++phase) {
            FSQ_UNROLL_INSIDE
            if (drain.part == part && drain.pass.phase == phase) {
                FSQ_UNROLL_ABOVE
                for (int u = 0; u < P::UNITS; ++u) {
                    FSQ_UNROLL_INSIDE
                    const int lane = part * P::UNITS + u;
                    const int x = lane * P::PHASES + phase;
                    if (lane < P::LANES && x < P::OUT_WIDTH) words[slot][x] = y[u];
                }
            }
        }
    }
    const bool row_end = drain.part == P::PARTS - 1;
    const bool send = row_end && drain.pass.phase == P::PHASES - 1 && drain.channel < drain.pass.channels &&
                      drain.row < drain.pass.rows;
    FSQ_UNROLL_ABOVE
    for (int x = 0; x < P::OUT_WIDTH; ++x) {
        FSQ_UNROLL_INSIDE
        word[x] = words[slot][x];
    }

    drain.beat = drain.beat + 1;
    if (!row_end) {
        drain.part = drain.part + 1;
    } else {
        drain.part = 0;
        drain.index = drain.index + 1;
        if (drain.row != P::ROWS - 1) {
            drain.row = drain.row + 1;
        } else {
            drain.row = 0;
            drain.channel = drain.channel + 1;
        }
    }
    return send;
}

}  // namespace fsq
#endif
