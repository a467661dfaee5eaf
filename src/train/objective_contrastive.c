/*
 * objective_contrastive.c: the stage vit-contrastive: pictures at native resolution and their captions as unit vectors
 * in one space (SigLIP), and pictures that name their captions' tokens (SuperClass); docs/MODEL.md, section 11.
 */
#include "model/pretrain.h"
#include "train/contrast.h"
#include "train/objective.h"
#include "train/retrieval.h"
#include "train/superclass.h"

#include <stdlib.h>

struct options {
    double siglip, superclass; /* weights of the losses */
};

struct contrastive {
    sl_objective_env env;
    struct options options;
    sl_superclass counts;
    sl_retrieval held_out;
};

static sl_status read_options(const json_t *json, struct options *o, sl_error *err)
{
    static const char *const names[] = {"siglip", "superclass"};
    struct sl_json_object top;
    *o = (struct options){1, 1};
    if (!json) return SL_OK;
    sl_json_open(&top, json, err);
    sl_json_known_keys(&top, names, sizeof names / sizeof *names);
    if (sl_json_has(&top, "siglip")) sl_json_get_number(&top, "siglip", &o->siglip);
    if (sl_json_has(&top, "superclass")) sl_json_get_number(&top, "superclass", &o->superclass);
    if (!(o->siglip > 0)) sl_json_fail(&top, "siglip", "%g is not positive", o->siglip);
    if (!(o->superclass >= 0)) sl_json_fail(&top, "superclass", "%g is negative", o->superclass);
    return top.status;
}

static sl_status configure(sl_config *c, const json_t *options, sl_error *err)
{
    struct options o;
    sl_status s = read_options(options, &o, err);
    if (s != SL_OK) return s;
    if (!c->pretrain.embed) sl_config_add_pretrain(c, 0, true, false);
    c->pretrain.teacher_hidden = c->pretrain.predictor_depth = 0;
    c->pretrain.omni = false;
    c->pretrain.superclass = o.superclass > 0;
    return SL_OK;
}

static void contrastive_close(void *state)
{
    struct contrastive *c = state;
    if (!c) return;
    sl_superclass_free(&c->counts);
    sl_retrieval_free(&c->held_out);
    free(c);
}

static sl_status contrastive_open(const sl_objective_env *env, void **state, sl_error *err)
{
    struct contrastive *c = calloc(1, sizeof *c);
    if (!c) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an objective");
    c->env = *env;
    sl_status s = read_options(env->options, &c->options, err);
    if (s == SL_OK) s = sl_superclass_init(&c->counts, env->model->config.decoder.vocab, err);
    sl_retrieval_init(&c->held_out, env->model->config.pretrain.embed);
    if (s != SL_OK) {
        contrastive_close(c);
        return s;
    }
    *state = c;
    return SL_OK;
}

/* Both towers over the captions' pictures and tokens; texts must stay until backward. */
static sl_status embed(const struct contrastive *c, sl_ctx *ctx, const sl_micro_batch *b, const sl_captions *captions,
                       sl_contrast_rows *rows, sl_batch **texts, sl_error *err)
{
    const sl_model *m = c->env.model;
    sl_status s = sl_captions_batch(captions, &m->config, texts, err);
    if (s != SL_OK) return s;
    sl_tensor *patches = sl_vit_forward(ctx, m, b->batch);
    *rows = (sl_contrast_rows){.labels = captions->labels, .text_labels = captions->labels};
    rows->pooled = sl_contrast_pool(ctx, m, patches, captions->patches, captions->n);
    rows->texts = sl_fn_l2norm(ctx, sl_text_forward(ctx, m, *texts), 1e-8f);
    rows->pictures = sl_fn_l2norm(ctx, rows->pooled, 1e-8f);
    return sl_ctx_status(ctx, err);
}

static sl_status contrastive_loss(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_loss *out, sl_tally *tally,
                                  sl_error *err)
{
    struct contrastive *c = state;
    const sl_model *m = c->env.model;
    sl_captions *captions = NULL;
    sl_batch *texts = NULL;
    sl_contrast_rows rows;
    *out = (sl_loss){0};
    sl_status s = sl_captions_new(b->data, m->config.pretrain.text_positions, m->config.ids.eos, &captions, err);
    if (s == SL_OK && captions->n) s = embed(c, ctx, b, captions, &rows, &texts, err);
    if (s == SL_OK && captions->n) {
        double n = captions->n, superclass = 0;
        /* The loss that starts the gradient of the pooled rows comes first. */
        if (c->options.superclass > 0) {
            sl_distributions *d = sl_superclass_targets(&c->counts, ctx, m, captions, b->step);
            for (int i = 0; d && i < captions->n; i++) ((float *)d->weights)[i] = (float)c->options.superclass;
            if (d) superclass = sl_fn_sparse_cross_entropy(ctx, rows.pooled, m->weights.pretrain.superclass, d);
            sl_tally_add(tally, "loss/superclass", superclass / c->options.superclass, n);
        }
        double siglip = sl_contrast_loss(ctx, m, &rows, (float)(1 / c->options.siglip));
        sl_tally_add(tally, "loss/siglip", siglip / c->options.siglip, n);
        *out = (sl_loss){siglip + superclass, n};
        sl_tape_backward(ctx);
        s = sl_ctx_status(ctx, err);
    }
    sl_batch_free(texts);
    sl_captions_free(captions);
    return s;
}

static sl_status updated(void *state, int64_t step, sl_tally *tally, sl_error *err)
{
    struct contrastive *c = state;
    (void)step, (void)err;
    if (c->options.superclass > 0) sl_superclass_update(&c->counts, c->env.model, c->env.comm);
    sl_tally_add(tally, "scale", sl_contrast_scale(c->env.model), 1);
    return SL_OK;
}

static sl_status contrastive_held_out(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_tally *tally, sl_error *err)
{
    struct contrastive *c = state;
    const sl_model *m = c->env.model;
    sl_captions *captions = NULL;
    sl_batch *texts = NULL;
    sl_contrast_rows rows;
    sl_status s = sl_captions_new(b->data, m->config.pretrain.text_positions, m->config.ids.eos, &captions, err);
    if (s == SL_OK && captions->n) s = embed(c, ctx, b, captions, &rows, &texts, err);
    if (s == SL_OK && captions->n) {
        const float *pictures = sl_contrast_floats(ctx, rows.pictures),
                    *text_rows = sl_contrast_floats(ctx, rows.texts);
        s = sl_ctx_status(ctx, err);
        if (s == SL_OK) sl_retrieval_add(&c->held_out, pictures, text_rows, captions);
        sl_tally_add(tally, "loss", sl_contrast_loss(ctx, m, &rows, 1), captions->n);
    }
    sl_batch_free(texts);
    sl_captions_free(captions);
    return s;
}

static sl_status held_out_end(void *state, sl_ctx *ctx, sl_tally *tally, sl_error *err)
{
    struct contrastive *c = state;
    return sl_retrieval_measure(&c->held_out, ctx->ops, c->env.comm, "", tally, err);
}

const sl_objective sl_objective_vit_contrastive = {
    .name = "vit-contrastive",
    .modules = 1u << SL_MODULE_VIT | 1u << SL_MODULE_PRETRAIN | 1u << SL_MODULE_TEXT,
    .trains = 1u << SL_MODULE_VIT | 1u << SL_MODULE_PRETRAIN | 1u << SL_MODULE_TEXT,
    .need_targets = true,
    .configure = configure,
    .open = contrastive_open,
    .close = contrastive_close,
    .loss = contrastive_loss,
    .updated = updated,
    .held_out = contrastive_held_out,
    .held_out_end = held_out_end,
    .measure = "accuracy",
};
