// Line gatherer: AXI4-Stream beats of 8 bytes (pixels interleaved, row after row, the frame padded to whole beats) into
// one row word per channel.
//
// P gives CHANNELS, HEIGHT, WIDTH, BYTES (moved per turn: 1, 2, 4 or 8), BITS (of a pixel); pixel(channel, byte).
#ifndef FSQ_INPUT_HPP
#define FSQ_INPUT_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> void input(hls::stream<fsq_beat_in>& in, hls::stream<ap_uint<P::WIDTH * P::BITS> >& out) {
    const int ROW = P::WIDTH * P::CHANNELS;  // bytes of a row
    const int TURNS = (ROW + P::BYTES - 1) / P::BYTES;
    const int REST = ROW - (TURNS - 1) * P::BYTES;  // bytes of the last turn
    typedef ap_uint<8 * (P::BYTES + 8)> wide;
    uint<P::BITS> row[TURNS * P::BYTES];
    FSQ_REGISTERS(row)
    clear(row);
    wide bytes = 0;               // read and not yet moved, the first one lowest
    upto<P::BYTES + 8> left = 0;  // their number
    upto<2 * P::CHANNELS> first = 0;  // channel of the first of them

    for (int y = 0; y < P::HEIGHT; ++y) {
        for (int turn = 0; turn < TURNS; ++turn) {
            FSQ_PIPELINE(1)
            const int step = turn == TURNS - 1 ? REST : P::BYTES;
            if (left < step) {
                const fsq_beat_in next = in.read();
                const ap_uint<64> beat = FSQ_BEAT_DATA(next);
                bytes = bytes | (wide(beat) << (8 * static_cast<int>(left)));
                left = left + 8;
            }
            FSQ_UNROLL_ABOVE
            for (int i = 0; i < P::BYTES; ++i) {
                FSQ_UNROLL_INSIDE
                upto<2 * P::CHANNELS> channel = first + i % P::CHANNELS;
                if (channel >= P::CHANNELS) channel = channel - P::CHANNELS;
                row[turn * P::BYTES + i] = P::pixel(channel, uint<8>(bytes >> (8 * i)));
            }
            bytes = bytes >> (8 * step);
            left = left - step;
            first = first + P::BYTES % P::CHANNELS;
            if (first >= P::CHANNELS) first = first - P::CHANNELS;
            if (turn == TURNS - 1) first = 0;
        }
        for (int c = 0; c < P::CHANNELS; ++c) {
            FSQ_PIPELINE(1)
            uint<P::BITS> pixels[P::WIDTH];
            FSQ_REGISTERS(pixels)
            FSQ_UNROLL_ABOVE
            for (int x = 0; x < P::WIDTH; ++x) {
                FSQ_UNROLL_INSIDE
                pixels[x] = row[x * P::CHANNELS + c];
            }
            out.write(pack<P::WIDTH, P::BITS>(pixels));
        }
    }
}

}  // namespace fsq
#endif
