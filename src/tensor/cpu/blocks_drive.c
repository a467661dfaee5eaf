/*
 * blocks_drive.c: the framework of the product with quantised rows, the same for every level.
 *
 * The columns of c, which are rows of b, are cut into panels of 32. Threads take consecutive stretches of the panels of
 * all groups, weighed by what they cost, so that each reads its own part of b from front to back, once for every few
 * rows of a. A row's result depends on that row alone.
 */
#include "tensor/cpu/blocks.h"

#include "base/error.h"

enum { WEIGHT_BYTES = 4 }; /* reading a panel costs about as much as multiplying so many rows with it */

static int64_t min64(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

static int64_t n_groups(const sl_gemm *g)
{
    return g->n_groups > 0 ? g->n_groups : 1;
}

static int64_t group_rows(const sl_gemm *g, int64_t i)
{
    return g->n_groups > 0 ? g->offsets[i + 1] - g->offsets[i] : g->m;
}

static int64_t panels_of(const sl_gemm *g)
{
    return (g->n + GEMM_PANEL - 1) / GEMM_PANEL;
}

/* What one panel of group i costs. */
static int64_t panel_weight(const sl_gemm *g, int64_t i)
{
    int64_t m = group_rows(g, i);
    return m ? m + WEIGHT_BYTES : 0;
}

/* What one thread multiplies: some panels of a group. */
struct task {
    const sl_gemm *g;
    const struct blocks_level *level;
    struct blocks_tile *tile; /* (stretches), where the level has tiles */
    struct blocks_act *acts;  /* (most_rows, stretches) */
    int64_t stretches, most_rows;
    int64_t group;
};

/* Rows j .. j + n - 1 of b, which may lie in several parts, times m rows of a. */
static void multiply_panel(const struct task *t, int64_t j, int n, int64_t first, int m, float *out)
{
    const struct sl_block_matrix *b = t->g->b_blocks;
    int64_t begin = 0;
    for (int p = 0; p < b->n_parts; begin += b->parts[p++].n) {
        const sl_block_part *part = &b->parts[p];
        int64_t from = j > begin ? j : begin, to = min64(j + n, begin + part->n);
        if (from >= to) continue;
        size_t row_bytes = sl_dtype_row_bytes(part->type, t->g->k);
        struct blocks_call c = {.type = part->type,
                                .row_bytes = row_bytes,
                                .n = (int)(to - from),
                                .k = t->g->k,
                                .a = t->acts + first * t->stretches,
                                .a_stride = t->stretches,
                                .m = m,
                                .out = out + (from - j)};
        c.b = (const uint8_t *)part->rows + (size_t)t->group * part->group_stride + (size_t)(from - begin) * row_bytes;
        t->level->multiply(&c);
    }
}

/* The part of b that has all of rows j .. j + n - 1, and where it begins; NULL: they lie in several. */
static const sl_block_part *part_of(const struct sl_block_matrix *b, int64_t j, int n, int64_t *begin)
{
    *begin = 0;
    for (int p = 0; p < b->n_parts; *begin += b->parts[p++].n)
        if (j >= *begin && j + n <= *begin + b->parts[p].n) return &b->parts[p];
    return NULL;
}

/* Rows j .. j + n - 1 of b, which lie in one part, unpacked once, times the rows of a chunk. */
static void multiply_tile(const struct task *t, int64_t j, int n, int64_t row, int64_t rows)
{
    float block[BLOCKS_TILE_ROWS * GEMM_PANEL];
    struct gemm_tail tail = {.epilogue = {.g = t->g, .c = t->g->c}, .block = (const char *)block};
    int64_t begin;
    const sl_block_part *part = part_of(t->g->b_blocks, j, n, &begin);
    struct blocks_call c = {.type = part->type,
                            .row_bytes = sl_dtype_row_bytes(part->type, t->g->k),
                            .n = n,
                            .k = t->g->k,
                            .a_stride = t->stretches,
                            .out = block};
    c.b = (const uint8_t *)part->rows + (size_t)t->group * part->group_stride + (size_t)(j - begin) * c.row_bytes;
    t->level->unpack(&c, t->tile);
    for (int64_t i = 0; i < rows; i += BLOCKS_TILE_ROWS) {
        c.m = (int)min64(BLOCKS_TILE_ROWS, rows - i);
        c.a = t->acts + i * t->stretches;
        t->level->multiply_tile(&c, t->tile);
        tail.place = (struct gemm_place){.row = row + i, .column = j, .rows = c.m, .columns = n};
        tail.done = 0;
        t->level->epilogue(&tail, c.m);
    }
}

/* One panel by tiles. */
static bool multiply_by_tiles(const struct task *t, int64_t p, int64_t row, int64_t rows)
{
    int64_t j = p * GEMM_PANEL, end = min64(j + GEMM_PANEL, t->g->n), begin;
    if (!t->tile || rows < BLOCKS_TILE_LEAST || !part_of(t->g->b_blocks, j, (int)(end - j), &begin)) return false;
    for (; j < end; j += BLOCKS_TILE) multiply_tile(t, j, (int)min64(BLOCKS_TILE, end - j), row, rows);
    return true;
}

/* The rows of a chunk, already rounded, times panels first .. last - 1. */
static void multiply_chunk(const struct task *t, int64_t row, int64_t rows, int64_t first, int64_t last)
{
    float block[BLOCKS_ROWS * GEMM_PANEL];
    struct gemm_tail tail = {.epilogue = {.g = t->g, .c = t->g->c}, .block = (const char *)block};
    for (int64_t p = first; p < last; p++) {
        if (multiply_by_tiles(t, p, row, rows)) continue;
        for (int64_t i = 0; i < rows; i += BLOCKS_ROWS) {
            int64_t j = p * GEMM_PANEL;
            int n = (int)min64(GEMM_PANEL, t->g->n - j), m = (int)min64(BLOCKS_ROWS, rows - i);
            multiply_panel(t, j, n, i, m, block);
            tail.place = (struct gemm_place){.row = row + i, .column = j, .rows = m, .columns = n};
            tail.done = 0;
            t->level->epilogue(&tail, m);
        }
    }
}

/* All rows of the task's group times panels first .. last - 1. */
static void multiply_group(const struct task *t, int64_t first, int64_t last)
{
    const sl_gemm *g = t->g;
    int64_t row = g->n_groups > 0 ? g->offsets[t->group] : 0, end = row + group_rows(g, t->group);
    for (; row < end; row += t->most_rows) {
        int64_t rows = min64(t->most_rows, end - row);
        for (int64_t i = 0; i < rows; i++) {
            const char *x = (const char *)g->a + (size_t)((row + i) * g->lda) * sl_dtype_size(g->a_type);
            t->level->round(x, g->a_type, g->k, t->acts + i * t->stretches);
        }
        multiply_chunk(t, row, rows, first, last);
    }
}

static void run_thread(const sl_ops *o, const sl_gemm *g, const struct blocks_level *level, int thread, int threads)
{
    int64_t stretches = (g->k + BLOCKS_STRETCH - 1) / BLOCKS_STRETCH, total = 0, base = 0;
    struct task t = {.g = g, .level = level, .stretches = stretches};
    char *scratch = o->scratch + (size_t)thread * o->scratch_size;
    size_t tile_bytes = level->unpack ? (size_t)stretches * sizeof *t.tile : 0;
    if (tile_bytes > o->scratch_size / 2) tile_bytes = 0;
    if (tile_bytes) t.tile = (struct blocks_tile *)scratch;
    t.acts = (struct blocks_act *)(scratch + tile_bytes);
    t.most_rows = (int64_t)((o->scratch_size - tile_bytes) / sizeof *t.acts) / stretches;
    SL_CHECK(t.most_rows > 0);
    for (int64_t i = 0; i < n_groups(g); i++) total += panel_weight(g, i) * panels_of(g);
    int64_t from = total / threads * thread + total % threads * thread / threads;
    int64_t to = total / threads * (thread + 1) + total % threads * (thread + 1) / threads;
    for (t.group = 0; t.group < n_groups(g); t.group++) {
        int64_t weight = panel_weight(g, t.group), panels = panels_of(g);
        if (weight == 0) continue;
        int64_t first = from > base ? (from - base + weight - 1) / weight : 0;
        int64_t last = to > base ? (to - base + weight - 1) / weight : 0;
        if (min64(last, panels) > first) multiply_group(&t, first, min64(last, panels));
        base += weight * panels;
    }
}

void sl_blocks_run(const sl_ops *o, const sl_gemm *g, const struct blocks_level *level)
{
    SL_CHECK(g->b_blocks && g->k > 0 && g->k % BLOCKS_RUN == 0 && g->a_layout == SL_ROWS && !g->accumulate);
    int64_t rows = g->n_groups > 0 ? g->offsets[g->n_groups] : g->m;
    if (rows == 0 || g->n == 0) return;
    /* One thread when waking others costs more than they save. */
    int threads = (double)rows * (double)g->n * (double)g->k < 2e5 ? 1 : o->n_threads;
    if (threads == 1) {
        run_thread(o, g, level, 0, 1);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++) run_thread(o, g, level, t, threads);
}
