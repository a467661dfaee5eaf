/*
 * pace.c: medians of few times, and when to doubt them.
 */
#include "infer/pace.h"

#include <string.h>

enum { FIRST_INTERVAL = 16, LAST_INTERVAL = 1024 };

static const float LONG = 0.05F; /* seconds: beside a step of so many, waking others costs nothing */

void sl_pace_init(sl_pace *p, int n_threads)
{
    *p = (sl_pace){.n_threads = n_threads};
    for (int i = 0; i < SL_PACE_CLASSES; i++) p->classes[i].interval = FIRST_INTERVAL;
}

static struct sl_pace_class *class_of(sl_pace *p, int tokens)
{
    int i = 0;
    while (i < SL_PACE_CLASSES - 1 && 1 << i < tokens) i++;
    return &p->classes[i];
}

static float median(const struct sl_pace_way *w)
{
    float x[SL_PACE_TIMES];
    int n = w->n < SL_PACE_TIMES ? w->n : SL_PACE_TIMES;
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && x[at - 1] > w->seconds[i]; at--) x[at] = x[at - 1];
        x[at] = w->seconds[i];
    }
    return x[n / 2];
}

/* Others must save a tenth: waiting for them makes a step as long as the slowest, when they have more to do. */
static bool one_is_faster(const struct sl_pace_class *c)
{
    return 0.9F * median(&c->one) < median(&c->all);
}

int sl_pace_threads(sl_pace *p, int tokens)
{
    struct sl_pace_class *c = class_of(p, tokens);
    if (p->n_threads == 1) return 1;
    if (c->all.n && median(&c->all) > LONG) return p->n_threads;
    if (c->one.n < SL_PACE_TIMES || c->all.n < SL_PACE_TIMES) return c->all.n <= c->one.n ? p->n_threads : 1;
    bool one = one_is_faster(c);
    if (c->steps >= c->interval) one = !one;
    return one ? 1 : p->n_threads;
}

void sl_pace_note(sl_pace *p, int tokens, int threads, double seconds)
{
    struct sl_pace_class *c = class_of(p, tokens);
    struct sl_pace_way *w = threads == 1 ? &c->one : &c->all;
    bool learnt = c->one.n >= SL_PACE_TIMES && c->all.n >= SL_PACE_TIMES, one = learnt && one_is_faster(c);
    w->seconds[w->n++ % SL_PACE_TIMES] = (float)seconds;
    if (w->n == 2 * SL_PACE_TIMES) w->n = SL_PACE_TIMES; /* only whether there are enough matters, and the place */
    if (!learnt) return;
    if (one == (threads == 1)) {
        c->steps++;
    } else if (one_is_faster(c) == one) { /* tried, and still slower */
        c->steps = 0;
        if (c->interval < LAST_INTERVAL) c->interval *= 2;
    }
    if (one_is_faster(c) != one) {
        c->steps = 0;
        c->interval = FIRST_INTERVAL;
    }
}
