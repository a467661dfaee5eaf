/*
 * attention_vec.c: blockwise attention (FlashAttention, arXiv 2205.14135) on vectors, f32 and bf16, packed and paged.
 *
 * A task is up to a few hundred rows of one key-value head. For every block of keys it packs K transposed and V as
 * f32 once, then goes over its rows in units: scores S = Q K^T, softmax with a running maximum, O += P V. The state
 * of a row (maximum, sum, O) lives in the thread's scratch memory between blocks. All arithmetic is f32.
 *
 * A task of few rows, as in decoding or in a chunk of a prompt beside streams, transposes the keys as they are and
 * reads the values where they are. Each number comes out of the same chain of operations either way, so how a prompt is
 * cut changes no bit. Such tasks wait for memory: the values are asked for while keys are transposed, and then the keys
 * that come next, which may be the next task's. So a thread takes its next task before it begins one of few rows.
 */
#include "tensor/cpu/attention_vec.h"

#include "tensor/cpu/kernels.h"

#include <omp.h>

enum {
    UNIT_ROWS = 32,
    TASK_ROWS = 256,
    FEW_ROWS = 32,
};

/* Where the keys and values of a block are. */
struct block {
    const void *k[ATTENTION_KEYS], *v[ATTENTION_KEYS];
    int n, asked; /* keys; how many of them are on the way from memory */
};

/* What a thread works in; carved from its scratch memory. dp is head_dim in whole vectors. */
struct forward {
    const sl_attend *a;
    sl_attend_task task;
    struct block blocks[2]; /* of tasks of few rows: this one, and the one that comes next */
    int turn;               /* this one of the two */
    bool found;             /* its places are filled in already */
    int dp;
    float *q;         /* (TASK_ROWS, dp), times scale */
    float *acc;       /* (TASK_ROWS, dp): O before division by sum */
    float *max;       /* (TASK_ROWS) */
    float *sum;       /* (TASK_ROWS) */
    float *k_columns; /* (dp, ATTENTION_KEYS) */
    float *v_rows;    /* (ATTENTION_KEYS, dp) */
    float *scores;    /* (UNIT_ROWS, ATTENTION_KEYS) */
};

static float *carve(char **at, int64_t n)
{
    float *p = (float *)*at;
    *at += (n * 4 + 63) / 64 * 64;
    return p;
}

static void carve_forward(struct forward *f, char *scratch)
{
    f->dp = vec_padded(f->a->head_dim);
    f->q = carve(&scratch, (int64_t)TASK_ROWS * f->dp);
    f->acc = carve(&scratch, (int64_t)TASK_ROWS * f->dp);
    f->max = carve(&scratch, TASK_ROWS);
    f->sum = carve(&scratch, TASK_ROWS);
    f->k_columns = carve(&scratch, (int64_t)ATTENTION_KEYS * f->dp);
    f->v_rows = carve(&scratch, (int64_t)ATTENTION_KEYS * f->dp);
    f->scores = carve(&scratch, UNIT_ROWS * ATTENTION_KEYS);
}

static void begin_rows(struct forward *f, int rows)
{
    const sl_attend *a = f->a;
    for (int i = 0; i < rows; i++) {
        const void *q = sl_attend_query(a, f->task.seq, f->task.kv_head, f->task.first_row + i);
        vec_load_row(a->dt, q, a->head_dim, a->scale, f->q + i * f->dp);
        f->max[i] = -INFINITY;
        f->sum[i] = 0;
    }
    memset(f->acc, 0, (size_t)(rows * f->dp) * sizeof *f->acc);
}

/*
 * Turns a row of scores into probabilities relative to the row's running maximum. When the maximum grows, what was
 * summed so far shrinks by exp(old - new). Of `width` keys, a multiple of VW, those from `seen` on are hidden.
 */
static void softmax_row(struct forward *f, int row, float *s, int width, int64_t seen)
{
    for (int64_t i = seen < 0 ? 0 : seen; i < width; i++) s[i] = -INFINITY;
    vf max = vf_load(s);
    for (int i = VW; i < width; i += VW) max = vf_max(max, vf_load(s + i));
    float new_max = vf_hmax(max);
    if (new_max > f->max[row]) {
        vf keep = vf_exp(vf_set1(f->max[row] - new_max));
        float *acc = f->acc + row * f->dp;
        for (int d = 0; d < f->dp; d += VW) vf_store(acc + d, vf_load(acc + d) * keep);
        f->sum[row] *= keep[0];
        f->max[row] = new_max;
    }
    vf shift = vf_set1(f->max[row]), sum = vf_set1(0);
    for (int i = 0; i < width; i += VW) {
        vf p = vf_exp(vf_load(s + i) - shift);
        sum += p;
        vf_store(s + i, p);
    }
    f->sum[row] += vf_sum(sum);
}

/* Hides what rows [row, row + rows) may not see of the block that begins at key; scores become probabilities. */
static void softmax_rows(struct forward *f, int row, int rows, int64_t key, int width)
{
    for (int i = 0; i < rows; i++) {
        int64_t visible = sl_attend_visible(f->a, f->task.seq, f->task.first_row + row + i);
        softmax_row(f, row + i, f->scores + i * ATTENTION_KEYS, width, visible - key);
    }
}

/* Rows [row, row + rows) of the task against the packed block of keys that begins at key. */
static void attend_unit(struct forward *f, int row, int rows, int64_t key, int width)
{
    vec_product(&(struct vec_operands){.a = f->q + row * f->dp,
                                       .b = f->k_columns,
                                       .c = f->scores,
                                       .a_row = f->dp,
                                       .a_column = 1,
                                       .ldb = ATTENTION_KEYS,
                                       .ldc = ATTENTION_KEYS,
                                       .k = f->a->head_dim},
                rows, width);
    softmax_rows(f, row, rows, key, width);
    vec_product(&(struct vec_operands){.a = f->scores,
                                       .b = f->v_rows,
                                       .c = f->acc + row * f->dp,
                                       .a_row = ATTENTION_KEYS,
                                       .a_column = 1,
                                       .ldb = f->dp,
                                       .ldc = f->dp,
                                       .k = width,
                                       .add = true},
                rows, f->dp);
}

/* --- few rows ----------------------------------------------------------------------------------------------------- */

/*
 * Keys are taken as lanes of 32 bits: a number of f32, or two neighbours of bf16, which part where they are multiplied.
 * That halves the shuffles of the transpose, which are most of the work. Values in bf16 part too, so that behind the
 * sums of the even dimensions of each 2 VW stand those of the odd ones, until the task ends.
 */

/* Asks for a key or a value, which takes so many cache lines. */
static inline void fetch_row(const void *row, int lines)
{
    __builtin_prefetch(row);
    for (int i = 1; i < lines; i++) __builtin_prefetch((const char *)row + 64 * i);
}

static inline int row_lines(const sl_attend *a)
{
    return (a->head_dim * (a->dt == SL_F32 ? 4 : 2) + 63) / 64;
}

static inline vf even_bf16(vf lanes)
{
    return (vf)((vu)lanes << 16);
}

static inline vf odd_bf16(vf lanes)
{
    return (vf)((vu)lanes & 0xffff0000U);
}

/* The lanes of a block's keys become f->k_columns; asks for all values on the way, and for the keys not asked for. */
static void turn_keys(struct forward *f, const struct block *b)
{
    const sl_attend *a = f->a;
    int lines = row_lines(a), asked = b->asked;
    int lanes = a->dt == SL_F32 ? a->head_dim : a->head_dim / 2;
    for (int j = 0; j < b->n; j += VW) {
        for (int i = j; i < j + VW; i++) fetch_row(b->v[i], lines);
        for (int i = j + VW; i < b->n && i < j + 2 * VW; i++)
            if (i >= asked) fetch_row(b->k[i], lines);
        for (int d = 0; d < lanes; d += VW) {
            int left = lanes - d;
            vf x[VW];
#pragma GCC unroll 16
            for (int i = 0; i < VW; i++) {
                const float *k = (const float *)b->k[j + i] + d;
                x[i] = left < VW ? vf_load_n(k, left) : vf_load(k);
            }
            vec_transpose(x);
#pragma GCC unroll 16
            for (int i = 0; i < VW; i++) vf_store(f->k_columns + (d + i) * ATTENTION_KEYS + j, x[i]);
        }
    }
}

/* Scores of R rows from `row` on against V vectors of keys from j on. */
static inline __attribute__((always_inline)) void score_tile(struct forward *f, int row, int j, const int R,
                                                             const int V, const bool bf16)
{
    vf acc[4][4];
    const float *q = f->q + row * f->dp, *k = f->k_columns + j;
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) acc[r][v] = vf_set1(0);
    for (int d = 0; d < f->a->head_dim; d += bf16 ? 2 : 1, k += ATTENTION_KEYS) {
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
            vf x = vf_load(k + v * VW), first = bf16 ? even_bf16(x) : x, second = odd_bf16(x);
#pragma GCC unroll 4
            for (int r = 0; r < R; r++) {
                acc[r][v] = vf_fma(vf_set1(q[r * f->dp + d]), first, acc[r][v]);
                if (bf16) acc[r][v] = vf_fma(vf_set1(q[r * f->dp + d + 1]), second, acc[r][v]);
            }
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) vf_store(f->scores + r * ATTENTION_KEYS + j + v * VW, acc[r][v]);
}

/* O += P V of R rows from `row` on, for C vectors of O from d on; asks for the keys of the next block on the way. */
static inline __attribute__((always_inline)) void add_tile(struct forward *f, int row, int d, const int R, const int C,
                                                           const bool pairs, const struct block *b,
                                                           const struct block *next)
{
    const sl_attend *a = f->a;
    int left = a->head_dim - d, width = vec_padded(b->n), lines = row_lines(a);
    float *o = f->acc + row * f->dp + d;
    vf acc[4][4], x[4];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int c = 0; c < C; c++) acc[r][c] = vf_load(o + r * f->dp + c * VW);
    for (int j = 0; j < width; j++) {
        if (j < next->n) fetch_row(next->k[j], lines);
#pragma GCC unroll 4
        for (int c = 0; c < C; c += pairs ? 2 : 1) {
            if (pairs) {
                vf lanes = vf_load((const float *)((const sl_bf16 *)b->v[j] + d + c * VW));
                x[c] = even_bf16(lanes), x[c + 1] = odd_bf16(lanes);
            } else {
                x[c] = vec_load_some(a->dt, b->v[j], d + c * VW, left - c * VW);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
            for (int c = 0; c < C; c++) acc[r][c] = vf_fma(vf_set1(f->scores[r * ATTENTION_KEYS + j]), x[c], acc[r][c]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int c = 0; c < C; c++) vf_store(o + r * f->dp + c * VW, acc[r][c]);
}

/*
 * R rows from `row` on against a block. Eight sums are under way at once, as each waits for its last one; some may be
 * of keys past the block, which softmax does not see.
 */
static inline __attribute__((always_inline)) void attend_some(struct forward *f, int row, const int R, int64_t key,
                                                              const struct block *b, const struct block *next)
{
    static const struct block nothing;
    const int N = R == 4 ? 2 : 4;
    int head_dim = f->a->head_dim, d = 0;
    bool bf16 = f->a->dt == SL_BF16;
    for (int j = 0; j < b->n; j += N * VW)
        if (bf16)
            score_tile(f, row, j, R, N, true);
        else
            score_tile(f, row, j, R, N, false);
    softmax_rows(f, row, R, key, vec_padded(b->n));
    for (; d + N * VW <= head_dim; d += N * VW, next = &nothing)
        if (bf16)
            add_tile(f, row, d, R, N, true, b, next);
        else
            add_tile(f, row, d, R, N, false, b, next);
    for (; bf16 && d + 2 * VW <= head_dim; d += 2 * VW, next = &nothing) add_tile(f, row, d, R, 2, true, b, next);
    for (; d < head_dim; d += VW, next = &nothing) add_tile(f, row, d, R, 1, false, b, next);
}

/* Puts the sums of even and odd dimensions into their order. */
static void join_sums(struct forward *f, int rows)
{
    float halves[2 * VW];
    for (int i = 0; i < rows; i++)
        for (int d = 0; d + 2 * VW <= f->a->head_dim; d += 2 * VW) {
            float *o = f->acc + i * f->dp + d;
            memcpy(halves, o, sizeof halves);
            for (int k = 0; k < VW; k++) o[2 * k] = halves[k], o[2 * k + 1] = halves[VW + k];
        }
}

/* Finds block `key` of a task; past its keys, up to whole vectors, there are zeros. */
static void find_block(const sl_attend *a, const sl_attend_task *t, int64_t key, struct block *b)
{
    static const float nothing[256];
    int64_t keys = sl_attend_visible(a, t->seq, t->last_row - 1) - key;
    b->n = keys < ATTENTION_KEYS ? (int)keys : ATTENTION_KEYS;
    sl_attend_key_rows(a, t->seq, t->kv_head, key, b->n, b->k, b->v);
    for (int i = b->n; i < vec_padded(b->n); i++) b->k[i] = b->v[i] = nothing;
}

/* The present task, which has few rows; `next` is the one that follows, or NULL. */
static void run_few(struct forward *f, const sl_attend_task *next)
{
    const sl_attend_task *t = &f->task;
    int rows = (int)(t->last_row - t->first_row);
    int64_t keys = sl_attend_visible(f->a, t->seq, t->last_row - 1);
    for (int64_t key = 0; key < keys; key += ATTENTION_KEYS) {
        struct block *b = &f->blocks[f->turn], *ahead = &f->blocks[f->turn ^ 1];
        int row = 0;
        if (!f->found) find_block(f->a, t, key, b);
        if (!f->found) b->asked = 0;
        ahead->n = 0;
        if (key + ATTENTION_KEYS < keys)
            find_block(f->a, t, key + ATTENTION_KEYS, ahead);
        else if (next)
            find_block(f->a, next, 0, ahead);
        f->found = ahead->n > 0;
        ahead->asked = vec_padded(b->n);
        turn_keys(f, b);
        for (; row + 4 <= rows; row += 4) attend_some(f, row, 4, key, b, ahead);
        for (; row + 2 <= rows; row += 2) attend_some(f, row, 2, key, b, ahead);
        for (; row < rows; row++) attend_some(f, row, 1, key, b, ahead);
        f->turn ^= 1;
    }
    if (f->a->dt == SL_BF16) join_sums(f, rows);
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

static void end_rows(const struct forward *f, int rows)
{
    const sl_attend *a = f->a;
    for (int i = 0; i < rows; i++) {
        int64_t slot = sl_attend_slot(a, f->task.seq, f->task.kv_head, f->task.first_row + i);
        void *out = (char *)a->out + slot * a->head_dim * (a->dt == SL_F32 ? 4 : 2);
        vec_store_row(a->dt, f->acc + i * f->dp, a->head_dim, 1 / f->sum[i], false, out);
        if (a->lse) a->lse[slot] = f->max[i] + logf(f->sum[i]);
    }
}

/* The present task, which has many rows: they share the work of packing keys and values. */
static void run_many(struct forward *f)
{
    const sl_attend *a = f->a;
    const sl_attend_task *t = &f->task;
    const void *k[ATTENTION_KEYS], *v[ATTENTION_KEYS];
    float k_scales[ATTENTION_KEYS], v_scales[ATTENTION_KEYS];
    int rows = (int)(t->last_row - t->first_row);
    int64_t keys = sl_attend_visible(a, t->seq, t->last_row - 1);
    for (int64_t key = 0; key < keys; key += ATTENTION_KEYS) {
        int n = keys - key < ATTENTION_KEYS ? (int)(keys - key) : ATTENTION_KEYS, width = vec_padded(n);
        sl_attend_key_rows(a, t->seq, t->kv_head, key, n, k, v);
        if (a->int8) sl_attend_key_scales(a, t->seq, t->kv_head, key, n, k_scales, v_scales);
        vec_pack_keys(a->dt, k, a->int8 ? k_scales : NULL, n, width, a->head_dim, NULL, f->k_columns);
        vec_pack_keys(a->dt, v, a->int8 ? v_scales : NULL, n, width, a->head_dim, f->v_rows, NULL);
        for (int row = 0; row < rows; row += UNIT_ROWS) {
            int unit = rows - row < UNIT_ROWS ? rows - row : UNIT_ROWS;
            if (sl_attend_visible(a, t->seq, t->first_row + row + unit - 1) <= key) continue;
            attend_unit(f, row, unit, key, width);
        }
    }
}

static bool has_few(const sl_attend *a, const sl_attend_task *t)
{
    return t->last_row - t->first_row <= FEW_ROWS && !a->int8;
}

/* Takes the next task that no thread has; false when there is none. */
static bool take_task(sl_attend_cursor *cursor, int64_t *next, sl_attend_task *t)
{
    int64_t i;
#pragma omp atomic capture
    i = (*next)++;
    return sl_attend_cursor_at(cursor, i, t);
}

/* All tasks that one thread gets. */
static void run_tasks(struct forward *f, sl_attend_cursor *cursor, int64_t *next)
{
    sl_attend_task after = {0};
    for (bool more = take_task(cursor, next, &f->task); more; f->task = after) {
        bool few = has_few(f->a, &f->task);
        int rows = (int)(f->task.last_row - f->task.first_row);
        begin_rows(f, rows);
        if (few) {
            more = take_task(cursor, next, &after);
            run_few(f, more && has_few(f->a, &after) ? &after : NULL);
        } else {
            run_many(f);
        }
        end_rows(f, rows);
        if (!few) more = take_task(cursor, next, &after);
    }
}

void SL_VEC_NAME(sl_attend)(const sl_ops *o, const sl_attend *a)
{
    int64_t next = 0, chunk = sl_attend_chunk(a, o->n_threads, UNIT_ROWS, TASK_ROWS);
#pragma omp parallel num_threads(o->n_threads)
    {
        sl_attend_cursor cursor = sl_attend_cursor_init(a, chunk);
        struct forward f = {.a = a};
        carve_forward(&f, o->scratch + (size_t)omp_get_thread_num() * o->scratch_size);
        run_tasks(&f, &cursor, &next);
    }
}

static void attention(const sl_ops *o, const sl_attention *a)
{
    sl_attend problem = sl_attend_packed(a);
    SL_VEC_NAME(sl_attend)(o, &problem);
}

static void attention_paged(const sl_ops *o, const sl_attention_paged *a)
{
    sl_attend problem = sl_attend_paged(a);
    SL_VEC_NAME(sl_attend)(o, &problem);
}

void SL_VEC_NAME(sl_attention_fill)(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->attention = attention;
    o->attention_bwd = SL_VEC_NAME(sl_attention_bwd);
    o->attention_paged = attention_paged;
}
