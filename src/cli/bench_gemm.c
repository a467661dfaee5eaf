/*
 * bench_gemm.c: matrix products with packed weights, packing of the activations included.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "tensor/cpu/limits.h"

#include <stdio.h>

static const struct {
    int64_t m, n, k;
} shapes[] = {{1024, 1024, 1024}, {4096, 4096, 4096}, {3072, 5120, 1280}, {3072, 1280, 5120}};

static const struct {
    const char *name;
    sl_dtype weights, activations;
} types[] = {{"bf16", SL_BF16, SL_BF16}, {"f32", SL_F32, SL_F32}, {"int8", SL_I8, SL_BF16}};

/* Fills n elements of an activation type with random numbers in [-1, 1). */
static void fill(const sl_ops *o, void *dst, sl_dtype type, int64_t n)
{
    enum { BLOCK = 1024 };
    struct sl_rng rng;
    float values[BLOCK];
    sl_rng_init(&rng, 1, 0);
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t count = n - i < BLOCK ? n - i : BLOCK;
        for (int64_t j = 0; j < count; j++) values[j] = sl_rng_float(&rng) * 2 - 1;
        o->scale(o, count, 1.0f, values, SL_F32, (char *)dst + (size_t)i * sl_dtype_size(type), type);
    }
}

static void measure(const struct sl_bench *b, const sl_gemm *g, const char *dtype)
{
    struct sl_bench_series series = {0};
    double flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    /* Enough products in a row that the clock and the threads' start do not count. */
    int times = (int)(5e10 / flops) + 1;
    while (sl_bench_more(&series, SL_BENCH_REPEATS)) {
        double limit = sl_cpu_limit_flops(b->ops, g->b_type), start = sl_clock_seconds();
        for (int k = 0; k < times; k++) b->ops->gemm(b->ops, g);
        double seconds = sl_clock_seconds() - start;
        sl_bench_add(&series, flops * times / seconds / 1e9, limit / 1e9);
    }
    struct sl_bench_row row = {.bench = "gemm", .dtype = dtype, .unit = "GFLOP/s"};
    snprintf(row.shape, sizeof row.shape, "%lldx%lldx%lld", (long long)g->m, (long long)g->n, (long long)g->k);
    sl_bench_finish(b, &series, row);
}

static sl_status bench_shape(const struct sl_bench *b, int shape, int type, sl_error *err)
{
    const sl_ops *o = b->ops;
    int64_t m = shapes[shape].m, n = shapes[shape].n, k = shapes[shape].k;
    sl_dtype act = types[type].activations, packed_type = types[type].weights;
    struct sl_arena memory = {0};
    size_t packed_bytes = o->gemm_packed_size(o, n, k, packed_type), element = sl_dtype_size(act);
    sl_status s = sl_arena_init(&memory, packed_bytes + (size_t)(m * k + n * k + m * n) * element + 4096, err);
    if (s != SL_OK) return s;
    void *a = sl_arena_alloc(&memory, (size_t)(m * k) * element),
         *w = sl_arena_alloc(&memory, (size_t)(n * k) * element);
    void *packed = sl_arena_alloc(&memory, packed_bytes), *c = sl_arena_alloc(&memory, (size_t)(m * n) * element);
    fill(o, a, act, m * k);
    fill(o, w, act, n * k);
    o->gemm_pack(o, n, k, w, k, act, SL_ROWS, packed, packed_type);
    sl_gemm g = {
        .m = m,
        .n = n,
        .k = k,
        .a = a,
        .lda = k,
        .a_type = act,
        .b_packed = packed,
        .b_type = packed_type,
        .c = c,
        .ldc = n,
        .c_type = act,
    };
    measure(b, &g, types[type].name);
    sl_arena_free(&memory);
    return SL_OK;
}

sl_status sl_bench_gemm(const struct sl_bench *b, sl_error *err)
{
    sl_status s = SL_OK;
    for (int type = 0; type < 3 && s == SL_OK; type++)
        for (int shape = 0; shape < 4 && s == SL_OK; shape++) s = bench_shape(b, shape, type, err);
    return s;
}
