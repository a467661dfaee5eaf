/*
 * run.c: the training loop.
 *
 * A step: every rank runs its sequences forward and backward; all agree on what happened (failures, signals, the end of
 * the data) in one sum; gradients are reduced; the guard judges; the optimizer steps or the step is skipped. Whatever
 * decides anything is known to all ranks alike, so none ever waits for another.
 */
#include "train/run.h"

#include "base/clock.h"
#include "train/run_parts.h"

#include <stdio.h>
#include <string.h>

/* What a step found out, summed over ranks. */
enum { FAILED, STOP, CUT, BATCHES, TOKENS, SAMPLES, N_FLAGS };

static sl_status run_sequence(sl_run_state *r, int s, double *flags, sl_error *err)
{
    const struct sl_loader_batch *data;
    sl_batch *batch = NULL;
    sl_loss loss = {0};
    sl_status st = sl_feed_next(r->feed, s, &data, err);
    if (st || !data) return st;
    st = sl_run_batch(r, data, &batch, err);
    if (st) return st;
    sl_micro_batch b = {
        .data = data,
        .batch = batch,
        .number = (uint64_t)r->begun * (uint64_t)r->recipe->sequences + (uint64_t)s,
        .step = r->begun, /* steps undone by going back are other steps */
    };
    sl_ctx *ctx = sl_trainer_begin(r->trainer);
    st = r->recipe->objective->loss(r->objective, ctx, &b, &loss, &r->tally, err);
    if (!st) sl_trainer_end(r->trainer, loss.sum, loss.weight);
    flags[BATCHES]++;
    flags[TOKENS] += (double)data->n_tokens;
    flags[SAMPLES] += (double)data->n_samples;
    sl_batch_free(batch);
    return st;
}

/* Forward and backward of this rank's sequences; flags are then those of all ranks. */
static sl_status run_sequences(sl_run_state *r, double *flags, sl_error *err)
{
    sl_status s = SL_OK;
    memset(flags, 0, N_FLAGS * sizeof *flags);
    s = sl_feed_mark(r->feed, err);
    for (int i = 0; i < r->recipe->sequences && !s; i++)
        if (sl_feed_owns(r->feed, i)) s = run_sequence(r, i, flags, err);
    flags[CUT] = s == SL_ERR_BUSY; /* a signal came while it waited for data */
    if (s == SL_ERR_BUSY) s = SL_OK;
    flags[FAILED] = s != SL_OK;
    flags[STOP] = sl_signals_stop(r->o.signals);
    r->o.comm->sum(r->o.comm, flags, N_FLAGS);
    return flags[FAILED] > 0 ? sl_comm_agree(r->o.comm, s, err) : SL_OK;
}

static void say_skipped(const sl_run_state *r, const sl_step *step, sl_verdict v)
{
    if (r->o.comm->rank != 0) return;
    if (v == SL_VERDICT_SPIKE)
        sl_log(r->o.log, SL_LOG_WARNING, "step %lld skipped: gradient norm %.3g, usually %.3g", (long long)r->step + 1,
               step->grad_norm, r->guard.mean);
    else
        sl_log(r->o.log, SL_LOG_WARNING, "step %lld skipped: loss %g, gradient norm %g", (long long)r->step + 1,
               step->loss, step->grad_norm);
}

/* Applies the step or skips it. */
static sl_status finish_step(sl_run_state *r, const double *flags, sl_error *err)
{
    sl_step step;
    double one, done = sl_run_progress(r, (int64_t)flags[SAMPLES], &one), flops;
    flops = r->trainer->flops + r->trainer->backward_flops;
    sl_trainer_reduce(r->trainer, &step);
    r->last_lr = sl_schedule_lr(&r->recipe->schedule, done, one);
    r->last_loss = step.loss;
    r->last_norm = step.grad_norm;
    sl_status s = SL_OK;
    if (!(step.weight > 0) && step.weight == 0) {
        sl_trainer_skip(r->trainer); /* nothing to learn from is nothing bad */
    } else {
        sl_verdict v = sl_guard_judge(&r->guard, step.loss, step.grad_norm);
        if (v == SL_VERDICT_GOOD) {
            sl_trainer_apply(r->trainer, (float)r->last_lr);
            if (r->recipe->objective->updated)
                s = r->recipe->objective->updated(r->objective, r->begun, &r->tally, err);
        } else {
            sl_trainer_skip(r->trainer);
            sl_progress_end(&r->progress);
            say_skipped(r, &step, v);
        }
    }
    r->step++;
    r->begun++;
    r->samples += (int64_t)flags[SAMPLES];
    r->tokens += (int64_t)flags[TOKENS];
    r->window.steps++;
    r->window.tokens += (int64_t)(flags[TOKENS] / r->o.comm->size);
    r->window.flops += flops;
    return s;
}

static bool is_due(int64_t step, int64_t every)
{
    return every > 0 && step % every == 0;
}

/* Logs, checks and saves where it is time to. A checkpoint is never of a skipped step: it should be a good one. */
static sl_status after_step(sl_run_state *r, sl_error *err)
{
    bool best = false;
    sl_status s = is_due(r->step, r->recipe->log_every) ? sl_run_report(r, err) : SL_OK;
    if (!s && is_due(r->step, r->recipe->eval_every)) s = sl_run_held_out(r, &best, err);
    if (!s && r->guard.in_a_row == 0 && is_due(r->step, r->recipe->save_every)) {
        double start = sl_clock_seconds();
        s = sl_run_save(r, best, err);
        r->window.other += sl_clock_seconds() - start;
    }
    return s;
}

static bool is_over(const sl_run_state *r)
{
    return r->recipe->steps > 0 && r->step >= r->recipe->steps;
}

static sl_status loop(sl_run_state *r, sl_run_end *end, sl_error *err)
{
    double flags[N_FLAGS];
    sl_progress_begin(&r->progress, "training", r->recipe->steps > 0 ? "steps" : "samples",
                      r->recipe->steps > 0 ? (double)r->recipe->steps : r->total_samples);
    sl_status s = SL_OK;
    while (!s && !is_over(r)) {
        s = run_sequences(r, flags, err);
        if (!s && flags[CUT] > 0) {
            sl_trainer_skip(r->trainer); /* the step has not been */
            sl_feed_go_back(r->feed);
            *end = SL_RUN_STOPPED;
            break;
        }
        if (s || flags[BATCHES] == 0) break; /* the data's end */
        s = finish_step(r, flags, err);
        if (!s && r->guard.in_a_row >= r->recipe->patience) {
            s = sl_run_go_back(r, err);
        } else if (!s) {
            s = after_step(r, err);
        }
        if (r->o.comm->rank == 0 && r->progress.total > 0)
            sl_progress_to(&r->progress, r->recipe->steps > 0 ? (double)r->step : (double)r->samples);
        if (flags[STOP] > 0) {
            *end = SL_RUN_STOPPED;
            break;
        }
    }
    sl_progress_end(&r->progress);
    return s;
}

/* The last check, the last checkpoint, and the model. */
static sl_status finish(sl_run_state *r, sl_run_end end, sl_error *err)
{
    bool best = false;
    r->done = end == SL_RUN_FINISHED;
    sl_status s = sl_run_report(r, err);
    bool checked = is_due(r->step, r->recipe->eval_every);
    if (!s && r->done && !checked) s = sl_run_held_out(r, &best, err);
    if (!s) s = sl_run_save(r, best, err);
    if (!s && r->done) s = sl_run_export(r, err);
    sl_status saved = s ? s : sl_saver_wait(r->saver, err);
    return sl_comm_agree(r->o.comm, saved, err);
}

sl_status sl_run(const sl_train_recipe *recipe, const sl_run_options *o, sl_run_end *end, sl_error *err)
{
    sl_run_state r = {.recipe = recipe, .o = *o};
    *end = SL_RUN_FINISHED;
    sl_status s = sl_run_open(&r, err);
    if (!s && !r.done) {
        s = loop(&r, end, err);
        if (!s) s = finish(&r, *end, err);
    }
    sl_run_close(&r);
    return s;
}
