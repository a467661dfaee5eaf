/*
 * view.h: how a model sees a picture: brought to a size of its rule, then cut into normalised patches.
 *
 * Prompts and training data both come this way, so that a model is asked about what it was trained on.
 */
#ifndef SL_MEDIA_VIEW_H
#define SL_MEDIA_VIEW_H

#include "media/patches.h"
#include "media/picture.h"
#include "media/resize.h"

#include <stdbool.h>
#include <stdint.h>

/* What a model asks of its pictures. */
struct sl_view_rule {
    struct sl_fit fit; /* factor is 2 * format.patch_size */
    sl_filter filter;
    bool pad; /* Kimi-VL's rule: see sl_picture_fit_padded */
    struct sl_patch_format format;
};

/* A picture at the size at which the model sees it. */
struct sl_view {
    int width, height; /* of the picture it was made from, upright */
    sl_grid grid;      /* in patches */
    struct sl_picture picture;
    bool sound; /* the picture is a spectrogram (media/sound.h) */
};

/*
 * Brings *picture to the size of the rule into *view; release with sl_view_free. Takes the pixels: *picture is empty
 * afterwards, also on an error. Sizes that the rule refuses are SL_ERR_ARGUMENT. Uses n_threads threads (>= 1).
 */
sl_status sl_view_make(const struct sl_view_rule *rule, struct sl_picture *picture, int n_threads, struct sl_view *view,
                       sl_error *err);

/* Releases the pixels; *view is empty again. */
void sl_view_free(struct sl_view *view);

/* Returns the number of patches of a grid. */
static inline int64_t sl_grid_patches(sl_grid grid)
{
    return (int64_t)grid.rows * grid.cols;
}

/* Returns the number of values of one patch. */
static inline int64_t sl_patch_numel(const struct sl_patch_format *format)
{
    return 3 * (int64_t)sl_patch_frames(format) * format->patch_size * format->patch_size;
}

#endif
