/*
 * patches.c: normalising and cutting in one pass over the pixels.
 */
#include "media/patches.h"

#include "media/kernels.h"

#include <math.h>
#include <stddef.h>

static struct sl_inverse inverse_of(float x)
{
    double inverse = 1.0 / (double)x;
    struct sl_inverse i = {.high = (float)inverse};
    i.low = (float)(inverse - (double)i.high);
    return i;
}

/* a / b as the kernels do it: rounded once, so nearly always what division gives. */
static float divide(float a, struct sl_inverse b)
{
    return fmaf(a, b.high, a * b.low);
}

/* The 256 values a channel can take: exactly the formula, and faster than computing it. */
static void levels_init(struct sl_levels *l, const struct sl_patch_format *format)
{
    l->white = inverse_of(255.0f);
    l->by_product = true;
    for (int c = 0; c < 3; c++) {
        l->mean[c] = format->mean[c];
        l->std[c] = inverse_of(format->std[c]);
        for (int v = 0; v < 256; v++) {
            float exact = ((float)v / 255.0f - format->mean[c]) / format->std[c];
            l->value[c][v] = exact;
            l->by_product &= divide(divide((float)v, l->white) - format->mean[c], l->std[c]) == exact;
        }
    }
}

/* One patch: pixels of rows stride bytes apart to out (3, size, size), its channels `plane` numbers apart. */
static void cut_patch(const uint8_t *rgb, size_t stride, int size, const struct sl_levels *l, ptrdiff_t plane,
                      float *out)
{
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

/* Cuts frame number `frame` of patches of `frames`. */
static sl_status cut_frame(const struct sl_picture *p, const struct sl_patch_format *format, int frame, int n_threads,
                           float *out, sl_error *err)
{
    const int size = format->patch_size, frames = sl_patch_frames(format);
    const ptrdiff_t area = (ptrdiff_t)size * size;
    if (size < 1 || size > SL_PICTURE_MAX_SIDE / 2 || p->width % (2 * size) || p->height % (2 * size))
        return sl_fail(err, SL_ERR_ARGUMENT,
                       "a picture of %dx%d pixels does not divide into blocks of 2x2 patches of %d", p->width,
                       p->height, size);
    struct sl_levels levels;
    levels_init(&levels, format);
    const struct sl_media_kernels *kernels = sl_media_kernels_best();
    const bool fast = kernels->cut_patch && levels.by_product && size == SL_PATCH_SIDE && frames == 1;
    const int columns = p->width / size, rows = p->height / size;
    const size_t stride = (size_t)p->width * 3, patch_values = 3 * (size_t)(area * frames);
#pragma omp parallel for num_threads(n_threads) schedule(static)
    for (int block_row = 0; block_row < rows / 2; block_row++) {
        float *o = out + (size_t)block_row * (size_t)(2 * columns) * patch_values;
        /* In the order of the output, so that it is written from front to back. */
        for (int i = 0; i < 2 * columns; i++, o += patch_values) {
            const int row = 2 * block_row + i / 2 % 2, column = i / 4 * 2 + i % 2;
            const uint8_t *corner = p->rgb + (size_t)row * (size_t)size * stride + (size_t)column * (size_t)size * 3;
            bool last = row == rows - 1 && column == columns - 1; /* nothing may be read behind it */
            if (fast && !last)
                kernels->cut_patch(corner, stride, &levels, o);
            else
                cut_patch(corner, stride, size, &levels, area * frames, o + area * frame);
        }
    }
    return SL_OK;
}

sl_status sl_picture_patches(const struct sl_picture *p, const struct sl_patch_format *format, int n_threads,
                             float *out, sl_error *err)
{
    sl_status s = SL_OK;
    for (int i = 0; i < sl_patch_frames(format) && s == SL_OK; i++) s = cut_frame(p, format, i, n_threads, out, err);
    return s;
}

sl_status sl_picture_pair_patches(const struct sl_picture *p, const struct sl_picture *second,
                                  const struct sl_patch_format *format, int n_threads, float *out, sl_error *err)
{
    if (sl_patch_frames(format) != 2 || second->width != p->width || second->height != p->height)
        return sl_fail(err, SL_ERR_ARGUMENT, "frames of %dx%d and %dx%d pixels do not make a pair for patches of %d",
                       p->width, p->height, second->width, second->height, sl_patch_frames(format));
    sl_status s = cut_frame(p, format, 0, n_threads, out, err);
    return s == SL_OK ? cut_frame(second, format, 1, n_threads, out, err) : s;
}
