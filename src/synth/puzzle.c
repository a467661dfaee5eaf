/*
 * puzzle.c: the canvas and the words that puzzles share.
 */
#include "synth/puzzle.h"

#include "synth/check_parts.h"

#include <ctype.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

/* Grounds and inks: paper, grey, night, blueprint, sepia, mint, rose, slate. */
static const double grounds[SL_PUZZLE_STYLES][3] = {{1, 1, 1},         {0.93, 0.93, 0.93}, {0.1, 0.11, 0.15},
                                                    {0.1, 0.25, 0.45}, {0.96, 0.92, 0.82}, {0.88, 0.96, 0.9},
                                                    {0.98, 0.9, 0.92}, {0.25, 0.28, 0.32}};
static const double inks[SL_PUZZLE_STYLES][3] = {{0.05, 0.05, 0.05}, {0.1, 0.1, 0.25}, {0.9, 0.9, 0.92},
                                                 {0.85, 0.93, 1},    {0.3, 0.2, 0.1},  {0.05, 0.25, 0.15},
                                                 {0.3, 0.05, 0.15},  {0.95, 0.95, 0.9}};
static const double colours[10][3] = {{0.85, 0.2, 0.2},  {0.2, 0.45, 0.85}, {0.25, 0.65, 0.3}, {0.95, 0.75, 0.15},
                                      {0.6, 0.3, 0.7},   {0.95, 0.5, 0.15}, {0.2, 0.7, 0.75},  {0.85, 0.45, 0.65},
                                      {0.55, 0.4, 0.25}, {0.5, 0.5, 0.5}};

sl_status sl_puzzle_open(struct sl_puzzle *p, int columns, int rows)
{
    int width = p->r->width ? p->r->width : 336, height = p->r->height ? p->r->height : 336;
    sl_status status = sl_paint_open(&p->paint, width, height, p->err);
    if (status) return status;
    p->style = sl_synth_choose(p->r, SL_PUZZLE_STYLES);
    memcpy(p->ground, grounds[p->style], sizeof p->ground);
    memcpy(p->ink, inks[p->style], sizeof p->ink);
    cairo_set_source_rgb(p->paint.cr, p->ground[0], p->ground[1], p->ground[2]);
    cairo_paint(p->paint.cr);
    double margin = sl_synth_real(p->r, 0.04, 0.1) * fmin(width, height);
    double cell = fmin((width - 2 * margin) / columns, (height - 2 * margin) / rows);
    p->board[2] = floor(cell * columns);
    p->board[3] = floor(cell * rows);
    p->board[0] = floor((width - p->board[2]) / 2);
    p->board[1] = floor((height - p->board[3]) / 2);
    return SL_OK;
}

sl_status sl_puzzle_show(struct sl_puzzle *p)
{
    struct sl_picture picture;
    sl_status status = sl_paint_finish(&p->paint, &picture, p->err);
    if (status) return status;
    sl_synth_picture(p->out, &picture, SL_SYNTH_PNG, 0);
    sl_picture_free(&picture);
    return SL_OK;
}

void sl_puzzle_colour(const struct sl_puzzle *p, int i)
{
    cairo_set_source_rgb(p->paint.cr, colours[i % 10][0], colours[i % 10][1], colours[i % 10][2]);
}

void sl_puzzle_ink(const struct sl_puzzle *p)
{
    cairo_set_source_rgb(p->paint.cr, p->ink[0], p->ink[1], p->ink[2]);
}

void sl_puzzle_label(const struct sl_puzzle *p, const char *text, double height, double x, double y)
{
    static const char *const fonts[] = {"DejaVu Sans", "DejaVu Serif", "Liberation Sans", "Liberation Serif"};
    cairo_t *cr = p->paint.cr;
    /* The toy interface of cairo is a tenth of pango's cost, and enough for digits and letters. */
    cairo_select_font_face(cr, fonts[p->style % 4], CAIRO_FONT_SLANT_NORMAL,
                           p->style / 4 ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, height);
    cairo_text_extents_t e;
    cairo_text_extents(cr, text, &e);
    cairo_move_to(cr, x - e.x_bearing - e.width / 2, y - e.y_bearing - e.height / 2);
    cairo_show_text(cr, text);
}

void sl_puzzle_tile(const struct sl_puzzle *p, double x, double y, double w, double h, double radius)
{
    cairo_t *cr = p->paint.cr;
    radius = fmin(radius, fmin(w, h) / 2);
    cairo_new_sub_path(cr);
    cairo_arc(cr, x + w - radius, y + radius, radius, -M_PI / 2, 0);
    cairo_arc(cr, x + w - radius, y + h - radius, radius, 0, M_PI / 2);
    cairo_arc(cr, x + radius, y + h - radius, radius, M_PI / 2, M_PI);
    cairo_arc(cr, x + radius, y + radius, radius, M_PI, 3 * M_PI / 2);
    cairo_close_path(cr);
    cairo_fill(cr);
}

static const char *const way_names[SL_N_WAYS] = {"up", "right", "down", "left"};

int sl_way_dx(int way)
{
    return way == SL_RIGHT ? 1 : way == SL_LEFT ? -1 : 0;
}

int sl_way_dy(int way)
{
    return way == SL_DOWN ? 1 : way == SL_UP ? -1 : 0;
}

const char *sl_way_name(int way)
{
    return way_names[way];
}

int sl_way_read(const char **text)
{
    const char *t = *text;
    while (*t && strchr(" ,;.\n-", *t)) t++;
    for (int w = 0; w < SL_N_WAYS; w++) {
        size_t n = strlen(way_names[w]);
        if (strncasecmp(t, way_names[w], n) == 0 && !isalpha((unsigned char)t[n])) {
            *text = t + n;
            return w;
        }
    }
    for (int w = 0; w < SL_N_WAYS; w++) /* "RRDL": letters of moves alone */
        if (toupper((unsigned char)*t) == toupper((unsigned char)way_names[w][0]) &&
            (!isalpha((unsigned char)t[1]) || strchr("urdlURDL", t[1]))) {
            *text = t + 1;
            return w;
        }
    return -1;
}

char *sl_puzzle_said(const struct sl_answer *a)
{
    struct sl_buf plain = SL_BUF_INIT(SL_CHECK_MAX_TEXT), folded = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    sl_check_plain(a, &plain);
    sl_check_fold(sl_buf_str(&plain), plain.len, true, &folded);
    char *text = sl_buf_ok(&folded) ? strdup(sl_buf_str(&folded)) : NULL;
    sl_buf_release(&plain);
    sl_buf_release(&folded);
    return text;
}

int sl_puzzle_numbers(const char *text, int *out, int max)
{
    int n = 0;
    for (const char *t = text; *t && n < max;) {
        if (!isdigit((unsigned char)*t)) {
            t++;
            continue;
        }
        char *end;
        long v = strtol(t, &end, 10);
        out[n++] = v > 1000000 ? 1000000 : (int)v;
        t = end;
    }
    return n;
}
