/* Raw images from a file to logits and classes, on Linux:
 *
 *     cc -std=c99 -O2 -o example example.c fsq.c fsq_linux.c && ./example images.bin [/dev/uio0 [udmabuf0]]
 *
 * images.bin: FSQ_PIXEL_BYTES for each image: rows, columns, channels. Not yet run on a board. */
#include <stdio.h>

#include "fsq_linux.h"

int main(int argc, char **argv) {
    static uint8_t image[FSQ_PIXEL_BYTES];
    static int32_t logits[FSQ_CLASSES];
    fsq_linux board;
    fsq_platform platform;
    fsq_device device;
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    int status = FSQ_OK;
    if (!file) {
        fprintf(stderr, "usage: example images.bin [/dev/uio0 [udmabuf0]]\n");
        return 2;
    }
    if (fsq_linux_open(&board, &platform, argc > 2 ? argv[2] : "/dev/uio0", argc > 3 ? argv[3] : "udmabuf0", 1)) {
        perror("accelerator");
        fclose(file);
        return 2;
    }
    status = fsq_open(&device, &platform);
    while (status == FSQ_OK && fread(image, 1, sizeof image, file) == sizeof image) {
        uint32_t best = 0, i;
        status = fsq_predict(&device, image, 1, logits);
        for (i = 1; i < FSQ_CLASSES; ++i)
            if (fsq_value(logits[i]) > fsq_value(logits[best])) best = i;
        if (status == FSQ_OK) printf("class %u: %g\n", (unsigned)best, fsq_value(logits[best]));
    }
    if (status != FSQ_OK) fprintf(stderr, "accelerator: %s\n", fsq_text(status));
    fsq_linux_close(&board);
    fclose(file);
    return status == FSQ_OK ? 0 : 1;
}
