/*
 * jsonl.h: files of JSON rows (one a line, or one array of them), and what a row means.
 */
#ifndef SL_DATA_JSONL_H
#define SL_DATA_JSONL_H

#include "data/row.h"
#include "data/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the rows of a file as its bytes go by. Start with {.rows = ...}, an empty list to fill. */
struct sl_jsonl_scan {
    struct sl_offsets *rows;
    bool begun;     /* the first byte that is not white space was met */
    bool array;     /* it was '[': rows are the elements of one array */
    bool in_row;    /* past the first byte of a row */
    bool in_string; /* array: inside quotes */
    bool escaped;   /* array: after a backslash there */
    bool done;      /* array: its ']' was met */
    int64_t depth;  /* array: brackets open inside the row */
};

/* An sl_scan_fn over a struct sl_jsonl_scan; after the last chunk rows->end is right. Empty lines are no rows. */
sl_status sl_jsonl_scan(void *scan, const char *bytes, size_t n, uint64_t at, sl_error *err);

/* Returns the length of a row's text without the white space, and in an array the comma, that follow it. */
size_t sl_jsonl_trim(const char *text, size_t n, bool array);

/*
 * Fills a begun row from one JSON object: our own schema, or one that foreign.h knows (docs/DATA.md has them all). Any
 * failure is left in the row; the caller finishes it.
 */
void sl_json_row(struct sl_row *row, const char *text, size_t n);

/* The same from an object that was parsed already; borrowed for the call. */
void sl_json_row_object(struct sl_row *row, const json_t *object);

#endif
