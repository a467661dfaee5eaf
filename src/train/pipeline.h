/*
 * pipeline.h: a recipe file as the list of runs that it asks for: one stage, or several that start from each other.
 */
#ifndef SL_TRAIN_PIPELINE_H
#define SL_TRAIN_PIPELINE_H

#include "train/recipe.h"

enum { SL_MAX_STAGES = 64 };

typedef struct sl_stage {
    char *name;   /* owned; NULL for a recipe of one stage */
    char *path;   /* owned: the recipe's file */
    char *out;    /* owned: the run's folder */
    bool skipped; /* the pipeline's `skip` names it: not run, and its recipe not read */
    sl_train_recipe recipe;
} sl_stage;

typedef struct sl_pipeline {
    sl_stage *stages; /* owned */
    int n;
} sl_pipeline;

/*
 * Reads the recipe at path, a stage or a pipeline, with overrides "KEY=VALUE" (of a pipeline's stage:
 * "STAGE.KEY=VALUE"; "skip=[STAGE]" is the pipeline's own; else they hold for all of its stages). Runs go to out, a
 * pipeline's to out/STAGE. Every stage is read and checked before this returns. Release with sl_pipeline_release, also
 * after a failure.
 */
sl_status sl_pipeline_read(const char *path, const char *out, const char *const *sets, int n_sets, sl_pipeline *p,
                           sl_error *err);
void sl_pipeline_release(sl_pipeline *p);

#endif
