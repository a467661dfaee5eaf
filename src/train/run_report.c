/*
 * run_report.c: held-out checks, and what a person sees of a run.
 */
#include "base/clock.h"
#include "train/run_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- held-out data --------------------------------------------------------------------------------------------- */

static sl_status check_one(sl_run_state *r, sl_feed *feed, int i, sl_tally *tally, sl_error *err)
{
    const sl_objective *o = r->recipe->objective;
    const struct sl_loader_batch *data;
    sl_batch *batch = NULL;
    sl_status s = sl_feed_next(feed, i, &data, err);
    if (s || !data) return s;
    s = sl_run_batch(r, data, &batch, err);
    if (s) return s;
    sl_micro_batch b = {.data = data, .batch = batch, .number = (uint64_t)i, .step = r->step};
    s = o->held_out(r->objective, sl_trainer_begin_forward(r->trainer), &b, tally, err);
    sl_batch_free(batch);
    return s;
}

static sl_status check_all(sl_run_state *r, sl_tally *tally, sl_error *err)
{
    const sl_objective *o = r->recipe->objective;
    sl_feed *feed = NULL;
    sl_status s = sl_run_open_data(r, true, NULL, &feed, err);
    for (int i = 0; i < r->recipe->eval_sequences && !s; i++)
        if (sl_feed_owns(feed, i)) s = check_one(r, feed, i, tally, err);
    sl_feed_free(&feed);
    s = sl_comm_agree(r->o.comm, s, err);
    if (!s && o->held_out_end) s = o->held_out_end(r->objective, sl_trainer_begin_forward(r->trainer), tally, err);
    return s ? s : sl_tally_merge(tally, r->o.comm, err);
}

/* Says the overall measures in one line: those without a family. */
static void log_check(const sl_run_state *r, const sl_tally *tally)
{
    char line[512] = "";
    size_t n = 0;
    for (int i = 0; i < tally->n && n < sizeof line - 64; i++) {
        double mean;
        if (strchr(tally->rows[i].name, '/') || !sl_tally_mean(tally, tally->rows[i].name, &mean)) continue;
        int k = snprintf(line + n, sizeof line - n, ", %s %.4g", tally->rows[i].name, mean);
        n += k > 0 ? (size_t)k : 0;
    }
    if (r->o.comm->rank == 0) sl_log(r->o.log, SL_LOG_INFO, "step %lld held out%s", (long long)r->step, line);
}

sl_status sl_run_held_out(sl_run_state *r, bool *best, sl_error *err)
{
    *best = false;
    const sl_objective *o = r->recipe->objective;
    if (!r->recipe->eval_data || !o->held_out) return SL_OK;
    double start = sl_clock_seconds(), value = 0;
    sl_tally tally = {0};
    sl_progress_end(&r->progress);
    sl_status s = check_all(r, &tally, err);
    if (!s) {
        log_check(r, &tally);
        sl_journal_add(&r->journal, r->step, "held_out", &tally, NULL);
        bool known = o->measure && sl_tally_mean(&tally, o->measure, &value);
        *best = known && (!r->has_best || (o->measure_falls ? value < r->best : value > r->best));
        if (*best) r->best = value;
        r->has_best |= known;
    }
    sl_tally_free(&tally);
    r->window.other += sl_clock_seconds() - start;
    return s;
}

/* --- progress -------------------------------------------------------------------------------------------------- */

double sl_run_progress(const sl_run_state *r, int64_t samples, double *one)
{
    double total = r->recipe->steps > 0 ? (double)r->recipe->steps : fmax(1, r->total_samples);
    double done = r->recipe->steps > 0 ? (double)r->step : (double)r->samples;
    *one = (r->recipe->steps > 0 ? 1 : (double)samples) / total;
    return done / total;
}

/* Writes a time as a person says it: "45 s", "12 min", "3.4 h". */
static const char *say_time(double seconds, char *out, size_t size)
{
    if (seconds < 90)
        snprintf(out, size, "%.0f s", seconds);
    else if (seconds < 90 * 60)
        snprintf(out, size, "%.0f min", seconds / 60);
    else
        snprintf(out, size, "%.1f h", seconds / 3600);
    return out;
}

/* What the window's numbers come to over all ranks. */
struct rates {
    double seconds, tokens_per_second, fraction, waiting;
};

static struct rates measure(sl_run_state *r)
{
    sl_window *w = &r->window;
    sl_feed_counts counts;
    sl_feed_count(r->feed, &counts);
    double seconds = fmax(1e-9, sl_clock_seconds() - w->since - w->other);
    double sums[4] = {(double)w->tokens, w->flops / seconds, counts.waited - w->waited_at, r->limit};
    r->o.comm->sum(r->o.comm, sums, 4);
    struct rates out = {
        .seconds = seconds,
        .tokens_per_second = sums[0] / seconds,
        .fraction = sums[3] > 0 ? sums[1] / sums[3] : 0,
        .waiting = sums[2] / r->o.comm->size / seconds,
    };
    *w = (sl_window){.since = sl_clock_seconds(), .waited_at = counts.waited};
    return out;
}

sl_status sl_run_report(sl_run_state *r, sl_error *err)
{
    int64_t steps = r->window.steps;
    if (steps == 0) return SL_OK;
    double loss = r->last_loss, one, done = sl_run_progress(r, 0, &one);
    struct rates rates = measure(r);
    sl_status s = sl_tally_merge(&r->tally, r->o.comm, err);
    if (s) return s;
    sl_tally_mean(&r->tally, "loss", &loss);
    double per_step = r->recipe->steps > 0 ? 1.0 / (double)r->recipe->steps : done / fmax(1, (double)r->step);
    double left = per_step > 0 ? fmax(0, 1 - done) / per_step * rates.seconds / (double)steps : 0;
    json_t *extra =
        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "lr", r->last_lr, "grad_norm",
                  isfinite(r->last_norm) ? r->last_norm : -1.0, "tokens", (double)r->tokens, "samples",
                  (double)r->samples, "tokens_per_second", rates.tokens_per_second, "fraction_of_limit", rates.fraction,
                  "waiting_for_data", rates.waiting, "skipped_steps", (double)r->guard.n_bad);
    sl_journal_add(&r->journal, r->step, "train", &r->tally, extra);
    char time[32];
    sl_progress_end(&r->progress);
    if (r->o.comm->rank == 0)
        sl_log(r->o.log, SL_LOG_INFO,
               "step %lld (%.0f %%): loss %.4f, rate %.3g, %.0f tokens/s, %.0f %% of the limit, %s left",
               (long long)r->step, 100 * done, loss, r->last_lr, rates.tokens_per_second, 100 * rates.fraction,
               say_time(left, time, sizeof time));
    sl_tally_clear(&r->tally);
    return SL_OK;
}
