/*
 * bell.c: a list under a lock, and a thread that goes through it.
 */
#include "serve/bell.h"

#include <stdlib.h>

struct sl_bell {
    pthread_t thread;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t rung;
    bool ringing, stopping;
    struct sl_bell_rope *first, **last;
};

/* Takes the first rope off the list; the lock is held. */
static struct sl_bell_rope *take(struct sl_bell *b)
{
    struct sl_bell_rope *r = b->first;
    b->first = r->next;
    if (!b->first) b->last = &b->first;
    r->pulled = false;
    return r;
}

/* Wakes one at a time, so that nobody waits long for the lock; under it, so that the rope is still there. */
static void *run(void *p)
{
    struct sl_bell *b = p;
    pthread_setname_np(pthread_self(), "bell");
    pthread_mutex_lock(&b->lock);
    while (!b->stopping) {
        while (!b->ringing && !b->stopping) pthread_cond_wait(&b->rung, &b->lock);
        b->ringing = false;
        while (b->first) {
            pthread_cond_signal(take(b)->more);
            pthread_mutex_unlock(&b->lock);
            pthread_mutex_lock(&b->lock);
        }
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

sl_status sl_bell_new(struct sl_bell **out, sl_error *err)
{
    struct sl_bell *b = calloc(1, sizeof *b);
    *out = NULL;
    if (!b) return sl_fail(err, SL_ERR_MEMORY, "out of memory");
    b->last = &b->first;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->rung, NULL);
    if (pthread_create(&b->thread, NULL, run, b) == 0) {
        *out = b;
        return SL_OK;
    }
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->rung);
    free(b);
    return sl_fail(err, SL_ERR_MEMORY, "cannot start the bell's thread");
}

void sl_bell_free(struct sl_bell **bp)
{
    struct sl_bell *b = *bp;
    if (!b) return;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    pthread_cond_signal(&b->rung);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->rung);
    free(b);
    *bp = NULL;
}

void sl_bell_pull(struct sl_bell *b, struct sl_bell_rope *rope)
{
    pthread_mutex_lock(&b->lock);
    if (!rope->pulled) {
        rope->pulled = true;
        rope->next = NULL;
        *b->last = rope;
        b->last = &rope->next;
    }
    pthread_mutex_unlock(&b->lock);
}

void sl_bell_ring(struct sl_bell *b)
{
    pthread_mutex_lock(&b->lock);
    bool ring = b->first != NULL;
    if (ring) b->ringing = true;
    pthread_mutex_unlock(&b->lock);
    if (ring) pthread_cond_signal(&b->rung);
}

void sl_bell_untie(struct sl_bell *b, struct sl_bell_rope *rope)
{
    pthread_mutex_lock(&b->lock);
    struct sl_bell_rope **at = &b->first;
    while (rope->pulled && *at != rope) at = &(*at)->next;
    if (rope->pulled) {
        *at = rope->next;
        if (b->last == &rope->next) b->last = at;
        rope->pulled = false;
    }
    pthread_mutex_unlock(&b->lock);
}
