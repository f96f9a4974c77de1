// The engine of a convolution or of a module of several: row words in, row words out; stages that share one set of lanes.
//
// One turn of the loop is one cycle: it requantises a beat of the finished pass, issues a term of the running pass, and
// stores a word of the rows to come. A pass is one sum for one phase of one group of output channels; order of work:
// stages and row groups (fsq_stages.hpp), output channel groups, phases, terms. Terms are read in phase 0 and replayed
// for the other phases. Rows that a stage stores for later ones have a row buffer of their own.
//
// Words are read one every READ_EVERY turns: spread over the row group before the one that needs them, so that the
// producer keeps its own pace. Where the rows of the running group are not there yet, every turn reads one.
//
// L describes the rows that arrive, S those that stages store (fsq_lines.hpp). P gives: FREE_FIRST, FREE_STOP, FREE_LAST
// (row groups that give a slot of arriving rows back), READ_EVERY, WORK (turns per frame), KERNEL_ROWS and KERNEL_COLUMNS
// (largest), STAGES, STEPS, GROUPS, ROWS, LAST_ROWS, PHASES, CHANNELS_C, MOST_OUTS, LANES, TERMS (most of a sum); W_BITS,
// X_BITS, X_SIGNED, ACC_BITS, PAIR_SHIFT, BIAS_BITS, PLACES, MULTIPLIES, IN_DSP, SCALE_BITS, SUM_BITS, PRODUCT_BITS, RIGHT,
// Y_BITS (fsq_drain.hpp); TABLES, INDEX_BITS, recoded(table, index); PARTS, UNITS; OUT_WIDTH, OUT_BITS;
// TABLE_ENTRIES, table_word(); FED (terms come from a feed). With FED what fsq_term_feed.hpp asks for, else WORD_BITS,
// WEIGHT_WORDS, weight_word(), first_word(stage).
//
// Of a stage it gives delay, source (0: rows that arrive, n: the n-th stored ones), sink (the stored rows that it fills; 0:
// its rows leave), frees (no later stage reads the rows that arrive), cursor (its place in the source), advances (where it
// ends, that place moves on), tap_row and tap_column (of the source's window, at which its kernel starts), inputs,
// kernel_rows, kernel_columns, outs (groups of output channels), last_channels (channels of the last one), base (its first
// channel in the table), low, high (of its results), zero (added before), recode (a table behind, counted from 1), joined (its weights follow those of the stage before), and what
// fsq_gates.hpp asks for.
#ifndef FSQ_ENGINE_HPP
#define FSQ_ENGINE_HPP

#include "fsq_drain.hpp"
#include "fsq_gates.hpp"
#include "fsq_stored.hpp"
#include "fsq_terms.hpp"

namespace fsq {

template <class P, class L, class... S>
void engine(typename terms_of<P>::replay_memory& replay, typename terms_of<P>::feed feed, hls::stream<row_word<L> >& in,
            hls::stream<ap_uint<P::OUT_WIDTH * P::OUT_BITS> >& out, row_memory<L>& lines, row_memory<S>&... stored) {
    RowWriter<L> writer;
    Cursors<L> cursors;
    StoredRows<P, 1, S...> stored_rows;
    RowGates<P> gates;
    StageWalk<P> walk;
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

    upto<P::MOST_OUTS> out_group = 0;
    upto<P::READ_EVERY> wait = 0;
    bool done = false;

    while (!done) {
        FSQ_TRIPCOUNT(P::WORK)
        FSQ_PIPELINE(1)
        FSQ_READ_AFTER_WRITE(lines, FSQ_SETTLE)
        settled(stored...);
        done = walk.ended() && !drain.busy();  // of the turn before: the exit waits for nothing of this one
        const bool running = !walk.ended();
        const int stage = walk.stage;
        const int source = P::source(stage);
        const bool arriving = source == 0;
        const int channels = P::inputs(stage), rows = P::kernel_rows(stage), columns = P::kernel_columns(stage);

        // ---- are the rows of the stage there
        const bool rows_ok = running && gates.open(stage, writer.rows_in, stored_rows);
        const bool hungry = arriving && !rows_ok;
        const bool read = gates.wants(writer.rows_in) && !writer.blocked() && (hungry || wait == 0);
        gates.turn();
        FSQ_TURN(L);
        stored_rows.turn();

        // ---- a beat of the finished pass
        const bool drained = !drain.busy() || drain.last_beat();
        if (drain.busy()) {
            const int sink = P::sink(drain.pass.stage);
            uint<P::Y_BITS> word[P::OUT_WIDTH];
            FSQ_REGISTERS(word)
            if (drain_beat<P>(drain, shadow, words, word)) {
                stored_rows.put(sink, gates, word, stored...);
                if (sink == 0) out.write(pack<P::OUT_WIDTH, P::OUT_BITS>(word));
            }
        }

        // ---- a term of the running pass; its last one waits for the registers of the drain
        const bool fresh = pass.phase == 0;
        if (running) terms.look(feed, replay, fresh);
        const bool last = terms.last(channels, rows, columns);
        const bool out_last = out_group == P::outs(stage) - 1;
        const int out_channels = out_last ? P::last_channels(stage) : P::CHANNELS_C;
        if (rows_ok && (!last || drained)) {
            terms.take(replay, fresh, weights);
            operand_of<P> pixels[P::ROWS][P::LANES];
            FSQ_REGISTERS(pixels)
            read_source<P, L>(lines, cursors, terms, stage, pass.phase, arriving, pixels);
            stored_rows.choose(terms, source, stage, pass.phase, pixels, stored...);
            multiply_add<P>(weights, pixels, terms.first(), acc, pair_sums, pair_wraps);

            terms.next(channels, rows, columns);
            if (last) {
                pass.stage = stage;
                pass.channels = out_channels;
                pass.rows = walk.last_group() ? P::LAST_ROWS : P::ROWS;
                load_drain<P>(drain, pass, acc, shadow);
                if (pass.phase != P::PHASES - 1) {
                    pass.phase = pass.phase + 1;
                } else {
                    pass.phase = 0;
                    if (!out_last) {
                        out_group = out_group + 1;
                        pass.base = pass.base + P::CHANNELS_C;
                    } else {  // the stage ends
                        const int group = walk.group();
                        out_group = 0;
                        gates.next_group(stage, group + 1, writer.rows_in, stored_rows);
                        if (P::advances(stage) && arriving) cursors.next_group(P::cursor(stage));
                        else if (P::advances(stage)) stored_rows.next_group(source, P::cursor(stage));
                        if (P::frees(stage)) {
                            if (walk.last_group()) writer.free_slots = writer.free_slots + P::FREE_LAST;
                            else if (group >= P::FREE_FIRST && group < P::FREE_STOP) writer.free_slots = writer.free_slots + 1;
                        }
                        walk.next();
                        pass.base = P::base(walk.stage);
                        if (!P::joined(walk.stage)) terms.restart(walk.stage);
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
            if (writer.put(lines, pixels)) gates.completed(0, writer.rows_in);
        }
        if (read) wait = P::READ_EVERY - 1;
        else if (wait != 0) wait = wait - 1;
    }
}

}  // namespace fsq
#endif
