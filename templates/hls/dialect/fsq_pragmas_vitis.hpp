// Dialect of Vitis HLS: every pragma of the kernels, and the types at the ports. The kernels use these names only; the
// pragmas of the top level stand in fsq_top.cpp itself.
#ifndef FSQ_PRAGMAS_HPP
#define FSQ_PRAGMAS_HPP

#include "fsq_tool.hpp"

// ---- loops and functions
#define FSQ_PIPELINE(ii) FSQ_PRAGMA(HLS pipeline II = ii)
#define FSQ_UNROLL_ABOVE                                   // on the line above a loop: not in this dialect
#define FSQ_ROLLED_ABOVE                                   // neither: a pipelined loop stays rolled
#define FSQ_UNROLL_INSIDE FSQ_PRAGMA(HLS unroll)           // first line inside the loop
#define FSQ_TRIPCOUNT(n) FSQ_PRAGMA(HLS loop_tripcount min = n max = n)
#define FSQ_INLINE FSQ_PRAGMA(HLS inline)

// ---- memories
#define FSQ_FIFO(name, words)                                 \
    FSQ_PRAGMA(HLS stream variable = name depth = words)      \
    FSQ_PRAGMA(HLS bind_storage variable = name type = fifo impl = lutram)
#define FSQ_FIFO_BLOCK(name, words)                           \
    FSQ_PRAGMA(HLS stream variable = name depth = words)      \
    FSQ_PRAGMA(HLS bind_storage variable = name type = fifo impl = bram)
#define FSQ_FIFO_ULTRA(name, words)                           \
    FSQ_PRAGMA(HLS stream variable = name depth = words)      \
    FSQ_PRAGMA(HLS bind_storage variable = name type = fifo impl = uram)
#define FSQ_REGISTERS(name) FSQ_PRAGMA(HLS array_partition variable = name complete dim = 0)
#define FSQ_BANKS(name, axis) FSQ_PRAGMA(HLS array_partition variable = name complete dim = axis)
#define FSQ_ROW_WORDS(name, axis) FSQ_PRAGMA(HLS array_reshape variable = name complete dim = axis)
#define FSQ_RAM_BLOCK(name) FSQ_PRAGMA(HLS bind_storage variable = name type = ram_s2p impl = bram)
#define FSQ_RAM_ULTRA(name) FSQ_PRAGMA(HLS bind_storage variable = name type = ram_s2p impl = uram)
#define FSQ_RAM_LUT(name) FSQ_PRAGMA(HLS bind_storage variable = name type = ram_s2p impl = lutram)
#define FSQ_ROM_BRAM(name) FSQ_PRAGMA(HLS bind_storage variable = name type = rom_1p impl = bram)
#define FSQ_ROM_LUT(name) FSQ_PRAGMA(HLS bind_storage variable = name type = rom_np impl = lutram)
// what a turn reads was written `turns` turns before it, or earlier
#define FSQ_READ_AFTER_WRITE(name, turns) \
    FSQ_PRAGMA(HLS dependence variable = name inter RAW distance = turns true)

// ---- arithmetic
#define FSQ_MULTIPLIER(name) FSQ_PRAGMA(HLS bind_op variable = name op = mul impl = dsp)
#define FSQ_MULTIPLIER_LUT(name) FSQ_PRAGMA(HLS bind_op variable = name op = mul impl = fabric)  // no DSP slice

// Word of a parameter ROM. In simulation a plain integer, so that the arrays need no code to initialise them.
#ifdef FSQ_CSIM
#define FSQ_ROM_WORD(bits) unsigned long long
#else
#define FSQ_ROM_WORD(bits) ap_uint<bits>
#endif

// ---- AXI4-Stream beats, with TLAST
#if defined(__has_include)
#if __has_include(<ap_axi_sdata.h>)
#define FSQ_HAS_AXI_SDATA
#endif
#endif
#ifdef FSQ_HAS_AXI_SDATA
#include <ap_axi_sdata.h>
typedef ap_axiu<64, 0, 0, 0> fsq_beat_in;
typedef ap_axiu<32, 0, 0, 0> fsq_beat_out;
#else
// The open simulation headers lack ap_axi_sdata.h: the same fields by hand, for C simulation only.
struct fsq_beat_in {
    ap_uint<64> data;
    ap_uint<8> keep;
    ap_uint<8> strb;
    ap_uint<1> last;
};
struct fsq_beat_out {
    ap_uint<32> data;
    ap_uint<4> keep;
    ap_uint<4> strb;
    ap_uint<1> last;
};
#endif
#define FSQ_BEAT_DATA(beat) ((beat).data)
#define FSQ_BEAT_SET(beat, value, is_last) \
    do {                                   \
        (beat).data = (value);             \
        (beat).keep = -1;                  \
        (beat).strb = -1;                  \
        (beat).last = (is_last);           \
    } while (0)
#define FSQ_BEAT_LAST(beat, is_last) ((beat).last == (is_last))

#endif
