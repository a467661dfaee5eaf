/*
 * mim_teacher.h: who tells the stage vit-mim what the hidden patches should look like (docs/MODEL.md, section 11).
 *
 * A checkpoint's vision tower, which stays as it is; or, where there is none, an exponential moving average of the
 * student. The average's features are standardised as in data2vec (arXiv 2202.03555): over the patches of a picture
 * each feature of each of its last layers has mean 0 and deviation 1, and the layers are averaged. What is the same in
 * all places of a picture can then be no target. (Standardised over all pictures instead, the tower soon says nothing
 * but which picture it is: docs/TRAINING.md.)
 */
#ifndef SL_TRAIN_MIM_TEACHER_H
#define SL_TRAIN_MIM_TEACHER_H

#include "model/pretrain.h"

typedef struct sl_mim_teacher_options {
    const char *folder; /* a checkpoint, borrowed; NULL: the student's average */
    double momentum;    /* of the average */
    int layers;         /* the average's last blocks whose outputs are averaged into targets; 0: half of them */
} sl_mim_teacher_options;

typedef struct sl_mim_teacher sl_mim_teacher;

/* Makes the teacher of student (borrowed), owned by the caller. */
sl_status sl_mim_teacher_new(const sl_model *student, const sl_mim_teacher_options *o, sl_mim_teacher **out,
                             sl_error *err);
void sl_mim_teacher_free(sl_mim_teacher *t);

/* What the teacher makes of the hidden patches, (n_masked, its hidden size), in ctx's arenas; NULL when it failed. */
float *sl_mim_teacher_targets(sl_mim_teacher *t, sl_ctx *ctx, const sl_batch *b, const sl_patch_mask *mask);

/* After an update: the average follows the student. */
void sl_mim_teacher_follow(sl_mim_teacher *t);

/* Calls visit for each array that a checkpoint must hold; none with a teacher's checkpoint. */
void sl_mim_teacher_visit(sl_mim_teacher *t, void (*visit)(void *arg, const char *name, float *values, int64_t n),
                          void *arg);

#endif
