/*
 * prompt.c: pictures and tokens become a batch.
 */
#include "infer/prompt.h"

#include "base/mem.h"
#include "media/view.h"

#include <stdlib.h>

void sl_prompt_init(sl_prompt *p, const sl_config *config, int n_threads)
{
    *p = (sl_prompt){.config = config, .n_threads = n_threads};
    p->tokens.ceiling = (size_t)config->decoder.max_positions;
}

void sl_prompt_release(sl_prompt *p)
{
    sl_token_ids_release(&p->tokens);
    free(p->pictures);
    free(p->grids);
    free(p->patches);
    *p = (sl_prompt){0};
}

/* Makes room for one more picture of n_patches patches. */
static sl_status grow(sl_prompt *p, int64_t n_patches, int64_t patch_numel, sl_error *err)
{
    if (p->n_pictures == SL_PROMPT_MAX_PICTURES)
        return sl_fail(err, SL_ERR_MEMORY, "more than %d pictures", SL_PROMPT_MAX_PICTURES);
    size_t n = (size_t)p->n_pictures + 1;
    sl_prompt_picture *pictures = realloc(p->pictures, n * sizeof *pictures);
    if (pictures) p->pictures = pictures;
    sl_grid *grids = realloc(p->grids, n * sizeof *grids);
    if (grids) p->grids = grids;
    float *patches = realloc(p->patches, (size_t)((p->n_patches + n_patches) * patch_numel) * sizeof *patches);
    if (patches) p->patches = patches;
    return pictures && grids && patches ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for a picture");
}

static sl_status add_view(sl_prompt *p, const struct sl_view_rule *rule, const struct sl_view *view, sl_error *err)
{
    int64_t n_patches = sl_grid_patches(view->grid), numel = sl_patch_numel(&rule->format);
    sl_status s = grow(p, n_patches, numel, err);
    if (s != SL_OK) return s;
    s = sl_picture_patches(&view->picture, &rule->format, p->n_threads, p->patches + p->n_patches * numel, err);
    if (s != SL_OK) return s;
    p->pictures[p->n_pictures] = (sl_prompt_picture){
        .width = view->width,
        .height = view->height,
        .used_width = view->picture.width,
        .used_height = view->picture.height,
        .grid = view->grid,
    };
    p->grids[p->n_pictures++] = view->grid;
    p->n_patches += n_patches;
    return SL_OK;
}

sl_status sl_prompt_add_picture(sl_prompt *p, const char *path, sl_error *err)
{
    const struct sl_view_rule rule = sl_config_view(p->config);
    struct sl_picture picture;
    struct sl_view view = {0};
    sl_status s = sl_picture_read(&picture, path, SL_PICTURE_MAX_PIXELS, err);
    if (s != SL_OK) return s;
    s = sl_view_make(&rule, &picture, p->n_threads, &view, err);
    if (s == SL_OK) s = add_view(p, &rule, &view, err);
    if (s != SL_OK) sl_fail_context(err, s, "%s", path);
    sl_view_free(&view);
    return s;
}

static bool add_features(sl_prompt *p, int picture, int32_t id)
{
    int64_t features = (int64_t)p->grids[picture].rows * p->grids[picture].cols / 4;
    bool ok = sl_token_ids_reserve(&p->tokens, (size_t)features);
    for (int64_t i = 0; ok && i < features; i++) ok = sl_token_ids_add(&p->tokens, id);
    return ok;
}

static bool add_wrapped(sl_prompt *p, int picture)
{
    return sl_token_ids_add(&p->tokens, p->config->ids.image_start) &&
           add_features(p, picture, p->config->ids.image_patch) &&
           sl_token_ids_add(&p->tokens, p->config->ids.image_end);
}

sl_status sl_prompt_set_tokens(sl_prompt *p, const int32_t *ids, size_t n, sl_error *err)
{
    int marks = 0, next = 0;
    for (size_t i = 0; i < n; i++) marks += sl_is_patch(&p->config->ids, ids[i]);
    if (marks && marks != p->n_pictures)
        return sl_fail(err, SL_ERR_ARGUMENT, "%d picture tokens for %d pictures", marks, p->n_pictures);
    p->tokens.len = 0;
    bool ok = true;
    for (int i = 0; ok && !marks && i < p->n_pictures; i++) ok = add_wrapped(p, i);
    for (size_t i = 0; ok && i < n; i++)
        ok = sl_is_patch(&p->config->ids, ids[i]) ? add_features(p, next++, ids[i])
                                                  : sl_token_ids_add(&p->tokens, ids[i]);
    if (!ok)
        return sl_fail(err, SL_ERR_MEMORY, "the prompt is longer than the model's %d tokens",
                       p->config->decoder.max_positions);
    return SL_OK;
}

sl_status sl_prompt_batch(const sl_prompt *p, sl_batch **out, sl_error *err)
{
    int32_t cu[2] = {0, (int32_t)p->tokens.len};
    sl_batch_spec spec = {
        .tokens = p->tokens.data,
        .n_seqs = 1,
        .cu_seqlens = cu,
        .n_pictures = p->n_pictures,
        .grids = p->grids,
        .patches = p->patches,
    };
    return sl_batch_new(p->config, &spec, out, err);
}
