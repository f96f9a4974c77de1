// Max pool over any window.
//
// P gives what fsq_window.hpp asks for.
#ifndef FSQ_WINDOW_MAX_HPP
#define FSQ_WINDOW_MAX_HPP

#include "fsq_window.hpp"

namespace fsq {

template <class P>
void window_max(window_memory<P>& kept, hls::stream<ap_uint<P::WIDTH * P::BITS> >& in,
                hls::stream<ap_uint<P::OUT_WIDTH * P::BITS> >& out) {
    WordWalk<P> at;
    value_of<P> now[P::OUT_WIDTH];
    window_of<P> window[P::OUT_WIDTH];
    FSQ_REGISTERS(now)
    FSQ_REGISTERS(window)
    clear(now);

    for (int n = 0; n < P::CHANNELS * P::HEIGHT; ++n) {
        FSQ_PIPELINE(2)
        reduce_row<P>(in.read(), now);
        combine_rows<P>(kept, at.channel, true, now, P::mask_row(at.y), window);
        keep_row<P>(kept, at.channel, now);
        if (P::emit_row(at.y)) out.write(pack<P::OUT_WIDTH, P::BITS>(window));
        at.next();
    }
    for (int i = 0; i < P::EXTRAS; ++i) {
        for (int c = 0; c < P::CHANNELS; ++c) {
            FSQ_PIPELINE(2)
            combine_rows<P>(kept, c, false, now, P::extra_mask(i), window);
            out.write(pack<P::OUT_WIDTH, P::BITS>(window));
        }
    }
}

}  // namespace fsq
#endif
