/*
 * loader_batch.c: a packed sequence's samples become one batch.
 */
#include "data/loader_parts.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Room for the fullest sequence. Pages that no batch fills are never touched. */
static void *room(int64_t n, int64_t of, size_t size)
{
    size_t numel, bytes;
    if (!sl_size_mul((size_t)n, (size_t)of, &numel) || !sl_size_mul(numel, size, &bytes)) return NULL;
    return sl_alloc_huge(bytes);
}

sl_status sl_loader_job_init(struct sl_loader_job *job, const struct sl_encode_options *o, sl_error *err)
{
    *job = (struct sl_loader_job){.state = SL_JOB_FREE};
    job->samples = room(o->max_tokens, 1, sizeof *job->samples);
    job->tokens = room(o->max_tokens, 1, sizeof *job->tokens);
    job->targets = room(o->max_tokens, 1, sizeof *job->targets);
    job->cu_seqlens = room(o->max_tokens + 1, 1, sizeof *job->cu_seqlens);
    job->loss_weights = room(o->max_tokens, 1, sizeof *job->loss_weights);
    job->grids = room(o->max_patches / 4 + 1, 1, sizeof *job->grids);
    job->patches = room(o->max_patches, sl_patch_numel(&o->view.format), sizeof *job->patches);
    if (job->samples && job->tokens && job->targets && job->cu_seqlens && job->loss_weights && job->grids &&
        job->patches)
        return SL_OK;
    return sl_fail(err, SL_ERR_MEMORY, "no memory for batches of %lld tokens and %lld patches",
                   (long long)o->max_tokens, (long long)o->max_patches);
}

void sl_loader_job_clear(struct sl_loader_job *job)
{
    for (int i = 0; i < job->n_samples; i++) {
        sl_encoded_free(job->samples[i]);
        free(job->samples[i]);
    }
    job->n_samples = 0;
    job->state = SL_JOB_FREE;
}

void sl_loader_job_free(struct sl_loader_job *job)
{
    sl_loader_job_clear(job);
    free(job->samples);
    free(job->tokens);
    free(job->targets);
    free(job->cu_seqlens);
    free(job->loss_weights);
    free(job->grids);
    free(job->patches);
    free(job->mark.waiting);
    *job = (struct sl_loader_job){.state = SL_JOB_FREE};
}

static void add_text(struct sl_loader_job *job, int64_t at, const struct sl_encoded *e)
{
    memcpy(job->tokens + at, e->tokens, (size_t)e->n_tokens * sizeof *job->tokens);
    memcpy(job->targets + at, e->targets, (size_t)e->n_tokens * sizeof *job->targets);
    for (int64_t i = 0; i < e->n_tokens; i++) job->loss_weights[at + i] = e->targets[i] < 0 ? 0 : e->target_weight;
}

sl_status sl_loader_job_assemble(struct sl_loader_job *job, const struct sl_encode_options *o, sl_error *err)
{
    const int64_t numel = sl_patch_numel(&o->view.format);
    int64_t n_tokens = 0, n_patches = 0;
    int n_pictures = 0;
    job->cu_seqlens[0] = 0;
    for (int i = 0; i < job->n_samples; i++) {
        struct sl_encoded *e = job->samples[i];
        add_text(job, n_tokens, e);
        n_tokens += e->n_tokens;
        job->cu_seqlens[i + 1] = (int32_t)n_tokens;
        for (int k = 0; k < e->n_pictures; k++) {
            const struct sl_view *v = &e->pictures[k];
            sl_status s = sl_picture_patches(&v->picture, &o->view.format, 1, job->patches + n_patches * numel, err);
            if (s) return s;
            job->grids[n_pictures++] = v->grid;
            n_patches += sl_grid_patches(v->grid);
        }
        sl_encoded_drop_pixels(e);
    }
    job->batch = (struct sl_loader_batch){
        .n_tokens = n_tokens,
        .tokens = job->tokens,
        .n_samples = job->n_samples,
        .cu_seqlens = job->cu_seqlens,
        .targets = job->targets,
        .loss_weights = job->loss_weights,
        .n_patches = n_patches,
        .n_pictures = n_pictures,
        .grids = job->grids,
        .patches = job->patches,
        .samples = (const struct sl_encoded *const *)job->samples,
    };
    return SL_OK;
}
