// The rows that stages of an engine store for later ones: any number of row buffers.
#ifndef FSQ_STORED_HPP
#define FSQ_STORED_HPP

#include "fsq_lanes.hpp"
#include "fsq_lines.hpp"

namespace fsq {

// What a stage reads: every buffer is read and values are chosen, not places, because an array behind a choice is no memory
// of its own to some tools.
template <class P, class B, class TERMS>
inline void read_source(const row_memory<B>& rows, const Cursors<B>& cursors, const TERMS& terms, int stage, int phase,
                        bool used, operand_of<P> (&pixels)[P::ROWS][P::LANES]) {
    FSQ_INLINE
    const int ky = B::WINDOW_ROWS > 1 ? terms.ky() + P::tap_row(stage) : 0;
    const int kx = B::WINDOW_COLUMNS > 1 ? terms.kx() + P::tap_column(stage) : 0;
    const upto<P::PHASES * B::STRIDE + B::WINDOW_COLUMNS> offset = phase * B::STRIDE + kx;
    read_pixels<B>(rows, cursors.at(P::cursor(stage)), used ? terms.channel() : 0, used ? ky : 0, offset, used, pixels);
}

// Row buffers from NUMBER on, each a description and a memory, in order; the latter are handed over with every call, because
// an array behind a reference that is kept is no memory of its own to some tools.
template <class P, int NUMBER, class... BS> struct StoredRows {
    int rows_in(int) const { return 0; }
    template <class GATES> void put(int, GATES&, const uint<P::Y_BITS> (&)[P::OUT_WIDTH]) {}
    template <class TERMS>
    void choose(const TERMS&, int, int, int, operand_of<P> (&)[P::ROWS][P::LANES]) const {}
    void next_group(int, int) {}
    void turn() const {}
};

template <class P, int NUMBER, class B, class... MORE> struct StoredRows<P, NUMBER, B, MORE...> {
    RowWriter<B> writer;
    Cursors<B> cursors;
    StoredRows<P, NUMBER + 1, MORE...> others;

    int rows_in(int number) const { return number == NUMBER ? static_cast<int>(writer.rows_in) : others.rows_in(number); }

    // Stores a row of one channel in buffer `number`.
    template <class GATES>
    void put(int number, GATES& gates, const uint<P::Y_BITS> (&pixels)[P::OUT_WIDTH], row_memory<B>& rows,
             row_memory<MORE>&... more) {
        FSQ_INLINE
        if (number == NUMBER) {
            if (writer.put(rows, pixels)) gates.completed(NUMBER, writer.rows_in);
        } else {
            others.put(number, gates, pixels, more...);
        }
    }
    // The pixels of a stage that reads buffer `source`.
    template <class TERMS>
    void choose(const TERMS& terms, int source, int stage, int phase, operand_of<P> (&pixels)[P::ROWS][P::LANES],
                const row_memory<B>& rows, const row_memory<MORE>&... more) const {
        FSQ_INLINE
        operand_of<P> stored[P::ROWS][P::LANES];
        FSQ_REGISTERS(stored)
        const bool used = source == NUMBER;
        read_source<P, B>(rows, cursors, terms, stage, phase, used, stored);
        FSQ_UNROLL_ABOVE
        for (int r = 0; r < P::ROWS; ++r) {
            FSQ_UNROLL_INSIDE
            FSQ_UNROLL_ABOVE
            for (int l = 0; l < P::LANES; ++l) {
                FSQ_UNROLL_INSIDE
                if (used) pixels[r][l] = stored[r][l];
            }
        }
        others.choose(terms, source, stage, phase, pixels, more...);
    }
    void next_group(int number, int cursor) {
        FSQ_INLINE
        if (number == NUMBER) cursors.next_group(cursor);
        else others.next_group(number, cursor);
    }
    // A turn of the engine.
    void turn() const {
        FSQ_INLINE
        FSQ_TURN(B);
        others.turn();
    }
};

// Nothing is read sooner than FSQ_SETTLE turns after it was written (fsq_gates.hpp).
inline void settled() {}
template <class ROWS, class... MORE> inline void settled(ROWS& rows, MORE&... more) {
    FSQ_INLINE
    FSQ_READ_AFTER_WRITE(rows, FSQ_SETTLE)
    static_cast<void>(rows);
    settled(more...);
}

}  // namespace fsq
#endif
