/*
 * gemm_dots.h: the micro-kernel of the instructions that multiply whole dwords, two bf16 or four int8, and add the
 * products to a 32-bit accumulator.
 *
 * A template for the files that are compiled for one such instruction. GEMM_DOT(acc, a, b) is the instruction on
 * __m512i; GEMM_DOT_START(m, v) is what the accumulators of columns 16v .. 16v + 15 begin with. The number of rows is
 * a constant of each instance, so that the accumulators, 14 x 32, are registers.
 */
#ifndef SL_TENSOR_CPU_GEMM_DOTS_H
#define SL_TENSOR_CPU_GEMM_DOTS_H

#include "tensor/cpu/gemm_tiles.h"

#include <immintrin.h>

enum { DOT_ROWS = GEMM_VEC_ROWS(16) };

/* One step of k: 16 dwords of each row of a meet two tiles of b. */
static inline __attribute__((always_inline)) void gemm_dots_step(const char *a, const char *b, int rows,
                                                                 __m512i acc[][2])
{
    for (int r = 0; r < GEMM_TILE_BYTES; r += 64, a += 4) {
        __m512i b0 = _mm512_loadu_si512(b + r), b1 = _mm512_loadu_si512(b + r + GEMM_TILE_BYTES);
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) {
            __m512i x = _mm512_set1_epi32(*(const int32_t *)(a + i * GEMM_A_ROW_BYTES));
            acc[i][0] = GEMM_DOT(acc[i][0], x, b0);
            acc[i][1] = GEMM_DOT(acc[i][1], x, b1);
        }
    }
}

/* The same, reading b from memory in strict order, one tile after the other: a tenth faster than in turns. */
static inline __attribute__((always_inline)) void gemm_dots_stream_step(const char *a, const char *b, int rows,
                                                                        __m512i acc[][2])
{
    enum { AHEAD = 8192 };
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++, b += GEMM_TILE_BYTES)
        for (int r = 0; r < GEMM_TILE_BYTES / 64; r++) {
            __m512i x = _mm512_loadu_si512(b + r * 64);
            _mm_prefetch(b + r * 64 + AHEAD, _MM_HINT_T0);
#pragma GCC unroll 14
            for (int i = 0; i < rows; i++) {
                const int32_t *dword = (const int32_t *)(a + i * GEMM_A_ROW_BYTES) + r;
                acc[i][v] = GEMM_DOT(acc[i][v], _mm512_set1_epi32(*dword), x);
            }
        }
}

static inline __attribute__((always_inline)) void gemm_dots_panel(const struct gemm_micro *m, int64_t panel, int rows,
                                                                  bool stream)
{
    __m512i acc[DOT_ROWS][2];
    const char *a = m->a + (size_t)panel * m->a_panel_bytes, *b = m->b;
    const char *next = m->next_b + panel * m->steps * m->next_b_lines * 64;
    char *c = gemm_block(m, panel, DOT_ROWS);
    __m512i start[2];
    for (int v = 0; v < 2 && m->first; v++) start[v] = GEMM_DOT_START(m, v);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        acc[i][0] = m->first ? start[0] : _mm512_loadu_si512(c + i * 128);
        acc[i][1] = m->first ? start[1] : _mm512_loadu_si512(c + i * 128 + 64);
    }
    if (stream) {
        for (int64_t s = 0; s < m->steps; s += m->chunk, a += m->a_panel_bytes) {
            int64_t n = m->steps - s < m->chunk ? m->steps - s : m->chunk;
            for (int64_t i = 0; i < n; i++, b += GEMM_STEP_BYTES) gemm_dots_stream_step(a + i * 64, b, rows, acc);
        }
    } else {
        for (int64_t s = 0; s < m->steps; s++, a += 64, b += GEMM_STEP_BYTES) {
            for (int i = 0; i < m->next_b_lines; i++) _mm_prefetch(next + (s * m->next_b_lines + i) * 64, _MM_HINT_T1);
            gemm_dots_step(a, b, rows, acc);
        }
    }
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        _mm512_storeu_si512(c + i * 128, acc[i][0]);
        _mm512_storeu_si512(c + i * 128 + 64, acc[i][1]);
    }
}

/*
 * n rounds of register-resident instructions: sixteen chains, more than latency times throughput. Returns the
 * multiplications and additions of one round, counting one element of each dword.
 */
static double limit_dots(int64_t n)
{
    enum { CHAINS = 16 };
    __m512i acc[CHAINS], a = _mm512_set1_epi32(0x3f123f01), b = _mm512_set1_epi32(0x3d023d13);
#pragma GCC unroll 16
    for (int i = 0; i < CHAINS; i++) acc[i] = _mm512_setzero_si512();
    for (int64_t k = 0; k < n; k++) {
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++) {
            acc[i] = GEMM_DOT(acc[i], a, b);
            __asm__ volatile("" : "+v"(acc[i])); /* it must stay in its register, and be computed */
        }
    }
    return 2.0 * CHAINS * 16;
}

/* Row panel i of a call, finished when the call is the last. */
static inline __attribute__((always_inline)) void gemm_dots_any(const struct gemm_micro *m, int64_t i, bool stream)
{
#define GEMM_DOTS_CASE(n)                                                                                              \
    case n:                                                                                                            \
        gemm_dots_panel(m, i, n, stream);                                                                              \
        break;
    switch (gemm_panel_rows(m, i, DOT_ROWS)) {
        GEMM_DOTS_CASE(1)
        GEMM_DOTS_CASE(2)
        GEMM_DOTS_CASE(3)
        GEMM_DOTS_CASE(4)
        GEMM_DOTS_CASE(5)
        GEMM_DOTS_CASE(6)
        GEMM_DOTS_CASE(7)
        GEMM_DOTS_CASE(8)
        GEMM_DOTS_CASE(9)
        GEMM_DOTS_CASE(10)
        GEMM_DOTS_CASE(11)
        GEMM_DOTS_CASE(12)
        GEMM_DOTS_CASE(13)
        GEMM_DOTS_CASE(14)
    }
#undef GEMM_DOTS_CASE
    if (!m->last) return;
    gemm_complete(m, i, DOT_ROWS);
    gemm_tail_advance(m->tail, DOT_ROWS); /* at once: it is still in the first-level cache */
}

/* gemm_kernel.micro. */
static void gemm_dots_micro(const struct gemm_micro *m)
{
    for (int64_t i = 0; i < m->panels; i++) gemm_dots_any(m, i, false);
}

/* gemm_kernel.stream. */
static void gemm_dots_stream(const struct gemm_micro *m)
{
    gemm_dots_any(m, 0, true);
}

#endif
