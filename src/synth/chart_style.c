/*
 * chart_style.c: how charts look: themes with their own paper, palette, grid and frame, varied within each theme.
 */
#include "synth/chart.h"

#include <string.h>

enum { N_COLOURS = 8 };

/* A theme: what the common plotting programs, newspapers and slides look like. */
struct theme {
    double paper[3], ground[3], ink[3], grid[3];
    unsigned palette[N_COLOURS]; /* 0xRRGGBB */
    sl_plot_frame frame;
    bool grid_x, grid_y, ticks;
    double edge;
};

static const struct theme themes[] = {
    {{1, 1, 1},
     {1, 1, 1},
     {0.05, 0.05, 0.05},
     {0.85, 0.85, 0.85},
     {0x1f77b4, 0xff7f0e, 0x2ca02c, 0xd62728, 0x9467bd, 0x8c564b, 0xe377c2, 0x7f7f7f},
     SL_PLOT_ALL_SIDES,
     false,
     false,
     true,
     0},
    {{1, 1, 1},
     {0.92, 0.92, 0.92},
     {0.25, 0.25, 0.25},
     {1, 1, 1},
     {0xf8766d, 0xb79f00, 0x00ba38, 0x00bfc4, 0x619cff, 0xf564e3, 0xa3a500, 0x00b0f6},
     SL_PLOT_NO_FRAME,
     true,
     true,
     true,
     0},
    {{1, 1, 1},
     {1, 1, 1},
     {0.35, 0.35, 0.35},
     {0.85, 0.85, 0.85},
     {0x4472c4, 0xed7d31, 0xa5a5a5, 0xffc000, 0x5b9bd5, 0x70ad47, 0x264478, 0x9e480e},
     SL_PLOT_NO_FRAME,
     false,
     true,
     false,
     0},
    {{0.11, 0.12, 0.15},
     {0.11, 0.12, 0.15},
     {0.92, 0.92, 0.94},
     {0.28, 0.29, 0.33},
     {0x8dd3c7, 0xfeffb3, 0xbfbbd9, 0xfa8174, 0x81b1d2, 0xfdb462, 0xb3de69, 0xbc82bd},
     SL_PLOT_LEFT_BOTTOM,
     false,
     true,
     true,
     0},
    {{0.99, 0.97, 0.93},
     {0.99, 0.97, 0.93},
     {0.2, 0.16, 0.12},
     {0.86, 0.82, 0.74},
     {0x264653, 0x2a9d8f, 0xe9c46a, 0xf4a261, 0xe76f51, 0x6d597a, 0x8ab17d, 0xb56576},
     SL_PLOT_LEFT_BOTTOM,
     false,
     true,
     false,
     0},
    {{0.84, 0.9, 0.94},
     {0.84, 0.9, 0.94},
     {0.1, 0.15, 0.2},
     {1, 1, 1},
     {0x014d64, 0x01a2d9, 0x6794a7, 0x7c260b, 0xee8f71, 0x76c0c1, 0xa18376, 0xadadad},
     SL_PLOT_NO_FRAME,
     false,
     true,
     false,
     0},
    {{1, 1, 1},
     {0.97, 0.98, 1},
     {0.15, 0.15, 0.3},
     {0.82, 0.86, 0.93},
     {0x66c2a5, 0xfc8d62, 0x8da0cb, 0xe78ac3, 0xa6d854, 0xffd92f, 0xe5c494, 0xb3b3b3},
     SL_PLOT_ALL_SIDES,
     true,
     true,
     true,
     1},
    {{1, 1, 1},
     {1, 1, 1},
     {0, 0, 0},
     {0.75, 0.75, 0.75},
     {0x222222, 0x888888, 0xcccccc, 0x555555, 0xaaaaaa, 0x3a3a3a, 0xe0e0e0, 0x6e6e6e},
     SL_PLOT_ALL_SIDES,
     false,
     true,
     true,
     1},
    {{0.98, 0.98, 0.98},
     {1, 1, 1},
     {0.3, 0.3, 0.34},
     {0.9, 0.9, 0.92},
     {0x636efa, 0xef553b, 0x00cc96, 0xab63fa, 0xffa15a, 0x19d3f3, 0xff6692, 0xb6e880},
     SL_PLOT_LEFT_BOTTOM,
     false,
     true,
     false,
     0},
    {{0.13, 0.16, 0.22},
     {0.17, 0.2, 0.27},
     {0.88, 0.9, 0.95},
     {0.3, 0.34, 0.42},
     {0xffb000, 0x648fff, 0xfe6100, 0xdc267f, 0x785ef0, 0x44d7a8, 0xf4d35e, 0xa0c4ff},
     SL_PLOT_NO_FRAME,
     false,
     true,
     false,
     0},
    {{1, 0.99, 0.98},
     {1, 0.99, 0.98},
     {0.3, 0.1, 0.1},
     {0.93, 0.86, 0.84},
     {0x8c1c13, 0xbf4342, 0xe7d7c1, 0xa78a7f, 0x735751, 0x3f88c5, 0xffba08, 0x136f63},
     SL_PLOT_LEFT_BOTTOM,
     false,
     true,
     true,
     0.8},
    {{0.93, 0.94, 0.9},
     {0.97, 0.98, 0.95},
     {0.12, 0.2, 0.12},
     {0.8, 0.84, 0.78},
     {0x386641, 0x6a994e, 0xa7c957, 0xbc4749, 0x457b9d, 0xe9c46a, 0x6c584c, 0x9c89b8},
     SL_PLOT_ALL_SIDES,
     true,
     true,
     true,
     0},
};

enum { N_THEMES = sizeof themes / sizeof *themes };

static void unpack(unsigned rgb, double out[3])
{
    for (int k = 0; k < 3; k++) out[k] = (double)(rgb >> (16 - 8 * k) & 0xff) / 255;
}

static void choose_colours(const struct sl_synth_request *r, const struct theme *t, struct sl_chart_look *look)
{
    int first = sl_synth_int(r, 0, N_COLOURS - 1);
    for (int i = 0; i < SL_CHART_MAX_POINTS; i++) unpack(t->palette[(first + i) % N_COLOURS], look->colours[i]);
}

static void choose_size(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_chart_look *look,
                        double larger)
{
    look->width = r->width ? r->width : sl_synth_int(r, 400, 720);
    look->height = r->height ? r->height : sl_synth_int(r, 300, 520);
    double scale = (look->width < look->height ? look->width : look->height) / 400.0;
    if (scale < 0.75) scale = 0.75;
    look->size = sl_synth_real(r, 10, 14.5) * (scale > 1.3 ? 1.3 : scale);
    if (c->n_points * c->n_series > 20) look->size *= 0.88;
    look->size *= larger;
    look->title_size = look->size * sl_synth_real(r, 1.1, 1.6);
    look->plot.size = look->size * sl_synth_real(r, 0.85, 1);
}

void sl_chart_dress(const struct sl_synth_request *r, struct sl_chart *c, struct sl_chart_look *look)
{
    const struct theme *t = &themes[sl_synth_choose(r, N_THEMES)];
    bool by_hand = sl_synth_chance(r, 0.06);
    *look = (struct sl_chart_look){.edge = t->edge, .font = sl_paint_font(r, SL_SCRIPT_LATIN, by_hand)};
    struct sl_plot_style *p = &look->plot;
    memcpy(look->paper, t->paper, sizeof t->paper);
    memcpy(p->ground, t->ground, sizeof t->ground);
    memcpy(p->ink, t->ink, sizeof t->ink);
    memcpy(p->grid, t->grid, sizeof t->grid);
    p->frame = t->frame;
    bool change = sl_synth_chance(r, 0.25);
    p->grid_x = change ? sl_synth_chance(r, 0.5) : t->grid_x;
    p->grid_y = change ? sl_synth_chance(r, 0.7) : t->grid_y;
    p->ticks = t->ticks;
    p->dash = sl_synth_chance(r, 0.3) ? 4 : 0;
    choose_colours(r, t, look);
    choose_size(r, c, look, by_hand ? 1.3 : 1);
    look->bold_title = sl_synth_chance(r, 0.5);
    look->title_left = sl_synth_chance(r, 0.3);
    look->horizontal = (c->kind == SL_CHART_BAR || c->kind == SL_CHART_BOX || c->kind == SL_CHART_STACKED) &&
                       !c->ordered && sl_synth_chance(r, 0.4);
    look->donut = sl_synth_chance(r, 0.35);
    look->markers = sl_synth_chance(r, 0.65);
    look->legend_right = sl_synth_chance(r, 0.5);
    look->legend_frame = sl_synth_chance(r, 0.4);
    look->bar_share = sl_synth_real(r, 0.5, 0.88);
    look->line = sl_synth_real(r, 1.4, 3);
    look->dashes = sl_synth_chance(r, 0.3);
    if (look->edge == 0 && sl_synth_chance(r, 0.2)) look->edge = 1;
    /* At higher levels most charts must be read off their axes. */
    bool can = c->kind == SL_CHART_BAR || c->kind == SL_CHART_PIE || c->kind == SL_CHART_HISTOGRAM ||
               ((c->kind == SL_CHART_GROUPED || c->kind == SL_CHART_LINE) && c->n_points * c->n_series <= 14);
    c->shows_values =
        c->kind == SL_CHART_PIE ? sl_synth_chance(r, 0.8) : can && sl_synth_chance(r, 0.5 - 0.15 * r->level);
}
