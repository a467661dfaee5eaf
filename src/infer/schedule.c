/*
 * schedule.c: what one step does: who comes in, which tokens are computed, and how long the others may wait for it.
 *
 * A step runs the decoder once over the next tokens of all requests: one for each that is answering, and chunks of
 * prompts. When somebody waits for tokens, prompts and pictures together get PATIENCE times what those tokens take, so
 * a stream slows down by a small factor and never stops; when nobody does, they get whole chunks. Of the prompts, the
 * one with the least left is finished first, which makes the first answers come soonest; a quarter is always the oldest
 * one's, so that none waits for ever. Requests enter in the order in which they came, as soon as all the pages that
 * they can ever need are free or can be given up, so a running request never runs out of them.
 */
#include "base/clock.h"
#include "infer/engine_parts.h"

#include <stdlib.h>
#include <string.h>

static const int MIN_CHUNK = 16;    /* prompt tokens of a step at least */
static const double PATIENCE = 1.5; /* of a stream, in decoding steps, for the work of others */
static const double UNSEEN = 0.1;   /* seconds of vision work in a step when nobody waits for tokens */

/* --- pages ------------------------------------------------------------------------------------------------------ */

static int pages_for(int tokens)
{
    return (tokens + SL_KV_PAGE_SIZE - 1) / SL_KV_PAGE_SIZE;
}

static void spend(sl_engine *e, sl_request *r, int pages)
{
    r->n_reserved -= pages;
    e->n_reserved -= pages;
}

/* Takes over what the tree knows of the prompt, whole pages; the last token is always computed. */
static int adopt(sl_engine *e, sl_request *r)
{
    sl_error ignored;
    if (r->node == -2 || r->n_published != r->kv.length) return 0;
    int gained = sl_prefix_adopt(e->prefix, r->content, r->n_prompt - 1, &r->kv, &r->node, &ignored);
    r->n_published += gained;
    r->result.usage.cached_tokens += gained;
    return gained / SL_KV_PAGE_SIZE;
}

/* Copies the tokens of a page that only begins as the prompt goes on. */
static void copy_similar(sl_engine *e, sl_request *r)
{
    sl_error ignored;
    int32_t from;
    if (r->node == -2 || r->n_published != r->kv.length || r->kv.length % SL_KV_PAGE_SIZE) return;
    int n = sl_prefix_similar(e->prefix, r->content, r->n_prompt - 1, &r->kv, r->node, &from);
    if (!n) return;
    sl_kv_page_share(e->kv, from); /* it must not be the one that is given up */
    if (!sl_kv_free_pages(e->kv) && !sl_prefix_evict(e->prefix)) {
        sl_kv_page_drop(e->kv, from);
        return;
    }
    int32_t page = sl_kv_page_take(e->kv);
    sl_kv_page_copy(e->kv, from, page, n);
    sl_kv_page_drop(e->kv, from);
    if (sl_kv_append_page(&r->kv, page, n, &ignored) != SL_OK) {
        sl_kv_page_drop(e->kv, page);
        return;
    }
    spend(e, r, 1);
    r->result.usage.cached_tokens += n;
}

/* Puts the pages that are full now into the tree, and with `all` the last one too. */
static void publish(sl_engine *e, sl_request *r, bool all)
{
    while (r->node != -2 && r->n_published < r->kv.length) {
        int n = r->kv.length - r->n_published;
        if (n < SL_KV_PAGE_SIZE && !all) return;
        if (n > SL_KV_PAGE_SIZE) n = SL_KV_PAGE_SIZE;
        int32_t page = r->kv.pages[r->n_published / SL_KV_PAGE_SIZE];
        int32_t node = sl_prefix_publish(e->prefix, r->node, r->content + r->n_published, n, page);
        r->node = node < 0 ? -2 : node;
        r->n_published += n;
    }
}

/* --- coming and going ------------------------------------------------------------------------------------------- */

void sl_schedule_remove(sl_engine *e, sl_request *r)
{
    int i = 0;
    while (i < e->n_running && e->running[i] != r) i++;
    if (i < e->n_running) {
        memmove(e->running + i, e->running + i + 1, (size_t)(e->n_running - i - 1) * sizeof *e->running);
        e->n_running--;
        publish(e, r, true);
    }
    /* Not only of those that ran: one may be cancelled after its pages were reserved. */
    spend(e, r, r->n_reserved);
    sl_kv_release(e->kv, &r->kv);
    for (int p = 0; p < r->n_pictures; p++) {
        sl_features_drop(e->features, r->pictures[p].set);
        r->pictures[p].set = NULL;
    }
    r->n_pictures = 0;
}

/* Reserves all pages that r may need; false when they are not there now. */
static bool reserve(sl_engine *e, sl_request *r)
{
    int need = pages_for(r->n_prompt + r->max_tokens) - adopt(e, r);
    if (need > sl_kv_free_pages(e->kv) + sl_prefix_idle_pages(e->prefix) - e->n_reserved) {
        sl_kv_release(e->kv, &r->kv);
        r->node = SL_PREFIX_ROOT;
        r->n_published = r->result.usage.cached_tokens = 0;
        return false;
    }
    r->n_reserved = need;
    e->n_reserved += need;
    copy_similar(e, r);
    return true;
}

/* Takes the first request off the queue when it is cancelled or may run; NULL when the queue must wait. */
static sl_request *dequeue(sl_engine *e)
{
    pthread_mutex_lock(&e->lock);
    sl_request *r = e->first;
    pthread_mutex_unlock(&e->lock);
    /* Only this thread takes from the front, so r stays there while pages are reserved without the lock. */
    if (!r || (!atomic_load(&r->cancelled) && (e->n_running == e->o.max_sequences || !reserve(e, r)))) return NULL;
    pthread_mutex_lock(&e->lock);
    e->first = r->next;
    if (!e->first) e->last = NULL;
    r->next = NULL;
    e->counters.queued--;
    e->counters.prompt_tokens += (uint64_t)r->n_prompt;
    pthread_mutex_unlock(&e->lock);
    return r;
}

static void admit(sl_engine *e)
{
    for (sl_request *r; (r = dequeue(e));) {
        r->started = sl_clock_seconds();
        if (atomic_load(&r->cancelled))
            sl_request_finish(r, SL_FINISH_CANCELLED, SL_OK, NULL);
        else
            e->running[e->n_running++] = r;
    }
}

static void end_cancelled(sl_engine *e)
{
    for (int i = e->n_running - 1; i >= 0; i--)
        if (atomic_load(&e->running[i]->cancelled)) sl_request_finish(e->running[i], SL_FINISH_CANCELLED, SL_OK, NULL);
}

/* --- filling a step --------------------------------------------------------------------------------------------- */

/* Prompt tokens that may be computed now: up to the first picture without features. */
static int ready_tokens(sl_request *r)
{
    while (r->n_ready < r->n_pictures && r->pictures[r->n_ready].set->rows) r->n_ready++;
    int end = r->n_ready < r->n_pictures ? r->pictures[r->n_ready].first : r->n_tokens;
    return end - r->kv.length;
}

static bool answers(const sl_request *r)
{
    return r->kv.length >= r->n_prompt;
}

/* True when another request is at work on the very page that r comes to next: r takes it over when it is full. */
static bool computed_beside(const sl_engine *e, const sl_request *r)
{
    int at = r->kv.length;
    if (r->node == -2 || r->n_published != at || at + SL_KV_PAGE_SIZE >= r->n_prompt) return false;
    bool after_r = false;
    for (int i = 0; i < e->n_running; i++) {
        const sl_request *q = e->running[i];
        if (q == r) {
            after_r = true;
            continue;
        }
        bool ahead = q->kv.length > at || !after_r;
        if (ahead && q->node == r->node && q->n_published == at && q->n_prompt >= at + SL_KV_PAGE_SIZE &&
            memcmp(q->content + at, r->content + at, SL_KV_PAGE_SIZE * sizeof *r->content) == 0)
            return true;
    }
    return false;
}

/* The feature row that stands at token `at` of r, which is an image_patch. */
static const void *feature_at(const sl_request *r, int at, size_t row_bytes)
{
    int low = 0, high = r->n_pictures - 1;
    while (low < high) {
        int mid = (low + high + 1) / 2;
        if (r->pictures[mid].first <= at)
            low = mid;
        else
            high = mid - 1;
    }
    return (const char *)r->pictures[low].set->rows + (size_t)(at - r->pictures[low].first) * row_bytes;
}

/* Adds the next n tokens of r to the step. */
static void add_tokens(sl_engine *e, sl_request *r, int n)
{
    struct sl_step *s = &e->step;
    size_t row_bytes = (size_t)sl_config_feature_width(&e->model->config) * sl_dtype_size(e->model->plan.dt);
    sl_error err;
    int from = r->kv.length, pages = pages_for(from + n) - r->kv.n_pages;
    while (sl_kv_free_pages(e->kv) < pages) SL_CHECK(sl_prefix_evict(e->prefix)); /* reservations were kept */
    if (sl_kv_extend(e->kv, &r->kv, n, &err) != SL_OK) {
        sl_request_finish(r, SL_FINISH_FAILED, SL_ERR_MEMORY, &err);
        return;
    }
    spend(e, r, pages);
    for (int i = from; i < from + n; i++) {
        if (sl_is_patch(&e->model->config.ids, r->tokens[i]) && i < r->n_prompt) {
            s->features[s->n_features] = feature_at(r, i, row_bytes);
            s->feature_rows[s->n_features++] = s->n_tokens;
        }
        for (int k = 0; k < 3; k++)
            s->axes[3 * s->n_tokens + k] = r->axes && i < r->n_prompt ? r->axes[3 * i + k] : i + r->shift;
        s->positions[s->n_tokens] = i;
        s->tokens[s->n_tokens++] = r->tokens[i];
    }
    r->n_step = n;
    r->logit_row = -1;
    if (r->kv.length == r->n_tokens) {
        r->logit_row = s->n_logits;
        s->logit_rows[s->n_logits++] = s->n_tokens - 1;
    }
    s->requests[s->n_seqs] = r;
    s->seqs[s->n_seqs++] = &r->kv;
    s->cu_seqlens[s->n_seqs] = s->n_tokens;
}

/* True when some picture waits to be encoded, or is in work. */
static bool pictures_wait(const sl_engine *e)
{
    bool wait = e->job.set != NULL;
    for (int i = 0; i < e->n_running && !wait; i++) wait = e->running[i]->n_ready < e->running[i]->n_pictures;
    return wait;
}

/* Decoding steps that prompts may take of this step, or pictures after it, when a stream waits. */
static double share_of_others(const sl_engine *e)
{
    return pictures_wait(e) ? PATIENCE / 2 : PATIENCE;
}

/* How many prompt tokens this step may take. */
static int prefill_budget(const sl_engine *e)
{
    int streams = e->step.n_streams;
    if (!streams) return e->o.chunk;
    if (sl_costs_should_measure(&e->costs, streams)) return 0;
    return sl_costs_prompt_tokens(&e->costs, share_of_others(e), MIN_CHUNK, e->o.chunk);
}

static int left_of_prompt(const sl_request *r)
{
    return r->n_prompt - r->kv.length;
}

/* Lists the prompts that can go on, the one with the least left first. Returns the oldest of them, or NULL. */
static const sl_request *list_prompts(sl_engine *e, int *n)
{
    const sl_request *oldest = NULL;
    *n = 0;
    for (int i = 0; i < e->n_running; i++) {
        sl_request *r = e->running[i];
        if (answers(r)) continue;
        if (r->kv.length % SL_KV_PAGE_SIZE == 0) spend(e, r, adopt(e, r));
        if (ready_tokens(r) <= 0 || computed_beside(e, r)) continue;
        if (!oldest) oldest = r;
        int at = (*n)++;
        for (; at > 0 && left_of_prompt(e->step.prompts[at - 1]) > left_of_prompt(r); at--)
            e->step.prompts[at] = e->step.prompts[at - 1];
        e->step.prompts[at] = r;
    }
    return oldest;
}

static void add_prompts(sl_engine *e)
{
    int n, budget = prefill_budget(e);
    if (!budget) return;
    const sl_request *oldest = list_prompts(e, &n);
    int kept = budget / 4 > MIN_CHUNK ? budget / 4 : MIN_CHUNK; /* for the oldest, until its turn comes */
    for (int i = 0; i < n; i++) {
        sl_request *r = e->step.prompts[i];
        int most = r == oldest ? budget : budget - kept, take = ready_tokens(r);
        if (r == oldest) kept = 0;
        if (take > most) take = most;
        if (take <= 0) continue;
        budget -= take;
        e->step.n_prefill += take;
        add_tokens(e, r, take);
    }
}

/* Chooses the tokens of a step: first those that streams wait for, then prompts. */
static void fill_step(sl_engine *e)
{
    struct sl_step *s = &e->step;
    s->n_tokens = s->n_seqs = s->n_features = s->n_logits = s->n_prefill = s->n_streams = 0;
    s->cu_seqlens[0] = 0;
    for (int i = e->n_running - 1; i >= 0; i--) {
        sl_request *r = e->running[i];
        if (!answers(r)) continue;
        s->n_streams++;
        add_tokens(e, r, r->n_tokens - r->kv.length);
    }
    add_prompts(e);
}

/* --- running it ------------------------------------------------------------------------------------------------- */

/* The features of the step's tokens, one below the other. */
static sl_tensor *gather_features(sl_engine *e)
{
    sl_ctx *ctx = &e->work_space.ctx;
    const struct sl_step *s = &e->step;
    int64_t cols = sl_config_feature_width(&e->model->config);
    size_t bytes = (size_t)cols * sl_dtype_size(ctx->dt);
    sl_tensor *t = sl_tensor_new(ctx, ctx->dt, s->n_features, cols);
    for (int i = 0; t && i < s->n_features; i++) memcpy((char *)t->data + (size_t)i * bytes, s->features[i], bytes);
    return t;
}

static sl_tensor *run_decoder(sl_engine *e)
{
    struct sl_step *s = &e->step;
    sl_ctx *ctx = &e->work_space.ctx;
    sl_workspace_reset(&e->work_space);
    sl_batch b = {
        .n_tokens = s->n_tokens,
        .tokens = s->tokens,
        .grad_tokens = s->tokens,
        .positions = s->positions,
        .axes = s->axes,
        .n_seqs = s->n_seqs,
        .cu_seqlens = s->cu_seqlens,
        .n_pictures = s->n_features > 0,
        .feature_rows = s->feature_rows,
    };
    sl_tensor *features = s->n_features ? gather_features(e) : NULL;
    const sl_decoder_cache *view = sl_kv_bind(e->kv, s->seqs, s->n_seqs);
    sl_tensor *x = sl_decoder_forward(ctx, e->model, &b, features, view, NULL);
    if (!x || !s->n_logits) return NULL;
    sl_tensor *last = sl_tensor_new(ctx, x->dtype, s->n_logits, sl_tensor_cols(x));
    if (!last) return NULL;
    SL_RUN(ctx, gather_rows, x->dtype, s->n_logits, sl_tensor_cols(x), s->logit_rows, x->data, last->data);
    return sl_model_logits(ctx, e->model, last);
}

/* Publishes pages, tells of progress and takes the next tokens. */
static void advance_all(sl_engine *e, const sl_tensor *logits)
{
    struct sl_step *s = &e->step;
    int n_seqs = s->n_seqs;
    for (int i = 0; i < n_seqs; i++) {
        sl_request *r = s->requests[i];
        publish(e, r, false);
        if (r->kv.length <= r->n_prompt && r->n_step)
            sl_request_tell(
                r, (sl_event){.kind = SL_EVENT_PREFILL, .fraction = (double)r->kv.length / r->n_prompt, .text = ""});
        if (r->logit_row < 0) continue;
        sl_request_advance(r, (const float *)logits->data + (int64_t)r->logit_row * sl_tensor_cols(logits));
    }
}

static sl_status run_step(sl_engine *e, sl_error *err)
{
    int threads = sl_pace_threads(&e->pace, e->step.n_tokens);
    double start = sl_clock_seconds();
    e->work_space.ctx.ops = threads == 1 ? &e->alone : e->model->plan.ops;
    sl_tensor *logits = run_decoder(e);
    sl_status s = sl_ctx_status(&e->work_space.ctx, err);
    double seconds = sl_clock_seconds() - start;
    sl_pace_note(&e->pace, e->step.n_tokens, threads, seconds);
    sl_costs_note(&e->costs, e->step.n_streams, e->step.n_prefill, seconds);
    if (s == SL_OK) {
        advance_all(e, logits);
        return s;
    }
    int n_seqs = e->step.n_seqs;
    for (int i = 0; i < n_seqs; i++) sl_request_finish(e->step.requests[i], SL_FINISH_FAILED, s, err);
    return s;
}

/* True when somebody waits for tokens now: streams of this step, and those whose first token came out of it. */
static bool tokens_wait(const sl_engine *e)
{
    bool wait = false;
    for (int i = 0; i < e->n_running && !wait; i++) wait = answers(e->running[i]);
    return wait;
}

sl_status sl_engine_step(sl_engine *e, bool *idle, sl_error *err)
{
    sl_status s = SL_OK;
    double start = sl_clock_seconds();
    end_cancelled(e);
    admit(e);
    fill_step(e);
    bool work = e->step.n_seqs > 0;
    if (work) s = run_step(e, err);
    if (work && e->after_tokens) e->after_tokens(e->after_user);
    bool streaming = tokens_wait(e);
    work |= sl_vision_step(e, streaming, streaming ? share_of_others(e) * e->costs.decode : UNSEEN);
    pthread_mutex_lock(&e->lock);
    e->counters.steps += work;
    e->counters.running = e->n_running;
    e->counters.pages_free = sl_kv_free_pages(e->kv);
    if (!work) e->counters.pages_cached = sl_prefix_idle_pages(e->prefix);
    e->counters.busy_seconds += work ? sl_clock_seconds() - start : 0;
    bool waiting = e->first != NULL;
    pthread_mutex_unlock(&e->lock);
    if (idle) *idle = !work && !e->n_running && !waiting;
    return s;
}
