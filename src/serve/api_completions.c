/*
 * api_completions.c: POST /v1/completions: text goes on, without a chat template.
 */
#include "serve/api.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

static json_t *envelope(const struct sl_api_call *call)
{
    char id[64];
    snprintf(id, sizeof id, "cmpl-%s", call->id);
    return json_pack("{s:s,s:s,s:I,s:s}", "id", id, "object", "text_completion", "created", (json_int_t)call->created,
                     "model", call->server->name);
}

static json_t *choice_json(int index, const char *text, size_t n, const char *finish)
{
    return json_pack("{s:i,s:s#,s:n,s:s?}", "index", index, "text", text, (int)n, "logprobs", "finish_reason", finish);
}

/* The prompt: a text, or a list of one text. */
static bool read_prompt(const json_t *json, const char **text, size_t *n, struct sl_api_problem *problem)
{
    const json_t *prompt = json_object_get(json, "prompt");
    if (json_is_array(prompt) && json_array_size(prompt) == 1) prompt = json_array_get(prompt, 0);
    *text = json_string_value(prompt);
    *n = json_string_length(prompt);
    if (*text && *n) return true;
    return sl_api_refuse(problem, "prompt", "'prompt' must be a text that is not empty");
}

static bool begin(struct sl_api_call *call, struct sl_api_chat *r, struct sl_api_run *run,
                  struct sl_api_problem *problem)
{
    size_t n;
    const char *body = sl_http_body(call->http, &n);
    json_t *json = NULL;
    sl_error err;
    sl_ask ask;
    sl_ask_defaults(call->server->engine, &ask);
    *r = (struct sl_api_chat){.sampling = ask.sampling, .n = 1, .thinking_budget = -1};
    if (sl_json_parse(body, n, MAX_DEPTH, &json, &err)) {
        return sl_api_refuse(problem, "", "the body is not JSON: %s", err.message);
    }
    r->json = json;
    if (!json_is_object(json)) return sl_api_refuse(problem, "", "the body must be a JSON object");
    if (!sl_api_read_common(json, r, problem) || !sl_api_model_known(call, r->model, problem)) return false;
    if (!sl_api_ask(call, r, &ask, problem) || !read_prompt(json, &ask.prompt, &ask.n_prompt, problem)) return false;
    if (ask.max_tokens == 0) ask.max_tokens = 16; /* as OpenAI's */
    ask.thinking = false;
    bool ok = sl_api_run_start(run, call, &ask, r->n, problem);
    if (!ok) sl_api_run_end(run);
    return ok;
}

static void answer_whole(struct sl_api_call *call, struct sl_api_run *run, struct sl_api_problem *problem)
{
    bool beat;
    while (sl_api_run_next(run, &beat) || beat) continue;
    if (sl_http_gone(call->http)) return;
    json_t *reply = envelope(call), *choices = json_array();
    for (int i = 0; i < run->n; i++) {
        const sl_result *r;
        if (!sl_api_run_result(run, i, &r, problem)) {
            json_decref(reply);
            json_decref(choices);
            sl_api_error(call, problem);
            return;
        }
        json_array_append_new(choices, choice_json(i, r->answer, r->n_answer, sl_api_finish(r, false)));
    }
    json_object_set_new(reply, "choices", choices);
    json_object_set_new(reply, "usage", sl_api_usage(run));
    sl_api_reply(call, 200, reply);
}

static bool send_event(struct sl_api_call *call, struct sl_api_run *run, const struct sl_api_event *e,
                       struct sl_api_problem *problem)
{
    const char *finish = NULL;
    if (e->kind == SL_EVENT_END) {
        const sl_result *r;
        if (!sl_api_run_result(run, e->choice, &r, problem)) {
            return sl_api_stream_send(call, NULL, sl_api_error_json(problem)) && false;
        }
        finish = sl_api_finish(r, false);
    }
    if (e->n == 0 && !finish) return true;
    json_t *chunk = envelope(call);
    json_object_set_new(chunk, "choices",
                        json_pack("[o]", choice_json(e->choice, e->text ? e->text : "", e->n, finish)));
    return sl_api_stream_send(call, NULL, chunk);
}

static void answer_streamed(struct sl_api_call *call, struct sl_api_run *run, bool usage,
                            struct sl_api_problem *problem)
{
    bool beat, ok = true;
    const struct sl_api_event *e;
    sl_api_stream_begin(call);
    while (ok && ((e = sl_api_run_next(run, &beat)) || beat)) {
        ok = e ? send_event(call, run, e, problem) : sl_api_stream_beat(call);
    }
    if (!ok || sl_http_gone(call->http)) return;
    if (usage) {
        json_t *last = envelope(call);
        json_object_set_new(last, "choices", json_array());
        json_object_set_new(last, "usage", sl_api_usage(run));
        sl_api_stream_send(call, NULL, last);
    }
    sl_http_stream_write(call->http, "data: [DONE]\n\n", 14);
}

void sl_api_completions(struct sl_api_call *call)
{
    struct sl_api_chat r;
    struct sl_api_run run;
    struct sl_api_problem problem;
    if (begin(call, &r, &run, &problem)) {
        if (r.stream)
            answer_streamed(call, &run, r.include_usage, &problem);
        else
            answer_whole(call, &run, &problem);
        sl_api_run_end(&run);
    } else {
        sl_api_error(call, &problem);
    }
    sl_api_chat_release(&r);
}
