/*
 * api_chat.c: POST /v1/chat/completions, whole and streamed.
 */
#include "serve/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chat being answered. */
struct chat {
    struct sl_api_call *call;
    struct sl_api_chat request;
    struct sl_api_prompt prompt;
    struct sl_api_run run;
    struct sl_api_problem problem;
    json_t *logprobs[SL_API_MAX_CHOICES];   /* of each answer, when not streamed; owned */
    struct sl_buf held[SL_API_MAX_CHOICES]; /* text that may be the beginning of a tool call */
    bool in_call[SL_API_MAX_CHOICES];
    bool first_sent[SL_API_MAX_CHOICES];
};

static json_t *envelope(const struct chat *c, const char *object)
{
    char id[64];
    snprintf(id, sizeof id, "chatcmpl-%s", c->call->id);
    return json_pack("{s:s,s:s,s:I,s:s}", "id", id, "object", object, "created", (json_int_t)c->call->created, "model",
                     c->call->server->name);
}

/* --- whole
 * ----------------------------------------------------------------------------------------------------------------- */

static json_t *message_json(struct chat *c, const sl_result *r, bool *calls)
{
    size_t end;
    json_t *tools = c->request.n_tools ? sl_api_tool_calls(c->call, r->answer, r->n_answer, &end) : NULL;
    json_t *m = json_pack("{s:s}", "role", "assistant");
    *calls = tools;
    if (!tools) end = r->n_answer;
    json_object_set_new(m, "content", tools && end == 0 ? json_null() : json_stringn(r->answer, end));
    json_object_set_new(m, "refusal", json_null());
    if (r->n_reasoning) json_object_set_new(m, "reasoning_content", json_stringn(r->reasoning, r->n_reasoning));
    for (size_t i = 0; i < json_array_size(tools); i++) json_object_del(json_array_get(tools, i), "index");
    if (tools) json_object_set_new(m, "tool_calls", tools);
    return m;
}

static json_t *choice_json(struct chat *c, int i, const sl_result *r)
{
    bool calls;
    json_t *m = message_json(c, r, &calls), *shapes = json_object();
    sl_api_shapes(r, &c->prompt, shapes);
    json_t *choice = json_pack("{s:i,s:o,s:s,s:o}", "index", i, "message", m, "finish_reason", sl_api_finish(r, calls),
                               "logprobs", json_null());
    if (c->logprobs[i]) json_object_set_new(choice, "logprobs", json_pack("{s:O}", "content", c->logprobs[i]));
    json_object_set_new(choice, "seedling", shapes);
    return choice;
}

static void answer_whole(struct chat *c)
{
    bool beat;
    const struct sl_api_event *e;
    while ((e = sl_api_run_next(&c->run, &beat)) || beat) {
        if (!e || e->kind != SL_EVENT_TOKEN || !c->request.logprobs || e->reasoning) continue;
        if (!c->logprobs[e->choice]) c->logprobs[e->choice] = json_array();
        json_array_append_new(c->logprobs[e->choice], sl_api_logprob(c->call, &e->token));
    }
    if (sl_http_gone(c->call->http)) return;
    json_t *reply = envelope(c, "chat.completion"), *choices = json_array();
    for (int i = 0; i < c->run.n; i++) {
        const sl_result *r;
        if (!sl_api_run_result(&c->run, i, &r, &c->problem)) {
            json_decref(reply);
            json_decref(choices);
            sl_api_error(c->call, &c->problem);
            return;
        }
        json_array_append_new(choices, choice_json(c, i, r));
    }
    json_object_set_new(reply, "choices", choices);
    json_object_set_new(reply, "usage", sl_api_usage(&c->run));
    json_object_set_new(reply, "seedling", sl_api_media_json(&c->run, &c->request, &c->prompt));
    sl_api_reply(c->call, 200, reply);
}

/* --- streamed
 * ---------------------------------------------------------------------------------------------------------------- */

/* Sends one chunk: delta and finish (or NULL) of answer i, with its shapes (or NULL) beside them. Takes what it is
 * given. */
static bool send_chunk(struct chat *c, int i, json_t *delta, const char *finish, json_t *shapes, json_t *logprob)
{
    json_t *choice =
        json_pack("{s:i,s:o,s:o,s:s?}", "index", i, "delta", delta, "logprobs",
                  logprob ? json_pack("{s:[o]}", "content", logprob) : json_null(), "finish_reason", finish);
    json_t *chunk = envelope(c, "chat.completion.chunk");
    if (shapes) json_object_set_new(choice, "seedling", shapes);
    json_object_set_new(chunk, "choices", json_pack("[o]", choice));
    if (c->request.include_usage) json_object_set_new(chunk, "usage", json_null());
    return sl_api_stream_send(c->call, NULL, chunk);
}

/* Sends text of the reasoning or answer; the first chunk of an answer names the role. */
static bool send_text(struct chat *c, const struct sl_api_event *e, const char *text, size_t n, json_t *logprob)
{
    const char *key = e->reasoning ? "reasoning_content" : "content";
    json_t *delta = json_pack("{s:s#}", key, text, (int)n);
    if (!c->first_sent[e->choice]) json_object_set_new(delta, "role", json_string("assistant"));
    c->first_sent[e->choice] = true;
    return send_chunk(c, e->choice, delta, NULL, NULL, logprob);
}

/* How many of n bytes can be shown before a tool call, or what may become one. */
static size_t before_call(const char *text, size_t n, bool ended, bool *in_call)
{
    static const char tag[] = "<tool_call>";
    const char *found = memmem(text, n, tag, sizeof tag - 1);
    size_t end = found ? (size_t)(found - text) : n;
    *in_call = found;
    if (!found && !ended) {
        for (size_t k = n < sizeof tag - 2 ? n : sizeof tag - 2; k > 0; k--) {
            if (memcmp(text + n - k, tag, k) == 0) {
                end = n - k;
                break;
            }
        }
    }
    /* The white space before a call belongs to it. */
    while (!ended && end > 0 && strchr(" \n\r\t", text[end - 1])) end--;
    return end;
}

static bool send_answer_text(struct chat *c, const struct sl_api_event *e, json_t *logprob)
{
    bool ended = e->kind == SL_EVENT_END;
    if (e->reasoning || c->request.n_tools == 0) {
        if (e->n > 0 || logprob) return send_text(c, e, e->text, e->n, logprob);
        return true;
    }
    struct sl_buf *held = &c->held[e->choice];
    sl_buf_add(held, e->text, e->n);
    if (c->in_call[e->choice]) {
        json_decref(logprob);
        return true;
    }
    size_t n = before_call(sl_buf_str(held), held->len, ended, &c->in_call[e->choice]);
    bool ok = true;
    if (n > 0 || logprob) ok = send_text(c, e, sl_buf_str(held), n, logprob);
    if (n > 0) {
        memmove(held->data, held->data + n, held->len - n);
        held->len -= n;
    }
    return ok;
}

/* What was held back turned out to be no call after all: it is text. */
static bool send_end(struct chat *c, const struct sl_api_event *e)
{
    const sl_result *r;
    size_t end;
    if (!sl_api_run_result(&c->run, e->choice, &r, &c->problem)) {
        return sl_api_stream_send(c->call, NULL, sl_api_error_json(&c->problem)) && false;
    }
    json_t *calls = c->request.n_tools ? sl_api_tool_calls(c->call, r->answer, r->n_answer, &end) : NULL;
    struct sl_buf *held = &c->held[e->choice];
    bool ok = true;
    if (!calls && held->len > 0) ok = send_text(c, e, held->data, held->len, NULL);
    bool is_call = calls;
    if (ok && calls) {
        json_t *delta = json_pack("{s:o}", "tool_calls", calls);
        if (!c->first_sent[e->choice]) json_object_set_new(delta, "role", json_string("assistant"));
        ok = send_chunk(c, e->choice, delta, NULL, NULL, NULL);
    }
    json_t *shapes = json_object();
    sl_api_shapes(r, &c->prompt, shapes);
    return send_chunk(c, e->choice, json_object(), sl_api_finish(r, is_call), shapes, NULL) && ok;
}

static bool send_progress(struct chat *c, const struct sl_api_event *e)
{
    if (!c->request.include_progress) return true;
    json_t *p =
        json_pack("{s:s,s:f}", "stage", e->kind == SL_EVENT_MEDIA ? "vision" : "prefill", "fraction", e->fraction);
    if (e->kind == SL_EVENT_MEDIA) json_object_set_new(p, "picture", json_integer(e->picture));
    json_t *chunk = envelope(c, "chat.completion.chunk");
    json_object_set_new(chunk, "choices", json_array());
    json_object_set_new(chunk, "seedling", json_pack("{s:o}", "progress", p));
    return sl_api_stream_send(c->call, NULL, chunk);
}

static bool send_event(struct chat *c, const struct sl_api_event *e)
{
    switch (e->kind) {
    case SL_EVENT_TOKEN: {
        json_t *logprob = c->request.logprobs && !e->reasoning ? sl_api_logprob(c->call, &e->token) : NULL;
        return send_answer_text(c, e, logprob);
    }
    case SL_EVENT_END:
        return send_answer_text(c, e, NULL) && send_end(c, e);
    default:
        return send_progress(c, e);
    }
}

static void answer_streamed(struct chat *c)
{
    bool beat, ok = true;
    const struct sl_api_event *e;
    sl_api_stream_begin(c->call);
    while (ok && ((e = sl_api_run_next(&c->run, &beat)) || beat)) {
        ok = e ? send_event(c, e) : sl_api_stream_beat(c->call);
    }
    if (!ok || sl_http_gone(c->call->http)) return;
    json_t *last = envelope(c, "chat.completion.chunk");
    json_object_set_new(last, "choices", json_array());
    if (c->request.include_usage) json_object_set_new(last, "usage", sl_api_usage(&c->run));
    json_object_set_new(last, "seedling", sl_api_media_json(&c->run, &c->request, &c->prompt));
    if (c->request.include_usage)
        sl_api_stream_send(c->call, NULL, last);
    else
        json_decref(last);
    sl_http_stream_write(c->call->http, "data: [DONE]\n\n", 14);
}

/* --- the route
 * ------------------------------------------------------------------------------------------------------------- */

static bool begin(struct chat *c)
{
    struct sl_api_call *call = c->call;
    size_t n;
    const char *body = sl_http_body(call->http, &n);
    sl_ask ask;
    sl_ask_defaults(call->server->engine, &ask);
    if (!sl_api_chat_read(body, n, &ask.sampling, &c->request, &c->problem) ||
        !sl_api_model_known(call, c->request.model, &c->problem) ||
        !sl_api_prompt_make(call, &c->request, &c->prompt, &c->problem)) {
        return false;
    }
    if (!sl_api_ask(call, &c->request, &ask, &c->problem)) return false;
    ask.messages = c->prompt.messages;
    ask.n_messages = (size_t)c->request.n_messages;
    ask.pictures = c->prompt.asks;
    ask.n_pictures = c->prompt.n_pictures;
    bool ok = sl_api_run_start(&c->run, call, &ask, c->request.n, &c->problem);
    if (!ok) sl_api_run_end(&c->run);
    return ok;
}

void sl_api_chat_completions(struct sl_api_call *call)
{
    struct chat *c = calloc(1, sizeof *c);
    struct sl_api_problem none = {.status = 503, .message = "out of memory"};
    if (!c) {
        sl_api_error(call, &none);
        return;
    }
    c->call = call;
    for (int i = 0; i < SL_API_MAX_CHOICES; i++) c->held[i] = (struct sl_buf)SL_BUF_INIT(1 << 24);
    if (begin(c)) {
        if (c->request.stream)
            answer_streamed(c);
        else
            answer_whole(c);
        sl_api_run_end(&c->run);
    } else {
        sl_api_error(call, &c->problem);
    }
    for (int i = 0; i < SL_API_MAX_CHOICES; i++) {
        sl_buf_release(&c->held[i]);
        json_decref(c->logprobs[i]);
    }
    sl_api_prompt_release(&c->prompt);
    sl_api_chat_release(&c->request);
    free(c);
}
