/*
 * chart_ask.c: the whole chart in words: as a table, as a description, and how it is built.
 */
#include "synth/chart.h"

#include "synth/sample.h"
#include "synth/vocab.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[SL_N_CHARTS] = {"bar chart",    "grouped bar chart", "stacked bar chart",
                                                    "line chart",   "area chart",        "pie chart",
                                                    "scatter plot", "histogram",         "box plot"};

bool sl_chart_suits(sl_chart_kind kind, sl_chart_task task)
{
    bool one_value = kind != SL_CHART_SCATTER && kind != SL_CHART_BOX;
    switch (task) {
    case SL_CHART_TABLE:
        return kind != SL_CHART_SCATTER;
    case SL_CHART_VALUE:
    case SL_CHART_COMPARE:
        return kind != SL_CHART_SCATTER;
    case SL_CHART_TREND:
        return kind == SL_CHART_LINE || kind == SL_CHART_AREA || kind == SL_CHART_SCATTER;
    case SL_CHART_AGGREGATE:
        return one_value;
    default:
        return true;
    }
}

/* Appends the cells of line i (0: the heading) of the chart as a table to row. */
static void table_row(const struct sl_chart *c, int i, json_t *row)
{
    static const char *const five[SL_CHART_FIVE] = {"Min", "Q1", "Median", "Q3", "Max"};
    int n = c->kind == SL_CHART_BOX ? SL_CHART_FIVE : c->n_series;
    json_array_append_new(row, json_string(i ? c->points[i - 1] : c->x_title));
    for (int s = 0; s < n; s++) {
        struct sl_buf text = SL_BUF_INIT(64);
        if (i)
            sl_buf_addf(&text, "%.*f", c->decimals, c->kind == SL_CHART_BOX ? c->five[i - 1][s] : c->values[s][i - 1]);
        const char *heading = c->kind == SL_CHART_BOX ? five[s] : sl_chart_has_legend(c) ? c->series[s] : c->y_title;
        json_array_append_new(row, json_string(i ? sl_buf_str(&text) : heading));
        sl_buf_release(&text);
    }
}

static void table_text(const json_t *rows, bool html, struct sl_buf *out)
{
    size_t n = json_array_size(rows);
    if (html) sl_buf_addstr(out, "<table>\n");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        sl_buf_addstr(out, html ? "<tr>" : "|");
        for (size_t k = 0; k < json_array_size(row); k++)
            sl_buf_addf(out, html ? i ? "<td>%s</td>" : "<th>%s</th>" : " %s |",
                        json_string_value(json_array_get(row, k)));
        sl_buf_addstr(out, html ? "</tr>\n" : "\n");
        for (size_t k = 0; !html && i == 0 && k < json_array_size(row); k++)
            sl_buf_addstr(out, k ? " --- |" : "| --- |");
        if (!html && i == 0) sl_buf_addch(out, '\n');
    }
    sl_buf_addstr(out, html ? "</table>" : "");
    if (!html && out->len) out->data[--out->len] = '\0';
}

static bool ask_table(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s)
{
    static const char *const markdown[] = {"Write the data of this chart as a Markdown table.",
                                           "Convert the chart to a Markdown table.",
                                           "Which numbers does the chart show? Answer with a Markdown table.",
                                           "Extract the underlying data of the figure as a table in Markdown.", NULL};
    static const char *const in_html[] = {"Write the data of this chart as an HTML table.",
                                          "Convert the chart to an HTML table.",
                                          "Give the numbers behind the chart as an HTML table.",
                                          "Extract the underlying data of the figure as a table in HTML.", NULL};
    bool html = sl_synth_chance(r, 0.35);
    json_t *rows = json_array();
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    for (int i = 0; i <= c->n_points; i++) {
        json_t *row = json_array();
        table_row(c, i, row);
        json_array_append_new(rows, row);
    }
    table_text(rows, html, &text);
    sl_synth_user(s, "%s", sl_synth_phrase(r, html ? in_html : markdown));
    sl_synth_answer(s, "%s", sl_buf_str(&text));
    sl_buf_release(&text);
    sl_synth_truth(s, "checker", json_string("table"));
    sl_synth_truth(s, "answer", rows);
    sl_synth_truth(s, "keyed", json_true());
    sl_synth_truth(s, "tolerance", json_real(c->shows_values ? 0 : 0.05));
    sl_synth_truth(s, "threshold", json_real(0.9));
    return true;
}

static void add_value(const struct sl_chart *c, double v, struct sl_buf *out)
{
    sl_chart_value_text(c, v, out);
    if (c->unit[0] && c->kind != SL_CHART_PIE) sl_buf_addf(out, c->unit[0] == '%' ? "%s" : " %s", c->unit);
}

/* Appends what the series s does: where it is highest and lowest. */
static void describe_series(const struct sl_chart *c, int s, struct sl_buf *out)
{
    int low = 0, high = 0;
    for (int i = 1; i < c->n_points; i++) {
        if (c->values[s][i] < c->values[s][low]) low = i;
        if (c->values[s][i] > c->values[s][high]) high = i;
    }
    if (sl_chart_has_legend(c))
        sl_buf_addf(out, " For %s, the", c->series[s]);
    else
        sl_buf_addstr(out, " The");
    sl_buf_addf(out, " %s is highest for %s, at ", c->kind == SL_CHART_BOX ? "median" : c->measure, c->points[high]);
    add_value(c, c->values[s][high], out);
    sl_buf_addf(out, ", and lowest for %s, at ", c->points[low]);
    add_value(c, c->values[s][low], out);
    sl_buf_addch(out, '.');
}

static void describe(const struct sl_chart *c, struct sl_buf *out)
{
    static const char *const slopes[] = {"tends to fall", "shows no clear change", "tends to rise"};
    sl_buf_addf(out, "The picture is a %s titled \"%s\".", kind_names[c->kind], c->title);
    if (c->kind == SL_CHART_SCATTER) {
        sl_buf_addf(out, " It plots %s against %s", c->y_title, c->x_title);
        if (c->n_series > 1) sl_buf_addf(out, " for %d groups of points", c->n_series);
        sl_buf_addf(out, ". As the horizontal value grows, the vertical one %s.", slopes[c->slope + 1]);
        return;
    }
    sl_buf_addf(out, " It shows %s for %d %s, from %s to %s.", c->measure, c->n_points, c->things, c->points[0],
                c->points[c->n_points - 1]);
    if (sl_chart_has_legend(c)) {
        sl_buf_addstr(out, " The series are");
        for (int s = 0; s < c->n_series; s++)
            sl_buf_addf(out, "%s %s", s == 0 ? "" : s + 1 < c->n_series ? "," : " and", c->series[s]);
        sl_buf_addch(out, '.');
    }
    for (int s = 0; s < c->n_series; s++) describe_series(c, s, out);
}

static bool ask_description(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s)
{
    static const char *const phrases[] = {"Describe this chart.",
                                          "Summarise what the chart shows.",
                                          "What does this figure tell? Name its kind, title and extremes.",
                                          "Put the chart into words.",
                                          "Write a short text about this chart.",
                                          NULL};
    struct sl_buf text = SL_BUF_INIT(1 << 14);
    json_t *facts = json_array();
    describe(c, &text);
    json_array_append_new(facts, json_string(kind_names[c->kind]));
    json_array_append_new(facts, json_string(c->title));
    for (int k = 0; k < c->n_series && c->kind != SL_CHART_SCATTER; k++) {
        int low = 0, high = 0;
        for (int i = 1; i < c->n_points; i++) {
            if (c->values[k][i] < c->values[k][low]) low = i;
            if (c->values[k][i] > c->values[k][high]) high = i;
        }
        json_array_append_new(facts, json_string(c->points[high]));
        json_array_append_new(facts, json_string(c->points[low]));
        if (sl_chart_has_legend(c)) json_array_append_new(facts, json_string(c->series[k]));
    }
    sl_synth_user(s, "%s", sl_synth_phrase(r, phrases));
    sl_synth_answer(s, "%s", sl_buf_str(&text));
    sl_buf_release(&text);
    sl_synth_truth(s, "checker", json_string("mentions"));
    sl_synth_truth(s, "answer", facts);
    sl_synth_truth(s, "threshold", json_real(0.8));
    return true;
}

static void answer_text(struct sl_synth_sample *s, const char *question, const char *answer)
{
    sl_synth_user(s, "%s", question);
    sl_synth_answer(s, "%s", answer);
    sl_synth_truth(s, "checker", json_string("exact"));
    sl_synth_truth(s, "answer", json_string(answer));
}

static void answer_count(struct sl_synth_sample *s, const char *question, int n)
{
    sl_synth_user(s, "%s", question);
    sl_synth_answer(s, "%d", n);
    sl_synth_truth(s, "checker", json_string("count"));
    sl_synth_truth(s, "answer", json_integer(n));
}

/* Kind, titles, numbers of things, series in the legend. */
static bool ask_structure(const struct sl_synth_request *r, const struct sl_chart *c, struct sl_synth_sample *s)
{
    static const char *const title[] = {"What is the title of the chart?", "Read the title of this figure.",
                                        "How is the chart titled?", "Which title stands above the plot?", NULL};
    static const char *const kind[] = {"What kind of chart is this?", "Name the type of this chart.",
                                       "Which chart type is shown?",
                                       "Is this a bar chart, a line chart or another kind?", NULL};
    static const char *const axis[] = {"What does the axis of values show? Give its title.",
                                       "Read the title of the value axis.",
                                       "What is written beside the axis with the values?",
                                       "Give the label of the axis that carries the values.", NULL};
    static const char *const points[] = {"How many {things} does the chart show?", "Count the {things} in the chart.",
                                         "For how many {things} are values given?", "Number of {things} shown?", NULL};
    static const char *const series[] = {"How many series does the legend list?", "Count the entries of the legend.",
                                         "How many groups are told apart by colour?", "Number of legend entries?",
                                         NULL};
    int what = sl_synth_int(r, 0, 4);
    if (what == 0)
        answer_text(s, sl_synth_phrase(r, title), c->title);
    else if (what == 1)
        answer_text(s, sl_synth_phrase(r, kind), kind_names[c->kind]);
    else if (what == 2 && c->kind != SL_CHART_PIE)
        answer_text(s, sl_synth_phrase(r, axis), c->y_title);
    else if (what == 3 && c->kind != SL_CHART_SCATTER) {
        struct sl_buf q = SL_BUF_INIT(512);
        sl_vocab_fill(sl_synth_phrase(r, points), (struct sl_vocab_slot[]){{"things", c->things}, {NULL, NULL}}, &q);
        answer_count(s, sl_buf_str(&q), c->n_points);
        sl_buf_release(&q);
    } else if (what == 4 && sl_chart_has_legend(c))
        answer_count(s, sl_synth_phrase(r, series), c->n_series);
    else
        return false;
    return true;
}

bool sl_chart_ask(const struct sl_synth_request *r, const struct sl_chart *c, sl_chart_task task,
                  struct sl_synth_sample *s)
{
    switch (task) {
    case SL_CHART_TABLE:
        return ask_table(r, c, s);
    case SL_CHART_DESCRIBE:
        return ask_description(r, c, s);
    case SL_CHART_VALUE:
        return sl_chart_ask_value(r, c, s);
    case SL_CHART_COMPARE:
        return sl_chart_ask_compare(r, c, s);
    case SL_CHART_TREND:
        return sl_chart_ask_trend(r, c, s);
    case SL_CHART_AGGREGATE:
        return sl_chart_ask_aggregate(r, c, s);
    default:
        return ask_structure(r, c, s);
    }
}
