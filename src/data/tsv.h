/*
 * tsv.h: the tab-separated files in which public benchmarks are handed out: a header line, then a question a row, with
 * its pictures as base64 text.
 *
 * Fields follow the rules of CSV with tabs: one that begins with a quote ends at the next single quote mark and may
 * hold tabs and line ends. docs/DATA.md has the columns. A table only reads once it was scanned; one thread owns it.
 */
#ifndef SL_DATA_TSV_H
#define SL_DATA_TSV_H

#include "base/buf.h"
#include "base/error.h"
#include "data/row.h"
#include "data/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SL_TSV_MAX_COLUMNS = 256 };

/* A row's "index", to find the row that another one borrows its picture from. */
struct sl_tsv_name {
    uint64_t hash;
    uint32_t row;
};

struct sl_tsv {
    struct sl_offsets rows; /* without the header */
    struct sl_buf header;   /* its line, cut into NUL-terminated names */
    const char **columns;   /* (n_columns): into header; owned */
    int n_columns;
    int index, image, image_path, video_path, question, hint, answer, category; /* columns; -1: none */
    struct sl_tsv_name *names; /* (n_names), sorted; empty without an index column */
    size_t n_names, cap_names;
};

/* Finds the rows of a file as its bytes go by. Start with {.table = ..., .max_row_bytes = ...}, an empty table. */
struct sl_tsv_scan {
    struct sl_tsv *table;
    size_t max_row_bytes;
    bool has_header;
    bool in_row;
    bool in_field; /* past the first byte of a field */
    bool in_quotes;
    bool quote;    /* a quote mark just met in quotes: the end, or half of a doubled one */
    int column;    /* of the present field */
    uint64_t hash; /* of the index field so far */
    uint64_t row_at;
};

/* An sl_scan_fn over a struct sl_tsv_scan. A header that names no known column is SL_ERR_FORMAT. */
sl_status sl_tsv_scan(void *scan, const char *bytes, size_t n, uint64_t at, sl_error *err);

/* Ends a scan: after it the table is ready. A file without a header is SL_ERR_FORMAT. */
sl_status sl_tsv_scan_end(struct sl_tsv_scan *s, sl_error *err);

/* Where other rows are to be had. */
struct sl_tsv_lookup {
    bool (*read)(void *user, uint32_t row, struct sl_buf *out); /* replaces out by a row's text; false: it cannot */
    void *user;
};

/*
 * Fills a begun row from the n bytes of a row's text, which it changes; text[n] must be writable. lookup serves
 * pictures borrowed from other rows; NULL: there are none to borrow from.
 */
void sl_tsv_row(const struct sl_tsv *table, char *text, size_t n, const struct sl_tsv_lookup *lookup,
                struct sl_row *row);

/* Releases the memory; empty again. */
void sl_tsv_release(struct sl_tsv *table);

#endif
