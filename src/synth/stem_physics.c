/*
 * stem_physics.c: circuits of a battery and resistors, and bodies with forces.
 */
#include "synth/stem.h"

#include <math.h>

/* --- circuits ----------------------------------------------------------------------------------------------------- */

/* A resistor between two points of a horizontal or upright wire, with its label beside it. */
static void draw_resistor(struct sl_board *b, const struct sl_stem_pen *pen, const double a[2], const double z[2],
                          int ohm)
{
    double mx = (a[0] + z[0]) / 2, my = (a[1] + z[1]) / 2, l = pen->size * 1.4, t = pen->size * 0.5;
    bool lying = fabs(z[0] - a[0]) > fabs(z[1] - a[1]);
    double w = lying ? l : t, h = lying ? t : l;
    sl_board_colour(b, pen->ink);
    if (lying) {
        sl_board_line(b, a[0], a[1], mx - w, my, pen->line, 0);
        sl_board_line(b, mx + w, my, z[0], z[1], pen->line, 0);
    } else {
        sl_board_line(b, a[0], a[1], mx, my - h, pen->line, 0);
        sl_board_line(b, mx, my + h, z[0], z[1], pen->line, 0);
    }
    cairo_rectangle(b->paint.cr, mx - w, my - h, 2 * w, 2 * h);
    cairo_set_line_width(b->paint.cr, pen->line);
    cairo_stroke(b->paint.cr);
    sl_stem_label(b, pen, lying ? mx : mx + t + pen->size * 1.6, lying ? my - t - pen->size * 0.8 : my, "%d Ω", ohm);
}

/* A battery in the left wire, upright. */
static void draw_battery(struct sl_board *b, const struct sl_stem_pen *pen, double x, double y1, double y2, int volt)
{
    double m = (y1 + y2) / 2, s = pen->size;
    sl_board_colour(b, pen->ink);
    sl_board_line(b, x, y1, x, m - s * 0.3, pen->line, 0);
    sl_board_line(b, x, m + s * 0.3, x, y2, pen->line, 0);
    sl_board_line(b, x - s, m - s * 0.3, x + s, m - s * 0.3, pen->line, 0);
    sl_board_line(b, x - s * 0.5, m + s * 0.3, x + s * 0.5, m + s * 0.3, pen->line * 2, 0);
    sl_stem_label(b, pen, x - s * 2.1, m, "%d V", volt);
}

/* Draws the loop: resistor 0 in the upper wire when `series`, the others as upright branches at the right. */
static void draw_circuit(struct sl_board *b, const struct sl_stem_pen *pen, const int *ohm, int n, bool first_in_line,
                         bool all_in_line, int volt)
{
    double left = pen->size * 4.2, right = b->paint.width - pen->size * 4.2, top = pen->size * 3,
           low = b->paint.height - pen->size * 2;
    double branch = first_in_line && !all_in_line ? (left + right) / 2 : left + (right - left) / fmax(1, n);
    int uprights = all_in_line ? 1 : n - first_in_line;
    draw_battery(b, pen, left, top, low, volt);
    if (all_in_line) {
        double step = (right - left) / fmax(1, n - 1);
        for (int i = 0; i < n - 1; i++)
            draw_resistor(b, pen, (double[]){left + i * step, top}, (double[]){left + (i + 1) * step, top}, ohm[i]);
    } else if (first_in_line) {
        draw_resistor(b, pen, (double[]){left, top}, (double[]){branch, top}, ohm[0]);
    }
    for (int i = 0; i < uprights; i++) {
        double x = uprights == 1 ? right : branch + i * (right - branch) / (uprights - 1);
        draw_resistor(b, pen, (double[]){x, top}, (double[]){x, low}, ohm[n - uprights + i]);
    }
    sl_board_colour(b, pen->ink);
    sl_board_line(b, left, low, right, low, pen->line, 0);
    if (!all_in_line) sl_board_line(b, first_in_line ? branch : left, top, right, top, pen->line, 0);
}

/* What two or three resistors are together; adds how to the solution. */
static double total_of(const int *ohm, int n, bool first_in_line, bool all_in_line, struct sl_buf *out)
{
    double sum = 0, inverse = 0;
    if (all_in_line) {
        for (int i = 0; i < n; i++)
            sl_buf_addf(out, i ? " + %d" : "The resistors are in series: %d", ohm[i]), sum += ohm[i];
        sl_buf_addf(out, " = %g Ω.", sum);
        return sum;
    }
    for (int i = first_in_line; i < n; i++) {
        sl_buf_addf(out, i > first_in_line ? " + 1/%d" : "In parallel: 1 / (1/%d", ohm[i]);
        inverse += 1.0 / ohm[i];
    }
    sl_buf_addf(out, ") = %.2f Ω.", 1 / inverse);
    if (first_in_line) sl_buf_addf(out, " In series with %d Ω: %.2f Ω.", ohm[0], ohm[0] + 1 / inverse);
    return (first_in_line ? ohm[0] : 0) + 1 / inverse;
}

void sl_stem_circuit(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                     struct sl_stem_problem *p)
{
    static const char *const resistance[] = {"What is the total resistance in ohms?",
                                             "Find the equivalent resistance of the circuit in Ω.",
                                             "How large is the resistance that the battery sees, in ohms?",
                                             "Combine the resistors: how many ohms in all?", NULL};
    static const char *const current[] = {"What current does the battery deliver, in amperes?",
                                          "Find the total current in A.", "How many amperes flow through the battery?",
                                          "Compute the current out of the battery in amperes.", NULL};
    int n = r->level == 0 ? 2 : sl_synth_int(r, 2, 3), ohm[3] = {0}, volt = sl_synth_int(r, 3, 48);
    bool all = sl_synth_chance(r, 0.5), first = !all && n == 3 && r->level > 1 && sl_synth_chance(r, 0.6);
    bool ask_current = r->level > 0 && sl_synth_chance(r, 0.5);
    for (int i = 0; i < n; i++) ohm[i] = sl_synth_int(r, 1, 30) * (sl_synth_chance(r, 0.5) ? 2 : 5);
    draw_circuit(b, pen, ohm, n, first, all, volt);
    double total = total_of(ohm, n, first, all, &p->solution);
    p->kind = ask_current ? "current" : "resistance";
    p->phrases = ask_current ? current : resistance;
    p->answer = ask_current ? volt / total : total;
    p->decimals = 2;
    p->tolerance = 0.01;
    if (ask_current) sl_buf_addf(&p->solution, " %d V / %.2f Ω = %.2f A.", volt, total, p->answer);
    sl_stem_give(p, "volt", volt);
    sl_stem_give(p, "n", n);
    sl_stem_give(p, "series", all);
    sl_stem_give(p, "first", first);
    for (int i = 0; i < n; i++) sl_stem_give(p, (const char *const[]){"r0", "r1", "r2"}[i], ohm[i]);
}

/* --- forces ---------------------------------------------------------------------------------------------------------
 */

static void draw_block(struct sl_board *b, const struct sl_stem_pen *pen, double x, double y, double size)
{
    sl_board_colour(b, pen->fill);
    cairo_rectangle(b->paint.cr, x - size / 2, y - size / 2, size, size);
    cairo_fill_preserve(b->paint.cr);
    sl_board_colour(b, pen->ink);
    cairo_set_line_width(b->paint.cr, pen->line);
    cairo_stroke(b->paint.cr);
}

/* A force on the block in direction (dx, dy), its length by its strength, labelled beyond its head. */
static void draw_force(struct sl_board *b, const struct sl_stem_pen *pen, const double at[2], double dx, double dy,
                       int newton, int largest, double block)
{
    double reach = (dx != 0 ? b->paint.width : b->paint.height) / 2.0 - block / 2 - pen->size * (dx != 0 ? 3.6 : 2.2);
    double length = fmax(pen->size * 1.6, reach * newton / largest);
    double from[2] = {at[0] + dx * block / 2, at[1] + dy * block / 2};
    double to[2] = {from[0] + dx * length, from[1] + dy * length};
    if (reach < pen->size) b->crowded = true;
    sl_board_colour(b, pen->accent);
    sl_board_arrow(b, from[0], from[1], to[0], to[1], pen->line * 1.5, pen->size * 0.9);
    sl_stem_label(b, pen, to[0] + dx * pen->size * 1.8, to[1] + dy * pen->size * 0.9, "%d N", newton);
}

static void line_forces(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                        struct sl_stem_problem *p)
{
    static const char *const net[] = {
        "How large is the net force in newtons?", "Find the magnitude of the resultant force in N.",
        "What force remains when both are combined, in newtons?", "Add the forces: how many newtons remain?", NULL};
    static const char *const speedup[] = {
        "What is the magnitude of the block's acceleration in m/s²? There is no friction.",
        "Without friction, how fast does the block accelerate, in m/s²?",
        "Find the acceleration of the block in m/s², friction aside.",
        "How large is the acceleration in m/s² if nothing rubs?", NULL};
    int one = sl_synth_int(r, 4, 90), two = sl_synth_int(r, 4, 90), kg = sl_synth_int(r, 2, 20),
        same = sl_synth_chance(r, 0.3);
    bool accelerate = r->level > 0 && sl_synth_chance(r, 0.6);
    const double at[2] = {b->paint.width / 2.0, b->paint.height / 2.0};
    double block = pen->size * 4;
    if (same) { /* one behind the other would hide: they pull at different heights */
        const double high[2] = {at[0], at[1] - block * 0.3}, low[2] = {at[0], at[1] + block * 0.3};
        draw_force(b, pen, high, 1, 0, one, one > two ? one : two, block);
        draw_force(b, pen, low, 1, 0, two, one > two ? one : two, block);
    } else {
        draw_force(b, pen, at, 1, 0, one, one > two ? one : two, block);
        draw_force(b, pen, at, -1, 0, two, one > two ? one : two, block);
    }
    draw_block(b, pen, at[0], at[1], block);
    if (accelerate) sl_stem_label(b, pen, at[0], at[1], "%d kg", kg);
    sl_board_line(b, pen->size, at[1] + block / 2 + pen->line, b->paint.width - pen->size,
                  at[1] + block / 2 + pen->line, pen->line, 0);
    int force = same ? one + two : one > two ? one - two : two - one;
    sl_buf_addf(&p->solution,
                same ? "Both forces point the same way: %d + %d = %d N."
                     : "The forces oppose each other: |%d − %d| = %d N.",
                one, two, force);
    if (accelerate) sl_buf_addf(&p->solution, " a = F / m = %d / %d = %.2f m/s².", force, kg, (double)force / kg);
    p->kind = accelerate ? "acceleration" : "net-force";
    p->phrases = accelerate ? speedup : net;
    p->answer = accelerate ? (double)force / kg : force;
    p->decimals = accelerate ? 2 : 0;
    p->tolerance = accelerate ? 0.01 : 0;
    sl_stem_give(p, "one", one);
    sl_stem_give(p, "two", two);
    sl_stem_give(p, "same", same);
    sl_stem_give(p, "kg", kg);
}

static void crossed_forces(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                           struct sl_stem_problem *p)
{
    static const char *const phrases[] = {"The forces are at right angles. How large is their resultant in newtons?",
                                          "Find the magnitude of the resultant of the two perpendicular forces in N.",
                                          "Combine the perpendicular forces: how many newtons?",
                                          "How strong is the sum of both forces, in newtons?", NULL};
    static const int triples[][3] = {{3, 4, 5}, {5, 12, 13}, {8, 15, 17}, {20, 21, 29}};
    const int *t = triples[sl_synth_int(r, 0, 3)];
    int scale = sl_synth_int(r, 1, 4), flip = sl_synth_chance(r, 0.5), x = t[flip] * scale, y = t[!flip] * scale;
    const double at[2] = {b->paint.width / 2.0, b->paint.height / 2.0};
    double block = pen->size * 2.4;
    draw_force(b, pen, at, sl_synth_chance(r, 0.5) ? 1 : -1, 0, x, x > y ? x : y, block);
    draw_force(b, pen, at, 0, sl_synth_chance(r, 0.5) ? 1 : -1, y, x > y ? x : y, block);
    draw_block(b, pen, at[0], at[1], block);
    p->kind = "resultant";
    p->phrases = phrases;
    p->answer = t[2] * scale;
    sl_stem_give(p, "x", x);
    sl_stem_give(p, "y", y);
    sl_buf_addf(&p->solution, "√(%d² + %d²) = √%d = %d N.", x, y, x * x + y * y, t[2] * scale);
}

static void lever(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                  struct sl_stem_problem *p)
{
    static const char *const phrases[] = {
        "The beam is balanced. How large is the force marked with a question mark, in newtons?",
        "Which force at ? keeps the lever in balance, in N?",
        "The lever does not turn. Find the missing force in newtons.",
        "Work out the unknown force of the balanced beam in newtons.", NULL};
    int left = sl_synth_int(r, 1, 6), right = sl_synth_int(r, 1, 6), unit = sl_synth_int(r, 2, 12),
        known = unit * right;
    double half = b->paint.width / 2.0 - pen->size * 3, y = b->paint.height * 0.55, x = b->paint.width / 2.0,
           s = pen->size;
    int longest = left > right ? left : right;
    double xl = x - half * left / longest, xr = x + half * right / longest;
    if (left == right) b->crowded = true;
    sl_board_reserve(b, (double[]){x - s, y, x + s, y + s * 1.8}); /* the wedge */
    sl_board_colour(b, pen->ink);
    sl_board_line(b, xl, y, xr, y, pen->line * 2.5, 0);
    cairo_move_to(b->paint.cr, x, y + 2);
    cairo_line_to(b->paint.cr, x - s, y + s * 1.8);
    cairo_line_to(b->paint.cr, x + s, y + s * 1.8);
    cairo_close_path(b->paint.cr);
    cairo_fill(b->paint.cr);
    sl_stem_label(b, pen, (xl + x) / 2 - s * 0.4, y + s * 1.1, "%d m", left);
    sl_stem_label(b, pen, (xr + x) / 2 + s * 0.4, y + s * 1.1, "%d m", right);
    sl_board_colour(b, pen->accent);
    sl_board_arrow(b, xl, y - s * 4, xl, y - s * 0.4, pen->line * 1.5, s * 0.9);
    sl_board_arrow(b, xr, y - s * 4, xr, y - s * 0.4, pen->line * 1.5, s * 0.9);
    sl_stem_label(b, pen, xl, y - s * 4.9, "%d N", known);
    sl_stem_label(b, pen, xr, y - s * 4.9, "?");
    p->kind = "lever";
    p->phrases = phrases;
    p->answer = unit * left;
    sl_stem_give(p, "left", left);
    sl_stem_give(p, "right", right);
    sl_stem_give(p, "known", known);
    sl_buf_addf(&p->solution, "Torques are equal: %d N × %d m = F × %d m, so F = %d / %d = %d N.", known, left, right,
                known * left, right, unit * left);
}

void sl_stem_forces(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                    struct sl_stem_problem *p)
{
    int kind = sl_synth_int(r, 0, r->level);
    if (kind == 0)
        line_forces(r, b, pen, p);
    else if (kind == 1)
        crossed_forces(r, b, pen, p);
    else
        lever(r, b, pen, p);
}
