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
    if (r->grammar_state >= 0) sl_grammar_end(r->grammar);
    r->grammar_state = -1;
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

/* --- under a grammar -------------------------------------------------------------------------------------------- */

/* Begins the grammar with the answer's first token. */
static sl_status begin_grammar(sl_request *r, sl_error *err)
{
    sl_engine *e = r->engine;
    if (!e->token_list) {
        sl_status s = sl_token_list_new(e->tokenizer, e->model->config.decoder.vocab, &e->token_list, err);
        if (s != SL_OK) return s;
    }
    return sl_grammar_begin(r->grammar, &r->grammar_state, err);
}

/* Fills the engine's set of allowed tokens; *complete tells that nothing but the end may follow. */
static sl_status allow_next(sl_request *r, bool *complete, sl_error *err)
{
    sl_engine *e = r->engine;
    const uint32_t *mask;
    int n;
    sl_status s = r->grammar_state < 0 ? begin_grammar(r, err) : SL_OK;
    if (s == SL_OK) s = sl_grammar_mask(r->grammar, e->token_list, r->grammar_state, &mask, &n, err);
    if (s != SL_OK) return s;
    bool may_end = sl_grammar_accepts(r->grammar, r->grammar_state);
    *complete = n == 0 && may_end;
    if (n == 0 && !may_end) return sl_fail(err, SL_ERR_UNSUPPORTED, "the grammar is nested too deep to go on");
    memcpy(e->allowed, mask, ((size_t)e->model->config.decoder.vocab + 31) / 32 * sizeof *mask);
    const sl_generation_config *g = &e->limits.generation;
    for (int i = 0; i < g->n_eos && may_end; i++) e->allowed[g->eos[i] / 32] |= 1u << (g->eos[i] % 32);
    return SL_OK;
}

/* Follows a chosen token. */
static void follow_grammar(sl_request *r, int32_t id)
{
    size_t n;
    const char *bytes = sl_tokenizer_token(r->engine->tokenizer, id, &n);
    if (bytes) r->grammar_state = sl_grammar_advance(r->grammar, r->grammar_state, bytes, n);
}

/* Chooses the next token of an answer that must fit a grammar; true when the request ended. */
static bool advance_constrained(sl_request *r, const float *logits)
{
    sl_engine *e = r->engine;
    sl_choice c;
    sl_error err = {0};
    bool complete = false;
    sl_status s = allow_next(r, &complete, &err);
    if (s == SL_OK && !complete &&
        !sl_sampler_choose(&r->sampler, &e->sampling, logits, e->allowed, e->banned[0], r->top_logprobs, &c))
        s = sl_fail(&err, SL_ERR_UNSUPPORTED, "no token that the grammar allows can be chosen");
    if (s != SL_OK || complete) {
        sl_request_finish(r, complete ? SL_FINISH_STOP : SL_FINISH_FAILED, s, &err);
        return true;
    }
    if (!is_end(r, c.id)) follow_grammar(r, c.id);
    return take(r, &c);
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
    if (r->grammar && !r->speech.thinking) return advance_constrained(r, logits);
    const uint32_t *banned = e->banned[r->speech.thinking];
    if (sl_sampler_choose(&r->sampler, &e->sampling, logits, NULL, banned, r->top_logprobs, &c)) return take(r, &c);
    sl_error err;
    sl_fail(&err, SL_ERR_FORMAT, "the model's output is not a number");
    sl_request_finish(r, SL_FINISH_FAILED, SL_ERR_FORMAT, &err);
    return true;
}
