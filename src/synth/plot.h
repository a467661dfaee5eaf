/*
 * plot.h: a rectangle with two axes, shared by charts and by plots of functions.
 *
 * An axis has round ticks; the plot maps values to pixels and draws grid, frame, ticks and their labels on a board.
 */
#ifndef SL_SYNTH_PLOT_H
#define SL_SYNTH_PLOT_H

#include "synth/board.h"

/* An axis of numbers: low + i x step. */
struct sl_plot_axis {
    double low, high, step;
    int decimals; /* of the labels */
};

typedef enum sl_plot_frame { SL_PLOT_NO_FRAME, SL_PLOT_LEFT_BOTTOM, SL_PLOT_ALL_SIDES } sl_plot_frame;

/* How axes look. */
struct sl_plot_style {
    double ink[3], grid[3], ground[3]; /* of text and frame; of the grid; behind the plot */
    bool grid_x, grid_y, ticks;
    double dash; /* of the grid; 0: solid */
    double size; /* of tick labels in pixels */
    sl_plot_frame frame;
};

struct sl_plot {
    double left, top, right, bottom; /* pixels */
    struct sl_plot_axis x, y;
};

/* Returns round ticks that take in [low, high], about `wanted` of them; high > low. */
struct sl_plot_axis sl_plot_axis_for(double low, double high, int wanted);

/* Returns how many ticks an axis has. */
int sl_plot_n_ticks(const struct sl_plot_axis *a);

/* Return where a value lies in pixels. */
double sl_plot_x(const struct sl_plot *p, double value);
double sl_plot_y(const struct sl_plot *p, double value);

/* Returns the width of the widest tick label of an axis in pixels. */
double sl_plot_label_width(const struct sl_board *b, const struct sl_plot_axis *a, double size);

/* Fills the plot's ground, then draws the grid lines of the axes that have numbers. */
void sl_plot_draw_ground(struct sl_board *b, const struct sl_plot *p, const struct sl_plot_style *s, bool x_numbers,
                         bool y_numbers);

/* Draws the frame, then ticks and labels of the axes that have numbers, outside the frame. */
void sl_plot_draw_axes(struct sl_board *b, const struct sl_plot *p, const struct sl_plot_style *s, bool x_numbers,
                       bool y_numbers);

#endif
