/*
 * feed.h: the training data of one rank: its lanes of the mixture, each with a loader, and where all lanes stand.
 *
 * A step's sequences are dealt to the lanes in turn, and the lanes to the ranks in turn. What a lane reads follows from
 * recipe and seed alone, so any number of ranks that divides the lanes trains on the same global batches. One thread
 * owns a feed; its loaders have threads of their own.
 */
#ifndef SL_TRAIN_FEED_H
#define SL_TRAIN_FEED_H

#include "comm/comm.h"
#include "data/loader.h"
#include "train/recipe.h"

typedef struct sl_feed sl_feed;

/* What to read. */
typedef struct sl_feed_options {
    const json_t *data; /* a path, or an object with sources */
    const char *folder; /* relative paths start here */
    struct sl_mixture_options mixture;
    struct sl_loader_options loader;
    int n_lanes;
} sl_feed_options;

/*
 * Opens the lanes of this rank into *out, owned. positions is an array of all lanes' positions, as sl_feed_save makes
 * it, or NULL: from the start. A lane has no rank but one.
 */
sl_status sl_feed_open(const sl_feed_options *o, const sl_comm *comm, const json_t *positions, sl_feed **out,
                       sl_error *err);
void sl_feed_free(sl_feed **f);

/* True when sequence number s of a step is this rank's. */
bool sl_feed_owns(const sl_feed *f, int s);

/* The next batch of the lane that sequence s of a step is dealt from, borrowed until that lane's next; NULL at its end.
 */
sl_status sl_feed_next(sl_feed *f, int s, const struct sl_loader_batch **out, sl_error *err);

/* Remembers where this rank's lanes stand. */
sl_status sl_feed_mark(sl_feed *f, sl_error *err);

/* From now on sl_feed_save gives the positions of the last mark: what was handed out since is not made use of. */
void sl_feed_go_back(sl_feed *f);

/* Returns all lanes' positions as an owned array, on all ranks. A collective. */
sl_status sl_feed_save(sl_feed *f, sl_comm *comm, json_t **out, sl_error *err);

/* Rows of one epoch of all sources, or -1 when they cannot be counted. */
int64_t sl_feed_rows(const sl_feed *f);

/* What this rank's loaders have done since the feed was opened. */
typedef struct sl_feed_counts {
    int64_t samples, skipped;
    double waited; /* seconds that the training thread waited for batches */
} sl_feed_counts;

/* Adds it up over this rank's lanes. */
void sl_feed_count(const sl_feed *f, sl_feed_counts *out);

#endif
