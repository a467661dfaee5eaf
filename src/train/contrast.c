/*
 * contrast.c: pooling of groups, and the sigmoid contrastive loss with its two learned numbers.
 */
#include "train/contrast.h"

#include "model/pretrain.h"

#include <math.h>

/* The patches of all groups, one after the other, when they are not already all there are. */
static sl_tensor *select_groups(sl_ctx *ctx, sl_tensor *patches, const int32_t *groups, int n, int32_t *cu)
{
    cu[0] = 0;
    for (int g = 0; g < n; g++) cu[g + 1] = cu[g] + groups[2 * g + 1] - groups[2 * g];
    if (!patches || cu[n] == sl_tensor_rows(patches)) return patches;
    int32_t *rows = sl_ctx_alloc_meta(ctx, (size_t)cu[n] * sizeof *rows);
    for (int g = 0; rows && g < n; g++)
        for (int32_t i = groups[2 * g]; i < groups[2 * g + 1]; i++) rows[cu[g] + i - groups[2 * g]] = i;
    return rows ? sl_fn_select_rows(ctx, patches, cu[n], rows) : NULL;
}

sl_tensor *sl_contrast_pool(sl_ctx *ctx, const sl_model *m, sl_tensor *patches, const int32_t *groups, int n)
{
    int32_t *cu = sl_ctx_alloc_meta(ctx, ((size_t)n + 1) * sizeof *cu);
    if (!cu) return NULL;
    return sl_pool_forward(ctx, m, select_groups(ctx, patches, groups, n, cu), cu, n);
}

double sl_contrast_scale(const sl_model *m)
{
    return exp(*(const float *)m->weights.pretrain.logit_scale->value);
}

double sl_contrast_loss(sl_ctx *ctx, const sl_model *m, const sl_contrast_rows *rows, float unit)
{
    const sl_weight *scale = m->weights.pretrain.logit_scale, *bias = m->weights.pretrain.logit_bias;
    double sums[2] = {0};
    sl_contrast how = {
        .image_labels = rows->labels,
        .text_labels = rows->text_labels,
        .scale = (float)sl_contrast_scale(m),
        .bias = *(const float *)bias->value,
        .unit = unit,
        .d_scale = &sums[0],
        .d_bias = &sums[1],
    };
    double loss = sl_fn_contrastive(ctx, rows->pictures, rows->texts, &how);
    /* The scale is stored as its logarithm. */
    if (ctx->tape && scale->grad) *scale->grad += (float)(sums[0] * sl_contrast_scale(m));
    if (ctx->tape && bias->grad) *bias->grad += (float)sums[1];
    return loss;
}

const float *sl_contrast_floats(sl_ctx *ctx, const sl_tensor *t)
{
    if (ctx->failed || !t || t->dtype == SL_F32) return t ? t->data : NULL;
    float *copy = sl_ctx_alloc(ctx, (size_t)sl_tensor_numel(t) * sizeof *copy);
    if (copy) SL_RUN(ctx, scale, sl_tensor_numel(t), 1.0f, t->data, t->dtype, copy, SL_F32);
    return copy;
}
