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
    SUB_PANELS = 16,  /* column panels of a sub-block */
    BLOCK_ROWS = 512, /* of a block of rows, at most */
    CHUNK_ROWS = 384, /* of a block of which only a chunk stays in the second-level cache, with its accumulators */
    STAY_ROWS = 256,  /* of a, at least, should stay there for a whole pass, in no more than */
    STAY_BYTES = 1 << 20,
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
    bool by_columns; /* all chunks of a column panel, then the next; see choose_order */
    int64_t turn;    /* which of two blocks of accumulators is next */
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

/* Large outputs leave the caches to the operands, if whole cache lines can be written. */
static bool may_stream(const sl_gemm *g, const void *c)
{
    const int64_t size = (int64_t)sl_dtype_size(g->c_type), large = 1 << 20;
    if (g->accumulate || g->residual || g->m * g->n * size < large) return false;
    return ((uintptr_t)c | (uintptr_t)g->pre_act | (uintptr_t)(g->ldc * size)) % 64 == 0;
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
    x.epilogue.stream = may_stream(g, x.epilogue.c);
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

/* Says what the micro-kernel should prefetch while column panel j meets the row panels in chunk c. */
static void set_prefetch(const struct rect *r, const struct sub *s, struct gemm_micro *m, int64_t j, int64_t c)
{
    bool last_chunk = c + 1 == r->n_chunks, in_order = r->by_columns || r->panels == 1;
    if (r->b) {
        m->next_b_lines = (int)ceil_div(GEMM_STEP_BYTES / 64, r->panels);
        m->next_b = m->b + (in_order ? (size_t)m->steps * GEMM_STEP_BYTES : r->b_panel_bytes);
        if (!in_order && j + 1 == s->n && !last_chunk)
            m->next_b = s->b + (size_t)r->chunk * GEMM_STEP_BYTES; /* the next chunk's first panel */
    }
    if (r->plan->a_stays && !in_order) { /* this column panel's share of the next chunk of a */
        int64_t lines = ceil_div((int64_t)(r->a_panel_bytes / 64), r->chunk * s->n);
        m->next_a_lines = (int)lines;
        m->next_a = a_at(r, 0, last_chunk ? 0 : c + 1) + j * r->panels * r->chunk * lines * 64;
    }
}

/* Whether a kernel takes all of k at once: one row panel meets packed columns. */
static bool streams(const struct rect *r)
{
    return r->plan->kernel->stream && r->panels == 1 && r->plan->a_stays && r->b;
}

/* Chunk c of column panel j of the sub-block times all row panels; all chunks when the kernel streams. */
static void multiply_panels(struct rect *r, const struct sub *s, int64_t j, int64_t c)
{
    const struct plan *p = r->plan;
    bool stream = streams(r);
    int64_t column = r->column + (s->panel + j) * GEMM_PANEL;
    struct gemm_micro m = {.a = a_at(r, 0, c),
                           .a_panel_bytes = r->a_panel_bytes,
                           .b = s->b + (size_t)j * s->b_panel_bytes,
                           .c = r->work,
                           .panels = r->panels,
                           .rows = r->rows,
                           .steps = stream ? r->steps : min64(r->chunk, r->steps - c * r->chunk),
                           .chunk = r->chunk,
                           .first = c == 0,
                           .last = stream || c + 1 == r->n_chunks,
                           .sums = r->group.sums ? r->group.sums + column : NULL,
                           .row_scales = p->kernel->type == SL_I8 ? r->scales : NULL,
                           .tail = &r->tail};
    m.place = (struct gemm_place){
        .row = r->group.row + r->row, .column = column, .columns = (int)min64(GEMM_PANEL, p->g->n - column)};
    if (r->n_chunks == 1 || r->panels == 1) { /* two blocks of accumulators take turns */
        m.c_mask = 1;
        m.c_index = r->turn;
        if (m.last) r->turn += r->panels;
    } else {
        m.c_mask = -1;
        m.c_index = (r->by_columns ? j % 2 : j) * r->panels;
    }
    if (stream) {
        p->kernel->stream(&m);
        return;
    }
    set_prefetch(r, s, &m, j, c);
    p->kernel->micro(&m);
}

/* A block of rows times some column panels. */
static void multiply_sub(struct rect *r, struct sub *s)
{
    if (r->b && (r->by_columns || (r->panels == 1 && r->plan->a_stays))) {
        for (int64_t j = 0; j < s->n; j++)
            for (int64_t c = 0; c < (streams(r) ? 1 : r->n_chunks); c++) {
                find_b(r, s, c);
                multiply_panels(r, s, j, c);
            }
        return;
    }
    for (int64_t c = 0; c < r->n_chunks; c++) {
        if (!r->plan->a_stays) pack_a_chunk(r, c);
        find_b(r, s, c);
        for (int64_t j = 0; j < s->n; j++) multiply_panels(r, s, j, c);
    }
}

/*
 * Chooses between two orders for a block of rows: if enough rows stay in half of the second-level cache for the whole
 * pass, all chunks of one column panel follow each other, and b streams past in the order of memory. Else only a chunk
 * of the rows stays there, it meets all column panels of a sub-block, and accumulators wait for the next chunk.
 */
static int64_t choose_order(struct rect *r, int64_t rows)
{
    const struct plan *p = r->plan;
    int64_t most = p->block_panels, panel = r->n_chunks * (int64_t)r->a_panel_bytes;
    int64_t stay = STAY_BYTES / panel;
    r->by_columns = r->b && p->a_stays && (stay * p->kernel->rows >= min64(rows, STAY_ROWS));
    most = min64(most, r->by_columns ? stay : CHUNK_ROWS / p->kernel->rows);
    most *= p->kernel->rows;
    return gemm_round_up(ceil_div(rows, ceil_div(rows, most)), p->kernel->rows);
}

/* Rows [row, end) of the group times the column block, in the present pass. */
static void multiply_rows(struct rect *r, int64_t row, int64_t end)
{
    const struct plan *p = r->plan;
    int64_t block = choose_order(r, end - row), panels = ceil_div(r->columns, GEMM_PANEL);
    for (r->row = row; r->row < end; r->row += block) {
        r->rows = min64(block, end - r->row);
        r->panels = ceil_div(r->rows, p->kernel->rows);
        if (p->kernel->type == SL_I8) quantise_rows(r);
        for (int64_t c = 0; c < r->n_chunks && p->a_stays; c++) pack_a_chunk(r, c);
        for (int64_t j = 0; j < panels; j += SUB_PANELS)
            multiply_sub(r, &(struct sub){.panel = j, .n = min64(SUB_PANELS, panels - j)});
        gemm_tail_advance(&r->tail, r->tail.place.rows);
    }
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
