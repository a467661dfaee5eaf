/*
 * test_gemm.c: matrix products at every level against the reference: shapes that are no multiples of anything, all
 * types, layouts, epilogues and groupings; and that a row's result does not depend on the other rows.
 */
#include "kernels_test.h"

enum { PLAIN, ROW_GROUPS, K_GROUPS, N_GROUPS = 4 };

/* How a product is made, apart from its size. */
struct recipe {
    sl_dtype a, b, c;
    bool packed;
    sl_dtype pack; /* with packed */
    sl_layout a_layout, b_layout;
    int grouping;
    bool accumulate, bias, pre_act, residual;
    sl_act act;
};

static const struct recipe recipes[] = {
    /* f32, in all layouts */
    {SL_F32, SL_F32, SL_F32, .packed = true, .pack = SL_F32},
    {SL_F32, SL_F32, SL_F32, .packed = true, .pack = SL_F32, .b_layout = SL_COLUMNS, .bias = true},
    {SL_F32, SL_F32, SL_F32, .a_layout = SL_ROWS, .b_layout = SL_ROWS},
    {SL_F32, SL_F32, SL_F32, .a_layout = SL_COLUMNS, .b_layout = SL_COLUMNS, .accumulate = true},
    {SL_F32, SL_F32, SL_F32, .a_layout = SL_COLUMNS, .b_layout = SL_ROWS, .bias = true, .act = SL_ACT_GELU},
    {SL_BF16, SL_F32, SL_F32, .b_layout = SL_COLUMNS},
    {SL_F32, SL_BF16, SL_BF16, .residual = true},
    {SL_BF16, SL_F32, SL_BF16, .packed = true, .pack = SL_F32, .act = SL_ACT_SILU},
    /* bf16 */
    {SL_BF16, SL_BF16, SL_BF16, .packed = true, .pack = SL_BF16},
    {SL_BF16, SL_F32, SL_F32, .packed = true, .pack = SL_BF16, .b_layout = SL_COLUMNS},
    {SL_F32, SL_BF16, SL_F32, .packed = true, .pack = SL_BF16, .bias = true, .act = SL_ACT_GELU, .pre_act = true},
    {SL_F32, SL_F32, SL_BF16, .packed = true, .pack = SL_BF16, .a_layout = SL_COLUMNS, .residual = true},
    {SL_BF16, SL_BF16, SL_BF16, .packed = true, .pack = SL_BF16, .bias = true, .act = SL_ACT_GELU_TANH, .pre_act = true,
     .residual = true},
    {SL_BF16, SL_BF16, SL_F32, .packed = true, .pack = SL_BF16, .accumulate = true},
    {SL_BF16, SL_BF16, SL_F32, .a_layout = SL_ROWS, .b_layout = SL_ROWS},
    {SL_BF16, SL_BF16, SL_BF16, .a_layout = SL_ROWS, .b_layout = SL_COLUMNS},
    {SL_BF16, SL_BF16, SL_F32, .a_layout = SL_COLUMNS, .b_layout = SL_COLUMNS, .accumulate = true},
    {SL_BF16, SL_BF16, SL_F32, .a_layout = SL_COLUMNS, .b_layout = SL_ROWS},
    {SL_BF16, SL_BF16, SL_F32, .b_layout = SL_ROWS, .act = SL_ACT_SILU, .bias = true},
    /* int8 weights */
    {SL_BF16, SL_F32, SL_BF16, .packed = true, .pack = SL_I8},
    {SL_F32, SL_BF16, SL_F32, .packed = true, .pack = SL_I8, .b_layout = SL_COLUMNS, .bias = true, .act = SL_ACT_SILU},
    {SL_BF16, SL_BF16, SL_F32, .packed = true, .pack = SL_I8, .accumulate = true},
    {SL_BF16, SL_F32, SL_BF16, .packed = true, .pack = SL_I8, .a_layout = SL_COLUMNS, .residual = true},
    /* experts */
    {SL_BF16, SL_BF16, SL_BF16, .packed = true, .pack = SL_BF16, .grouping = ROW_GROUPS},
    {SL_F32, SL_F32, SL_F32, .packed = true, .pack = SL_F32, .grouping = ROW_GROUPS, .act = SL_ACT_SILU},
    {SL_BF16, SL_F32, SL_BF16, .packed = true, .pack = SL_I8, .grouping = ROW_GROUPS, .residual = true},
    {SL_BF16, SL_BF16, SL_F32, .b_layout = SL_ROWS, .grouping = ROW_GROUPS},
    {SL_F32, SL_F32, SL_F32, .b_layout = SL_COLUMNS, .grouping = ROW_GROUPS, .accumulate = true},
    {SL_BF16, SL_BF16, SL_F32, .a_layout = SL_COLUMNS, .b_layout = SL_COLUMNS, .grouping = K_GROUPS,
     .accumulate = true},
    {SL_F32, SL_F32, SL_F32, .a_layout = SL_COLUMNS, .b_layout = SL_COLUMNS, .grouping = K_GROUPS},
};
enum { N_RECIPES = sizeof recipes / sizeof *recipes };

/* N_GROUPS + 1 offsets that split n, with an empty group and uneven others. */
static int32_t *make_offsets(struct kt_run *r, int64_t n)
{
    int32_t *offsets = kt_out(r, NULL, SL_I32, N_GROUPS + 1);
    int32_t cuts[N_GROUPS + 1] = {0, (int32_t)(n / 5), (int32_t)(n / 5), (int32_t)(n - n / 3), (int32_t)n};
    memcpy(offsets, cuts, sizeof cuts);
    return offsets;
}

/* Fills in b: packed or not, one for each group. */
static void make_b(const sl_ops *o, struct kt_run *r, const struct recipe *p, sl_gemm *g)
{
    int copies = p->grouping == ROW_GROUPS ? N_GROUPS : 1;
    int64_t outer = p->b_layout == SL_ROWS ? g->n : g->k, inner = p->b_layout == SL_ROWS ? g->k : g->n;
    int64_t ld = inner + 3, size = outer * ld;
    char *b = kt_in(r, p->b, copies * size, 1);
    g->b = b, g->ldb = ld, g->b_type = p->b, g->b_layout = p->b_layout, g->b_group_stride = size;
    if (!p->packed) return;
    size_t bytes = o->gemm_packed_size(o, g->n, g->k, p->pack);
    assert_int_equal(bytes % 64, 0);
    char *packed = aligned_alloc(64, bytes * (size_t)copies + 64);
    assert_non_null(packed);
    memset(packed + bytes * (size_t)copies, 0xA5, 64);
    for (int i = 0; i < copies; i++)
        o->gemm_pack(o, g->n, g->k, b + (size_t)(i * size) * sl_dtype_size(p->b), ld, p->b, p->b_layout,
                     packed + bytes * (size_t)i, p->pack);
    for (int i = 0; i < 64; i++) assert_int_equal((unsigned char)packed[bytes * (size_t)copies + (size_t)i], 0xA5);
    g->b = NULL, g->b_packed = packed, g->b_packed_stride = bytes, g->b_type = p->pack;
}

/* A whole product in a run; release_product when it was computed. */
static sl_gemm make_product(const sl_ops *o, struct kt_run *r, const struct recipe *p, int64_t m, int64_t n, int64_t k)
{
    int64_t ldc = n + 5, a_inner = p->a_layout == SL_ROWS ? k : m, copies = p->grouping == K_GROUPS ? N_GROUPS : 1;
    sl_gemm g = {.m = m, .n = n, .k = k, .lda = a_inner + 7, .a_type = p->a, .a_layout = p->a_layout};
    g.a = kt_in(r, p->a, (p->a_layout == SL_ROWS ? m : k) * g.lda, 1);
    make_b(o, r, p, &g);
    g.ldc = ldc, g.c_type = p->c, g.act = p->act, g.accumulate = p->accumulate;
    g.c_group_stride = m * ldc;
    g.c = kt_inout(r, "c", p->c, copies * m * ldc, 1);
    if (p->pre_act) g.pre_act = kt_inout(r, "pre_act", p->c, m * ldc, 1);
    if (p->bias) g.bias = kt_in(r, SL_F32, n, 1);
    if (p->residual) g.residual = kt_in(r, p->c, m * ldc, 1);
    if (p->grouping != PLAIN) {
        g.n_groups = N_GROUPS;
        g.offsets = make_offsets(r, p->grouping == K_GROUPS ? k : m);
        g.split_k = p->grouping == K_GROUPS;
    }
    return g;
}

static void release_product(sl_gemm *g)
{
    free((void *)g->b_packed);
}

/* kt_case: rows m, cols n, a k, b the recipe. */
static void run_recipe(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    sl_gemm g = make_product(o, r, &recipes[s->b], s->rows, s->cols, s->a);
    o->gemm(o, &g);
    release_product(&g);
}

static void products_match_the_reference(void **state)
{
    static const int64_t shapes[][3] = {{1, 1, 1},     {1, 33, 70},  {2, 16, 64},   {3, 7, 5},
                                        {5, 100, 31},  {15, 31, 33}, {16, 32, 32},  {17, 33, 65},
                                        {31, 129, 17}, {64, 64, 64}, {70, 45, 200}, {33, 65, 1030}};
    for (int i = 0; i < N_RECIPES; i++)
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++) {
            struct kt_shape s = {.rows = shapes[j][0], .cols = shapes[j][1], .a = (int)shapes[j][2], .b = i};
            kt_compare_levels(*state, "recipe", run_recipe, &s, 2e-5);
        }
}

static void random_shapes_match_the_reference(void **state)
{
    struct sl_rng rng;
    sl_rng_init(&rng, 7, 7);
    for (int i = 0; i < 3 * N_RECIPES; i++) {
        struct kt_shape s = {.rows = 1 + sl_rng_below(&rng, 150), .cols = 1 + sl_rng_below(&rng, 150)};
        s.a = 1 + (int)sl_rng_below(&rng, 400), s.b = i % N_RECIPES;
        kt_compare_levels(*state, "recipe", run_recipe, &s, 2e-5);
    }
}

/* More rows, columns and k than a block of any level holds: chunks, passes and sub-blocks all happen. */
static void products_longer_than_blocks_match_the_reference(void **state)
{
    static const struct kt_shape shapes[] = {
        {.rows = 40, .cols = 40, .a = 5000, .b = 0},   {.rows = 40, .cols = 70, .a = 5000, .b = 8},
        {.rows = 33, .cols = 40, .a = 5000, .b = 16},  {.rows = 33, .cols = 40, .a = 5000, .b = 3},
        {.rows = 530, .cols = 550, .a = 100, .b = 12}, {.rows = 40, .cols = 70, .a = 5000, .b = 19},
        {.rows = 1100, .cols = 34, .a = 80, .b = 8},   {.rows = 50, .cols = 600, .a = 5000, .b = 28},
        {.rows = 100, .cols = 600, .a = 2600, .b = 13}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        kt_compare_levels(*state, "recipe", run_recipe, &shapes[i], 2e-5);
}

static void products_over_no_k_give_zeros(void **state)
{
    const struct kt_levels *l = *state;
    for (int level = 0; level < l->n_levels; level++) {
        const sl_ops *o = l->ops[level][1];
        float a[40] = {0}, b[40] = {0}, c[24], bias[3] = {1, 2, 3};
        const int32_t offsets[3] = {0, 0, 4};
        for (int i = 0; i < 24; i++) c[i] = 9;
        o->gemm(o, &(sl_gemm){.m = 2, .n = 3, .a = a, .b = b, .c = c, .ldc = 3, .bias = bias});
        for (int i = 0; i < 6; i++) assert_float_equal(c[i], bias[i % 3], 0);
        o->gemm(o, &(sl_gemm){.m = 3,
                              .n = 4,
                              .k = 4,
                              .a = a,
                              .b = b,
                              .c = c,
                              .lda = 3,
                              .ldb = 4,
                              .ldc = 4,
                              .a_layout = SL_COLUMNS,
                              .b_layout = SL_COLUMNS,
                              .n_groups = 2,
                              .offsets = offsets,
                              .split_k = true,
                              .c_group_stride = 12});
        for (int i = 0; i < 24; i++) assert_float_equal(c[i], 0, 0);
    }
}

static void empty_products_touch_nothing(void **state)
{
    const struct kt_levels *l = *state;
    for (int level = 0; level < l->n_levels; level++) {
        const sl_ops *o = l->ops[level][1];
        float c[1] = {9};
        o->gemm(o, &(sl_gemm){.m = 0, .n = 3, .k = 2, .c = c, .ldc = 3});
        o->gemm(o, &(sl_gemm){.m = 3, .n = 0, .k = 2, .c = c, .ldc = 1});
        assert_float_equal(c[0], 9, 0);
    }
}

/* Every row computed alone has the bits that it has among the others. */
static void rows_do_not_depend_on_other_rows(void **state)
{
    const struct kt_levels *l = *state;
    static const int chosen[] = {0, 2, 7, 8, 12, 14, 18, 19, 20};
    for (int level = 0; level < l->n_levels; level++)
        for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
            const struct recipe *p = &recipes[chosen[i]];
            const sl_ops *o = l->ops[level][level % KT_THREADS];
            struct kt_run r;
            kt_run_begin(&r, 11);
            sl_gemm all = make_product(o, &r, p, 75, 70, 2100);
            size_t c_size = sl_dtype_size(p->c), a_size = sl_dtype_size(p->a), row_bytes = 70 * c_size;
            o->gemm(o, &all);
            for (int64_t row = 0; row < 75; row += row < 3 ? 1 : 24) {
                unsigned char alone[70 * 4], before[70 * 4];
                sl_gemm one = all;
                one.m = 1, one.c = alone, one.pre_act = NULL;
                one.a = (const char *)all.a + (size_t)(row * all.lda) * a_size;
                if (all.residual) one.residual = (const char *)all.residual + (size_t)(row * all.ldc) * c_size;
                o->gemm(o, &one);
                memcpy(before, (char *)all.c + (size_t)(row * all.ldc) * c_size, row_bytes);
                if (memcmp(alone, before, row_bytes) != 0)
                    fail_msg("level %d recipe %d: row %d depends on the others", level, chosen[i], (int)row);
            }
            release_product(&all);
            kt_run_end(&r);
        }
}

/* The bound of a product whose operands are bf16 exactly and whose sums are f32: only the summation rounds. */
static void bf16_products_stay_within_the_rounding_bound(void **state)
{
    const struct kt_levels *l = *state;
    enum { M = 20, N = 40, K = 700 };
    for (int level = 0; level < l->n_levels; level++) {
        const sl_ops *o = l->ops[level][0];
        struct kt_run r;
        kt_run_begin(&r, 3);
        sl_gemm g = make_product(o, &r, &recipes[14], M, N, K);
        const sl_bf16 *a = g.a, *b = g.b;
        o->gemm(o, &g);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                double sum = 0, magnitude = 0;
                for (int k = 0; k < K; k++) {
                    double x = (double)sl_bf16_to_f32(a[i * g.lda + k]) * sl_bf16_to_f32(b[j * g.ldb + k]);
                    sum += x, magnitude += fabs(x);
                }
                assert_true(fabs(((float *)g.c)[i * g.ldc + j] - sum) <= K * 0x1p-24 * magnitude);
            }
        kt_run_end(&r);
    }
}

static void residual_may_be_the_output(void **state)
{
    const struct kt_levels *l = *state;
    for (int level = 0; level < l->n_levels; level++) {
        const sl_ops *o = l->ops[level][1];
        float a[2 * 3] = {1, 2, 3, 4, 5, 6}, b[2 * 3] = {1, 0, 1, 0, 1, 0}, c[4] = {10, 20, 30, 40};
        o->gemm(
            o, &(sl_gemm){.m = 2, .n = 2, .k = 3, .a = a, .lda = 3, .b = b, .ldb = 3, .c = c, .ldc = 2, .residual = c});
        const float want[4] = {14, 22, 40, 45};
        for (int i = 0; i < 4; i++) assert_float_equal(c[i], want[i], 0);
    }
}

/* A weight packed by one level is what another level of the same machine reads. */
static void packed_operands_are_the_same_at_all_levels(void **state)
{
    const struct kt_levels *l = *state;
    static const sl_dtype types[] = {SL_F32, SL_BF16, SL_I8};
    for (int t = 0; t < 3; t++)
        for (int layout = 0; layout < 2; layout++)
            for (int src = 0; src < 2; src++) {
                enum { N = 83, K = 131 };
                struct kt_run r;
                kt_run_begin(&r, 5);
                sl_dtype src_type = src ? SL_BF16 : SL_F32;
                void *b = kt_in(&r, src_type, N * K, 1);
                size_t bytes = l->ops[0][0]->gemm_packed_size(l->ops[0][0], N, K, types[t]);
                unsigned char *want = aligned_alloc(64, bytes), *got = aligned_alloc(64, bytes);
                l->ops[0][0]->gemm_pack(l->ops[0][0], N, K, b, layout ? N : K, src_type, (sl_layout)layout, want,
                                        types[t]);
                for (int level = 1; level < l->n_levels; level++) {
                    const sl_ops *o = l->ops[level][1];
                    assert_int_equal(o->gemm_packed_size(o, N, K, types[t]), bytes);
                    memset(got, 0xA5, bytes);
                    o->gemm_pack(o, N, K, b, layout ? N : K, src_type, (sl_layout)layout, got, types[t]);
                    assert_memory_equal(got, want, bytes);
                }
                free(want), free(got);
                kt_run_end(&r);
            }
}

/* With AVX512-BF16 there are two kernels for bf16: what the processor does not choose comes after the levels. */
static int setup(void **state)
{
    sl_cpu_features f;
    sl_cpu_detect(&f);
    kt_levels_setup(state);
    struct kt_levels *l = *state;
    if (f.best < SL_CPU_AVX512 || !f.avx512_bf16) return 0;
    f.bf16_dots = !f.bf16_dots;
    for (int t = 0; t < KT_THREADS; t++) {
        sl_error err = {0};
        assert_sl_ok(sl_cpu_ops_new(SL_CPU_AVX512, &f, t + 1, &l->ops[l->n_levels][t], &err), &err);
    }
    l->n_levels++;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_match_the_reference),
        cmocka_unit_test(random_shapes_match_the_reference),
        cmocka_unit_test(products_longer_than_blocks_match_the_reference),
        cmocka_unit_test(products_over_no_k_give_zeros),
        cmocka_unit_test(empty_products_touch_nothing),
        cmocka_unit_test(rows_do_not_depend_on_other_rows),
        cmocka_unit_test(bf16_products_stay_within_the_rounding_bound),
        cmocka_unit_test(residual_may_be_the_output),
        cmocka_unit_test(packed_operands_are_the_same_at_all_levels),
    };
    return cmocka_run_group_tests(tests, setup, kt_levels_teardown);
}
