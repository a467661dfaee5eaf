/*
 * tables.c: the family "tables": drawing tables in the styles of papers, web pages, spreadsheets and terminals.
 */
#include "synth/tables.h"

#include "synth/families.h"

#include <math.h>
#include <string.h>

enum { ATTEMPTS = 100, SMALLEST = 8, LARGEST = 1400 /* pixels: letters, width */ };

static const char *const tasks[SL_N_TABLE_TASKS] = {"html", "markdown", "latex", "cell", "row", "aggregate"};

/* How a table looks. */
struct style {
    double paper[3], ink[3], head[3], head_ink[3], zebra[3], rule[3];
    bool fill_head, stripes, across, down, frame; /* across, down: rules between rows, between columns */
    bool booktabs;                                /* thick rules above, below the heading and below */
};

static const struct style styles[] = {
    {{1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {0.2, 0.2, 0.2}, false, false, true, true, true, false},
    {{1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {0, 0, 0}, false, false, false, false, false, true},
    {{1, 1, 1},
     {0.15, 0.15, 0.15},
     {0.2, 0.35, 0.6},
     {1, 1, 1},
     {0.92, 0.95, 0.99},
     {0.8, 0.84, 0.9},
     true,
     true,
     false,
     false,
     false,
     false},
    {{1, 1, 1},
     {0.1, 0.1, 0.1},
     {0.93, 0.93, 0.93},
     {0, 0, 0},
     {1, 1, 1},
     {0.75, 0.75, 0.75},
     true,
     false,
     true,
     true,
     true,
     false},
    {{0.12, 0.13, 0.16},
     {0.9, 0.9, 0.92},
     {0.22, 0.24, 0.3},
     {1, 1, 1},
     {0.16, 0.17, 0.21},
     {0.35, 0.36, 0.4},
     true,
     true,
     true,
     false,
     false,
     false},
    {{0.99, 0.98, 0.95},
     {0.2, 0.15, 0.1},
     {0.55, 0.27, 0.2},
     {1, 1, 1},
     {0.95, 0.92, 0.86},
     {0.8, 0.74, 0.65},
     true,
     true,
     true,
     false,
     true,
     false},
    {{1, 1, 1},
     {0.25, 0.25, 0.3},
     {1, 1, 1},
     {0.4, 0.4, 0.5},
     {1, 1, 1},
     {0.87, 0.87, 0.9},
     false,
     false,
     true,
     false,
     false,
     false},
    {{0.96, 0.99, 0.96},
     {0.05, 0.2, 0.1},
     {0.13, 0.45, 0.3},
     {1, 1, 1},
     {0.88, 0.95, 0.9},
     {0.6, 0.75, 0.65},
     true,
     true,
     true,
     true,
     true,
     false},
};

enum { N_STYLES = sizeof styles / sizeof *styles };

/* Sizes and places of one drawing. */
struct grid {
    double x[SL_TABLE_MAX_COLUMNS + 1], top, row, size, pad;
};

/* Columns as wide as their widest cell. Returns the width of all. */
static double measure(const struct sl_board *b, const struct sl_table *t, struct grid *g)
{
    g->x[0] = g->pad * 2;
    for (int c = 0; c < t->n_columns; c++) {
        double widest = 0, w, h;
        for (int i = -1; i < t->n_rows; i++) {
            struct sl_board_text text = {.text = i < 0 ? t->heads[c] : t->cells[i][c], .size = g->size, .bold = true};
            sl_board_measure(b, &text, &w, &h);
            widest = fmax(widest, w);
        }
        g->x[c + 1] = g->x[c] + widest + 2 * g->pad;
    }
    return g->x[t->n_columns] + g->pad * 2;
}

/* Everything from the size of the letters: padding and rows are multiples of it. size becomes the picture's. */
static void lay_out(const struct sl_board *b, const struct sl_table *t, struct grid *g, double pad, double row,
                    double size[2])
{
    g->pad = g->size * pad;
    g->row = g->size * row;
    g->top = g->pad * 2;
    size[0] = measure(b, t, g);
    size[1] = 2 * g->top + g->row * (t->n_rows + 1);
}

static void fill_box(struct sl_board *b, const double colour[3], double x1, double y1, double x2, double y2)
{
    sl_board_colour(b, colour);
    cairo_rectangle(b->paint.cr, x1, y1, x2 - x1, y2 - y1);
    cairo_fill(b->paint.cr);
}

static void draw_rules(struct sl_board *b, const struct sl_table *t, const struct style *st, const struct grid *g)
{
    double left = g->x[0], right = g->x[t->n_columns], bottom = g->top + g->row * (t->n_rows + 1);
    sl_board_colour(b, st->rule);
    for (int i = 0; i <= t->n_rows + 1; i++) {
        bool edge = i == 0 || i == t->n_rows + 1, thick = st->booktabs && (edge || i == 1);
        if (thick || (edge ? st->frame : st->across))
            sl_board_line(b, left, g->top + i * g->row, right, g->top + i * g->row, thick ? 1.8 : 1, 0);
    }
    for (int c = 0; c <= t->n_columns; c++)
        if (c == 0 || c == t->n_columns ? st->frame : st->down)
            sl_board_line(b, g->x[c], g->top, g->x[c], bottom, 1, 0);
}

static void draw_cells(struct sl_board *b, const struct sl_table *t, const struct style *st, const struct grid *g,
                       bool align_right)
{
    for (int i = -1; i < t->n_rows; i++)
        for (int c = 0; c < t->n_columns; c++) {
            bool right = align_right && t->numeric[c];
            struct sl_board_text text = {.text = i < 0 ? t->heads[c] : t->cells[i][c], .size = g->size, .bold = i < 0};
            text.x = right ? g->x[c + 1] - g->pad : g->x[c] + g->pad;
            text.y = g->top + (i + 1.5) * g->row;
            text.ax = right;
            text.ay = 0.5;
            sl_board_colour(b, i < 0 ? st->head_ink : st->ink);
            sl_board_show(b, &text, NULL);
        }
}

static sl_status draw(const struct sl_synth_request *r, const struct sl_table *t, struct sl_picture *out, bool *fits,
                      sl_error *err)
{
    const struct style *st = &styles[sl_synth_choose(r, N_STYLES)];
    const char *font = sl_paint_font(r, SL_SCRIPT_LATIN, false);
    struct grid g = {.size = sl_synth_real(r, 16 - 3 * r->level, 20 - 3.5 * r->level)};
    struct sl_board b;
    bool align_right = sl_synth_chance(r, 0.6);
    double pad = sl_synth_real(r, 0.5, 1.1), row = sl_synth_real(r, 1.6, 2.3), size[2];
    *fits = false;
    sl_status status = sl_board_open(&b, 1, 1, st->paper, font, err);
    if (status) return status;
    lay_out(&b, t, &g, pad, row, size);
    double share = fmin(r->width ? r->width / size[0] : 1, r->height ? r->height / size[1] : 1);
    if (share < 1) { /* smaller letters where a size is asked for */
        g.size *= share * 0.99;
        lay_out(&b, t, &g, pad, row, size);
    }
    sl_board_abandon(&b);
    if (g.size < SMALLEST || size[0] > LARGEST) return SL_OK;
    int w = r->width ? r->width : (int)ceil(size[0]), h = r->height ? r->height : (int)ceil(size[1]);
    status = sl_board_open(&b, w, h, st->paper, font, err);
    if (status) return status;
    if (st->fill_head) fill_box(&b, st->head, g.x[0], g.top, g.x[t->n_columns], g.top + g.row);
    for (int i = 1; st->stripes && i < t->n_rows; i += 2)
        fill_box(&b, st->zebra, g.x[0], g.top + (i + 1) * g.row, g.x[t->n_columns], g.top + (i + 2) * g.row);
    draw_rules(&b, t, st, &g);
    draw_cells(&b, t, st, &g, align_right);
    *fits = !b.crowded;
    if (*fits) return sl_board_finish(&b, out, err);
    sl_board_abandon(&b);
    return SL_OK;
}

static sl_status make_table(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    (void)state;
    for (int i = 0; i < ATTEMPTS; i++) {
        struct sl_synth_request easier = *r; /* into a small picture only small tables go */
        struct sl_table t;
        struct sl_picture picture = {0};
        bool fits;
        if (r->width && i > ATTEMPTS / 4) easier.level = r->level * (ATTEMPTS - i) / ATTEMPTS;
        sl_table_invent(&easier, &t);
        sl_status status = draw(&easier, &t, &picture, &fits, err);
        if (status) return status;
        if (!fits) continue;
        bool png = sl_synth_chance(r, 0.3);
        sl_synth_picture(out, &picture, png ? SL_SYNTH_PNG : SL_SYNTH_JPEG, sl_synth_int(r, 80, 96));
        sl_picture_free(&picture);
        if (sl_table_ask(r, &t, (sl_table_task)r->task, out)) return SL_OK;
        sl_synth_sample_release(out);
        sl_synth_sample_init(out);
    }
    return sl_fail(err, SL_ERR_ARGUMENT, "no table fits into %dx%d pixels", r->width, r->height);
}

const struct sl_synth_family sl_family_tables = {.name = "tables",
                                                 .title = "pictures of tables: as HTML, Markdown, LaTeX, and questions",
                                                 .tasks = tasks,
                                                 .n_tasks = SL_N_TABLE_TASKS,
                                                 .n_levels = 3,
                                                 .make = make_table};
