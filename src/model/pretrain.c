/*
 * pretrain.c: masked patches, attention pooling, the text tower, and captions behind their pictures.
 */
#include "model/pretrain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The mask and all its arrays in one allocation; the pixels of the visible patches in another. */
struct owned_mask {
    sl_patch_mask mask;
    float *pixels;
    int32_t numbers[];
};

/* Of n patches, how many are hidden. */
static int64_t hidden_of(int64_t n, float fraction)
{
    int64_t hidden = llroundf(fraction * (float)n);
    return hidden < 1 ? 1 : hidden >= n ? n - 1 : hidden;
}

/* Marks `hidden` of n patches with 1, drawn without replacement; the others with 0. */
static void draw_hidden(int32_t *marks, int64_t n, int64_t hidden, struct sl_rng *rng)
{
    for (int64_t i = 0; i < n; i++) {
        marks[i] = sl_rng_below(rng, (uint32_t)(n - i)) < (uint32_t)hidden;
        hidden -= marks[i];
    }
}

/* Splits the whole batch's patches by their marks into the visible batch and the lists of rows. */
static void split_patches(const sl_batch *whole, const int32_t *marks, int64_t patch_numel, struct owned_mask *o,
                          int32_t *positions, int32_t *cu, int32_t *rows[2])
{
    int64_t n_visible = 0, n_hidden = 0;
    for (int p = 0; p < whole->n_pictures; p++) {
        for (int32_t i = whole->cu_patches[p]; i < whole->cu_patches[p + 1]; i++) {
            if (marks[i]) {
                rows[1][n_hidden++] = i;
                continue;
            }
            rows[0][n_visible] = i;
            memcpy(positions + 2 * n_visible, whole->patch_positions + 2 * i, 2 * sizeof *positions);
            memcpy(o->pixels + n_visible * patch_numel, whole->patches + i * patch_numel,
                   (size_t)patch_numel * sizeof *o->pixels);
            n_visible++;
        }
        cu[p + 1] = (int32_t)n_visible;
    }
}

void sl_patch_mask_draw(const sl_batch *whole, float fraction, struct sl_rng *rng, int32_t *marks)
{
    for (int p = 0; p < whole->n_pictures; p++) {
        int32_t first = whole->cu_patches[p];
        int64_t here = whole->cu_patches[p + 1] - first;
        draw_hidden(marks + first, here, hidden_of(here, fraction), rng);
    }
}

sl_status sl_patch_mask_new(const sl_batch *whole, int64_t patch_numel, const int32_t *marks, sl_patch_mask **out,
                            sl_error *err)
{
    int64_t n = whole->n_patches, hidden = 0;
    for (int64_t i = 0; i < n; i++) hidden += marks[i];
    size_t visible = (size_t)(n - hidden), numbers = 3 * (size_t)n + 2 * visible + (size_t)whole->n_pictures + 1;
    struct owned_mask *o = calloc(1, sizeof *o + numbers * sizeof(int32_t));
    if (o) o->pixels = malloc(visible * (size_t)patch_numel * sizeof(float) + 1);
    if (!o || !o->pixels) {
        free(o);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for a mask over %lld patches", (long long)n);
    }
    int32_t *token_ids = o->numbers, *grad_ids = token_ids + n, *rows[2] = {grad_ids + n, grad_ids + n + visible};
    int32_t *positions = grad_ids + 2 * n, *cu = positions + 2 * visible;
    split_patches(whole, marks, patch_numel, o, positions, cu, rows);
    for (int64_t i = 0; i < n; i++) grad_ids[i] = marks[i] - 1; /* row 0, or none */
    o->mask = (sl_patch_mask){
        .visible = {.n_patches = n - hidden,
                    .patches = o->pixels,
                    .patch_positions = positions,
                    .n_pictures = whole->n_pictures,
                    .cu_patches = cu},
        .visible_rows = rows[0],
        .n_masked = hidden,
        .masked_rows = rows[1],
        .token_ids = token_ids,
        .grad_ids = grad_ids,
    };
    *out = &o->mask;
    return SL_OK;
}

void sl_patch_mask_free(sl_patch_mask *mask)
{
    struct owned_mask *o = (struct owned_mask *)mask; /* the mask is the first member of its allocation */
    if (!o) return;
    free(o->pixels);
    free(o);
}

sl_tensor *sl_masked_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *whole, const sl_patch_mask *mask)
{
    const struct sl_pretrain_weights *p = &m->weights.pretrain;
    sl_tensor *seen = sl_vit_forward(ctx, m, &mask->visible);
    sl_tensor *x = sl_fn_embed(ctx, p->mask_token, whole->n_patches, mask->token_ids, mask->grad_ids);
    x = sl_fn_replace_rows(ctx, x, seen, mask->visible_rows);
    x = sl_vit_blocks_forward(ctx, m, p->predictor, m->config.pretrain.predictor_depth, whole, x);
    x = sl_fn_select_rows(ctx, x, mask->n_masked, mask->masked_rows);
    x = sl_fn_layernorm(ctx, x, p->predictor_norm_w, p->predictor_norm_b, m->config.vit.norm_eps);
    x = sl_fn_linear(ctx, x, p->teacher_head_w, &(sl_linear){.bias = p->teacher_head_b});
    sl_observe(ctx, x, "pretrain.predicted");
    return x;
}

sl_tensor *sl_pool_forward(sl_ctx *ctx, const sl_model *m, sl_tensor *patches, const int32_t *cu, int n)
{
    const struct sl_pretrain_weights *p = &m->weights.pretrain;
    const sl_vit_config *c = &m->config.vit;
    sl_tensor *kv = sl_fn_linear(ctx, patches, p->pool_kv_w, &(sl_linear){.bias = p->pool_kv_b});
    sl_pooling how = {c->n_heads, c->hidden / c->n_heads, p->pool_query, cu, n};
    sl_tensor *x = sl_fn_pool(ctx, kv, &how);
    x = sl_fn_linear(ctx, x, p->pool_proj_w, &(sl_linear){.bias = p->pool_proj_b});
    sl_observe(ctx, x, "pretrain.pool");
    return x;
}

/* The last row of each sequence, in the context's arenas. */
static int32_t *last_rows(sl_ctx *ctx, const sl_batch *b)
{
    int32_t *rows = sl_ctx_alloc_meta(ctx, (size_t)b->n_seqs * sizeof *rows);
    for (int s = 0; rows && s < b->n_seqs; s++) rows[s] = b->cu_seqlens[s + 1] - 1;
    return rows;
}

sl_tensor *sl_text_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b)
{
    sl_tower tower = sl_text_tower(m);
    int32_t *rows = last_rows(ctx, b);
    sl_tensor *x = sl_tower_forward(ctx, &tower, b, NULL, NULL, NULL);
    if (!rows) return NULL;
    x = sl_fn_select_rows(ctx, x, b->n_seqs, rows);
    x = sl_fn_linear(ctx, x, m->weights.pretrain.text_proj, &(sl_linear){0});
    sl_observe(ctx, x, "pretrain.text");
    return x;
}

sl_tensor *sl_omni_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_tensor *patches)
{
    const struct sl_pretrain_weights *p = &m->weights.pretrain;
    sl_tower tower = sl_text_tower(m);
    sl_tensor *prefix = sl_fn_pool4(ctx, patches);
    prefix = sl_fn_linear(ctx, prefix, p->omni_proj_w, &(sl_linear){.bias = p->omni_proj_b});
    sl_tensor *x = sl_tower_forward(ctx, &tower, b, prefix, NULL, NULL);
    sl_observe(ctx, x, "pretrain.omni");
    return x;
}
