/*
 * moves_ref.c: reference kernels that move rows: embedding, gathering, pooling, and the routing of tokens to experts.
 *
 * Plain scalar C on one thread.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scalar.h"

static void embed(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *ids, const void *table,
                  sl_dtype table_type, void *y)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            scalar_put(y, dt, i * cols + j, scalar_get(table, table_type, ids[i] * cols + j));
}

static void embed_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *ids, const void *dy,
                      float *d_table)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; ids[i] >= 0 && j < cols; j++)
            d_table[ids[i] * cols + j] += scalar_get(dy, dt, i * cols + j);
}

static void gather_rows(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *index, const void *x,
                        void *y)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            scalar_put(y, dt, i * cols + j, index[i] < 0 ? 0 : scalar_get(x, dt, index[i] * cols + j));
}

static void scatter_rows(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *index, const void *x,
                         void *y, bool accumulate)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; index[i] >= 0 && j < cols; j++)
            scalar_put_grad(y, dt, index[i] * cols + j, scalar_get(x, dt, i * cols + j), accumulate);
}

static void pool4(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, void *y)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            float sum = 0;
            for (int64_t k = 0; k < 4; k++) sum += scalar_get(x, dt, (4 * i + k) * cols + j);
            scalar_put(y, dt, i * cols + j, 0.25f * sum);
        }
}

static void pool4_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, void *dx,
                      bool accumulate)
{
    (void)o;
    for (int64_t i = 0; i < 4 * rows; i++)
        for (int64_t j = 0; j < cols; j++)
            scalar_put_grad(dx, dt, i * cols + j, 0.25f * scalar_get(dy, dt, i / 4 * cols + j), accumulate);
}

/* max and sum of exp(logit - max) of one row, from which softmax(e) = exp(logits[e] - max) / sum. */
static void softmax_parts(const float *logits, int n, float *max, double *sum)
{
    *max = logits[0];
    for (int e = 1; e < n; e++) *max = fmaxf(*max, logits[e]);
    *sum = 0;
    for (int e = 0; e < n; e++) *sum += expf(logits[e] - *max);
}

static float score(const sl_routing *r, float logit, float max, double sum)
{
    return r->sigmoid ? scalar_sigmoid(logit) : (float)(expf(logit - max) / sum);
}

/* Chooses one token's experts by top_k passes for the best one that is not yet chosen. */
static void choose(const sl_routing *r, const float *logits, int32_t *experts, float *weights)
{
    float max;
    double sum;
    softmax_parts(logits, r->n_experts, &max, &sum);
    double chosen_sum = 0;
    for (int j = 0; j < r->top_k; j++) {
        int best = -1;
        float best_value = 0;
        for (int e = 0; e < r->n_experts; e++) {
            bool taken = false;
            for (int i = 0; i < j; i++) taken |= experts[i] == e;
            float value = score(r, logits[e], max, sum) + (r->select_bias ? r->select_bias[e] : 0);
            if (taken || (best >= 0 && !(value > best_value))) continue;
            best = e;
            best_value = value;
        }
        experts[j] = best;
        weights[j] = score(r, logits[best], max, sum);
        chosen_sum += weights[j];
    }
    for (int j = 0; j < r->top_k; j++)
        weights[j] = r->scale * (r->normalise ? weights[j] / ((float)chosen_sum + 1e-20f) : weights[j]);
}

static void route(const sl_ops *o, const sl_routing *r, const float *logits, int32_t *experts, float *weights,
                  int32_t *offsets, int32_t *slot, int32_t *source)
{
    (void)o;
    int64_t n = r->tokens * r->top_k;
    for (int64_t t = 0; t < r->tokens; t++)
        choose(r, logits + t * r->n_experts, experts + t * r->top_k, weights + t * r->top_k);
    int32_t at = 0;
    for (int e = 0; e < r->n_experts; e++) {
        offsets[e] = at;
        for (int64_t i = 0; i < n; i++) {
            if (experts[i] != e) continue;
            slot[i] = at;
            source[at++] = (int32_t)(i / r->top_k);
        }
    }
    offsets[r->n_experts] = at;
}

/*
 * d_weights -> d scores -> d_logits of one token. With S the sum of the chosen scores, a normalised weight
 * w_j = scale s_j / S has d s_j = scale / S (d w_j - sum_i d w_i s_i / S).
 */
static void choose_bwd(const sl_routing *r, const float *logits, const int32_t *experts, const float *d_weights,
                       float *d_logits)
{
    float max;
    double sum;
    softmax_parts(logits, r->n_experts, &max, &sum);
    double chosen_sum = 1e-20, pull = 0, factor = r->scale;
    if (r->normalise) {
        for (int j = 0; j < r->top_k; j++) chosen_sum += score(r, logits[experts[j]], max, sum);
        for (int j = 0; j < r->top_k; j++) pull += d_weights[j] * (score(r, logits[experts[j]], max, sum) / chosen_sum);
        factor /= chosen_sum;
    }
    double dot = 0;
    for (int j = 0; j < r->top_k; j++) dot += factor * (d_weights[j] - pull) * score(r, logits[experts[j]], max, sum);
    for (int e = 0; e < r->n_experts; e++) d_logits[e] = r->sigmoid ? 0 : (float)(-dot * score(r, logits[e], max, sum));
    for (int j = 0; j < r->top_k; j++) {
        float s = score(r, logits[experts[j]], max, sum);
        double d = factor * (d_weights[j] - pull);
        d_logits[experts[j]] += (float)(r->sigmoid ? d * s * (1 - s) : d * s);
    }
}

/* d (n_experts / tokens * sum_e f_e p_e) / d logit_e = n_experts / tokens * p_e (f_e - sum_e' f_e' p_e'). */
static void balance_bwd(const sl_routing *r, const float *logits, const int32_t *offsets, double aux_coef,
                        float *d_logits)
{
    float max;
    double sum, mean_f = 0, n_choices = (double)r->tokens * r->top_k;
    softmax_parts(logits, r->n_experts, &max, &sum);
    for (int e = 0; e < r->n_experts; e++)
        mean_f += (offsets[e + 1] - offsets[e]) / n_choices * expf(logits[e] - max) / sum;
    for (int e = 0; e < r->n_experts; e++) {
        double f = (offsets[e + 1] - offsets[e]) / n_choices, p = expf(logits[e] - max) / sum;
        d_logits[e] += (float)(aux_coef * r->n_experts / (double)r->tokens * p * (f - mean_f));
    }
}

static void route_bwd(const sl_ops *o, const sl_routing *r, const float *logits, const int32_t *experts,
                      const float *weights, const int32_t *offsets, const float *d_weights, float aux_coef,
                      float *d_logits)
{
    (void)o, (void)weights;
    for (int64_t t = 0; t < r->tokens; t++) {
        const float *row = logits + t * r->n_experts;
        float *d_row = d_logits + t * r->n_experts;
        choose_bwd(r, row, experts + t * r->top_k, d_weights + t * r->top_k, d_row);
        if (aux_coef != 0) balance_bwd(r, row, offsets, aux_coef, d_row);
    }
}

static void combine(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k, const void *x,
                    const float *weights, const int32_t *slot, const void *residual, void *y)
{
    (void)o;
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t c = 0; c < cols; c++) {
            float sum = residual ? scalar_get(residual, dt, t * cols + c) : 0;
            for (int64_t j = t * top_k; j < (t + 1) * top_k; j++)
                sum += weights[j] * scalar_get(x, dt, slot[j] * cols + c);
            scalar_put(y, dt, t * cols + c, sum);
        }
}

static void combine_bwd(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k, const void *dy,
                        const void *x, const float *weights, const int32_t *slot, void *dx, float *d_weights)
{
    (void)o;
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t j = t * top_k; j < (t + 1) * top_k; j++) {
            double dot = 0;
            for (int64_t c = 0; c < cols; c++) {
                float d = scalar_get(dy, dt, t * cols + c);
                dot += (double)d * scalar_get(x, dt, slot[j] * cols + c);
                if (dx) scalar_put(dx, dt, slot[j] * cols + c, weights[j] * d);
            }
            if (d_weights) d_weights[j] = (float)dot;
        }
}

static void gather_choices_bwd(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k,
                               const int32_t *slot, const void *dy, void *dx, bool accumulate)
{
    (void)o;
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t c = 0; c < cols; c++) {
            float sum = 0;
            for (int64_t j = t * top_k; j < (t + 1) * top_k; j++) sum += scalar_get(dy, dt, slot[j] * cols + c);
            scalar_put_grad(dx, dt, t * cols + c, sum, accumulate);
        }
}

void sl_moves_fill_ref(sl_ops *o, const sl_cpu_features *f)
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
