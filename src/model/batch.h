/*
 * batch.h: what the model reads in one call: packed token sequences and the patches of their pictures.
 */
#ifndef SL_MODEL_BATCH_H
#define SL_MODEL_BATCH_H

#include "base/error.h"
#include "media/video_plan.h"
#include "media/view.h"
#include "model/config.h"
#include "text/chat.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Borrows everything; whoever built it keeps it until backward. Counts may be zero: a batch without pictures has
 * n_pictures 0, one without tokens only encodes pictures. Patches stand in 2x2-block order, picture after picture.
 */
typedef struct sl_batch {
    int64_t n_tokens;
    const int32_t *tokens;      /* (n_tokens) */
    const int32_t *grad_tokens; /* (n_tokens): as tokens, -1 where a feature stands */
    const int32_t *positions;   /* (n_tokens): from 0 in each sequence, or from the cache's length on */
    const int32_t *axes;        /* (n_tokens, 3): time, row, column; NULL unless the decoder has rope_sections */
    int n_seqs;
    const int32_t *cu_seqlens; /* (n_seqs + 1) */
    const int32_t *targets;    /* (n_tokens): -1 none; NULL without a loss */
    const float *loss_weights; /* (n_tokens): 0 without a target; their sum is 1 unless made with a loss_unit */

    int64_t n_patches;
    const float *patches;           /* (n_patches, sl_vit_patch_numel), normalised pixels */
    const int32_t *patch_positions; /* (n_patches, 2): row and column in the picture's patch grid */
    int n_pictures;
    const int32_t *cu_patches;   /* (n_pictures + 1): where each picture's patches start */
    const int32_t *feature_rows; /* (n_patches / 4): the token row that each feature replaces */
} sl_batch;

/* What sl_batch_new makes a batch from; borrowed only during the call, except patches. */
typedef struct sl_batch_spec {
    const int32_t *tokens; /* image_patch tokens already repeated, one for each feature */
    int n_seqs;
    const int32_t *cu_seqlens;     /* (n_seqs + 1) */
    const int32_t *first_position; /* (n_seqs), or NULL: every sequence starts at 0 */
    const int32_t *targets;        /* or NULL */
    const float *loss_weights;     /* raw, >= 0; NULL: 1 */
    float loss_unit;               /* weights are divided by it; 0: by their sum */
    int n_pictures;
    const sl_grid *grids;  /* (n_pictures) */
    const double *seconds; /* (n_pictures): of frames, or NULL: as far apart as frames are by default */
    const float *patches;  /* borrowed as long as the batch; NULL for a dry run */
} sl_batch_spec;

/*
 * Builds an owned batch: positions, feature rows (the image_patch tokens in order), patch positions, normalised
 * weights. Refused: token ids outside the vocabulary, odd or empty grids, as many image_patch tokens as features
 * not being there. Release with sl_batch_free.
 */
sl_status sl_batch_new(const sl_config *c, const sl_batch_spec *spec, sl_batch **out, sl_error *err);
void sl_batch_free(sl_batch *b);

/* What the positions of a sequence follow from. */
typedef struct sl_axes_spec {
    const int32_t *tokens; /* (n) */
    int64_t n;
    const sl_grid *grids; /* of its pictures, in order */
    const double *seconds;
    int n_pictures;
} sl_axes_spec;

/*
 * Writes time, row and column of each token, axes (n, 3), and returns the position that comes next. Text counts on in
 * all three; a picture's features stand at its place plus their row and column of cells; frames that follow each other
 * without a token between them are moments of one video.
 */
int32_t sl_axes_fill(const sl_config *c, const sl_axes_spec *s, int32_t *axes);

/* Returns how the model of c sees pictures: its size rule, bilinear resizing and its normalisation. */
struct sl_view_rule sl_config_view(const sl_config *c);

/* Returns how the model of c samples videos: the published rule or its family's, at fps frames a second (0: its own).
 */
struct sl_video_sampling sl_config_sampling(const sl_config *c, double fps);

/* Returns whose chat template the model of c was trained with. */
enum sl_chat_format sl_config_chat_format(const sl_config *c);

#endif
