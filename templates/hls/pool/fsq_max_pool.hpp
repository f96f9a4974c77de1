// Max pool: reduces a row word along the row at once, keeps one output row per channel, and combines rows.
//
// Three tables tell for every input row whether a window is open above it (have), whether it opens one (start) and
// whether it completes one (emit); a row may do all three. EXTRA sends one more output row after the last input row, for
// a window that has only that row inside the image.
//
// P gives CHANNELS, HEIGHT, WIDTH, OUT_WIDTH, BITS, SIGNED, IN_ROWS, KERNEL, STRIDE, PAD_LEFT, LOWEST (the smallest pixel),
// EXTRA, and have_row(y), start_row(y), emit_row(y).
#ifndef FSQ_MAX_POOL_HPP
#define FSQ_MAX_POOL_HPP

#include "fsq_walk.hpp"

namespace fsq {

template <class P> using kept_memory = integer<P::BITS, P::SIGNED>[P::CHANNELS][P::OUT_WIDTH];

template <class P>
void max_pool(kept_memory<P>& kept, hls::stream<ap_uint<P::WIDTH * P::BITS> >& in,
              hls::stream<ap_uint<P::OUT_WIDTH * P::BITS> >& out) {
    typedef integer<P::BITS, P::SIGNED> pixel;
    WordWalk<P> at;

    for (int n = 0; n < P::CHANNELS * P::HEIGHT; ++n) {
        FSQ_PIPELINE(2)
        pixel pixels[P::WIDTH];
        FSQ_REGISTERS(pixels)
        unpack<P::WIDTH, P::BITS>(in.read(), pixels);
        const bool have = P::have_row(at.y);
        const bool start = P::start_row(at.y);
        const bool emit = P::emit_row(at.y);
        pixel emitted[P::OUT_WIDTH];
        FSQ_REGISTERS(emitted)
        FSQ_UNROLL_ABOVE
        for (int x = 0; x < P::OUT_WIDTH; ++x) {
            FSQ_UNROLL_INSIDE
            pixel now = P::LOWEST;
            FSQ_UNROLL_ABOVE
            for (int k = 0; k < P::KERNEL; ++k) {
                FSQ_UNROLL_INSIDE
                const int from = x * P::STRIDE + k - P::PAD_LEFT;
                if (from >= 0 && from < P::WIDTH && pixels[from] > now) now = pixels[from];
            }
            const pixel above = kept[at.channel][x];
            const pixel both = have && above > now ? above : now;
            emitted[x] = both;
            kept[at.channel][x] = start ? now : both;
        }
        if (emit) out.write(pack<P::OUT_WIDTH, P::BITS>(emitted));
        at.next();
    }
    if (P::EXTRA) {
        for (int c = 0; c < P::CHANNELS; ++c) {
            FSQ_PIPELINE(2)
            out.write(pack<P::OUT_WIDTH, P::BITS>(kept[c]));
        }
    }
}

}  // namespace fsq
#endif
