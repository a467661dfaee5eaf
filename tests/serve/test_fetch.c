/* test_fetch.c: which addresses are public, and what a transfer does at its limits. */
#include "serve/fetch.h"

#include "serve/http.h"
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool is_public(const char *text)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &a4.sin_addr) == 1) return sl_address_is_public((struct sockaddr *)&a4, sizeof a4);
    assert_int_equal(inet_pton(AF_INET6, text, &a6.sin6_addr), 1);
    return sl_address_is_public((struct sockaddr *)&a6, sizeof a6);
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const closed[] = {
        "0.0.0.0",     "10.1.2.3",        "100.64.0.1",    "127.0.0.1",      "127.255.255.254", "169.254.169.254",
        "172.16.0.1",  "172.31.255.255",  "192.0.0.1",     "192.0.2.1",      "192.168.1.1",     "198.18.0.1",
        "198.19.9.9",  "198.51.100.7",    "203.0.113.9",   "224.0.0.1",      "255.255.255.255", "::",
        "::1",         "::ffff:10.0.0.1", "fe80::1",       "fc00::1",        "fd12::1",         "ff02::1",
        "2001:db8::1", "2001::1",         "2002:7f00:1::", "64:ff9b::7f00:1"};
    static const char *const open[] = {"1.1.1.1",        "8.8.8.8",    "100.128.0.1",          "172.32.0.1",
                                       "192.169.0.1",    "198.20.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8",
                                       "2002:808:808::", "2a00::1"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) assert_false(is_public(closed[i]));
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) assert_true(is_public(open[i]));
}

static void handle(void *user, struct sl_http_request *r)
{
    char where[100];
    const char *path = sl_http_path(r);
    (void)user;
    if (!strcmp(path, "/file"))
        sl_http_reply(r, 200, "image/png", "0123456789", 10);
    else if (!strcmp(path, "/away")) {
        snprintf(where, sizeof where, "http://127.0.0.1:%d/file", *(int *)user);
        sl_http_add_header(r, "Location", where);
        sl_http_reply(r, 302, "text/plain", "", 0);
    } else if (!strcmp(path, "/round")) {
        sl_http_add_header(r, "Location", "/round");
        sl_http_reply(r, 302, "text/plain", "", 0);
    } else if (!strcmp(path, "/to-file")) {
        sl_http_add_header(r, "Location", "file:///etc/passwd");
        sl_http_reply(r, 302, "text/plain", "", 0);
    } else
        sl_http_reply(r, 404, "text/plain", "no", 2);
}

static void test_transfers(void **state)
{
    (void)state;
    struct sl_http_options ho;
    struct sl_fetch_options o;
    struct sl_http *http;
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    sl_error err;
    char url[100];
    int port = 0;
    sl_http_defaults(&ho);
    ho.port = 0;
    ho.handler = handle;
    ho.user = &port;
    assert_sl_ok(sl_http_start(&ho, &http, &err), &err);
    port = sl_http_port(http);
    sl_fetch_defaults(&o);
#define FETCH(path) (snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path), sl_fetch(url, &o, &out, &err))
    assert_int_equal(FETCH("/file"), SL_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "public"));
    snprintf(url, sizeof url, "http://localhost:%d/file", port);
    assert_int_equal(sl_fetch(url, &o, &out, &err), SL_ERR_ARGUMENT);
    o.private_networks = true;
    assert_sl_ok(FETCH("/file"), &err);
    assert_string_equal(sl_buf_str(&out), "0123456789");
    sl_buf_clear(&out);
    assert_sl_ok(FETCH("/away"), &err);
    assert_int_equal(out.len, 10);
    assert_int_equal(FETCH("/gone"), SL_ERR_IO);
    assert_non_null(strstr(err.message, "404"));
    assert_int_equal(FETCH("/round"), SL_ERR_IO);
    assert_int_equal(FETCH("/to-file"), SL_ERR_ARGUMENT);
    sl_buf_clear(&out);
    o.max_bytes = 9;
    assert_int_equal(FETCH("/file"), SL_ERR_MEMORY);
    assert_int_equal(sl_fetch("ftp://127.0.0.1/x", &o, &out, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_fetch("file:///etc/passwd", &o, &out, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_fetch("http://", &o, &out, &err), SL_ERR_ARGUMENT);
    sl_buf_release(&out);
    sl_http_stop(&http, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_transfers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
