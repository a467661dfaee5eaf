/*
 * engine.c: opening and closing an engine, and dividing its memory.
 *
 * The budget is divided before anything large is allocated: weights as their table counts them, activations by a dry
 * run of the largest step and the largest picture, then pictures, and what is left becomes key-value pages.
 */
#include "infer/engine.h"

#include "base/file.h"
#include "base/mem.h"
#include "infer/engine_parts.h"
#include "model/count.h"
#include "model/gguf_pair.h"
#include "model/origin.h"
#include "tensor/cpu/cpu.h"
#include "text/special.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

void sl_engine_defaults(sl_engine_options *o)
{
    *o = (sl_engine_options){
        .dt = SL_BF16,
        .max_sequences = 32,
        .max_queue = 256,
        .chunk = 512,
        .cache_dir_bytes = (size_t)4 << 30,
    };
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

/* Runs f dry on a batch and returns the bytes that it takes at its peak. */
static sl_status dry_peak(const sl_engine *e, const sl_batch *b, bool vision, size_t *bytes, sl_error *err)
{
    static const size_t CEILING = (size_t)1 << 40;
    sl_workspace w = {0};
    sl_status s = sl_workspace_init(&w, NULL, e->model->plan.dt, CEILING, err);
    if (s == SL_OK) {
        if (vision) {
            sl_picture_features(&w.ctx, e->model, b);
        } else {
            sl_tensor *x = sl_decoder_forward(&w.ctx, e->model, b, NULL, NULL, NULL);
            int64_t hidden = e->model->config.decoder.hidden;
            /* The features, when all are pictures', and their parts. */
            sl_tensor_new(&w.ctx, w.ctx.dt, b->n_tokens, 2 * sl_config_feature_width(&e->model->config));
            sl_tensor *last = x ? sl_tensor_new(&w.ctx, x->dtype, e->o.max_sequences, hidden) : NULL;
            sl_model_logits(&w.ctx, e->model, last);
        }
        s = sl_ctx_status(&w.ctx, err);
        *bytes = w.data.peak + w.meta.peak;
        sl_workspace_free(&w);
    }
    return s;
}

static sl_grid largest_grid(const sl_engine *e)
{
    int unit = 2 * e->model->config.vit.patch_size;
    int64_t blocks = e->limits.pixels / ((int64_t)unit * unit);
    return (sl_grid){2, (int)(2 * (blocks > 1 ? blocks : 1))};
}

/* Activations of the largest step and of the largest picture. */
static sl_status plan_work(sl_engine *e, sl_error *err)
{
    const sl_config *c = &e->model->config;
    sl_batch *b = NULL;
    size_t decoder = 0, vision = 0;
    sl_status s = sl_batch_plan(c, 1, e->step.most_tokens, 0, (sl_grid){0, 0}, false, &b, err);
    if (s == SL_OK) s = dry_peak(e, b, false, &decoder, err);
    sl_batch_free(b);
    b = NULL;
    if (s == SL_OK) s = sl_batch_plan(c, 1, 0, 1, largest_grid(e), false, &b, err);
    if (s == SL_OK) s = dry_peak(e, b, true, &vision, err);
    sl_batch_free(b);
    const sl_ops *ops = e->model->plan.ops;
    e->limits.work = decoder + vision + (size_t)ops->n_threads * ops->scratch_size;
    return s;
}

/* Half of the memory that the machine could give now. */
static size_t memory_available(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) break;
    if (f) fclose(f);
    return kib ? (size_t)kib * 512 : (size_t)1 << 30;
}

/* Divides the budget; what is not given is chosen so that eight whole contexts fit, if the machine has so much. */
static sl_status divide_memory(sl_engine *e, sl_error *err)
{
    static const size_t VIDEO_BYTES = (size_t)256 << 20;
    const sl_config *c = &e->model->config;
    sl_dtype kv_type = e->o.int8_cache ? SL_I8 : e->model->plan.dt;
    size_t page = sl_kv_page_bytes(&c->decoder, kv_type) + sizeof(uint64_t) * (SL_KV_PAGE_SIZE + 8);
    size_t context_pages = ((size_t)e->limits.context + SL_KV_PAGE_SIZE - 1) / SL_KV_PAGE_SIZE;
    size_t patch = 4 * (size_t)sl_vit_patch_numel(&c->vit);
    size_t largest = (size_t)sl_grid_patches(largest_grid(e)) * (patch + (size_t)sl_config_feature_width(c));
    size_t fixed = e->limits.weights + e->limits.work, budget = e->o.memory;
    /* Four large pictures, or a video of smaller ones where no picture may be large. */
    size_t several = 4 * largest < VIDEO_BYTES ? VIDEO_BYTES : 4 * largest;
    if (!budget) {
        size_t most = e->limits.weights + memory_available(), want = fixed + several + 8 * context_pages * page;
        budget = want < most ? want : most;
    }
    size_t pictures = e->o.picture_bytes;
    if (!pictures) {
        pictures = budget > fixed ? (budget - fixed) / 4 : 0;
        if (pictures > several) pictures = several;
        if (pictures < largest) pictures = largest;
    }
    size_t least = fixed + pictures + 4 * page;
    if (budget < least)
        return sl_fail(err, SL_ERR_MEMORY,
                       "%zu MiB are too little: weights take %zu, activations %zu, pictures %zu, and pages some more",
                       budget >> 20, e->limits.weights >> 20, e->limits.work >> 20, pictures >> 20);
    size_t pages = (budget - fixed - pictures) / page;
    if (pages > (size_t)e->o.max_sequences * context_pages * 2) pages = (size_t)e->o.max_sequences * context_pages * 2;
    if (pages > 1 << 24) pages = 1 << 24;
    e->o.picture_bytes = pictures;
    e->n_pages = (int)pages;
    e->limits.pages = pages * page;
    e->limits.media = pictures;
    e->limits.memory = budget;
    return SL_OK;
}

/* --- parts ------------------------------------------------------------------------------------------------------ */

static sl_status make_step(sl_engine *e, sl_error *err)
{
    struct sl_step *s = &e->step;
    size_t tokens = (size_t)s->most_tokens, seqs = (size_t)e->o.max_sequences + 1;
    s->tokens = sl_alloc_array(tokens, sizeof *s->tokens);
    s->positions = sl_alloc_array(tokens, sizeof *s->positions);
    s->axes = sl_alloc_array(3 * tokens, sizeof *s->axes);
    s->feature_rows = sl_alloc_array(tokens, sizeof *s->feature_rows);
    s->features = sl_alloc_array(tokens, sizeof *s->features);
    s->cu_seqlens = sl_alloc_array(seqs, sizeof *s->cu_seqlens);
    s->logit_rows = sl_alloc_array(seqs, sizeof *s->logit_rows);
    s->seqs = sl_alloc_array(seqs, sizeof *s->seqs);
    s->requests = sl_alloc_array(seqs, sizeof *s->requests);
    s->prompts = sl_alloc_array(seqs, sizeof *s->prompts);
    e->running = sl_alloc_array(seqs, sizeof *e->running);
    bool ok = s->tokens && s->positions && s->axes && s->feature_rows && s->features && s->cu_seqlens &&
              s->logit_rows && s->seqs && s->requests && s->prompts && e->running;
    return ok ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for an engine");
}

static void ban(uint32_t *set, int32_t id)
{
    if (id >= 0) set[id / 32] |= 1u << (id % 32);
}

static void allow(uint32_t *set, int32_t id)
{
    if (id >= 0) set[id / 32] &= ~(1u << (id % 32));
}

/*
 * Tokens that are never chosen: those that stand for pictures, ids that are no token, special tokens, and the tags of
 * thoughts where they do not belong. Ends of the answer are chosen in the answer only.
 */
static sl_status make_banned(sl_engine *e, sl_error *err)
{
    const sl_config *c = &e->model->config;
    const struct sl_tokenizer *t = e->tokenizer;
    size_t words = ((size_t)c->decoder.vocab + 31) / 32, n;
    /* Models of other families write some of their special tokens, such as those around a box. */
    bool own = c->family == SL_FAMILY_SEEDLING;
    e->allowed = sl_alloc_array(words, sizeof *e->allowed);
    if (!e->allowed) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an engine");
    for (int k = 0; k < 2; k++)
        if (!(e->banned[k] = sl_alloc_array(words, sizeof **e->banned)))
            return sl_fail(err, SL_ERR_MEMORY, "out of memory for an engine");
    for (int32_t i = 0; t && i < c->decoder.vocab; i++)
        if (!sl_tokenizer_token(t, i, &n) || (own && sl_tokenizer_is_special(t, i))) ban(e->banned[0], i);
    ban(e->banned[0], c->ids.image_start);
    ban(e->banned[0], c->ids.image_patch);
    ban(e->banned[0], c->ids.image_end);
    if (c->ids.video_patch) ban(e->banned[0], c->ids.video_patch);
    ban(e->banned[0], e->think_open);
    memcpy(e->banned[1], e->banned[0], words * sizeof **e->banned);
    ban(e->banned[0], e->think_close);
    const sl_generation_config *g = &e->limits.generation;
    for (int i = 0; i < g->n_eos; i++) {
        allow(e->banned[0], g->eos[i]);
        if (e->think_close < 0) allow(e->banned[1], g->eos[i]);
    }
    return SL_OK;
}

static sl_status make_forced(const sl_engine *e, const char *text, struct sl_forced *out, sl_error *err)
{
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(SL_MAX_FORCED);
    sl_status s = sl_tokenizer_encode(e->tokenizer, text, strlen(text), SL_ENCODE_TAGS, &ids, err);
    out->n = (int)ids.len;
    if (s == SL_OK && ids.len) memcpy(out->ids, ids.data, ids.len * sizeof *ids.data);
    sl_token_ids_release(&ids);
    return s;
}

/* What the engine must know of the vocabulary to begin and end thoughts; nothing when it has no such tags. */
static sl_status learn_tags(sl_engine *e, sl_error *err)
{
    e->think_open = e->think_close = -1;
    if (!e->tokenizer) return SL_OK;
    e->think_open = sl_tokenizer_id(e->tokenizer, sl_special_token_at(SL_SPECIAL_THINK_OPEN)->text);
    e->think_close = sl_tokenizer_id(e->tokenizer, sl_special_token_at(SL_SPECIAL_THINK_CLOSE)->text);
    if (e->think_close < 0) return SL_OK;
    sl_status s = make_forced(e, "\n</think>\n\n", &e->close_thought, err);
    return s == SL_OK ? make_forced(e, "\n\n", &e->after_thought, err) : s;
}

static sl_status make_caches(sl_engine *e, sl_error *err)
{
    const sl_config *c = &e->model->config;
    sl_dtype kv_type = e->o.int8_cache ? SL_I8 : e->model->plan.dt;
    char *dir = e->o.cache_dir ? sl_path_join(e->o.cache_dir, "features") : NULL;
    sl_features_options fo = {
        .ceiling = e->o.picture_bytes,
        .row_bytes = (size_t)sl_config_feature_width(c) * sl_dtype_size(e->model->plan.dt),
        .patch_bytes = (size_t)sl_vit_patch_numel(&c->vit) * sizeof(float),
        .dir = dir,
        .fingerprint = e->fingerprint,
        .dir_ceiling = e->o.cache_dir_bytes,
    };
    sl_status s = sl_features_new(&fo, &e->features, err);
    free(dir);
    if (s == SL_OK) s = sl_kv_cache_new(&c->decoder, kv_type, e->n_pages, e->o.max_sequences, &e->kv, err);
    if (s == SL_OK) s = sl_prefix_new(e->kv, e->n_pages, &e->prefix, err);
    if (s == SL_OK && e->o.cache_dir) {
        char name[64];
        snprintf(name, sizeof name, "pages-%016llx", (unsigned long long)e->fingerprint);
        e->pages_path = sl_path_join(e->o.cache_dir, name);
        if (e->pages_path) sl_prefix_restore(e->prefix, e->pages_path, e->fingerprint);
    }
    return s;
}

static sl_status check_options(const sl_engine *e, sl_error *err)
{
    const sl_engine_options *o = &e->o;
    if (o->max_sequences < 1 || o->max_sequences > 4096 || o->chunk < 1 || o->chunk > 1 << 16 || o->max_queue < 1)
        return sl_fail(err, SL_ERR_ARGUMENT, "max_sequences %d, chunk %d, max_queue %d", o->max_sequences, o->chunk,
                       o->max_queue);
    if (o->max_context < 0 || o->max_context > e->model->config.decoder.max_positions)
        return sl_fail(err, SL_ERR_ARGUMENT, "a context of %d tokens; the model has %d", o->max_context,
                       e->model->config.decoder.max_positions);
    return SL_OK;
}

static void set_limits(sl_engine *e)
{
    const sl_config *c = &e->model->config;
    sl_engine_limits *l = &e->limits;
    l->context = e->o.max_context ? e->o.max_context : c->decoder.max_positions;
    l->pixels = e->o.max_pixels && e->o.max_pixels < c->max_pixels ? e->o.max_pixels : c->max_pixels;
    l->min_pixels = c->min_pixels < l->pixels ? c->min_pixels : l->pixels;
    l->pictures = l->context / 4;
    l->weights = e->model->arena.used + e->model->adopted.bytes;
}

/* Everything behind model, tokenizer and generation config, which are there. */
static sl_status build(sl_engine *e, sl_error *err)
{
    static const size_t SLACK = (size_t)64 << 20; /* of address space */
    sl_status s = check_options(e, err);
    if (s != SL_OK) return s;
    set_limits(e);
    e->alone = *e->model->plan.ops;
    e->alone.n_threads = 1;
    e->step.most_tokens = e->o.chunk + e->o.max_sequences * (SL_MAX_FORCED + 1);
    s = plan_work(e, err);
    if (s == SL_OK) s = divide_memory(e, err);
    if (s == SL_OK) s = learn_tags(e, err);
    if (s == SL_OK) s = make_banned(e, err);
    if (s == SL_OK) s = make_step(e, err);
    if (s == SL_OK) s = make_caches(e, err);
    if (s == SL_OK) s = sl_sampler_work_init(&e->sampling, &e->alone, e->model->config.decoder.vocab, err);
    size_t work = 2 * e->limits.work + SLACK;
    if (s == SL_OK) s = sl_workspace_init(&e->work_space, e->model->plan.ops, e->model->plan.dt, work, err);
    if (s == SL_OK) s = sl_workspace_init(&e->vision_space, e->model->plan.ops, e->model->plan.dt, work, err);
    sl_pace_init(&e->pace, e->model->plan.ops->n_threads);
    sl_pace_init(&e->piece_pace, e->model->plan.ops->n_threads);
    e->counters.pages = e->counters.pages_free = e->n_pages;
    return s;
}

static sl_engine *engine_new(const sl_engine_options *o)
{
    sl_engine *e = sl_alloc_array(1, sizeof *e);
    if (!e) return NULL;
    e->o = *o;
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->work, &attr);
    pthread_cond_init(&e->done, NULL);
    pthread_condattr_destroy(&attr);
    return e;
}

/* --- opening and closing ---------------------------------------------------------------------------------------- */

/*
 * Identifies what the caches of a model folder are good for: its configuration and weights (by size and time of the
 * files), and how numbers are computed.
 */
static uint64_t fingerprint_of(const char *dir, const sl_engine *e)
{
    static const char *const names[] = {"config.json", "model.safetensors", "model.safetensors.index.json"};
    enum { N_NAMES = sizeof names / sizeof *names };
    char *paths[N_NAMES + 2];
    uint64_t h = XXH3_64bits(&e->model->config, sizeof e->model->config);
    const char *level = e->model->plan.ops->name;
    h = XXH3_64bits_withSeed(level, strlen(level), h);
    const int32_t how[4] = {(int32_t)e->model->plan.dt, e->model->plan.int8, e->o.int8_cache, SL_KV_PAGE_SIZE};
    h = XXH3_64bits_withSeed(how, sizeof how, h);
    for (int i = 0; i < N_NAMES; i++) paths[i] = sl_path_join(dir, names[i]);
    sl_gguf_pair_files(dir, paths + N_NAMES);
    for (int i = 0; i < N_NAMES + 2; i++) {
        struct stat st;
        int64_t what[3] = {0};
        if (paths[i] && stat(paths[i], &st) == 0)
            what[0] = st.st_size, what[1] = st.st_mtim.tv_sec, what[2] = st.st_mtim.tv_nsec;
        h = XXH3_64bits_withSeed(what, sizeof what, h);
        free(paths[i]);
    }
    return h;
}

/* Templates of other families end an answer with this token, whichever their configuration names. */
static void end_at_turns(sl_engine *e)
{
    sl_generation_config *g = &e->limits.generation;
    int32_t id = sl_tokenizer_id(e->tokenizer, sl_special_token_at(SL_SPECIAL_IM_END)->text);
    bool known = id < 0 || g->n_eos == (int)(sizeof g->eos / sizeof *g->eos);
    for (int i = 0; i < g->n_eos; i++) known |= g->eos[i] == id;
    if (!known) g->eos[g->n_eos++] = id;
}

static sl_status load(sl_engine *e, const char *dir, sl_error *err)
{
    sl_status s = sl_cpu_ops_default(e->o.n_threads, &e->own_ops, err);
    if (s != SL_OK) return s;
    sl_weight_plan plan = {.ops = e->own_ops, .dt = e->o.dt, .int8 = e->o.int8_weights};
    if (plan.dt == SL_BF16 && !plan.int8 && sl_gguf_is_model(dir)) plan.blocks = dir;
    s = sl_model_open(dir, &plan, &e->own_model, err);
    if (s == SL_OK) s = sl_origin_tokenizer(dir, &e->own_tokenizer, err);
    if (s == SL_OK) s = sl_generation_config_load(dir, &e->own_model->config, &e->limits.generation, err);
    if (s != SL_OK) return s;
    e->model = e->own_model;
    e->tokenizer = e->own_tokenizer;
    if (e->model->config.family != SL_FAMILY_SEEDLING) end_at_turns(e);
    int32_t vocab = sl_tokenizer_vocab_size(e->tokenizer);
    if (vocab > e->model->config.decoder.vocab)
        return sl_fail(err, SL_ERR_FORMAT, "%s: the tokenizer has %d tokens, the model %d", dir, vocab,
                       e->model->config.decoder.vocab);
    e->fingerprint = fingerprint_of(dir, e);
    return SL_OK;
}

sl_status sl_engine_open(const char *dir, const sl_engine_options *o, sl_engine **out, sl_error *err)
{
    sl_engine *e = engine_new(o);
    if (!e) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an engine");
    sl_status s = load(e, dir, err);
    if (s == SL_OK && o->cache_dir) s = sl_dir_make(o->cache_dir, err);
    if (s == SL_OK) s = build(e, err);
    e->o.cache_dir = NULL; /* borrowed until here */
    if (s != SL_OK)
        sl_engine_free(e);
    else
        *out = e;
    return s;
}

sl_status sl_engine_over(const sl_model *model, const struct sl_tokenizer *tokenizer, const sl_engine_options *o,
                         sl_engine **out, sl_error *err)
{
    sl_engine *e = engine_new(o);
    if (!e) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an engine");
    e->model = model;
    e->tokenizer = tokenizer;
    e->o.cache_dir = NULL; /* weights that change have no caches that last */
    sl_generation_config_defaults(&model->config, &e->limits.generation);
    sl_status s = build(e, err);
    if (s != SL_OK)
        sl_engine_free(e);
    else
        *out = e;
    return s;
}

static void cancel_all(sl_engine *e)
{
    sl_vision_abandon(e);
    while (e->n_running) sl_request_finish(e->running[e->n_running - 1], SL_FINISH_CANCELLED, SL_OK, NULL);
    for (sl_request *r; (r = e->first);) {
        e->first = r->next;
        e->counters.queued--;
        sl_request_finish(r, SL_FINISH_CANCELLED, SL_OK, NULL);
    }
    e->last = NULL;
}

static void save_pages(sl_engine *e)
{
    sl_error err = {0};
    if (!e->pages_path || !e->prefix) return;
    if (sl_prefix_save(e->prefix, e->pages_path, e->fingerprint, e->o.cache_dir_bytes, &err) != SL_OK)
        sl_log(e->o.log, SL_LOG_WARNING, "%s", err.message);
}

static void free_step(struct sl_step *s)
{
    free(s->tokens);
    free(s->positions);
    free(s->axes);
    free(s->feature_rows);
    free((void *)s->features);
    free(s->cu_seqlens);
    free(s->logit_rows);
    free((void *)s->seqs);
    free((void *)s->requests);
    free((void *)s->prompts);
}

void sl_engine_free(sl_engine *e)
{
    if (!e) return;
    cancel_all(e);
    save_pages(e);
    sl_prefix_free(e->prefix);
    sl_kv_cache_free(e->kv);
    sl_features_free(e->features);
    sl_workspace_free(&e->work_space);
    sl_workspace_free(&e->vision_space);
    sl_sampler_work_free(&e->sampling);
    free_step(&e->step);
    free((void *)e->running);
    sl_token_list_free(e->token_list);
    free(e->allowed);
    free(e->banned[0]);
    free(e->banned[1]);
    free(e->pages_path);
    sl_model_free(e->own_model);
    sl_tokenizer_free(&e->own_tokenizer);
    sl_cpu_ops_free(e->own_ops);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->work);
    pthread_cond_destroy(&e->done);
    free(e);
}

void sl_engine_forget(sl_engine *e)
{
    SL_CHECK(e->n_running == 0);
    sl_prefix_forget(e->prefix);
    sl_features_forget(e->features);
}

/* --- asking about it -------------------------------------------------------------------------------------------- */

const sl_model *sl_engine_model(const sl_engine *e)
{
    return e->model;
}

const struct sl_tokenizer *sl_engine_tokenizer(const sl_engine *e)
{
    return e->tokenizer;
}

void sl_engine_get_limits(const sl_engine *e, sl_engine_limits *out)
{
    *out = e->limits;
}

void sl_engine_count(sl_engine *e, sl_engine_counters *out)
{
    pthread_mutex_lock(&e->lock);
    *out = e->counters;
    pthread_mutex_unlock(&e->lock);
    sl_features_counts f = sl_features_count(e->features);
    out->features_from_memory = f.memory_hits;
    out->features_from_disk = f.disk_hits;
    out->feature_bytes = f.bytes;
}

/* --- driving ---------------------------------------------------------------------------------------------------- */

void sl_engine_after_tokens(sl_engine *e, void (*fn)(void *user), void *user)
{
    e->after_tokens = fn;
    e->after_user = user;
}

void sl_engine_wake(sl_engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->woken = true;
    pthread_cond_broadcast(&e->work);
    pthread_mutex_unlock(&e->lock);
}

void sl_engine_wait(sl_engine *e, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = (double)until.tv_nsec + seconds * 1e9;
    until.tv_sec += (time_t)(whole / 1e9);
    until.tv_nsec = (long)(whole - (double)(time_t)(whole / 1e9) * 1e9);
    pthread_mutex_lock(&e->lock);
    while (!e->first && !e->woken && !e->counters.running)
        if (pthread_cond_timedwait(&e->work, &e->lock, &until) != 0) break;
    e->woken = false;
    pthread_mutex_unlock(&e->lock);
}

void sl_engine_commit(sl_engine *e)
{
    static const size_t AHEAD = (size_t)32 << 20;
    sl_kv_commit(e->kv, AHEAD);
}

sl_status sl_engine_answer(sl_engine *e, const sl_ask *ask, sl_request **out, sl_error *err)
{
    sl_request *r = NULL;
    sl_status s = sl_engine_submit(e, ask, &r, err);
    while (s == SL_OK && !sl_request_done(r)) s = sl_engine_step(e, NULL, err);
    if (s != SL_OK)
        sl_request_free(r);
    else
        *out = r;
    return s;
}

sl_status sl_engine_warm_up(sl_engine *e, sl_error *err)
{
    enum { SIDE = 224 };
    struct sl_picture p = {0};
    struct timespec now;
    sl_status s = sl_picture_new(&p, SIDE, SIDE, SL_PICTURE_MAX_PIXELS, err);
    if (s != SL_OK) return s;
    clock_gettime(CLOCK_REALTIME, &now); /* nobody sent it, and no cache on disk has it */
    memset(p.rgb, 128, (size_t)3 * SIDE * SIDE);
    memcpy(p.rgb, &now, sizeof now);
    struct sl_chat_part parts[2] = {{.kind = SL_CHAT_PICTURE}, {.kind = SL_CHAT_TEXT, .text = "?", .n = 1}};
    struct sl_chat_message message = {.role = SL_CHAT_USER, .parts = parts, .n_parts = 2};
    sl_ask_picture shown = {.pixels = &p};
    sl_request *r = NULL;
    sl_ask ask;
    sl_ask_defaults(e, &ask);
    ask.messages = &message, ask.n_messages = 1;
    ask.pictures = &shown, ask.n_pictures = 1;
    ask.max_tokens = 2;
    ask.ignore_eos = true;
    s = sl_engine_answer(e, &ask, &r, err);
    if (s == SL_OK && sl_request_result(r)->finish == SL_FINISH_FAILED) {
        *err = sl_request_result(r)->error;
        s = sl_request_result(r)->status;
    }
    sl_request_free(r);
    sl_picture_free(&p);
    return s;
}
