/*
 * shard.h: one file of rows, whatever its format: where its rows are, and one of them as a sample.
 */
#ifndef SL_DATA_SHARD_H
#define SL_DATA_SHARD_H

#include "base/buf.h"
#include "base/error.h"
#include "data/paths.h"
#include "data/row.h"
#include "data/sample.h"
#include "data/scan.h"
#include "data/skipped.h"
#include "data/tar.h"
#include "data/tsv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_shard {
    char *path;       /* owned */
    const char *file; /* its last component */
    char *folder;     /* owned; what its media paths start from */
    sl_shard_format format;
    struct sl_offsets rows; /* JSON and plain tar */
    struct sl_tsv table;    /* TSV */
    bool array;             /* JSON: one array rather than lines */
};

/* What reading rows needs besides the shard; one a thread. Zeros, then the fields up to epoch are set. */
struct sl_shard_reader {
    const char *source; /* name of the source; borrowed */
    const char *media;  /* folder from which media paths start instead of the shard's, or NULL; borrowed */
    const char *domain; /* of samples that name none, or NULL; borrowed */
    bool check_media;
    const struct sl_data_limits *limits; /* borrowed */
    struct sl_skipped *skipped;          /* borrowed, or NULL */
    uint64_t epoch;                      /* of skipped rows and samples */
    struct sl_row row;
    struct sl_buf text;
    struct sl_buf place; /* of the row read last: "FILE:ROW", in a tar "FILE:KEY" */
};

/* Releases what a reader keeps between rows. */
void sl_shard_reader_release(struct sl_shard_reader *r);

/*
 * Opens the file at path and finds its rows, of a compressed tar only when it is streamed. Entries of tars that are no
 * rows are skipped and named through the reader.
 */
sl_status sl_shard_open(const char *path, struct sl_shard_reader *r, struct sl_shard *out, sl_error *err);

/* Releases the memory; shard = {0} again. */
void sl_shard_close(struct sl_shard *shard);

/* Returns the number of rows; 0 for a compressed tar. */
size_t sl_shard_rows(const struct sl_shard *shard);

/*
 * Reads row i (not of a compressed tar) into an initialised, empty sample. A bad row is an error, and *reason says
 * under which name to skip it.
 */
sl_status sl_shard_read(const struct sl_shard *shard, size_t i, struct sl_shard_reader *r, struct sl_sample *sample,
                        sl_skip_reason *reason, sl_error *err);

/* A walk over all rows of a shard, in order. */
struct sl_shard_stream {
    const struct sl_shard *shard; /* borrowed */
    struct sl_tar *tar;           /* owned; compressed tars only */
    size_t next;                  /* number of the next row */
};

/* Starts a stream at the shard's first row; shards of any format can be streamed. */
sl_status sl_shard_stream_open(struct sl_shard_stream *s, const struct sl_shard *shard, struct sl_shard_reader *r,
                               sl_error *err);

/*
 * Reads the next good row into an initialised, empty sample; bad ones are skipped and named. *more is false at the end.
 * Fails only without memory.
 */
sl_status sl_shard_stream_next(struct sl_shard_stream *s, struct sl_shard_reader *r, struct sl_sample *sample,
                               bool *more, sl_error *err);

/* Ends a stream; s = {0} again. */
void sl_shard_stream_close(struct sl_shard_stream *s);

/* Counts and names the row that was read last as skipped. */
void sl_shard_skip(const struct sl_shard_reader *r, sl_skip_reason reason, const char *detail);

#endif
