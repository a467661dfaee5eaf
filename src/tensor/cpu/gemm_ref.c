/*
 * gemm_ref.c: the matrix product in plain C, the yardstick of the fast ones.
 *
 * Operands are rounded to the type in which the product is defined (bf16 when b is packed so, int8 with scales) and
 * then multiplied in double, so a result is the correctly rounded one but for the last bit.
 */
#include "tensor/cpu/gemm.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scalar.h"

#include <omp.h>

enum { ROWS = 4, COLUMNS = 64, DEPTH = 8192 }; /* a block of the product and the k converted at once */

/* One group's product: pointers moved to the group, k range cut out. */
struct part {
    const sl_gemm *g;
    sl_dtype type;
    int64_t m0, m1; /* rows */
    int64_t k0, k1; /* of a and b; 0 .. k unless split_k */
    const char *b;  /* packed or not */
    char *c;
};

static struct part get_part(const sl_gemm *g, int group)
{
    struct part p = {g, gemm_compute_type(g), 0, g->m, 0, g->k, g->b_packed ? g->b_packed : g->b, g->c};
    if (g->n_groups == 0) return p;
    if (g->split_k) {
        p.k0 = g->offsets[group], p.k1 = g->offsets[group + 1];
        p.c += group * g->c_group_stride * (int64_t)sl_dtype_size(g->c_type);
    } else {
        p.m0 = g->offsets[group], p.m1 = g->offsets[group + 1];
        p.b += g->b_packed ? (int64_t)(group * g->b_packed_stride)
                           : group * g->b_group_stride * (int64_t)sl_dtype_size(g->b_type);
    }
    return p;
}

static float a_entry(const sl_gemm *g, int64_t i, int64_t k)
{
    return scalar_get(g->a, g->a_type, g->a_layout == SL_ROWS ? i * g->lda + k : k * g->lda + i);
}

/* The scale of row i of a in an int8 product. */
static float row_most(const struct part *p, int64_t i)
{
    float most = 0;
    for (int64_t k = p->k0; k < p->k1; k++) most = fmaxf(most, fabsf(a_entry(p->g, i, k)));
    return most;
}

/* Row i of a for k in [k, k + n), as the product sees it. */
static void load_a(const struct part *p, int64_t i, float most, int64_t k, int64_t n, float *out)
{
    float inverse = gemm_i8_inverse(most);
    for (int64_t x = 0; x < n; x++) {
        float v = a_entry(p->g, i, k + x);
        if (p->type == SL_I8) v = rintf(v * inverse);
        if (p->type == SL_BF16) v = sl_bf16_to_f32(sl_bf16_from_f32(v));
        out[x] = v;
    }
}

/* Column j of the product's right operand for k in [k, k + n). */
static void load_b(const struct part *p, int64_t j, int64_t k, int64_t n, float *out)
{
    const sl_gemm *g = p->g;
    for (int64_t x = 0; x < n; x++) {
        if (g->b_packed) {
            size_t at = gemm_packed_index(g->b_type, g->k, j, k + x);
            out[x] = g->b_type == SL_I8 ? (float)((const int8_t *)p->b)[at] : scalar_get(p->b, g->b_type, (int64_t)at);
        } else {
            out[x] = scalar_get(p->b, g->b_type, g->b_layout == SL_ROWS ? j * g->ldb + k + x : (k + x) * g->ldb + j);
        }
    }
}

static void store(const struct part *p, int64_t i, int64_t j, float sum)
{
    const sl_gemm *g = p->g;
    int64_t at = i * g->ldc + j;
    if (g->accumulate) sum += ((float *)p->c)[at];
    if (g->bias) sum += g->bias[j];
    if (g->pre_act) scalar_put(g->pre_act, g->c_type, at, sum);
    sum = scalar_act(g->act, sum);
    if (g->residual) sum += scalar_get(g->residual, g->c_type, at);
    scalar_put(p->c, g->c_type, at, sum);
}

/* Rows i .. i+ROWS-1 times columns j .. j+COLUMNS-1, as far as they exist. buffer: (ROWS + 1, DEPTH). */
static void multiply_block(const struct part *p, int64_t i, int64_t j, float *buffer)
{
    double sum[ROWS][COLUMNS] = {{0}};
    float most[ROWS] = {0};
    int64_t rows = p->m1 - i < ROWS ? p->m1 - i : ROWS;
    int64_t columns = p->g->n - j < COLUMNS ? p->g->n - j : COLUMNS;
    float *a = buffer, *b = buffer + (int64_t)ROWS * DEPTH;
    for (int64_t r = 0; r < rows && p->type == SL_I8; r++) most[r] = row_most(p, i + r);
    for (int64_t k = p->k0; k < p->k1; k += DEPTH) {
        int64_t depth = p->k1 - k < DEPTH ? p->k1 - k : DEPTH;
        for (int64_t r = 0; r < rows; r++) load_a(p, i + r, most[r], k, depth, a + r * DEPTH);
        for (int64_t x = 0; x < columns; x++) {
            load_b(p, j + x, k, depth, b);
            for (int64_t r = 0; r < rows; r++) {
                double s = sum[r][x];
                for (int64_t y = 0; y < depth; y++) s += (double)a[r * DEPTH + y] * b[y];
                sum[r][x] = s;
            }
        }
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t x = 0; x < columns; x++) {
            float s = (float)sum[r][x];
            if (p->type == SL_I8) s *= most[r] / 127.0f * gemm_scales(p->b, p->g->n, p->g->k)[j + x];
            store(p, i + r, j + x, s);
        }
}

static void gemm_ref(const sl_ops *o, const sl_gemm *g)
{
    int groups = g->n_groups > 0 ? g->n_groups : 1;
#pragma omp parallel num_threads(o->n_threads)
    {
        float *buffer = (float *)(o->scratch + (size_t)omp_get_thread_num() * o->scratch_size);
        for (int group = 0; group < groups; group++) {
            struct part p = get_part(g, group);
#pragma omp for collapse(2) schedule(static) nowait
            for (int64_t i = p.m0; i < p.m1; i += ROWS)
                for (int64_t j = 0; j < g->n; j += COLUMNS) multiply_block(&p, i, j, buffer);
        }
    }
}

void sl_gemm_fill_ref(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->gemm = gemm_ref;
    o->gemm_packed_size = sl_gemm_packed_size;
    o->gemm_pack = sl_gemm_pack_ref;
}
