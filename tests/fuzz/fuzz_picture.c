/*
 * fuzz_picture.c: any bytes as a picture file; every byte of what is decoded must be there.
 */
#include "media/picture.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_picture p;
    sl_error err = {0};
    /* A small ceiling: what is hunted are wrong reads, not large pictures. */
    sl_status status = sl_picture_decode(&p, bytes, n, 1 << 20, &err);
    if (status ? p.rgb || !err.message[0] : p.width < 1 || p.height < 1) abort();
    unsigned sum = 0;
    for (int64_t i = 0; i < (int64_t)p.width * p.height * 3; i++) sum += p.rgb[i];
    sl_picture_free(&p);
    return sum > 0xfffffffeu ? -1 : 0; /* depends on every pixel */
}
