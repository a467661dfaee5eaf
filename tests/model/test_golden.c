/*
 * test_golden.c: the whole model against the independent PyTorch implementation (scripts/golden/model.py): every
 * named intermediate value, the loss and the gradient of every parameter, at every processor level, in f32.
 */
#include "model_test.h"

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
static void compare(const char *name, const struct sl_stored_tensor *want, const float *got, int64_t n)
{
    assert_int_equal((int64_t)want->bytes, n * 4);
    double worst = 0, largest = 1e-6;
    for (int64_t i = 0; i < n; i++) {
        float w;
        memcpy(&w, want->data + 4 * i, 4);
        double d = fabs((double)w - (double)got[i]);
        if (!(d <= worst)) worst = d;
        if (fabs(w) > largest) largest = fabs(w);
    }
    if (!(worst <= TOLERANCE * largest)) fail_msg("%s differs by %g of %g", name, worst, largest);
}

static void observe(void *arg, const char *name, const sl_tensor *t)
{
    static const struct {
        const char *ours, *golden;
    } names[] = {{"vit.post_norm", "vit"}, {"adapter", "vision"}};
    struct golden *g = arg;
    for (size_t i = 0; i < 2; i++)
        if (strcmp(name, names[i].ours) == 0) name = names[i].golden;
    const struct sl_stored_tensor *want = sl_safetensors_find(g->file, name);
    if (!want || strcmp(name, "patches") == 0) return;
    compare(name, want, t->data, sl_tensor_numel(t));
    g->compared++;
}

static void open_golden(struct golden *g, const char *model, const char *batch, int level)
{
    char path[128];
    sl_error err = {0};
    memset(g, 0, sizeof *g);
    snprintf(path, sizeof path, "tests/model/golden/%s", model);
    mt_rig_open(&g->rig, path, level, SL_F32, SL_TRAIN_ALL);
    snprintf(path, sizeof path, "tests/model/golden/%s/golden_%s.safetensors", model, batch);
    assert_sl_ok(sl_safetensors_open(path, &g->file, &err), &err);
    const struct sl_stored_tensor *patches = sl_safetensors_find(g->file, "patches");
    const struct sl_stored_tensor *grids = sl_safetensors_find(g->file, "grids");
    sl_batch_spec spec = {
        .tokens = (const void *)need(g, "tokens")->data,
        .n_seqs = (int)need(g, "cu_seqlens")->shape[0] - 1,
        .cu_seqlens = (const void *)need(g, "cu_seqlens")->data,
        .targets = (const void *)need(g, "targets")->data,
        .loss_weights = (const void *)need(g, "loss_weights")->data,
        .n_pictures = grids ? (int)grids->shape[0] : 0,
        .grids = grids ? (const void *)grids->data : NULL,
        .patches = patches ? (const void *)patches->data : NULL,
    };
    assert_sl_ok(sl_batch_new(&g->rig.model->config, &spec, &g->batch, &err), &err);
}

static void close_golden(struct golden *g)
{
    sl_batch_free(g->batch);
    sl_safetensors_close(&g->file);
    mt_rig_free(&g->rig);
}

static void check_forward(struct golden *g)
{
    sl_ctx *ctx = &g->rig.work.ctx;
    ctx->observe = observe;
    ctx->observe_arg = g;
    sl_model_logits(ctx, g->rig.model, sl_model_forward(ctx, g->rig.model, g->batch, NULL, NULL));
    ctx->observe = NULL;
    assert_false(ctx->failed);
    /* embed, every layer and the logits at least. */
    assert_true(g->compared >= 2 + g->rig.model->config.decoder.depth);
}

static void check_gradients(struct golden *g, sl_keep keep)
{
    sl_error err = {0};
    double loss;
    float want;
    sl_workspace_reset(&g->rig.work);
    g->rig.work.ctx.tape = &g->rig.tape;
    g->rig.model->vit_keep = g->rig.model->decoder_keep = keep;
    for (int i = 0; i < g->rig.model->weights.n_rows; i++) {
        sl_weight_row *r = &g->rig.model->weights.rows[i];
        if (r->w.grad) memset(r->w.grad, 0, (size_t)sl_weight_row_numel(r) * sizeof(float));
    }
    assert_sl_ok(sl_model_loss(&g->rig.work.ctx, g->rig.model, g->batch, NULL, &loss, &err), &err);
    memcpy(&want, need(g, "loss")->data, sizeof want);
    assert_true(fabs(loss - want) < 1e-5 * fabs(want));
    int gradients = 0;
    for (int i = 0; i < g->rig.model->weights.n_rows; i++) {
        char name[128];
        sl_weight_row *r = &g->rig.model->weights.rows[i];
        snprintf(name, sizeof name, "grad.%s", r->name);
        const struct sl_stored_tensor *t = sl_safetensors_find(g->file, name);
        if (!t) continue;
        compare(name, t, r->w.grad, sl_weight_row_numel(r));
        gradients++;
    }
    assert_true(gradients > 8);
}

static void test_values_and_gradients_match_an_independent_implementation(void **state)
{
    static const char *const models[] = {"softmax", "sigmoid"}, *const batches[] = {"text", "picture", "packed"};
    (void)state;
    for (int level = 0; level < mt_levels(); level++)
        for (int i = 0; i < 6; i++) {
            struct golden g;
            open_golden(&g, models[i / 3], batches[i % 3], level);
            check_forward(&g);
            check_gradients(&g, SL_KEEP_ALL);
            check_gradients(&g, SL_KEEP_INPUT);
            close_golden(&g);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_gradients_match_an_independent_implementation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
