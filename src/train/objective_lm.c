/*
 * objective_lm.c: language modelling, with or without pictures: the next token's cross-entropy, per family; balancing
 * of experts; held-out loss and greedy answers. Its five stages differ in what they train.
 */
#include "base/mem.h"
#include "train/answers.h"
#include "train/objective.h"

#include <stdlib.h>
#include <string.h>

struct lm {
    sl_objective_env env;
    sl_answers *answers;
    float *row_loss; /* (max_tokens): each row's weighted term */
    int32_t *chosen; /* (depth, n_experts): of one micro-batch */
    double *counts;  /* the same, of the step */
    size_t n_counts;
    int64_t step; /* that counts belong to */
};

static void lm_close(void *state)
{
    struct lm *lm = state;
    if (!lm) return;
    sl_answers_free(&lm->answers);
    free(lm->row_loss);
    free(lm->chosen);
    free(lm->counts);
    free(lm);
}

static sl_status lm_open(const sl_objective_env *env, void **state, sl_error *err)
{
    struct lm *lm = *state = sl_alloc_array(1, sizeof *lm);
    if (!lm) return sl_fail(err, SL_ERR_MEMORY, "no memory for an objective");
    lm->env = *env;
    const sl_decoder_config *d = &env->model->config.decoder;
    lm->n_counts = (size_t)d->depth * (size_t)d->n_experts;
    lm->row_loss = sl_alloc_array((size_t)env->max_tokens, sizeof *lm->row_loss);
    lm->chosen = sl_alloc_array(lm->n_counts + 1, sizeof *lm->chosen);
    lm->counts = sl_alloc_array(lm->n_counts + 1, sizeof *lm->counts);
    sl_status s =
        lm->row_loss && lm->chosen && lm->counts ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for losses");
    if (!s && env->options && json_object_size(env->options))
        s = sl_fail(err, SL_ERR_FORMAT, "objective: this stage has no options");
    if (!s && env->held_out_answers > 0) s = sl_answers_new(&lm->env, &lm->answers, err);
    if (s) lm_close(lm);
    return s;
}

/* Refuses pictures where there is no ViT. */
static sl_status check_pictures(const struct lm *lm, const sl_micro_batch *b, sl_error *err)
{
    if (b->batch->n_pictures == 0 || sl_model_has(lm->env.model, SL_MODULE_VIT)) return SL_OK;
    for (int i = 0; i < b->data->n_samples; i++)
        if (b->data->samples[i]->n_pictures)
            return sl_fail(err, SL_ERR_ARGUMENT, "%s has pictures, which this stage cannot read",
                           b->data->samples[i]->key);
    return SL_OK;
}

/* Adds the loss of every sample to its family's. */
static void tally_losses(const struct lm *lm, const sl_micro_batch *b, const sl_loss *all, sl_tally *tally)
{
    sl_tally_add(tally, "loss", all->sum, all->weight);
    for (int i = 0; i < b->data->n_samples; i++) {
        double sum = 0, weight = 0;
        for (int32_t k = b->data->cu_seqlens[i]; k < b->data->cu_seqlens[i + 1]; k++) {
            sum += (double)lm->row_loss[k];
            weight += (double)b->batch->loss_weights[k];
        }
        const char *family = b->data->samples[i]->domain;
        if (!family) family = b->data->samples[i]->source_name;
        if (family) sl_tally_add_under(tally, "loss", family, sum, weight);
    }
}

static double total_weight(const sl_batch *b)
{
    double total = 0;
    for (int64_t i = 0; i < b->n_tokens; i++) total += (double)b->loss_weights[i];
    return total;
}

/* Forward to the loss; rows and choices of experts are left in lm. */
static void forward(struct lm *lm, sl_ctx *ctx, const sl_micro_batch *b, sl_loss *out)
{
    sl_model *m = lm->env.model;
    out->weight = total_weight(b->batch);
    sl_targets targets = {.ids = b->batch->targets, .weights = b->batch->loss_weights};
    memset(lm->row_loss, 0, (size_t)b->batch->n_tokens * sizeof *lm->row_loss);
    memset(lm->chosen, 0, lm->n_counts * sizeof *lm->chosen);
    sl_tensor *x = sl_model_forward(ctx, m, b->batch, NULL, lm->n_counts ? lm->chosen : NULL);
    out->sum = sl_fn_cross_entropy(ctx, x, m->weights.head, &targets, lm->row_loss);
}

static sl_status lm_loss(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_loss *out, sl_tally *tally,
                         sl_error *err)
{
    struct lm *lm = state;
    sl_decoder_config *d = &lm->env.model->config.decoder;
    *out = (sl_loss){0};
    sl_status s = check_pictures(lm, b, err);
    if (s || b->batch->n_tokens == 0) return s;
    if (lm->step != b->step) memset(lm->counts, 0, lm->n_counts * sizeof *lm->counts);
    lm->step = b->step;
    /* The balancing loss is a mean over tokens: it weighs as much as the micro-batch does. Blocks that run again in
     * backward read it there. */
    float aux = d->aux_loss_coef;
    d->aux_loss_coef = aux * (float)total_weight(b->batch);
    forward(lm, ctx, b, out);
    if (!ctx->failed) sl_tape_backward(ctx);
    d->aux_loss_coef = aux;
    for (size_t i = 0; i < lm->n_counts; i++) lm->counts[i] += lm->chosen[i];
    s = sl_ctx_status(ctx, err);
    if (!s) tally_losses(lm, b, out, tally);
    return s;
}

/*
 * Moves the selection bias of a layer's experts by a fixed step towards equal use (auxiliary-loss-free balancing,
 * arXiv 2408.15664).
 */
static void balance_layer(const struct lm *lm, int layer, const double *counts, double mean)
{
    const sl_decoder_config *d = &lm->env.model->config.decoder;
    const sl_weight *bias = lm->env.model->weights.layers[layer].select_bias;
    if (!bias || !bias->value || !(lm->env.router_bias_rate > 0)) return;
    float *value = bias->value;
    for (int e = 0; e < d->n_experts; e++)
        value[e] += counts[e] < mean ? lm->env.router_bias_rate : counts[e] > mean ? -lm->env.router_bias_rate : 0.0f;
}

static sl_status lm_updated(void *state, int64_t step, sl_tally *tally, sl_error *err)
{
    (void)step, (void)err;
    struct lm *lm = state;
    const sl_decoder_config *d = &lm->env.model->config.decoder;
    if (lm->n_counts == 0) return SL_OK;
    lm->env.comm->sum(lm->env.comm, lm->counts, (int)lm->n_counts);
    bool moves = lm->env.model->weights.norm->grad; /* a frozen decoder keeps its bias */
    for (int l = 0; l < d->depth; l++) {
        const double *counts = lm->counts + (size_t)l * (size_t)d->n_experts;
        double total = 0, most = 0, unused = 0;
        for (int e = 0; e < d->n_experts; e++) {
            total += counts[e];
            most = counts[e] > most ? counts[e] : most;
            unused += counts[e] == 0;
        }
        if (total == 0) continue;
        double mean = total / d->n_experts;
        if (moves) balance_layer(lm, l, counts, mean);
        sl_tally_add(tally, "routing/max_over_mean", most / mean, 1);
        sl_tally_add(tally, "routing/unused", unused / d->n_experts, 1);
    }
    memset(lm->counts, 0, lm->n_counts * sizeof *lm->counts);
    return SL_OK;
}

static sl_status lm_held_out(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_tally *tally, sl_error *err)
{
    struct lm *lm = state;
    sl_loss loss = {0};
    sl_status s = check_pictures(lm, b, err);
    if (s || b->batch->n_tokens == 0) return s;
    sl_mark mark = sl_ctx_mark(ctx);
    forward(lm, ctx, b, &loss);
    s = sl_ctx_status(ctx, err);
    sl_ctx_release_to(ctx, mark);
    if (!s) tally_losses(lm, b, &loss, tally);
    if (!s && lm->answers) s = sl_answers_check(lm->answers, ctx, b, tally, err);
    return s;
}

static sl_status lm_held_out_end(void *state, sl_ctx *ctx, sl_tally *tally, sl_error *err)
{
    (void)ctx, (void)tally, (void)err;
    struct lm *lm = state;
    if (lm->answers) sl_answers_end(lm->answers);
    return SL_OK;
}

enum {
    VIT = 1 << SL_MODULE_VIT,
    ADAPTER = 1 << SL_MODULE_ADAPTER,
    DECODER = 1 << SL_MODULE_DECODER,
    ALL = VIT | ADAPTER | DECODER,
};

#define LM(stage, existing, trained)                                                                                   \
    {                                                                                                                  \
        .name = (stage), .modules = (existing), .trains = (trained), .need_targets = true, .open = lm_open,            \
        .close = lm_close, .loss = lm_loss, .updated = lm_updated, .held_out = lm_held_out,                            \
        .held_out_end = lm_held_out_end, .measure = "loss", .measure_falls = true                                      \
    }

const sl_objective sl_objective_text = LM("text", DECODER, DECODER);
const sl_objective sl_objective_stage0 = LM("stage0", ALL, ADAPTER);
const sl_objective sl_objective_stage1 = LM("stage1", ALL, ALL);
const sl_objective sl_objective_stage2 = LM("stage2", ALL, ALL);
const sl_objective sl_objective_sft = LM("sft", ALL, ADAPTER | DECODER);
