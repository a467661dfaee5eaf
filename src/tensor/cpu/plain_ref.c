/*
 * plain_ref.c: slots that have one implementation at every level: rotary tables, cache writes, sums, zeros.
 *
 * They are copies, or a thousandth of a step's work.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scalar.h"

#include <math.h>
#include <string.h>

static void rope_table(const sl_ops *o, int64_t tokens, int n_axes, int n_freqs, const int32_t *positions, float theta,
                       float *cos_out, float *sin_out)
{
    int cols = n_axes * n_freqs;
    double step = pow((double)theta, -1.0 / n_freqs);
#pragma omp parallel for num_threads(o->n_threads) schedule(static) if (tokens * cols > 4096)
    for (int64_t t = 0; t < tokens; t++) {
        for (int axis = 0; axis < n_axes; axis++) {
            double frequency = 1.0, position = positions[t * n_axes + axis];
            for (int i = 0; i < n_freqs; i++, frequency *= step) {
                int64_t at = t * cols + axis * n_freqs + i;
                cos_out[at] = (float)cos(position * frequency);
                sin_out[at] = (float)sin(position * frequency);
            }
        }
    }
}

static void rope_mixed(const sl_ops *o, const sl_rope *r, float *cos_out, float *sin_out)
{
#pragma omp parallel for num_threads(o->n_threads) schedule(static) if (r->tokens * r->n_freqs > 4096)
    for (int64_t t = 0; t < r->tokens; t++)
        for (int i = 0; i < r->n_freqs; i++) {
            double angle = r->positions[t * r->n_axes + r->axis[i]] * r->freqs[i];
            cos_out[t * r->n_freqs + i] = (float)cos(angle);
            sin_out[t * r->n_freqs + i] = (float)sin(angle);
        }
}

/* Rounds each head of a row to int8 by its largest value; the scales stand apart. */
static void quantise_row(const sl_attention_paged *p, const void *x, int8_t *out, float *scales)
{
    for (int h = 0; h < p->n_kv_heads; h++) {
        float most = 0;
        for (int i = 0; i < p->head_dim; i++) most = fmaxf(most, fabsf(scalar_get(x, p->dt, h * p->head_dim + i)));
        float step = most / 127;
        scales[h] = step;
        for (int i = 0; i < p->head_dim; i++) {
            float v = step > 0 ? scalar_get(x, p->dt, h * p->head_dim + i) / step : 0;
            out[h * p->head_dim + i] = (int8_t)lrintf(v);
        }
    }
}

/* Writes one row of k or v into a page. */
static void write_row(const sl_attention_paged *p, const void *x, void *page, int row)
{
    size_t n = (size_t)p->n_kv_heads * (size_t)p->head_dim;
    if (!p->int8) {
        size_t bytes = n * sl_dtype_size(p->dt);
        memcpy((char *)page + (size_t)row * bytes, x, bytes);
        return;
    }
    float *scales = (float *)((char *)page + n * (size_t)p->page_size);
    quantise_row(p, x, (int8_t *)page + (size_t)row * n, scales + (size_t)row * (size_t)p->n_kv_heads);
}

static void cache_write(const sl_ops *o, const sl_attention_paged *p, const void *k, const void *v, int64_t kv_stride)
{
    (void)o;
    size_t element = sl_dtype_size(p->dt);
    for (int s = 0; s < p->n_seqs; s++) {
        int32_t first = p->cu_seqlens[s], n = p->cu_seqlens[s + 1] - first;
        for (int32_t i = 0; i < n; i++) {
            int32_t token = p->lengths[s] - n + i;
            int32_t page = p->page_table[s][token / p->page_size];
            size_t from = (size_t)(first + i) * (size_t)kv_stride * element;
            write_row(p, (const char *)k + from, p->k_pages[page], token % p->page_size);
            write_row(p, (const char *)v + from, p->v_pages[page], token % p->page_size);
        }
    }
}

static double sum(const sl_ops *o, int64_t n, const float *x)
{
    (void)o;
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += x[i];
    return s;
}

static void zero(const sl_ops *o, size_t bytes, void *p)
{
    enum { PIECE = 1 << 20 };
    int64_t pieces = (int64_t)((bytes + PIECE - 1) / PIECE);
#pragma omp parallel for num_threads(o->n_threads) schedule(static) if (pieces > 1)
    for (int64_t i = 0; i < pieces; i++) {
        size_t at = (size_t)i * PIECE;
        memset((char *)p + at, 0, bytes - at < PIECE ? bytes - at : PIECE);
    }
}

void sl_plain_fill_ref(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->rope_table = rope_table;
    o->rope_mixed = rope_mixed;
    o->cache_write = cache_write;
    o->sum = sum;
    o->zero = zero;
}
