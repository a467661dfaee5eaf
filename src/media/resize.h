/*
 * resize.h: how large the model sees a picture, and bringing it to that size.
 */
#ifndef SL_MEDIA_RESIZE_H
#define SL_MEDIA_RESIZE_H

#include "media/picture.h"

/* The rule of native resolution: sides are multiples of factor, the area lies between two bounds. */
struct sl_fit {
    int factor; /* pixels of one visual token's side: 28 */
    int64_t min_pixels, max_pixels;
};

/* Returns the published defaults: factor 28, 4 to 5,120 tokens. */
struct sl_fit sl_fit_default(void);

/*
 * Writes the size that a picture of width x height becomes: each side to the nearest multiple of factor (halves to
 * even, at least one factor); when that area is over max_pixels or under min_pixels, both sides are scaled by the
 * square root of the ratio of areas, then rounded down or up to multiples. A side never becomes less than factor, so a
 * very long picture may end above max_pixels by a strip. Source: get_resized_hw_for_Navit of the Seed1.5-VL cookbook.
 * Sides under 1, an aspect over 200, a factor under 1 and min_pixels > max_pixels are SL_ERR_ARGUMENT.
 */
sl_status sl_picture_fit(const struct sl_fit *rule, int width, int height, int *out_width, int *out_height,
                         sl_error *err);

/*
 * Kimi-VL's rule: a picture of more patches (whole ones, factor / 2 a side) than max_pixels has room for is scaled by
 * the root of the ratio to *out_width x *out_height, others stay; *padded_width and *padded_height are the next
 * multiples of factor, up to which black is put at the right and below.
 */
sl_status sl_picture_fit_padded(const struct sl_fit *rule, int width, int height, int *out_width, int *out_height,
                                int *padded_width, int *padded_height, sl_error *err);

typedef enum sl_filter {
    SL_FILTER_BILINEAR, /* triangle of support 1 */
    SL_FILTER_BICUBIC,  /* Keys' cubic with a = -1/2, support 2 */
} sl_filter;

/*
 * Resizes in to width x height into *out; release with sl_picture_free. When shrinking, the filter is stretched by the
 * ratio, so every source pixel counts (antialiasing). Columns first, then rows, each pass rounded to eight bits with
 * weights of 22 fractional bits: the numbers of Pillow's Image.resize, exactly. Uses n_threads threads (>= 1).
 */
sl_status sl_picture_resize(const struct sl_picture *in, int width, int height, sl_filter filter, int n_threads,
                            struct sl_picture *out, sl_error *err);

#endif
