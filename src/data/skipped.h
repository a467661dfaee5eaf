/*
 * skipped.h: what the data could not give, counted by reason and named in a file.
 *
 * Bad data never ends a run: whoever meets it adds a row here and goes on. Rows have a ceiling, counts have none. A
 * later epoch meets the same rows again: they are counted, but written only once (epoch 0). Any thread may add.
 */
#ifndef SL_DATA_SKIPPED_H
#define SL_DATA_SKIPPED_H

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

/* Why something was left out; docs/DATA.md explains each. */
typedef enum sl_skip_reason {
    SL_SKIP_BAD_JSON,      /* a line or member that is not JSON */
    SL_SKIP_BAD_ROW,       /* JSON or TSV of another shape than any known */
    SL_SKIP_EMPTY,         /* a row that says nothing */
    SL_SKIP_PLACEHOLDERS,  /* as many <image> marks as pictures are needed, and there are not */
    SL_SKIP_MISSING_MEDIA, /* a picture or video that is not there */
    SL_SKIP_UNSAFE_PATH,   /* a media path out of its folder */
    SL_SKIP_REMOTE_MEDIA,  /* a media address on the network */
    SL_SKIP_OVERSIZE,      /* larger than a ceiling */
    SL_SKIP_BAD_BASE64,
    SL_SKIP_BAD_ARCHIVE, /* a truncated or damaged tar, gzip or zstd stream: the rest of the shard */
    SL_SKIP_ENTRY_NAME,  /* a tar entry with an absolute name, with "..", or without one */
    SL_SKIP_ENTRY_KIND,  /* a tar entry that is a link, a device, a pipe or sparse */
    SL_SKIP_BAD_FILE,    /* a file of a dataset that cannot be read at all */
    SL_SKIP_BAD_MEDIA,   /* a picture or video that does not decode */
    SL_SKIP_TOO_LONG,    /* a sample longer than the sequence */
    SL_SKIP_NO_TARGET,   /* a sample without a token that carries loss */
    SL_N_SKIP_REASONS,
} sl_skip_reason;

/* Returns the reason as skipped.jsonl spells it: "bad-json", "missing-media", ... */
const char *sl_skip_reason_name(sl_skip_reason reason);

struct sl_skipped;

/*
 * Opens a log into *out, owned. Rows are appended to the file at path; NULL: only counted. At most max_rows rows are
 * written, the last of which says that more follow unwritten.
 */
sl_status sl_skipped_open(const char *path, uint64_t max_rows, struct sl_skipped **out, sl_error *err);

/* What was skipped; everything is borrowed for the call. */
struct sl_skip {
    sl_skip_reason reason;
    const char *source; /* name of the source */
    const char *key;    /* of the row, entry or file: "train.jsonl:17" */
    uint64_t epoch;     /* rows of epochs after 0 are counted only */
};

/* Counts one and writes {"source", "key", "reason", "detail"}; detail is printf-style. skipped may be NULL. */
void sl_skipped_add(struct sl_skipped *skipped, const struct sl_skip *what, const char *fmt, ...) SL_PRINTF(3, 4);

/* Returns how many were skipped for a reason so far. */
uint64_t sl_skipped_count(struct sl_skipped *skipped, sl_skip_reason reason);

/* Returns how many were skipped so far. */
uint64_t sl_skipped_total(struct sl_skipped *skipped);

/* Returns an owned object {"bad-json": 3, ...} of the reasons that occurred; NULL without memory. */
json_t *sl_skipped_counts(struct sl_skipped *skipped);

/* Closes *skipped and sets it to NULL. A row that could not be written (disk full) is reported here. */
sl_status sl_skipped_close(struct sl_skipped **skipped, sl_error *err);

#endif
