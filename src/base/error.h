/*
 * error.h: how a function says that it failed, and how a bug says so.
 */
#ifndef SL_BASE_ERROR_H
#define SL_BASE_ERROR_H

#include "seedling.h"

#if defined(__GNUC__)
#define SL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SL_NORETURN __attribute__((noreturn))
#else
#define SL_PRINTF(fmt, args)
#define SL_NORETURN
#endif

/*
 * Writes a printf-style message into *err (cut to fit; control characters
 * become '?', so that it stays one line) and returns status, so that a failing
 * function can `return sl_fail(err, ...)`. err may be NULL.
 */
sl_status sl_fail(sl_error *err, sl_status status, const char *fmt, ...) SL_PRINTF(3, 4);

/*
 * Prefixes the message already in *err with "context: ", e.g. the file that a
 * parser was reading. Returns err's status; err may be NULL.
 */
sl_status sl_fail_context(sl_error *err, sl_status status, const char *fmt, ...) SL_PRINTF(3, 4);

/* Prints "BUG: file:line: message" and aborts: for what cannot happen unless the program is wrong. */
void sl_bug_at(const char *file, int line, const char *fmt, ...) SL_PRINTF(3, 4) SL_NORETURN;

#define SL_BUG(...) sl_bug_at(__FILE__, __LINE__, __VA_ARGS__)

/* An invariant that holds unless the program is wrong; checked in every build. */
#define SL_CHECK(cond)                                                                                                 \
    do {                                                                                                               \
        if (!(cond)) SL_BUG("%s does not hold", #cond);                                                                \
    } while (0)

#endif
