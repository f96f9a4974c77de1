// Row store: the words of groups of IN_ROWS rows, as they arrive, leave in groups of OUT_ROWS rows.
//
// Reads whole groups until the rows of the next output group are there, then writes that. What arrives meanwhile waits in
// the stream in front, which is as deep as the rows by which one way of the graph runs behind another.
//
// P gives CHANNELS, HEIGHT, WIDTH, BITS, IN_ROWS, OUT_ROWS, GROUPS (of output rows), and LINES (rows held at once).
#ifndef FSQ_STORE_HPP
#define FSQ_STORE_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> using store_memory = uint<P::BITS>[P::LINES][P::CHANNELS][P::WIDTH];

// The rows of a group in the ring of lines, channel after channel.
template <class P> struct StoreWalk {
    upto<P::LINES> first = 0;  // line of the group's first row
    upto<P::LINES> line = 0;
    upto<P::CHANNELS> channel = 0;
    upto<P::HEIGHT> row = 0;   // within the group

    // `rows` are those of the group.
    void next(int rows) {
        FSQ_INLINE
        const upto<P::LINES> below = line == P::LINES - 1 ? upto<P::LINES>(0) : upto<P::LINES>(line + 1);
        if (row != rows - 1) {
            row = row + 1;
            line = below;
        } else {
            row = 0;
            if (channel != P::CHANNELS - 1) {
                channel = channel + 1;
                line = first;
            } else {
                channel = 0;
                line = below;
                first = below;
            }
        }
    }
};

template <class P>
void store(store_memory<P>& lines, hls::stream<ap_uint<P::WIDTH * P::BITS> >& in,
           hls::stream<ap_uint<P::WIDTH * P::BITS> >& out) {
    const int IN_REST = P::HEIGHT - (P::HEIGHT - 1) / P::IN_ROWS * P::IN_ROWS;  // rows of the last group
    const int OUT_REST = P::HEIGHT - (P::GROUPS - 1) * P::OUT_ROWS;
    StoreWalk<P> writes;
    StoreWalk<P> reads;
    upto<P::HEIGHT> rows_in = 0;
    upto<P::HEIGHT> need = 0;

    for (int group = 0; group < P::GROUPS; ++group) {
        const bool last = group == P::GROUPS - 1;
        const int rows_out = last ? OUT_REST : P::OUT_ROWS;
        const int words_out = last ? OUT_REST * P::CHANNELS : P::OUT_ROWS * P::CHANNELS;
        need = need + rows_out;
        while (rows_in < need) {
            const bool in_rest = rows_in == P::HEIGHT - IN_REST;
            const int arriving = in_rest ? IN_REST : P::IN_ROWS;
            const int words_in = in_rest ? IN_REST * P::CHANNELS : P::IN_ROWS * P::CHANNELS;
            for (int n = 0; n < words_in; ++n) {
                FSQ_PIPELINE(1)
                uint<P::BITS> pixels[P::WIDTH];
                FSQ_REGISTERS(pixels)
                unpack<P::WIDTH, P::BITS>(in.read(), pixels);
                FSQ_UNROLL_ABOVE
                for (int x = 0; x < P::WIDTH; ++x) {
                    FSQ_UNROLL_INSIDE
                    lines[writes.line][writes.channel][x] = pixels[x];
                }
                writes.next(arriving);
            }
            rows_in = rows_in + arriving;
        }
        for (int n = 0; n < words_out; ++n) {
            FSQ_PIPELINE(1)
            uint<P::BITS> pixels[P::WIDTH];
            FSQ_REGISTERS(pixels)
            FSQ_UNROLL_ABOVE
            for (int x = 0; x < P::WIDTH; ++x) {
                FSQ_UNROLL_INSIDE
                pixels[x] = lines[reads.line][reads.channel][x];
            }
            out.write(pack<P::WIDTH, P::BITS>(pixels));
            reads.next(rows_out);
        }
    }
}

}  // namespace fsq
#endif
