/*
 * mixture.h: several sources drawn from in fixed proportions, in one order that any number of workers sees alike.
 *
 * Which source is next is decided by Tijdeman's rule for the chairman assignment problem (Discrete Mathematics 32,
 * 1980): after every draw each source has had its share of all draws to within less than one sample. The order follows
 * from the seed and the files.
 * One thread owns a mixture.
 */
#ifndef SL_DATA_MIXTURE_H
#define SL_DATA_MIXTURE_H

#include "base/error.h"
#include "data/sample.h"
#include "data/skipped.h"
#include "data/source.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SL_MAX_SOURCES = 1024 };

struct sl_mixture_options {
    uint64_t seed;       /* of all orders; a mixture file's "seed" is added to it */
    bool shuffle;        /* false: every source in the order on disk */
    double epochs;       /* limit for sources that name none; 0: no end */
    bool check_media;    /* as in struct sl_source_options */
    int lane, n_lanes;   /* the same: mixtures of lanes 0 to n_lanes - 1 share every source's samples among them */
    bool absolute_paths; /* allow them everywhere; a mixture file may allow them for a source */
    struct sl_data_limits limits;
    struct sl_skipped *skipped; /* borrowed for the life of the mixture; may be NULL */
};

/* Fills in: seed 0, shuffled, no end, one lane, media checked, the usual limits. */
void sl_mixture_defaults(struct sl_mixture_options *o);

struct sl_mixture;

/*
 * Opens path into *out, owned: a mixture file (a JSON object with "sources", docs/DATA.md), or a dataset, which becomes
 * a mixture of one source named after it. Copies the options. Errors name the file and the key.
 */
sl_status sl_mixture_open(const char *path, const struct sl_mixture_options *o, struct sl_mixture **out, sl_error *err);

/* The same from an object like a mixture file's (borrowed for the call); relative paths start from folder. */
sl_status sl_mixture_open_json(const json_t *object, const char *folder, const struct sl_mixture_options *o,
                               struct sl_mixture **out, sl_error *err);

/* Releases *m and sets it to NULL. */
void sl_mixture_close(struct sl_mixture **m);

/* Returns the number of sources. */
int sl_mixture_sources(const struct sl_mixture *m);

/* Returns source number i, borrowed; drawing from it directly would disturb the mixture's order. */
struct sl_source *sl_mixture_source(const struct sl_mixture *m, int i);

/*
 * Draws the next sample into an initialised, empty sample; *drawn is false when every source has reached its limit of
 * epochs. Bad rows are skipped and named; they take no share. Fails only without memory.
 */
sl_status sl_mixture_next(struct sl_mixture *m, struct sl_sample *sample, bool *drawn, sl_error *err);

/* Returns the position, owned: a small JSON object from which restore goes on with the very next sample; NULL without
 * memory. */
json_t *sl_mixture_save(const struct sl_mixture *m);

/*
 * Goes to a position that save gave (borrowed). SL_ERR_ARGUMENT, and no change, when the mixture's seed, sources or
 * numbers of rows are not those it was saved with. After another failure (a damaged position) restore again or close.
 */
sl_status sl_mixture_restore(struct sl_mixture *m, const json_t *position, sl_error *err);

#endif
