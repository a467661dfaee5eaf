/*
 * generate.c: from logits to tokens, text and events: one request's side of a step.
 */
#include "base/clock.h"
#include "infer/engine_parts.h"

#include <stdlib.h>
#include <string.h>

const char *sl_finish_name(sl_finish f)
{
    static const char *const names[] = {"", "stop", "length", "cancelled", "failed"};
    return names[f];
}

void sl_request_tell(sl_request *r, sl_event event)
{
    event.request = r;
    if (r->on_event) r->on_event(r->user, &event);
}

/* Sends the text that is certain, the last piece with `event`, the pieces before it as tokens' text. */
static void tell_text(sl_request *r, sl_event event, bool ended)
{
    sl_speech_text t = sl_speech_next(&r->speech, ended);
    for (;;) {
        sl_speech_text next = sl_speech_next(&r->speech, ended);
        event.text = t.text;
        event.n = t.n;
        event.reasoning = t.reasoning;
        if (!next.n) break;
        sl_event early = event;
        early.kind = SL_EVENT_TOKEN;
        early.choice = NULL;
        sl_request_tell(r, early);
        t = next;
    }
    sl_request_tell(r, event);
}

static void fill_result(sl_request *r, sl_finish finish, sl_status status, const sl_error *error)
{
    sl_result *o = &r->result;
    double now = sl_clock_seconds();
    o->finish = finish;
    o->status = status;
    if (error) o->error = *error;
    o->reasoning = sl_buf_str(&r->speech.reasoning);
    o->answer = sl_buf_str(&r->speech.answer);
    o->n_reasoning = r->speech.reasoning.len;
    o->n_answer = r->speech.answer.len;
    o->reasoning_closed = !r->speech.thinking;
    o->prompt = r->tokens;
    o->tokens = r->tokens + r->n_prompt;
    o->logprobs = r->logprobs;
    o->pictures = r->used;
    if (r->started > 0) o->timings.queue_ms = (r->started - r->submitted) * 1e3;
    o->timings.vision_ms = r->vision_seconds * 1e3;
    if (r->first_token > 0) {
        o->timings.prefill_ms = (r->first_token - r->started - r->vision_seconds) * 1e3;
        if (o->timings.prefill_ms < 0) o->timings.prefill_ms = 0;
        o->timings.first_token_ms = (r->first_token - r->submitted) * 1e3;
        o->timings.decode_ms = (now - r->first_token) * 1e3;
    }
}

void sl_request_finish(sl_request *r, sl_finish finish, sl_status status, const sl_error *error)
{
    sl_engine *e = r->engine;
    sl_speech_end(&r->speech);
    fill_result(r, finish, status, error);
    sl_schedule_remove(e, r);
    tell_text(r, (sl_event){.kind = SL_EVENT_END}, true);
    pthread_mutex_lock(&e->lock);
    e->counters.cancelled += finish == SL_FINISH_CANCELLED;
    e->counters.failed += finish == SL_FINISH_FAILED;
    e->counters.completion_tokens += (uint64_t)r->result.usage.completion_tokens;
    bool released = r->released;
    r->done = true;
    pthread_cond_broadcast(&e->done);
    pthread_mutex_unlock(&e->lock);
    if (released) sl_request_destroy(r);
}

/* Appends a token to the sequence; what it means for the text is the caller's. */
static void append(sl_request *r, const sl_choice *c)
{
    sl_usage *u = &r->result.usage;
    r->tokens[r->n_tokens] = c->id;
    r->content[r->n_tokens++] = (uint64_t)c->id;
    if (r->logprobs) r->logprobs[u->completion_tokens] = c->logprob;
    u->completion_tokens++;
    if (r->speech.thinking) u->reasoning_tokens++;
    sl_sampler_accept(&r->sampler, c->id);
}

/*
 * Writes tokens in the model's place. Their log-probabilities are not known, as the model was not asked: the first is
 * measured on the logits at hand, the others count as 0.
 */
static void force(sl_request *r, const struct sl_forced *f, const float *logits)
{
    for (int i = 0; i < f->n && r->result.usage.completion_tokens < r->max_tokens; i++) {
        sl_choice c = {.id = f->ids[i]};
        if (i == 0 && logits) sl_sampler_measure(&r->engine->sampling, logits, c.id, r->top_logprobs, &c);
        append(r, &c);
        sl_request_tell(r, (sl_event){.kind = SL_EVENT_TOKEN, .choice = &c, .text = "", .reasoning = true});
    }
}

static bool is_end(const sl_request *r, int32_t id)
{
    const sl_generation_config *g = &r->engine->limits.generation;
    if (r->ignore_eos) return false;
    for (int i = 0; i < g->n_eos; i++)
        if (g->eos[i] == id) return true;
    return false;
}

/* The thought is over, by the model's choice or by its budget: the answer begins as the template has it. */
static void close_thought(sl_request *r, const struct sl_forced *rest, const float *logits)
{
    force(r, rest, logits);
    sl_speech_close_thought(&r->speech);
}

static bool over_budget(const sl_request *r)
{
    return r->speech.thinking && r->thinking_budget >= 0 && r->result.usage.reasoning_tokens >= r->thinking_budget &&
           r->engine->close_thought.n;
}

/* Adds a chosen token to the text; true when the request ended. */
static bool take(sl_request *r, const sl_choice *c)
{
    sl_engine *e = r->engine;
    sl_error err = {0};
    append(r, c);
    if (is_end(r, c->id)) {
        sl_request_tell(r, (sl_event){.kind = SL_EVENT_TOKEN, .choice = c, .text = ""});
        sl_request_finish(r, SL_FINISH_STOP, SL_OK, NULL);
        return true;
    }
    if (r->speech.thinking && c->id == e->think_close) {
        sl_request_tell(r, (sl_event){.kind = SL_EVENT_TOKEN, .choice = c, .text = "", .reasoning = true});
        close_thought(r, &e->after_thought, NULL);
    } else {
        sl_status s = sl_speech_add(&r->speech, c->id, &err);
        if (s != SL_OK) {
            sl_request_finish(r, SL_FINISH_FAILED, s, &err);
            return true;
        }
        tell_text(r, (sl_event){.kind = SL_EVENT_TOKEN, .choice = c}, false);
    }
    if (!r->speech.stopped && r->result.usage.completion_tokens < r->max_tokens) return false;
    sl_request_finish(r, r->speech.stopped ? SL_FINISH_STOP : SL_FINISH_LENGTH, SL_OK, NULL);
    return true;
}

bool sl_request_advance(sl_request *r, const float *logits)
{
    sl_engine *e = r->engine;
    sl_choice c;
    if (r->first_token == 0) r->first_token = sl_clock_seconds();
    if (over_budget(r)) {
        close_thought(r, &e->close_thought, logits);
        if (r->result.usage.completion_tokens < r->max_tokens) return false;
        sl_request_finish(r, SL_FINISH_LENGTH, SL_OK, NULL);
        return true;
    }
    const uint32_t *banned = e->banned[r->speech.thinking];
    if (sl_sampler_choose(&r->sampler, &e->sampling, logits, NULL, banned, r->top_logprobs, &c)) return take(r, &c);
    sl_error err;
    sl_fail(&err, SL_ERR_FORMAT, "the model's output is not a number");
    sl_request_finish(r, SL_FINISH_FAILED, SL_ERR_FORMAT, &err);
    return true;
}
