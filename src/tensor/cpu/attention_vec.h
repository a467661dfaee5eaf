/*
 * attention_vec.h: the parts that vector attention is made of, forward and backward: rows in and out of f32, a
 * transpose in registers, and one small matrix product that does all the arithmetic.
 */
#ifndef SL_TENSOR_CPU_ATTENTION_VEC_H
#define SL_TENSOR_CPU_ATTENTION_VEC_H

#include "tensor/cpu/attention.h"
#include "tensor/cpu/vec.h"

#include <math.h>

enum {
    ATTENTION_KEYS = 128, /* keys of a block; blocks begin at multiples of it */
};

/* Solves a forward problem of either dtype. */
void SL_VEC_NAME(sl_attend)(const sl_ops *o, const sl_attend *a);

/* The backward slot, filled in beside the forward ones. */
void SL_VEC_NAME(sl_attention_bwd)(const sl_ops *o, const sl_attention *a, const sl_attention_grad *g);

/* n elements (a multiple of 8) rounded up to whole vectors. */
static inline int vec_padded(int n)
{
    return (n + VW - 1) / VW * VW;
}

/* dst[0 .. vec_padded(n)) = scale * src[0 .. n), then zeros. */
static inline void vec_load_row(sl_dtype dt, const void *src, int n, float scale, float *dst)
{
    for (int i = 0; i < n; i += VW) {
        int left = n - i < VW ? n - i : VW;
        vf x;
        if (dt == SL_F32)
            x = left == VW ? vf_load((const float *)src + i) : vf_load_n((const float *)src + i, left);
        else
            x = left == VW ? vf_load_bf16((const sl_bf16 *)src + i) : vf_load_bf16_n((const sl_bf16 *)src + i, left);
        vf_store(dst + i, x * vf_set1(scale));
    }
}

/* dst[0 .. n) = scale * src (+ dst, when add), rounded to dt. */
static inline void vec_store_row(sl_dtype dt, const float *src, int n, float scale, bool add, void *dst)
{
    for (int i = 0; i < n; i += VW) {
        int left = n - i < VW ? n - i : VW;
        vf x = vf_load(src + i) * vf_set1(scale);
        if (dt == SL_F32) {
            if (add) x += vf_load_n((const float *)dst + i, left);
            vf_store_n((float *)dst + i, x, left);
        } else {
            if (add) x += vf_load_bf16_n((const sl_bf16 *)dst + i, left);
            vf_store_bf16_n((sl_bf16 *)dst + i, x, left);
        }
    }
}

/* Sum of x[i] * y[i], n whole vectors' worth of elements. */
static inline float vec_dot(const float *x, const float *y, int n)
{
    vf s = vf_set1(0);
    for (int i = 0; i < n; i += VW) s = vf_fma(vf_load(x + i), vf_load(y + i), s);
    return vf_sum(s);
}

/* Transposes VW vectors in registers: lane j of x[i] goes to lane i of x[j]. */
static inline void vec_transpose(vf x[VW])
{
#if SL_VEC_WIDTH == 16
    __m512 a[16], b[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps((__m512)x[i], (__m512)x[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps((__m512)x[i], (__m512)x[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) { /* lane l of b[i + c]: column 4 l + c of rows i to i + 3 */
        b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        __m512 even1 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x88), odd1 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xdd);
        __m512 even2 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x88);
        __m512 odd2 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xdd);
        x[c] = (vf)_mm512_shuffle_f32x4(even1, even2, 0x88);
        x[4 + c] = (vf)_mm512_shuffle_f32x4(odd1, odd2, 0x88);
        x[8 + c] = (vf)_mm512_shuffle_f32x4(even1, even2, 0xdd);
        x[12 + c] = (vf)_mm512_shuffle_f32x4(odd1, odd2, 0xdd);
    }
#else
    __m256 a[8], b[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps((__m256)x[i], (__m256)x[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps((__m256)x[i], (__m256)x[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        x[i] = (vf)_mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        x[i + 4] = (vf)_mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
#endif
}

/* The same from int8. */
static inline void vec_load_int8_row(const int8_t *src, int n, float scale, float *dst)
{
    for (int i = 0; i < n; i++) dst[i] = (float)src[i] * scale;
    for (int i = n; i < vec_padded(n); i++) dst[i] = 0;
}

/* VW elements of a row from d on, of which n exist. */
static inline vf vec_load_some(sl_dtype dt, const void *row, int d, int n)
{
    if (dt == SL_F32) return n < VW ? vf_load_n((const float *)row + d, n) : vf_load((const float *)row + d);
    return n < VW ? vf_load_bf16_n((const sl_bf16 *)row + d, n) : vf_load_bf16((const sl_bf16 *)row + d);
}

/*
 * Turns n row vectors of head_dim elements into f32: rows[ATTENTION_KEYS][padded head_dim] and its transpose
 * columns[padded head_dim][ATTENTION_KEYS]; either may be NULL. Up to `width` vectors (a multiple of VW, at least n)
 * and the padded head_dim, what is missing is zero. scales, when not NULL, belong to vectors of int8.
 */
static inline void vec_pack_keys(sl_dtype dt, const void *const *src, const float *scales, int n, int width,
                                 int head_dim, float *rows, float *columns)
{
    static const float nothing[256];
    int dp = vec_padded(head_dim);
    float buffer[VW * 256];
    for (int j = 0; j < width; j += VW) {
        const void *from[VW];
        float *block = rows ? rows + (int64_t)j * dp : buffer;
        for (int i = 0; i < VW; i++) from[i] = j + i < n ? src[j + i] : nothing;
        for (int i = 0; i < VW && (rows || scales); i++) {
            if (j + i < n && scales)
                vec_load_int8_row(src[j + i], head_dim, scales[j + i], block + i * dp);
            else
                vec_load_row(dt, from[i], head_dim, 1, block + i * dp);
        }
        for (int d = 0; d < dp && columns; d += VW) {
            vf x[VW];
#pragma GCC unroll 16
            for (int i = 0; i < VW; i++)
                x[i] = scales ? vf_load(block + i * dp + d) : vec_load_some(dt, from[i], d, head_dim - d);
            vec_transpose(x);
#pragma GCC unroll 16
            for (int i = 0; i < VW; i++) vf_store(columns + (int64_t)(d + i) * ATTENTION_KEYS + j, x[i]);
        }
    }
}

/* Operands of vec_product: c[i][j] (+)= sum_k a[i * row + k * column] * b[k][j], rows of b and c ldb and ldc apart. */
struct vec_operands {
    const float *a, *b;
    float *c;
    int64_t a_row, a_column, ldb, ldc;
    int k;
    bool add;
};

/* R rows by V vectors of c. Every element is one chain of fused products in order of k, whatever R and V are. */
static inline __attribute__((always_inline)) void vec_tile(const struct vec_operands *p, int64_t i, int64_t j,
                                                           const int R, const int V)
{
    vf acc[8][2];
    const float *a = p->a + i * p->a_row, *b = p->b + j;
    float *c = p->c + i * p->ldc + j;
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) acc[r][v] = p->add ? vf_load(c + r * p->ldc + v * VW) : vf_set1(0);
    for (int k = 0; k < p->k; k++, a += p->a_column, b += p->ldb) {
        vf b0 = vf_load(b), b1 = V > 1 ? vf_load(b + VW) : b0;
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            vf x = vf_set1(a[r * p->a_row]);
            acc[r][0] = vf_fma(x, b0, acc[r][0]);
            if (V > 1) acc[r][1] = vf_fma(x, b1, acc[r][1]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) vf_store(c + r * p->ldc + v * VW, acc[r][v]);
}

/* The product over m rows and n columns of c; n is a multiple of VW. */
static inline void vec_product(const struct vec_operands *p, int64_t m, int64_t n)
{
    enum { ROWS = VW == 16 ? 8 : 4 };
    for (int64_t j = 0; j < n; j += 2 * VW) {
        bool two = j + VW < n;
        int64_t i = 0;
        for (; i + ROWS <= m; i += ROWS) {
            if (two)
                vec_tile(p, i, j, ROWS, 2);
            else
                vec_tile(p, i, j, ROWS, 1);
        }
        for (; i + 2 <= m; i += 2) {
            if (two)
                vec_tile(p, i, j, 2, 2);
            else
                vec_tile(p, i, j, 2, 1);
        }
        for (; i < m; i++) {
            if (two)
                vec_tile(p, i, j, 1, 2);
            else
                vec_tile(p, i, j, 1, 1);
        }
    }
}

/* x[seen .. ATTENTION_KEYS) = value: what a row of scores may not see. */
static inline void vec_mask_row(float *x, int64_t seen, float value)
{
    for (int64_t i = seen < 0 ? 0 : seen; i < ATTENTION_KEYS; i++) x[i] = value;
}

#endif
