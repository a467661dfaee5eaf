/*
 * bell.h: wakes the threads of requests in the place of the engine's thread.
 *
 * Waking a thread takes the system some microseconds, most of all on a virtual machine, and the woken one may push the
 * waker off its core. With many streams the engine's thread would do that for each token. It pulls ropes instead, and
 * rings once for a step: the bell's own thread wakes everybody whose rope was pulled.
 */
#ifndef SL_SERVE_BELL_H
#define SL_SERVE_BELL_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>

struct sl_bell;

/* Who is to be woken; its owner fills in more. Zeroed otherwise. */
struct sl_bell_rope {
    pthread_cond_t *more; /* borrowed: what its owner waits for, after looking at what it was pulled for */
    bool pulled;          /* [the bell's lock], as is the list */
    struct sl_bell_rope *next;
};

/* Starts the bell's thread. Returns owned in *out; release with sl_bell_free, when no rope is pulled any more. */
sl_status sl_bell_new(struct sl_bell **out, sl_error *err);
void sl_bell_free(struct sl_bell **b);

/* Has the rope's owner woken at the next ring. The rope must stay until it is untied. */
void sl_bell_pull(struct sl_bell *b, struct sl_bell_rope *rope);

/* Has everybody woken whose rope was pulled since the last time; nothing when there is none. */
void sl_bell_ring(struct sl_bell *b);

/* Afterwards the bell knows nothing of the rope, which is its owner's again. */
void sl_bell_untie(struct sl_bell *b, struct sl_bell_rope *rope);

#endif
