/*
 * attention_amx.h: what attention on tiles shares, forward and backward: moving bf16 rows into tile operands, and a
 * short 2^x.
 *
 * A tile is 1024 bytes, 16 rows of 64. As the left operand of a product it holds 16 rows by 32 bf16 of depth; as the
 * right operand 16 pairs of depth by 16 columns, the two bf16 of a pair side by side; as a result 16 by 16 f32.
 */
#ifndef SL_TENSOR_CPU_ATTENTION_AMX_H
#define SL_TENSOR_CPU_ATTENTION_AMX_H

#define SL_VEC_WIDTH 16

#include "tensor/cpu/amx.h"
#include "tensor/cpu/attention_vec.h"

enum {
    TILE_BYTES = 1024,
    TILE_FLOATS = 256,
    TILE_BF16 = 512,
};

/* The backward slot, filled in beside the forward ones. */
void sl_attention_bwd_amx(const sl_ops *o, const sl_attention *a, const sl_attention_grad *g);

/* Tile loads are inline assembly that does not tell the compiler what memory it reads: stores must come first. */
static inline void amx_stores_done(void)
{
    __asm__ volatile("" ::: "memory");
}

/* head_dim in whole depths of a tile. */
static inline int amx_depths(int head_dim)
{
    return (head_dim + 31) / 32;
}

/* Loads 32 bf16 of a row of n starting at i; what lies past n is zero. */
static inline __m512i amx_load_bf16(const sl_bf16 *row, int i, int n)
{
    __mmask32 mask = n - i >= 32 ? 0xffffffffu : n <= i ? 0 : (1u << (n - i)) - 1;
    return _mm512_maskz_loadu_epi16(mask, row + i);
}

/* 16 rows (those from n on are zero) as left operands, one tile a depth. */
static inline void amx_pack_left(const void *const *rows, int n, int head_dim, sl_bf16 *dst)
{
    for (int d = 0; d < head_dim; d += 32, dst += TILE_BF16)
        for (int i = 0; i < 16; i++) {
            __m512i x = i < n ? amx_load_bf16(rows[i], d, head_dim) : _mm512_setzero_si512();
            _mm512_store_si512(dst + i * 32, x);
        }
}

/* 16 rows (those from n on are zero) as the columns of right operands, one tile a depth. */
static inline void amx_pack_columns(const void *const *rows, int n, int head_dim, sl_bf16 *dst)
{
    for (int d = 0; d < head_dim; d += 32, dst += TILE_BF16) {
        vf x[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            x[i] = i < n ? (vf)amx_load_bf16(rows[i], d, head_dim) : (vf)_mm512_setzero_si512();
        vec_transpose(x);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) _mm512_store_si512(dst + i * 32, (__m512i)x[i]);
    }
}

/* 32 rows (those from n on are zero) as the depth of right operands, `tiles` (even) of 16 elements of a row each. */
static inline void amx_pack_depth(const void *const *rows, int n, int head_dim, int tiles, sl_bf16 *dst)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i low = _mm512_or_si512(lane, _mm512_slli_epi32(_mm512_add_epi32(lane, _mm512_set1_epi32(32)), 16));
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    for (int d = 0; d < 16 * tiles; d += 32, dst += 2 * TILE_BF16)
        for (int i = 0; i < 16; i++) {
            __m512i a = 2 * i < n ? amx_load_bf16(rows[2 * i], d, head_dim) : _mm512_setzero_si512();
            __m512i b = 2 * i + 1 < n ? amx_load_bf16(rows[2 * i + 1], d, head_dim) : _mm512_setzero_si512();
            _mm512_store_si512(dst + i * 32, _mm512_permutex2var_epi16(a, low, b));
            _mm512_store_si512(dst + TILE_BF16 + i * 32, _mm512_permutex2var_epi16(a, high, b));
        }
}

/*
 * 2^x for lanes of mask, 0 for others: 2^floor(x) times a minimax polynomial of degree 3 in the fraction, relative
 * error 7.5e-5, far below the rounding to bf16 that follows. Infinite above 128, 0 far below.
 */
static inline __m512 amx_exp2(__mmask16 mask, __m512 x)
{
    __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 p = _mm512_set1_ps(0.07802452269f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.2260671554f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.6958335405f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.9999252187f));
    return _mm512_maskz_scalef_ps(mask, p, x);
}

/* The mask of the lanes i .. i + 15 that lie below n. */
static inline __mmask16 amx_lanes_below(int64_t n, int64_t i)
{
    return n - i >= 16 ? 0xffff : n <= i ? 0 : (__mmask16)((1u << (n - i)) - 1);
}

#endif
