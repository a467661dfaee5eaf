/*
 * patches.h: from pixels to what the vision transformer reads.
 */
#ifndef SL_MEDIA_PATCHES_H
#define SL_MEDIA_PATCHES_H

#include "media/picture.h"

/* A picture's patch grid: rows and columns, both even. */
typedef struct sl_grid {
    int32_t rows, cols;
} sl_grid;

struct sl_patch_format {
    int patch_size;        /* pixels of a side: 14 */
    int frames;            /* of a patch: 0 and 1 mean one; a still picture is its frame so often */
    float mean[3], std[3]; /* of RGB in [0, 1]; std > 0 */
};

/* Frames of a patch, at least 1. */
static inline int sl_patch_frames(const struct sl_patch_format *format)
{
    return format->frames > 1 ? format->frames : 1;
}

/*
 * Cuts *p, whose sides are multiples of 2 * patch_size (else SL_ERR_ARGUMENT), into patches and normalises them:
 * out (height / patch_size * width / patch_size, 3 * frames * patch_size * patch_size), borrowed, receives
 *     (v / 255 - mean[c]) / std[c]
 * with the elements of a patch ordered (channel, frame, y, x), and the patches so that the four which become one visual
 * token are neighbours: block row, block column, row in the 2x2 block, column in the block. Uses n_threads threads (>=
 * 1).
 */
sl_status sl_picture_patches(const struct sl_picture *p, const struct sl_patch_format *format, int n_threads,
                             float *out, sl_error *err);

/* The same of patches of two frames; second has p's size (else SL_ERR_ARGUMENT). */
sl_status sl_picture_pair_patches(const struct sl_picture *p, const struct sl_picture *second,
                                  const struct sl_patch_format *format, int n_threads, float *out, sl_error *err);

#endif
