/*
 * api_responses.c: POST /v1/responses: the same answers in the newer form. Nothing is stored: previous_response_id is
 * refused.
 *
 * The request is rewritten as one for chat completions, so that both are read, checked and answered by the same code.
 */
#include "serve/api.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

/* A response being written. */
struct response {
    struct sl_api_call *call;
    struct sl_api_chat request;
    struct sl_api_prompt prompt;
    struct sl_api_run run;
    struct sl_api_problem problem;
    int sequence;   /* of the next event */
    bool text_open; /* the message's item has been announced */
};

/* --- the request, rewritten
 * -------------------------------------------------------------------------------------------------- */

/* An item of the input as a message; NULL with *problem for what is no item. */
static json_t *rewrite_item(const json_t *item, size_t i, struct sl_api_problem *problem)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    if (!type || !strcmp(type, "message")) {
        json_t *content = json_object_get(item, "content");
        return json_pack("{s:O?,s:O?}", "role", json_object_get(item, "role"), "content", content);
    }
    if (!strcmp(type, "function_call")) {
        return json_pack("{s:s,s:[{s:s,s:{s:O?,s:O?}}]}", "role", "assistant", "tool_calls", "type", "function",
                         "function", "name", json_object_get(item, "name"), "arguments",
                         json_object_get(item, "arguments"));
    }
    if (!strcmp(type, "function_call_output")) {
        return json_pack("{s:s,s:O?}", "role", "tool", "content", json_object_get(item, "output"));
    }
    if (!strcmp(type, "reasoning")) return json_null();
    sl_api_refuse(problem, "input", "input[%zu].type '%.60s' is not supported", i, type);
    return NULL;
}

static bool rewrite_input(const json_t *from, json_t *messages, struct sl_api_problem *problem)
{
    const json_t *input = json_object_get(from, "input");
    json_t *instructions = json_object_get(from, "instructions");
    if (json_is_string(instructions)) {
        json_array_append_new(messages, json_pack("{s:s,s:O}", "role", "system", "content", instructions));
    }
    if (json_is_string(input)) {
        json_array_append_new(messages, json_pack("{s:s,s:O}", "role", "user", "content", input));
        return true;
    }
    if (!json_is_array(input)) return sl_api_refuse(problem, "input", "'input' must be a text or a list of items");
    for (size_t i = 0; i < json_array_size(input); i++) {
        json_t *m = rewrite_item(json_array_get(input, i), i, problem);
        if (!m) return problem->status ? false : sl_api_refuse(problem, "", "out of memory");
        if (json_is_object(m)) json_array_append(messages, m);
        json_decref(m);
    }
    return true;
}

/* Fields that have the same meaning under another name, or the same one. */
static void rewrite_fields(const json_t *from, json_t *to)
{
    static const char *const same[] = {"model",    "temperature", "top_p", "stream", "tools",       "tool_choice",
                                       "thinking", "top_k",       "min_p", "seed",   "top_logprobs"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        json_t *v = json_object_get(from, same[i]);
        if (v) json_object_set(to, same[i], v);
    }
    json_t *max = json_object_get(from, "max_output_tokens"),
           *format = json_object_get(json_object_get(from, "text"), "format");
    if (max) json_object_set(to, "max_completion_tokens", max);
    if (format) json_object_set(to, "response_format", format);
    const char *effort = json_string_value(json_object_get(json_object_get(from, "reasoning"), "effort"));
    if (effort && !json_object_get(to, "thinking")) {
        const char *type = strcmp(effort, "none") == 0 || strcmp(effort, "minimal") == 0 ? "disabled" : "enabled";
        json_object_set_new(to, "thinking", json_pack("{s:s}", "type", type));
    }
}

static json_t *rewrite(const json_t *from, struct sl_api_problem *problem)
{
    *problem = (struct sl_api_problem){0};
    if (!json_is_object(from)) return sl_api_refuse(problem, "", "the body must be a JSON object"), NULL;
    if (json_is_string(json_object_get(from, "previous_response_id"))) {
        sl_api_refuse(problem, "previous_response_id", "responses are not stored here; send the whole conversation");
        return NULL;
    }
    json_t *to = json_object(), *messages = json_array();
    if (!rewrite_input(from, messages, problem)) {
        json_decref(to);
        json_decref(messages);
        return NULL;
    }
    json_object_set_new(to, "messages", messages);
    rewrite_fields(from, to);
    return to;
}

/* --- what is answered
 * --------------------------------------------------------------------------------------------------------- */

static json_t *reasoning_item(const struct response *r, const sl_result *result)
{
    char id[64];
    snprintf(id, sizeof id, "rs_%s", r->call->id);
    return json_pack("{s:s,s:s,s:[{s:s,s:s#}]}", "type", "reasoning", "id", id, "summary", "type", "summary_text",
                     "text", result->reasoning, (int)result->n_reasoning);
}

static json_t *message_item(const struct response *r, const char *status, json_t *content)
{
    char id[64];
    snprintf(id, sizeof id, "msg_%s", r->call->id);
    return json_pack("{s:s,s:s,s:s,s:s,s:o}", "type", "message", "id", id, "status", status, "role", "assistant",
                     "content", content);
}

static json_t *text_part(const char *text, size_t n)
{
    return json_pack("{s:s,s:s#,s:[]}", "type", "output_text", "text", text, (int)n, "annotations");
}

static json_t *call_item(const struct response *r, const json_t *call, size_t i)
{
    char id[64];
    json_t *function = json_object_get(call, "function");
    snprintf(id, sizeof id, "fc_%.24s%zu", r->call->id, i);
    return json_pack("{s:s,s:s,s:O,s:O,s:O,s:s}", "type", "function_call", "id", id, "call_id",
                     json_object_get(call, "id"), "name", json_object_get(function, "name"), "arguments",
                     json_object_get(function, "arguments"), "status", "completed");
}

static json_t *output_items(struct response *r, const sl_result *result)
{
    json_t *items = json_array();
    size_t end = result->n_answer;
    json_t *calls = r->request.n_tools ? sl_api_tool_calls(r->call, result->answer, result->n_answer, &end) : NULL;
    if (result->n_reasoning) json_array_append_new(items, reasoning_item(r, result));
    if (!calls || end > 0) {
        json_array_append_new(items, message_item(r, "completed", json_pack("[o]", text_part(result->answer, end))));
    }
    for (size_t i = 0; i < json_array_size(calls); i++)
        json_array_append_new(items, call_item(r, json_array_get(calls, i), i));
    json_decref(calls);
    return items;
}

static json_t *usage_json(struct response *r)
{
    const sl_usage *u = &sl_request_result(r->run.answers[0].request)->usage;
    return json_pack("{s:i,s:i,s:i,s:{s:i},s:{s:i}}", "input_tokens", u->prompt_tokens, "output_tokens",
                     u->completion_tokens, "total_tokens", u->prompt_tokens + u->completion_tokens,
                     "input_tokens_details", "cached_tokens", u->cached_tokens, "output_tokens_details",
                     "reasoning_tokens", u->reasoning_tokens);
}

/* The response object; result NULL: it is still being written. */
static json_t *response_json(struct response *r, const sl_result *result)
{
    char id[64];
    bool cut = result && result->finish == SL_FINISH_LENGTH;
    snprintf(id, sizeof id, "resp_%s", r->call->id);
    json_t *o =
        json_pack("{s:s,s:s,s:I,s:s,s:s,s:n,s:o,s:n,s:b,s:[],s:s}", "id", id, "object", "response", "created_at",
                  (json_int_t)r->call->created, "status",
                  !result ? "in_progress"
                  : cut   ? "incomplete"
                          : "completed",
                  "model", r->call->server->name, "error", "output", result ? output_items(r, result) : json_array(),
                  "previous_response_id", "parallel_tool_calls", 1, "tools", "tool_choice", "auto");
    json_object_set_new(o, "incomplete_details", cut ? json_pack("{s:s}", "reason", "max_output_tokens") : json_null());
    if (!result) return o;
    json_object_set_new(o, "usage", usage_json(r));
    json_t *extra = sl_api_media_json(&r->run, &r->request, &r->prompt);
    sl_api_shapes(result, &r->prompt, extra);
    json_object_set_new(o, "seedling", extra);
    return o;
}

static void answer_whole(struct response *r)
{
    bool beat;
    const sl_result *result;
    while (sl_api_run_next(&r->run, &beat) || beat) continue;
    if (sl_http_gone(r->call->http)) return;
    if (!sl_api_run_result(&r->run, 0, &result, &r->problem))
        sl_api_error(r->call, &r->problem);
    else
        sl_api_reply(r->call, 200, response_json(r, result));
}

/* --- streamed
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Sends an event with its type and number in it. Takes json. */
static bool send_event(struct response *r, const char *type, json_t *json)
{
    json_object_set_new(json, "type", json_string(type));
    json_object_set_new(json, "sequence_number", json_integer(r->sequence++));
    return sl_api_stream_send(r->call, type, json);
}

static json_t *place(const struct response *r)
{
    char id[64];
    snprintf(id, sizeof id, "msg_%s", r->call->id);
    return json_pack("{s:s,s:i,s:i}", "item_id", id, "output_index", 0, "content_index", 0);
}

static bool open_text(struct response *r)
{
    if (r->text_open) return true;
    r->text_open = true;
    json_t *part = place(r);
    json_object_set_new(part, "part", text_part("", 0));
    bool ok =
        send_event(r, "response.output_item.added",
                   json_pack("{s:i,s:o}", "output_index", 0, "item", message_item(r, "in_progress", json_array())));
    return send_event(r, "response.content_part.added", part) && ok;
}

static bool send_delta(struct response *r, const struct sl_api_event *e)
{
    if (e->n == 0) return true;
    if (e->reasoning) {
        return send_event(
            r, "response.reasoning_summary_text.delta",
            json_pack("{s:i,s:i,s:s#}", "output_index", 0, "summary_index", 0, "delta", e->text, (int)e->n));
    }
    json_t *delta = place(r);
    json_object_set_new(delta, "delta", json_stringn(e->text, e->n));
    bool ok = open_text(r);
    return send_event(r, "response.output_text.delta", delta) && ok;
}

static bool close_text(struct response *r, const sl_result *result)
{
    if (!r->text_open) return true;
    json_t *done = place(r), *part = place(r);
    json_object_set_new(done, "text", json_stringn(result->answer, result->n_answer));
    json_object_set_new(part, "part", text_part(result->answer, result->n_answer));
    bool ok = send_event(r, "response.output_text.done", done);
    ok = send_event(r, "response.content_part.done", part) && ok;
    json_t *content = json_pack("[o]", text_part(result->answer, result->n_answer));
    return send_event(r, "response.output_item.done",
                      json_pack("{s:i,s:o}", "output_index", 0, "item", message_item(r, "completed", content))) &&
           ok;
}

/* Each call as an item of its own, whole. */
static bool send_calls(struct response *r, const json_t *items)
{
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        if (strcmp(json_string_value(json_object_get(item, "type")), "function_call") != 0) continue;
        const int index = (int)i;
        ok = send_event(r, "response.output_item.added", json_pack("{s:i,s:O}", "output_index", index, "item", item)) &&
             send_event(r, "response.function_call_arguments.done",
                        json_pack("{s:O,s:i,s:O}", "item_id", json_object_get(item, "id"), "output_index", index,
                                  "arguments", json_object_get(item, "arguments"))) &&
             send_event(r, "response.output_item.done", json_pack("{s:i,s:O}", "output_index", index, "item", item));
    }
    return ok;
}

static void finish_stream(struct response *r)
{
    const sl_result *result;
    if (!sl_api_run_result(&r->run, 0, &result, &r->problem)) {
        send_event(r, "error", json_pack("{s:n,s:s,s:n}", "code", "message", r->problem.message, "param"));
        return;
    }
    json_t *whole = response_json(r, result);
    if (close_text(r, result) && send_calls(r, json_object_get(whole, "output"))) {
        send_event(r, result->finish == SL_FINISH_LENGTH ? "response.incomplete" : "response.completed",
                   json_pack("{s:O}", "response", whole));
    }
    json_decref(whole);
}

static void answer_streamed(struct response *r)
{
    bool beat, ok;
    const struct sl_api_event *e;
    sl_api_stream_begin(r->call);
    ok = send_event(r, "response.created", json_pack("{s:o}", "response", response_json(r, NULL))) &&
         send_event(r, "response.in_progress", json_pack("{s:o}", "response", response_json(r, NULL)));
    while (ok && ((e = sl_api_run_next(&r->run, &beat)) || beat)) {
        /* With tools an answer may turn out to be a call: it is sent when it is whole. */
        bool held = e && r->request.n_tools > 0 && !e->reasoning;
        if (!e)
            ok = sl_api_stream_beat(r->call);
        else if ((e->kind == SL_EVENT_TOKEN || e->kind == SL_EVENT_END) && !held)
            ok = send_delta(r, e);
    }
    if (ok && !sl_http_gone(r->call->http)) finish_stream(r);
}

/* --- the route
 * ---------------------------------------------------------------------------------------------------------------------
 */

static bool begin(struct response *r)
{
    struct sl_api_call *call = r->call;
    size_t n;
    const char *body = sl_http_body(call->http, &n);
    json_t *json = NULL;
    sl_error err;
    sl_ask ask;
    if (sl_json_parse(body, n, MAX_DEPTH, &json, &err)) {
        return sl_api_refuse(&r->problem, "", "the body is not JSON: %s", err.message);
    }
    json_t *chat = rewrite(json, &r->problem);
    json_decref(json);
    sl_ask_defaults(call->server->engine, &ask);
    if (!chat || !sl_api_chat_from(chat, &ask.sampling, &r->request, &r->problem) ||
        !sl_api_model_known(call, r->request.model, &r->problem) ||
        !sl_api_prompt_make(call, &r->request, &r->prompt, &r->problem)) {
        return false;
    }
    if (!sl_api_ask(call, &r->request, &ask, &r->problem)) return false;
    ask.messages = r->prompt.messages;
    ask.n_messages = (size_t)r->request.n_messages;
    ask.pictures = r->prompt.asks;
    ask.n_pictures = r->prompt.n_pictures;
    bool ok = sl_api_run_start(&r->run, call, &ask, 1, &r->problem);
    if (!ok) sl_api_run_end(&r->run);
    return ok;
}

void sl_api_responses(struct sl_api_call *call)
{
    struct response r = {.call = call};
    if (begin(&r)) {
        if (r.request.stream)
            answer_streamed(&r);
        else
            answer_whole(&r);
        sl_api_run_end(&r.run);
    } else {
        sl_api_error(call, &r.problem);
    }
    sl_api_prompt_release(&r.prompt);
    sl_api_chat_release(&r.request);
}
