/*
 * test_pretrain.c: the parts of Seed-ViT's pretraining against an independent PyTorch implementation
 * (scripts/golden/pretrain.py): values, losses and gradients at every processor level; and what a mask must be.
 */
#include "model_test.h"

#include "model/pretrain.h"
#include "model/safetensors.h"

#include <math.h>

enum { N_PICTURES = 3, PARTS = 1 << SL_MODULE_VIT | 1 << SL_MODULE_PRETRAIN | 1 << SL_MODULE_TEXT };

static const char folder[] = "tests/model/golden/pretrain";

struct golden {
    struct mt_rig rig;
    sl_safetensors *file;
    sl_batch *pictures, *texts, *omni;
};

static const struct sl_stored_tensor *need(const struct golden *g, const char *name)
{
    const struct sl_stored_tensor *t = sl_safetensors_find(g->file, name);
    if (!t) fail_msg("the golden file has no %s", name);
    return t;
}

static const void *data(const struct golden *g, const char *name)
{
    return need(g, name)->data;
}

/* Largest difference relative to the largest expected value. */
static void compare(const struct golden *g, const char *name, const float *got, int64_t n)
{
    const struct sl_stored_tensor *want = need(g, name);
    assert_int_equal((int64_t)want->bytes, n * 4);
    double worst = 0, largest = 1e-6;
    for (int64_t i = 0; i < n; i++) {
        float w;
        memcpy(&w, want->data + 4 * i, 4);
        double d = fabs((double)w - (double)got[i]);
        if (!(d <= worst)) worst = d;
        if (fabs(w) > largest) largest = fabs(w);
    }
    if (!(worst <= 1e-4 * largest)) fail_msg("%s %s differs by %g of %g", g->rig.ops->name, name, worst, largest);
}

static void compare_loss(const struct golden *g, const char *name, double loss)
{
    float f = (float)loss;
    compare(g, name, &f, 1);
}

static void open_golden(struct golden *g, int level)
{
    sl_error err = {0};
    *g = (struct golden){0};
    mt_rig_start(&g->rig, level, SL_F32, 2);
    sl_weight_plan plan = {.ops = g->rig.ops, .dt = SL_F32, .trainable = PARTS, .modules = PARTS};
    assert_sl_ok(sl_model_open(folder, &plan, &g->rig.model, &err), &err);
    g->rig.work.ctx.tape = &g->rig.tape;
    assert_sl_ok(sl_safetensors_open("tests/model/golden/pretrain/golden.safetensors", &g->file, &err), &err);
    const sl_config *c = &g->rig.model->config;
    sl_batch_spec pictures = {.n_pictures = N_PICTURES, .grids = data(g, "grids"), .patches = data(g, "patches")};
    sl_batch_spec texts = {.n_seqs = 3, .cu_seqlens = data(g, "cu_texts"), .tokens = data(g, "captions")};
    sl_batch_spec omni = {
        .n_seqs = 3,
        .cu_seqlens = data(g, "cu_omni"),
        .tokens = data(g, "omni_tokens"),
        .targets = data(g, "omni_targets"),
        .n_pictures = N_PICTURES,
        .grids = data(g, "grids"),
    };
    assert_sl_ok(sl_batch_new(c, &pictures, &g->pictures, &err), &err);
    assert_sl_ok(sl_batch_new(c, &texts, &g->texts, &err), &err);
    assert_sl_ok(sl_batch_new(c, &omni, &g->omni, &err), &err);
}

static void close_golden(struct golden *g)
{
    sl_batch_free(g->pictures);
    sl_batch_free(g->texts);
    sl_batch_free(g->omni);
    sl_safetensors_close(&g->file);
    mt_rig_free(&g->rig);
}

static void check_masked(struct golden *g)
{
    sl_error err = {0};
    sl_patch_mask *mask;
    sl_ctx *ctx = &g->rig.work.ctx;
    sl_workspace_reset(&g->rig.work);
    assert_sl_ok(sl_patch_mask_new(g->pictures, 588, data(g, "masked"), &mask, &err), &err);
    sl_tensor *x = sl_masked_forward(ctx, g->rig.model, g->pictures, mask);
    compare(g, "predicted", x->data, sl_tensor_numel(x));
    float weights[64];
    for (int i = 0; i < mask->n_masked; i++) weights[i] = 1.0f / (float)mask->n_masked;
    compare_loss(g, "loss.masked", sl_fn_cosine_loss(ctx, x, data(g, "teacher"), weights));
    sl_tape_backward(ctx);
    sl_patch_mask_free(mask);
}

static void check_contrast(struct golden *g)
{
    static const float weights[N_PICTURES] = {1.0f / 3, 1.0f / 3, 1.0f / 3};
    const sl_model *m = g->rig.model;
    const struct sl_pretrain_weights *p = &m->weights.pretrain;
    sl_ctx *ctx = &g->rig.work.ctx;
    sl_workspace_reset(&g->rig.work);
    sl_tensor *patches = sl_vit_forward(ctx, m, g->pictures);
    sl_tensor *u = sl_pool_forward(ctx, m, patches, g->pictures->cu_patches, N_PICTURES);
    sl_tensor *v = sl_text_forward(ctx, m, g->texts);
    compare(g, "pool", u->data, sl_tensor_numel(u));
    compare(g, "text", v->data, sl_tensor_numel(v));
    sl_distributions d = {data(g, "cu_labels"), data(g, "tokens"), data(g, "shares"), weights};
    compare_loss(g, "loss.superclass", sl_fn_sparse_cross_entropy(ctx, u, p->superclass, &d));
    double sums[2] = {0};
    float scale = expf(*(float *)p->logit_scale->value), bias = *(float *)p->logit_bias->value;
    sl_contrast how = {data(g, "labels"), data(g, "labels"), scale, bias, 0, &sums[0], &sums[1]};
    sl_tensor *unit_u = sl_fn_l2norm(ctx, u, 1e-8f), *unit_v = sl_fn_l2norm(ctx, v, 1e-8f);
    compare_loss(g, "loss.contrast", sl_fn_contrastive(ctx, unit_u, unit_v, &how));
    p->logit_scale->grad[0] += (float)(sums[0] * scale);
    p->logit_bias->grad[0] += (float)sums[1];
    sl_tape_backward(ctx);
}

static void check_omni(struct golden *g)
{
    const sl_model *m = g->rig.model;
    const struct sl_pretrain_weights *p = &m->weights.pretrain;
    sl_ctx *ctx = &g->rig.work.ctx;
    sl_workspace_reset(&g->rig.work);
    sl_tensor *patches = sl_vit_forward(ctx, m, g->pictures);
    sl_tensor *x = sl_omni_forward(ctx, m, g->omni, patches);
    compare(g, "omni", x->data, sl_tensor_numel(x));
    int32_t last[3];
    for (int i = 0; i < 3; i++) last[i] = g->omni->cu_seqlens[i + 1] - 1;
    sl_tensor *ends = sl_fn_select_rows(ctx, x, 3, last);
    sl_targets words = {g->omni->targets, g->omni->loss_weights};
    compare_loss(g, "loss.caption", sl_fn_cross_entropy(ctx, x, p->text_embed, &words, NULL));
    static const float weights[3] = {1.0f / 3, 1.0f / 3, 1.0f / 3};
    sl_targets match = {data(g, "match"), weights};
    compare_loss(g, "loss.match", sl_fn_cross_entropy(ctx, ends, p->match, &match, NULL));
    sl_tape_backward(ctx);
}

static void values_losses_and_gradients_match_an_independent_implementation(void **state)
{
    (void)state;
    for (int level = 0; level < mt_levels(); level++)
        for (int keep = SL_KEEP_INPUT; keep <= SL_KEEP_ALL; keep++) {
            struct golden g;
            open_golden(&g, level);
            g.rig.model->vit_keep = g.rig.model->decoder_keep = (sl_keep)keep;
            check_masked(&g);
            check_contrast(&g);
            check_omni(&g);
            int n = 0;
            for (int i = 0; i < g.rig.model->weights.n_rows; i++) {
                const sl_weight_row *r = &g.rig.model->weights.rows[i];
                char name[128];
                snprintf(name, sizeof name, "grad.%s", r->name);
                if (!sl_safetensors_find(g.file, name)) continue;
                compare(&g, name, r->w.grad, sl_weight_row_numel(r));
                n++;
            }
            assert_true(n > 60);
            close_golden(&g);
        }
}

/* Three quarters of every picture, different from draw to draw, and the same from the same state. */
static void a_mask_hides_three_quarters_of_every_picture(void **state)
{
    (void)state;
    struct golden g;
    struct sl_rng rng, again;
    int32_t marks[3][64];
    open_golden(&g, mt_levels() - 1);
    sl_rng_init(&rng, 5, 0);
    again = rng;
    sl_patch_mask_draw(g.pictures, 0.75f, &rng, marks[0]);
    sl_patch_mask_draw(g.pictures, 0.75f, &rng, marks[1]);
    sl_patch_mask_draw(g.pictures, 0.75f, &again, marks[2]);
    size_t bytes = (size_t)g.pictures->n_patches * sizeof(int32_t);
    assert_memory_equal(marks[0], marks[2], bytes);
    assert_memory_not_equal(marks[0], marks[1], bytes);
    for (int p = 0; p < N_PICTURES; p++) {
        int hidden = 0, n = g.pictures->cu_patches[p + 1] - g.pictures->cu_patches[p];
        for (int i = g.pictures->cu_patches[p]; i < g.pictures->cu_patches[p + 1]; i++) hidden += marks[0][i];
        assert_int_equal(hidden, n * 3 / 4);
    }
    close_golden(&g);
}

static void hidden_pixels_change_nothing(void **state)
{
    (void)state;
    struct golden g;
    sl_error err = {0};
    open_golden(&g, mt_levels() - 1);
    const int32_t *marks = data(&g, "masked");
    size_t n = (size_t)g.pictures->n_patches * 588;
    float *pixels = malloc(n * sizeof *pixels), kept[64];
    memcpy(pixels, g.pictures->patches, n * sizeof *pixels);
    for (int64_t i = 0; i < g.pictures->n_patches; i++)
        if (marks[i]) pixels[i * 588] += 100;
    for (int pass = 0; pass < 2; pass++) {
        sl_patch_mask *mask;
        if (pass) g.pictures->patches = pixels;
        sl_workspace_reset(&g.rig.work);
        assert_sl_ok(sl_patch_mask_new(g.pictures, 588, marks, &mask, &err), &err);
        sl_tensor *x = sl_masked_forward(&g.rig.work.ctx, g.rig.model, g.pictures, mask);
        if (pass) assert_memory_equal(kept, x->data, sizeof kept);
        memcpy(kept, x->data, sizeof kept);
        sl_patch_mask_free(mask);
    }
    free(pixels);
    close_golden(&g);
}

static void a_checkpoint_of_these_parts_reads_back(void **state)
{
    (void)state;
    struct golden g;
    sl_error err = {0};
    open_golden(&g, mt_levels() - 1);
    const char *dir = test_temp_dir();
    assert_sl_ok(sl_model_save(g.rig.model, dir, SL_F32, 0, &err), &err);
    sl_model *again = NULL;
    assert_sl_ok(sl_model_open(dir, &g.rig.model->plan, &again, &err), &err);
    assert_memory_equal(&again->config, &g.rig.model->config, sizeof again->config);
    for (int i = 0; i < again->weights.n_rows; i++) {
        const sl_weight_row *a = &again->weights.rows[i], *b = &g.rig.model->weights.rows[i];
        if (b->w.value) assert_memory_equal(a->w.value, b->w.value, (size_t)sl_weight_row_numel(a) * sizeof(float));
    }
    sl_model_free(again);
    close_golden(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_losses_and_gradients_match_an_independent_implementation),
        cmocka_unit_test(a_mask_hides_three_quarters_of_every_picture),
        cmocka_unit_test(hidden_pixels_change_nothing),
        cmocka_unit_test(a_checkpoint_of_these_parts_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
