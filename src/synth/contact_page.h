/*
 * contact_page.h: made samples on one picture to look at: what is shown, what is asked and answered, and the answer's
 * shapes drawn in.
 */
#ifndef SL_SYNTH_CONTACT_PAGE_H
#define SL_SYNTH_CONTACT_PAGE_H

#include "synth/recipe.h"

struct sl_contact_page {
    int columns;
    int cell; /* width of a sample in pixels, 64 .. 2048 */
    int text; /* height of the text below it in pixels */
};

/*
 * Draws n samples, borrowed, row by row into *out, owned by the caller. Of a sample with several pictures all are
 * shown, of a video nine frames in the order of time; points, boxes and polygons of the last answer lie over the last
 * picture. Text that is longer than its place is cut off.
 */
sl_status sl_contact_page(const struct sl_recipe_sample *samples, int n, const struct sl_contact_page *page,
                          struct sl_picture *out, sl_error *err);

#endif
