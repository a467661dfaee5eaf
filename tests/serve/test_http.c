/* test_http.c: the HTTP layer: replies, streams, limits, slow and vanishing clients, stopping. */
#include "base/clock.h"
#include "http_client.h"
#include "serve/http.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <stdatomic.h>

struct bench {
    struct sl_http *http;
    int port;
    atomic_int started, saw_gone, refused;
    struct sl_buf answer;
};

static void handle(void *user, struct sl_http_request *r)
{
    struct bench *b = user;
    size_t n;
    const char *path = sl_http_path(r), *body = sl_http_body(r, &n);
    b->started++;
    if (!strcmp(path, "/echo")) {
        sl_http_add_header(r, "X-Seen",
                           sl_http_header(r, "authorization") ? sl_http_header(r, "authorization") : "none");
        sl_http_reply(r, 200, "text/plain", body, n);
    } else if (!strcmp(path, "/stream")) {
        sl_http_stream_begin(r, "text/event-stream");
        for (int i = 0; i < 50; i++) {
            char text[32];
            int len = snprintf(text, sizeof text, "data: %d\n\n", i);
            sl_http_stream_write(r, text, (size_t)len);
            if (i % 10 == 0) poll(NULL, 0, 2);
        }
    } else if (!strcmp(path, "/flood")) {
        static char block[65536];
        sl_http_stream_begin(r, "text/plain");
        while (sl_http_stream_write(r, block, sizeof block)) continue;
        b->saw_gone += sl_http_gone(r);
    } else if (!strcmp(path, "/wait") || !strcmp(path, "/wait-streaming")) {
        if (path[5]) sl_http_stream_begin(r, "text/plain");
        double end = sl_clock_seconds() + 20;
        while (!sl_http_gone(r) && sl_clock_seconds() < end) poll(NULL, 0, 5);
        b->saw_gone += sl_http_gone(r);
        if (!path[5]) sl_http_reply(r, 200, "text/plain", "late", 4);
    } else if (!strcmp(path, "/slow")) {
        poll(NULL, 0, 300);
        sl_http_reply(r, 200, "text/plain", "done", 4);
    } /* "/nothing": no reply */
}

static void count_refused(void *user, int status)
{
    (void)status;
    ((struct bench *)user)->refused++;
}

static void start(struct bench *b, const struct sl_http_options *given)
{
    struct sl_http_options o;
    sl_error err;
    *b = (struct bench){.answer = SL_BUF_INIT(64 << 20)};
    sl_http_defaults(&o);
    if (given) o = *given;
    o.port = 0;
    o.handler = handle;
    o.refused = count_refused;
    o.user = b;
    assert_int_equal(sl_http_start(&o, &b->http, &err), SL_OK);
    b->port = sl_http_port(b->http);
}

static void stop(struct bench *b)
{
    sl_http_stop(&b->http, 5);
    assert_null(b->http);
    sl_buf_release(&b->answer);
}

/* Waits until *v is at least n. */
static bool reaches(atomic_int *v, int n)
{
    for (int i = 0; i < 1000 && *v < n; i++) poll(NULL, 0, 5);
    return *v >= n;
}

static void test_replies(void **state)
{
    (void)state;
    struct bench b;
    start(&b, NULL);
    client_request(b.port, "POST", "/ec%68o", "AUTHORIZATION: Bearer k\r\n", "hello", 5, &b.answer);
    assert_int_equal(client_status(&b.answer), 200);
    assert_string_equal(client_body(&b.answer), "hello");
    assert_non_null(strstr(b.answer.data, "X-Seen: Bearer k\r\n"));
    client_request(b.port, "GET", "/nothing", NULL, "", 0, &b.answer);
    assert_int_equal(client_status(&b.answer), 500);
    stop(&b);
}

static void test_streams_everything_in_order(void **state)
{
    (void)state;
    struct bench b;
    start(&b, NULL);
    client_request(b.port, "GET", "/stream", NULL, "", 0, &b.answer);
    const char *at = client_body(&b.answer);
    for (int i = 0; i < 50; i++) {
        char text[32];
        snprintf(text, sizeof text, "data: %d\n\n", i);
        at = strstr(at, text);
        assert_non_null(at);
    }
    stop(&b);
}

static void test_a_connection_serves_many_requests(void **state)
{
    (void)state;
    struct bench b;
    start(&b, NULL);
    int fd = client_connect(b.port);
    for (int i = 0; i < 20; i++) {
        const char *ask = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
        client_say(fd, ask);
        sl_buf_clear(&b.answer);
        while (!strstr(sl_buf_str(&b.answer), "\r\n\r\nab")) {
            char bytes[4096];
            ssize_t k = recv(fd, bytes, sizeof bytes, 0);
            assert_true(k > 0);
            sl_buf_add(&b.answer, bytes, (size_t)k);
        }
    }
    close(fd);
    stop(&b);
}

static void test_refuses_bodies_over_the_limit(void **state)
{
    (void)state;
    struct bench b;
    struct sl_http_options o;
    sl_http_defaults(&o);
    o.max_body = 1000;
    start(&b, &o);
    char body[1001];
    memset(body, 'x', sizeof body);
    client_request(b.port, "POST", "/echo", NULL, body, 1000, &b.answer);
    assert_int_equal(client_status(&b.answer), 200);
    client_request(b.port, "POST", "/echo", NULL, body, 1001, &b.answer);
    assert_int_equal(client_status(&b.answer), 413);
    /* Without an announced length the limit holds as well. */
    int fd = client_connect(b.port);
    const char *head =
        "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n";
    client_say(fd, head);
    client_send(fd, body, 1001);
    client_say(fd, "\r\n0\r\n\r\n");
    sl_buf_clear(&b.answer);
    client_read(fd, &b.answer, 5000);
    close(fd);
    assert_int_equal(client_status(&b.answer), 413);
    assert_int_equal(b.refused, 2);
    stop(&b);
}

static void *ask_slow(void *p)
{
    struct bench *b = p;
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    client_request(b->port, "GET", "/slow", NULL, "", 0, &out);
    intptr_t status = client_status(&out);
    sl_buf_release(&out);
    return (void *)status;
}

static void test_more_at_once_than_it_takes_are_told_to_come_back(void **state)
{
    (void)state;
    struct bench b;
    struct sl_http_options o;
    sl_http_defaults(&o);
    o.max_active = 2;
    start(&b, &o);
    pthread_t threads[6];
    int ok = 0, busy = 0;
    for (int i = 0; i < 6; i++) pthread_create(&threads[i], NULL, ask_slow, &b);
    for (int i = 0; i < 6; i++) {
        void *status;
        pthread_join(threads[i], &status);
        ok += (intptr_t)status == 200;
        busy += (intptr_t)status == 429;
    }
    assert_true(ok >= 2);
    assert_int_equal(ok + busy, 6);
    assert_int_equal(b.refused, busy);
    stop(&b);
}

static void test_a_handler_learns_that_its_client_has_gone(void **state)
{
    (void)state;
    struct bench b;
    start(&b, NULL);
    const char *paths[] = {"/wait", "/wait-streaming", "/flood"};
    for (int i = 0; i < 3; i++) {
        char ask[128];
        int fd = client_connect(b.port), n = snprintf(ask, sizeof ask, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        client_send(fd, ask, (size_t)n);
        assert_true(reaches(&b.started, i + 1));
        close(fd);
        assert_true(reaches(&b.saw_gone, i + 1));
    }
    client_request(b.port, "POST", "/echo", NULL, "x", 1, &b.answer);
    assert_int_equal(client_status(&b.answer), 200);
    stop(&b);
}

static void test_slow_senders_are_cut_off(void **state)
{
    (void)state;
    struct bench b;
    struct sl_http_options o;
    sl_http_defaults(&o);
    o.receive_seconds = 0.5;
    start(&b, &o);
    int fd = client_connect(b.port);
    double began = sl_clock_seconds();
    char byte;
    ssize_t k = -1;
    /* A header a byte at a time never ends, and each byte is a sign of life. */
    for (int i = 0; i < 400; i++) {
        client_say(fd, i ? "a" : "GET /echo HTTP/1.1\r\nX: ");
        poll(NULL, 0, 20);
        k = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (k == 0) break;
    }
    assert_int_equal(k, 0);
    assert_true(sl_clock_seconds() - began < 4);
    close(fd);
    stop(&b);
}

static void test_a_thousand_idle_connections_disturb_nobody(void **state)
{
    (void)state;
    struct bench b;
    start(&b, NULL);
    static int fds[800];
    for (int i = 0; i < 800; i++) fds[i] = client_connect(b.port);
    client_request(b.port, "POST", "/echo", NULL, "hi", 2, &b.answer);
    assert_int_equal(client_status(&b.answer), 200);
    for (int i = 0; i < 800; i++) {
        if (fds[i] >= 0) close(fds[i]);
    }
    stop(&b);
}

static void *stop_soon(void *p)
{
    struct bench *b = p;
    sl_http_stop(&b->http, 5);
    return NULL;
}

static void test_stopping_lets_requests_end(void **state)
{
    (void)state;
    struct bench b;
    pthread_t asker, stopper;
    void *status;
    start(&b, NULL);
    pthread_create(&asker, NULL, ask_slow, &b);
    assert_true(reaches(&b.started, 1));
    pthread_create(&stopper, NULL, stop_soon, &b);
    pthread_join(asker, &status);
    pthread_join(stopper, NULL);
    assert_int_equal((intptr_t)status, 200);
    assert_int_equal(client_connect(b.port), -1);
    sl_buf_release(&b.answer);
}

static void test_stopping_ends_what_would_not_end(void **state)
{
    (void)state;
    struct bench b;
    start(&b, NULL);
    int fd = client_connect(b.port);
    client_say(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(reaches(&b.started, 1));
    double began = sl_clock_seconds();
    sl_http_stop(&b.http, 0.1);
    assert_true(sl_clock_seconds() - began < 5);
    assert_int_equal(b.saw_gone, 1);
    close(fd);
    sl_buf_release(&b.answer);
}

static void test_a_port_in_use_is_named(void **state)
{
    (void)state;
    struct bench b;
    struct sl_http_options o;
    struct sl_http *second;
    sl_error err;
    start(&b, NULL);
    sl_http_defaults(&o);
    o.port = b.port;
    o.handler = handle;
    assert_int_equal(sl_http_start(&o, &second, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "in use"));
    o.host = "no.such.host.invalid";
    assert_int_equal(sl_http_start(&o, &second, &err), SL_ERR_ARGUMENT);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_streams_everything_in_order),
        cmocka_unit_test(test_a_connection_serves_many_requests),
        cmocka_unit_test(test_refuses_bodies_over_the_limit),
        cmocka_unit_test(test_more_at_once_than_it_takes_are_told_to_come_back),
        cmocka_unit_test(test_a_handler_learns_that_its_client_has_gone),
        cmocka_unit_test(test_slow_senders_are_cut_off),
        cmocka_unit_test(test_a_thousand_idle_connections_disturb_nobody),
        cmocka_unit_test(test_stopping_lets_requests_end),
        cmocka_unit_test(test_stopping_ends_what_would_not_end),
        cmocka_unit_test(test_a_port_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
