/*
 * vec_io.h: what kernels over rows share: loads and stores by dtype, and how rows are split among threads.
 *
 * Row functions take `bf16` as a constant argument and are forced inline, so that each is compiled once for every
 * dtype; the loop over rows chooses between the two (parallel loop bodies cannot inherit the constant).
 */
#ifndef SL_TENSOR_CPU_VEC_IO_H
#define SL_TENSOR_CPU_VEC_IO_H

#include "tensor/cpu/vec.h"
#include "tensor/ops.h"

#define VEC_INLINE static inline __attribute__((always_inline))

/* Lanes of the next vector when `left` elements are left. */
VEC_INLINE int vec_lanes(int64_t left)
{
    return left < VW ? (int)left : VW;
}

/* Elements i .. i + n - 1 of p, f32 or bf16; missing lanes are 0. */
VEC_INLINE vf vec_get(const void *p, bool bf16, int64_t i, int n)
{
    if (bf16) return n == VW ? vf_load_bf16((const sl_bf16 *)p + i) : vf_load_bf16_n((const sl_bf16 *)p + i, n);
    return n == VW ? vf_load((const float *)p + i) : vf_load_n((const float *)p + i, n);
}

/* Writes the first n lanes to elements i .. i + n - 1 of p. */
VEC_INLINE void vec_put(void *p, bool bf16, int64_t i, vf x, int n)
{
    if (bf16 && n == VW)
        vf_store_bf16((sl_bf16 *)p + i, x);
    else if (bf16)
        vf_store_bf16_n((sl_bf16 *)p + i, x, n);
    else if (n == VW)
        vf_store((float *)p + i, x);
    else
        vf_store_n((float *)p + i, x, n);
}

/* Writes, or adds when accumulate is true. */
VEC_INLINE void vec_put_grad(void *p, bool bf16, int64_t i, vf x, int n, bool accumulate)
{
    vec_put(p, bf16, i, accumulate ? vec_get(p, bf16, i, n) + x : x, n);
}

/* x with the lanes from n on set to 0. */
VEC_INLINE vf vec_keep(vf x, int n)
{
#if SL_VEC_WIDTH == 16
    return (vf)_mm512_maskz_mov_ps((__mmask16)((1u << n) - 1), (__m512)x);
#else
    return (vf)((vi)x & (vi)vec_mask(n));
#endif
}

/* Element i of p counted in elements of the dtype. */
VEC_INLINE void *vec_at(const void *p, bool bf16, int64_t i)
{
    return (char *)p + i * (bf16 ? 2 : 4);
}

/*
 * Fetches what stands 2 KiB behind element i. Kernels that compute much for every element have too few loads in flight
 * for the processor's own prefetching to keep up; this makes bf16 SwiGLU, GELU and norms 1.1 to 1.5 times as fast.
 */
VEC_INLINE void vec_fetch(const void *p, bool bf16, int64_t i)
{
    __builtin_prefetch((const void *)((uintptr_t)vec_at(p, bf16, i) + 2048));
}

/* Threads for that many elements: starting a team costs more than a small loop. */
static inline int vec_threads(const sl_ops *o, int64_t elements)
{
    return elements > 32768 ? o->n_threads : 1;
}

#endif
