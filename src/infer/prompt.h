/*
 * prompt.h: one question in the making: tokens and pictures, until they are a batch.
 *
 * Add the pictures, then set the tokens, then build. One thread owns a prompt.
 */
#ifndef SL_INFER_PROMPT_H
#define SL_INFER_PROMPT_H

#include "model/batch.h"
#include "text/ids.h"

/* What became of a picture. */
typedef struct sl_prompt_picture {
    int width, height;           /* as in the file, upright */
    int used_width, used_height; /* after resizing */
    sl_grid grid;                /* in patches */
} sl_prompt_picture;

enum { SL_PROMPT_MAX_PICTURES = 256 };

typedef struct sl_prompt {
    const sl_config *config; /* borrowed */
    int n_threads;
    struct sl_token_ids tokens;
    sl_prompt_picture *pictures; /* owned */
    sl_grid *grids;              /* owned; as in pictures */
    int n_pictures;
    float *patches; /* owned, (n_patches, 3 patch_size^2) */
    int64_t n_patches;
} sl_prompt;

/* Starts an empty prompt. Release with sl_prompt_release. */
void sl_prompt_init(sl_prompt *p, const sl_config *config, int n_threads);
void sl_prompt_release(sl_prompt *p);

/* Reads a picture file, resizes it by the model's rule and cuts it into patches. Errors name the file. */
sl_status sl_prompt_add_picture(sl_prompt *p, const char *path, sl_error *err);

/*
 * Sets the tokens from n ids. Each image_patch id stands for the next picture and is repeated once for each of its
 * features; without any, all pictures come first, each between image_start and image_end. As many marks as pictures
 * must be there. At most config's max_positions tokens.
 */
sl_status sl_prompt_set_tokens(sl_prompt *p, const int32_t *ids, size_t n, sl_error *err);

/* Makes the batch of this one sequence; it borrows the patches of p. Release with sl_batch_free. */
sl_status sl_prompt_batch(const sl_prompt *p, sl_batch **out, sl_error *err);

#endif
