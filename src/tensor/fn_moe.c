/*
 * fn_moe.c: mixture of experts: routing, dispatch to sorted order, weighted combination, and their backwards.
 *
 * The experts' matrices themselves are grouped linear maps (fn.c). Sizes depend on the number of tokens only, never
 * on where the tokens go, so memory is known in advance.
 */
#include "tensor/fn.h"

struct route_node {
    sl_node node;
    sl_tensor *logits;
    sl_routes *routes;
};

static void route_backward(sl_ctx *ctx, sl_node *node)
{
    struct route_node *n = (struct route_node *)node;
    sl_routes *r = n->routes;
    bool accumulate;
    sl_tensor *d_logits = r->weights->grad ? sl_grad_of(ctx, n->logits, &accumulate) : NULL;
    if (!d_logits) return;
    SL_CHECK(!accumulate);
    SL_RUN(ctx, route_bwd, &r->how, r->logits, r->experts, r->weights->data, r->offsets, r->weights->grad->data,
           r->aux_coef, d_logits->data);
}

sl_routes *sl_fn_route(sl_ctx *ctx, sl_tensor *logits, const sl_routing *how, float aux_coef)
{
    if (ctx->failed || !logits) return NULL;
    size_t choices = (size_t)how->tokens * (size_t)how->top_k;
    sl_routes *r = sl_ctx_alloc_meta(ctx, sizeof *r);
    sl_tensor *weights = r ? sl_tensor_new(ctx, SL_F32, how->tokens, how->top_k) : NULL;
    int32_t *lists = weights ? sl_ctx_alloc(ctx, (3 * choices + (size_t)how->n_experts + 1) * sizeof *lists) : NULL;
    if (!lists) return NULL;
    *r = (sl_routes){
        .how = *how,
        .weights = weights,
        .experts = lists,
        .slot = lists + choices,
        .source = lists + 2 * choices,
        .offsets = lists + 3 * choices,
        .logits = logits->data,
        .aux_coef = aux_coef,
    };
    SL_RUN(ctx, route, how, r->logits, r->experts, weights->data, r->offsets, r->slot, r->source);
    weights->needs_grad = ctx->tape && logits->needs_grad;
    struct route_node *n = sl_tape_push(ctx, sizeof *n, weights->needs_grad, route_backward);
    if (n) n->logits = logits, n->routes = r;
    return r;
}

struct moved_node {
    sl_node node;
    sl_tensor *x, *y, *residual;
    const sl_routes *routes;
};

static void dispatch_backward(sl_ctx *ctx, sl_node *node)
{
    struct moved_node *n = (struct moved_node *)node;
    if (!n->y->grad) return;
    bool accumulate;
    sl_tensor *dx = sl_grad_of(ctx, n->x, &accumulate);
    if (!dx) return;
    SL_RUN(ctx, gather_choices_bwd, n->x->dtype, sl_tensor_rows(n->x), sl_tensor_cols(n->x), n->routes->how.top_k,
           n->routes->slot, n->y->grad->data, dx->data, accumulate);
}

sl_tensor *sl_fn_dispatch(sl_ctx *ctx, sl_tensor *x, const sl_routes *routes)
{
    if (ctx->failed || !x || !routes) return NULL;
    int64_t choices = routes->how.tokens * routes->how.top_k;
    sl_tensor *y = sl_tensor_new(ctx, x->dtype, choices, sl_tensor_cols(x));
    if (!y) return NULL;
    SL_RUN(ctx, gather_rows, x->dtype, choices, sl_tensor_cols(x), routes->source, x->data, y->data);
    y->needs_grad = ctx->tape && x->needs_grad;
    struct moved_node *n = sl_tape_push(ctx, sizeof *n, y->needs_grad, dispatch_backward);
    if (n) n->x = x, n->y = y, n->routes = routes;
    return y;
}

static void combine_backward(sl_ctx *ctx, sl_node *node)
{
    struct moved_node *n = (struct moved_node *)node;
    const sl_routes *r = n->routes;
    sl_tensor *dy = n->y->grad;
    if (!dy) return;
    bool accumulate, ignored;
    sl_tensor *dx = sl_grad_of(ctx, n->x, &accumulate);
    sl_tensor *d_weights = sl_grad_of(ctx, r->weights, &ignored);
    if (ctx->failed) return;
    if (dx || d_weights) {
        SL_CHECK(!accumulate && !ignored);
        SL_RUN(ctx, combine_bwd, dy->dtype, r->how.tokens, sl_tensor_cols(dy), r->how.top_k, dy->data, n->x->data,
               r->weights->data, r->slot, dx ? dx->data : NULL, d_weights ? d_weights->data : NULL);
    }
    sl_grad_pass(ctx, n->residual, dy);
}

sl_tensor *sl_fn_combine(sl_ctx *ctx, sl_tensor *x, const sl_routes *routes, sl_tensor *residual)
{
    if (ctx->failed || !x || !routes) return NULL;
    bool in_place = residual && !ctx->tape;
    int64_t tokens = routes->how.tokens, cols = sl_tensor_cols(x);
    sl_tensor *y = in_place ? residual : sl_tensor_new(ctx, x->dtype, tokens, cols);
    if (!y) return NULL;
    SL_RUN(ctx, combine, x->dtype, tokens, cols, routes->how.top_k, x->data, routes->weights->data, routes->slot,
           residual ? residual->data : NULL, y->data);
    if (in_place) return y;
    y->needs_grad = ctx->tape && (x->needs_grad || routes->weights->needs_grad || (residual && residual->needs_grad));
    struct moved_node *n = sl_tape_push(ctx, sizeof *n, y->needs_grad, combine_backward);
    if (n) n->x = x, n->y = y, n->residual = residual, n->routes = routes;
    return y;
}
