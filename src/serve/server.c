/*
 * server.c: from a request's path to its route, and the thread that drives the engine.
 */
#include "serve/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/api.h"
#include "serve/page.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

void sl_server_defaults(sl_server_options *o)
{
    *o = (sl_server_options){.page = true, .thinking = true, .max_media = 4096};
    sl_http_defaults(&o->http);
}

/* --- routes
 * --------------------------------------------------------------------------------------------------------------- */

static const struct route {
    const char *method, *path; /* a path that ends in / stands for all below it */
    void (*run)(struct sl_api_call *call);
    bool open; /* without a key */
} routes[] = {
    {"POST", "/v1/chat/completions", sl_api_chat_completions, false},
    {"POST", "/v1/completions", sl_api_completions, false},
    {"POST", "/v1/responses", sl_api_responses, false},
    {"POST", "/v1/embeddings", sl_api_embeddings, false},
    {"GET", "/v1/models", sl_api_models, false},
    {"GET", "/v1/models/", sl_api_models, false},
    {"GET", "/health", sl_api_health, true},
    {"GET", "/metrics", sl_api_metrics, false},
};

static bool matches(const struct route *r, const char *path)
{
    size_t n = strlen(r->path);
    return r->path[n - 1] == '/' ? strncmp(path, r->path, n) == 0 && path[n] : strcmp(path, r->path) == 0;
}

/* The route of a request; NULL with the status to answer. */
static const struct route *find_route(const char *method, const char *path, int *status)
{
    *status = 404;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(&routes[i], path)) continue;
        if (!strcmp(routes[i].method, method)) return &routes[i];
        *status = 405;
    }
    return NULL;
}

/* The page's files, with headers that keep it to itself. */
static bool serve_page(struct sl_api_call *call)
{
    struct sl_page_file file;
    if (!call->server->options.page || strcmp(sl_http_method(call->http), "GET") != 0) return false;
    if (!sl_page_find(sl_http_path(call->http), &file)) return false;
    call->route = "page";
    call->status = 200;
    sl_http_add_header(call->http, "Content-Security-Policy",
                       "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
                       "img-src data: blob:; media-src data: blob:; form-action 'none'; base-uri 'none'; "
                       "frame-ancestors 'none'");
    sl_http_add_header(call->http, "X-Content-Type-Options", "nosniff");
    sl_http_add_header(call->http, "Referrer-Policy", "no-referrer");
    sl_http_reply(call->http, 200, file.content_type, file.bytes, file.n);
    return true;
}

/* --- admission
 * ----------------------------------------------------------------------------------------------------------- */

static const char *given_key(const struct sl_http_request *r)
{
    const char *bearer = sl_http_header(r, "Authorization");
    if (bearer && !strncasecmp(bearer, "Bearer ", 7)) return bearer + 7;
    return sl_http_header(r, "X-Api-Key");
}

static bool admit(struct sl_api_call *call, struct sl_api_problem *problem)
{
    double wait;
    char seconds[32];
    if (!call->server->keys) return true;
    switch (sl_keys_admit(call->server->keys, given_key(call->http), sl_clock_seconds(), &call->key, &wait)) {
    case SL_KEY_GOOD:
        return true;
    case SL_KEY_TOO_MANY:
        sl_api_refuse(problem, "", "this key has used its minute's share; wait %.0f seconds", wait + 0.5);
        problem->status = 429;
        problem->code = "rate_limit_exceeded";
        snprintf(seconds, sizeof seconds, "%.0f", wait + 0.5);
        sl_http_add_header(call->http, "Retry-After", seconds);
        return false;
    default:
        sl_api_refuse(problem, "", "an API key is needed: Authorization: Bearer KEY");
        problem->status = 401;
        problem->code = "invalid_api_key";
        sl_http_add_header(call->http, "WWW-Authenticate", "Bearer");
        return false;
    }
}

/* Headers for pages of one other origin; true when the request was its question beforehand, and is answered. */
static bool cross_origin(struct sl_api_call *call)
{
    const char *allowed = call->server->options.cors_origin;
    if (!allowed || !sl_http_header(call->http, "Origin")) return false;
    sl_http_add_header(call->http, "Access-Control-Allow-Origin", allowed);
    sl_http_add_header(call->http, "Vary", "Origin");
    if (strcmp(sl_http_method(call->http), "OPTIONS") != 0) return false;
    sl_http_add_header(call->http, "Access-Control-Allow-Methods", "GET, POST");
    sl_http_add_header(call->http, "Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key");
    call->status = 204;
    sl_http_reply(call->http, 204, "text/plain", "", 0);
    return true;
}

static void call_init(struct sl_api_call *call, struct sl_server *s, struct sl_http_request *r)
{
    unsigned char random[12] = {0};
    *call = (struct sl_api_call){.server = s, .http = r, .route = "other", .key = -1};
    call->began = sl_clock_seconds();
    call->created = (int64_t)time(NULL);
    if (getrandom(random, sizeof random, 0) < 0) memcpy(random, &call->began, sizeof call->began);
    for (size_t i = 0; i < sizeof random; i++) snprintf(call->id + 2 * i, 3, "%02x", random[i]);
}

static void handle(void *user, struct sl_http_request *r)
{
    struct sl_server *s = user;
    struct sl_api_call call;
    struct sl_api_problem problem;
    int status;
    call_init(&call, s, r);
    sl_http_add_header(r, "X-Request-Id", call.id);
    const struct route *route = find_route(sl_http_method(r), sl_http_path(r), &status);
    if (route) call.route = route->path;
    if (!cross_origin(&call) && !serve_page(&call)) {
        if (!route) {
            sl_api_refuse(&problem, "",
                          status == 405 ? "%s does not go with %.200s" : "there is nothing for %s at %.200s",
                          sl_http_method(r), sl_http_path(r));
            problem.status = status;
            sl_api_error(&call, &problem);
        } else if (!route->open && !admit(&call, &problem)) {
            sl_api_error(&call, &problem);
        } else {
            route->run(&call);
        }
    }
    sl_metrics_request(s->metrics, call.route, call.status);
    sl_log(s->options.log, SL_LOG_INFO, "%s %s %s %d %.0f ms", sl_http_peer(r), sl_http_method(r), call.route,
           call.status, 1000 * (sl_clock_seconds() - call.began));
}

static void count_refused(void *user, int status)
{
    sl_metrics_request(((struct sl_server *)user)->metrics, "refused", status);
}

static const char *refused_body(int status, void *user)
{
    (void)user;
    switch (status) {
    case 413:
        return "{\"error\":{\"message\":\"the request is larger than this server takes\",\"type\":"
               "\"invalid_request_error\",\"param\":null,\"code\":\"too_large\"}}\n";
    case 429:
        return "{\"error\":{\"message\":\"too many requests at once; try again\",\"type\":\"rate_limit_error\","
               "\"param\":null,\"code\":\"busy\"}}\n";
    default:
        return "{\"error\":{\"message\":\"the server is stopping\",\"type\":\"server_error\",\"param\":null,"
               "\"code\":null}}\n";
    }
}

/* --- the engine's thread
 * ---------------------------------------------------------------------------------------------------- */

static void ring(void *bell)
{
    sl_bell_ring(bell);
}

static void *drive(void *p)
{
    struct sl_server *s = p;
    bool stop = false;
    pthread_setname_np(pthread_self(), "engine");
    while (!stop) {
        sl_error err;
        bool idle = false;
        sl_status status = sl_engine_step(s->engine, &idle, &err);
        sl_bell_ring(s->bell);
        pthread_mutex_lock(&s->lock);
        if (status && !s->failed) {
            s->failed = true;
            snprintf(s->error, sizeof s->error, "%s", err.message);
            sl_log(s->options.log, SL_LOG_WARNING, "the engine failed: %s", err.message);
        }
        stop = s->stopping && idle;
        pthread_mutex_unlock(&s->lock);
        if (!stop && (idle || status)) sl_engine_wait(s->engine, 0.5);
    }
    return NULL;
}

/* Connections are descriptors: asks for as many as the system gives. */
static void raise_descriptors(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l)) return;
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_NOFILE, &l);
}

static void server_free(struct sl_server *s)
{
    sl_api_grammars_free(s);
    sl_keys_free(&s->keys);
    sl_metrics_free(s->metrics);
    sl_engine_after_tokens(s->engine, NULL, NULL);
    sl_bell_free(&s->bell);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->embedding);
    free(s->name);
    free(s);
}

sl_status sl_server_start(sl_engine *engine, const sl_server_options *o, sl_server **out, sl_error *err)
{
    struct sl_server *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return sl_fail(err, SL_ERR_MEMORY, "out of memory");
    s->options = *o;
    s->engine = engine;
    s->created = (int64_t)time(NULL);
    s->name = sl_strdup(o->model_name ? o->model_name : sl_engine_model(engine)->config.name);
    s->metrics = sl_metrics_new();
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->embedding, NULL);
    raise_descriptors();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    sl_status status = s->name && s->metrics ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory");
    if (!status && o->keys) status = sl_keys_open(o->keys, &s->keys, err);
    if (!status) status = sl_bell_new(&s->bell, err);
    if (!status) sl_engine_after_tokens(engine, ring, s->bell);
    if (!status && pthread_create(&s->driver, NULL, drive, s)) {
        status = sl_fail(err, SL_ERR_MEMORY, "cannot start the engine's thread");
    }
    if (status) {
        server_free(s);
        return status;
    }
    s->options.http.handler = handle;
    s->options.http.refused = count_refused;
    s->options.http.error_body = refused_body;
    s->options.http.user = s;
    status = sl_http_start(&s->options.http, &s->http, err);
    *out = s;
    if (status) sl_server_stop(out, 0);
    return status;
}

int sl_server_port(const sl_server *s)
{
    return sl_http_port(s->http);
}

bool sl_server_healthy(sl_server *s)
{
    pthread_mutex_lock(&s->lock);
    bool ok = !s->failed;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

void sl_server_stop(sl_server **sp, double drain_seconds)
{
    struct sl_server *s = *sp;
    if (!s) return;
    sl_http_stop(&s->http, drain_seconds);
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
    sl_engine_wake(s->engine);
    pthread_join(s->driver, NULL);
    server_free(s);
    *sp = NULL;
}
