/*
 * curves_draw.c: curves as a picture, by cairo.
 */
#include "train/curves.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>

enum { WIDTH = 960, HEIGHT = 560, LEFT = 80, RIGHT = 48, TOP = 40, BOTTOM = 50, SAMPLE = 30 };

/* How values become places. */
struct axes {
    double x0, x1, y0, y1; /* of what is drawn, logarithms taken */
    int logarithmic;
};

static const double colours[][3] = {{0.12, 0.47, 0.71}, {1.0, 0.5, 0.05},   {0.17, 0.63, 0.17}, {0.84, 0.15, 0.16},
                                    {0.58, 0.4, 0.74},  {0.55, 0.34, 0.29}, {0.89, 0.47, 0.76}, {0.5, 0.5, 0.5}};
enum { N_COLOURS = sizeof colours / sizeof *colours };

/* The coordinates of point i; false when a logarithm does not exist. */
static int point(const struct axes *a, const sl_curve *c, int i, double *x, double *y)
{
    *x = a->logarithmic ? c->tokens[i] : c->step[i];
    *y = c->value[i];
    if (!a->logarithmic) return isfinite(*y);
    if (!(*x > 0) || !(*y > 0)) return 0;
    *x = log10(*x);
    *y = log10(*y);
    return 1;
}

static void find_ranges(struct axes *a, const sl_curves *c)
{
    a->x0 = a->y0 = INFINITY;
    a->x1 = a->y1 = -INFINITY;
    for (int k = 0; k < c->n; k++)
        for (int i = 0; i < c->items[k].n; i++) {
            double x, y;
            if (!point(a, &c->items[k], i, &x, &y)) continue;
            a->x0 = fmin(a->x0, x), a->x1 = fmax(a->x1, x);
            a->y0 = fmin(a->y0, y), a->y1 = fmax(a->y1, y);
        }
    if (!(a->x1 > a->x0)) a->x0 -= 1, a->x1 = a->x0 + 2;
    if (!(a->y1 > a->y0)) a->y0 -= 1, a->y1 = a->y0 + 2;
}

static double place_x(const struct axes *a, double x)
{
    return LEFT + (x - a->x0) / (a->x1 - a->x0) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct axes *a, double y)
{
    return HEIGHT - BOTTOM - (y - a->y0) / (a->y1 - a->y0) * (HEIGHT - TOP - BOTTOM);
}

static void draw_label(cairo_t *cr, double x, double y, double align, const char *text)
{
    cairo_text_extents_t e;
    cairo_text_extents(cr, text, &e);
    cairo_move_to(cr, x - align * e.width, y);
    cairo_show_text(cr, text);
}

static void draw_axes(cairo_t *cr, const struct axes *a, const char *title)
{
    char text[64];
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_set_font_size(cr, 13);
    cairo_set_line_width(cr, 1);
    for (int i = 0; i <= 5; i++) {
        double x = a->x0 + (a->x1 - a->x0) * i / 5, y = a->y0 + (a->y1 - a->y0) * i / 5;
        cairo_set_source_rgb(cr, 0.85, 0.85, 0.85);
        cairo_move_to(cr, LEFT, place_y(a, y));
        cairo_line_to(cr, WIDTH - RIGHT, place_y(a, y));
        cairo_stroke(cr);
        cairo_set_source_rgb(cr, 0.2, 0.2, 0.2);
        snprintf(text, sizeof text, "%.4g", a->logarithmic ? pow(10, y) : y);
        draw_label(cr, LEFT - 8, place_y(a, y) + 4, 1, text);
        snprintf(text, sizeof text, "%.4g", a->logarithmic ? pow(10, x) : x);
        draw_label(cr, place_x(a, x), HEIGHT - BOTTOM + 18, 0.5, text);
    }
    draw_label(cr, (WIDTH + LEFT) / 2.0, HEIGHT - 12, 0.5, a->logarithmic ? "tokens (logarithmic)" : "step");
    draw_label(cr, (WIDTH + LEFT) / 2.0, 22, 0.5, title);
}

/* How lines are told apart that have the same colour: whole, dashed, dotted. */
static void set_dash(cairo_t *cr, int round)
{
    static const double dashes[] = {0, 7, 2};
    const double dash[] = {dashes[round % 3], 4};
    cairo_set_dash(cr, dash, dash[0] > 0 ? 2 : 0, 0);
}

static void draw_curve(cairo_t *cr, const struct axes *a, const sl_curve *c, int number)
{
    const double *rgb = colours[number % N_COLOURS];
    double x, y;
    cairo_set_source_rgb(cr, rgb[0], rgb[1], rgb[2]);
    cairo_set_line_width(cr, 1.8);
    set_dash(cr, number / N_COLOURS);
    cairo_new_path(cr);
    for (int i = 0; i < c->n; i++)
        if (point(a, c, i, &x, &y)) cairo_line_to(cr, place_x(a, x), place_y(a, y));
    cairo_stroke(cr);
    cairo_move_to(cr, WIDTH - RIGHT - 8, TOP + 12 + 17 * number);
    cairo_rel_line_to(cr, -SAMPLE, 0);
    cairo_stroke(cr);
    set_dash(cr, 0);
    draw_label(cr, WIDTH - RIGHT - SAMPLE - 16, TOP + 16 + 17 * number, 1, c->name);
}

sl_status sl_curves_draw(const sl_curves *c, const char *title, int logarithmic, const char *path, sl_error *err)
{
    struct axes a = {.logarithmic = logarithmic};
    find_ranges(&a, c);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    cairo_t *cr = cairo_create(surface);
    draw_axes(cr, &a, title);
    for (int i = 0; i < c->n; i++) draw_curve(cr, &a, &c->items[i], i);
    cairo_status_t s = cairo_status(cr);
    if (!s) s = cairo_surface_write_to_png(surface, path);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return s ? sl_fail(err, SL_ERR_IO, "%s: %s", path, cairo_status_to_string(s)) : SL_OK;
}
