/*
 * retrieval.h: held-out pictures and captions as unit vectors, and how well each finds the other.
 *
 * The distinct captions are the classes of a zero-shot classification: a picture belongs to the class whose caption's
 * vector is nearest. One thread owns a store.
 */
#ifndef SL_TRAIN_RETRIEVAL_H
#define SL_TRAIN_RETRIEVAL_H

#include "base/buf.h"
#include "train/captions.h"
#include "train/tally.h"
#include "tensor/ops.h"

/* Rows added so far, on this rank. */
typedef struct sl_retrieval {
    int width;
    struct sl_buf pictures; /* (n, width) f32 */
    struct sl_buf texts;    /* (n, width) f32 */
    struct sl_buf keys;     /* (n) 64-bit hashes of the captions' tokens */
} sl_retrieval;

/* Starts an empty store for vectors of that width; release with sl_retrieval_free. */
void sl_retrieval_init(sl_retrieval *r, int width);
void sl_retrieval_free(sl_retrieval *r);

/* Adds n pairs: unit rows pictures and texts (n, width), and the captions they belong to. */
void sl_retrieval_add(sl_retrieval *r, const float *pictures, const float *texts, const sl_captions *captions);

/*
 * Gathers all ranks' rows and adds to tally "accuracy" (pictures that find their caption among the distinct ones),
 * "accuracy/chance" (what guessing would reach) and "recall" (captions whose nearest picture is one of theirs), each
 * behind prefix; then empties the store. A collective; nothing is added when there is no row at all.
 */
sl_status sl_retrieval_measure(sl_retrieval *r, const sl_ops *ops, sl_comm *comm, const char *prefix, sl_tally *tally,
                               sl_error *err);

#endif
