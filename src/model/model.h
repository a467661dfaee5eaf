/*
 * model.h: the assembled vision-language model: config, weights, and the forward pass of every part.
 *
 * The same functions train and infer: with a tape in the context they record their backward. A model is read-only
 * during forward and may be shared by threads that have a context each; training writes gradients, one thread only.
 */
#ifndef SL_MODEL_MODEL_H
#define SL_MODEL_MODEL_H

#include "model/adopt.h"
#include "model/batch.h"
#include "model/weights.h"
#include "tensor/fn.h"

typedef struct sl_model {
    sl_config config;
    sl_decoder_config text; /* the text tower of config.pretrain */
    sl_weights weights;
    sl_weight_plan plan;
    struct sl_arena arena;          /* the weights */
    sl_adopted adopted;             /* those that stay in their file */
    sl_keep vit_keep, decoder_keep; /* what blocks keep for backward; SL_KEEP_ALL unless changed */
} sl_model;

/*
 * Makes a model whose tensors have memory but no values: sl_model_init comes next. The ops table in
 * plan is borrowed and must outlive the model. dry: no memory is committed, for planning. Release with sl_model_free.
 */
sl_status sl_model_new(const sl_config *config, const sl_weight_plan *plan, bool dry, sl_model **out, sl_error *err);
void sl_model_free(sl_model *m);

/* Fills the weights with initial values from seed. */
sl_status sl_model_init(sl_model *m, uint64_t seed, sl_error *err);

/*
 * Reads DIR/config.json, makes the model and fills its weights from the checkpoint (docs/MODEL.md, section 6); or both
 * from the GGUF file DIR. Tensors
 * must have the model's shapes; missing, misshapen and unknown ones are errors that name the tensor, what was expected
 * and what was found. Where DIR holds a LoRA adapter (section 13), the weights are its base's with the change added.
 */
sl_status sl_model_open(const char *dir, const sl_weight_plan *plan, sl_model **out, sl_error *err);

/*
 * Fills the rows of the modules in the mask from the checkpoint in DIR, whatever else it holds, and repacks them; for
 * starting a stage from parts of others. A module of which the checkpoint has no tensor is left as it is and is not in
 * *loaded. Of the VLM's own modules every tensor must then be there; later ones (heads of a stage) keep what the
 * checkpoint does not have. Shapes must fit, as in sl_model_open.
 */
sl_status sl_model_load(sl_model *m, const char *dir, unsigned modules, unsigned *loaded, sl_error *err);

/* Takes the numbers of weight rows. */
typedef struct sl_weight_sink {
    bool (*wants)(void *arg, const sl_weight_row *r); /* whether the row's numbers are to be read */
    /* The n x k numbers of the row's next group, borrowed. */
    sl_status (*take)(void *arg, const sl_weight_row *r, const float *values, sl_error *err);
    void *arg;
} sl_weight_sink;

/*
 * Reads the checkpoint in DIR, as sl_model_open does, but hands the rows, in the order of the weight table, to the sink
 * instead of keeping them. m may be dry; its weights are not touched.
 */
sl_status sl_model_stream(sl_model *m, const char *dir, const sl_weight_sink *sink, sl_error *err);

/* True when sl_model_save writes row r: its module exists and, with a LoRA adapter, is the adapter. */
bool sl_model_saves(const sl_model *m, const sl_weight_row *r);

/* True when the module exists in this model. */
bool sl_model_has(const sl_model *m, sl_module module);

/*
 * Writes config.json, generation_config.json and model.safetensors (sharded past shard_bytes; 0: one file) into DIR,
 * as type SL_F32 or SL_BF16: the modules that exist. Needs the f32 masters: those of a model in training. Of a model
 * with LoRA adapters only these are written, as PEFT's two files beside the configurations.
 */
sl_status sl_model_save(const sl_model *m, const char *dir, sl_dtype type, size_t shard_bytes, sl_error *err);

/* Seed-ViT: the batch's patches -> (n_patches, vit hidden), after the last LayerNorm. */
sl_tensor *sl_vit_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b);

/* The kinds of pieces of a pass, in their order. */
typedef enum sl_vit_piece { SL_VIT_EMBED, SL_VIT_PROJECT, SL_VIT_ATTEND, SL_VIT_FINISH } sl_vit_piece;

/* A Seed-ViT pass in slices, so that other work can run between its blocks. Lives in the context's arenas. */
typedef struct sl_vit_pass {
    sl_tensor *x; /* (n_patches, vit hidden) */
    struct vit_block_args *args;
    int next;               /* block that runs next */
    struct sl_vit_cut *cut; /* where that block stands, once pieces of it have run; else NULL */
    const int32_t *restore; /* (n_patches): the batch's order again, where windows need another; or NULL */
    sl_tensor *deep[SL_MAX_LIST];
    int n_deep;              /* DeepStack's outputs so far */
    const sl_batch *patches; /* of which some are still to be embedded; NULL: none */
    int64_t embedded;        /* rows of x that are there, then */
} sl_vit_pass;

/* Patch embedding and everything that blocks share. b must stay valid until the end. */
void sl_vit_begin(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_vit_pass *pass);
/*
 * The same without a tape, but for patches that are embedded in pieces too, before the first block's. Models with a
 * table of positions or with windows embed all at once.
 */
void sl_vit_begin_pieces(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_vit_pass *pass);
/* Runs the next n_blocks blocks, or as many as are left. */
void sl_vit_continue(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass, int n_blocks);
/*
 * Runs a piece of what comes next, without a tape: at most so many rows of what is done row by row, or the attention of
 * one head for as many queries as take as long. The bits are those of sl_vit_continue, which may go on when a block is
 * through (cut is NULL), and with an MLP four times as wide as the rows, the usual, they take no more memory.
 */
void sl_vit_continue_piece(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass, int most_rows);
/* What the next piece will be: patches embedded, their q, k and v, attention, or what is behind it. */
sl_vit_piece sl_vit_next_piece(const sl_vit_pass *pass);
/* The last LayerNorm, after all blocks: what sl_vit_forward returns. */
sl_tensor *sl_vit_end(sl_ctx *ctx, const sl_model *m, const sl_vit_pass *pass);

/* Everything behind the last block: features (n_patches / 4, sl_config_feature_width), DeepStack's beside the
 * adapter's.
 */
sl_tensor *sl_vit_features(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass);
/* Begins, continues and ends: from the batch's patches to the features of its pictures. */
sl_tensor *sl_picture_features(sl_ctx *ctx, const sl_model *m, const sl_batch *b);

/*
 * A stack of blocks of Seed-ViT's shape over x (b->n_patches, vit hidden), whose rows stand where b's positions and
 * cu_patches say; b's pixels are not read. Gradients reach the blocks when x needs them.
 */
sl_tensor *sl_vit_blocks_forward(sl_ctx *ctx, const sl_model *m, const struct sl_vit_block *blocks, int depth,
                                 const sl_batch *b, sl_tensor *x);

/*
 * A paged cache as the decoder sees it: one entry for each layer, all sharing page tables and lengths. lengths count
 * the tokens of this call too. See infer/kv_cache.h, which owns one.
 */
typedef struct sl_decoder_cache {
    const sl_attention_paged *layers; /* (decoder.depth) */
} sl_decoder_cache;

/* A stack of decoder layers between an embedding table and a last norm: the decoder, or the text tower. */
typedef struct sl_tower {
    const char *name; /* before the names of its intermediate values */
    const sl_decoder_config *config;
    const sl_weight *embed, *norm;
    const struct sl_decoder_layer *layers;
    sl_keep keep;
    bool adapted; /* its layers have trained adapters */
} sl_tower;

/* Returns the text tower of m. */
sl_tower sl_text_tower(const sl_model *m);

/* The forward pass of a tower; as sl_decoder_forward. config and layers must stay valid until backward. */
sl_tensor *sl_tower_forward(sl_ctx *ctx, const sl_tower *t, const sl_batch *b, sl_tensor *features,
                            const sl_decoder_cache *cache, int32_t *stats);

/*
 * The decoder: tokens and, where the batch has pictures, their features -> (n_tokens, hidden) after the last norm.
 * features are sl_config_feature_width wide, and may be NULL without pictures; cache may be NULL (and must be with a
 * tape). stats, when not NULL, receives the number of choices of each expert of each layer, (depth, n_experts); zeros
 * for dense layers.
 */
sl_tensor *sl_decoder_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_tensor *features,
                              const sl_decoder_cache *cache, int32_t *stats);

/* Pictures, adapter and decoder in one: (n_tokens, hidden) after the last norm. */
sl_tensor *sl_model_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b, const sl_decoder_cache *cache,
                            int32_t *stats);

/* Output projection: hidden (rows, hidden) -> logits (rows, vocab), f32. */
sl_tensor *sl_model_logits(sl_ctx *ctx, const sl_model *m, sl_tensor *hidden);

/*
 * The language-model loss of a batch with targets: sum of weights * cross-entropy. With a tape in the context,
 * backward has run when it returns, and gradients have been added to the weights.
 */
sl_status sl_model_loss(sl_ctx *ctx, const sl_model *m, const sl_batch *b, int32_t *stats, double *loss, sl_error *err);

#endif
