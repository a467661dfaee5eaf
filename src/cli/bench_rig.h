/*
 * bench_rig.h: a model with what one sequence of tokens needs, for measuring it without the answering engine.
 */
#ifndef SL_CLI_BENCH_RIG_H
#define SL_CLI_BENCH_RIG_H

#include "infer/kv_cache.h"
#include "model/model.h"

struct sl_bench_rig {
    sl_model *model; /* set before sl_bench_rig_begin; owned */
    sl_workspace work;
    sl_kv_cache *cache; /* NULL: every run begins a sequence of its own, which nothing keeps */
    sl_kv_sequence sequence;
};

/* Adds work space, and a cache of `pages` pages in bf16 (0: none), to a rig that has its model and is else zeroed. */
sl_status sl_bench_rig_begin(struct sl_bench_rig *r, const sl_ops *ops, int pages, sl_error *err);

/* Frees the model and all else; a rig that was only zeroed too. */
void sl_bench_rig_close(struct sl_bench_rig *r);

/* Forgets the sequence: the next run begins one. */
void sl_bench_rig_rewind(struct sl_bench_rig *r);

/* Runs n tokens behind those that were, and projects the last of them: what answering needs. */
sl_status sl_bench_run(struct sl_bench_rig *r, int n, sl_error *err);

/* Returns the bytes that the next token reads: the decoder's weights (of experts those that are used) and the cache. */
double sl_bench_token_bytes(const struct sl_bench_rig *r);

/* Fills in random pixels for a batch made by sl_batch_plan; owned by the caller. */
sl_status sl_bench_patches(sl_batch *batch, const sl_config *c, float **patches, sl_error *err);

#endif
