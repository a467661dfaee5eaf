/*
 * limits_vec.c: the peak of fused multiply-adds and of streaming reads, by vector width.
 */
#include "tensor/cpu/limits_kernels.h"
#include "tensor/cpu/vec.h"

/* One step of an independent chain; the compiler must believe that x changes, and keep it in a register. */
#define STEP(x)                                                                                                        \
    do {                                                                                                               \
        x = vf_fma(x, a, b);                                                                                           \
        __asm__ volatile("" : "+v"(x));                                                                                \
    } while (0)

double SL_VEC_NAME(sl_limit_fma)(int64_t n)
{
    /* Ten chains: more than latency times throughput of any processor so far, and within 16 registers. */
    vf a = vf_set1(0.999f), b = vf_set1(1e-3f), c0 = a, c1 = a, c2 = a, c3 = a, c4 = a, c5 = a, c6 = a, c7 = a, c8 = a,
       c9 = a;
    for (int64_t k = 0; k < n; k++) {
        STEP(c0);
        STEP(c1);
        STEP(c2);
        STEP(c3);
        STEP(c4);
        STEP(c5);
        STEP(c6);
        STEP(c7);
        STEP(c8);
        STEP(c9);
    }
    return 2.0 * 10 * VW;
}

#if SL_VEC_WIDTH == 8
/* Int8 without dot products: the three instructions of gemm_vec.c for 32 products and additions. */
double sl_limit_i8_avx2(int64_t n)
{
    enum { CHAINS = 8 };
    __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-5), ones = _mm256_set1_epi16(1), acc[CHAINS];
#pragma GCC unroll 8
    for (int i = 0; i < CHAINS; i++) acc[i] = _mm256_setzero_si256();
    for (int64_t k = 0; k < n; k++) {
#pragma GCC unroll 8
        for (int i = 0; i < CHAINS; i++) {
            __asm__ volatile("" : "+x"(b)); /* the product is new every time */
            acc[i] = _mm256_add_epi32(acc[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
            __asm__ volatile("" : "+x"(acc[i]));
        }
    }
    return 2.0 * CHAINS * 32;
}
#endif

double SL_VEC_NAME(sl_limit_read)(const void *p, size_t bytes)
{
    enum { STREAMS = 8, PREFETCH = 4096 };
    const float *x = p;
    vf sums[STREAMS];
    for (int i = 0; i < STREAMS; i++) sums[i] = vf_set1(0);
    for (size_t at = 0; at < bytes / sizeof *x; at += STREAMS * VW) {
#pragma GCC unroll 8
        for (int i = 0; i < STREAMS; i++) {
            if (i * VW % 16 == 0) __builtin_prefetch(x + at + i * VW + PREFETCH / sizeof *x);
            sums[i] += vf_load(x + at + i * VW);
        }
    }
    for (int i = 1; i < STREAMS; i++) sums[0] += sums[i];
    return vf_sum(sums[0]);
}
