/*
 * checkpoint_parts.h: what writing (saver.c) and reading (checkpoint.c) share.
 */
#ifndef SL_TRAIN_CHECKPOINT_PARTS_H
#define SL_TRAIN_CHECKPOINT_PARTS_H

#define SL_CHECKPOINT_FOLDER "checkpoints"
#define SL_CHECKPOINT_STATE "training.json"
#define SL_CHECKPOINT_OPTIMIZER "optimizer.safetensors"

/* The prefixes of tensors in the optimizer's file. */
#define SL_CHECKPOINT_M "m."
#define SL_CHECKPOINT_V "v."
#define SL_CHECKPOINT_OBJECTIVE "objective."

#endif
