/*
 * schedule.h: the learning rate over a run.
 */
#ifndef SL_TRAIN_SCHEDULE_H
#define SL_TRAIN_SCHEDULE_H

typedef enum sl_schedule_shape {
    SL_SCHEDULE_COSINE,   /* from the highest rate to the lowest along half a cosine */
    SL_SCHEDULE_LINEAR,   /* along a line */
    SL_SCHEDULE_CONSTANT, /* the highest rate to the end */
} sl_schedule_shape;

typedef struct sl_schedule {
    sl_schedule_shape shape;
    double max_lr, min_lr;
    double warmup; /* part of the run, 0 to 1, in which the rate rises from nothing to the highest along a line */
} sl_schedule;

/*
 * Returns the rate of the step that begins when `done` of the run (0 to 1) is over and takes `one` of it. The first
 * step of a warm-up has a rate over 0, its last the highest.
 */
double sl_schedule_lr(const sl_schedule *s, double done, double one);

#endif
