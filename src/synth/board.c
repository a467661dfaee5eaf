/*
 * board.c: anchored text with remembered ink, and a few strokes.
 */
#include "synth/board.h"

#include "base/mem.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>

sl_status sl_board_open(struct sl_board *b, int width, int height, const double colour[3], const char *font,
                        sl_error *err)
{
    *b = (struct sl_board){.font = font};
    sl_status status = sl_paint_open(&b->paint, width, height, err);
    if (status) return status;
    b->boxes = sl_alloc_array(SL_BOARD_MAX_TEXTS, sizeof *b->boxes);
    if (!b->boxes) {
        sl_board_abandon(b);
        return sl_fail(err, SL_ERR_MEMORY, "no memory for a board");
    }
    sl_board_colour(b, colour);
    cairo_paint(b->paint.cr);
    return SL_OK;
}

sl_status sl_board_finish(struct sl_board *b, struct sl_picture *out, sl_error *err)
{
    sl_status status = sl_paint_finish(&b->paint, out, err);
    sl_board_abandon(b);
    return status;
}

void sl_board_abandon(struct sl_board *b)
{
    sl_paint_abandon(&b->paint);
    free(b->boxes);
    *b = (struct sl_board){0};
}

static PangoLayout *layout_of(const struct sl_board *b, const struct sl_board_text *t)
{
    struct sl_paint_text text = {.text = t->text,
                                 .font = b->font,
                                 .size = t->size,
                                 .bold = t->bold,
                                 .italic = t->italic,
                                 .mono = t->mono,
                                 .wrap = t->wrap};
    return sl_paint_layout(&b->paint, &text);
}

void sl_board_measure(const struct sl_board *b, const struct sl_board_text *t, double *w, double *h)
{
    PangoLayout *layout = layout_of(b, t);
    PangoRectangle r = {0};
    if (layout) {
        pango_layout_get_extents(layout, NULL, &r);
        g_object_unref(layout);
    }
    *w = (double)r.width / PANGO_SCALE;
    *h = (double)r.height / PANGO_SCALE;
}

/* The upright box around a rectangle of the present user space, in pixels. */
static void device_box(cairo_t *cr, const double r[4], double out[4])
{
    for (int i = 0; i < 4; i++) {
        double x = r[i % 2 ? 2 : 0], y = r[i / 2 ? 3 : 1];
        cairo_user_to_device(cr, &x, &y);
        out[0] = i ? fmin(out[0], x) : x;
        out[1] = i ? fmin(out[1], y) : y;
        out[2] = i ? fmax(out[2], x) : x;
        out[3] = i ? fmax(out[3], y) : y;
    }
}

static void remember(struct sl_board *b, const double box[4], bool is_free)
{
    bool outside = box[0] < 1 || box[1] < 1 || box[2] > b->paint.width - 1 || box[3] > b->paint.height - 1;
    if (outside || b->n_boxes == SL_BOARD_MAX_TEXTS) b->crowded = true;
    for (int i = 0; i < b->n_boxes && !is_free && !b->crowded; i++) {
        const double *o = b->boxes[i];
        b->crowded = box[0] < o[2] + 1 && o[0] < box[2] + 1 && box[1] < o[3] + 1 && o[1] < box[3] + 1;
    }
    if (is_free || b->n_boxes == SL_BOARD_MAX_TEXTS) return;
    for (int k = 0; k < 4; k++) b->boxes[b->n_boxes][k] = box[k];
    b->n_boxes++;
}

void sl_board_show(struct sl_board *b, const struct sl_board_text *t, double ink[4])
{
    PangoLayout *layout = layout_of(b, t);
    cairo_t *cr = b->paint.cr;
    PangoRectangle inner = {0}, line = {0};
    double box[4];
    if (!layout) {
        b->crowded = true;
        return;
    }
    pango_layout_get_extents(layout, &inner, &line);
    cairo_save(cr);
    cairo_translate(cr, t->x, t->y);
    if (t->angle != 0) cairo_rotate(cr, t->angle);
    double x = -t->ax * (double)line.width / PANGO_SCALE, y = -t->ay * (double)line.height / PANGO_SCALE;
    double left = x + (double)inner.x / PANGO_SCALE, top = y + (double)inner.y / PANGO_SCALE;
    double rectangle[4] = {left, top, left + (double)inner.width / PANGO_SCALE,
                           top + (double)inner.height / PANGO_SCALE};
    cairo_move_to(cr, x, y);
    pango_cairo_show_layout(cr, layout);
    device_box(cr, rectangle, box);
    cairo_restore(cr);
    g_object_unref(layout);
    remember(b, box, t->free);
    for (int k = 0; ink && k < 4; k++) ink[k] = box[k];
}

void sl_board_reserve(struct sl_board *b, const double box[4])
{
    remember(b, box, false);
}

void sl_board_colour(struct sl_board *b, const double colour[3])
{
    cairo_set_source_rgb(b->paint.cr, colour[0], colour[1], colour[2]);
}

void sl_board_line(struct sl_board *b, double x1, double y1, double x2, double y2, double width, double dash)
{
    cairo_t *cr = b->paint.cr;
    double dashes[2] = {dash, dash * 0.7};
    cairo_set_line_width(cr, width);
    cairo_set_dash(cr, dashes, dash > 0 ? 2 : 0, 0);
    cairo_move_to(cr, x1, y1);
    cairo_line_to(cr, x2, y2);
    cairo_stroke(cr);
    cairo_set_dash(cr, NULL, 0, 0);
}

void sl_board_arrow(struct sl_board *b, double x1, double y1, double x2, double y2, double width, double head)
{
    cairo_t *cr = b->paint.cr;
    double a = atan2(y2 - y1, x2 - x1), c = cos(a), s = sin(a);
    double length = hypot(x2 - x1, y2 - y1), h = fmin(head, length * 0.6);
    sl_board_line(b, x1, y1, x2 - c * h * 0.8, y2 - s * h * 0.8, width, 0);
    cairo_move_to(cr, x2, y2);
    cairo_line_to(cr, x2 - c * h - s * h * 0.42, y2 - s * h + c * h * 0.42);
    cairo_line_to(cr, x2 - c * h + s * h * 0.42, y2 - s * h - c * h * 0.42);
    cairo_close_path(cr);
    cairo_fill(cr);
}
