/* Platform without an operating system, for processors of Zynq and Zynq UltraScale+ with AMD's standalone BSP (xil_cache.h,
 * xil_io.h, xtime_l.h). Not yet run on a board.
 *
 *     static uint8_t memory[FSQ_BARE_BYTES(16)] __attribute__((aligned(64)));
 *     fsq_platform platform;
 *     fsq_bare_open(&platform, XPAR_FSQ_SYSTEM_0_BASEADDR, memory, sizeof memory); */
#ifndef FSQ_BARE_H
#define FSQ_BARE_H

#include "fsq.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FSQ_BARE_LINE 64u /* bytes of a line of the caches, or of two */

/* Bytes of memory for jobs of so many frames. */
#define FSQ_BARE_BYTES(frames) (FSQ_BARE_LINES((frames)*FSQ_FRAME_BYTES) + FSQ_BARE_LINES((frames)*FSQ_RESULT_BYTES))
#define FSQ_BARE_LINES(bytes) (((bytes) + FSQ_BARE_LINE - 1u) / FSQ_BARE_LINE * FSQ_BARE_LINE)

/* Registers at address `registers`; `memory` aligned to FSQ_BARE_LINE, and of whole lines: what shares a line with it would
 * be lost. Polls. */
void fsq_bare_open(fsq_platform *platform, uintptr_t registers, void *memory, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
