/*
 * resize.c: separable resampling with antialiasing.
 *
 * One axis is a table: for every output position the source positions it reads and their weights. The horizontal pass
 * applies it along a row, the vertical pass across rows; what lies between them is a picture of eight bits again,
 * because the files that models were trained on were resized so.
 */
#include "media/resize.h"

#include "base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* 255 * 2^22 * 1.25, the largest sum a cubic gives, still fits 31 bits. */
enum { WEIGHT_BITS = 22, ROUND = 1 << (WEIGHT_BITS - 1) };

struct sl_fit sl_fit_default(void)
{
    return (struct sl_fit){.factor = 28, .min_pixels = 4 * 28 * 28, .max_pixels = 5120 * 28 * 28};
}

static int at_least(int64_t value, int factor)
{
    return value < factor ? factor : (int)value;
}

sl_status sl_picture_fit(const struct sl_fit *rule, int width, int height, int *out_width, int *out_height,
                         sl_error *err)
{
    enum { MAX_ASPECT = 200 };
    const double w = width, h = height, factor = rule->factor;
    if (width < 1 || height < 1)
        return sl_fail(err, SL_ERR_ARGUMENT, "a picture of %dx%d pixels cannot be resized", width, height);
    if (width > SL_PICTURE_MAX_SIDE || height > SL_PICTURE_MAX_SIDE)
        return sl_fail(err, SL_ERR_ARGUMENT, "a picture of %dx%d pixels: sides are at most %d", width, height,
                       SL_PICTURE_MAX_SIDE);
    if (fmax(w, h) / fmin(w, h) > MAX_ASPECT)
        return sl_fail(err, SL_ERR_ARGUMENT,
                       "a picture of %dx%d pixels: the longer side is more than %d times the other", width, height,
                       MAX_ASPECT);
    if (rule->factor < 1 || rule->min_pixels > rule->max_pixels || rule->max_pixels < 1)
        return sl_fail(err, SL_ERR_ARGUMENT, "pictures of %lld to %lld pixels in steps of %d are impossible",
                       (long long)rule->min_pixels, (long long)rule->max_pixels, rule->factor);

    /* nearbyint rounds halves to even, like the Python that published the rule. */
    int64_t new_w = at_least((int64_t)(nearbyint(w / factor) * factor), rule->factor);
    int64_t new_h = at_least((int64_t)(nearbyint(h / factor) * factor), rule->factor);
    if (new_w * new_h > rule->max_pixels) {
        double shrink = sqrt(w * h / (double)rule->max_pixels);
        new_w = (int64_t)(floor(w / shrink / factor) * factor);
        new_h = (int64_t)(floor(h / shrink / factor) * factor);
    } else if (new_w * new_h < rule->min_pixels) {
        double grow = sqrt((double)rule->min_pixels / (w * h));
        new_w = (int64_t)(ceil(w * grow / factor) * factor);
        new_h = (int64_t)(ceil(h * grow / factor) * factor);
    }
    *out_width = at_least(new_w, rule->factor);
    *out_height = at_least(new_h, rule->factor);
    return SL_OK;
}

/* One axis: output i is the sum over t < count[i] of weights[i * stride + t] * input[first[i] + t]. */
struct axis {
    int n;
    size_t stride;
    int *first, *count; /* (n), owned */
    int32_t *weights;   /* (n, stride), owned; in units of 2^-WEIGHT_BITS */
};

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 4. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static void axis_free(struct axis *a)
{
    free(a->first);
    free(a->count);
    free(a->weights);
}

/* Release with axis_free, also after a failure. */
static sl_status axis_init(struct axis *a, int n_in, int n_out, sl_filter filter, sl_error *err)
{
    const double ratio = (double)n_in / n_out;
    const double stretch = fmax(ratio, 1.0);
    const double support = (filter == SL_FILTER_BICUBIC ? 2.0 : 1.0) * stretch;
    *a = (struct axis){.n = n_out, .stride = (size_t)ceil(support) * 2 + 1};
    size_t n_weights;
    double *exact = sl_alloc_array(a->stride, sizeof *exact);
    a->first = sl_alloc_array((size_t)n_out, sizeof *a->first);
    a->count = sl_alloc_array((size_t)n_out, sizeof *a->count);
    a->weights =
        sl_size_mul((size_t)n_out, a->stride, &n_weights) ? sl_alloc_array(n_weights, sizeof *a->weights) : NULL;
    if (!exact || !a->first || !a->count || !a->weights) {
        free(exact);
        return sl_fail(err, SL_ERR_MEMORY, "no memory to resize a picture");
    }
    for (int i = 0; i < n_out; i++) {
        double center = (i + 0.5) * ratio;
        int first = (int)fmax(center - support + 0.5, 0);
        int end = (int)fmin(center + support + 0.5, n_in);
        double sum = 0;
        for (int t = 0; t < end - first; t++) {
            double x = (first + t - center + 0.5) * (1.0 / stretch);
            exact[t] = filter == SL_FILTER_BICUBIC ? cubic(x) : triangle(x);
            sum += exact[t];
        }
        for (int t = 0; t < end - first; t++)
            a->weights[(size_t)i * a->stride + (size_t)t] = (int32_t)lround(exact[t] / sum * (1 << WEIGHT_BITS));
        a->first[i] = first;
        a->count[i] = end - first;
    }
    free(exact);
    return SL_OK;
}

static uint8_t to_byte(int32_t sum)
{
    sum >>= WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void resize_row(const struct axis *a, const uint8_t *in, uint8_t *out)
{
    for (int x = 0; x < a->n; x++) {
        const int32_t *w = a->weights + (size_t)x * a->stride;
        const uint8_t *p = in + 3 * (size_t)a->first[x];
        int32_t r = ROUND, g = ROUND, b = ROUND;
        for (int t = 0; t < a->count[x]; t++) {
            r += w[t] * p[3 * t];
            g += w[t] * p[3 * t + 1];
            b += w[t] * p[3 * t + 2];
        }
        out[3 * x] = to_byte(r);
        out[3 * x + 1] = to_byte(g);
        out[3 * x + 2] = to_byte(b);
    }
}

/* One output row: count rows of n_bytes, the first at in, summed in pieces that stay in registers and L1. */
static void mix_rows(const int32_t *weights, int count, const uint8_t *in, size_t n_bytes, uint8_t *out)
{
    enum { PIECE = 512 };
    int32_t sum[PIECE];
    for (size_t at = 0; at < n_bytes; at += PIECE) {
        size_t n = n_bytes - at < PIECE ? n_bytes - at : PIECE;
        for (size_t i = 0; i < n; i++) sum[i] = ROUND;
        for (int t = 0; t < count; t++) {
            const uint8_t *row = in + (size_t)t * n_bytes + at;
            const int32_t w = weights[t];
#pragma omp simd
            for (size_t i = 0; i < n; i++) sum[i] += w * row[i];
        }
#pragma omp simd
        for (size_t i = 0; i < n; i++) out[at + i] = to_byte(sum[i]);
    }
}

/* The first pass: every row of in to the width of out. */
static void resize_columns(const struct axis *a, const struct sl_picture *in, int n_threads, struct sl_picture *out)
{
#pragma omp parallel for num_threads(n_threads) schedule(static)
    for (int y = 0; y < out->height; y++)
        resize_row(a, in->rgb + (size_t)y * (size_t)in->width * 3, out->rgb + (size_t)y * (size_t)out->width * 3);
}

/* The second pass: in and out are equally wide. */
static void resize_rows(const struct axis *a, const struct sl_picture *in, int n_threads, struct sl_picture *out)
{
    size_t n_bytes = (size_t)in->width * 3;
#pragma omp parallel for num_threads(n_threads) schedule(static)
    for (int y = 0; y < out->height; y++)
        mix_rows(a->weights + (size_t)y * a->stride, a->count[y], in->rgb + (size_t)a->first[y] * n_bytes, n_bytes,
                 out->rgb + (size_t)y * n_bytes);
}

sl_status sl_picture_resize(const struct sl_picture *in, int width, int height, sl_filter filter, int n_threads,
                            struct sl_picture *out, sl_error *err)
{
    struct axis columns = {0}, rows = {0};
    struct sl_picture middle = {0};
    *out = (struct sl_picture){0};
    sl_status status = sl_picture_new(out, width, height, SL_PICTURE_MAX_PIXELS, err);
    if (status) return status;
    status = axis_init(&columns, in->width, width, filter, err);
    if (!status) status = axis_init(&rows, in->height, height, filter, err);
    if (status) goto done;
    status = sl_picture_new(&middle, width, in->height, SL_PICTURE_MAX_PIXELS, err);
    if (status) goto done;
    resize_columns(&columns, in, n_threads, &middle);
    resize_rows(&rows, &middle, n_threads, out);
done:
    axis_free(&columns);
    axis_free(&rows);
    sl_picture_free(&middle);
    if (status) sl_picture_free(out);
    return status;
}
