/*
 * limits.c: measuring the limits, all threads at once.
 */
#include "tensor/cpu/limits.h"

#include "base/arena.h"
#include "base/clock.h"
#include "tensor/cpu/cpu.h"
#include "tensor/cpu/limits_kernels.h"

#include <string.h>

/* Independent multiply-adds in plain C: what the reference level could do. */
static double fma_ref(int64_t n)
{
    double x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < 8; i++) {
            x[i] = x[i] * 0.999 + 1e-3;
            __asm__ volatile("" : "+m"(x[i]));
        }
    return 2.0 * 8;
}

static double read_ref(const void *p, size_t bytes)
{
    const uint64_t *x = p;
    uint64_t sums[4] = {0};
    for (size_t i = 0; i < bytes / sizeof *x; i += 4)
        for (int k = 0; k < 4; k++) sums[k] += x[i + (size_t)k];
    return (double)(sums[0] ^ sums[1] ^ sums[2] ^ sums[3]);
}

/* The loops of a level. */
struct limit_kernels {
    sl_limit_fn *f32, *bf16, *int8;
    sl_limit_read_fn *read;
};

static const struct limit_kernels kernels[SL_N_CPU_LEVELS] = {
    [SL_CPU_REF] = {fma_ref, fma_ref, fma_ref, read_ref},
#if defined(__x86_64__)
    [SL_CPU_AVX2] = {sl_limit_fma_avx2, sl_limit_fma_avx2, sl_limit_i8_avx2, sl_limit_read_avx2},
    [SL_CPU_AVX512] = {sl_limit_fma_avx512, sl_limit_fma_avx512, sl_limit_i8_avx2, sl_limit_read_avx512},
    [SL_CPU_AMX] = {sl_limit_fma_avx512, sl_limit_tiles_bf16, sl_limit_dots_vnni, sl_limit_read_avx512},
#endif
};

/* The loops of o's level, with what this processor has beyond the level. */
static struct limit_kernels kernels_of(const sl_ops *o)
{
    int l = 0;
    while (l < SL_N_CPU_LEVELS && strcmp(o->name, sl_cpu_level_name((sl_cpu_level)l)) != 0) l++;
    if (l == SL_N_CPU_LEVELS) SL_BUG("no limits for level '%s'", o->name);
    struct limit_kernels k = kernels[l];
#if defined(__x86_64__)
    sl_cpu_features f;
    sl_cpu_detect(&f);
    if (l == SL_CPU_AVX512 && f.bf16_dots) k.bf16 = sl_limit_dots_bf16;
    if (l == SL_CPU_AVX512 && f.avx512_vnni) k.int8 = sl_limit_dots_vnni;
    if (l == SL_CPU_AMX && f.amx_int8) k.int8 = sl_limit_tiles_int8;
#endif
    return k;
}

/* Rounds for about 30 ms, and FLOPs of a round. */
static int64_t calibrate(sl_limit_fn *fn, double *flops)
{
    for (int64_t n = 1000;; n *= 4) {
        double start = sl_clock_seconds();
        *flops = fn(n);
        double seconds = sl_clock_seconds() - start;
        if (seconds > 2e-3) return (int64_t)((double)n * 30e-3 / seconds) + 1;
    }
}

double sl_cpu_limit_flops(const sl_ops *o, sl_dtype type)
{
    struct limit_kernels k = kernels_of(o);
    sl_limit_fn *fn = type == SL_BF16 ? k.bf16 : type == SL_I8 ? k.int8 : k.f32;
    double flops, best = 0;
    int64_t n = calibrate(fn, &flops);
    for (int repeat = 0; repeat < 3; repeat++) {
        double start = sl_clock_seconds();
#pragma omp parallel num_threads(o->n_threads)
        fn(n);
        double rate = flops * (double)n * o->n_threads / (sl_clock_seconds() - start);
        if (rate > best) best = rate;
    }
    return best;
}

double sl_cpu_read_rate(const sl_ops *o, const void *p, size_t bytes)
{
    static const size_t PIECE = (size_t)1 << 24;
    sl_limit_read_fn *fn = kernels_of(o).read;
    int64_t pieces = (int64_t)(bytes / PIECE);
    double start = sl_clock_seconds(), sum = 0;
#pragma omp parallel for num_threads(o->n_threads) schedule(static) reduction(+ : sum)
    for (int64_t i = 0; i < pieces; i++) sum += fn((const char *)p + (size_t)i * PIECE, PIECE);
    double rate = (double)bytes / (sl_clock_seconds() - start);
    return sum == sum + 1 ? 0 : rate; /* sum keeps the reads alive */
}

double sl_cpu_limit_read(const sl_ops *o)
{
    static const size_t BYTES = (size_t)1 << 30;
    struct sl_arena memory = {0};
    double best = 0;
    if (sl_arena_init(&memory, BYTES, NULL) != SL_OK) return 0;
    o->zero(o, BYTES, memory.base);
    for (int repeat = 0; repeat < 3; repeat++) {
        double rate = sl_cpu_read_rate(o, memory.base, BYTES);
        if (rate > best) best = rate;
    }
    sl_arena_free(&memory);
    return best;
}
