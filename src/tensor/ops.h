/*
 * ops.h: what a device must do: one table of function pointers, `struct sl_ops`.
 *
 * The table is filled with plain reference C and then overwritten slot by slot by what the processor has, weakest
 * level first (tensor/cpu/). Model code never asks which level it runs on. The functions below work on raw memory:
 * they allocate nothing, record nothing, and know no tape; the differentiable functions on top are in fn.h.
 *
 * Conventions, for every slot:
 *   - The first argument is the table itself: it carries the thread count and the scratch memory.
 *   - Pointers are borrowed, rows are contiguous, and outputs do not overlap inputs unless "in place" is said.
 *   - `dt` is the dtype of activations: SL_F32 or SL_BF16. Parameters of norms, biases, statistics, losses and
 *     everything named `float *` are f32. Arithmetic is f32; bf16 outputs round to nearest even.
 *   - Backward slots stand beside their forward. Gradients of activations are written, or added to what is there
 *     when `accumulate` is true. Gradients of parameters are f32 and always added to. A NULL gradient is skipped.
 *   - Results are deterministic for a given thread count, and each row of an output depends on its own row of the
 *     input only (not on how many other rows there are): packing and batching change nothing, to the bit.
 *   - All float inputs must be finite where the formula needs it; sizes may be any number >= 0, also odd ones.
 */
#ifndef SL_TENSOR_OPS_H
#define SL_TENSOR_OPS_H

#include "tensor/tensor.h"

typedef struct sl_ops sl_ops;

typedef enum sl_act {
    SL_ACT_NONE,
    SL_ACT_GELU,      /* 0.5 x (1 + erf(x / sqrt 2)) */
    SL_ACT_GELU_TANH, /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
    SL_ACT_SILU,      /* x / (1 + exp(-x)) */
} sl_act;

/* How an operand of a product is stored. */
typedef enum sl_layout {
    SL_ROWS,    /* as the product reads it: A (m, k), B (n, k): the weight's own layout, y = x W^T */
    SL_COLUMNS, /* transposed: A stored (k, m), B stored (k, n) */
} sl_layout;

/*
 * One matrix product, or one for each of n_groups (experts):
 *
 *     c[i, j] (+)= residual[i, j] + act(sum_k a[i, k] * b[j, k] + bias[j])
 *
 * Sums are f32 (int8: i32, then scaled) in an order of k that depends on k's length only. n_groups == 0 is one plain
 * product. With n_groups > 0, offsets[0..n_groups] is non-decreasing and splits
 *   - the rows of a and c (a SL_ROWS; group g multiplies with its own b: b + g * b_group_stride elements, or
 *     b_packed + g * b_packed_stride bytes; m == offsets[n_groups]); offsets[0] == 0; or,
 *   - when split_k is true, the k dimension (a and b SL_COLUMNS; group g adds into c + g * c_group_stride;
 *     k == offsets[n_groups]): the weight gradients of experts.
 * Groups may be empty (a split_k group then adds nothing, or writes zeros when accumulate is false).
 */
typedef struct sl_gemm {
    int64_t m, n, k;

    const void *a;
    int64_t lda; /* elements between stored rows of a */
    sl_dtype a_type;
    sl_layout a_layout;

    const void *b; /* ignored when b_packed is given */
    int64_t ldb;
    sl_dtype b_type; /* with b_packed: the type it was packed as (SL_F32, SL_BF16 or SL_I8) */
    sl_layout b_layout;
    const void *b_packed;                   /* from gemm_pack; of the whole (n, k) operand */
    const struct sl_block_matrix *b_blocks; /* gemm_blocks: takes the place of all of b (blocks.h) */

    void *c;
    int64_t ldc;
    sl_dtype c_type;
    bool accumulate; /* c += instead of c =; c_type SL_F32 only, without act, bias, residual */

    const float *bias;    /* (n), or NULL */
    sl_act act;           /* applied after bias */
    void *pre_act;        /* (m, n) of c_type, stride ldc: keeps the value before act, or NULL */
    const void *residual; /* (m, n) of c_type, stride ldc, or NULL; may be c itself */

    int n_groups;
    const int32_t *offsets;
    bool split_k;
    int64_t b_group_stride; /* elements */
    size_t b_packed_stride; /* bytes */
    int64_t c_group_stride; /* elements */
} sl_gemm;

/*
 * Attention over packed sequences: for each sequence s, tokens cu_seqlens[s] .. cu_seqlens[s+1]-1 attend to each
 * other only; causal: to themselves and earlier ones. Head h of q uses key-value head h * n_kv_heads / n_heads.
 *
 *     out = softmax(scale * q k^T) v
 */
typedef struct sl_attention {
    sl_dtype dt;
    int n_heads, n_kv_heads;   /* n_heads % n_kv_heads == 0 */
    int head_dim;              /* a multiple of 8, at most 256 */
    const void *q, *k, *v;     /* (tokens, heads, head_dim); consecutive heads are head_dim apart */
    int64_t q_stride;          /* elements between tokens of q */
    int64_t kv_stride;         /* elements between tokens of k and of v */
    void *out;                 /* (tokens, n_heads, head_dim), contiguous */
    float *lse;                /* (tokens, n_heads): log of the softmax denominator (of scaled scores), or NULL */
    const int32_t *cu_seqlens; /* (n_seqs + 1), starts at 0 */
    /*
     * Where k and v have other tokens than q, as for some of the queries of a sequence: tokens cu_keys[s] ..
     * cu_keys[s+1]-1 are those of sequence s. Not causal, forward only. NULL: cu_seqlens.
     */
    const int32_t *cu_keys;
    int n_seqs;
    bool causal;
    float scale;
} sl_attention;

/* Gradients of the above. dq has stride q_stride, dk and dv kv_stride; all three are written, never added to. */
typedef struct sl_attention_grad {
    const void *d_out; /* (tokens, n_heads, head_dim), contiguous */
    void *dq, *dk, *dv;
    float *delta; /* (tokens, n_heads) scratch: sum of d_out * out */
} sl_attention_grad;

/*
 * Causal attention of n new tokens of one or more sequences against a paged key-value cache that already holds the
 * new tokens. Pages hold page_size tokens each; the rows of token t of a sequence are in page
 * page_table[s][t / page_size], row t % page_size. A page is (page_size, n_kv_heads, head_dim) of dt; with int8, of
 * int8 with an f32 scale for each (token, head), (page_size, n_kv_heads), behind them: absmax / 127.
 */
typedef struct sl_attention_paged {
    sl_dtype dt;
    int n_heads, n_kv_heads, head_dim;
    const void *q; /* (rows, n_heads, head_dim) with q_stride between rows */
    int64_t q_stride;
    void *out;                             /* (rows, n_heads, head_dim), contiguous */
    void *const *k_pages, *const *v_pages; /* page number -> page */
    const int32_t *const *page_table;      /* (n_seqs): page numbers of each sequence */
    int page_size;
    bool int8;                 /* what pages hold */
    const int32_t *cu_seqlens; /* (n_seqs + 1): the rows of q of each sequence */
    const int32_t *lengths;    /* (n_seqs): tokens in the cache, the new ones included */
    int n_seqs;
    float scale;
} sl_attention_paged;

/*
 * Per-head preparation of a fused projection qkv (tokens, (n_heads + 2 n_kv_heads) * head_dim), ordered q, k, v:
 * optional RMSNorm of every q head and k head over head_dim (weights shared by the heads), then rotary embedding in
 * half-rotation form: with angle row t, x1 = x[i], x2 = x[i + head_dim/2]:
 *     y[i] = x1 cos - x2 sin,  y[i + head_dim/2] = x2 cos + x1 sin.
 * v is copied.
 */
typedef struct sl_qkv {
    sl_dtype dt;
    int64_t tokens;
    int n_heads, n_kv_heads, head_dim;
    const float *q_norm, *k_norm; /* (head_dim) each, or both NULL */
    float eps;
    const float *cos, *sin; /* (tokens, head_dim / 2), or both NULL: no rotation */
    float *rstd;            /* (tokens, n_heads + n_kv_heads): kept for backward; NULL without norms */
} sl_qkv;

/*
 * How tokens choose experts. score = softmax(logits) or sigmoid(logits) over all experts; the top_k of
 * score + select_bias are chosen (ties: the lower expert number); weight = score, divided by the sum of the chosen
 * ones when normalise (+1e-20), times scale.
 */
typedef struct sl_routing {
    int64_t tokens;
    int n_experts, top_k;
    bool sigmoid, normalise;
    float scale;
    const float *select_bias; /* (n_experts), or NULL; no gradient */
} sl_routing;

enum { SL_POOL_MAX_HEAD_DIM = 256 };

/*
 * Attention pooling: one learned query for each head looks at every row of a sequence,
 *     out[s] = sum_t softmax_t(scale * query k_t) v_t    for each head.
 */
typedef struct sl_pool {
    sl_dtype dt;
    int n_heads, head_dim;     /* head_dim <= SL_POOL_MAX_HEAD_DIM */
    const float *query;        /* (n_heads, head_dim) */
    const void *kv;            /* (rows, 2, n_heads, head_dim): keys, then values */
    const int32_t *cu_seqlens; /* (n_seqs + 1); no sequence is empty */
    int n_seqs;
    float scale;
    void *out;    /* (n_seqs, n_heads, head_dim) */
    float *probs; /* (rows, n_heads): written, kept for backward */
} sl_pool;

/* A distribution over the columns for each row, of which few are not zero. The labels of a row differ. */
typedef struct sl_sparse_targets {
    const int32_t *cu_labels; /* (rows + 1): where each row's labels start; a row may have none */
    const int32_t *labels;    /* columns */
    const float *shares;      /* of each label; those of a row sum to 1 */
    const float *row_weights; /* (rows) */
    int32_t *first;           /* (rows) scratch */
    float *shift;             /* (rows) scratch */
} sl_sparse_targets;

/* The settings of one AdamW step. */
typedef struct sl_adamw {
    float lr, beta1, beta2, eps, weight_decay;
    float grad_scale; /* clipping and averaging in one factor */
    int64_t step;     /* counts from 1 */
} sl_adamw;

/* Rotary angles of which each follows one of several positions: positions[t][axis[i]] * freqs[i]. */
typedef struct sl_rope {
    int64_t tokens;
    int n_axes, n_freqs;
    const int32_t *positions; /* (tokens, n_axes) */
    const uint8_t *axis;      /* (n_freqs) */
    const double *freqs;      /* (n_freqs): radians a position; 0 turns nothing */
} sl_rope;

struct sl_ops {
    const char *name; /* "ref", "avx2", "avx512", "amx" */
    int n_threads;
    char *scratch;       /* n_threads * scratch_size bytes, owned by the table, 64-aligned */
    size_t scratch_size; /* bytes a thread, a multiple of 4096 */

    /* --- products ------------------------------------------------------------------------------------------- */

    void (*gemm)(const sl_ops *o, const sl_gemm *g);

    /* Bytes of an (n, k) operand packed as type (SL_F32, SL_BF16, SL_I8); a multiple of 64. */
    size_t (*gemm_packed_size)(const sl_ops *o, int64_t n, int64_t k, sl_dtype type);

    /*
     * Packs operand b, which is (n, k) in layout SL_ROWS with ld elements a row, or (k, n) in SL_COLUMNS, of
     * src_type SL_F32 or SL_BF16, into dst (64-aligned, gemm_packed_size bytes) as type. SL_I8 packs with one scale
     * for each of the n outputs, absmax / 127; a's rows are then quantised the same way on the fly.
     */
    void (*gemm_pack)(const sl_ops *o, int64_t n, int64_t k, const void *b, int64_t ld, sl_dtype src_type,
                      sl_layout layout, void *dst, sl_dtype type);

    /*
     * The product with a quantised b: a SL_ROWS, k a multiple of 32, groups as above (no split_k), no accumulate. Each
     * 32 numbers of a row of a are rounded to int8 with a scale of their own, absmax / 127; integer sums are exact,
     * and the f32 steps behind them are the same, in the same order, at every level: so are the results, to the bit.
     *
     * Of run b (32 numbers) in stretch s (256), with b's numbers D q - M and the sums over a's integers x:
     *     lane[b] += scale_sb * (D * sum(q x) - M * sum(x)),    each step a fused multiply-add;
     *     result = ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7)).
     */
    void (*gemm_blocks)(const sl_ops *o, const sl_gemm *g);

    /* --- attention ------------------------------------------------------------------------------------------ */

    void (*attention)(const sl_ops *o, const sl_attention *a);
    void (*attention_bwd)(const sl_ops *o, const sl_attention *a, const sl_attention_grad *g); /* needs a->lse */
    void (*attention_paged)(const sl_ops *o, const sl_attention_paged *a);

    /* in and out (tokens, (n_heads + 2 n_kv_heads) * head_dim); out may be in. */
    void (*qkv_prepare)(const sl_ops *o, const sl_qkv *p, const void *in, void *out);
    /* From d_out (in place: d_out becomes d_in), with in as it was; adds to dq_norm, dk_norm (head_dim). */
    void (*qkv_prepare_bwd)(const sl_ops *o, const sl_qkv *p, const void *in, void *d_out, float *dq_norm,
                            float *dk_norm);

    /*
     * Rotary angles: row t has n_axes * n_freqs of them, positions[t][axis] * theta^(-i / n_freqs) for axis 0 first.
     * cos and sin are (tokens, n_axes * n_freqs).
     */
    void (*rope_table)(const sl_ops *o, int64_t tokens, int n_axes, int n_freqs, const int32_t *positions, float theta,
                       float *cos, float *sin);

    /* cos and sin (tokens, n_freqs) of the angles of r. */
    void (*rope_mixed)(const sl_ops *o, const sl_rope *r, float *cos, float *sin);

    /*
     * Copies the new rows of k and v (rows, cols), kv_stride elements apart, into the pages of a paged cache; the
     * sequences and pages are those of p (its q and out are not read). cols = n_kv_heads * head_dim.
     */
    void (*cache_write)(const sl_ops *o, const sl_attention_paged *p, const void *k, const void *v, int64_t kv_stride);

    /* --- rows: x, y, dx, dy are (rows, cols) of dt ------------------------------------------------------------ */

    /* y = (x - mean) * rstd * w + b; mean, rstd (rows) kept for backward, or NULL. Variance is the biased one. */
    void (*layernorm)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *w,
                      const float *b, float eps, void *y, float *mean, float *rstd);
    void (*layernorm_bwd)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                          const float *w, const float *mean, const float *rstd, void *dx, bool accumulate, float *dw,
                          float *db);

    /* y = x * rstd * w, rstd = 1 / sqrt(mean(x^2) + eps). */
    void (*rmsnorm)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *w, float eps,
                    void *y, float *rstd);
    void (*rmsnorm_bwd)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                        const float *w, const float *rstd, void *dx, bool accumulate, float *dw);

    /* y = act(x), n elements. dx = dy * act'(x); dx may be dy. */
    void (*act)(const sl_ops *o, sl_dtype dt, sl_act act, int64_t n, const void *x, void *y);
    void (*act_bwd)(const sl_ops *o, sl_dtype dt, sl_act act, int64_t n, const void *dy, const void *x, void *dx,
                    bool accumulate);

    /* x (rows, 2 cols) is gate then up: y = silu(gate) * up, (rows, cols). */
    void (*swiglu)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, void *y);
    void (*swiglu_bwd)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *x,
                       void *dx);

    /* y = a + b, n elements; y may be a or b. */
    void (*add)(const sl_ops *o, sl_dtype dt, int64_t n, const void *a, const void *b, void *y);

    /* y = alpha * x, n elements, converting from x_type to y_type (SL_F32, SL_BF16). y may be x if types match. */
    void (*scale)(const sl_ops *o, int64_t n, float alpha, const void *x, sl_dtype x_type, void *y, sl_dtype y_type);

    /* db[j] += sum over rows of dy[i, j]. */
    void (*bias_bwd)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, float *db);

    /* y = x / max(|x|, eps) by row; norm (rows) keeps max(|x|, eps). */
    void (*l2norm)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, float eps, void *y,
                   float *norm);
    void (*l2norm_bwd)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, const void *y,
                       const float *norm, void *dx, bool accumulate);

    /* --- moving rows ------------------------------------------------------------------------------------------ */

    /* y[i] = table[ids[i]], table (vocab, cols) of table_type SL_F32 or SL_BF16; ids are valid. */
    void (*embed)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *ids, const void *table,
                  sl_dtype table_type, void *y);
    /* d_table[ids[i]] += dy[i] for rows with ids[i] >= 0; repeated ids add in row order. */
    /* The same from a quantised table. */
    void (*embed_blocks)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *ids,
                         const struct sl_block_matrix *table, void *y);
    void (*embed_bwd)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *ids, const void *dy,
                      float *d_table);

    /* y[i] = x[index[i]]; index[i] < 0 writes zeros. */
    void (*gather_rows)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *index, const void *x,
                        void *y);
    /* y[index[i]] = x[i] (the indices differ from each other), or += with accumulate; index[i] < 0 is skipped. */
    void (*scatter_rows)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *index, const void *x,
                         void *y, bool accumulate);

    /* y[i] = mean of x[4i .. 4i+3]: 2x2 average pooling of patches in block order. y (rows, cols), x (4 rows, cols). */
    void (*pool4)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, void *y);
    void (*pool4_bwd)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *dy, void *dx,
                      bool accumulate);

    /* Attention pooling, and its backward: d_kv is written, d_query (or NULL) added to. */
    void (*pool)(const sl_ops *o, const sl_pool *p);
    void (*pool_bwd)(const sl_ops *o, const sl_pool *p, const void *d_out, void *d_kv, float *d_query);

    /* --- mixture of experts ----------------------------------------------------------------------------------- */

    /*
     * logits (tokens, n_experts) f32. Writes, for each token and choice j in descending order of selection score:
     * experts and weights (tokens, top_k); and the permutation that sorts the tokens * top_k choices by expert,
     * stable in token order: offsets (n_experts + 1), slot (tokens, top_k): where choice (t, j) stands after
     * sorting; source (tokens * top_k): the token that stands there.
     */
    void (*route)(const sl_ops *o, const sl_routing *r, const float *logits, int32_t *experts, float *weights,
                  int32_t *offsets, int32_t *slot, int32_t *source);
    /*
     * d_weights (tokens, top_k) -> d_logits (tokens, n_experts), written. aux_coef != 0 adds the gradient of the
     * load-balancing loss aux_coef * n_experts * sum_e f_e P_e, f_e the fraction of choices and P_e the mean softmax
     * probability of expert e.
     */
    void (*route_bwd)(const sl_ops *o, const sl_routing *r, const float *logits, const int32_t *experts,
                      const float *weights, const int32_t *offsets, const float *d_weights, float aux_coef,
                      float *d_logits);

    /* y[t] = residual[t] + sum_j weights[t, j] * x[slot[t, j]]; residual may be NULL or y. x (tokens * top_k, cols). */
    void (*combine)(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k, const void *x,
                    const float *weights, const int32_t *slot, const void *residual, void *y);
    /* dx[slot[t, j]] = weights[t, j] * dy[t]; d_weights[t, j] = <dy[t], x[slot[t, j]]>. */
    void (*combine_bwd)(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k, const void *dy,
                        const void *x, const float *weights, const int32_t *slot, void *dx, float *d_weights);
    /* dx[t] (+)= sum_j dy[slot[t, j]]: backward of gathering rows by source. */
    void (*gather_choices_bwd)(const sl_ops *o, sl_dtype dt, int64_t tokens, int64_t cols, int top_k,
                               const int32_t *slot, const void *dy, void *dx, bool accumulate);

    /* --- losses and optimizer --------------------------------------------------------------------------------- */

    /*
     * Rows of logits (rows, cols) f32, targets (rows; -1: no target), row_weights (rows). loss[i] =
     * row_weights[i] * (logsumexp - logits[target]), 0 without a target. With d_logits (of dt, may be logits itself
     * when dt is SL_F32; NULL: loss only): row_weights[i] * (softmax - onehot), zeros without a target.
     */
    void (*cross_entropy)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const float *logits,
                          const int32_t *targets, const float *row_weights, float *loss, void *d_logits);

    /*
     * The same against a distribution: loss[i] = row_weights[i] * (logsumexp - sum_j share_j logits[label_j]), 0 for a
     * row without labels; d_logits likewise, row_weights[i] * (softmax - shares).
     */
    void (*sparse_cross_entropy)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const float *logits,
                                 const sl_sparse_targets *targets, float *loss, void *d_logits);

    /*
     * loss[i] = row_weights[i] * (1 - cos(x[i], target[i])), target (rows, cols) f32; with dx: its gradient. Lengths
     * below eps count as eps.
     */
    void (*cosine_loss)(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const void *x, const float *target,
                        const float *row_weights, float eps, float *loss, void *dx);

    /*
     * Sigmoid contrastive loss (SigLIP, arXiv 2303.15343): sims (rows, cols) f32 are cosines of pictures and texts;
     * z = scale * sims + bias; pair (i, j) is positive when row_label[i] == col_label[j].
     * loss[i] = sum_j softplus(-+z) / norm. sims becomes d loss / d sims; sums[0] += d loss / d scale,
     * sums[1] += d loss / d bias.
     */
    void (*sigmoid_contrastive)(const sl_ops *o, int64_t rows, int64_t cols, float *sims, const int32_t *row_label,
                                const int32_t *col_label, float scale, float bias, float norm, float *loss,
                                double *sums);

    /* Returns the sum of n floats, in double, in order. */
    double (*sum)(const sl_ops *o, int64_t n, const float *x);

    /* Sets bytes at p to zero. */
    void (*zero)(const sl_ops *o, size_t bytes, void *p);

    /* Returns the sum of squares of n floats, in double, summed in blocks of fixed size. */
    double (*sum_squares)(const sl_ops *o, int64_t n, const float *x);

    /*
     * One AdamW step (decoupled weight decay, arXiv 1711.05101) on n floats:
     *     g *= grad_scale; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
     *     w -= lr * (m / (1 - b1^step) / (sqrt(v / (1 - b2^step)) + eps) + weight_decay * w); g = 0.
     */
    void (*adamw)(const sl_ops *o, int64_t n, float *w, float *g, float *m, float *v, const sl_adamw *p);
};

#endif
