/*
 * test_gemm_blocks.c: the quantised product: the reference against products of decoded numbers in double, every level
 * against the reference to the bit, and rows that do not depend on each other.
 */
#include "tensor/blocks.h"

#include "base/rng.h"
#include "tensor/cpu/cpu.h"
#include "test.h"

#include <math.h>

static const sl_dtype all[] = {SL_Q8_0, SL_Q4_0, SL_Q4_1, SL_Q5_0,   SL_Q5_1,
                               SL_Q4_K, SL_Q5_K, SL_Q6_K, SL_IQ4_NL, SL_IQ4_XS};
enum { N_TYPES = sizeof all / sizeof *all, MOST_LEVELS = SL_N_CPU_LEVELS };

static sl_ops *levels[MOST_LEVELS];
static int n_levels;

static int open_levels(void **state)
{
    (void)state;
    sl_cpu_features f;
    sl_error err;
    sl_cpu_detect(&f);
    for (int l = 0; l <= (int)f.best; l++, n_levels++)
        assert_sl_ok(sl_cpu_ops_new((sl_cpu_level)l, &f, 2, &levels[l], &err), &err);
    return 0;
}

static int close_levels(void **state)
{
    (void)state;
    for (int l = 0; l < n_levels; l++) sl_cpu_ops_free(levels[l]);
    return 0;
}

/* Byte offsets of the halves of a block, which must be sane numbers. */
static void put_halves(sl_dtype type, unsigned char *block, struct sl_rng *rng)
{
    int second = type == SL_Q4_1 || type == SL_Q5_1 || type == SL_Q4_K || type == SL_Q5_K ? 2 : -1;
    int at[2] = {type == SL_Q6_K ? 208 : 0, second};
    for (int i = 0; i < 2; i++) {
        if (at[i] < 0) continue;
        uint16_t h = sl_f16_from_f32((float)((int)sl_rng_below(rng, 2001) - 1000) * 1e-5f);
        memcpy(block + at[i], &h, 2);
    }
}

/* Returns owned random rows of blocks, in exactly as many bytes as they need. */
static unsigned char *random_blocks(sl_dtype type, int64_t rows, int64_t k, struct sl_rng *rng)
{
    size_t bytes = (size_t)rows * sl_dtype_row_bytes(type, k), each = sl_dtype_row_bytes(type, sl_dtype_block(type));
    unsigned char *p = malloc(bytes);
    assert_non_null(p);
    for (size_t i = 0; i < bytes; i++) p[i] = (unsigned char)sl_rng_u32(rng);
    for (size_t i = 0; i < bytes; i += each) put_halves(type, p + i, rng);
    return p;
}

/* One product with everything that it needs; all owned. */
struct problem {
    sl_gemm g;
    sl_block_matrix b;
    unsigned char *parts[SL_MAX_BLOCK_PARTS];
    float *a, *bias;
    sl_bf16 *a_bf16;
    int32_t *offsets;
};

static struct problem make_problem(sl_dtype type, int64_t m, int64_t n, int64_t k, int groups, int parts, uint64_t seed)
{
    struct sl_rng rng;
    struct problem p = {.b = {.n_parts = parts}};
    sl_rng_init(&rng, seed, 1);
    int64_t left = n;
    for (int i = 0; i < parts; i++) {
        int64_t rows = i + 1 == parts ? left : n / parts - 3;
        left -= rows;
        p.parts[i] = random_blocks(type, rows * (groups ? groups : 1), k, &rng);
        p.b.parts[i] = (sl_block_part){type, rows, p.parts[i], (size_t)rows * sl_dtype_row_bytes(type, k)};
    }
    p.a = malloc((size_t)(m * k) * sizeof *p.a);
    p.a_bf16 = malloc((size_t)(m * k) * sizeof *p.a_bf16);
    p.bias = malloc((size_t)n * sizeof *p.bias);
    p.offsets = calloc((size_t)groups + 1, sizeof *p.offsets);
    assert_true(p.a && p.a_bf16 && p.bias && p.offsets);
    for (int64_t i = 0; i < m * k; i++) {
        p.a_bf16[i] = sl_bf16_from_f32((float)((int)sl_rng_below(&rng, 20001) - 10000) * 1e-3f);
        p.a[i] = sl_bf16_to_f32(p.a_bf16[i]);
    }
    for (int64_t i = 0; i < n; i++) p.bias[i] = (float)(i % 7) - 3;
    for (int i = 1; i <= groups; i++)
        p.offsets[i] =
            i == groups ? (int32_t)m : (int32_t)(p.offsets[i - 1] + (i % 2 ? (m - p.offsets[i - 1]) / 2 : 0));
    p.g = (sl_gemm){.m = m, .n = n, .k = k, .a = p.a, .lda = k, .a_type = SL_F32, .ldc = n, .c_type = SL_F32};
    p.g.n_groups = groups;
    p.g.offsets = groups ? p.offsets : NULL;
    return p;
}

static void free_problem(struct problem *p)
{
    for (int i = 0; i < p->b.n_parts; i++) free(p->parts[i]);
    free(p->a);
    free(p->a_bf16);
    free(p->bias);
    free(p->offsets);
}

/* The product as an owned array. */
static float *run(const sl_ops *o, struct problem *p)
{
    float *c = malloc((size_t)(p->g.m * p->g.n) * sizeof *c);
    assert_non_null(c);
    p->g.b_blocks = &p->b;
    p->g.c = c;
    o->gemm_blocks(o, &p->g);
    return c;
}

static int64_t group_of(const struct problem *p, int64_t row)
{
    int64_t group = 0;
    while (p->g.n_groups && row >= p->offsets[group + 1]) group++;
    return group;
}

/* Row j of group's b. */
static void decode_row(const struct problem *p, int64_t group, int64_t j, float *out)
{
    int i = 0;
    while (j >= p->b.parts[i].n) j -= p->b.parts[i++].n;
    const sl_block_part *b = &p->b.parts[i];
    sl_blocks_decode(b->type,
                     (const char *)b->rows + (size_t)group * b->group_stride +
                         (size_t)j * sl_dtype_row_bytes(b->type, p->g.k),
                     p->g.k, out);
}

/* Entry (i, j) in double, from decoded numbers and a's rounded as documented; *size: the sum of magnitudes. */
static double entry(const struct problem *p, const float *b, int64_t i, double *size)
{
    double sum = 0;
    *size = 0;
    for (int64_t at = 0; at < p->g.k; at += 32) {
        const float *a = p->a + i * p->g.k + at;
        int64_t n = p->g.k - at < 32 ? p->g.k - at : 32;
        float most = 0;
        for (int64_t k = 0; k < n; k++) most = fmaxf(most, fabsf(a[k]));
        for (int64_t k = 0; k < n && most > 0; k++) {
            double x = (double)rintf(a[k] * (127.0f / most)) * (double)(most / 127.0f) * (double)b[at + k];
            sum += x;
            *size += fabs(x);
        }
    }
    return sum;
}

static void test_the_reference_is_the_product_of_decoded_numbers(void **state)
{
    (void)state;
    for (int t = 0; t < N_TYPES; t++) {
        int64_t k = sl_dtype_block(all[t]) == 32 ? 416 : 512;
        struct problem p = make_problem(all[t], 5, 37, k, 0, 1, 7);
        float *c = run(levels[0], &p), *b = malloc((size_t)k * sizeof *b);
        for (int64_t j = 0; j < 37; j++) {
            decode_row(&p, 0, j, b);
            for (int64_t i = 0; i < 5; i++) {
                double size, want = entry(&p, b, i, &size);
                if (!(fabs((double)c[i * 37 + j] - want) <= 2e-6 * size + 1e-9))
                    fail_msg("%s (%d, %d): %g, expected %g", sl_dtype_name(all[t]), (int)i, (int)j, c[i * 37 + j],
                             want);
            }
        }
        free(b);
        free(c);
        free_problem(&p);
    }
}

static void expect_same(const char *what, sl_dtype type, const float *got, const float *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s, %s: number %d is %.9g, expected %.9g", what, sl_dtype_name(type), (int)i, got[i], want[i]);
}

static void test_every_level_gives_the_bits_of_the_reference(void **state)
{
    (void)state;
    static const struct {
        int m, n, k, groups, parts;
    } sizes[] = {{1, 64, 256, 0, 1},  {1, 33, 1024, 0, 1},  {4, 70, 512, 0, 2}, {7, 100, 768, 0, 3},
                 {19, 31, 512, 0, 1}, {11, 48, 256, 3, 1},  {9, 66, 512, 4, 2}, {37, 75, 768, 0, 2},
                 {90, 50, 512, 4, 1}, {16, 130, 1024, 0, 3}};
    for (int t = 0; t < N_TYPES; t++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            int64_t k = sizes[s].k - (sl_dtype_block(all[t]) == 32 && s % 2 ? 96 : 0);
            struct problem p = make_problem(all[t], sizes[s].m, sizes[s].n, k, sizes[s].groups, sizes[s].parts, 9 + s);
            if (s % 3 == 2) p.g.a = p.a_bf16, p.g.a_type = SL_BF16;
            if (s % 3 == 1) p.g.bias = p.bias;
            float *want = run(levels[0], &p);
            for (int l = 1; l < n_levels; l++) {
                float *got = run(levels[l], &p);
                expect_same(levels[l]->name, all[t], got, want, p.g.m * p.g.n);
                free(got);
            }
            free(want);
            free_problem(&p);
        }
}

static void test_a_row_does_not_depend_on_the_others(void **state)
{
    (void)state;
    const sl_ops *o = levels[n_levels - 1];
    for (int t = 0; t < N_TYPES; t++) {
        struct problem p = make_problem(all[t], 45, 96, 512, 0, 1, 3);
        float *whole = run(o, &p);
        for (int64_t i = 0; i < 45; i += 11) {
            struct problem one = p;
            one.g.m = 1;
            one.g.a = p.a + i * 512;
            float *row = run(o, &one);
            expect_same("alone", all[t], row, whole + i * 96, 96);
            free(row);
        }
        free(whole);
        free_problem(&p);
    }
}

static void test_experts_read_their_own_matrices(void **state)
{
    (void)state;
    struct problem p = make_problem(SL_Q4_K, 9, 40, 512, 4, 2, 5);
    float *c = run(levels[n_levels - 1], &p), b[512];
    for (int64_t i = 0; i < 9; i++)
        for (int64_t j = 0; j < 40; j++) {
            double size, want;
            decode_row(&p, group_of(&p, i), j, b);
            want = entry(&p, b, i, &size);
            if (!(fabs((double)c[i * 40 + j] - want) <= 2e-6 * size)) fail_msg("%g, expected %g", c[i * 40 + j], want);
        }
    free(c);
    free_problem(&p);
}

static void test_what_follows_the_sums_is_done(void **state)
{
    (void)state;
    for (int l = 0; l < n_levels; l++) {
        struct problem p = make_problem(SL_Q8_0, 6, 37, 256, 0, 1, 4);
        float *plain = run(levels[l], &p), residual[6 * 37];
        for (int i = 0; i < 6 * 37; i++) residual[i] = (float)i;
        p.g.bias = p.bias;
        p.g.act = SL_ACT_SILU;
        p.g.residual = residual;
        float *c = run(levels[l], &p);
        for (int i = 0; i < 6 * 37; i++) {
            double x = (double)plain[i] + (double)p.bias[i % 37], want = x / (1 + exp(-x)) + i;
            assert_true(fabs((double)c[i] - want) < 1e-3);
        }
        free(plain);
        free(c);
        free_problem(&p);
    }
}

static void test_a_quantised_table_is_looked_up(void **state)
{
    (void)state;
    for (int l = 0; l < n_levels; l++) {
        struct problem p = make_problem(SL_Q6_K, 1, 50, 512, 0, 2, 6);
        static const int32_t ids[] = {49, 0, 21, 22, 23};
        float y[5 * 512], want[512];
        sl_bf16 z[5 * 512];
        levels[l]->embed_blocks(levels[l], SL_F32, 5, 512, ids, &p.b, y);
        levels[l]->embed_blocks(levels[l], SL_BF16, 5, 512, ids, &p.b, z);
        for (int i = 0; i < 5; i++) {
            decode_row(&p, 0, ids[i], want);
            assert_memory_equal(y + 512 * i, want, sizeof want);
            for (int j = 0; j < 512; j++) assert_int_equal(z[512 * i + j], sl_bf16_from_f32(want[j]));
        }
        free_problem(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_reference_is_the_product_of_decoded_numbers),
        cmocka_unit_test(test_every_level_gives_the_bits_of_the_reference),
        cmocka_unit_test(test_a_row_does_not_depend_on_the_others),
        cmocka_unit_test(test_experts_read_their_own_matrices),
        cmocka_unit_test(test_what_follows_the_sums_is_done),
        cmocka_unit_test(test_a_quantised_table_is_looked_up),
    };
    return cmocka_run_group_tests(tests, open_levels, close_levels);
}
