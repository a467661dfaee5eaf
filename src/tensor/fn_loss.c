/*
 * fn_loss.c: losses. Each is a root of the backward pass: with a tape, the gradients of its inputs are computed
 * together with the value, while the logits or similarities are at hand.
 */
#include "tensor/fn.h"

/* Bounds the logits that exist at once: 32 Mi floats, enough rows for the products to run at full speed. */
static int64_t chunk_rows(int64_t rows, int64_t vocab)
{
    int64_t chunk = ((int64_t)32 << 20) / vocab;
    if (chunk < 64) chunk = 64;
    return chunk < rows ? chunk : rows;
}

struct cross_entropy {
    sl_ctx *ctx;
    const sl_weight *head;
    const sl_targets *targets;             /* one label a row, or */
    const sl_distributions *distributions; /* several, with scratch for them */
    int32_t *first_label;
    float *shift;
    sl_tensor *x, *dx;
    float *logits, *row_loss;
    void *d_logits; /* NULL: loss only */
};

/* The loss of a chunk's logits and, in their place or beside them, their gradients. */
static void chunk_loss(const struct cross_entropy *c, int64_t first, int64_t rows)
{
    sl_ctx *ctx = c->ctx;
    sl_dtype dt = c->x->dtype;
    const sl_distributions *d = c->distributions;
    if (d) {
        sl_sparse_targets t = {
            .cu_labels = d->cu_labels + first,
            .labels = d->labels,
            .shares = d->shares,
            .row_weights = d->weights + first,
            .first = c->first_label,
            .shift = c->shift,
        };
        SL_RUN(ctx, sparse_cross_entropy, dt, rows, c->head->n, c->logits, &t, c->row_loss + first, c->d_logits);
        return;
    }
    SL_RUN(ctx, cross_entropy, dt, rows, c->head->n, c->logits, c->targets->ids + first, c->targets->weights + first,
           c->row_loss + first, c->d_logits);
}

/* Rows first .. first + rows: logits, loss, and with gradients dx = d_logits W and dW += d_logits^T x. */
static void cross_entropy_chunk(const struct cross_entropy *c, int64_t first, int64_t rows)
{
    sl_ctx *ctx = c->ctx;
    const sl_weight *w = c->head;
    sl_dtype dt = c->x->dtype;
    size_t element = sl_dtype_size(dt);
    char *x = (char *)c->x->data + (size_t)(first * w->k) * element;
    sl_gemm logits = {
        .m = rows,
        .n = w->n,
        .k = w->k,
        .a = x,
        .lda = w->k,
        .a_type = dt,
        .b_packed = w->packed,
        .b_type = w->packed_type,
        .c = c->logits,
        .ldc = w->n,
        .c_type = SL_F32,
    };
    SL_RUN(ctx, gemm, &logits);
    chunk_loss(c, first, rows);
    if (c->dx) {
        sl_gemm dx = {
            .m = rows,
            .n = w->k,
            .k = w->n,
            .a = c->d_logits,
            .lda = w->n,
            .a_type = dt,
            .b_packed = w->packed_t,
            .b_type = w->packed_type,
            .c = (char *)c->dx->data + (size_t)(first * w->k) * element,
            .ldc = w->k,
            .c_type = dt,
        };
        SL_RUN(ctx, gemm, &dx);
    }
    if (c->d_logits && w->grad) {
        sl_gemm dw = {
            .m = w->n,
            .n = w->k,
            .k = rows,
            .a = c->d_logits,
            .lda = w->n,
            .a_type = dt,
            .a_layout = SL_COLUMNS,
            .b = x,
            .ldb = w->k,
            .b_type = dt,
            .b_layout = SL_COLUMNS,
            .c = w->grad,
            .ldc = w->k,
            .c_type = SL_F32,
            .accumulate = true,
        };
        SL_RUN(ctx, gemm, &dw);
    }
}

/* Both losses: c has head, x, row_loss and the targets. */
static double cross_entropy_loss(sl_ctx *ctx, struct cross_entropy *c)
{
    const sl_weight *head = c->head;
    sl_tensor *x = c->x;
    int64_t rows = sl_tensor_rows(x), chunk = chunk_rows(rows, head->n);
    bool grad = ctx->tape && (x->needs_grad || head->grad), accumulate = false;
    if (grad) c->dx = sl_grad_of(ctx, x, &accumulate);
    SL_CHECK(!accumulate);
    sl_mark mark = sl_ctx_mark(ctx);
    size_t numel = (size_t)(chunk * head->n);
    c->logits = sl_ctx_alloc(ctx, numel * sizeof(float));
    if (grad) c->d_logits = x->dtype == SL_F32 ? (void *)c->logits : sl_ctx_alloc(ctx, numel * sl_dtype_size(x->dtype));
    if (!c->row_loss) c->row_loss = sl_ctx_alloc(ctx, (size_t)rows * sizeof(float));
    if (c->distributions) {
        c->first_label = sl_ctx_alloc(ctx, (size_t)chunk * sizeof *c->first_label);
        c->shift = sl_ctx_alloc(ctx, (size_t)chunk * sizeof *c->shift);
    }
    if (ctx->failed) return 0;
    for (int64_t first = 0; first < rows; first += chunk)
        cross_entropy_chunk(c, first, rows - first < chunk ? rows - first : chunk);
    double flops = 2.0 * (double)rows * (double)head->n * (double)head->k;
    ctx->flops += flops;
    ctx->backward_flops += flops * ((c->dx != NULL) + (c->d_logits && head->grad));
    double loss = ctx->ops ? ctx->ops->sum(ctx->ops, rows, c->row_loss) : 0;
    sl_ctx_release_to(ctx, mark);
    return loss;
}

double sl_fn_cross_entropy(sl_ctx *ctx, sl_tensor *x, const sl_weight *head, const sl_targets *targets, float *row_loss)
{
    if (ctx->failed || !x) return 0;
    struct cross_entropy c = {.ctx = ctx, .head = head, .targets = targets, .x = x, .row_loss = row_loss};
    return cross_entropy_loss(ctx, &c);
}

double sl_fn_sparse_cross_entropy(sl_ctx *ctx, sl_tensor *x, const sl_weight *head, const sl_distributions *targets)
{
    if (ctx->failed || !x) return 0;
    SL_CHECK(targets);
    struct cross_entropy c = {.ctx = ctx, .head = head, .distributions = targets, .x = x};
    return cross_entropy_loss(ctx, &c);
}

double sl_fn_cosine_loss(sl_ctx *ctx, sl_tensor *x, const float *target, const float *row_weights)
{
    if (ctx->failed || !x) return 0;
    int64_t rows = sl_tensor_rows(x), cols = sl_tensor_cols(x);
    sl_tensor *dx = ctx->tape && x->needs_grad ? sl_tensor_new(ctx, x->dtype, rows, cols) : NULL;
    sl_mark mark = sl_ctx_mark(ctx);
    float *row_loss = sl_ctx_alloc(ctx, (size_t)rows * sizeof *row_loss);
    if (ctx->failed) return 0;
    SL_RUN(ctx, cosine_loss, x->dtype, rows, cols, x->data, target, row_weights, 1e-8f, row_loss, dx ? dx->data : NULL);
    double loss = ctx->ops ? ctx->ops->sum(ctx->ops, rows, row_loss) : 0;
    sl_ctx_release_to(ctx, mark);
    sl_grad_pass(ctx, x, dx);
    return loss;
}

/* Returns x as f32: itself, or a converted copy. */
static const float *as_f32(sl_ctx *ctx, const sl_tensor *x)
{
    if (x->dtype == SL_F32) return x->data;
    float *copy = sl_ctx_alloc(ctx, (size_t)sl_tensor_numel(x) * sizeof *copy);
    if (copy) SL_RUN(ctx, scale, sl_tensor_numel(x), 1.0f, x->data, x->dtype, copy, SL_F32);
    return copy;
}

/* Passes product c = a b as the gradient of x. */
static void pass_product(sl_ctx *ctx, sl_tensor *x, sl_gemm product)
{
    if (!x->needs_grad) return;
    sl_tensor *dx = sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x));
    if (!dx) return;
    product.a_type = product.b_type = SL_F32;
    product.b_layout = SL_COLUMNS;
    product.n = product.ldb = product.ldc = sl_tensor_cols(x);
    product.c = dx->data;
    product.c_type = dx->dtype;
    SL_RUN(ctx, gemm, &product);
    ctx->backward_flops += 2.0 * (double)product.m * (double)product.n * (double)product.k;
    sl_grad_pass(ctx, x, dx);
}

double sl_fn_contrastive(sl_ctx *ctx, sl_tensor *images, sl_tensor *texts, const sl_contrast *how)
{
    if (ctx->failed || !images || !texts) return 0;
    int64_t n = sl_tensor_rows(images), m = sl_tensor_rows(texts), cols = sl_tensor_cols(images);
    const float *a = as_f32(ctx, images), *b = as_f32(ctx, texts);
    float *sims = sl_ctx_alloc(ctx, (size_t)(n * m) * sizeof *sims);
    float *row_loss = sl_ctx_alloc(ctx, (size_t)n * sizeof *row_loss);
    if (ctx->failed) return 0;
    sl_gemm product = {
        .m = n,
        .n = m,
        .k = cols,
        .a = a,
        .lda = cols,
        .b = b,
        .ldb = cols,
        .c = sims,
        .ldc = m,
    };
    SL_RUN(ctx, gemm, &product);
    ctx->flops += 2.0 * (double)n * (double)m * (double)cols;
    double sums[2] = {0};
    SL_RUN(ctx, sigmoid_contrastive, n, m, sims, how->image_labels, how->text_labels, how->scale, how->bias,
           how->unit > 0 ? how->unit : (float)n, row_loss, sums);
    if (how->d_scale) *how->d_scale += sums[0];
    if (how->d_bias) *how->d_bias += sums[1];
    if (ctx->tape) {
        pass_product(ctx, images, (sl_gemm){.m = n, .k = m, .a = sims, .lda = m, .b = b});
        pass_product(ctx, texts, (sl_gemm){.m = m, .k = n, .a = sims, .lda = m, .a_layout = SL_COLUMNS, .b = a});
    }
    return ctx->ops ? ctx->ops->sum(ctx->ops, n, row_loss) : 0;
}
