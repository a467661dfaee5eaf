/*
 * chart_draw.c: the page of a chart: title, legend, axis titles and names around the plot; the marks are in
 * chart_marks.c.
 */
#include "synth/chart.h"

#include "synth/vocab.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PAD = 10 };

bool sl_chart_has_legend(const struct sl_chart *c)
{
    return c->kind != SL_CHART_PIE && c->kind != SL_CHART_BOX && c->kind != SL_CHART_HISTOGRAM && c->n_series > 1;
}

void sl_chart_value_text(const struct sl_chart *c, double value, struct sl_buf *out)
{
    sl_buf_addf(out, "%.*f", c->decimals, value);
    if (c->kind == SL_CHART_PIE) sl_buf_addch(out, '%');
}

static double text_width(const struct sl_board *b, const char *text, double size)
{
    double w, h;
    sl_board_measure(b, &(struct sl_board_text){.text = text, .size = size}, &w, &h);
    return w;
}

static double widest_name(const struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look)
{
    double widest = 0;
    for (int i = 0; i < c->n_points; i++) widest = fmax(widest, text_width(b, c->points[i], look->plot.size));
    return widest;
}

/* Draws the title at the top and moves the top of area below it. */
static void draw_title(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look, double area[4])
{
    struct sl_board_text t = {.text = c->title, .size = look->title_size, .bold = look->bold_title, .y = area[1]};
    double w, h;
    sl_board_measure(b, &t, &w, &h);
    t.ax = look->title_left ? 0 : 0.5;
    t.x = look->title_left ? area[0] : (area[0] + area[2]) / 2;
    sl_board_colour(b, look->plot.ink);
    sl_board_show(b, &t, NULL);
    area[1] += h + PAD * 0.8;
}

/* One entry of the legend at (x, y), y the middle of its line. */
static void draw_entry(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look, int s, double x,
                       double y)
{
    double size = look->size, swatch = size * 0.8;
    sl_chart_use_series(b, look, s);
    if (c->kind == SL_CHART_LINE) {
        double dash = look->dashes && s % 2 ? 5 : 0;
        sl_board_line(b, x, y, x + size * 1.6, y, look->line, dash);
        if (look->markers) sl_chart_draw_marker(b, s, x + size * 0.8, y, look->size * 0.55);
    } else if (c->kind == SL_CHART_SCATTER) {
        sl_chart_draw_marker(b, s, x + size * 0.8, y, look->size * 0.6);
    } else {
        cairo_rectangle(b->paint.cr, x + size * 0.4, y - swatch / 2, swatch * 1.2, swatch);
        cairo_fill(b->paint.cr);
    }
    sl_board_colour(b, look->plot.ink);
    struct sl_board_text t = {.text = c->series[s], .size = size, .x = x + size * 2, .y = y, .ay = 0.5};
    sl_board_show(b, &t, NULL);
}

/* The legend in a column at the right, or in rows below the title; area shrinks by it. */
static void draw_legend(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look, double area[4])
{
    double size = look->size, step = size * 1.6, widest = 0;
    for (int s = 0; s < c->n_series; s++) widest = fmax(widest, text_width(b, c->series[s], size));
    double entry = size * 2 + widest + PAD;
    if (look->legend_right) {
        double x = area[2] - entry, y = area[1] + PAD;
        for (int s = 0; s < c->n_series; s++) draw_entry(b, c, look, s, x, y + step * (s + 0.5));
        if (look->legend_frame) {
            sl_board_colour(b, look->plot.grid);
            cairo_rectangle(b->paint.cr, x - 4, y, entry + 2, step * c->n_series);
            cairo_set_line_width(b->paint.cr, 1);
            cairo_stroke(b->paint.cr);
        }
        area[2] = x - PAD * 1.2;
        return;
    }
    int columns = (int)fmax(1, floor((area[2] - area[0]) / entry));
    if (columns > c->n_series) columns = c->n_series;
    double x = (area[0] + area[2] - columns * entry) / 2;
    for (int s = 0; s < c->n_series; s++) {
        int row = s / columns;
        draw_entry(b, c, look, s, x + s % columns * entry, area[1] + step * (row + 0.5));
    }
    int rows = (c->n_series + columns - 1) / columns;
    area[1] += step * rows + PAD * 0.6;
}

/* The titles of both axes; area shrinks by them. */
static void draw_axis_titles(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                             double area[4])
{
    const char *below = look->horizontal ? c->y_title : c->x_title, *left = look->horizontal ? c->x_title : c->y_title;
    double w, h;
    struct sl_board_text t = {.text = below, .size = look->size, .x = (area[0] + area[2]) / 2 + 20, .y = area[3]};
    t.ax = 0.5;
    t.ay = 1;
    sl_board_colour(b, look->plot.ink);
    sl_board_measure(b, &t, &w, &h);
    sl_board_show(b, &t, NULL);
    area[3] -= h + PAD * 0.4;
    t = (struct sl_board_text){.text = left, .size = look->size, .x = area[0], .y = (area[1] + area[3]) / 2 - 10};
    t.ax = 0.5;
    t.angle = -M_PI / 2;
    sl_board_show(b, &t, NULL);
    area[0] += h + PAD * 0.4;
}

/* Names of the points below the plot, or left of it; slanted when they would touch. */
static void draw_names(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                       const struct sl_plot *p, bool slanted)
{
    sl_board_colour(b, look->plot.ink);
    for (int i = 0; i < c->n_points; i++) {
        struct sl_board_text t = {.text = c->points[i], .size = look->plot.size};
        double place = (i + 0.5) / c->n_points;
        t.x = look->horizontal ? p->left - 6 : p->left + place * (p->right - p->left);
        t.y = look->horizontal ? p->top + place * (p->bottom - p->top) : p->bottom + 6;
        t.ax = look->horizontal || slanted ? 1 : 0.5;
        t.ay = look->horizontal ? 0.5 : 0;
        if (slanted) t.angle = -M_PI / 4;
        t.free = slanted; /* their upright boxes overlap though the letters do not */
        double ink[4];
        sl_board_show(b, &t, ink);
    }
}

/* Slanted names must keep one line of text apart, measured across their slant. */
static bool slant_fits(const struct sl_chart *c, const struct sl_chart_look *look, double width)
{
    return width / c->n_points * M_SQRT1_2 > look->plot.size * 1.15;
}

/* Lays out and draws everything inside area, which title and legend have left. */
static void draw_plot(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look, double area[4])
{
    bool numbers_x = c->kind == SL_CHART_SCATTER || c->kind == SL_CHART_HISTOGRAM;
    struct sl_plot_axis values = sl_plot_axis_for(c->low, c->high, 6), xs = values;
    struct sl_plot p = {0};
    draw_axis_titles(b, c, look, area);
    if (c->kind == SL_CHART_SCATTER) {
        double low = INFINITY, high = -INFINITY;
        for (int s = 0; s < c->n_series; s++)
            for (int i = 0; i < c->n_points; i++) {
                low = fmin(low, c->x[s][i]);
                high = fmax(high, c->x[s][i]);
            }
        xs = sl_plot_axis_for(low, high, 6);
    } else if (c->kind == SL_CHART_HISTOGRAM) {
        double step = c->edges[1] - c->edges[0];
        xs = (struct sl_plot_axis){.low = c->edges[0], .high = c->edges[c->n_points], .step = step};
    }
    double names = numbers_x ? 0 : widest_name(b, c, look), line = look->plot.size * 1.4 + 6;
    p.left = area[0] + 10 + (look->horizontal ? names : sl_plot_label_width(b, &values, look->plot.size));
    p.right = area[2] - 12;
    p.top = area[1] + 6;
    double place = (p.right - p.left) / c->n_points;
    bool slanted = !look->horizontal && !numbers_x && names > place - 6;
    if (slanted && !slant_fits(c, look, p.right - p.left)) b->crowded = true;
    if (slanted) p.left = fmax(p.left, area[0] + names * 0.75 - place / 2);
    p.bottom = area[3] - (slanted ? names * M_SQRT1_2 + line * 0.8 : line);
    if (p.right - p.left < 120 || p.bottom - p.top < 90) b->crowded = true;
    p.x = look->horizontal ? values : xs;
    p.y = values;
    bool number_y = !look->horizontal, number_x = numbers_x || look->horizontal;
    sl_plot_draw_ground(b, &p, &look->plot, number_x, number_y);
    sl_chart_draw_marks(b, c, look, &p);
    sl_plot_draw_axes(b, &p, &look->plot, number_x, number_y);
    if (!numbers_x) draw_names(b, c, look, &p, slanted);
}

sl_status sl_chart_draw(const struct sl_chart *c, const struct sl_chart_look *look, struct sl_picture *out, bool *fits,
                        sl_error *err)
{
    struct sl_board b;
    *out = (struct sl_picture){0};
    *fits = false;
    sl_status status = sl_board_open(&b, look->width, look->height, look->paper, look->font, err);
    if (status) return status;
    double area[4] = {PAD, PAD, look->width - PAD, look->height - PAD};
    draw_title(&b, c, look, area);
    if (c->kind == SL_CHART_PIE) {
        sl_chart_draw_pie(&b, c, look, area);
    } else {
        if (sl_chart_has_legend(c)) draw_legend(&b, c, look, area);
        draw_plot(&b, c, look, area);
    }
    *fits = !b.crowded;
    if (*fits) return sl_board_finish(&b, out, err);
    sl_board_abandon(&b);
    return SL_OK;
}
