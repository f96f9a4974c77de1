// Fire engine: squeeze, expand1x1 and expand3x3 on one set of lanes, from one stream of weights.
//
// The squeezed rows stay in a row buffer of their own (three row groups: above, at and below the window); the squeeze
// runs one row group ahead of the expansion: S0, S1, A0, B0, S2, A1, B1, ..., A(G-1), B(G-1). Concatenation is the order
// of the passes. A turn of the loop is as in fsq_conv_engine.hpp.
//
// P gives what fsq_conv_engine.hpp asks for, and: Squeezed (its row buffer); S_OUTS, A_OUTS, B_OUTS (channel groups of
// the three stages) with S_LAST, A_LAST, B_LAST (channels of the last one); S_WORDS (words of the squeeze's weights,
// those of the expansion follow).
#ifndef FSQ_FIRE_ENGINE_HPP
#define FSQ_FIRE_ENGINE_HPP

#include "fsq_drain.hpp"
#include "fsq_lines.hpp"
#include "fsq_weights.hpp"

namespace fsq {

// Turns from the last word of a squeezed row group to its first use: more than the pipeline of a turn is deep.
constexpr int FSQ_SETTLE = 32;

template <class P>
void fire_engine(row_memory<typename P::Lines>& lines, row_memory<typename P::Squeezed>& squeezed,
                 hls::stream<row_word<typename P::Lines> >& in,
                 hls::stream<ap_uint<P::OUT_WIDTH * P::OUT_BITS> >& out) {
    typedef typename P::Lines L;
    typedef typename P::Squeezed Q;
    enum Stage { SQUEEZE, EXPAND1, EXPAND3 };

    RowWriter<L> writer;
    RowWriter<Q> squeezed_writer;
    RowWindow<L> window;
    RowWindow<Q> squeezed_window;
    WeightStream<P> stream;
    Terms<P> terms;
    Pass<P> pass;
    Drain<P> drain;
    acc_of<P> acc[P::CHANNELS_C][P::ROWS][P::LANES] = {};
    pair_sums_of<P> pair_sums = {};
    pair_wraps_of<P> pair_wraps = {};
    shadow_of<P> shadow = {};
    words_of<P> words = {};
    sint<P::W_BITS> weights[P::CHANNELS_C] = {};
    sint<P::W_BITS> replay[P::PHASES > 1 ? P::TERMS : 1][P::CHANNELS_C] = {};
    FSQ_REGISTERS(acc)
    FSQ_REGISTERS(pair_sums)
    FSQ_REGISTERS(pair_wraps)
    FSQ_REGISTERS(shadow)
    FSQ_REGISTERS(words)
    FSQ_REGISTERS(weights)
    FSQ_ROW_WORDS(replay, 2)
    FSQ_RAM_LUT(replay)

    Stage stage = SQUEEZE;
    upto<P::GROUPS> group = 0;          // of the squeeze
    upto<P::GROUPS> expand_group = 0;
    upto<P::MAX_OUTS> out_group = 0;
    upto<P::READ_EVERY> wait = 0;
    upto<L::HEIGHT> need = P::NEED_FIRST;  // rows of the group to squeeze, and of the next
    upto<L::HEIGHT> need_next = P::NEED_SECOND;
    upto<P::GROUPS> squeezed_groups = 0;   // complete ones
    upto<FSQ_SETTLE> settle = 0;           // turns until the newest of them may be read
    upto<FSQ_SETTLE> settle_before = 0;    // and the one before it

    while (expand_group != P::GROUPS || drain.busy()) {
        FSQ_TRIPCOUNT(P::WORK)
        FSQ_PIPELINE(1)
        FSQ_NO_HAZARD(squeezed)
        const bool squeezing = stage == SQUEEZE;
        const bool wide = stage == EXPAND3;
        const int kernel = wide ? 3 : 1;
        const int channels = squeezing ? L::CHANNELS : Q::CHANNELS;

        // ---- are the rows of the stage there
        const bool input_ok = writer.rows_in >= need;
        // The expand1x1 needs the squeezed rows of its own group, the expand3x3 those of the next one, too.
        const bool next_too = wide && expand_group != P::GROUPS - 1;
        const int ahead = squeezed_groups - expand_group - (next_too ? 2 : 1);  // complete groups beyond those
        const bool squeezed_ok = ahead == 0 ? settle == 0 : ahead > 0 && settle_before == 0;
        const bool rows_ok = expand_group != P::GROUPS && (squeezing ? input_ok : squeezed_ok);
        const bool hungry = squeezing && !input_ok;
        const bool read = writer.rows_in < need_next && !writer.blocked() && (hungry || wait == 0);

        // ---- a beat of the finished pass
        const bool drained = !drain.busy() || drain.last_beat();
        if (settle != 0) settle = settle - 1;
        if (settle_before != 0) settle_before = settle_before - 1;
        if (drain.busy()) {
            const bool to_squeezed = drain.pass.squeeze;
            const bool group_end = drain.pass.group_end && drain.last_beat();
            uint<P::Y_BITS> word[P::OUT_WIDTH] = {};
            FSQ_REGISTERS(word)
            upto<P::CHANNELS_C> channel = 0;
            upto<P::ROWS> row = 0;
            if (drain_beat<P>(drain, shadow, words, word, channel, row)) {
                if (to_squeezed) squeezed_writer.put(squeezed, word);
                else out.write(pack<P::OUT_WIDTH, P::OUT_BITS>(word));
            }
            if (to_squeezed && group_end) {
                squeezed_groups = squeezed_groups + 1;
                settle_before = settle;
                settle = FSQ_SETTLE;
            }
        }

        // ---- a term of the running pass; its last one waits for the registers of the drain
        const bool last = terms.last(channels, kernel);
        if (rows_ok && (!last || drained)) {
            if (pass.phase == 0) {
                stream.take(weights);
            }
            if (P::PHASES > 1) {
                const int place = P::PHASES > 1 ? static_cast<int>(terms.term) : 0;
                FSQ_UNROLL_ABOVE
                for (int c = 0; c < P::CHANNELS_C; ++c) {
                    FSQ_UNROLL_INSIDE
                    if (pass.phase == 0) replay[place][c] = weights[c];
                    else weights[c] = replay[place][c];
                }
            }
            operand_of<P> pixels[P::ROWS][P::LANES];
            FSQ_REGISTERS(pixels)
            if (squeezing) {
                read_pixels<L>(lines, window, terms.channel, pass.phase, pixels);
            } else {
                // the expand1x1 looks at the centre of the 3x3 window
                const upto<P::PHASES + 2> offset = pass.phase + (wide ? static_cast<int>(terms.kx) : 1);
                read_pixels<Q>(squeezed, squeezed_window, terms.channel, offset, pixels);
            }
            multiply_add<P>(weights, pixels, terms.first(), acc, pair_sums, pair_wraps);

            if (wide) {
                if (terms.window_end(3)) squeezed_window.to_top();
                else if (terms.row_end(3)) squeezed_window.next_row();
            }
            terms.next(channels, kernel);
            if (last) {
                const int outs = squeezing ? P::S_OUTS : wide ? P::B_OUTS : P::A_OUTS;
                const int rest = squeezing ? P::S_LAST : wide ? P::B_LAST : P::A_LAST;
                const bool out_last = out_group == outs - 1;
                const bool bottom = (squeezing ? group : expand_group) == P::GROUPS - 1;
                pass.squeeze = squeezing;
                pass.channels = out_last ? rest : P::CHANNELS_C;
                pass.rows = bottom ? P::LAST_ROWS : P::ROWS;
                pass.group_end = out_last && pass.phase == P::PHASES - 1;
                load_drain<P>(drain, pass, acc, shadow);
                if (pass.phase != P::PHASES - 1) {
                    pass.phase = pass.phase + 1;
                } else {
                    pass.phase = 0;
                    pass.base = pass.base + P::CHANNELS_C;
                    if (!out_last) {
                        out_group = out_group + 1;
                    } else {
                        out_group = 0;
                        if (squeezing) {
                            // the first row group is followed by the second, every other one by the expansion before it
                            const bool again = group == 0 && P::GROUPS > 1;
                            group = group + 1;
                            window.next_group();
                            if (group == P::GROUPS) writer.free_slots = writer.free_slots + P::FREE_LAST;
                            else writer.free_slots = writer.free_slots + 1;
                            need = need_next;
                            if (group >= P::GROUPS - 2 || need_next + P::ROWS >= L::HEIGHT) need_next = L::HEIGHT;
                            else need_next = need_next + P::ROWS;
                            if (again) {
                                pass.base = 0;
                                stream.restart(0);
                            } else {
                                stage = EXPAND1;
                                stream.restart(P::S_WORDS);
                                squeezed_window.next_row();
                            }
                        } else if (!wide) {
                            stage = EXPAND3;
                            squeezed_window.to_top();
                        } else {
                            expand_group = expand_group + 1;
                            squeezed_window.next_group();
                            if (group != P::GROUPS) {
                                stage = SQUEEZE;
                                pass.base = 0;
                                stream.restart(0);
                            } else {
                                stage = EXPAND1;
                                pass.base = P::S_OUTS * P::CHANNELS_C;
                                stream.restart(P::S_WORDS);
                                squeezed_window.next_row();
                            }
                        }
                    }
                }
            }
        }

        // ---- a word of the rows to come
        if (read) {
            pixel_of<L> pixels[L::WIDTH];
            FSQ_REGISTERS(pixels)
            unpack<L::WIDTH, L::BITS>(in.read(), pixels);
            writer.claim();
            writer.put(lines, pixels);
        }
        if (read) wait = P::READ_EVERY - 1;
        else if (wait != 0) wait = wait - 1;
    }
}

}  // namespace fsq
#endif
