/*
 * guard.h: telling a step that would do harm from one that helps: gradients that are not finite, or far larger than
 * usual. A plain value; the same numbers give the same verdicts, so every rank comes to the same.
 */
#ifndef SL_TRAIN_GUARD_H
#define SL_TRAIN_GUARD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SL_GUARD_SETTLE = 20 }; /* good steps before a large norm counts as a spike */

typedef struct sl_guard {
    double spike;   /* a norm over so many times the running mean is one; 0: none is */
    double mean;    /* running mean of good norms */
    int64_t n_good; /* steps in it */
    int64_t n_bad;  /* steps skipped so far */
    int in_a_row;   /* skipped since the last good one */
} sl_guard;

typedef enum sl_verdict { SL_VERDICT_GOOD, SL_VERDICT_NOT_FINITE, SL_VERDICT_SPIKE } sl_verdict;

/* Judges a step by loss and gradient norm, and counts it. */
sl_verdict sl_guard_judge(sl_guard *g, double loss, double norm);

/* Returns the state as an owned object, and reads it back (what is missing stays). */
json_t *sl_guard_save(const sl_guard *g);
void sl_guard_restore(sl_guard *g, const json_t *saved);

#endif
