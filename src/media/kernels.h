/*
 * kernels.h: the inner loops of resizing and of cutting patches, for each kind of processor. Between the files of
 * media/ only.
 *
 * All variants give the same bytes; they differ in how many values an instruction takes. Resizing along a row is done
 * for sixteen rows at once: with the rows side by side ("lanes"), every value of a pixel is one load, whatever the
 * ratio of the sizes, and the weights are the same for all.
 */
#ifndef SL_MEDIA_KERNELS_H
#define SL_MEDIA_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 255 * 2^22 * 1.25, the largest sum a cubic gives, still fits 31 bits. */
enum { SL_WEIGHT_BITS = 22, SL_LANES = 16 };

/* One axis: output i is the sum over t < count[i] of weights[i * stride + t] * input[first[i] + t]. */
struct sl_axis {
    int n;
    size_t stride;
    int *first, *count; /* (n), owned */
    int32_t *weights;   /* (n, stride), owned; in units of 2^-SL_WEIGHT_BITS */
};

/*
 * An axis of three-channel pixels as bytes, for processors that pick any bytes of 64 at once: for each SL_LANES output
 * bytes, where the 64 bytes that they read start, and for each of `taps` the place of each byte's source among them and
 * its weight. Made by resize.c where no SL_LANES output bytes read further.
 */
struct sl_byte_axis {
    int n_groups, taps;
    size_t n;         /* output bytes: 3 for each pixel */
    int *start;       /* (n_groups), owned */
    uint32_t *places; /* (n_groups, taps, SL_LANES), owned */
    int32_t *weights; /* (n_groups, taps, SL_LANES), owned */
};

/* Rows of bytes at the same distances from each other, in and out. */
struct sl_row_set {
    const uint8_t *in;
    uint8_t *out;
    size_t in_bytes, out_bytes; /* of a row, which is also the distance */
    int n;
};

/* A divisor's inverse in two parts, whose sum is it to twice a float's precision. */
struct sl_inverse {
    float high, low;
};

/* The values that a byte of each channel becomes in a patch: (v / 255 - mean) / std, every step rounded to float. */
struct sl_levels {
    float value[3][256];
    float mean[3];
    struct sl_inverse white, std[3]; /* of 255, and of each deviation */
    bool by_product;                 /* a * high + a * low instead of each division gives all of value */
};

/* The side of the patches that there are kernels for. */
enum { SL_PATCH_SIDE = 14 };

struct sl_media_kernels {
    const char *name;
    /* Puts the n bytes of each row side by side: out (n, SL_LANES). This and the next two: NULL where it does not pay.
     */
    void (*rows_to_lanes)(const uint8_t *const rows[SL_LANES], size_t n, uint8_t *out);
    /* The other way: in (n, SL_LANES) to n bytes of each row. */
    void (*lanes_to_rows)(const uint8_t *in, size_t n, uint8_t *const rows[SL_LANES]);
    /*
     * Outputs begin to end - 1 of the axis for pixels of three channels, in lanes: in (.., 3, SL_LANES) starts with
     * pixel a->first[begin]; out (end - begin, 3, SL_LANES).
     */
    void (*resize_lanes)(const struct sl_axis *a, int begin, int end, const uint8_t *in, uint8_t *out);
    /* Rows along an axis without turning them into lanes. NULL: not with these instructions. */
    void (*resize_rows)(const struct sl_byte_axis *a, const struct sl_row_set *rows);
    /* One output row of n bytes: the weighted sum of count rows, stride bytes apart. */
    void (*mix_rows)(const int32_t *weights, int count, const uint8_t *in, size_t stride, size_t n, uint8_t *out);
    /*
     * One patch of SL_PATCH_SIDE squared pixels from rows stride bytes apart to out (3, SL_PATCH_SIDE, SL_PATCH_SIDE),
     * by multiplications that give the table's values only where l->by_product says so. Reads up to
     * SL_PATCH_OVERREAD bytes behind each row of the patch. NULL: no faster than the table.
     */
    void (*cut_patch)(const uint8_t *rgb, size_t stride, const struct sl_levels *l, float *out);
};

enum { SL_PATCH_OVERREAD = 22, SL_MAX_MEDIA_KERNELS = 4 };

/* Writes the variants that this processor runs, weakest first, to out; returns their number, at least 1. */
int sl_media_kernels_all(const struct sl_media_kernels *out[SL_MAX_MEDIA_KERNELS]);

/* Returns the strongest of them; static storage. */
const struct sl_media_kernels *sl_media_kernels_best(void);

/* The variants for processors that have them; sl_media_kernels_all knows whether this one does. */
extern const struct sl_media_kernels sl_media_kernels_avx2, sl_media_kernels_avx512, sl_media_kernels_vbmi;

#endif
