/*
 * loader.c: the threads, and the order in which everything happens whatever the threads do.
 *
 * One lock guards all state; it is never held while a sample is drawn, encoded or copied. Samples are numbered as they
 * are drawn, by one worker at a time. An encoded sample waits in its place of a ring until all before it have gone to
 * the packer, so the packer sees the mixture's order; it packs only when its buffer is full, so its choices do not
 * depend on when samples arrive. A batch belongs to the worker that puts it together, then to the caller.
 *
 *     mixture -> ring (being encoded) -> packer's buffer -> job (a batch) -> caller
 *
 * Nothing waits for ever. While samples use less than memory_bytes, drawing goes on; while they use more, the packer's
 * buffer, which takes no more than half, is full or the ring's first place is being encoded; and a full buffer is
 * packed as soon as the caller gives a batch back.
 */
#include "data/loader.h"

#include "base/clock.h"
#include "base/mem.h"
#include "data/loader_parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_WORKERS = 256, MAX_AHEAD = 64, PLACES_A_WORKER = 4 };

/* A sample on its way to the packer. */
struct place {
    bool done;
    struct sl_encoded *encoded; /* owned; NULL: left out */
    /* Why it was left out; key is owned and NULL when a position says that it is in a batch already. */
    sl_skip_reason reason;
    char *key;
    const char *source; /* borrowed from the mixture */
    uint64_t epoch;
    sl_error err;
};

struct sl_loader {
    struct sl_loader_options options;
    struct sl_mixture *mixture; /* borrowed; of the worker that has set `drawing` */
    pthread_t *threads;         /* (n_threads), owned */
    int n_threads;

    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t work;  /* there may be something to do for a worker */
    pthread_cond_t ready; /* there may be something for the caller */
    bool stop;            /* workers leave */
    bool drawing;         /* a worker is at the mixture */
    bool drained;         /* the mixture has no more */
    sl_status status;     /* of the first failure that is no sample's */
    sl_error err;

    struct place *ring; /* (n_ring), owned; sample i is in place i % n_ring */
    uint64_t n_ring;
    uint64_t n_drawn; /* number of the next sample to draw */
    uint64_t n_added; /* number of the next sample for the packer */
    size_t n_bytes;   /* of encoded samples in the ring, in the packer, and in batches not put together yet */
    struct sl_packer packer;
    struct sl_loader_job *jobs; /* (n_jobs), owned; batch i is in job i % n_jobs */
    int64_t n_jobs;
    int64_t n_packed, n_given, n_back; /* batches packed, handed out, given back */
    struct sl_loader_mark start;       /* where a position said to go on; samples before start.next are wanted */
    size_t n_found;                    /* only if they are in start.waiting, so many of which were drawn */
    struct sl_loader_mark mark;        /* after the last batch handed out */
    struct sl_snapshots snapshots;
    struct sl_loader_stats stats;
    int64_t n_barren, max_barren; /* samples left out since the last good one; so many mean that none is */
};

void sl_loader_defaults(struct sl_loader_options *o)
{
    *o = (struct sl_loader_options){
        .look_ahead = 256, .memory_bytes = (size_t)2 << 30, .n_workers = 2, .batches_ahead = 2};
    sl_encode_defaults(&o->encode);
}

static void fail(struct sl_loader *l, sl_status status, const sl_error *err)
{
    if (l->status) return;
    l->status = status;
    l->err = *err;
}

/* --- from the ring to the packer, from the packer to jobs; the lock is held -------------------------------------- */

static void leave_out(struct sl_loader *l, struct place *p)
{
    if (p->key) {
        struct sl_skip skip = {.reason = p->reason, .source = p->source, .key = p->key, .epoch = p->epoch};
        sl_skipped_add(l->options.skipped, &skip, "%s", p->err.message);
        l->stats.n_skipped++;
        l->stats.skipped[p->reason]++;
        l->n_barren++;
    }
    if (l->n_barren <= l->max_barren) return;
    sl_error err = {0};
    fail(l,
         sl_fail(&err, SL_ERR_FORMAT, "%lld samples in a row cannot be used, the last one because: %s",
                 (long long)l->n_barren, p->err.message),
         &err);
}

/* Moves the ring's first sample, which is done, out of it. */
static void add_first(struct sl_loader *l)
{
    struct place *p = &l->ring[l->n_added % l->n_ring];
    struct sl_encoded *e = p->encoded;
    if (e) {
        l->n_barren = 0;
        sl_error err = {0};
        struct sl_pack_item item = {
            .order = l->n_added, .tokens = e->n_tokens, .patches = e->n_patches, .bytes = e->n_bytes, .data = e};
        sl_status s = sl_packer_add(&l->packer, &item, &err);
        if (s) {
            l->n_bytes -= e->n_bytes;
            sl_encoded_free(e);
            free(e);
            fail(l, s, &err);
        }
    } else {
        leave_out(l, p);
    }
    free(p->key);
    *p = (struct place){0};
    l->n_added++;
}

static void pack(struct sl_loader *l)
{
    const struct sl_pack_item *items;
    struct sl_loader_job *job = &l->jobs[l->n_packed % l->n_jobs];
    SL_CHECK(job->state == SL_JOB_FREE);
    job->n_bytes = 0;
    job->n_samples = sl_packer_take(&l->packer, &items);
    for (int i = 0; i < job->n_samples; i++) {
        job->samples[i] = items[i].data;
        job->n_bytes += items[i].bytes;
    }
    if (!sl_loader_mark_set(&job->mark, &l->packer, l->n_added)) {
        sl_error err = {0};
        fail(l, sl_fail(&err, SL_ERR_MEMORY, "no memory to remember a position"), &err);
    }
    job->state = SL_JOB_PACKED;
    l->n_packed++;
}

/* True when no sample is left outside the packer. */
static bool all_added(const struct sl_loader *l)
{
    return l->drained && l->n_added == l->n_drawn;
}

/*
 * Does what has become possible. A sample leaves the ring only when the packer wants it: were one that is left out
 * taken earlier when it happens to be done earlier, positions would depend on timing.
 */
static void advance(struct sl_loader *l)
{
    while (!l->status) {
        while (sl_packer_wants(&l->packer) && l->n_added < l->n_drawn && l->ring[l->n_added % l->n_ring].done)
            add_first(l);
        bool choose = !sl_packer_wants(&l->packer) || (all_added(l) && l->packer.n_waiting);
        if (!choose || l->n_packed - l->n_back == l->n_jobs) break;
        pack(l);
    }
    pthread_cond_broadcast(&l->work);
    pthread_cond_signal(&l->ready);
}

/* --- workers ------------------------------------------------------------------------------------------------------ */

/* A sample in one worker's hands. */
struct errand {
    struct sl_sample sample;
    uint64_t order;
    const char *source;
    bool wanted; /* false: a position says that it is in a batch already */
};

/* Remembers the mixture's position when it is time to, then draws. Without the lock: the worker has the mixture. */
static sl_status draw(struct sl_loader *l, uint64_t order, struct sl_sample *sample, bool *drawn, json_t **snapshot,
                      sl_error *err)
{
    *snapshot = NULL;
    if (order % SL_SNAPSHOT_EVERY == 0) {
        *snapshot = sl_mixture_save(l->mixture);
        if (!*snapshot) return sl_fail(err, SL_ERR_MEMORY, "no memory to remember a position");
    }
    return sl_mixture_next(l->mixture, sample, drawn, err);
}

/* True unless the position that the loader started from says that sample order is in a batch already. */
static bool is_wanted(struct sl_loader *l, uint64_t order)
{
    if (order >= l->start.next) return true;
    if (l->n_found == l->start.n_waiting || l->start.waiting[l->n_found] != order) return false;
    l->n_found++;
    return true;
}

/* Draws the next sample into *e and takes a place in the ring for it; false at the end or after a failure. */
static bool take_sample(struct sl_loader *l, struct errand *e)
{
    sl_error err = {0};
    json_t *snapshot;
    bool drawn = false;
    e->order = l->n_drawn;
    l->drawing = true;
    pthread_mutex_unlock(&l->lock);
    sl_status s = draw(l, e->order, &e->sample, &drawn, &snapshot, &err);
    pthread_mutex_lock(&l->lock);
    l->drawing = false;
    if (snapshot && s)
        json_decref(snapshot);
    else if (snapshot)
        s = sl_snapshots_add(&l->snapshots, e->order, snapshot, &err);
    if (s) fail(l, s, &err);
    l->drained = s || !drawn;
    if (!l->drained) {
        e->source = sl_source_name(sl_mixture_source(l->mixture, e->sample.source));
        e->wanted = is_wanted(l, e->order);
        l->n_drawn++;
        pthread_cond_signal(&l->work); /* the mixture is free for the next worker */
    }
    return !l->drained;
}

static sl_status encode(struct sl_loader *l, const struct errand *e, struct sl_encoded *out, struct place *p,
                        sl_error *err)
{
    struct sl_encode_failure why = {0};
    const char *key = e->sample.key ? e->sample.key : "?";
    sl_status s = sl_encode(&l->options.encode, &e->sample, out, &why, &p->err);
    p->reason = why.reason;
    p->source = e->source;
    p->epoch = e->sample.epoch;
    out->source_name = e->source;
    if (!s) return SL_OK;
    *err = p->err;
    if (!why.in_sample) return s;
    p->key = sl_strdup(key);
    return p->key ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory to name a sample that is left out");
}

static void make_sample(struct sl_loader *l, struct errand *e)
{
    struct place result = {.done = true};
    struct sl_encoded *out = NULL;
    sl_error err = {0};
    sl_status s = SL_OK;
    if (!take_sample(l, e)) {
        sl_sample_release(&e->sample);
        advance(l);
        return;
    }
    pthread_mutex_unlock(&l->lock);
    if (e->wanted) {
        out = calloc(1, sizeof *out);
        s = out ? encode(l, e, out, &result, &err) : sl_fail(&err, SL_ERR_MEMORY, "no memory for a sample");
    }
    if (out && out->n_tokens == 0) { /* left out */
        free(out);
        out = NULL;
    }
    sl_sample_release(&e->sample);
    pthread_mutex_lock(&l->lock);
    if (s) fail(l, s, &err);
    result.encoded = out;
    if (out) l->n_bytes += out->n_bytes;
    l->ring[e->order % l->n_ring] = result;
    advance(l);
}

static void make_batch(struct sl_loader *l, struct sl_loader_job *job)
{
    sl_error err = {0};
    job->state = SL_JOB_ASSEMBLED;
    pthread_mutex_unlock(&l->lock);
    sl_status s = sl_loader_job_assemble(job, &l->options.encode, &err);
    pthread_mutex_lock(&l->lock);
    if (s) fail(l, s, &err);
    l->n_bytes -= job->n_bytes;
    job->state = SL_JOB_READY;
    pthread_cond_broadcast(&l->work); /* there is room again */
    pthread_cond_signal(&l->ready);
}

static struct sl_loader_job *packed_job(struct sl_loader *l)
{
    for (int64_t i = l->n_given; i < l->n_packed; i++)
        if (l->jobs[i % l->n_jobs].state == SL_JOB_PACKED) return &l->jobs[i % l->n_jobs];
    return NULL;
}

static bool may_draw(const struct sl_loader *l)
{
    return !l->drawing && !l->drained && !l->status && l->n_drawn - l->n_added < l->n_ring &&
           l->n_bytes < l->options.memory_bytes;
}

static void *worker(void *arg)
{
    struct sl_loader *l = arg;
    struct errand errand = {0};
    struct sl_data_limits limits;
    sl_data_limits_defaults(&limits);
    sl_sample_init(&errand.sample, limits.max_sample_bytes);
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        struct sl_loader_job *job = packed_job(l);
        if (job)
            make_batch(l, job);
        else if (may_draw(l))
            make_sample(l, &errand);
        else
            pthread_cond_wait(&l->work, &l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* --- the caller's side ----------------------------------------------------------------------------------------------
 */

static sl_status check(const struct sl_loader_options *o, sl_error *err)
{
    if (o->n_workers < 1 || o->n_workers > MAX_WORKERS || o->batches_ahead < 1 || o->batches_ahead > MAX_AHEAD)
        return sl_fail(err, SL_ERR_ARGUMENT, "a loader has 1 to %d workers and makes 1 to %d batches ahead",
                       MAX_WORKERS, MAX_AHEAD);
    if (o->memory_bytes < 2) return sl_fail(err, SL_ERR_ARGUMENT, "a loader needs memory");
    if (o->encode.max_tokens < 1 || o->encode.max_tokens > INT32_MAX / 4 || o->encode.max_patches < 1 ||
        o->encode.max_patches > INT32_MAX)
        return sl_fail(err, SL_ERR_ARGUMENT, "sequences of %lld tokens and %lld patches are impossible",
                       (long long)o->encode.max_tokens, (long long)o->encode.max_patches);
    return SL_OK;
}

static sl_status go_to(struct sl_loader *l, const json_t *json, sl_error *err)
{
    struct sl_loader_position position = {0};
    if (json) {
        sl_status s = sl_loader_position_parse(json, &position, err);
        if (s) return sl_fail_context(err, s, "position of the data");
        l->start = position.mark;
        l->n_drawn = l->n_added = position.order;
        s = sl_mixture_restore(l->mixture, position.mixture, err);
        if (s) return s;
    }
    /* Before the first batch is handed out the position is the one that was given. */
    l->mark.next = l->start.next;
    l->mark.n_waiting = l->start.n_waiting;
    l->mark.room = l->start.n_waiting;
    l->mark.waiting = sl_alloc_array(l->mark.room + 1, sizeof *l->mark.waiting);
    if (!l->mark.waiting) return sl_fail(err, SL_ERR_MEMORY, "no memory for a position");
    for (size_t i = 0; i < l->mark.n_waiting; i++) l->mark.waiting[i] = l->start.waiting[i];
    return sl_snapshots_add(&l->snapshots, l->n_drawn, sl_mixture_save(l->mixture), err);
}

static sl_status make_storage(struct sl_loader *l, sl_error *err)
{
    const struct sl_loader_options *o = &l->options;
    struct sl_pack_options pack_options = {
        .max_tokens = o->encode.max_tokens,
        .max_patches = o->encode.max_patches,
        .look_ahead = o->look_ahead,
        .look_ahead_bytes = o->memory_bytes / 2,
    };
    sl_status s = sl_packer_init(&l->packer, &pack_options, err);
    if (s) return s;
    l->n_ring = (uint64_t)o->n_workers * PLACES_A_WORKER;
    l->ring = sl_alloc_array(l->n_ring, sizeof *l->ring);
    l->jobs = sl_alloc_array((size_t)o->batches_ahead + 1, sizeof *l->jobs);
    l->threads = sl_alloc_array((size_t)o->n_workers, sizeof *l->threads);
    if (!l->ring || !l->jobs || !l->threads) return sl_fail(err, SL_ERR_MEMORY, "no memory for a loader");
    for (; !s && l->n_jobs < o->batches_ahead + 1; l->n_jobs++)
        s = sl_loader_job_init(&l->jobs[l->n_jobs], &o->encode, err);
    return s;
}

static sl_status start_workers(struct sl_loader *l, sl_error *err)
{
    while (l->n_threads < l->options.n_workers) {
        int rc = pthread_create(&l->threads[l->n_threads], NULL, worker, l);
        if (rc) return sl_fail(err, SL_ERR_MEMORY, "cannot start a worker thread: %s", strerror(rc));
        l->n_threads++;
    }
    return SL_OK;
}

/* Twice all rows of all sources; many where they cannot be counted. */
static int64_t count_rows_twice(const struct sl_mixture *m)
{
    int64_t rows = 0;
    for (int i = 0; i < sl_mixture_sources(m); i++) {
        int64_t n = sl_source_epoch_rows(sl_mixture_source(m, i));
        rows += n < 0 ? 1 << 20 : n;
    }
    return 2 * rows;
}

sl_status sl_loader_new(struct sl_mixture *mixture, const struct sl_loader_options *o, const json_t *position,
                        struct sl_loader **out, sl_error *err)
{
    sl_status s = check(o, err);
    *out = NULL;
    if (s) return s;
    struct sl_loader *l = calloc(1, sizeof *l);
    if (!l) return sl_fail(err, SL_ERR_MEMORY, "no memory for a loader");
    l->options = *o;
    l->mixture = mixture;
    l->max_barren = count_rows_twice(mixture);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    s = make_storage(l, err);
    if (!s) s = go_to(l, position, err);
    if (!s) s = start_workers(l, err);
    if (s) sl_loader_free(&l);
    *out = l;
    return s;
}

static void free_encoded(struct sl_encoded *e)
{
    if (e) sl_encoded_free(e);
    free(e);
}

void sl_loader_free(struct sl_loader **loader)
{
    struct sl_loader *l = *loader;
    *loader = NULL;
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_threads; i++) pthread_join(l->threads[i], NULL);
    for (uint64_t i = 0; l->ring && i < l->n_ring; i++) {
        free_encoded(l->ring[i].encoded);
        free(l->ring[i].key);
    }
    for (int i = 0; i < l->packer.n_waiting; i++) free_encoded(l->packer.waiting[i].data);
    for (int64_t i = 0; i < l->n_jobs; i++) sl_loader_job_free(&l->jobs[i]);
    sl_packer_free(&l->packer);
    sl_snapshots_free(&l->snapshots);
    free(l->ring);
    free(l->jobs);
    free(l->threads);
    free(l->start.waiting);
    free(l->mark.waiting);
    pthread_cond_destroy(&l->ready);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Takes back the batch that the caller had. */
static void take_back(struct sl_loader *l)
{
    if (l->n_back == l->n_given) return;
    sl_loader_job_clear(&l->jobs[l->n_back % l->n_jobs]);
    l->n_back++;
    advance(l);
}

static bool at_end(const struct sl_loader *l)
{
    return all_added(l) && l->packer.n_waiting == 0 && l->n_packed == l->n_given;
}

static void count(struct sl_loader *l, const struct sl_loader_batch *b)
{
    struct sl_loader_stats *s = &l->stats;
    s->n_batches++;
    s->n_samples += b->n_samples;
    s->n_tokens += b->n_tokens;
    s->n_pictures += b->n_pictures;
    s->n_patches += b->n_patches;
    for (int i = 0; i < b->n_samples; i++) {
        s->n_targets += b->samples[i]->n_targets;
        s->n_cut += b->samples[i]->cut;
    }
    s->fill = (double)s->n_tokens / ((double)s->n_batches * (double)l->options.encode.max_tokens);
}

/* Hands out a job that is ready; the loader then stands after it. */
static const struct sl_loader_batch *give(struct sl_loader *l, struct sl_loader_job *job)
{
    struct sl_loader_mark old = l->mark;
    l->mark = job->mark;
    job->mark = old;
    sl_snapshots_forget(&l->snapshots, sl_loader_mark_oldest(&l->mark));
    count(l, &job->batch);
    l->n_given++;
    return &job->batch;
}

/* True when the caller has waited a tenth of a second and wants to wait no longer. The lock is held, but not meanwhile.
 */
static bool is_tired(struct sl_loader *l)
{
    struct timespec until;
    if (!l->options.give_up) {
        pthread_cond_wait(&l->ready, &l->lock);
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / (1000 * 1000 * 1000);
    until.tv_nsec %= 1000 * 1000 * 1000;
    return pthread_cond_timedwait(&l->ready, &l->lock, &until) == ETIMEDOUT &&
           l->options.give_up(l->options.give_up_arg);
}

sl_status sl_loader_next(struct sl_loader *l, const struct sl_loader_batch **batch, sl_error *err)
{
    double start = sl_clock_seconds();
    *batch = NULL;
    pthread_mutex_lock(&l->lock);
    take_back(l);
    struct sl_loader_job *job = &l->jobs[l->n_given % l->n_jobs];
    bool tired = false;
    while (!l->status && !at_end(l) && job->state != SL_JOB_READY && !tired) tired = is_tired(l);
    sl_status s = l->status;
    if (s && err)
        *err = l->err;
    else if (!s && tired && job->state != SL_JOB_READY)
        s = sl_fail(err, SL_ERR_BUSY, "gave up waiting for data");
    else if (!s && job->state == SL_JOB_READY)
        *batch = give(l, job);
    l->stats.waited_seconds += sl_clock_seconds() - start;
    pthread_mutex_unlock(&l->lock);
    return s;
}

json_t *sl_loader_save(struct sl_loader *l)
{
    pthread_mutex_lock(&l->lock);
    json_t *position = sl_loader_position_dump(&l->snapshots, &l->mark);
    pthread_mutex_unlock(&l->lock);
    return position;
}

void sl_loader_stats(struct sl_loader *l, struct sl_loader_stats *stats)
{
    pthread_mutex_lock(&l->lock);
    *stats = l->stats;
    pthread_mutex_unlock(&l->lock);
}
