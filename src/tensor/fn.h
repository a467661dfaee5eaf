/*
 * fn.h: the differentiable operations: each runs at once and, with a tape, records its backward.
 *
 * All take the context first, allocate their results in its arenas, and return NULL (doing nothing) once the
 * context has failed or an input is NULL. Activations are (rows, cols) tensors of ctx->dt. Gradients of weights are
 * added to weight->grad; a weight without grad is frozen, and work for it is skipped.
 */
#ifndef SL_TENSOR_FN_H
#define SL_TENSOR_FN_H

#include "tensor/tape.h"
#include "tensor/weight.h"

/* Which choices of experts the tokens of one layer made; made by sl_fn_route. Lives in the context's arenas. */
typedef struct sl_routes {
    sl_routing how;
    int32_t *experts;   /* (tokens, top_k) */
    sl_tensor *weights; /* (tokens, top_k) f32, differentiable */
    int32_t *offsets;   /* (n_experts + 1): where each expert's rows start after sorting */
    int32_t *slot;      /* (tokens, top_k): the sorted row of each choice */
    int32_t *source;    /* (tokens * top_k): the token of each sorted row */
    const float *logits;
    float aux_coef;
} sl_routes;

/* What a linear map does besides x W^T; all fields may be zero. */
typedef struct sl_linear {
    const sl_weight *bias;   /* (1, 1, n) */
    sl_act act;              /* after the bias; not together with residual */
    sl_tensor *residual;     /* added last; without a tape the result is written into it and it is returned */
    const sl_routes *routes; /* grouped: sorted row i of x goes through its expert's matrix */
    bool f32_result;         /* the result is SL_F32 whatever ctx->dt is; not with residual */
} sl_linear;

/* y = act(x W^T + bias) + residual: x (rows, k) -> (rows, n). A weight's LoRA adapter is added before act. */
sl_tensor *sl_fn_linear(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, const sl_linear *how);

/* LayerNorm over the columns, weights w and b (cols). */
sl_tensor *sl_fn_layernorm(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, const sl_weight *b, float eps);

/* RMSNorm over the columns, weight w (cols). */
sl_tensor *sl_fn_rmsnorm(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, float eps);

/* (rows, 2 n) gate and up -> silu(gate) * up (rows, n). */
sl_tensor *sl_fn_swiglu(sl_ctx *ctx, sl_tensor *x);

/* y = x / max(|x|, eps) by row. */
sl_tensor *sl_fn_l2norm(sl_ctx *ctx, sl_tensor *x, float eps);

/*
 * Rows of an embedding table: ids (rows). grad_ids names the rows that receive gradient: as ids, or -1 for none.
 * Both must stay valid until backward.
 */
sl_tensor *sl_fn_embed(sl_ctx *ctx, const sl_weight *table, int64_t rows, const int32_t *ids, const int32_t *grad_ids);

/* Replaces row index[i] of x by row i of src, in place, and returns x. The indices differ from each other. */
sl_tensor *sl_fn_replace_rows(sl_ctx *ctx, sl_tensor *x, sl_tensor *src, const int32_t *index);

/* Rows index[i] of x: (rows, cols) -> (n, cols). The indices differ from each other and stay valid until backward. */
sl_tensor *sl_fn_select_rows(sl_ctx *ctx, sl_tensor *x, int64_t n, const int32_t *index);

/* Adds row i of src to row index[i] of x, in place, and returns x. Indices differ and stay valid until backward. */
sl_tensor *sl_fn_add_rows(sl_ctx *ctx, sl_tensor *x, sl_tensor *src, const int32_t *index);

/* n tensors (rows, cols) as one (rows, n cols), side by side. The array may vanish. */
sl_tensor *sl_fn_side_by_side(sl_ctx *ctx, sl_tensor *const *parts, int n);

/* The same numbers as (rows, cols), of which there must be as many. */
sl_tensor *sl_fn_reshape(sl_ctx *ctx, sl_tensor *x, int64_t rows, int64_t cols);

/* What is looked up for each row: taps entries of a table, and their shares. Valid until backward. */
typedef struct sl_taps {
    int n;              /* of a row */
    const int32_t *ids; /* (rows, n) */
    const float *shares;
} sl_taps;

/* x + sum_j shares[i][j] * table[ids[i][j]]: an interpolated table. Without a tape the result is written into x. */
sl_tensor *sl_fn_add_interpolated(sl_ctx *ctx, sl_tensor *x, const sl_weight *table, const sl_taps *taps);

/* Average of every four rows: (4 rows, cols) -> (rows, cols). */
sl_tensor *sl_fn_pool4(sl_ctx *ctx, sl_tensor *x);

/* The same numbers as (rows / 4, 4 cols): 2x2 concatenation of patches in block order. */
sl_tensor *sl_fn_concat4(sl_ctx *ctx, sl_tensor *x);

/* How sl_fn_attention reads its input; pointers must stay valid until backward. */
typedef struct sl_attend {
    int n_heads, n_kv_heads, head_dim;
    const sl_weight *q_norm, *k_norm; /* (head_dim), or NULL */
    float norm_eps;
    const float *cos, *sin;    /* (tokens, head_dim / 2), or NULL */
    const int32_t *cu_seqlens; /* (n_seqs + 1) */
    int n_seqs;
    bool causal;
    const sl_attention_paged *cache; /* attend to a paged cache instead (no tape): its q and out are not read */
} sl_attend;

/*
 * qkv (tokens, (n_heads + 2 n_kv_heads) * head_dim) -> (tokens, n_heads * head_dim): norms of q and k heads,
 * rotation, scaled dot-product attention within each sequence.
 */
sl_tensor *sl_fn_attention(sl_ctx *ctx, sl_tensor *qkv, const sl_attend *how);

/* How sl_fn_pool reads its input; cu_seqlens must stay valid until backward. */
typedef struct sl_pooling {
    int n_heads, head_dim;
    const sl_weight *query;    /* (n_heads * head_dim) */
    const int32_t *cu_seqlens; /* (n_seqs + 1) */
    int n_seqs;
} sl_pooling;

/* Attention pooling by a learned query: keys and values (rows, 2 * width) -> one row a sequence (n_seqs, width). */
sl_tensor *sl_fn_pool(sl_ctx *ctx, sl_tensor *kv, const sl_pooling *how);

/* Routes tokens by logits (tokens, n_experts) f32. aux_coef: weight of the load-balancing loss. */
sl_routes *sl_fn_route(sl_ctx *ctx, sl_tensor *logits, const sl_routing *how, float aux_coef);

/* Copies rows of x to the sorted order of the routes: (tokens, cols) -> (tokens * top_k, cols). */
sl_tensor *sl_fn_dispatch(sl_ctx *ctx, sl_tensor *x, const sl_routes *routes);

/* Weighted sum of each token's expert rows, plus residual: (tokens * top_k, cols) -> (tokens, cols). Without a tape
 * the result is written into residual. */
sl_tensor *sl_fn_combine(sl_ctx *ctx, sl_tensor *x, const sl_routes *routes, sl_tensor *residual);

/* Targets of a language-model loss, one for each row. */
typedef struct sl_targets {
    const int32_t *ids;   /* -1: none */
    const float *weights; /* weight of each row, already normalised */
} sl_targets;

/*
 * sum_i weights[i] * -log softmax(x W^T)[ids[i]], in chunks of rows, so that logits of all rows never exist at
 * once. The loss is a root: with a tape its gradient is computed in the same pass and backward starts from it.
 * Returns the loss (0 in a dry run); row_loss (rows), when not NULL, receives every row's term.
 */
double sl_fn_cross_entropy(sl_ctx *ctx, sl_tensor *x, const sl_weight *head, const sl_targets *targets,
                           float *row_loss);

/* Distributions over the vocabulary, of which few numbers are not zero; the labels of a row differ. */
typedef struct sl_distributions {
    const int32_t *cu_labels; /* (rows + 1) */
    const int32_t *labels;
    const float *shares;  /* of each label; those of a row sum to 1 */
    const float *weights; /* of each row, already normalised */
} sl_distributions;

/* sum_i weights[i] * -sum_j share_ij log softmax(x W^T)_ij, in chunks; a root like the above. */
double sl_fn_sparse_cross_entropy(sl_ctx *ctx, sl_tensor *x, const sl_weight *head, const sl_distributions *targets);

/* sum_i weights[i] * (1 - cos(x_i, target_i)), target (rows, cols) f32; a root like the above. */
double sl_fn_cosine_loss(sl_ctx *ctx, sl_tensor *x, const float *target, const float *row_weights);

/* The settings of a sigmoid contrastive loss (SigLIP, arXiv 2303.15343) over unit rows. */
typedef struct sl_contrast {
    const int32_t *image_labels, *text_labels; /* equal labels are positive pairs */
    float scale, bias;                         /* z = scale * cosine + bias */
    float unit;                                /* the sum over images is divided by it; 0: by their number */
    double *d_scale, *d_bias;                  /* added to, or NULL */
} sl_contrast;

/* Sum over images of sum_j softplus(-+z_ij), by the unit; images (n, cols) and texts (m, cols) are unit rows; a root.
 */
double sl_fn_contrastive(sl_ctx *ctx, sl_tensor *images, sl_tensor *texts, const sl_contrast *how);

#endif
