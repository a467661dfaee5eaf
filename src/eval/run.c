/*
 * run.c: a ring of questions: new ones go in at its end, those that are done leave at its front, in order.
 */
#include "eval/run.h"

#include "base/mem.h"
#include "data/source.h"
#include "eval/question.h"
#include "eval/report.h"
#include "model/batch.h"

#include <stdlib.h>
#include <string.h>

/* A question that the engine works on. */
struct job {
    struct sl_sample sample;
    sl_request *seen, *blind; /* blind: NULL when it is not asked */
};

struct run {
    sl_engine *engine;
    const struct sl_eval_options *options;
    const struct sl_log *log;
    struct sl_encode_options media;
    struct sl_source *source;
    struct sl_eval_scores *scores;
    struct sl_eval_report report;
    struct job *jobs; /* (options->parallel): a ring */
    int first, n;     /* of the jobs in it */
    int64_t n_drawn, n_done, n_all;
    bool drained; /* no more questions */
};

void sl_eval_defaults(struct sl_eval_options *o)
{
    *o = (struct sl_eval_options){.blind = true, .max_tokens = 512, .parallel = 16, .shown = 40};
}

static sl_status submit(struct run *r, const struct sl_sample *sample, bool blind, sl_request **out, bool *seen,
                        sl_error *err)
{
    struct sl_eval_question q;
    sl_ask ask;
    sl_status s = sl_eval_question_make(sample, &r->media, blind, &q, err);
    if (s) return s;
    *seen = q.seen;
    sl_ask_defaults(r->engine, &ask);
    sl_conversation_fill(&q.messages, &ask);
    sl_sampling_defaults(&ask.sampling);
    ask.max_tokens = r->options->max_tokens;
    ask.thinking = r->options->thinking == SL_EVAL_AS_DATA ? q.thinking : r->options->thinking == SL_EVAL_THINK;
    ask.thinking_budget = -1;
    s = sl_engine_submit(r->engine, &ask, out, err);
    sl_eval_question_release(&q);
    return s ? sl_fail_context(err, s, "%s", sample->key) : SL_OK;
}

/* Whether FAMILY, FAMILY/TASK or FAMILY/TASK/LEVEL names this sample. */
static bool names(const char *pattern, const struct sl_sample *sample)
{
    char level[12];
    snprintf(level, sizeof level, "%d", sample->level);
    const char *facts[] = {sample->domain ? sample->domain : "-", sample->task ? sample->task : "-", level};
    for (int i = 0; i < 3; i++) {
        size_t n = strcspn(pattern, "/");
        if (n != strlen(facts[i]) || memcmp(pattern, facts[i], n) != 0) return false;
        if (!pattern[n]) return true;
        pattern += n + 1;
    }
    return false;
}

static bool wanted(const struct sl_eval_options *o, const struct sl_sample *sample)
{
    for (int i = 0; i < o->n_only; i++)
        if (names(o->only[i], sample)) return true;
    return o->n_only == 0;
}

static void release(struct job *job)
{
    sl_request_free(job->seen);
    sl_request_free(job->blind);
    sl_sample_release(&job->sample);
    *job = (struct job){0};
}

/* Puts a sample's questions to the engine; what cannot be asked is counted and named. */
static sl_status start(struct run *r, struct job *job, sl_error *err)
{
    bool seen = false;
    sl_status s = submit(r, &job->sample, false, &job->seen, &seen, err);
    if (!s && seen && r->options->blind) s = submit(r, &job->sample, true, &job->blind, &seen, err);
    if (!s) {
        r->n++;
        r->n_drawn++;
        return SL_OK;
    }
    release(job);
    if (s == SL_ERR_BUSY) return s;
    sl_log(r->log, SL_LOG_WARNING, "skipped: %s", err->message);
    r->scores->n_skipped++;
    return SL_OK;
}

/* Fills the ring. */
static sl_status fill(struct run *r, sl_error *err)
{
    struct sl_data_limits limits;
    sl_data_limits_defaults(&limits);
    while (r->n < r->options->parallel && !r->drained) {
        if (r->options->limit && r->n_drawn == r->options->limit) {
            r->drained = true;
            break;
        }
        struct job *job = &r->jobs[(r->first + r->n) % r->options->parallel];
        bool drawn = false;
        sl_sample_init(&job->sample, limits.max_sample_bytes);
        sl_status s = sl_source_next(r->source, &job->sample, &drawn, err);
        bool asked = !s && drawn && wanted(r->options, &job->sample);
        if (asked) s = start(r, job, err);
        if (s || !asked) release(job);
        if (s) return s;
        r->drained = !drawn;
    }
    return SL_OK;
}

static bool answered(const sl_request *request)
{
    sl_finish finish = sl_request_result(request)->finish;
    return finish == SL_FINISH_STOP || finish == SL_FINISH_LENGTH;
}

static sl_status record(struct run *r, struct job *job, sl_error *err)
{
    const sl_result *seen = sl_request_result(job->seen);
    if (!answered(job->seen) || (job->blind && !answered(job->blind))) {
        sl_log(r->log, SL_LOG_WARNING, "skipped: %s: %s", job->sample.key, seen->error.message);
        r->scores->n_skipped++;
        return SL_OK;
    }
    struct sl_eval_record rec = {
        .sample = &job->sample,
        .answer = seen->answer,
        .reasoning = seen->reasoning,
        .prompt_tokens = seen->usage.prompt_tokens,
        .image_tokens = seen->usage.image_tokens,
        .completion_tokens = seen->usage.completion_tokens,
        .milliseconds = seen->timings.first_token_ms + seen->timings.decode_ms,
    };
    rec.outcome.score = sl_eval_score(&job->sample, seen->answer, &rec.outcome.right);
    if (job->blind) {
        rec.blind_answer = sl_request_result(job->blind)->answer;
        rec.outcome.blind = true;
        sl_eval_score(&job->sample, rec.blind_answer, &rec.outcome.blind_right);
    }
    sl_status s = sl_eval_scores_add(r->scores, &job->sample, &rec.outcome, err);
    return s ? s : sl_eval_report_add(&r->report, &rec, err);
}

static bool done(struct job *job)
{
    return sl_request_done(job->seen) && (!job->blind || sl_request_done(job->blind));
}

/* Takes the jobs that are done off the front of the ring. */
static sl_status harvest(struct run *r, bool *stop, sl_error *err)
{
    while (r->n && done(&r->jobs[r->first])) {
        struct job *job = &r->jobs[r->first];
        sl_status s = record(r, job, err);
        release(job);
        r->first = (r->first + 1) % r->options->parallel;
        r->n--;
        r->n_done++;
        if (s) return s;
        if (r->options->on_question && !r->options->on_question(r->options->user, r->n_done, r->n_all)) *stop = true;
    }
    return SL_OK;
}

static sl_status open_source(struct run *r, sl_error *err)
{
    struct sl_source_options o;
    sl_source_defaults(&o);
    o.name = "suite";
    o.paths = r->options->paths;
    o.n_paths = r->options->n_paths;
    o.seed = r->options->seed;
    o.limits.absolute_paths = r->options->absolute_paths;
    sl_status s = sl_source_open(&o, &r->source, err);
    if (s) return s;
    r->n_all = r->options->n_only ? -1 : sl_source_epoch_rows(r->source);
    if (r->options->limit && (r->n_all < 0 || r->options->limit < r->n_all)) r->n_all = r->options->limit;
    return SL_OK;
}

static sl_status ask_all(struct run *r, sl_error *err)
{
    bool stop = false;
    sl_status s = fill(r, err);
    while (!s && r->n && !stop) {
        s = sl_engine_step(r->engine, NULL, err);
        if (!s) s = harvest(r, &stop, err);
        if (!s && !stop) s = fill(r, err);
    }
    if (!s && !r->n_done) s = sl_fail(err, SL_ERR_FORMAT, "%s: no question in it could be asked", r->options->paths[0]);
    return s ? s : sl_eval_report_finish(&r->report, r->scores, err);
}

sl_status sl_eval_run(sl_engine *e, const struct sl_eval_options *o, const struct sl_log *log,
                      struct sl_eval_scores *scores, sl_error *err)
{
    sl_engine_limits limits;
    sl_engine_get_limits(e, &limits);
    struct run r = {.engine = e, .options = o, .log = log, .scores = scores};
    sl_encode_defaults(&r.media);
    r.media.view = sl_config_view(&sl_engine_model(e)->config);
    r.media.max_tokens = limits.context;
    r.media.max_patches = 4 * (int64_t)limits.context;
    r.jobs = sl_alloc_array((size_t)o->parallel, sizeof *r.jobs);
    sl_status s = r.jobs ? open_source(&r, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for questions");
    if (!s) s = sl_eval_report_open(&r.report, o->dir, o->shown, err);
    if (!s) s = ask_all(&r, err);
    for (; r.jobs && r.n; r.n--, r.first = (r.first + 1) % o->parallel) release(&r.jobs[r.first]);
    free(r.jobs);
    sl_source_close(&r.source);
    sl_eval_report_release(&r.report);
    return s;
}
