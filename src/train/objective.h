/*
 * objective.h: how a stage plugs into the training loop: what it needs of a batch, its loss, its held-out measure.
 *
 * The loop (run.h) owns model, optimizer, data, checkpoints and logs. An objective is a table of functions that the
 * recipe's `stage` names; parameters of its own (heads, a text tower) are rows of the model's weight table in modules
 * of their own, so optimizer, checkpoints and parallelism know them already. All functions may be NULL but loss.
 *
 * Every rank calls every function equally often; micro-batches differ. An objective that needs other ranks' data uses
 * the communicator in `updated` or `held_out_end`, never in `loss` or `held_out`, which a rank may lack data for.
 */
#ifndef SL_TRAIN_OBJECTIVE_H
#define SL_TRAIN_OBJECTIVE_H

#include "base/json.h"
#include "base/log.h"
#include "comm/comm.h"
#include "data/loader.h"
#include "model/model.h"
#include "train/tally.h"

/* What an objective is opened with; borrowed for its life. */
typedef struct sl_objective_env {
    sl_model *model; /* with its initial or loaded weights */
    sl_comm *comm;
    const struct sl_tokenizer *tokenizer;
    const json_t *options; /* the recipe's `objective` object; NULL: none. Unknown keys are the objective's to refuse */
    uint64_t seed;
    int64_t max_tokens;     /* of a sequence */
    int held_out_answers;   /* questions to answer greedily in a held-out check, over all ranks */
    int max_answer_tokens;  /* of each */
    int answer_samples;     /* answers to show in the log */
    float router_bias_rate; /* step of the experts' selection bias; 0: fixed */
    const struct sl_log *log;
} sl_objective_env;

/* One packed sequence. */
typedef struct sl_micro_batch {
    const struct sl_loader_batch *data; /* as the loader made it, with samples[] */
    /* The same as the model reads it. loss_weights are the data's divided by env.max_tokens: not normalised. */
    const sl_batch *batch;
    uint64_t number; /* of this sequence in the run: the same for any number of ranks; seeds what is random */
    int64_t step;
} sl_micro_batch;

/* What a micro-batch adds to the step. */
typedef struct sl_loss {
    double sum;    /* of the weighted terms; its gradient was added to the weights' */
    double weight; /* of the terms: the step's loss and gradient are the sums over all micro-batches divided by it */
} sl_loss;

typedef struct sl_objective {
    const char *name;  /* as in `stage: NAME` */
    unsigned modules;  /* mask of modules that exist in this stage; 0: all that the configuration has */
    unsigned trains;   /* mask of modules trained unless the recipe says otherwise */
    bool need_targets; /* the loader skips samples without a token that carries loss */

    /* Changes the configuration before the model is made (adds heads), by the recipe's options; refuses what cannot be.
     */
    sl_status (*configure)(sl_config *c, const json_t *options, sl_error *err);

    /* Makes the objective's state (owned; NULL is a state too). */
    sl_status (*open)(const sl_objective_env *env, void **state, sl_error *err);
    void (*close)(void *state);

    /*
     * The loss of a micro-batch: forward in ctx, which has a tape, then backward, whose gradients are those of
     * out->sum. Adds what should be logged to tally. A micro-batch that has nothing for this objective gives zeros.
     */
    sl_status (*loss)(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_loss *out, sl_tally *tally, sl_error *err);

    /* After an update (not after a skipped step): moving averages, balancing of experts. */
    sl_status (*updated)(void *state, int64_t step, sl_tally *tally, sl_error *err);

    /* A held-out micro-batch: forward in ctx, which has no tape; adds its measures to tally. */
    sl_status (*held_out)(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_tally *tally, sl_error *err);

    /* After the last held-out micro-batch of a check: measures over all of them. */
    sl_status (*held_out_end)(void *state, sl_ctx *ctx, sl_tally *tally, sl_error *err);

    /*
     * State beyond the weight table (a moving average of it) as named f32 arrays, so that a checkpoint can hold it:
     * calls visit for each, in the same order every time. The loop copies out when saving and in when resuming.
     */
    void (*visit_state)(void *state, void (*visit)(void *arg, const char *name, float *values, int64_t n), void *arg);

    const char *measure; /* the tally's name for the best checkpoint: "loss", "accuracy" */
    bool measure_falls;  /* smaller is better */
} sl_objective;

/* Returns the objective of that stage, or NULL with an error that names the nearest. */
const sl_objective *sl_objective_find(const char *name, sl_error *err);

/* Language modelling: text alone, adapter alone, everything, long sequences, instruction tuning (objective_lm.c). */
extern const sl_objective sl_objective_text, sl_objective_stage0, sl_objective_stage1, sl_objective_stage2,
    sl_objective_sft;

/* Seed-ViT's own pretraining: masked patches, pictures and captions, and videos, sounds and captions. */
extern const sl_objective sl_objective_vit_mim, sl_objective_vit_contrastive, sl_objective_vit_omni;

#endif
