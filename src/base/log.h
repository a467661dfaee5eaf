/*
 * log.h: messages for the person who runs the program, through a value that is passed, never a global.
 *
 * Library code takes a `const struct sl_log *` where it has something to say that is not an error; NULL is silence.
 * Any thread may log: a line is handed over whole.
 */
#ifndef SL_BASE_LOG_H
#define SL_BASE_LOG_H

#include "base/error.h"

typedef enum sl_log_level {
    SL_LOG_WARNING, /* something is wrong, and the work goes on */
    SL_LOG_INFO,    /* what a person wants to know once */
    SL_LOG_DEBUG,   /* what an engineer wants to know */
} sl_log_level;

struct sl_log {
    sl_log_level level; /* messages above it are dropped */
    /* Receives one line without a newline; it borrows the text. */
    void (*write)(void *user, sl_log_level level, const char *line);
    void *user;
};

/* Makes *log write "seedling: message" lines to stderr, warnings marked as such. */
void sl_log_to_stderr(struct sl_log *log, sl_log_level level);

/* Formats a message (cut at 1,023 bytes) and hands it to log->write; log may be NULL. */
void sl_log(const struct sl_log *log, sl_log_level level, const char *fmt, ...) SL_PRINTF(3, 4);

#endif
