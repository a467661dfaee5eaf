/*
 * decoder.c: the mixture-of-experts decoder (docs/MODEL.md, section 5).
 */
#include "model/latent.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

/* What one layer reads besides its input; lives in the context's arenas, for backward. */
struct layer_args {
    const sl_decoder_config *config;
    const struct sl_decoder_layer *weights;
    sl_attend attend;
    int layer;
    const char *tower; /* before the names of intermediate values */
    int32_t *counts;   /* (n_experts): choices of each expert, or NULL */
};

static sl_tensor *feed_forward(sl_ctx *ctx, sl_tensor *h, const sl_weight *gate_up, const sl_weight *down,
                               sl_tensor *residual)
{
    h = sl_fn_linear(ctx, h, gate_up, &(sl_linear){0});
    h = sl_fn_swiglu(ctx, h);
    return sl_fn_linear(ctx, h, down, &(sl_linear){.residual = residual});
}

static sl_tensor *experts(sl_ctx *ctx, const struct layer_args *a, sl_tensor *h, sl_tensor *residual)
{
    const sl_decoder_config *c = a->config;
    const struct sl_decoder_layer *w = a->weights;
    if (!h) return NULL;
    sl_routing routing = {
        .tokens = sl_tensor_rows(h),
        .n_experts = c->n_experts,
        .top_k = c->top_k,
        .sigmoid = c->router_sigmoid,
        .normalise = c->normalise_top_k,
        .scale = c->router_scale,
        .select_bias = w->select_bias ? w->select_bias->value : NULL,
    };
    sl_tensor *logits = sl_fn_linear(ctx, h, w->router, &(sl_linear){.f32_result = true});
    sl_routes *routes = sl_fn_route(ctx, logits, &routing, c->aux_loss_coef);
    if (!routes) return NULL;
    if (a->counts && ctx->ops)
        for (int e = 0; e < c->n_experts; e++) a->counts[e] = routes->offsets[e + 1] - routes->offsets[e];
    sl_tensor *x = sl_fn_dispatch(ctx, h, routes);
    x = sl_fn_linear(ctx, x, w->experts_gate_up, &(sl_linear){.routes = routes});
    x = sl_fn_swiglu(ctx, x);
    x = sl_fn_linear(ctx, x, w->experts_down, &(sl_linear){.routes = routes});
    x = sl_fn_combine(ctx, x, routes, residual);
    return w->shared_gate_up ? feed_forward(ctx, h, w->shared_gate_up, w->shared_down, x) : x;
}

static sl_tensor *decoder_layer(sl_ctx *ctx, void *arg, sl_tensor *x)
{
    const struct layer_args *a = arg;
    const struct sl_decoder_layer *w = a->weights;
    float eps = a->config->norm_eps;
    sl_tensor *h = sl_fn_rmsnorm(ctx, x, w->norm1, eps);
    if (w->latent) {
        h = sl_latent_attention(ctx, h, a->config, w, &a->attend);
    } else {
        h = sl_fn_linear(ctx, h, w->qkv, &(sl_linear){.bias = w->qkv_b});
        h = sl_fn_attention(ctx, h, &a->attend);
    }
    x = sl_fn_linear(ctx, h, w->o, &(sl_linear){.residual = x});
    sl_observe(ctx, x, "%slayers.%d.attn", a->tower, a->layer);
    h = sl_fn_rmsnorm(ctx, x, w->norm2, eps);
    return w->router ? experts(ctx, a, h, x) : feed_forward(ctx, h, w->gate_up, w->down, x);
}

/* Angles by time, row and column, or of a part of the head only (docs/MODEL.md, section 14). */
static void mixed_angles(sl_ctx *ctx, const sl_decoder_config *c, const sl_batch *b, float *cos, float *sin)
{
    int n = c->head_dim / 2, turned = c->kv_rank ? c->rope_dims / 2 : n;
    const int *s = c->rope_sections.items;
    uint8_t *axis = sl_ctx_alloc_meta(ctx, (size_t)n);
    double *freqs = sl_ctx_alloc_meta(ctx, (size_t)n * sizeof *freqs);
    if (!axis || !freqs) return;
    for (int i = 0; i < n; i++) {
        int k = i % 3;
        axis[i] = 0;
        if (c->rope_sections.n && c->rope_interleaved)
            axis[i] = (uint8_t)(k && i < 3 * s[k] ? k : 0);
        else if (c->rope_sections.n)
            axis[i] = i < s[0] ? 0 : i < s[0] + s[1] ? 1 : 2;
        freqs[i] = i < turned ? pow((double)c->rope_theta, -(double)i / turned) : 0;
    }
    sl_rope r = {
        .tokens = b->n_tokens,
        .n_axes = c->rope_sections.n ? 3 : 1,
        .n_freqs = n,
        .positions = c->rope_sections.n ? b->axes : b->positions,
        .axis = axis,
        .freqs = freqs,
    };
    SL_RUN(ctx, rope_mixed, &r, cos, sin);
}

/* The attention of every layer, without the weights of its norms. */
static sl_attend decoder_attend(sl_ctx *ctx, const sl_decoder_config *c, const sl_batch *b)
{
    size_t numel = (size_t)b->n_tokens * (size_t)(c->head_dim / 2);
    float *cos = sl_ctx_alloc(ctx, numel * sizeof *cos), *sin = sl_ctx_alloc(ctx, numel * sizeof *sin);
    if (cos && sin && (c->rope_sections.n || c->kv_rank))
        mixed_angles(ctx, c, b, cos, sin);
    else if (cos && sin)
        SL_RUN(ctx, rope_table, b->n_tokens, 1, c->head_dim / 2, b->positions, c->rope_theta, cos, sin);
    return (sl_attend){
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .norm_eps = c->norm_eps,
        .cos = cos,
        .sin = sin,
        .cu_seqlens = b->cu_seqlens,
        .n_seqs = b->n_seqs,
        .causal = true,
    };
}

/* The parts that features consist of: the adapter's, then DeepStack's; each (n, hidden). Returns their number. */
static int split_features(sl_ctx *ctx, const sl_tower *t, sl_tensor *features, sl_tensor **parts)
{
    int n = features ? (int)(sl_tensor_cols(features) / t->config->hidden) : 0;
    parts[0] = features;
    if (n <= 1) return n;
    SL_CHECK(n <= 1 + SL_MAX_LIST);
    int64_t rows = sl_tensor_rows(features);
    sl_tensor *pieces = sl_fn_reshape(ctx, features, rows * n, t->config->hidden);
    int32_t *index = sl_ctx_alloc_meta(ctx, (size_t)(rows * n) * sizeof *index);
    for (int j = 0; j < n; j++) {
        for (int64_t i = 0; index && i < rows; i++) index[j * rows + i] = (int32_t)(i * n + j);
        parts[j] = index ? sl_fn_select_rows(ctx, pieces, rows, index + j * rows) : NULL;
    }
    return n;
}

static sl_tensor *embed(sl_ctx *ctx, const sl_tower *t, const sl_batch *b, sl_tensor *features)
{
    sl_tensor *x = sl_fn_embed(ctx, t->embed, b->n_tokens, b->tokens, b->grad_tokens);
    if (b->n_pictures) x = sl_fn_replace_rows(ctx, x, features, b->feature_rows);
    sl_observe(ctx, x, "%sembed", t->name);
    return x;
}

sl_tensor *sl_tower_forward(sl_ctx *ctx, const sl_tower *t, const sl_batch *b, sl_tensor *features,
                            const sl_decoder_cache *cache, int32_t *stats)
{
    const sl_decoder_config *c = t->config;
    SL_CHECK(!cache || !ctx->tape);
    if (stats) memset(stats, 0, (size_t)c->depth * (size_t)c->n_experts * sizeof *stats);
    sl_tensor *parts[1 + SL_MAX_LIST];
    int n_parts = split_features(ctx, t, features, parts);
    sl_tensor *x = embed(ctx, t, b, parts[0]);
    sl_attend attend = decoder_attend(ctx, c, b);
    struct layer_args *args = sl_ctx_alloc_meta(ctx, (size_t)c->depth * sizeof *args);
    if (!args) return NULL;
    for (int i = 0; i < c->depth; i++) {
        const struct sl_decoder_layer *w = &t->layers[i];
        args[i] = (struct layer_args){.config = c, .weights = w, .attend = attend, .layer = i, .tower = t->name};
        args[i].attend.q_norm = w->q_norm;
        args[i].attend.k_norm = w->k_norm;
        args[i].attend.cache = cache ? &cache->layers[i] : NULL;
        if (stats && w->router) args[i].counts = stats + (size_t)i * (size_t)c->n_experts;
        bool keep = w->norm1->grad || t->adapted || (x && x->needs_grad);
        x = sl_block(ctx, decoder_layer, &args[i], x, keep ? t->keep : SL_KEEP_NOTHING);
        if (i + 1 < n_parts) x = sl_fn_add_rows(ctx, x, parts[i + 1], b->feature_rows);
        sl_observe(ctx, x, "%slayers.%d", t->name, i);
    }
    x = sl_fn_rmsnorm(ctx, x, t->norm, c->norm_eps);
    sl_observe(ctx, x, "%snorm", t->name);
    return x;
}

sl_tower sl_text_tower(const sl_model *m)
{
    const struct sl_pretrain_weights *p = &m->weights.pretrain;
    return (sl_tower){"text.", &m->text, p->text_embed, p->text_norm, p->text_layers, m->decoder_keep, false};
}

sl_tensor *sl_decoder_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_tensor *features,
                              const sl_decoder_cache *cache, int32_t *stats)
{
    const sl_weights *w = &m->weights;
    sl_tower t = {"", &m->config.decoder, w->embed, w->norm, w->layers, m->decoder_keep, false};
    t.adapted = m->plan.adapted >> SL_MODULE_DECODER & 1;
    return sl_tower_forward(ctx, &t, b, features, cache, stats);
}
