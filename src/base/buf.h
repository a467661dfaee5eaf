/*
 * buf.h: a growable byte buffer, for strings and files in the making.
 *
 * Owned by whoever declares it: init with SL_BUF_INIT(ceiling), release with
 * sl_buf_release. Always NUL-terminated once anything was added, so data is a
 * C string. Errors are sticky: after the first failure (memory, or past the
 * ceiling) additions do nothing, and sl_buf_ok says so; check once at the end.
 */
#ifndef SL_BASE_BUF_H
#define SL_BASE_BUF_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sl_buf {
    char *data;     /* owned; NULL while empty */
    size_t len;     /* bytes, without the NUL */
    size_t cap;     /* bytes allocated */
    size_t ceiling; /* len never passes this */
    bool failed;
};

#define SL_BUF_INIT(max)                                                                                               \
    {                                                                                                                  \
        .data = NULL, .ceiling = (max)                                                                                 \
    }

/* Appends n bytes. */
void sl_buf_add(struct sl_buf *b, const void *bytes, size_t n);
/* Appends a NUL-terminated string, without its NUL. */
void sl_buf_addstr(struct sl_buf *b, const char *s);
/* Appends one byte. */
void sl_buf_addch(struct sl_buf *b, char c);
/* Appends printf-style. */
void sl_buf_addf(struct sl_buf *b, const char *fmt, ...) SL_PRINTF(2, 3);
/* Empties the buffer, keeping its memory, and clears a failure. */
void sl_buf_clear(struct sl_buf *b);
/* True while every addition so far succeeded. */
bool sl_buf_ok(const struct sl_buf *b);
/* Returns the contents as a C string ("" when empty); borrows from b. */
const char *sl_buf_str(const struct sl_buf *b);
/* Releases the memory; b may be used again. */
void sl_buf_release(struct sl_buf *b);

#endif
