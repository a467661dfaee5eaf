/*
 * journal.h: what a run writes down as it goes: RUN/metrics.jsonl, RUN/events.out.tfevents..., and lines for a person.
 *
 * A line of metrics.jsonl is an object with "step", "kind" ("train" or "held_out") and named numbers; docs/TRAINING.md
 * lists them. Rank 0 writes; the others' metrics are closed and do nothing.
 */
#ifndef SL_TRAIN_JOURNAL_H
#define SL_TRAIN_JOURNAL_H

#include "base/log.h"
#include "train/events.h"
#include "train/tally.h"

typedef struct sl_journal {
    FILE *file; /* NULL: closed */
    sl_events events;
} sl_journal;

/*
 * Opens those of the run in dir, which goes on after `step`: lines of later steps, and a line that a kill cut off, are
 * removed first.
 */
sl_status sl_journal_open(sl_journal *m, const char *dir, int64_t step, sl_error *err);
void sl_journal_close(sl_journal *m);

/* Writes one line: the tally's means and the numbers of extra (an object, taken; may be NULL). */
void sl_journal_add(sl_journal *m, int64_t step, const char *kind, const sl_tally *tally, json_t *extra);

#endif
