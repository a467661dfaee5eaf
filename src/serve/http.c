/*
 * http.c: the event thread's callbacks, the threads of the handlers, and the watch over both.
 *
 * libmicrohttpd calls from one thread. A request is handed to a thread of its own when its body is complete, and its
 * connection suspended; the reply resumes it. A request has two owners, the event thread and the handler's thread, and
 * goes with the later of them. The watch thread looks four times a second for connections that are too slow and for
 * clients that have gone: a suspended connection is not polled by the library.
 */
#include "serve/http.h"

#include "base/clock.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_HEADERS = 8, WATCH_MS = 250, SPARE = 64 /* for questions without a body, beyond max_active */ };

/* The headers that handlers read. */
static const char *const kept_headers[] = {"Authorization", "Content-Type", "Origin", "X-Request-Id", "X-Api-Key"};

enum { N_KEPT = sizeof kept_headers / sizeof *kept_headers };

/* One open connection; owned by the event thread, in the server's list. */
struct connection {
    struct connection *next, *prev;
    int fd;
    double since;                   /* when it began to wait for a request */
    struct sl_http_request *active; /* being handled, or NULL */
};

struct sl_http_request {
    struct sl_http *server;
    struct connection *connection; /* valid while the event thread holds the request */
    struct MHD_Connection *mhd;
    pthread_mutex_t lock;
    int owners;
    bool started, suspended, replied, streaming, ended, gone, too_large;
    struct MHD_Response *response; /* made, not yet queued */
    int status;
    struct sl_buf stream; /* waits for the client */
    size_t sent;          /* of the stream */
    char method[16], peer[64];
    char *path;
    char *kept[N_KEPT];
    int n_added;
    struct {
        char name[48];
        char *value;
    } added[MAX_HEADERS];
    struct sl_buf body;
};

struct sl_http {
    struct sl_http_options options;
    struct MHD_Daemon *daemon;
    int port;
    pthread_t watch;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t idle;
    struct connection *connections;
    int n_active;
    bool stopping, abandon;
};

void sl_http_defaults(struct sl_http_options *o)
{
    *o = (struct sl_http_options){.host = "127.0.0.1",
                                  .port = 8080,
                                  .max_connections = 4096,
                                  .max_active = 256,
                                  .max_body = (size_t)64 << 20,
                                  .receive_seconds = 60,
                                  .max_stream_bytes = (size_t)16 << 20};
}

/* --- the request's life --------------------------------------------------------------------------------------- */

static void request_free(struct sl_http_request *r)
{
    for (int i = 0; i < N_KEPT; i++) free(r->kept[i]);
    for (int i = 0; i < r->n_added; i++) free(r->added[i].value);
    if (r->response) MHD_destroy_response(r->response);
    sl_buf_release(&r->stream);
    sl_buf_release(&r->body);
    free(r->path);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Gives up one owner's share. */
static void request_release(struct sl_http_request *r)
{
    pthread_mutex_lock(&r->lock);
    bool last = --r->owners == 0;
    pthread_mutex_unlock(&r->lock);
    if (last) request_free(r);
}

static void peer_text(struct MHD_Connection *c, char *out, size_t size)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    out[0] = '\0';
    if (!info || !info->client_addr) return;
    socklen_t len = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(info->client_addr, len, out, (socklen_t)size, NULL, 0, NI_NUMERICHOST)) out[0] = '\0';
}

static struct sl_http_request *request_new(struct sl_http *h, struct MHD_Connection *c, const char *url,
                                           const char *method)
{
    struct sl_http_request *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->server = h;
    r->mhd = c;
    r->owners = 1;
    r->body = (struct sl_buf){.ceiling = h->options.max_body};
    r->stream = (struct sl_buf){.ceiling = h->options.max_stream_bytes};
    pthread_mutex_init(&r->lock, NULL);
    snprintf(r->method, sizeof r->method, "%s", method);
    peer_text(c, r->peer, sizeof r->peer);
    r->path = strdup(url);
    for (int i = 0; i < N_KEPT; i++) {
        const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, kept_headers[i]);
        r->kept[i] = value ? strdup(value) : NULL;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    r->connection = info ? info->socket_context : NULL;
    if (!r->path) request_release(r), r = NULL;
    return r;
}

/* Wakes the connection if it sleeps. Called with r locked. */
static void wake_locked(struct sl_http_request *r)
{
    if (!r->suspended) return;
    r->suspended = false;
    MHD_resume_connection(r->mhd);
}

/* Makes the response that the event thread queues next, and wakes its connection. Called with r locked. */
static void respond_locked(struct sl_http_request *r, int status, struct MHD_Response *response)
{
    SL_CHECK(!r->replied);
    r->replied = true;
    r->status = status;
    r->response = response;
    for (int i = 0; response && i < r->n_added; i++) {
        MHD_add_response_header(response, r->added[i].name, r->added[i].value);
    }
    wake_locked(r);
}

static void *handler_thread(void *p)
{
    struct sl_http_request *r = p;
    struct sl_http *h = r->server;
    pthread_setname_np(pthread_self(), "request");
    h->options.handler(h->options.user, r);
    if (!r->replied) sl_http_reply(r, 500, "text/plain", "internal error\n", 15);
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    wake_locked(r);
    pthread_mutex_unlock(&r->lock);
    request_release(r);
    pthread_mutex_lock(&h->lock);
    h->n_active--;
    pthread_cond_broadcast(&h->idle);
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* --- the event thread ------------------------------------------------------------------------------------------- */

/* Answers without a handler: too large, too many. */
static enum MHD_Result refuse(struct sl_http_request *r, int status)
{
    const struct sl_http_options *o = &r->server->options;
    const char *text = o->error_body ? o->error_body(status, o->user) : "refused\n";
    struct MHD_Response *m =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (!m) return MHD_NO;
    MHD_add_response_header(m, "Content-Type", o->error_body ? "application/json" : "text/plain");
    MHD_add_response_header(m, "Connection", "close");
    if (status == 429) MHD_add_response_header(m, "Retry-After", "1");
    enum MHD_Result ok = MHD_queue_response(r->mhd, (unsigned)status, m);
    MHD_destroy_response(m);
    if (o->refused) o->refused(o->user, status);
    return ok;
}

/* Starts the handler's thread; the connection sleeps meanwhile. */
static enum MHD_Result start_handler(struct sl_http_request *r)
{
    struct sl_http *h = r->server;
    r->started = true;
    int most = h->options.max_active + (strcmp(r->method, "GET") == 0 ? SPARE : 0);
    pthread_mutex_lock(&h->lock);
    bool room = h->n_active < most && !h->stopping;
    if (room) {
        h->n_active++;
        if (r->connection) r->connection->active = r;
    }
    pthread_mutex_unlock(&h->lock);
    if (!room) return refuse(r, h->stopping ? 503 : 429);
    pthread_mutex_lock(&r->lock);
    r->owners++;
    r->suspended = true;
    MHD_suspend_connection(r->mhd);
    pthread_mutex_unlock(&r->lock);
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, handler_thread, r);
    pthread_attr_destroy(&attr);
    if (!rc) return MHD_YES;
    pthread_mutex_lock(&h->lock);
    h->n_active--;
    pthread_mutex_unlock(&h->lock);
    sl_http_reply(r, 503, "text/plain", "out of threads\n", 15);
    request_release(r);
    return MHD_YES;
}

static enum MHD_Result queue_reply(struct sl_http_request *r)
{
    pthread_mutex_lock(&r->lock);
    struct MHD_Response *m = r->response;
    r->response = NULL;
    int status = r->status;
    pthread_mutex_unlock(&r->lock);
    if (!m) return MHD_NO;
    enum MHD_Result ok = MHD_queue_response(r->mhd, (unsigned)status, m);
    MHD_destroy_response(m);
    return ok;
}

/* True when the headers already say that the body is too long. */
static bool announced_too_large(struct sl_http_request *r)
{
    const char *text = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Content-Length");
    return text && strtoull(text, NULL, 10) > r->server->options.max_body;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **state)
{
    (void)version;
    struct sl_http_request *r = *state;
    if (!r) {
        r = request_new(cls, c, url, method);
        if (!r) return MHD_NO;
        *state = r;
        if (announced_too_large(r)) {
            r->too_large = r->started = true;
            return refuse(r, 413);
        }
        return MHD_YES;
    }
    if (*n > 0) {
        if (!r->too_large) sl_buf_add(&r->body, data, *n);
        if (!sl_buf_ok(&r->body)) r->too_large = true;
        *n = 0;
        return MHD_YES;
    }
    if (r->too_large && !r->started) {
        r->started = true;
        return refuse(r, 413);
    }
    if (!r->started) return start_handler(r);
    return queue_reply(r);
}

/* The library has done with a request: it was answered, or its client has gone. */
static void on_completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
    (void)c;
    (void)why;
    struct sl_http *h = cls;
    struct sl_http_request *r = *state;
    if (!r) return;
    *state = NULL;
    pthread_mutex_lock(&h->lock);
    if (r->connection) {
        r->connection->active = NULL;
        r->connection->since = sl_clock_seconds();
    }
    pthread_mutex_unlock(&h->lock);
    pthread_mutex_lock(&r->lock);
    r->gone = true;
    r->suspended = false;
    r->connection = NULL;
    pthread_mutex_unlock(&r->lock);
    request_release(r);
}

static void on_connection(void *cls, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode code)
{
    struct sl_http *h = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *k = calloc(1, sizeof *k);
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (!k) return;
        k->fd = info ? info->connect_fd : -1;
        k->since = sl_clock_seconds();
        pthread_mutex_lock(&h->lock);
        k->next = h->connections;
        if (k->next) k->next->prev = k;
        h->connections = k;
        pthread_mutex_unlock(&h->lock);
        *context = k;
    } else if (*context) {
        struct connection *k = *context;
        pthread_mutex_lock(&h->lock);
        if (k->prev)
            k->prev->next = k->next;
        else
            h->connections = k->next;
        if (k->next) k->next->prev = k->prev;
        pthread_mutex_unlock(&h->lock);
        free(k);
        *context = NULL;
    }
}

/* Gives the library the next bytes of a stream, or puts its connection to sleep until there are some. */
static ssize_t read_stream(void *cls, uint64_t position, char *out, size_t max)
{
    (void)position;
    struct sl_http_request *r = cls;
    ssize_t n = 0;
    pthread_mutex_lock(&r->lock);
    size_t waiting = r->stream.len - r->sent;
    if (waiting > 0) {
        n = (ssize_t)(waiting < max ? waiting : max);
        memcpy(out, r->stream.data + r->sent, (size_t)n);
        r->sent += (size_t)n;
        if (r->sent == r->stream.len) {
            sl_buf_clear(&r->stream);
            r->sent = 0;
        }
    } else if (r->ended) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        r->suspended = true;
        MHD_suspend_connection(r->mhd);
    }
    pthread_mutex_unlock(&r->lock);
    return n;
}

/* --- the watch ------------------------------------------------------------------------------------------------------
 */

/* A client whose end of the connection is closed. */
static bool peer_closed(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* Lets a request see that its client has gone, and the library, by waking it, that the connection is dead. */
static void abandon(struct sl_http_request *r, int fd)
{
    if (fd >= 0) shutdown(fd, SHUT_RDWR);
    pthread_mutex_lock(&r->lock);
    r->gone = r->ended = true;
    wake_locked(r);
    pthread_mutex_unlock(&r->lock);
}

static void *watch_thread(void *p)
{
    struct sl_http *h = p;
    pthread_setname_np(pthread_self(), "watch");
    pthread_mutex_lock(&h->lock);
    while (!h->abandon || h->n_active > 0) {
        double now = sl_clock_seconds();
        for (struct connection *k = h->connections; k; k = k->next) {
            if (k->active && (h->abandon || peer_closed(k->fd)))
                abandon(k->active, k->fd);
            else if (!k->active && k->fd >= 0 && now - k->since > h->options.receive_seconds)
                shutdown(k->fd, SHUT_RDWR);
        }
        pthread_mutex_unlock(&h->lock);
        poll(NULL, 0, WATCH_MS);
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* --- starting and stopping ---------------------------------------------------------------------------------------- */

static void no_log(void *cls, const char *fmt, va_list args)
{
    (void)cls;
    (void)fmt;
    (void)args;
}

static sl_status resolve(const struct sl_http_options *o, struct addrinfo **out, sl_error *err)
{
    char service[16];
    snprintf(service, sizeof service, "%d", o->port);
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo(o->host, service, &hints, out);
    if (rc) return sl_fail(err, SL_ERR_ARGUMENT, "cannot listen on \"%s\": %s", o->host, gai_strerror(rc));
    return SL_OK;
}

/* Opens the listening socket ourselves: the library's error would not say why. */
static int listen_on(const struct addrinfo *a, const struct sl_http_options *o, int *port, sl_error *err)
{
    int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 1024)) {
        sl_fail(err, SL_ERR_IO, "cannot listen on %s port %d: %s", o->host, o->port, strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    char service[16] = "";
    *port = o->port;
    if (!getsockname(fd, (struct sockaddr *)&bound, &len) &&
        !getnameinfo((struct sockaddr *)&bound, len, NULL, 0, service, sizeof service, NI_NUMERICSERV)) {
        *port = (int)strtol(service, NULL, 10);
    }
    return fd;
}

sl_status sl_http_start(const struct sl_http_options *o, struct sl_http **out, sl_error *err)
{
    struct addrinfo *address = NULL;
    sl_status status = resolve(o, &address, err);
    *out = NULL;
    if (status) return status;
    struct sl_http *h = calloc(1, sizeof *h);
    int fd = h ? listen_on(address, o, &h->port, err) : -1;
    freeaddrinfo(address);
    if (fd < 0) {
        status = h ? SL_ERR_IO : sl_fail(err, SL_ERR_MEMORY, "out of memory");
        free(h);
        return status;
    }
    h->options = *o;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->idle, NULL);
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h,
        MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)o->max_connections, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, h, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)128 * 1024, MHD_OPTION_END);
    if (!h->daemon || pthread_create(&h->watch, NULL, watch_thread, h)) {
        if (h->daemon)
            MHD_stop_daemon(h->daemon);
        else
            close(fd);
        pthread_cond_destroy(&h->idle);
        pthread_mutex_destroy(&h->lock);
        free(h);
        return sl_fail(err, SL_ERR_IO, "cannot start the HTTP server on %s port %d", o->host, o->port);
    }
    *out = h;
    return SL_OK;
}

int sl_http_port(const struct sl_http *h)
{
    return h->port;
}

int sl_http_active(struct sl_http *h)
{
    pthread_mutex_lock(&h->lock);
    int n = h->n_active;
    pthread_mutex_unlock(&h->lock);
    return n;
}

/* Waits until no request is in hand, at most so long; called with h locked. */
static void wait_idle(struct sl_http *h, double seconds)
{
    double end = sl_clock_seconds() + seconds;
    while (h->n_active > 0 && sl_clock_seconds() < end) {
        pthread_mutex_unlock(&h->lock);
        poll(NULL, 0, 20);
        pthread_mutex_lock(&h->lock);
    }
}

void sl_http_stop(struct sl_http **hp, double drain_seconds)
{
    struct sl_http *h = *hp;
    if (!h) return;
    int fd = MHD_quiesce_daemon(h->daemon);
    if (fd >= 0) close(fd);
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    wait_idle(h, drain_seconds);
    h->abandon = true;
    while (h->n_active > 0) pthread_cond_wait(&h->idle, &h->lock);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->watch, NULL);
    MHD_stop_daemon(h->daemon);
    pthread_cond_destroy(&h->idle);
    pthread_mutex_destroy(&h->lock);
    free(h);
    *hp = NULL;
}

/* --- what handlers call ----------------------------------------------------------------------------------------------
 */

const char *sl_http_method(const struct sl_http_request *r)
{
    return r->method;
}

const char *sl_http_path(const struct sl_http_request *r)
{
    return r->path;
}

const char *sl_http_header(const struct sl_http_request *r, const char *name)
{
    for (int i = 0; i < N_KEPT; i++) {
        if (!strcasecmp(name, kept_headers[i])) return r->kept[i];
    }
    return NULL;
}

const char *sl_http_body(const struct sl_http_request *r, size_t *n)
{
    *n = r->body.len;
    return sl_buf_str(&r->body);
}

const char *sl_http_peer(const struct sl_http_request *r)
{
    return r->peer;
}

bool sl_http_gone(struct sl_http_request *r)
{
    pthread_mutex_lock(&r->lock);
    bool gone = r->gone;
    pthread_mutex_unlock(&r->lock);
    return gone;
}

void sl_http_add_header(struct sl_http_request *r, const char *name, const char *value)
{
    for (const char *c = value; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return;
    }
    if (r->n_added == MAX_HEADERS) return;
    char *copy = strdup(value);
    if (!copy) return;
    snprintf(r->added[r->n_added].name, sizeof r->added[0].name, "%s", name);
    r->added[r->n_added++].value = copy;
}

void sl_http_reply(struct sl_http_request *r, int status, const char *content_type, const void *body, size_t n)
{
    struct MHD_Response *m = MHD_create_response_from_buffer(n, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (m) MHD_add_response_header(m, "Content-Type", content_type);
    pthread_mutex_lock(&r->lock);
    if (r->gone) {
        r->replied = true;
        pthread_mutex_unlock(&r->lock);
        if (m) MHD_destroy_response(m);
        return;
    }
    respond_locked(r, status, m);
    pthread_mutex_unlock(&r->lock);
}

void sl_http_stream_begin(struct sl_http_request *r, const char *content_type)
{
    struct MHD_Response *m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, r, NULL);
    if (m) {
        MHD_add_response_header(m, "Content-Type", content_type);
        MHD_add_response_header(m, "Cache-Control", "no-cache");
        MHD_add_response_header(m, "X-Accel-Buffering", "no");
    }
    pthread_mutex_lock(&r->lock);
    r->streaming = true;
    if (r->gone) {
        r->replied = true;
        pthread_mutex_unlock(&r->lock);
        if (m) MHD_destroy_response(m);
        return;
    }
    respond_locked(r, 200, m);
    pthread_mutex_unlock(&r->lock);
}

bool sl_http_stream_write(struct sl_http_request *r, const void *bytes, size_t n)
{
    pthread_mutex_lock(&r->lock);
    if (!r->gone && r->sent > 0 && r->stream.len + n > r->stream.ceiling) {
        memmove(r->stream.data, r->stream.data + r->sent, r->stream.len - r->sent);
        r->stream.len -= r->sent;
        r->sent = 0;
    }
    if (!r->gone) sl_buf_add(&r->stream, bytes, n);
    bool ok = !r->gone && sl_buf_ok(&r->stream);
    if (!ok) r->gone = true;
    wake_locked(r);
    pthread_mutex_unlock(&r->lock);
    return ok;
}
