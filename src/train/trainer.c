/*
 * trainer.c: forward, backward and AdamW on one model.
 */
#include "train/trainer.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void sl_trainer_defaults(sl_trainer_options *o)
{
    *o = (sl_trainer_options){
        .dt = SL_BF16,
        .trainable = SL_TRAIN_ALL,
        .beta1 = 0.9f,
        .beta2 = 0.95f,
        .eps = 1e-8f,
        .weight_decay = 0.1f,
        .clip_norm = 1.0f,
    };
}

static size_t moments_bytes(const sl_weights *w)
{
    size_t total = 0;
    for (int i = 0; i < w->n_rows; i++)
        if (w->rows[i].w.grad) total += 2 * (size_t)sl_weight_row_numel(&w->rows[i]) * sizeof(float);
    return total;
}

/* Reserves moments and work space; in a dry run only their sizes count. */
static sl_status reserve(sl_trainer *t, const sl_ops *ops, uint64_t seed, bool dry, sl_error *err)
{
    static const size_t WORK_CEILING = (size_t)1 << 40, DRY_CEILING = (size_t)1 << 45;
    size_t bytes = moments_bytes(&t->model->weights);
    sl_status s = dry ? sl_arena_init_dry(&t->moments, bytes, err) : sl_arena_init(&t->moments, bytes, err);
    if (s == SL_OK) {
        t->moments.used = bytes;
        s = sl_workspace_init(&t->work, dry ? NULL : ops, t->options.dt, dry ? DRY_CEILING : WORK_CEILING, err);
    }
    t->work.ctx.tape = &t->tape;
    if (s == SL_OK && !dry) s = sl_model_init(t->model, seed, err);
    return s;
}

sl_status sl_trainer_new(const sl_config *config, const sl_ops *ops, const sl_trainer_options *o, uint64_t seed,
                         bool dry, sl_trainer **out, sl_error *err)
{
    sl_trainer *t = sl_alloc_array(1, sizeof *t);
    if (!t) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a trainer");
    t->options = *o;
    sl_weight_plan plan = {.ops = ops, .dt = o->dt, .trainable = o->trainable};
    sl_status s = sl_model_new(config, &plan, dry, &t->model, err);
    if (s == SL_OK && o->recompute) t->model->vit_keep = t->model->decoder_keep = SL_KEEP_INPUT;
    if (s == SL_OK) s = reserve(t, ops, seed, dry, err);
    if (s != SL_OK) {
        sl_trainer_free(t);
        return s;
    }
    *out = t;
    return SL_OK;
}

void sl_trainer_free(sl_trainer *t)
{
    if (!t) return;
    sl_model_free(t->model);
    sl_arena_free(&t->moments);
    sl_workspace_free(&t->work);
    free(t);
}

sl_status sl_trainer_accumulate(sl_trainer *t, const sl_batch *b, double *loss, double *flops, sl_error *err)
{
    sl_workspace_reset(&t->work);
    sl_status s = sl_model_loss(&t->work.ctx, t->model, b, NULL, loss, err);
    if (flops) *flops = t->work.ctx.flops;
    if (s == SL_OK) t->n_accumulated++;
    return s;
}

static double global_norm(const sl_trainer *t, const sl_ops *ops)
{
    double sum = 0;
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        const sl_weight_row *r = &t->model->weights.rows[i];
        if (r->w.grad) sum += ops->sum_squares(ops, sl_weight_row_numel(r), r->w.grad);
    }
    return sqrt(sum);
}

static void clear_gradients(const sl_trainer *t, const sl_ops *ops)
{
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        const sl_weight_row *r = &t->model->weights.rows[i];
        if (r->w.grad) ops->zero(ops, (size_t)sl_weight_row_numel(r) * sizeof(float), r->w.grad);
    }
}

static void step_rows(sl_trainer *t, const sl_ops *ops, sl_adamw p)
{
    float *m = (float *)t->moments.base;
    float decay = p.weight_decay;
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        sl_weight_row *r = &t->model->weights.rows[i];
        if (!r->w.grad) continue;
        int64_t n = sl_weight_row_numel(r);
        p.weight_decay = r->decay ? decay : 0.0f;
        ops->adamw(ops, n, r->w.value, r->w.grad, m, m + n, &p);
        sl_weight_repack(r, &t->model->plan);
        m += 2 * n;
    }
}

sl_status sl_trainer_update(sl_trainer *t, float lr, double *grad_norm, sl_error *err)
{
    const sl_ops *ops = t->work.ctx.ops;
    if (t->n_accumulated == 0) return sl_fail(err, SL_ERR_ARGUMENT, "an update without any batch");
    double mean = 1.0 / t->n_accumulated;
    double norm = global_norm(t, ops) * mean;
    if (grad_norm) *grad_norm = norm;
    t->n_accumulated = 0;
    if (!isfinite(norm)) {
        clear_gradients(t, ops);
        return SL_OK;
    }
    double clip = t->options.clip_norm > 0 && norm > t->options.clip_norm ? t->options.clip_norm / norm : 1.0;
    t->step++;
    sl_adamw p = {
        .lr = lr,
        .beta1 = t->options.beta1,
        .beta2 = t->options.beta2,
        .eps = t->options.eps,
        .weight_decay = t->options.weight_decay,
        .grad_scale = (float)(mean * clip),
        .step = t->step,
    };
    step_rows(t, ops, p);
    return SL_OK;
}

sl_status sl_train_plan(const sl_config *config, const sl_ops *ops, const sl_trainer_options *o, const sl_batch *b,
                        sl_train_memory *out, sl_error *err)
{
    sl_trainer *t;
    sl_status s = sl_trainer_new(config, ops, o, 0, true, &t, err);
    if (s != SL_OK) return s;
    double loss;
    s = sl_trainer_accumulate(t, b, &loss, &out->forward_flops, err);
    out->weights = t->model->arena.used;
    out->moments = t->moments.used;
    out->activations = t->work.data.peak;
    out->scratch = (size_t)ops->n_threads * ops->scratch_size;
    sl_trainer_free(t);
    return s;
}
