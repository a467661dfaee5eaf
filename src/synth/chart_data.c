/*
 * chart_data.c: what charts are about: subjects, names, and numbers that are rounded before anything is drawn.
 */
#include "synth/chart.h"

#include "synth/vocab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A subject that a chart can be about. */
struct subject {
    const char *title;   /* "Average rainfall by {things}" */
    const char *measure; /* of the values, small letters */
    const char *unit;
    double low, high; /* of the values */
};

static const struct subject subjects[] = {
    {"Revenue by {thing}", "revenue", "million USD", 4, 90},
    {"Visitors per {thing}", "visitors", "thousand", 10, 400},
    {"Rainfall by {thing}", "rainfall", "mm", 12, 240},
    {"Energy use by {thing}", "energy use", "MWh", 3, 60},
    {"Test scores by {thing}", "score", "points", 20, 100},
    {"Units sold per {thing}", "units sold", "", 40, 1900},
    {"Average wait by {thing}", "wait", "minutes", 2, 48},
    {"Exports by {thing}", "exports", "thousand tons", 20, 700},
    {"Complaints per {thing}", "complaints", "", 3, 75},
    {"Satisfaction by {thing}", "satisfaction", "%", 15, 98},
    {"Water level by {thing}", "water level", "m", 0.4, 9.5},
    {"Hours worked per {thing}", "hours worked", "h", 8, 160},
    {"Cost of repairs by {thing}", "cost", "EUR", 90, 4800},
    {"Downloads per {thing}", "downloads", "million", 1, 24},
    {"Growth rate by {thing}", "growth rate", "%", 0.5, 12},
    {"Library loans by {thing}", "loans", "", 150, 6400},
};

struct place_kind {
    sl_vocab_kind words;
    const char *thing, *things;
};

static const struct place_kind unordered[] = {
    {SL_VOCAB_CITY, "city", "cities"},          {SL_VOCAB_COUNTRY, "country", "countries"},
    {SL_VOCAB_COMPANY, "company", "companies"}, {SL_VOCAB_FRUIT, "fruit", "fruits"},
    {SL_VOCAB_SPORT, "sport", "sports"},        {SL_VOCAB_SUBJECT, "subject", "subjects"},
    {SL_VOCAB_PERSON, "person", "people"},      {SL_VOCAB_DEPARTMENT, "department", "departments"},
};

enum { N_SUBJECTS = sizeof subjects / sizeof *subjects, N_UNORDERED = sizeof unordered / sizeof *unordered };

static void capitalise(char *s)
{
    if (*s >= 'a' && *s <= 'z') *s = (char)(*s - 'a' + 'A');
}

/* Names of times in order: months, days, quarters or years. */
static void name_times(const struct sl_synth_request *r, struct sl_chart *c)
{
    int kind = sl_synth_int(r, 0, 3);
    static const char *const thing[] = {"month", "day", "quarter", "year"};
    int most = kind == 0 ? 12 : kind == 1 ? 7 : SL_CHART_MAX_POINTS;
    if (c->n_points > most) c->n_points = most;
    int first = kind == 0   ? sl_synth_int(r, 0, 12 - c->n_points)
                : kind == 1 ? sl_synth_int(r, 0, 7 - c->n_points)
                            : sl_synth_int(r, 1996, 2018);
    for (int i = 0; i < c->n_points; i++) {
        if (kind < 2)
            snprintf(c->points[i], sizeof c->points[i], "%s",
                     sl_vocab_at(kind ? SL_VOCAB_WEEKDAY : SL_VOCAB_MONTH, first + i));
        else if (kind == 2)
            snprintf(c->points[i], sizeof c->points[i], "Q%d %d", i % 4 + 1, first + i / 4);
        else
            snprintf(c->points[i], sizeof c->points[i], "%d", first + i);
    }
    c->thing = thing[kind];
    c->things = (const char *const[]){"months", "days", "quarters", "years"}[kind];
    c->ordered = true;
}

/* Names the points, and the series with words of another kind. */
static void name_all(const struct sl_synth_request *r, struct sl_chart *c, bool times)
{
    int k = sl_synth_int(r, 0, N_UNORDERED - 1), other = (k + sl_synth_int(r, 1, N_UNORDERED - 1)) % N_UNORDERED;
    if (times) {
        name_times(r, c);
    } else {
        const char *names[SL_CHART_MAX_POINTS];
        if (c->n_points > 12) c->n_points = 12;
        sl_vocab_pick(r, unordered[k].words, c->n_points, names);
        for (int i = 0; i < c->n_points; i++) snprintf(c->points[i], sizeof c->points[i], "%s", names[i]);
        c->thing = unordered[k].thing;
        c->things = unordered[k].things;
    }
    sl_vocab_pick(r, unordered[other].words, c->n_series, c->series);
    snprintf(c->x_title, sizeof c->x_title, "%s", c->thing);
    capitalise(c->x_title);
}

static void name_subject(const struct sl_synth_request *r, struct sl_chart *c, const struct subject *s)
{
    struct sl_buf title = SL_BUF_INIT(sizeof c->title - 8);
    sl_vocab_fill(s->title, (struct sl_vocab_slot[]){{"thing", c->thing}, {NULL, NULL}}, &title);
    if (sl_synth_chance(r, 0.4)) sl_buf_addf(&title, ", %d", sl_synth_int(r, 1998, 2026));
    snprintf(c->title, sizeof c->title, "%s", sl_buf_str(&title));
    sl_buf_release(&title);
    snprintf(c->measure, sizeof c->measure, "%s", s->measure);
    c->unit = s->unit;
    if (s->unit[0])
        snprintf(c->y_title, sizeof c->y_title, "%s (%s)", s->measure, s->unit);
    else
        snprintf(c->y_title, sizeof c->y_title, "%s", s->measure);
    capitalise(c->y_title);
}

static double round_to(double v, int decimals)
{
    double unit = pow(10, decimals);
    return round(v * unit) / unit;
}

/* A walk for times, and free values otherwise; between low and high. */
static void fill_series(const struct sl_synth_request *r, struct sl_chart *c, int s, double low, double high)
{
    double v = sl_synth_real(r, low, high), drift = sl_synth_real(r, -1, 1) * (high - low) / c->n_points;
    for (int p = 0; p < c->n_points; p++) {
        if (!c->ordered) v = sl_synth_real(r, low, high);
        c->values[s][p] = round_to(v, c->decimals);
        v += drift + sl_synth_real(r, -0.22, 0.22) * (high - low);
        v = v < low ? low + (low - v) / 2 : v > high ? high - (v - high) / 2 : v; /* turns back at the limits */
        v = fmin(fmax(v, low), high);
    }
}

/* Shares of a whole in percent that sum to 100, none below 3. */
static void fill_shares(const struct sl_synth_request *r, struct sl_chart *c)
{
    double weight[SL_CHART_MAX_POINTS], sum = 0;
    int left = 1000;
    for (int p = 0; p < c->n_points; p++) sum += weight[p] = sl_synth_real(r, 0.25, 1.6);
    for (int p = 0; p < c->n_points; p++) {
        int tenths = p == c->n_points - 1 ? left : (int)lround(weight[p] / sum * (c->decimals ? 1000 : 100));
        if (p < c->n_points - 1 && !c->decimals) tenths *= 10;
        c->values[0][p] = tenths / 10.0;
        left -= tenths;
    }
}

static void fill_scatter(const struct sl_synth_request *r, struct sl_chart *c, const struct subject *y)
{
    double x_low = sl_synth_int(r, 0, 20), x_high = x_low + sl_synth_int(r, 20, 90);
    c->slope = sl_synth_int(r, -1, 1);
    for (int s = 0; s < c->n_series; s++)
        for (int p = 0; p < c->n_points; p++) {
            double t = sl_synth_real(r, 0.03, 0.97), noise = sl_synth_real(r, -1, 1);
            double u = c->slope ? 0.5 + c->slope * (t - 0.5) * 0.8 + noise * 0.09 : 0.5 + noise * 0.47;
            c->x[s][p] = round_to(x_low + t * (x_high - x_low), 1);
            c->values[s][p] = round_to(y->low + u * (y->high - y->low), c->decimals);
        }
}

/* Counts in bins of equal width, with one or two humps. */
static void fill_histogram(const struct sl_synth_request *r, struct sl_chart *c)
{
    static const double widths[] = {1, 2, 5, 10, 20, 25, 50};
    double width = widths[sl_synth_int(r, 0, 6)], first = width * sl_synth_int(r, 0, 12);
    double centre = sl_synth_real(r, 0.2, 0.8) * c->n_points, spread = sl_synth_real(r, 0.12, 0.4) * c->n_points;
    int peak = sl_synth_int(r, 12, 90);
    for (int p = 0; p <= c->n_points; p++) c->edges[p] = first + p * width;
    for (int p = 0; p < c->n_points; p++) {
        double z = (p + 0.5 - centre) / spread;
        c->values[0][p] = round(fmax(1, peak * exp(-z * z / 2) * sl_synth_real(r, 0.7, 1.2)));
        snprintf(c->points[p], sizeof c->points[p], "%g-%g", c->edges[p], c->edges[p + 1]);
    }
}

static void fill_boxes(const struct sl_synth_request *r, struct sl_chart *c, double low, double high)
{
    for (int p = 0; p < c->n_points; p++) {
        double span = (high - low) * sl_synth_real(r, 0.3, 0.65), base = sl_synth_real(r, low, high - span);
        double cuts[SL_CHART_FIVE] = {0, sl_synth_real(r, 0.18, 0.32), sl_synth_real(r, 0.42, 0.6),
                                      sl_synth_real(r, 0.7, 0.84), 1};
        for (int k = 0; k < SL_CHART_FIVE; k++) c->five[p][k] = round_to(base + cuts[k] * span, c->decimals);
        c->values[0][p] = c->five[p][SL_CHART_MEDIAN];
    }
}

static void choose_size(const struct sl_synth_request *r, struct sl_chart *c)
{
    int level = r->level;
    c->n_series = 1;
    c->n_points = sl_synth_int(r, 3 + level, 5 + 2 * level);
    switch (c->kind) {
    case SL_CHART_GROUPED:
    case SL_CHART_STACKED:
        c->n_series = sl_synth_int(r, 2, 2 + level);
        break;
    case SL_CHART_LINE:
        c->n_series = level == 0 ? 1 : sl_synth_int(r, 1, 2 + level);
        break;
    case SL_CHART_AREA:
        c->n_series = sl_synth_int(r, 1, 1 + level);
        break;
    case SL_CHART_SCATTER:
        c->n_series = sl_synth_int(r, 1, 1 + level);
        c->n_points = sl_synth_int(r, 6, 8 + 5 * level);
        break;
    case SL_CHART_HISTOGRAM:
        c->n_points = sl_synth_int(r, 5, 8 + level);
        break;
    default:
        break;
    }
    if (c->kind == SL_CHART_GROUPED && c->n_points > 7) c->n_points = 7;
    if ((c->kind == SL_CHART_LINE || c->kind == SL_CHART_AREA) && c->n_points < 4) c->n_points = 4;
    if (c->kind == SL_CHART_PIE && c->n_points > 8) c->n_points = 8;
}

/* The axis of values starts at zero, except for lines and points when their values lie far from it. */
static void choose_axis(const struct sl_synth_request *r, struct sl_chart *c)
{
    double low = INFINITY, high = -INFINITY;
    bool sums = c->kind == SL_CHART_STACKED || (c->kind == SL_CHART_AREA && c->n_series > 1);
    for (int p = 0; p < c->n_points; p++) {
        double sum = 0;
        for (int s = 0; s < c->n_series; s++) {
            sum += c->values[s][p];
            low = fmin(low, c->values[s][p]);
            high = fmax(high, sums ? sum : c->values[s][p]);
        }
        for (int k = 0; c->kind == SL_CHART_BOX && k < SL_CHART_FIVE; k++) {
            low = fmin(low, c->five[p][k]);
            high = fmax(high, c->five[p][k]);
        }
    }
    bool cut = (c->kind == SL_CHART_LINE || c->kind == SL_CHART_SCATTER || c->kind == SL_CHART_BOX) &&
               low > 0.35 * high && sl_synth_chance(r, 0.6);
    struct sl_plot_axis a = sl_plot_axis_for(cut ? low - (high - low) * 0.1 : 0, high * 1.04, sl_synth_int(r, 4, 8));
    c->low = a.low;
    c->high = a.high;
}

void sl_chart_invent(const struct sl_synth_request *r, sl_chart_kind kind, struct sl_chart *c)
{
    *c = (struct sl_chart){.kind = kind};
    const struct subject *s = &subjects[sl_synth_choose(r, N_SUBJECTS)];
    bool times =
        kind == SL_CHART_LINE || kind == SL_CHART_AREA ||
        ((kind == SL_CHART_BAR || kind == SL_CHART_STACKED || kind == SL_CHART_GROUPED) && sl_synth_chance(r, 0.3));
    choose_size(r, c);
    name_all(r, c, times);
    name_subject(r, c, s);
    c->decimals = s->high < 20 ? 1 : s->high < 60 ? sl_synth_int(r, 0, 1) : 0;
    double high = s->low + (s->high - s->low) * sl_synth_real(r, 0.35, 1);
    double low = fmax(s->low, high * (times ? 0.22 : 0.12));
    if (kind == SL_CHART_PIE) {
        fill_shares(r, c);
        snprintf(c->measure, sizeof c->measure, "share");
        snprintf(c->y_title, sizeof c->y_title, "Share (%%)");
        c->unit = "%";
    } else if (kind == SL_CHART_SCATTER) {
        snprintf(c->x_title, sizeof c->x_title, "%s", sl_synth_chance(r, 0.5) ? "Distance (km)" : "Age (weeks)");
        snprintf(c->title, sizeof c->title, "%.40s and %s", c->y_title,
                 strcmp(c->x_title, "Distance (km)") ? "age" : "distance");
        fill_scatter(r, c, &(struct subject){.low = low, .high = high});
    } else if (kind == SL_CHART_HISTOGRAM) {
        snprintf(c->x_title, sizeof c->x_title, "%s", c->y_title);
        snprintf(c->title, sizeof c->title, "Distribution of %s", c->measure);
        snprintf(c->y_title, sizeof c->y_title, "Frequency");
        snprintf(c->measure, sizeof c->measure, "frequency");
        c->unit = "";
        c->thing = "bin";
        c->things = "bins";
        c->decimals = 0;
        c->ordered = true;
        fill_histogram(r, c);
    } else if (kind == SL_CHART_BOX) {
        fill_boxes(r, c, low, high);
    } else {
        for (int i = 0; i < c->n_series; i++) fill_series(r, c, i, low, high);
    }
    choose_axis(r, c);
}
