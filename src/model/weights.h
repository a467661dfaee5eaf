/*
 * weights.h: the weight table: one row for each parameter of a model.
 *
 * Loaders, initialisers, optimizers, checkpoints and parallel layouts loop over the rows; the model's blocks point
 * into them. A row says what the tensor is; its sl_weight says where its memory is.
 */
#ifndef SL_MODEL_WEIGHTS_H
#define SL_MODEL_WEIGHTS_H

#include "base/arena.h"
#include "model/config.h"
#include "tensor/weight.h"

/* The parts that recipes freeze and train. */
typedef enum sl_module {
    SL_MODULE_VIT,
    SL_MODULE_ADAPTER,
    SL_MODULE_DECODER,
    SL_MODULE_PRETRAIN, /* what Seed-ViT's pretraining adds, but its text tower */
    SL_MODULE_TEXT,     /* the text tower of contrastive pretraining */
    SL_MODULE_LORA,     /* adapters of low rank to the matrices of the others */
    SL_N_MODULES
} sl_module;

enum { SL_TRAIN_NOTHING = 0, SL_TRAIN_ALL = (1 << SL_N_MODULES) - 1 }; /* masks of 1 << sl_module */

typedef enum sl_init {
    SL_INIT_ZERO,
    SL_INIT_ONE,
    SL_INIT_NORMAL,   /* docs/MODEL.md, section 7 */
    SL_INIT_RESIDUAL, /* the same, scaled by 1 / sqrt(2 depth) */
    SL_INIT_FILL,     /* the row's fill */
} sl_init;

typedef enum sl_role {
    SL_ROLE_VECTOR,    /* norm weight or bias: f32 everywhere */
    SL_ROLE_MATRIX,    /* operand of products: packed */
    SL_ROLE_ROUTER,    /* operand of products that are computed in f32 */
    SL_ROLE_EMBEDDING, /* looked up by row; also packed when it is the output projection */
    SL_ROLE_BUFFER,    /* f32 vector without gradient (expert selection bias) */
} sl_role;

/* How other parallel forms may split a tensor; data parallelism ignores it. */
typedef enum sl_shard { SL_SHARD_NONE, SL_SHARD_EXPERTS } sl_shard;

typedef struct sl_weight_row {
    char name[96]; /* as in the checkpoint, docs/MODEL.md section 6 */
    sl_module module;
    int layer; /* block number inside its module, -1 outside the blocks */
    sl_role role;
    sl_init init;
    float fill; /* of SL_INIT_FILL */
    bool decay; /* weight decay applies: matrices, not biases, norms or buffers */
    sl_shard shard;
    bool output; /* also the output projection (tied embedding, or lm_head) */
    int n_dims;  /* of the checkpoint tensor */
    sl_weight w;
} sl_weight_row;

/* Members that the configuration leaves out (biases of RMSNorm) are NULL. */
struct sl_vit_block {
    sl_weight *norm1_w, *norm1_b, *qkv_w, *qkv_b, *proj_w, *proj_b, *norm2_w, *norm2_b, *fc1_w, *fc1_b, *fc2_w, *fc2_b;
};

/* An adapter: norm, linear map, activation, linear map. */
struct sl_merger {
    sl_weight *norm_w, *norm_b, *fc1_w, *fc1_b, *fc2_w, *fc2_b;
};

/* Members that a layer does not have are NULL. */
struct sl_decoder_layer {
    sl_weight *norm1, *qkv, *qkv_b, *q_norm, *k_norm, *o, *norm2;
    sl_weight *q, *latent, *turned, *latent_norm, *expand; /* in place of qkv, with kv_rank */
    sl_weight *gate_up, *down;                             /* dense */
    sl_weight *router, *select_bias;                       /* experts */
    sl_weight *experts_gate_up, *experts_down;             /* stacks (E, 2X, H), (E, H, X) */
    sl_weight *shared_gate_up, *shared_down;
};

/* The parts of docs/MODEL.md, section 11; members of a part that the configuration leaves out are NULL. */
struct sl_pretrain_weights {
    sl_weight *mask_token;          /* (1, D) */
    struct sl_vit_block *predictor; /* owned, (predictor_depth) */
    sl_weight *predictor_norm_w, *predictor_norm_b, *teacher_head_w, *teacher_head_b;
    sl_weight *pool_query, *pool_kv_w, *pool_kv_b, *pool_proj_w, *pool_proj_b;
    sl_weight *logit_scale, *logit_bias;               /* (1): log of the scale, and the bias */
    sl_weight *superclass, *token_counts, *n_captions; /* head (V, E); running counts (V), (1) */
    sl_weight *omni_proj_w, *omni_proj_b, *match;      /* features of a caption's prefix (T, D); match (2, T) */
    sl_weight *text_embed, *text_norm, *text_proj;
    struct sl_decoder_layer *text_layers; /* owned, (text_depth) */
};

/* The rows of one model in checkpoint order, and where each part finds its own. */
typedef struct sl_weights {
    sl_weight_row *rows; /* owned */
    int n_rows;
    sl_weight *patch_w, *patch_b, *table, *post_norm_w, *post_norm_b;
    struct sl_vit_block *vit; /* owned, (vit.depth) */
    struct sl_merger adapter;
    struct sl_merger deepstack[SL_MAX_LIST];
    sl_weight *embed, *norm, *head;  /* head is embed when tied */
    struct sl_decoder_layer *layers; /* owned, (decoder.depth) */
    struct sl_pretrain_weights pretrain;
    sl_lora *loras; /* owned: what the weights' lora point to */
} sl_weights;

/* Builds the table of a checked config, without memory for the tensors. Release with sl_weights_free. */
sl_status sl_weights_build(const sl_config *c, sl_weights *out, sl_error *err);
void sl_weights_free(sl_weights *w);

/* Returns which modules have adapters when c.lora has these targets: a mask. */
unsigned sl_weights_adapted(const sl_config *c);

/* Elements of a row. */
int64_t sl_weight_row_numel(const sl_weight_row *r);

/* What memory the tensors need for a use of the model. */
typedef struct sl_weight_plan {
    const sl_ops *ops; /* for packed sizes and packing */
    sl_dtype dt;       /* SL_F32 or SL_BF16: type of packed matrices and of the embedding table */
    bool int8;         /* inference only: decoder matrices packed as SL_I8, router and ViT excepted */
    const char
        *blocks; /* inference only: a GGUF file whose quantised matrices stay there, read as they are; NULL: none */
    unsigned trainable; /* mask of modules; 0: inference */
    unsigned masters;   /* mask of modules that keep f32 masters though they are frozen, so that they can be saved */
    unsigned modules;   /* mask of modules that exist at all; 0: all */
    unsigned adapted;   /* mask of modules with trained adapters; sl_model_new sets it */
} sl_weight_plan;

/* Bytes in an arena that sl_weights_allocate takes. */
size_t sl_weights_bytes(const sl_weights *w, const sl_weight_plan *p);

/* Gives every tensor its memory (uninitialised; gradients too) from the arena, which must have room. */
sl_status sl_weights_allocate(sl_weights *w, const sl_weight_plan *p, struct sl_arena *arena, sl_error *err);

/*
 * Sets a tensor from n rows-major elements of src_type (SL_F32 or SL_BF16): master, table, packed copies, whatever
 * it has. Only row's group `group` when group >= 0 (src is one group then).
 */
void sl_weight_set(sl_weight_row *r, const sl_weight_plan *p, const void *src, sl_dtype src_type, int64_t group);

/* Makes the packed copies of a row anew from its f32 master, after an optimizer step. Rows without one are skipped. */
void sl_weight_repack(sl_weight_row *r, const sl_weight_plan *p);

/* Fills all tensors with their initial values (docs/MODEL.md, section 7); the same for any number of threads. */
sl_status sl_weights_init(sl_weights *w, const sl_config *c, const sl_weight_plan *p, uint64_t seed, sl_error *err);

#endif
