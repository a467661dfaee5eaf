/*
 * test_trainer.c: a training step learns, is repeatable, takes the memory that was planned and allocates nothing.
 */
#include "../model/model_test.h"

#include "train/trainer.h"

#include <malloc.h>
#include <math.h>

/* A batch with a picture whose targets depend on the tokens only, so that any model can learn it by heart. */
struct lesson {
    sl_batch *batch;
    float *patches;
};

static struct lesson make_lesson(const sl_config *c)
{
    struct sl_rng rng;
    struct mt_sequence s = {0};
    struct lesson l = {0};
    sl_error err = {0};
    sl_rng_init(&rng, 3, 0);
    mt_sequence_picture(&s, c, 4, 4);
    mt_sequence_text(&s, &rng, 60);
    int32_t targets[512], cu[2] = {0, s.n_tokens};
    for (int i = 0; i < s.n_tokens; i++) targets[i] = s.tokens[i] < 140 ? (s.tokens[i] * 3 + 1) % 140 : -1;
    size_t n = (size_t)(16 * 3 * c->vit.patch_size * c->vit.patch_size);
    l.patches = malloc(n * sizeof *l.patches);
    for (size_t i = 0; i < n; i++) l.patches[i] = sl_rng_float(&rng) * 2 - 1;
    sl_batch_spec spec = {
        .tokens = s.tokens,
        .n_seqs = 1,
        .cu_seqlens = cu,
        .targets = targets,
        .n_pictures = s.n_grids,
        .grids = s.grids,
        .patches = l.patches,
    };
    assert_sl_ok(sl_batch_new(c, &spec, &l.batch, &err), &err);
    return l;
}

static void lesson_free(struct lesson *l)
{
    sl_batch_free(l->batch);
    free(l->patches);
}

static sl_trainer *trainer_new(const sl_config *c, const sl_ops *ops, sl_dtype dt, unsigned trainable)
{
    sl_trainer_options o;
    sl_trainer *t = NULL;
    sl_error err = {0};
    sl_trainer_defaults(&o);
    o.dt = dt;
    o.trainable = trainable;
    assert_sl_ok(sl_trainer_new(c, ops, &o, 11, false, &t, &err), &err);
    return t;
}

static double step(sl_trainer *t, const sl_batch *b, double *norm)
{
    double loss;
    sl_error err = {0};
    assert_sl_ok(sl_trainer_accumulate(t, b, &loss, NULL, &err), &err);
    assert_sl_ok(sl_trainer_update(t, 3e-3f, norm, &err), &err);
    return loss;
}

static void test_steps_learn_a_batch_by_heart(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct lesson l = make_lesson(&c);
    struct mt_rig rig;
    mt_rig_start(&rig, mt_levels() - 1, SL_F32, 2);
    for (int dt = SL_F32; dt <= SL_BF16; dt++) {
        sl_trainer *t = trainer_new(&c, rig.ops, (sl_dtype)dt, SL_TRAIN_ALL);
        double norm, first = step(t, l.batch, &norm), last = 0;
        assert_true(fabs(first - log(160)) < 0.5); /* an untrained model knows nothing */
        assert_true(norm > 0);
        for (int i = 0; i < 60; i++) last = step(t, l.batch, &norm);
        if (!(last < 0.3 * first)) fail_msg("%s: loss %g after 60 steps from %g", sl_dtype_name(dt), last, first);
        sl_trainer_free(t);
    }
    mt_rig_free(&rig);
    lesson_free(&l);
}

static void test_training_twice_gives_the_same_bits(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct lesson l = make_lesson(&c);
    struct mt_rig rig;
    mt_rig_start(&rig, mt_levels() - 1, SL_BF16, 2);
    double losses[2][5];
    for (int run = 0; run < 2; run++) {
        sl_trainer *t = trainer_new(&c, rig.ops, SL_BF16, SL_TRAIN_ALL);
        for (int i = 0; i < 5; i++) losses[run][i] = step(t, l.batch, NULL);
        sl_trainer_free(t);
    }
    assert_memory_equal(losses[0], losses[1], sizeof losses[0]);
    mt_rig_free(&rig);
    lesson_free(&l);
}

static void test_accumulating_twice_is_the_mean(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct lesson l = make_lesson(&c);
    struct mt_rig rig;
    double loss, once, twice;
    sl_error err = {0};
    mt_rig_start(&rig, mt_levels() - 1, SL_F32, 2);
    sl_trainer *a = trainer_new(&c, rig.ops, SL_F32, SL_TRAIN_ALL), *b = trainer_new(&c, rig.ops, SL_F32, SL_TRAIN_ALL);
    step(a, l.batch, &once);
    assert_sl_ok(sl_trainer_accumulate(b, l.batch, &loss, NULL, &err), &err);
    step(b, l.batch, &twice);
    assert_true(fabs(once - twice) < 1e-5 * once);
    assert_int_equal(sl_trainer_update(b, 1e-3f, NULL, &err), SL_ERR_ARGUMENT);
    sl_trainer_free(a);
    sl_trainer_free(b);
    mt_rig_free(&rig);
    lesson_free(&l);
}

static void test_a_step_on_nan_changes_nothing(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct lesson l = make_lesson(&c);
    struct mt_rig rig;
    double norm;
    mt_rig_start(&rig, mt_levels() - 1, SL_F32, 2);
    sl_trainer *t = trainer_new(&c, rig.ops, SL_F32, SL_TRAIN_ALL);
    const sl_weight_row *row = &t->model->weights.rows[0];
    float before = ((float *)row->w.value)[5], pixel = l.patches[100];
    l.patches[100] = NAN;
    step(t, l.batch, &norm);
    assert_false(isfinite(norm));
    assert_true(((float *)row->w.value)[5] == before);
    assert_int_equal(t->step, 0);
    l.patches[100] = pixel;
    step(t, l.batch, &norm);
    assert_true(isfinite(norm));
    assert_true(((float *)row->w.value)[5] != before);
    sl_trainer_free(t);
    mt_rig_free(&rig);
    lesson_free(&l);
}

static void test_only_trainable_modules_move(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct lesson l = make_lesson(&c);
    struct mt_rig rig;
    mt_rig_start(&rig, mt_levels() - 1, SL_F32, 2);
    sl_trainer *t = trainer_new(&c, rig.ops, SL_F32, 1u << SL_MODULE_ADAPTER);
    double first = step(t, l.batch, NULL), last = 0;
    for (int i = 0; i < 10; i++) last = step(t, l.batch, NULL);
    assert_true(last < first);
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        const sl_weight_row *r = &t->model->weights.rows[i];
        assert_true((r->w.grad != NULL) == (r->module == SL_MODULE_ADAPTER));
    }
    sl_trainer_free(t);
    mt_rig_free(&rig);
    lesson_free(&l);
}

static void test_a_step_takes_the_memory_that_was_planned_and_allocates_nothing(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct lesson l = make_lesson(&c);
    struct mt_rig rig;
    sl_error err = {0};
    mt_rig_start(&rig, mt_levels() - 1, SL_BF16, 2);
    for (int recompute = 0; recompute < 2; recompute++) {
        sl_train_memory plan;
        sl_trainer_options o;
        sl_trainer *t = NULL;
        sl_trainer_defaults(&o);
        o.recompute = recompute;
        assert_sl_ok(sl_train_plan(&c, rig.ops, &o, l.batch, &plan, &err), &err);
        assert_sl_ok(sl_trainer_new(&c, rig.ops, &o, 1, false, &t, &err), &err);
        step(t, l.batch, NULL);
        size_t heap = mallinfo2().uordblks, peak = t->work.data.peak;
        for (int i = 0; i < 3; i++) step(t, l.batch, NULL);
        assert_int_equal(mallinfo2().uordblks, heap);
        assert_int_equal(t->work.data.peak, peak);
        assert_int_equal(plan.activations, peak);
        assert_int_equal(plan.weights, t->model->arena.used);
        assert_int_equal(plan.moments, t->moments.used);
        sl_trainer_free(t);
    }
    mt_rig_free(&rig);
    lesson_free(&l);
}

/* FLOPs of the backward pass in parts of the forward pass's, with that trained. */
static double backward_share(const sl_config *c, const sl_ops *ops, unsigned trainable, bool recompute, sl_batch *b)
{
    sl_trainer_options o;
    sl_trainer *t = NULL;
    sl_error err = {0};
    double loss;
    sl_trainer_defaults(&o);
    o.trainable = trainable;
    o.recompute = recompute;
    assert_sl_ok(sl_trainer_new(c, ops, &o, 1, true, &t, &err), &err);
    assert_sl_ok(sl_trainer_accumulate(t, b, &loss, NULL, &err), &err);
    double share = t->backward_flops / t->flops;
    sl_trainer_free(t);
    return share;
}

static void test_flops_are_those_that_the_trained_modules_need(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct lesson l = make_lesson(&c);
    struct mt_rig rig;
    mt_rig_start(&rig, mt_levels() - 1, SL_F32, 2);
    double all = backward_share(&c, rig.ops, SL_TRAIN_ALL, false, l.batch);
    double again = backward_share(&c, rig.ops, SL_TRAIN_ALL, true, l.batch);
    double head = backward_share(&c, rig.ops, 1u << SL_MODULE_DECODER, false, l.batch);
    double adapter = backward_share(&c, rig.ops, 1u << SL_MODULE_ADAPTER, false, l.batch);
    /* Everything: two gradients for each product, but none of the pixels. */
    if (!(all > 1.9 && all < 2)) fail_msg("everything: %g", all);
    /* Running blocks again is no work that anybody needs. Whether a block's input needs a gradient is not asked then.
     */
    if (!(fabs(again - all) < 0.05)) fail_msg("with recomputation %g, without %g", again, all);
    /* The frozen tower has no backward pass. */
    if (!(head < all - 0.05)) fail_msg("decoder %g, everything %g", head, all);
    /* The decoder's weights are frozen: it passes the gradient of its activations on, and that is all. */
    if (!(adapter > 0.5 && adapter < 1.1)) fail_msg("adapter: %g", adapter);
    mt_rig_free(&rig);
    lesson_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_learn_a_batch_by_heart),
        cmocka_unit_test(test_training_twice_gives_the_same_bits),
        cmocka_unit_test(test_accumulating_twice_is_the_mean),
        cmocka_unit_test(test_a_step_on_nan_changes_nothing),
        cmocka_unit_test(test_only_trainable_modules_move),
        cmocka_unit_test(test_flops_are_those_that_the_trained_modules_need),
        cmocka_unit_test(test_a_step_takes_the_memory_that_was_planned_and_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
