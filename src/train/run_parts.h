/*
 * run_parts.h: what the files of a run share: run_open.c (making everything ready), run.c (the loop), run_save.c (what
 * goes to and comes from checkpoints), run_report.c (what a person sees).
 */
#ifndef SL_TRAIN_RUN_PARTS_H
#define SL_TRAIN_RUN_PARTS_H

#include "base/progress.h"
#include "data/skipped.h"
#include "text/tokenizer.h"
#include "train/checkpoint.h"
#include "train/feed.h"
#include "train/guard.h"
#include "train/journal.h"
#include "train/run.h"

/* What was done since the last line of the log. */
typedef struct sl_window {
    double since; /* sl_clock_seconds */
    int64_t steps, tokens;
    double flops;     /* of this rank: forward, and the gradients that are needed */
    double waited_at; /* seconds that this rank's loaders had waited at the start */
    double other;     /* seconds spent on held-out checks and saving, which are not the step's */
} sl_window;

typedef struct sl_run_state {
    const sl_train_recipe *recipe;
    sl_run_options o;
    int lock; /* descriptor, or -1 */
    struct sl_tokenizer *tokenizer;
    struct sl_skipped *skipped;
    sl_trainer *trainer;
    sl_objective_env env;
    void *objective;
    bool objective_open;
    sl_feed *feed;
    sl_saver *saver;
    sl_journal journal;
    sl_guard guard;
    sl_tally tally;
    struct sl_progress progress;
    sl_window window;
    double limit; /* FLOP/s that this process could do at most */
    double last_loss;
    double last_lr;
    double last_norm;

    /* Saved. */
    int64_t step;            /* steps of the schedule made, skipped ones too */
    int64_t begun;           /* steps begun, those undone by going back too: numbers micro-batches */
    int64_t samples, tokens; /* seen */
    int n_returns;           /* times gone back to a checkpoint */
    double best;
    bool has_best;
    bool done;
    json_t *positions;    /* of the data in the checkpoint resumed from; owned, or NULL */
    double total_samples; /* of the run, when it goes by epochs */
} sl_run_state;

/* Makes the folder, locks it, opens everything and resumes if asked. Release with sl_run_close in any case. */
sl_status sl_run_open(sl_run_state *r, sl_error *err);
void sl_run_close(sl_run_state *r);

/* Opens data: the training data from positions (or NULL), or the held-out data, once through in order. */
sl_status sl_run_open_data(sl_run_state *r, bool held_out, const json_t *positions, sl_feed **out, sl_error *err);

/* Part of the run that is over, 0 to 1, before this step; and what this step takes, given the samples in it. */
double sl_run_progress(const sl_run_state *r, int64_t samples, double *one);

/* Saves a checkpoint in the background. A collective. */
sl_status sl_run_save(sl_run_state *r, bool best, sl_error *err);

/* Restores weights, optimizer and counters from the last checkpoint, if there is one; *found says so. */
sl_status sl_run_restore(sl_run_state *r, bool *found, sl_error *err);

/* Goes back to the last checkpoint's weights and optimizer, and on with the data where it stands. */
sl_status sl_run_go_back(sl_run_state *r, sl_error *err);

/* Writes the finished model to RUN/model. */
sl_status sl_run_export(sl_run_state *r, sl_error *err);

/* Runs a held-out check; *best: it is the best so far. A collective. */
sl_status sl_run_held_out(sl_run_state *r, bool *best, sl_error *err);

/* Reports the window's steps as a line of the log and of the metrics, and starts the next. A collective. */
sl_status sl_run_report(sl_run_state *r, sl_error *err);

/* One packed sequence as the model reads it, owned: loss weights are divided by the sequence's length. */
sl_status sl_run_batch(const sl_run_state *r, const struct sl_loader_batch *data, sl_batch **out, sl_error *err);

#endif
