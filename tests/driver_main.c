/* The C driver on a simulated board: `driver MODE IMAGES COUNT` prints its status, and the logits where all is well.
 *
 * The processor sees memory of its own, at the board's addresses: what is not cleaned never gets into the board's, what is not
 * invalidated never comes out of it. In mode linux both have one memory, the file udmabuf0; the file uio0 is what registers
 * are mapped from. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fsq_bare.h"
#include "fsq_linux.h"
#include "xil_cache.h"
#include "xil_io.h"
#include "xtime_l.h"

extern uint64_t sim_base(void);
extern uint32_t sim_size(void);
extern uint8_t *sim_memory(void);
extern void sim_map(uint8_t *other);
extern void sim_fault(int kind);
extern uint32_t sim_read(uint32_t offset);
extern void sim_write(uint32_t offset, uint32_t value);
extern int sim_interrupt(uint32_t cycles);

static uint8_t *mine; /* as the processor sees the memory */
static uint32_t lie_at = UINT32_MAX;
static uint64_t passed;
static int interrupts;

static uint32_t get(void *context, uint32_t offset) {
    (void)context;
    return offset == lie_at ? 0x12345678u : sim_read(offset);
}
static void set(void *context, uint32_t offset, uint32_t value) {
    (void)context;
    sim_write(offset, value);
}
static void clean(void *context, const void *data, size_t bytes) {
    (void)context;
    memcpy(sim_memory() + ((const uint8_t *)data - mine), data, bytes);
}
static void invalidate(void *context, void *data, size_t bytes) {
    (void)context;
    memcpy(data, sim_memory() + ((uint8_t *)data - mine), bytes);
}
static uint64_t microseconds(void *context) {
    (void)context;
    return passed += 5000;
}
static void await(void *context, uint64_t limit) {
    (void)context;
    passed += limit / 2;
    if (sim_interrupt(1000000)) ++interrupts;
}

/* AMD's BSP, for fsq_bare.c. */
#define REGISTERS 0xA0000000u
uint32_t Xil_In32(uintptr_t address) { return get(NULL, (uint32_t)(address - REGISTERS)); }
void Xil_Out32(uintptr_t address, uint32_t value) { set(NULL, (uint32_t)(address - REGISTERS), value); }
void Xil_DCacheFlushRange(intptr_t address, intptr_t bytes) { clean(NULL, (void *)address, (size_t)bytes); }
void Xil_DCacheInvalidateRange(intptr_t address, intptr_t bytes) { invalidate(NULL, (void *)address, (size_t)bytes); }
void XTime_GetTime(XTime *time) { *time = microseconds(NULL) * (COUNTS_PER_SECOND / 1000000u); }

/* Frames for `frames` of a job; pixels in front, logits behind, at `shift` bytes. */
static void lay(fsq_platform *platform, uint32_t frames, uint32_t shift) {
    platform->pixels.data = mine + shift;
    platform->pixels.address = sim_base() + shift;
    platform->pixels.bytes = (size_t)frames * FSQ_FRAME_BYTES;
    platform->logits.data = mine + 0x8000;
    platform->logits.address = sim_base() + 0x8000;
    platform->logits.bytes = (size_t)frames * FSQ_RESULT_BYTES;
}

static int predict(fsq_device *device, const uint8_t *images, uint32_t count) {
    int32_t *logits = malloc((size_t)count * FSQ_CLASSES * 4);
    const int status = fsq_predict(device, images, count, logits);
    uint32_t i;
    if (status == FSQ_OK)
        for (i = 0; i < count * FSQ_CLASSES; ++i) printf("%ld %.17g\n", (long)logits[i], fsq_value(logits[i]));
    printf("%d %s\n", status, fsq_text(status));
    free(logits);
    return status;
}

int main(int argc, char **argv) {
    const char *mode = argc == 4 ? argv[1] : "";
    const uint32_t count = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
    uint8_t *images = malloc((size_t)count * FSQ_PIXEL_BYTES + 1);
    FILE *file = argc == 4 ? fopen(argv[2], "rb") : NULL;
    fsq_platform platform;
    fsq_device device;
    fsq_linux board;
    int status;
    /* where a processor without virtual memory would see it */
    mine = mmap((void *)(uintptr_t)sim_base(), sim_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!file || !images || (uintptr_t)mine != sim_base() || fread(images, FSQ_PIXEL_BYTES, count, file) != count) return 2;
    fclose(file);
    memset(mine, 0xEE, sim_size());
    memset(&platform, 0, sizeof platform);
    platform.read = get;
    platform.write = set;
    platform.clean = clean;
    platform.invalidate = invalidate;
    platform.microseconds = microseconds;
    lay(&platform, 2, 0);
    if (!strcmp(mode, "interrupt")) platform.wait = await;
    if (!strcmp(mode, "id")) lie_at = FSQ_R_ID;
    if (!strcmp(mode, "version")) lie_at = FSQ_R_VERSION;
    if (!strcmp(mode, "network")) lie_at = FSQ_R_NETWORK;
    if (!strcmp(mode, "misaligned")) lay(&platform, 2, 4);
    if (!strcmp(mode, "small")) platform.logits.bytes = FSQ_RESULT_BYTES - 1;
    if (!strcmp(mode, "beyond")) platform.pixels.address = ((uint64_t)1 << FSQ_ADDRESS_BITS) - 8;
    if (!strcmp(mode, "bare")) fsq_bare_open(&platform, REGISTERS, mine, FSQ_BARE_BYTES(3) + 20);
    if (!strcmp(mode, "linux")) {
        if (fsq_linux_open_at(&board, &platform, "uio0", ".", "class", "udmabuf0", 0)) return 3;
        platform.write(platform.context, FSQ_R_FRAMES, platform.read(platform.context, FSQ_R_ID));
        platform.read = get;
        platform.write = set;
        sim_map(board.memory);
    }
    status = fsq_open(&device, &platform);
    if (status != FSQ_OK) {
        printf("%d %s\n", status, fsq_text(status));
        return 0;
    }
    if (!strcmp(mode, "read")) sim_fault(1);
    if (!strcmp(mode, "write")) sim_fault(2);
    if (!strcmp(mode, "stuck")) sim_fault(3);
    if (!strcmp(mode, "timeout")) device.platform.timeout = 1;
    if (!strcmp(mode, "length")) sim_write(FSQ_R_FRAME_BYTES, FSQ_FRAME_BYTES + 8);
    status = predict(&device, images, count);
    if (status != FSQ_OK && status != FSQ_STUCK && platform.pixels.address == sim_base()) {
        /* the next job is right */
        sim_fault(0);
        sim_write(FSQ_R_FRAME_BYTES, FSQ_FRAME_BYTES);
        device.platform.timeout = 0;
        status = predict(&device, images, count);
    }
    if (status == FSQ_OK)
        printf("cycles %lu %lu, interrupts %d\n", (unsigned long)fsq_job_cycles(&device),
               (unsigned long)fsq_frame_cycles(&device), interrupts);
    if (!strcmp(mode, "bare") || !strcmp(mode, "linux"))
        printf("batch %lu, logits at %#lx\n", (unsigned long)device.batch, (unsigned long)platform.logits.address);
    if (!strcmp(mode, "linux")) fsq_linux_close(&board);
    free(images);
    return 0;
}
