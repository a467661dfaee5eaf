/*
 * captions.h: what a packed sequence says about its pictures: one caption and one group of patches for each sample.
 *
 * A sample's caption is its first answer: the targets up to eos. Its group is all of its patches: a picture, several,
 * the frames of a video. Samples without a caption or without a picture are left out.
 */
#ifndef SL_TRAIN_CAPTIONS_H
#define SL_TRAIN_CAPTIONS_H

#include "data/loader.h"
#include "model/batch.h"

typedef struct sl_captions {
    int n;
    const int32_t *sample;  /* (n): which of the sequence's samples */
    const int32_t *cu;      /* (n + 1): where each caption's tokens start */
    const int32_t *tokens;  /* every caption ends with eos */
    const int32_t *labels;  /* (n): number of the first caption with the same tokens */
    const int32_t *patches; /* (n, 2): the first patch of each group, and the one behind its last */
} sl_captions;

/*
 * Finds the captions of data into *out, owned; release with sl_captions_free. A caption is cut to max_tokens, eos
 * included. data is borrowed only during the call.
 */
sl_status sl_captions_new(const struct sl_loader_batch *data, int max_tokens, int32_t eos, sl_captions **out,
                          sl_error *err);
void sl_captions_free(sl_captions *c);

/* Makes a batch of the captions alone, for the text tower; release with sl_batch_free. c must have captions. */
sl_status sl_captions_batch(const sl_captions *c, const sl_config *config, sl_batch **out, sl_error *err);

#endif
