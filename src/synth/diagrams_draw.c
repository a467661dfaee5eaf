/*
 * diagrams_draw.c: boxes, diamonds and arrows of flowcharts, nodes and links of trees, in several styles.
 */
#include "synth/diagrams.h"

#include <math.h>

/* How a diagram looks. */
struct style {
    double paper[3], fill[3], decision[3], end[3], line[3], ink[3];
    double corner; /* radius of boxes in pixels */
    bool elbows;   /* links of trees run at right angles */
};

static const struct style styles[] = {
    {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, 0, true},
    {{1, 1, 1}, {0.85, 0.91, 0.98}, {1, 0.93, 0.8}, {0.84, 0.94, 0.84}, {0.25, 0.35, 0.55}, {0.1, 0.1, 0.15}, 6, true},
    {{0.12, 0.13, 0.17},
     {0.2, 0.25, 0.35},
     {0.4, 0.28, 0.15},
     {0.15, 0.35, 0.28},
     {0.65, 0.7, 0.8},
     {0.95, 0.95, 0.97},
     4,
     false},
    {{0.99, 0.97, 0.92},
     {1, 0.99, 0.96},
     {0.96, 0.88, 0.8},
     {0.9, 0.86, 0.78},
     {0.4, 0.25, 0.15},
     {0.25, 0.15, 0.1},
     0,
     false},
    {{1, 1, 1},
     {0.93, 0.9, 0.98},
     {0.98, 0.88, 0.92},
     {0.86, 0.84, 0.96},
     {0.4, 0.3, 0.6},
     {0.15, 0.1, 0.25},
     10,
     false},
    {{0.95, 0.97, 0.97}, {0.15, 0.5, 0.55}, {0.85, 0.45, 0.2}, {0.1, 0.35, 0.4}, {0.3, 0.4, 0.4}, {1, 1, 1}, 3, true},
    {{1, 1, 1}, {0.96, 0.96, 0.96}, {0.88, 0.88, 0.88}, {0.8, 0.8, 0.8}, {0.3, 0.3, 0.3}, {0, 0, 0}, 8, true},
    {{0.93, 0.95, 0.9},
     {0.99, 1, 0.97},
     {1, 0.98, 0.8},
     {0.8, 0.9, 0.75},
     {0.2, 0.4, 0.2},
     {0.05, 0.15, 0.05},
     0,
     true},
};

enum { N_STYLES = sizeof styles / sizeof *styles, SMALLEST = 8, LARGEST = 1500 /* pixels: letters, sides */ };

/* Places of one drawing: a node's middle is origin + column x step_x, row x step_y. */
struct layout {
    double size, step_x, step_y, origin_x, origin_y, w, h; /* w, h: of the boxes */
    bool lying;                                            /* rows run to the right */
};

static void middle(const struct layout *l, const struct sl_diagram_node *v, double out[2])
{
    out[0] = l->origin_x + (l->lying ? v->row : v->column) * l->step_x;
    out[1] = l->origin_y + (l->lying ? v->column : v->row) * l->step_y;
}

static void rounded(cairo_t *cr, double x, double y, double w, double h, double radius)
{
    cairo_new_sub_path(cr);
    cairo_arc(cr, x + w - radius, y + radius, radius, -M_PI / 2, 0);
    cairo_arc(cr, x + w - radius, y + h - radius, radius, 0, M_PI / 2);
    cairo_arc(cr, x + radius, y + h - radius, radius, M_PI / 2, M_PI);
    cairo_arc(cr, x + radius, y + radius, radius, M_PI, 3 * M_PI / 2);
    cairo_close_path(cr);
}

static void draw_node(struct sl_board *b, const struct style *st, const struct layout *l,
                      const struct sl_diagram_node *v)
{
    cairo_t *cr = b->paint.cr;
    double m[2], w = l->w, h = l->h;
    middle(l, v, m);
    cairo_new_path(cr);
    if (v->shape == SL_DIAGRAM_DECISION) {
        cairo_move_to(cr, m[0], m[1] - h * 0.68);
        cairo_line_to(cr, m[0] + w * 0.62, m[1]);
        cairo_line_to(cr, m[0], m[1] + h * 0.68);
        cairo_line_to(cr, m[0] - w * 0.62, m[1]);
        cairo_close_path(cr);
    } else {
        double radius = v->shape == SL_DIAGRAM_END ? h / 2 - 0.5 : fmin(st->corner, h / 2 - 1);
        rounded(cr, m[0] - w / 2, m[1] - h / 2, w, h, radius);
    }
    sl_board_colour(b, v->shape == SL_DIAGRAM_DECISION ? st->decision
                       : v->shape == SL_DIAGRAM_END    ? st->end
                                                       : st->fill);
    cairo_fill_preserve(cr);
    sl_board_colour(b, st->line);
    cairo_set_line_width(cr, 1.4);
    cairo_stroke(cr);
    sl_board_colour(b, st->ink);
    struct sl_board_text t = {.text = v->text, .size = l->size, .x = m[0], .y = m[1], .ax = 0.5, .ay = 0.5};
    sl_board_show(b, &t, NULL);
}

/* A word beside an arrow. */
static void label(struct sl_board *b, const struct style *st, const struct layout *l, const char *text, double x,
                  double y, double ax, double ay)
{
    struct sl_board_text t = {.text = text, .size = l->size * 0.9, .italic = true, .x = x, .y = y, .ax = ax, .ay = ay};
    sl_board_colour(b, st->line);
    sl_board_show(b, &t, NULL);
}

static void draw_flow_links(struct sl_board *b, const struct style *st, const struct layout *l,
                            const struct sl_diagram *d)
{
    for (int i = 0; i < d->n_nodes; i++) {
        const struct sl_diagram_node *v = &d->nodes[i];
        bool decision = v->shape == SL_DIAGRAM_DECISION;
        double a[2], z[2], half = l->h / 2;
        middle(l, v, a);
        sl_board_colour(b, st->line);
        if (v->next >= 0) {
            middle(l, &d->nodes[v->next], z);
            if (v->column == d->nodes[v->next].column) {
                sl_board_arrow(b, a[0], a[1] + (decision ? l->h * 0.68 : half), z[0],
                               z[1] - half - (d->nodes[v->next].shape == SL_DIAGRAM_DECISION ? l->h * 0.18 : 0), 1.4,
                               8);
            } else { /* from the side back into the chain */
                sl_board_line(b, a[0], a[1] + half, a[0], z[1], 1.4, 0);
                sl_board_arrow(b, a[0], z[1], z[0] + l->w / 2, z[1], 1.4, 8);
            }
        }
        if (v->other >= 0) {
            middle(l, &d->nodes[v->other], z);
            sl_board_arrow(b, a[0] + l->w * 0.62, a[1], z[0] - l->w / 2, z[1], 1.4, 8);
            label(b, st, l, "no", (a[0] + l->w * 0.62 + z[0] - l->w / 2) / 2, a[1] - 2, 0.5, 1);
            label(b, st, l, "yes", a[0] + 5, a[1] + l->h * 0.68, 0, 0);
        }
    }
}

static void draw_tree_links(struct sl_board *b, const struct style *st, const struct layout *l,
                            const struct sl_diagram *d)
{
    sl_board_colour(b, st->line);
    for (int i = 1; i < d->n_nodes; i++) {
        double a[2], z[2];
        middle(l, &d->nodes[d->nodes[i].parent], a);
        middle(l, &d->nodes[i], z);
        int k = l->lying ? 0 : 1; /* along this axis the tree grows */
        a[k] += (k ? l->h : l->w) / 2;
        z[k] -= (k ? l->h : l->w) / 2;
        if (!st->elbows) {
            sl_board_line(b, a[0], a[1], z[0], z[1], 1.4, 0);
            continue;
        }
        double half = (a[k] + z[k]) / 2;
        double p[2] = {a[0], a[1]}, q[2] = {z[0], z[1]};
        p[k] = q[k] = half;
        sl_board_line(b, a[0], a[1], p[0], p[1], 1.4, 0);
        sl_board_line(b, p[0], p[1], q[0], q[1], 1.4, 0);
        sl_board_line(b, q[0], q[1], z[0], z[1], 1.4, 0);
    }
}

/* Box and grid sizes from the widest text; size becomes that of the picture. */
static void lay_out(const struct sl_board *b, const struct sl_diagram *d, struct layout *l, double size[2])
{
    double widest = 0, w, h, columns = 0, rows = 0;
    for (int i = 0; i < d->n_nodes; i++) {
        struct sl_board_text t = {.text = d->nodes[i].text, .size = l->size};
        sl_board_measure(b, &t, &w, &h);
        widest = fmax(widest, d->nodes[i].shape == SL_DIAGRAM_DECISION ? w * 1.2 : w);
        columns = fmax(columns, d->nodes[i].column);
        rows = fmax(rows, d->nodes[i].row);
    }
    l->w = widest + l->size * 1.4;
    l->h = l->size * (d->tree ? 1.9 : 2.5);
    double across = l->lying ? rows : columns, down = l->lying ? columns : rows;
    l->step_x = l->w * (l->lying ? 1 : d->tree ? 1.1 : 1.3) + (l->lying ? l->size * 3 : l->size);
    l->step_y = l->h * (d->tree ? 1.15 : 1.5) + l->size * (l->lying ? 0.3 : 1.5);
    l->origin_x = l->w * 0.62 + l->size;
    l->origin_y = l->h * 0.7 + l->size;
    size[0] = 2 * l->origin_x + across * l->step_x;
    size[1] = 2 * l->origin_y + down * l->step_y;
}

/* Lays out in the middle of the size asked for, if any, with smaller letters where they must be; false: too small. */
static bool lay_out_for(const struct sl_synth_request *r, const struct sl_board *b, const struct sl_diagram *d,
                        struct layout *l, double size[2])
{
    l->lying = d->tree && sl_synth_chance(r, 0.5);
    lay_out(b, d, l, size);
    double share = fmin(r->width ? r->width / size[0] : 1, r->height ? r->height / size[1] : 1);
    if (share < 1) {
        l->size *= share * 0.99;
        lay_out(b, d, l, size);
    }
    if (r->width) l->origin_x += (r->width - size[0]) / 2;
    if (r->height) l->origin_y += (r->height - size[1]) / 2;
    if (r->width) size[0] = r->width;
    if (r->height) size[1] = r->height;
    return l->size >= SMALLEST && size[0] <= LARGEST && size[1] <= LARGEST;
}

sl_status sl_diagram_draw(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_picture *out,
                          bool *fits, sl_error *err)
{
    const struct style *st = &styles[sl_synth_choose(r, N_STYLES)];
    const char *font = sl_paint_font(r, SL_SCRIPT_LATIN, sl_synth_chance(r, 0.06));
    struct layout l = {.size = sl_synth_real(r, 15 - 1.5 * r->level, 18 - 2 * r->level)};
    double size[2];
    struct sl_board b;
    *fits = false;
    sl_status status = sl_board_open(&b, 1, 1, st->paper, font, err);
    if (status) return status;
    bool possible = lay_out_for(r, &b, d, &l, size);
    sl_board_abandon(&b);
    if (!possible) return SL_OK;
    status = sl_board_open(&b, (int)size[0], (int)size[1], st->paper, font, err);
    if (status) return status;
    if (d->tree)
        draw_tree_links(&b, st, &l, d);
    else
        draw_flow_links(&b, st, &l, d);
    for (int i = 0; i < d->n_nodes; i++) draw_node(&b, st, &l, &d->nodes[i]);
    *fits = !b.crowded;
    if (*fits) return sl_board_finish(&b, out, err);
    sl_board_abandon(&b);
    return SL_OK;
}
