/*
 * trainer.h: one model being trained: gradients, AdamW moments and the work space of a step.
 *
 * A step is any number of micro-batches, each forward and backward between sl_trainer_begin and sl_trainer_end, then
 * sl_trainer_reduce, which all ranks do together, and sl_trainer_apply or sl_trainer_skip. All memory is reserved when
 * the trainer is made; a step allocates nothing. One thread owns a trainer.
 *
 * Several ranks share the optimizer (ZeRO stage 1, arXiv 1910.02054): every tensor is cut into one block for each rank,
 * which sums that block's gradients, keeps its moments and steps it; then the blocks are gathered everywhere.
 */
#ifndef SL_TRAIN_TRAINER_H
#define SL_TRAIN_TRAINER_H

#include "comm/comm.h"
#include "model/model.h"

typedef struct sl_trainer_options {
    sl_dtype dt;        /* SL_BF16 or SL_F32: activations and products */
    unsigned modules;   /* mask of modules that exist; 0: all */
    unsigned trainable; /* mask of modules */
    bool recompute;     /* blocks keep their input only and run again in backward */
    float beta1, beta2, eps, weight_decay;
    float clip_norm;              /* global gradient norm; 0: no clipping */
    float lr_scale[SL_N_MODULES]; /* of each module's learning rate */
    sl_comm *comm;                /* borrowed; NULL: this process alone */
} sl_trainer_options;

/* The report's optimizer (AdamW 0.9, 0.95, weight decay 0.1), clipping at 1, everything trained in bf16 at one rate. */
void sl_trainer_defaults(sl_trainer_options *o);

typedef struct sl_trainer {
    sl_model *model;
    sl_trainer_options options;
    struct sl_arena moments; /* this rank's first and second moments of every trained row, in table order */
    sl_workspace work;
    sl_tape tape;
    int64_t step;          /* updates made */
    int n_accumulated;     /* micro-batches since the last update */
    double loss, weight;   /* their sums */
    double flops;          /* of their forward passes */
    double backward_flops; /* of the gradients that what is trained needs */
    double grad_scale;     /* set by sl_trainer_reduce: averaging and clipping in one factor */
} sl_trainer;

/*
 * Makes a trainer with initial weights from seed. ops is borrowed. dry: nothing is committed and steps only count
 * memory and FLOPs. Release with sl_trainer_free.
 */
sl_status sl_trainer_new(const sl_config *config, const sl_ops *ops, const sl_trainer_options *o, uint64_t seed,
                         bool dry, sl_trainer **out, sl_error *err);
void sl_trainer_free(sl_trainer *t);

/* Begins a micro-batch: returns the context, emptied, with a tape. */
sl_ctx *sl_trainer_begin(sl_trainer *t);

/* Ends it: its loss is sum, whose gradients were added to the weights', of terms that weigh weight together. */
void sl_trainer_end(sl_trainer *t, double sum, double weight);

/* Returns the context, emptied, without a tape: for held-out data. */
sl_ctx *sl_trainer_begin_forward(sl_trainer *t);

/* What a step found. */
typedef struct sl_step {
    double loss;      /* mean over all micro-batches of all ranks */
    double weight;    /* of all terms; 0: there was nothing to learn from, and the step must be skipped */
    double grad_norm; /* of the mean's gradient, before clipping; not finite: the step must be skipped */
} sl_step;

/* Adds up gradients and losses over micro-batches and ranks. A collective. */
void sl_trainer_reduce(sl_trainer *t, sl_step *out);

/* After a reduce: one AdamW step with the clipped gradient; packs the weights anew and clears the gradients. */
void sl_trainer_apply(sl_trainer *t, float lr);

/* After a reduce: clears the gradients. */
void sl_trainer_skip(sl_trainer *t);

/* The whole of a micro-batch of language modelling: *loss is its loss, *flops (or NULL) those of the forward pass. */
sl_status sl_trainer_accumulate(sl_trainer *t, const sl_batch *b, double *loss, double *flops, sl_error *err);

/* Reduce, then apply, or skip when there is nothing finite to apply; *grad_norm (or NULL) is the norm. */
sl_status sl_trainer_update(sl_trainer *t, float lr, double *grad_norm, sl_error *err);

/* Copies the moments of all ranks (each (numel of the trained rows), table order) into m and v of rank 0 (NULL
 * elsewhere) or out of every rank's. Collectives: both are called by all ranks. */
void sl_trainer_get_moments(const sl_trainer *t, float *m, float *v);
void sl_trainer_set_moments(sl_trainer *t, const float *m, const float *v);

/* Elements of all trained rows together. */
int64_t sl_trainer_numel(const sl_trainer *t);

/* Bytes that training takes: known before anything is committed, by a dry run of one batch. */
typedef struct sl_train_memory {
    size_t weights;     /* f32 masters, gradients, packed copies */
    size_t moments;     /* AdamW */
    size_t activations; /* work space of one accumulate, at its peak */
    size_t scratch;     /* of the kernels */
    double forward_flops;
} sl_train_memory;

/* Plans a step on batches shaped like b. ops is used for sizes only. */
sl_status sl_train_plan(const sl_config *config, const sl_ops *ops, const sl_trainer_options *o, const sl_batch *b,
                        sl_train_memory *out, sl_error *err);

#endif
