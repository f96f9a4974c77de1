/* Platform of Linux: registers through UIO, memory through u-dma-buf. Not yet run on a board.
 *
 *     fsq_linux linux_board;
 *     fsq_platform platform;
 *     if (fsq_linux_open(&linux_board, &platform, "/dev/uio0", "udmabuf0", 1)) perror("accelerator");
 *
 * The device tree: the accelerator's node is compatible with "generic-uio" (boot argument uio_pdrv_genirq.of_id=generic-uio),
 * its interrupt is named there, and u-dma-buf (https://github.com/ikwzm/udmabuf) has a buffer of as many frames as a job. */
#ifndef FSQ_LINUX_H
#define FSQ_LINUX_H

#include "fsq.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    volatile uint32_t *registers;
    void *memory;
    size_t bytes; /* of the memory */
    int uio, buffer;
} fsq_linux;

/* Maps device `uio` and the u-dma-buf of that name; `interrupt`: wait for it, 0: poll. 0, or -1 with errno set. */
int fsq_linux_open(fsq_linux *board, fsq_platform *platform, const char *uio, const char *buffer, int interrupt);

/* The same with folders of devices and of the attributes of u-dma-buf; fsq_linux_open takes /dev and /sys/class/u-dma-buf. */
int fsq_linux_open_at(fsq_linux *board, fsq_platform *platform, const char *uio, const char *devices,
                      const char *attributes, const char *buffer, int interrupt);

void fsq_linux_close(fsq_linux *board);

#ifdef __cplusplus
}
#endif

#endif
