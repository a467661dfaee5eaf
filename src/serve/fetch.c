/*
 * fetch.c: one transfer by libcurl, whose sockets are opened here: what is judged is the address that is really
 * connected to, so no name, redirect or second look-up can lead elsewhere.
 */
#include "serve/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void sl_fetch_defaults(struct sl_fetch_options *o)
{
    *o = (struct sl_fetch_options){.max_bytes = (size_t)64 << 20, .seconds = 30, .max_redirects = 3};
}

/* A range of addresses that no stranger may send us to. */
struct range {
    uint32_t network;
    int bits;
};

/* IANA's special-purpose registry for IPv4 (RFC 6890 and its successors), with multicast and reserved space. */
static const struct range special4[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
    {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
    {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4},
};

static bool public4(uint32_t a)
{
    for (size_t i = 0; i < sizeof special4 / sizeof *special4; i++) {
        uint32_t mask = ~(uint32_t)0 << (32 - special4[i].bits);
        if ((a & mask) == special4[i].network) return false;
    }
    return true;
}

static uint32_t big32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Of IPv6 only global unicast 2000::/3 is public, and of that not what wraps or documents other addresses. */
static bool public6(const uint8_t a[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (!memcmp(a, mapped, 12) || !memcmp(a, nat64, 12)) return public4(big32(a + 12));
    if ((a[0] & 0xe0) != 0x20) return false;
    uint32_t head = big32(a);
    if (head == 0x20010db8 || head >> 9 == 0x20010000 >> 9) return false; /* documentation; 2001::/23, Teredo in it */
    if (head >> 16 == 0x2002) return public4((uint32_t)a[2] << 24 | (uint32_t)a[3] << 16 | (uint32_t)a[4] << 8 | a[5]);
    return true;
}

bool sl_address_is_public(const struct sockaddr *address, size_t n)
{
    if (address->sa_family == AF_INET && n >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return public4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6 && n >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        return public6(in.sin6_addr.s6_addr);
    }
    return false;
}

/* A transfer under way. */
struct transfer {
    const struct sl_fetch_options *o;
    struct sl_buf *out;
    size_t start; /* length of out before */
    bool refused, too_large;
};

static curl_socket_t open_socket(void *p, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = p;
    (void)purpose;
    if (!t->o->private_networks && !sl_address_is_public(&a->addr, a->addrlen)) {
        t->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t take(char *bytes, size_t size, size_t n, void *p)
{
    struct transfer *t = p;
    if (t->out->len - t->start + size * n > t->o->max_bytes) t->too_large = true;
    if (!t->too_large) sl_buf_add(t->out, bytes, size * n);
    if (!sl_buf_ok(t->out)) t->too_large = true;
    return t->too_large ? 0 : size * n;
}

static int progress(void *p, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
    struct transfer *t = p;
    (void)now, (void)up_total, (void)up;
    if (total > 0 && (uint64_t)total > t->o->max_bytes) t->too_large = true;
    return t->too_large || (t->o->gone && t->o->gone(t->o->user));
}

static void configure(CURL *c, const char *url, const struct sl_fetch_options *o, struct transfer *t)
{
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)o->max_redirects);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(o->seconds * 1000));
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(o->seconds * 500));
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_USERAGENT, "seedling/" SL_VERSION);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
}

static sl_status outcome(CURL *c, CURLcode rc, const struct transfer *t, sl_error *err)
{
    long code = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
    if (t->refused) return sl_fail(err, SL_ERR_ARGUMENT, "the address is not on the public internet");
    if (t->too_large) return sl_fail(err, SL_ERR_MEMORY, "more than %zu bytes", t->o->max_bytes);
    if (rc == CURLE_UNSUPPORTED_PROTOCOL) return sl_fail(err, SL_ERR_ARGUMENT, "neither http nor https");
    if (rc == CURLE_URL_MALFORMAT) return sl_fail(err, SL_ERR_ARGUMENT, "not an address");
    if (rc) return sl_fail(err, SL_ERR_IO, "%s", curl_easy_strerror(rc));
    if (code != 200) return sl_fail(err, SL_ERR_IO, "the other server answered %ld", code);
    return SL_OK;
}

sl_status sl_fetch(const char *url, const struct sl_fetch_options *o, struct sl_buf *out, sl_error *err)
{
    struct transfer t = {.o = o, .out = out, .start = out->len};
    CURL *c = curl_easy_init();
    if (!c) return sl_fail(err, SL_ERR_MEMORY, "no memory to fetch");
    configure(c, url, o, &t);
    sl_status status = outcome(c, curl_easy_perform(c), &t, err);
    curl_easy_cleanup(c);
    return status;
}
