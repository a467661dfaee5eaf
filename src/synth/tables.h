/*
 * tables.h: the parts of the family "tables": what a table holds, and asking about it.
 */
#ifndef SL_SYNTH_TABLES_H
#define SL_SYNTH_TABLES_H

#include "synth/board.h"

enum { SL_TABLE_MAX_ROWS = 14, SL_TABLE_MAX_COLUMNS = 7 };

/* A table: the first column has different names, the others numbers or words. */
struct sl_table {
    int n_rows, n_columns; /* without the heading */
    const char *thing;     /* what a row is */
    const char *heads[SL_TABLE_MAX_COLUMNS];
    bool numeric[SL_TABLE_MAX_COLUMNS];
    int decimals[SL_TABLE_MAX_COLUMNS];
    double values[SL_TABLE_MAX_ROWS][SL_TABLE_MAX_COLUMNS];
    char cells[SL_TABLE_MAX_ROWS][SL_TABLE_MAX_COLUMNS][32]; /* as printed */
};

/* Tasks of the family, in the order of its table of names. */
typedef enum sl_table_task {
    SL_TABLE_HTML,
    SL_TABLE_MARKDOWN,
    SL_TABLE_LATEX,
    SL_TABLE_CELL,
    SL_TABLE_ROW,
    SL_TABLE_AGGREGATE,
    SL_N_TABLE_TASKS
} sl_table_task;

/* Makes a table for the request's level. */
void sl_table_invent(const struct sl_synth_request *r, struct sl_table *t);

/* Adds question, reasoning, answer and truth; false, with s unchanged, when this table has no clear answer. */
bool sl_table_ask(const struct sl_synth_request *r, const struct sl_table *t, sl_table_task task,
                  struct sl_synth_sample *s);

#endif
