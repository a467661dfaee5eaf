/*
 * losses_vec.c: vector kernels of the losses and of the optimizer step.
 *
 * All are bound by memory: cross_entropy reads a row of logits once for the loss and once more for the gradient, the
 * optimizer touches each of its four arrays once. Sums that end in one number are made of blocks of fixed size, added
 * in order, so that they do not depend on the number of threads.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/vec_io.h"
#include "tensor/cpu/vec_math.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* --- cross entropy ---------------------------------------------------------------------------------------------- */

static float largest(const float *x, int64_t n)
{
    vf m0 = vf_set1(-FLT_MAX), m1 = m0;
    int64_t j = 0;
    for (; j + 2 * VW <= n; j += 2 * VW) {
        m0 = vf_max(m0, vf_load(x + j));
        m1 = vf_max(m1, vf_load(x + j + VW));
    }
    float max = vf_hmax(vf_max(m0, m1));
    for (; j < n; j++) max = fmaxf(max, x[j]);
    return max;
}

/* Sum of exp(x - max) of n; fetches the n elements behind them, which the next block reads. */
static float sum_exp(const float *x, int64_t n, float max)
{
    vf m = vf_set1(max), s0 = vf_set1(0), s1 = s0;
    int64_t j = 0;
    for (; j + 2 * VW <= n; j += 2 * VW) {
        __builtin_prefetch(x + n + j);
        if (VW == 16) __builtin_prefetch(x + n + j + VW);
        s0 += vf_exp(vf_load(x + j) - m);
        s1 += vf_exp(vf_load(x + j + VW) - m);
    }
    for (; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        s0 += vec_keep(vf_exp(vec_get(x, false, j, lanes) - m), lanes);
    }
    return vf_sum(s0 + s1);
}

/*
 * The row's maximum and the sum of exp(x - max), in one pass over memory: block by block, the sum so far being
 * rescaled when a block raises the maximum (Milakov and Gimelshein, arXiv 1805.02867).
 */
static void softmax_parts(const float *x, int64_t n, float *max, double *sum)
{
    enum { BLOCK = 2048 }; /* stays in the first-level cache between the two passes over it */
    *max = -FLT_MAX;
    *sum = 0;
    for (int64_t from = 0; from < n; from += BLOCK) {
        int64_t length = n - from < BLOCK ? n - from : BLOCK;
        float block_max = largest(x + from, length);
        if (block_max > *max) {
            *sum *= exp((double)*max - block_max);
            *max = block_max;
        }
        *sum += sum_exp(x + from, length, *max);
    }
}

/* factor * exp(x - max) into d, which may be x. */
VEC_INLINE void softmax_row(bool bf16, const float *x, int64_t n, float max, float factor, void *d)
{
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vec_put(d, bf16, j, vf_set1(factor) * vf_exp(vec_get(x, false, j, lanes) - vf_set1(max)), lanes);
    }
}

/* One row; returns the loss and writes d (of dtype, NULL: none). */
static float cross_entropy_row(bool bf16, const float *x, int64_t n, int32_t target, float weight, void *d)
{
    if (target < 0) {
        if (d) memset(d, 0, (size_t)n * (bf16 ? 2 : 4));
        return 0;
    }
    float max, at_target = x[target];
    double sum;
    softmax_parts(x, n, &max, &sum);
    if (d) {
        float factor = (float)(weight / sum);
        if (bf16)
            softmax_row(true, x, n, max, factor, d);
        else
            softmax_row(false, x, n, max, factor, d);
        float d_target = (float)(weight * (exp((double)at_target - max) / sum - 1));
        if (bf16)
            ((sl_bf16 *)d)[target] = sl_bf16_from_f32(d_target);
        else
            ((float *)d)[target] = d_target;
    }
    return (float)(weight * (log(sum) + ((double)max - at_target)));
}

static void cross_entropy(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const float *logits,
                          const int32_t *targets, const float *row_weights, float *loss, void *d_logits)
{
    bool bf16 = dt == SL_BF16;
#pragma omp parallel for num_threads(rows == 1 ? 1 : vec_threads(o, rows * cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++)
        loss[i] = cross_entropy_row(bf16, logits + i * cols, cols, targets[i], row_weights[i],
                                    d_logits ? vec_at(d_logits, bf16, i * cols) : NULL);
}

/* --- cosine ----------------------------------------------------------------------------------------------------- */

VEC_INLINE float cosine_row(bool bf16, int64_t n, const void *x, const float *target, float weight, float eps, void *dx)
{
    vf xx = vf_set1(0), tt = xx, xt = xx;
    for (int64_t j = 0; j < n; j += VW) {
        int lanes = vec_lanes(n - j);
        vf v = vec_get(x, bf16, j, lanes), t = vec_get(target, false, j, lanes);
        xx = vf_fma(v, v, xx);
        tt = vf_fma(t, t, tt);
        xt = vf_fma(v, t, xt);
    }
    double length = sqrt(vf_sum(xx)), a = fmax(length, eps), b = fmax(sqrt(vf_sum(tt)), eps);
    double cosine = vf_sum(xt) / (a * b);
    if (dx) {
        vf along_t = vf_set1((float)(-weight / (a * b)));
        vf along_x = vf_set1(length > eps ? (float)(weight * cosine / (a * a)) : 0);
        for (int64_t j = 0; j < n; j += VW) {
            int lanes = vec_lanes(n - j);
            vf d = along_t * vec_get(target, false, j, lanes);
            vec_put(dx, bf16, j, vf_fma(along_x, vec_get(x, bf16, j, lanes), d), lanes);
        }
    }
    return (float)(weight * (1 - cosine));
}

static void cosine_loss(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *target,
                        const float *row_weights, float eps, float *loss, void *dx)
{
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        const float *t = target + i * cols;
        void *d = dx ? vec_at(dx, dt == SL_BF16, i * cols) : NULL;
        if (dt == SL_BF16)
            loss[i] = cosine_row(true, cols, vec_at(x, true, i * cols), t, row_weights[i], eps, d);
        else
            loss[i] = cosine_row(false, cols, vec_at(x, false, i * cols), t, row_weights[i], eps, d);
    }
}

/* --- sigmoid contrastive ---------------------------------------------------------------------------------------- */

/* log(1 + u) for 0 <= u <= 1: 2 atanh(s), s = u / (2 + u) <= 1/3, by its series to s^17 (error below 1e-9). */
static inline vf log1p_unit(vf u)
{
    vf s = u / (u + vf_set1(2)), q = s * s, p = vf_set1(1.0f / 17);
    for (int k = 15; k >= 1; k -= 2) p = vf_fma(p, q, vf_set1(1.0f / (float)k));
    return vf_set1(2) * s * p;
}

struct contrastive {
    float scale, bias, norm;
    const int32_t *col_label;
    int64_t cols;
};

/* With u = -z for a positive pair and z for a negative one, the loss is softplus(u) and its derivative sigmoid(u). */
static float contrastive_row(const struct contrastive *p, float *sims, int32_t label, double sums[2])
{
    vf total = vf_set1(0), d_scale = total, d_bias = total;
    vi mine = label - (vi){0};
    for (int64_t j = 0; j < p->cols; j += VW) {
        int lanes = vec_lanes(p->cols - j);
        vec_fetch(sims, false, j);
        vf sim = vec_get(sims, false, j, lanes), z = vf_fma(vf_set1(p->scale), sim, vf_set1(p->bias));
        vi positive = (vi)vec_get(p->col_label, false, j, lanes) == mine;
        vi flip = positive & (vi)vf_set1(-0.0f); /* the sign bit, where the pair is positive */
        vf u = (vf)((vi)z ^ flip), e = vf_exp(vf_min(u, -u));
        vf loss = vf_max(u, vf_set1(0)) + log1p_unit(e);
        vi right = u > vf_set1(0);
        vf sigmoid = (vf)((right & (vi)vf_set1(1)) | (~right & (vi)e)) / (vf_set1(1) + e);
        vf dz = vec_keep((vf)((vi)sigmoid ^ flip), lanes);
        total += vec_keep(loss, lanes);
        d_scale = vf_fma(dz, sim, d_scale);
        d_bias += dz;
        vec_put(sims, false, j, dz * vf_set1(p->scale / p->norm), lanes);
    }
    sums[0] = (double)vf_sum(d_scale) / p->norm;
    sums[1] = (double)vf_sum(d_bias) / p->norm;
    return vf_sum(total) / p->norm;
}

static void sigmoid_contrastive(const sl_ops *o, int64_t rows, int64_t cols, float *sims, const int32_t *row_label,
                                const int32_t *col_label, float scale, float bias, float norm, float *loss,
                                double *sums)
{
    enum { BATCH = 512 };
    double row_sums[BATCH][2];
    struct contrastive p = {scale, bias, norm, col_label, cols};
    for (int64_t first = 0; first < rows; first += BATCH) {
        int64_t end = rows - first < BATCH ? rows : first + BATCH;
#pragma omp parallel for num_threads(vec_threads(o, rows *cols)) schedule(static)
        for (int64_t i = first; i < end; i++)
            loss[i] = contrastive_row(&p, sims + i * cols, row_label[i], row_sums[i - first]);
        for (int64_t i = 0; i < end - first; i++) {
            sums[0] += row_sums[i][0];
            sums[1] += row_sums[i][1];
        }
    }
}

/* --- optimizer -------------------------------------------------------------------------------------------------- */

/* Half the lanes, in double. */
typedef float half_vf __attribute__((vector_size(2 * SL_VEC_WIDTH)));
typedef double half_vd __attribute__((vector_size(4 * SL_VEC_WIDTH)));

static double block_squares(const float *x, int64_t n)
{
    half_vd s0 = {0}, s1 = {0};
    int64_t i = 0;
    for (; i + VW <= n; i += VW) {
        half_vf low, high;
        memcpy(&low, x + i, sizeof low);
        memcpy(&high, x + i + VW / 2, sizeof high);
        half_vd a = __builtin_convertvector(low, half_vd), b = __builtin_convertvector(high, half_vd);
        s0 += a * a;
        s1 += b * b;
    }
    double sum = 0;
    s0 += s1;
    for (int k = 0; k < VW / 2; k++) sum += s0[k];
    for (; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}

static double sum_squares(const sl_ops *o, int64_t n, const float *x)
{
    enum { BLOCK = 16384, BATCH = 512 };
    double sums[BATCH], total = 0;
    for (int64_t first = 0; first < n; first += (int64_t)BLOCK * BATCH) {
        int64_t left = (n - first + BLOCK - 1) / BLOCK, count = left < BATCH ? left : BATCH;
#pragma omp parallel for num_threads(vec_threads(o, n)) schedule(static)
        for (int64_t b = 0; b < count; b++) {
            int64_t from = first + b * BLOCK;
            sums[b] = block_squares(x + from, n - from < BLOCK ? n - from : BLOCK);
        }
        for (int64_t b = 0; b < count; b++) total += sums[b];
    }
    return total;
}

/* The factors of one step that are the same for every weight. */
struct adamw_factors {
    float grad_scale, beta1, beta2, rest1, rest2, lr, eps, m_scale, v_scale, weight_decay;
};

static void adamw_block(const struct adamw_factors *p, int64_t n, float *w, float *g, float *m, float *v)
{
    for (int64_t i = 0; i < n; i += VW) {
        int lanes = vec_lanes(n - i);
        vec_fetch(w, false, i);
        vec_fetch(g, false, i);
        vec_fetch(m, false, i);
        vec_fetch(v, false, i);
        vf grad = vec_get(g, false, i, lanes) * vf_set1(p->grad_scale), weight = vec_get(w, false, i, lanes);
        vf m1 = vf_fma(vf_set1(p->beta1), vec_get(m, false, i, lanes), vf_set1(p->rest1) * grad);
        vf v1 = vf_fma(vf_set1(p->beta2), vec_get(v, false, i, lanes), vf_set1(p->rest2) * grad * grad);
        vf step = m1 * vf_set1(p->m_scale) / (vf_sqrt(v1 * vf_set1(p->v_scale)) + vf_set1(p->eps));
        step = vf_fma(vf_set1(p->weight_decay), weight, step);
        vec_put(w, false, i, vf_fma(vf_set1(-p->lr), step, weight), lanes);
        vec_put(m, false, i, m1, lanes);
        vec_put(v, false, i, v1, lanes);
        vec_put(g, false, i, vf_set1(0), lanes);
    }
}

static void adamw(const sl_ops *o, int64_t n, float *w, float *g, float *m, float *v, const sl_adamw *p)
{
    enum { BLOCK = 16384 };
    const struct adamw_factors f = {
        .grad_scale = p->grad_scale,
        .beta1 = p->beta1,
        .beta2 = p->beta2,
        .rest1 = 1 - p->beta1,
        .rest2 = 1 - p->beta2,
        .lr = p->lr,
        .eps = p->eps,
        .m_scale = (float)(1 / (1 - pow(p->beta1, (double)p->step))),
        .v_scale = (float)(1 / (1 - pow(p->beta2, (double)p->step))),
        .weight_decay = p->weight_decay,
    };
#pragma omp parallel for num_threads(vec_threads(o, n)) schedule(static)
    for (int64_t i = 0; i < n; i += BLOCK) adamw_block(&f, n - i < BLOCK ? n - i : BLOCK, w + i, g + i, m + i, v + i);
}

void SL_VEC_NAME(sl_losses_fill)(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->cross_entropy = cross_entropy;
    o->cosine_loss = cosine_loss;
    o->sigmoid_contrastive = sigmoid_contrastive;
    o->sum_squares = sum_squares;
    o->adamw = adamw;
}
