/*
 * gemm_vnni.c: int8 products with AVX512-VNNI.
 *
 * vpdpbusd multiplies unsigned with signed bytes, so a is stored with 128 added, and 128 times the sum of each column
 * of b is taken off at the start.
 */
#include "tensor/cpu/gemm_tiles.h"

#include <immintrin.h>

enum { ROWS = GEMM_VEC_ROWS(16) };

static void pack_a(const struct gemm_piece *p, void *dst, size_t panel_bytes)
{
    int64_t bytes = gemm_steps(SL_I8, p->depth) * 64;
    const __m512i offset = _mm512_set1_epi8((char)0x80);
    sl_gemm_pack_a_i8_avx512(p, dst, panel_bytes);
    for (int64_t r = 0; r < p->rows; r++) {
        char *row = (char *)dst + (size_t)(r / ROWS) * panel_bytes + (size_t)(r % ROWS) * GEMM_A_ROW_BYTES;
        for (int64_t k = 0; k < bytes; k += 64)
            _mm512_storeu_si512(row + k, _mm512_xor_si512(_mm512_loadu_si512(row + k), offset));
    }
}

static inline __attribute__((always_inline)) void multiply(const struct gemm_micro *m, int64_t panel, int rows)
{
    __m512i acc[ROWS][2];
    const char *a = m->a + (size_t)panel * m->a_panel_bytes, *b = m->b;
    const char *next = m->next_b + panel * m->steps * m->next_b_lines * 64;
    int32_t *c = (int32_t *)gemm_block(m, panel, ROWS);
    const __m512i minus_offset = _mm512_set1_epi32(-128);
    __m512i start[2];
    for (int i = 0; i < 2 && m->first; i++)
        start[i] = _mm512_mullo_epi32(_mm512_loadu_si512(m->sums + 16 * i), minus_offset);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        acc[i][0] = m->first ? start[0] : _mm512_loadu_si512(c + i * GEMM_PANEL);
        acc[i][1] = m->first ? start[1] : _mm512_loadu_si512(c + i * GEMM_PANEL + 16);
    }
    for (int64_t s = 0; s < m->steps; s++, b += GEMM_STEP_BYTES) {
        for (int i = 0; i < m->next_b_lines; i++) _mm_prefetch(next + (s * m->next_b_lines + i) * 64, _MM_HINT_T1);
        for (int r = 0; r < GEMM_TILE_BYTES; r += 64, a += 4) {
            __m512i b0 = _mm512_loadu_si512(b + r), b1 = _mm512_loadu_si512(b + r + GEMM_TILE_BYTES);
#pragma GCC unroll 14
            for (int i = 0; i < rows; i++) {
                __m512i x = _mm512_set1_epi32(*(const int32_t *)(a + i * GEMM_A_ROW_BYTES));
                acc[i][0] = _mm512_dpbusd_epi32(acc[i][0], x, b0);
                acc[i][1] = _mm512_dpbusd_epi32(acc[i][1], x, b1);
            }
        }
    }
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        _mm512_storeu_si512(c + i * GEMM_PANEL, acc[i][0]);
        _mm512_storeu_si512(c + i * GEMM_PANEL + 16, acc[i][1]);
    }
}

#define CASE(n)                                                                                                        \
    case n:                                                                                                            \
        multiply(m, i, n);                                                                                             \
        break;

#define CASES                                                                                                          \
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)

static void micro(const struct gemm_micro *m)
{
    for (int64_t i = 0; i < m->panels; i++) {
        switch (gemm_panel_rows(m, i, ROWS)) {
            CASES
        }
        if (!m->last) continue;
        gemm_complete(m, i, ROWS);
        gemm_tail_advance(m->tail, ROWS);
    }
}

const struct gemm_kernel sl_gemm_i8_vnni = {
    .type = SL_I8,
    .rows = ROWS,
    .chunk_steps = GEMM_VEC_CHUNK_BYTES / 64,
    .a_fixed_bytes = (size_t)ROWS * GEMM_A_ROW_BYTES,
    .pack_a = pack_a,
    .pack_b = sl_gemm_pack_b_i8_avx512,
    .micro = micro,
};

void sl_gemm_vnni(const sl_ops *o, const sl_gemm *g)
{
    struct gemm_level level = sl_gemm_level_avx512;
    level.i8 = &sl_gemm_i8_vnni;
    sl_gemm_run(o, g, &level);
}
