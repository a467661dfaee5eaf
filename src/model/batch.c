/*
 * batch.c: deriving everything that the model reads from tokens and picture grids.
 */
#include "model/batch.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The batch and all its arrays in one allocation. */
struct owned_batch {
    sl_batch batch;
    int32_t numbers[];
};

static sl_status count_patches(const sl_batch_spec *s, int64_t *patches, sl_error *err)
{
    *patches = 0;
    for (int i = 0; i < s->n_pictures; i++) {
        sl_grid g = s->grids[i];
        if (g.rows <= 0 || g.cols <= 0 || g.rows % 2 || g.cols % 2 || g.rows > 1 << 15 || g.cols > 1 << 15)
            return sl_fail(err, SL_ERR_ARGUMENT,
                           "picture %d: a grid of %d x %d patches; both must be even and positive", i, g.rows, g.cols);
        *patches += (int64_t)g.rows * g.cols;
    }
    if (*patches > INT32_MAX) return sl_fail(err, SL_ERR_ARGUMENT, "%lld patches are too many", (long long)*patches);
    return SL_OK;
}

static sl_status check_tokens(const sl_config *c, const sl_batch_spec *s, int64_t n_tokens, int64_t features,
                              sl_error *err)
{
    int64_t places = 0;
    for (int64_t i = 0; i < n_tokens; i++) {
        if (s->tokens[i] < 0 || s->tokens[i] >= c->decoder.vocab)
            return sl_fail(err, SL_ERR_ARGUMENT, "token %lld is %d; the vocabulary has %d", (long long)i, s->tokens[i],
                           c->decoder.vocab);
        places += s->tokens[i] == c->ids.image_patch;
    }
    if (n_tokens && places != features)
        return sl_fail(err, SL_ERR_ARGUMENT, "%lld picture tokens for %lld picture features", (long long)places,
                       (long long)features);
    return SL_OK;
}

/* Patch order: block row, block column, then row and column inside the 2x2 block. */
static int32_t *write_grid(sl_grid g, int32_t *out)
{
    for (int32_t r = 0; r < g.rows; r += 2)
        for (int32_t col = 0; col < g.cols; col += 2)
            for (int inner = 0; inner < 4; inner++) {
                *out++ = r + inner / 2;
                *out++ = col + inner % 2;
            }
    return out;
}

static void fill_tokens(const sl_config *c, const sl_batch_spec *s, int32_t *tokens, int32_t *grad_tokens,
                        int32_t *positions, int32_t *feature_rows)
{
    for (int q = 0; q < s->n_seqs; q++) {
        int32_t position = s->first_position ? s->first_position[q] : 0;
        for (int32_t i = s->cu_seqlens[q]; i < s->cu_seqlens[q + 1]; i++) {
            bool picture = s->tokens[i] == c->ids.image_patch;
            tokens[i] = s->tokens[i];
            grad_tokens[i] = picture ? -1 : s->tokens[i];
            positions[i] = position++;
            if (picture) *feature_rows++ = i;
        }
    }
}

static void fill_targets(const sl_batch_spec *s, int64_t n, int32_t *targets, float *weights)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        targets[i] = s->targets[i];
        weights[i] = s->targets[i] < 0 ? 0.0f : s->loss_weights ? s->loss_weights[i] : 1.0f;
        total += weights[i];
    }
    if (s->loss_unit > 0) total = s->loss_unit;
    for (int64_t i = 0; i < n; i++) weights[i] = total > 0 ? (float)(weights[i] / total) : 0.0f;
}

sl_status sl_batch_new(const sl_config *c, const sl_batch_spec *s, sl_batch **out, sl_error *err)
{
    int64_t n = s->n_seqs ? s->cu_seqlens[s->n_seqs] : 0, patches;
    sl_status st = count_patches(s, &patches, err);
    if (st == SL_OK) st = check_tokens(c, s, n, patches / 4, err);
    if (st != SL_OK) return st;
    size_t seqs = (size_t)s->n_seqs + 1, pictures = (size_t)s->n_pictures + 1, tokens = (size_t)n;
    size_t numbers = 5 * tokens + seqs + 2 * (size_t)patches + pictures + (size_t)patches / 4;
    struct owned_batch *o = calloc(1, sizeof *o + numbers * sizeof(int32_t));
    if (!o) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a batch of %lld tokens", (long long)n);
    int32_t *tok = o->numbers, *grad = tok + n, *pos = grad + n, *target = pos + n, *weight = target + n;
    int32_t *cu = weight + n, *patch_pos = cu + seqs, *cu_patches = patch_pos + 2 * patches;
    int32_t *rows = cu_patches + pictures;
    for (size_t i = 0; i < seqs && s->n_seqs; i++) cu[i] = s->cu_seqlens[i];
    fill_tokens(c, s, tok, grad, pos, rows);
    if (s->targets) fill_targets(s, n, target, (float *)weight);
    int32_t *at = patch_pos;
    for (int i = 0; i < s->n_pictures; i++) {
        at = write_grid(s->grids[i], at);
        cu_patches[i + 1] = (int32_t)((at - patch_pos) / 2);
    }
    o->batch = (sl_batch){
        .n_tokens = n,
        .tokens = tok,
        .grad_tokens = grad,
        .positions = pos,
        .n_seqs = s->n_seqs,
        .cu_seqlens = cu,
        .targets = s->targets ? target : NULL,
        .loss_weights = s->targets ? (float *)weight : NULL,
        .n_patches = patches,
        .patches = s->patches,
        .patch_positions = patch_pos,
        .n_pictures = s->n_pictures,
        .cu_patches = cu_patches,
        .feature_rows = rows,
    };
    *out = &o->batch;
    return SL_OK;
}

void sl_batch_free(sl_batch *b)
{
    free(b); /* the batch is the first member of its allocation */
}

struct sl_view_rule sl_config_view(const sl_config *c)
{
    struct sl_view_rule rule = {
        .fit = {2 * c->vit.patch_size, c->min_pixels, c->max_pixels},
        .filter = SL_FILTER_BILINEAR,
        .format = {.patch_size = c->vit.patch_size},
    };
    memcpy(rule.format.mean, c->vit.mean, sizeof rule.format.mean);
    memcpy(rule.format.std, c->vit.std, sizeof rule.format.std);
    return rule;
}
