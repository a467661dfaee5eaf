/*
 * objective_omni.c: the stage vit-omni: frames, sounds and captions in one space (docs/MODEL.md, section 11).
 *
 * What is seen, what is heard, and both together should each meet their caption, and what is seen what is heard
 * (contrastive); the text tower, reading a sample's features before a caption, says whether they belong together
 * (matching; the false caption is the one that the vectors find most alike), and writes the true one (captioning).
 */
#include "model/pretrain.h"
#include "train/contrast.h"
#include "train/objective.h"
#include "train/omni_batch.h"
#include "train/retrieval.h"

#include <stdlib.h>
#include <string.h>

struct options {
    double contrastive, matching, captioning; /* weights of the losses */
};

struct omni {
    sl_objective_env env;
    struct options options;
    sl_retrieval whole, heard; /* held-out vectors: of all that a sample has, and of its sound alone */
};

/* --- options ------------------------------------------------------------------------------------------------------ */

static sl_status read_options(const json_t *json, struct options *o, sl_error *err)
{
    static const char *const names[] = {"contrastive", "matching", "captioning"};
    double *const weights[] = {&o->contrastive, &o->matching, &o->captioning};
    struct sl_json_object top;
    *o = (struct options){1, 1, 1};
    if (!json) return SL_OK;
    sl_json_open(&top, json, err);
    sl_json_known_keys(&top, names, 3);
    for (int i = 0; i < 3; i++) {
        if (!top.status && sl_json_has(&top, names[i])) sl_json_get_number(&top, names[i], weights[i]);
        if (!(*weights[i] > 0)) sl_json_fail(&top, names[i], "%g is not positive", *weights[i]);
    }
    return top.status;
}

static sl_status configure(sl_config *c, const json_t *options, sl_error *err)
{
    struct options o;
    sl_status s = read_options(options, &o, err);
    if (s != SL_OK) return s;
    if (!c->pretrain.embed) sl_config_add_pretrain(c, 0, true, true);
    c->pretrain.teacher_hidden = c->pretrain.predictor_depth = 0;
    c->pretrain.superclass = false;
    c->pretrain.omni = true;
    return SL_OK;
}

static void omni_close(void *state)
{
    struct omni *o = state;
    if (!o) return;
    sl_retrieval_free(&o->whole);
    sl_retrieval_free(&o->heard);
    free(o);
}

static sl_status omni_open(const sl_objective_env *env, void **state, sl_error *err)
{
    struct omni *o = calloc(1, sizeof *o);
    if (!o) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an objective");
    o->env = *env;
    sl_status s = read_options(env->options, &o->options, err);
    sl_retrieval_init(&o->whole, env->model->config.pretrain.embed);
    sl_retrieval_init(&o->heard, env->model->config.pretrain.embed);
    if (s != SL_OK) {
        omni_close(o);
        return s;
    }
    *state = o;
    return SL_OK;
}

/* --- vectors ------------------------------------------------------------------------------------------------------ */

/* One sequence's pass. Everything but the owned batches lives in the context's arenas. */
struct pass {
    const sl_model *m;
    sl_captions *captions; /* owned */
    sl_batch *texts;       /* owned */
    sl_batch *own, *other; /* owned: samples with their captions, and with others' */
    sl_omni_groups *groups;
    sl_tensor *patches;
    sl_tensor *apart, *whole, *sentences; /* unit rows: of the groups, of whole samples, of the captions */
};

static void pass_release(struct pass *p)
{
    sl_captions_free(p->captions);
    sl_batch_free(p->texts);
    sl_batch_free(p->own);
    sl_batch_free(p->other);
}

/* Reads the sequence and makes all vectors; a pass without captions has none. */
static sl_status pass_begin(struct pass *p, const struct omni *o, sl_ctx *ctx, const sl_micro_batch *b, sl_error *err)
{
    const sl_model *m = o->env.model;
    *p = (struct pass){.m = m};
    sl_status s = sl_captions_new(b->data, m->config.pretrain.text_positions, m->config.ids.eos, &p->captions, err);
    if (s != SL_OK || !p->captions->n) return s;
    s = sl_captions_batch(p->captions, &m->config, &p->texts, err);
    if (s != SL_OK) return s;
    p->patches = sl_vit_forward(ctx, m, b->batch);
    p->groups = sl_omni_groups_new(ctx, b->data, p->captions);
    if (!p->groups) return sl_ctx_status(ctx, err);
    sl_tensor *rows = sl_fn_select_rows(ctx, p->patches, p->groups->cu[p->groups->n], p->groups->rows);
    p->apart = sl_fn_l2norm(ctx, sl_pool_forward(ctx, m, rows, p->groups->cu, p->groups->n), 1e-8f);
    p->whole = sl_contrast_pool(ctx, m, p->patches, p->captions->patches, p->captions->n);
    p->whole = sl_fn_l2norm(ctx, p->whole, 1e-8f);
    p->sentences = sl_fn_l2norm(ctx, sl_text_forward(ctx, m, p->texts), 1e-8f);
    return sl_ctx_status(ctx, err);
}

/* The labels of n rows whose captions are sample[0], sample[step], ... */
static int32_t *labels_of(sl_ctx *ctx, const struct pass *p, const int32_t *sample, int n)
{
    int32_t *labels = sl_ctx_alloc_meta(ctx, (size_t)n * sizeof *labels);
    for (int i = 0; labels && i < n; i++) labels[i] = p->captions->labels[sample[i]];
    return labels;
}

/* What is seen against what is heard, of the samples with both. */
static double seen_and_heard_loss(sl_ctx *ctx, const struct pass *p, float unit)
{
    int n = p->groups->n_both;
    int32_t *rows = sl_ctx_alloc_meta(ctx, 3 * (size_t)n * sizeof *rows);
    if (!rows) return 0;
    for (int i = 0; i < n; i++) {
        rows[i] = p->groups->both[2 * i];
        rows[n + i] = p->groups->both[2 * i + 1];
        rows[2 * n + i] = p->captions->labels[p->groups->sample[rows[i]]];
    }
    sl_contrast_rows r = {
        .pictures = sl_fn_select_rows(ctx, p->apart, n, rows),
        .texts = sl_fn_select_rows(ctx, p->apart, n, rows + n),
        .labels = rows + 2 * n,
        .text_labels = rows + 2 * n,
    };
    return sl_contrast_loss(ctx, p->m, &r, unit);
}

/* The sum over the samples of the mean of their contrastive terms, times weight. */
static double contrastive_loss(sl_ctx *ctx, const struct pass *p, double weight)
{
    const sl_omni_groups *g = p->groups;
    double n = p->captions->n, terms = g->n_both ? 3 : 1;
    sl_contrast_rows apart = {
        .pictures = p->apart,
        .texts = p->sentences,
        .labels = labels_of(ctx, p, g->sample, g->n),
        .text_labels = p->captions->labels,
    };
    if (!apart.labels) return 0;
    double loss = sl_contrast_loss(ctx, p->m, &apart, (float)(terms * g->n / (n * weight)));
    if (!g->n_both) return loss;
    sl_contrast_rows whole = {
        .pictures = p->whole,
        .texts = p->sentences,
        .labels = p->captions->labels,
        .text_labels = p->captions->labels,
    };
    loss += sl_contrast_loss(ctx, p->m, &whole, (float)(terms / weight));
    return loss + seen_and_heard_loss(ctx, p, (float)(terms * g->n_both / (n * weight)));
}

/* --- matching and captioning -------------------------------------------------------------------------------------- */

/* For each sample the caption of another label that its vector is nearest to; -1 where all are its own. */
static int32_t *hardest_others(sl_ctx *ctx, const struct pass *p, int *n_others)
{
    int n = p->captions->n, width = p->m->config.pretrain.embed;
    const float *u = sl_contrast_floats(ctx, p->whole), *v = sl_contrast_floats(ctx, p->sentences);
    int32_t *other = sl_ctx_alloc_meta(ctx, (size_t)n * sizeof *other);
    *n_others = 0;
    for (int i = 0; other && u && v && i < n; i++) {
        double best = -2;
        other[i] = -1;
        for (int j = 0; j < n; j++) {
            double product = 0;
            if (p->captions->labels[i] == p->captions->labels[j]) continue;
            for (int k = 0; k < width; k++) product += (double)u[i * width + k] * (double)v[j * width + k];
            if (product > best) best = product, other[i] = j;
        }
        *n_others += other[i] >= 0;
    }
    return other;
}

/* The verdict about each sequence of b, whose last rows of x are read; answer is the same for all. */
static double match_loss(sl_ctx *ctx, const struct pass *p, sl_tensor *x, const sl_batch *b, int answer, float weight,
                         float *row_loss)
{
    size_t n = (size_t)b->n_seqs;
    int32_t *last = sl_ctx_alloc_meta(ctx, 2 * n * sizeof *last);
    float *weights = sl_ctx_alloc_meta(ctx, n * sizeof *weights);
    if (!last || !weights) return 0;
    for (size_t i = 0; i < n; i++) {
        last[i] = b->cu_seqlens[i + 1] - 1;
        last[n + i] = answer;
        weights[i] = weight;
    }
    sl_targets targets = {last + n, weights};
    return sl_fn_cross_entropy(ctx, sl_fn_select_rows(ctx, x, b->n_seqs, last), p->m->weights.pretrain.match, &targets,
                               row_loss);
}

/* What reading gave: sums over the samples, without weights of the losses. */
struct reading {
    double captioning, matching;
    int n_matched;  /* sequences that were judged */
    double correct; /* of them */
};

static double count_right(const float *row_loss, int n, float weight)
{
    double right = 0;
    for (int i = 0; row_loss && i < n; i++)
        right += row_loss[i] < weight * 0.6931472f; /* more than half for the answer */
    return right;
}

/* Reads every sample with its own caption and with the hardest other one. */
static sl_status read_captions(struct pass *p, const struct omni *o, sl_ctx *ctx, const sl_micro_batch *b,
                               struct reading *r, sl_error *err)
{
    const sl_model *m = p->m;
    int n = p->captions->n, n_others;
    int32_t *own = sl_ctx_alloc_meta(ctx, (size_t)n * sizeof *own), *other = hardest_others(ctx, p, &n_others);
    float *row_loss = sl_ctx_alloc(ctx, 2 * (size_t)n * sizeof *row_loss);
    if (!own || !other || !row_loss) return sl_ctx_status(ctx, err);
    for (int i = 0; i < n; i++) own[i] = i;
    sl_status s = sl_omni_batch_new(b->data, p->captions, own, &m->config, &p->own, err);
    if (s == SL_OK && n_others) s = sl_omni_batch_new(b->data, p->captions, other, &m->config, &p->other, err);
    if (s != SL_OK) return s;
    float captioning = (float)o->options.captioning;
    float *weights = sl_ctx_alloc_meta(ctx, (size_t)p->own->n_tokens * sizeof *weights);
    sl_tensor *x = sl_omni_forward(ctx, m, p->own, sl_omni_patches(ctx, p->patches, p->captions, own));
    if (!weights || !x) return sl_ctx_status(ctx, err);
    for (int64_t i = 0; i < p->own->n_tokens; i++) weights[i] = captioning * p->own->loss_weights[i];
    sl_targets words = {p->own->targets, weights};
    r->captioning = sl_fn_cross_entropy(ctx, x, m->weights.pretrain.text_embed, &words, NULL) / captioning;
    if (!n_others) return sl_ctx_status(ctx, err);
    /* A sample's verdicts weigh as much as its caption. */
    float matching = (float)o->options.matching, weight = matching * (float)n / (float)(n + n_others);
    r->matching = match_loss(ctx, p, x, p->own, 1, weight, row_loss) / matching;
    x = sl_omni_forward(ctx, m, p->other, sl_omni_patches(ctx, p->patches, p->captions, other));
    r->matching += match_loss(ctx, p, x, p->other, 0, weight, row_loss + n) / matching;
    r->n_matched = n + n_others;
    r->correct = count_right(row_loss, n + n_others, weight);
    return sl_ctx_status(ctx, err);
}

/* --- the objective ------------------------------------------------------------------------------------------------ */

static sl_status omni_loss(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_loss *out, sl_tally *tally,
                           sl_error *err)
{
    struct omni *o = state;
    struct pass p;
    struct reading r = {0};
    *out = (sl_loss){0};
    sl_status s = pass_begin(&p, o, ctx, b, err);
    if (s == SL_OK && p.captions->n) {
        double n = p.captions->n, contrastive = contrastive_loss(ctx, &p, o->options.contrastive);
        s = read_captions(&p, o, ctx, b, &r, err);
        out->sum = contrastive + o->options.captioning * r.captioning + o->options.matching * r.matching;
        out->weight = n;
        sl_tally_add(tally, "loss/contrastive", contrastive / o->options.contrastive, n);
        sl_tally_add(tally, "loss/captioning", r.captioning, n);
        if (r.n_matched) sl_tally_add(tally, "loss/matching", r.matching, n);
        if (s == SL_OK) sl_tape_backward(ctx);
        if (s == SL_OK) s = sl_ctx_status(ctx, err);
    }
    pass_release(&p);
    return s;
}

/* Keeps the vectors of what is only heard, with its captions. */
static void keep_heard(struct omni *o, const struct pass *p, const float *apart, const float *sentences)
{
    int width = p->m->config.pretrain.embed;
    size_t bytes = (size_t)width * sizeof(float);
    for (int g = 0; g < p->groups->n; g++) {
        int i = p->groups->sample[g];
        sl_captions one = {.n = 1, .cu = p->captions->cu + i, .tokens = p->captions->tokens};
        if (p->groups->heard[g] && bytes)
            sl_retrieval_add(&o->heard, apart + (int64_t)g * width, sentences + (int64_t)i * width, &one);
    }
}

static sl_status omni_held_out(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_tally *tally, sl_error *err)
{
    struct omni *o = state;
    struct pass p;
    struct reading r = {0};
    sl_status s = pass_begin(&p, o, ctx, b, err);
    if (s == SL_OK && p.captions->n) {
        double n = p.captions->n;
        const float *whole = sl_contrast_floats(ctx, p.whole), *sentences = sl_contrast_floats(ctx, p.sentences);
        const float *apart = sl_contrast_floats(ctx, p.apart);
        s = sl_ctx_status(ctx, err);
        if (s == SL_OK) {
            sl_retrieval_add(&o->whole, whole, sentences, p.captions);
            keep_heard(o, &p, apart, sentences);
            s = read_captions(&p, o, ctx, b, &r, err);
        }
        sl_tally_add(tally, "loss", r.captioning, n);
        if (r.n_matched) sl_tally_add(tally, "accuracy/matching", r.correct, r.n_matched);
    }
    pass_release(&p);
    return s;
}

static sl_status held_out_end(void *state, sl_ctx *ctx, sl_tally *tally, sl_error *err)
{
    struct omni *o = state;
    sl_status s = sl_retrieval_measure(&o->whole, ctx->ops, o->env.comm, "", tally, err);
    return s == SL_OK ? sl_retrieval_measure(&o->heard, ctx->ops, o->env.comm, "sound/", tally, err) : s;
}

const sl_objective sl_objective_vit_omni = {
    .name = "vit-omni",
    .modules = 1u << SL_MODULE_VIT | 1u << SL_MODULE_PRETRAIN | 1u << SL_MODULE_TEXT,
    .trains = 1u << SL_MODULE_VIT | 1u << SL_MODULE_PRETRAIN | 1u << SL_MODULE_TEXT,
    .need_targets = true,
    .configure = configure,
    .open = omni_open,
    .close = omni_close,
    .loss = omni_loss,
    .held_out = omni_held_out,
    .held_out_end = held_out_end,
    .measure = "recall",
};
