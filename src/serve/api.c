/*
 * api.c: replies, errors and streams in OpenAI's form.
 */
#include "serve/api.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPLY = 1 << 28 };

static const char *type_of(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 429:
        return "rate_limit_error";
    default:
        return status < 500 ? "invalid_request_error" : "server_error";
    }
}

json_t *sl_api_error_json(const struct sl_api_problem *p)
{
    json_t *e = json_pack("{s:s#,s:s,s:s?,s:s?}", "message", p->message, (int)strlen(p->message), "type",
                          type_of(p->status), "param", p->param[0] ? p->param : NULL, "code", p->code);
    if (!e) e = json_pack("{s:s,s:s,s:n,s:n}", "message", "bad request", "type", type_of(p->status), "param", "code");
    return json_pack("{s:o}", "error", e);
}

static void reply_text(struct sl_api_call *call, int status, const char *type, const struct sl_buf *text)
{
    call->status = status;
    sl_http_reply(call->http, status, type, sl_buf_str(text), text->len);
}

void sl_api_reply(struct sl_api_call *call, int status, json_t *json)
{
    struct sl_buf text = SL_BUF_INIT(MAX_REPLY);
    if (!json || sl_json_dump(json, 0, &text, NULL)) {
        sl_buf_clear(&text);
        sl_buf_addstr(&text, "{\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\",\"param\":null,"
                             "\"code\":null}}");
        status = 503;
    }
    sl_buf_addch(&text, '\n');
    json_decref(json);
    reply_text(call, status, "application/json", &text);
    sl_buf_release(&text);
}

void sl_api_error(struct sl_api_call *call, const struct sl_api_problem *problem)
{
    if (problem->status == 429 || problem->status == 503) sl_http_add_header(call->http, "Retry-After", "1");
    sl_api_reply(call, problem->status, sl_api_error_json(problem));
}

bool sl_api_problem_from(struct sl_api_problem *problem, const char *param, sl_status status, const sl_error *err)
{
    sl_api_refuse(problem, param, "%s", err->message);
    if (status == SL_ERR_BUSY) {
        problem->status = 429;
        problem->code = "busy";
    } else if (status == SL_ERR_MEMORY) {
        problem->status = 413;
        problem->code = "too_large";
    }
    return false;
}

void sl_api_stream_begin(struct sl_api_call *call)
{
    call->status = 200;
    sl_http_stream_begin(call->http, "text/event-stream; charset=utf-8");
}

bool sl_api_stream_send(struct sl_api_call *call, const char *event, json_t *json)
{
    struct sl_buf text = SL_BUF_INIT(MAX_REPLY);
    if (event) sl_buf_addf(&text, "event: %s\n", event);
    sl_buf_addstr(&text, "data: ");
    bool ok = json && !sl_json_dump(json, 0, &text, NULL);
    sl_buf_addstr(&text, "\n\n");
    json_decref(json);
    ok = ok && sl_buf_ok(&text) && sl_http_stream_write(call->http, text.data, text.len);
    sl_buf_release(&text);
    return ok;
}

bool sl_api_stream_beat(struct sl_api_call *call)
{
    return sl_http_stream_write(call->http, ": working\n\n", 11);
}

bool sl_api_model_known(const struct sl_api_call *call, const char *name, struct sl_api_problem *problem)
{
    if (!name || !strcmp(name, call->server->name)) return true;
    sl_api_refuse(problem, "model", "the model '%.200s' is not here; this server has '%.200s'", name,
                  call->server->name);
    problem->status = 404;
    problem->code = "model_not_found";
    return false;
}

/* --- the small routes
 * ----------------------------------------------------------------------------------------------------- */

void sl_api_models(struct sl_api_call *call)
{
    sl_engine_limits l;
    sl_engine_get_limits(call->server->engine, &l);
    json_t *limits = json_pack("{s:i,s:i,s:I,s:I,s:I}", "context_length", l.context, "max_pictures", l.pictures,
                               "max_pixels", (json_int_t)l.pixels, "min_pixels", (json_int_t)l.min_pixels,
                               "max_request_bytes", (json_int_t)call->server->options.http.max_body);
    json_t *model = json_pack("{s:s,s:s,s:I,s:s,s:i,s:o}", "id", call->server->name, "object", "model", "created",
                              (json_int_t)call->server->created, "owned_by", "seedling", "context_length", l.context,
                              "limits", limits);
    const char *path = sl_http_path(call->http);
    if (strcmp(path, "/v1/models") != 0) {
        struct sl_api_problem problem;
        if (!sl_api_model_known(call, path + strlen("/v1/models/"), &problem)) {
            json_decref(model);
            sl_api_error(call, &problem);
            return;
        }
        sl_api_reply(call, 200, model);
        return;
    }
    sl_api_reply(call, 200, json_pack("{s:s,s:[o]}", "object", "list", "data", model));
}

void sl_api_health(struct sl_api_call *call)
{
    struct sl_server *s = call->server;
    pthread_mutex_lock(&s->lock);
    bool failed = s->failed;
    pthread_mutex_unlock(&s->lock);
    sl_api_reply(call, failed ? 503 : 200, json_pack("{s:s}", "status", failed ? "failed" : "ok"));
}

void sl_api_metrics(struct sl_api_call *call)
{
    struct sl_server *s = call->server;
    sl_engine_counters c;
    sl_engine_limits limits;
    sl_engine_count(s->engine, &c);
    sl_engine_get_limits(s->engine, &limits);
    const struct sl_gauge gauges[] = {
        {"seedling_requests_running", "Requests that share the engine's steps now.", c.running},
        {"seedling_requests_queued", "Requests that wait for a place.", c.queued},
        {"seedling_http_requests_active", "HTTP requests in hand.", sl_http_active(s->http)},
        {"seedling_cache_pages", "Pages of keys and values.", c.pages},
        {"seedling_cache_pages_free", "Of them, unused.", c.pages_free},
        {"seedling_cache_pages_cached", "Of them, kept for later requests.", c.pages_cached},
        {"seedling_cache_picture_bytes", "Memory of pictures, kept for later requests as long as it suffices.",
         (double)c.feature_bytes},
        {"seedling_cache_picture_bytes_limit", "Its share of the budget.", (double)limits.media},
        {"seedling_engine_busy_seconds", "Time spent in steps.", c.busy_seconds},
        {"seedling_media_workers_lost", "Media workers lost to files.", (double)sl_media_pool_losses(s->options.pool)},
    };
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    sl_metrics_write(s->metrics, gauges, (int)(sizeof gauges / sizeof *gauges), &text);
    reply_text(call, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
    sl_buf_release(&text);
}
