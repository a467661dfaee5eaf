/*
 * answers.h: held-out questions answered greedily by the model in training, and what the answers are worth.
 *
 * A packed sample gives its question as the tokens before its first answer. The same question is asked once more
 * without its pictures (the blind baseline), and another sample's answer is scored too (the chance baseline), so that a
 * number shows what the pictures taught. One thread owns it.
 */
#ifndef SL_TRAIN_ANSWERS_H
#define SL_TRAIN_ANSWERS_H

#include "train/objective.h"

typedef struct sl_answers sl_answers;

/* Makes one for the environment (borrowed) into *out, owned; release with sl_answers_free. */
sl_status sl_answers_new(const sl_objective_env *env, sl_answers **out, sl_error *err);
void sl_answers_free(sl_answers **a);

/*
 * Answers the samples of a held-out micro-batch, up to this rank's share of env.held_out_answers in a check, in ctx
 * (without a tape; released to where it was). Adds accuracy, accuracy/FAMILY, blind/..., chance/... to tally.
 */
sl_status sl_answers_check(sl_answers *a, sl_ctx *ctx, const sl_micro_batch *b, sl_tally *tally, sl_error *err);

/* Ends a check: the next starts its count anew. */
void sl_answers_end(sl_answers *a);

#endif
