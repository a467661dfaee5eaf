/*
 * fn_rows.c: adding rows, putting tensors side by side, interpolated tables, and their backward.
 */
#include "tensor/fn.h"

/* --- adding rows ------------------------------------------------------------------------------------------------- */

struct add_rows_node {
    sl_node node;
    sl_tensor *x, *src;
    const int32_t *index;
};

static void add_rows_backward(sl_ctx *ctx, sl_node *node)
{
    struct add_rows_node *n = (struct add_rows_node *)node;
    if (!n->x->grad || !n->src->needs_grad) return;
    int64_t rows = sl_tensor_rows(n->src), cols = sl_tensor_cols(n->src);
    sl_tensor *d = sl_tensor_new(ctx, n->src->dtype, rows, cols);
    if (!d) return;
    SL_RUN(ctx, gather_rows, d->dtype, rows, cols, n->index, n->x->grad->data, d->data);
    sl_grad_pass(ctx, n->src, d);
}

sl_tensor *sl_fn_add_rows(sl_ctx *ctx, sl_tensor *x, sl_tensor *src, const int32_t *index)
{
    if (ctx->failed || !x || !src) return NULL;
    SL_RUN(ctx, scatter_rows, x->dtype, sl_tensor_rows(src), sl_tensor_cols(src), index, src->data, x->data, true);
    bool grad = ctx->tape && src->needs_grad;
    x->needs_grad = x->needs_grad || grad;
    struct add_rows_node *n = sl_tape_push(ctx, sizeof *n, grad, add_rows_backward);
    if (n) n->x = x, n->src = src, n->index = index;
    return x;
}

/* --- side by side ------------------------------------------------------------------------------------------------ */

struct side_node {
    sl_node node;
    sl_tensor *part, *y;
    const int32_t *index; /* of the part's rows among y's pieces */
};

static void side_backward(sl_ctx *ctx, sl_node *node)
{
    struct side_node *n = (struct side_node *)node;
    if (!n->y->grad || !n->part->needs_grad) return;
    int64_t rows = sl_tensor_rows(n->part), cols = sl_tensor_cols(n->part);
    sl_tensor *d = sl_tensor_new(ctx, n->part->dtype, rows, cols);
    if (!d) return;
    SL_RUN(ctx, gather_rows, d->dtype, rows, cols, n->index, n->y->grad->data, d->data);
    sl_grad_pass(ctx, n->part, d);
}

sl_tensor *sl_fn_side_by_side(sl_ctx *ctx, sl_tensor *const *parts, int n)
{
    for (int j = 0; j < n; j++)
        if (ctx->failed || !parts[j]) return NULL;
    int64_t rows = sl_tensor_rows(parts[0]), cols = sl_tensor_cols(parts[0]);
    sl_tensor *y = sl_tensor_new(ctx, parts[0]->dtype, rows, n * cols);
    int32_t *index = sl_ctx_alloc_meta(ctx, (size_t)(rows * n) * sizeof *index);
    if (!y || !index) return NULL;
    for (int j = 0; j < n; j++, index += rows) {
        for (int64_t i = 0; i < rows; i++) index[i] = (int32_t)(i * n + j);
        SL_RUN(ctx, scatter_rows, y->dtype, rows, cols, index, parts[j]->data, y->data, false);
        bool grad = ctx->tape && parts[j]->needs_grad;
        y->needs_grad = y->needs_grad || grad;
        struct side_node *node = sl_tape_push(ctx, sizeof *node, grad, side_backward);
        if (node) node->part = parts[j], node->y = y, node->index = index;
    }
    return y;
}

/* --- interpolated tables ----------------------------------------------------------------------------------------- */

struct interpolate_node {
    sl_node node;
    sl_tensor *x, *y;
    const sl_weight *table;
    sl_taps taps;
};

enum { CHUNK = 256 }; /* rows at a time: what is looked up stays in the processor's cache */

/* Room for the entries of a chunk and where the sums find them. */
static void *chunk_room(sl_ctx *ctx, const sl_weight *table, int n, int32_t **slots)
{
    *slots = sl_ctx_alloc_meta(ctx, (size_t)CHUNK * (size_t)n * sizeof **slots);
    for (int i = 0; *slots && i < CHUNK * n; i++) (*slots)[i] = i;
    return sl_ctx_alloc(ctx, (size_t)CHUNK * (size_t)n * (size_t)table->k * sl_dtype_size(ctx->dt));
}

static void interpolate_backward(sl_ctx *ctx, sl_node *node)
{
    struct interpolate_node *n = (struct interpolate_node *)node;
    if (!n->y->grad) return;
    int64_t rows = sl_tensor_rows(n->y), cols = n->table->k;
    size_t row_bytes = (size_t)cols * sl_dtype_size(n->y->dtype);
    sl_mark mark = sl_ctx_mark(ctx);
    int32_t *slots;
    char *entries = chunk_room(ctx, n->table, n->taps.n, &slots), *d = chunk_room(ctx, n->table, n->taps.n, &slots);
    for (int64_t at = 0; n->table->grad && entries && d && at < rows; at += CHUNK) {
        int64_t some = rows - at < CHUNK ? rows - at : CHUNK;
        const int32_t *ids = n->taps.ids + at * n->taps.n;
        /* The entries themselves do not matter to their own gradient, but they must be numbers. */
        SL_RUN(ctx, zero, (size_t)(some * n->taps.n) * row_bytes, entries);
        SL_RUN(ctx, combine_bwd, n->y->dtype, some, cols, n->taps.n, (char *)n->y->grad->data + (size_t)at * row_bytes,
               entries, n->taps.shares + at * n->taps.n, slots, d, NULL);
        SL_RUN(ctx, embed_bwd, n->y->dtype, some * n->taps.n, cols, ids, d, n->table->grad);
    }
    sl_ctx_release_to(ctx, mark);
    sl_grad_pass(ctx, n->x, n->y->grad);
}

sl_tensor *sl_fn_add_interpolated(sl_ctx *ctx, sl_tensor *x, const sl_weight *table, const sl_taps *taps)
{
    if (ctx->failed || !x) return NULL;
    int64_t rows = sl_tensor_rows(x), cols = sl_tensor_cols(x);
    bool grad = ctx->tape && (x->needs_grad || table->grad);
    sl_tensor *y = ctx->tape ? sl_tensor_new(ctx, x->dtype, rows, cols) : x;
    sl_mark mark = sl_ctx_mark(ctx);
    int32_t *slots;
    char *entries = y ? chunk_room(ctx, table, taps->n, &slots) : NULL;
    if (!entries || !slots) return NULL;
    for (int64_t at = 0; at < rows; at += CHUNK) {
        int64_t some = rows - at < CHUNK ? rows - at : CHUNK;
        size_t offset = (size_t)(at * cols) * sl_dtype_size(x->dtype);
        SL_RUN(ctx, embed, x->dtype, some * taps->n, cols, taps->ids + at * taps->n, table->value, table->value_type,
               entries);
        SL_RUN(ctx, combine, x->dtype, some, cols, taps->n, entries, taps->shares + at * taps->n, slots,
               (char *)x->data + offset, (char *)y->data + offset);
    }
    sl_ctx_release_to(ctx, mark);
    y->needs_grad = y->needs_grad || grad;
    struct interpolate_node *n = sl_tape_push(ctx, sizeof *n, grad, interpolate_backward);
    if (n) n->x = x, n->y = y, n->table = table, n->taps = *taps;
    return y;
}
