/*
 * attention_vec.c: blockwise attention (FlashAttention, arXiv 2205.14135) on vectors, f32 and bf16, packed and paged.
 *
 * A task is up to a few hundred rows of one key-value head. For every block of keys it packs K transposed and V as
 * f32 once, then goes over its rows in units: scores S = Q K^T, softmax with a running maximum, O += P V. The state
 * of a row (maximum, sum, O) lives in the thread's scratch memory between blocks. All arithmetic is f32.
 *
 * A task of few rows, as in decoding, packs nothing: keys are transposed in registers on their way to the scores. Each
 * number comes out of the same chain of operations either way, so how a prompt is cut changes no bit.
 */
#include "tensor/cpu/attention_vec.h"

#include "tensor/cpu/kernels.h"

#include <omp.h>

enum {
    UNIT_ROWS = 32,
    TASK_ROWS = 256,
    FEW_ROWS = 8,
};

/* What a thread works in; carved from its scratch memory. dp is head_dim in whole vectors. */
struct forward {
    const sl_attend *a;
    sl_attend_task task;
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

/* VW elements of a row from d on, of which n exist. */
static inline vf load_some(sl_dtype dt, const void *row, int d, int n)
{
    if (dt == SL_F32) return n < VW ? vf_load_n((const float *)row + d, n) : vf_load((const float *)row + d);
    return n < VW ? vf_load_bf16_n((const sl_bf16 *)row + d, n) : vf_load_bf16((const sl_bf16 *)row + d);
}

static inline void fetch_row(sl_dtype dt, const void *row, int head_dim)
{
    int bytes = head_dim * (dt == SL_F32 ? 4 : 2);
    for (int i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)row + i);
}

/* Scores of R rows from `row` on against `width` keys; asks for the next keys and for all values on the way. */
static inline __attribute__((always_inline)) void score_few(struct forward *f, int row, const int R,
                                                            const void *const *k, const void *const *v, int width)
{
    const sl_attend *a = f->a;
    for (int j = 0; j < width; j += VW) {
        vf acc[4];
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) acc[r] = vf_set1(0);
        for (int i = j; i < j + VW; i++) {
            if (i + VW < width) fetch_row(a->dt, k[i + VW], a->head_dim);
            fetch_row(a->dt, v[i], a->head_dim);
        }
        for (int d = 0; d < a->head_dim; d += VW) {
            int left = a->head_dim - d < VW ? a->head_dim - d : VW;
            const float *q = f->q + row * f->dp + d;
            vf x[VW]; /* past head_dim keys and queries are zero */
#pragma GCC unroll 16
            for (int i = 0; i < VW; i++) x[i] = load_some(a->dt, k[j + i], d, left);
            vec_transpose(x);
#pragma GCC unroll 16
            for (int i = 0; i < VW; i++)
#pragma GCC unroll 4
                for (int r = 0; r < R; r++) acc[r] = vf_fma(vf_set1(q[r * f->dp + i]), x[i], acc[r]);
        }
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) vf_store(f->scores + r * ATTENTION_KEYS + j, acc[r]);
    }
}

/* O += P V of R rows from `row` on. */
static inline __attribute__((always_inline)) void add_few(struct forward *f, int row, const int R, const void *const *v,
                                                          int width)
{
    const sl_attend *a = f->a;
    const float *p = f->scores;
    for (int d = 0; d < a->head_dim; d += VW) {
        int left = a->head_dim - d < VW ? a->head_dim - d : VW;
        float *o = f->acc + row * f->dp + d;
        vf acc[4];
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) acc[r] = vf_load(o + r * f->dp);
        for (int j = 0; j < width; j++) {
            vf x = load_some(a->dt, v[j], d, left);
#pragma GCC unroll 4
            for (int r = 0; r < R; r++) acc[r] = vf_fma(vf_set1(p[r * ATTENTION_KEYS + j]), x, acc[r]);
        }
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) vf_store(o + r * f->dp, acc[r]);
    }
}

static inline __attribute__((always_inline)) void attend_some(struct forward *f, int row, const int R, int64_t key,
                                                              const void *const *k, const void *const *v, int width)
{
    score_few(f, row, R, k, v, width);
    softmax_rows(f, row, R, key, width);
    add_few(f, row, R, v, width);
}

/* All rows of a task of few against the block of n keys that begins at key; k and v have room up to whole vectors. */
static void attend_few(struct forward *f, int rows, int64_t key, int n, const void **k, const void **v)
{
    static const float nothing[256];
    int width = vec_padded(n), row = 0;
    for (int i = n; i < width; i++) k[i] = v[i] = nothing;
    for (; row + 4 <= rows; row += 4) attend_some(f, row, 4, key, k, v, width);
    for (; row + 2 <= rows; row += 2) attend_some(f, row, 2, key, k, v, width);
    for (; row < rows; row++) attend_some(f, row, 1, key, k, v, width);
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

static void run_task(struct forward *f)
{
    const sl_attend *a = f->a;
    const sl_attend_task *t = &f->task;
    const void *k[ATTENTION_KEYS], *v[ATTENTION_KEYS];
    float k_scales[ATTENTION_KEYS], v_scales[ATTENTION_KEYS];
    int rows = (int)(t->last_row - t->first_row);
    bool few = rows <= FEW_ROWS && !a->int8;
    int64_t keys = sl_attend_visible(a, t->seq, t->last_row - 1);
    begin_rows(f, rows);
    for (int64_t key = 0; key < keys; key += ATTENTION_KEYS) {
        int n = keys - key < ATTENTION_KEYS ? (int)(keys - key) : ATTENTION_KEYS;
        sl_attend_key_rows(a, t->seq, t->kv_head, key, n, k, v);
        if (few) {
            attend_few(f, rows, key, n, k, v);
            continue;
        }
        int width = vec_padded(n);
        if (a->int8) sl_attend_key_scales(a, t->seq, t->kv_head, key, n, k_scales, v_scales);
        vec_pack_keys(a->dt, k, a->int8 ? k_scales : NULL, n, width, a->head_dim, NULL, f->k_columns);
        vec_pack_keys(a->dt, v, a->int8 ? v_scales : NULL, n, width, a->head_dim, f->v_rows, NULL);
        for (int row = 0; row < rows; row += UNIT_ROWS) {
            int unit = rows - row < UNIT_ROWS ? rows - row : UNIT_ROWS;
            if (sl_attend_visible(a, t->seq, t->first_row + row + unit - 1) <= key) continue;
            attend_unit(f, row, unit, key, width);
        }
    }
    end_rows(f, rows);
}

void SL_VEC_NAME(sl_attend)(const sl_ops *o, const sl_attend *a)
{
    int64_t next = 0, chunk = sl_attend_chunk(a, o->n_threads, UNIT_ROWS, TASK_ROWS);
#pragma omp parallel num_threads(o->n_threads)
    {
        sl_attend_cursor cursor = sl_attend_cursor_init(a, chunk);
        struct forward f = {.a = a};
        carve_forward(&f, o->scratch + (size_t)omp_get_thread_num() * o->scratch_size);
        for (;;) {
            int64_t i;
#pragma omp atomic capture
            i = next++;
            if (!sl_attend_cursor_at(&cursor, i, &f.task)) break;
            run_task(&f);
        }
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
