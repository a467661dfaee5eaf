/*
 * vit.c: Seed-ViT and the adapter (docs/MODEL.md, sections 2 and 3).
 */
#include "model/model.h"

/* What one block reads besides its input; lives in the context's arenas, for backward. */
struct vit_block_args {
    const sl_vit_config *config;
    const struct sl_vit_block *weights;
    sl_attend attend;
};

static sl_tensor *vit_block(sl_ctx *ctx, void *arg, sl_tensor *x)
{
    const struct vit_block_args *a = arg;
    const struct sl_vit_block *w = a->weights;
    float eps = a->config->norm_eps;
    sl_tensor *h = sl_fn_layernorm(ctx, x, w->norm1_w, w->norm1_b, eps);
    h = sl_fn_linear(ctx, h, w->qkv_w, &(sl_linear){.bias = w->qkv_b});
    h = sl_fn_attention(ctx, h, &a->attend);
    x = sl_fn_linear(ctx, h, w->proj_w, &(sl_linear){.bias = w->proj_b, .residual = x});
    h = sl_fn_layernorm(ctx, x, w->norm2_w, w->norm2_b, eps);
    h = sl_fn_linear(ctx, h, w->fc1_w, &(sl_linear){.bias = w->fc1_b, .act = a->config->act});
    return sl_fn_linear(ctx, h, w->fc2_w, &(sl_linear){.bias = w->fc2_b, .residual = x});
}

/* The attention of every block: patches attend within their picture, turned by their place in its grid. */
static sl_attend vit_attend(sl_ctx *ctx, const sl_vit_config *c, const sl_batch *b)
{
    int head_dim = c->hidden / c->n_heads;
    size_t numel = (size_t)b->n_patches * (size_t)(head_dim / 2);
    float *cos = sl_ctx_alloc(ctx, numel * sizeof *cos), *sin = sl_ctx_alloc(ctx, numel * sizeof *sin);
    if (cos && sin) SL_RUN(ctx, rope_table, b->n_patches, 2, head_dim / 4, b->patch_positions, c->rope_theta, cos, sin);
    return (sl_attend){
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_heads,
        .head_dim = head_dim,
        .cos = cos,
        .sin = sin,
        .cu_seqlens = b->cu_patches,
        .n_seqs = b->n_pictures,
    };
}

/* The patches as activations: borrowed in f32, else converted. */
static sl_tensor *patches_tensor(sl_ctx *ctx, const sl_batch *b, int64_t cols)
{
    if (ctx->dt == SL_F32) return sl_tensor_wrap(ctx, SL_F32, b->n_patches, cols, (void *)b->patches);
    sl_tensor *t = sl_tensor_new(ctx, ctx->dt, b->n_patches, cols);
    if (t) SL_RUN(ctx, scale, b->n_patches * cols, 1.0f, b->patches, SL_F32, t->data, t->dtype);
    return t;
}

/* The blocks of a stack with what each reads, in the context's arenas; NULL once the context has failed. */
static struct vit_block_args *block_args(sl_ctx *ctx, const sl_vit_config *c, const struct sl_vit_block *blocks,
                                         int depth, const sl_batch *b)
{
    sl_attend attend = vit_attend(ctx, c, b);
    struct vit_block_args *args = sl_ctx_alloc_meta(ctx, (size_t)depth * sizeof *args);
    for (int i = 0; args && i < depth; i++)
        args[i] = (struct vit_block_args){.config = c, .weights = &blocks[i], .attend = attend};
    return args;
}

sl_tensor *sl_vit_blocks_forward(sl_ctx *ctx, const sl_model *m, const struct sl_vit_block *blocks, int depth,
                                 const sl_batch *b, sl_tensor *x)
{
    struct vit_block_args *args = block_args(ctx, &m->config.vit, blocks, depth, b);
    if (!args || !x) return NULL;
    for (int i = 0; i < depth; i++)
        x = sl_block(ctx, vit_block, &args[i], x, x && x->needs_grad ? m->vit_keep : SL_KEEP_NOTHING);
    return x;
}

void sl_vit_begin(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_vit_pass *pass)
{
    const sl_weights *w = &m->weights;
    const sl_vit_config *c = &m->config.vit;
    sl_tensor *x = patches_tensor(ctx, b, w->patch_w->k);
    sl_observe(ctx, x, "patches");
    x = sl_fn_linear(ctx, x, w->patch_w, &(sl_linear){.bias = w->patch_b});
    sl_observe(ctx, x, "vit.patch_embed");
    *pass = (sl_vit_pass){.x = x, .args = block_args(ctx, c, w->vit, c->depth, b)};
}

void sl_vit_continue(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass, int n_blocks)
{
    bool trained = m->weights.patch_w->grad || (m->plan.adapted >> SL_MODULE_VIT & 1);
    if (!pass->args) return;
    for (; n_blocks > 0 && pass->next < m->config.vit.depth; n_blocks--, pass->next++) {
        pass->x = sl_block(ctx, vit_block, &pass->args[pass->next], pass->x, trained ? m->vit_keep : SL_KEEP_NOTHING);
        sl_observe(ctx, pass->x, "vit.blocks.%d", pass->next);
    }
}

sl_tensor *sl_vit_end(sl_ctx *ctx, const sl_model *m, const sl_vit_pass *pass)
{
    const sl_weights *w = &m->weights;
    sl_tensor *x = sl_fn_layernorm(ctx, pass->x, w->post_norm_w, w->post_norm_b, m->config.vit.norm_eps);
    sl_observe(ctx, x, "vit.post_norm");
    return x;
}

sl_tensor *sl_vit_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b)
{
    sl_vit_pass pass;
    sl_vit_begin(ctx, m, b, &pass);
    sl_vit_continue(ctx, m, &pass, m->config.vit.depth);
    return sl_vit_end(ctx, m, &pass);
}

sl_tensor *sl_adapter_forward(sl_ctx *ctx, const sl_model *m, sl_tensor *patches)
{
    const sl_weights *w = &m->weights;
    const sl_adapter_config *c = &m->config.adapter;
    sl_tensor *x = c->merge == SL_MERGE_CONCAT ? sl_fn_concat4(ctx, patches) : sl_fn_pool4(ctx, patches);
    sl_observe(ctx, x, "merge");
    x = sl_fn_layernorm(ctx, x, w->adapter_norm_w, w->adapter_norm_b, c->norm_eps);
    x = sl_fn_linear(ctx, x, w->fc1_w, &(sl_linear){.bias = w->fc1_b, .act = c->act});
    x = sl_fn_linear(ctx, x, w->fc2_w, &(sl_linear){.bias = w->fc2_b});
    sl_observe(ctx, x, "adapter");
    return x;
}
