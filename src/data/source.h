/*
 * source.h: one dataset: a folder, a file or a list of shards of any format, and the order in which it is gone through.
 *
 * A source whose shards all allow random access (JSONL, JSON arrays, TSV, plain tars) is indexed when it is opened and
 * shuffled as a whole, uniformly, anew in each epoch. A source with compressed tars is streamed: the shards' order is
 * shuffled, and within a shard blocks of neighbouring samples are. Either way the order follows from seed, epoch and
 * files alone, and a position can be returned to exactly. One thread owns a source.
 */
#ifndef SL_DATA_SOURCE_H
#define SL_DATA_SOURCE_H

#include "base/error.h"
#include "data/sample.h"
#include "data/skipped.h"

#include <stdbool.h>
#include <stdint.h>

struct sl_source_options {
    const char *name;         /* names the source in samples, positions and skipped rows */
    const char *const *paths; /* (n_paths): files, folders, "{000..099}" ranges and globs */
    int n_paths;
    const char *media;      /* folder from which relative media paths start; NULL: that of the file naming them */
    const char *domain;     /* of samples that name none, or NULL */
    uint64_t seed;          /* of the shuffle */
    bool shuffle;           /* false: the order on disk */
    bool check_media;       /* find missing media files when a row is read rather than when it is decoded */
    int block_samples;      /* streamed: samples shuffled together */
    size_t block_bytes;     /* streamed: a block ends with the sample that brings it to so many bytes */
    double rebalance_below; /* domains rarer than this times the mean are repeated; 0: none */
    int rebalance_repeat;   /* so often does each of their samples occur in an epoch */
    int lane, n_lanes;      /* every n_lanes-th sample of the order, from the lane-th; 0, 1: all */
    struct sl_data_limits limits;
    struct sl_skipped *skipped; /* borrowed for the life of the source; may be NULL */
};

/*
 * Fills in: shuffled, media checked, blocks of 1024 samples or 256 MiB, no rebalancing (repeat 2 when it is switched
 * on), one lane, the usual limits.
 */
void sl_source_defaults(struct sl_source_options *o);

struct sl_source;

/*
 * Opens and indexes a source into *out, owned; copies the options. Files that cannot be read are skipped and named; no
 * file at all is an error. Rebalancing reads every row once.
 */
sl_status sl_source_open(const struct sl_source_options *o, struct sl_source **out, sl_error *err);

/* Releases *source and sets it to NULL. */
void sl_source_close(struct sl_source **source);

/* Returns the source's name; borrowed. */
const char *sl_source_name(const struct sl_source *source);

/* Returns the number of rows on disk, bad ones included; -1 when streamed. */
int64_t sl_source_rows(const struct sl_source *source);

/* Returns the number of rows in one epoch, repeats included; -1 when streamed. */
int64_t sl_source_epoch_rows(const struct sl_source *source);

/* Reads row number row on disk (0 to rows - 1; not streamed) into an initialised, empty sample. */
sl_status sl_source_read(struct sl_source *source, int64_t row, struct sl_sample *sample, sl_error *err);

/* Where a source stands: the next row to draw. */
struct sl_source_position {
    uint64_t epoch;
    uint64_t shard; /* streamed: place in the epoch's order of shards; else 0 */
    uint64_t index; /* rows drawn: from that shard, or from the epoch */
};

/* Returns the present position. */
struct sl_source_position sl_source_tell(const struct sl_source *source);

/* Goes to a position that tell gave; the start is {0}. One outside the source is SL_ERR_ARGUMENT. */
sl_status sl_source_seek(struct sl_source *source, struct sl_source_position position, sl_error *err);

/*
 * Draws the next good sample of the present epoch into an initialised, empty sample; *drawn is false when the epoch is
 * over (then the position is the start of the next). Bad rows are skipped and named. Fails only without memory.
 */
sl_status sl_source_next(struct sl_source *source, struct sl_sample *sample, bool *drawn, sl_error *err);

/* A domain of a rebalanced source. */
struct sl_domain_count {
    const char *name; /* borrowed from the source */
    uint64_t n;       /* samples on disk */
    int repeat;       /* how often each occurs in an epoch */
};

/* Returns the domains in alphabetical order and their number; NULL and 0 when the source is not rebalanced. */
const struct sl_domain_count *sl_source_domains(const struct sl_source *source, int *n);

#endif
