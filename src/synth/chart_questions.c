/*
 * chart_questions.c: questions about values, comparisons, trends and sums, with the reasoning that answers them.
 *
 * What the eye could not tell on the axis is not asked: two values are compared when they are shown as text, or lie at
 * least MARGIN of the axis apart.
 */
#include "synth/chart.h"

#include "synth/vocab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double margin = 0.04; /* of the axis */

enum { MAX_TEXT = 4096, PAIRS = 60 };

/* What questions and reasoning are filled with. */
struct ask {
    const struct sl_synth_request *r;
    const struct sl_chart *c;
    struct sl_synth_sample *s;
    int series, a, b; /* points */
    char where[64];   /* " for Oslo" of the series; "" when there is one */
};

static struct ask start(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s)
{
    struct ask q = {.r = r, .c = c, .s = s, .series = sl_synth_int(r, 0, c->n_series - 1)};
    q.a = sl_synth_int(r, 0, c->n_points - 1);
    q.b = (q.a + sl_synth_int(r, 1, c->n_points - 1)) % c->n_points;
    if (sl_chart_has_legend(c)) {
        struct sl_buf where = SL_BUF_INIT(sizeof q.where - 1);
        sl_buf_addf(&where, " for %s", c->series[q.series]);
        memcpy(q.where, sl_buf_str(&where), where.len + 1);
        sl_buf_release(&where);
    }
    return q;
}

static double value(const struct ask *q, int i)
{
    return q->c->values[q->series][i];
}

static bool apart(const struct ask *q, double x, double y)
{
    if (q->c->shows_values) return fabs(x - y) > 1e-9;
    double span = q->c->kind == SL_CHART_PIE ? 60 : q->c->high - q->c->low;
    return fabs(x - y) >= margin * span;
}

static void fill(const struct ask *q, const char *template, struct sl_buf *out)
{
    const struct sl_chart *c = q->c;
    const struct sl_vocab_slot slots[] = {{"measure", c->kind == SL_CHART_BOX ? "median" : c->measure},
                                          {"a", c->points[q->a]},
                                          {"b", c->points[q->b]},
                                          {"where", q->where},
                                          {"thing", c->thing},
                                          {"things", c->things},
                                          {NULL, NULL}};
    sl_vocab_fill(template, slots, out);
}

static void question(const struct ask *q, const char *const *phrases)
{
    struct sl_buf text = SL_BUF_INIT(MAX_TEXT);
    fill(q, sl_synth_phrase(q->r, phrases), &text);
    sl_synth_user(q->s, "%s", sl_buf_str(&text));
    sl_buf_release(&text);
}

/* Reasoning: the reading of one point. */
static void read_point(const struct ask *q, int i)
{
    const struct sl_chart *c = q->c;
    sl_synth_think(q->s, "%s%s: %s%.*f. ", c->points[i], q->where, c->shows_values ? "" : "about ", c->decimals,
                   value(q, i));
}

static void read_all(const struct ask *q)
{
    sl_synth_think(q->s, "I read the values. ");
    for (int i = 0; i < q->c->n_points; i++) read_point(q, i);
}

static void answer_number(const struct ask *q, double x, int decimals)
{
    struct sl_buf text = SL_BUF_INIT(64);
    sl_vocab_number(x, decimals, &text);
    sl_synth_answer(q->s, "%s", sl_buf_str(&text));
    sl_buf_release(&text);
    sl_synth_truth(q->s, "checker", json_string("number"));
    sl_synth_truth(q->s, "answer", json_real(x));
    sl_synth_truth(q->s, "tolerance", json_real(q->c->shows_values ? 0.005 : 0.05));
}

/* The error that reading one value off the axis may have. */
static void allow_reading(const struct ask *q, double n_readings)
{
    if (q->c->shows_values) return;
    double span = q->c->kind == SL_CHART_PIE ? 100 : q->c->high - q->c->low;
    sl_synth_truth(q->s, "absolute", json_real(0.015 * span * n_readings));
}

/* One of n answers is right, and all are as likely. */
static void chance(const struct ask *q, int n)
{
    sl_synth_truth(q->s, "chance", json_real(1.0 / n));
}

static void answer_text(const struct ask *q, const char *text)
{
    sl_synth_answer(q->s, "%s", text);
    sl_synth_truth(q->s, "checker", json_string("exact"));
    sl_synth_truth(q->s, "answer", json_string(text));
}

static void answer_yes_no(const struct ask *q, bool yes)
{
    sl_synth_answer(q->s, yes ? "Yes" : "No");
    sl_synth_truth(q->s, "checker", json_string("yes-no"));
    sl_synth_truth(q->s, "answer", json_string(yes ? "yes" : "no"));
    chance(q, 2);
}

static void answer_count(const struct ask *q, int n)
{
    sl_synth_answer(q->s, "%d", n);
    sl_synth_truth(q->s, "checker", json_string("count"));
    sl_synth_truth(q->s, "answer", json_integer(n));
}

/* --- values --------------------------------------------------------------------------------------------------- */

static bool ask_box(struct ask *q)
{
    static const char *const phrases[SL_CHART_FIVE][5] = {
        {"What is the minimum of {a}?", "Where does the lower whisker of {a} end?", "Read the smallest value of {a}.",
         "Give the lower end of {a}'s whiskers.", NULL},
        {"What is the lower quartile of {a}?", "Where does the box of {a} begin?", "Read the first quartile of {a}.",
         "Give the lower edge of {a}'s box.", NULL},
        {"What is the median of {a}?", "At what value is the line inside the box of {a}?", "Read the median of {a}.",
         "Give {a}'s median.", NULL},
        {"What is the upper quartile of {a}?", "Where does the box of {a} end?", "Read the third quartile of {a}.",
         "Give the upper edge of {a}'s box.", NULL},
        {"What is the maximum of {a}?", "Where does the upper whisker of {a} end?", "Read the largest value of {a}.",
         "Give the upper end of {a}'s whiskers.", NULL},
    };
    static const char *const names[] = {"lower whisker", "lower edge of the box", "line inside the box",
                                        "upper edge of the box", "upper whisker"};
    int k = sl_synth_int(q->r, 0, SL_CHART_FIVE - 1);
    question(q, phrases[k]);
    sl_synth_think(q->s, "I look at the box of %s. The %s is at about %.*f on the axis.", q->c->points[q->a], names[k],
                   q->c->decimals, q->c->five[q->a][k]);
    answer_number(q, q->c->five[q->a][k], q->c->decimals);
    allow_reading(q, 1);
    return true;
}

bool sl_chart_ask_value(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s)
{
    static const char *const of[] = {"What is the {measure} of {a}{where}?",
                                     "Read the {measure} of {a}{where}.",
                                     "How large is the {measure} shown at {a}{where}?",
                                     "Which value does the chart give at {a}{where}?",
                                     "{a}{where}: what is the {measure}?",
                                     "Give the {measure} at {a}{where}.",
                                     NULL};
    struct ask q = start(r, c, s);
    if (c->kind == SL_CHART_BOX) return ask_box(&q);
    question(&q, of);
    sl_synth_think(s, "I look for %s%s. %s %.*f.", c->points[q.a], q.where,
                   c->shows_values ? "The value written there is" : "Against the axis, the mark is at about",
                   c->decimals, value(&q, q.a));
    answer_number(&q, value(&q, q.a), c->decimals);
    allow_reading(&q, 1);
    return true;
}

/* --- comparisons ---------------------------------------------------------------------------------------------- */

static int extreme(const struct ask *q, bool high)
{
    int best = 0;
    for (int i = 1; i < q->c->n_points; i++)
        if (high ? value(q, i) > value(q, best) : value(q, i) < value(q, best)) best = i;
    return best;
}

static bool ask_extreme(struct ask *q)
{
    static const char *const phrases[2][5] = {
        {"Which {thing} has the lowest {measure}{where}?", "Where is the {measure}{where} smallest?",
         "Name the {thing} with the least {measure}{where}.", "At which {thing} is the minimum{where}?", NULL},
        {"Which {thing} has the highest {measure}{where}?", "Where is the {measure}{where} largest?",
         "Name the {thing} with the most {measure}{where}.", "At which {thing} is the maximum{where}?", NULL}};
    bool high = sl_synth_chance(q->r, 0.5);
    int best = extreme(q, high);
    for (int i = 0; i < q->c->n_points; i++)
        if (i != best && !apart(q, value(q, i), value(q, best))) return false;
    question(q, phrases[high]);
    read_all(q);
    sl_synth_think(q->s, "The %s of them is that of %s.", high ? "largest" : "smallest", q->c->points[best]);
    answer_text(q, q->c->points[best]);
    return true;
}

static bool ask_difference(struct ask *q)
{
    static const char *const phrases[] = {"By how much do the {measure} of {a} and of {b} differ{where}?",
                                          "What is the difference between {a} and {b}{where}?",
                                          "How far apart are {a} and {b}{where}?",
                                          "Subtract the smaller of {a} and {b} from the larger one{where}.", NULL};
    double d = fabs(value(q, q->a) - value(q, q->b));
    if (!apart(q, value(q, q->a), value(q, q->b))) return false;
    question(q, phrases);
    read_point(q, q->a);
    read_point(q, q->b);
    sl_synth_think(q->s, "The difference is %.*f.", q->c->decimals, d);
    answer_number(q, d, q->c->decimals);
    allow_reading(q, 2);
    return true;
}

/* The answer is drawn first, and the pair is put in its order. */
static bool ask_is_greater(struct ask *q)
{
    static const char *const phrases[] = {
        "Is the {measure} of {a} higher than that of {b}{where}?", "Does {a} have a higher {measure} than {b}{where}?",
        "Is {a} above {b}{where}?", "{a} or {b}{where}: is the first one larger? Answer yes or no.", NULL};
    bool yes = sl_synth_chance(q->r, 0.5);
    if (!apart(q, value(q, q->a), value(q, q->b))) return false;
    if (yes != (value(q, q->a) > value(q, q->b))) {
        int t = q->a;
        q->a = q->b;
        q->b = t;
    }
    question(q, phrases);
    read_point(q, q->a);
    read_point(q, q->b);
    sl_synth_think(q->s, "So %s is the %s one.", q->c->points[q->a], yes ? "larger" : "smaller");
    answer_yes_no(q, yes);
    return true;
}

static bool ask_which_of_two(struct ask *q)
{
    static const char *const phrases[] = {
        "Which has the higher {measure}{where}, {a} or {b}?", "{a} or {b}: where is the {measure}{where} larger?",
        "Compare {a} with {b}{where}. Which one is higher?", "Of {a} and {b}, which one has more{where}?", NULL};
    if (!apart(q, value(q, q->a), value(q, q->b))) return false;
    question(q, phrases);
    read_point(q, q->a);
    read_point(q, q->b);
    int best = value(q, q->a) > value(q, q->b) ? q->a : q->b;
    sl_synth_think(q->s, "%s is higher.", q->c->points[best]);
    answer_text(q, q->c->points[best]);
    chance(q, 2);
    return true;
}

bool sl_chart_ask_compare(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s)
{
    struct ask q = start(r, c, s);
    switch (sl_synth_int(r, 0, 3)) {
    case 0:
        return ask_extreme(&q);
    case 1:
        return ask_difference(&q);
    case 2:
        return ask_is_greater(&q);
    default:
        return ask_which_of_two(&q);
    }
}

/* --- trends --------------------------------------------------------------------------------------------------- */

static bool ask_scatter_trend(struct ask *q)
{
    static const char *const phrases[] = {
        "Is the correlation between the two variables positive, negative or absent?",
        "As the horizontal value grows, does the vertical one rise (positive), fall (negative), or neither (absent)?",
        "Which correlation do the points show: positive, negative or absent?",
        "Judge the relation of both axes: positive, negative or absent?", NULL};
    static const char *const names[] = {"negative", "absent", "positive"};
    static const char *const seen[] = {"fall towards the right", "lie all over the plot", "rise towards the right"};
    question(q, phrases);
    sl_synth_think(q->s, "The points %s.", seen[q->c->slope + 1]);
    answer_text(q, names[q->c->slope + 1]);
    chance(q, 3);
    return true;
}

/* The answer is drawn first, and a pair that has it is looked for. */
static bool ask_rise(struct ask *q)
{
    static const char *const phrases[] = {"Did the {measure}{where} rise or fall from {a} to {b}?",
                                          "From {a} to {b}, does the {measure}{where} rise or fall?",
                                          "Compare {a} with the later {b}{where}: rise or fall?",
                                          "What happened between {a} and {b}{where}, a rise or a fall?", NULL};
    bool rise = sl_synth_chance(q->r, 0.5), found = false;
    for (int i = 0; i < PAIRS && !found; i++) {
        q->a = sl_synth_int(q->r, 0, q->c->n_points - 2);
        q->b = sl_synth_int(q->r, q->a + 1, q->c->n_points - 1);
        double d = value(q, q->b) - value(q, q->a);
        found = rise == (d > 0) && apart(q, d, 0);
    }
    if (!found) return false;
    question(q, phrases);
    read_point(q, q->a);
    read_point(q, q->b);
    sl_synth_think(q->s, "The later value is %s.", rise ? "higher" : "lower");
    answer_text(q, rise ? "rise" : "fall");
    chance(q, 2);
    return true;
}

static bool ask_steepest(struct ask *q)
{
    static const char *const phrases[2][5] = {
        {"At which {thing} did the {measure}{where} fall most against the one before?",
         "Which {thing} brought the largest fall{where}?", "Name the {thing} at the end of the steepest drop{where}.",
         "Where does the steepest decrease{where} end?", NULL},
        {"At which {thing} did the {measure}{where} rise most against the one before?",
         "Which {thing} brought the largest rise{where}?", "Name the {thing} at the end of the steepest climb{where}.",
         "Where does the steepest increase{where} end?", NULL}};
    bool rise = sl_synth_chance(q->r, 0.5);
    int best = 0;
    double most = 0, second = 0;
    for (int i = 1; i < q->c->n_points; i++) {
        double d = (value(q, i) - value(q, i - 1)) * (rise ? 1 : -1);
        if (d > most) {
            second = most;
            most = d;
            best = i;
        } else
            second = fmax(second, d);
    }
    if (!best || !apart(q, most, second)) return false;
    question(q, phrases[rise]);
    read_all(q);
    sl_synth_think(q->s, "From %s to %s it changes by %+.*f, the largest %s.", q->c->points[best - 1],
                   q->c->points[best], q->c->decimals, most * (rise ? 1 : -1), rise ? "rise" : "fall");
    answer_text(q, q->c->points[best]);
    return true;
}

bool sl_chart_ask_trend(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s)
{
    struct ask q = start(r, c, s);
    if (c->kind == SL_CHART_SCATTER) return ask_scatter_trend(&q);
    return sl_synth_chance(r, 0.5) ? ask_rise(&q) : ask_steepest(&q);
}

/* --- sums ----------------------------------------------------------------------------------------------------- */

static bool ask_sum(struct ask *q)
{
    static const char *const sums[] = {"What is the sum of the {measure} of all {things}{where}?",
                                       "Add up the values of all {things}{where}.", "What is the total{where}?",
                                       "How much do all {things} have together{where}?", NULL};
    static const char *const means[] = {
        "What is the mean {measure} over all {things}{where}?", "Average the values of all {things}{where}.",
        "What is the average {measure}{where}?", "Give the mean of all values shown{where}.", NULL};
    bool mean = sl_synth_chance(q->r, 0.5);
    double sum = 0;
    if (q->c->kind == SL_CHART_PIE) return false; /* the sum of shares is no question */
    for (int i = 0; i < q->c->n_points; i++) sum += value(q, i);
    question(q, mean ? means : sums);
    read_all(q);
    sl_synth_think(q->s, "Their sum is %.*f.", q->c->decimals, sum);
    if (mean) sl_synth_think(q->s, " Divided by %d, that is %.2f.", q->c->n_points, sum / q->c->n_points);
    answer_number(q, mean ? sum / q->c->n_points : sum, mean ? 2 : q->c->decimals);
    return true;
}

static bool ask_above(struct ask *q)
{
    const struct sl_chart *c = q->c;
    struct sl_plot_axis axis = sl_plot_axis_for(c->low, c->high, 6);
    int ticks = sl_plot_n_ticks(&axis), n = 0;
    bool above = sl_synth_chance(q->r, 0.5);
    double limit = c->kind == SL_CHART_PIE ? 5 * sl_synth_int(q->r, 1, 5)
                                           : axis.low + axis.step * sl_synth_int(q->r, 1, ticks - 2);
    static const char *const phrases[2][5] = {
        {"How many {things} have a {measure} below {limit}{where}?",
         "Count the {things} with less than {limit}{where}.",
         "For how many {things} is the value{where} under {limit}?", "Number of {things} below {limit}{where}?", NULL},
        {"How many {things} have a {measure} above {limit}{where}?",
         "Count the {things} with more than {limit}{where}.", "For how many {things} is the value{where} over {limit}?",
         "Number of {things} above {limit}{where}?", NULL}};
    for (int i = 0; i < c->n_points; i++) {
        if (fabs(value(q, i) - limit) < (c->shows_values ? 1e-9 : margin * 0.5 * (c->high - c->low))) return false;
        n += above ? value(q, i) > limit : value(q, i) < limit;
    }
    struct sl_buf text = SL_BUF_INIT(MAX_TEXT), number = SL_BUF_INIT(64);
    sl_vocab_number(limit, axis.decimals, &number);
    const struct sl_vocab_slot slots[] = {{"measure", c->measure},        {"where", q->where},
                                          {"things", c->things},          {"thing", c->thing},
                                          {"limit", sl_buf_str(&number)}, {NULL, NULL}};
    sl_vocab_fill(sl_synth_phrase(q->r, phrases[above]), slots, &text);
    sl_synth_user(q->s, "%s", sl_buf_str(&text));
    read_all(q);
    sl_synth_think(q->s, "%s %s: %d of them.", above ? "Above" : "Below", sl_buf_str(&number), n);
    sl_buf_release(&text);
    sl_buf_release(&number);
    answer_count(q, n);
    return true;
}

static bool ask_ratio(struct ask *q)
{
    static const char *const phrases[] = {"How many times as large as the {measure} of {b} is that of {a}{where}?",
                                          "What is the ratio of {a} to {b}{where}?",
                                          "Divide the value of {a} by that of {b}{where}.",
                                          "{a} is how many times as high as {b}{where}?", NULL};
    double x = value(q, q->a), y = value(q, q->b);
    if (y < 0.15 * q->c->high || x < 0.15 * q->c->high) return false;
    question(q, phrases);
    read_point(q, q->a);
    read_point(q, q->b);
    sl_synth_think(q->s, "%.*f / %.*f = %.2f.", q->c->decimals, x, q->c->decimals, y, x / y);
    answer_number(q, x / y, 2);
    sl_synth_truth(q->s, "tolerance", json_real(q->c->shows_values ? 0.02 : 0.1));
    return true;
}

bool sl_chart_ask_aggregate(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s)
{
    struct ask q = start(r, c, s);
    switch (sl_synth_int(r, 0, 2)) {
    case 0:
        return ask_sum(&q);
    case 1:
        return ask_above(&q);
    default:
        return ask_ratio(&q);
    }
}
