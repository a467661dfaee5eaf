/*
 * schedule.c: warm-up, then a shape.
 */
#include "train/schedule.h"

#include <math.h>

double sl_schedule_lr(const sl_schedule *s, double done, double one)
{
    static const double pi = 3.14159265358979323846;
    double risen = done + one;
    if (s->warmup > 0 && risen < s->warmup) return s->max_lr * risen / s->warmup;
    if (s->shape == SL_SCHEDULE_CONSTANT) return s->max_lr;
    double left = 1 - s->warmup, t = left > 0 ? (done - s->warmup) / left : 1;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double fall = s->shape == SL_SCHEDULE_COSINE ? 0.5 * (1 + cos(pi * t)) : 1 - t;
    return s->min_lr + (s->max_lr - s->min_lr) * fall;
}
