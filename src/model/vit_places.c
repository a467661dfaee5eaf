/*
 * vit_places.c: windows as HF's Qwen2.5-VL cuts them, and tables of positions as Qwen3-VL and Kimi-VL interpolate them.
 */
#include "model/vit_places.h"

#include <math.h>

/* --- windows ----------------------------------------------------------------------------------------------------- */

/* The picture's grid, from its last patch. */
static sl_grid grid_of(const sl_batch *b, int picture)
{
    const int32_t *last = b->patch_positions + 2 * (b->cu_patches[picture + 1] - 1);
    return (sl_grid){last[0] + 1, last[1] + 1};
}

/* Writes the cells of one window: rows r.. and columns c.. of a grid of `columns` cells, patches from `first` on. */
static int64_t put_window(const sl_grid g, int first, int r, int c, int side, int32_t *order)
{
    int64_t n = 0;
    for (int y = r; y < r + side && y < g.rows / 2; y++)
        for (int x = c; x < c + side && x < g.cols / 2; x++)
            for (int inner = 0; inner < 4; inner++) order[n++] = first + 4 * (y * (g.cols / 2) + x) + inner;
    return n;
}

struct sl_windows *sl_windows_make(sl_ctx *ctx, const sl_batch *b, int side)
{
    struct sl_windows *w = sl_ctx_alloc_meta(ctx, sizeof *w);
    size_t n = (size_t)b->n_patches;
    if (!w) return NULL;
    w->order = sl_ctx_alloc_meta(ctx, n * sizeof *w->order);
    w->restore = sl_ctx_alloc_meta(ctx, n * sizeof *w->restore);
    w->positions = sl_ctx_alloc_meta(ctx, 2 * n * sizeof *w->positions);
    w->cu = sl_ctx_alloc_meta(ctx, (n / 4 + 1) * sizeof *w->cu);
    if (!w->order || !w->restore || !w->positions || !w->cu) return NULL;
    int64_t at = 0;
    w->n = 0;
    w->cu[0] = 0;
    for (int p = 0; p < b->n_pictures; p++) {
        sl_grid g = grid_of(b, p);
        for (int r = 0; r < g.rows / 2; r += side)
            for (int c = 0; c < g.cols / 2; c += side) {
                at += put_window(g, b->cu_patches[p], r, c, side, w->order + at);
                w->cu[++w->n] = (int32_t)at;
            }
    }
    for (size_t i = 0; i < n; i++) {
        int32_t from = w->order[i];
        w->restore[from] = (int32_t)i;
        w->positions[2 * i] = b->patch_positions[2 * from];
        w->positions[2 * i + 1] = b->patch_positions[2 * from + 1];
    }
    return w;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

/* What one axis takes of the table: up to four entries and their shares. */
struct axis_taps {
    int n;
    int at[4];
    double share[4];
};

static int clamp(int i, int side)
{
    return i < 0 ? 0 : i >= side ? side - 1 : i;
}

/* The first and the last entry stand on the first and the last place of n. */
static struct axis_taps bilinear(int i, int n, int side)
{
    double x = n > 1 ? (double)i * (side - 1) / (n - 1) : 0;
    int low = clamp((int)x, side);
    double part = x - low;
    return (struct axis_taps){2, {low, clamp(low + 1, side)}, {1 - part, part}};
}

/* Keys' kernel at distance t with a = -3/4. */
static double cubic(double t)
{
    static const double a = -0.75;
    t = fabs(t);
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* As torch's interpolate(mode="bicubic", align_corners=False): unfiltered, edges repeated. */
static struct axis_taps bicubic(int i, int n, int side)
{
    double x = (i + 0.5) * side / n - 0.5, low = floor(x);
    struct axis_taps t = {.n = 4};
    for (int k = 0; k < 4; k++) {
        t.at[k] = clamp((int)low - 1 + k, side);
        t.share[k] = cubic(x - (low - 1 + k));
    }
    return t;
}

bool sl_table_taps(sl_ctx *ctx, const sl_batch *b, int side, sl_table_filter filter, sl_taps *out)
{
    struct axis_taps (*axis)(int, int, int) = filter == SL_TABLE_BICUBIC ? bicubic : bilinear;
    int each = filter == SL_TABLE_BICUBIC ? 16 : 4;
    int32_t *ids = sl_ctx_alloc_meta(ctx, (size_t)b->n_patches * (size_t)each * sizeof *ids);
    float *shares = sl_ctx_alloc_meta(ctx, (size_t)b->n_patches * (size_t)each * sizeof *shares);
    if (!ids || !shares) return false;
    *out = (sl_taps){each, ids, shares};
    for (int p = 0; p < b->n_pictures; p++) {
        sl_grid g = grid_of(b, p);
        for (int64_t i = b->cu_patches[p]; i < b->cu_patches[p + 1]; i++) {
            struct axis_taps y = axis(b->patch_positions[2 * i], g.rows, side);
            struct axis_taps x = axis(b->patch_positions[2 * i + 1], g.cols, side);
            for (int r = 0; r < y.n; r++)
                for (int c = 0; c < x.n; c++) {
                    *ids++ = y.at[r] * side + x.at[c];
                    *shares++ = (float)(y.share[r] * x.share[c]);
                }
        }
    }
    return true;
}
