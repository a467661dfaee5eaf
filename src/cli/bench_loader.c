/*
 * bench_loader.c: how fast pictures become what the vision transformer reads, beside what cannot be avoided: decoding
 * the JPEG file with libjpeg-turbo and doing nothing with the pixels.
 */
#include "cli/bench.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "media/patches.h"
#include "media/picture_write.h"
#include "media/resize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

enum { WIDTH = 1024, HEIGHT = 768, PATCH = 14, QUALITY = 90, ROUND = 4, REPEATS = 25 };

/* --- a picture ------------------------------------------------------------------------------------------------ */

/* Value noise: random numbers on a grid of `cell` pixels, bilinear between. */
static float noise_at(uint64_t seed, int cell, int x, int y)
{
    float corner[4];
    for (int i = 0; i < 4; i++) {
        uint64_t column = (uint64_t)(x / cell) + (uint64_t)(i % 2), row = (uint64_t)(y / cell) + (uint64_t)(i / 2);
        uint64_t h = (seed * 0x9e3779b97f4a7c15u) ^ (column * 0xbf58476d1ce4e5b9u) ^ (row * 0x94d049bb133111ebu);
        h ^= h >> 31, h *= 0xd6e8feb86659fd93u, h ^= h >> 32;
        corner[i] = (float)(h & 0xffff) / 65535.0f - 0.5f;
    }
    float fx = (float)(x % cell) / (float)cell, fy = (float)(y % cell) / (float)cell;
    float top = corner[0] + fx * (corner[1] - corner[0]), bottom = corner[2] + fx * (corner[3] - corner[2]);
    return top + fy * (bottom - top);
}

/* Octaves of grey noise over softer colour, so much of it that the file has three bits a pixel, as photographs do. */
static void paint(struct sl_picture *p)
{
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            float grey = 128;
            for (int cell = 256; cell >= 1; cell /= 2)
                grey += 24.0f * powf((float)cell, 0.1f) * noise_at((uint64_t)cell, cell, x, y);
            for (int c = 0; c < 3; c++) {
                float v = grey + 60 * noise_at(1000 + (uint64_t)c, 96, x, y);
                p->rgb[3 * ((size_t)y * (size_t)p->width + (size_t)x) + (size_t)c] = (uint8_t)(v < 0     ? 0
                                                                                               : v > 255 ? 255
                                                                                                         : v);
            }
        }
}

/* --- the two ways --------------------------------------------------------------------------------------------- */

/* One thread's share: the file is everybody's, the memory its own. */
struct worker {
    const struct sl_buf *jpeg;        /* borrowed */
    const struct sl_picture *painted; /* what it shows, before it was compressed; borrowed */
    uint8_t *rgb;                     /* (HEIGHT, WIDTH, 3) */
    float *patches;                   /* of the resized picture */
    sl_status status;
    sl_error err;
};

/* What libjpeg-turbo takes for the pixels alone. */
static void decode_only(struct worker *w)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, (const unsigned char *)w->jpeg->data, w->jpeg->len);
    jpeg_read_header(&jpeg, TRUE);
    jpeg_start_decompress(&jpeg);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = w->rgb + (size_t)jpeg.output_scanline * WIDTH * 3;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
}

/* What a worker of the loader does with a file. */
static void to_patches(struct worker *w)
{
    static const struct sl_patch_format format = {
        .patch_size = PATCH, .mean = {0.5f, 0.5f, 0.5f}, .std = {0.25f, 0.25f, 0.25f}};
    const struct sl_fit rule = sl_fit_default();
    struct sl_picture picture = {0}, resized = {0};
    int width, height;
    sl_status s = sl_picture_decode(&picture, w->jpeg->data, w->jpeg->len, SL_PICTURE_MAX_PIXELS, &w->err);
    if (!s) s = sl_picture_fit(&rule, picture.width, picture.height, &width, &height, &w->err);
    if (!s) s = sl_picture_resize(&picture, width, height, SL_FILTER_BILINEAR, 1, &resized, &w->err);
    if (!s) s = sl_picture_patches(&resized, &format, 1, w->patches, &w->err);
    sl_picture_free(&picture);
    sl_picture_free(&resized);
    w->status = s;
}

/* Resizing alone, of the picture that was painted: what other libraries are compared with. */
static void resize_only(struct worker *w)
{
    const struct sl_fit rule = sl_fit_default();
    struct sl_picture resized = {0};
    int width, height;
    sl_status s = sl_picture_fit(&rule, WIDTH, HEIGHT, &width, &height, &w->err);
    if (!s) s = sl_picture_resize(w->painted, width, height, SL_FILTER_BILINEAR, 1, &resized, &w->err);
    sl_picture_free(&resized);
    w->status = s;
}

/* Pictures a second of all workers together. */
static double rate(struct worker *workers, int n, void (*work)(struct worker *))
{
    double start = sl_clock_seconds();
#pragma omp parallel for num_threads(n) schedule(static, 1)
    for (int i = 0; i < n; i++)
        for (int k = 0; k < ROUND && !workers[i].status; k++) work(&workers[i]);
    return n * ROUND / (sl_clock_seconds() - start);
}

/* One row: a kind of work beside bare decoding. */
static sl_status measure(const struct sl_bench *b, struct worker *workers, void (*work)(struct worker *),
                         struct sl_bench_row row, sl_error *err)
{
    struct sl_bench_series series = {0};
    int n = b->ops->n_threads;
    while (sl_bench_more(&series, REPEATS)) {
        double limit = rate(workers, n, decode_only);
        sl_bench_add(&series, rate(workers, n, work), limit);
    }
    for (int i = 0; i < n; i++)
        if (workers[i].status) return sl_fail(err, workers[i].status, "%s", workers[i].err.message);
    sl_bench_finish(b, &series, row);
    return SL_OK;
}

static sl_status measure_all(const struct sl_bench *b, struct worker *workers, sl_error *err)
{
    struct sl_bench_row row = {.bench = "loader", .dtype = "f32", .unit = "pictures/s"};
    snprintf(row.shape, sizeof row.shape, "JPEG %dx%d (%zu KB) to patches", WIDTH, HEIGHT, workers[0].jpeg->len / 1000);
    sl_status s = measure(b, workers, to_patches, row, err);
    if (s) return s;
    row.dtype = "u8";
    snprintf(row.shape, sizeof row.shape, "resizing %dx%d alone", WIDTH, HEIGHT);
    return measure(b, workers, resize_only, row, err);
}

sl_status sl_bench_loader(const struct sl_bench *b, sl_error *err)
{
    const int n = b->ops->n_threads;
    struct sl_picture picture = {0};
    struct sl_buf jpeg = SL_BUF_INIT(16 << 20);
    struct worker *workers = sl_alloc_array((size_t)n, sizeof *workers);
    sl_status s = workers ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory");
    if (!s) s = sl_picture_new(&picture, WIDTH, HEIGHT, SL_PICTURE_MAX_PIXELS, err);
    if (s) goto out;
    paint(&picture);
    s = sl_picture_encode_jpeg(&picture, QUALITY, &jpeg, err);
    for (int i = 0; i < n && !s; i++) {
        workers[i] = (struct worker){.jpeg = &jpeg, .painted = &picture};
        workers[i].rgb = malloc((size_t)WIDTH * HEIGHT * 3);
        /* As in a loader's batch; the rule never makes this picture larger. */
        workers[i].patches = sl_alloc_huge((size_t)WIDTH * HEIGHT * 3 * sizeof(float));
        if (!workers[i].rgb || !workers[i].patches) s = sl_fail(err, SL_ERR_MEMORY, "out of memory");
    }
    if (!s) s = measure_all(b, workers, err);
out:
    for (int i = 0; workers && i < n; i++) {
        free(workers[i].rgb);
        free(workers[i].patches);
    }
    free(workers);
    sl_buf_release(&jpeg);
    sl_picture_free(&picture);
    return s;
}
