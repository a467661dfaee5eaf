/*
 * puzzle_boards.c: tic-tac-toe, 2048 and Sudoku of four by four: boards that a program plays and solves exactly.
 */
#include "synth/check_parts.h"
#include "synth/puzzle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what an answer names ----------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool names(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = text; n && *at; at++)
        if (strncasecmp(at, word, n) == 0 && (at == text || !is_word(at[-1])) && !is_word(at[n])) return true;
    return false;
}

/* Exactly one of the truth's options is named, and it is among its answers. */
double sl_puzzle_check_one_of(const json_t *truth, const struct sl_answer *a)
{
    const json_t *options = json_object_get(truth, "options"), *answers = json_object_get(truth, "answer");
    char *said = sl_puzzle_said(a);
    const char *named = NULL;
    int n = 0;
    for (size_t i = 0; said && i < json_array_size(options); i++) {
        const char *o = json_string_value(json_array_get(options, i));
        if (o && names(said, o)) {
            named = o;
            n++;
        }
    }
    bool right = false;
    for (size_t i = 0; n == 1 && i < json_array_size(answers); i++) {
        const char *w = json_string_value(json_array_get(answers, i));
        right = right || (w && strcmp(w, named) == 0);
    }
    free(said);
    return right;
}

/* The share of the truth's numbers that stand in their places; 0 when there are more or fewer. */
double sl_puzzle_check_numbers(const json_t *truth, const struct sl_answer *a)
{
    const json_t *want = json_object_get(truth, "answer");
    int got[64], n = (int)json_array_size(want), right = 0;
    char *said = sl_puzzle_said(a);
    if (!said || n < 1 || n > 63 || sl_puzzle_numbers(said, got, 64) != n) n = 0;
    for (int i = 0; i < n; i++) right += sl_check_at(want, (size_t)i) == got[i];
    free(said);
    return n ? (double)right / n : 0;
}

static void grid_lines(const struct sl_puzzle *p, int n, double thick, bool frame)
{
    cairo_t *cr = p->paint.cr;
    double cell = p->board[2] / n;
    sl_puzzle_ink(p);
    cairo_set_line_width(cr, thick);
    for (int i = frame ? 0 : 1; i <= (frame ? n : n - 1); i++) {
        cairo_move_to(cr, p->board[0] + i * cell, p->board[1]);
        cairo_rel_line_to(cr, 0, p->board[3]);
        cairo_move_to(cr, p->board[0], p->board[1] + i * cell);
        cairo_rel_line_to(cr, p->board[2], 0);
    }
    cairo_stroke(cr);
}

/* --- tic-tac-toe -----------------------------------------------------------------------------------------------------
 */

static const int lines[8][3] = {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {0, 3, 6}, {1, 4, 7}, {2, 5, 8}, {0, 4, 8}, {2, 4, 6}};

static char winner(const char *b)
{
    for (int i = 0; i < 8; i++)
        if (b[lines[i][0]] != '.' && b[lines[i][0]] == b[lines[i][1]] && b[lines[i][1]] == b[lines[i][2]])
            return b[lines[i][0]];
    return 0;
}

/* The value of the board for who moves: 1 + free cells when a win can be forced, negative for a loss, 0 for a draw. */
static int value(char *b, char who, int free_cells)
{
    char other = who == 'X' ? 'O' : 'X';
    if (winner(b)) return -1 - free_cells;
    if (!free_cells) return 0;
    int best = -100;
    for (int i = 0; i < 9; i++) {
        if (b[i] != '.') continue;
        b[i] = who;
        int v = -value(b, other, free_cells - 1);
        b[i] = '.';
        if (v > best) best = v;
    }
    return best;
}

static void paint_marks(const struct sl_puzzle *p, const char *b)
{
    cairo_t *cr = p->paint.cr;
    double cell = p->board[2] / 3, half = cell * sl_synth_real(p->r, 0.25, 0.36);
    cairo_set_line_width(cr, cell * sl_synth_real(p->r, 0.06, 0.12));
    cairo_set_line_cap(cr, p->style % 2 ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT);
    for (int i = 0; i < 9; i++) {
        int row = i / 3;
        double x = p->board[0] + (i % 3 + 0.5) * cell, y = p->board[1] + (row + 0.5) * cell;
        sl_puzzle_colour(p, b[i] == 'X' ? p->style : p->style + 1);
        cairo_new_path(cr);
        if (b[i] == 'X') {
            cairo_move_to(cr, x - half, y - half);
            cairo_line_to(cr, x + half, y + half);
            cairo_move_to(cr, x + half, y - half);
            cairo_line_to(cr, x - half, y + half);
        } else if (b[i] == 'O') {
            cairo_arc(cr, x, y, half, 0, 6.2832);
        }
        cairo_stroke(cr);
    }
}

/* Plays random moves; X begins. Returns who moves next. */
static char play(const struct sl_synth_request *r, char *b, int moves)
{
    memcpy(b, ".........", 10);
    char who = 'X';
    for (int i = 0; i < moves && !winner(b); i++) {
        int at;
        do at = sl_synth_int(r, 0, 8);
        while (b[at] != '.');
        b[at] = who;
        who = who == 'X' ? 'O' : 'X';
    }
    return who;
}

static const char *const cell_names[9] = {"a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"};

static void ask_winner(struct sl_puzzle *p, const char *b)
{
    static const char *const forms[] = {"Who has three in a row: X, O or nobody?",
                                        "Has X won, has O won, or nobody yet? Answer X, O or nobody.",
                                        "Which player has a complete line? X, O or nobody.",
                                        "Look for three equal marks in a line. Whose are they: X, O, nobody?", NULL};
    char w = winner(b);
    const char *answer = w == 'X' ? "X" : w == 'O' ? "O" : "nobody";
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    for (int y = 0; y < 3; y++) sl_synth_think(p->out, "Row %d: %.3s. ", y + 1, b + 3 * y);
    sl_synth_think(p->out, "%s%s.", w ? "There is a line of " : "No line is complete: ", answer);
    sl_synth_answer(p->out, "%s", answer);
    sl_synth_truth(p->out, "checker", json_string("one-of"));
    sl_synth_truth(p->out, "answer", json_pack("[s]", answer));
    sl_synth_truth(p->out, "options", json_pack("[s,s,s]", "X", "O", "nobody"));
    sl_synth_truth(p->out, "chance", json_real(1.0 / 3));
}

static void ask_move(struct sl_puzzle *p, char *b, char who)
{
    int free_cells = 0, best = -100;
    for (int i = 0; i < 9; i++) free_cells += b[i] == '.';
    json_t *answers = json_array(), *options = json_array();
    const char *first = "";
    best = value(b, who, free_cells);
    for (int i = 0; i < 9; i++) {
        json_array_append_new(options, json_string(cell_names[i]));
        if (b[i] != '.') continue;
        b[i] = who;
        int v = -value(b, who == 'X' ? 'O' : 'X', free_cells - 1);
        b[i] = '.';
        if (v != best) continue;
        if (!json_array_size(answers)) first = cell_names[i];
        json_array_append_new(answers, json_string(cell_names[i]));
    }
    if (sl_synth_chance(p->r, 0.5))
        sl_synth_user(p->out,
                      "%c is to move. Which cell is best? Columns are a to c from the left, rows 1 to 3 from the top; "
                      "answer like b2.",
                      who);
    else
        sl_synth_user(
            p->out, "Find the best move for %c. Name the cell: column a, b or c and row 1, 2 or 3 from the top.", who);
    for (int y = 0; y < 3; y++) sl_synth_think(p->out, "Row %d: %.3s. ", y + 1, b + 3 * y);
    sl_synth_think(p->out, "%c %s %s.", who,
                   best > 0    ? "can win by"
                   : best == 0 ? "keeps a draw with"
                               : "loses in the end; longest holds",
                   first);
    sl_synth_answer(p->out, "%s", first);
    sl_synth_truth(p->out, "checker", json_string("one-of"));
    sl_synth_truth(p->out, "answer", answers);
    sl_synth_truth(p->out, "chance", json_real((double)json_array_size(answers) / free_cells));
    sl_synth_truth(p->out, "options", options);
}

sl_status sl_puzzle_tictactoe(struct sl_puzzle *p)
{
    char b[10], who;
    bool ask_who = sl_synth_chance(p->r, 0.5);
    char wanted = (char)"XO."[sl_synth_int(p->r, 0, 2)];
    do who = play(p->r, b, ask_who ? sl_synth_int(p->r, 5, 9) : 6 - p->r->level + sl_synth_int(p->r, 0, 1));
    while (ask_who ? (winner(b) ? winner(b) : '.') != wanted : winner(b) != 0);
    sl_status status = sl_puzzle_open(p, 3, 3);
    if (status) return status;
    grid_lines(p, 3, p->board[2] * sl_synth_real(p->r, 0.008, 0.02), sl_synth_chance(p->r, 0.3));
    paint_marks(p, b);
    status = sl_puzzle_show(p);
    if (status) return status;
    if (ask_who)
        ask_winner(p, b);
    else
        ask_move(p, b, who);
    sl_synth_truth(p->out, "board", json_string(b));
    return SL_OK;
}

/* --- 2048
 * -------------------------------------------------------------------------------------------------------------- */

/* Slides a row of n cells towards its beginning, merging equal neighbours once; returns what merging scored. */
static int merge_row(int *row, int n)
{
    int out[4] = {0}, k = 0, score = 0;
    bool merged = false;
    for (int i = 0; i < n; i++) {
        if (!row[i]) continue;
        if (k && out[k - 1] == row[i] && !merged) {
            out[k - 1] *= 2;
            score += out[k - 1];
            merged = true;
        } else {
            out[k++] = row[i];
            merged = false;
        }
    }
    memcpy(row, out, (size_t)n * sizeof *row);
    return score;
}

static int push(int *b, int way)
{
    int score = 0;
    for (int k = 0; k < 4; k++) {
        int row[4];
        for (int i = 0; i < 4; i++) {
            int j = way == SL_UP || way == SL_LEFT ? i : 3 - i;
            row[i] = way == SL_LEFT || way == SL_RIGHT ? b[4 * k + j] : b[4 * j + k];
        }
        score += merge_row(row, 4);
        for (int i = 0; i < 4; i++) {
            int j = way == SL_UP || way == SL_LEFT ? i : 3 - i;
            *(way == SL_LEFT || way == SL_RIGHT ? &b[4 * k + j] : &b[4 * j + k]) = row[i];
        }
    }
    return score;
}

static void paint_2048(const struct sl_puzzle *p, const int *b)
{
    double cell = p->board[2] / 4, gap = cell * 0.05;
    for (int i = 0; i < 16; i++) {
        int power = 0, row = i / 4;
        double x = p->board[0] + i % 4 * cell, y = p->board[1] + row * cell;
        for (int v = b[i]; v > 1; v /= 2) power++;
        double t = power / 11.0;
        if (power)
            cairo_set_source_rgb(p->paint.cr, 0.93 - 0.1 * t, 0.87 - 0.55 * t, 0.78 - 0.7 * t);
        else
            cairo_set_source_rgb(p->paint.cr, 0.8 * p->ground[0] + 0.12, 0.8 * p->ground[1] + 0.11,
                                 0.8 * p->ground[2] + 0.1);
        sl_puzzle_tile(p, x + gap, y + gap, cell - 2 * gap, cell - 2 * gap, cell * 0.08);
        if (!power) continue;
        char text[12];
        snprintf(text, sizeof text, "%d", b[i]);
        double ink = power > 4 ? 1 : 0.25;
        cairo_set_source_rgb(p->paint.cr, ink, ink, ink * 0.95);
        sl_puzzle_label(p, text, cell * (b[i] > 99 ? 0.32 : 0.42), x + cell / 2, y + cell / 2);
    }
}

static void say_board(struct sl_buf *s, const int *b)
{
    for (int i = 0; i < 16; i++) sl_buf_addf(s, "%s%d", i == 0 ? "" : i % 4 ? " " : "\n", b[i]);
}

static void ask_after(struct sl_puzzle *p, const int *b, int way)
{
    int after[16];
    memcpy(after, b, sizeof after);
    int score = push(after, way);
    struct sl_buf s = SL_BUF_INIT(512), now = SL_BUF_INIT(512);
    say_board(&s, after);
    say_board(&now, b);
    if (sl_synth_chance(p->r, 0.5))
        sl_synth_user(p->out,
                      "This is 2048. What does the board look like after a move %s, before a new tile comes? Write "
                      "four rows, 0 for empty.",
                      sl_way_name(way));
    else
        sl_synth_user(p->out,
                      "The player swipes %s. Give the numbers of the board afterwards (no new tile), row by row with 0 "
                      "for empty cells.",
                      sl_way_name(way));
    sl_synth_think(p->out, "The board now:\n%s\nEverything slides %s, and equal neighbours merge once (%d points).",
                   sl_buf_str(&now), sl_way_name(way), score);
    sl_synth_answer(p->out, "%s", sl_buf_str(&s));
    json_t *answer = json_array();
    for (int i = 0; i < 16; i++) json_array_append_new(answer, json_integer(after[i]));
    sl_synth_truth(p->out, "checker", json_string("numbers"));
    sl_synth_truth(p->out, "answer", answer);
    sl_buf_release(&s);
    sl_buf_release(&now);
}

static void ask_best(struct sl_puzzle *p, const int *scores, int best)
{
    static const char *const forms[] = {"In this game of 2048, which move scores most now: up, down, left or right?",
                                        "Which direction merges the largest sum of tiles: up, down, left or right?",
                                        "Name the move (up, right, down, left) that gives the most points at once.",
                                        "2048: which swipe earns most points in this position?", NULL};
    json_t *answers = json_array();
    const char *first = NULL;
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    for (int w = 0; w < 4; w++) {
        sl_synth_think(p->out, "%s scores %d. ", sl_way_name(w), scores[w]);
        if (scores[w] != best) continue;
        if (!first) first = sl_way_name(w);
        json_array_append_new(answers, json_string(sl_way_name(w)));
    }
    /* Which of the equals is said is drawn, so that no way is the likelier answer. */
    size_t n = json_array_size(answers);
    sl_synth_truth(p->out, "chance", json_real((double)n / 4));
    if (n) first = json_string_value(json_array_get(answers, (size_t)sl_synth_int(p->r, 0, (int)n - 1)));
    sl_synth_answer(p->out, "%s", first);
    sl_synth_truth(p->out, "checker", json_string("one-of"));
    sl_synth_truth(p->out, "answer", answers);
    sl_synth_truth(p->out, "options", json_pack("[s,s,s,s]", "up", "right", "down", "left"));
}

sl_status sl_puzzle_2048(struct sl_puzzle *p)
{
    static const int most[] = {4, 6, 8, 10};
    int b[16], scores[4], best, way = sl_synth_int(p->r, 0, 3);
    bool after = sl_synth_chance(p->r, 0.5);
    do {
        best = 0;
        for (int i = 0; i < 16; i++) {
            bool full = sl_synth_chance(p->r, 0.35 + 0.12 * p->r->level);
            b[i] = full ? 1 << sl_synth_int(p->r, 1, most[p->r->level > 3 ? 3 : p->r->level]) : 0;
            if (i && b[i] && sl_synth_chance(p->r, 0.3))
                b[i] = b[sl_synth_chance(p->r, 0.5) ? i - 1 : i >= 4 ? i - 4 : i - 1];
        }
        for (int w = 0; w < 4; w++) {
            int copy[16];
            memcpy(copy, b, sizeof copy);
            scores[w] = push(copy, w);
            best = scores[w] > best ? scores[w] : best;
        }
    } while (best == 0 || (!after && scores[way] != best));
    sl_status status = sl_puzzle_open(p, 4, 4);
    if (status) return status;
    paint_2048(p, b);
    status = sl_puzzle_show(p);
    if (status) return status;
    if (after)
        ask_after(p, b, way);
    else
        ask_best(p, scores, best);
    json_t *board = json_array();
    for (int i = 0; i < 16; i++) json_array_append_new(board, json_integer(b[i]));
    sl_synth_truth(p->out, "board", board);
    return SL_OK;
}

/* --- Sudoku
 * -------------------------------------------------------------------------------------------------------------- */

/* Whether v may stand at cell i of a four by four board. */
static bool fits(const int *b, int i, int v)
{
    for (int k = 0; k < 4; k++) {
        int box = (i / 8 * 2 + k / 2) * 4 + i % 4 / 2 * 2 + k % 2;
        if ((b[i / 4 * 4 + k] == v && i / 4 * 4 + k != i) || (b[4 * k + i % 4] == v && 4 * k + i % 4 != i) ||
            (b[box] == v && box != i))
            return false;
    }
    return true;
}

/* Counts completions of b up to two; the first is left in `solution`. order: in which values are tried. */
static int complete(int *b, int at, const int *order, int *solution)
{
    while (at < 16 && b[at]) at++;
    if (at == 16) {
        memcpy(solution, b, 16 * sizeof *b);
        return 1;
    }
    int n = 0;
    for (int k = 0; k < 4 && n < 2; k++) {
        if (!fits(b, at, order[k] + 1)) continue;
        int first[16];
        b[at] = order[k] + 1;
        int found = complete(b, at + 1, order, n ? first : solution);
        b[at] = 0;
        n += found;
    }
    return n > 2 ? 2 : n;
}

/* Fills b with a solved board: rows one after the other in random order. */
static void solved_board(const struct sl_synth_request *r, int *b)
{
    int order[4], empty[16] = {0};
    sl_synth_shuffle(r, order, 4);
    for (int k = 0; k < 4; k++) empty[k] = order[k] + 1;
    sl_synth_shuffle(r, order, 4);
    complete(empty, 4, order, b);
    if (!sl_synth_chance(r, 0.5)) return;
    for (int y = 0; y < 4; y++) /* turned over, for boards that the search reaches late */
        for (int x = 0; x < y; x++) {
            int t = b[4 * y + x];
            b[4 * y + x] = b[4 * x + y];
            b[4 * x + y] = t;
        }
}

static void paint_sudoku(struct sl_puzzle *p, const int *b)
{
    double cell = p->board[2] / 4;
    grid_lines(p, 4, cell * 0.02 + 0.5, true);
    cairo_set_line_width(p->paint.cr, cell * 0.06);
    for (int i = 0; i <= 2; i++) {
        cairo_move_to(p->paint.cr, p->board[0] + 2 * i * cell, p->board[1]);
        cairo_rel_line_to(p->paint.cr, 0, p->board[3]);
        cairo_move_to(p->paint.cr, p->board[0], p->board[1] + 2 * i * cell);
        cairo_rel_line_to(p->paint.cr, p->board[2], 0);
    }
    cairo_stroke(p->paint.cr);
    for (int i = 0; i < 16; i++) {
        int row = i / 4;
        if (b[i])
            sl_puzzle_label(p, (const char[2]){(char)('0' + b[i]), 0}, cell * 0.5, p->board[0] + (i % 4 + 0.5) * cell,
                            p->board[1] + (row + 0.5) * cell);
    }
}

/* Cells that follow at once, one after the other, with the reason. */
static void think_sudoku(struct sl_puzzle *p, const int *given)
{
    int b[16];
    memcpy(b, given, sizeof b);
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < 16; i++) {
            int n = 0, v = 0;
            for (int k = 1; k <= 4 && !b[i]; k++)
                if (fits(b, i, k)) {
                    n++;
                    v = k;
                }
            if (n != 1) continue;
            b[i] = v;
            again = true;
            sl_synth_think(p->out, "Row %d, column %d can only be %d. ", i / 4 + 1, i % 4 + 1, v);
        }
    }
    sl_synth_think(p->out, "The rest follows.");
}

sl_status sl_puzzle_sudoku(struct sl_puzzle *p)
{
    static const char *const forms[] = {
        "Fill in this Sudoku: each row, column and two by two box holds 1 to 4 once. Give the four rows.",
        "Complete the 4x4 Sudoku. Write the four rows from the top.",
        "Solve this small Sudoku (1 to 4) and list all rows.",
        "Each row, column and quarter holds 1, 2, 3 and 4. Write down the complete board.", NULL};
    static const int wanted[] = {4, 6, 8, 10};
    static const int plain[] = {0, 1, 2, 3};
    int full[16], b[16], order[16], solution[16], removed = 0;
    solved_board(p->r, full);
    memcpy(b, full, sizeof b);
    sl_synth_shuffle(p->r, order, 16);
    for (int k = 0; k < 16 && removed < wanted[p->r->level > 3 ? 3 : p->r->level]; k++) {
        int was = b[order[k]];
        b[order[k]] = 0;
        int copy[16];
        memcpy(copy, b, sizeof copy);
        if (complete(copy, 0, plain, solution) == 1)
            removed++;
        else
            b[order[k]] = was;
    }
    sl_status status = sl_puzzle_open(p, 1, 1);
    if (status) return status;
    paint_sudoku(p, b);
    status = sl_puzzle_show(p);
    if (status) return status;
    struct sl_buf s = SL_BUF_INIT(512);
    say_board(&s, full);
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    think_sudoku(p, b);
    sl_synth_answer(p->out, "%s", sl_buf_str(&s));
    json_t *given = json_array();
    for (int i = 0; i < 16; i++) json_array_append_new(given, json_integer(b[i]));
    sl_synth_truth(p->out, "checker", json_string("sudoku"));
    sl_synth_truth(p->out, "answer", json_string(sl_buf_str(&s)));
    sl_synth_truth(p->out, "board", given);
    sl_buf_release(&s);
    return SL_OK;
}

double sl_puzzle_check_sudoku(const json_t *truth, const struct sl_answer *a)
{
    const json_t *given = json_object_get(truth, "board");
    char *said = sl_puzzle_said(a);
    int b[16], n = 0;
    bool right = said && json_array_size(given) == 16;
    for (const char *t = said; right && *t; t++) { /* "1234" and "1 2 3 4" alike */
        if (*t < '0' || *t > '9') continue;
        right = n < 16 && *t >= '1' && *t <= '4';
        if (right) b[n++] = *t - '0';
    }
    right = right && n == 16;
    for (int i = 0; right && i < 16; i++) {
        double g = sl_check_at(given, (size_t)i);
        right = fits(b, i, b[i]) && (g == 0 || g == b[i]);
    }
    free(said);
    return right;
}
