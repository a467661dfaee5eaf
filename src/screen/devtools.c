/*
 * devtools.c: messages over the pipes. A message is written while answers are read, because a full pipe on one side
 * must not stop the other.
 */
#include "screen/devtools.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes of one message from the browser: a picture of 16 megapixels as base64 text fits. */
enum { MAX_MESSAGE = 256 << 20, READ_AT_ONCE = 1 << 16, MAX_DEPTH = 512 };

void sl_devtools_init(struct sl_devtools *d, int to, int from, double timeout)
{
    *d = (struct sl_devtools){.to = to, .from = from, .timeout = timeout, .in = SL_BUF_INIT(MAX_MESSAGE)};
}

void sl_devtools_release(struct sl_devtools *d)
{
    sl_buf_release(&d->in);
    d->scanned = 0;
}

/* Breaks the connection for good with the message in d->error. */
static sl_status broken(struct sl_devtools *d, sl_status status)
{
    d->status = status;
    return status;
}

static sl_status report(const struct sl_devtools *d, sl_error *err)
{
    return sl_fail(err, d->status, "%s", d->error.message);
}

/* Reads what is there; an end is an error. */
static sl_status take_in(struct sl_devtools *d)
{
    char bytes[READ_AT_ONCE];
    ssize_t n = read(d->from, bytes, sizeof bytes);
    if (n > 0) {
        sl_buf_add(&d->in, bytes, (size_t)n);
        if (sl_buf_ok(&d->in)) return SL_OK;
        return broken(
            d, sl_fail(&d->error, SL_ERR_MEMORY, "the browser sent a message of more than %d MiB", MAX_MESSAGE >> 20));
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return SL_OK;
    return broken(d, sl_fail(&d->error, SL_ERR_IO, "the browser ended unexpectedly"));
}

/* Writes up to n bytes; *done grows by what went. */
static sl_status give_out(struct sl_devtools *d, const char *bytes, size_t n, size_t *done)
{
    ssize_t wrote = send(d->to, bytes, n, MSG_NOSIGNAL);
    if (wrote >= 0)
        *done += (size_t)wrote;
    else if (errno != EAGAIN && errno != EINTR)
        return broken(d, sl_fail(&d->error, SL_ERR_IO, "the browser ended unexpectedly"));
    return SL_OK;
}

/* Waits until something can be read (or written, when n > 0) and does it; past the deadline it is an error. */
static sl_status step(struct sl_devtools *d, double deadline, const char *bytes, size_t n, size_t *done)
{
    struct pollfd fds[2] = {{.fd = d->from, .events = POLLIN}, {.fd = n ? d->to : -1, .events = POLLOUT}};
    double left = deadline - sl_clock_seconds();
    if (left <= 0) return broken(d, sl_fail(&d->error, SL_ERR_IO, "the browser gave no answer within its time limit"));
    int ready = poll(fds, 2, (int)(left * 1000) + 1);
    if (ready < 0 && errno != EINTR)
        return broken(d, sl_fail(&d->error, SL_ERR_IO, "cannot wait for the browser: %s", strerror(errno)));
    if (ready <= 0) return SL_OK;
    sl_status status = SL_OK;
    if (fds[0].revents) status = take_in(d);
    if (!status && fds[1].revents) status = give_out(d, bytes, n, done);
    return status;
}

/* Takes the first whole message from what was read; *out is NULL when there is none. */
static sl_status next_message(struct sl_devtools *d, json_t **out)
{
    *out = NULL;
    const char *end = d->in.len > d->scanned ? memchr(d->in.data + d->scanned, 0, d->in.len - d->scanned) : NULL;
    if (!end) {
        d->scanned = d->in.len;
        return SL_OK;
    }
    size_t n = (size_t)(end - d->in.data);
    sl_status status = sl_json_parse(d->in.data, n, MAX_DEPTH, out, &d->error);
    memmove(d->in.data, end + 1, d->in.len - n - 1);
    d->in.len -= n + 1;
    d->scanned = 0;
    if (status) return broken(d, sl_fail_context(&d->error, status, "a message of the browser"));
    return SL_OK;
}

/* Hands an event on. */
static sl_status dispatch(struct sl_devtools *d, const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "method"));
    const char *session = json_string_value(json_object_get(message, "sessionId"));
    if (!name || !d->event) return SL_OK;
    sl_status status = d->event(d->user, session ? session : "", name, json_object_get(message, "params"), &d->error);
    return status ? broken(d, status) : SL_OK;
}

/* Takes messages until the answer to call id is there, which *answer (owned) becomes, or none is left. */
static sl_status take_messages(struct sl_devtools *d, int id, json_t **answer)
{
    *answer = NULL;
    for (;;) {
        json_t *message;
        sl_status status = next_message(d, &message);
        if (status || !message) return status;
        const json_t *of = json_object_get(message, "id");
        if (of && json_integer_value(of) == id) {
            *answer = message;
            return SL_OK;
        }
        status = of ? SL_OK : dispatch(d, message);
        json_decref(message);
        if (status) return status;
    }
}

/* Writes the call as text with its closing NUL. */
static sl_status write_call(struct sl_devtools *d, const char *session, const char *method, json_t *params,
                            struct sl_buf *out, sl_error *err)
{
    json_t *call = json_object();
    json_object_set_new(call, "id", json_integer(++d->last_id));
    json_object_set_new(call, "method", json_string(method));
    json_object_set_new(call, "params", params ? params : json_object());
    if (session && *session) json_object_set_new(call, "sessionId", json_string(session));
    sl_status status = sl_json_dump(call, 0, out, err);
    json_decref(call);
    sl_buf_addch(out, '\0');
    if (!status && !sl_buf_ok(out)) status = sl_fail(err, SL_ERR_MEMORY, "%s: the call is too long", method);
    return status;
}

/* Turns an answer, taken, into the result or an error. */
static sl_status open_answer(json_t *answer, const char *method, json_t **result, sl_error *err)
{
    const json_t *error = json_object_get(answer, "error");
    sl_status status = SL_OK;
    if (error) {
        const char *words = json_string_value(json_object_get(error, "message"));
        status = sl_fail(err, SL_ERR_FORMAT, "%s: %s", method, words ? words : "refused");
    } else if (result) {
        *result = json_incref(json_object_get(answer, "result"));
    }
    json_decref(answer);
    return status;
}

sl_status sl_devtools_call(struct sl_devtools *d, const char *session, const char *method, json_t *params,
                           json_t **result, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_MESSAGE);
    json_t *answer = NULL;
    size_t done = 0;
    double deadline = sl_clock_seconds() + d->timeout;
    if (result) *result = NULL;
    if (d->status) {
        json_decref(params);
        return report(d, err);
    }
    sl_status status = write_call(d, session, method, params, &text, err);
    if (status) goto out;
    status = give_out(d, text.data, text.len, &done);
    while (!status && !answer) {
        status = take_messages(d, d->last_id, &answer);
        if (!status && !answer) status = step(d, deadline, text.data + done, text.len - done, &done);
    }
    if (status) {
        sl_fail_context(&d->error, status, "%s", method);
        status = report(d, err);
    } else {
        status = open_answer(answer, method, result, err);
    }
out:
    sl_buf_release(&text);
    return status;
}

sl_status sl_devtools_send(struct sl_devtools *d, const char *session, const char *method, json_t *params,
                           sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_MESSAGE);
    double deadline = sl_clock_seconds() + d->timeout;
    size_t done = 0;
    if (d->status) {
        json_decref(params);
        return report(d, err);
    }
    sl_status status = write_call(d, session, method, params, &text, err);
    while (!status && done < text.len)
        if (step(d, deadline, text.data + done, text.len - done, &done)) status = report(d, err);
    sl_buf_release(&text);
    return status;
}

sl_status sl_devtools_listen(struct sl_devtools *d, const bool *flag, double seconds, sl_error *err)
{
    double deadline = sl_clock_seconds() + seconds;
    json_t *none;
    if (d->status) return report(d, err);
    for (;;) {
        if (take_messages(d, -1, &none)) return report(d, err);
        double left = deadline - sl_clock_seconds();
        if (*flag || left <= 0) return SL_OK;
        struct pollfd fd = {.fd = d->from, .events = POLLIN};
        if (poll(&fd, 1, (int)(left * 1000) + 1) > 0 && take_in(d)) return report(d, err);
    }
}
