/*
 * gemm_vnni.c: int8 products with AVX512-VNNI, and the peak of the instruction.
 *
 * vpdpbusd multiplies unsigned with signed bytes, so a is stored with 128 added, and 128 times the sum of each column
 * of b is taken off at the start.
 */
#include <immintrin.h>

#define GEMM_DOT(acc, a, b) _mm512_dpbusd_epi32(acc, a, b)
#define GEMM_DOT_START(m, v) _mm512_mullo_epi32(_mm512_loadu_si512((m)->sums + 16 * (v)), _mm512_set1_epi32(-128))
#include "tensor/cpu/gemm_dots.h"
#include "tensor/cpu/limits_kernels.h"

static void pack_a(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    int64_t bytes = gemm_steps(SL_I8, p->depth) * 64;
    const __m512i offset = _mm512_set1_epi8((char)0x80);
    sl_gemm_pack_a_i8_avx512(p, dst, panel_bytes);
    for (int64_t r = 0; r < p->rows; r++) {
        char *row = (char *)dst + (size_t)(r / DOT_ROWS) * panel_bytes + (size_t)(r % DOT_ROWS) * GEMM_A_ROW_BYTES;
        for (int64_t k = 0; k < bytes; k += 64)
            _mm512_storeu_si512(row + k, _mm512_xor_si512(_mm512_loadu_si512(row + k), offset));
    }
}

const struct gemm_kernel sl_gemm_i8_vnni = {
    .type = SL_I8,
    .rows = DOT_ROWS,
    .chunk_steps = GEMM_VEC_CHUNK_BYTES / 64,
    .a_fixed_bytes = (size_t)DOT_ROWS * GEMM_A_ROW_BYTES,
    .pack_a = pack_a,
    .pack_b = sl_gemm_pack_b_i8_avx512,
    .micro = gemm_dots_micro,
    .stream = gemm_dots_stream,
};

double sl_limit_dots_vnni(int64_t n)
{
    return limit_dots(n) * 4;
}
