/*
 * recipe.h: what a data set is made of: families, tasks, levels, sizes and counts, read from YAML; and its samples by
 * number. docs/SYNTH.md lists the keys. Nothing changes a recipe after it was read: any thread.
 */
#ifndef SL_SYNTH_RECIPE_H
#define SL_SYNTH_RECIPE_H

#include "synth/sample.h"

enum { SL_RECIPE_MAX_TASKS = 64, SL_RECIPE_MAX_LEVELS = 16, SL_RECIPE_MAX_FAMILIES = 32 };

/* A family's part of a recipe. */
struct sl_recipe_family {
    const struct sl_synth_family *family; /* static */
    double weight;                        /* share of the samples that no family counts for itself */
    int64_t n_samples[SL_N_SYNTH_SPLITS];
    double thinking;                            /* share of samples with their reasoning written */
    double task_weights[SL_RECIPE_MAX_TASKS];   /* sum > 0 */
    double level_weights[SL_RECIPE_MAX_LEVELS]; /* sum > 0 */
    int width[2], height[2];                    /* least and most; 0: the family's own choice */
};

struct sl_recipe {
    uint64_t seed;
    int64_t shard_size; /* samples a shard */
    struct sl_recipe_family families[SL_RECIPE_MAX_FAMILIES];
    int n_families;
    json_t *resolved; /* owned: a recipe with every key; equal ones, made_by included, make the same samples */
};

/* Reads a recipe from a tree of YAML or JSON. Errors name the key; unknown ones the nearest valid. */
sl_status sl_recipe_read(const json_t *tree, struct sl_recipe *out, sl_error *err);

/* Releases the memory. */
void sl_recipe_release(struct sl_recipe *r);

/* Which sample of a recipe. */
struct sl_recipe_place {
    int family; /* index into the recipe's families */
    sl_synth_split split;
    int64_t number; /* from 0 */
};

enum { SL_RECIPE_MAX_KEY = 80 };

/* A sample with what was asked for. */
struct sl_recipe_sample {
    struct sl_synth_sample sample; /* released by the caller, also on an error */
    struct sl_synth_row row;
    char key[SL_RECIPE_MAX_KEY]; /* "scenes-000017" or "scenes-held-000017": what row.key points to */
};

/*
 * Makes the sample into *out; state is of the family's open. It follows from the recipe and the place alone. Errors
 * name the sample.
 */
sl_status sl_recipe_make(const struct sl_recipe *r, const struct sl_recipe_place *at, void *state,
                         struct sl_recipe_sample *out, sl_error *err);

/*
 * Checks a sample that sl_recipe_make made (sl_synth_validate), its family's second rendering included. Errors name the
 * sample and what disagrees.
 */
sl_status sl_recipe_check(const struct sl_recipe *r, const struct sl_recipe_place *at, void *state,
                          const struct sl_recipe_sample *made, sl_error *err);

#endif
