/*
 * run.h: one stage trained from its recipe: the loop, and the folder that it leaves.
 *
 * RUN/recipe.json (the recipe as it was run), metrics.jsonl, events.out.tfevents..., skipped.jsonl, checkpoints/, and
 * at the end model/, a checkpoint folder in bf16 for use. A lock keeps a second run out of the folder.
 */
#ifndef SL_TRAIN_RUN_H
#define SL_TRAIN_RUN_H

#include "train/recipe.h"
#include "train/signals.h"

typedef struct sl_run_options {
    const char *out; /* the folder RUN; made if missing */
    bool resume;     /* go on with what is there; else a folder that holds a run is refused */
    const sl_ops *ops;
    sl_comm *comm;
    sl_signals *signals;
    const struct sl_log *log;
} sl_run_options;

typedef enum sl_run_end {
    SL_RUN_FINISHED,
    SL_RUN_STOPPED, /* by a signal; everything is saved */
} sl_run_end;

/*
 * Trains; everything is borrowed for the call. All ranks call it, and all return the same. A run that had finished is
 * left as it is. A failure leaves the last checkpoints in place.
 */
sl_status sl_run(const sl_train_recipe *recipe, const sl_run_options *o, sl_run_end *end, sl_error *err);

#endif
