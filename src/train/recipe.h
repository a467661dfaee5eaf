/*
 * recipe.h: what a person writes down to train a stage: a YAML file, read into one struct and checked as a whole.
 *
 * docs/TRAINING.md lists the keys. A recipe is a stage, or a pipeline: a list of stages run one after the other. What
 * is not given comes from the stage's defaults; unknown keys are errors.
 */
#ifndef SL_TRAIN_RECIPE_H
#define SL_TRAIN_RECIPE_H

#include "train/objective.h"
#include "train/schedule.h"
#include "train/trainer.h"

/* Strings and JSON are borrowed from the tree that was read, which sl_train_recipe owns. */
typedef struct sl_train_recipe {
    json_t *tree; /* owned: the file with its overrides */
    const char *path;
    const sl_objective *objective;
    const char *model;     /* a named configuration; NULL: that of what it starts from */
    const char *tokenizer; /* tokenizer.json or its folder; NULL: that of what it starts from */
    /* Where the first weights come from: checkpoint or run folders, or NULL. */
    const char *init_model, *init_vit, *init_decoder;
    bool init_optimizer; /* carry AdamW's moments over from init_model, a run's folder */
    sl_lora_config lora; /* rank 0: none; its base is init_model */
    bool lora_merge;     /* the run leaves a whole model with the adapter's change in it */
    uint64_t seed;
    sl_trainer_options trainer;
    bool f32;

    int64_t steps;           /* 0: by epochs */
    double epochs;           /* of the data; 0: as often as the steps need */
    int sequences;           /* a step, over all ranks */
    int64_t tokens, patches; /* of a sequence at most */
    sl_schedule schedule;
    int64_t warmup_steps; /* or -1: schedule.warmup says it */
    float router_bias_rate;
    double router_aux_loss; /* below 0: as the configuration says */

    const char *data_folder;              /* relative data paths start here */
    const json_t *train_data, *eval_data; /* a path, or an object with sources; eval may be NULL */
    int lanes, workers, look_ahead;
    int64_t memory_bytes;
    float loss_power;
    bool shuffle;

    int64_t eval_every; /* steps; 0: at the end only */
    int eval_sequences, eval_answers, eval_answer_tokens, eval_samples;
    int64_t log_every;
    int64_t save_every; /* steps; 0: at the end only */
    int save_keep;
    double spike;                    /* a gradient norm over so many times its running mean is a spike; 0: none is */
    int patience;                    /* bad steps in a row before going back */
    int max_returns;                 /* times to go back before giving up */
    const json_t *objective_options; /* or NULL */
} sl_train_recipe;

/*
 * Reads a stage's recipe from tree (borrowed; the recipe keeps a reference), which came from path (borrowed). Errors
 * name path and key.
 */
sl_status sl_train_recipe_read(const char *path, json_t *tree, sl_train_recipe *out, sl_error *err);
void sl_train_recipe_release(sl_train_recipe *r);

#endif
