/* Driver of fsq_system; what it offers stands in fsq.h. */
#include "fsq.h"

#include <string.h>

#define TIMEOUT 10000000u /* microseconds for a job where the platform names none */
#define PATIENCE 1000000u /* microseconds in which a reset must come to its end */

static uint32_t get(const fsq_device *device, uint32_t offset) {
    return device->platform.read(device->platform.context, offset);
}

static void set(const fsq_device *device, uint32_t offset, uint32_t value) {
    device->platform.write(device->platform.context, offset, value);
}

static uint64_t now(const fsq_device *device) { return device->platform.microseconds(device->platform.context); }

static int check(const fsq_device *device) {
    if (get(device, FSQ_R_ID) != FSQ_ID) return FSQ_WRONG_ID;
    if ((get(device, FSQ_R_VERSION) & FSQ_VERSION_MAJOR) != (FSQ_VERSION & FSQ_VERSION_MAJOR)) return FSQ_WRONG_VERSION;
    if (get(device, FSQ_R_NETWORK) != FSQ_NETWORK_HASH || get(device, FSQ_R_CLASSES) != FSQ_CLASSES ||
        get(device, FSQ_R_RESULT_BYTES) != FSQ_RESULT_BYTES || get(device, FSQ_R_FRAME_BYTES) != FSQ_FRAME_BYTES ||
        get(device, FSQ_R_CONFIG) != FSQ_CONFIG)
        return FSQ_WRONG_NETWORK;
    return FSQ_OK;
}

/* Whether a buffer can hold frames of so many bytes. */
static int fits(const fsq_buffer *buffer, uint32_t frames, uint32_t bytes) {
    const uint64_t size = (uint64_t)frames * bytes;
    if (buffer->address % 8u != 0) return FSQ_MISALIGNED;
    if (buffer->bytes < size) return FSQ_NO_ROOM;
    if (buffer->address > ((uint64_t)1 << FSQ_ADDRESS_BITS) - size) return FSQ_BEYOND;
    return FSQ_OK;
}

static int of_errors(uint32_t errors) {
    if (errors & FSQ_ERROR_READ) return FSQ_READ_ERROR;
    if (errors & FSQ_ERROR_WRITE) return FSQ_WRITE_ERROR;
    if (errors & FSQ_ERROR_LENGTH) return FSQ_LENGTH_ERROR;
    if (errors & FSQ_ERROR_ADDRESS) return FSQ_ADDRESS_ERROR;
    return FSQ_ENDED;
}

int fsq_open(fsq_device *device, const fsq_platform *platform) {
    uint32_t pixels, logits;
    int status;
    device->platform = *platform;
    device->frames_done = 0;
    device->errors = 0;
    pixels = (uint32_t)(platform->pixels.bytes / FSQ_FRAME_BYTES);
    logits = (uint32_t)(platform->logits.bytes / FSQ_RESULT_BYTES);
    device->batch = pixels < logits ? pixels : logits;
    status = check(device);
    return status == FSQ_OK ? fsq_reset(device) : status;
}

int fsq_reset(fsq_device *device) {
    uint64_t began;
    set(device, FSQ_R_CONTROL, FSQ_CONTROL_RESET);
    (void)get(device, FSQ_R_STATUS); /* this answer may be older than the reset */
    began = now(device);
    while (get(device, FSQ_R_STATUS) & FSQ_STATUS_BUSY)
        if (now(device) - began > PATIENCE) return FSQ_STUCK;
    return FSQ_OK;
}

/* Waits for the end of a job: irq_status tells it, as status may still be that of the job before. */
static int await(fsq_device *device) {
    const uint64_t limit = device->platform.timeout ? device->platform.timeout : TIMEOUT;
    const uint64_t began = now(device);
    while (get(device, FSQ_R_IRQ_STATUS) == 0 || (get(device, FSQ_R_STATUS) & FSQ_STATUS_BUSY)) {
        const uint64_t passed = now(device) - began;
        if (passed > limit) {
            device->frames_done = get(device, FSQ_R_FRAMES_DONE);
            return fsq_reset(device) == FSQ_OK ? FSQ_TIMEOUT : FSQ_STUCK;
        }
        if (device->platform.wait && get(device, FSQ_R_IRQ_STATUS) == 0)
            device->platform.wait(device->platform.context, limit - passed);
    }
    device->frames_done = get(device, FSQ_R_FRAMES_DONE);
    device->errors = get(device, FSQ_R_ERROR);
    if (device->errors == 0 && (get(device, FSQ_R_STATUS) & FSQ_STATUS_DONE)) return FSQ_OK;
    return of_errors(device->errors);
}

int fsq_run(fsq_device *device, const fsq_buffer *pixels, const fsq_buffer *logits, uint32_t frames) {
    const fsq_platform *platform = &device->platform;
    int status = fits(pixels, frames, FSQ_FRAME_BYTES);
    if (status == FSQ_OK) status = fits(logits, frames, FSQ_RESULT_BYTES);
    if (status != FSQ_OK) return status;
    if (platform->clean) {
        platform->clean(platform->context, pixels->data, (size_t)frames * FSQ_FRAME_BYTES);
        /* nothing of it may be written back over the logits */
        platform->clean(platform->context, logits->data, (size_t)frames * FSQ_RESULT_BYTES);
    }
    device->errors = 0;
    set(device, FSQ_R_ERROR, UINT32_MAX);
    set(device, FSQ_R_IRQ_STATUS, UINT32_MAX);
    set(device, FSQ_R_IRQ_ENABLE, platform->wait ? FSQ_IRQ_ENABLE_DONE | FSQ_IRQ_ENABLE_ERROR : 0u);
    set(device, FSQ_R_SOURCE, (uint32_t)pixels->address);
    set(device, FSQ_R_SOURCE_HIGH, (uint32_t)(pixels->address >> 32));
    set(device, FSQ_R_TARGET, (uint32_t)logits->address);
    set(device, FSQ_R_TARGET_HIGH, (uint32_t)(logits->address >> 32));
    set(device, FSQ_R_FRAMES, frames);
    set(device, FSQ_R_CONTROL, FSQ_CONTROL_START);
    status = await(device);
    set(device, FSQ_R_IRQ_ENABLE, 0);
    if (platform->invalidate)
        platform->invalidate(platform->context, logits->data, (size_t)frames * FSQ_RESULT_BYTES);
    return status;
}

int fsq_predict(fsq_device *device, const uint8_t *images, uint32_t count, int32_t *logits) {
    const fsq_buffer *in = &device->platform.pixels, *out = &device->platform.logits;
    uint32_t first, i;
    if (device->batch == 0) return FSQ_NO_ROOM;
    for (first = 0; first < count; first += device->batch) {
        const uint32_t frames = count - first < device->batch ? count - first : device->batch;
        int status;
        for (i = 0; i < frames; ++i) {
            uint8_t *at = (uint8_t *)in->data + (size_t)i * FSQ_FRAME_BYTES;
            memcpy(at, images + (size_t)(first + i) * FSQ_PIXEL_BYTES, FSQ_PIXEL_BYTES);
            memset(at + FSQ_PIXEL_BYTES, 0, FSQ_FRAME_BYTES - FSQ_PIXEL_BYTES);
        }
        status = fsq_run(device, in, out, frames);
        if (status != FSQ_OK) return status;
        for (i = 0; i < frames; ++i)
            memcpy(logits + (size_t)(first + i) * FSQ_CLASSES,
                   (const uint8_t *)out->data + (size_t)i * FSQ_RESULT_BYTES, 4 * FSQ_CLASSES);
    }
    return FSQ_OK;
}

uint32_t fsq_job_cycles(const fsq_device *device) { return get(device, FSQ_R_JOB_CYCLES); }

uint32_t fsq_frame_cycles(const fsq_device *device) { return get(device, FSQ_R_FRAME_CYCLES); }

double fsq_value(int32_t logit) {
    const double integer = FSQ_LOGIT_SIGNED ? (double)logit : (double)(uint32_t)logit;
    return (integer - FSQ_LOGIT_ZERO) * FSQ_LOGIT_SCALE;
}

const char *fsq_text(int status) {
    switch (status) {
    case FSQ_OK: return "ok";
    case FSQ_WRONG_ID: return "register id is another one: no accelerator of fpga-squeeze is at this address";
    case FSQ_WRONG_VERSION: return "register version is another one: take driver and bitstream from one project";
    case FSQ_WRONG_NETWORK:
        return "the bitstream holds another network than " FSQ_NETWORK
               ", or another shell: take driver and bitstream from one project";
    case FSQ_MISALIGNED: return "a buffer's address is not a multiple of 8";
    case FSQ_BEYOND: return "a buffer lies beyond the accelerator's addresses";
    case FSQ_NO_ROOM: return "a buffer is smaller than the frames it is to hold";
    case FSQ_TIMEOUT: return "the job did not end in time, and was ended: give it more time, or fewer frames";
    case FSQ_STUCK: return "the job does not end, its memory does not answer: load the bitstream again";
    case FSQ_READ_ERROR: return "the memory answered a read with SLVERR or DECERR: check the address of the pixels";
    case FSQ_WRITE_ERROR: return "the memory answered a write with SLVERR or DECERR: check the address of the logits";
    case FSQ_LENGTH_ERROR: return "a frame of wrong length: register frame_bytes was changed";
    case FSQ_ADDRESS_ERROR: return "the accelerator refuses an address: no multiple of 8, or beyond the last one";
    case FSQ_ENDED: return "the job was ended by a reset, or started twice: only one program may drive the accelerator";
    default: return "no status of this driver";
    }
}
