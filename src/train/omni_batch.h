/*
 * omni_batch.h: the sequences of the omni-modal stage: what a sample shows, then a caption, its own or another's.
 */
#ifndef SL_TRAIN_OMNI_BATCH_H
#define SL_TRAIN_OMNI_BATCH_H

#include "tensor/fn.h"
#include "train/captions.h"

/* For each caption's sample, what it consists of. */
typedef struct sl_omni_groups {
    int n;                 /* groups: what is seen and what is heard count apart */
    const int32_t *sample; /* (n): number of the caption */
    const bool *heard;     /* (n) */
    const int32_t *cu;     /* (n + 1) */
    const int32_t *rows;   /* patches of each group, in order */
    int n_both;            /* captions whose sample is seen and heard */
    const int32_t *both;   /* (n_both, 2): its group that is seen, and the one heard */
} sl_omni_groups;

/* Sorts the patches of every captioned sample into seen and heard, into ctx's arenas; NULL with its error when full. */
sl_omni_groups *sl_omni_groups_new(sl_ctx *ctx, const struct sl_loader_batch *data, const sl_captions *captions);

/*
 * Makes sequences of the samples with text[i] >= 0: image_start, an image_patch for each four patches, image_end, then
 * caption text[i]; targets are the caption's tokens, each sequence's weighing 1 together. Release with sl_batch_free.
 */
sl_status sl_omni_batch_new(const struct sl_loader_batch *data, const sl_captions *captions, const int32_t *text,
                            const sl_config *config, sl_batch **out, sl_error *err);

/* The patches of the samples with text[i] >= 0, as such a batch needs them, recording where they came from. */
sl_tensor *sl_omni_patches(sl_ctx *ctx, sl_tensor *patches, const sl_captions *captions, const int32_t *text);

#endif
