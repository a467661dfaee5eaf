/*
 * http.h: HTTP/1.1 over libmicrohttpd: one event thread for all connections, one thread for each request being handled.
 *
 * A handler is plain blocking code: it reads the request, replies once or writes a stream, and learns on the way that
 * the client has gone. Idle and slow connections cost a socket, never a thread: a connection that has not sent a whole
 * request in time is cut off.
 */
#ifndef SL_SERVE_HTTP_H
#define SL_SERVE_HTTP_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_http;         /* a running server */
struct sl_http_request; /* one request, from its last byte to its reply */

/* Handles one request on a thread of its own. Returning without a reply is answered 500. */
typedef void (*sl_http_handler)(void *user, struct sl_http_request *r);

struct sl_http_options {
    const char *host;        /* address or name to listen on: "127.0.0.1" */
    int port;                /* 0: any free one */
    int max_connections;     /* open at once: 4096 */
    int max_active;          /* requests being handled at once: 256; more are answered 429, but for GETs */
    size_t max_body;         /* bytes of a request's body; more is 413: 64 MiB */
    double receive_seconds;  /* from a connection's opening, or its last reply, to the end of its next request: 60 */
    size_t max_stream_bytes; /* that may wait for a slow client before it counts as gone: 16 MiB */
    sl_http_handler handler;
    void *user;                                        /* of the handler, borrowed */
    void (*refused)(void *user, int status);           /* a request answered here, without the handler; or NULL */
    const char *(*error_body)(int status, void *user); /* static JSON for such answers; NULL: plain text */
};

/* Fills in the numbers above, 127.0.0.1 and port 8080. */
void sl_http_defaults(struct sl_http_options *o);

/* Listens and serves into *out, owned; release with sl_http_stop. A port in use is SL_ERR_IO and says so. */
sl_status sl_http_start(const struct sl_http_options *o, struct sl_http **out, sl_error *err);

/* Returns the port that is listened on. */
int sl_http_port(const struct sl_http *h);

/* Returns how many requests are being handled. */
int sl_http_active(struct sl_http *h);

/*
 * Takes no new connections, gives the requests in hand drain_seconds to end, then lets them see their clients gone,
 * waits for the handlers and releases everything; *h is NULL afterwards.
 */
void sl_http_stop(struct sl_http **h, double drain_seconds);

/* --- the request; borrowed by its handler, everything lives until the handler returns ----------------------------- */

/* "GET", "POST", ... */
const char *sl_http_method(const struct sl_http_request *r);
/* The path, percent-decoded, without the query. */
const char *sl_http_path(const struct sl_http_request *r);
/* A header's value by its name in any case, or NULL. Only those in the handler's interest are kept: see http.c. */
const char *sl_http_header(const struct sl_http_request *r, const char *name);
/* The body; NUL-terminated. */
const char *sl_http_body(const struct sl_http_request *r, size_t *n);
/* The peer's address as text. */
const char *sl_http_peer(const struct sl_http_request *r);
/* True once the client has gone, or the server stops: work for it is lost. */
bool sl_http_gone(struct sl_http_request *r);

/*
 * Adds a header to the reply that comes next. Values with control characters are left out.
 */
void sl_http_add_header(struct sl_http_request *r, const char *name, const char *value);

/* Replies with n bytes, copied. A second reply is a bug. */
void sl_http_reply(struct sl_http_request *r, int status, const char *content_type, const void *body, size_t n);

/* Begins a reply of unknown length with status 200. */
void sl_http_stream_begin(struct sl_http_request *r, const char *content_type);

/* Appends n bytes, copied, to the stream; false when the client has gone (nothing is kept then). */
bool sl_http_stream_write(struct sl_http_request *r, const void *bytes, size_t n);

#endif
