/*
 * checkpoint.h: a run's checkpoints: what they hold, writing them in the background, finding and reading them.
 *
 * RUN/checkpoints/step-0000000100/ holds the model as a checkpoint folder with f32 weights (config.json,
 * model.safetensors, tokenizer.json), optimizer.safetensors (AdamW's moments, and what the objective keeps), and
 * training.json (counters and the data's position), whole tensors whatever the number of ranks. `last` and `best`
 * beside it are links. A checkpoint is written under another name and renamed when all of it is on the disk, so that a
 * kill at any moment leaves whole checkpoints only.
 */
#ifndef SL_TRAIN_CHECKPOINT_H
#define SL_TRAIN_CHECKPOINT_H

#include "train/objective.h"
#include "train/trainer.h"

/* What is saved and restored; borrows all of it. */
typedef struct sl_training {
    sl_trainer *trainer;
    const sl_objective *objective;
    void *objective_state;
} sl_training;

typedef struct sl_saver sl_saver;

/*
 * Makes the saver of the run in dir: keeps the last `keep` checkpoints and the best, copies tokenizer (borrowed for the
 * call) into each, and says in log what failed. Removes leftovers of a killed save. Ranks other than 0 have one too,
 * which writes nothing. Release with sl_saver_free, which waits.
 */
sl_status sl_saver_new(const char *dir, int keep, const struct sl_tokenizer *tokenizer, const sl_comm *comm,
                       const struct sl_log *log, sl_saver **out, sl_error *err);
void sl_saver_free(sl_saver **s);

/*
 * Copies everything to memory of its own and writes the checkpoint of this step in a thread; waits first for the one
 * before. state, taken, becomes training.json; best: it is the best so far. A write that fails is said in the log and
 * leaves the older checkpoints alone. A collective; fails only without memory.
 */
sl_status sl_saver_save(sl_saver *s, const sl_training *what, int64_t step, json_t *state, bool best, sl_error *err);

/* Waits for the write in hand and returns what became of the last one. */
sl_status sl_saver_wait(sl_saver *s, sl_error *err);

/* Returns the owned path of the newest whole checkpoint of the run in dir, or NULL when there is none. */
char *sl_checkpoint_last(const char *dir);

/*
 * Reads a checkpoint into what, and its training.json into *state, owned. Errors name the file and tensor: a checkpoint
 * of another shape or of other trained modules is refused.
 */
sl_status sl_checkpoint_load(const char *path, const sl_training *what, json_t **state, sl_error *err);

/* Reads only the moments and the number of updates, for a stage that carries the optimizer over. */
sl_status sl_checkpoint_load_moments(const char *path, sl_trainer *t, sl_error *err);

#endif
