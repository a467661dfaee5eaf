/*
 * resize.c: separable resampling with antialiasing.
 *
 * One axis is a table: for every output position the source positions it reads and their weights. The horizontal pass
 * applies it along a row, the vertical pass across rows; what lies between them is rows of eight bits again, because
 * the files that models were trained on were resized so. Only as many of those rows are kept as the vertical pass still
 * reads: they stay in the processor's cache.
 */
#include "media/resize.h"

#include "base/mem.h"
#include "media/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

sl_status sl_picture_fit_padded(const struct sl_fit *rule, int width, int height, int *out_width, int *out_height,
                                int *padded_width, int *padded_height, sl_error *err)
{
    if (width < 1 || height < 1 || rule->factor < 2)
        return sl_fail(err, SL_ERR_ARGUMENT, "a picture of %dx%d pixels", width, height);
    const int patch = rule->factor / 2, factor = rule->factor;
    int64_t limit = rule->max_pixels / ((int64_t)patch * patch), patches = (int64_t)(width / patch) * (height / patch);
    double scale = patches > limit ? sqrt((double)limit / (double)patches) : 1;
    *out_width = (int)(width * scale) > 0 ? (int)(width * scale) : 1;
    *out_height = (int)(height * scale) > 0 ? (int)(height * scale) : 1;
    *padded_width = (*out_width + factor - 1) / factor * factor;
    *padded_height = (*out_height + factor - 1) / factor * factor;
    if (*padded_width / patch > 512 * patch || *padded_height / patch > 512 * patch)
        return sl_fail(err, SL_ERR_ARGUMENT, "a picture of %dx%d pixels is too long", width, height);
    return SL_OK;
}

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

static void axis_free(struct sl_axis *a)
{
    free(a->first);
    free(a->count);
    free(a->weights);
}

/* Release with axis_free, also after a failure. */
static sl_status axis_init(struct sl_axis *a, int n_in, int n_out, sl_filter filter, sl_error *err)
{
    const double ratio = (double)n_in / n_out;
    const double stretch = fmax(ratio, 1.0);
    const double support = (filter == SL_FILTER_BICUBIC ? 2.0 : 1.0) * stretch;
    *a = (struct sl_axis){.n = n_out, .stride = (size_t)ceil(support) * 2 + 1};
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
            a->weights[(size_t)i * a->stride + (size_t)t] = (int32_t)lround(exact[t] / sum * (1 << SL_WEIGHT_BITS));
        a->first[i] = first;
        a->count[i] = end - first;
    }
    free(exact);
    return SL_OK;
}

static void byte_axis_free(struct sl_byte_axis *b)
{
    free(b->start);
    free(b->places);
    free(b->weights);
    *b = (struct sl_byte_axis){0};
}

/* The source of output byte i (of pixels first, one tap at a time) and its weight; nothing where it has fewer taps. */
static void place_byte(const struct sl_axis *a, struct sl_byte_axis *b, size_t i)
{
    const size_t group = i / SL_LANES, pixel = (i < b->n ? i : b->n - 1) / 3, channel = i < b->n ? i % 3 : 2;
    size_t at = group * (size_t)b->taps * SL_LANES + i % SL_LANES;
    const size_t from = 3 * (size_t)a->first[pixel] + channel - (size_t)b->start[group];
    for (size_t t = 0; t < (size_t)a->count[pixel]; t++, at += SL_LANES) {
        b->places[at] = (uint32_t)(from + 3 * t);
        b->weights[at] = a->weights[pixel * a->stride + t];
    }
}

/* The same axis by bytes; b stays empty, which is no error, where 64 bytes do not hold what SL_LANES outputs read. */
static sl_status byte_axis_init(const struct sl_axis *a, struct sl_byte_axis *b, sl_error *err)
{
    struct sl_byte_axis x = {.n = 3 * (size_t)a->n};
    x.n_groups = (int)((x.n + SL_LANES - 1) / SL_LANES);
    for (size_t g = 0; g < x.n; g += SL_LANES) {
        const size_t last = (g + SL_LANES < x.n ? g + SL_LANES : x.n) - 1;
        if (3 * (a->first[last / 3] + a->count[last / 3] - a->first[g / 3]) > 64) return SL_OK;
    }
    for (int i = 0; i < a->n; i++)
        if (a->count[i] > x.taps) x.taps = a->count[i];
    const size_t entries = (size_t)x.n_groups * (size_t)x.taps * SL_LANES;
    x.start = sl_alloc_array((size_t)x.n_groups, sizeof *x.start);
    x.places = sl_alloc_array(entries, sizeof *x.places);
    x.weights = sl_alloc_array(entries, sizeof *x.weights);
    *b = x;
    if (!x.start || !x.places || !x.weights) return sl_fail(err, SL_ERR_MEMORY, "no memory to resize a picture");
    for (int g = 0; g < x.n_groups; g++) x.start[g] = 3 * a->first[g * SL_LANES / 3];
    for (size_t i = 0; i < (size_t)x.n_groups * SL_LANES; i++) place_byte(a, b, i);
    return SL_OK;
}

static uint8_t to_byte(int32_t sum)
{
    sum >>= SL_WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void resize_row(const struct sl_axis *a, const uint8_t *in, uint8_t *out)
{
    const int32_t half = 1 << (SL_WEIGHT_BITS - 1);
    for (int x = 0; x < a->n; x++) {
        const int32_t *w = a->weights + (size_t)x * a->stride;
        const uint8_t *p = in + 3 * (size_t)a->first[x];
        int32_t r = half, g = half, b = half;
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

/* What one resizing needs. */
struct resizing {
    const struct sl_media_kernels *kernels;
    const struct sl_picture *in;
    struct sl_picture *out;
    struct sl_axis columns, rows;
    struct sl_byte_axis bytes; /* columns, or empty */
    int n_parts;               /* of the output rows, one for each thread */
    int max_rows;              /* that a part keeps between the passes */
    size_t lane_pixels;        /* that fit into a part's lanes */
};

/* One thread's share: output rows begin to end - 1, and the rows between the passes that it keeps. */
struct part {
    uint8_t *kept;      /* (max_rows, out width, 3) */
    uint8_t *lanes_in;  /* (lane_pixels, 3, SL_LANES) */
    uint8_t *lanes_out; /* the same */
    int first, n;       /* input rows first to first + n - 1 are kept */
};

enum { LANE_PIXELS = 256, ROWS_AHEAD = 4 * SL_LANES };

/* Input rows y to y + n - 1 (n <= SL_LANES), resized along the row, go to out. */
static void resize_some_rows(const struct resizing *r, struct part *p, int y, int n, uint8_t *out)
{
    const struct sl_axis *a = &r->columns;
    const size_t in_bytes = (size_t)r->in->width * 3, out_bytes = (size_t)r->out->width * 3;
    const uint8_t *in = r->in->rgb + (size_t)y * in_bytes;
    if (r->bytes.n_groups) {
        r->kernels->resize_rows(
            &r->bytes,
            &(struct sl_row_set){.in = in, .out = out, .in_bytes = in_bytes, .out_bytes = out_bytes, .n = n});
        return;
    }
    if (!r->kernels->resize_lanes) {
        for (int i = 0; i < n; i++) resize_row(a, in + (size_t)i * in_bytes, out + (size_t)i * out_bytes);
        return;
    }
    for (int begin = 0, end; begin < a->n; begin = end) {
        const uint8_t *from[SL_LANES];
        uint8_t *to[SL_LANES];
        /* As many outputs as the lanes hold, with the pixels that they read. */
        const int first = a->first[begin];
        for (end = begin + 1; end < a->n && end - begin < (int)r->lane_pixels; end++)
            if (a->first[end] + a->count[end] - first > (int)r->lane_pixels) break;
        const size_t n_pixels = (size_t)(a->first[end - 1] + a->count[end - 1] - first);
        for (int i = 0; i < SL_LANES; i++) { /* lanes without a row of their own repeat the last */
            const size_t row = (size_t)(i < n ? i : n - 1);
            from[i] = in + row * in_bytes + 3 * (size_t)first;
            to[i] = out + row * out_bytes + 3 * (size_t)begin;
        }
        r->kernels->rows_to_lanes(from, 3 * n_pixels, p->lanes_in);
        r->kernels->resize_lanes(a, begin, end, p->lanes_in, p->lanes_out);
        r->kernels->lanes_to_rows(p->lanes_out, 3 * (size_t)(end - begin), to);
    }
}

/* Makes sure that input rows first to end - 1 are kept; rows before first go, rows from `last` on are not made. */
static void keep_rows(const struct resizing *r, struct part *p, int first, int end, int last)
{
    const size_t row_bytes = (size_t)r->out->width * 3;
    if (end <= p->first + p->n) return;
    int gone = first - p->first < p->n ? first - p->first : p->n;
    p->n -= gone;
    memmove(p->kept, p->kept + (size_t)gone * row_bytes, (size_t)p->n * row_bytes);
    p->first = first;
    while (p->first + p->n < last && p->n + SL_LANES <= r->max_rows) {
        int left = last - (p->first + p->n), n = left < SL_LANES ? left : SL_LANES;
        resize_some_rows(r, p, p->first + p->n, n, p->kept + (size_t)p->n * row_bytes);
        p->n += n;
    }
}

static void resize_part(const struct resizing *r, struct part *p, int begin, int end)
{
    const struct sl_axis *a = &r->rows;
    const size_t row_bytes = (size_t)r->out->width * 3;
    if (begin >= end) return;
    const int last = a->first[end - 1] + a->count[end - 1];
    p->first = a->first[begin];
    for (int y = begin; y < end; y++) {
        keep_rows(r, p, a->first[y], a->first[y] + a->count[y], last);
        r->kernels->mix_rows(a->weights + (size_t)y * a->stride, a->count[y],
                             p->kept + (size_t)(a->first[y] - p->first) * row_bytes, row_bytes, row_bytes,
                             r->out->rgb + (size_t)y * row_bytes);
    }
}

/* Resizes by parts of the output, each with memory of its own. */
static sl_status run(struct resizing *r, sl_error *err)
{
    const size_t kept = (size_t)r->max_rows * (size_t)r->out->width * 3;
    const size_t lanes = r->lane_pixels * 3 * SL_LANES;
    size_t all;
    uint8_t *memory = NULL;
    if (sl_size_mul((size_t)r->n_parts, kept + 2 * lanes, &all)) memory = malloc(all);
    if (!memory) return sl_fail(err, SL_ERR_MEMORY, "no memory to resize a picture");
#pragma omp parallel for num_threads(r->n_parts) schedule(static)
    for (int i = 0; i < r->n_parts; i++) {
        uint8_t *own = memory + (size_t)i * (kept + 2 * lanes);
        struct part p = {.kept = own, .lanes_in = own + kept, .lanes_out = own + kept + lanes};
        const int64_t height = r->out->height;
        resize_part(r, &p, (int)(height * i / r->n_parts), (int)(height * (i + 1) / r->n_parts));
    }
    free(memory);
    return SL_OK;
}

sl_status sl_picture_resize(const struct sl_picture *in, int width, int height, sl_filter filter, int n_threads,
                            struct sl_picture *out, sl_error *err)
{
    struct resizing r = {.kernels = sl_media_kernels_best(), .in = in, .out = out, .n_parts = n_threads};
    *out = (struct sl_picture){0};
    sl_status status = sl_picture_new(out, width, height, SL_PICTURE_MAX_PIXELS, err);
    if (status) return status;
    status = axis_init(&r.columns, in->width, width, filter, err);
    if (!status) status = axis_init(&r.rows, in->height, height, filter, err);
    if (!status && r.kernels->resize_rows) status = byte_axis_init(&r.columns, &r.bytes, err);
    if (status) goto done;
    r.max_rows = (int)r.rows.stride + ROWS_AHEAD;
    r.lane_pixels = r.columns.stride > LANE_PIXELS ? r.columns.stride : LANE_PIXELS;
    status = run(&r, err);
done:
    axis_free(&r.columns);
    axis_free(&r.rows);
    byte_axis_free(&r.bytes);
    if (status) sl_picture_free(out);
    return status;
}
