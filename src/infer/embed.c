/*
 * embed.c: the contrastive towers without a tape, one thing at a time.
 */
#include "infer/embed.h"

#include "base/mem.h"
#include "model/origin.h"
#include "model/pretrain.h"
#include "text/tokenizer.h"

#include <stdlib.h>

enum { TOWERS = 1 << SL_MODULE_VIT | 1 << SL_MODULE_PRETRAIN | 1 << SL_MODULE_TEXT };

struct sl_embedder {
    sl_model *model;
    struct sl_tokenizer *tokenizer;
    sl_workspace work;
};

/* Refuses a folder without the towers before anything is loaded. */
static sl_status check_config(const char *dir, sl_error *err)
{
    sl_config c;
    sl_status s = sl_config_load(dir, &c, err);
    if (s == SL_OK && !c.pretrain.embed)
        s = sl_fail(err, SL_ERR_ARGUMENT,
                    "%s: its config.json has no pretrain_config with an embedding_size: only a "
                    "checkpoint of the contrastive stage makes embeddings",
                    dir);
    return s;
}

sl_status sl_embedder_open(const char *dir, const sl_ops *ops, sl_dtype dt, sl_embedder **out, sl_error *err)
{
    static const size_t WORK_CEILING = (size_t)1 << 40;
    sl_status s = check_config(dir, err);
    if (s != SL_OK) return s;
    sl_embedder *e = sl_alloc_array(1, sizeof *e);
    if (!e) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an embedder");
    sl_weight_plan plan = {.ops = ops, .dt = dt, .modules = TOWERS};
    s = sl_model_open(dir, &plan, &e->model, err);
    if (s == SL_OK) s = sl_origin_tokenizer(dir, &e->tokenizer, err);
    if (s == SL_OK) s = sl_workspace_init(&e->work, ops, dt, WORK_CEILING, err);
    if (s != SL_OK) sl_embedder_close(&e);
    *out = e;
    return s;
}

void sl_embedder_close(sl_embedder **e)
{
    if (!*e) return;
    sl_model_free((*e)->model);
    sl_tokenizer_free(&(*e)->tokenizer);
    sl_workspace_free(&(*e)->work);
    free(*e);
    *e = NULL;
}

int sl_embedder_width(const sl_embedder *e)
{
    return e->model->config.pretrain.embed;
}

/* Writes the one row of t as a unit vector. */
static sl_status write_unit(sl_embedder *e, sl_tensor *t, float *vector, sl_error *err)
{
    sl_ctx *ctx = &e->work.ctx;
    t = sl_fn_l2norm(ctx, t, 1e-8f);
    if (t) SL_RUN(ctx, scale, sl_embedder_width(e), 1.0f, t->data, t->dtype, vector, SL_F32);
    return sl_ctx_status(ctx, err);
}

sl_status sl_embed_text(sl_embedder *e, const char *text, size_t n, float *vector, sl_error *err)
{
    const sl_config *c = &e->model->config;
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT((size_t)1 << 24);
    sl_batch *batch = NULL;
    sl_status s = sl_tokenizer_encode(e->tokenizer, text, n, SL_ENCODE_PLAIN, &ids, err);
    size_t most = (size_t)c->pretrain.text_positions - 1;
    if (ids.len > most) ids.len = most;
    if (s == SL_OK && !sl_token_ids_add(&ids, c->ids.eos))
        s = sl_fail(err, SL_ERR_MEMORY, "out of memory for a text's tokens");
    int32_t cu[2] = {0, (int32_t)ids.len};
    sl_batch_spec spec = {.tokens = ids.data, .n_seqs = 1, .cu_seqlens = cu};
    if (s == SL_OK) s = sl_batch_new(c, &spec, &batch, err);
    if (s == SL_OK) {
        sl_workspace_reset(&e->work);
        s = write_unit(e, sl_text_forward(&e->work.ctx, e->model, batch), vector, err);
    }
    sl_batch_free(batch);
    sl_token_ids_release(&ids);
    return s;
}

/* Runs the tower over patches of n grids and pools them all into one vector. */
static sl_status embed_patches(sl_embedder *e, const float *patches, const sl_grid *grids, int n, float *vector,
                               sl_error *err)
{
    sl_batch *batch = NULL;
    sl_batch_spec spec = {.n_pictures = n, .grids = grids, .patches = patches};
    sl_status s = sl_batch_new(&e->model->config, &spec, &batch, err);
    if (s != SL_OK) return s;
    int32_t cu[2] = {0, (int32_t)batch->n_patches};
    sl_workspace_reset(&e->work);
    sl_tensor *x = sl_vit_forward(&e->work.ctx, e->model, batch);
    s = write_unit(e, sl_pool_forward(&e->work.ctx, e->model, x, cu, 1), vector, err);
    sl_batch_free(batch);
    return s;
}

static sl_status embed_views(sl_embedder *e, const struct sl_view *views, int n, float *vector, sl_error *err)
{
    const struct sl_view_rule rule = sl_config_view(&e->model->config);
    int64_t numel = sl_patch_numel(&rule.format), n_patches = 0;
    for (int i = 0; i < n; i++) n_patches += sl_grid_patches(views[i].grid);
    float *patches = sl_alloc_array((size_t)n_patches, (size_t)numel * sizeof *patches);
    sl_grid *grids = sl_alloc_array((size_t)n, sizeof *grids);
    sl_status s = patches && grids ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for patches");
    int64_t at = 0;
    for (int i = 0; i < n && s == SL_OK; i++) {
        s = sl_picture_patches(&views[i].picture, &rule.format, e->model->plan.ops->n_threads, patches + at * numel,
                               err);
        grids[i] = views[i].grid;
        at += sl_grid_patches(views[i].grid);
    }
    if (s == SL_OK) s = embed_patches(e, patches, grids, n, vector, err);
    free(patches);
    free(grids);
    return s;
}

sl_status sl_embed_pictures(sl_embedder *e, struct sl_picture *pictures, int n, float *vector, sl_error *err)
{
    enum { FRAME_TOKENS = 256 };
    struct sl_view_rule rule = sl_config_view(&e->model->config);
    struct sl_view *views = sl_alloc_array((size_t)n, sizeof *views);
    int64_t frame = (int64_t)FRAME_TOKENS * rule.fit.factor * rule.fit.factor;
    /* Frames of a clip share what one picture may cost. */
    if (n > 1 && rule.fit.max_pixels > frame) rule.fit.max_pixels = frame;
    sl_status s = views ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for %d pictures", n);
    for (int i = 0; i < n; i++)
        if (s == SL_OK)
            s = sl_view_make(&rule, &pictures[i], e->model->plan.ops->n_threads, &views[i], err);
        else
            sl_picture_free(&pictures[i]);
    if (s == SL_OK) s = embed_views(e, views, n, vector, err);
    for (int i = 0; views && i < n; i++) sl_view_free(&views[i]);
    free(views);
    return s;
}

sl_status sl_embed_video(sl_embedder *e, struct sl_video *video, double start, double end, int n_frames, float *vector,
                         sl_error *err)
{
    struct sl_picture *frames = sl_alloc_array((size_t)n_frames, sizeof *frames);
    int64_t *indices = sl_alloc_array((size_t)n_frames, sizeof *indices);
    sl_status s = frames && indices ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for %d frames", n_frames);
    /* The middle of each of n_frames equal parts. */
    for (int i = 0; i < n_frames && s == SL_OK; i++)
        indices[i] = sl_video_index_at_seconds(video, start + (end - start) * (i + 0.5) / n_frames);
    if (s == SL_OK) s = sl_video_frames(video, indices, n_frames, 0, 0, frames, err);
    if (s == SL_OK) s = sl_embed_pictures(e, frames, n_frames, vector, err);
    free(frames);
    free(indices);
    return s;
}
