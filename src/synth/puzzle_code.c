/*
 * puzzle_code.c: programs written by hand on paper: what they print, and which line of one is wrong.
 *
 * Every program begins with n = NUMBER. A correction is right when the program then prints what it should for other
 * numbers too, however it is written.
 */
#include "synth/check_parts.h"
#include "synth/puzzle.h"
#include "synth/puzzle_run.h"

#include <ctype.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BUGS = 4, MAX_BODY = 7, N_TESTS = 3 };

/* A program's goal, its lines behind the first, and what its lines may wrongly be. */
struct form {
    const char *goal; /* "the sum of the numbers from 1 to n" */
    const char *body[MAX_BODY];
    struct {
        int line; /* of body, from 0 */
        const char *wrong;
    } bugs[MAX_BUGS];
    int low, high; /* of n */
    int level;
};

static const struct form forms[] = {
    {"the sum of the numbers from 1 to n",
     {"total = 0", "for i in range(1, n + 1):", "    total += i", "print(total)"},
     {{0, "total = 1"}, {1, "for i in range(1, n):"}, {2, "    total += 1"}, {3, "print(i)"}},
     4,
     12,
     0},
    {"the product of the numbers from 1 to n",
     {"result = 1", "for i in range(1, n + 1):", "    result *= i", "print(result)"},
     {{0, "result = 0"}, {1, "for i in range(1, n):"}, {2, "    result += i"}, {3, "print(i)"}},
     3,
     6,
     0},
    {"twice the number n, plus three",
     {"a = n * 2", "b = a + 3", "print(b)"},
     {{0, "a = n + 2"}, {1, "b = a - 3"}, {2, "print(a)"}},
     3,
     30,
     0},
    {"the sum of the squares from 1 to n",
     {"total = 0", "for i in range(1, n + 1):", "    total += i * i", "print(total)"},
     {{0, "total = 1"}, {1, "for i in range(1, n):"}, {2, "    total += i + i"}, {3, "print(n)"}},
     3,
     8,
     1},
    {"how many numbers from 1 to n can be divided by 3",
     {"count = 0", "for i in range(1, n + 1):", "    if i % 3 == 0:", "        count += 1", "print(count)"},
     {{0, "count = 1"}, {2, "    if i % 3 == 1:"}, {3, "        count += i"}, {4, "print(i)"}},
     10,
     30,
     1},
    {"the sum of the even numbers from 1 to n",
     {"total = 0", "for i in range(1, n + 1):", "    if i % 2 == 0:", "        total += i", "print(total)"},
     {{0, "total = 2"}, {2, "    if i % 2 == 1:"}, {3, "        total += 1"}, {4, "print(n)"}},
     5,
     15,
     1},
    {"the sum of the digits of n",
     {"s = 0", "while n > 0:", "    s += n % 10", "    n = n // 10", "print(s)"},
     {{0, "s = 1"}, {1, "while n > 9:"}, {2, "    s += n // 10"}, {4, "print(n)"}},
     123,
     989,
     2},
    {"the largest power of 2 that is not above n",
     {"p = 1", "while p * 2 <= n:", "    p = p * 2", "print(p)"},
     {{0, "p = 3"}, {1, "while p <= n:"}, {2, "    p = p + 2"}, {3, "print(n)"}},
     20,
     200,
     2},
    {"the number of divisors of n",
     {"count = 0", "for d in range(1, n + 1):", "    if n % d == 0:", "        count += 1", "print(count)"},
     {{0, "count = 1"}, {1, "for d in range(2, n):"}, {2, "    if n % d != 0:"}, {4, "print(d)"}},
     12,
     48,
     2},
    {"the Fibonacci number with index n (1, 1, 2, 3, 5, ...)",
     {"a = 0", "b = 1", "for i in range(n):", "    c = a + b", "    a = b", "    b = c", "print(a)"},
     {{0, "a = 1"}, {2, "for i in range(n - 1):"}, {3, "    c = a + a"}, {6, "print(c)"}},
     4,
     12,
     3},
    {"how many times n can be halved until it is 1",
     {"steps = 0", "while n > 1:", "    n = n // 2", "    steps += 1", "print(steps)"},
     {{0, "steps = 1"}, {1, "while n > 2:"}, {3, "    steps += 2"}, {4, "print(n)"}},
     20,
     250,
     3},
    {"the sum of the numbers from 1 to n that 4 does not divide",
     {"s = 0", "for k in range(1, n + 1):", "    if k % 4 != 0:", "        s += k", "print(s)"},
     {{0, "s = 4"}, {1, "for k in range(1, n - 1):"}, {2, "    if k % 4 == 0:"}, {3, "        s += 4"}},
     9,
     20,
     3},
};

enum { N_FORMS = sizeof forms / sizeof forms[0] };

static void set_number(struct sl_program *p, int n)
{
    snprintf(p->lines[0], SL_PROGRAM_WIDTH, "n = %d", n);
}

static void write_program(const struct form *f, int n, struct sl_program *p)
{
    memset(p, 0, sizeof *p);
    set_number(p, n);
    p->n = 1;
    for (int i = 0; i < MAX_BODY && f->body[i]; i++) snprintf(p->lines[p->n++], SL_PROGRAM_WIDTH, "%s", f->body[i]);
}

static const struct form *draw_form(const struct sl_synth_request *r)
{
    for (;;) {
        const struct form *f = &forms[sl_synth_int(r, 0, N_FORMS - 1)];
        if (f->level <= r->level && f->level >= r->level - 1) return f;
    }
}

/* --- paper ------------------------------------------------------------------------------------------------------- */

static void paint_paper(const struct sl_puzzle *p, double line, double top)
{
    cairo_t *cr = p->paint.cr;
    cairo_set_source_rgba(cr, p->ink[0], p->ink[1], p->ink[2], 0.15);
    cairo_set_line_width(cr, 1);
    for (double y = top; y < p->paint.height && p->style % 2 == 0; y += line) {
        cairo_move_to(cr, 0, y);
        cairo_line_to(cr, p->paint.width, y);
    }
    cairo_stroke(cr);
}

/* The size in which the longest line fits, at most `size`. */
static double fitting(const struct sl_puzzle *p, const struct sl_program *program, const char *font, double size)
{
    for (int i = 0; i < program->n; i++) {
        int indent = (int)strspn(program->lines[i], " "), width = 0;
        struct sl_paint_text t = {.text = program->lines[i] + indent, .font = font, .size = size, .mono = !font};
        PangoLayout *layout = sl_paint_layout(&p->paint, &t);
        if (!layout) continue;
        pango_layout_get_pixel_size(layout, &width, NULL);
        g_object_unref(layout);
        double needed = width + size * (2 + 0.45 * indent), has = p->paint.width - p->board[0];
        if (needed > has) size *= 0.98 * has / needed;
    }
    return size;
}

/* Writes the numbered lines; each line goes up or down a little, as by hand. */
static sl_status paint_program(struct sl_puzzle *p, const struct sl_program *program)
{
    const char *font = sl_paint_font(p->r, SL_SCRIPT_LATIN, true);
    sl_status status = sl_puzzle_open(p, 1, 1);
    if (status) return status;
    double line = p->board[3] / (program->n + 1), size = fmin(line * 0.6, p->paint.width / 14.0);
    size = fitting(p, program, font, size);
    cairo_t *cr = p->paint.cr;
    paint_paper(p, line, p->board[1] + line * 0.85);
    sl_puzzle_ink(p);
    for (int i = 0; i < program->n; i++) {
        char number[16];
        int indent = (int)strspn(program->lines[i], " ");
        double y = p->board[1] + line * (i + 0.4);
        snprintf(number, sizeof number, "%d", i + 1);
        struct sl_paint_text label = {.text = number, .font = font, .size = size * 0.8, .mono = !font};
        struct sl_paint_text code = {.text = program->lines[i] + indent, .font = font, .size = size, .mono = !font};
        cairo_save(cr);
        sl_paint_show(&p->paint, &label, p->board[0], y + size * 0.15, NULL);
        cairo_translate(cr, p->board[0] + size * (1.6 + 0.45 * indent), y);
        cairo_rotate(cr, sl_synth_real(p->r, -0.012, 0.012));
        sl_paint_show(&p->paint, &code, 0, sl_synth_real(p->r, -1, 1), NULL);
        cairo_restore(cr);
    }
    return sl_puzzle_show(p);
}

static json_t *program_json(const struct sl_program *program)
{
    json_t *lines = json_array();
    for (int i = 0; i < program->n; i++) json_array_append_new(lines, json_string(program->lines[i]));
    return lines;
}

/* --- what is asked -------------------------------------------------------------------------------------------------
 */

sl_status sl_puzzle_program(struct sl_puzzle *p)
{
    static const char *const asks[] = {
        "What does this program print?", "Which number is printed by this handwritten program?",
        "Read the program and give its output.", "Run the program in your head: what does it print?", NULL};
    struct sl_program program;
    const struct form *f;
    int n;
    long printed;
    do {
        f = draw_form(p->r);
        n = sl_synth_int(p->r, f->low, f->high);
        write_program(f, n, &program);
    } while (!sl_program_run(&program, &printed));
    sl_status status = paint_program(p, &program);
    if (status) return status;
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, asks));
    sl_synth_think(p->out, "The program prints %s, and n is %d. That is %ld.", f->goal, n, printed);
    sl_synth_answer(p->out, "%ld", printed);
    sl_synth_truth(p->out, "checker", json_string("count"));
    sl_synth_truth(p->out, "answer", json_integer(printed));
    sl_synth_truth(p->out, "chance", json_real(0.1));
    sl_synth_truth(p->out, "program", program_json(&program));
    return SL_OK;
}

/* Draws a bug that makes a difference: the lines of a form are equally likely to be wrong. */
static void plant(const struct sl_synth_request *r, const struct form *f, int n, struct sl_program *program, int *line)
{
    long right, wrong;
    write_program(f, n, program);
    struct sl_program whole = *program;
    for (;;) {
        int b = sl_synth_int(r, 0, MAX_BUGS - 1);
        if (!f->bugs[b].wrong) continue;
        *program = whole;
        *line = f->bugs[b].line + 1;
        snprintf(program->lines[*line], SL_PROGRAM_WIDTH, "%s", f->bugs[b].wrong);
        sl_program_run(&whole, &right);
        if (!sl_program_run(program, &wrong) || wrong != right) return;
    }
}

static const char *without_indent(const char *line)
{
    return line + strspn(line, " ");
}

sl_status sl_puzzle_bug(struct sl_puzzle *p)
{
    const struct form *f = draw_form(p->r);
    struct sl_program program, whole;
    int n = sl_synth_int(p->r, f->low, f->high), line;
    long right = 0, wrong = 0;
    plant(p->r, f, n, &program, &line);
    write_program(f, n, &whole);
    sl_program_run(&whole, &right);
    bool runs = sl_program_run(&program, &wrong);
    sl_status status = paint_program(p, &program);
    if (status) return status;
    switch (sl_synth_choose(p->r, 4)) {
    case 0:
        sl_synth_user(
            p->out,
            "This program should print %s. Which line is wrong, and how should it read? Answer like: Line 2: x = 5",
            f->goal);
        break;
    case 1:
        sl_synth_user(p->out,
                      "Find the mistake. The program is meant to print %s. Give the line's number and the right line, "
                      "as in: Line 2: x = 5",
                      f->goal);
        break;
    case 2:
        sl_synth_user(p->out,
                      "One line of this program keeps it from printing %s. Correct it: write \"Line NUMBER: CODE\".",
                      f->goal);
        break;
    default:
        sl_synth_user(
            p->out,
            "Somebody wanted to print %s and made an error in one line. Which one? Format: Line NUMBER: CORRECTED CODE",
            f->goal);
        break;
    }
    if (runs)
        sl_synth_think(p->out, "With n = %d it should print %ld, but prints %ld. ", n, right, wrong);
    else
        sl_synth_think(p->out, "With n = %d it should print %ld, but fails. ", n, right);
    sl_synth_think(p->out, "Line %d says %s; it has to be %s.", line + 1, without_indent(program.lines[line]),
                   without_indent(whole.lines[line]));
    sl_synth_answer(p->out, "Line %d: %s", line + 1, without_indent(whole.lines[line]));
    json_t *tests = json_array();
    for (int i = 0; i < N_TESTS; i++) {
        int k = i ? sl_synth_int(p->r, f->low, f->high) : n;
        set_number(&whole, k);
        if (sl_program_run(&whole, &right)) json_array_append_new(tests, json_pack("[i,I]", k, (json_int_t)right));
    }
    sl_synth_truth(p->out, "checker", json_string("bug"));
    sl_synth_truth(p->out, "answer", json_integer(line + 1));
    sl_synth_truth(p->out, "program", program_json(&program));
    sl_synth_truth(p->out, "tests", tests);
    return SL_OK;
}

/* --- the rule --------------------------------------------------------------------------------------------------------
 */

static bool read_program(const json_t *truth, struct sl_program *p)
{
    const json_t *lines = json_object_get(truth, "program");
    memset(p, 0, sizeof *p);
    p->n = (int)json_array_size(lines);
    if (p->n < 2 || p->n > SL_PROGRAM_LINES) return false;
    for (int i = 0; i < p->n; i++) {
        const char *line = json_string_value(json_array_get(lines, (size_t)i));
        if (!line || strlen(line) >= SL_PROGRAM_WIDTH) return false;
        memcpy(p->lines[i], line, strlen(line));
    }
    return true;
}

/* Puts said, without quotes and spaces around it, in place of line k, indented as that was. */
static bool replace_line(struct sl_program *p, int k, const char *said)
{
    int indent = (int)strspn(p->lines[k], " ");
    while (*said && strchr(" `\"", *said)) said++;
    int n = (int)strlen(said);
    while (n && strchr(" `\".", said[n - 1])) n--;
    if (!n || n + indent >= SL_PROGRAM_WIDTH || memchr(said, '\n', (size_t)n)) return false;
    memcpy(p->lines[k] + indent, said, (size_t)n);
    p->lines[k][indent + n] = 0;
    return true;
}

static bool passes(struct sl_program *p, const json_t *tests)
{
    bool right = json_array_size(tests) > 0;
    for (size_t i = 0; right && i < json_array_size(tests); i++) {
        const json_t *t = json_array_get(tests, i);
        double n = sl_check_at(t, 0);
        long printed = 0;
        if (!(n >= -1e6 && n <= 1e6)) return false;
        set_number(p, (int)n);
        right = sl_program_run(p, &printed) && sl_check_at(t, 1) == (double)printed;
    }
    return right;
}

/* Half for the line, all when the correction makes the program right. */
double sl_puzzle_check_bug(const json_t *truth, const struct sl_answer *a)
{
    struct sl_program p;
    char *said = read_program(truth, &p) ? sl_puzzle_said(a) : NULL;
    const char *t = said;
    while (t && *t && !isdigit((unsigned char)*t)) t++;
    char *end = NULL;
    long line = t && *t ? strtol(t, &end, 10) : 0;
    double score = 0;
    if (end && (double)line == sl_check_real(truth, "answer", -1) && line > 1 && line <= p.n) {
        score = 0.5;
        while (*end == ':' || *end == ' ') end++;
        if (replace_line(&p, (int)line - 1, end) && passes(&p, json_object_get(truth, "tests"))) score = 1;
    }
    free(said);
    return score;
}
