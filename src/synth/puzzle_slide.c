/*
 * puzzle_slide.c: sliding blocks (Klotski) and numbered tiles around a gap, solved by breadth first search over boards.
 *
 * A board is a string of cells, '.' for empty and a letter or digit for what stands there; that is the key of the
 * search.
 */
#include "synth/check_parts.h"
#include "synth/puzzle.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELLS = 20, MAX_STATES = 8000, TABLE = 16384, MAX_MOVES = 64 };

struct board {
    int w, h;
    char cells[MAX_CELLS + 1];
};

/* Moves the block called c one cell that way; false, leaving the board alone, when something is in its place. */
static bool slide(struct board *b, char c, int way)
{
    char next[MAX_CELLS + 1];
    int n = b->w * b->h, dx = sl_way_dx(way), dy = sl_way_dy(way);
    for (int i = 0; i < n; i++) next[i] = b->cells[i] == c ? '.' : b->cells[i];
    next[n] = 0;
    bool any = false;
    for (int i = 0; i < n; i++) {
        if (b->cells[i] != c) continue;
        int x = i % b->w + dx, y = i / b->w + dy;
        if (x < 0 || y < 0 || x >= b->w || y >= b->h || next[y * b->w + x] != '.') return false;
        any = true;
    }
    for (int i = 0; i < n; i++)
        if (b->cells[i] == c) next[i + dy * b->w + dx] = c;
    if (any) memcpy(b->cells, next, sizeof next);
    return any;
}

/* Where the upper left cell of block c is; -1: nowhere. */
static int place(const struct board *b, char c)
{
    const char *at = strchr(b->cells, c);
    return at ? (int)(at - b->cells) : -1;
}

struct state {
    struct board b;
    int parent;
    char block;
    int way;
};

struct search {
    struct state *states; /* owned */
    int *table;           /* owned: index + 1 by hash */
    int n;
};

static unsigned hash_of(const char *s)
{
    unsigned h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* Adds a board unless it was seen. */
static void add(struct search *s, const struct board *b, int parent, char block, int way)
{
    unsigned h = hash_of(b->cells) % TABLE;
    for (; s->table[h]; h = (h + 1) % TABLE)
        if (strcmp(s->states[s->table[h] - 1].b.cells, b->cells) == 0) return;
    if (s->n >= MAX_STATES) return;
    s->states[s->n] = (struct state){.b = *b, .parent = parent, .block = block, .way = way};
    s->table[h] = ++s->n;
}

/* What a search is for. */
struct goal {
    char block;
    int cell;          /* where its upper left cell must come */
    const char *cells; /* or the whole board; NULL otherwise */
};

static bool reached(const struct board *b, const struct goal *g)
{
    return g->cells ? strcmp(b->cells, g->cells) == 0 : place(b, g->block) == g->cell;
}

struct solution {
    int n; /* moves; -1: none within the limits */
    char block[MAX_MOVES];
    int way[MAX_MOVES];
};

static void trace(const struct search *s, int at, struct solution *out)
{
    out->n = 0;
    for (int i = at; s->states[i].parent >= 0; i = s->states[i].parent) out->n++;
    if (out->n > MAX_MOVES) {
        out->n = -1;
        return;
    }
    for (int i = at, k = out->n - 1; k >= 0; i = s->states[i].parent, k--) {
        out->block[k] = s->states[i].block;
        out->way[k] = s->states[i].way;
    }
}

/* The shortest solution, one cell a move; n = -1 when there is none among MAX_STATES boards, or no memory. */
static void solve(const struct board *b, const struct goal *g, struct solution *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct search s = {.states = malloc(MAX_STATES * sizeof *s.states), .table = calloc(TABLE, sizeof *s.table)};
    out->n = -1;
    if (s.states && s.table) add(&s, b, -1, 0, 0);
    for (int i = 0; i < s.n; i++) {
        if (reached(&s.states[i].b, g)) {
            trace(&s, i, out);
            break;
        }
        char last = 0;
        for (const char *name = letters; *name; name++) {
            const char c = *name;
            if (place(&s.states[i].b, c) < 0) continue;
            for (int w = 0; w < 4; w++) {
                struct board next = s.states[i].b;
                if (slide(&next, c, w)) add(&s, &next, i, c, w);
            }
            last = c;
        }
        for (const char *name = "12345678"; *name && !last; name++)
            for (int w = 0; w < 4; w++) {
                struct board next = s.states[i].b;
                if (slide(&next, *name, w)) add(&s, &next, i, *name, w);
            }
    }
    free(s.states);
    free(s.table);
}

/* --- drawing one up ----------------------------------------------------------------------------------------------- */

/* Puts a block of that size on free cells; false when the place drawn is taken. */
static bool put(const struct sl_synth_request *r, struct board *b, char c, int w, int h)
{
    int x = sl_synth_int(r, 0, b->w - w), y = sl_synth_int(r, 0, b->h - h);
    for (int i = 0; i < w * h; i++)
        if (b->cells[(y + i / w) * b->w + x + i % w] != '.') return false;
    for (int i = 0; i < w * h; i++) b->cells[(y + i / w) * b->w + x + i % w] = c;
    return true;
}

struct slide_puzzle {
    struct board b;
    struct goal goal;
    struct solution solution;
};

/* Names blocks anew in reading order, so that a picture's letters tell nothing; block A stays. */
static void draw_blocks(const struct sl_synth_request *r, struct slide_puzzle *s)
{
    static const int widths[] = {3, 3, 4, 4}, heights[] = {3, 4, 4, 4}, least[] = {2, 3, 5, 8}, most[] = {5, 8, 12, 20};
    int level = r->level < 0 ? 0 : r->level > 3 ? 3 : r->level;
    do {
        s->b = (struct board){.w = widths[level], .h = heights[level]};
        int n = s->b.w * s->b.h, free_cells = n, gaps = sl_synth_int(r, 2, level < 2 ? 3 : 4);
        memset(s->b.cells, '.', (size_t)n);
        int size = level >= 2 && sl_synth_chance(r, 0.6) ? 2 : 1, wide = size == 1 ? sl_synth_int(r, 1, 2) : 2;
        put(r, &s->b, 'A', wide, size);
        free_cells -= wide * size;
        char c = 'B';
        for (int attempt = 0; attempt < 200 && free_cells > gaps; attempt++) {
            int w = sl_synth_int(r, 1, 2), h = w == 2 ? 1 : sl_synth_int(r, 1, 2);
            if (free_cells - w * h < gaps) w = h = 1;
            if (put(r, &s->b, c, w, h)) {
                free_cells -= w * h;
                c++;
            }
        }
        int from = place(&s->b, 'A');
        s->goal = (struct goal){.block = 'A'};
        do {
            int x = sl_synth_int(r, 0, s->b.w - wide), y = sl_synth_int(r, 0, s->b.h - size);
            s->goal.cell = y * s->b.w + x;
        } while (s->goal.cell == from);
        solve(&s->b, &s->goal, &s->solution);
    } while (s->solution.n < least[level] || s->solution.n > most[level]);
}

static void paint_block(const struct sl_puzzle *p, const struct board *b, char c, double cell)
{
    int first = place(b, c), w = 1, h = 1;
    while (first % b->w + w < b->w && b->cells[first + w] == c) w++;
    while (first + h * b->w < b->w * b->h && b->cells[first + h * b->w] == c) h++;
    int row = first / b->w;
    double gap = cell * 0.05, x = p->board[0] + first % b->w * cell, y = p->board[1] + row * cell;
    sl_puzzle_colour(p, c == 'A' ? 0 : 1 + (c + p->style) % 9);
    sl_puzzle_tile(p, x + gap, y + gap, w * cell - 2 * gap, h * cell - 2 * gap, cell * (p->style % 3) * 0.1);
    cairo_set_source_rgb(p->paint.cr, 1, 1, 1);
    sl_puzzle_label(p, (const char[2]){c, 0}, cell * 0.45, x + w * cell / 2, y + h * cell / 2);
}

static sl_status show_board(struct sl_puzzle *p, const struct board *b)
{
    sl_status status = sl_puzzle_open(p, b->w, b->h);
    if (status) return status;
    double cell = p->board[2] / b->w;
    cairo_t *cr = p->paint.cr;
    sl_puzzle_ink(p);
    cairo_set_line_width(cr, cell * 0.06);
    cairo_rectangle(cr, p->board[0] - cell * 0.03, p->board[1] - cell * 0.03, p->board[2] + cell * 0.06,
                    p->board[3] + cell * 0.06);
    cairo_stroke(cr);
    for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789"; *c; c++)
        if (place(b, *c) >= 0) paint_block(p, b, *c, cell);
    return sl_puzzle_show(p);
}

static json_t *board_json(const struct board *b)
{
    json_t *rows = json_array();
    for (int y = 0; y < b->h; y++) json_array_append_new(rows, json_stringn(b->cells + y * b->w, (size_t)b->w));
    return rows;
}

static void describe(struct sl_puzzle *p, const struct slide_puzzle *s)
{
    sl_synth_user(p->out,
                  "Blocks slide one cell at a time into free cells. Block A has to come so that its upper left corner "
                  "is in row %d, "
                  "column %d. ",
                  s->goal.cell / s->b.w + 1, s->goal.cell % s->b.w + 1);
}

static void think_slides(struct sl_puzzle *p, const struct slide_puzzle *s)
{
    struct board b = s->b;
    int at = place(&b, 'A');
    sl_synth_think(p->out, "A is in row %d, column %d now. ", at / b.w + 1, at % b.w + 1);
    for (int i = 0; i < s->solution.n; i++) {
        char c = s->solution.block[i];
        slide(&b, c, s->solution.way[i]);
        at = place(&b, c);
        sl_synth_think(p->out, "%c goes %s to row %d, column %d. ", c, sl_way_name(s->solution.way[i]), at / b.w + 1,
                       at % b.w + 1);
    }
    sl_synth_think(p->out, "A has arrived after %d moves.", s->solution.n);
}

static void set_slide_truth(struct sl_puzzle *p, const struct slide_puzzle *s)
{
    sl_synth_truth(p->out, "board", board_json(&s->b));
    sl_synth_truth(p->out, "goal", json_pack("[i,i]", s->goal.cell % s->b.w, s->goal.cell / s->b.w));
    sl_synth_truth(p->out, "shortest", json_integer(s->solution.n));
}

sl_status sl_puzzle_slide(struct sl_puzzle *p)
{
    static const char *const forms[] = {
        "Which moves do it? Write them as: A right, B up, ...",
        "List the moves, each as block and direction, like: C left, A down.",
        "Solve it with as few moves as you can. Format: block direction, separated by commas.",
        "Give the moves in order, for example: B down, A right.", NULL};
    struct slide_puzzle s;
    draw_blocks(p->r, &s);
    sl_status status = show_board(p, &s.b);
    if (status) return status;
    struct sl_buf b = SL_BUF_INIT(1 << 12);
    for (int i = 0; i < s.solution.n; i++)
        sl_buf_addf(&b, "%s%c %s", i ? ", " : "", s.solution.block[i], sl_way_name(s.solution.way[i]));
    describe(p, &s);
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    think_slides(p, &s);
    sl_synth_answer(p->out, "%s", sl_buf_str(&b));
    sl_synth_truth(p->out, "checker", json_string("slide"));
    sl_synth_truth(p->out, "answer", json_string(sl_buf_str(&b)));
    set_slide_truth(p, &s);
    sl_buf_release(&b);
    return SL_OK;
}

sl_status sl_puzzle_slide_length(struct sl_puzzle *p)
{
    static const char *const forms[] = {"How many moves does that take at least?",
                                        "What is the smallest number of moves?", "In how few moves can it be done?",
                                        "Give the length of the shortest solution.", NULL};
    struct slide_puzzle s;
    draw_blocks(p->r, &s);
    sl_status status = show_board(p, &s.b);
    if (status) return status;
    describe(p, &s);
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    think_slides(p, &s);
    sl_synth_answer(p->out, "%d", s.solution.n);
    sl_synth_truth(p->out, "checker", json_string("count"));
    sl_synth_truth(p->out, "answer", json_integer(s.solution.n));
    set_slide_truth(p, &s);
    sl_synth_truth(p->out, "chance", json_real(0.3));
    return SL_OK;
}

/* --- tiles ---------------------------------------------------------------------------------------------------------
 */

/* Undoes `depth` random slides from the solved board; the shortest way back is found by search. */
static void draw_tiles(const struct sl_synth_request *r, struct slide_puzzle *s)
{
    static const int depths[] = {2, 4, 7, 11};
    int depth = depths[r->level < 0 ? 0 : r->level > 3 ? 3 : r->level];
    s->goal = (struct goal){.cells = "12345678."};
    do {
        s->b = (struct board){.w = 3, .h = 3, .cells = "12345678."};
        char last = 0;
        for (int i = 0; i < depth;) {
            char c = (char)('1' + sl_synth_int(r, 0, 7));
            if (c == last || !slide(&s->b, c, sl_synth_int(r, 0, 3))) continue;
            last = c;
            i++;
        }
        solve(&s->b, &s->goal, &s->solution);
    } while (s->solution.n < (depth + 1) / 2);
}

sl_status sl_puzzle_tiles(struct sl_puzzle *p)
{
    static const char *const forms[] = {"Slide the tiles into the gap until the rows read 1 2 3, 4 5 6, 7 8 and the "
                                        "gap. Which tiles do you move, in order?",
                                        "Solve this sliding puzzle (1 to 8 in order, the gap last). Give the numbers "
                                        "of the tiles moved, one after the other.",
                                        "Which tiles must slide, in which order, to get 1 2 3 / 4 5 6 / 7 8 _ ?",
                                        "List the tiles to push into the empty place so that the numbers end up in "
                                        "order with the gap at the lower right.",
                                        NULL};
    struct slide_puzzle s;
    draw_tiles(p->r, &s);
    sl_status status = show_board(p, &s.b);
    if (status) return status;
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    struct sl_buf b = SL_BUF_INIT(1 << 12);
    struct board now = s.b;
    for (int y = 0; y < 3; y++) sl_synth_think(p->out, "%s%.3s", y ? " / " : "The board is ", now.cells + 3 * y);
    sl_synth_think(p->out, ". ");
    for (int i = 0; i < s.solution.n; i++) {
        sl_buf_addf(&b, "%s%c", i ? " " : "", s.solution.block[i]);
        slide(&now, s.solution.block[i], s.solution.way[i]);
        sl_synth_think(p->out, "%c %s: %.3s / %.3s / %.3s. ", s.solution.block[i], sl_way_name(s.solution.way[i]),
                       now.cells, now.cells + 3, now.cells + 6);
    }
    sl_synth_answer(p->out, "%s", sl_buf_str(&b));
    sl_synth_truth(p->out, "checker", json_string("tiles"));
    sl_synth_truth(p->out, "answer", json_string(sl_buf_str(&b)));
    sl_synth_truth(p->out, "board", board_json(&s.b));
    sl_synth_truth(p->out, "shortest", json_integer(s.solution.n));
    sl_buf_release(&b);
    return SL_OK;
}

/* --- rules ----------------------------------------------------------------------------------------------------------
 */

static bool read_board(const json_t *truth, struct board *b)
{
    const json_t *rows = json_object_get(truth, "board");
    *b = (struct board){.h = (int)json_array_size(rows)};
    for (int y = 0; y < b->h; y++) {
        const char *row = json_string_value(json_array_get(rows, (size_t)y));
        int w = row ? (int)strlen(row) : 0;
        if (w < 1 || (y && w != b->w) || w * b->h > MAX_CELLS) return false;
        b->w = w;
        memcpy(b->cells + y * w, row, (size_t)w);
    }
    return b->h > 0;
}

double sl_puzzle_check_slide(const json_t *truth, const struct sl_answer *a)
{
    struct board b;
    const json_t *goal = json_object_get(truth, "goal");
    double x = sl_check_at(goal, 0), y = sl_check_at(goal, 1);
    char *said = read_board(truth, &b) && x >= 0 && y >= 0 && x < b.w && y < b.h ? sl_puzzle_said(a) : NULL;
    if (!said) return 0;
    bool legal = true;
    const char *t = strrchr(said, ':') ? strrchr(said, ':') + 1 : said;
    while (legal) {
        while (*t && strchr(" ,;.\n", *t)) t++;
        if (!*t) break;
        char c = *t++;
        legal = c >= 'A' && c <= 'Z' && *t == ' ';
        int way = legal ? sl_way_read(&t) : -1, times = 1;
        while (*t == ' ') t++;
        if (isdigit((unsigned char)*t)) times = (int)strtol(t, (char **)&t, 10);
        legal = legal && way >= 0 && times > 0 && times < MAX_CELLS;
        for (int i = 0; i < times && legal; i++) legal = slide(&b, c, way);
    }
    bool done = legal && place(&b, 'A') == (int)y * b.w + (int)x;
    free(said);
    return done;
}

double sl_puzzle_check_tiles(const json_t *truth, const struct sl_answer *a)
{
    struct board b;
    char *said = read_board(truth, &b) ? sl_puzzle_said(a) : NULL;
    int numbers[256], n = said ? sl_puzzle_numbers(said, numbers, 256) : 0;
    bool legal = said != NULL;
    for (int i = 0; i < n && legal; i++) {
        bool moved = false;
        for (int w = 0; w < 4 && !moved; w++)
            moved = numbers[i] > 0 && numbers[i] < 9 && slide(&b, (char)('0' + numbers[i]), w);
        legal = moved;
    }
    free(said);
    return legal && strcmp(b.cells, "12345678.") == 0;
}
