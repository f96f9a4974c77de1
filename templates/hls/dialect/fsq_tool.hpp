// Whether an HLS tool reads this, and its integers and streams: what the dialects have in common.
#ifndef FSQ_TOOL_HPP
#define FSQ_TOOL_HPP

// FSQ_TOOL: an HLS tool reads this, whose front end is clang. In C simulation (FSQ_CSIM) and under g++ (unless
// FSQ_PRAGMAS keeps them) pragmas vanish, because they mean nothing there.
#if !defined(FSQ_CSIM) && (defined(__clang__) || defined(FSQ_PRAGMAS))
#define FSQ_TOOL
#define FSQ_PRAGMA_TEXT(text) _Pragma(#text)
#define FSQ_PRAGMA(text) FSQ_PRAGMA_TEXT(text)
#else
#define FSQ_PRAGMA(text)
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

#endif
