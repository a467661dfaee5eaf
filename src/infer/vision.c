/*
 * vision.c: encoding the pictures that requests wait for, a few blocks of Seed-ViT at a time, between decoding steps.
 */
#include "base/clock.h"
#include "infer/engine_parts.h"

#include <string.h>

/* The next picture that a running request waits for, the request whose turn it is first; NULL when none. */
static sl_feature_set *next_set(sl_engine *e)
{
    for (int i = 0; i < e->n_running; i++) {
        sl_request *r = e->running[(e->turn + i) % e->n_running];
        while (r->n_ready < r->n_pictures && r->pictures[r->n_ready].set->rows) r->n_ready++;
        if (r->n_ready < r->n_pictures) return r->pictures[r->n_ready].set;
    }
    return NULL;
}

/* Tells every request that waits for the picture, and charges them for the time since `since`. */
static void tell_waiting(sl_engine *e, double fraction, double since)
{
    double seconds = sl_clock_seconds() - since;
    for (int i = 0; i < e->n_running; i++) {
        sl_request *r = e->running[i];
        for (int p = 0; p < r->n_pictures; p++) {
            if (r->pictures[p].set != e->job.set) continue;
            r->vision_seconds += seconds;
            sl_request_tell(r, (sl_event){.kind = SL_EVENT_MEDIA, .picture = p, .fraction = fraction, .text = ""});
            break;
        }
    }
}

void sl_vision_abandon(sl_engine *e)
{
    sl_batch_free(e->job.batch);
    sl_features_drop(e->features, e->job.set);
    e->job = (struct sl_vision_job){0};
}

static sl_status begin(sl_engine *e, sl_feature_set *set, sl_error *err)
{
    sl_batch_spec spec = {.n_pictures = 1, .grids = &set->picture.grid, .patches = set->patches};
    sl_status s = sl_batch_new(&e->model->config, &spec, &e->job.batch, err);
    if (s != SL_OK) return s;
    /* The cache hands out a reference of the job's own: the request may be cancelled meanwhile. */
    e->job.set = sl_features_find(e->features, set->key);
    if (e->job.set != set) {
        sl_features_drop(e->features, e->job.set);
        e->job.set = NULL;
        return sl_fail(err, SL_ERR_MEMORY, "the picture left the cache");
    }
    sl_workspace_reset(&e->vision_space);
    sl_vit_begin(&e->vision_space.ctx, e->model, e->job.batch, &e->job.pass);
    return sl_ctx_status(&e->vision_space.ctx, err);
}

static sl_status end(sl_engine *e, sl_error *err)
{
    sl_ctx *ctx = &e->vision_space.ctx;
    sl_tensor *rows = sl_vit_features(ctx, e->model, &e->job.pass);
    sl_status s = sl_ctx_status(ctx, err);
    if (s != SL_OK) return s;
    s = sl_features_encoded(e->features, e->job.set, rows->data, err);
    if (s != SL_OK && e->job.set->rows) { /* encoded, but not on disk: that costs a later start, not this answer */
        sl_log(e->o.log, SL_LOG_WARNING, "%s", err->message);
        s = SL_OK;
    }
    pthread_mutex_lock(&e->lock);
    e->counters.pictures_encoded++;
    pthread_mutex_unlock(&e->lock);
    return s;
}

/* Ends the requests that wait for a picture that cannot be encoded. */
static void fail_waiting(sl_engine *e, const sl_feature_set *set, sl_status status, const sl_error *err)
{
    for (int i = e->n_running - 1; i >= 0; i--) {
        sl_request *r = e->running[i];
        for (int p = 0; p < r->n_pictures; p++) {
            if (r->pictures[p].set != set) continue;
            sl_request_finish(r, SL_FINISH_FAILED, status, err);
            break;
        }
    }
}

bool sl_vision_step(sl_engine *e, double seconds)
{
    sl_error err = {0};
    sl_status s = SL_OK;
    double start = sl_clock_seconds(), last = start;
    int depth = e->model->config.vit.depth;
    sl_feature_set *set = e->job.set ? e->job.set : next_set(e);
    if (!set) return false;
    if (!e->job.set) s = begin(e, set, &err);
    while (s == SL_OK && e->job.pass.next < depth) {
        sl_vit_continue(&e->vision_space.ctx, e->model, &e->job.pass, 1);
        s = sl_ctx_status(&e->vision_space.ctx, &err);
        if (e->job.pass.next < depth) tell_waiting(e, (double)e->job.pass.next / (depth + 1), last);
        last = sl_clock_seconds();
        if (last - start >= seconds) break;
    }
    if (s == SL_OK && e->job.pass.next < depth) return true;
    if (s == SL_OK) s = end(e, &err);
    if (s == SL_OK)
        tell_waiting(e, 1, last);
    else
        fail_waiting(e, set, s, &err);
    sl_vision_abandon(e);
    e->turn = (e->turn + 1) % e->o.max_sequences;
    return true;
}
