/*
 * check_table.c: a table that an answer writes as HTML, Markdown or LaTeX, compared cell by cell.
 */
#include "synth/check_parts.h"

#include "base/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_ROWS = 256, MAX_COLUMNS = 64, MAX_SPAN = 32 };

/* A table in the making: cells that spans cover hold the same text. */
struct grid {
    char **cells; /* (MAX_ROWS, MAX_COLUMNS), owned, and each of them; NULL: none */
    int n_rows, n_columns;
};

static char **cell(const struct grid *g, int row, int column)
{
    return &g->cells[(size_t)row * MAX_COLUMNS + (size_t)column];
}

static const char *text_at(const struct grid *g, int row, int column)
{
    const char *text = *cell(g, row, column);
    return text ? text : "";
}

static bool grid_open(struct grid *g)
{
    *g = (struct grid){.cells = sl_alloc_array((size_t)MAX_ROWS * MAX_COLUMNS, sizeof *g->cells)};
    return g->cells != NULL;
}

static void grid_close(struct grid *g)
{
    for (int i = 0; g->cells && i < MAX_ROWS * MAX_COLUMNS; i++) free(g->cells[i]);
    free(g->cells);
}

/* A cell's place and extent. */
struct span {
    int rows, columns;
};

/* Puts folded text into the first free place of row from *column on, and moves *column past it. */
static void put(struct grid *g, int row, int *column, const char *text, size_t n, struct span span)
{
    struct sl_buf folded = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    while (row < MAX_ROWS && *column < MAX_COLUMNS && *cell(g, row, *column)) ++*column;
    sl_check_fold(text, n, false, &folded);
    for (int r = row; r < row + span.rows && r < MAX_ROWS; r++)
        for (int c = *column; c < *column + span.columns && c < MAX_COLUMNS; c++) {
            if (!*cell(g, r, c)) *cell(g, r, c) = sl_strdup(sl_buf_str(&folded));
            if (r >= g->n_rows) g->n_rows = r + 1;
            if (c >= g->n_columns) g->n_columns = c + 1;
        }
    *column += span.columns;
    sl_buf_release(&folded);
}

/* --- reading -------------------------------------------------------------------------------------------------- */

static bool starts(const char *at, const char *word)
{
    return strncasecmp(at, word, strlen(word)) == 0;
}

/* The number of an attribute within a tag that ends at end; 1 without it. */
static int attribute(const char *tag, const char *end, const char *name)
{
    for (const char *at = tag; at < end; at++)
        if (starts(at, name)) {
            at += strlen(name);
            while (at < end && !isdigit((unsigned char)*at)) at++;
            long v = at < end ? strtol(at, NULL, 10) : 1;
            return v < 1 ? 1 : v > MAX_SPAN ? MAX_SPAN : (int)v;
        }
    return 1;
}

/* Appends HTML text without tags, entities undone. */
static void add_html_text(const char *at, const char *end, struct sl_buf *out)
{
    static const char *const entities[][2] = {{"&amp;", "&"},   {"&lt;", "<"},   {"&gt;", ">"},
                                              {"&quot;", "\""}, {"&nbsp;", " "}, {"&#39;", "'"}};
    while (at < end) {
        size_t skip = 0;
        if (*at == '<') {
            const char *close = memchr(at, '>', (size_t)(end - at));
            at = close ? close + 1 : end;
            sl_buf_addch(out, ' ');
            continue;
        }
        for (size_t i = 0; i < sizeof entities / sizeof *entities && !skip; i++)
            if (starts(at, entities[i][0])) {
                skip = strlen(entities[i][0]);
                sl_buf_addstr(out, entities[i][1]);
            }
        if (!skip) sl_buf_addch(out, *at);
        at += skip ? skip : 1;
    }
}

static bool is_tag(const char *at, const char *name)
{
    size_t n = strlen(name);
    return starts(at, name) && (at[n] == '>' || isspace((unsigned char)at[n]) || at[n] == '/');
}

static const char *next_tag(const char *at)
{
    const char *next = strchr(at, '<');
    return next ? next : at + strlen(at);
}

static void read_html(const char *text, struct grid *g)
{
    int row = -1, column = 0;
    for (const char *at = next_tag(text); *at && row < MAX_ROWS;) {
        if (is_tag(at, "</table")) return;
        if (is_tag(at, "<tr")) row++, column = 0;
        if ((!is_tag(at, "<td") && !is_tag(at, "<th")) || row < 0) {
            at = next_tag(at + 1);
            continue;
        }
        const char *open = strchr(at, '>');
        if (!open) return;
        struct span span = {attribute(at, open, "rowspan"), attribute(at, open, "colspan")};
        const char *end = next_tag(++open);
        while (*end && !is_tag(end, "</td") && !is_tag(end, "</th") && !is_tag(end, "<td") && !is_tag(end, "<th") &&
               !is_tag(end, "<tr") && !is_tag(end, "</tr") && !is_tag(end, "</table"))
            end = next_tag(end + 1);
        struct sl_buf cell_text = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
        add_html_text(open, end, &cell_text);
        put(g, row, &column, sl_buf_str(&cell_text), cell_text.len, span);
        sl_buf_release(&cell_text);
        at = end;
    }
}

/* True for the line between a Markdown table's head and body. */
static bool is_rule(const char *line, size_t n)
{
    bool dash = false;
    for (size_t i = 0; i < n; i++) {
        if (!strchr("|-: \t\r", line[i])) return false;
        dash |= line[i] == '-';
    }
    return dash;
}

static void read_markdown_row(const char *line, size_t n, int row, struct grid *g)
{
    struct sl_buf text = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    int column = 0;
    size_t i = 1;
    while (n > 1 && isspace((unsigned char)line[n - 1])) n--;
    for (; i < n; i++) {
        if (line[i] == '\\' && i + 1 < n && line[i + 1] == '|') {
            sl_buf_addch(&text, line[++i]);
        } else if (line[i] == '|') {
            put(g, row, &column, sl_buf_str(&text), text.len, (struct span){1, 1});
            sl_buf_clear(&text);
        } else {
            sl_buf_addch(&text, line[i]);
        }
    }
    if (text.len) put(g, row, &column, sl_buf_str(&text), text.len, (struct span){1, 1});
    sl_buf_release(&text);
}

static void read_markdown(const char *text, struct grid *g)
{
    int row = 0;
    for (const char *line = text; *line && row < MAX_ROWS;) {
        size_t n = strcspn(line, "\n"), blanks = strspn(line, " \t");
        if (blanks < n && line[blanks] == '|') {
            if (!is_rule(line, n)) read_markdown_row(line + blanks, n - blanks, row++, g);
        } else if (row > 0) {
            return;
        }
        line += n + (line[n] == '\n');
    }
}

/* Skips "{...}" with what nests in it; returns past it. */
static const char *skip_group(const char *at)
{
    int depth = 0;
    if (*at != '{') return at;
    for (; *at; at++) {
        if (*at == '{') depth++;
        if (*at == '}' && --depth == 0) return at + 1;
    }
    return at;
}

/* A LaTeX row: commands give way to their last argument, \multicolumn{n} spans. */
static void read_latex_row(const char *at, const char *end, int row, struct grid *g)
{
    struct sl_buf text = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    struct span span = {1, 1};
    int column = 0;
    for (; at <= end; at++) {
        if (at == end || *at == '&') {
            put(g, row, &column, sl_buf_str(&text), text.len, span);
            sl_buf_clear(&text);
            span.columns = 1;
        } else if (*at == '\\' && at + 1 < end && !isalpha((unsigned char)at[1])) {
            sl_buf_addch(&text, *++at);
        } else if (starts(at, "\\multicolumn{")) {
            long n = strtol(at + 13, NULL, 10);
            span.columns = n < 1 ? 1 : n > MAX_SPAN ? MAX_SPAN : (int)n;
            const char *past = skip_group(skip_group(at + 12));
            at = past < end ? past - 1 : end - 1;
        } else if (*at == '\\') {
            while (at + 1 < end && isalpha((unsigned char)at[1])) at++;
        } else if (*at != '{' && *at != '}') {
            sl_buf_addch(&text, *at);
        }
    }
    sl_buf_release(&text);
}

static void read_latex(const char *text, struct grid *g)
{
    static const char *const rules[] = {"\\hline", "\\toprule", "\\midrule", "\\bottomrule"};
    const char *at = strchr(text, '}'), *stop = strstr(text, "\\end{tabular");
    int row = 0;
    if (!at) return;
    at = skip_group(at + 1);
    if (!stop) stop = text + strlen(text);
    while (at < stop && row < MAX_ROWS) {
        while (at < stop && isspace((unsigned char)*at)) at++;
        bool ruled = false;
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
            if (starts(at, rules[i])) {
                at += strlen(rules[i]);
                ruled = true;
            }
        if (ruled) continue;
        const char *end = strstr(at, "\\\\");
        if (!end || end > stop) end = stop;
        if (end > at) read_latex_row(at, end, row++, g);
        at = end + 2;
    }
}

static void read_table(const char *text, struct grid *g)
{
    const char *html = strcasestr(text, "<table"), *latex = strstr(text, "\\begin{tabular");
    if (html)
        read_html(html, g);
    else if (latex)
        read_latex(latex, g);
    else
        read_markdown(text, g);
}

/* --- comparing ------------------------------------------------------------------------------------------------ */

static void read_truth(const json_t *rows, struct grid *g)
{
    for (size_t r = 0; r < json_array_size(rows) && r < MAX_ROWS; r++) {
        const json_t *cells = json_array_get(rows, r);
        int column = 0;
        for (size_t c = 0; c < json_array_size(cells) && column < MAX_COLUMNS; c++) {
            const char *text = json_string_value(json_array_get(cells, c));
            put(g, (int)r, &column, text ? text : "", text ? strlen(text) : 0, (struct span){1, 1});
        }
    }
}

static bool same_cell(const char *want, const char *said, double tolerance)
{
    char *end;
    double x, y;
    if (strcmp(want, said) == 0) return true;
    if (tolerance <= 0) return false;
    x = strtod(want, &end);
    if (end == want || *end) return false; /* words are compared as they are */
    return sl_check_number(said, &y) && fabs(x - y) <= tolerance * fabs(x);
}

static int n_filled(const struct grid *g)
{
    int n = 0;
    for (int i = 0; i < MAX_ROWS * MAX_COLUMNS; i++) n += g->cells[i] && g->cells[i][0];
    return n;
}

/* Where line i of truth is in the other table, by its first cell when they are keyed; -1: nowhere. */
static int partner(const struct grid *truth, const struct grid *said, int i, bool is_row)
{
    int n = is_row ? said->n_rows : said->n_columns;
    const char *key = is_row ? text_at(truth, i, 0) : text_at(truth, 0, i);
    if (i < n && strcmp(is_row ? text_at(said, i, 0) : text_at(said, 0, i), key) == 0) return i;
    for (int k = 1; k < n; k++)
        if (strcmp(is_row ? text_at(said, k, 0) : text_at(said, 0, k), key) == 0) return k;
    return i == 0 && n ? 0 : -1;
}

static int n_matching(const struct grid *truth, const struct grid *said, bool keyed, double tolerance)
{
    int n = 0;
    for (int r = 0; r < truth->n_rows; r++) {
        int row = keyed ? partner(truth, said, r, true) : r;
        for (int c = 0; c < truth->n_columns && row >= 0; c++) {
            const char *want = text_at(truth, r, c);
            int column = keyed ? partner(truth, said, c, false) : c;
            if (*want && column >= 0) n += same_cell(want, text_at(said, row, column), tolerance);
        }
    }
    return n;
}

double sl_check_table(const json_t *truth, const struct sl_answer *a)
{
    struct sl_buf text = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    struct grid want, said;
    double score = 0;
    sl_buf_add(&text, a->text + a->answer.begin, a->answer.end - a->answer.begin);
    bool ok = grid_open(&want);
    ok = grid_open(&said) && ok;
    if (ok) {
        read_truth(json_object_get(truth, "answer"), &want);
        read_table(sl_buf_str(&text), &said);
        int n = n_filled(&want) + n_filled(&said);
        bool keyed = json_is_true(json_object_get(truth, "keyed"));
        if (n) score = 2.0 * n_matching(&want, &said, keyed, sl_check_real(truth, "tolerance", 0)) / n;
    }
    grid_close(&want);
    grid_close(&said);
    sl_buf_release(&text);
    return score;
}
