/*
 * losses_ref.c: reference kernels of the losses and of the optimizer step.
 *
 * Plain scalar C on one thread, sums in double.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scalar.h"

static void cross_entropy(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const float *logits,
                          const int32_t *targets, const float *row_weights, float *loss, void *d_logits)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        const float *row = logits + i * cols;
        loss[i] = 0;
        if (targets[i] < 0) {
            for (int64_t j = 0; d_logits && j < cols; j++) scalar_put(d_logits, dt, i * cols + j, 0);
            continue;
        }
        float max = row[0];
        for (int64_t j = 1; j < cols; j++) max = fmaxf(max, row[j]);
        double sum = 0;
        for (int64_t j = 0; j < cols; j++) sum += expf(row[j] - max);
        loss[i] = (float)(row_weights[i] * (log(sum) + max - row[targets[i]]));
        for (int64_t j = 0; d_logits && j < cols; j++) {
            double p = expf(row[j] - max) / sum;
            scalar_put(d_logits, dt, i * cols + j, (float)(row_weights[i] * (p - (j == targets[i]))));
        }
    }
}

/*
 * With a = max(|x|, eps), b = max(|target|, eps), cos = <x, target> / (a b):
 * d cos / d x = target / (a b) - cos x / a^2, the second term only where |x| > eps.
 */
static void cosine_loss(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *target,
                        const float *row_weights, float eps, float *loss, void *dx)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        double xx = 0, tt = 0, xt = 0;
        for (int64_t j = 0; j < cols; j++) {
            double v = scalar_get(x, dt, i * cols + j), t = target[i * cols + j];
            xx += v * v;
            tt += t * t;
            xt += v * t;
        }
        double a = fmax(sqrt(xx), eps), b = fmax(sqrt(tt), eps), cosine = xt / (a * b);
        loss[i] = (float)(row_weights[i] * (1 - cosine));
        double along_t = -row_weights[i] / (a * b), along_x = sqrt(xx) > eps ? row_weights[i] * cosine / xx : 0;
        for (int64_t j = 0; dx && j < cols; j++) {
            double v = scalar_get(x, dt, i * cols + j), t = target[i * cols + j];
            scalar_put(dx, dt, i * cols + j, (float)(along_t * t + along_x * v));
        }
    }
}

/* With u = -z for a positive pair and z for a negative one, the loss is softplus(u) and its derivative sigmoid(u). */
static void sigmoid_contrastive(const sl_ops *o, int64_t rows, int64_t cols, float *sims, const int32_t *row_label,
                                const int32_t *col_label, float scale, float bias, float norm, float *loss,
                                double *sums)
{
    (void)o;
    for (int64_t i = 0; i < rows; i++) {
        double total = 0;
        for (int64_t j = 0; j < cols; j++) {
            float sign = row_label[i] == col_label[j] ? -1 : 1, sim = sims[i * cols + j];
            float u = sign * (scale * sim + bias);
            total += fmaxf(u, 0) + log1pf(expf(-fabsf(u)));
            float dz = sign * scalar_sigmoid(u) / norm;
            sims[i * cols + j] = dz * scale;
            sums[0] += (double)dz * sim;
            sums[1] += dz;
        }
        loss[i] = (float)(total / norm);
    }
}

static double sum_squares(const sl_ops *o, int64_t n, const float *x)
{
    (void)o;
    enum { BLOCK = 4096 };
    double total = 0;
    for (int64_t from = 0; from < n; from += BLOCK) {
        double sum = 0;
        for (int64_t i = from; i < n && i < from + BLOCK; i++) sum += (double)x[i] * x[i];
        total += sum;
    }
    return total;
}

static void adamw(const sl_ops *o, int64_t n, float *w, float *g, float *m, float *v, const sl_adamw *p)
{
    (void)o;
    float m_scale = (float)(1 / (1 - pow(p->beta1, (double)p->step)));
    float v_scale = (float)(1 / (1 - pow(p->beta2, (double)p->step)));
    for (int64_t i = 0; i < n; i++) {
        float grad = g[i] * p->grad_scale;
        m[i] = p->beta1 * m[i] + (1 - p->beta1) * grad;
        v[i] = p->beta2 * v[i] + (1 - p->beta2) * grad * grad;
        float step = m[i] * m_scale / (sqrtf(v[i] * v_scale) + p->eps);
        w[i] -= p->lr * (step + p->weight_decay * w[i]);
        g[i] = 0;
    }
}

void sl_losses_fill_ref(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->cross_entropy = cross_entropy;
    o->cosine_loss = cosine_loss;
    o->sigmoid_contrastive = sigmoid_contrastive;
    o->sum_squares = sum_squares;
    o->adamw = adamw;
}
