/*
 * test_fn.c: the differentiable operations against central differences of their own forward, and the tape's rules.
 */
#include "test.h"

#include "base/rng.h"
#include "tensor/cpu/cpu.h"
#include "tensor/fn.h"

#include <math.h>

enum { ROWS = 12, COLS = 16, MANY = ROWS * COLS };

/* A context with a tape over the best kernels. */
struct bench {
    sl_ops *ops;
    sl_workspace work;
    sl_tape tape;
    struct sl_rng rng;
};

static void bench_start(struct bench *b)
{
    sl_cpu_features f;
    sl_error err = {0};
    memset(b, 0, sizeof *b);
    sl_cpu_detect(&f);
    assert_sl_ok(sl_cpu_ops_new(f.best, &f, 2, &b->ops, &err), &err);
    assert_sl_ok(sl_workspace_init(&b->work, b->ops, SL_F32, (size_t)1 << 26, &err), &err);
    b->work.ctx.tape = &b->tape;
    sl_rng_init(&b->rng, 9, 0);
}

static void bench_end(struct bench *b)
{
    sl_workspace_free(&b->work);
    sl_cpu_ops_free(b->ops);
}

static void fill(struct bench *b, float *x, int n)
{
    for (int i = 0; i < n; i++) x[i] = sl_rng_normal(&b->rng);
}

/* Computes a loss from x (ROWS, COLS) and other data; the loss is a root, so x->grad is set after backward. */
typedef double loss_fn(sl_ctx *ctx, sl_tensor *x, const float *other);

static double evaluate(struct bench *b, loss_fn *f, float *x, const float *other, float *grad)
{
    sl_workspace_reset(&b->work);
    sl_ctx *ctx = &b->work.ctx;
    sl_tensor *t = sl_tensor_wrap(ctx, SL_F32, ROWS, COLS, x);
    t->needs_grad = grad != NULL;
    double loss = f(ctx, t, other);
    sl_tape_backward(ctx);
    assert_false(ctx->failed);
    if (grad) memcpy(grad, t->grad->data, MANY * sizeof *grad);
    return loss;
}

static void check_gradient(const char *name, loss_fn *f)
{
    struct bench b;
    float x[MANY], other[MANY], grad[MANY];
    bench_start(&b);
    fill(&b, x, MANY);
    fill(&b, other, MANY);
    evaluate(&b, f, x, other, grad);
    double largest = 0;
    for (int i = 0; i < MANY; i++) largest = fmax(largest, fabs(grad[i]));
    assert_true(largest > 1e-4);
    for (int i = 0; i < MANY; i += 5) {
        float kept = x[i];
        x[i] = kept + 1e-2f;
        double up = evaluate(&b, f, x, other, NULL);
        x[i] = kept - 1e-2f;
        double down = evaluate(&b, f, x, other, NULL);
        x[i] = kept;
        double want = (up - down) / 2e-2;
        if (!(fabs(want - grad[i]) < 1e-2 * largest))
            fail_msg("%s: d[%d] is %g, differences say %g", name, i, grad[i], want);
    }
    bench_end(&b);
}

static double cosine(sl_ctx *ctx, sl_tensor *x, const float *other)
{
    static const float weights[ROWS] = {0.5f, 1, 0, 2, 1, 1, 1, 1, 1, 1, 1, 0.25f};
    return sl_fn_cosine_loss(ctx, x, other, weights);
}

static double normalised_cosine(sl_ctx *ctx, sl_tensor *x, const float *other)
{
    return cosine(ctx, sl_fn_l2norm(ctx, sl_fn_swiglu(ctx, sl_fn_concat4(ctx, x)), 1e-6f), other);
}

static void test_losses_and_norms_match_central_differences(void **state)
{
    (void)state;
    check_gradient("cosine", cosine);
    check_gradient("l2norm of swiglu of concat4", normalised_cosine);
}

static void test_contrastive_gradients_match_central_differences(void **state)
{
    (void)state;
    struct bench b;
    static const int32_t labels[6] = {0, 1, 2, 3, 1, 5};
    float x[2][6 * COLS], grad[2][6 * COLS];
    double d_scale = 0, d_bias = 0;
    bench_start(&b);
    fill(&b, x[0], 2 * 6 * COLS);
    sl_ctx *ctx = &b.work.ctx;
    double losses[2] = {0};
    for (int pass = 0; pass < 1 + 4 * 6 * COLS; pass++) {
        /* Pass 0 computes the gradients; the others differ from it in one number. */
        sl_workspace_reset(&b.work);
        int i = (pass - 1) / 2, tensor = i % 2, at = i / 2;
        float kept = x[tensor][pass ? at : 0];
        if (pass) x[tensor][at] = kept + (pass % 2 ? 1e-2f : -1e-2f);
        sl_tensor *t[2], *unit[2];
        for (int k = 0; k < 2; k++) {
            t[k] = sl_tensor_wrap(ctx, SL_F32, 6, COLS, x[k]);
            t[k]->needs_grad = true;
            unit[k] = sl_fn_l2norm(ctx, t[k], 1e-6f);
        }
        sl_contrast how = {labels, labels, 5, -2, 0, pass ? NULL : &d_scale, pass ? NULL : &d_bias};
        double loss = sl_fn_contrastive(ctx, unit[0], unit[1], &how);
        sl_tape_backward(ctx);
        for (int k = 0; k < 2 && !pass; k++) memcpy(grad[k], t[k]->grad->data, sizeof grad[k]);
        if (!pass) continue;
        x[tensor][at] = kept;
        losses[pass % 2] = loss;
        if (pass % 2 == 0) {
            double want = (losses[1] - losses[0]) / 2e-2;
            assert_true(fabs(want - grad[tensor][at]) < 5e-3);
        }
    }
    assert_true(d_scale != 0 && d_bias != 0);
    bench_end(&b);
}

/* x used twice: gradients add up. */
static double used_twice(sl_ctx *ctx, sl_tensor *x, const float *other)
{
    static const float weights[ROWS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    return cosine(ctx, x, other) + sl_fn_cosine_loss(ctx, x, other + 1, weights);
}

static void test_gradients_of_two_uses_add_up(void **state)
{
    (void)state;
    struct bench b;
    float x[MANY], other[MANY + 1], both[MANY], first[MANY];
    bench_start(&b);
    fill(&b, x, MANY);
    fill(&b, other, MANY + 1);
    evaluate(&b, cosine, x, other, first);
    evaluate(&b, used_twice, x, other, both);
    assert_memory_not_equal(first, both, sizeof both);
    double loss[2];
    for (int i = 0; i < MANY; i += 7) {
        float kept = x[i];
        for (int k = 0; k < 2; k++) {
            x[i] = kept + (k ? 1e-2f : -1e-2f);
            loss[k] = evaluate(&b, used_twice, x, other, NULL);
        }
        x[i] = kept;
        assert_true(fabs((loss[1] - loss[0]) / 2e-2 - both[i]) < 5e-3);
    }
    bench_end(&b);
}

static void test_a_full_arena_is_one_error_and_no_crash(void **state)
{
    (void)state;
    struct bench b;
    sl_error err = {0};
    static float x[MANY];
    bench_start(&b);
    sl_workspace_free(&b.work);
    assert_sl_ok(sl_workspace_init(&b.work, b.ops, SL_F32, 1, &err), &err);
    b.work.ctx.tape = &b.tape;
    sl_ctx *ctx = &b.work.ctx;
    sl_tensor *t = sl_tensor_wrap(ctx, SL_F32, ROWS, COLS, x);
    t->needs_grad = true;
    for (int i = 0; i < 1 << 14 && t; i++) t = sl_fn_l2norm(ctx, t, 1e-6f);
    assert_null(t);
    sl_tape_backward(ctx);
    assert_int_equal(sl_ctx_status(ctx, &err), SL_ERR_MEMORY);
    assert_non_null(strstr(err.message, "do not fit into the work space"));
    assert_null(sl_fn_swiglu(ctx, t));
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_and_norms_match_central_differences),
        cmocka_unit_test(test_contrastive_gradients_match_central_differences),
        cmocka_unit_test(test_gradients_of_two_uses_add_up),
        cmocka_unit_test(test_a_full_arena_is_one_error_and_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
