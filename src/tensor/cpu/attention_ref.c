/*
 * attention_ref.c: attention in plain C, one row and one key at a time. The other levels are compared with this one,
 * and processors without vector kernels run it.
 */
#include "tensor/cpu/attention.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scalar.h"

enum { MAX_HEAD_DIM = 256 };

static void load_row(sl_dtype dt, const void *p, int n, float *x)
{
    for (int i = 0; i < n; i++) x[i] = scalar_get(p, dt, i);
}

static void store_row(sl_dtype dt, const float *x, int n, void *p)
{
    for (int i = 0; i < n; i++) scalar_put(p, dt, i, x[i]);
}

static float dot(const float *x, const float *y, int n)
{
    float s = 0;
    for (int i = 0; i < n; i++) s += x[i] * y[i];
    return s;
}

/* x = alpha * x + beta * y */
static void blend(float alpha, float *x, float beta, const float *y, int n)
{
    for (int i = 0; i < n; i++) x[i] = alpha * x[i] + beta * y[i];
}

/* The vectors of key j as f32, from where sl_attend_key_rows found them. */
static void load_cached_key(const sl_attend *a, const sl_attend_task *t, int64_t j, const void *k_row,
                            const void *v_row, float *k, float *v)
{
    if (!a->int8) {
        load_row(a->dt, k_row, a->head_dim, k);
        load_row(a->dt, v_row, a->head_dim, v);
        return;
    }
    float k_scale, v_scale;
    sl_attend_key_scales(a, t->seq, t->kv_head, j, 1, &k_scale, &v_scale);
    for (int i = 0; i < a->head_dim; i++) {
        k[i] = (float)((const int8_t *)k_row)[i] * k_scale;
        v[i] = (float)((const int8_t *)v_row)[i] * v_scale;
    }
}

/* One row against all the keys it sees, with a running maximum (online softmax, arXiv 1805.02867). */
static void attend_row(const sl_attend *a, const sl_attend_task *t, int64_t row)
{
    float q[MAX_HEAD_DIM], k[MAX_HEAD_DIM], v[MAX_HEAD_DIM], acc[MAX_HEAD_DIM] = {0};
    float max = -INFINITY, sum = 0;
    int64_t visible = sl_attend_visible(a, t->seq, row), slot = sl_attend_slot(a, t->seq, t->kv_head, row);
    load_row(a->dt, sl_attend_query(a, t->seq, t->kv_head, row), a->head_dim, q);
    for (int64_t j = 0; j < visible; j++) {
        const void *k_row, *v_row;
        sl_attend_key_rows(a, t->seq, t->kv_head, j, 1, &k_row, &v_row);
        load_cached_key(a, t, j, k_row, v_row, k, v);
        float s = a->scale * dot(q, k, a->head_dim);
        float new_max = s > max ? s : max, keep = expf(max - new_max), p = expf(s - new_max);
        blend(keep, acc, p, v, a->head_dim);
        sum = keep * sum + p;
        max = new_max;
    }
    blend(1 / sum, acc, 0, acc, a->head_dim);
    store_row(a->dt, acc, a->head_dim, (char *)a->out + slot * a->head_dim * (a->dt == SL_F32 ? 4 : 2));
    if (a->lse) a->lse[slot] = max + logf(sum);
}

static void attend(const sl_ops *o, const sl_attend *a)
{
    int64_t next = 0;
#pragma omp parallel num_threads(o->n_threads)
    {
        sl_attend_cursor cursor = sl_attend_cursor_init(a, 64);
        sl_attend_task t;
        for (;;) {
            int64_t i;
#pragma omp atomic capture
            i = next++;
            if (!sl_attend_cursor_at(&cursor, i, &t)) break;
            for (int64_t r = t.first_row; r < t.last_row; r++) attend_row(a, &t, r);
        }
    }
}

static void attention(const sl_ops *o, const sl_attention *a)
{
    sl_attend problem = sl_attend_packed(a);
    attend(o, &problem);
}

static void attention_paged(const sl_ops *o, const sl_attention_paged *a)
{
    sl_attend problem = sl_attend_paged(a);
    attend(o, &problem);
}

/* Offset in elements of head h of token t. */
static int64_t offset_of(int64_t t, int64_t stride, int h, int head_dim)
{
    return t * stride + (int64_t)h * head_dim;
}

static const void *at(sl_dtype dt, const void *p, int64_t i)
{
    return (const char *)p + i * (dt == SL_F32 ? 4 : 2);
}

static void *at_mut(sl_dtype dt, void *p, int64_t i)
{
    return (char *)p + i * (dt == SL_F32 ? 4 : 2);
}

static void row_delta(const sl_attention *a, const sl_attention_grad *g, int64_t slot)
{
    float out[MAX_HEAD_DIM], d_out[MAX_HEAD_DIM];
    load_row(a->dt, at(a->dt, a->out, slot * a->head_dim), a->head_dim, out);
    load_row(a->dt, at(a->dt, g->d_out, slot * a->head_dim), a->head_dim, d_out);
    g->delta[slot] = dot(out, d_out, a->head_dim);
}

/* The vectors of one row and one key, and the two numbers that tie them: P = exp(s - lse), dS = P (dP - delta). */
struct pair {
    float q[MAX_HEAD_DIM], k[MAX_HEAD_DIM], v[MAX_HEAD_DIM], d_out[MAX_HEAD_DIM];
    float p, ds;
};

static void load_query(const sl_attention *a, const sl_attention_grad *g, int64_t t, int h, struct pair *x)
{
    load_row(a->dt, at(a->dt, a->q, offset_of(t, a->q_stride, h, a->head_dim)), a->head_dim, x->q);
    load_row(a->dt, at(a->dt, g->d_out, (t * a->n_heads + h) * a->head_dim), a->head_dim, x->d_out);
}

static void load_key(const sl_attention *a, int64_t t, int kv_head, struct pair *x)
{
    int64_t i = offset_of(t, a->kv_stride, kv_head, a->head_dim);
    load_row(a->dt, at(a->dt, a->k, i), a->head_dim, x->k);
    load_row(a->dt, at(a->dt, a->v, i), a->head_dim, x->v);
}

static void pair_score(const sl_attention *a, const sl_attention_grad *g, int64_t slot, struct pair *x)
{
    x->p = expf(a->scale * dot(x->q, x->k, a->head_dim) - a->lse[slot]);
    x->ds = x->p * (dot(x->d_out, x->v, a->head_dim) - g->delta[slot]);
}

/* dq[i] = scale * sum_j dS[i, j] k[j] */
static void backward_query(const sl_attention *a, const sl_attention_grad *g, int seq, int64_t i, int h)
{
    struct pair x;
    float dq[MAX_HEAD_DIM] = {0};
    int64_t end = a->causal ? i + 1 : a->cu_seqlens[seq + 1];
    load_query(a, g, i, h, &x);
    for (int64_t j = a->cu_seqlens[seq]; j < end; j++) {
        load_key(a, j, h * a->n_kv_heads / a->n_heads, &x);
        pair_score(a, g, i * a->n_heads + h, &x);
        blend(1, dq, a->scale * x.ds, x.k, a->head_dim);
    }
    store_row(a->dt, dq, a->head_dim, at_mut(a->dt, g->dq, offset_of(i, a->q_stride, h, a->head_dim)));
}

/* dk[j] = scale * sum_i dS[i, j] q[i], dv[j] = sum_i P[i, j] d_out[i], over the heads of the group */
static void backward_key(const sl_attention *a, const sl_attention_grad *g, int seq, int64_t j, int kv_head)
{
    struct pair x;
    float dk[MAX_HEAD_DIM] = {0}, dv[MAX_HEAD_DIM] = {0};
    int group = a->n_heads / a->n_kv_heads;
    load_key(a, j, kv_head, &x);
    for (int64_t i = a->causal ? j : a->cu_seqlens[seq]; i < a->cu_seqlens[seq + 1]; i++) {
        for (int h = kv_head * group; h < (kv_head + 1) * group; h++) {
            load_query(a, g, i, h, &x);
            pair_score(a, g, i * a->n_heads + h, &x);
            blend(1, dk, a->scale * x.ds, x.q, a->head_dim);
            blend(1, dv, x.p, x.d_out, a->head_dim);
        }
    }
    int64_t offset = offset_of(j, a->kv_stride, kv_head, a->head_dim);
    store_row(a->dt, dk, a->head_dim, at_mut(a->dt, g->dk, offset));
    store_row(a->dt, dv, a->head_dim, at_mut(a->dt, g->dv, offset));
}

/* The formulas of FlashAttention's backward (arXiv 2205.14135, algorithm 4), without its blocks. */
static void attention_bwd(const sl_ops *o, const sl_attention *a, const sl_attention_grad *g)
{
    for (int s = 0; s < a->n_seqs; s++) {
        int64_t begin = a->cu_seqlens[s], end = a->cu_seqlens[s + 1];
#pragma omp parallel num_threads(o->n_threads)
        {
#pragma omp for schedule(static)
            for (int64_t i = begin * a->n_heads; i < end * a->n_heads; i++) row_delta(a, g, i);
#pragma omp for schedule(dynamic, 4)
            for (int64_t i = begin * a->n_heads; i < end * a->n_heads; i++)
                backward_query(a, g, s, i / a->n_heads, (int)(i % a->n_heads));
#pragma omp for schedule(dynamic, 4)
            for (int64_t j = begin * a->n_kv_heads; j < end * a->n_kv_heads; j++)
                backward_key(a, g, s, j / a->n_kv_heads, (int)(j % a->n_kv_heads));
        }
    }
}

void sl_attention_fill_ref(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->attention = attention;
    o->attention_bwd = attention_bwd;
    o->attention_paged = attention_paged;
}
