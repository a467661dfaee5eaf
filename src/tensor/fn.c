/*
 * fn.c: linear maps, norms, activations and moves of rows, each forward directly above its backward.
 */
#include "tensor/fn.h"

static void *elements(const sl_tensor *t)
{
    return t ? t->data : NULL;
}

static float *grad_of_weight(const sl_weight *w)
{
    return w ? w->grad : NULL;
}

/* Rows of activations that a new result inherits its need for gradients from. */
static bool wants_grad(const sl_ctx *ctx, const sl_tensor *x, const sl_weight *w, const sl_weight *b)
{
    return ctx->tape && ((x && x->needs_grad) || (w && w->grad) || (b && b->grad));
}

/* --- linear -------------------------------------------------------------------------------------------------- */

struct linear_node {
    sl_node node;
    sl_tensor *x, *y;
    const sl_weight *w;
    sl_linear how;
    void *pre_act;
};

static double product_flops(const sl_gemm *g)
{
    return 2.0 * (double)g->m * (double)g->n * (double)g->k;
}

/* dW (n, k) += dy^T x, for every expert's rows if there are experts. */
static void linear_weight_grad(sl_ctx *ctx, const struct linear_node *n, const sl_tensor *dy)
{
    const sl_routes *routes = n->how.routes;
    sl_gemm g = {
        .m = n->w->n,
        .n = n->w->k,
        .k = sl_tensor_rows(dy),
        .a = dy->data,
        .lda = n->w->n,
        .a_type = dy->dtype,
        .a_layout = SL_COLUMNS,
        .b = n->x->data,
        .ldb = n->w->k,
        .b_type = n->x->dtype,
        .b_layout = SL_COLUMNS,
        .c = n->w->grad,
        .ldc = n->w->k,
        .c_type = SL_F32,
        .accumulate = true,
    };
    if (routes) {
        g.n_groups = routes->how.n_experts;
        g.offsets = routes->offsets;
        g.split_k = true;
        g.c_group_stride = n->w->n * n->w->k;
    }
    SL_RUN(ctx, gemm, &g);
    ctx->backward_flops += product_flops(&g);
}

/* dx (+)= dy W. */
static void linear_input_grad(sl_ctx *ctx, const struct linear_node *n, const sl_tensor *dy)
{
    bool accumulate;
    sl_tensor *dx = sl_grad_of(ctx, n->x, &accumulate);
    if (!dx) return;
    const sl_routes *routes = n->how.routes;
    sl_gemm g = {
        .m = sl_tensor_rows(dy),
        .n = n->w->k,
        .k = n->w->n,
        .a = dy->data,
        .lda = n->w->n,
        .a_type = dy->dtype,
        .b_packed = n->w->packed_t,
        .b_type = n->w->packed_type,
        .c = dx->data,
        .ldc = n->w->k,
        .c_type = dx->dtype,
        .residual = accumulate ? dx->data : NULL,
    };
    if (routes) {
        g.n_groups = routes->how.n_experts;
        g.offsets = routes->offsets;
        g.b_packed_stride = n->w->packed_t_stride;
    }
    SL_RUN(ctx, gemm, &g);
    ctx->backward_flops += product_flops(&g);
}

static void linear_backward(sl_ctx *ctx, sl_node *node)
{
    struct linear_node *n = (struct linear_node *)node;
    sl_tensor *dy = n->y->grad;
    if (!dy) return;
    if (n->how.act != SL_ACT_NONE)
        SL_RUN(ctx, act_bwd, dy->dtype, n->how.act, sl_tensor_numel(dy), dy->data, n->pre_act, dy->data, false);
    if (grad_of_weight(n->how.bias))
        SL_RUN(ctx, bias_bwd, dy->dtype, sl_tensor_rows(dy), n->w->n, dy->data, n->how.bias->grad);
    if (n->w->grad) linear_weight_grad(ctx, n, dy);
    linear_input_grad(ctx, n, dy);
    sl_grad_pass(ctx, n->how.residual, dy);
}

/* Fills in the product x W^T, without what comes after it. */
static sl_gemm linear_product(const sl_tensor *x, const sl_weight *w, const sl_routes *routes)
{
    sl_gemm g = {
        .m = sl_tensor_rows(x),
        .n = w->n,
        .k = w->k,
        .a = x->data,
        .lda = w->k,
        .a_type = x->dtype,
        .b_packed = w->packed,
        .b_type = w->packed_type,
        .b_blocks = w->blocks,
        .ldc = w->n,
    };
    if (routes) {
        g.n_groups = routes->how.n_experts;
        g.offsets = routes->offsets;
        g.b_packed_stride = w->packed_stride;
    }
    return g;
}

/* The map itself, without an adapter. */
static sl_tensor *linear(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, const sl_linear *how)
{
    if (ctx->failed || !x) return NULL;
    SL_CHECK(sl_tensor_cols(x) == w->k);
    bool in_place = how->residual && !ctx->tape;
    bool grad = wants_grad(ctx, x, w, how->bias) || wants_grad(ctx, how->residual, NULL, NULL);
    sl_tensor *y =
        in_place ? how->residual : sl_tensor_new(ctx, how->f32_result ? SL_F32 : ctx->dt, sl_tensor_rows(x), w->n);
    void *pre_act = NULL;
    if (y && grad && how->act != SL_ACT_NONE) pre_act = sl_ctx_alloc(ctx, sl_tensor_bytes(y));
    if (!y || ctx->failed) return NULL;
    sl_gemm g = linear_product(x, w, how->routes);
    g.c = y->data;
    g.c_type = y->dtype;
    g.bias = how->bias ? how->bias->value : NULL;
    g.act = how->act;
    g.pre_act = pre_act;
    g.residual = elements(how->residual);
    if (w->blocks)
        SL_RUN(ctx, gemm_blocks, &g);
    else
        SL_RUN(ctx, gemm, &g);
    ctx->flops += product_flops(&g);
    if (!in_place) y->needs_grad = grad;
    struct linear_node *n = sl_tape_push(ctx, sizeof *n, grad, linear_backward);
    if (n) n->x = x, n->y = y, n->w = w, n->how = *how, n->pre_act = pre_act;
    return y;
}

struct scaled_node {
    sl_node node;
    sl_tensor *x, *y;
    float alpha;
    sl_act act;
};

/* dx (+)= alpha dy act'(x), where at most one of the two does anything. */
static void scaled_backward(sl_ctx *ctx, sl_node *node)
{
    struct scaled_node *n = (struct scaled_node *)node;
    sl_tensor *dy = n->y->grad;
    bool accumulate;
    sl_tensor *dx = dy ? sl_grad_of(ctx, n->x, &accumulate) : NULL;
    if (!dx) return;
    SL_CHECK(!accumulate);
    int64_t count = sl_tensor_numel(dy);
    if (n->act != SL_ACT_NONE)
        SL_RUN(ctx, act_bwd, dy->dtype, n->act, count, dy->data, n->x->data, dx->data, false);
    else
        SL_RUN(ctx, scale, count, n->alpha, dy->data, dy->dtype, dx->data, dx->dtype);
}

/* y = act(x), or alpha x without an act. */
static sl_tensor *scaled(sl_ctx *ctx, sl_tensor *x, float alpha, sl_act act)
{
    sl_tensor *y = x ? sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x)) : NULL;
    if (!y) return NULL;
    if (act != SL_ACT_NONE)
        SL_RUN(ctx, act, x->dtype, act, sl_tensor_numel(x), x->data, y->data);
    else
        SL_RUN(ctx, scale, sl_tensor_numel(x), alpha, x->data, x->dtype, y->data, y->dtype);
    y->needs_grad = wants_grad(ctx, x, NULL, NULL);
    struct scaled_node *n = sl_tape_push(ctx, sizeof *n, y->needs_grad, scaled_backward);
    if (n) n->x = x, n->y = y, n->alpha = alpha, n->act = act;
    return y;
}

/* The map and its adapter; the activation comes after both. */
static sl_tensor *adapted_linear(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, const sl_linear *how)
{
    sl_linear base = *how;
    base.act = SL_ACT_NONE;
    sl_tensor *y = linear(ctx, x, w, &base);
    sl_tensor *low = linear(ctx, x, w->lora->a, &(sl_linear){.routes = how->routes});
    low = scaled(ctx, low, w->lora->scale, SL_ACT_NONE);
    if (!y) return NULL;
    y = linear(ctx, low, w->lora->b, &(sl_linear){.routes = how->routes, .residual = y});
    return how->act == SL_ACT_NONE ? y : scaled(ctx, y, 1, how->act);
}

sl_tensor *sl_fn_linear(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, const sl_linear *how)
{
    return w->lora ? adapted_linear(ctx, x, w, how) : linear(ctx, x, w, how);
}

/* --- norms --------------------------------------------------------------------------------------------------- */

struct norm_node {
    sl_node node;
    sl_tensor *x, *y;
    const sl_weight *w, *b;
    float *mean, *rstd;
};

static void layernorm_backward(sl_ctx *ctx, sl_node *node)
{
    struct norm_node *n = (struct norm_node *)node;
    if (!n->y->grad) return;
    bool accumulate;
    sl_tensor *dx = sl_grad_of(ctx, n->x, &accumulate);
    SL_RUN(ctx, layernorm_bwd, n->x->dtype, sl_tensor_rows(n->x), sl_tensor_cols(n->x), n->y->grad->data, n->x->data,
           n->w->value, n->mean, n->rstd, elements(dx), accumulate, n->w->grad, n->b->grad);
}

static void rmsnorm_backward(sl_ctx *ctx, sl_node *node)
{
    struct norm_node *n = (struct norm_node *)node;
    if (!n->y->grad) return;
    bool accumulate;
    sl_tensor *dx = sl_grad_of(ctx, n->x, &accumulate);
    SL_RUN(ctx, rmsnorm_bwd, n->x->dtype, sl_tensor_rows(n->x), sl_tensor_cols(n->x), n->y->grad->data, n->x->data,
           n->w->value, n->rstd, elements(dx), accumulate, n->w->grad);
}

/* Makes the result of a norm and the statistics (`per_row` floats a row) that its backward needs. */
static sl_tensor *norm_result(sl_ctx *ctx, const sl_tensor *x, bool grad, int per_row, float **statistics)
{
    sl_tensor *y = sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x));
    *statistics = NULL;
    if (y && grad) *statistics = sl_ctx_alloc(ctx, (size_t)(per_row * sl_tensor_rows(x)) * sizeof(float));
    if (y) y->needs_grad = grad;
    return ctx->failed ? NULL : y;
}

sl_tensor *sl_fn_layernorm(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, const sl_weight *b, float eps)
{
    if (ctx->failed || !x) return NULL;
    bool grad = wants_grad(ctx, x, w, b);
    float *mean;
    sl_tensor *y = norm_result(ctx, x, grad, 2, &mean);
    if (!y) return NULL;
    float *rstd = mean ? mean + sl_tensor_rows(x) : NULL;
    SL_RUN(ctx, layernorm, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x), x->data, w->value, b->value, eps, y->data,
           mean, rstd);
    struct norm_node *n = sl_tape_push(ctx, sizeof *n, grad, layernorm_backward);
    if (n) n->x = x, n->y = y, n->w = w, n->b = b, n->mean = mean, n->rstd = rstd;
    return y;
}

sl_tensor *sl_fn_rmsnorm(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, float eps)
{
    if (ctx->failed || !x) return NULL;
    bool grad = wants_grad(ctx, x, w, NULL);
    float *rstd;
    sl_tensor *y = norm_result(ctx, x, grad, 1, &rstd);
    if (!y) return NULL;
    SL_RUN(ctx, rmsnorm, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x), x->data, w->value, eps, y->data, rstd);
    struct norm_node *n = sl_tape_push(ctx, sizeof *n, grad, rmsnorm_backward);
    if (n) n->x = x, n->y = y, n->w = w, n->rstd = rstd;
    return y;
}

static void l2norm_backward(sl_ctx *ctx, sl_node *node)
{
    struct norm_node *n = (struct norm_node *)node;
    if (!n->y->grad) return;
    bool accumulate;
    sl_tensor *dx = sl_grad_of(ctx, n->x, &accumulate);
    if (!dx) return;
    SL_RUN(ctx, l2norm_bwd, n->x->dtype, sl_tensor_rows(n->x), sl_tensor_cols(n->x), n->y->grad->data, n->y->data,
           n->rstd, dx->data, accumulate);
}

sl_tensor *sl_fn_l2norm(sl_ctx *ctx, sl_tensor *x, float eps)
{
    if (ctx->failed || !x) return NULL;
    bool grad = wants_grad(ctx, x, NULL, NULL);
    float *norm;
    sl_tensor *y = norm_result(ctx, x, true, 1, &norm);
    if (!y) return NULL;
    y->needs_grad = grad;
    SL_RUN(ctx, l2norm, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x), x->data, eps, y->data, norm);
    struct norm_node *n = sl_tape_push(ctx, sizeof *n, grad, l2norm_backward);
    if (n) n->x = x, n->y = y, n->rstd = norm;
    return y;
}

/* --- elementwise and pooling: one input, one output, nothing else to remember ---------------------------------- */

struct unary_node {
    sl_node node;
    sl_tensor *x, *y;
};

static sl_tensor *unary(sl_ctx *ctx, sl_tensor *x, sl_tensor *y, void (*backward)(sl_ctx *, sl_node *))
{
    if (!y) return NULL;
    y->needs_grad = wants_grad(ctx, x, NULL, NULL);
    struct unary_node *n = sl_tape_push(ctx, sizeof *n, y->needs_grad, backward);
    if (n) n->x = x, n->y = y;
    return y;
}

static void swiglu_backward(sl_ctx *ctx, sl_node *node)
{
    struct unary_node *n = (struct unary_node *)node;
    if (!n->y->grad) return;
    bool accumulate;
    sl_tensor *dx = sl_grad_of(ctx, n->x, &accumulate);
    if (!dx) return;
    SL_CHECK(!accumulate);
    SL_RUN(ctx, swiglu_bwd, n->x->dtype, sl_tensor_rows(n->y), sl_tensor_cols(n->y), n->y->grad->data, n->x->data,
           dx->data);
}

sl_tensor *sl_fn_swiglu(sl_ctx *ctx, sl_tensor *x)
{
    if (ctx->failed || !x) return NULL;
    sl_tensor *y = sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x) / 2);
    if (y) SL_RUN(ctx, swiglu, x->dtype, sl_tensor_rows(y), sl_tensor_cols(y), x->data, y->data);
    return unary(ctx, x, y, swiglu_backward);
}

static void pool4_backward(sl_ctx *ctx, sl_node *node)
{
    struct unary_node *n = (struct unary_node *)node;
    if (!n->y->grad) return;
    bool accumulate;
    sl_tensor *dx = sl_grad_of(ctx, n->x, &accumulate);
    if (!dx) return;
    SL_RUN(ctx, pool4_bwd, n->x->dtype, sl_tensor_rows(n->y), sl_tensor_cols(n->y), n->y->grad->data, dx->data,
           accumulate);
}

sl_tensor *sl_fn_pool4(sl_ctx *ctx, sl_tensor *x)
{
    if (ctx->failed || !x) return NULL;
    SL_CHECK(sl_tensor_rows(x) % 4 == 0);
    sl_tensor *y = sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x) / 4, sl_tensor_cols(x));
    if (y) SL_RUN(ctx, pool4, x->dtype, sl_tensor_rows(y), sl_tensor_cols(y), x->data, y->data);
    return unary(ctx, x, y, pool4_backward);
}

/* The same numbers under the shape of x. */
static void reshape_backward(sl_ctx *ctx, sl_node *node)
{
    struct unary_node *n = (struct unary_node *)node;
    if (!n->y->grad) return;
    sl_tensor *dx = sl_tensor_wrap(ctx, n->x->dtype, sl_tensor_rows(n->x), sl_tensor_cols(n->x), n->y->grad->data);
    sl_grad_pass(ctx, n->x, dx);
}

sl_tensor *sl_fn_reshape(sl_ctx *ctx, sl_tensor *x, int64_t rows, int64_t cols)
{
    if (ctx->failed || !x) return NULL;
    SL_CHECK(rows * cols == sl_tensor_numel(x));
    return unary(ctx, x, sl_tensor_wrap(ctx, x->dtype, rows, cols, x->data), reshape_backward);
}

sl_tensor *sl_fn_concat4(sl_ctx *ctx, sl_tensor *x)
{
    return x ? sl_fn_reshape(ctx, x, sl_tensor_rows(x) / 4, 4 * sl_tensor_cols(x)) : NULL;
}

/* --- embedding and replacing rows ------------------------------------------------------------------------------ */

struct embed_node {
    sl_node node;
    sl_tensor *y;
    const sl_weight *table;
    const int32_t *ids;
};

static void embed_backward(sl_ctx *ctx, sl_node *node)
{
    struct embed_node *n = (struct embed_node *)node;
    if (!n->y->grad) return;
    SL_RUN(ctx, embed_bwd, n->y->dtype, sl_tensor_rows(n->y), sl_tensor_cols(n->y), n->ids, n->y->grad->data,
           n->table->grad);
}

sl_tensor *sl_fn_embed(sl_ctx *ctx, const sl_weight *table, int64_t rows, const int32_t *ids, const int32_t *grad_ids)
{
    if (ctx->failed) return NULL;
    sl_tensor *y = sl_tensor_new(ctx, ctx->dt, rows, table->k);
    if (!y) return NULL;
    if (table->blocks)
        SL_RUN(ctx, embed_blocks, ctx->dt, rows, table->k, ids, table->blocks, y->data);
    else
        SL_RUN(ctx, embed, ctx->dt, rows, table->k, ids, table->value, table->value_type, y->data);
    y->needs_grad = wants_grad(ctx, NULL, table, NULL);
    struct embed_node *n = sl_tape_push(ctx, sizeof *n, y->needs_grad, embed_backward);
    if (n) n->y = y, n->table = table, n->ids = grad_ids;
    return y;
}

struct replace_node {
    sl_node node;
    sl_tensor *x, *src;
    const int32_t *index;
};

static void replace_rows_backward(sl_ctx *ctx, sl_node *node)
{
    struct replace_node *n = (struct replace_node *)node;
    bool accumulate;
    sl_tensor *d_src = n->x->grad ? sl_grad_of(ctx, n->src, &accumulate) : NULL;
    if (!d_src) return;
    SL_CHECK(!accumulate);
    SL_RUN(ctx, gather_rows, n->src->dtype, sl_tensor_rows(n->src), sl_tensor_cols(n->src), n->index, n->x->grad->data,
           d_src->data);
}

sl_tensor *sl_fn_replace_rows(sl_ctx *ctx, sl_tensor *x, sl_tensor *src, const int32_t *index)
{
    if (ctx->failed || !x || !src) return NULL;
    SL_RUN(ctx, scatter_rows, x->dtype, sl_tensor_rows(src), sl_tensor_cols(src), index, src->data, x->data, false);
    bool grad = wants_grad(ctx, src, NULL, NULL);
    x->needs_grad = x->needs_grad || grad;
    struct replace_node *n = sl_tape_push(ctx, sizeof *n, grad, replace_rows_backward);
    if (n) n->x = x, n->src = src, n->index = index;
    return x;
}

static void select_rows_backward(sl_ctx *ctx, sl_node *node)
{
    struct replace_node *n = (struct replace_node *)node;
    bool accumulate;
    sl_tensor *dx = n->x->grad ? sl_grad_of(ctx, n->src, &accumulate) : NULL;
    if (!dx) return;
    if (!accumulate) SL_RUN(ctx, zero, sl_tensor_bytes(dx), dx->data);
    SL_RUN(ctx, scatter_rows, dx->dtype, sl_tensor_rows(n->x), sl_tensor_cols(dx), n->index, n->x->grad->data, dx->data,
           true);
}

sl_tensor *sl_fn_select_rows(sl_ctx *ctx, sl_tensor *x, int64_t rows, const int32_t *index)
{
    if (ctx->failed || !x) return NULL;
    sl_tensor *y = sl_tensor_new(ctx, x->dtype, rows, sl_tensor_cols(x));
    if (!y) return NULL;
    SL_RUN(ctx, gather_rows, x->dtype, rows, sl_tensor_cols(x), index, x->data, y->data);
    y->needs_grad = wants_grad(ctx, x, NULL, NULL);
    struct replace_node *n = sl_tape_push(ctx, sizeof *n, y->needs_grad, select_rows_backward);
    if (n) n->x = y, n->src = x, n->index = index;
    return y;
}
