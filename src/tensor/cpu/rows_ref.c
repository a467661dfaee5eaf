/*
 * rows_ref.c: reference kernels that work on one row at a time: norms, activations, sums, the q/k/v preparation.
 *
 * Plain scalar C on one thread. Sums are in double: what measures the other kernels must be better than they are.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scalar.h"

/* One head through optional RMSNorm (w, NULL: none) and optional rotation (cos NULL: none); offsets in elements. */
static void prepare_head(const sl_qkv *p, const void *in, void *out, int64_t at, int64_t token, const float *w,
                         float *rstd)
{
    int half = p->head_dim / 2;
    float r = 1;
    if (w) {
        double squares = 0;
        for (int i = 0; i < p->head_dim; i++) {
            double x = scalar_get(in, p->dt, at + i);
            squares += x * x;
        }
        r = (float)(1 / sqrt(squares / p->head_dim + p->eps));
        if (rstd) *rstd = r;
    }
    for (int i = 0; i < half; i++) {
        float x1 = scalar_get(in, p->dt, at + i) * r * (w ? w[i] : 1);
        float x2 = scalar_get(in, p->dt, at + half + i) * r * (w ? w[half + i] : 1);
        float c = p->cos ? p->cos[token * half + i] : 1, s = p->cos ? p->sin[token * half + i] : 0;
        scalar_put(out, p->dt, at + i, x1 * c - x2 * s);
        scalar_put(out, p->dt, at + half + i, x2 * c + x1 * s);
    }
}

static void qkv_prepare(const sl_ops *o, const sl_qkv *p, const void *in, void *out)
{
    (void)o;
    int n_rotated = p->n_heads + p->n_kv_heads;
    int64_t width = (int64_t)(n_rotated + p->n_kv_heads) * p->head_dim;
    for (int64_t t = 0; t < p->tokens; t++) {
        for (int h = 0; h < n_rotated; h++)
            prepare_head(p, in, out, t * width + (int64_t)h * p->head_dim, t, h < p->n_heads ? p->q_norm : p->k_norm,
                         p->rstd ? &p->rstd[t * n_rotated + h] : NULL);
        if (in == out) continue;
        for (int64_t i = (int64_t)n_rotated * p->head_dim; i < width; i++)
            scalar_put(out, p->dt, t * width + i, scalar_get(in, p->dt, t * width + i));
    }
}

/* The gradient before rotation: the rotation by the negative angle. Element i of the head. */
static float unrotated_grad(const sl_qkv *p, const void *d_out, int64_t at, int64_t token, int i)
{
    int half = p->head_dim / 2, k = i % half;
    float d1 = scalar_get(d_out, p->dt, at + k), d2 = scalar_get(d_out, p->dt, at + half + k);
    float c = p->cos ? p->cos[token * half + k] : 1, s = p->cos ? p->sin[token * half + k] : 0;
    return i < half ? d1 * c + d2 * s : d2 * c - d1 * s;
}

static void prepare_head_bwd(const sl_qkv *p, const void *in, void *d_out, int64_t at, int64_t token, const float *w,
                             float rstd, float *dw)
{
    int half = p->head_dim / 2;
    double dot = 0;
    for (int i = 0; w && i < p->head_dim; i++) {
        float g = unrotated_grad(p, d_out, at, token, i), x = scalar_get(in, p->dt, at + i);
        dot += (double)g * w[i] * x;
        if (dw) dw[i] += g * x * rstd;
    }
    float pull = (float)(dot * rstd * rstd / p->head_dim);
    for (int i = 0; i < half; i++) {
        float g1 = unrotated_grad(p, d_out, at, token, i), g2 = unrotated_grad(p, d_out, at, token, half + i);
        if (w) {
            g1 = rstd * (w[i] * g1 - pull * scalar_get(in, p->dt, at + i));
            g2 = rstd * (w[half + i] * g2 - pull * scalar_get(in, p->dt, at + half + i));
        }
        scalar_put(d_out, p->dt, at + i, g1);
        scalar_put(d_out, p->dt, at + half + i, g2);
    }
}

static void qkv_prepare_bwd(const sl_ops *o, const sl_qkv *p, const void *in, void *d_out, float *dq_norm,
                            float *dk_norm)
{
    (void)o;
    int n_rotated = p->n_heads + p->n_kv_heads;
    int64_t width = (int64_t)(n_rotated + p->n_kv_heads) * p->head_dim;
    for (int64_t t = 0; t < p->tokens; t++)
        for (int h = 0; h < n_rotated; h++) {
            bool is_q = h < p->n_heads;
            const float *w = is_q ? p->q_norm : p->k_norm;
            prepare_head_bwd(p, in, d_out, t * width + (int64_t)h * p->head_dim, t, w,
                             w ? p->rstd[t * n_rotated + h] : 1, is_q ? dq_norm : dk_norm);
        }
}

static void layernorm(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *w,
                      const float *b, float eps, void *y, float *mean, float *rstd)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0, squares = 0;
        for (int64_t j = 0; j < cols; j++) sum += scalar_get(x, dt, i * cols + j);
        double m = sum / (double)cols;
        for (int64_t j = 0; j < cols; j++) {
            double d = scalar_get(x, dt, i * cols + j) - m;
            squares += d * d;
        }
        double r = 1 / sqrt(squares / (double)cols + eps);
        for (int64_t j = 0; j < cols; j++)
            scalar_put(y, dt, i * cols + j, (float)((scalar_get(x, dt, i * cols + j) - m) * r) * w[j] + b[j]);
        if (mean) mean[i] = (float)m;
        if (rstd) rstd[i] = (float)r;
    }
}

/* With n = (x - mean) rstd and g = dy w: dx = rstd (g - mean(g) - n mean(g n)). */
static void layernorm_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                          const float *w, const float *mean, const float *rstd, void *dx, bool accumulate, float *dw,
                          float *db)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        double g_sum = 0, gn_sum = 0;
        for (int64_t j = 0; j < cols; j++) {
            float d = scalar_get(dy, dt, i * cols + j), n = (scalar_get(x, dt, i * cols + j) - mean[i]) * rstd[i];
            g_sum += (double)d * w[j];
            gn_sum += (double)d * w[j] * n;
            if (dw) dw[j] += d * n;
            if (db) db[j] += d;
        }
        float g_mean = (float)(g_sum / (double)cols), gn_mean = (float)(gn_sum / (double)cols);
        for (int64_t j = 0; dx && j < cols; j++) {
            float d = scalar_get(dy, dt, i * cols + j), n = (scalar_get(x, dt, i * cols + j) - mean[i]) * rstd[i];
            scalar_put_grad(dx, dt, i * cols + j, rstd[i] * (d * w[j] - g_mean - n * gn_mean), accumulate);
        }
    }
}

static void rmsnorm(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *w, float eps,
                    void *y, float *rstd)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        double squares = 0;
        for (int64_t j = 0; j < cols; j++) {
            double v = scalar_get(x, dt, i * cols + j);
            squares += v * v;
        }
        float r = (float)(1 / sqrt(squares / (double)cols + eps));
        for (int64_t j = 0; j < cols; j++) scalar_put(y, dt, i * cols + j, scalar_get(x, dt, i * cols + j) * r * w[j]);
        if (rstd) rstd[i] = r;
    }
}

/* With n = x rstd and g = dy w: dx = rstd (g - n mean(g n)). */
static void rmsnorm_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                        const float *w, const float *rstd, void *dx, bool accumulate, float *dw)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        double gn_sum = 0;
        for (int64_t j = 0; j < cols; j++) {
            float d = scalar_get(dy, dt, i * cols + j), n = scalar_get(x, dt, i * cols + j) * rstd[i];
            gn_sum += (double)d * w[j] * n;
            if (dw) dw[j] += d * n;
        }
        float gn_mean = (float)(gn_sum / (double)cols);
        for (int64_t j = 0; dx && j < cols; j++) {
            float d = scalar_get(dy, dt, i * cols + j), n = scalar_get(x, dt, i * cols + j) * rstd[i];
            scalar_put_grad(dx, dt, i * cols + j, rstd[i] * (d * w[j] - n * gn_mean), accumulate);
        }
    }
}

static void act(const sl_ops *o, sl_dtype dt, sl_act kind, int64_t n, const void *x, void *y)
{
    (void)o;
    for (int64_t i = 0; i < n; i++) scalar_put(y, dt, i, scalar_act(kind, scalar_get(x, dt, i)));
}

static void act_bwd(const sl_ops *o, sl_dtype dt, sl_act kind, int64_t n, const void *dy, const void *x, void *dx,
                    bool accumulate)
{
    (void)o;
    for (int64_t i = 0; i < n; i++)
        scalar_put_grad(dx, dt, i, scalar_get(dy, dt, i) * scalar_act_grad(kind, scalar_get(x, dt, i)), accumulate);
}

static void swiglu(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, void *y)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            float gate = scalar_get(x, dt, 2 * i * cols + j), up = scalar_get(x, dt, (2 * i + 1) * cols + j);
            scalar_put(y, dt, i * cols + j, scalar_act(SL_ACT_SILU, gate) * up);
        }
}

static void swiglu_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                       void *dx)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            int64_t at_gate = 2 * i * cols + j, at_up = at_gate + cols;
            float gate = scalar_get(x, dt, at_gate), up = scalar_get(x, dt, at_up);
            float d = scalar_get(dy, dt, i * cols + j);
            scalar_put(dx, dt, at_gate, d * up * scalar_act_grad(SL_ACT_SILU, gate));
            scalar_put(dx, dt, at_up, d * scalar_act(SL_ACT_SILU, gate));
        }
}

static void add(const sl_ops *o, sl_dtype dt, int64_t n, const void *a, const void *b, void *y)
{
    (void)o;
    for (int64_t i = 0; i < n; i++) scalar_put(y, dt, i, scalar_get(a, dt, i) + scalar_get(b, dt, i));
}

static void scale(const sl_ops *o, int64_t n, float alpha, const void *x, sl_dtype x_type, void *y, sl_dtype y_type)
{
    (void)o;
    for (int64_t i = 0; i < n; i++) scalar_put(y, y_type, i, alpha * scalar_get(x, x_type, i));
}

static void bias_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, float *db)
{
    (void)o;
    for (int64_t j = 0; db && j < cols; j++) {
        double sum = 0;
        for (int64_t i = 0; i < rows; i++) sum += scalar_get(dy, dt, i * cols + j);
        db[j] += (float)sum;
    }
}

static void l2norm(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, float eps, void *y,
                   float *norm)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        double squares = 0;
        for (int64_t j = 0; j < cols; j++) {
            double v = scalar_get(x, dt, i * cols + j);
            squares += v * v;
        }
        float length = fmaxf((float)sqrt(squares), eps);
        for (int64_t j = 0; j < cols; j++) scalar_put(y, dt, i * cols + j, scalar_get(x, dt, i * cols + j) / length);
        if (norm) norm[i] = length;
    }
}

/*
 * dx = (dy - y <y, dy>) / norm. A row shorter than eps was divided by a constant, so nothing is projected out; its y
 * is shorter than 1, which rounding to bf16 alone cannot make less than 0.98 in square.
 */
static void l2norm_bwd(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *y,
                       const float *norm, void *dx, bool accumulate)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        double dot = 0, squares = 0;
        for (int64_t j = 0; j < cols; j++) {
            double v = scalar_get(y, dt, i * cols + j);
            dot += v * scalar_get(dy, dt, i * cols + j);
            squares += v * v;
        }
        float along = squares < 0.98 ? 0 : (float)dot;
        for (int64_t j = 0; j < cols; j++) {
            float v = scalar_get(y, dt, i * cols + j), d = scalar_get(dy, dt, i * cols + j);
            scalar_put_grad(dx, dt, i * cols + j, (d - v * along) / norm[i], accumulate);
        }
    }
}

void sl_rows_fill_ref(sl_ops *o, const sl_cpu_features *f)
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
