// Line gatherer: AXI4-Stream beats of 8 bytes (pixels interleaved, row after row, the frame padded to whole beats) into
// one row word per channel.
//
// P gives CHANNELS, HEIGHT, WIDTH, BYTES (moved per turn: 1, 2, 4 or 8).
#ifndef FSQ_INPUT_HPP
#define FSQ_INPUT_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class P> void input(hls::stream<fsq_beat_in>& in, hls::stream<ap_uint<P::WIDTH * 8> >& out) {
    const int ROW = P::WIDTH * P::CHANNELS;  // bytes of a row
    uint<8> row[ROW] = {};
    FSQ_REGISTERS(row)
    ap_uint<64> beat = 0;
    upto<8> left = 0;  // bytes of the beat not yet moved

    for (int y = 0; y < P::HEIGHT; ++y) {
        upto<ROW + 8> place = 0;
        while (place < ROW) {
            FSQ_PIPELINE(1)
            if (left == 0) {
                const fsq_beat_in next = in.read();
                beat = FSQ_BEAT_DATA(next);
                left = 8;
            }
            const int rest = ROW - static_cast<int>(place);
            const int most = static_cast<int>(left) < P::BYTES ? static_cast<int>(left) : P::BYTES;
            const int step = rest < most ? rest : most;
            FSQ_UNROLL_ABOVE
            for (int i = 0; i < P::BYTES; ++i) {
                FSQ_UNROLL_INSIDE
                if (i < step) row[place + i] = uint<8>(beat >> (8 * i));
            }
            beat = beat >> (8 * step);
            left = left - step;
            place = place + step;
        }
        for (int c = 0; c < P::CHANNELS; ++c) {
            FSQ_PIPELINE(1)
            uint<8> pixels[P::WIDTH];
            FSQ_REGISTERS(pixels)
            FSQ_UNROLL_ABOVE
            for (int x = 0; x < P::WIDTH; ++x) {
                FSQ_UNROLL_INSIDE
                pixels[x] = row[x * P::CHANNELS + c];
            }
            out.write(pack<P::WIDTH, 8>(pixels));
        }
    }
}

}  // namespace fsq
#endif
