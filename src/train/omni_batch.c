/*
 * omni_batch.c: sorting patches into seen and heard, and writing captions behind what they describe.
 */
#include "train/omni_batch.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The pictures of a sequence's sample: the first, and the one behind its last. */
static void picture_range(const struct sl_loader_batch *d, int sample, int *first, int *last)
{
    *first = 0;
    for (int s = 0; s < sample; s++) *first += d->samples[s]->n_pictures;
    *last = *first + d->samples[sample]->n_pictures;
}

/* Appends the patches of a sample's pictures of one kind to rows; returns how many there are. */
static int32_t add_kind(const struct sl_loader_batch *d, const sl_captions *c, int i, bool heard, int32_t *rows)
{
    int first, last;
    int32_t n = 0, patch = c->patches[2 * i];
    picture_range(d, c->sample[i], &first, &last);
    for (int p = first; p < last; p++) {
        int32_t here = (int32_t)sl_grid_patches(d->grids[p]);
        bool sound = d->samples[c->sample[i]]->pictures && d->samples[c->sample[i]]->pictures[p - first].sound;
        for (int32_t k = 0; k < here && sound == heard; k++) rows[n++] = patch + k;
        patch += here;
    }
    return n;
}

sl_omni_groups *sl_omni_groups_new(sl_ctx *ctx, const struct sl_loader_batch *data, const sl_captions *captions)
{
    size_t most = 2 * (size_t)captions->n;
    sl_omni_groups *g = sl_ctx_alloc_meta(ctx, sizeof *g);
    int32_t *sample = sl_ctx_alloc_meta(ctx, (3 * most + 1) * sizeof *sample);
    int32_t *rows = sl_ctx_alloc_meta(ctx, (size_t)data->n_patches * sizeof *rows);
    bool *kind = sl_ctx_alloc_meta(ctx, most * sizeof *kind);
    if (!g || !sample || !rows || !kind) return NULL;
    int32_t *cu = sample + most, *both = cu + most + 1;
    *g = (sl_omni_groups){.sample = sample, .heard = kind, .cu = cu, .rows = rows, .both = both};
    cu[0] = 0;
    for (int i = 0; i < captions->n; i++) {
        int first = g->n;
        for (int heard = 0; heard < 2; heard++) {
            int32_t n = add_kind(data, captions, i, heard, rows + cu[g->n]);
            if (!n) continue;
            sample[g->n] = i;
            kind[g->n] = heard;
            cu[g->n + 1] = cu[g->n] + n;
            g->n++;
        }
        if (g->n - first < 2) continue;
        both[2 * g->n_both] = first;
        both[2 * g->n_both++ + 1] = first + 1;
    }
    return g;
}

/* A batch in the making. */
struct writer {
    int32_t *tokens, *targets, *cu; /* owned */
    float *weights;                 /* owned */
    sl_grid *grids;                 /* owned */
    int32_t n;
    int n_seqs, n_grids;
};

static void put(struct writer *w, int32_t token, int32_t target, float weight)
{
    w->targets[w->n] = target;
    w->weights[w->n] = weight;
    w->tokens[w->n++] = token;
}

static void write_sequence(struct writer *w, const struct sl_loader_batch *d, const sl_captions *c, int i, int text,
                           const sl_special_ids *ids)
{
    int first, last;
    const int32_t *caption = c->tokens + c->cu[text];
    int32_t n = c->cu[text + 1] - c->cu[text], features = (c->patches[2 * i + 1] - c->patches[2 * i]) / 4;
    float weight = 1.0f / (float)n;
    picture_range(d, c->sample[i], &first, &last);
    for (int p = first; p < last; p++) w->grids[w->n_grids++] = d->grids[p];
    put(w, ids->image_start, -1, 0);
    for (int32_t k = 0; k < features; k++) put(w, ids->image_patch, -1, 0);
    put(w, ids->image_end, caption[0], weight);
    for (int32_t k = 0; k < n; k++) put(w, caption[k], k + 1 < n ? caption[k + 1] : -1, k + 1 < n ? weight : 0);
    w->cu[++w->n_seqs] = w->n;
}

static bool make_room(struct writer *w, const struct sl_loader_batch *d, const sl_captions *c)
{
    size_t longest = 0;
    for (int i = 0; i < c->n; i++) {
        size_t n = (size_t)(c->cu[i + 1] - c->cu[i]);
        if (n > longest) longest = n;
    }
    size_t n = (size_t)c->n * (longest + 2) + (size_t)d->n_patches / 4 + 1;
    w->tokens = sl_alloc_array(n, sizeof *w->tokens);
    w->targets = sl_alloc_array(n, sizeof *w->targets);
    w->weights = sl_alloc_array(n, sizeof *w->weights);
    w->cu = sl_alloc_array((size_t)c->n + 1, sizeof *w->cu);
    w->grids = sl_alloc_array((size_t)d->n_pictures + 1, sizeof *w->grids);
    return w->tokens && w->targets && w->weights && w->cu && w->grids;
}

sl_status sl_omni_batch_new(const struct sl_loader_batch *data, const sl_captions *captions, const int32_t *text,
                            const sl_config *config, sl_batch **out, sl_error *err)
{
    struct writer w = {0};
    sl_status s = make_room(&w, data, captions) ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for captions");
    for (int i = 0; i < captions->n && s == SL_OK; i++)
        if (text[i] >= 0) write_sequence(&w, data, captions, i, text[i], &config->ids);
    sl_batch_spec spec = {
        .tokens = w.tokens,
        .n_seqs = w.n_seqs,
        .cu_seqlens = w.cu,
        .targets = w.targets,
        .loss_weights = w.weights,
        .loss_unit = 1,
        .n_pictures = w.n_grids,
        .grids = w.grids,
    };
    if (s == SL_OK) s = sl_batch_new(config, &spec, out, err);
    free(w.tokens);
    free(w.targets);
    free(w.weights);
    free(w.cu);
    free(w.grids);
    return s;
}

sl_tensor *sl_omni_patches(sl_ctx *ctx, sl_tensor *patches, const sl_captions *captions, const int32_t *text)
{
    int32_t *rows = patches ? sl_ctx_alloc_meta(ctx, (size_t)sl_tensor_rows(patches) * sizeof *rows) : NULL;
    int64_t n = 0;
    for (int i = 0; rows && i < captions->n; i++)
        for (int32_t k = captions->patches[2 * i]; k < captions->patches[2 * i + 1] && text[i] >= 0; k++) rows[n++] = k;
    return rows ? sl_fn_select_rows(ctx, patches, n, rows) : NULL;
}
