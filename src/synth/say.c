/*
 * say.c: short answers with their truths, and tables in three notations.
 */
#include "synth/say.h"

#include <string.h>

enum { MAX_QUESTION = 1 << 13, MAX_TABLE = 1 << 16 };

void sl_say_question(const struct sl_synth_request *r, struct sl_synth_sample *s, const char *const *phrases,
                     const struct sl_vocab_slot *slots)
{
    static const struct sl_vocab_slot none[] = {{NULL, NULL}};
    struct sl_buf q = SL_BUF_INIT(MAX_QUESTION);
    sl_vocab_fill(sl_synth_phrase(r, phrases), slots ? slots : none, &q);
    sl_synth_user(s, "%s", sl_buf_str(&q));
    sl_buf_release(&q);
}

void sl_say_text(struct sl_synth_sample *s, const char *answer)
{
    sl_synth_answer(s, "%s", answer);
    sl_synth_truth(s, "checker", json_string("exact"));
    sl_synth_truth(s, "answer", json_string(answer));
}

void sl_say_number(struct sl_synth_sample *s, double answer, int decimals, double tolerance)
{
    struct sl_buf text = SL_BUF_INIT(64);
    sl_vocab_number(answer, decimals, &text);
    sl_synth_answer(s, "%s", sl_buf_str(&text));
    sl_buf_release(&text);
    sl_synth_truth(s, "checker", json_string("number"));
    sl_synth_truth(s, "answer", json_real(answer));
    sl_synth_truth(s, "tolerance", json_real(tolerance));
    double half = 0.5;
    for (int i = 0; i < decimals; i++) half /= 10;
    sl_synth_truth(s, "absolute", json_real(decimals ? half * 1.02 : 1e-6));
}

void sl_say_count(struct sl_synth_sample *s, int n)
{
    sl_synth_answer(s, "%d", n);
    sl_synth_truth(s, "checker", json_string("count"));
    sl_synth_truth(s, "answer", json_integer(n));
}

void sl_say_yes_no(struct sl_synth_sample *s, bool yes)
{
    sl_synth_answer(s, yes ? "Yes" : "No");
    sl_synth_truth(s, "checker", json_string("yes-no"));
    sl_synth_truth(s, "answer", json_string(yes ? "yes" : "no"));
    sl_say_chance(s, 2);
}

void sl_say_chance(struct sl_synth_sample *s, int n)
{
    sl_synth_truth(s, "chance", json_real(1.0 / n));
}

/* Appends a cell; LaTeX's own signs are escaped, and HTML's. */
static void add_cell(const char *text, sl_say_format format, struct sl_buf *out)
{
    for (; *text; text++) {
        if (format == SL_SAY_LATEX && strchr("%&#_$", *text)) sl_buf_addch(out, '\\');
        if (format == SL_SAY_HTML && *text == '&')
            sl_buf_addstr(out, "&amp;");
        else
            sl_buf_addch(out, *text);
    }
}

static void add_row(const json_t *row, bool head, sl_say_format format, struct sl_buf *out)
{
    static const char *const open[SL_N_SAY_FORMATS] = {"<tr>", "|", ""}, *const close[] = {"</tr>\n", "\n", " \\\\\n"};
    size_t n = json_array_size(row);
    sl_buf_addstr(out, open[format]);
    for (size_t k = 0; k < n; k++) {
        if (format == SL_SAY_HTML) sl_buf_addstr(out, head ? "<th>" : "<td>");
        if (format == SL_SAY_MARKDOWN) sl_buf_addch(out, ' ');
        if (format == SL_SAY_LATEX && k) sl_buf_addstr(out, " & ");
        add_cell(json_string_value(json_array_get(row, k)), format, out);
        if (format == SL_SAY_HTML) sl_buf_addstr(out, head ? "</th>" : "</td>");
        if (format == SL_SAY_MARKDOWN) sl_buf_addstr(out, " |");
    }
    sl_buf_addstr(out, close[format]);
    if (!head) return;
    if (format == SL_SAY_LATEX) sl_buf_addstr(out, "\\hline\n");
    for (size_t k = 0; format == SL_SAY_MARKDOWN && k < n; k++) sl_buf_addstr(out, k ? " --- |" : "| --- |");
    if (format == SL_SAY_MARKDOWN) sl_buf_addch(out, '\n');
}

void sl_say_table(struct sl_synth_sample *s, json_t *rows, sl_say_format format, bool keyed)
{
    struct sl_buf text = SL_BUF_INIT(MAX_TABLE);
    size_t n = json_array_size(json_array_get(rows, 0));
    if (format == SL_SAY_HTML) sl_buf_addstr(&text, "<table>\n");
    if (format == SL_SAY_LATEX) sl_buf_addstr(&text, "\\begin{tabular}{");
    for (size_t k = 0; format == SL_SAY_LATEX && k < n; k++) sl_buf_addch(&text, 'l');
    if (format == SL_SAY_LATEX) sl_buf_addstr(&text, "}\n");
    for (size_t i = 0; i < json_array_size(rows); i++) add_row(json_array_get(rows, i), i == 0, format, &text);
    if (format == SL_SAY_HTML) sl_buf_addstr(&text, "</table>");
    if (format == SL_SAY_LATEX) sl_buf_addstr(&text, "\\end{tabular}");
    if (format == SL_SAY_MARKDOWN && text.len) text.data[--text.len] = '\0';
    sl_synth_answer(s, "%s", sl_buf_str(&text));
    sl_buf_release(&text);
    sl_synth_truth(s, "checker", json_string("table"));
    sl_synth_truth(s, "answer", rows);
    if (keyed) sl_synth_truth(s, "keyed", json_true());
    sl_synth_truth(s, "threshold", json_real(0.95));
}
