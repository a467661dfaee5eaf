/*
 * buf.c: the growable byte buffer.
 */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for n more bytes and the NUL; false once the buffer has failed. */
static bool reserve(struct sl_buf *b, size_t n)
{
    if (b->failed) return false;
    size_t need;
    bool fits = sl_size_add(b->len, n, &need) && need <= b->ceiling && need < (size_t)-1;
    if (!fits || !sl_grow_array((void **)&b->data, &b->cap, need + 1, 1, (size_t)-1)) {
        b->failed = true;
        return false;
    }
    return true;
}

void sl_buf_add(struct sl_buf *b, const void *bytes, size_t n)
{
    if (!reserve(b, n)) return;
    if (n) memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void sl_buf_addstr(struct sl_buf *b, const char *s)
{
    sl_buf_add(b, s, strlen(s));
}

void sl_buf_addch(struct sl_buf *b, char c)
{
    sl_buf_add(b, &c, 1);
}

void sl_buf_addf(struct sl_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
    } else if (reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void sl_buf_clear(struct sl_buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data) b->data[0] = '\0';
}

bool sl_buf_ok(const struct sl_buf *b)
{
    return !b->failed;
}

const char *sl_buf_str(const struct sl_buf *b)
{
    return b->data ? b->data : "";
}

void sl_buf_release(struct sl_buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
    b->failed = false;
}
