/*
 * screens_validate.c: whether the box that a sample promises is where its control is drawn: the page is shown once more
 * with the control made invisible, and what changes must lie in the box and fill a good part of it.
 */
#include "synth/screens_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Returns the control of that box on the screen, or -1. */
static int control_of(const struct sl_screen_scene *s, const json_t *box)
{
    for (int i = 0; i < s->page->n; i++) {
        if (s->at[i] < 0) continue;
        json_t *own =
            sl_screen_box_json(sl_screen_box_of(s->elements.items[s->at[i]].box, sl_browser_screen(s->browser)));
        bool same = json_equal(own, box);
        json_decref(own);
        if (same) return i;
    }
    return -1;
}

/* Shows the page without control i into *out, owned. */
static sl_status show_without(struct sl_screen_scene *s, int i, struct sl_picture *out, sl_error *err)
{
    struct sl_buf html = SL_BUF_INIT(1 << 20);
    sl_buf_add(&html, s->page->html.data, s->page->html.len);
    sl_buf_addf(&html, "<style>[data-k=%s]{visibility:hidden!important}</style>", s->page->controls[i].key);
    sl_status status = sl_buf_ok(&html) ? sl_browser_show(s->browser, html.data, html.len, err)
                                        : sl_fail(err, SL_ERR_MEMORY, "no memory for a page");
    s->live = false;
    if (!status) status = sl_screen_capture(sl_browser_screen(s->browser), out, err);
    sl_buf_release(&html);
    return status;
}

static bool differs(const struct sl_picture *a, const struct sl_picture *b, int x, int y)
{
    const size_t at = 3 * ((size_t)y * (size_t)a->width + (size_t)x);
    for (size_t c = 0; c < 3; c++)
        if (abs(a->rgb[at + c] - b->rgb[at + c]) > 4) return true;
    return false;
}

sl_status sl_screens_validate(struct sl_screen_scene *s, const json_t *box, sl_error *err)
{
    struct sl_picture without = {0};
    int i = control_of(s, box);
    if (i < 0) return sl_fail(err, SL_ERR_FORMAT, "a box of the truth is no control's");
    const double *b = s->elements.items[s->at[i]].box;
    double seen[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    sl_status status = s->began->rgb ? SL_OK : sl_scene_begin(s, err);
    if (!status && !s->began->rgb) status = sl_screen_capture(sl_browser_screen(s->browser), s->began, err);
    if (!status) status = show_without(s, i, &without, err);
    for (int y = 0; !status && y < without.height; y++)
        for (int x = 0; x < without.width; x++) {
            if (!differs(s->began, &without, x, y)) continue;
            seen[0] = fmin(seen[0], x), seen[1] = fmin(seen[1], y);
            seen[2] = fmax(seen[2], x + 1), seen[3] = fmax(seen[3], y + 1);
        }
    sl_picture_free(&without);
    if (status) return status;
    bool inside = seen[0] >= b[0] - 2 && seen[1] >= b[1] - 2 && seen[2] <= b[2] + 2 && seen[3] <= b[3] + 2;
    bool fills = seen[2] - seen[0] >= 0.4 * (b[2] - b[0]) && seen[3] - seen[1] >= 0.25 * (b[3] - b[1]);
    if (inside && fills) return SL_OK;
    return sl_fail(err, SL_ERR_FORMAT, "\"%s\" is drawn from %g %g to %g %g, and its box is %g %g %g %g",
                   s->page->controls[i].name, seen[0], seen[1], seen[2], seen[3], b[0], b[1], b[2], b[3]);
}
