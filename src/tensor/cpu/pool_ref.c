/*
 * pool_ref.c: slots of Seed-ViT's pretraining that have one implementation at every level: attention pooling by a
 * learned query, and cross-entropy against a sparse distribution.
 *
 * Pooling reads each patch once, a thousandth of what a block of the tower does. Sums are in double and in the order
 * of the rows. Threads share heads or rows, so their number changes no bit.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scalar.h"

/* The key of row t, head h starts here in kv; its value p->n_heads * p->head_dim further on. */
static int64_t key_at(const sl_pool *p, int64_t t, int h)
{
    return t * 2 * p->n_heads * p->head_dim + (int64_t)h * p->head_dim;
}

/* Softmax over the rows of one sequence, for one head, into probs. */
static void pool_scores(const sl_pool *p, int s, int h)
{
    const float *q = p->query + (int64_t)h * p->head_dim;
    float max = -INFINITY;
    for (int32_t t = p->cu_seqlens[s]; t < p->cu_seqlens[s + 1]; t++) {
        double score = 0;
        int64_t at = key_at(p, t, h);
        for (int i = 0; i < p->head_dim; i++) score += (double)q[i] * scalar_get(p->kv, p->dt, at + i);
        float x = (float)(score * p->scale);
        p->probs[(int64_t)t * p->n_heads + h] = x;
        max = fmaxf(max, x);
    }
    double sum = 0;
    for (int32_t t = p->cu_seqlens[s]; t < p->cu_seqlens[s + 1]; t++) {
        float *x = &p->probs[(int64_t)t * p->n_heads + h];
        *x = expf(*x - max);
        sum += *x;
    }
    for (int32_t t = p->cu_seqlens[s]; t < p->cu_seqlens[s + 1]; t++)
        p->probs[(int64_t)t * p->n_heads + h] /= (float)sum;
}

static void pool(const sl_ops *o, const sl_pool *p)
{
    int64_t width = (int64_t)p->n_heads * p->head_dim;
#pragma omp parallel for num_threads(o->n_threads) collapse(2) schedule(static)
    for (int s = 0; s < p->n_seqs; s++)
        for (int h = 0; h < p->n_heads; h++) {
            double sum[SL_POOL_MAX_HEAD_DIM] = {0};
            pool_scores(p, s, h);
            for (int32_t t = p->cu_seqlens[s]; t < p->cu_seqlens[s + 1]; t++) {
                double prob = p->probs[(int64_t)t * p->n_heads + h];
                int64_t at = key_at(p, t, h) + width;
                for (int i = 0; i < p->head_dim; i++) sum[i] += prob * scalar_get(p->kv, p->dt, at + i);
            }
            for (int i = 0; i < p->head_dim; i++)
                scalar_put(p->out, p->dt, s * width + (int64_t)h * p->head_dim + i, (float)sum[i]);
        }
}

/*
 * With score_t = scale q k_t, p = softmax, out = sum p_t v_t and g = d out:
 * dv_t = p_t g, d score_t = p_t (g v_t - g out), dk_t = scale d score_t q, dq += scale sum d score_t k_t.
 */
static void pool_bwd_head(const sl_pool *p, int s, int h, const void *d_out, void *d_kv, double *dq)
{
    int64_t width = (int64_t)p->n_heads * p->head_dim, out = s * width + (int64_t)h * p->head_dim;
    const float *q = p->query + (int64_t)h * p->head_dim;
    double g_out = 0;
    for (int i = 0; i < p->head_dim; i++)
        g_out += (double)scalar_get(d_out, p->dt, out + i) * scalar_get(p->out, p->dt, out + i);
    for (int32_t t = p->cu_seqlens[s]; t < p->cu_seqlens[s + 1]; t++) {
        int64_t at = key_at(p, t, h);
        double prob = p->probs[(int64_t)t * p->n_heads + h], gv = 0;
        for (int i = 0; i < p->head_dim; i++) {
            double g = scalar_get(d_out, p->dt, out + i);
            gv += g * scalar_get(p->kv, p->dt, at + width + i);
            scalar_put(d_kv, p->dt, at + width + i, (float)(prob * g));
        }
        double d_score = p->scale * prob * (gv - g_out);
        for (int i = 0; i < p->head_dim; i++) {
            dq[i] += d_score * scalar_get(p->kv, p->dt, at + i);
            scalar_put(d_kv, p->dt, at + i, (float)(d_score * q[i]));
        }
    }
}

static void pool_bwd(const sl_ops *o, const sl_pool *p, const void *d_out, void *d_kv, float *d_query)
{
#pragma omp parallel for num_threads(o->n_threads) schedule(static)
    for (int h = 0; h < p->n_heads; h++) {
        double dq[SL_POOL_MAX_HEAD_DIM] = {0};
        for (int s = 0; s < p->n_seqs; s++) pool_bwd_head(p, s, h, d_out, d_kv, dq);
        for (int i = 0; d_query && i < p->head_dim; i++) d_query[(int64_t)h * p->head_dim + i] += (float)dq[i];
    }
}

/*
 * Row i's gradient at its labels, from that of the first label alone. There, softmax - 1 has been rounded: the
 * probability is taken from the loss instead, -log of it.
 */
static void spread_gradient(const sl_sparse_targets *t, int64_t i, float first_loss, sl_dtype dt, int64_t at,
                            void *d_logits)
{
    float weight = t->row_weights[i];
    if (weight != 0) scalar_put(d_logits, dt, at + t->first[i], weight * expf(-first_loss / weight));
    for (int32_t k = t->cu_labels[i]; k < t->cu_labels[i + 1]; k++)
        scalar_put_grad(d_logits, dt, at + t->labels[k], -weight * t->shares[k], true);
}

/*
 * The dense part is the ordinary cross-entropy of each row's first label at this level; what the distribution changes
 * about it touches its labels only.
 */
static void sparse_cross_entropy(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const float *logits,
                                 const sl_sparse_targets *t, float *loss, void *d_logits)
{
#pragma omp parallel for num_threads(o->n_threads) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        int32_t from = t->cu_labels[i], to = t->cu_labels[i + 1];
        const float *x = logits + i * cols;
        double shift = 0;
        for (int32_t k = from; k < to; k++) shift += (double)t->shares[k] * x[t->labels[k]];
        t->first[i] = from < to ? t->labels[from] : -1;
        t->shift[i] = from < to ? (float)(t->row_weights[i] * (x[t->labels[from]] - shift)) : 0;
    }
    o->cross_entropy(o, dt, rows, cols, logits, t->first, t->row_weights, loss, d_logits);
    for (int64_t i = 0; i < rows; i++) {
        if (t->first[i] >= 0 && d_logits) spread_gradient(t, i, loss[i], dt, i * cols, d_logits);
        loss[i] += t->shift[i];
    }
}

void sl_pool_fill_ref(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->pool = pool;
    o->pool_bwd = pool_bwd;
    o->sparse_cross_entropy = sparse_cross_entropy;
}
