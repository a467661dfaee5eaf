/*
 * model.c: making a model, and the forward pass from pixels to loss.
 */
#include "model/model.h"

#include "base/mem.h"

#include <stdlib.h>

sl_status sl_model_new(const sl_config *config, const sl_weight_plan *plan, bool dry, sl_model **out, sl_error *err)
{
    sl_model *m = sl_alloc_array(1, sizeof *m);
    if (!m) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a model");
    m->config = *config;
    m->text = sl_config_text_tower(config);
    m->plan = *plan;
    m->plan.adapted = plan->trainable >> SL_MODULE_LORA & 1 ? sl_weights_adapted(config) : 0;
    m->vit_keep = m->decoder_keep = SL_KEEP_ALL;
    sl_status s = sl_config_check(config, err);
    if (s == SL_OK) s = sl_weights_build(config, &m->weights, err);
    if (s == SL_OK && plan->blocks) s = sl_adopt(plan->blocks, config, &m->weights, &m->adopted, err);
    m->plan.blocks = NULL; /* borrowed until here */
    if (s == SL_OK) {
        size_t bytes = sl_weights_bytes(&m->weights, &m->plan);
        s = dry ? sl_arena_init_dry(&m->arena, bytes, err) : sl_arena_init(&m->arena, bytes, err);
    }
    if (s == SL_OK) s = sl_weights_allocate(&m->weights, &m->plan, &m->arena, err);
    if (s != SL_OK) {
        sl_model_free(m);
        return s;
    }
    *out = m;
    return SL_OK;
}

void sl_model_free(sl_model *m)
{
    if (!m) return;
    sl_weights_free(&m->weights);
    sl_adopted_free(&m->adopted);
    sl_arena_free(&m->arena);
    free(m);
}

bool sl_model_has(const sl_model *m, sl_module module)
{
    return m->plan.modules == 0 || (m->plan.modules >> module) & 1;
}

bool sl_model_saves(const sl_model *m, const sl_weight_row *r)
{
    return m->config.lora.rank ? r->module == SL_MODULE_LORA : sl_model_has(m, r->module);
}

sl_status sl_model_init(sl_model *m, uint64_t seed, sl_error *err)
{
    return sl_weights_init(&m->weights, &m->config, &m->plan, seed, err);
}

sl_tensor *sl_model_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b, const sl_decoder_cache *cache,
                            int32_t *stats)
{
    sl_tensor *features = NULL;
    if (b->n_pictures) features = sl_picture_features(ctx, m, b);
    return sl_decoder_forward(ctx, m, b, features, cache, stats);
}

sl_tensor *sl_model_logits(sl_ctx *ctx, const sl_model *m, sl_tensor *hidden)
{
    sl_tensor *logits = sl_fn_linear(ctx, hidden, m->weights.head, &(sl_linear){.f32_result = true});
    sl_observe(ctx, logits, "logits");
    return logits;
}

sl_status sl_model_loss(sl_ctx *ctx, const sl_model *m, const sl_batch *b, int32_t *stats, double *loss, sl_error *err)
{
    SL_CHECK(b->targets);
    sl_targets targets = {.ids = b->targets, .weights = b->loss_weights};
    sl_tensor *x = sl_model_forward(ctx, m, b, NULL, stats);
    *loss = sl_fn_cross_entropy(ctx, x, m->weights.head, &targets, NULL);
    if (ctx->tape && !ctx->failed) sl_tape_backward(ctx);
    return sl_ctx_status(ctx, err);
}
