/*
 * chart_marks.c: bars, lines, areas, points, boxes and pies, each from the chart's numbers.
 */
#include "synth/chart.h"

#include <math.h>

void sl_chart_use_series(struct sl_board *b, const struct sl_chart_look *look, int s)
{
    sl_board_colour(b, look->colours[s]);
}

void sl_chart_draw_marker(struct sl_board *b, int s, double x, double y, double size)
{
    cairo_t *cr = b->paint.cr;
    double h = size / 2;
    cairo_new_path(cr);
    switch (s % 5) {
    case 0:
        cairo_arc(cr, x, y, h, 0, 2 * M_PI);
        break;
    case 1:
        cairo_rectangle(cr, x - h * 0.9, y - h * 0.9, size * 0.9, size * 0.9);
        break;
    case 2:
        cairo_move_to(cr, x, y - h * 1.15);
        cairo_line_to(cr, x + h * 1.1, y + h * 0.8);
        cairo_line_to(cr, x - h * 1.1, y + h * 0.8);
        break;
    case 3:
        cairo_move_to(cr, x, y - h * 1.25);
        cairo_line_to(cr, x + h * 1.25, y);
        cairo_line_to(cr, x, y + h * 1.25);
        cairo_line_to(cr, x - h * 1.25, y);
        break;
    default:
        cairo_move_to(cr, x, y + h * 1.15);
        cairo_line_to(cr, x + h * 1.1, y - h * 0.8);
        cairo_line_to(cr, x - h * 1.1, y - h * 0.8);
        break;
    }
    cairo_close_path(cr);
    cairo_fill(cr);
}

/* A filled box between two corners, outlined as the look has it. */
static void draw_box(struct sl_board *b, const struct sl_chart_look *look, const double colour[3], const double r[4])
{
    cairo_t *cr = b->paint.cr;
    sl_board_colour(b, colour);
    cairo_rectangle(cr, fmin(r[0], r[2]), fmin(r[1], r[3]), fabs(r[2] - r[0]), fabs(r[3] - r[1]));
    cairo_fill_preserve(cr);
    sl_board_colour(b, look->plot.ink);
    cairo_set_line_width(cr, look->edge);
    if (look->edge > 0) cairo_stroke(cr);
    cairo_new_path(cr);
}

/* A bar of value between `from` and `to` across the share [a, b] of place i. */
static void bar_box(const struct sl_chart *c, const struct sl_chart_look *look, const struct sl_plot *p, int i,
                    const double share[2], const double value[2], double out[4])
{
    double length = look->horizontal ? p->bottom - p->top : p->right - p->left;
    double start = look->horizontal ? p->top : p->left;
    double a = start + (i + share[0]) / c->n_points * length, z = start + (i + share[1]) / c->n_points * length;
    out[look->horizontal ? 1 : 0] = a;
    out[look->horizontal ? 3 : 2] = z;
    out[look->horizontal ? 0 : 1] = look->horizontal ? sl_plot_x(p, value[0]) : sl_plot_y(p, value[0]);
    out[look->horizontal ? 2 : 3] = look->horizontal ? sl_plot_x(p, value[1]) : sl_plot_y(p, value[1]);
}

/* The value as text at the end of a bar, or above a point. */
static void draw_value(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look, double value,
                       double x, double y)
{
    struct sl_buf text = SL_BUF_INIT(64);
    sl_chart_value_text(c, value, &text);
    struct sl_board_text t = {.text = sl_buf_str(&text), .size = look->plot.size * 0.92, .x = x, .y = y};
    t.ax = look->horizontal ? 0 : 0.5;
    t.ay = look->horizontal ? 0.5 : 1;
    if (look->horizontal)
        t.x += 3;
    else
        t.y -= 2;
    sl_board_colour(b, look->plot.ink);
    sl_board_show(b, &t, NULL);
    sl_buf_release(&text);
}

static void draw_bars(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                      const struct sl_plot *p)
{
    bool stacked = c->kind == SL_CHART_STACKED;
    double share = c->kind == SL_CHART_HISTOGRAM ? 1 : look->bar_share;
    for (int i = 0; i < c->n_points; i++) {
        double base = 0;
        for (int s = 0; s < c->n_series; s++) {
            double width = stacked ? share : share / c->n_series, first = (1 - share) / 2 + (stacked ? 0 : s * width);
            double v = c->values[s][i], r[4];
            bar_box(c, look, p, i, (double[]){first, first + width}, (double[]){base, base + v}, r);
            bool many = c->kind == SL_CHART_BAR && look->donut && c->n_points <= 8; /* a colour for each bar */
            draw_box(b, look, look->colours[many ? i : s], r);
            if (c->kind == SL_CHART_HISTOGRAM && look->edge == 0) {
                sl_board_colour(b, look->plot.ground);
                sl_board_line(b, r[2], r[1], r[2], r[3], 1, 0);
            }
            if (c->shows_values)
                draw_value(b, c, look, v, look->horizontal ? r[2] : (r[0] + r[2]) / 2,
                           look->horizontal ? (r[1] + r[3]) / 2 : r[3]);
            if (stacked) base += v;
        }
    }
}

static double place_x(const struct sl_chart *c, const struct sl_plot *p, int i)
{
    return p->left + (i + 0.5) / c->n_points * (p->right - p->left);
}

static void draw_lines(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                       const struct sl_plot *p)
{
    for (int s = 0; s < c->n_series; s++) {
        sl_chart_use_series(b, look, s);
        cairo_set_line_join(b->paint.cr, CAIRO_LINE_JOIN_ROUND);
        for (int i = 0; i + 1 < c->n_points; i++)
            sl_board_line(b, place_x(c, p, i), sl_plot_y(p, c->values[s][i]), place_x(c, p, i + 1),
                          sl_plot_y(p, c->values[s][i + 1]), look->line, look->dashes && s % 2 ? 5 : 0);
        for (int i = 0; look->markers && i < c->n_points; i++)
            sl_chart_draw_marker(b, s, place_x(c, p, i), sl_plot_y(p, c->values[s][i]), look->size * 0.6);
    }
    for (int s = 0; c->shows_values && s < c->n_series; s++)
        for (int i = 0; i < c->n_points; i++)
            draw_value(b, c, look, c->values[s][i], place_x(c, p, i), sl_plot_y(p, c->values[s][i]) - 4);
}

/* Areas stacked on one another: series s reaches from the sum of those before it. */
static void draw_areas(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                       const struct sl_plot *p)
{
    cairo_t *cr = b->paint.cr;
    double base[SL_CHART_MAX_POINTS] = {0};
    for (int s = 0; s < c->n_series; s++) {
        const double *rgb = look->colours[s];
        cairo_new_path(cr);
        for (int i = 0; i < c->n_points; i++)
            cairo_line_to(cr, place_x(c, p, i), sl_plot_y(p, base[i] + c->values[s][i]));
        for (int i = c->n_points - 1; i >= 0; i--) cairo_line_to(cr, place_x(c, p, i), sl_plot_y(p, base[i]));
        cairo_close_path(cr);
        cairo_set_source_rgba(cr, rgb[0], rgb[1], rgb[2], look->markers ? 0.65 : 0.92);
        cairo_fill(cr);
        sl_board_colour(b, rgb);
        for (int i = 0; i < c->n_points; i++) {
            double next = i + 1 < c->n_points ? base[i + 1] + c->values[s][i + 1] : 0;
            if (i + 1 < c->n_points)
                sl_board_line(b, place_x(c, p, i), sl_plot_y(p, base[i] + c->values[s][i]), place_x(c, p, i + 1),
                              sl_plot_y(p, next), look->line, 0);
        }
        for (int i = 0; i < c->n_points; i++) base[i] += c->values[s][i];
    }
}

static void draw_points(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                        const struct sl_plot *p)
{
    for (int s = 0; s < c->n_series; s++) {
        sl_chart_use_series(b, look, s);
        for (int i = 0; i < c->n_points; i++)
            sl_chart_draw_marker(b, s, sl_plot_x(p, c->x[s][i]), sl_plot_y(p, c->values[s][i]), look->size * 0.6);
    }
}

/* A line between two points given along (value) and across (place). */
static void line_across(struct sl_board *b, const struct sl_chart_look *look, const double a[2], const double z[2])
{
    if (look->horizontal)
        sl_board_line(b, a[0], a[1], z[0], z[1], 1.4, 0);
    else
        sl_board_line(b, a[1], a[0], z[1], z[0], 1.4, 0);
}

static void draw_boxes(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                       const struct sl_plot *p)
{
    for (int i = 0; i < c->n_points; i++) {
        const double *f = c->five[i];
        double share = look->bar_share * 0.7, r[4], at[SL_CHART_FIVE];
        bar_box(c, look, p, i, (double[]){(1 - share) / 2, (1 + share) / 2}, (double[]){f[SL_CHART_Q1], f[SL_CHART_Q3]},
                r);
        draw_box(b, look, look->colours[look->donut ? i : 0], r);
        double low = r[look->horizontal ? 1 : 0], high = r[look->horizontal ? 3 : 2], middle = (low + high) / 2;
        double cap = (high - low) * 0.25;
        for (int k = 0; k < SL_CHART_FIVE; k++) at[k] = look->horizontal ? sl_plot_x(p, f[k]) : sl_plot_y(p, f[k]);
        sl_board_colour(b, look->plot.ink);
        for (int side = 0; side < 2; side++) {
            double end = at[side ? SL_CHART_MAX : SL_CHART_MIN], from = at[side ? SL_CHART_Q3 : SL_CHART_Q1];
            line_across(b, look, (double[]){from, middle}, (double[]){end, middle});
            line_across(b, look, (double[]){end, middle - cap}, (double[]){end, middle + cap});
        }
        line_across(b, look, (double[]){at[SL_CHART_MEDIAN], low}, (double[]){at[SL_CHART_MEDIAN], high});
    }
}

void sl_chart_draw_marks(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                         const struct sl_plot *p)
{
    switch (c->kind) {
    case SL_CHART_LINE:
        draw_lines(b, c, look, p);
        break;
    case SL_CHART_AREA:
        draw_areas(b, c, look, p);
        break;
    case SL_CHART_SCATTER:
        draw_points(b, c, look, p);
        break;
    case SL_CHART_BOX:
        draw_boxes(b, c, look, p);
        break;
    default:
        draw_bars(b, c, look, p);
        break;
    }
}

/* The name of a slice, and its share where the chart shows it, beside the slice at angle a. */
static void label_slice(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look, int i,
                        const double centre[2], double radius, double a)
{
    struct sl_buf text = SL_BUF_INIT(96);
    sl_buf_addstr(&text, c->points[i]);
    if (c->shows_values) {
        sl_buf_addch(&text, ' ');
        sl_chart_value_text(c, c->values[0][i], &text);
    }
    struct sl_board_text t = {.text = sl_buf_str(&text), .size = look->size};
    t.x = centre[0] + (radius + look->size * 0.9) * cos(a);
    t.y = centre[1] + (radius + look->size * 0.9) * sin(a);
    t.ax = 0.5 - 0.5 * cos(a) * fmin(1, fabs(cos(a)) * 2) / fmax(fabs(cos(a)), 1e-9);
    t.ay = 0.5 - 0.5 * sin(a);
    sl_board_colour(b, look->plot.ink);
    sl_board_line(b, centre[0] + radius * cos(a), centre[1] + radius * sin(a),
                  centre[0] + (radius + look->size * 0.6) * cos(a), centre[1] + (radius + look->size * 0.6) * sin(a), 1,
                  0);
    sl_board_show(b, &t, NULL);
    sl_buf_release(&text);
}

void sl_chart_draw_pie(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                       const double area[4])
{
    cairo_t *cr = b->paint.cr;
    double centre[2] = {(area[0] + area[2]) / 2, (area[1] + area[3]) / 2}, a = -M_PI / 2;
    double radius = fmin((area[2] - area[0]) * 0.27, (area[3] - area[1]) / 2 - look->size * 2.4);
    if (radius < 40) b->crowded = true;
    for (int i = 0; i < c->n_points; i++) {
        double z = a + c->values[0][i] / 100 * 2 * M_PI;
        cairo_new_path(cr);
        cairo_move_to(cr, centre[0], centre[1]);
        cairo_arc(cr, centre[0], centre[1], radius, a, z);
        cairo_close_path(cr);
        sl_board_colour(b, look->colours[i]);
        cairo_fill_preserve(cr);
        sl_board_colour(b, look->paper);
        cairo_set_line_width(cr, 1.5);
        cairo_stroke(cr);
        label_slice(b, c, look, i, centre, radius, (a + z) / 2);
        a = z;
    }
    if (!look->donut) return;
    sl_board_colour(b, look->paper);
    cairo_new_path(cr);
    cairo_arc(cr, centre[0], centre[1], radius * 0.55, 0, 2 * M_PI);
    cairo_fill(cr);
}
