/*
 * tables_ask.c: what a table holds, and questions about it: the whole, a cell, a row, sums and extremes.
 */
#include "synth/say.h"
#include "synth/tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A kind of column. */
struct column {
    const char *head;
    double low, high; /* equal: words */
    int decimals;
    sl_vocab_kind words;
};

static const struct column columns[] = {
    {"Price", 2, 90, 2, 0},
    {"Stock", 0, 480, 0, 0},
    {"Weight (kg)", 0.5, 60, 1, 0},
    {"Year", 1980, 2026, 0, 0},
    {"Score", 20, 100, 0, 0},
    {"City", 0, 0, 0, SL_VOCAB_CITY},
    {"Growth (%)", 0.5, 24, 1, 0},
    {"Orders", 10, 1900, 0, 0},
    {"Manager", 0, 0, 0, SL_VOCAB_SURNAME},
    {"Rating", 1, 5, 1, 0},
    {"Members", 12, 640, 0, 0},
    {"Length (cm)", 10, 240, 0, 0},
    {"Country", 0, 0, 0, SL_VOCAB_COUNTRY},
    {"Points", 0, 99, 0, 0},
};

enum { N_COLUMNS = sizeof columns / sizeof *columns };

static const struct {
    sl_vocab_kind words;
    const char *thing;
} things[] = {{SL_VOCAB_PRODUCT, "Product"},       {SL_VOCAB_PERSON, "Person"}, {SL_VOCAB_COMPANY, "Company"},
              {SL_VOCAB_DEPARTMENT, "Department"}, {SL_VOCAB_ANIMAL, "Animal"}, {SL_VOCAB_SUBJECT, "Subject"}};

static void invent_column(const struct sl_synth_request *r, struct sl_table *t, int c, const struct column *k)
{
    const char *words[SL_TABLE_MAX_ROWS] = {NULL};
    t->heads[c] = k->head;
    t->numeric[c] = k->low < k->high;
    t->decimals[c] = k->decimals;
    if (!t->numeric[c]) sl_vocab_pick(r, k->words, t->n_rows, words);
    double unit = pow(10, k->decimals);
    for (int i = 0; i < t->n_rows; i++) {
        char *cell = t->cells[i][c];
        t->values[i][c] = t->numeric[c] ? round(sl_synth_real(r, k->low, k->high) * unit) / unit : 0;
        if (t->numeric[c])
            snprintf(cell, sizeof t->cells[i][c], "%.*f", k->decimals, t->values[i][c]);
        else
            snprintf(cell, sizeof t->cells[i][c], "%s", words[i]);
    }
}

void sl_table_invent(const struct sl_synth_request *r, struct sl_table *t)
{
    int order[N_COLUMNS], kind = sl_synth_int(r, 0, (int)(sizeof things / sizeof *things) - 1);
    const char *names[SL_TABLE_MAX_ROWS];
    *t = (struct sl_table){.n_rows = sl_synth_int(r, 3 + r->level, 5 + 4 * r->level),
                           .n_columns = sl_synth_int(r, 3, 4 + r->level)};
    t->thing = things[kind].thing;
    t->heads[0] = t->thing;
    sl_vocab_pick(r, things[kind].words, t->n_rows, names);
    for (int i = 0; i < t->n_rows; i++) snprintf(t->cells[i][0], sizeof t->cells[i][0], "%s", names[i]);
    do sl_synth_shuffle(r, order, N_COLUMNS);
    while (columns[order[0]].low >= columns[order[0]].high); /* at least one column has numbers */
    for (int c = 1; c < t->n_columns; c++) invent_column(r, t, c, &columns[order[c - 1]]);
}

static json_t *rows_of(const struct sl_table *t)
{
    json_t *rows = json_array(), *head = json_array();
    for (int c = 0; c < t->n_columns; c++) json_array_append_new(head, json_string(t->heads[c]));
    json_array_append_new(rows, head);
    for (int i = 0; i < t->n_rows; i++) {
        json_t *row = json_array();
        for (int c = 0; c < t->n_columns; c++) json_array_append_new(row, json_string(t->cells[i][c]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static void ask_whole(const struct sl_synth_request *r, const struct sl_table *t, sl_say_format format,
                      struct sl_synth_sample *s)
{
    static const char *const phrases[] = {"Convert the table to {format}.",
                                          "Write this table in {format}.",
                                          "Transcribe the picture's table as {format}.",
                                          "Give the {format} code of the table.",
                                          "Which {format} makes this table?",
                                          NULL};
    static const char *const names[] = {"HTML", "Markdown", "LaTeX"};
    sl_say_question(r, s, phrases, (struct sl_vocab_slot[]){{"format", names[format]}, {NULL, NULL}});
    sl_say_table(s, rows_of(t), format, false);
}

/* A random column of numbers. */
static int numbers(const struct sl_synth_request *r, const struct sl_table *t)
{
    int c = sl_synth_int(r, 1, t->n_columns - 1);
    while (!t->numeric[c]) c = c % (t->n_columns - 1) + 1;
    return c;
}

static void ask_cell(const struct sl_synth_request *r, const struct sl_table *t, struct sl_synth_sample *s)
{
    static const char *const phrases[] = {"What is the {column} of {row}?",
                                          "Read {column} in the row of {row}.",
                                          "Which {column} does the table give for {row}?",
                                          "{row}: what stands under {column}?",
                                          "Look up {row} and give its {column}.",
                                          NULL};
    int c = sl_synth_int(r, 1, t->n_columns - 1), i = sl_synth_int(r, 0, t->n_rows - 1);
    sl_say_question(r, s, phrases,
                    (struct sl_vocab_slot[]){{"column", t->heads[c]}, {"row", t->cells[i][0]}, {NULL, NULL}});
    sl_synth_think(s, "The row of %s is number %d below the heading, %s is column %d. There it says %s.",
                   t->cells[i][0], i + 1, t->heads[c], c + 1, t->cells[i][c]);
    if (t->numeric[c])
        sl_say_number(s, t->values[i][c], t->decimals[c], 0);
    else
        sl_say_text(s, t->cells[i][c]);
}

/* A row by a cell of it, or all of a row. */
static bool ask_row(const struct sl_synth_request *r, const struct sl_table *t, struct sl_synth_sample *s)
{
    static const char *const by_cell[] = {"Which {thing} has the {column} {cell}?", "Whose {column} is {cell}?",
                                          "Name the {thing} in the row where {column} is {cell}.",
                                          "{cell} under {column}: in the row of which {thing}?", NULL};
    static const char *const whole[] = {"Copy the row of {row}, cells separated by \" | \".",
                                        "Give all cells of the row {row}, with \" | \" between them.",
                                        "What does the row of {row} say? Separate its cells by \" | \".",
                                        "Read the row of {row} aloud, cell by cell, separated by \" | \".", NULL};
    int c = sl_synth_int(r, 1, t->n_columns - 1), i = sl_synth_int(r, 0, t->n_rows - 1);
    const struct sl_vocab_slot slots[] = {
        {"thing", t->thing}, {"column", t->heads[c]}, {"cell", t->cells[i][c]}, {"row", t->cells[i][0]}, {NULL, NULL}};
    if (sl_synth_chance(r, 0.4)) {
        struct sl_buf text = SL_BUF_INIT(1024);
        sl_say_question(r, s, whole, slots);
        for (int k = 0; k < t->n_columns; k++) sl_buf_addf(&text, "%s%s", k ? " | " : "", t->cells[i][k]);
        sl_say_text(s, sl_buf_str(&text));
        sl_buf_release(&text);
        return true;
    }
    for (int k = 0; k < t->n_rows; k++)
        if (k != i && strcmp(t->cells[k][c], t->cells[i][c]) == 0) return false;
    sl_say_question(r, s, by_cell, slots);
    sl_synth_think(s, "Going down %s, %s stands in row %d, which is %s.", t->heads[c], t->cells[i][c], i + 1,
                   t->cells[i][0]);
    sl_say_text(s, t->cells[i][0]);
    sl_say_chance(s, t->n_rows);
    return true;
}

static void think_column(const struct sl_table *t, int c, struct sl_synth_sample *s)
{
    sl_synth_think(s, "%s:", t->heads[c]);
    for (int i = 0; i < t->n_rows; i++) sl_synth_think(s, "%s %s %s", i ? "," : "", t->cells[i][0], t->cells[i][c]);
    sl_synth_think(s, ". ");
}

static void ask_sum(const struct sl_synth_request *r, const struct sl_table *t, struct sl_synth_sample *s)
{
    static const char *const phrases[2][5] = {
        {"What is the sum of {column}?", "Add up the column {column}.", "Total the numbers under {column}.",
         "How much is {column} over all rows together?", NULL},
        {"What is the mean of {column}?", "Average the column {column}.",
         "Give the average of the numbers under {column}.", "How much is {column} on average over the rows?", NULL}};
    int c = numbers(r, t), mean = sl_synth_chance(r, 0.5);
    double sum = 0;
    for (int i = 0; i < t->n_rows; i++) sum += t->values[i][c];
    sl_say_question(r, s, phrases[mean], (struct sl_vocab_slot[]){{"column", t->heads[c]}, {NULL, NULL}});
    think_column(t, c, s);
    sl_synth_think(s, "The sum is %.*f.", t->decimals[c], sum);
    if (mean) sl_synth_think(s, " Divided by %d rows: %.2f.", t->n_rows, sum / t->n_rows);
    sl_say_number(s, mean ? sum / t->n_rows : sum, mean ? 2 : t->decimals[c], 0);
}

static bool ask_extreme(const struct sl_synth_request *r, const struct sl_table *t, struct sl_synth_sample *s)
{
    static const char *const phrases[2][5] = {
        {"Which {thing} has the lowest {column}?", "Where is {column} smallest? Name the {thing}.",
         "Name the {thing} with the least {column}.", "{thing} of the minimum of {column}?", NULL},
        {"Which {thing} has the highest {column}?", "Where is {column} largest? Name the {thing}.",
         "Name the {thing} with the most {column}.", "{thing} of the maximum of {column}?", NULL}};
    int c = numbers(r, t), high = sl_synth_chance(r, 0.5), best = 0, equal = 0;
    for (int i = 1; i < t->n_rows; i++)
        if (high ? t->values[i][c] > t->values[best][c] : t->values[i][c] < t->values[best][c]) best = i;
    for (int i = 0; i < t->n_rows; i++) equal += t->values[i][c] == t->values[best][c];
    if (equal > 1) return false;
    sl_say_question(r, s, phrases[high],
                    (struct sl_vocab_slot[]){{"column", t->heads[c]}, {"thing", t->thing}, {NULL, NULL}});
    think_column(t, c, s);
    sl_synth_think(s, "The %s is %s, of %s.", high ? "largest" : "smallest", t->cells[best][c], t->cells[best][0]);
    sl_say_text(s, t->cells[best][0]);
    sl_say_chance(s, t->n_rows);
    return true;
}

static void ask_above(const struct sl_synth_request *r, const struct sl_table *t, struct sl_synth_sample *s)
{
    static const char *const phrases[2][5] = {
        {"In how many rows is {column} below {limit}?", "Count the rows with {column} under {limit}.",
         "How many rows have less than {limit} as {column}?", "Number of rows where {column} is smaller than {limit}?",
         NULL},
        {"In how many rows is {column} above {limit}?", "Count the rows with {column} over {limit}.",
         "How many rows have more than {limit} as {column}?", "Number of rows where {column} is larger than {limit}?",
         NULL}};
    int c = numbers(r, t), above = sl_synth_chance(r, 0.5), n = 0;
    int i = sl_synth_int(r, 0, t->n_rows - 1); /* a limit that occurs makes every count as likely */
    struct sl_buf limit = SL_BUF_INIT(64);
    sl_buf_addstr(&limit, t->cells[i][c]);
    for (int k = 0; k < t->n_rows; k++)
        n += above ? t->values[k][c] > t->values[i][c] : t->values[k][c] < t->values[i][c];
    sl_say_question(r, s, phrases[above],
                    (struct sl_vocab_slot[]){{"column", t->heads[c]}, {"limit", sl_buf_str(&limit)}, {NULL, NULL}});
    think_column(t, c, s);
    sl_synth_think(s, "%d of them are %s %s.", n, above ? "above" : "below", sl_buf_str(&limit));
    sl_say_count(s, n);
    sl_say_chance(s, t->n_rows);
    sl_buf_release(&limit);
}

bool sl_table_ask(const struct sl_synth_request *r, const struct sl_table *t, sl_table_task task,
                  struct sl_synth_sample *s)
{
    switch (task) {
    case SL_TABLE_CELL:
        ask_cell(r, t, s);
        return true;
    case SL_TABLE_ROW:
        return ask_row(r, t, s);
    case SL_TABLE_AGGREGATE:
        break;
    default:
        ask_whole(r, t, (sl_say_format)task, s);
        return true;
    }
    switch (sl_synth_int(r, 0, 2)) {
    case 0:
        ask_sum(r, t, s);
        return true;
    case 1:
        ask_above(r, t, s);
        return true;
    default:
        return ask_extreme(r, t, s);
    }
}
