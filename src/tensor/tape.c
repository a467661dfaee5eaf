/*
 * tape.c: contexts, recording, gradients, and blocks that are recomputed.
 */
#include "tensor/tape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

sl_mark sl_ctx_mark(const sl_ctx *ctx)
{
    return (sl_mark){sl_arena_mark(ctx->data), sl_arena_mark(ctx->meta)};
}

void sl_ctx_release_to(sl_ctx *ctx, sl_mark mark)
{
    sl_arena_release_to(ctx->data, mark.data);
    sl_arena_release_to(ctx->meta, mark.meta);
}

sl_status sl_ctx_status(const sl_ctx *ctx, sl_error *err)
{
    if (!ctx->failed) return SL_OK;
    if (err) *err = ctx->error;
    return ctx->error.status;
}

static void *arena_take(sl_ctx *ctx, struct sl_arena *arena, size_t bytes)
{
    if (ctx->failed) return NULL;
    void *p = sl_arena_alloc(arena, bytes);
    if (!p) {
        ctx->failed = true;
        sl_fail(&ctx->error, SL_ERR_MEMORY, "%zu bytes do not fit into the work space of %zu MiB", bytes,
                arena->ceiling >> 20);
    }
    return p;
}

void *sl_ctx_alloc(sl_ctx *ctx, size_t bytes)
{
    return arena_take(ctx, ctx->data, bytes);
}

void *sl_ctx_alloc_meta(sl_ctx *ctx, size_t bytes)
{
    return arena_take(ctx, ctx->meta, bytes);
}

sl_status sl_workspace_init(sl_workspace *w, const sl_ops *ops, sl_dtype dt, size_t data_ceiling, sl_error *err)
{
    static const size_t META_CEILING = (size_t)256 << 20;
    *w = (sl_workspace){0};
    sl_status s = ops ? sl_arena_init(&w->data, data_ceiling, err) : sl_arena_init_dry(&w->data, data_ceiling, err);
    if (s == SL_OK) s = sl_arena_init(&w->meta, META_CEILING, err);
    if (s != SL_OK) sl_workspace_free(w);
    w->ctx = (sl_ctx){.ops = ops, .data = &w->data, .meta = &w->meta, .dt = dt};
    return s;
}

void sl_workspace_reset(sl_workspace *w)
{
    sl_ctx_release_to(&w->ctx, (sl_mark){0});
    w->ctx.failed = false;
    w->ctx.flops = w->ctx.backward_flops = 0;
    if (w->ctx.tape) w->ctx.tape->last = NULL;
}

void sl_workspace_free(sl_workspace *w)
{
    sl_arena_free(&w->data);
    sl_arena_free(&w->meta);
    *w = (sl_workspace){0};
}

sl_tensor *sl_tensor_wrap(sl_ctx *ctx, sl_dtype dtype, int64_t rows, int64_t cols, void *data)
{
    sl_tensor *t = arena_take(ctx, ctx->meta, sizeof *t);
    if (!t) return NULL;
    *t = (sl_tensor){.dtype = dtype, .n_dims = 2, .shape = {rows, cols, 1, 1}, .data = data};
    return t;
}

sl_tensor *sl_tensor_new(sl_ctx *ctx, sl_dtype dtype, int64_t rows, int64_t cols)
{
    void *data = sl_ctx_alloc(ctx, (size_t)rows * (size_t)cols * sl_dtype_size(dtype));
    return data ? sl_tensor_wrap(ctx, dtype, rows, cols, data) : NULL;
}

void sl_observe(sl_ctx *ctx, const sl_tensor *t, const char *fmt, ...)
{
    if (!ctx->observe || !t || !ctx->ops) return;
    char name[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    ctx->observe(ctx->observe_arg, name, t);
}

void *sl_tape_push(sl_ctx *ctx, size_t size, bool needs_grad, void (*backward)(sl_ctx *, sl_node *))
{
    if (!ctx->tape || !needs_grad) return NULL;
    sl_node *node = arena_take(ctx, ctx->meta, size);
    if (!node) return NULL;
    memset(node, 0, size);
    node->previous = ctx->tape->last;
    node->backward = backward;
    ctx->tape->last = node;
    return node;
}

sl_tensor *sl_grad_of(sl_ctx *ctx, sl_tensor *x, bool *accumulate)
{
    *accumulate = false;
    if (!x || !x->needs_grad) return NULL;
    if (x->grad) {
        *accumulate = true;
        return x->grad;
    }
    x->grad = sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x));
    return x->grad;
}

void sl_grad_pass(sl_ctx *ctx, sl_tensor *x, sl_tensor *dy)
{
    if (!x || !x->needs_grad || !dy) return;
    if (!x->grad)
        x->grad = dy;
    else
        SL_RUN(ctx, add, x->dtype, sl_tensor_numel(x), x->grad->data, dy->data, x->grad->data);
}

void sl_tape_backward(sl_ctx *ctx)
{
    for (sl_node *node = ctx->tape->last; node && !ctx->failed; node = node->previous) node->backward(ctx, node);
    ctx->tape->last = NULL;
}

struct block_node {
    sl_node node;
    sl_block_fn *fn;
    void *arg;
    sl_tensor *x, *y;
};

/* Moves dx, which was made after mark, to the mark itself, and releases the rest. */
static sl_tensor *keep_only(sl_ctx *ctx, sl_mark mark, sl_tensor *dx)
{
    sl_tensor moved = *dx;
    bool inside = sl_arena_owns_after(ctx->data, mark.data, dx->data);
    sl_ctx_release_to(ctx, mark);
    if (!inside) return sl_tensor_wrap(ctx, moved.dtype, moved.shape[0], moved.shape[1], moved.data);
    sl_tensor *kept = sl_tensor_new(ctx, moved.dtype, moved.shape[0], moved.shape[1]);
    if (kept && ctx->ops) memmove(kept->data, moved.data, sl_tensor_bytes(kept));
    return kept;
}

static void block_backward(sl_ctx *ctx, sl_node *node)
{
    struct block_node *n = (struct block_node *)node;
    if (!n->y->grad) return;
    sl_mark mark = sl_ctx_mark(ctx);
    sl_tape inner = {0}, *outer = ctx->tape;
    ctx->tape = &inner;
    sl_tensor leaf = *n->x;
    leaf.needs_grad = true;
    double flops = ctx->flops;
    sl_tensor *y = n->fn(ctx, n->arg, &leaf);
    ctx->flops = flops;
    if (y && !ctx->failed) {
        y->grad = n->y->grad;
        sl_tape_backward(ctx);
    }
    ctx->tape = outer;
    if (ctx->failed || !leaf.grad) {
        if (!ctx->failed) sl_ctx_release_to(ctx, mark);
        return;
    }
    if (leaf.grad != n->x->grad)
        n->x->grad = keep_only(ctx, mark, leaf.grad);
    else
        sl_ctx_release_to(ctx, mark);
}

/* Runs fn in place on y without a tape and releases its temporaries. */
static sl_tensor *run_in_place(sl_ctx *ctx, sl_block_fn *fn, void *arg, sl_tensor *y)
{
    sl_mark mark = sl_ctx_mark(ctx);
    sl_tape *tape = ctx->tape;
    ctx->tape = NULL;
    sl_tensor *result = fn(ctx, arg, y);
    ctx->tape = tape;
    if (ctx->failed || !result) return NULL;
    SL_CHECK(result == y);
    sl_ctx_release_to(ctx, mark);
    return y;
}

sl_tensor *sl_block(sl_ctx *ctx, sl_block_fn *fn, void *arg, sl_tensor *x, sl_keep keep)
{
    if (ctx->failed || !x) return NULL;
    if (!ctx->tape || keep == SL_KEEP_NOTHING) return run_in_place(ctx, fn, arg, x);
    if (keep == SL_KEEP_ALL) return fn(ctx, arg, x);
    sl_tensor *y = sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x));
    if (!y) return NULL;
    SL_RUN(ctx, scale, sl_tensor_numel(x), 1.0f, x->data, x->dtype, y->data, y->dtype);
    if (!run_in_place(ctx, fn, arg, y)) return NULL;
    y->needs_grad = true;
    struct block_node *n = sl_tape_push(ctx, sizeof *n, true, block_backward);
    if (n) n->fn = fn, n->arg = arg, n->x = x, n->y = y;
    return y;
}
