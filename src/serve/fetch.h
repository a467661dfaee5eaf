/*
 * fetch.h: pictures and videos by address, for a server that must not be turned against its own network.
 */
#ifndef SL_SERVE_FETCH_H
#define SL_SERVE_FETCH_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sl_fetch_options {
    size_t max_bytes;      /* of the answer: 64 MiB */
    double seconds;        /* for all of it: 30 */
    int max_redirects;     /* 3 */
    bool private_networks; /* loopback, link-local and private addresses may be asked too: for tests and closed networks
                            */
    bool (*gone)(void *user); /* asked now and then: whether to give up; or NULL */
    void *user;
};

/* Fills in the numbers above. */
void sl_fetch_defaults(struct sl_fetch_options *o);

/*
 * Fetches an http or https address into out (its ceiling holds too). Addresses are judged after the name is resolved
 * and again at each redirect: anything but a public one is SL_ERR_ARGUMENT. An answer other than 200 is SL_ERR_IO, one
 * too large SL_ERR_MEMORY. Uses no proxy, no cookies, no credentials. Any thread.
 */
sl_status sl_fetch(const char *url, const struct sl_fetch_options *o, struct sl_buf *out, sl_error *err);

struct sockaddr;

/* True when a socket address (of n bytes) is on the public internet. */
bool sl_address_is_public(const struct sockaddr *address, size_t n);

#endif
