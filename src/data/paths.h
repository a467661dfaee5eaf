/*
 * paths.h: which files a dataset consists of.
 */
#ifndef SL_DATA_PATHS_H
#define SL_DATA_PATHS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { SL_MAX_SHARDS = 1 << 20 };

struct sl_path {
    char *path; /* owned */
    bool named; /* the user named this very file: that it is missing is an error, not something to skip */
};

struct sl_paths {
    struct sl_path *items; /* (n), owned */
    size_t n, cap;
};

/* The forms that a file of rows can have. */
typedef enum sl_shard_format {
    SL_SHARD_JSON, /* JSON lines, or one JSON array */
    SL_SHARD_TSV,
    SL_SHARD_TAR,        /* plain */
    SL_SHARD_COMPRESSED, /* tar behind gzip or zstd */
} sl_shard_format;

/* Returns the format of the file at path: by its name, or by its first bytes. */
sl_shard_format sl_shard_format_of(const char *path);

/*
 * Appends the files that path means, in alphabetical order: the file itself; the files of rows in a folder (not those
 * below it); what matches a glob; one a number for each range "{000..099}". Nothing at all is SL_ERR_IO.
 */
sl_status sl_paths_add(struct sl_paths *paths, const char *path, sl_error *err);

/* Releases the memory; empty again. */
void sl_paths_release(struct sl_paths *paths);

#endif
