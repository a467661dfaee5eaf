/*
 * moves_vec.c: vector kernels that move rows: embedding, gathering, pooling, and the routing of tokens to experts.
 *
 * Threads divide the rows that are written; where several rows are added to one, they divide the columns instead, so
 * that the order of the additions is that of the rows.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/vec_io.h"
#include "tensor/cpu/vec_math.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <string.h>

/* --- rows by index ---------------------------------------------------------------------------------------------- */

VEC_INLINE void convert_row(int64_t n, const void *x, bool x_bf16, void *y, bool y_bf16)
{
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vec_put(y, y_bf16, j, vec_get(x, x_bf16, j, lanes), lanes);
    }
}

static void embed(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *ids, const void *table,
                  sl_dtype table_type, void *y)
{
    bool from = table_type == SL_BF16, to = dt == SL_BF16;
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        const void *x = vec_at(table, from, ids[i] * cols);
        void *out = vec_at(y, to, i * cols);
        if (from == to)
            memcpy(out, x, (size_t)cols * (from ? 2 : 4));
        else if (from)
            convert_row(cols, x, true, out, false);
        else
            convert_row(cols, x, false, out, true);
    }
}

/* y += x of dtype, columns from .. to - 1, y f32. */
VEC_INLINE void add_columns(int64_t from, int64_t to, const void *x, bool bf16, float *y)
{
    for (int64_t j = from; j < to; j += VW) {
        int lanes = vec_lanes(to - j);
        vec_put(y, false, j, vec_get(y, false, j, lanes) + vec_get(x, bf16, j, lanes), lanes);
    }
}

static void embed_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *ids, const void *dy,
                      float *d_table)
{
    int threads = vec_threads(o, rows * cols);
    int64_t slice = (cols + 16 * threads - 1) / (16 * threads) * 16;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int s = 0; s < threads; s++) {
        int64_t from = s * slice, to = from + slice < cols ? from + slice : cols;
        for (int64_t i = 0; i < rows; i++) {
            if (ids[i] < 0) continue;
            if (dt == SL_BF16)
                add_columns(from, to, vec_at(dy, true, i * cols), true, d_table + ids[i] * cols);
            else
                add_columns(from, to, vec_at(dy, false, i * cols), false, d_table + ids[i] * cols);
        }
    }
}

static void gather_rows(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *index, const void *x,
                        void *y)
{
    bool bf16 = dt == SL_BF16;
    size_t bytes = (size_t)cols * (bf16 ? 2 : 4);
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        if (index[i] < 0)
            memset(vec_at(y, bf16, i * cols), 0, bytes);
        else
            memcpy(vec_at(y, bf16, i * cols), vec_at(x, bf16, index[i] * cols), bytes);
    }
}

VEC_INLINE void accumulate_row(bool bf16, int64_t n, const void *x, void *y)
{
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vec_put(y, bf16, j, vec_get(y, bf16, j, lanes) + vec_get(x, bf16, j, lanes), lanes);
    }
}

static void scatter_rows(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *index, const void *x,
                         void *y, bool accumulate)
{
    bool bf16 = dt == SL_BF16;
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        if (index[i] < 0) continue;
        const void *from = vec_at(x, bf16, i * cols);
        void *to = vec_at(y, bf16, index[i] * cols);
        if (!accumulate)
            memcpy(to, from, (size_t)cols * (bf16 ? 2 : 4));
        else if (bf16)
            accumulate_row(true, cols, from, to);
        else
            accumulate_row(false, cols, from, to);
    }
}

VEC_INLINE void pool4_row(bool bf16, int64_t n, const void *x, void *y)
{
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vf a = vec_get(x, bf16, j, lanes) + vec_get(x, bf16, n + j, lanes);
        a += vec_get(x, bf16, 2 * n + j, lanes);
        a += vec_get(x, bf16, 3 * n + j, lanes);
        vec_put(y, bf16, j, a * vf_set1(0.25f), lanes);
    }
}

static void pool4(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, void *y)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        if (dt == SL_BF16)
            pool4_row(true, cols, vec_at(x, true, 4 * i * cols), vec_at(y, true, i * cols));
        else
            pool4_row(false, cols, vec_at(x, false, 4 * i * cols), vec_at(y, false, i * cols));
    }
}

VEC_INLINE void pool4_bwd_row(bool bf16, int64_t n, const void *dy, void *dx, bool accumulate)
{
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vf d = vec_get(dy, bf16, j, lanes) * vf_set1(0.25f);
        for (int k = 0; k < 4; k++) vec_put_grad(dx, bf16, k * n + j, d, lanes, accumulate);
    }
}

static void pool4_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, void *dx,
                      bool accumulate)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        if (dt == SL_BF16)
            pool4_bwd_row(true, cols, vec_at(dy, true, i * cols), vec_at(dx, true, 4 * i * cols), accumulate);
        else
            pool4_bwd_row(false, cols, vec_at(dy, false, i * cols), vec_at(dx, false, 4 * i * cols), accumulate);
    }
}

/* --- routing ---------------------------------------------------------------------------------------------------- */

/* softmax of n logits into p. */
static void softmax(const float *logits, int n, float *p)
{
    vf max = vf_set1(-FLT_MAX), sum = vf_set1(0);
    int e = 0;
    for (; e + VW <= n; e += VW) max = vf_max(max, vf_load(logits + e));
    float top = vf_hmax(max);
    for (; e < n; e++) top = fmaxf(top, logits[e]);
    for (e = 0; e < n; e += VW) {
        int lanes = vec_lanes(n - e);
        vf y = vec_keep(vf_exp(vec_get(logits, false, e, lanes) - vf_set1(top)), lanes);
        sum += y;
        vec_put(p, false, e, y, lanes);
    }
    vf inverse = vf_set1(1 / vf_sum(sum));
    for (e = 0; e < n; e += VW) {
        int lanes = vec_lanes(n - e);
        vec_put(p, false, e, vec_get(p, false, e, lanes) * inverse, lanes);
    }
}

/* The scores by which experts are weighed, one token. */
static void scores_of(const sl_routing *r, const float *logits, float *scores)
{
    if (!r->sigmoid) {
        softmax(logits, r->n_experts, scores);
        return;
    }
    for (int e = 0; e < r->n_experts; e += VW) {
        int lanes = vec_lanes(r->n_experts - e);
        vec_put(scores, false, e, vf_sigmoid(vec_get(logits, false, e, lanes)), lanes);
    }
}

/* The first index of the largest of n values, n a multiple of VW; no NaN. */
static int first_largest(const float *values, int n)
{
    vf max = vf_load(values);
    for (int e = VW; e < n; e += VW) max = vf_max(max, vf_load(values + e));
    float top = vf_hmax(max);
    for (int e = 0; e < n; e++)
        if (values[e] == top) return e;
    return 0;
}

/*
 * One token: takes the largest selection value top_k times. NaN counts as the lowest number, what is taken and what
 * pads the row as -inf. work holds 2 (n_experts + VW) floats.
 */
static void choose(const sl_routing *r, const float *logits, int32_t *experts, float *weights, float *work)
{
    int n = r->n_experts, padded = (n + VW - 1) / VW * VW;
    float *scores = work, *values = work + padded, sum = 0;
    scores_of(r, logits, scores);
    for (int e = 0; e < n; e += VW) {
        int lanes = vec_lanes(n - e);
        vf v = vec_get(scores, false, e, lanes);
        if (r->select_bias) v += vec_get(r->select_bias, false, e, lanes);
        vf_store(values + e, vf_max(v, vf_set1(-FLT_MAX)));
    }
    for (int e = n; e < padded; e++) values[e] = -INFINITY;
    for (int j = 0; j < r->top_k; j++) {
        int best = first_largest(values, padded);
        values[best] = -INFINITY;
        experts[j] = best;
        weights[j] = scores[best];
        sum += scores[best];
    }
    float factor = r->normalise ? r->scale / (sum + 1e-20f) : r->scale;
    for (int j = 0; j < r->top_k; j++) weights[j] *= factor;
}

/* Counting sort of the choices by expert, stable in token order. */
static void sort_choices(const sl_routing *r, const int32_t *experts, int32_t *offsets, int32_t *slot, int32_t *source)
{
    int64_t n = r->tokens * r->top_k;
    memset(offsets, 0, (size_t)(r->n_experts + 1) * sizeof *offsets);
    for (int64_t i = 0; i < n; i++) offsets[experts[i] + 1]++;
    for (int e = 0; e < r->n_experts; e++) offsets[e + 1] += offsets[e];
    for (int64_t i = 0; i < n; i++) {
        slot[i] = offsets[experts[i]]++;
        source[slot[i]] = (int32_t)(i / r->top_k);
    }
    /* Each offset has moved to the end of its expert, which is the start of the next. */
    memmove(offsets + 1, offsets, (size_t)r->n_experts * sizeof *offsets);
    offsets[0] = 0;
}

/* This thread's part of the scratch memory. */
static float *thread_scratch(const sl_ops *o)
{
    return (float *)(o->scratch + (size_t)omp_get_thread_num() * o->scratch_size);
}

static void route(const sl_ops *o, const sl_routing *r, const float *logits, int32_t *experts, float *weights,
                  int32_t *offsets, int32_t *slot, int32_t *source)
{
#pragma omp parallel for num_threads(vec_threads(o, r->tokens * r->n_experts)) schedule(static)
    for (int64_t t = 0; t < r->tokens; t++)
        choose(r, logits + t * r->n_experts, experts + t * r->top_k, weights + t * r->top_k, thread_scratch(o));
    sort_choices(r, experts, offsets, slot, source);
}

/* The gradient of the weights of one token, written to d_logits; work holds n_experts floats. */
static void choose_bwd(const sl_routing *r, const float *logits, const int32_t *experts, const float *d_weights,
                       float *d_logits, float *work)
{
    float *scores = work, factor = r->scale, pull = 0, dot = 0;
    scores_of(r, logits, scores);
    if (r->normalise) {
        float sum = 1e-20f;
        for (int j = 0; j < r->top_k; j++) sum += scores[experts[j]];
        for (int j = 0; j < r->top_k; j++) pull += d_weights[j] * (scores[experts[j]] / sum);
        factor /= sum;
    }
    for (int j = 0; j < r->top_k; j++) dot += factor * (d_weights[j] - pull) * scores[experts[j]];
    vf minus_dot = vf_set1(r->sigmoid ? 0 : -dot);
    for (int e = 0; e < r->n_experts; e += VW) {
        int lanes = vec_lanes(r->n_experts - e);
        vec_put(d_logits, false, e, minus_dot * vec_get(scores, false, e, lanes), lanes);
    }
    for (int j = 0; j < r->top_k; j++) {
        float s = scores[experts[j]], d = factor * (d_weights[j] - pull);
        d_logits[experts[j]] += r->sigmoid ? d * s * (1 - s) : d * s;
    }
}

/* f_e of one vector of experts times the number of choices. */
VEC_INLINE vf choices_of(const int32_t *offsets, int e, int lanes)
{
    vi from = (vi)vec_get(offsets, false, e, lanes), to = (vi)vec_get(offsets + 1, false, e, lanes);
    return __builtin_convertvector(to - from, vf);
}

/* Adds coef * p_e (f_e - sum_e' f_e' p_e') to one token's d_logits; work holds n_experts floats. */
static void balance_bwd(const sl_routing *r, const float *logits, const int32_t *offsets, float coef, float *d_logits,
                        float *work)
{
    softmax(logits, r->n_experts, work);
    vf dot = vf_set1(0), per_choice = vf_set1(1 / ((float)r->tokens * (float)r->top_k));
    for (int e = 0; e < r->n_experts; e += VW) {
        int lanes = vec_lanes(r->n_experts - e);
        dot = vf_fma(choices_of(offsets, e, lanes) * per_choice, vec_get(work, false, e, lanes), dot);
    }
    vf mean_f = vf_set1(vf_sum(dot));
    for (int e = 0; e < r->n_experts; e += VW) {
        int lanes = vec_lanes(r->n_experts - e);
        vf p = vec_get(work, false, e, lanes), f = choices_of(offsets, e, lanes) * per_choice;
        vec_put_grad(d_logits, false, e, vf_set1(coef) * p * (f - mean_f), lanes, true);
    }
}

static void route_bwd(const sl_ops *o, const sl_routing *r, const float *logits, const int32_t *experts,
                      const float *weights, const int32_t *offsets, const float *d_weights, float aux_coef,
                      float *d_logits)
{
    (void)weights;
    float coef = aux_coef * (float)r->n_experts / (float)r->tokens;
#pragma omp parallel for num_threads(vec_threads(o, r->tokens * r->n_experts)) schedule(static)
    for (int64_t t = 0; t < r->tokens; t++) {
        const float *row = logits + t * r->n_experts;
        float *d_row = d_logits + t * r->n_experts, *work = thread_scratch(o);
        choose_bwd(r, row, experts + t * r->top_k, d_weights + t * r->top_k, d_row, work);
        if (aux_coef != 0) balance_bwd(r, row, offsets, coef, d_row, work);
    }
}

/* --- joining the experts' outputs ------------------------------------------------------------------------------- */

/* y = start (NULL: zeros) + sum_j weights[j] (NULL: 1) * x[slot[j]]; y may be start. */
VEC_INLINE void join_row(bool bf16, int64_t n, int top_k, const void *x, const float *weights, const int32_t *slot,
                         const void *start, void *y)
{
    for (int64_t c = 0; c < n; c += VW) {
        int lanes = vec_lanes(n - c);
        vf sum = start ? vec_get(start, bf16, c, lanes) : vf_set1(0);
        for (int j = 0; j < top_k; j++)
            sum = vf_fma(vf_set1(weights ? weights[j] : 1), vec_get(x, bf16, slot[j] * n + c, lanes), sum);
        vec_put(y, bf16, c, sum, lanes);
    }
}

static void combine(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k, const void *x,
                    const float *weights, const int32_t *slot, const void *residual, void *y)
{
#pragma omp parallel for num_threads(vec_threads(o, tokens *cols *top_k)) schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
        int64_t at = t * cols, j = t * top_k;
        const void *start = residual ? vec_at(residual, dt == SL_BF16, at) : NULL;
        if (dt == SL_BF16)
            join_row(true, cols, top_k, x, weights + j, slot + j, start, vec_at(y, true, at));
        else
            join_row(false, cols, top_k, x, weights + j, slot + j, start, vec_at(y, false, at));
    }
}

/* dx = weight * dy unless NULL; returns <dy, x>. */
VEC_INLINE float split_row(bool bf16, int64_t n, const void *dy, const void *x, float weight, void *dx)
{
    vf dot = vf_set1(0);
    for (int64_t c = 0; c < n; c += VW) {
        int lanes = vec_lanes(n - c);
        vf d = vec_get(dy, bf16, c, lanes);
        dot = vf_fma(d, vec_get(x, bf16, c, lanes), dot);
        if (dx) vec_put(dx, bf16, c, vf_set1(weight) * d, lanes);
    }
    return vf_sum(dot);
}

static void combine_bwd(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k, const void *dy,
                        const void *x, const float *weights, const int32_t *slot, void *dx, float *d_weights)
{
    bool bf16 = dt == SL_BF16;
#pragma omp parallel for num_threads(vec_threads(o, tokens *cols *top_k)) schedule(static)
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t j = t * top_k; j < (t + 1) * top_k; j++) {
            const void *d = vec_at(dy, bf16, t * cols), *xj = vec_at(x, bf16, slot[j] * cols);
            void *dxj = dx ? vec_at(dx, bf16, slot[j] * cols) : NULL;
            float dot =
                bf16 ? split_row(true, cols, d, xj, weights[j], dxj) : split_row(false, cols, d, xj, weights[j], dxj);
            if (d_weights) d_weights[j] = dot;
        }
}

static void gather_choices_bwd(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k,
                               const int32_t *slot, const void *dy, void *dx, bool accumulate)
{
#pragma omp parallel for num_threads(vec_threads(o, tokens *cols *top_k)) schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
        void *out = vec_at(dx, dt == SL_BF16, t * cols);
        const void *start = accumulate ? out : NULL;
        if (dt == SL_BF16)
            join_row(true, cols, top_k, dy, NULL, slot + t * top_k, start, out);
        else
            join_row(false, cols, top_k, dy, NULL, slot + t * top_k, start, out);
    }
}

void SL_VEC_NAME(sl_moves_fill)(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->embed = embed;
    o->embed_bwd = embed_bwd;
    o->gather_rows = gather_rows;
    o->scatter_rows = scatter_rows;
    o->pool4 = pool4;
    o->pool4_bwd = pool4_bwd;
    o->route = route;
    o->route_bwd = route_bwd;
    o->combine = combine;
    o->combine_bwd = combine_bwd;
    o->gather_choices_bwd = gather_choices_bwd;
}
