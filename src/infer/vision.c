/*
 * vision.c: encoding the pictures that requests wait for, between decoding steps: blocks of Seed-ViT when nobody waits
 * for tokens, pieces of blocks when somebody does.
 */
#include "base/clock.h"
#include "infer/engine_parts.h"

#include <limits.h>
#include <string.h>

enum { PIECE_ROWS = 128 }; /* of a picture, between two tokens of a stream */

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

/* The number of the picture in work among r's, or -1. */
static int waits_at(const sl_engine *e, const sl_request *r)
{
    for (int p = 0; p < r->n_pictures; p++)
        if (r->pictures[p].set == e->job.set) return p;
    return -1;
}

/* Charges every request that waits for the picture for the time since `since`. */
static void charge_waiting(sl_engine *e, double since)
{
    double seconds = sl_clock_seconds() - since;
    for (int i = 0; i < e->n_running; i++)
        if (waits_at(e, e->running[i]) >= 0) e->running[i]->vision_seconds += seconds;
}

static void tell_waiting(sl_engine *e, double fraction)
{
    for (int i = 0; i < e->n_running; i++) {
        sl_request *r = e->running[i];
        int p = waits_at(e, r);
        if (p < 0) continue;
        sl_request_tell(r, (sl_event){.kind = SL_EVENT_MEDIA, .picture = p, .fraction = fraction, .text = ""});
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
    sl_vit_begin_pieces(&e->vision_space.ctx, e->model, e->job.batch, &e->job.pass);
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

/*
 * The next piece, on one thread or on all, whichever has been faster for such pieces: the threads that carry tokens to
 * clients want cores too, and a piece on all ends with the last of them.
 */
static void run_piece(sl_engine *e, int most_rows)
{
    sl_vit_pass *pass = &e->job.pass;
    int kind = 1 << (int)sl_vit_next_piece(pass), threads = sl_pace_threads(&e->piece_pace, kind);
    double start = sl_clock_seconds();
    e->vision_space.ctx.ops = threads == 1 ? &e->alone : e->model->plan.ops;
    sl_vit_continue_piece(&e->vision_space.ctx, e->model, pass, most_rows);
    e->vision_space.ctx.ops = e->model->plan.ops;
    sl_pace_note(&e->piece_pace, kind, threads, sl_clock_seconds() - start);
}

/* The next block, or with `streaming` a piece of it, or of what comes before. */
static sl_status continue_pass(sl_engine *e, bool streaming, sl_error *err)
{
    sl_ctx *ctx = &e->vision_space.ctx;
    sl_vit_pass *pass = &e->job.pass;
    int before = pass->next, depth = e->model->config.vit.depth;
    if (streaming)
        run_piece(e, PIECE_ROWS);
    else if (pass->cut)
        sl_vit_continue_piece(ctx, e->model, pass, INT_MAX);
    else
        sl_vit_continue(ctx, e->model, pass, 1);
    sl_status s = sl_ctx_status(ctx, err);
    if (s == SL_OK && pass->next > before && pass->next < depth) tell_waiting(e, (double)pass->next / (depth + 1));
    return s;
}

bool sl_vision_step(sl_engine *e, bool streaming, double seconds)
{
    sl_error err = {0};
    sl_status s = SL_OK;
    double start = sl_clock_seconds();
    int depth = e->model->config.vit.depth;
    sl_feature_set *set = e->job.set ? e->job.set : next_set(e);
    if (!set) return false;
    if (!e->job.set) s = begin(e, set, &err);
    while (s == SL_OK && e->job.pass.next < depth) {
        s = continue_pass(e, streaming, &err);
        if (sl_clock_seconds() - start >= seconds) break;
    }
    bool encoded = s == SL_OK && e->job.pass.next == depth;
    if (encoded) s = end(e, &err);
    charge_waiting(e, start);
    if (s == SL_OK && !encoded) return true;
    if (s == SL_OK)
        tell_waiting(e, 1);
    else
        fail_waiting(e, set, s, &err);
    sl_vision_abandon(e);
    e->turn = (e->turn + 1) % e->o.max_sequences;
    return true;
}
