/* Driver of fsq_system: images in, logits out. C99, no heap, no standard library but <string.h>. Not yet run on a board.
 *
 *     fsq_device device;
 *     int status = fsq_open(&device, &platform);       // fsq_linux.h or fsq_bare.h make the platform
 *     if (status == FSQ_OK) status = fsq_predict(&device, images, count, logits);
 *     if (status != FSQ_OK) puts(fsq_text(status));
 *
 * One device is one accelerator; calls for it must not overlap. */
#ifndef FSQ_H
#define FSQ_H

#include <stddef.h>
#include <stdint.h>

#include "fsq_network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What went wrong; FSQ_OK is 0. */
enum fsq_status {
    FSQ_OK,
    FSQ_WRONG_ID,       /* no accelerator of fpga-squeeze at this address */
    FSQ_WRONG_VERSION,  /* another register map than the driver's */
    FSQ_WRONG_NETWORK,  /* another network, or another shell around it */
    FSQ_MISALIGNED,     /* a buffer's address is not a multiple of 8 */
    FSQ_BEYOND,         /* a buffer lies beyond the accelerator's addresses */
    FSQ_NO_ROOM,        /* a buffer is smaller than a frame, or than what is asked for */
    FSQ_TIMEOUT,        /* a job did not end in time; it was ended, the next one is right */
    FSQ_STUCK,          /* a job does not end: the memory does not answer; load the bitstream again */
    FSQ_READ_ERROR,     /* the memory answered a read with SLVERR or DECERR */
    FSQ_WRITE_ERROR,    /* the memory answered a write with SLVERR or DECERR */
    FSQ_LENGTH_ERROR,   /* a frame of wrong length */
    FSQ_ADDRESS_ERROR,  /* the accelerator refuses an address */
    FSQ_ENDED           /* the job was ended by a reset, or started twice */
};

/* Memory that accelerator and processor share. */
typedef struct {
    void *data;       /* where the processor sees it */
    uint64_t address; /* where the accelerator sees it; a multiple of 8 */
    size_t bytes;
} fsq_buffer;

/* What the driver needs of a board. Functions that may be NULL say so. */
typedef struct {
    uint32_t (*read)(void *context, uint32_t offset);                /* a register */
    void (*write)(void *context, uint32_t offset, uint32_t value);
    void (*clean)(void *context, const void *data, size_t bytes);    /* caches to memory; NULL: not cached */
    void (*invalidate)(void *context, void *data, size_t bytes);     /* caches forget; NULL: not cached */
    uint64_t (*microseconds)(void *context);                         /* a clock that only grows */
    void (*wait)(void *context, uint64_t microseconds);              /* for the interrupt, at most so long; NULL: none */
    void *context;
    fsq_buffer pixels; /* frames of a job */
    fsq_buffer logits; /* its results */
    uint64_t timeout;  /* microseconds for a job; 0: 10 seconds */
} fsq_platform;

typedef struct {
    fsq_platform platform;
    uint32_t batch;       /* frames of a job that both buffers hold */
    uint32_t frames_done; /* of the last job */
    uint32_t errors;      /* register error of the last job */
} fsq_device;

/* Checks the registers against this driver's network, then empties the accelerator. */
int fsq_open(fsq_device *device, const fsq_platform *platform);

/* Logits [count][FSQ_CLASSES] of images [count][FSQ_HEIGHT][FSQ_WIDTH][FSQ_CHANNELS], raw pixels. Unsigned logits of 32
 * bits have the bits of a uint32_t. */
int fsq_predict(fsq_device *device, const uint8_t *images, uint32_t count, int32_t *logits);

/* One job between buffers of the caller, without a copy: frames of FSQ_FRAME_BYTES to results of FSQ_RESULT_BYTES. */
int fsq_run(fsq_device *device, const fsq_buffer *pixels, const fsq_buffer *logits, uint32_t frames);

/* Ends what runs and empties every kernel. */
int fsq_reset(fsq_device *device);

/* Cycles of the last job, and of its last frame. */
uint32_t fsq_job_cycles(const fsq_device *device);
uint32_t fsq_frame_cycles(const fsq_device *device);

/* What a logit is worth. */
double fsq_value(int32_t logit);

/* The status in a line. */
const char *fsq_text(int status);

#ifdef __cplusplus
}
#endif

#endif
