/*
 * stem.c: the family "stem": figures with one number as the answer, drawn again until their labels fit; and arithmetic
 * in pictures.
 */
#include "synth/stem.h"

#include "synth/families.h"
#include "synth/say.h"

#include <math.h>
#include <stdio.h>

enum { ATTEMPTS = 200 };

static const char *const tasks[SL_N_STEM_TASKS] = {"function", "geometry", "circuit", "forces", "arithmetic"};

void sl_stem_give(struct sl_stem_problem *p, const char *key, double value)
{
    json_object_set_new(p->given, key, json_real(value));
}

void sl_stem_label(struct sl_board *b, const struct sl_stem_pen *pen, double x, double y, const char *fmt, ...)
{
    char text[96];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct sl_board_text t = {.text = text, .size = pen->size, .x = x, .y = y, .ax = 0.5, .ay = 0.5};
    sl_board_colour(b, pen->ink);
    sl_board_show(b, &t, NULL);
}

/* --- arithmetic --------------------------------------------------------------------------------------------------- */

static const char *const compute[] = {"What is the result?",
                                      "Compute the value of the expression in the picture.",
                                      "Work out what is written.",
                                      "Evaluate the expression shown.",
                                      "Solve the calculation in the image.",
                                      NULL};
static const char *const solve[] = {"Solve the equation in the picture for x.", "What is x?",
                                    "Which value of x satisfies the equation shown?", "Find x.", NULL};

/* Two numbers and an operation; the answer of a subtraction is not negative. */
static void simple_sum(const struct sl_synth_request *r, struct sl_stem_problem *p, struct sl_buf *text)
{
    int top = r->level == 0 ? 99 : 999, a = sl_synth_int(r, 2, top), c = sl_synth_int(r, 2, top),
        op = sl_synth_int(r, 0, 2);
    if (op == 2) a = sl_synth_int(r, 2, 12 + 20 * r->level), c = sl_synth_int(r, 2, 12);
    if (op == 1 && a < c) {
        int t = a;
        a = c;
        c = t;
    }
    static const char *const signs[] = {"+", "−", "×"};
    p->answer = op == 0 ? a + c : op == 1 ? a - c : a * c;
    p->kind = "sum";
    sl_stem_give(p, "a", a);
    sl_stem_give(p, "b", c);
    sl_stem_give(p, "operation", op);
    sl_buf_addf(text, "%d %s %d", a, signs[op], c);
    sl_buf_addf(&p->solution, "%d %s %d = %g.", a, signs[op], c, p->answer);
}

static void three_numbers(const struct sl_synth_request *r, struct sl_stem_problem *p, struct sl_buf *text)
{
    int a = sl_synth_int(r, 2, 20), b = sl_synth_int(r, 2, 20), c = sl_synth_int(r, 2, 12),
        inner = sl_synth_chance(r, 0.5);
    p->kind = "three";
    p->answer = inner ? (a + b) * c : a + b * c;
    sl_stem_give(p, "a", a);
    sl_stem_give(p, "b", b);
    sl_stem_give(p, "c", c);
    sl_stem_give(p, "brackets", inner);
    sl_buf_addf(text, inner ? "(%d + %d) × %d" : "%d + %d × %d", a, b, c);
    if (inner)
        sl_buf_addf(&p->solution, "The brackets first: %d + %d = %d. Then %d × %d = %g.", a, b, a + b, a + b, c,
                    p->answer);
    else
        sl_buf_addf(&p->solution, "The product first: %d × %d = %d. Then %d + %d = %g.", b, c, b * c, a, b * c,
                    p->answer);
}

static void equation(const struct sl_synth_request *r, struct sl_stem_problem *p, struct sl_buf *text)
{
    int a = sl_synth_int(r, 2, 9), x = sl_synth_int(r, -9, 12), b = sl_synth_int(r, 1, 30);
    bool minus = sl_synth_chance(r, 0.5);
    int c = a * x + (minus ? -b : b);
    p->kind = "equation";
    p->phrases = solve;
    p->answer = x;
    sl_stem_give(p, "a", a);
    sl_stem_give(p, "b", minus ? -b : b);
    sl_stem_give(p, "c", c);
    sl_buf_addf(text, "%dx %s %d = %d", a, minus ? "−" : "+", b, c);
    sl_buf_addf(&p->solution, "%dx = %d %s %d = %d, so x = %d / %d = %d.", a, c, minus ? "+" : "−", b, a * x, a * x, a,
                x);
}

/* Numbers below one another with a rule, right-aligned. */
static void draw_column(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                        struct sl_stem_problem *p)
{
    int n = sl_synth_int(r, 2, 2 + r->level), sum = 0;
    double size = pen->size * 1.8, x = b->paint.width * 0.62, y = b->paint.height / 2.0 - n * size * 0.7;
    p->kind = "column";
    for (int i = 0; i < n; i++) {
        char text[16], key[16];
        int v = sl_synth_int(r, 11, r->level == 0 ? 99 : 9999);
        snprintf(text, sizeof text, "%d", v);
        snprintf(key, sizeof key, "n%d", i);
        sl_stem_give(p, key, v);
        sl_board_colour(b, pen->ink);
        sl_board_show(b, &(struct sl_board_text){.text = text, .size = size, .x = x, .y = y, .ax = 1}, NULL);
        sl_buf_addf(&p->solution, i ? " + %d" : "%d", v);
        sum += v;
        y += size * 1.35;
    }
    sl_board_show(b, &(struct sl_board_text){.text = "+", .size = size, .x = x - size * 3.6, .y = y - size * 1.35},
                  NULL);
    sl_board_line(b, x - size * 3.8, y + 2, x + size * 0.2, y + 2, pen->line, 0);
    p->answer = sum;
    sl_buf_addf(&p->solution, " = %d.", sum);
}

static void arithmetic(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                       struct sl_stem_problem *p)
{
    struct sl_buf text = SL_BUF_INIT(256);
    int kind = sl_synth_int(r, 0, r->level == 0 ? 1 : 3);
    p->phrases = compute;
    if (kind == 1) {
        draw_column(r, b, pen, p);
        return;
    }
    if (kind == 0)
        simple_sum(r, p, &text);
    else if (kind == 2)
        three_numbers(r, p, &text);
    else
        equation(r, p, &text);
    struct sl_board_text t = {.text = sl_buf_str(&text), .size = pen->size * 1.8, .x = b->paint.width / 2.0};
    t.y = b->paint.height / 2.0;
    t.ax = t.ay = 0.5;
    sl_board_colour(b, pen->ink);
    sl_board_show(b, &t, NULL);
    sl_buf_release(&text);
}

/* --- the family -----------------------------------------------------------------------------------------------------
 */

/* Paper and ink: printed, chalk on a board, pencil, blueprint, ... */
static const double looks[8][12] = {
    {1, 1, 1, 0, 0, 0, 0.1, 0.3, 0.8, 0.85, 0.9, 1},
    {0.13, 0.25, 0.2, 0.95, 0.97, 0.95, 1, 0.9, 0.5, 0.2, 0.35, 0.3},
    {0.99, 0.98, 0.94, 0.25, 0.2, 0.2, 0.75, 0.2, 0.15, 0.95, 0.9, 0.8},
    {0.1, 0.22, 0.45, 0.92, 0.95, 1, 1, 0.8, 0.4, 0.18, 0.32, 0.58},
    {1, 1, 1, 0.2, 0.2, 0.25, 0.8, 0.1, 0.3, 0.95, 0.95, 0.95},
    {0.96, 0.97, 1, 0.1, 0.1, 0.4, 0.1, 0.5, 0.3, 0.85, 0.9, 0.85},
    {0.15, 0.15, 0.17, 0.95, 0.95, 0.95, 0.4, 0.8, 1, 0.25, 0.27, 0.3},
    {1, 0.99, 0.9, 0.05, 0.05, 0.3, 0.8, 0.35, 0, 1, 0.95, 0.75},
};

static void look(const struct sl_synth_request *r, double paper[3], struct sl_stem_pen *pen)
{
    const double *v = looks[sl_synth_choose(r, 8)];
    for (int k = 0; k < 3; k++) {
        paper[k] = v[k];
        pen->ink[k] = v[3 + k];
        pen->accent[k] = v[6 + k];
        pen->fill[k] = v[9 + k];
    }
    pen->line = sl_synth_real(r, 1.4, 2.6);
}

static void ask(const struct sl_synth_request *r, struct sl_stem_problem *p, struct sl_synth_sample *s)
{
    bool boxed = sl_synth_chance(r, 0.5);
    struct sl_buf text = SL_BUF_INIT(64);
    sl_say_question(r, s, p->phrases, NULL);
    if (boxed)
        sl_synth_user(s, " Put the final answer in \\boxed{}.");
    else if (p->decimals)
        sl_synth_user(s, " Round to %d decimals at most.", p->decimals);
    sl_synth_think(s, "%s", sl_buf_str(&p->solution));
    sl_vocab_number(p->answer, p->decimals, &text);
    sl_synth_answer(s, boxed ? "\\boxed{%s}" : "%s", sl_buf_str(&text));
    sl_buf_release(&text);
    sl_synth_truth(s, "checker", json_string("number"));
    sl_synth_truth(s, "answer", json_real(p->answer));
    sl_synth_truth(s, "tolerance", json_real(p->tolerance));
    sl_synth_truth(s, "absolute", json_real(p->decimals ? 0.51 * pow(10, -p->decimals) : 1e-6));
    sl_synth_truth(s, "kind", json_string(p->kind));
    sl_synth_truth(s, "given", json_incref(p->given));
}

/* One attempt; *done is false when the labels did not fit. */
static sl_status try_problem(const struct sl_synth_request *r, struct sl_synth_sample *out, bool *done, sl_error *err)
{
    static void (*const makers[])(const struct sl_synth_request *, struct sl_board *, const struct sl_stem_pen *,
                                  struct sl_stem_problem *) = {sl_stem_function, sl_stem_geometry, sl_stem_circuit,
                                                               sl_stem_forces, arithmetic};
    struct sl_stem_pen pen;
    struct sl_board b;
    struct sl_picture picture = {0};
    struct sl_stem_problem p = {.solution = SL_BUF_INIT(8192), .given = json_object()};
    double paper[3];
    int w = r->width ? r->width : sl_synth_int(r, 340, 480), h = r->height ? r->height : sl_synth_int(r, 280, 400);
    look(r, paper, &pen);
    bool by_hand = r->task != SL_STEM_FUNCTION && sl_synth_chance(r, 0.25);
    const char *font = sl_paint_font(r, SL_SCRIPT_LATIN, by_hand);
    if (!font) font = sl_paint_font(r, SL_SCRIPT_LATIN, false);
    pen.size = sl_synth_real(r, 14, 18) * (by_hand ? 1.25 : 1) * fmin(1, fmin(w, h) / 280.0);
    sl_status status = sl_board_open(&b, w, h, paper, font, err);
    if (status) goto out;
    makers[r->task](r, &b, &pen, &p);
    *done = !b.crowded;
    if (!*done) {
        sl_board_abandon(&b);
        goto out;
    }
    status = sl_board_finish(&b, &picture, err);
    if (status) goto out;
    bool png = sl_synth_chance(r, 0.3);
    sl_synth_picture(out, &picture, png ? SL_SYNTH_PNG : SL_SYNTH_JPEG, sl_synth_int(r, 82, 96));
    ask(r, &p, out);
out:
    sl_picture_free(&picture);
    sl_buf_release(&p.solution);
    json_decref(p.given);
    return status;
}

static sl_status make_stem(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    (void)state;
    bool done = false;
    sl_status status = SL_OK;
    for (int i = 0; i < ATTEMPTS && !done && !status; i++) status = try_problem(r, out, &done, err);
    if (status || done) return status;
    return sl_fail(err, SL_ERR_ARGUMENT, "no figure fits into %dx%d pixels", r->width, r->height);
}

const struct sl_synth_family sl_family_stem = {.name = "stem",
                                               .title = "function plots, geometry, circuits, forces, arithmetic",
                                               .tasks = tasks,
                                               .n_tasks = SL_N_STEM_TASKS,
                                               .n_levels = 3,
                                               .make = make_stem};
