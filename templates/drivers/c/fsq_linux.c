/* Platform of Linux; what it offers stands in fsq_linux.h. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "fsq_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint32_t get(void *context, uint32_t offset) {
    const fsq_linux *board = context;
    return board->registers[offset / 4];
}

static void set(void *context, uint32_t offset, uint32_t value) {
    fsq_linux *board = context;
    __sync_synchronize(); /* pixels are in memory before a job starts */
    board->registers[offset / 4] = value;
}

static uint64_t microseconds(void *context) {
    struct timespec time;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

/* UIO turns an interrupt off when it tells it: a 1 turns it on again. */
static void await(void *context, uint64_t limit) {
    const fsq_linux *board = context;
    struct pollfd told;
    uint32_t word = 1;
    if (write(board->uio, &word, sizeof word) != (ssize_t)sizeof word) return;
    told.fd = board->uio;
    told.events = POLLIN;
    if (poll(&told, 1, (int)(limit / 1000u) + 1) == 1 && read(board->uio, &word, sizeof word) < 0) return;
}

/* A number of an attribute, decimal or 0x; 0 where there is none. */
static uint64_t attribute(const char *folder, const char *buffer, const char *name) {
    char path[256];
    int64_t value = 0;
    FILE *file;
    snprintf(path, sizeof path, "%s/%s/%s", folder, buffer, name);
    file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%" SCNi64, &value) != 1) value = 0;
    fclose(file);
    return (uint64_t)value;
}

int fsq_linux_open_at(fsq_linux *board, fsq_platform *platform, const char *uio, const char *devices,
                      const char *attributes, const char *buffer, int interrupt) {
    char path[256];
    const uint64_t address = attribute(attributes, buffer, "phys_addr");
    const size_t bytes = (size_t)attribute(attributes, buffer, "size");
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t batch = bytes / (FSQ_FRAME_BYTES + FSQ_RESULT_BYTES);
    void *registers;

    board->registers = NULL;
    board->memory = NULL;
    board->bytes = bytes;
    board->buffer = -1;
    snprintf(path, sizeof path, "%s/%s", devices, buffer);
    board->uio = open(uio, O_RDWR);
    if (board->uio >= 0) board->buffer = open(path, O_RDWR | O_SYNC); /* O_SYNC: not cached */
    if (board->buffer < 0 || bytes == 0) {
        if (board->buffer >= 0) errno = ENXIO;
        fsq_linux_close(board);
        return -1;
    }
    registers = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, board->uio, 0);
    if (registers != MAP_FAILED) board->registers = registers;
    board->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, board->buffer, 0);
    if (board->memory == MAP_FAILED) board->memory = NULL;
    if (!board->registers || !board->memory) {
        fsq_linux_close(board);
        return -1;
    }
    memset(platform, 0, sizeof *platform);
    platform->read = get;
    platform->write = set;
    platform->microseconds = microseconds;
    platform->wait = interrupt ? await : NULL;
    platform->context = board;
    platform->pixels.data = board->memory;
    platform->pixels.address = address;
    platform->pixels.bytes = batch * FSQ_FRAME_BYTES;
    platform->logits.data = (uint8_t *)board->memory + platform->pixels.bytes;
    platform->logits.address = address + platform->pixels.bytes;
    platform->logits.bytes = batch * FSQ_RESULT_BYTES;
    return 0;
}

int fsq_linux_open(fsq_linux *board, fsq_platform *platform, const char *uio, const char *buffer, int interrupt) {
    return fsq_linux_open_at(board, platform, uio, "/dev", "/sys/class/u-dma-buf", buffer, interrupt);
}

void fsq_linux_close(fsq_linux *board) {
    const int reason = errno;
    if (board->registers) munmap((void *)board->registers, (size_t)sysconf(_SC_PAGESIZE));
    if (board->memory) munmap(board->memory, board->bytes);
    if (board->buffer >= 0) close(board->buffer);
    if (board->uio >= 0) close(board->uio);
    board->registers = NULL;
    board->memory = NULL;
    board->buffer = board->uio = -1;
    errno = reason;
}
