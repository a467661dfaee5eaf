/*
 * gemm_drive.c: the framework of the matrix product, the same for every level and type.
 *
 * The work is cut into units: one panel of rows of a (kernel->rows) times one block of columns of c. Units are
 * ordered by group, column block, row panel, and each thread takes one consecutive stretch of equal weight, so a
 * stretch is a few large rectangles. Within a rectangle, after Goto and van de Geijn (Anatomy of High-Performance
 * Matrix Multiplication, 2008):
 *
 *     for each pass over k (one, unless c can take partial sums)
 *         pack b's columns, unless the caller brought them packed
 *         for each block of rows: pack a's rows
 *             for each 512 columns: for each chunk of k: for each row panel: for each column panel: micro-kernel
 *
 * A chunk of a row panel stays in the first-level cache while column panels stream past it from the second level;
 * accumulators wait in a workspace of the second level between chunks. While one chunk is multiplied, the next one is
 * prefetched. No thread waits for another: where stretches meet, both pack the rows or columns that they share.
 *
 * A result depends on neither blocking nor threads: accumulators carry over exactly from chunk to chunk, and where
 * passes begin depends on the length of k only.
 */
#include "tensor/cpu/gemm.h"

#include "base/error.h"

enum {
    SUB_PANELS = 16,   /* column panels of a sub-block */
    BLOCK_ROWS = 512,  /* of a block of rows, at most */
    PASS_STEPS = 64,   /* steps of k in a pass over an unpacked b, when c takes partial sums */
    THREAD_ROWS = 256, /* rows that are worth a thread's own stream of b */
};

/* The product of one group. */
struct group {
    struct gemm_source a, b;
    const char *b_packed;
    const int32_t *sums;
    int64_t m, k;
    int64_t row; /* of c: where the group's first row stands */
    struct gemm_epilogue epilogue;
};

/* Decisions that all threads share. */
struct plan {
    const sl_gemm *g;
    const struct gemm_level *level;
    const struct gemm_kernel *kernel;
    int groups, threads;
    bool split;                /* c takes partial sums: k is cut into passes */
    bool a_stays, b_stays;     /* a block packed for a whole pass fits; else chunks are packed when they are used */
    int64_t block_panels;      /* row panels of a block of rows */
    int64_t block_n, n_blocks; /* columns of a column block */
    size_t a_at, b_at;         /* where in a thread's scratch the packed operands begin */
};

/* What one thread multiplies at the moment: a rectangle of one group in one pass over k. */
struct rect {
    const struct plan *plan;
    struct group group;
    char *work, *a, *b_scratch;     /* accumulators and packed operands */
    float *inverse, *scales;        /* int8: of the rows of the block; (BLOCK_ROWS + kernel->rows) each */
    int64_t k, depth;               /* the pass */
    int64_t steps, chunk, n_chunks; /* steps of k in the pass, steps of a chunk, chunks */
    size_t a_panel_bytes;           /* of one row panel in one chunk */
    int64_t row, rows, panels;      /* the block of rows, within the group */
    int64_t column, columns;        /* the column block */
    const char *b;                  /* its panels from the pass's first step on; NULL: pack chunks */
    size_t b_panel_bytes;
    int64_t sub_panels; /* column panels of a sub-block */
    bool by_rows;       /* all chunks of a row panel, then the next; else all row panels of a chunk */
    int64_t turn;       /* which of two blocks of accumulators is next */
    struct gemm_tail tail;
};

/* At most SUB_PANELS column panels of a rect. */
struct sub {
    int64_t panel, n; /* first, in the column block, and how many */
    const char *b;    /* packed panels of the present chunk */
    size_t b_panel_bytes;
};

static int64_t min64(int64_t x, int64_t y)
{
    return x < y ? x : y;
}
static int64_t max64(int64_t x, int64_t y)
{
    return x > y ? x : y;
}
static int64_t ceil_div(int64_t x, int64_t y)
{
    return (x + y - 1) / y;
}

/* --- planning ------------------------------------------------------------------------------------------------- */

static int64_t group_rows(const sl_gemm *g, int i)
{
    return g->n_groups > 0 && !g->split_k ? g->offsets[i + 1] - g->offsets[i] : g->m;
}
static int64_t group_depth(const sl_gemm *g, int i)
{
    return g->n_groups > 0 && g->split_k ? g->offsets[i + 1] - g->offsets[i] : g->k;
}

static struct group get_group(const struct plan *p, int i)
{
    const sl_gemm *g = p->g;
    struct group x = {.a = {g->a, g->lda, g->a_type, g->a_layout},
                      .b = {g->b, g->ldb, g->b_type, g->b_layout},
                      .b_packed = g->b_packed,
                      .m = group_rows(g, i),
                      .k = group_depth(g, i)};
    int64_t a_skip = 0, b_skip = 0, c_skip = 0;
    if (g->n_groups > 0 && g->split_k) {
        a_skip = g->offsets[i] * g->lda, b_skip = g->offsets[i] * g->ldb, c_skip = i * g->c_group_stride;
    } else if (g->n_groups > 0) {
        x.row = g->offsets[i];
        a_skip = x.row * g->lda, b_skip = i * g->b_group_stride;
    }
    x.a.data = (const char *)g->a + a_skip * (int64_t)sl_dtype_size(g->a_type);
    if (!g->b_packed) x.b.data = (const char *)g->b + b_skip * (int64_t)sl_dtype_size(g->b_type);
    if (g->b_packed && g->n_groups > 0) x.b_packed += (size_t)i * g->b_packed_stride;
    x.epilogue = (struct gemm_epilogue){.g = g, .accumulate = g->accumulate};
    x.epilogue.c = (char *)g->c + c_skip * (int64_t)sl_dtype_size(g->c_type);
    if (p->kernel->type == SL_I8) {
        x.epilogue.column_scales = gemm_scales(x.b_packed, g->n, g->k);
        x.sums = gemm_sums(x.b_packed, g->n, g->k);
    }
    return x;
}

/* The longest k of any group, and all row panels and rows. */
static void measure(const struct plan *p, int64_t *depth, int64_t *panels, int64_t *rows)
{
    *depth = *panels = *rows = 0;
    for (int i = 0; i < p->groups; i++) {
        *depth = max64(*depth, group_depth(p->g, i));
        *panels += ceil_div(group_rows(p->g, i), p->kernel->rows);
        *rows += group_rows(p->g, i);
    }
}

/* The steps of a pass over k of this length: equal passes, which depend on the length only. */
static int64_t pass_steps(const struct plan *p, int64_t k)
{
    int64_t steps = max64(1, gemm_steps(p->kernel->type, k));
    return p->split ? ceil_div(steps, ceil_div(steps, PASS_STEPS)) : steps;
}

static int64_t chunk_steps(const struct plan *p, int64_t steps)
{
    return steps ? ceil_div(steps, ceil_div(steps, p->kernel->chunk_steps)) : 1;
}

static size_t a_panel_bytes(const struct gemm_kernel *kernel, int64_t chunk)
{
    return kernel->a_fixed_bytes + kernel->a_step_bytes * (size_t)chunk;
}

/* Divides scratch: accumulators and row scales first, then a, then b. Sets the sizes of blocks that fit. */
static void plan_memory(struct plan *p, size_t scratch, int64_t depth)
{
    int64_t rows = p->kernel->rows, most = BLOCK_ROWS / rows, steps = pass_steps(p, depth);
    int64_t chunk = chunk_steps(p, steps);
    size_t panel = a_panel_bytes(p->kernel, chunk) * (size_t)ceil_div(steps, chunk);
    size_t block = (size_t)rows * GEMM_PANEL * sizeof(float);
    p->a_at = (size_t)gemm_round_up(
        (int64_t)((size_t)most * SUB_PANELS * block + 2 * (size_t)(BLOCK_ROWS + rows) * sizeof(float)), 4096);
    SL_CHECK(p->a_at < scratch);
    size_t room = scratch - p->a_at, a_room = p->g->b_packed ? room : room / 5 * 2;
    p->block_panels = min64(most, (int64_t)(a_room / panel));
    p->a_stays = p->block_panels > 0;
    if (!p->a_stays) {
        p->block_panels = most;
        panel = a_panel_bytes(p->kernel, chunk);
    }
    p->b_at = p->a_at + (size_t)p->block_panels * panel;
    p->b_at = (p->b_at + 4095) / 4096 * 4096;
    p->block_n = gemm_round_up(p->g->n, GEMM_PANEL);
    if (p->g->b_packed) return;
    SL_CHECK(p->b_at < scratch);
    int64_t fit = (int64_t)((scratch - p->b_at) / ((size_t)steps * GEMM_STEP_BYTES));
    p->b_stays = fit > 0;
    if (p->b_stays) p->block_n = min64(p->block_n, fit * GEMM_PANEL);
}

/* Narrows the column blocks until threads get equal shares, and enough rows each to be worth a stream of b. */
static void plan_columns(struct plan *p, int64_t panels, int64_t rows)
{
    int64_t column_panels = ceil_div(p->g->n, GEMM_PANEL), t = p->threads;
    int64_t blocks = ceil_div(p->g->n, p->block_n);
    for (; blocks < column_panels; blocks++) {
        int64_t units = panels * blocks, share = ceil_div(units, t);
        bool equal = share * t * 24 <= units * 25;
        int64_t thread_rows = min64(rows, rows * blocks / t);
        bool enough = thread_rows >= min64(rows, THREAD_ROWS) || thread_rows * blocks >= p->g->n;
        if (equal && enough) break;
    }
    p->block_n = ceil_div(column_panels, blocks) * GEMM_PANEL;
    p->n_blocks = ceil_div(p->g->n, p->block_n);
}

/* One thread when waking others costs more than they save: some microseconds of arithmetic or of reading b. */
static int plan_threads(const sl_ops *o, const sl_gemm *g, int groups)
{
    double products = (double)g->m * (double)g->n * (double)g->k;
    double b_bytes = (double)g->n * (double)g->k * (double)groups * (double)sl_dtype_size(g->b_type);
    return products < 1e6 && b_bytes < 1e5 ? 1 : o->n_threads;
}

/* --- packing -------------------------------------------------------------------------------------------------- */

static const char *a_at(const struct rect *r, int64_t panel, int64_t chunk)
{
    return r->a + (size_t)((r->plan->a_stays ? chunk * r->panels : 0) + panel) * r->a_panel_bytes;
}

static int64_t panel_rows(const struct rect *r, int64_t panel)
{
    return min64(r->plan->kernel->rows, r->rows - panel * r->plan->kernel->rows);
}

static void pack_a_chunk(const struct rect *r, int64_t chunk)
{
    const struct gemm_kernel *kernel = r->plan->kernel;
    int64_t k = chunk * r->chunk * gemm_step(kernel->type);
    struct gemm_piece piece = {.source = &r->group.a,
                               .row = r->row,
                               .rows = r->rows,
                               .k = r->k + k,
                               .depth = min64(r->depth - k, r->chunk * gemm_step(kernel->type)),
                               .inverse = kernel->type == SL_I8 ? r->inverse : NULL};
    kernel->pack_a(&piece, (char *)a_at(r, 0, chunk), r->a_panel_bytes);
}

/* Packs columns of b from `column` on, k from `k` (within the pass) for depth, into dst. */
static void pack_b(const struct rect *r, int64_t column, int64_t columns, int64_t k, int64_t depth)
{
    const struct gemm_kernel *kernel = r->plan->kernel;
    struct gemm_piece piece = {.source = &r->group.b, .row = column, .rows = columns, .k = r->k + k, .depth = depth};
    kernel->pack_b(&piece, r->b_scratch, (size_t)gemm_steps(kernel->type, depth) * GEMM_STEP_BYTES);
}

/* Finds the scales of the block's rows and what to multiply their values with. */
static void quantise_rows(const struct rect *r)
{
    struct gemm_piece piece = {.source = &r->group.a, .row = r->row, .rows = r->rows, .depth = r->group.k};
    r->plan->level->absmax(&piece, r->scales);
    for (int64_t i = 0; i < r->rows; i++) {
        r->inverse[i] = gemm_i8_inverse(r->scales[i]);
        r->scales[i] /= 127.0f;
    }
}

/* --- multiplying ---------------------------------------------------------------------------------------------- */

/* Points s->b at the panels of a chunk, packing them if nobody has. */
static void find_b(const struct rect *r, struct sub *s, int64_t chunk)
{
    if (r->b) {
        s->b = r->b + (size_t)s->panel * r->b_panel_bytes + (size_t)(chunk * r->chunk) * GEMM_STEP_BYTES;
        s->b_panel_bytes = r->b_panel_bytes;
        return;
    }
    int64_t k = chunk * r->chunk * gemm_step(r->plan->kernel->type);
    int64_t depth = min64(r->depth - k, r->chunk * gemm_step(r->plan->kernel->type));
    s->b = r->b_scratch;
    s->b_panel_bytes = (size_t)gemm_steps(r->plan->kernel->type, depth) * GEMM_STEP_BYTES;
    int64_t column = s->panel * GEMM_PANEL;
    pack_b(r, r->column + column, min64(s->n * GEMM_PANEL, r->columns - column), k, depth);
}

/* Says what the micro-kernel should prefetch while row panel i meets the column panels in chunk c. */
static void set_prefetch(const struct rect *r, const struct sub *s, struct gemm_micro *m, int64_t i, int64_t c)
{
    bool last_chunk = c + 1 == r->n_chunks;
    int64_t a_lines = (int64_t)(r->a_panel_bytes / 64) / r->chunk;
    if (r->plan->a_stays && r->panels > 1) {
        int64_t next_i = i, next_c = c;
        if (r->by_rows ? last_chunk : true) next_i++;
        if (r->by_rows) next_c = last_chunk ? 0 : c + 1;
        if (next_i == r->panels) next_i = 0, next_c = r->by_rows || last_chunk ? 0 : c + 1;
        m->next_a_lines = (int)ceil_div(a_lines, s->n);
        m->next_a = a_at(r, next_i, next_c);
    }
    if (r->b && r->panels == 1) { /* b in the order of memory: a chunk ahead */
        m->next_b_lines = GEMM_STEP_BYTES / 64;
        m->next_b = m->b + (size_t)m->steps * GEMM_STEP_BYTES;
    } else if (r->b) { /* this row panel's share of the next panels: of the next chunk, or of the next sub-block */
        bool next_sub = r->by_rows || last_chunk;
        int64_t panel = s->panel + (next_sub ? r->sub_panels : 0), chunk = r->by_rows ? c : last_chunk ? 0 : c + 1;
        if (panel * GEMM_PANEL >= r->columns) panel = 0;
        m->next_b_lines = (int)ceil_div(GEMM_STEP_BYTES / 64, r->panels);
        m->next_b = r->b + (size_t)panel * r->b_panel_bytes + (size_t)(chunk * r->chunk) * GEMM_STEP_BYTES;
        m->next_b += i * m->steps * m->next_b_lines * 64;
        m->next_b_panel_bytes = r->b_panel_bytes;
    }
}

/* Chunk c of row panel i times n column panels from panel j of the sub-block on. */
static void multiply_panels(struct rect *r, const struct sub *s, int64_t i, int64_t c, int64_t j, int64_t n)
{
    const struct plan *p = r->plan;
    int64_t column = (s->panel + j) * GEMM_PANEL;
    struct gemm_micro m = {.a = a_at(r, i, c),
                           .b = s->b + (size_t)j * s->b_panel_bytes,
                           .b_panel_bytes = s->b_panel_bytes,
                           .c = r->work,
                           .panels = n,
                           .steps = min64(r->chunk, r->steps - c * r->chunk),
                           .rows = (int)panel_rows(r, i),
                           .first = c == 0,
                           .last = c + 1 == r->n_chunks,
                           .sums = r->group.sums ? r->group.sums + r->column + column : NULL,
                           .row_scales = p->kernel->type == SL_I8 ? r->scales + i * p->kernel->rows : NULL,
                           .tail = &r->tail};
    m.place = (struct gemm_place){.row = r->group.row + r->row + i * p->kernel->rows,
                                  .column = r->column + column,
                                  .rows = m.rows,
                                  .columns = (int)min64(n * GEMM_PANEL, r->columns - column)};
    if (r->n_chunks == 1 || r->panels == 1) { /* two blocks of accumulators take turns */
        m.c_mask = 1;
        m.c_index = r->turn;
        if (m.last) r->turn += n;
    } else {
        m.c_mask = -1;
        m.c_index = (r->by_rows ? i % 2 : i) * s->n + j;
    }
    set_prefetch(r, s, &m, i, c);
    p->kernel->micro(&m);
}

/* A block of rows times some column panels. */
static void multiply_sub(struct rect *r, struct sub *s)
{
    if (r->panels == 1 && r->b && r->plan->a_stays) { /* few rows: b streams in the order of memory */
        for (int64_t j = 0; j < s->n; j++)
            for (int64_t c = 0; c < r->n_chunks; c++) {
                find_b(r, s, c);
                multiply_panels(r, s, 0, c, j, 1);
            }
        return;
    }
    if (r->by_rows) {
        for (int64_t i = 0; i < r->panels; i++)
            for (int64_t c = 0; c < r->n_chunks; c++) {
                find_b(r, s, c);
                multiply_panels(r, s, i, c, 0, s->n);
            }
        return;
    }
    for (int64_t c = 0; c < r->n_chunks; c++) {
        if (!r->plan->a_stays) pack_a_chunk(r, c);
        find_b(r, s, c);
        for (int64_t i = 0; i < r->panels; i++) multiply_panels(r, s, i, c, 0, s->n);
    }
}

/* Rows [row, end) of the group times the column block, in the present pass. */
static void multiply_rows(struct rect *r, int64_t row, int64_t end)
{
    const struct plan *p = r->plan;
    int64_t block = p->block_panels * p->kernel->rows;
    int64_t blocks = ceil_div(end - row, block);
    block = gemm_round_up(ceil_div(end - row, blocks), p->kernel->rows);
    for (r->row = row; r->row < end; r->row += block) {
        r->rows = min64(block, end - r->row);
        r->panels = ceil_div(r->rows, p->kernel->rows);
        if (p->kernel->type == SL_I8) quantise_rows(r);
        for (int64_t c = 0; c < r->n_chunks && p->a_stays; c++) pack_a_chunk(r, c);
        int64_t panels = ceil_div(r->columns, GEMM_PANEL);
        for (int64_t j = 0; j < panels; j += r->sub_panels)
            multiply_sub(r, &(struct sub){.panel = j, .n = min64(r->sub_panels, panels - j)});
        gemm_tail_advance(&r->tail, r->tail.place.rows);
    }
}

/*
 * If eight column panels or more, as long as the pass, fit in half of the second-level cache, they stay there while the
 * row panels pass by. Else they are cut into chunks, and accumulators wait.
 */
static void choose_order(struct rect *r)
{
    enum { ROOM = 1 << 20 };
    int64_t fit = ROOM / GEMM_STEP_BYTES / max64(1, r->steps);
    r->by_rows = r->b && r->plan->a_stays && fit >= 8;
    r->sub_panels = r->by_rows ? min64(fit, SUB_PANELS) : SUB_PANELS;
}

/* Rows [row, end) of the group times column block n, all of k. */
static void multiply_rect(struct rect *r, int64_t n, int64_t row, int64_t end)
{
    const struct plan *p = r->plan;
    const struct group *x = &r->group;
    sl_dtype type = p->kernel->type;
    int64_t pass = pass_steps(p, x->k) * gemm_step(type);
    r->column = n * p->block_n;
    r->columns = min64(p->block_n, p->g->n - r->column);
    r->tail = (struct gemm_tail){.epilogue = x->epilogue, .run = p->level->epilogue};
    for (r->k = 0; r->k < max64(1, x->k); r->k += pass) {
        r->depth = min64(pass, x->k - r->k);
        r->steps = gemm_steps(type, r->depth);
        r->chunk = chunk_steps(p, r->steps);
        r->n_chunks = max64(1, ceil_div(r->steps, r->chunk));
        r->a_panel_bytes = a_panel_bytes(p->kernel, r->chunk);
        r->b_panel_bytes = (size_t)r->steps * GEMM_STEP_BYTES;
        if (x->b_packed) {
            r->b_panel_bytes = (size_t)gemm_steps(type, p->g->k) * GEMM_STEP_BYTES;
            r->b = x->b_packed + (size_t)(r->column / GEMM_PANEL) * r->b_panel_bytes;
        } else if (p->b_stays) {
            pack_b(r, r->column, r->columns, 0, r->depth);
            r->b = r->b_scratch;
        }
        choose_order(r);
        multiply_rows(r, row, end);
        r->tail.epilogue.accumulate = true;
    }
}

/* --- threads -------------------------------------------------------------------------------------------------- */

/* What a unit of the group weighs. */
static int64_t unit_weight(const sl_gemm *g, int i)
{
    return g->n_groups > 0 && g->split_k ? max64(1, group_depth(g, i)) : 1;
}

static int64_t group_units(const struct plan *p, int i)
{
    return ceil_div(group_rows(p->g, i), p->kernel->rows) * p->n_blocks;
}

/* The units [from, to) of group i, in rectangles. */
static void run_units(struct rect *r, int i, int64_t from, int64_t to)
{
    int64_t rows = r->plan->kernel->rows, panels;
    r->group = get_group(r->plan, i);
    panels = ceil_div(r->group.m, rows);
    while (from < to) {
        int64_t n = from / panels, first = from % panels, end = min64(panels, first + to - from);
        multiply_rect(r, n, first * rows, min64(end * rows, r->group.m));
        from += end - first;
    }
}

static void run_thread(const sl_ops *o, const struct plan *p, int thread)
{
    char *scratch = o->scratch + (size_t)thread * o->scratch_size;
    int64_t rows = BLOCK_ROWS + p->kernel->rows, total = 0, base = 0;
    struct rect r = {.plan = p, .work = scratch, .a = scratch + p->a_at, .b_scratch = scratch + p->b_at};
    r.inverse = (float *)(r.a - 2 * (size_t)rows * sizeof(float));
    r.scales = r.inverse + rows;
    if (p->kernel->begin) p->kernel->begin();
    for (int i = 0; i < p->groups; i++) total += group_units(p, i) * unit_weight(p->g, i);
    int64_t from = total / p->threads * thread + total % p->threads * thread / p->threads;
    int64_t to = total / p->threads * (thread + 1) + total % p->threads * (thread + 1) / p->threads;
    for (int i = 0; i < p->groups; i++) {
        int64_t weight = unit_weight(p->g, i), units = group_units(p, i);
        int64_t first = ceil_div(max64(0, from - base), weight), end = ceil_div(max64(0, to - base), weight);
        if (min64(end, units) > first) run_units(&r, i, first, min64(end, units));
        base += units * weight;
    }
    if (p->kernel->end) p->kernel->end();
}

void sl_gemm_run(const sl_ops *o, const sl_gemm *g, const struct gemm_level *level)
{
    sl_dtype type = gemm_compute_type(g);
    struct plan p = {.g = g, .level = level, .groups = g->n_groups > 0 ? g->n_groups : 1};
    int64_t depth, panels, rows;
    p.kernel = type == SL_F32 ? level->f32 : type == SL_BF16 ? level->bf16 : level->i8;
    p.split = !g->b_packed && g->c_type == SL_F32 && !g->bias && !g->act && !g->pre_act && !g->residual;
    measure(&p, &depth, &panels, &rows);
    if (rows == 0 || g->n == 0) return;
    p.threads = plan_threads(o, g, p.groups);
    plan_memory(&p, o->scratch_size, depth);
    plan_columns(&p, panels, rows);
    if (p.threads == 1) {
        run_thread(o, &p, 0);
        return;
    }
    /* A loop over threads rather than omp_get_thread_num: right even when fewer threads come. */
#pragma omp parallel for num_threads(p.threads) schedule(static, 1)
    for (int t = 0; t < p.threads; t++) run_thread(o, &p, t);
}
