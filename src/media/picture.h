/*
 * picture.h: pictures as the model sees them: interleaved RGB, eight bits a channel, upright, without transparency.
 *
 * Whatever a file holds (grey, palette, 16 bits, alpha, CMYK, an EXIF orientation) is turned into that once, here, so
 * that nothing behind needs to ask.
 */
#ifndef SL_MEDIA_PICTURE_H
#define SL_MEDIA_PICTURE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct sl_picture {
    int width, height;
    uint8_t *rgb; /* (height, width, 3), owned */
};

enum {
    SL_PICTURE_MAX_SIDE = 65535,
    SL_PICTURE_MAX_PIXELS = 1 << 28, /* 805 MB decoded: what a caller that trusts its files passes */
};

/*
 * Allocates an uninitialised picture; release with sl_picture_free. Sides outside 1..SL_PICTURE_MAX_SIDE, or more than
 * max_pixels (at most SL_PICTURE_MAX_PIXELS) in all, are SL_ERR_MEMORY.
 */
sl_status sl_picture_new(struct sl_picture *p, int64_t width, int64_t height, int64_t max_pixels, sl_error *err);

/*
 * Decodes n bytes of a PNG, JPEG, WebP, GIF or BMP file, told apart by their first bytes, into *p; release with
 * sl_picture_free. Of an animation it is the first frame.
 *
 * Transparency is laid over white, 16-bit samples keep their upper byte, the EXIF orientation is applied; colour
 * profiles and gamma are not. Malformed and truncated files are SL_ERR_FORMAT, other formats SL_ERR_UNSUPPORTED, more
 * than max_pixels SL_ERR_MEMORY before anything of that size is allocated; *p is then empty.
 */
sl_status sl_picture_decode(struct sl_picture *p, const void *bytes, size_t n, int64_t max_pixels, sl_error *err);

/* The same from a file; the message names it. */
sl_status sl_picture_read(struct sl_picture *p, const char *path, int64_t max_pixels, sl_error *err);

/* Releases the pixels; *p is empty again. An empty picture is fine. */
void sl_picture_free(struct sl_picture *p);

#endif
