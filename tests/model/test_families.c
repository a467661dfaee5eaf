/*
 * test_families.c: checkpoints of open families, in their own files, against the independent PyTorch implementation
 * (scripts/golden/families.py): vision features and logits, at every processor level, in f32.
 */
#include "model_test.h"

#include "model/family.h"
#include "model/safetensors.h"

#include <math.h>
#include <unistd.h>

static const double TOLERANCE = 1e-4;

struct golden {
    struct mt_rig rig;
    sl_safetensors *file;
    sl_batch *batch;
    int compared;
};

static const struct sl_stored_tensor *need(const struct golden *g, const char *name)
{
    const struct sl_stored_tensor *t = sl_safetensors_find(g->file, name);
    if (!t) fail_msg("the golden file has no %s", name);
    return t;
}

/* Largest difference relative to the largest expected value. */
static void compare(struct golden *g, const char *name, const sl_tensor *got)
{
    const struct sl_stored_tensor *want = need(g, name);
    double worst = 0, largest = 1e-6;
    assert_int_equal(want->bytes, sl_tensor_numel(got) * 4);
    for (int64_t i = 0; i < sl_tensor_numel(got); i++) {
        float w;
        memcpy(&w, want->data + 4 * i, 4);
        double d = fabs((double)w - (double)((const float *)got->data)[i]);
        if (!(d <= worst)) worst = d;
        if (fabs(w) > largest) largest = fabs(w);
    }
    if (!(worst <= TOLERANCE * largest)) fail_msg("%s differs by %g of %g", name, worst, largest);
    g->compared++;
}

static void observe(void *arg, const char *name, const sl_tensor *t)
{
    if (strcmp(name, "adapter") == 0) compare(arg, "vision", t);
    if (strcmp(name, "logits") == 0) compare(arg, "logits", t);
}

static void open_golden_for(struct golden *g, const char *folder, int level, unsigned trainable)
{
    char path[128];
    sl_error err = {0};
    memset(g, 0, sizeof *g);
    snprintf(path, sizeof path, "tests/model/golden/families/%s", folder);
    mt_rig_open(&g->rig, path, level, SL_F32, trainable);
    snprintf(path, sizeof path, "tests/model/golden/families/%s/golden.safetensors", folder);
    assert_sl_ok(sl_safetensors_open(path, &g->file, &err), &err);
    int32_t cu[2] = {0, (int32_t)need(g, "tokens")->shape[0]};
    sl_batch_spec spec = {
        .tokens = (const void *)need(g, "tokens")->data,
        .n_seqs = 1,
        .cu_seqlens = cu,
        .n_pictures = (int)need(g, "grids")->shape[0],
        .grids = (const void *)need(g, "grids")->data,
        .patches = (const void *)need(g, "patches")->data,
    };
    assert_sl_ok(sl_batch_new(&g->rig.model->config, &spec, &g->batch, &err), &err);
}

static void close_golden(struct golden *g)
{
    sl_batch_free(g->batch);
    sl_safetensors_close(&g->file);
    mt_rig_free(&g->rig);
}

static void check_family(const char *folder)
{
    for (int level = 0; level < mt_levels(); level++) {
        struct golden g;
        sl_error err = {0};
        open_golden_for(&g, folder, level, SL_TRAIN_NOTHING);
        sl_ctx *ctx = &g.rig.work.ctx;
        ctx->observe = observe;
        ctx->observe_arg = &g;
        sl_model_logits(ctx, g.rig.model, sl_model_forward(ctx, g.rig.model, g.batch, NULL, NULL));
        assert_sl_ok(sl_ctx_status(ctx, &err), &err);
        assert_int_equal(g.compared, 2);
        close_golden(&g);
    }
}

static void test_qwen3_vl_equals_its_published_formulas(void **state)
{
    (void)state;
    check_family("qwen3_vl");
}

static void test_qwen3_vl_moe_equals_its_published_formulas(void **state)
{
    (void)state;
    check_family("qwen3_vl_moe");
}

static void test_qwen2_5_vl_equals_its_published_formulas(void **state)
{
    (void)state;
    check_family("qwen2_5_vl");
}

static void test_kimi_vl_equals_its_published_formulas(void **state)
{
    (void)state;
    check_family("kimi_vl");
}

/* A batch of the golden inputs with a target at every text token. */
static sl_batch *batch_with_targets(const struct golden *g, int32_t *targets)
{
    sl_batch *batch = NULL;
    sl_error err = {0};
    int32_t n = (int32_t)need(g, "tokens")->shape[0], cu[2] = {0, n};
    const int32_t *tokens = (const void *)need(g, "tokens")->data;
    for (int32_t i = 0; i < n; i++) targets[i] = (tokens[i] * 7 + i) % 100;
    sl_batch_spec spec = {
        .tokens = tokens,
        .n_seqs = 1,
        .cu_seqlens = cu,
        .targets = targets,
        .n_pictures = (int)need(g, "grids")->shape[0],
        .grids = (const void *)need(g, "grids")->data,
        .patches = (const void *)need(g, "patches")->data,
    };
    assert_sl_ok(sl_batch_new(&g->rig.model->config, &spec, &batch, &err), &err);
    return batch;
}

static double loss_of(struct mt_rig *r, const sl_batch *b, bool backward)
{
    sl_error err = {0};
    double loss = 0;
    sl_workspace_reset(&r->work);
    r->tape = (sl_tape){0};
    r->work.ctx.tape = backward ? &r->tape : NULL;
    assert_sl_ok(sl_model_loss(&r->work.ctx, r->model, b, NULL, &loss, &err), &err);
    r->work.ctx.tape = NULL;
    return loss;
}

/* The gradient of one weight's largest entry against a central difference, at the plainest level. */
static void check_gradient(struct mt_rig *r, const sl_batch *b, sl_weight_row *row)
{
    float *values = row->w.value;
    int64_t at = 0;
    for (int64_t i = 0; i < sl_weight_row_numel(row); i++)
        if (fabsf(row->w.grad[i]) > fabsf(row->w.grad[at])) at = i;
    double got = (double)row->w.grad[at];
    float was = values[at], step = 0.01F;
    double loss[2];
    for (int k = 0; k < 2; k++) {
        values[at] = k ? was - step : was + step;
        sl_weight_repack(row, &r->model->plan);
        loss[k] = loss_of(r, b, false);
    }
    values[at] = was;
    sl_weight_repack(row, &r->model->plan);
    double want = (loss[0] - loss[1]) / (2 * (double)step);
    if (!(fabs(got - want) <= 0.03 * fabs(want) + 3e-4)) fail_msg("%s: gradient %g, expected %g", row->name, got, want);
}

/* Every part trains: the gradient of each parameter of the family's own parts is right. */
static void check_training(const char *folder)
{
    static const char *const parts[] = {"patch_embed", "pos_embed", "blocks.0.", "deepstack", "adapter", "layers.1."};
    struct golden g;
    int32_t targets[256];
    sl_error err = {0};
    open_golden_for(&g, folder, 0, SL_TRAIN_ALL);
    sl_batch *batch = batch_with_targets(&g, targets);
    loss_of(&g.rig, batch, true);
    assert_sl_ok(sl_ctx_status(&g.rig.work.ctx, &err), &err);
    int checked = 0;
    for (int i = 0; i < g.rig.model->weights.n_rows; i++) {
        sl_weight_row *row = &g.rig.model->weights.rows[i];
        bool ours = false;
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) ours |= strstr(row->name, parts[k]) != NULL;
        /* A step must not change which experts are chosen. */
        if (!ours || !row->w.grad || row->role == SL_ROLE_ROUTER ||
            (checked++ && g.rig.model->config.decoder.n_experts && i % 3))
            continue;
        check_gradient(&g.rig, batch, row);
    }
    assert_true(checked > 20);
    sl_batch_free(batch);
    close_golden(&g);
}

static void test_every_part_of_a_family_trains(void **state)
{
    (void)state;
    check_training("qwen3_vl");
    check_training("qwen2_5_vl");
    check_training("kimi_vl");
}

/* What a training run saves is this program's own form, and computes the same to the bit. */
static void test_a_family_saved_by_training_is_read_again(void **state)
{
    (void)state;
    static const char *const folders[] = {"qwen3_vl", "qwen2_5_vl", "kimi_vl"};
    for (int i = 0; i < 3; i++) {
        struct golden g;
        sl_model *again;
        sl_error err = {0};
        char dir[] = "/tmp/seedling-test-XXXXXX", path[64];
        int32_t targets[256];
        assert_non_null(mkdtemp(dir));
        open_golden_for(&g, folders[i], 0, SL_TRAIN_ALL);
        sl_batch *batch = batch_with_targets(&g, targets);
        double before = loss_of(&g.rig, batch, false);
        assert_sl_ok(sl_model_save(g.rig.model, dir, SL_F32, 0, &err), &err);
        assert_sl_ok(sl_model_open(dir, &g.rig.model->plan, &again, &err), &err);
        assert_int_equal(again->config.family, g.rig.model->config.family);
        sl_model_free(g.rig.model);
        g.rig.model = again;
        assert_true(before == loss_of(&g.rig, batch, false));
        sl_batch_free(batch);
        close_golden(&g);
        static const char *const files[] = {"config.json", "generation_config.json", "model.safetensors"};
        for (int k = 0; k < 3; k++) {
            snprintf(path, sizeof path, "%s/%s", dir, files[k]);
            unlink(path);
        }
        rmdir(dir);
    }
}

static void refuse(const char *json, const char *why)
{
    sl_config c;
    sl_error err = {0};
    assert_int_equal(sl_config_parse(json, strlen(json), &c, &err), SL_ERR_FORMAT);
    if (!strstr(err.message, why)) fail_msg("%s", err.message);
}

static void test_other_models_are_refused_by_name(void **state)
{
    (void)state;
    refuse("{\"model_type\": \"llava\"}", "\"llava\" is another kind of model; this program runs seedling, qwen3_vl");
    refuse("{\"model_type\": \"qwen3_vl\"}", "text_config");
    refuse("{\"model_type\": \"qwen3_vl\", \"text_config\": 3, \"vision_config\": {}}", "text_config");
    refuse("{\"model_type\": \"qwen2_5_vl\", \"vision_config\": {}}", "vocab_size");
    refuse("{\"model_type\": \"kimi_vl\", \"vision_config\": {}, \"text_config\": {\"q_lora_rank\": 8}}",
           "q_lora_rank");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qwen3_vl_equals_its_published_formulas),
        cmocka_unit_test(test_qwen3_vl_moe_equals_its_published_formulas),
        cmocka_unit_test(test_qwen2_5_vl_equals_its_published_formulas),
        cmocka_unit_test(test_kimi_vl_equals_its_published_formulas),
        cmocka_unit_test(test_every_part_of_a_family_trains),
        cmocka_unit_test(test_a_family_saved_by_training_is_read_again),
        cmocka_unit_test(test_other_models_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
