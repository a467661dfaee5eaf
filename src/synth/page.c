/*
 * page.c: laying out, placing and painting pages of text.
 */
#include "synth/page.h"

#include "base/mem.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

sl_status sl_page_init(struct sl_page *p, sl_error *err)
{
    *p = (struct sl_page){.smallest = INFINITY};
    return sl_paint_open(&p->measure, 1, 1, err);
}

void sl_page_release(struct sl_page *p)
{
    for (int i = 0; i < p->n_blocks; i++) g_object_unref(p->blocks[i].layout);
    for (int i = 0; i < p->n_lines; i++) free(p->lines[i].text);
    sl_paint_abandon(&p->measure);
    *p = (struct sl_page){0};
}

int sl_page_add_surface(struct sl_page *p, int width, int height)
{
    SL_CHECK(p->n_surfaces < SL_PAGE_MAX_SURFACES);
    p->surfaces[p->n_surfaces] = (struct sl_page_surface){.width = width, .height = height};
    return p->n_surfaces++;
}

static PangoLayout *layout_of(const struct sl_page *p, const struct sl_page_type *t, const char *text, double wrap)
{
    struct sl_paint_text paint = {
        .text = text, .font = t->font, .size = t->size, .bold = t->bold, .italic = t->italic, .wrap = wrap};
    return sl_paint_layout(&p->measure, &paint);
}

double sl_page_width(const struct sl_page *p, const struct sl_page_type *t, const char *text)
{
    PangoRectangle r = {0};
    PangoLayout *layout = layout_of(p, t, text, 0);
    if (!layout) return 0;
    pango_layout_get_extents(layout, NULL, &r);
    g_object_unref(layout);
    return (double)r.width / PANGO_SCALE;
}

/* Adds a line of the last block; text is the block's, and the line has n bytes of it from begin. */
static void add_line(struct sl_page *p, int index, const char *text, size_t n, const PangoRectangle *ink)
{
    const struct sl_page_block *b = &p->blocks[p->n_blocks - 1];
    const struct sl_page_surface *s = &p->surfaces[b->surface];
    while (n && text[n - 1] == ' ') n--;
    if (p->n_lines == SL_PAGE_MAX_LINES || ink->width == 0) {
        p->full = true;
        return;
    }
    struct sl_page_line *line = &p->lines[p->n_lines++];
    *line = (struct sl_page_line){.block = p->n_blocks - 1, .index = index, .text = calloc(n + 1, 1)};
    if (line->text)
        memcpy(line->text, text, n);
    else
        p->full = true;
    line->ink[0] = b->x + (double)ink->x / PANGO_SCALE;
    line->ink[1] = b->y + (double)ink->y / PANGO_SCALE;
    line->ink[2] = line->ink[0] + (double)ink->width / PANGO_SCALE;
    line->ink[3] = line->ink[1] + (double)ink->height / PANGO_SCALE;
    if (line->ink[0] < 1 || line->ink[1] < 1 || line->ink[2] > s->width - 1 || line->ink[3] > s->height - 1)
        p->full = true;
}

double sl_page_add_text(struct sl_page *p, int surface, const struct sl_page_type *t, const char *text, double x,
                        double y, double wrap)
{
    PangoLayout *layout = p->n_blocks < SL_PAGE_MAX_BLOCKS ? layout_of(p, t, text, wrap) : NULL;
    if (!layout) {
        p->full = true;
        return y;
    }
    p->blocks[p->n_blocks++] = (struct sl_page_block){.layout = layout, .x = x, .y = y, .surface = surface};
    p->smallest = fmin(p->smallest, t->size);
    PangoLayoutIter *it = pango_layout_get_iter(layout);
    PangoRectangle ink, all;
    int i = 0;
    do {
        PangoLayoutLine *line = pango_layout_iter_get_line_readonly(it);
        pango_layout_iter_get_line_extents(it, &ink, NULL);
        add_line(p, i++, text + line->start_index, (size_t)line->length, &ink);
    } while (pango_layout_iter_next_line(it));
    pango_layout_iter_free(it);
    pango_layout_get_extents(layout, NULL, &all);
    return y + (double)all.height / PANGO_SCALE;
}

double sl_page_add_right(struct sl_page *p, int surface, const struct sl_page_type *t, const char *text, double x,
                         double y)
{
    return sl_page_add_text(p, surface, t, text, x - sl_page_width(p, t, text), y, 0);
}

void sl_page_add_rule(struct sl_page *p, double x1, double y1, double x2, double y2, double width)
{
    if (p->n_rules == (int)(sizeof p->rules / sizeof *p->rules)) {
        p->full = true;
        return;
    }
    const double rule[5] = {x1, y1, x2, y2, width};
    memcpy(p->rules[p->n_rules++], rule, sizeof rule);
}

static bool bent(const struct sl_warp *w)
{
    return w->wave != 0 || w->radius > 0;
}

/* The outline of a line's ink: its upper edge from left to right, then its lower edge back. */
static void outline(struct sl_page *p, struct sl_page_line *line)
{
    const struct sl_warp *w = &p->surfaces[p->blocks[line->block].surface].warp;
    int n = bent(w) ? SL_PAGE_POLYGON / 2 : 2;
    line->n_corners = 2 * n;
    for (int i = 0; i < 2 * n; i++) {
        double t = (double)(i < n ? i : 2 * n - 1 - i) / (n - 1);
        double *q = line->polygon[i];
        sl_warp_point(w, line->ink[0] + t * (line->ink[2] - line->ink[0]), line->ink[i < n ? 1 : 3], q);
        if (!(q[0] >= 1 && q[1] >= 1 && q[0] <= p->width - 1 && q[1] <= p->height - 1)) p->full = true;
    }
}

/* Whether two lines of one surface overlap by more than a sliver, as letters of narrow line spacing may. */
static bool overlap(const struct sl_page *p, const struct sl_page_line *a, const struct sl_page_line *b)
{
    if (p->blocks[a->block].surface != p->blocks[b->block].surface) return false;
    double w = fmin(a->ink[2], b->ink[2]) - fmax(a->ink[0], b->ink[0]);
    double h = fmin(a->ink[3], b->ink[3]) - fmax(a->ink[1], b->ink[1]);
    double low = fmin(a->ink[3] - a->ink[1], b->ink[3] - b->ink[1]);
    return w > 0 && h > (a->block == b->block ? 0.3 * low : 0);
}

void sl_page_place(struct sl_page *p)
{
    for (int i = 0; i < p->n_lines && !p->full; i++) {
        outline(p, &p->lines[i]);
        for (int k = 0; k < i && !p->full; k++) p->full = overlap(p, &p->lines[i], &p->lines[k]);
    }
}

/* --- painting --------------------------------------------------------------------------------------------------- */

static void colour(cairo_t *cr, const double rgb[3])
{
    cairo_set_source_rgb(cr, rgb[0], rgb[1], rgb[2]);
}

/* What is behind the surfaces: a gradient, with bricks, stripes or discs in slightly other tones. */
static void paint_ground(const struct sl_page *p, struct sl_paint *canvas)
{
    cairo_t *cr = canvas->cr;
    cairo_pattern_t *g = cairo_pattern_create_linear(0, 0, p->width, p->height);
    for (int i = 0; i < 2; i++)
        cairo_pattern_add_color_stop_rgb(g, i, p->ground[i][0], p->ground[i][1], p->ground[i][2]);
    cairo_set_source(cr, g);
    cairo_paint(cr);
    cairo_pattern_destroy(g);
    double step = fmax(18, p->width / 16.0);
    cairo_set_line_width(cr, 2);
    for (int i = 0; p->pattern && i * step / 2 < p->height + p->width; i++)
        for (int k = 0; k * step < p->width + step; k++) {
            cairo_set_source_rgba(cr, (i + k) % 2, (i + k) % 2, (i + k) % 2, 0.06 + 0.04 * ((i * 7 + k * 3) % 3));
            if (p->pattern == 1)
                cairo_rectangle(cr, (k - i % 2 * 0.5) * step + 1, i * step / 2 + 1, step - 2, step / 2 - 2);
            else if (p->pattern == 2)
                cairo_rectangle(cr, k * step, 0, step / 2, i ? 0 : p->height);
            else
                cairo_arc(cr, k * step * 1.3, i * step, step * (0.2 + 0.1 * ((i + 2 * k) % 4)), 0, 2 * M_PI);
            cairo_fill(cr);
        }
}

static void show_line(cairo_t *cr, const struct sl_page_block *b, int index)
{
    PangoLayoutIter *it = pango_layout_get_iter(b->layout);
    PangoRectangle r;
    for (int i = 0; i < index; i++) pango_layout_iter_next_line(it);
    pango_layout_iter_get_line_extents(it, NULL, &r);
    cairo_move_to(cr, b->x + (double)r.x / PANGO_SCALE,
                  b->y + (double)pango_layout_iter_get_baseline(it) / PANGO_SCALE);
    pango_cairo_show_layout_line(cr, pango_layout_iter_get_line_readonly(it));
    pango_layout_iter_free(it);
}

static void paint_surface(const struct sl_page *p, int index, int only, cairo_t *cr)
{
    const struct sl_page_surface *s = &p->surfaces[index];
    static const double white[3] = {1, 1, 1}, black[3] = {0, 0, 0};
    colour(cr, only < 0 ? s->ground : white);
    cairo_paint(cr);
    colour(cr, only < 0 ? s->ink : black);
    if (only >= 0) {
        const struct sl_page_line *line = &p->lines[only];
        if (p->blocks[line->block].surface == index) show_line(cr, &p->blocks[line->block], line->index);
        return;
    }
    if (s->border > 0) {
        cairo_set_line_width(cr, s->border);
        cairo_rectangle(cr, s->border, s->border, s->width - 2 * s->border, s->height - 2 * s->border);
        cairo_stroke(cr);
    }
    for (int i = 0; index == 0 && i < p->n_rules; i++) {
        const double *q = p->rules[i];
        cairo_set_line_width(cr, q[4]);
        cairo_move_to(cr, q[0], q[1]);
        cairo_line_to(cr, q[2], q[3]);
        cairo_stroke(cr);
    }
    for (int i = 0; i < p->n_blocks; i++) {
        if (p->blocks[i].surface != index) continue;
        cairo_move_to(cr, p->blocks[i].x, p->blocks[i].y);
        pango_cairo_show_layout(cr, p->blocks[i].layout);
    }
}

sl_status sl_page_paint(const struct sl_page *p, int only, struct sl_picture *out, sl_error *err)
{
    struct sl_paint canvas;

    sl_status status = sl_paint_open(&canvas, p->width, p->height, err);
    if (status) return status;
    if (only < 0) paint_ground(p, &canvas);
    status = sl_paint_finish(&canvas, out, err);
    for (int i = 0; i < p->n_surfaces && !status; i++) {
        struct sl_picture surface = {0};
        status = sl_paint_open(&canvas, p->surfaces[i].width, p->surfaces[i].height, err);
        if (status) break;
        paint_surface(p, i, only, canvas.cr);
        status = sl_paint_finish(&canvas, &surface, err);
        if (!status) sl_warp_paint(&p->surfaces[i].warp, &surface, out);
        sl_picture_free(&surface);
    }
    if (status) sl_picture_free(out);
    return status;
}
