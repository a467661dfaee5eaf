/*
 * tar.h: WebDataset shards: tars, plain or compressed with gzip or zstd, in which neighbouring files whose names are
 * the same up to the first dot of the last component form a sample.
 *
 * Of a plain tar the media stay where they are: a sample says at which bytes of the shard they lie. Of a compressed
 * one they are read into the sample. Entries that are not plain files with a harmless name are skipped and named; what
 * a damaged archive still gives is used. One thread owns a reader.
 */
#ifndef SL_DATA_TAR_H
#define SL_DATA_TAR_H

#include "base/error.h"
#include "data/row.h"
#include "data/sample.h"
#include "data/scan.h"
#include "data/skipped.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_tar_options {
    const struct sl_data_limits *limits; /* borrowed for the life of the reader */
    struct sl_skipped *skipped;          /* borrowed; NULL: skip in silence */
    const char *source;                  /* names the source in skipped rows; borrowed */
    uint64_t epoch;                      /* for skipped rows */
    uint64_t begin, end; /* plain: read only these bytes, which begin with a header; end 0: to the end */
};

struct sl_tar;

/* True when the file's first bytes are those of gzip or zstd. */
bool sl_tar_is_compressed(const char *path);

/* Opens the shard at path into *out, owned. That it is no tar shows when it is read. */
sl_status sl_tar_open(const char *path, const struct sl_tar_options *o, struct sl_tar **out, sl_error *err);

/* The same for a shard in memory (borrowed), called name; its media are copied. */
sl_status sl_tar_open_memory(const void *bytes, size_t n, const char *name, const struct sl_tar_options *o,
                             struct sl_tar **out, sl_error *err);

/* The files of one sample; borrowed from the reader until its next call, the members' names and bytes from the sample.
 */
struct sl_tar_group {
    const char *key;               /* what their names have in common */
    uint64_t offset;               /* plain: of the first one's header */
    struct sl_row_member *members; /* (n_members); empty when nothing is read */
    int n_members;
};

/*
 * Reads the next group. Its files' names and bytes (of a plain tar: of JSON and text only) go into memory; NULL only
 * looks where it is. *more is false at the archive's end, which a damaged one has early. Fails only without memory.
 */
sl_status sl_tar_next(struct sl_tar *t, struct sl_sample *memory, struct sl_tar_group *group, bool *more,
                      sl_error *err);

/* Closes *t and sets it to NULL. */
void sl_tar_close(struct sl_tar **t);

/* Fills rows with where the groups of the plain tar at path begin. */
sl_status sl_tar_index(const char *path, const struct sl_tar_options *o, struct sl_offsets *rows, sl_error *err);

/*
 * Fills a begun row, whose place has the group's members: from its .json, or as a caption from its .txt, or from its
 * pictures and videos alone. Failures are left in the row.
 */
void sl_tar_row(struct sl_row *row);

#endif
