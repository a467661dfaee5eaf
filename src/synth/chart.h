/*
 * chart.h: the parts of the family "charts": what a chart shows, how it looks, drawing it, asking about it.
 *
 * The numbers come first (chart_data.c), already rounded to what can be told; style (chart_style.c) and drawing
 * (chart_draw.c, chart_marks.c) show them, questions (chart_ask.c, chart_questions.c) are computed from them.
 */
#ifndef SL_SYNTH_CHART_H
#define SL_SYNTH_CHART_H

#include "synth/plot.h"

typedef enum sl_chart_kind {
    SL_CHART_BAR,
    SL_CHART_GROUPED,
    SL_CHART_STACKED,
    SL_CHART_LINE,
    SL_CHART_AREA,
    SL_CHART_PIE,
    SL_CHART_SCATTER,
    SL_CHART_HISTOGRAM,
    SL_CHART_BOX,
    SL_N_CHARTS
} sl_chart_kind;

enum { SL_CHART_MAX_SERIES = 5, SL_CHART_MAX_POINTS = 24 };

/* What a box of a box plot shows. */
enum { SL_CHART_MIN, SL_CHART_Q1, SL_CHART_MEDIAN, SL_CHART_Q3, SL_CHART_MAX, SL_CHART_FIVE };

/* What a chart shows. values[s][p] is series s at point p; of a scatter it is y, and x is in x[s][p]. */
struct sl_chart {
    sl_chart_kind kind;
    bool ordered;                                          /* the points are times, in order */
    char title[96], x_title[64], y_title[64], measure[48]; /* measure: what a value is, "revenue" */
    const char *unit;                                      /* "million USD"; "": none */
    const char *thing, *things;                            /* what a point is: "city", "cities" */
    char points[SL_CHART_MAX_POINTS][32];
    const char *series[SL_CHART_MAX_SERIES];
    int n_points, n_series;
    double values[SL_CHART_MAX_SERIES][SL_CHART_MAX_POINTS];
    double x[SL_CHART_MAX_SERIES][SL_CHART_MAX_POINTS];
    double five[SL_CHART_MAX_POINTS][SL_CHART_FIVE];
    double edges[SL_CHART_MAX_POINTS + 1]; /* of a histogram's bins */
    int slope;                             /* of a scatter: -1, 0, 1 */
    int decimals;
    double low, high;  /* of the axis of values */
    bool shows_values; /* the picture has each value as text */
};

/* How a chart looks. */
struct sl_chart_look {
    struct sl_plot_style plot;
    int width, height;
    double paper[3];
    double colours[SL_CHART_MAX_POINTS][3];
    const char *font;
    double title_size, size;
    bool bold_title, title_left, horizontal, stacked_edges, donut, markers, smooth_area, legend_right, legend_frame;
    double bar_share; /* of its place that a bar or a group takes */
    double edge;      /* width of outlines; 0: none */
    double line;      /* width of lines */
    bool dashes, hatch;
};

/* Makes the numbers and names of a chart of that kind. */
void sl_chart_invent(const struct sl_synth_request *r, sl_chart_kind kind, struct sl_chart *c);

/* Chooses a look for it; sets c->shows_values, which is part of the look. */
void sl_chart_dress(const struct sl_synth_request *r, struct sl_chart *c, struct sl_chart_look *look);

/* Draws it into *out, owned by the caller. *fits is false, and *out empty, when text did not fit. */
sl_status sl_chart_draw(const struct sl_chart *c, const struct sl_chart_look *look, struct sl_picture *out, bool *fits,
                        sl_error *err);

/* The marks inside the plot: bars, lines, points, boxes. The axes stand already. */
void sl_chart_draw_marks(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                         const struct sl_plot *p);

/* A pie with its labels inside (left, top, right, bottom). */
void sl_chart_draw_pie(struct sl_board *b, const struct sl_chart *c, const struct sl_chart_look *look,
                       const double area[4]);

/* Sets line width, dashes and marker of series s, and its colour. */
void sl_chart_use_series(struct sl_board *b, const struct sl_chart_look *look, int s);

/* A marker of series s at (x, y), `size` pixels across. */
void sl_chart_draw_marker(struct sl_board *b, int s, double x, double y, double size);

/* Whether the series have names to tell them apart, which a legend shows. */
bool sl_chart_has_legend(const struct sl_chart *c);

/* Appends a value as the chart writes it. */
void sl_chart_value_text(const struct sl_chart *c, double value, struct sl_buf *out);

/* Tasks of the family, in the order of its table of names. */
typedef enum sl_chart_task {
    SL_CHART_TABLE,
    SL_CHART_DESCRIBE,
    SL_CHART_VALUE,
    SL_CHART_COMPARE,
    SL_CHART_TREND,
    SL_CHART_AGGREGATE,
    SL_CHART_STRUCTURE,
    SL_N_CHART_TASKS
} sl_chart_task;

/* Returns whether a question of that task can be asked about charts of that kind. */
bool sl_chart_suits(sl_chart_kind kind, sl_chart_task task);

/*
 * Adds question, reasoning, answer and truth to s, behind the picture. Returns false, with s unchanged, when this chart
 * has no clear answer to a question of the task.
 */
bool sl_chart_ask(const struct sl_synth_request *r, const struct sl_chart *c, sl_chart_task task,
                  struct sl_synth_sample *s);

/* The same for values, comparisons, trends and sums; the others are in chart_ask.c. */
bool sl_chart_ask_value(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s);
bool sl_chart_ask_compare(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s);
bool sl_chart_ask_trend(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s);
bool sl_chart_ask_aggregate(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s);

#endif
