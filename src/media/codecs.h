/*
 * codecs.h: between picture.c and the decoders of one format each. Nothing outside media/ includes it.
 */
#ifndef SL_MEDIA_CODECS_H
#define SL_MEDIA_CODECS_H

#include "media/picture.h"

/* A file in memory, borrowed, and what it may become. */
struct sl_coded {
    const uint8_t *bytes;
    size_t n;
    int64_t max_pixels;
};

/*
 * Each decodes one file into *p, which is empty before, and writes its EXIF orientation (1..8; 1 when it has none). On
 * an error *p may hold pixels, which the caller releases.
 */
sl_status sl_png_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err);
sl_status sl_jpeg_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err);
sl_status sl_webp_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err);
sl_status sl_gif_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err);
sl_status sl_bmp_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err);

/* Lays rgba (n, 4) over white, rounded to nearest, into rgb (n, 3), which may be the same memory. */
void sl_over_white(const uint8_t *rgba, size_t n, uint8_t *rgb);

/*
 * Returns the orientation (tag 0x0112 of the first directory, EXIF 2.3 section 4.6.4) of n bytes of EXIF data that
 * start with the TIFF header; 1 when there is none or it makes no sense.
 */
int sl_exif_orientation(const uint8_t *bytes, size_t n);

/* The same of a WebP file's EXIF chunk, which should start with the TIFF header and often has JPEG's mark before it. */
int sl_exif_chunk_orientation(const uint8_t *bytes, size_t n);

#endif
