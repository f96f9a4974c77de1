// Fire engine: squeeze, expand1x1 and expand3x3 on one set of lanes, from one stream of weights.
//
// The squeezed rows stay in a row buffer of their own (three row groups: above, at and below the window); the squeeze
// runs one row group ahead of the expansion: S0, S1, A0, B0, S2, A1, B1, ..., A(G-1), B(G-1). Concatenation is the order
// of the passes. A turn of the loop is as in fsq_conv_engine.hpp.
//
// P gives what fsq_conv_engine.hpp asks for, and: Squeezed (its row buffer); S_OUTS, A_OUTS, B_OUTS (channel groups of
// the three stages) with S_LAST, A_LAST, B_LAST (channels of the last one).
#ifndef FSQ_FIRE_ENGINE_HPP
#define FSQ_FIRE_ENGINE_HPP

#include "fsq_drain.hpp"
#include "fsq_lines.hpp"
#include "fsq_terms.hpp"

namespace fsq {

template <class P>
void fire_engine(row_memory<typename P::Lines>& lines, row_memory<typename P::Squeezed>& squeezed,
                 typename terms_of<P>::replay_memory& replay, typename terms_of<P>::feed feed,
                 hls::stream<row_word<typename P::Lines> >& in, hls::stream<ap_uint<P::OUT_WIDTH * P::OUT_BITS> >& out) {
    typedef typename P::Lines L;
    typedef typename P::Squeezed Q;

    RowWriter<L> writer;
    RowWriter<Q> squeezed_writer;
    RowGate<P> gate;
    RowWindow<L> window;
    RowWindow<Q> squeezed_window;
    StageWalk<true, false, P::GROUPS> walk;
    terms_of<P> terms;
    Pass<P> pass;
    Drain<P> drain;
    acc_of<P> acc[P::CHANNELS_C][P::ROWS][P::LANES];
    pair_sums_of<P> pair_sums;
    pair_wraps_of<P> pair_wraps;
    shadow_of<P> shadow;
    words_of<P> words;
    sint<P::W_BITS> weights[P::CHANNELS_C];
    FSQ_REGISTERS(acc)
    FSQ_REGISTERS(pair_sums)
    FSQ_REGISTERS(pair_wraps)
    FSQ_REGISTERS(shadow)
    FSQ_REGISTERS(words)
    FSQ_REGISTERS(weights)
    clear(acc);
    clear(pair_sums);
    clear(pair_wraps);
    clear(shadow);
    clear(words);
    clear(weights);

    upto<P::MAX_OUTS> out_group = 0;
    upto<P::READ_EVERY> wait = 0;
    upto<P::GROUPS> squeezed_groups = 0;   // complete ones
    upto<FSQ_SETTLE> settle = 0;           // turns until the newest of them may be read
    upto<FSQ_SETTLE> settle_before = 0;    // and the one before it

    bool done = false;

    while (!done) {
        FSQ_TRIPCOUNT(P::WORK)
        FSQ_PIPELINE(1)
        FSQ_READ_AFTER_WRITE(lines, FSQ_SETTLE)
        FSQ_READ_AFTER_WRITE(squeezed, FSQ_SETTLE)
        done = walk.expanded == P::GROUPS && !drain.busy();  // of the turn before: the exit waits for nothing of this one
        const bool running = walk.expanded != P::GROUPS;
        const bool squeezing = walk.stage == SQUEEZE;
        const bool wide = walk.stage == EXPAND3;
        const int kernel = wide ? 3 : 1;
        const int channels = squeezing ? L::CHANNELS : Q::CHANNELS;

        // ---- are the rows of the stage there
        const bool input_ok = gate.open(writer.rows_in);
        // The expand1x1 needs the squeezed rows of its own group, the expand3x3 those of the next one, too.
        const bool next_too = wide && walk.expanded != P::GROUPS - 1;
        const int ahead = squeezed_groups - walk.expanded - (next_too ? 2 : 1);  // complete groups beyond those
        const bool squeezed_ok = ahead == 0 ? settle == 0 : ahead > 0 && settle_before == 0;
        const bool rows_ok = running && (squeezing ? input_ok : squeezed_ok);
        const bool hungry = squeezing && !input_ok;
        const bool read = gate.wants(writer.rows_in) && !writer.blocked() && (hungry || wait == 0);
        gate.turn();
        FSQ_TURN(L);
        FSQ_TURN(Q);

        // ---- a beat of the finished pass
        const bool drained = !drain.busy() || drain.last_beat();
        if (settle != 0) settle = settle - 1;
        if (settle_before != 0) settle_before = settle_before - 1;
        if (drain.busy()) {
            const bool to_squeezed = drain.pass.squeeze;
            const bool group_end = drain.pass.group_end && drain.last_beat();
            uint<P::Y_BITS> word[P::OUT_WIDTH];
            FSQ_REGISTERS(word)
            if (drain_beat<P>(drain, shadow, words, word)) {
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
        const bool fresh = pass.phase == 0;
        if (running) terms.look(feed, replay, fresh);
        const bool last = terms.last(channels, kernel);
        const int outs = squeezing ? P::S_OUTS : wide ? P::B_OUTS : P::A_OUTS;
        const int rest = squeezing ? P::S_LAST : wide ? P::B_LAST : P::A_LAST;
        const bool out_last = out_group == outs - 1;
        const int out_channels = out_last ? rest : P::CHANNELS_C;
        if (rows_ok && (!last || drained)) {
            terms.take(replay, fresh, out_channels, weights);
            // Both buffers are read and values chosen: an array behind a choice is no memory of its own to some tools.
            operand_of<P> pixels[P::ROWS][P::LANES];
            operand_of<P> between[P::ROWS][P::LANES];
            FSQ_REGISTERS(pixels)
            FSQ_REGISTERS(between)
            read_pixels<L>(lines, window, squeezing ? terms.channel() : 0, 0, pass.phase, squeezing, pixels);
            // the expand1x1 looks at the centre of the 3x3 window
            const upto<P::PHASES + 2> offset = pass.phase + (wide ? terms.kx() : 1);
            read_pixels<Q>(squeezed, squeezed_window, squeezing ? 0 : terms.channel(), wide ? terms.ky() : 1, offset,
                           !squeezing, between);
            FSQ_UNROLL_ABOVE
            for (int r = 0; r < P::ROWS; ++r) {
                FSQ_UNROLL_INSIDE
                FSQ_UNROLL_ABOVE
                for (int l = 0; l < P::LANES; ++l) {
                    FSQ_UNROLL_INSIDE
                    if (!squeezing) pixels[r][l] = between[r][l];
                }
            }
            multiply_add<P>(weights, pixels, terms.first(), acc, pair_sums, pair_wraps);

            terms.next(channels, kernel);
            if (last) {
                const bool bottom = (squeezing ? walk.squeezed : walk.expanded) == P::GROUPS - 1;
                pass.squeeze = squeezing;
                pass.channels = out_channels;
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
                        walk.next();
                        if (squeezing) {
                            window.next_group();
                            if (walk.squeezed == P::GROUPS) writer.free_slots = writer.free_slots + P::FREE_LAST;
                            else writer.free_slots = writer.free_slots + 1;
                            gate.next_group(walk.squeezed);
                        } else if (wide) {
                            squeezed_window.next_group();
                        }
                        if (walk.stage != EXPAND3) {  // another segment of the weights
                            pass.base = walk.stage == SQUEEZE ? 0 : P::S_OUTS * P::CHANNELS_C;
                            terms.restart(walk.stage == SQUEEZE);
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
            if (writer.put(lines, pixels)) gate.completed(writer.rows_in);
        }
        if (read) wait = P::READ_EVERY - 1;
        else if (wait != 0) wait = wait - 1;
    }
}

}  // namespace fsq
#endif
