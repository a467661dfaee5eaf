/*
 * rows_vec.c: vector kernels that work on one row at a time: norms, activations, sums, the q/k/v preparation.
 *
 * Bound by memory when the data is large: every kernel reads its inputs once from memory, and again at most from the
 * first-level cache. Rows are divided among the threads; sums over rows go through column_sums.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/vec_io.h"
#include "tensor/cpu/vec_math.h"

#include <math.h>
#include <string.h>

/* --- sums over rows --------------------------------------------------------------------------------------------- */

/* Rows whose sums are added up in one partial: fixed, so that the result is the same for any number of threads. */
enum { CHUNK_ROWS = 32 };

/* Works on rows from .. to - 1 and adds to a (n) and b (n); either may be NULL. */
typedef void chunk_fn(const void *context, int64_t from, int64_t to, float *a, float *b);

struct column_sums {
    chunk_fn *chunk;
    const void *context;
    int64_t rows, n;
    int64_t elements; /* the size of the work, to decide on threads */
    float *a, *b;     /* (n) each, added to; NULL: not wanted */
};

/* dst[j] += partials[j] + partials[stride + j] + ... in this order, for columns from .. to - 1. */
static void add_partials(float *dst, const float *partials, int64_t count, int64_t stride, int64_t from, int64_t to)
{
    for (int64_t j = from; j < to; j += VW) {
        int lanes = vec_lanes(to - j);
        vf sum = vec_get(dst, false, j, lanes);
        for (int64_t c = 0; c < count; c++) sum += vec_get(partials + c * stride, false, j, lanes);
        vec_put(dst, false, j, sum, lanes);
    }
}

/*
 * Runs the chunks in parallel, each into its own partial sums in scratch memory, and adds those up in the order of
 * the rows. Columns so many that one thread's scratch cannot hold a partial are summed by one thread, in place.
 */
static void column_sums_run(const sl_ops *o, const struct column_sums *s)
{
    enum { SLICE = 256 };
    int64_t stride = (s->n + 15) / 16 * 16, n_chunks = (s->rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
    int64_t batch = (int64_t)(o->scratch_size / sizeof(float)) / (2 * stride + 1);
    int threads = vec_threads(o, s->elements);
    bool partial = s->a || s->b;
    if (partial && batch == 0) {
        s->chunk(s->context, 0, s->rows, s->a, s->b);
        return;
    }
    for (int64_t first = 0; first < n_chunks; first += batch) {
        int64_t count = n_chunks - first < batch ? n_chunks - first : batch;
        float *partials = (float *)o->scratch;
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int64_t c = 0; c < count; c++) {
            int64_t from = (first + c) * CHUNK_ROWS, to = from + CHUNK_ROWS < s->rows ? from + CHUNK_ROWS : s->rows;
            float *a = partials + 2 * c * stride, *b = a + stride;
            if (partial) memset(a, 0, (size_t)(2 * stride) * sizeof *a);
            s->chunk(s->context, from, to, s->a ? a : NULL, s->b ? b : NULL);
        }
        if (!partial) continue;
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int64_t from = 0; from < s->n; from += SLICE) {
            int64_t to = from + SLICE < s->n ? from + SLICE : s->n;
            if (s->a) add_partials(s->a, partials, count, 2 * stride, from, to);
            if (s->b) add_partials(s->b, partials + stride, count, 2 * stride, from, to);
        }
    }
}

/* --- q, k, v ---------------------------------------------------------------------------------------------------- */

/* 1 / sqrt(mean(x^2) + eps) of one row of n. */
VEC_INLINE float inverse_rms(const void *x, bool bf16, int64_t n, float eps)
{
    vf s0 = vf_set1(0), s1 = s0;
    int64_t j = 0;
    for (; j + 2 * VW <= n; j += 2 * VW) {
        vec_fetch(x, bf16, j);
        vec_fetch(x, bf16, j + VW);
        vf x0 = vec_get(x, bf16, j, VW), x1 = vec_get(x, bf16, j + VW, VW);
        s0 = vf_fma(x0, x0, s0);
        s1 = vf_fma(x1, x1, s1);
    }
    for (; j < n; j += VW) {
        vf x0 = vec_get(x, bf16, j, vec_lanes(n - j));
        s0 = vf_fma(x0, x0, s0);
    }
    return 1 / sqrtf(vf_sum(s0 + s1) / (float)n + eps);
}

/* One head: times r w (w NULL: as it is), then rotated by cos and sin (half each; NULL: not). out may be in. */
VEC_INLINE void prepare_head(const void *in, void *out, bool bf16, int half, const float *w, float r, const float *cos,
                             const float *sin)
{
    for (int i = 0; i < half; i += VW) {
        int lanes = vec_lanes(half - i);
        vf x1 = vec_get(in, bf16, i, lanes), x2 = vec_get(in, bf16, half + i, lanes);
        if (w) {
            x1 *= vf_set1(r) * vec_get(w, false, i, lanes);
            x2 *= vf_set1(r) * vec_get(w, false, half + i, lanes);
        }
        if (cos) {
            vf c = vec_get(cos, false, i, lanes), s = vec_get(sin, false, i, lanes);
            vf y1 = x1 * c - x2 * s;
            x2 = vf_fma(x2, c, x1 * s);
            x1 = y1;
        }
        vec_put(out, bf16, i, x1, lanes);
        vec_put(out, bf16, half + i, x2, lanes);
    }
}

VEC_INLINE void prepare_token(const sl_qkv *p, const void *in, void *out, bool bf16, int64_t t)
{
    int n_rotated = p->n_heads + p->n_kv_heads, half = p->head_dim / 2;
    const float *cos = p->cos ? p->cos + t * half : NULL, *sin = p->cos ? p->sin + t * half : NULL;
    for (int h = 0; h < n_rotated; h++) {
        const float *w = h < p->n_heads ? p->q_norm : p->k_norm;
        const void *x = vec_at(in, bf16, (int64_t)h * p->head_dim);
        float r = w ? inverse_rms(x, bf16, p->head_dim, p->eps) : 1;
        if (w && p->rstd) p->rstd[t * n_rotated + h] = r;
        if (w || cos || in != out)
            prepare_head(x, vec_at(out, bf16, (int64_t)h * p->head_dim), bf16, half, w, r, cos, sin);
    }
    if (in == out) return;
    int64_t v = (int64_t)n_rotated * p->head_dim;
    memcpy(vec_at(out, bf16, v), vec_at(in, bf16, v), (size_t)p->n_kv_heads * (size_t)p->head_dim * (bf16 ? 2 : 4));
}

static void qkv_prepare(const sl_ops *o, const sl_qkv *p, const void *in, void *out)
{
    int64_t width = (int64_t)(p->n_heads + 2 * p->n_kv_heads) * p->head_dim;
#pragma omp parallel for num_threads(vec_threads(o, p->tokens *width)) schedule(static)
    for (int64_t t = 0; t < p->tokens; t++) {
        if (p->dt == SL_BF16)
            prepare_token(p, vec_at(in, true, t * width), vec_at(out, true, t * width), true, t);
        else
            prepare_token(p, vec_at(in, false, t * width), vec_at(out, false, t * width), false, t);
    }
}

/* Lanes i of both halves of a head's gradient, rotated back: by the negative angle. */
VEC_INLINE void rotate_back(const void *d, bool bf16, int half, int i, int lanes, const float *cos, const float *sin,
                            vf g[2])
{
    vf d1 = vec_get(d, bf16, i, lanes), d2 = vec_get(d, bf16, half + i, lanes);
    g[0] = d1;
    g[1] = d2;
    if (!cos) return;
    vf c = vec_get(cos, false, i, lanes), s = vec_get(sin, false, i, lanes);
    g[0] = vf_fma(d1, c, d2 * s);
    g[1] = d2 * c - d1 * s;
}

/* <rotated-back gradient * w, x> of one head; adds gradient * x * r to dw unless NULL. */
VEC_INLINE float head_norm_bwd(const void *x, const void *d, bool bf16, int half, const float *w, float r,
                               const float *cos, const float *sin, float *dw)
{
    vf dot = vf_set1(0);
    for (int i = 0; i < half; i += VW) {
        int lanes = vec_lanes(half - i);
        vec_fetch(x, bf16, i);
        vec_fetch(d, bf16, i);
        vec_fetch(x, bf16, half + i);
        vec_fetch(d, bf16, half + i);
        vf g[2];
        rotate_back(d, bf16, half, i, lanes, cos, sin, g);
        for (int k = 0; k < 2; k++) {
            vf gx = g[k] * vec_get(x, bf16, k * half + i, lanes);
            dot = vf_fma(gx, vec_get(w, false, k * half + i, lanes), dot);
            if (dw)
                vec_put(dw, false, k * half + i, vf_fma(gx, vf_set1(r), vec_get(dw, false, k * half + i, lanes)),
                        lanes);
        }
    }
    return vf_sum(dot);
}

VEC_INLINE void prepare_head_bwd(const void *x, void *d, bool bf16, int half, const float *w, float r, const float *cos,
                                 const float *sin, float *dw)
{
    float pull = 0;
    if (w) pull = head_norm_bwd(x, d, bf16, half, w, r, cos, sin, dw) * r * r / (float)(2 * half);
    for (int i = 0; i < half; i += VW) {
        int lanes = vec_lanes(half - i);
        vf g[2];
        rotate_back(d, bf16, half, i, lanes, cos, sin, g);
        for (int k = 0; k < 2; k++) {
            int at = k * half + i;
            if (w)
                g[k] = vf_set1(r) * (g[k] * vec_get(w, false, at, lanes) - vf_set1(pull) * vec_get(x, bf16, at, lanes));
            vec_put(d, bf16, at, g[k], lanes);
        }
    }
}

struct qkv_bwd {
    const sl_qkv *p;
    const void *in;
    void *d;
};

VEC_INLINE void prepare_bwd_rows(const struct qkv_bwd *q, bool bf16, int64_t from, int64_t to, float *dq, float *dk)
{
    const sl_qkv *p = q->p;
    int n_rotated = p->n_heads + p->n_kv_heads, half = p->head_dim / 2;
    int64_t width = (int64_t)(n_rotated + p->n_kv_heads) * p->head_dim;
    for (int64_t t = from; t < to; t++)
        for (int h = 0; h < n_rotated; h++) {
            bool is_q = h < p->n_heads;
            const float *w = is_q ? p->q_norm : p->k_norm;
            const float *cos = p->cos ? p->cos + t * half : NULL, *sin = p->cos ? p->sin + t * half : NULL;
            int64_t at = t * width + (int64_t)h * p->head_dim;
            prepare_head_bwd(vec_at(q->in, bf16, at), vec_at(q->d, bf16, at), bf16, half, w,
                             w ? p->rstd[t * n_rotated + h] : 1, cos, sin, is_q ? dq : dk);
        }
}

static void prepare_bwd_chunk(const void *context, int64_t from, int64_t to, float *dq, float *dk)
{
    const struct qkv_bwd *q = context;
    if (q->p->dt == SL_BF16)
        prepare_bwd_rows(q, true, from, to, dq, dk);
    else
        prepare_bwd_rows(q, false, from, to, dq, dk);
}

static void qkv_prepare_bwd(const sl_ops *o, const sl_qkv *p, const void *in, void *d_out, float *dq_norm,
                            float *dk_norm)
{
    if (!p->q_norm && !p->cos) return;
    struct qkv_bwd q = {p, in, d_out};
    int64_t width = (int64_t)(p->n_heads + 2 * p->n_kv_heads) * p->head_dim;
    column_sums_run(o, &(struct column_sums){.chunk = prepare_bwd_chunk,
                                             .context = &q,
                                             .rows = p->tokens,
                                             .n = p->head_dim,
                                             .elements = p->tokens * width,
                                             .a = p->q_norm ? dq_norm : NULL,
                                             .b = p->q_norm ? dk_norm : NULL});
}

/* --- norms ------------------------------------------------------------------------------------------------------ */

/* Mean and 1 / sqrt(variance + eps) of a row, in two passes: squares of raw values would cancel. */
VEC_INLINE void moments(const void *x, bool bf16, int64_t n, float eps, float *mean, float *rstd)
{
    vf s0 = vf_set1(0), s1 = s0;
    int64_t j = 0;
    for (; j + 2 * VW <= n; j += 2 * VW) {
        vec_fetch(x, bf16, j);
        vec_fetch(x, bf16, j + VW);
        s0 += vec_get(x, bf16, j, VW);
        s1 += vec_get(x, bf16, j + VW, VW);
    }
    for (; j < n; j += VW) s0 += vec_get(x, bf16, j, vec_lanes(n - j));
    *mean = vf_sum(s0 + s1) / (float)n;
    vf m = vf_set1(*mean);
    s0 = s1 = vf_set1(0);
    for (j = 0; j + 2 * VW <= n; j += 2 * VW) {
        vf d0 = vec_get(x, bf16, j, VW) - m, d1 = vec_get(x, bf16, j + VW, VW) - m;
        s0 = vf_fma(d0, d0, s0);
        s1 = vf_fma(d1, d1, s1);
    }
    for (; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vf d0 = vec_keep(vec_get(x, bf16, j, lanes) - m, lanes);
        s0 = vf_fma(d0, d0, s0);
    }
    *rstd = 1 / sqrtf(vf_sum(s0 + s1) / (float)n + eps);
}

VEC_INLINE void layernorm_row(bool bf16, int64_t n, const void *x, const float *w, const float *b, float eps, void *y,
                              float *mean, float *rstd)
{
    float m, r;
    moments(x, bf16, n, eps, &m, &r);
    if (mean) *mean = m;
    if (rstd) *rstd = r;
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vf normal = (vec_get(x, bf16, j, lanes) - vf_set1(m)) * vf_set1(r);
        vec_put(y, bf16, j, vf_fma(normal, vec_get(w, false, j, lanes), vec_get(b, false, j, lanes)), lanes);
    }
}

static void layernorm(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *w,
                      const float *b, float eps, void *y, float *mean, float *rstd)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        float *m = mean ? mean + i : NULL, *r = rstd ? rstd + i : NULL;
        int64_t at = i * cols;
        if (dt == SL_BF16)
            layernorm_row(true, cols, vec_at(x, true, at), w, b, eps, vec_at(y, true, at), m, r);
        else
            layernorm_row(false, cols, vec_at(x, false, at), w, b, eps, vec_at(y, false, at), m, r);
    }
}

/* What a backward of a norm works on; mean and db are NULL for RMSNorm. */
struct norm_bwd {
    sl_dtype dt;
    int64_t cols;
    const void *dy, *x;
    const float *w, *mean, *rstd;
    void *dx;
    bool accumulate;
};

/* With normal = (x - mean) rstd and g = dy w: dx = rstd (g - mean(g) - normal mean(g normal)). */
VEC_INLINE void norm_bwd_row(const struct norm_bwd *p, bool bf16, bool centred, int64_t i, float *dw, float *db)
{
    int64_t n = p->cols;
    const void *dy = vec_at(p->dy, bf16, i * n), *x = vec_at(p->x, bf16, i * n);
    vf mean = vf_set1(centred ? p->mean[i] : 0), rstd = vf_set1(p->rstd[i]);
    vf g_sum = vf_set1(0), gn_sum = g_sum;
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vec_fetch(dy, bf16, j);
        vec_fetch(x, bf16, j);
        vf d = vec_get(dy, bf16, j, lanes), g = d * vec_get(p->w, false, j, lanes);
        vf normal = (vec_get(x, bf16, j, lanes) - mean) * rstd;
        if (centred) g_sum += g;
        gn_sum = vf_fma(g, normal, gn_sum);
        if (dw) vec_put(dw, false, j, vf_fma(d, normal, vec_get(dw, false, j, lanes)), lanes);
        if (db) vec_put(db, false, j, d + vec_get(db, false, j, lanes), lanes);
    }
    if (!p->dx) return;
    void *dx = vec_at(p->dx, bf16, i * n);
    vf g_mean = vf_set1(centred ? vf_sum(g_sum) / (float)n : 0), gn_mean = vf_set1(vf_sum(gn_sum) / (float)n);
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vf g = vec_get(dy, bf16, j, lanes) * vec_get(p->w, false, j, lanes);
        vf normal = (vec_get(x, bf16, j, lanes) - mean) * rstd;
        vec_put_grad(dx, bf16, j, rstd * (g - g_mean - normal * gn_mean), lanes, p->accumulate);
    }
}

static void norm_bwd_chunk(const void *context, int64_t from, int64_t to, float *dw, float *db)
{
    const struct norm_bwd *p = context;
    bool centred = p->mean;
    for (int64_t i = from; i < to; i++) {
        if (p->dt == SL_BF16 && centred)
            norm_bwd_row(p, true, true, i, dw, db);
        else if (p->dt == SL_BF16)
            norm_bwd_row(p, true, false, i, dw, db);
        else
            norm_bwd_row(p, false, centred, i, dw, db);
    }
}

static void layernorm_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                          const float *w, const float *mean, const float *rstd, void *dx, bool accumulate, float *dw,
                          float *db)
{
    struct norm_bwd p = {dt, cols, dy, x, w, mean, rstd, dx, accumulate};
    column_sums_run(o, &(struct column_sums){norm_bwd_chunk, &p, rows, cols, rows * cols, dw, db});
}

VEC_INLINE void rmsnorm_row(bool bf16, int64_t n, const void *x, const float *w, float eps, void *y, float *rstd)
{
    float r = inverse_rms(x, bf16, n, eps);
    if (rstd) *rstd = r;
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vec_put(y, bf16, j, vec_get(x, bf16, j, lanes) * vf_set1(r) * vec_get(w, false, j, lanes), lanes);
    }
}

static void rmsnorm(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *w, float eps,
                    void *y, float *rstd)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        float *r = rstd ? rstd + i : NULL;
        int64_t at = i * cols;
        if (dt == SL_BF16)
            rmsnorm_row(true, cols, vec_at(x, true, at), w, eps, vec_at(y, true, at), r);
        else
            rmsnorm_row(false, cols, vec_at(x, false, at), w, eps, vec_at(y, false, at), r);
    }
}

static void rmsnorm_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                        const float *w, const float *rstd, void *dx, bool accumulate, float *dw)
{
    struct norm_bwd p = {dt, cols, dy, x, w, NULL, rstd, dx, accumulate};
    column_sums_run(o, &(struct column_sums){norm_bwd_chunk, &p, rows, cols, rows * cols, dw, NULL});
}

VEC_INLINE void l2norm_row(bool bf16, int64_t n, const void *x, float eps, void *y, float *norm)
{
    vf squares = vf_set1(0);
    for (int64_t j = 0; j < n; j += VW) {
        vf v = vec_get(x, bf16, j, vec_lanes(n - j));
        squares = vf_fma(v, v, squares);
    }
    float length = fmaxf(sqrtf(vf_sum(squares)), eps);
    if (norm) *norm = length;
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vec_put(y, bf16, j, vec_get(x, bf16, j, lanes) / vf_set1(length), lanes);
    }
}

static void l2norm(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, float eps, void *y,
                   float *norm)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        float *length = norm ? norm + i : NULL;
        int64_t at = i * cols;
        if (dt == SL_BF16)
            l2norm_row(true, cols, vec_at(x, true, at), eps, vec_at(y, true, at), length);
        else
            l2norm_row(false, cols, vec_at(x, false, at), eps, vec_at(y, false, at), length);
    }
}

/* dx = (dy - y <y, dy>) / norm; nothing is projected out of a row that was shorter than eps: its y is shorter than 1.
 */
VEC_INLINE void l2norm_bwd_row(bool bf16, int64_t n, const void *dy, const void *y, float norm, void *dx,
                               bool accumulate)
{
    vf dot = vf_set1(0), squares = dot;
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vf v = vec_get(y, bf16, j, lanes);
        dot = vf_fma(v, vec_get(dy, bf16, j, lanes), dot);
        squares = vf_fma(v, v, squares);
    }
    vf along = vf_set1(vf_sum(squares) < 0.98f ? 0 : vf_sum(dot));
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vf d = vec_get(dy, bf16, j, lanes) - vec_get(y, bf16, j, lanes) * along;
        vec_put_grad(dx, bf16, j, d / vf_set1(norm), lanes, accumulate);
    }
}

static void l2norm_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *y,
                       const float *norm, void *dx, bool accumulate)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        int64_t at = i * cols;
        if (dt == SL_BF16)
            l2norm_bwd_row(true, cols, vec_at(dy, true, at), vec_at(y, true, at), norm[i], vec_at(dx, true, at),
                           accumulate);
        else
            l2norm_bwd_row(false, cols, vec_at(dy, false, at), vec_at(y, false, at), norm[i], vec_at(dx, false, at),
                           accumulate);
    }
}

/* --- element by element ----------------------------------------------------------------------------------------- */

/* Elements that one thread takes at a time. */
enum { BLOCK = 8192 };

static int64_t block_end(int64_t from, int64_t n)
{
    return n - from < BLOCK ? n : from + BLOCK;
}

VEC_INLINE void act_block(sl_act kind, bool bf16, int64_t from, int64_t to, const void *x, void *y)
{
    for (int64_t i = from; i < to; i += VW) {
        int lanes = vec_lanes(to - i);
        vec_fetch(x, bf16, i);
        vec_put(y, bf16, i, vf_act(kind, vec_get(x, bf16, i, lanes)), lanes);
    }
}

static void act(const sl_ops *o, sl_dtype dt, sl_act kind, int64_t n, const void *x, void *y)
{
#pragma omp parallel for num_threads(vec_threads(o, n)) schedule(static)
    for (int64_t from = 0; from < n; from += BLOCK) {
        int64_t to = block_end(from, n);
        if (kind == SL_ACT_GELU)
            act_block(SL_ACT_GELU, dt == SL_BF16, from, to, x, y);
        else if (kind == SL_ACT_GELU_TANH)
            act_block(SL_ACT_GELU_TANH, dt == SL_BF16, from, to, x, y);
        else if (kind == SL_ACT_SILU)
            act_block(SL_ACT_SILU, dt == SL_BF16, from, to, x, y);
        else
            act_block(SL_ACT_NONE, dt == SL_BF16, from, to, x, y);
    }
}

VEC_INLINE void act_bwd_block(sl_act kind, bool bf16, int64_t from, int64_t to, const void *dy, const void *x, void *dx,
                              bool accumulate)
{
    for (int64_t i = from; i < to; i += VW) {
        int lanes = vec_lanes(to - i);
        vec_fetch(x, bf16, i);
        vec_fetch(dy, bf16, i);
        vf d = vec_get(dy, bf16, i, lanes) * vf_act_grad(kind, vec_get(x, bf16, i, lanes));
        vec_put_grad(dx, bf16, i, d, lanes, accumulate);
    }
}

static void act_bwd(const sl_ops *o, sl_dtype dt, sl_act kind, int64_t n, const void *dy, const void *x, void *dx,
                    bool accumulate)
{
#pragma omp parallel for num_threads(vec_threads(o, n)) schedule(static)
    for (int64_t from = 0; from < n; from += BLOCK) {
        int64_t to = block_end(from, n);
        if (kind == SL_ACT_GELU)
            act_bwd_block(SL_ACT_GELU, dt == SL_BF16, from, to, dy, x, dx, accumulate);
        else if (kind == SL_ACT_GELU_TANH)
            act_bwd_block(SL_ACT_GELU_TANH, dt == SL_BF16, from, to, dy, x, dx, accumulate);
        else if (kind == SL_ACT_SILU)
            act_bwd_block(SL_ACT_SILU, dt == SL_BF16, from, to, dy, x, dx, accumulate);
        else
            act_bwd_block(SL_ACT_NONE, dt == SL_BF16, from, to, dy, x, dx, accumulate);
    }
}

VEC_INLINE void swiglu_row(bool bf16, int64_t n, const void *x, void *y)
{
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vec_fetch(x, bf16, j);
        vec_fetch(x, bf16, n + j);
        vec_put(y, bf16, j, vf_silu(vec_get(x, bf16, j, lanes)) * vec_get(x, bf16, n + j, lanes), lanes);
    }
}

static void swiglu(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, void *y)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        if (dt == SL_BF16)
            swiglu_row(true, cols, vec_at(x, true, 2 * i * cols), vec_at(y, true, i * cols));
        else
            swiglu_row(false, cols, vec_at(x, false, 2 * i * cols), vec_at(y, false, i * cols));
    }
}

/* silu'(x) = s + x s (1 - s), with the one s that silu needs too. */
VEC_INLINE void swiglu_bwd_row(bool bf16, int64_t n, const void *dy, const void *x, void *dx)
{
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vec_fetch(x, bf16, j);
        vec_fetch(x, bf16, n + j);
        vec_fetch(dy, bf16, j);
        vf gate = vec_get(x, bf16, j, lanes), up = vec_get(x, bf16, n + j, lanes), d = vec_get(dy, bf16, j, lanes);
        vf s = vf_sigmoid(gate), silu = gate * s;
        vec_put(dx, bf16, j, d * up * vf_fma(silu, vf_set1(1) - s, s), lanes);
        vec_put(dx, bf16, n + j, d * silu, lanes);
    }
}

static void swiglu_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                       void *dx)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        int64_t at = i * cols;
        if (dt == SL_BF16)
            swiglu_bwd_row(true, cols, vec_at(dy, true, at), vec_at(x, true, 2 * at), vec_at(dx, true, 2 * at));
        else
            swiglu_bwd_row(false, cols, vec_at(dy, false, at), vec_at(x, false, 2 * at), vec_at(dx, false, 2 * at));
    }
}

VEC_INLINE void add_block(bool bf16, int64_t from, int64_t to, const void *a, const void *b, void *y)
{
    for (int64_t i = from; i < to; i += VW) {
        int lanes = vec_lanes(to - i);
        vec_put(y, bf16, i, vec_get(a, bf16, i, lanes) + vec_get(b, bf16, i, lanes), lanes);
    }
}

static void add(const sl_ops *o, sl_dtype dt, int64_t n, const void *a, const void *b, void *y)
{
#pragma omp parallel for num_threads(vec_threads(o, n)) schedule(static)
    for (int64_t from = 0; from < n; from += BLOCK) {
        if (dt == SL_BF16)
            add_block(true, from, block_end(from, n), a, b, y);
        else
            add_block(false, from, block_end(from, n), a, b, y);
    }
}

VEC_INLINE void scale_block(int64_t from, int64_t to, float alpha, const void *x, bool x_bf16, void *y, bool y_bf16)
{
    for (int64_t i = from; i < to; i += VW) {
        int lanes = vec_lanes(to - i);
        vec_put(y, y_bf16, i, vf_set1(alpha) * vec_get(x, x_bf16, i, lanes), lanes);
    }
}

static void scale(const sl_ops *o, int64_t n, float alpha, const void *x, sl_dtype x_type, void *y, sl_dtype y_type)
{
#pragma omp parallel for num_threads(vec_threads(o, n)) schedule(static)
    for (int64_t from = 0; from < n; from += BLOCK) {
        int64_t to = block_end(from, n);
        if (x_type == SL_BF16 && y_type == SL_BF16)
            scale_block(from, to, alpha, x, true, y, true);
        else if (x_type == SL_BF16)
            scale_block(from, to, alpha, x, true, y, false);
        else
            scale_block(from, to, alpha, x, false, y, y_type == SL_BF16);
    }
}

struct bias_bwd {
    sl_dtype dt;
    int64_t cols;
    const void *dy;
};

static void bias_bwd_chunk(const void *context, int64_t from, int64_t to, float *db, float *unused)
{
    (void)unused;
    const struct bias_bwd *p = context;
    for (int64_t i = from; i < to; i++)
        for (int64_t j = 0; j < p->cols; j += VW) {
            int lanes = vec_lanes(p->cols - j);
            vf d = vec_get(p->dy, p->dt == SL_BF16, i * p->cols + j, lanes);
            vec_put(db, false, j, vec_get(db, false, j, lanes) + d, lanes);
        }
}

static void bias_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, float *db)
{
    if (!db) return;
    struct bias_bwd p = {dt, cols, dy};
    column_sums_run(o, &(struct column_sums){bias_bwd_chunk, &p, rows, cols, rows * cols, db, NULL});
}

void SL_VEC_NAME(sl_rows_fill)(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->qkv_prepare = qkv_prepare;
    o->qkv_prepare_bwd = qkv_prepare_bwd;
    o->layernorm = layernorm;
    o->layernorm_bwd = layernorm_bwd;
    o->rmsnorm = rmsnorm;
    o->rmsnorm_bwd = rmsnorm_bwd;
    o->act = act;
    o->act_bwd = act_bwd;
    o->swiglu = swiglu;
    o->swiglu_bwd = swiglu_bwd;
    o->add = add;
    o->scale = scale;
    o->bias_bwd = bias_bwd;
    o->l2norm = l2norm;
    o->l2norm_bwd = l2norm_bwd;
}
