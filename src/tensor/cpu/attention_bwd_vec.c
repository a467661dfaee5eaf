/*
 * attention_bwd_vec.c: the backward of blockwise attention (FlashAttention, arXiv 2205.14135) on vectors.
 *
 *     P = exp(scale q k^T - lse), dP = dO v^T, dS = P (dP - delta), delta = sum(dO * O)
 *     dv = P^T dO, dk = scale dS^T q, dq = scale dS k
 *
 * A task is one key-value head of one sequence, so that nothing is shared between threads. It goes over ranges of
 * keys, as many as fit in the thread's scratch memory packed as f32 with their dk and dv; over units of rows; over
 * the range's blocks of keys. Ranges depend on head_dim only. With several ranges (beyond thousands of keys), dq is
 * summed over them in dt.
 */
#include "tensor/cpu/attention_vec.h"

#include <omp.h>

enum { UNIT_ROWS = 64 };

/* One block of keys: operands and results, each (ATTENTION_KEYS, dp) or transposed. */
struct key_block {
    float *k_rows, *k_columns, *v_columns, *dk, *dv;
};

/* What a thread works in; carved from its scratch memory. */
struct backward {
    const sl_attention *a;
    const sl_attention_grad *g;
    sl_attend problem;
    int seq, kv_head;
    int dp;             /* head_dim in whole vectors */
    float *q;           /* (UNIT_ROWS, dp), times scale */
    float *d_out;       /* (UNIT_ROWS, dp) */
    float *dq;          /* (UNIT_ROWS, dp) */
    float *p, *ds;      /* (UNIT_ROWS, ATTENTION_KEYS) */
    float *lse, *delta; /* (UNIT_ROWS) */
    float *blocks;      /* n_blocks times five operands of (ATTENTION_KEYS, dp) */
    int64_t n_blocks;
};

static void carve_backward(struct backward *b, char *scratch, size_t size)
{
    int64_t unit, block;
    b->dp = vec_padded(b->a->head_dim);
    unit = (int64_t)UNIT_ROWS * b->dp;
    block = (int64_t)ATTENTION_KEYS * b->dp;
    b->q = (float *)scratch;
    b->d_out = b->q + unit;
    b->dq = b->d_out + unit;
    b->p = b->dq + unit;
    b->ds = b->p + UNIT_ROWS * ATTENTION_KEYS;
    b->lse = b->ds + UNIT_ROWS * ATTENTION_KEYS;
    b->delta = b->lse + UNIT_ROWS;
    b->blocks = b->delta + UNIT_ROWS;
    b->n_blocks = ((int64_t)(size / sizeof(float)) - (b->blocks - b->q)) / (5 * block);
}

static struct key_block block_at(const struct backward *b, int64_t i)
{
    int64_t size = (int64_t)ATTENTION_KEYS * b->dp;
    float *p = b->blocks + 5 * size * i;
    return (struct key_block){p, p + size, p + 2 * size, p + 3 * size, p + 4 * size};
}

static void pack_block(const struct backward *b, int64_t key, int n, struct key_block x)
{
    const void *k[ATTENTION_KEYS], *v[ATTENTION_KEYS];
    sl_attend_key_rows(&b->problem, b->seq, b->kv_head, key, n, k, v);
    vec_pack_keys(b->a->dt, k, NULL, n, ATTENTION_KEYS, b->a->head_dim, x.k_rows, x.k_columns);
    vec_pack_keys(b->a->dt, v, NULL, n, ATTENTION_KEYS, b->a->head_dim, NULL, x.v_columns);
    memset(x.dk, 0, (size_t)(ATTENTION_KEYS * b->dp) * sizeof(float));
    memset(x.dv, 0, (size_t)(ATTENTION_KEYS * b->dp) * sizeof(float));
}

static void store_block(const struct backward *b, int64_t key, int n, struct key_block x)
{
    const sl_attention *a = b->a;
    int64_t size = a->dt == SL_F32 ? 4 : 2, head = (int64_t)b->kv_head * a->head_dim;
    for (int i = 0; i < n; i++) {
        int64_t at = ((a->cu_seqlens[b->seq] + key + i) * a->kv_stride + head) * size;
        vec_store_row(a->dt, x.dk + i * b->dp, a->head_dim, 1, false, (char *)b->g->dk + at);
        vec_store_row(a->dt, x.dv + i * b->dp, a->head_dim, 1, false, (char *)b->g->dv + at);
    }
}

/* Loads a unit of rows; the first range also computes their delta. */
static void begin_unit(struct backward *b, int64_t row, int rows, bool first_range)
{
    const sl_attention *a = b->a;
    int64_t size = a->dt == SL_F32 ? 4 : 2;
    for (int i = 0; i < rows; i++) {
        int64_t slot = sl_attend_slot(&b->problem, b->seq, b->kv_head, row + i), at = slot * a->head_dim * size;
        float *d_out = b->d_out + i * b->dp, *out = b->dq + i * b->dp;
        vec_load_row(a->dt, sl_attend_query(&b->problem, b->seq, b->kv_head, row + i), a->head_dim, a->scale,
                     b->q + i * b->dp);
        vec_load_row(a->dt, (const char *)b->g->d_out + at, a->head_dim, 1, d_out);
        if (first_range) {
            vec_load_row(a->dt, (const char *)a->out + at, a->head_dim, 1, out);
            b->g->delta[slot] = vec_dot(d_out, out, b->dp);
        }
        b->lse[i] = a->lse[slot];
        b->delta[i] = b->g->delta[slot];
    }
    memset(b->dq, 0, (size_t)(rows * b->dp) * sizeof *b->dq);
}

static void end_unit(const struct backward *b, int64_t row, int rows, bool first_range)
{
    const sl_attention *a = b->a;
    int64_t size = a->dt == SL_F32 ? 4 : 2;
    for (int i = 0; i < rows; i++) {
        const char *q = sl_attend_query(&b->problem, b->seq, b->kv_head, row + i);
        char *dq = (char *)b->g->dq + (q - (const char *)a->q) / size * size;
        vec_store_row(a->dt, b->dq + i * b->dp, a->head_dim, a->scale, !first_range, dq);
    }
}

/* Scores become P, dP becomes dS; keys from `seen` on are hidden. */
static void backward_row(float *p, float *ds, float lse, float delta, int64_t seen)
{
    if (seen < ATTENTION_KEYS) vec_mask_row(p, seen, -INFINITY);
    for (int i = 0; i < ATTENTION_KEYS; i += VW) {
        vf x = vf_exp(vf_load(p + i) - vf_set1(lse));
        vf_store(p + i, x);
        vf_store(ds + i, x * (vf_load(ds + i) - vf_set1(delta)));
    }
}

/* c (UNIT_ROWS, ATTENTION_KEYS) = x y, x (UNIT_ROWS, dp), y (dp, ATTENTION_KEYS) */
static void product_to_scores(const struct backward *b, int rows, const float *x, const float *y, float *c)
{
    vec_product(&(struct vec_operands){.a = x,
                                       .b = y,
                                       .c = c,
                                       .a_row = b->dp,
                                       .a_column = 1,
                                       .ldb = ATTENTION_KEYS,
                                       .ldc = ATTENTION_KEYS,
                                       .k = b->a->head_dim},
                rows, ATTENTION_KEYS);
}

/* c (ATTENTION_KEYS, dp) += x^T y, x (UNIT_ROWS, ATTENTION_KEYS), y (UNIT_ROWS, dp) */
static void product_to_keys(const struct backward *b, int rows, int keys, const float *x, const float *y, float *c)
{
    vec_product(&(struct vec_operands){.a = x,
                                       .b = y,
                                       .c = c,
                                       .a_row = 1,
                                       .a_column = ATTENTION_KEYS,
                                       .ldb = b->dp,
                                       .ldc = b->dp,
                                       .k = rows,
                                       .add = true},
                keys, b->dp);
}

static void backward_unit(const struct backward *b, int64_t row, int rows, int64_t key, int keys, struct key_block x)
{
    product_to_scores(b, rows, b->q, x.k_columns, b->p);
    product_to_scores(b, rows, b->d_out, x.v_columns, b->ds);
    for (int i = 0; i < rows; i++) {
        int64_t visible = sl_attend_visible(&b->problem, b->seq, row + i);
        backward_row(b->p + i * ATTENTION_KEYS, b->ds + i * ATTENTION_KEYS, b->lse[i], b->delta[i], visible - key);
    }
    product_to_keys(b, rows, keys, b->p, b->d_out, x.dv);
    product_to_keys(b, rows, keys, b->ds, b->q, x.dk);
    vec_product(&(struct vec_operands){.a = b->ds,
                                       .b = x.k_rows,
                                       .c = b->dq,
                                       .a_row = ATTENTION_KEYS,
                                       .a_column = 1,
                                       .ldb = b->dp,
                                       .ldc = b->dp,
                                       .k = ATTENTION_KEYS,
                                       .add = true},
                rows, b->dp);
}

static int count_of(int64_t left, int most)
{
    return left < most ? (int)left : most;
}

/* All rows against the keys [first, last). */
static void backward_range(struct backward *b, int64_t first, int64_t last)
{
    int group = b->a->n_heads / b->a->n_kv_heads;
    int64_t n_rows = sl_attend_keys(&b->problem, b->seq) * group;
    for (int64_t key = first; key < last; key += ATTENTION_KEYS)
        pack_block(b, key, count_of(last - key, ATTENTION_KEYS), block_at(b, (key - first) / ATTENTION_KEYS));
    for (int64_t row = 0; row < n_rows; row += UNIT_ROWS) {
        int rows = count_of(n_rows - row, UNIT_ROWS);
        int64_t seen = sl_attend_visible(&b->problem, b->seq, row + rows - 1);
        if (seen <= first) continue;
        begin_unit(b, row, rows, first == 0);
        for (int64_t key = first; key < last && key < seen; key += ATTENTION_KEYS)
            backward_unit(b, row, rows, key, count_of(last - key, ATTENTION_KEYS),
                          block_at(b, (key - first) / ATTENTION_KEYS));
        end_unit(b, row, rows, first == 0);
    }
    for (int64_t key = first; key < last; key += ATTENTION_KEYS)
        store_block(b, key, count_of(last - key, ATTENTION_KEYS), block_at(b, (key - first) / ATTENTION_KEYS));
}

void SL_VEC_NAME(sl_attention_bwd)(const sl_ops *o, const sl_attention *a, const sl_attention_grad *g)
{
#pragma omp parallel num_threads(o->n_threads)
    {
        struct backward b = {.a = a, .g = g, .problem = sl_attend_packed(a)};
        carve_backward(&b, o->scratch + (size_t)omp_get_thread_num() * o->scratch_size, o->scratch_size);
        int64_t range = b.n_blocks * ATTENTION_KEYS;
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < a->n_seqs * a->n_kv_heads; i++) {
            b.seq = i / a->n_kv_heads;
            b.kv_head = i % a->n_kv_heads;
            int64_t keys = sl_attend_keys(&b.problem, b.seq);
            for (int64_t key = 0; key < keys; key += range)
                backward_range(&b, key, keys - key < range ? keys : key + range);
        }
    }
}
