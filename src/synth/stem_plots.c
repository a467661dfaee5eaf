/*
 * stem_plots.c: plots of functions on a grid, from which slopes, zeros, vertices and values can be read exactly; and
 * figures of geometry drawn to scale.
 */
#include "synth/plot.h"
#include "synth/stem.h"

#include <math.h>

/* --- functions ---------------------------------------------------------------------------------------------------- */

/* a x^2 + b x + c, or amplitude a, period b and middle c of a sine. */
struct curve {
    bool sine;
    double a, b, c;
};

static double at(const struct curve *f, double x)
{
    return f->sine ? f->a * sin(2 * M_PI * x / f->b) + f->c : (f->a * x + f->b) * x + f->c;
}

static void draw_curve(struct sl_board *b, const struct sl_plot *p, const struct curve *f,
                       const struct sl_stem_pen *pen)
{
    cairo_t *cr = b->paint.cr;
    cairo_save(cr);
    cairo_rectangle(cr, p->left, p->top, p->right - p->left, p->bottom - p->top);
    cairo_clip(cr);
    sl_board_colour(b, pen->accent);
    cairo_set_line_width(cr, pen->line * 1.2);
    cairo_new_path(cr);
    for (int i = 0; i <= 240; i++) {
        double x = p->x.low + i * (p->x.high - p->x.low) / 240;
        cairo_line_to(cr, sl_plot_x(p, x), fmin(fmax(sl_plot_y(p, at(f, x)), -2e3), 4e3));
    }
    cairo_stroke(cr);
    cairo_restore(cr);
}

/* A square grid of whole numbers with thick axes through zero. */
static struct sl_plot draw_grid(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                                int reach)
{
    struct sl_plot_style st = {.grid_x = true, .grid_y = true, .ticks = true, .size = pen->size * 0.72};
    double side = fmin(b->paint.width, b->paint.height) - pen->size * 3.2;
    struct sl_plot p = {.left = (b->paint.width - side) / 2 + pen->size * 0.6, .top = pen->size * 0.8};
    p.right = p.left + side;
    p.bottom = p.top + side;
    p.x = p.y = (struct sl_plot_axis){.low = -reach, .high = reach, .step = reach > 6 ? 2 : 1};
    for (int k = 0; k < 3; k++) {
        st.ink[k] = pen->ink[k];
        st.ground[k] = pen->fill[k] * 0.3 + (pen->ink[0] < 0.5 ? 0.7 : 0.05);
        st.grid[k] = pen->ink[k] * 0.25 + st.ground[k] * 0.75;
    }
    st.frame = sl_synth_chance(r, 0.5) ? SL_PLOT_ALL_SIDES : SL_PLOT_LEFT_BOTTOM;
    sl_plot_draw_ground(b, &p, &st, true, true);
    sl_plot_draw_axes(b, &p, &st, true, true);
    sl_board_line(b, sl_plot_x(&p, 0), p.top, sl_plot_x(&p, 0), p.bottom, 1.6, 0);
    sl_board_line(b, p.left, sl_plot_y(&p, 0), p.right, sl_plot_y(&p, 0), 1.6, 0);
    return p;
}

static void line_problem(const struct sl_synth_request *r, struct sl_stem_problem *p, struct curve *f)
{
    static const char *const slope[] = {"What is the slope of the line?", "Find the gradient of the straight line.",
                                        "By how much does y change when x grows by 1?", "Read off the slope.", NULL};
    static const char *const cut[] = {"At which y does the line cross the y-axis?", "What is the y-intercept?",
                                      "Read off the y-intercept of the line.", "What is y at x = 0?", NULL};
    static const char *const zero[] = {"At which x does the line cross the x-axis?",
                                       "What is the zero of the function?", "For which x is y = 0?",
                                       "Read off the x-intercept.", NULL};
    static const double slopes[] = {-3, -2, -1, -0.5, 0.5, 1, 2, 3};
    double m = slopes[sl_synth_int(r, 0, 7)];
    int zero_at = sl_synth_int(r, 1, 4) * (sl_synth_chance(r, 0.5) ? 1 : -1);
    if (m == 0.5 || m == -0.5) zero_at *= 2;
    if (fabs(m * zero_at) > 7) zero_at = zero_at > 0 ? 2 : -2;
    *f = (struct curve){.b = m, .c = -m * zero_at};
    int what = sl_synth_int(r, 0, 2);
    p->phrases = what == 0 ? slope : what == 1 ? cut : zero;
    p->kind = what == 0 ? "slope" : what == 1 ? "intercept" : "zero";
    p->answer = what == 0 ? m : what == 1 ? f->c : zero_at;
    p->decimals = 1;
    sl_stem_give(p, "m", m);
    sl_stem_give(p, "c", f->c);
    sl_buf_addf(&p->solution, "The line crosses the x-axis at %d and the y-axis at %g.", zero_at, f->c);
    if (what == 0)
        sl_buf_addf(&p->solution, " From (%d, 0) to (0, %g) y changes by %g while x changes by %d: %g / %d = %g.",
                    zero_at, f->c, f->c, -zero_at, f->c, -zero_at, m);
}

static void parabola_problem(const struct sl_synth_request *r, struct sl_stem_problem *p, struct curve *f)
{
    static const char *const x[] = {"What is the x-coordinate of the vertex?",
                                    "Where is the axis of symmetry? Give its x.",
                                    "At which x is the curve's turning point?", "Read off the x of the vertex.", NULL};
    static const char *const y[] = {
        "What is the y-coordinate of the vertex?", "What is the extreme value of the function?",
        "How high is the curve's turning point? Give its y.", "Read off the y of the vertex.", NULL};
    static const char *const zeros[] = {"How many zeros does the function have?",
                                        "How often does the curve cross or touch the x-axis?",
                                        "Count the points where y = 0.", "Number of real roots?", NULL};
    int h = sl_synth_int(r, -4, 4), what = sl_synth_int(r, 0, 2), roots = 2 * sl_synth_int(r, 0, 1);
    double a = (sl_synth_chance(r, 0.5) ? 1 : 0.5) * (sl_synth_chance(r, 0.5) ? 1 : -1);
    int k = sl_synth_int(r, 1, 5) * ((a > 0) == (roots == 2) ? -1 : 1); /* two zeros, or none */
    if (what == 2 && sl_synth_chance(r, 0.33)) k = 0, roots = 1;
    *f = (struct curve){.a = a, .b = -2 * a * h, .c = a * h * h + k};
    p->phrases = what == 0 ? x : what == 1 ? y : zeros;
    p->kind = what == 0 ? "vertex-x" : what == 1 ? "vertex-y" : "roots";
    p->answer = what == 0 ? h : what == 1 ? k : roots;
    sl_stem_give(p, "a", f->a);
    sl_stem_give(p, "b", f->b);
    sl_stem_give(p, "c", f->c);
    sl_buf_addf(&p->solution, "The curve turns at (%d, %d) and opens %s.", h, k, a > 0 ? "upwards" : "downwards");
    if (what == 2)
        sl_buf_addf(&p->solution, " So it meets the x-axis %s.", roots == 2 ? "twice" : roots ? "once" : "never");
}

static void sine_problem(const struct sl_synth_request *r, struct sl_stem_problem *p, struct curve *f)
{
    static const char *const amplitude[] = {"What is the amplitude of the wave?", "Read off the amplitude.",
                                            "How far does the curve rise above its middle line?",
                                            "Half the difference of maximum and minimum is what?", NULL};
    static const char *const period[] = {"What is the period of the wave?",
                                         "After what distance does the curve repeat?", "Read off the period.",
                                         "How long is one full wave along x?", NULL};
    static const char *const maximum[] = {"What is the maximum of the function?",
                                          "Which y does the curve reach at most?", "Read off the largest value.",
                                          "How high do the crests reach?", NULL};
    int what = sl_synth_int(r, 0, 2);
    *f = (struct curve){
        .sine = true, .a = sl_synth_int(r, 1, 3), .b = 2 * sl_synth_int(r, 1, 4), .c = sl_synth_int(r, -2, 2)};
    p->phrases = what == 0 ? amplitude : what == 1 ? period : maximum;
    p->kind = what == 0 ? "amplitude" : what == 1 ? "period" : "maximum";
    p->answer = what == 0 ? f->a : what == 1 ? f->b : f->a + f->c;
    sl_stem_give(p, "a", f->a);
    sl_stem_give(p, "b", f->b);
    sl_stem_give(p, "c", f->c);
    sl_buf_addf(&p->solution, "The curve swings between %g and %g, and repeats every %g. Its amplitude is %g.",
                f->c - f->a, f->c + f->a, f->b, f->a);
}

void sl_stem_function(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                      struct sl_stem_problem *p)
{
    struct curve f;
    int kind = sl_synth_int(r, 0, r->level);
    if (kind == 0)
        line_problem(r, p, &f);
    else if (kind == 1)
        parabola_problem(r, p, &f);
    else
        sine_problem(r, p, &f);
    struct sl_plot plot = draw_grid(r, b, pen, sl_synth_chance(r, 0.5) ? 8 : 6 + 2 * (kind == 0));
    draw_curve(b, &plot, &f, pen);
}

/* --- geometry -------------------------------------------------------------------------------------------------------
 */

/* Draws a polygon fitted into the board and leaves its corners in pixels. */
static void fit_polygon(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                        double (*q)[2], int n, bool turn)
{
    double a = turn ? sl_synth_real(r, 0, 2 * M_PI) : 0, low[2] = {INFINITY, INFINITY},
           high[2] = {-INFINITY, -INFINITY};
    cairo_t *cr = b->paint.cr;
    for (int i = 0; i < n; i++) {
        double x = q[i][0] * cos(a) - q[i][1] * sin(a), y = q[i][0] * sin(a) + q[i][1] * cos(a);
        q[i][0] = x;
        q[i][1] = y;
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], q[i][k]);
            high[k] = fmax(high[k], q[i][k]);
        }
    }
    double room = pen->size * 6,
           scale = fmin((b->paint.width - room) / (high[0] - low[0]), (b->paint.height - room) / (high[1] - low[1]));
    const double middle[2] = {b->paint.width / 2.0, b->paint.height / 2.0};
    cairo_new_path(cr);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < 2; k++) q[i][k] = middle[k] + (q[i][k] - (low[k] + high[k]) / 2) * scale;
        cairo_line_to(cr, q[i][0], q[i][1]);
    }
    cairo_close_path(cr);
    sl_board_colour(b, pen->fill);
    cairo_fill_preserve(cr);
    sl_board_colour(b, pen->ink);
    cairo_set_line_width(cr, pen->line);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_stroke(cr);
}

static void centre_of(const double (*q)[2], int n, double c[2])
{
    c[0] = c[1] = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) c[k] += q[i][k] / n;
}

/* A label outside the middle of side i. */
static void label_side(struct sl_board *b, const struct sl_stem_pen *pen, const double (*q)[2], int n, int i,
                       const char *text)
{
    const double *a = q[i], *z = q[(i + 1) % n];
    double c[2], m[2] = {(a[0] + z[0]) / 2, (a[1] + z[1]) / 2}, nx = z[1] - a[1], ny = a[0] - z[0], l = hypot(nx, ny);
    centre_of(q, n, c);
    double sign = (m[0] - c[0]) * nx + (m[1] - c[1]) * ny > 0 ? 1 : -1, away = pen->size * 1.5;
    sl_stem_label(b, pen, m[0] + sign * nx / l * away, m[1] + sign * ny / l * away * 0.8, "%s", text);
}

/* An arc and a label inside corner i. */
static void label_corner(struct sl_board *b, const struct sl_stem_pen *pen, const double (*q)[2], int n, int i,
                         const char *text)
{
    const double *v = q[i], *a = q[(i + 1) % n], *z = q[(i + n - 1) % n];
    double from = atan2(a[1] - v[1], a[0] - v[0]), to = atan2(z[1] - v[1], z[0] - v[0]),
           d = remainder(to - from, 2 * M_PI);
    double radius = pen->size * 1.1, middle = from + d / 2, away = pen->size * (1.9 + 0.9 / fmax(0.35, fabs(d)));
    cairo_new_path(b->paint.cr);
    if (d > 0)
        cairo_arc(b->paint.cr, v[0], v[1], radius, from, from + d);
    else
        cairo_arc_negative(b->paint.cr, v[0], v[1], radius, from, from + d);
    sl_board_colour(b, pen->accent);
    cairo_set_line_width(b->paint.cr, pen->line * 0.8);
    cairo_stroke(b->paint.cr);
    sl_stem_label(b, pen, v[0] + away * cos(middle), v[1] + away * sin(middle), "%s", text);
}

static void text_of(double v, const char *unit, char out[32])
{
    struct sl_buf b = SL_BUF_INIT(31);
    sl_vocab_number(v, 1, &b);
    sl_buf_addstr(&b, unit);
    for (size_t i = 0; i <= b.len; i++) out[i] = b.data[i];
    sl_buf_release(&b);
}

static void angle_problem(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                          struct sl_stem_problem *p)
{
    static const char *const phrases[] = {
        "How large is the angle marked with a question mark, in degrees?", "Find the missing angle in degrees.",
        "What is the unknown angle of the triangle?", "Work out the angle marked ?, in degrees.", NULL};
    int a = sl_synth_int(r, 32, 80), c = sl_synth_int(r, 32, 144 - a);
    if (c == 90) c = 89; /* whose tangent the third corner needs */
    int rest = 180 - a - c;
    double ta = tan(a * M_PI / 180), tc = tan(c * M_PI / 180), h = ta * tc / (ta + tc);
    double q[3][2] = {{0, 0}, {1, 0}, {h / ta, -h}};
    char text[32];
    fit_polygon(r, b, pen, q, 3, true);
    text_of(a, "°", text);
    label_corner(b, pen, (const double(*)[2])q, 3, 0, text);
    text_of(c, "°", text);
    label_corner(b, pen, (const double(*)[2])q, 3, 1, text);
    label_corner(b, pen, (const double(*)[2])q, 3, 2, "?");
    p->kind = "angle";
    p->phrases = phrases;
    p->answer = rest;
    sl_stem_give(p, "a", a);
    sl_stem_give(p, "b", c);
    sl_buf_addf(&p->solution, "The angles of a triangle sum to 180°. 180 − %d − %d = %d.", a, c, rest);
}

static void right_problem(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                          struct sl_stem_problem *p)
{
    static const char *const phrases[] = {"How long is the side marked with a question mark?", "Find the missing side.",
                                          "Work out the length marked ?.",
                                          "What is the unknown length, in the same unit?", NULL};
    static const int triples[][3] = {{3, 4, 5}, {5, 12, 13}, {8, 15, 17}, {7, 24, 25}, {20, 21, 29}, {9, 12, 15}};
    const int *t = triples[sl_synth_int(r, 0, 5)];
    int scale = t[2] < 16 ? sl_synth_int(r, 1, 4) : 1, hidden = sl_synth_int(r, 0, 2), flip = sl_synth_chance(r, 0.5);
    int x = t[flip] * scale, y = t[!flip] * scale, z = t[2] * scale;
    double q[3][2] = {{0, 0}, {x, 0}, {0, -y}};
    char text[32];
    fit_polygon(r, b, pen, q, 3, true);
    const int side[3] = {x, z, y}; /* in the order of the polygon's sides */
    for (int i = 0; i < 3; i++) {
        text_of(side[i], " cm", text);
        label_side(b, pen, (const double(*)[2])q, 3, i, i == hidden ? "?" : text);
    }
    double u[2], v[2], m = pen->size * 0.8; /* the square at the right angle */
    for (int k = 0; k < 2; k++) {
        u[k] = (q[1][k] - q[0][k]) / hypot(q[1][0] - q[0][0], q[1][1] - q[0][1]) * m;
        v[k] = (q[2][k] - q[0][k]) / hypot(q[2][0] - q[0][0], q[2][1] - q[0][1]) * m;
    }
    sl_board_line(b, q[0][0] + u[0], q[0][1] + u[1], q[0][0] + u[0] + v[0], q[0][1] + u[1] + v[1], pen->line * 0.8, 0);
    sl_board_line(b, q[0][0] + v[0], q[0][1] + v[1], q[0][0] + u[0] + v[0], q[0][1] + u[1] + v[1], pen->line * 0.8, 0);
    p->kind = hidden == 1 ? "hypotenuse" : "leg";
    p->phrases = phrases;
    p->answer = side[hidden];
    int other = hidden == 0 ? y : x;
    sl_stem_give(p, "a", other);
    sl_stem_give(p, "b", hidden == 1 ? y : z);
    if (hidden == 1)
        sl_buf_addf(&p->solution, "The triangle has a right angle: √(%d² + %d²) = √%d = %d.", x, y, x * x + y * y, z);
    else
        sl_buf_addf(&p->solution, "The triangle has a right angle: √(%d² − %d²) = √%d = %d.", z, other,
                    z * z - other * other, side[hidden]);
}

static void area_problem(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                         struct sl_stem_problem *p)
{
    static const char *const area[] = {"What is the area of the figure in square centimetres?",
                                       "Compute the area in cm².", "How large is the area of the shape?",
                                       "Find the area of the figure.", NULL};
    static const char *const around[] = {"What is the perimeter in centimetres?", "Compute the perimeter of the shape.",
                                         "How long is the way around the figure?", "Find the perimeter of the figure.",
                                         NULL};
    int w = sl_synth_int(r, 4, 25), h = sl_synth_int(r, 3, 18), sides = sl_synth_chance(r, 0.5);
    double q[4][2] = {{0, 0}, {w, 0}, {w, -h}, {0, -h}};
    char text[32];
    if (w > 3 * h || h > 2 * w) b->crowded = true;
    fit_polygon(r, b, pen, q, 4, false);
    text_of(w, " cm", text);
    label_side(b, pen, (const double(*)[2])q, 4, 0, text);
    text_of(h, " cm", text);
    label_side(b, pen, (const double(*)[2])q, 4, 1, text);
    p->kind = sides ? "perimeter" : "area";
    p->phrases = sides ? around : area;
    p->answer = sides ? 2 * (w + h) : w * h;
    sl_stem_give(p, "w", w);
    sl_stem_give(p, "h", h);
    sl_buf_addf(&p->solution, sides ? "A rectangle: 2 × (%d + %d) = %g." : "A rectangle: %d × %d = %g.", w, h,
                p->answer);
}

static void circle_problem(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                           struct sl_stem_problem *p)
{
    static const char *const area[] = {"What is the area of the circle?", "Compute the circle's area.",
                                       "How large is the disc's area?", "Find the area of the circle.", NULL};
    static const char *const round_it[] = {"What is the circumference of the circle?",
                                           "Compute the length of the circle's rim.",
                                           "How long is the way around the circle?", "Find the circumference.", NULL};
    int radius = sl_synth_int(r, 2, 20), whole = sl_synth_chance(r, 0.5), across = sl_synth_chance(r, 0.5);
    double x = b->paint.width / 2.0, y = b->paint.height / 2.0, size = fmin(x, y) - pen->size * 1.5,
           a = sl_synth_real(r, -0.4, 0.4);
    cairo_t *cr = b->paint.cr;
    cairo_new_path(cr);
    cairo_arc(cr, x, y, size, 0, 2 * M_PI);
    sl_board_colour(b, pen->fill);
    cairo_fill_preserve(cr);
    sl_board_colour(b, pen->ink);
    cairo_set_line_width(cr, pen->line);
    cairo_stroke(cr);
    sl_board_line(b, across ? x - size * cos(a) : x, across ? y - size * sin(a) : y, x + size * cos(a),
                  y + size * sin(a), pen->line, 0);
    cairo_arc(cr, x, y, 3, 0, 2 * M_PI);
    cairo_fill(cr);
    sl_stem_label(b, pen, x + (across ? 0 : size / 2) * cos(a) + pen->size * sin(a),
                  y + (across ? 0 : size / 2) * sin(a) - pen->size * cos(a), "%d cm", across ? 2 * radius : radius);
    p->kind = whole ? "disc" : "circumference";
    p->phrases = whole ? area : round_it;
    p->answer = whole ? M_PI * radius * radius : 2 * M_PI * radius;
    p->decimals = 1;
    p->tolerance = 0.01;
    sl_stem_give(p, "radius", radius);
    if (across) sl_buf_addf(&p->solution, "The diameter is %d cm, the radius %d cm. ", 2 * radius, radius);
    if (whole)
        sl_buf_addf(&p->solution, "π × %d² = %.1f.", radius, p->answer);
    else
        sl_buf_addf(&p->solution, "2 × π × %d = %.1f.", radius, p->answer);
}

void sl_stem_geometry(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                      struct sl_stem_problem *p)
{
    switch (sl_synth_int(r, 0, r->level == 0 ? 1 : 3)) {
    case 0:
        angle_problem(r, b, pen, p);
        break;
    case 1:
        area_problem(r, b, pen, p);
        break;
    case 2:
        right_problem(r, b, pen, p);
        break;
    default:
        circle_problem(r, b, pen, p);
        break;
    }
}
