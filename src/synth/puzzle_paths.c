/*
 * puzzle_paths.c: how many ways lead from A to B through one-way streets, counted by adding up from crossing to
 * crossing.
 */
#include "synth/puzzle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_COLUMNS = 5, MAX_ROWS = 3 };

/* Columns of crossings; streets lead from one column to the next, or (long) to the one after. */
struct net {
    int columns, rows[MAX_COLUMNS];
    bool street[MAX_COLUMNS][MAX_ROWS][MAX_ROWS]; /* from column, from row, to row */
    int ways[MAX_COLUMNS][MAX_ROWS];
};

static void count(struct net *n)
{
    memset(n->ways, 0, sizeof n->ways);
    n->ways[0][0] = 1;
    for (int c = 0; c + 1 < n->columns; c++)
        for (int i = 0; i < n->rows[c]; i++)
            for (int j = 0; j < n->rows[c + 1]; j++)
                if (n->street[c][i][j]) n->ways[c + 1][j] += n->ways[c][i];
}

/* Draws a net with exactly the number of ways that was drawn first, so that answers are balanced. */
static void draw_net(const struct sl_synth_request *r, struct net *n)
{
    int level = r->level > 3 ? 3 : r->level, want = sl_synth_int(r, 1, 3 + 2 * level);
    do {
        memset(n, 0, sizeof *n);
        n->columns = 3 + (level > 0) + (level > 2);
        for (int c = 0; c < n->columns; c++)
            n->rows[c] = c == 0 || c == n->columns - 1 ? 1 : sl_synth_int(r, 2, MAX_ROWS);
        for (int c = 0; c + 1 < n->columns; c++)
            for (int i = 0; i < n->rows[c]; i++)
                for (int j = 0; j < n->rows[c + 1]; j++) n->street[c][i][j] = sl_synth_chance(r, 0.35 + 0.05 * want);
        count(n);
    } while (n->ways[n->columns - 1][0] != want);
}

static void place(const struct sl_puzzle *p, const struct net *n, int c, int i, double *x, double *y)
{
    *x = p->board[0] + p->board[2] * (0.08 + 0.84 * c / (n->columns - 1));
    *y = p->board[1] + p->board[3] * (i + 0.5) / n->rows[c] + (c % 2 ? 6 : -6);
}

static void arrow(const struct sl_puzzle *p, double x1, double y1, double x2, double y2, double radius)
{
    cairo_t *cr = p->paint.cr;
    double dx = x2 - x1, dy = y2 - y1, length = hypot(dx, dy), ux = dx / length, uy = dy / length, head = radius * 0.7;
    double ex = x2 - ux * (radius + 2), ey = y2 - uy * (radius + 2);
    cairo_move_to(cr, x1 + ux * radius, y1 + uy * radius);
    cairo_line_to(cr, ex - ux * head, ey - uy * head);
    cairo_stroke(cr);
    cairo_move_to(cr, ex, ey);
    cairo_line_to(cr, ex - ux * head - uy * head * 0.6, ey - uy * head + ux * head * 0.6);
    cairo_line_to(cr, ex - ux * head + uy * head * 0.6, ey - uy * head - ux * head * 0.6);
    cairo_close_path(cr);
    cairo_fill(cr);
}

static void name_of(const struct net *n, int c, int i, char out[16])
{
    if (c == 0 || c == n->columns - 1)
        snprintf(out, 16, "%s", c ? "B" : "A");
    else
        snprintf(out, 16, "%c%d", 'P' + c - 1, i + 1);
}

static void paint_net(const struct sl_puzzle *p, const struct net *n)
{
    double radius = p->board[2] * 0.055, x, y, x2, y2;
    sl_puzzle_ink(p);
    cairo_set_line_width(p->paint.cr, p->board[2] * 0.008);
    for (int c = 0; c + 1 < n->columns; c++)
        for (int i = 0; i < n->rows[c]; i++)
            for (int j = 0; j < n->rows[c + 1]; j++) {
                if (!n->street[c][i][j]) continue;
                place(p, n, c, i, &x, &y);
                place(p, n, c + 1, j, &x2, &y2);
                arrow(p, x, y, x2, y2, radius);
            }
    for (int c = 0; c < n->columns; c++)
        for (int i = 0; i < n->rows[c]; i++) {
            char name[16];
            place(p, n, c, i, &x, &y);
            sl_puzzle_colour(p, c == 0 ? 2 : c == n->columns - 1 ? 0 : 1);
            sl_puzzle_tile(p, x - radius, y - radius, 2 * radius, 2 * radius, p->style % 2 ? radius : radius * 0.3);
            cairo_set_source_rgb(p->paint.cr, 1, 1, 1);
            name_of(n, c, i, name);
            sl_puzzle_label(p, name, radius * 0.95, x, y);
        }
}

sl_status sl_puzzle_paths(struct sl_puzzle *p)
{
    static const char *const forms[] = {"How many different ways lead from A to B if you follow the arrows?",
                                        "Count the paths from A to B along the arrows.",
                                        "In how many ways can one get from A to B, going only with the arrows?",
                                        "How many routes are there from A to B?", NULL};
    struct net n;
    char name[16];
    draw_net(p->r, &n);
    sl_status status = sl_puzzle_open(p, 1, 1);
    if (status) return status;
    paint_net(p, &n);
    status = sl_puzzle_show(p);
    if (status) return status;
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    sl_synth_think(p->out, "I count the ways to each crossing. ");
    for (int c = 1; c < n.columns; c++)
        for (int i = 0; i < n.rows[c]; i++) {
            name_of(&n, c, i, name);
            sl_synth_think(p->out, "%s: %d. ", name, n.ways[c][i]);
        }
    json_t *streets = json_array();
    for (int c = 0; c + 1 < n.columns; c++)
        for (int i = 0; i < n.rows[c]; i++)
            for (int j = 0; j < n.rows[c + 1]; j++)
                if (n.street[c][i][j]) json_array_append_new(streets, json_pack("[i,i,i]", c, i, j));
    sl_synth_answer(p->out, "%d", n.ways[n.columns - 1][0]);
    sl_synth_truth(p->out, "checker", json_string("count"));
    sl_synth_truth(p->out, "answer", json_integer(n.ways[n.columns - 1][0]));
    sl_synth_truth(p->out, "streets", streets);
    sl_synth_truth(p->out, "chance", json_real(1.0 / (3 + 2 * (p->r->level > 3 ? 3 : p->r->level))));
    sl_synth_truth(p->out, "columns", json_integer(n.columns));
    return SL_OK;
}
