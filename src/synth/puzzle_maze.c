/*
 * puzzle_maze.c: mazes: carved by a walk that never crosses itself, some walls opened again, solved by breadth first
 * search.
 */
#include "synth/check_parts.h"
#include "synth/puzzle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 16, MAX_CELLS = MAX_SIDE * MAX_SIDE };

struct maze {
    int n;                         /* cells a side */
    unsigned char open[MAX_CELLS]; /* bit 1 << way: no wall that way */
    int start, goal;
};

static int step(const struct maze *m, int cell, int way)
{
    int x = cell % m->n + sl_way_dx(way), y = cell / m->n + sl_way_dy(way);
    return x < 0 || y < 0 || x >= m->n || y >= m->n ? -1 : y * m->n + x;
}

static void open_wall(struct maze *m, int cell, int way)
{
    m->open[cell] |= (unsigned char)(1 << way);
    m->open[step(m, cell, way)] |= (unsigned char)(1 << (way + 2) % 4);
}

/* Depth first from cell 0, then `extra` more openings, so that there is more than one way. */
static void carve(const struct sl_synth_request *r, struct maze *m, int extra)
{
    int stack[MAX_CELLS], n = 1;
    bool seen[MAX_CELLS] = {true};
    memset(m->open, 0, sizeof m->open);
    stack[0] = 0;
    while (n) {
        int at = stack[n - 1], ways[4], k = 0;
        for (int w = 0; w < 4; w++) {
            int to = step(m, at, w);
            if (to >= 0 && !seen[to]) ways[k++] = w;
        }
        if (!k) {
            n--;
            continue;
        }
        int way = ways[sl_synth_int(r, 0, k - 1)], to = step(m, at, way);
        open_wall(m, at, way);
        seen[to] = true;
        stack[n++] = to;
    }
    while (extra > 0) {
        int cell = sl_synth_int(r, 0, m->n * m->n - 1), way = sl_synth_int(r, 0, 3);
        extra--;
        if (step(m, cell, way) >= 0) open_wall(m, cell, way);
    }
}

/* Fills distance (cells) from `from`, -1: out of reach; and came, the way by which each was entered. */
static void search(const struct maze *m, int from, int *distance, int *came)
{
    int queue[MAX_CELLS], head = 0, tail = 0;
    for (int i = 0; i < m->n * m->n; i++) distance[i] = -1;
    distance[from] = 0;
    queue[tail++] = from;
    while (head < tail) {
        int at = queue[head++];
        for (int w = 0; w < 4; w++) {
            int to = step(m, at, w);
            if (!(m->open[at] & 1 << w) || to < 0 || distance[to] >= 0) continue;
            distance[to] = distance[at] + 1;
            came[to] = w;
            queue[tail++] = to;
        }
    }
}

static int side_of(int level)
{
    static const int sides[] = {4, 6, 8, 11};
    return sides[level < 0 ? 0 : level > 3 ? 3 : level];
}

/* Draws a maze whose shortest way is long enough for its size. */
static void draw_maze(const struct sl_synth_request *r, struct maze *m)
{
    int distance[MAX_CELLS], came[MAX_CELLS];
    m->n = side_of(r->level);
    do {
        carve(r, m, r->level == 0 ? 0 : m->n / 2);
        m->start = sl_synth_int(r, 0, m->n * m->n - 1);
        m->goal = sl_synth_int(r, 0, m->n * m->n - 1);
        search(m, m->start, distance, came);
    } while (distance[m->goal] < m->n / 2 + 1 || distance[m->goal] > 3 * m->n);
}

static void paint_walls(const struct sl_puzzle *p, const struct maze *m)
{
    double cell = p->board[2] / m->n;
    cairo_t *cr = p->paint.cr;
    sl_puzzle_ink(p);
    cairo_set_line_width(cr, sl_synth_real(p->r, 0.07, 0.16) * cell);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    for (int i = 0; i < m->n * m->n; i++) {
        int row = i / m->n;
        double x = p->board[0] + i % m->n * cell, y = p->board[1] + row * cell;
        static const double ends[4][4] = {{0, 0, 1, 0}, {1, 0, 1, 1}, {0, 1, 1, 1}, {0, 0, 0, 1}};
        for (int w = 0; w < 4; w++) {
            if (m->open[i] & 1 << w || (w > SL_RIGHT && step(m, i, w) >= 0)) continue;
            cairo_move_to(cr, x + ends[w][0] * cell, y + ends[w][1] * cell);
            cairo_line_to(cr, x + ends[w][2] * cell, y + ends[w][3] * cell);
        }
    }
    cairo_stroke(cr);
}

static void mark_cell(const struct sl_puzzle *p, const struct maze *m, int cell, int colour, const char *label)
{
    int row = cell / m->n;
    double size = p->board[2] / m->n, x = p->board[0] + (cell % m->n + 0.5) * size,
           y = p->board[1] + (row + 0.5) * size;
    sl_puzzle_colour(p, colour);
    if (p->style % 2)
        sl_puzzle_tile(p, x - size * 0.33, y - size * 0.33, size * 0.66, size * 0.66, size * 0.1);
    else
        sl_puzzle_tile(p, x - size * 0.34, y - size * 0.34, size * 0.68, size * 0.68, size);
    cairo_set_source_rgb(p->paint.cr, 1, 1, 1);
    sl_puzzle_label(p, label, size * 0.42, x, y);
}

static json_t *maze_json(const struct maze *m)
{
    json_t *rows = json_array();
    for (int y = 0; y < m->n; y++) {
        char row[MAX_SIDE + 1];
        for (int x = 0; x < m->n; x++) row[x] = "0123456789abcdef"[m->open[y * m->n + x]];
        row[m->n] = 0;
        json_array_append_new(rows, json_string(row));
    }
    return rows;
}

/* The moves of a shortest way from start to goal, first move first; returns their number. */
static int solve(const struct maze *m, int *ways)
{
    int distance[MAX_CELLS], came[MAX_CELLS] = {0};
    search(m, m->start, distance, came);
    int n = distance[m->goal];
    for (int at = m->goal, i = n - 1; i >= 0; i--) {
        ways[i] = came[at];
        at = step(m, at, (came[at] + 2) % 4);
    }
    return n;
}

static void list_ways(struct sl_buf *b, const int *ways, int n)
{
    for (int i = 0; i < n; i++) sl_buf_addf(b, "%s%s", i ? ", " : "", sl_way_name(ways[i]));
}

/* Worked out: runs of equal moves, with the cell where each ends. */
static void think_way(struct sl_puzzle *p, const struct maze *m, const int *ways, int n)
{
    int at = m->start;
    if (sl_synth_chance(p->r, 0.5))
        sl_synth_think(p->out, "S is in row %d, column %d, and E in row %d, column %d. ", m->start / m->n + 1,
                       m->start % m->n + 1, m->goal / m->n + 1, m->goal % m->n + 1);
    else
        sl_synth_think(p->out, "I start at row %d, column %d and want to reach row %d, column %d. ",
                       m->start / m->n + 1, m->start % m->n + 1, m->goal / m->n + 1, m->goal % m->n + 1);
    for (int i = 0; i < n;) {
        int run = 0;
        while (i + run < n && ways[i + run] == ways[i]) {
            at = step(m, at, ways[i]);
            run++;
        }
        sl_synth_think(p->out, "%s %d to row %d, column %d. ", sl_way_name(ways[i]), run, at / m->n + 1, at % m->n + 1);
        i += run;
    }
    sl_synth_think(p->out, "That is %d moves.", n);
}

static sl_status show_maze(struct sl_puzzle *p, const struct maze *m)
{
    sl_status status = sl_puzzle_open(p, 1, 1);
    if (status) return status;
    paint_walls(p, m);
    mark_cell(p, m, m->start, 2, "S");
    mark_cell(p, m, m->goal, 0, "E");
    return sl_puzzle_show(p);
}

sl_status sl_puzzle_maze(struct sl_puzzle *p)
{
    static const char *const forms[] = {
        "Find a way from S to E in this maze. Give the moves: up, down, left or right, one cell each.",
        "How do you get from S to E without crossing a wall? List the moves (up, down, left, right).",
        "Solve the maze: from the start S to the end E. Write one move per cell.",
        "Starting at S, which moves lead to E? Use up, down, left and right, one for each cell.",
        "Guide me through this maze from S to E. One word per step: up, right, down or left.",
        "Give a path from S to E as a list of directions, one per cell.",
        "The walls cannot be crossed. Which sequence of moves goes from S to E?",
        "Write the moves from cell S to cell E, separated by commas.",
        NULL};
    struct maze m;
    int ways[MAX_CELLS];
    draw_maze(p->r, &m);
    sl_status status = show_maze(p, &m);
    if (status) return status;
    int n = solve(&m, ways);
    struct sl_buf b = SL_BUF_INIT(1 << 14);
    list_ways(&b, ways, n);
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    think_way(p, &m, ways, n);
    sl_synth_answer(p->out, "%s", sl_buf_str(&b));
    sl_synth_truth(p->out, "checker", json_string("maze"));
    sl_synth_truth(p->out, "answer", json_string(sl_buf_str(&b)));
    sl_synth_truth(p->out, "maze", maze_json(&m));
    sl_synth_truth(p->out, "start", json_pack("[i,i]", m.start % m.n, m.start / m.n));
    sl_synth_truth(p->out, "goal", json_pack("[i,i]", m.goal % m.n, m.goal / m.n));
    sl_synth_truth(p->out, "shortest", json_integer(n));
    sl_buf_release(&b);
    return SL_OK;
}

sl_status sl_puzzle_maze_length(struct sl_puzzle *p)
{
    static const char *const forms[] = {"How many moves does the shortest way from S to E take, one cell a move?",
                                        "What is the smallest number of steps from S to E in this maze?",
                                        "Count the steps of the shortest path between S and E.",
                                        "At least how many cells do you have to move to get from S to E?", NULL};
    struct maze m;
    int ways[MAX_CELLS];
    draw_maze(p->r, &m);
    sl_status status = show_maze(p, &m);
    if (status) return status;
    int n = solve(&m, ways);
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    think_way(p, &m, ways, n);
    sl_synth_answer(p->out, "%d", n);
    sl_synth_truth(p->out, "checker", json_string("count"));
    sl_synth_truth(p->out, "answer", json_integer(n));
    sl_synth_truth(p->out, "maze", maze_json(&m));
    sl_synth_truth(p->out, "chance", json_real(0.2));
    return SL_OK;
}

/* Closes walls so that of four exits exactly one is reached from the start: cuts the tree above the others. */
static bool one_exit(const struct sl_synth_request *r, struct maze *m, int exits[4], int *right)
{
    int n = m->n, distance[MAX_CELLS], came[MAX_CELLS] = {0}, order[4];
    const int corners[4] = {0, n - 1, n * n - 1, n * (n - 1)};
    carve(r, m, 0);
    m->start = n / 2 * n + n / 2;
    sl_synth_shuffle(r, order, 4);
    for (int i = 0; i < 4; i++) exits[i] = corners[order[i]];
    *right = sl_synth_int(r, 0, 3);
    for (int i = 0; i < 4; i++) {
        if (i == *right) continue;
        search(m, m->start, distance, came);
        bool on_way[MAX_CELLS] = {false};
        for (int at = exits[*right]; at != m->start; at = step(m, at, (came[at] + 2) % 4)) on_way[at] = true;
        if (distance[exits[i]] < 0) continue;
        int at = exits[i], cut = -1, cells[MAX_CELLS], k = 0;
        for (; at != m->start && !on_way[at]; at = step(m, at, (came[at] + 2) % 4)) cells[k++] = at;
        if (!k) return false;
        cut = cells[sl_synth_int(r, 0, k - 1)];
        int back = (came[cut] + 2) % 4, before = step(m, cut, back);
        m->open[cut] &= (unsigned char)~(1 << back);
        m->open[before] &= (unsigned char)~(1 << came[cut]);
    }
    search(m, m->start, distance, came);
    int reached = 0;
    for (int i = 0; i < 4; i++) reached += distance[exits[i]] >= 0;
    m->goal = exits[*right];
    return reached == 1 && distance[m->goal] >= n / 2;
}

sl_status sl_puzzle_maze_exit(struct sl_puzzle *p)
{
    static const char *const forms[] = {"Which of the exits A, B, C and D can be reached from S?",
                                        "Only one of A, B, C, D is connected to S. Which one?",
                                        "Starting at S, at which letter can you arrive?",
                                        "Which letter can be reached from S without crossing a wall?", NULL};
    struct maze m = {.n = side_of(p->r->level) | 1};
    int exits[4], right, ways[MAX_CELLS];
    while (!one_exit(p->r, &m, exits, &right)) {
    }
    sl_status status = sl_puzzle_open(p, 1, 1);
    if (status) return status;
    paint_walls(p, &m);
    mark_cell(p, &m, m.start, 2, "S");
    for (int i = 0; i < 4; i++) mark_cell(p, &m, exits[i], 1, (const char[2]){(char)('A' + i), 0});
    status = sl_puzzle_show(p);
    if (status) return status;
    int n = solve(&m, ways);
    struct sl_buf b = SL_BUF_INIT(1 << 14);
    list_ways(&b, ways, n);
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    sl_synth_think(p->out, "From S I can go %s, and arrive at %c.", sl_buf_str(&b), 'A' + right);
    sl_synth_answer(p->out, "%c", 'A' + right);
    sl_synth_truth(p->out, "checker", json_string("choice"));
    sl_synth_truth(p->out, "answer", json_stringn((const char[1]){(char)('A' + right)}, 1));
    sl_synth_truth(p->out, "maze", maze_json(&m));
    sl_synth_truth(p->out, "chance", json_real(0.25));
    sl_buf_release(&b);
    return SL_OK;
}

/* Reads the walls of a truth; false when it is not a maze. */
static bool read_maze(const json_t *truth, struct maze *m)
{
    const json_t *rows = json_object_get(truth, "maze"), *start = json_object_get(truth, "start"),
                 *goal = json_object_get(truth, "goal");
    m->n = (int)json_array_size(rows);
    if (m->n < 1 || m->n > MAX_SIDE) return false;
    for (int y = 0; y < m->n; y++) {
        const char *row = json_string_value(json_array_get(rows, (size_t)y));
        if (!row || (int)strlen(row) != m->n) return false;
        for (int x = 0; x < m->n; x++)
            m->open[y * m->n + x] = (unsigned char)strtol((const char[2]){row[x], 0}, NULL, 16);
    }
    double at[4] = {sl_check_at(start, 0), sl_check_at(start, 1), sl_check_at(goal, 0), sl_check_at(goal, 1)};
    for (int i = 0; i < 4; i++)
        if (!(at[i] >= 0 && at[i] < m->n)) return false;
    m->start = (int)at[1] * m->n + (int)at[0];
    m->goal = (int)at[3] * m->n + (int)at[2];
    return true;
}

double sl_puzzle_check_maze(const json_t *truth, const struct sl_answer *a)
{
    struct maze m = {0};
    char *said = read_maze(truth, &m) ? sl_puzzle_said(a) : NULL;
    if (!said) return 0;
    const char *t = said;
    const char *colon = strrchr(said, ':');
    if (colon) t = colon + 1;
    int at = m.start, way;
    bool legal = true;
    while (legal && (way = sl_way_read(&t)) >= 0) {
        legal = (m.open[at] & 1 << way) != 0 && step(&m, at, way) >= 0;
        if (legal) at = step(&m, at, way);
    }
    while (*t == ' ' || *t == '.' || *t == ',') t++;
    bool arrived = legal && !*t && at == m.goal;
    free(said);
    return arrived;
}
