/*
 * count.c: parameters from the weight table, FLOPs and memory from a dry run, so that neither can drift from the code.
 */
#include "model/count.h"

#include "base/mem.h"

#include <stdlib.h>

sl_status sl_count_params(const sl_config *c, sl_param_count *out, sl_error *err)
{
    sl_weights w;
    sl_status s = sl_weights_build(c, &w, err);
    if (s != SL_OK) return s;
    *out = (sl_param_count){0};
    for (int i = 0; i < w.n_rows; i++) {
        const sl_weight_row *r = &w.rows[i];
        int64_t n = sl_weight_row_numel(r);
        out->total += n;
        if (r->module == SL_MODULE_VIT) out->vit += n;
        if (r->module == SL_MODULE_ADAPTER) out->adapter += n;
        if (r->module != SL_MODULE_DECODER) continue;
        out->decoder_total += n;
        if (r->role == SL_ROLE_EMBEDDING) out->embedding = n;
        if (r->output && r->role != SL_ROLE_EMBEDDING) out->head = n;
        if (r->w.groups > 1) n = n / r->w.groups * c->decoder.top_k;
        if (r->role != SL_ROLE_EMBEDDING || r->output) out->decoder_active += n;
    }
    sl_weights_free(&w);
    return SL_OK;
}

sl_status sl_forward_plan(const sl_config *c, const sl_ops *ops, sl_dtype dt, const sl_batch *b, sl_forward_cost *out,
                          sl_error *err)
{
    static const size_t CEILING = (size_t)1 << 45;
    sl_weight_plan plan = {.ops = ops, .dt = dt};
    sl_model *m;
    sl_workspace w;
    sl_status s = sl_model_new(c, &plan, true, &m, err);
    if (s != SL_OK) return s;
    s = sl_workspace_init(&w, NULL, dt, CEILING, err);
    if (s == SL_OK) {
        sl_tensor *features = b->n_pictures ? sl_picture_features(&w.ctx, m, b) : NULL;
        out->vision_flops = w.ctx.flops;
        if (b->n_tokens) sl_decoder_forward(&w.ctx, m, b, features, NULL, NULL);
        out->decoder_flops = w.ctx.flops - out->vision_flops;
        out->head_flops = 2.0 * (double)b->n_tokens * (double)c->decoder.vocab * (double)c->decoder.hidden;
        out->work_bytes = w.data.peak;
        s = sl_ctx_status(&w.ctx, err);
        sl_workspace_free(&w);
    }
    sl_model_free(m);
    return s;
}

sl_status sl_batch_plan(const sl_config *c, int n_seqs, int tokens, int pictures, sl_grid grid, bool with_targets,
                        sl_batch **out, sl_error *err)
{
    int64_t features = (int64_t)grid.rows * grid.cols / 4 * pictures;
    if (tokens && features > tokens)
        return sl_fail(err, SL_ERR_ARGUMENT, "%lld picture tokens do not fit into sequences of %d", (long long)features,
                       tokens);
    size_t n = (size_t)n_seqs * (size_t)tokens, n_grids = (size_t)n_seqs * (size_t)pictures;
    int32_t *ids = sl_alloc_array(n, sizeof *ids), *targets = sl_alloc_array(n, sizeof *targets);
    int32_t *cu = sl_alloc_array((size_t)n_seqs + 1, sizeof *cu);
    sl_grid *grids = sl_alloc_array(n_grids, sizeof *grids);
    sl_status s = ids && targets && cu && grids ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for a batch");
    if (s != SL_OK) goto out;
    for (size_t i = 0; i < n; i++) {
        bool picture = (int64_t)(i % (size_t)tokens) < features;
        ids[i] = picture ? c->ids.image_patch : 0;
        targets[i] = picture || i % 2 ? -1 : 0;
    }
    for (int q = 0; q <= n_seqs; q++) cu[q] = q * tokens;
    for (size_t i = 0; i < n_grids; i++) grids[i] = grid;
    sl_batch_spec spec = {
        .tokens = ids,
        .n_seqs = tokens ? n_seqs : 0,
        .cu_seqlens = cu,
        .targets = with_targets ? targets : NULL,
        .n_pictures = (int)n_grids,
        .grids = grids,
    };
    s = sl_batch_new(c, &spec, out, err);
out:
    free(ids);
    free(targets);
    free(cu);
    free(grids);
    return s;
}
