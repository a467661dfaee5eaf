/*
 * server_test.h: a server over the toy model, for the tests that talk to it.
 */
#ifndef SL_TESTS_SERVE_SERVER_TEST_H
#define SL_TESTS_SERVE_SERVER_TEST_H

#include "base/base64.h"
#include "base/file.h"
#include "http_client.h"
#include "serve/server.h"
#include "test.h"
#include "toy.h"

#include <jansson.h>

struct fixture {
    struct sl_media_pool *pool;
    sl_engine *engine;
    sl_server *server;
    int port;
    struct sl_buf answer;
    json_t *json; /* of the last answer's body, owned */
};

/* Starts a server with these options (NULL: the usual ones) on a free port. */
static inline void fixture_start(struct fixture *f, struct sl_media_pool *pool, const sl_server_options *given)
{
    sl_engine_options eo;
    sl_server_options so;
    sl_error err = {0};
    *f = (struct fixture){.pool = pool, .answer = SL_BUF_INIT(256 << 20)};
    sl_engine_defaults(&eo);
    eo.dt = SL_F32;
    eo.n_threads = 2;
    assert_sl_ok(sl_engine_open(toy_model_dir(), &eo, &f->engine, &err), &err);
    sl_server_defaults(&so);
    if (given) so = *given;
    so.http.port = 0;
    so.model_name = "toy";
    so.pool = pool;
    assert_sl_ok(sl_server_start(f->engine, &so, &f->server, &err), &err);
    f->port = sl_server_port(f->server);
}

static inline void fixture_stop(struct fixture *f)
{
    sl_server_stop(&f->server, 5);
    sl_engine_free(f->engine);
    sl_buf_release(&f->answer);
    json_decref(f->json);
}

/* Asks; returns the status. The body is in f->json when it is JSON. */
static inline int ask(struct fixture *f, const char *method, const char *path, const char *headers, const char *body)
{
    client_request(f->port, method, path, headers, body, strlen(body), &f->answer);
    json_decref(f->json);
    f->json = json_loads(client_body(&f->answer), 0, NULL);
    return client_status(&f->answer);
}

/* A value of the last answer by its path, "choices.0.message.content"; NULL when there is none. */
static inline json_t *value_at(json_t *at, const char *path)
{
    char key[64];
    while (at && *path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        at = json_is_array(at) ? json_array_get(at, (size_t)strtol(key, NULL, 10)) : json_object_get(at, key);
        path += n + (path[n] == '.');
    }
    return at;
}

static inline const char *text_at(struct fixture *f, const char *path)
{
    const char *text = json_string_value(value_at(f->json, path));
    return text ? text : "(nothing)";
}

static inline double number_at(struct fixture *f, const char *path)
{
    json_t *v = value_at(f->json, path);
    return json_is_number(v) ? json_number_value(v) : -12345;
}

/* Appends a picture of the toy as a data: address. */
static inline void add_picture_url(struct sl_buf *out, int which)
{
    struct sl_buf file = SL_BUF_INIT(1 << 20);
    sl_error err;
    assert_sl_ok(sl_file_read(toy_picture_path(which), &file, &err), &err);
    sl_buf_addstr(out, "data:image/png;base64,");
    sl_base64_encode(file.data, file.len, out);
    sl_buf_release(&file);
}

#endif
