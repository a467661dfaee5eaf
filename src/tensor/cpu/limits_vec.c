/*
 * limits_vec.c: the peak of fused multiply-adds and of streaming reads, by vector width.
 */
#include "tensor/cpu/limits_kernels.h"
#include "tensor/cpu/vec.h"

enum { CHAINS = 12 }; /* more than latency times throughput of any processor so far, and within 16 registers */

/* Makes the compiler believe that x changed, so that no operation is removed or moved out of the loop. */
#define KEEP(x) __asm__ volatile("" : "+v"(x))

double SL_VEC_NAME(sl_limit_fma)(int64_t n)
{
    vf chain[CHAINS], a = vf_set1(0.999f), b = vf_set1(1e-3f);
    KEEP(a);
    KEEP(b);
    for (int i = 0; i < CHAINS; i++) chain[i] = vf_set1((float)i);
    for (int64_t k = 0; k < n; k++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            chain[i] = vf_fma(chain[i], a, b);
            KEEP(chain[i]);
        }
    }
    return 2.0 * CHAINS * VW;
}

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
