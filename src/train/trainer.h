/*
 * trainer.h: one model being trained: gradients, AdamW moments and the work space of a step.
 *
 * A step is any number of sl_trainer_accumulate, each forward and backward on one batch, then sl_trainer_update.
 * All memory is reserved when the trainer is made; a step allocates nothing. One thread owns a trainer.
 */
#ifndef SL_TRAIN_TRAINER_H
#define SL_TRAIN_TRAINER_H

#include "model/model.h"

typedef struct sl_trainer_options {
    sl_dtype dt;        /* SL_BF16 or SL_F32: activations and products */
    unsigned trainable; /* mask of modules */
    bool recompute;     /* blocks keep their input only and run again in backward */
    float beta1, beta2, eps, weight_decay;
    float clip_norm; /* global gradient norm; 0: no clipping */
} sl_trainer_options;

/* The report's optimizer (AdamW 0.9, 0.95, weight decay 0.1), clipping at 1, everything trained in bf16. */
void sl_trainer_defaults(sl_trainer_options *o);

typedef struct sl_trainer {
    sl_model *model;
    sl_trainer_options options;
    struct sl_arena moments; /* first and second moments of every trained row, in table order */
    sl_workspace work;
    sl_tape tape;
    int64_t step;      /* updates made */
    int n_accumulated; /* batches since the last update */
} sl_trainer;

/*
 * Makes a trainer with initial weights from seed. ops is borrowed. dry: nothing is committed and steps only count
 * memory and FLOPs. Release with sl_trainer_free.
 */
sl_status sl_trainer_new(const sl_config *config, const sl_ops *ops, const sl_trainer_options *o, uint64_t seed,
                         bool dry, sl_trainer **out, sl_error *err);
void sl_trainer_free(sl_trainer *t);

/* Forward and backward on a batch with targets; *loss is its loss, *flops (or NULL) those of the forward pass. */
sl_status sl_trainer_accumulate(sl_trainer *t, const sl_batch *b, double *loss, double *flops, sl_error *err);

/*
 * One AdamW step on the mean of the accumulated gradients, clipped; packs the weights anew and clears the gradients.
 * *grad_norm (or NULL) is the norm before clipping. A norm that is not finite skips the step: *grad_norm says so.
 */
sl_status sl_trainer_update(sl_trainer *t, float lr, double *grad_norm, sl_error *err);

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
