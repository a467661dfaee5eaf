/*
 * clock.h: elapsed time.
 */
#ifndef SL_BASE_CLOCK_H
#define SL_BASE_CLOCK_H

/* Returns seconds on a clock that never goes back; only differences mean anything. */
double sl_clock_seconds(void);

#endif
