/*
 * superclass.h: which tokens a caption has, weighed by how rare they are (docs/MODEL.md, section 11).
 *
 * Counts live in the model's weight table, so that checkpoints carry them. Those of earlier steps are the same on all
 * ranks; a sequence adds its own captions to them while it is looked at, so its loss does not depend on which rank
 * looks at it. After an update all ranks' counts of the step are added up. One thread owns it.
 */
#ifndef SL_TRAIN_SUPERCLASS_H
#define SL_TRAIN_SUPERCLASS_H

#include "comm/comm.h"
#include "model/model.h"
#include "train/captions.h"

typedef struct sl_superclass {
    int vocab;
    double *step_counts; /* owned, (vocab + 1): captions of this step with each token; last, how many captions */
    int64_t step;        /* the step they are of */
    int32_t *seen;       /* owned, (vocab): work space, zeros between calls */
} sl_superclass;

/* Starts counting for vocab tokens; release with sl_superclass_free. */
sl_status sl_superclass_init(sl_superclass *s, int vocab, sl_error *err);
void sl_superclass_free(sl_superclass *s);

/*
 * Writes every caption's distribution over its distinct tokens, eos left out, into ctx's arenas, weights 1; and counts
 * the captions into the step unless it is negative (a held-out check). NULL with the context's error set when full.
 */
sl_distributions *sl_superclass_targets(sl_superclass *s, sl_ctx *ctx, const sl_model *m, const sl_captions *captions,
                                        int64_t step);

/* Adds the step's counts of all ranks to the model's. A collective. */
void sl_superclass_update(sl_superclass *s, const sl_model *m, sl_comm *comm);

#endif
