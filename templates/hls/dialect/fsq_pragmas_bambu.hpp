// Dialect of Bambu (PandA): every pragma of the kernels, and the types at the ports. The kernels use these names only; the
// pragmas of the top level stand in fsq_top.cpp itself, because Bambu takes a function's pragmas from no macro.
//
// What Bambu does not know (pipelined loops, array layout, storage binding) is empty: it takes its own decisions there.
#ifndef FSQ_PRAGMAS_HPP
#define FSQ_PRAGMAS_HPP

#include "fsq_tool.hpp"

// ---- loops and functions
#define FSQ_PIPELINE(ii)                            // an error in this dialect
#define FSQ_UNROLL_ABOVE FSQ_PRAGMA(HLS unroll)     // on the line directly above the loop
#define FSQ_UNROLL_INSIDE
#define FSQ_ROLLED_ABOVE FSQ_PRAGMA(nounroll)       // LLVM unrolls a short loop by itself
#define FSQ_TRIPCOUNT(n)
#define FSQ_INLINE

// ---- memories
#define FSQ_FIFO(name, words)
#define FSQ_FIFO_BLOCK(name, words)
#define FSQ_FIFO_ULTRA(name, words)
#define FSQ_REGISTERS(name)
#define FSQ_BANKS(name, axis)
#define FSQ_ROW_WORDS(name, axis)
#define FSQ_RAM_BLOCK(name)
#define FSQ_RAM_ULTRA(name)
#define FSQ_RAM_LUT(name)
#define FSQ_ROM_BRAM(name)
#define FSQ_ROM_LUT(name)
#define FSQ_READ_AFTER_WRITE(name, turns)

// ---- arithmetic
#define FSQ_MULTIPLIER(name)
#define FSQ_MULTIPLIER_LUT(name)

// Word of a parameter ROM: a plain integer, so that the arrays need no code to initialise them.
#define FSQ_ROM_WORD(bits) unsigned long long

// ---- AXI4-Stream beats: plain words, for structs in streams are not taken; a frame ends by its known length
typedef ap_uint<64> fsq_beat_in;
typedef ap_uint<32> fsq_beat_out;
#define FSQ_BEAT_DATA(beat) (beat)
#define FSQ_BEAT_SET(beat, value, is_last) \
    do {                                   \
        (void)(is_last);                   \
        (beat) = (value);                  \
    } while (0)
#define FSQ_BEAT_LAST(beat, is_last) ((void)(beat), (void)(is_last), true)

#endif
