/*
 * weights_pretrain.c: the rows that Seed-ViT's pretraining adds to the weight table (docs/MODEL.md, section 11).
 */
#include "model/weights_builder.h"

static void build_predictor(struct sl_weight_builder *b, const sl_config *c)
{
    struct sl_pretrain_weights *p = &b->w->pretrain;
    int64_t d = c->vit.hidden;
    sl_build_at(b, SL_MODULE_PRETRAIN, -1, "model.pretrain.");
    p->mask_token = sl_build_row(b, "mask_token", SL_ROLE_EMBEDDING, SL_INIT_NORMAL, 0, 1, d);
    b->w->rows[b->w->n_rows - 1].decay = false;
    for (int i = 0; i < c->pretrain.predictor_depth; i++) {
        sl_build_at(b, SL_MODULE_PRETRAIN, i, "model.pretrain.predictor.blocks.%d.", i);
        sl_build_vit_block(b, &p->predictor[i], &c->vit);
    }
    sl_build_at(b, SL_MODULE_PRETRAIN, -1, "model.pretrain.");
    p->predictor_norm_w = sl_build_vector(b, "predictor.norm.weight", d, SL_INIT_ONE);
    p->predictor_norm_b = sl_build_vector(b, "predictor.norm.bias", d, SL_INIT_ZERO);
    p->teacher_head_w = sl_build_matrix(b, "teacher_head.weight", c->pretrain.teacher_hidden, d, SL_INIT_NORMAL);
    p->teacher_head_b = sl_build_vector(b, "teacher_head.bias", c->pretrain.teacher_hidden, SL_INIT_ZERO);
}

/* A number by itself, starting at value. */
static sl_weight *build_scalar(struct sl_weight_builder *b, const char *name, float value)
{
    sl_weight *w = sl_build_vector(b, name, 1, SL_INIT_FILL);
    b->w->rows[b->w->n_rows - 1].fill = value;
    return w;
}

static void build_contrast(struct sl_weight_builder *b, const sl_config *c)
{
    static const float LOG_10 = 2.302585093f, START_BIAS = -10; /* SigLIP's (arXiv 2303.15343) */
    struct sl_pretrain_weights *p = &b->w->pretrain;
    int64_t d = c->vit.hidden, e = c->pretrain.embed, v = c->decoder.vocab;
    sl_build_at(b, SL_MODULE_PRETRAIN, -1, "model.pretrain.");
    p->pool_query = sl_build_vector(b, "pool.query", d, SL_INIT_NORMAL);
    p->pool_kv_w = sl_build_matrix(b, "pool.kv.weight", 2 * d, d, SL_INIT_NORMAL);
    p->pool_kv_b = sl_build_vector(b, "pool.kv.bias", 2 * d, SL_INIT_ZERO);
    p->pool_proj_w = sl_build_matrix(b, "pool.proj.weight", e, d, SL_INIT_NORMAL);
    p->pool_proj_b = sl_build_vector(b, "pool.proj.bias", e, SL_INIT_ZERO);
    p->logit_scale = build_scalar(b, "logit_scale", LOG_10);
    p->logit_bias = build_scalar(b, "logit_bias", START_BIAS);
    if (!c->pretrain.superclass) return;
    p->superclass = sl_build_matrix(b, "superclass.weight", v, e, SL_INIT_NORMAL);
    p->token_counts = sl_build_row(b, "superclass.token_counts", SL_ROLE_BUFFER, SL_INIT_ZERO, 0, 1, v);
    p->n_captions = sl_build_row(b, "superclass.n_captions", SL_ROLE_BUFFER, SL_INIT_ZERO, 0, 1, 1);
}

static void build_text(struct sl_weight_builder *b, const sl_config *c)
{
    struct sl_pretrain_weights *p = &b->w->pretrain;
    sl_decoder_config t = sl_config_text_tower(c);
    sl_build_at(b, SL_MODULE_TEXT, -1, "model.pretrain.text.");
    p->text_embed = sl_build_row(b, "embed_tokens.weight", SL_ROLE_EMBEDDING, SL_INIT_NORMAL, 0, t.vocab, t.hidden);
    b->w->rows[b->w->n_rows - 1].output = c->pretrain.omni;
    for (int i = 0; i < t.depth; i++) {
        sl_build_at(b, SL_MODULE_TEXT, i, "model.pretrain.text.layers.%d.", i);
        sl_build_decoder_layer(b, &p->text_layers[i], &t, i);
    }
    sl_build_at(b, SL_MODULE_TEXT, -1, "model.pretrain.text.");
    p->text_norm = sl_build_vector(b, "norm.weight", t.hidden, SL_INIT_ONE);
    p->text_proj = sl_build_matrix(b, "proj.weight", c->pretrain.embed, t.hidden, SL_INIT_NORMAL);
}

static void build_omni(struct sl_weight_builder *b, const sl_config *c)
{
    struct sl_pretrain_weights *p = &b->w->pretrain;
    int64_t t = c->pretrain.text_hidden;
    sl_build_at(b, SL_MODULE_PRETRAIN, -1, "model.pretrain.omni.");
    p->omni_proj_w = sl_build_matrix(b, "proj.weight", t, c->vit.hidden, SL_INIT_NORMAL);
    p->omni_proj_b = sl_build_vector(b, "proj.bias", t, SL_INIT_ZERO);
    p->match = sl_build_matrix(b, "match.weight", 2, t, SL_INIT_NORMAL);
}

void sl_build_pretrain(struct sl_weight_builder *b, const sl_config *c)
{
    if (c->pretrain.teacher_hidden) build_predictor(b, c);
    if (!c->pretrain.embed) return;
    build_contrast(b, c);
    if (c->pretrain.omni) build_omni(b, c);
    build_text(b, c);
}
