/*
 * make.h: a recipe's samples as shards in a folder, by any number of processes.
 *
 * The training samples of a family are FOLDER/FAMILY-000000.tar and on, the held-out ones FOLDER/held-out/..., so that
 * neither folder holds the other's. A shard is written whole or not at all, and its bytes follow from the recipe:
 * whoever finds it there leaves it.
 */
#ifndef SL_SYNTH_MAKE_H
#define SL_SYNTH_MAKE_H

#include "synth/recipe.h"

struct sl_make_options {
    const char *folder; /* made if need be; borrowed */
    int n_processes;    /* at least 1 */
    bool check;         /* check every sample before it is written: sl_recipe_check */
    /* Called in the first process: a family that cannot be made here, and why; NULL: in silence. */
    void (*left_out)(void *arg, const char *family, const char *reason);
    /* Called several times a second in the first process; NULL: nothing. */
    void (*progress)(void *arg, int64_t n_done, int64_t n_samples);
    void *arg;
};

/* What was done. */
struct sl_make_result {
    int64_t n_samples; /* of the recipe, without families left out */
    int64_t n_shards;  /* the same */
    int64_t n_written; /* shards that were not there before */
    bool interrupted;  /* by SIGINT or SIGTERM: what is finished stays */
};

/*
 * Makes what is missing. FOLDER/recipe.json keeps the recipe: another one in the same folder is SL_ERR_ARGUMENT, naming
 * what differs. SIGINT and SIGTERM end the work between two samples; they are blocked meanwhile. Forks: the caller has
 * no other threads. Failures of any process come back as its message.
 */
sl_status sl_make(const struct sl_recipe *r, const struct sl_make_options *o, struct sl_make_result *out,
                  sl_error *err);

#endif
