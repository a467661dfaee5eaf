/*
 * pace.h: how long steps take with one thread and with all, so that each size of step gets what is faster.
 *
 * Waking threads for each operation costs more than they save when a step is small, and how much depends on the model,
 * the machine, and who else runs on it. So both ways are timed: steps of about the same number of tokens form a class,
 * the way whose median of the last few times is lower is taken (all, only when it saves a tenth), and the other is
 * tried again now and then, less and less often while it keeps losing. Long steps, as of whole prompts, run on all
 * without a try. The number of threads changes no bit of a result.
 */
#ifndef SL_INFER_PACE_H
#define SL_INFER_PACE_H

#include <stdbool.h>

enum { SL_PACE_TIMES = 5, SL_PACE_CLASSES = 18 };

/* The last times of one way. */
struct sl_pace_way {
    float seconds[SL_PACE_TIMES];
    int n;
};

/* Steps of up to 2^i tokens, and more than 2^(i - 1). */
struct sl_pace_class {
    struct sl_pace_way one, all;
    int steps;    /* since the slower way was tried */
    int interval; /* between tries */
};

typedef struct sl_pace {
    int n_threads;
    struct sl_pace_class classes[SL_PACE_CLASSES];
} sl_pace;

/* Starts without knowledge; with one thread there is nothing to choose. */
void sl_pace_init(sl_pace *p, int n_threads);

/* How many threads the next step, of so many tokens, should use: 1 or all. */
int sl_pace_threads(sl_pace *p, int tokens);

/* Tells how long it took. */
void sl_pace_note(sl_pace *p, int tokens, int threads, double seconds);

#endif
