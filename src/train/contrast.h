/*
 * contrast.h: what the contrastive stages share: pooled groups of patches, and the sigmoid loss with its learned scale
 * and bias.
 */
#ifndef SL_TRAIN_CONTRAST_H
#define SL_TRAIN_CONTRAST_H

#include "model/model.h"

/* Rows that should meet: pictures (or sounds) and texts with equal labels. */
typedef struct sl_contrast_rows {
    sl_tensor *pooled;   /* (n, embed), as they come from the tower */
    sl_tensor *pictures; /* (n, embed), unit rows */
    sl_tensor *texts;    /* (m, embed), unit rows */
    const int32_t *labels, *text_labels;
} sl_contrast_rows;

/*
 * Pools n groups of patches, groups (n, 2) saying where each begins and ends; patches in no group are left out, and no
 * patch is in two.
 */
sl_tensor *sl_contrast_pool(sl_ctx *ctx, const sl_model *m, sl_tensor *patches, const int32_t *groups, int n);

/* The sum over pictures of their sigmoid losses, divided by unit; a root, whose gradients reach scale and bias too. */
double sl_contrast_loss(sl_ctx *ctx, const sl_model *m, const sl_contrast_rows *rows, float unit);

/* Returns the present scale of cosines. */
double sl_contrast_scale(const sl_model *m);

/* Returns t's elements as f32: its own, or converted ones in the arenas; NULL once the context has failed. */
const float *sl_contrast_floats(sl_ctx *ctx, const sl_tensor *t);

#endif
