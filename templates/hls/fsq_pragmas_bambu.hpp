// Dialect of Bambu (PandA): every pragma, every port declaration and the types at the ports.
//
// The kernels use these names only. FSQ_CSIM is defined where the sources are compiled by an ordinary C++ compiler
// for C simulation: pragmas vanish then, because they mean nothing to it. What Bambu does not know (pipelined loops,
// array layout, storage binding) is empty: it takes its own decisions there.
#ifndef FSQ_PRAGMAS_HPP
#define FSQ_PRAGMAS_HPP

#ifdef FSQ_CSIM
#define FSQ_PRAGMA(text)
#else
#define FSQ_PRAGMA_TEXT(text) _Pragma(#text)
#define FSQ_PRAGMA(text) FSQ_PRAGMA_TEXT(text)
#endif

// The simulation headers' integers have constructors that read what they are about to overwrite.
#if defined(FSQ_CSIM) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <ap_int.h>
#include <hls_stream.h>
#if defined(FSQ_CSIM) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// ---- loops and functions
#define FSQ_PIPELINE(ii)                            // an error in this dialect
#define FSQ_UNROLL_ABOVE FSQ_PRAGMA(HLS unroll)     // on the line directly above the loop
#define FSQ_UNROLL_INSIDE
#define FSQ_TRIPCOUNT(n)
#define FSQ_INLINE
#define FSQ_DATAFLOW FSQ_PRAGMA(HLS dataflow)

// ---- ports: depth is the number of words per call
#define FSQ_AXIS(port_name, words) FSQ_PRAGMA(HLS interface port = port_name mode = axis depth = words)
#define FSQ_CONTROL

// ---- memories
#define FSQ_FIFO(name, words)
#define FSQ_REGISTERS(name)
#define FSQ_BANKS(name, axis)
#define FSQ_ROW_WORDS(name, axis)
#define FSQ_RAM_BLOCK(name)
#define FSQ_RAM_ULTRA(name)
#define FSQ_RAM_LUT(name)
#define FSQ_ROM_BRAM(name)
#define FSQ_ROM_LUT(name)
#define FSQ_NO_HAZARD(name)

// ---- arithmetic
#define FSQ_MULTIPLIER(name)

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
