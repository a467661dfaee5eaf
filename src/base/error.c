/*
 * error.c: messages into the caller's sl_error; aborting on bugs.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sl_version(void)
{
    return SL_VERSION;
}

static void keep_one_line(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = '?';
}

sl_status sl_fail(sl_error *err, sl_status status, const char *fmt, ...)
{
    if (!err) return status;
    err->status = status;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    keep_one_line(err->message);
    return status;
}

sl_status sl_fail_context(sl_error *err, sl_status status, const char *fmt, ...)
{
    if (!err) return status;
    char whole[2 * sizeof err->message];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(whole, sizeof err->message, fmt, ap);
    va_end(ap);
    if (n < 0) n = 0;
    size_t used = (size_t)n < sizeof err->message ? (size_t)n : sizeof err->message - 1;
    snprintf(whole + used, sizeof whole - used, ": %s", err->message);
    err->status = status;
    memcpy(err->message, whole, sizeof err->message);
    err->message[sizeof err->message - 1] = '\0';
    keep_one_line(err->message);
    return status;
}

void sl_bug_at(const char *file, int line, const char *fmt, ...)
{
    fprintf(stderr, "BUG: %s:%d: ", file, line);
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}
