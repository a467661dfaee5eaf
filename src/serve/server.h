/*
 * server.h: a running server: one engine, driven by a thread of its own, behind an HTTP API.
 */
#ifndef SL_SERVE_SERVER_H
#define SL_SERVE_SERVER_H

#include "infer/embed.h"
#include "infer/engine.h"
#include "serve/http.h"
#include "serve/media_pool.h"

typedef struct sl_server sl_server;

typedef struct sl_server_options {
    struct sl_http_options http; /* handler, user, refused and error_body are the server's own */
    const char *model_name;      /* as requests name it; NULL: the model's own name */
    const char *keys;            /* file of API keys, or NULL: everybody may ask */
    const char *cors_origin;     /* value of Access-Control-Allow-Origin, or NULL: none */
    bool page;                   /* serves the web page at / */
    bool fetch;                  /* http and https addresses of media are fetched */
    bool fetch_private;          /* from private networks too */
    bool thinking;               /* when a request does not say */
    int max_media;               /* pictures, videos and frames in a request: 4096 */
    sl_embedder *embedder;       /* borrowed, or NULL: no embeddings */
    struct sl_media_pool *pool;  /* borrowed, started before there were threads */
    const struct sl_log *log;    /* borrowed, or NULL */
} sl_server_options;

/* Fills in the numbers above, the page on, fetching off, thinking on. */
void sl_server_defaults(sl_server_options *o);

/* Serves engine (borrowed; the server drives it from now on) into *out, owned. */
sl_status sl_server_start(sl_engine *engine, const sl_server_options *o, sl_server **out, sl_error *err);

/* Returns the port that is listened on. */
int sl_server_port(const sl_server *s);

/* Returns false once the engine has failed: the server then answers 503, and should be stopped. */
bool sl_server_healthy(sl_server *s);

/* Lets requests in hand end within drain_seconds, cancels the rest, and releases everything; *s is NULL afterwards. */
void sl_server_stop(sl_server **s, double drain_seconds);

#endif
