/*
 * test_families.c: checkpoints of open families, in their own files, against the independent PyTorch implementation
 * (scripts/golden/families.py): vision features and logits, at every processor level, in f32.
 */
#include "model_test.h"

#include "model/family.h"
#include "model/safetensors.h"

#include <math.h>

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

static void open_golden(struct golden *g, const char *folder, int level)
{
    char path[128];
    sl_error err = {0};
    memset(g, 0, sizeof *g);
    snprintf(path, sizeof path, "tests/model/golden/families/%s", folder);
    mt_rig_open(&g->rig, path, level, SL_F32, SL_TRAIN_NOTHING);
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
        open_golden(&g, folder, level);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qwen3_vl_equals_its_published_formulas),
        cmocka_unit_test(test_qwen3_vl_moe_equals_its_published_formulas),
        cmocka_unit_test(test_qwen2_5_vl_equals_its_published_formulas),
        cmocka_unit_test(test_kimi_vl_equals_its_published_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
