/*
 * scan.h: finding where the rows of a file begin, and reading one of them.
 *
 * Files are read rather than mapped: a file that is cut while a run goes on is then a row that fails instead of a
 * signal that ends the program. A row costs eight bytes of memory. One thread owns a list of offsets while it grows.
 */
#ifndef SL_DATA_SCAN_H
#define SL_DATA_SCAN_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of one file: row i is [at[i], at[i + 1]), the last one ends at end; what separates rows is part of them. */
struct sl_offsets {
    uint64_t *at; /* (n), owned */
    size_t n, cap;
    uint64_t end;
};

/* More rows than this are not kept: orders of rows are 32-bit. */
#define SL_MAX_ROWS ((size_t)UINT32_MAX)

/* Appends one; false without memory or past SL_MAX_ROWS. */
bool sl_offsets_add(struct sl_offsets *o, uint64_t at);

/* Releases the memory; empty again. */
void sl_offsets_release(struct sl_offsets *o);

/* Takes the n bytes of a file that begin at byte `at`; chunks come in order. A failure ends the scan. */
typedef sl_status (*sl_scan_fn)(void *state, const char *bytes, size_t n, uint64_t at, sl_error *err);

/* Gives the file at path, chunk by chunk, to fn. Errors name path. */
sl_status sl_scan_file(const char *path, sl_scan_fn fn, void *state, sl_error *err);

/*
 * Replaces out by the bytes [begin, end) of the file at path. SL_ERR_MEMORY when they are more than out's ceiling,
 * SL_ERR_IO when the file has become shorter.
 */
sl_status sl_read_span(const char *path, uint64_t begin, uint64_t end, struct sl_buf *out, sl_error *err);

#endif
