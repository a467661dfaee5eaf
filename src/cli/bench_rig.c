/*
 * bench_rig.c: one sequence of tokens through a bare model, and the bytes that it reads.
 */
#include "cli/bench_rig.h"

#include "base/rng.h"

#include <stdlib.h>

sl_status sl_bench_rig_begin(struct sl_bench_rig *r, const sl_ops *ops, int pages, sl_error *err)
{
    static const size_t CEILING = (size_t)1 << 40;
    sl_status s = sl_workspace_init(&r->work, ops, SL_BF16, CEILING, err);
    if (s == SL_OK && pages) s = sl_kv_cache_new(&r->model->config.decoder, SL_BF16, pages, 1, &r->cache, err);
    return s;
}

void sl_bench_rig_close(struct sl_bench_rig *r)
{
    sl_bench_rig_rewind(r);
    sl_kv_cache_free(r->cache);
    sl_workspace_free(&r->work);
    sl_model_free(r->model);
}

void sl_bench_rig_rewind(struct sl_bench_rig *r)
{
    if (r->cache) sl_kv_release(r->cache, &r->sequence);
}

static sl_status forward(struct sl_bench_rig *r, const sl_batch *batch, int n, sl_error *err)
{
    sl_kv_sequence *seqs[1] = {&r->sequence};
    sl_ctx *ctx = &r->work.ctx;
    sl_workspace_reset(&r->work);
    const sl_decoder_cache *cache = r->cache ? sl_kv_bind(r->cache, seqs, 1) : NULL;
    sl_tensor *x = sl_decoder_forward(ctx, r->model, batch, NULL, cache, NULL);
    int64_t hidden = r->model->config.decoder.hidden;
    if (x) {
        char *last = (char *)x->data + (size_t)(n - 1) * (size_t)hidden * sl_dtype_size(x->dtype);
        sl_model_logits(ctx, r->model, sl_tensor_wrap(ctx, x->dtype, 1, hidden, last));
    }
    return sl_ctx_status(ctx, err);
}

sl_status sl_bench_run(struct sl_bench_rig *r, int n, sl_error *err)
{
    int32_t cu[2] = {0, n}, first = r->sequence.length, *tokens = calloc((size_t)n, sizeof *tokens);
    sl_batch *batch = NULL;
    for (int i = 0; tokens && i < n; i++) tokens[i] = (first + i) * 37 % 256;
    sl_batch_spec spec = {.tokens = tokens, .n_seqs = 1, .cu_seqlens = cu, .first_position = &first};
    sl_status s = tokens ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory");
    if (s == SL_OK && r->cache) s = sl_kv_extend(r->cache, &r->sequence, n, err);
    if (s == SL_OK) s = sl_batch_new(&r->model->config, &spec, &batch, err);
    if (s == SL_OK) s = forward(r, batch, n, err);
    sl_batch_free(batch);
    free(tokens);
    return s;
}

double sl_bench_token_bytes(const struct sl_bench_rig *r)
{
    const sl_decoder_config *d = &r->model->config.decoder;
    double bytes = (double)sl_kv_page_bytes(d, SL_BF16) / SL_KV_PAGE_SIZE * r->sequence.length;
    for (int i = 0; i < r->model->weights.n_rows; i++) {
        const sl_weight_row *w = &r->model->weights.rows[i];
        double all = w->w.packed ? (double)w->w.packed_stride * (double)w->w.groups : 0;
        if (w->module != SL_MODULE_DECODER || (w->role == SL_ROLE_EMBEDDING && !w->output)) continue;
        for (int k = 0; w->w.blocks && k < w->w.blocks->n_parts; k++)
            all += (double)w->w.blocks->parts[k].group_stride * (double)w->w.groups;
        bytes += w->w.groups > 1 ? all * d->top_k / d->n_experts : all;
    }
    return bytes;
}

sl_status sl_bench_patches(sl_batch *batch, const sl_config *c, float **patches, sl_error *err)
{
    struct sl_rng rng;
    sl_rng_init(&rng, 1, 0);
    size_t n = (size_t)batch->n_patches * (size_t)sl_vit_patch_numel(&c->vit);
    *patches = malloc((n + 1) * sizeof **patches);
    if (!*patches) return sl_fail(err, SL_ERR_MEMORY, "out of memory for patches");
    for (size_t i = 0; i < n; i++) (*patches)[i] = sl_rng_float(&rng) * 4 - 2;
    batch->patches = *patches;
    return SL_OK;
}
