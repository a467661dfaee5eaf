/*
 * mixture_parts.h: what the two files of a mixture share.
 */
#ifndef SL_DATA_MIXTURE_PARTS_H
#define SL_DATA_MIXTURE_PARTS_H

#include "base/json.h"
#include "data/mixture.h"

struct sl_mixture_member {
    struct sl_source *source; /* owned */
    double weight;            /* over 0 */
    double epochs;            /* limit; 0: none */
    uint64_t n_drawn;         /* since the set of sources that go on was last changed */
    int n_barren;             /* epochs ended since the last sample */
    bool done;
};

struct sl_mixture {
    uint64_t seed;
    struct sl_mixture_member *members; /* (n), owned */
    int n;
};

/* Makes a mixture without sources into *out, owned. */
sl_status sl_mixture_new(uint64_t seed, struct sl_mixture **out, sl_error *err);

#endif
