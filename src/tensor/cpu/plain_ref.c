/*
 * plain_ref.c: slots that have one implementation at every level: rotary tables, cache writes, sums, zeros.
 *
 * They are copies, or a thousandth of a step's work.
 */
#include "tensor/cpu/kernels.h"

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

static void cache_write(const sl_ops *o, const sl_attention_paged *p, const void *k, const void *v, int64_t kv_stride)
{
    (void)o;
    size_t element = sl_dtype_size(p->dt), row = (size_t)p->n_kv_heads * (size_t)p->head_dim * element;
    for (int s = 0; s < p->n_seqs; s++) {
        int32_t first = p->cu_seqlens[s], n = p->cu_seqlens[s + 1] - first;
        for (int32_t i = 0; i < n; i++) {
            int32_t token = p->lengths[s] - n + i;
            int32_t page = p->page_table[s][token / p->page_size];
            size_t to = (size_t)(token % p->page_size) * row;
            size_t from = (size_t)(first + i) * (size_t)kv_stride * element;
            memcpy((char *)p->k_pages[page] + to, (const char *)k + from, row);
            memcpy((char *)p->v_pages[page] + to, (const char *)v + from, row);
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
    o->cache_write = cache_write;
    o->sum = sum;
    o->zero = zero;
}
