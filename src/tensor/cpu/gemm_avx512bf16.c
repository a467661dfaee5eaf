/*
 * gemm_avx512bf16.c: bf16 products with vdpbf16ps, and the peak of the instruction.
 *
 * The instruction multiplies pairs of bf16 and takes denormals for zero. Some processors run it at twice the rate of
 * f32 FMA, others no faster: see sl_cpu_features.bf16_dots.
 */
#include <immintrin.h>

#define GEMM_DOT(acc, a, b) (__m512i) _mm512_dpbf16_ps((__m512)(acc), (__m512bh)(a), (__m512bh)(b))
#define GEMM_DOT_START(m, v) _mm512_setzero_si512()
#include "tensor/cpu/gemm_dots.h"
#include "tensor/cpu/limits_kernels.h"

const struct gemm_kernel sl_gemm_bf16_dots = {
    .type = SL_BF16,
    .rows = DOT_ROWS,
    .chunk_steps = GEMM_VEC_CHUNK_BYTES / 64,
    .a_fixed_bytes = (size_t)DOT_ROWS * GEMM_A_ROW_BYTES,
    .pack_a = sl_gemm_pack_a_pairs,
    .pack_b = sl_gemm_pack_b_bf16_avx512,
    .micro = gemm_dots_micro,
    .stream = gemm_dots_stream,
};

double sl_limit_dots_bf16(int64_t n)
{
    return limit_dots(n) * 2;
}
