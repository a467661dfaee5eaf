/*
 * puzzle_matrix.c: three by three pictures that follow rules row by row, with one left out and the candidates below.
 *
 * Each attribute (shape, number, size, shade, turn) has a rule: the same in a row, one step further, or the three
 * values once in each row. Wrong candidates differ from the right one in one attribute, so none can be told by its
 * looks alone.
 */
#include "synth/puzzle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHAPE, NUMBER, SIZE, SHADE, N_ATTRIBUTES, N_OPTIONS = 4 };
enum rule { CONSTANT, PROGRESS, EACH_ONCE, N_RULES };

static const char *const attribute_names[N_ATTRIBUTES] = {"shape", "number", "size", "shade"};
static const char *const rule_names[N_RULES] = {"stays the same in a row", "goes one step further from left to right",
                                                "takes each of three values once in a row"};
static const char *const shape_names[] = {"triangle", "square", "pentagon", "hexagon", "circle"};

struct cell {
    int v[N_ATTRIBUTES]; /* 0..4 */
};

static void path(cairo_t *cr, double x, double y, double radius, int shape)
{
    int corners = shape == 4 ? 40 : shape + 3;
    for (int i = 0; i < corners; i++) {
        double a = 2 * M_PI * i / corners - M_PI / 2 + (shape == 1 ? M_PI / 4 : 0);
        cairo_line_to(cr, x + radius * cos(a), y + radius * sin(a));
    }
    cairo_close_path(cr);
}

/* The cell's shapes stand on a small grid, one to five of them. */
static void paint_cell(const struct sl_puzzle *p, const struct cell *c, double x, double y, double size)
{
    static const double places[5][5][2] = {{{0, 0}},
                                           {{-0.22, 0}, {0.22, 0}},
                                           {{-0.22, 0.18}, {0.22, 0.18}, {0, -0.2}},
                                           {{-0.2, -0.2}, {0.2, -0.2}, {-0.2, 0.2}, {0.2, 0.2}},
                                           {{-0.24, -0.24}, {0.24, -0.24}, {-0.24, 0.24}, {0.24, 0.24}, {0, 0}}};
    cairo_t *cr = p->paint.cr;
    int n = c->v[NUMBER];
    double most = n == 0 ? 0.4 : n < 3 ? 0.19 : 0.15;
    double radius = size * most * (0.5 + 0.125 * c->v[SIZE]), light = c->v[SHADE] / 4.0;
    for (int i = 0; i <= n; i++) {
        path(cr, x + size * (0.5 + places[n][i][0]), y + size * (0.5 + places[n][i][1]), radius, c->v[SHAPE]);
        cairo_set_source_rgb(cr, 1 - light * (1 - p->ink[0] * 0.5), 1 - light * (1 - p->ink[1] * 0.5),
                             1 - light * (1 - p->ink[2] * 0.5));
        cairo_fill_preserve(cr);
        cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
        cairo_set_line_width(cr, fmax(1, size * 0.02));
        cairo_stroke(cr);
    }
}

static void frame(const struct sl_puzzle *p, double x, double y, double size)
{
    cairo_set_source_rgb(p->paint.cr, 0.98, 0.98, 0.96);
    cairo_rectangle(p->paint.cr, x, y, size, size);
    cairo_fill_preserve(p->paint.cr);
    cairo_set_source_rgb(p->paint.cr, 0.3, 0.3, 0.3);
    cairo_set_line_width(p->paint.cr, 1.2);
    cairo_stroke(p->paint.cr);
}

/* Fills the nine cells by rules; the number of attributes that change grows with the level. */
static void draw_up(const struct sl_synth_request *r, struct cell *cells, enum rule *rules)
{
    int order[N_ATTRIBUTES], active = 1 + (r->level > 3 ? 3 : r->level);
    sl_synth_shuffle(r, order, N_ATTRIBUTES);
    for (int k = 0; k < N_ATTRIBUTES; k++) {
        int a = order[k], values[5], step = sl_synth_chance(r, 0.5) ? 1 : -1;
        sl_synth_shuffle(r, values, 5);
        rules[a] = k < active ? (enum rule)sl_synth_int(r, PROGRESS, EACH_ONCE) : CONSTANT;
        int fixed = values[0];
        for (int row = 0; row < 3; row++) {
            int from = sl_synth_int(r, 0, 2), shift = sl_synth_int(r, 0, 2);
            for (int col = 0; col < 3; col++) {
                int *v = &cells[3 * row + col].v[a];
                if (rules[a] == PROGRESS)
                    *v = step > 0 ? from + col : from + 2 - col;
                else if (rules[a] == EACH_ONCE)
                    *v = values[(col + shift) % 3];
                else
                    *v = fixed;
            }
        }
    }
}

static bool equal(const struct cell *x, const struct cell *y)
{
    return memcmp(x, y, sizeof *x) == 0;
}

/* Candidates: the right one and others that differ in one attribute, preferring attributes that the rules move. */
static int draw_options(const struct sl_synth_request *r, const struct cell *right, const enum rule *rules,
                        struct cell *options)
{
    int at = sl_synth_int(r, 0, N_OPTIONS - 1);
    options[at] = *right;
    for (int i = 0; i < N_OPTIONS; i++) {
        bool again = i != at;
        while (again) {
            int a = sl_synth_int(r, 0, N_ATTRIBUTES - 1);
            if (rules[a] == CONSTANT && sl_synth_chance(r, 0.8)) continue;
            options[i] = *right;
            options[i].v[a] = sl_synth_int(r, 0, 4);
            again = equal(&options[i], right);
            for (int k = 0; k < i; k++) again = again || equal(&options[k], &options[i]);
        }
    }
    return at;
}

static void paint_all(const struct sl_puzzle *p, const struct cell *cells, const struct cell *options)
{
    double unit = p->board[2] / 20, size = unit * 4.2;
    double left = p->board[0] + (p->board[2] - 3 * size) / 2, top = p->board[1];
    for (int i = 0; i < 9; i++) {
        int row = i / 3;
        double x = left + i % 3 * size, y = top + row * size;
        frame(p, x, y, size);
        if (i < 8)
            paint_cell(p, &cells[i], x, y, size);
        else {
            sl_puzzle_colour(p, 0);
            sl_puzzle_label(p, "?", size * 0.6, x + size / 2, y + size / 2);
        }
    }
    for (int i = 0; i < N_OPTIONS; i++) {
        double x = p->board[0] + unit * (0.4 + 5 * i), y = top + 3 * size + unit * 2.4;
        frame(p, x, y, size);
        paint_cell(p, &options[i], x, y, size);
        sl_puzzle_ink(p);
        sl_puzzle_label(p, (const char[2]){(char)('A' + i), 0}, unit * 1.2, x + size / 2, y - unit);
    }
}

sl_status sl_puzzle_matrix(struct sl_puzzle *p)
{
    static const char *const forms[] = {
        "Which of the pictures A to D belongs in the place of the question mark?",
        "The nine pictures follow a pattern. Choose the one that completes it: A, B, C or D.",
        "Complete the pattern: A, B, C or D?",
        "Which option continues the rows correctly?",
        "What should replace the question mark? Answer with a letter.",
        "Find the rule of the rows and pick the missing picture among A, B, C, D.",
        "Which picture is missing? Give its letter.",
        "One picture is left out. Is it A, B, C or D?",
        NULL};
    struct cell cells[9], options[N_OPTIONS];
    enum rule rules[N_ATTRIBUTES];
    draw_up(p->r, cells, rules);
    int right = draw_options(p->r, &cells[8], rules, options);
    sl_status status = sl_puzzle_open(p, 20, 20);
    if (status) return status;
    paint_all(p, cells, options);
    status = sl_puzzle_show(p);
    if (status) return status;
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    for (int a = 0; a < N_ATTRIBUTES; a++)
        if (rules[a] != CONSTANT) sl_synth_think(p->out, "The %s %s. ", attribute_names[a], rule_names[rules[a]]);
    const struct cell *c = &cells[8];
    sl_synth_think(p->out, "So %d %s%s of size %d and shade %d %s missing: that is %c.", c->v[NUMBER] + 1,
                   shape_names[c->v[SHAPE]], c->v[NUMBER] ? "s" : "", c->v[SIZE] + 1, c->v[SHADE] + 1,
                   c->v[NUMBER] ? "are" : "is", 'A' + right);
    sl_synth_answer(p->out, "%c", 'A' + right);
    json_t *all = json_array();
    for (int i = 0; i < 9; i++)
        json_array_append_new(all, json_pack("[i,i,i,i]", cells[i].v[0], cells[i].v[1], cells[i].v[2], cells[i].v[3]));
    json_t *given = json_array();
    for (int i = 0; i < N_OPTIONS; i++)
        json_array_append_new(
            given, json_pack("[i,i,i,i]", options[i].v[0], options[i].v[1], options[i].v[2], options[i].v[3]));
    sl_synth_truth(p->out, "checker", json_string("choice"));
    sl_synth_truth(p->out, "answer", json_stringn((const char[1]){(char)('A' + right)}, 1));
    sl_synth_truth(p->out, "cells", all);
    sl_synth_truth(p->out, "chance", json_real(1.0 / N_OPTIONS));
    sl_synth_truth(p->out, "candidates", given);
    return SL_OK;
}
