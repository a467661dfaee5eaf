/*
 * trainer.c: forward, backward and AdamW on one model.
 */
#include "train/trainer.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANKS = 4096 };

static sl_comm *comm_of(const sl_trainer *t)
{
    return t->options.comm;
}

static int n_ranks(const sl_trainer *t)
{
    return comm_of(t) ? comm_of(t)->size : 1;
}

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
    for (int i = 0; i < SL_N_MODULES; i++) o->lr_scale[i] = 1.0f;
}

/* Returns how many elements of row r this rank keeps moments of, and in *first the number of the first of them. */
static int64_t block_of_rank(const sl_trainer *t, const sl_weight_row *r, int64_t *first)
{
    int64_t starts[MAX_RANKS + 1], n = sl_weight_row_numel(r);
    int rank = comm_of(t) ? comm_of(t)->rank : 0;
    sl_comm_split(n, n_ranks(t), starts);
    *first = starts[rank];
    return starts[rank + 1] - starts[rank];
}

int64_t sl_trainer_numel(const sl_trainer *t)
{
    int64_t n = 0;
    for (int i = 0; i < t->model->weights.n_rows; i++)
        if (t->model->weights.rows[i].w.grad) n += sl_weight_row_numel(&t->model->weights.rows[i]);
    return n;
}

static size_t moments_bytes(const sl_trainer *t)
{
    size_t total = 0;
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        int64_t first;
        const sl_weight_row *r = &t->model->weights.rows[i];
        if (r->w.grad) total += 2 * (size_t)block_of_rank(t, r, &first) * sizeof(float);
    }
    return total;
}

/* Reserves moments and work space; in a dry run only their sizes count. */
static sl_status reserve(sl_trainer *t, const sl_ops *ops, uint64_t seed, bool dry, sl_error *err)
{
    static const size_t WORK_CEILING = (size_t)1 << 40, DRY_CEILING = (size_t)1 << 45;
    size_t bytes = moments_bytes(t);
    sl_status s = dry ? sl_arena_init_dry(&t->moments, bytes, err) : sl_arena_init(&t->moments, bytes, err);
    if (s == SL_OK) {
        t->moments.used = bytes;
        s = sl_workspace_init(&t->work, dry ? NULL : ops, t->options.dt, dry ? DRY_CEILING : WORK_CEILING, err);
    }
    if (s == SL_OK && !dry) s = sl_model_init(t->model, seed, err);
    return s;
}

sl_status sl_trainer_new(const sl_config *config, const sl_ops *ops, const sl_trainer_options *o, uint64_t seed,
                         bool dry, sl_trainer **out, sl_error *err)
{
    if (o->comm && o->comm->size > MAX_RANKS)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "more than %d processes", MAX_RANKS);
    sl_trainer *t = sl_alloc_array(1, sizeof *t);
    if (!t) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a trainer");
    t->options = *o;
    sl_weight_plan plan = {.ops = ops, .dt = o->dt, .modules = o->modules, .trainable = o->trainable};
    /* What is frozen is saved with the rest, unless only an adapter to it is. */
    plan.masters = config->lora.rank ? 0 : ~0u;
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

sl_ctx *sl_trainer_begin(sl_trainer *t)
{
    t->work.ctx.tape = &t->tape;
    sl_workspace_reset(&t->work);
    return &t->work.ctx;
}

sl_ctx *sl_trainer_begin_forward(sl_trainer *t)
{
    sl_workspace_reset(&t->work);
    t->work.ctx.tape = NULL;
    return &t->work.ctx;
}

void sl_trainer_end(sl_trainer *t, double sum, double weight)
{
    t->n_accumulated++;
    t->loss += sum;
    t->weight += weight;
    t->flops += t->work.ctx.flops;
    t->backward_flops += t->work.ctx.backward_flops;
}

sl_status sl_trainer_accumulate(sl_trainer *t, const sl_batch *b, double *loss, double *flops, sl_error *err)
{
    sl_status s = sl_model_loss(sl_trainer_begin(t), t->model, b, NULL, loss, err);
    if (flops) *flops = t->work.ctx.flops;
    if (s == SL_OK) sl_trainer_end(t, *loss, 1);
    return s;
}

/* Sums the gradients of row r over ranks; this rank's block is then right. */
static void reduce_row(sl_trainer *t, const sl_weight_row *r)
{
    int64_t starts[MAX_RANKS + 1];
    if (n_ranks(t) == 1) return;
    sl_comm_split(sl_weight_row_numel(r), n_ranks(t), starts);
    comm_of(t)->reduce_scatter(comm_of(t), r->w.grad, starts);
}

void sl_trainer_reduce(sl_trainer *t, sl_step *out)
{
    const sl_ops *ops = t->work.ctx.ops;
    double squares = 0;
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        const sl_weight_row *r = &t->model->weights.rows[i];
        if (!r->w.grad) continue;
        int64_t first, n = block_of_rank(t, r, &first);
        reduce_row(t, r);
        if (n) squares += ops->sum_squares(ops, n, r->w.grad + first);
    }
    double sums[3] = {t->loss, t->weight, squares};
    if (comm_of(t)) comm_of(t)->sum(comm_of(t), sums, 3);
    double mean = sums[1] > 0 ? 1 / sums[1] : 0;
    *out = (sl_step){.loss = sums[0] * mean, .weight = sums[1], .grad_norm = sqrt(sums[2]) * mean};
    double clip = t->options.clip_norm, norm = out->grad_norm;
    t->grad_scale = mean * (clip > 0 && norm > clip ? clip / norm : 1.0);
}

static void start_anew(sl_trainer *t)
{
    t->n_accumulated = 0;
    t->loss = t->weight = t->flops = t->backward_flops = 0;
}

static void clear_gradient(const sl_ops *ops, const sl_weight_row *r)
{
    ops->zero(ops, (size_t)sl_weight_row_numel(r) * sizeof(float), r->w.grad);
}

/* Steps this rank's block of every row, gathers the others', and packs. */
static void step_rows(sl_trainer *t, const sl_ops *ops, sl_adamw p, float lr)
{
    float *m = (float *)t->moments.base;
    float decay = p.weight_decay;
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        sl_weight_row *r = &t->model->weights.rows[i];
        if (!r->w.grad) continue;
        int64_t first, n = block_of_rank(t, r, &first);
        p.weight_decay = r->decay ? decay : 0.0f;
        p.lr = lr * t->options.lr_scale[r->module];
        if (n) ops->adamw(ops, n, (float *)r->w.value + first, r->w.grad + first, m, m + n, &p);
        m += 2 * n;
        if (n_ranks(t) > 1) {
            int64_t starts[MAX_RANKS + 1];
            sl_comm_split(sl_weight_row_numel(r), n_ranks(t), starts);
            clear_gradient(ops, r); /* what the other ranks' blocks were left with */
            comm_of(t)->all_gather(comm_of(t), r->w.value, starts);
        }
        sl_weight_repack(r, &t->model->plan);
    }
}

void sl_trainer_apply(sl_trainer *t, float lr)
{
    t->step++;
    sl_adamw p = {
        .beta1 = t->options.beta1,
        .beta2 = t->options.beta2,
        .eps = t->options.eps,
        .weight_decay = t->options.weight_decay,
        .grad_scale = (float)t->grad_scale,
        .step = t->step,
    };
    step_rows(t, t->work.ctx.ops, p, lr);
    start_anew(t);
}

void sl_trainer_skip(sl_trainer *t)
{
    for (int i = 0; i < t->model->weights.n_rows; i++)
        if (t->model->weights.rows[i].w.grad) clear_gradient(t->work.ctx.ops, &t->model->weights.rows[i]);
    start_anew(t);
}

sl_status sl_trainer_update(sl_trainer *t, float lr, double *grad_norm, sl_error *err)
{
    if (t->n_accumulated == 0) return sl_fail(err, SL_ERR_ARGUMENT, "an update without any batch");
    sl_step step;
    sl_trainer_reduce(t, &step);
    if (grad_norm) *grad_norm = step.grad_norm;
    if (isfinite(step.grad_norm) && step.weight > 0)
        sl_trainer_apply(t, lr);
    else
        sl_trainer_skip(t);
    return SL_OK;
}

void sl_trainer_get_moments(const sl_trainer *t, float *m, float *v)
{
    const float *own = (const float *)t->moments.base;
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        const sl_weight_row *r = &t->model->weights.rows[i];
        if (!r->w.grad) continue;
        int64_t starts[MAX_RANKS + 1], first, n = block_of_rank(t, r, &first), numel = sl_weight_row_numel(r);
        sl_comm_split(numel, n_ranks(t), starts);
        if (n_ranks(t) > 1) {
            comm_of(t)->gather(comm_of(t), own, m, starts);
            comm_of(t)->gather(comm_of(t), own + n, v, starts);
        } else {
            SL_CHECK(m && v);
            memcpy(m, own, (size_t)n * sizeof *m);
            memcpy(v, own + n, (size_t)n * sizeof *v);
        }
        own += 2 * n;
        if (m) m += numel, v += numel;
    }
}

void sl_trainer_set_moments(sl_trainer *t, const float *m, const float *v)
{
    float *own = (float *)t->moments.base;
    for (int i = 0; i < t->model->weights.n_rows; i++) {
        const sl_weight_row *r = &t->model->weights.rows[i];
        if (!r->w.grad) continue;
        int64_t first, n = block_of_rank(t, r, &first), numel = sl_weight_row_numel(r);
        memcpy(own, m + first, (size_t)n * sizeof *m);
        memcpy(own + n, v + first, (size_t)n * sizeof *v);
        own += 2 * n;
        m += numel, v += numel;
    }
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
