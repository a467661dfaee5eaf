/*
 * kernels_test.h: one way to test every kernel of the ops table, at every level that this processor has.
 *
 * A case is a function that makes its inputs from the run's random numbers, its outputs with kt_out or kt_inout, and
 * calls one slot. kt_compare_levels calls it with the reference table, then with every higher level and 1, 2 and 3
 * threads, each time with the same inputs, and demands the reference's results, the same bits for every thread count,
 * and untouched guard bytes around every buffer. kt_check_gradient compares a gradient with central differences.
 */
#ifndef SL_TESTS_TENSOR_KERNELS_TEST_H
#define SL_TESTS_TENSOR_KERNELS_TEST_H

#include "test.h"

#include "base/rng.h"
#include "tensor/cpu/cpu.h"
#include "tensor/cpu/scalar.h"

#include <math.h>

enum { KT_GUARD = 64, KT_MAX_BUFFERS = 32, KT_THREADS = 3 };

/* The tables under test: [level][threads - 1]; levels 0 (the reference) to n_levels - 1. */
struct kt_levels {
    sl_ops *ops[SL_N_CPU_LEVELS + 1][KT_THREADS]; /* room for a variant of a level */
    int n_levels;
};

struct kt_buffer {
    const char *name; /* NULL: an input */
    unsigned char *base;
    void *data;
    sl_dtype dtype;
    int64_t n;
};

/* One call of a case: its random numbers and its buffers, freed by kt_run_end. */
struct kt_run {
    struct sl_rng rng;
    struct kt_buffer buffers[KT_MAX_BUFFERS];
    int n_buffers;
};

/* The sizes and switches that a case is called with; what a, b, c and flag mean is up to the case. */
struct kt_shape {
    int64_t rows, cols;
    sl_dtype dt;
    int a, b, c;
    bool flag;
};

typedef void kt_case(const sl_ops *o, struct kt_run *r, const struct kt_shape *s);

/* cmocka group set-up: *state becomes a struct kt_levels with every available level. */
static inline int kt_levels_setup(void **state)
{
    struct kt_levels *l = calloc(1, sizeof *l);
    assert_non_null(l);
    sl_cpu_features f;
    sl_cpu_detect(&f);
    l->n_levels = (int)f.best + 1;
    for (int i = 0; i < l->n_levels; i++)
        for (int t = 0; t < KT_THREADS; t++) {
            sl_error err = {0};
            assert_sl_ok(sl_cpu_ops_new((sl_cpu_level)i, &f, t + 1, &l->ops[i][t], &err), &err);
        }
    *state = l;
    return 0;
}

/* cmocka group tear-down. */
static inline int kt_levels_teardown(void **state)
{
    struct kt_levels *l = *state;
    for (int i = 0; i < l->n_levels; i++)
        for (int t = 0; t < KT_THREADS; t++) sl_cpu_ops_free(l->ops[i][t]);
    free(l);
    return 0;
}

/* Starts a run whose random numbers depend on seed only. */
static inline void kt_run_begin(struct kt_run *r, uint64_t seed)
{
    *r = (struct kt_run){0};
    sl_rng_init(&r->rng, seed, 1);
}

/* Checks the guard bytes of every buffer and frees them. */
static inline void kt_run_end(struct kt_run *r)
{
    for (int i = 0; i < r->n_buffers; i++) {
        struct kt_buffer *b = &r->buffers[i];
        size_t bytes = (size_t)b->n * sl_dtype_size(b->dtype);
        for (int k = 0; k < KT_GUARD; k++)
            if (b->base[k] != 0xA5 || b->base[KT_GUARD + bytes + (size_t)k] != 0xA5)
                fail_msg("buffer '%s' of %lld elements: written outside", b->name ? b->name : "input", (long long)b->n);
        free(b->base);
    }
    r->n_buffers = 0;
}

/* A buffer between guard bytes, all bytes 0xFF: NaN in every float type, -1 in every integer type. */
static inline void *kt_out(struct kt_run *r, const char *name, sl_dtype dtype, int64_t n)
{
    assert_true(r->n_buffers < KT_MAX_BUFFERS);
    size_t bytes = (size_t)n * sl_dtype_size(dtype);
    unsigned char *base = malloc(bytes + 2 * KT_GUARD);
    assert_non_null(base);
    memset(base, 0xA5, bytes + 2 * KT_GUARD);
    memset(base + KT_GUARD, 0xFF, bytes);
    r->buffers[r->n_buffers++] = (struct kt_buffer){name, base, base + KT_GUARD, dtype, n};
    return base + KT_GUARD;
}

/* Nearly normal: the sum of four uniforms scaled to variance 1. Cheaper than sl_rng_normal, where most time would go.
 */
static inline float kt_random(struct sl_rng *rng)
{
    uint32_t a = sl_rng_u32(rng), b = sl_rng_u32(rng);
    return ((float)((a >> 16) + (a & 0xffff) + (b >> 16) + (b & 0xffff)) * 0x1p-16f - 2) * 1.7320508f;
}

/* An output that starts with random numbers of standard deviation std, to be added to or worked in place. */
static inline void *kt_inout(struct kt_run *r, const char *name, sl_dtype dtype, int64_t n, float std)
{
    void *p = kt_out(r, name, dtype, n);
    for (int64_t i = 0; i < n; i++) scalar_put(p, dtype, i, std * kt_random(&r->rng));
    return p;
}

/* An input of random numbers; SL_F32 or SL_BF16. */
static inline void *kt_in(struct kt_run *r, sl_dtype dtype, int64_t n, float std)
{
    return kt_inout(r, NULL, dtype, n, std);
}

/* An input of integers in [low, high). */
static inline int32_t *kt_in_ints(struct kt_run *r, int64_t n, int32_t low, int32_t high)
{
    int32_t *p = kt_out(r, NULL, SL_I32, n);
    for (int64_t i = 0; i < n; i++) p[i] = low + (int32_t)sl_rng_below(&r->rng, (uint32_t)(high - low));
    return p;
}

/* Root mean square of n elements. */
static inline double kt_rms(const void *p, sl_dtype dtype, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)scalar_get(p, dtype, i) * scalar_get(p, dtype, i);
    return n ? sqrt(sum / (double)n) : 0;
}

/*
 * Demands got == want: integers exactly; floats within tolerance * (|want| + rms(want)), for bf16 one step more, and
 * there at most one element in thirty may differ at all, so that rounding in another direction shows.
 */
static inline void kt_assert_close(const char *what, const struct kt_buffer *got, const struct kt_buffer *want,
                                   double tolerance)
{
    if (got->dtype != SL_F32 && got->dtype != SL_BF16) {
        if (memcmp(got->data, want->data, (size_t)got->n * sl_dtype_size(got->dtype)) != 0)
            fail_msg("%s: '%s' differs", what, got->name);
        return;
    }
    double floor = kt_rms(want->data, want->dtype, want->n);
    double step = got->dtype == SL_BF16 ? 0x1p-7 : 0;
    int64_t n_different = 0;
    for (int64_t i = 0; i < got->n; i++) {
        double g = scalar_get(got->data, got->dtype, i), w = scalar_get(want->data, want->dtype, i);
        n_different += g != w;
        if (!(fabs(g - w) <= (tolerance + step) * fabs(w) + tolerance * floor))
            fail_msg("%s: '%s'[%lld] is %.9g, not %.9g", what, got->name, (long long)i, g, w);
    }
    if (got->dtype == SL_BF16 && n_different > 3 + got->n / 30)
        fail_msg("%s: '%s': %lld of %lld elements differ in the last place", what, got->name, (long long)n_different,
                 (long long)got->n);
}

/* Demands that every output of the two runs agrees, to the bit when tolerance is 0. */
static inline void kt_compare_runs(const char *what, const struct kt_run *got, const struct kt_run *want,
                                   double tolerance)
{
    assert_int_equal(got->n_buffers, want->n_buffers);
    for (int i = 0; i < got->n_buffers; i++) {
        const struct kt_buffer *g = &got->buffers[i], *w = &want->buffers[i];
        if (!g->name) continue;
        if (tolerance > 0)
            kt_assert_close(what, g, w, tolerance);
        else if (memcmp(g->data, w->data, (size_t)g->n * sl_dtype_size(g->dtype)) != 0)
            fail_msg("%s: '%s' depends on the number of threads", what, g->name);
    }
}

/* Runs one case on one shape as the comment on top says. tolerance is relative, for f32. */
static inline void kt_compare_levels(const struct kt_levels *l, const char *name, kt_case *run,
                                     const struct kt_shape *s, double tolerance)
{
    uint64_t seed = (uint64_t)(s->rows * 1000003 + s->cols);
    struct kt_run want, one, got;
    kt_run_begin(&want, seed);
    run(l->ops[SL_CPU_REF][0], &want, s);
    for (int level = 1; level < l->n_levels; level++) {
        char what[160];
        snprintf(what, sizeof what, "%s %s (%lld, %lld) %s a=%d b=%d c=%d flag=%d", name,
                 sl_cpu_level_name((sl_cpu_level)level), (long long)s->rows, (long long)s->cols, sl_dtype_name(s->dt),
                 s->a, s->b, s->c, s->flag);
        kt_run_begin(&one, seed);
        run(l->ops[level][0], &one, s);
        kt_compare_runs(what, &one, &want, tolerance);
        for (int t = 1; t < KT_THREADS; t++) {
            kt_run_begin(&got, seed);
            run(l->ops[level][t], &got, s);
            kt_compare_runs(what, &got, &one, 0);
            kt_run_end(&got);
        }
        kt_run_end(&one);
    }
    kt_run_end(&want);
}

/*
 * Demands that gradient (n) is the derivative of loss(context) by x (n), by central differences with the given step;
 * agreement within tolerance * (|derivative| + rms of all).
 */
static inline void kt_check_gradient(const char *what, double (*loss)(void *context), void *context, float *x,
                                     const float *gradient, int64_t n, float step, double tolerance)
{
    double floor = kt_rms(gradient, SL_F32, n);
    for (int64_t i = 0; i < n; i++) {
        float kept = x[i], high = kept + step, low = kept - step;
        x[i] = high;
        double up = loss(context);
        x[i] = low;
        double down = loss(context);
        x[i] = kept;
        double want = (up - down) / ((double)high - low);
        if (!(fabs(gradient[i] - want) <= tolerance * (fabs(want) + floor)))
            fail_msg("%s: gradient [%lld] is %.6g, differences say %.6g", what, (long long)i, gradient[i], want);
    }
}

#endif
