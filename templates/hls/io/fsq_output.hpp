// Logits out: one sign- or zero-extended integer per AXI4-Stream beat, TLAST on the last class of a frame.
#ifndef FSQ_OUTPUT_HPP
#define FSQ_OUTPUT_HPP

#include "fsq_types.hpp"

namespace fsq {

template <int CLASSES, int BITS, bool SIGNED>
void output(hls::stream<ap_uint<BITS> >& in, hls::stream<fsq_beat_out>& out) {
    for (int n = 0; n < CLASSES; ++n) {
        FSQ_PIPELINE(1)
        const ap_uint<BITS> word = in.read();
        const long long value = integer<BITS, SIGNED>(word);
        fsq_beat_out beat;
        FSQ_BEAT_SET(beat, ap_uint<32>(value), n == CLASSES - 1);
        out.write(beat);
    }
}

}  // namespace fsq
#endif
