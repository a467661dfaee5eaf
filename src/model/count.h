/*
 * count.h: how large and how costly a configuration is, known without allocating it.
 */
#ifndef SL_MODEL_COUNT_H
#define SL_MODEL_COUNT_H

#include "model/model.h"

/* Parameters of each part. Active: what one text token uses. */
typedef struct sl_param_count {
    int64_t vit, adapter;
    int64_t embedding;      /* the table; counted in decoder_total, not in decoder_active unless tied */
    int64_t head;           /* output projection; 0 when tied */
    int64_t decoder_total;  /* embedding and head included */
    int64_t decoder_active; /* attention, norms, router, chosen and shared experts, output projection */
    int64_t total;
} sl_param_count;

/* Counts the parameters of a checked config. */
sl_status sl_count_params(const sl_config *c, sl_param_count *out, sl_error *err);

/* FLOPs of a forward pass (two for each multiply-add of products and attention) and the work space that it takes. */
typedef struct sl_forward_cost {
    double vision_flops;  /* ViT and adapter */
    double decoder_flops; /* layers, without the output projection */
    double head_flops;    /* output projection of every token */
    size_t work_bytes;    /* activations of inference at their peak */
} sl_forward_cost;

/* Costs of a batch with these sequence lengths and pictures, by a dry run of the model itself. ops: for sizes. */
sl_status sl_forward_plan(const sl_config *c, const sl_ops *ops, sl_dtype dt, const sl_batch *b, sl_forward_cost *out,
                          sl_error *err);

/*
 * Makes a batch without data for planning: n_seqs sequences of `tokens` tokens that each begin with `pictures`
 * pictures of that grid (their features must fit). with_targets: every other token has a target. Release with
 * sl_batch_free; it carries no patches, so it is for dry runs only.
 */
sl_status sl_batch_plan(const sl_config *c, int n_seqs, int tokens, int pictures, sl_grid grid, bool with_targets,
                        sl_batch **out, sl_error *err);

#endif
