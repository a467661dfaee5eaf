/*
 * http_client.h: as little of an HTTP client as tests of a server need: bytes out, bytes in.
 */
#ifndef SL_TESTS_SERVE_HTTP_CLIENT_H
#define SL_TESTS_SERVE_HTTP_CLIENT_H

#include "base/buf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connects to a port of this machine; returns the socket. */
static inline int client_connect(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline void client_send(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, text, n, MSG_NOSIGNAL);
        if (k <= 0) return;
        text += k;
        n -= (size_t)k;
    }
}

static inline void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* Reads until the other end closes, or for so many milliseconds without a byte. */
static inline void client_read(int fd, struct sl_buf *out, int ms)
{
    char bytes[65536];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, ms) > 0) {
        ssize_t k = recv(fd, bytes, sizeof bytes, 0);
        if (k <= 0) return;
        sl_buf_add(out, bytes, (size_t)k);
    }
}

/* One request on a connection of its own, the whole answer with its headers into out. headers end in \r\n each. */
static inline void client_request(int port, const char *method, const char *path, const char *headers, const char *body,
                                  size_t n, struct sl_buf *out)
{
    char head[2048];
    int fd = client_connect(port);
    int len =
        snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
                 method, path, headers ? headers : "", n);
    sl_buf_clear(out);
    if (fd < 0) return;
    client_send(fd, head, (size_t)len);
    client_send(fd, body, n);
    client_read(fd, out, 60000);
    close(fd);
}

/* The status of an answer, 0 when there is none. */
static inline int client_status(const struct sl_buf *answer)
{
    return answer->len > 12 && !strncmp(answer->data, "HTTP/1.1 ", 9) ? (int)strtol(answer->data + 9, NULL, 10) : 0;
}

/* What follows the headers. */
static inline const char *client_body(const struct sl_buf *answer)
{
    const char *end = answer->len ? strstr(answer->data, "\r\n\r\n") : NULL;
    return end ? end + 4 : "";
}

#endif
