/* Platform without an operating system; what it offers stands in fsq_bare.h. */
#include "fsq_bare.h"

#include <string.h>

#include "xil_cache.h"
#include "xil_io.h"
#include "xtime_l.h"

static uint32_t get(void *context, uint32_t offset) { return Xil_In32((uintptr_t)context + offset); }

static void set(void *context, uint32_t offset, uint32_t value) { Xil_Out32((uintptr_t)context + offset, value); }

static void clean(void *context, const void *data, size_t bytes) {
    (void)context;
    Xil_DCacheFlushRange((uintptr_t)data, bytes);
}

static void invalidate(void *context, void *data, size_t bytes) {
    (void)context;
    Xil_DCacheInvalidateRange((uintptr_t)data, bytes);
}

static uint64_t microseconds(void *context) {
    XTime ticks;
    (void)context;
    XTime_GetTime(&ticks);
    return (uint64_t)ticks / (COUNTS_PER_SECOND / 1000000u);
}

void fsq_bare_open(fsq_platform *platform, uintptr_t registers, void *memory, size_t bytes) {
    size_t batch = bytes / (FSQ_FRAME_BYTES + FSQ_RESULT_BYTES);
    while (batch > 0 && FSQ_BARE_BYTES(batch) > bytes) --batch;
    memset(platform, 0, sizeof *platform);
    platform->read = get;
    platform->write = set;
    platform->clean = clean;
    platform->invalidate = invalidate;
    platform->microseconds = microseconds;
    platform->context = (void *)registers;
    platform->pixels.data = memory;
    platform->pixels.address = (uintptr_t)memory;
    platform->pixels.bytes = batch * FSQ_FRAME_BYTES;
    platform->logits.data = (uint8_t *)memory + FSQ_BARE_LINES(platform->pixels.bytes);
    platform->logits.address = (uintptr_t)platform->logits.data;
    platform->logits.bytes = batch * FSQ_RESULT_BYTES;
}
