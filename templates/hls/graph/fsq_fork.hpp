// Fork: every word goes to every branch.
//
// P gives BITS (of a word) and WORDS (per frame).
#ifndef FSQ_FORK_HPP
#define FSQ_FORK_HPP

#include "fsq_types.hpp"

namespace fsq {

template <class WORD> inline void write_all(const WORD&) {}
template <class WORD, class... REST> inline void write_all(const WORD& word, hls::stream<WORD>& first, REST&... rest) {
    FSQ_INLINE
    first.write(word);
    write_all(word, rest...);
}

template <class P, class... OUTS> void fork(hls::stream<ap_uint<P::BITS> >& in, OUTS&... outs) {
    for (int n = 0; n < P::WORDS; ++n) {
        FSQ_PIPELINE(1)
        const ap_uint<P::BITS> word = in.read();
        write_all(word, outs...);
    }
}

}  // namespace fsq
#endif
