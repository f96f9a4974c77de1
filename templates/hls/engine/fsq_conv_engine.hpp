// Convolution engine: row words in, row words out; one weight per output channel and term from sequential memories.
//
// One turn of the loop is one cycle: it requantises a beat of the finished pass, issues a term of the running pass, and
// stores a word of the rows to come. A pass is one sum for one phase of one group of output channels; order of work:
// row groups, output channel groups, phases, terms. Terms are read in phase 0 and replayed for the other phases.
//
// Words are read one every READ_EVERY turns: spread over the row group before the one that needs them, so that the
// producer keeps its own pace. Where the rows of the running group are not there yet, every turn reads one.
//
// P gives: Lines (see fsq_lines.hpp), NEED_FIRST (input rows of the first row group), FREE_FIRST, FREE_STOP, FREE_LAST
// (row groups that give a slot back), READ_EVERY, WORK (turns per frame), KERNEL, GROUPS, ROWS, LAST_ROWS, PHASES,
// CHANNELS_C, OUTS (channel groups), LAST_CHANNELS (channels of the last one), LANES, TERMS (most of a sum); W_BITS, X_BITS,
// X_SIGNED, ACC_BITS, PAIR_SHIFT, BIAS_BITS, LEFT_BITS, LEFT_MAX, RIGHT, Y_BITS, LOW, HIGH, LOW_S, HIGH_S; PARTS, UNITS;
// OUT_WIDTH, OUT_BITS; TABLE_ENTRIES, table_word(); FED (terms come from a feed). With FED what fsq_term_feed.hpp asks for,
// else WORD_BITS, WEIGHT_WORDS, S_WORDS (words of a squeeze's weights, before the others), weight_word().
#ifndef FSQ_CONV_ENGINE_HPP
#define FSQ_CONV_ENGINE_HPP

#include "fsq_drain.hpp"
#include "fsq_lines.hpp"
#include "fsq_terms.hpp"

namespace fsq {

template <class P>
void conv_engine(row_memory<typename P::Lines>& lines, typename terms_of<P>::replay_memory& replay,
                 typename terms_of<P>::feed feed, hls::stream<row_word<typename P::Lines> >& in,
                 hls::stream<ap_uint<P::OUT_WIDTH * P::OUT_BITS> >& out) {
    typedef typename P::Lines L;
    typedef Drain<P> D;

    RowWriter<L> writer;
    RowGate<P> gate;
    RowWindow<L> window;
    terms_of<P> terms;
    Pass<P> pass;
    D drain;
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

    upto<P::GROUPS> group = 0;
    upto<P::OUTS> out_group = 0;
    upto<P::READ_EVERY> wait = 0;
    bool done = false;

    while (!done) {
        FSQ_TRIPCOUNT(P::WORK)
        FSQ_PIPELINE(1)
        FSQ_READ_AFTER_WRITE(lines, FSQ_SETTLE)
        done = group == P::GROUPS && !drain.busy();  // of the turn before: the exit waits for nothing of this one
        const bool rows_ok = group != P::GROUPS && gate.open(writer.rows_in);
        const bool read = gate.wants(writer.rows_in) && !writer.blocked() && (!rows_ok || wait == 0);
        gate.turn();
        FSQ_TURN(L);

        // ---- a beat of the finished pass
        const bool drained = !drain.busy() || drain.last_beat();
        if (drain.busy()) {
            uint<P::Y_BITS> word[P::OUT_WIDTH];
            FSQ_REGISTERS(word)
            if (drain_beat<P>(drain, shadow, words, word)) {
                out.write(pack<P::OUT_WIDTH, P::OUT_BITS>(word));
            }
        }

        // ---- a term of the running pass; its last one waits for the registers of the drain
        const bool fresh = pass.phase == 0;
        if (group != P::GROUPS) terms.look(feed, replay, fresh);
        const bool last = terms.last(L::CHANNELS, P::KERNEL);
        const bool out_last = out_group == P::OUTS - 1;
        const int out_channels = out_last ? P::LAST_CHANNELS : P::CHANNELS_C;
        if (rows_ok && (!last || drained)) {
            terms.take(replay, fresh, out_channels, weights);
            operand_of<P> pixels[P::ROWS][P::LANES];
            FSQ_REGISTERS(pixels)
            const upto<P::PHASES * L::STRIDE + P::KERNEL> offset = pass.phase * L::STRIDE + terms.kx();
            read_pixels<L>(lines, window, terms.channel(), terms.ky(), offset, true, pixels);
            multiply_add<P>(weights, pixels, terms.first(), acc, pair_sums, pair_wraps);

            terms.next(L::CHANNELS, P::KERNEL);
            if (last) {
                pass.channels = out_channels;
                pass.rows = group == P::GROUPS - 1 ? P::LAST_ROWS : P::ROWS;
                load_drain<P>(drain, pass, acc, shadow);
                if (pass.phase != P::PHASES - 1) {
                    pass.phase = pass.phase + 1;
                } else {
                    pass.phase = 0;
                    if (!out_last) {
                        out_group = out_group + 1;
                        pass.base = pass.base + P::CHANNELS_C;
                    } else {  // next row group
                        out_group = 0;
                        pass.base = 0;
                        terms.restart(true);
                        window.next_group();
                        if (group == P::GROUPS - 1) writer.free_slots = writer.free_slots + P::FREE_LAST;
                        else if (group >= P::FREE_FIRST && group < P::FREE_STOP) writer.free_slots = writer.free_slots + 1;
                        group = group + 1;
                        gate.next_group(group);
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
