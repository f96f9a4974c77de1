// The engine of a convolution or of a Fire module: row words in, row words out; stages that share one set of lanes.
//
// One turn of the loop is one cycle: it requantises a beat of the finished pass, issues a term of the running pass, and
// stores a word of the rows to come. A pass is one sum for one phase of one group of output channels; order of work:
// stages and row groups (fsq_stages.hpp), output channel groups, phases, terms. Terms are read in phase 0 and replayed
// for the other phases. Rows that a stage stores for later ones have a row buffer of their own.
//
// Words are read one every READ_EVERY turns: spread over the row group before the one that needs them, so that the
// producer keeps its own pace. Where the rows of the running group are not there yet, every turn reads one.
//
// P gives: Lines (the rows that arrive, see fsq_lines.hpp; the first stage reads them), Stored (those that a stage stores,
// or NoRows), FREE_FIRST, FREE_STOP, FREE_LAST (row groups that give a slot of Lines back), READ_EVERY, WORK (turns per
// frame), KERNEL (largest), STAGES, STEPS, GROUPS, ROWS, LAST_ROWS, PHASES, CHANNELS_C, MOST_OUTS, LANES, TERMS (most of a
// sum); W_BITS, X_BITS, X_SIGNED, ACC_BITS, PAIR_SHIFT, BIAS_BITS, LEFT_BITS, LEFT_MAX, RIGHT, Y_BITS, LOW, HIGH and, of
// stored rows, STORED_LOW, STORED_HIGH; PARTS, UNITS; OUT_WIDTH, OUT_BITS; TABLE_ENTRIES, table_word(); FED (terms come
// from a feed). With FED what fsq_term_feed.hpp asks for, else WORD_BITS, WEIGHT_WORDS, weight_word(), first_word(stage).
//
// Of a stage it gives delay, source (0: Lines, 1: Stored), stores (its rows go to Stored), reads_last (no later stage reads
// its source), tap (row and column of the window at which its kernel starts), need_first and need_second (rows of its source
// for the first two row groups), inputs, kernel, outs (groups of output channels), last_channels (channels of the last one),
// base (its first channel in the table), joined (its weights follow those of the stage before).
#ifndef FSQ_ENGINE_HPP
#define FSQ_ENGINE_HPP

#include "fsq_drain.hpp"
#include "fsq_lines.hpp"
#include "fsq_terms.hpp"

namespace fsq {

// What a stage reads: every buffer is read and values are chosen, not places, because an array behind a choice is no memory
// of its own to some tools.
template <class P, class B, class TERMS>
inline void read_source(const row_memory<B>& rows, const RowWindow<B>& window, const TERMS& terms, int phase, int tap,
                        bool used, operand_of<P> (&pixels)[P::ROWS][P::LANES]) {
    FSQ_INLINE
    const bool wide = B::KERNEL > 1;
    const upto<P::PHASES * B::STRIDE + B::KERNEL> offset = phase * B::STRIDE + (wide ? terms.kx() + tap : 0);
    read_pixels<B>(rows, window, used ? terms.channel() : 0, wide && used ? terms.ky() + tap : 0, offset, used, pixels);
}

// The rows that stages store for later ones.
template <class P, class B> struct StoredRows {
    RowWriter<B> writer;
    RowWindow<B> window;

    int rows_in() const { return writer.rows_in; }
    bool put(row_memory<B>& rows, const uint<P::Y_BITS> (&pixels)[P::OUT_WIDTH]) {
        FSQ_INLINE
        return writer.put(rows, pixels);
    }
    template <class TERMS>
    void choose(const row_memory<B>& rows, const TERMS& terms, int phase, int tap, bool used,
                operand_of<P> (&pixels)[P::ROWS][P::LANES]) const {
        FSQ_INLINE
        operand_of<P> stored[P::ROWS][P::LANES];
        FSQ_REGISTERS(stored)
        read_source<P, B>(rows, window, terms, phase, tap, used, stored);
        FSQ_UNROLL_ABOVE
        for (int r = 0; r < P::ROWS; ++r) {
            FSQ_UNROLL_INSIDE
            FSQ_UNROLL_ABOVE
            for (int l = 0; l < P::LANES; ++l) {
                FSQ_UNROLL_INSIDE
                if (used) pixels[r][l] = stored[r][l];
            }
        }
    }
    void next_group() {
        FSQ_INLINE
        window.next_group();
    }
};

template <class P> struct StoredRows<P, NoRows> {
    int rows_in() const { return 0; }
    bool put(row_memory<NoRows>&, const uint<P::Y_BITS> (&)[P::OUT_WIDTH]) { return false; }
    template <class TERMS>
    void choose(const row_memory<NoRows>&, const TERMS&, int, int, bool, operand_of<P> (&)[P::ROWS][P::LANES]) const {}
    void next_group() {}
};

template <class P>
void engine(row_memory<typename P::Lines>& lines, row_memory<typename P::Stored>& stored,
            typename terms_of<P>::replay_memory& replay, typename terms_of<P>::feed feed,
            hls::stream<row_word<typename P::Lines> >& in, hls::stream<ap_uint<P::OUT_WIDTH * P::OUT_BITS> >& out) {
    typedef typename P::Lines L;

    RowWriter<L> writer;
    RowWindow<L> window;
    StoredRows<P, typename P::Stored> stored_rows;
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
        FSQ_READ_AFTER_WRITE(stored, FSQ_SETTLE)
        done = walk.ended() && !drain.busy();  // of the turn before: the exit waits for nothing of this one
        const bool running = !walk.ended();
        const int stage = walk.stage;
        const bool arriving = P::source(stage) == 0;
        const int kernel = P::kernel(stage), channels = P::inputs(stage);

        // ---- are the rows of the stage there
        const bool rows_ok = running && gates.open(stage, writer.rows_in, stored_rows.rows_in());
        const bool hungry = arriving && !rows_ok;
        const bool read = gates.gate.wants(writer.rows_in) && !writer.blocked() && (hungry || wait == 0);
        gates.turn();
        FSQ_TURN(L);
        FSQ_TURN(typename P::Stored);

        // ---- a beat of the finished pass
        const bool drained = !drain.busy() || drain.last_beat();
        if (drain.busy()) {
            const bool stores = drain.pass.stores;
            uint<P::Y_BITS> word[P::OUT_WIDTH];
            FSQ_REGISTERS(word)
            if (drain_beat<P>(drain, shadow, words, word)) {
                if (stores && stored_rows.put(stored, word)) gates.completed(1, stored_rows.rows_in());
                if (!stores) out.write(pack<P::OUT_WIDTH, P::OUT_BITS>(word));
            }
        }

        // ---- a term of the running pass; its last one waits for the registers of the drain
        const bool fresh = pass.phase == 0;
        if (running) terms.look(feed, replay, fresh);
        const bool last = terms.last(channels, kernel);
        const bool out_last = out_group == P::outs(stage) - 1;
        const int out_channels = out_last ? P::last_channels(stage) : P::CHANNELS_C;
        if (rows_ok && (!last || drained)) {
            terms.take(replay, fresh, out_channels, weights);
            operand_of<P> pixels[P::ROWS][P::LANES];
            FSQ_REGISTERS(pixels)
            read_source<P, L>(lines, window, terms, pass.phase, P::tap(stage), arriving, pixels);
            stored_rows.choose(stored, terms, pass.phase, P::tap(stage), !arriving, pixels);
            multiply_add<P>(weights, pixels, terms.first(), acc, pair_sums, pair_wraps);

            terms.next(channels, kernel);
            if (last) {
                pass.stores = P::stores(stage);
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
                        gates.next_group(stage, group + 1);
                        if (P::reads_last(stage) && !arriving) {
                            stored_rows.next_group();
                        } else if (P::reads_last(stage)) {
                            window.next_group();
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
