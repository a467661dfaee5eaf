/*
 * view.c: from a picture to the size at which the model sees it.
 */
#include "media/view.h"

sl_status sl_view_make(const struct sl_view_rule *rule, struct sl_picture *picture, int n_threads, struct sl_view *view,
                       sl_error *err)
{
    const int patch = rule->format.patch_size;
    int width = 0, height = 0;
    *view = (struct sl_view){.width = picture->width, .height = picture->height};
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
