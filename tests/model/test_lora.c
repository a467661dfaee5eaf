/*
 * test_lora.c: LoRA adapters: gradients, what is trained and what is not, files, and merging at load.
 */
#include "model_test.h"

#include "base/json.h"
#include "model/lora.h"
#include "train/trainer.h"

#include <math.h>

enum { EVERYTHING = SL_LORA_VIT | SL_LORA_ADAPTER | SL_LORA_ATTENTION | SL_LORA_MLP | SL_LORA_EXPERTS };

/* A base checkpoint in a folder, and a batch with a picture and targets. */
struct lesson {
    sl_config config;
    char base[256], adapter[256];
    sl_batch *batch;
    float *patches;
};

static void lesson_start(struct lesson *l, int top_k)
{
    struct mt_rig r;
    struct mt_sequence s = {0};
    struct sl_rng rng;
    sl_error err = {0};
    *l = (struct lesson){.config = mt_tiny_config()};
    l->config.decoder.top_k = top_k;
    snprintf(l->base, sizeof l->base, "%s", test_temp_path("base"));
    snprintf(l->adapter, sizeof l->adapter, "%s", test_temp_path("adapter"));
    assert_sl_ok(sl_dir_make(l->base, &err), &err);
    assert_sl_ok(sl_dir_make(l->adapter, &err), &err);
    mt_rig_new(&r, &l->config, mt_levels() - 1, SL_F32, SL_TRAIN_ALL);
    assert_sl_ok(sl_model_save(r.model, l->base, SL_F32, 0, &err), &err);
    mt_rig_free(&r);
    sl_rng_init(&rng, 3, 0);
    mt_sequence_picture(&s, &l->config, 4, 4);
    mt_sequence_text(&s, &rng, 40);
    int32_t targets[512], cu[2] = {0, s.n_tokens};
    for (int i = 0; i < s.n_tokens; i++) targets[i] = s.tokens[i] < 140 ? (s.tokens[i] * 3 + 1) % 140 : -1;
    size_t n = 16 * 588;
    l->patches = malloc(n * sizeof *l->patches);
    for (size_t i = 0; i < n; i++) l->patches[i] = sl_rng_float(&rng) * 2 - 1;
    sl_batch_spec spec = {.tokens = s.tokens,
                          .n_seqs = 1,
                          .cu_seqlens = cu,
                          .targets = targets,
                          .n_pictures = 1,
                          .grids = s.grids,
                          .patches = l->patches};
    assert_sl_ok(sl_batch_new(&l->config, &spec, &l->batch, &err), &err);
    snprintf(l->config.lora.base, sizeof l->config.lora.base, "%s", l->base);
    l->config.lora.rank = 4;
    l->config.lora.alpha = 8;
    l->config.lora.targets = EVERYTHING;
}

static void lesson_end(struct lesson *l)
{
    sl_batch_free(l->batch);
    free(l->patches);
}

/* A trainer of an adapter alone, over the base's weights. */
static sl_trainer *trainer_new(const struct lesson *l, sl_ops *ops, sl_dtype dt)
{
    sl_trainer_options o;
    sl_trainer *t;
    sl_error err = {0};
    unsigned loaded;
    sl_trainer_defaults(&o);
    o.dt = dt;
    o.trainable = 1u << SL_MODULE_LORA;
    assert_sl_ok(sl_trainer_new(&l->config, ops, &o, 5, false, &t, &err), &err);
    assert_sl_ok(sl_model_load(t->model, l->base, ~0u, &loaded, &err), &err);
    return t;
}

static double train(sl_trainer *t, const sl_batch *b, int steps)
{
    double loss = 0;
    sl_error err = {0};
    for (int i = 0; i < steps; i++) {
        assert_sl_ok(sl_trainer_accumulate(t, b, &loss, NULL, &err), &err);
        assert_sl_ok(sl_trainer_update(t, 1e-2f, NULL, &err), &err);
    }
    return loss;
}

static void only_the_adapter_learns_and_it_does(void **state)
{
    (void)state;
    struct lesson l;
    sl_ops *ops;
    sl_error err = {0};
    lesson_start(&l, 2);
    assert_sl_ok(sl_cpu_ops_default(2, &ops, &err), &err);
    for (int dt = SL_F32; dt <= SL_BF16; dt++) {
        sl_trainer *t = trainer_new(&l, ops, (sl_dtype)dt);
        int factors = 0;
        for (int i = 0; i < t->model->weights.n_rows; i++) {
            const sl_weight_row *r = &t->model->weights.rows[i];
            bool factor = r->module == SL_MODULE_LORA;
            assert_int_equal(r->w.grad != NULL, factor);
            if (r->role == SL_ROLE_MATRIX && !factor) assert_null(r->w.value); /* no master of what is frozen */
            factors += factor;
        }
        /* 2 vit blocks x 4, adapter x 2, dense layer x 4, expert layer x 6: two factors each */
        assert_int_equal(factors, 2 * (8 + 2 + 4 + 6));
        double first = train(t, l.batch, 1), last = train(t, l.batch, 40);
        if (!(last < 0.5 * first)) fail_msg("%s: %g after %g", sl_dtype_name((sl_dtype)dt), last, first);
        sl_trainer_free(t);
    }
    sl_cpu_ops_free(ops);
    lesson_end(&l);
}

static void gradients_of_the_factors_match_central_differences(void **state)
{
    (void)state;
    struct lesson l;
    sl_ops *ops;
    sl_error err = {0};
    double loss[2];
    lesson_start(&l, 4); /* all experts: a step then changes no choice */
    assert_sl_ok(sl_cpu_ops_default(2, &ops, &err), &err);
    sl_trainer *t = trainer_new(&l, ops, SL_F32);
    train(t, l.batch, 3); /* B is zero at first, and A without gradient */
    for (int keep = SL_KEEP_INPUT; keep <= SL_KEEP_ALL; keep++) {
        t->model->vit_keep = t->model->decoder_keep = (sl_keep)keep;
        sl_trainer_skip(t);
        assert_sl_ok(sl_trainer_accumulate(t, l.batch, &loss[0], NULL, &err), &err);
        for (int i = 0; i < t->model->weights.n_rows; i++) {
            sl_weight_row *r = &t->model->weights.rows[i];
            if (r->module != SL_MODULE_LORA) continue;
            int64_t largest = 0;
            for (int64_t k = 1; k < sl_weight_row_numel(r); k++)
                if (fabsf(r->w.grad[k]) > fabsf(r->w.grad[largest])) largest = k;
            float *w = (float *)r->w.value + largest, kept = *w, grad = r->w.grad[largest];
            for (int side = 0; side < 2; side++) {
                *w = kept + (side ? 2e-3f : -2e-3f);
                sl_weight_repack(r, &t->model->plan);
                sl_ctx *ctx = sl_trainer_begin_forward(t);
                assert_sl_ok(sl_model_loss(ctx, t->model, l.batch, NULL, &loss[side], &err), &err);
            }
            *w = kept;
            sl_weight_repack(r, &t->model->plan);
            double want = (loss[1] - loss[0]) / 4e-3;
            if (!(fabs(want - grad) < 0.03 * fabs(want) + 1e-4)) fail_msg("%s: %g, not %g", r->name, grad, want);
        }
    }
    sl_trainer_free(t);
    sl_cpu_ops_free(ops);
    lesson_end(&l);
}

static double loss_of(sl_model *m, const sl_ops *ops, const sl_batch *b)
{
    sl_workspace work;
    sl_error err = {0};
    double loss;
    assert_sl_ok(sl_workspace_init(&work, ops, SL_F32, (size_t)1 << 30, &err), &err);
    assert_sl_ok(sl_model_loss(&work.ctx, m, b, NULL, &loss, &err), &err);
    sl_workspace_free(&work);
    return loss;
}

static void a_saved_adapter_is_merged_at_load_or_goes_on(void **state)
{
    (void)state;
    struct lesson l;
    sl_ops *ops;
    sl_error err = {0};
    sl_model *merged;
    sl_lora_config read;
    unsigned loaded;
    lesson_start(&l, 2);
    assert_sl_ok(sl_cpu_ops_default(2, &ops, &err), &err);
    sl_trainer *t = trainer_new(&l, ops, SL_F32);
    train(t, l.batch, 30);
    double want = loss_of(t->model, ops, l.batch);
    assert_sl_ok(sl_model_save(t->model, l.adapter, SL_BF16, 0, &err), &err);
    assert_true(sl_lora_in_folder(l.adapter));
    assert_sl_ok(sl_lora_config_load(l.adapter, &read, &err), &err);
    assert_int_equal(read.targets, EVERYTHING);
    assert_string_equal(read.base, l.base);
    /* Merged: an ordinary model that gives the same loss. */
    sl_weight_plan plan = {.ops = ops, .dt = SL_F32};
    assert_sl_ok(sl_model_open(l.adapter, &plan, &merged, &err), &err);
    assert_int_equal(merged->config.lora.rank, 0);
    double got = loss_of(merged, ops, l.batch);
    if (!(fabs(got - want) < 1e-4 * want)) fail_msg("merged: %g, not %g", got, want);
    sl_model_free(merged);
    /* Kept apart: the same bits. */
    sl_trainer *again = trainer_new(&l, ops, SL_F32);
    assert_true(fabs(loss_of(again->model, ops, l.batch) - want) > 0.1 * want);
    assert_sl_ok(sl_model_load(again->model, l.adapter, ~0u, &loaded, &err), &err);
    assert_true(loaded >> SL_MODULE_LORA & 1);
    assert_true(loss_of(again->model, ops, l.batch) == want);
    sl_trainer_free(again);
    sl_trainer_free(t);
    sl_cpu_ops_free(ops);
    lesson_end(&l);
}

static void what_is_wrong_with_an_adapter_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *config, *message;
    } bad[] = {
        {"{\"r\": 0, \"lora_alpha\": 1, \"target_modules\": [], \"base_model_name_or_path\": \"b\"}", "r: "},
        {"{\"r\": 4, \"lora_alpha\": 1, \"target_modules\": [\"q_lin\"], \"base_model_name_or_path\": \"b\"}", "q_lin"},
        {"{\"r\": 4, \"lora_alpha\": 1, \"target_modules\": []}", "base_model_name_or_path"},
        {"{\"r\": 8, \"lora_alpha\": 8, \"target_modules\": [], \"base_model_name_or_path\": \"../base\"}",
         "rank of 8"},
        {"{", "adapter_config.json"},
    };
    struct lesson l;
    sl_ops *ops;
    sl_error err = {0};
    sl_model *m = NULL;
    char path[300];
    lesson_start(&l, 2);
    assert_sl_ok(sl_cpu_ops_default(2, &ops, &err), &err);
    sl_trainer *t = trainer_new(&l, ops, SL_F32);
    assert_sl_ok(sl_model_save(t->model, l.adapter, SL_F32, 0, &err), &err);
    snprintf(path, sizeof path, "%s/adapter_config.json", l.adapter);
    sl_weight_plan plan = {.ops = ops, .dt = SL_F32};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_write_file(path, bad[i].config, strlen(bad[i].config));
        assert_int_not_equal(sl_model_open(l.adapter, &plan, &m, &err), SL_OK);
        if (!strstr(err.message, bad[i].message)) fail_msg("'%s' does not name %s", err.message, bad[i].message);
        assert_null(m);
    }
    sl_trainer_free(t);
    sl_cpu_ops_free(ops);
    lesson_end(&l);
}

static void recipes_name_rank_alpha_and_targets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message; /* NULL: fine */
    } cases[] = {
        {"{\"rank\": 8}", NULL},
        {"{\"rank\": 8, \"alpha\": 4, \"targets\": [\"vit\", \"decoder.experts\"]}", NULL},
        {"{\"alpha\": 4}", "rank"},
        {"{\"rank\": 8, \"targets\": [\"decodr\"]}", "decodr"},
        {"{\"rank\": 8, \"target\": []}", "targets"},
        {"{\"rank\": 8, \"alpha\": -1}", "alpha"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_lora_config c;
        sl_error err = {0};
        json_t *o = json_loads(cases[i].text, 0, NULL);
        sl_status s = sl_lora_parse(o, &c, &err);
        json_decref(o);
        assert_int_equal(s == SL_OK, !cases[i].message);
        if (s != SL_OK && !strstr(err.message, cases[i].message)) fail_msg("'%s'", err.message);
        if (i == 0) assert_true(c.alpha == 16 && c.targets == (SL_LORA_ATTENTION | SL_LORA_MLP));
        if (i == 1) assert_true(c.alpha == 4 && c.targets == (SL_LORA_VIT | SL_LORA_EXPERTS));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_adapter_learns_and_it_does),
        cmocka_unit_test(gradients_of_the_factors_match_central_differences),
        cmocka_unit_test(a_saved_adapter_is_merged_at_load_or_goes_on),
        cmocka_unit_test(what_is_wrong_with_an_adapter_is_named),
        cmocka_unit_test(recipes_name_rank_alpha_and_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
