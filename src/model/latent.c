/*
 * latent.c: multi-head latent attention over the kernels of ordinary attention (DeepSeek-V2, arXiv 2405.04434).
 *
 * A head's q and k have head_dim elements of which rope_dims are turned; v has value_dim. Kernels turn element i with
 * element i + head_dim / 2, so a head is laid out as: first halves of the turned pairs, half of the others, second
 * halves of the turned pairs, the rest of the others. Angles of pairs that are not turned are zero. v is filled up with
 * zeros to head_dim. The cache so holds whole keys and values, not the latent: simple, fast, and larger.
 *
 * Columns are moved in chunks of a width that divides all parts, as rows of a tensor that is reshaped.
 */
#include "model/latent.h"

/* Sizes in chunks. */
struct layout {
    int64_t chunk; /* elements */
    int64_t head, turned, kept, value, heads;
};

static int64_t common(int64_t a, int64_t b)
{
    return b ? common(b, a % b) : a;
}

static struct layout layout_of(const sl_decoder_config *c)
{
    int64_t kept = c->head_dim - c->rope_dims;
    int64_t g = common(common(c->rope_dims / 2, kept / 2), common(c->value_dim, c->head_dim / 2));
    return (struct layout){g, c->head_dim / g, c->rope_dims / g, kept / g, c->value_dim / g, c->n_heads};
}

/* Puts src, n chunks a token, into y: chunk i of each token goes to where at[i] says; at (n), y has `of` a token. */
static sl_tensor *place(sl_ctx *ctx, sl_tensor *y, sl_tensor *src, int64_t n, const int64_t *at, int64_t of)
{
    if (!src || !y) return NULL;
    int64_t tokens = sl_tensor_rows(src);
    if (tokens * n < 1) return NULL;
    int32_t *index = sl_ctx_alloc_meta(ctx, (size_t)(tokens * n) * sizeof *index);
    if (!index) return NULL;
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t i = 0; i < n; i++) index[t * n + i] = (int32_t)(t * of + at[i]);
    sl_tensor *pieces = sl_fn_reshape(ctx, src, tokens * n, sl_tensor_numel(src) / (tokens * n));
    return sl_fn_replace_rows(ctx, y, pieces, index);
}

/* Where chunk i of what is not turned stands in a head. */
static int64_t kept_at(const struct layout *l, int64_t i)
{
    return l->turned / 2 + (i < l->kept / 2 ? i : l->turned / 2 + i);
}

static sl_tensor *place_keys_and_values(sl_ctx *ctx, sl_tensor *y, sl_tensor *kv, sl_tensor *turned,
                                        const struct layout *l, int64_t *at)
{
    int64_t all = l->heads * l->head, n = 0;
    for (int64_t h = 0; h < l->heads; h++) {
        for (int64_t i = 0; i < l->kept; i++) at[n++] = all + h * l->head + kept_at(l, i);
        for (int64_t i = 0; i < l->value; i++) at[n++] = 2 * all + h * l->head + i;
    }
    y = place(ctx, y, kv, n, at, 3 * all);
    for (int64_t h = 0; h < l->heads; h++) {
        for (int64_t i = 0; i < l->turned; i++)
            at[i] = all + h * l->head + (i < l->turned / 2 ? i : l->head / 2 + i - l->turned / 2);
        y = place(ctx, y, turned, l->turned, at, 3 * all);
    }
    return y;
}

/* The values among the attention's heads: (tokens, n_heads * head_dim) -> (tokens, n_heads * value_dim). */
static sl_tensor *take_values(sl_ctx *ctx, sl_tensor *x, const struct layout *l)
{
    if (!x || l->value == l->head) return x;
    int64_t tokens = sl_tensor_rows(x), rows = tokens * l->heads * l->value;
    int32_t *index = sl_ctx_alloc_meta(ctx, (size_t)rows * sizeof *index);
    if (!index) return NULL;
    for (int64_t i = 0; i < rows; i++) index[i] = (int32_t)(i / l->value * l->head + i % l->value);
    x = sl_fn_reshape(ctx, x, tokens * l->heads * l->head, l->chunk);
    x = sl_fn_select_rows(ctx, x, rows, index);
    return sl_fn_reshape(ctx, x, tokens, l->heads * l->value * l->chunk);
}

sl_tensor *sl_latent_attention(sl_ctx *ctx, sl_tensor *x, const sl_decoder_config *c, const struct sl_decoder_layer *w,
                               const sl_attend *attend)
{
    if (!x) return NULL;
    const struct layout l = layout_of(c);
    int64_t tokens = sl_tensor_rows(x), all = l.heads * l.head;
    sl_tensor *q = sl_fn_linear(ctx, x, w->q, &(sl_linear){0});
    sl_tensor *latent = sl_fn_linear(ctx, x, w->latent, &(sl_linear){0});
    sl_tensor *turned = sl_fn_linear(ctx, x, w->turned, &(sl_linear){0});
    sl_tensor *kv = sl_fn_rmsnorm(ctx, latent, w->latent_norm, c->norm_eps);
    kv = sl_fn_linear(ctx, kv, w->expand, &(sl_linear){0});
    sl_tensor *y = sl_tensor_new(ctx, x->dtype, tokens * 3 * all, l.chunk);
    int64_t *at = sl_ctx_alloc_meta(ctx, (size_t)(3 * all) * sizeof *at);
    if (!y || !at) return NULL;
    SL_RUN(ctx, zero, sl_tensor_bytes(y), y->data);
    for (int64_t i = 0; i < all; i++) at[i] = i;
    y = place(ctx, y, q, all, at, 3 * all);
    y = place_keys_and_values(ctx, y, kv, turned, &l, at);
    y = sl_fn_reshape(ctx, y, tokens, 3 * all * l.chunk);
    return take_values(ctx, sl_fn_attention(ctx, y, attend), &l);
}
