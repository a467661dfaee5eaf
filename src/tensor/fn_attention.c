/*
 * fn_attention.c: attention from a fused projection, pooling by a learned query, and their backward.
 */
#include "tensor/fn.h"

#include <math.h>

struct attention_node {
    sl_node node;
    sl_tensor *qkv, *prepared, *y;
    sl_qkv prepare;
    sl_attention attend;
    const sl_weight *q_norm, *k_norm;
    double flops; /* forward */
};

static void attention_backward(sl_ctx *ctx, sl_node *node)
{
    struct attention_node *n = (struct attention_node *)node;
    if (!n->y->grad || !n->qkv->needs_grad) return;
    int64_t tokens = sl_tensor_rows(n->qkv), cols = sl_tensor_cols(n->qkv);
    sl_tensor *d = sl_tensor_new(ctx, n->qkv->dtype, tokens, cols);
    if (!d) return;
    sl_mark mark = sl_ctx_mark(ctx);
    size_t element = sl_dtype_size(d->dtype);
    size_t head = (size_t)n->attend.head_dim * element;
    sl_attention_grad g = {
        .d_out = n->y->grad->data,
        .dq = d->data,
        .dk = (char *)d->data + (size_t)n->attend.n_heads * head,
        .dv = (char *)d->data + (size_t)(n->attend.n_heads + n->attend.n_kv_heads) * head,
        .delta = sl_ctx_alloc(ctx, (size_t)tokens * (size_t)n->attend.n_heads * sizeof(float)),
    };
    if (!g.delta) return;
    SL_RUN(ctx, attention_bwd, &n->attend, &g);
    ctx->backward_flops += 2 * n->flops;
    SL_RUN(ctx, qkv_prepare_bwd, &n->prepare, n->qkv->data, d->data, n->q_norm ? n->q_norm->grad : NULL,
           n->k_norm ? n->k_norm->grad : NULL);
    sl_ctx_release_to(ctx, mark);
    sl_grad_pass(ctx, n->qkv, d);
}

/* Norms and rotates q and k: in place without a tape, else into a new tensor. */
static sl_tensor *prepare(sl_ctx *ctx, sl_tensor *qkv, const sl_attend *how, bool grad, sl_qkv *out)
{
    *out = (sl_qkv){
        .dt = qkv->dtype,
        .tokens = sl_tensor_rows(qkv),
        .n_heads = how->n_heads,
        .n_kv_heads = how->n_kv_heads,
        .head_dim = how->head_dim,
        .q_norm = how->q_norm ? how->q_norm->value : NULL,
        .k_norm = how->k_norm ? how->k_norm->value : NULL,
        .eps = how->norm_eps,
        .cos = how->cos,
        .sin = how->sin,
    };
    sl_tensor *y = grad ? sl_tensor_new(ctx, qkv->dtype, sl_tensor_rows(qkv), sl_tensor_cols(qkv)) : qkv;
    if (y && grad && how->q_norm) {
        size_t heads = (size_t)how->n_heads + (size_t)how->n_kv_heads;
        out->rstd = sl_ctx_alloc(ctx, (size_t)out->tokens * heads * sizeof(float));
    }
    if (!y || ctx->failed) return NULL;
    SL_RUN(ctx, qkv_prepare, out, qkv->data, y->data);
    return y;
}

static double attention_flops(const sl_attend *how)
{
    double pairs = 0;
    for (int s = 0; s < how->n_seqs; s++) {
        double n = how->cu_seqlens[s + 1] - how->cu_seqlens[s];
        if (how->cache)
            pairs += n * how->cache->lengths[s];
        else
            pairs += how->causal ? n * (n + 1) / 2 : n * n;
    }
    return 4.0 * pairs * how->n_heads * how->head_dim;
}

static void attend_to_cache(sl_ctx *ctx, const sl_attend *how, const sl_tensor *qkv, const void *k, const void *v,
                            sl_tensor *y)
{
    sl_attention_paged p = *how->cache;
    p.dt = qkv->dtype;
    p.n_heads = how->n_heads;
    p.n_kv_heads = how->n_kv_heads;
    p.head_dim = how->head_dim;
    p.q = qkv->data;
    p.q_stride = sl_tensor_cols(qkv);
    p.out = y->data;
    p.cu_seqlens = how->cu_seqlens;
    p.n_seqs = how->n_seqs;
    p.scale = 1.0f / sqrtf((float)how->head_dim);
    SL_RUN(ctx, cache_write, &p, k, v, sl_tensor_cols(qkv));
    SL_RUN(ctx, attention_paged, &p);
}

sl_tensor *sl_fn_attention(sl_ctx *ctx, sl_tensor *qkv, const sl_attend *how)
{
    if (ctx->failed || !qkv) return NULL;
    bool grad = ctx->tape && qkv->needs_grad;
    int64_t tokens = sl_tensor_rows(qkv), cols = sl_tensor_cols(qkv);
    SL_CHECK(cols == (int64_t)(how->n_heads + 2 * how->n_kv_heads) * how->head_dim);
    sl_tensor *y = sl_tensor_new(ctx, qkv->dtype, tokens, (int64_t)how->n_heads * how->head_dim);
    sl_qkv prep;
    sl_tensor *ready = y ? prepare(ctx, qkv, how, grad, &prep) : NULL;
    float *lse = NULL;
    if (ready && grad) lse = sl_ctx_alloc(ctx, (size_t)tokens * (size_t)how->n_heads * sizeof(float));
    if (!ready || ctx->failed) return NULL;
    size_t head = (size_t)how->head_dim * sl_dtype_size(qkv->dtype);
    sl_attention a = {
        .dt = qkv->dtype,
        .n_heads = how->n_heads,
        .n_kv_heads = how->n_kv_heads,
        .head_dim = how->head_dim,
        .q = ready->data,
        .k = (char *)ready->data + (size_t)how->n_heads * head,
        .v = (char *)ready->data + (size_t)(how->n_heads + how->n_kv_heads) * head,
        .q_stride = cols,
        .kv_stride = cols,
        .out = y->data,
        .lse = lse,
        .cu_seqlens = how->cu_seqlens,
        .n_seqs = how->n_seqs,
        .causal = how->causal,
        .scale = 1.0f / sqrtf((float)how->head_dim),
    };
    if (how->cache)
        attend_to_cache(ctx, how, ready, a.k, a.v, y);
    else
        SL_RUN(ctx, attention, &a);
    ctx->flops += attention_flops(how);
    y->needs_grad = grad;
    struct attention_node *n = sl_tape_push(ctx, sizeof *n, grad, attention_backward);
    if (n) {
        n->qkv = qkv, n->prepared = ready, n->y = y, n->prepare = prep, n->attend = a;
        n->q_norm = how->q_norm, n->k_norm = how->k_norm;
        n->flops = attention_flops(how);
    }
    return y;
}

/* --- pooling ----------------------------------------------------------------------------------------------------- */

struct pool_node {
    sl_node node;
    sl_tensor *kv, *y;
    sl_pool pool;
    float *d_query;
};

static void pool_backward(sl_ctx *ctx, sl_node *node)
{
    struct pool_node *n = (struct pool_node *)node;
    if (!n->y->grad) return;
    sl_tensor *d = sl_tensor_new(ctx, n->kv->dtype, sl_tensor_rows(n->kv), sl_tensor_cols(n->kv));
    if (!d) return;
    SL_RUN(ctx, pool_bwd, &n->pool, n->y->grad->data, d->data, n->d_query);
    ctx->backward_flops += 4.0 * (double)sl_tensor_numel(n->kv);
    sl_grad_pass(ctx, n->kv, d);
}

sl_tensor *sl_fn_pool(sl_ctx *ctx, sl_tensor *kv, const sl_pooling *how)
{
    if (ctx->failed || !kv) return NULL;
    int64_t rows = sl_tensor_rows(kv), width = (int64_t)how->n_heads * how->head_dim;
    SL_CHECK(sl_tensor_cols(kv) == 2 * width && how->head_dim <= SL_POOL_MAX_HEAD_DIM);
    sl_tensor *y = sl_tensor_new(ctx, kv->dtype, how->n_seqs, width);
    float *probs = sl_ctx_alloc(ctx, (size_t)rows * (size_t)how->n_heads * sizeof *probs);
    if (!y || !probs) return NULL;
    sl_pool p = {
        .dt = kv->dtype,
        .n_heads = how->n_heads,
        .head_dim = how->head_dim,
        .query = how->query->value,
        .kv = kv->data,
        .cu_seqlens = how->cu_seqlens,
        .n_seqs = how->n_seqs,
        .scale = 1.0f / sqrtf((float)how->head_dim),
        .out = y->data,
        .probs = probs,
    };
    SL_RUN(ctx, pool, &p);
    ctx->flops += 4.0 * (double)rows * (double)width;
    y->needs_grad = ctx->tape && (kv->needs_grad || how->query->grad);
    struct pool_node *n = sl_tape_push(ctx, sizeof *n, y->needs_grad, pool_backward);
    if (n) n->kv = kv, n->y = y, n->pool = p, n->d_query = how->query->grad;
    return y;
}
