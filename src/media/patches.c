/*
 * patches.c: normalising and cutting in one pass over the pixels.
 */
#include "media/patches.h"

#include <stddef.h>

/* The 256 values a channel can take: exactly the formula, and faster than computing it. */
struct levels {
    float value[3][256];
};

static void levels_init(struct levels *l, const struct sl_patch_format *format)
{
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++) l->value[c][v] = ((float)v / 255.0f - format->mean[c]) / format->std[c];
}

/* One patch: pixels of rows stride bytes apart to out (3, size, size). */
static void cut_patch(const uint8_t *rgb, size_t stride, int size, const struct levels *l, float *out)
{
    const ptrdiff_t plane = (ptrdiff_t)size * size;
    for (ptrdiff_t y = 0; y < size; y++) {
        const uint8_t *row = rgb + (size_t)y * stride;
        float *o = out + y * size;
        for (ptrdiff_t x = 0; x < size; x++) {
            o[x] = l->value[0][row[3 * x]];
            o[x + plane] = l->value[1][row[3 * x + 1]];
            o[x + 2 * plane] = l->value[2][row[3 * x + 2]];
        }
    }
}

sl_status sl_picture_patches(const struct sl_picture *p, const struct sl_patch_format *format, int n_threads,
                             float *out, sl_error *err)
{
    const int size = format->patch_size;
    if (size < 1 || size > SL_PICTURE_MAX_SIDE / 2 || p->width % (2 * size) || p->height % (2 * size))
        return sl_fail(err, SL_ERR_ARGUMENT,
                       "a picture of %dx%d pixels does not divide into blocks of 2x2 patches of %d", p->width,
                       p->height, size);
    struct levels levels;
    levels_init(&levels, format);
    const int columns = p->width / size, rows = p->height / size;
    const size_t stride = (size_t)p->width * 3, patch_values = 3 * (size_t)size * (size_t)size;
#pragma omp parallel for num_threads(n_threads) schedule(static)
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            /* Patches in front: four for every block before this one, then those of this block. */
            size_t block = (size_t)(row / 2) * (size_t)(columns / 2) + (size_t)(column / 2);
            size_t index = 4 * block + 2 * (size_t)(row % 2) + (size_t)(column % 2);
            const uint8_t *corner = p->rgb + (size_t)row * (size_t)size * stride + (size_t)column * (size_t)size * 3;
            cut_patch(corner, stride, size, &levels, out + index * patch_values);
        }
    return SL_OK;
}
