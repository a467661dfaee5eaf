/*
 * progress.h: a progress bar for work that a person waits for: what is done, how fast, and how long it still takes.
 *
 * It appears only when stderr is a terminal and the work has taken longer than two seconds, so scripts and short work
 * see nothing of it. One thread owns a bar.
 */
#ifndef SL_BASE_PROGRESS_H
#define SL_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sl_progress {
    const char *label; /* borrowed: "reading", "step" */
    const char *unit;  /* borrowed: "MB", "tokens" */
    double total;      /* in units; 0 when not known */
    double done;
    double started, drawn_at; /* seconds of sl_clock_seconds */
    bool shown;               /* stderr is a terminal */
    bool drawn;               /* a line stands there and must be wiped */
    FILE *to;
};

/* Starts a bar for total units (0: not known) of work; label and unit are borrowed until the end. */
void sl_progress_begin(struct sl_progress *p, const char *label, const char *unit, double total);

/* Says that done units are done; draws at most ten times a second, so it may be called in a loop. */
void sl_progress_to(struct sl_progress *p, double done);

/* Wipes the bar. */
void sl_progress_end(struct sl_progress *p);

/* Writes the bar's text after `elapsed` seconds into line (at most 79 columns): label, bar, amount, rate, time left. */
void sl_progress_text(const struct sl_progress *p, double elapsed, char *line, size_t size);

#endif
