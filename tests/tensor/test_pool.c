/*
 * test_pool.c: attention pooling and cross-entropy against distributions: their formulas in double, the same bits for
 * every thread count, and gradients against differences.
 */
#include "tensor/kernels_test.h"

#include "tensor/fn.h"

/* rows patches in s->a sequences, s->b heads of s->cols. */
static sl_pool make_pool(struct kt_run *r, const struct kt_shape *s)
{
    int64_t width = s->b * s->cols;
    int32_t *cu = kt_in_ints(r, s->a + 1, 0, 1);
    for (int i = 0; i <= s->a; i++) cu[i] = (int32_t)(s->rows * i / s->a);
    return (sl_pool){
        .dt = s->dt,
        .n_heads = s->b,
        .head_dim = (int)s->cols,
        .query = kt_in(r, SL_F32, width, 1),
        .kv = kt_in(r, s->dt, s->rows * 2 * width, 1),
        .cu_seqlens = cu,
        .n_seqs = s->a,
        .scale = 0.4f,
        .out = kt_out(r, "out", s->dt, s->a * width),
        .probs = kt_out(r, "probs", SL_F32, s->rows * s->b),
    };
}

static void case_pool(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t width = s->b * s->cols;
    sl_pool p = make_pool(r, s);
    o->pool(o, &p);
    void *d_out = kt_in(r, s->dt, s->a * width, 1), *d_kv = kt_out(r, "d_kv", s->dt, s->rows * 2 * width);
    float *d_query = kt_inout(r, "d_query", SL_F32, width, 1);
    o->pool_bwd(o, &p, d_out, d_kv, d_query);
}

/* Every row has up to four labels; every fifth has none. */
static void case_sparse(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    float *logits = kt_inout(r, s->c ? "d_logits" : NULL, SL_F32, n, 3), *weights = kt_in(r, SL_F32, s->rows, 1);
    int32_t *cu = kt_in_ints(r, s->rows + 1, 0, 1), *labels = kt_in_ints(r, 4 * s->rows + 1, 0, 1);
    float *shares = kt_in(r, SL_F32, 4 * s->rows + 1, 1);
    for (int64_t i = 0; i < s->rows; i++) {
        int32_t most = s->cols < 4 ? (int32_t)s->cols : 4, count = i % 5 == 4 ? 0 : 1 + (int32_t)i % most;
        cu[i + 1] = cu[i] + count;
        for (int32_t k = 0; k < count; k++) {
            labels[cu[i] + k] = (int32_t)((i * 7 + k) % s->cols);
            shares[cu[i] + k] = 1.0f / (float)count;
        }
    }
    sl_sparse_targets t = {
        .cu_labels = cu,
        .labels = labels,
        .shares = shares,
        .row_weights = weights,
        .first = kt_out(r, "first", SL_I32, s->rows),
        .shift = kt_out(r, "shift", SL_F32, s->rows),
    };
    float *loss = kt_out(r, "loss", SL_F32, s->rows);
    void *d = s->c ? logits : kt_out(r, "d_logits", s->dt, n);
    o->sparse_cross_entropy(o, s->c ? SL_F32 : s->dt, s->rows, s->cols, logits, &t, loss, d);
}

static void every_level_and_thread_count_agrees(void **state)
{
    static const int64_t sizes[][2] = {{1, 8}, {7, 16}, {64, 24}, {201, 8}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int d = 0; d < 4; d++) {
            struct kt_shape s = {.rows = sizes[k][0], .cols = sizes[k][1], .dt = d % 2 ? SL_BF16 : SL_F32};
            s.a = s.rows < 3 ? 1 : 3;
            s.b = 1 + d;
            s.c = d / 2;
            kt_compare_levels(*state, "pool", case_pool, &s, 1e-5);
            kt_compare_levels(*state, "sparse_cross_entropy", case_sparse, &s, 1e-5);
        }
}

static void pooling_is_its_formula(void **state)
{
    const struct kt_levels *l = *state;
    struct kt_run r;
    struct kt_shape s = {.rows = 11, .cols = 8, .dt = SL_F32, .a = 2, .b = 3};
    kt_run_begin(&r, 3);
    sl_pool p = make_pool(&r, &s);
    l->ops[0][0]->pool(l->ops[0][0], &p);
    const float *kv = p.kv, *out = p.out;
    for (int q = 0; q < 2; q++)
        for (int h = 0; h < 3; h++)
            for (int i = 0; i < 8; i++) {
                double sum = 0, top = 0;
                for (int t = p.cu_seqlens[q]; t < p.cu_seqlens[q + 1]; t++) {
                    double score = 0;
                    for (int k = 0; k < 8; k++) score += (double)p.query[h * 8 + k] * kv[t * 48 + h * 8 + k];
                    sum += exp(0.4 * score);
                    top += exp(0.4 * score) * kv[t * 48 + 24 + h * 8 + i];
                }
                assert_float_equal(out[q * 24 + h * 8 + i], top / sum, 1e-5);
            }
    kt_run_end(&r);
}

/* --- gradients, through the differentiable operations ------------------------------------------------------------ */

enum { ROWS = 10, WIDTH = 16, VOCAB = 12 };

struct lesson {
    sl_ops *ops;
    sl_workspace work;
    sl_tape tape;
    float kv[ROWS * 2 * WIDTH], query[WIDTH], d_query[WIDTH], d_kv[ROWS * 2 * WIDTH];
    float matrix[VOCAB * WIDTH], d_matrix[VOCAB * WIDTH];
    bool grad;
};

/* Pools two sequences, picks them in the other order, and compares with distributions. */
static double lesson_loss(void *context)
{
    static const int32_t cu[3] = {0, 4, ROWS}, order[2] = {1, 0}, cu_labels[3] = {0, 3, 4}, labels[4] = {2, 5, 11, 7};
    static const float shares[4] = {0.5f, 0.2f, 0.3f, 1}, weights[2] = {0.75f, 0.5f};
    struct lesson *l = context;
    sl_workspace_reset(&l->work);
    sl_ctx *ctx = &l->work.ctx;
    ctx->tape = l->grad ? &l->tape : NULL;
    size_t packed = l->ops->gemm_packed_size(l->ops, VOCAB, WIDTH, SL_F32);
    size_t packed_t = l->ops->gemm_packed_size(l->ops, WIDTH, VOCAB, SL_F32);
    sl_weight query = {.groups = 1, .n = 1, .k = WIDTH, .value = l->query, .grad = l->grad ? l->d_query : NULL};
    sl_weight head = {.groups = 1, .n = VOCAB, .k = WIDTH, .packed_type = SL_F32, .grad = l->grad ? l->d_matrix : NULL};
    head.packed = sl_ctx_alloc(ctx, packed);
    head.packed_t = sl_ctx_alloc(ctx, packed_t);
    l->ops->gemm_pack(l->ops, VOCAB, WIDTH, l->matrix, WIDTH, SL_F32, SL_ROWS, head.packed, SL_F32);
    l->ops->gemm_pack(l->ops, WIDTH, VOCAB, l->matrix, WIDTH, SL_F32, SL_COLUMNS, head.packed_t, SL_F32);
    sl_tensor *kv = sl_tensor_wrap(ctx, SL_F32, ROWS, 2 * WIDTH, l->kv);
    kv->needs_grad = l->grad;
    sl_tensor *x = sl_fn_pool(ctx, kv, &(sl_pooling){2, WIDTH / 2, &query, cu, 2});
    x = sl_fn_select_rows(ctx, x, 2, order);
    sl_distributions d = {cu_labels, labels, shares, weights};
    double loss = sl_fn_sparse_cross_entropy(ctx, x, &head, &d);
    if (l->grad) sl_tape_backward(ctx);
    assert_false(ctx->failed);
    if (l->grad) memcpy(l->d_kv, kv->grad->data, sizeof l->d_kv);
    return loss;
}

static void gradients_match_central_differences(void **state)
{
    const struct kt_levels *levels = *state;
    struct lesson *l = calloc(1, sizeof *l);
    sl_error err = {0};
    struct sl_rng rng;
    sl_rng_init(&rng, 2, 2);
    l->ops = levels->ops[levels->n_levels - 1][1];
    assert_sl_ok(sl_workspace_init(&l->work, l->ops, SL_F32, (size_t)1 << 26, &err), &err);
    for (int i = 0; i < ROWS * 2 * WIDTH; i++) l->kv[i] = sl_rng_normal(&rng);
    for (int i = 0; i < WIDTH; i++) l->query[i] = sl_rng_normal(&rng);
    for (int i = 0; i < VOCAB * WIDTH; i++) l->matrix[i] = sl_rng_normal(&rng);
    l->grad = true;
    lesson_loss(l);
    l->grad = false;
    kt_check_gradient("d kv", lesson_loss, l, l->kv, l->d_kv, ROWS * 2 * WIDTH, 1e-2f, 1e-2);
    kt_check_gradient("d query", lesson_loss, l, l->query, l->d_query, WIDTH, 1e-2f, 1e-2);
    kt_check_gradient("d head", lesson_loss, l, l->matrix, l->d_matrix, VOCAB * WIDTH, 1e-2f, 1e-2);
    sl_workspace_free(&l->work);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_and_thread_count_agrees),
        cmocka_unit_test(pooling_is_its_formula),
        cmocka_unit_test(gradients_match_central_differences),
    };
    return cmocka_run_group_tests(tests, kt_levels_setup, kt_levels_teardown);
}
