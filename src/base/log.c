/*
 * log.c: formatting of log lines, and the sink that most programs want.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static void write_stderr(void *user, sl_log_level level, const char *line)
{
    (void)user;
    /* One call a line: stdio locks the stream for it, so lines of several threads do not mix. */
    fprintf(stderr, "seedling: %s%s\n", level == SL_LOG_WARNING ? "warning: " : "", line);
}

void sl_log_to_stderr(struct sl_log *log, sl_log_level level)
{
    *log = (struct sl_log){.level = level, .write = write_stderr};
}

void sl_log(const struct sl_log *log, sl_log_level level, const char *fmt, ...)
{
    if (!log || level > log->level) return;
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    log->write(log->user, level, line);
}
