/*
 * tally.h: named means in the making: a sum and a weight for each name, added up over micro-batches and ranks.
 *
 * Names are paths: "loss", "loss/ocr" (the family ocr), "routing/imbalance". One thread owns a tally.
 */
#ifndef SL_TRAIN_TALLY_H
#define SL_TRAIN_TALLY_H

#include "comm/comm.h"

#include <jansson.h>

enum { SL_TALLY_MAX = 1024, SL_TALLY_NAME = 96 };

typedef struct sl_tally_row {
    char name[SL_TALLY_NAME];
    double sum, weight;
} sl_tally_row;

/* Start with {0}; release with sl_tally_free. Rows are in the order in which their names first came. */
typedef struct sl_tally {
    sl_tally_row *rows; /* owned */
    int n;
    size_t cap;
} sl_tally;

/*
 * Adds to the name's sum and weight; a name longer than its place is cut, and past SL_TALLY_MAX names, or without
 * memory, new ones are dropped: a metric is not worth a run.
 */
void sl_tally_add(sl_tally *t, const char *name, double sum, double weight);

/* Adds to the name "prefix/name". */
void sl_tally_add_under(sl_tally *t, const char *prefix, const char *name, double sum, double weight);

/* Returns true and the mean when the name has weight. */
bool sl_tally_mean(const sl_tally *t, const char *name, double *mean);

/* Adds up the tallies of all ranks, on all ranks; rows are then in alphabetical order. A collective. */
sl_status sl_tally_merge(sl_tally *t, sl_comm *comm, sl_error *err);

/* Forgets everything, keeping the memory. */
void sl_tally_clear(sl_tally *t);
void sl_tally_free(sl_tally *t);

#endif
