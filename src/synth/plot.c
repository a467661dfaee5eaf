/*
 * plot.c: round ticks, values as pixels, grid and frame.
 */
#include "synth/plot.h"

#include "synth/vocab.h"

#include <math.h>

struct sl_plot_axis sl_plot_axis_for(double low, double high, int wanted)
{
    static const double steps[] = {1, 2, 5, 10};
    double raw = (high - low) / wanted, unit = pow(10, floor(log10(raw))), step = 10 * unit;
    for (int i = 3; i >= 0; i--)
        if (steps[i] * unit >= raw * 0.999) step = steps[i] * unit;
    struct sl_plot_axis a = {.step = step};
    a.low = floor(low / step + 1e-9) * step;
    a.high = ceil(high / step - 1e-9) * step;
    a.decimals = (int)fmax(0, ceil(-log10(step) - 1e-9));
    return a;
}

int sl_plot_n_ticks(const struct sl_plot_axis *a)
{
    return (int)lround((a->high - a->low) / a->step) + 1;
}

static double tick(const struct sl_plot_axis *a, int i)
{
    return a->low + i * a->step;
}

static void tick_text(const struct sl_plot_axis *a, int i, struct sl_buf *out)
{
    double v = tick(a, i);
    sl_buf_addf(out, "%.*f", a->decimals, fabs(v) < a->step * 1e-6 ? 0.0 : v);
}

double sl_plot_x(const struct sl_plot *p, double value)
{
    return p->left + (value - p->x.low) / (p->x.high - p->x.low) * (p->right - p->left);
}

double sl_plot_y(const struct sl_plot *p, double value)
{
    return p->bottom - (value - p->y.low) / (p->y.high - p->y.low) * (p->bottom - p->top);
}

double sl_plot_label_width(const struct sl_board *b, const struct sl_plot_axis *a, double size)
{
    double widest = 0;
    for (int i = 0; i < sl_plot_n_ticks(a); i++) {
        struct sl_buf text = SL_BUF_INIT(64);
        double w, h;
        tick_text(a, i, &text);
        sl_board_measure(b, &(struct sl_board_text){.text = sl_buf_str(&text), .size = size}, &w, &h);
        widest = fmax(widest, w);
        sl_buf_release(&text);
    }
    return widest;
}

void sl_plot_draw_ground(struct sl_board *b, const struct sl_plot *p, const struct sl_plot_style *s, bool x_numbers,
                         bool y_numbers)
{
    sl_board_colour(b, s->ground);
    cairo_rectangle(b->paint.cr, p->left, p->top, p->right - p->left, p->bottom - p->top);
    cairo_fill(b->paint.cr);
    sl_board_colour(b, s->grid);
    for (int i = 0; x_numbers && s->grid_x && i < sl_plot_n_ticks(&p->x); i++) {
        double x = sl_plot_x(p, tick(&p->x, i));
        sl_board_line(b, x, p->top, x, p->bottom, 1, s->dash);
    }
    for (int i = 0; y_numbers && s->grid_y && i < sl_plot_n_ticks(&p->y); i++) {
        double y = sl_plot_y(p, tick(&p->y, i));
        sl_board_line(b, p->left, y, p->right, y, 1, s->dash);
    }
}

static void draw_frame(struct sl_board *b, const struct sl_plot *p, sl_plot_frame frame)
{
    if (frame == SL_PLOT_NO_FRAME) return;
    sl_board_line(b, p->left, p->bottom, p->right, p->bottom, 1.2, 0);
    sl_board_line(b, p->left, p->top, p->left, p->bottom, 1.2, 0);
    if (frame != SL_PLOT_ALL_SIDES) return;
    sl_board_line(b, p->left, p->top, p->right, p->top, 1.2, 0);
    sl_board_line(b, p->right, p->top, p->right, p->bottom, 1.2, 0);
}

void sl_plot_draw_axes(struct sl_board *b, const struct sl_plot *p, const struct sl_plot_style *s, bool x_numbers,
                       bool y_numbers)
{
    double mark = s->ticks ? 4 : 0;
    sl_board_colour(b, s->ink);
    draw_frame(b, p, s->frame);
    for (int axis = 0; axis < 2; axis++) {
        const struct sl_plot_axis *a = axis ? &p->y : &p->x;
        for (int i = 0; (axis ? y_numbers : x_numbers) && i < sl_plot_n_ticks(a); i++) {
            struct sl_buf text = SL_BUF_INIT(64);
            double x = axis ? p->left : sl_plot_x(p, tick(a, i)), y = axis ? sl_plot_y(p, tick(a, i)) : p->bottom;
            tick_text(a, i, &text);
            struct sl_board_text t = {.text = sl_buf_str(&text), .size = s->size};
            t.x = axis ? x - mark - 4 : x;
            t.y = axis ? y : y + mark + 2;
            t.ax = axis ? 1 : 0.5;
            t.ay = axis ? 0.5 : 0;
            sl_board_show(b, &t, NULL);
            if (mark > 0) sl_board_line(b, x, y, axis ? x - mark : x, axis ? y : y + mark, 1.2, 0);
            sl_buf_release(&text);
        }
    }
}
