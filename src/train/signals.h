/*
 * signals.h: asking a run to stop: SIGINT and SIGTERM as something that the loop looks at between steps.
 */
#ifndef SL_TRAIN_SIGNALS_H
#define SL_TRAIN_SIGNALS_H

#include <stdbool.h>

/* Borrowed by nobody; one thread owns it. */
typedef struct sl_signals {
    int fd; /* a signalfd, or -1 */
    bool came;
} sl_signals;

/* Keeps SIGINT and SIGTERM back for the loop. Call before any thread is started: threads inherit it. */
void sl_signals_hold(sl_signals *s);

/* True once one has come. From then on a further one ends the program at once, as it would without this. */
bool sl_signals_stop(sl_signals *s);

/* Gives them back. */
void sl_signals_release(sl_signals *s);

#endif
