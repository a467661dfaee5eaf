/*
 * pretrain.h: what Seed-ViT's own pretraining computes beside the tower: features of masked patches, one embedding for
 * a picture, a video, a sound or a text, and captions read together with what they describe (docs/MODEL.md, section
 * 11).
 *
 * All are forward passes like those of model.h, and record their backward. The model's config.pretrain says which
 * parts it has; calling one that it lacks is a bug.
 */
#ifndef SL_MODEL_PRETRAIN_H
#define SL_MODEL_PRETRAIN_H

#include "base/rng.h"
#include "model/model.h"

/* Which patches of a batch are hidden from the tower. Made by sl_patch_mask_new. */
typedef struct sl_patch_mask {
    sl_batch visible;            /* the same pictures with their visible patches only, and no tokens */
    const int32_t *visible_rows; /* (visible.n_patches): the place of each in the whole batch */
    int64_t n_masked;
    const int32_t *masked_rows; /* (n_masked) */
    const int32_t *token_ids;   /* (patches of the whole batch): zeros, for the mask token's one row */
    const int32_t *grad_ids;    /* the same, -1 where a patch is visible */
} sl_patch_mask;

/*
 * Marks round(fraction * n) of the n patches of each picture of whole with 1, at least one and never all, drawn without
 * replacement from rng; the others with 0. marks (whole->n_patches) is written.
 */
void sl_patch_mask_draw(const sl_batch *whole, float fraction, struct sl_rng *rng, int32_t *marks);

/*
 * Hides the marked patches of whole, into *out, owned; release with sl_patch_mask_free. Pixels (patch_numel a patch)
 * are copied; whole and marks are borrowed only during the call. Every picture must keep a patch.
 */
sl_status sl_patch_mask_new(const sl_batch *whole, int64_t patch_numel, const int32_t *marks, sl_patch_mask **out,
                            sl_error *err);
void sl_patch_mask_free(sl_patch_mask *mask);

/* What the student says about the hidden patches: (mask->n_masked, teacher_hidden), in the order of masked_rows. */
sl_tensor *sl_masked_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *whole, const sl_patch_mask *mask);

/*
 * Attention pooling: final patch features (patches, vit hidden) of n groups, cu (n + 1) -> (n, embed), not normalised.
 * A group is a picture, or all frames of a video, or a sound. cu must stay valid until backward.
 */
sl_tensor *sl_pool_forward(sl_ctx *ctx, const sl_model *m, sl_tensor *patches, const int32_t *cu, int n);

/* The text tower's embedding of each sequence of b, taken at its last token: (n_seqs, embed), not normalised. */
sl_tensor *sl_text_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b);

/*
 * Captions that follow what they describe: sequences whose image_patch tokens stand for the 2x2 averages of `patches`
 * (b->n_patches, vit hidden) -> (n_tokens, text hidden), after the tower's last norm.
 */
sl_tensor *sl_omni_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_tensor *patches);

#endif
