/*
 * view.c: from a picture to the size at which the model sees it.
 */
#include "media/view.h"

#include <string.h>

/* Copies *from into the upper left corner of a black picture of width x height. */
static sl_status pad(const struct sl_picture *from, int width, int height, struct sl_picture *out, sl_error *err)
{
    sl_status s = sl_picture_new(out, width, height, SL_PICTURE_MAX_PIXELS, err);
    if (s) return s;
    memset(out->rgb, 0, 3 * (size_t)width * (size_t)height);
    for (int y = 0; y < from->height; y++)
        memcpy(out->rgb + 3 * (size_t)y * (size_t)width, from->rgb + 3 * (size_t)y * (size_t)from->width,
               3 * (size_t)from->width);
    return SL_OK;
}

/* Shrinks where the rule asks for it, and fills up to whole cells. */
static sl_status make_padded(const struct sl_view_rule *rule, const struct sl_picture *picture, int n_threads,
                             struct sl_view *view, sl_error *err)
{
    struct sl_picture small = {0};
    int width, height, padded_width, padded_height;
    sl_status s = sl_picture_fit_padded(&rule->fit, picture->width, picture->height, &width, &height, &padded_width,
                                        &padded_height, err);
    if (!s && (width != picture->width || height != picture->height))
        s = sl_picture_resize(picture, width, height, rule->filter, n_threads, &small, err);
    if (!s) s = pad(small.rgb ? &small : picture, padded_width, padded_height, &view->picture, err);
    sl_picture_free(&small);
    view->grid = (sl_grid){padded_height / rule->format.patch_size, padded_width / rule->format.patch_size};
    return s;
}

sl_status sl_view_make(const struct sl_view_rule *rule, struct sl_picture *picture, int n_threads, struct sl_view *view,
                       sl_error *err)
{
    const int patch = rule->format.patch_size;
    int width = 0, height = 0;
    *view = (struct sl_view){.width = picture->width, .height = picture->height};
    if (rule->pad) {
        sl_status padded = make_padded(rule, picture, n_threads, view, err);
        sl_picture_free(picture);
        return padded;
    }
    sl_status s = sl_picture_fit(&rule->fit, picture->width, picture->height, &width, &height, err);
    if (!s && width == picture->width && height == picture->height) {
        view->picture = *picture; /* resizing to the same size changes nothing */
        *picture = (struct sl_picture){0};
    } else if (!s) {
        s = sl_picture_resize(picture, width, height, rule->filter, n_threads, &view->picture, err);
    }
    sl_picture_free(picture);
    view->grid = (sl_grid){height / patch, width / patch};
    return s;
}

void sl_view_free(struct sl_view *view)
{
    sl_picture_free(&view->picture);
    *view = (struct sl_view){0};
}
