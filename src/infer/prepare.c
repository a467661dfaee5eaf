/*
 * prepare.c: making a request in its caller's thread: pictures decoded and cut, messages encoded, everything checked.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "infer/engine_parts.h"
#include "infer/pairs.h"
#include "media/view.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void sl_ask_defaults(const sl_engine *e, sl_ask *a)
{
    const sl_generation_config *g = &e->limits.generation;
    *a = (sl_ask){.thinking_budget = -1, .top_logprobs = -1};
    sl_sampling_defaults(&a->sampling);
    a->sampling.temperature = g->temperature;
    a->sampling.top_p = g->top_p;
    a->sampling.top_k = g->top_k;
    a->sampling.repetition_penalty = g->repetition_penalty;
}

/* --- pictures --------------------------------------------------------------------------------------------------- */

/* One picture on its way in. */
struct incoming {
    const sl_ask_picture *asked;
    struct sl_mapped_file file;   /* of a path */
    const sl_ask_picture *second; /* the frame that shares its patches, or NULL */
    const void *bytes;            /* encoded, n of them; NULL for pixels */
    size_t n;
    struct sl_view_rule rule;
};

static sl_status set_rule(const sl_engine *e, struct incoming *in, sl_error *err)
{
    const sl_ask_picture *a = in->asked;
    in->rule = sl_config_view(&e->model->config);
    in->rule.fit.max_pixels = e->limits.pixels;
    if (a->min_pixels < 0 || a->max_pixels < 0 || a->max_pixels > e->limits.pixels ||
        (a->max_pixels && a->min_pixels > a->max_pixels))
        return sl_fail(err, SL_ERR_ARGUMENT, "min_pixels %lld and max_pixels %lld; at most %lld",
                       (long long)a->min_pixels, (long long)a->max_pixels, (long long)e->limits.pixels);
    if (a->max_pixels) in->rule.fit.max_pixels = a->max_pixels;
    if (a->min_pixels) in->rule.fit.min_pixels = a->min_pixels;
    if (in->rule.fit.min_pixels > in->rule.fit.max_pixels) in->rule.fit.min_pixels = in->rule.fit.max_pixels;
    return SL_OK;
}

static sl_status open_source(struct incoming *in, sl_error *err)
{
    const sl_ask_picture *a = in->asked;
    if (!a->pixels + !a->bytes + !a->path != 2)
        return sl_fail(err, SL_ERR_ARGUMENT, "a picture needs exactly one of pixels, bytes and path");
    in->bytes = a->bytes;
    in->n = a->n;
    if (!a->path) return SL_OK;
    sl_status s = sl_file_map(a->path, &in->file, err);
    in->bytes = in->file.data ? (const void *)in->file.data : "";
    in->n = in->file.size;
    return s;
}

static sl_content_key key_of_one(const struct incoming *in)
{
    const sl_ask_picture *a = in->asked;
    const struct sl_fit *fit = &in->rule.fit;
    if (a->has_key) return sl_content_key_of(&a->key, sizeof a->key, fit->min_pixels, fit->max_pixels);
    if (in->bytes) return sl_content_key_of(in->bytes, in->n, fit->min_pixels, fit->max_pixels);
    size_t n = 3 * (size_t)a->pixels->width * (size_t)a->pixels->height;
    sl_content_key k = sl_content_key_of(a->pixels->rgb, n, fit->min_pixels, fit->max_pixels);
    k.low ^= (uint64_t)a->pixels->width;
    return k;
}

/* What the picture, or the pair of frames, shows. */
static sl_content_key key_of(const struct incoming *in)
{
    if (!in->second) return key_of_one(in);
    const struct incoming next = {
        .asked = in->second, .bytes = in->second->bytes, .n = in->second->n, .rule = in->rule};
    const sl_content_key both[2] = {key_of_one(in), key_of_one(&next)};
    return sl_content_key_of(both, sizeof both, in->rule.fit.min_pixels, in->rule.fit.max_pixels);
}

/* Decoded pixels, owned: of the file, or a copy. */
static sl_status decode(const struct incoming *in, const sl_ask_picture *asked, struct sl_picture *p, sl_error *err)
{
    const struct sl_picture *from = asked->pixels;
    if (!from && asked != in->asked) return sl_picture_decode(p, asked->bytes, asked->n, SL_PICTURE_MAX_PIXELS, err);
    if (!from) return sl_picture_decode(p, in->bytes, in->n, SL_PICTURE_MAX_PIXELS, err);
    sl_status s = sl_picture_new(p, from->width, from->height, SL_PICTURE_MAX_PIXELS, err);
    if (s == SL_OK) memcpy(p->rgb, from->rgb, 3 * (size_t)from->width * (size_t)from->height);
    return s;
}

/* Decodes, resizes and cuts; patches are owned. */
static sl_status cut(const sl_engine *e, const struct incoming *in, sl_prompt_picture *as, float **patches,
                     sl_error *err)
{
    struct sl_picture p = {0};
    struct sl_view v = {0}, next = {0};
    int threads = e->model->plan.ops->n_threads;
    sl_status s = decode(in, in->asked, &p, err);
    if (s == SL_OK) s = sl_view_make(&in->rule, &p, threads, &v, err);
    if (s == SL_OK && in->second) s = decode(in, in->second, &p, err);
    if (s == SL_OK && in->second) s = sl_view_make(&in->rule, &p, threads, &next, err);
    if (s == SL_OK) {
        size_t numel = (size_t)sl_grid_patches(v.grid) * (size_t)sl_patch_numel(&in->rule.format);
        *as = (sl_prompt_picture){v.width, v.height, v.picture.width, v.picture.height, v.grid};
        *patches = malloc(numel * sizeof **patches);
        if (!*patches)
            s = sl_fail(err, SL_ERR_MEMORY, "out of memory for a picture");
        else if (in->second)
            s = sl_picture_pair_patches(&v.picture, &next.picture, &in->rule.format, threads, *patches, err);
        else
            s = sl_picture_patches(&v.picture, &in->rule.format, threads, *patches, err);
    }
    sl_view_free(&v);
    sl_view_free(&next);
    sl_picture_free(&p);
    return s;
}

/* Adds picture i of the ask, with the frame that shares its patches. */
static sl_status add_picture(sl_engine *e, sl_request *r, const sl_ask *ask, const struct sl_pairs *pairs, int i,
                             sl_error *err)
{
    const sl_ask_picture *a = &ask->pictures[i];
    struct incoming in = {.asked = a, .second = pairs->second[i] < 0 ? NULL : &ask->pictures[pairs->second[i]]};
    float *patches = NULL;
    sl_prompt_picture as;
    sl_used_picture *used = &r->used[i];
    sl_status s = open_source(&in, err);
    if (s == SL_OK && in.second && !in.second->pixels + !in.second->bytes != 1)
        s = sl_fail(err, SL_ERR_ARGUMENT, "a frame needs exactly one of pixels and bytes");
    if (s == SL_OK) s = set_rule(e, &in, err);
    if (s == SL_OK) {
        sl_content_key key = key_of(&in);
        sl_feature_set *set = sl_features_find(e->features, key);
        used->cached = set != NULL;
        if (!set) {
            s = cut(e, &in, &as, &patches, err);
            if (s == SL_OK)
                s = sl_features_add(e->features, key, &as, patches, &set, err);
            else
                free(patches);
        }
        if (set) {
            r->pictures[r->n_pictures++] = (struct sl_request_picture){.set = set, .asked = i};
            used->as = set->picture;
            used->tokens = (int)set->n_rows;
            if (in.second) r->used[pairs->second[i]] = (sl_used_picture){.as = used->as, .cached = used->cached};
        }
    }
    sl_file_unmap(&in.file);
    if (s != SL_OK && a->path) sl_fail_context(err, s, "%s", a->path);
    return s;
}

static sl_status add_pictures(sl_engine *e, sl_request *r, const sl_ask *ask, const struct sl_pairs *pairs,
                              sl_error *err)
{
    if (ask->n_pictures < 0 || ask->n_pictures > e->limits.pictures)
        return sl_fail(err, SL_ERR_ARGUMENT, "%d pictures; at most %d", ask->n_pictures, e->limits.pictures);
    r->pictures = sl_alloc_array((size_t)ask->n_pictures + 1, sizeof *r->pictures);
    r->used = sl_alloc_array((size_t)ask->n_pictures + 1, sizeof *r->used);
    if (!r->pictures || !r->used) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a request");
    for (int i = 0; i < ask->n_pictures; i++) {
        if (pairs->taken[i]) continue;
        sl_status s = add_picture(e, r, ask, pairs, i, err);
        if (s != SL_OK) return ask->n_pictures > 1 ? sl_fail_context(err, s, "picture %d", i + 1) : s;
        r->result.usage.pictures_cached += r->used[i].cached;
    }
    r->result.usage.pictures = ask->n_pictures;
    return SL_OK;
}

/* --- tokens ----------------------------------------------------------------------------------------------------- */

/* The ids of what is asked, each picture one image_patch. */
static sl_status encode(const sl_engine *e, const sl_ask *ask, const struct sl_chat_message *messages,
                        struct sl_chat_tokens *out, bool thinking, sl_error *err)
{
    if (!!ask->messages + !!ask->prompt + !!ask->tokens != 1)
        return sl_fail(err, SL_ERR_ARGUMENT, "a request has exactly one of messages, prompt and tokens");
    if (ask->tokens) {
        if (!sl_token_ids_reserve(&out->ids, ask->n_tokens))
            return sl_fail(err, SL_ERR_MEMORY, "the prompt has %zu tokens; the context has %d", ask->n_tokens,
                           e->limits.context);
        for (size_t i = 0; i < ask->n_tokens; i++) sl_token_ids_add(&out->ids, ask->tokens[i]);
        return SL_OK;
    }
    if (!e->tokenizer) return sl_fail(err, SL_ERR_UNSUPPORTED, "the model has no tokenizer");
    if (ask->prompt)
        return sl_tokenizer_encode(e->tokenizer, ask->prompt, ask->n_prompt, SL_ENCODE_TAGS, &out->ids, err);
    struct sl_chat_options o = {
        .thinking = thinking,
        .keep_reasoning = ask->keep_reasoning,
        .generation_prompt = true,
        .format = sl_config_chat_format(&e->model->config),
        .tools = ask->tools,
        .n_tools = ask->n_tools,
    };
    return sl_chat_encode(e->tokenizer, messages, ask->n_messages, &o, out, err);
}

/* Counts tokens after every picture's mark became its features, without marks the pictures in front. */
static sl_status count_tokens(const sl_engine *e, sl_request *r, const struct sl_token_ids *ids, int *n, bool *front,
                              sl_error *err)
{
    int marks = 0;
    int64_t total = (int64_t)ids->len;
    for (size_t i = 0; i < ids->len; i++) {
        if (ids->data[i] < 0 || ids->data[i] >= e->model->config.decoder.vocab)
            return sl_fail(err, SL_ERR_ARGUMENT, "token %zu is %d; the vocabulary has %d", i, ids->data[i],
                           e->model->config.decoder.vocab);
        marks += sl_is_patch(&e->model->config.ids, ids->data[i]);
    }
    *front = !marks && r->n_pictures;
    if (marks != r->n_pictures && !*front)
        return sl_fail(err, SL_ERR_ARGUMENT, "%d pictures are named and %d given", marks, r->n_pictures);
    for (int i = 0; i < r->n_pictures; i++) total += r->pictures[i].set->n_rows + (*front ? 2 : -1);
    if (total == 0) return sl_fail(err, SL_ERR_ARGUMENT, "the prompt is empty");
    if (total >= e->limits.context)
        return sl_fail(err, SL_ERR_MEMORY, "the prompt has %lld tokens; the context has %d", (long long)total,
                       e->limits.context);
    *n = (int)total;
    return SL_OK;
}

static void put_token(sl_request *r, int32_t id)
{
    r->content[r->n_tokens] = (uint64_t)id;
    r->tokens[r->n_tokens++] = id;
}

/* Writes the features of the next picture; their content tells which picture and which of its features. */
static void put_features(sl_request *r, int i, int32_t id)
{
    const sl_feature_set *set = r->pictures[i].set;
    r->pictures[i].first = r->n_tokens;
    for (int64_t k = 0; k < set->n_rows; k++) {
        const uint64_t what[3] = {set->key.low, set->key.high, (uint64_t)k};
        r->content[r->n_tokens] = XXH3_64bits(what, sizeof what) | 1ull << 63;
        r->tokens[r->n_tokens++] = id;
    }
    r->result.usage.image_tokens += (int)set->n_rows;
}

static void put_tokens(const sl_engine *e, sl_request *r, const struct sl_token_ids *ids, bool front)
{
    const sl_special_ids *special = &e->model->config.ids;
    int next = 0;
    for (; front && next < r->n_pictures; next++) {
        put_token(r, special->image_start);
        put_features(r, next, special->image_patch);
        put_token(r, special->image_end);
    }
    for (size_t i = 0; i < ids->len; i++) {
        if (sl_is_patch(special, ids->data[i]))
            put_features(r, next++, ids->data[i]);
        else
            put_token(r, ids->data[i]);
    }
}

/* How many tokens may be generated: what is asked, if it fits; what fits, if nothing is asked. */
static sl_status set_max_tokens(const sl_engine *e, sl_request *r, const sl_ask *ask, int n, sl_error *err)
{
    int64_t room = (int64_t)e->n_pages * SL_KV_PAGE_SIZE - n;
    if (ask->max_tokens < 0) return sl_fail(err, SL_ERR_ARGUMENT, "max_tokens is %d", ask->max_tokens);
    r->max_tokens = ask->max_tokens ? ask->max_tokens : e->limits.generation.max_new_tokens;
    if (r->max_tokens > e->limits.context - n) r->max_tokens = e->limits.context - n;
    if (!ask->max_tokens && r->max_tokens > room && room > 0) r->max_tokens = (int)room;
    if (r->max_tokens > room)
        return sl_fail(err, SL_ERR_MEMORY,
                       "prompt and answer may take %d tokens; the engine's memory has room for %lld", n + r->max_tokens,
                       (long long)e->n_pages * SL_KV_PAGE_SIZE);
    return SL_OK;
}

/* The positions of the prompt, for a decoder that turns heads by time, row and column. */
static sl_status set_axes(const sl_engine *e, sl_request *r, sl_error *err)
{
    size_t pictures = (size_t)r->n_pictures + 1;
    if (!e->model->config.decoder.rope_sections.n) return SL_OK;
    sl_grid *grids = sl_alloc_array(pictures, sizeof *grids);
    double *seconds = sl_alloc_array(pictures, sizeof *seconds);
    r->axes = sl_alloc_array(3 * (size_t)r->n_prompt, sizeof *r->axes);
    bool ok = grids && seconds && r->axes;
    for (int i = 0; ok && i < r->n_pictures; i++) {
        const sl_used_picture *used = &r->used[r->pictures[i].asked];
        grids[i] = used->as.grid, seconds[i] = used->seconds;
    }
    sl_axes_spec spec = {r->tokens, r->n_prompt, grids, seconds, r->n_pictures};
    if (ok) r->shift = sl_axes_fill(&e->model->config, &spec, r->axes) - r->n_prompt;
    free(grids);
    free(seconds);
    return ok ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for a request of %d tokens", r->n_prompt);
}

static sl_status build_tokens(sl_engine *e, sl_request *r, const sl_ask *ask, const struct sl_chat_message *messages,
                              sl_error *err)
{
    struct sl_chat_tokens chat;
    int n = 0;
    bool front = false;
    sl_chat_tokens_init(&chat, (size_t)e->limits.context);
    sl_status s = encode(e, ask, messages, &chat, r->thinking_asked, err);
    if (s == SL_OK) s = count_tokens(e, r, &chat.ids, &n, &front, err);
    if (s == SL_OK) s = set_max_tokens(e, r, ask, n, err);
    if (s == SL_OK) {
        r->capacity = n + r->max_tokens;
        r->tokens = sl_alloc_array((size_t)r->capacity, sizeof *r->tokens);
        r->content = sl_alloc_array((size_t)r->capacity, sizeof *r->content);
        if (ask->top_logprobs >= 0) r->logprobs = sl_alloc_array((size_t)r->max_tokens, sizeof *r->logprobs);
        if (!r->tokens || !r->content || (ask->top_logprobs >= 0 && !r->logprobs))
            s = sl_fail(err, SL_ERR_MEMORY, "out of memory for a request of %d tokens", r->capacity);
    }
    if (s == SL_OK) {
        put_tokens(e, r, &chat.ids, front);
        r->n_prompt = r->result.usage.prompt_tokens = r->n_tokens;
    }
    for (size_t i = 0; s == SL_OK && i < chat.n_marks && (int)i < r->n_pictures; i++) {
        const struct sl_chat_part *part = &messages[chat.marks[i].message].parts[chat.marks[i].part];
        if (part->kind == SL_CHAT_FRAME) r->used[r->pictures[i].asked].seconds = part->seconds;
    }
    if (s == SL_OK) s = set_axes(e, r, err);
    sl_chat_tokens_release(&chat);
    return s;
}

/* --- requests --------------------------------------------------------------------------------------------------- */

static sl_status prepare(sl_engine *e, sl_request *r, const sl_ask *ask, sl_error *err)
{
    int vocab = e->model->config.decoder.vocab;
    const sl_config *c = &e->model->config;
    /* Checkpoints of other families either always reason or never do. */
    bool thinking = c->family == SL_FAMILY_SEEDLING || ask->prompt || ask->tokens ? ask->thinking : c->thinks;
    r->thinking_asked = thinking && (ask->thinking_budget != 0 || c->thinks);
    r->thinking_budget = ask->thinking_budget;
    r->top_logprobs = ask->top_logprobs;
    r->ignore_eos = ask->ignore_eos;
    r->grammar = ask->grammar;
    r->grammar_state = -1;
    sl_grammar_share(r->grammar);
    if (r->grammar && !e->tokenizer) return sl_fail(err, SL_ERR_UNSUPPORTED, "a grammar needs a tokenizer");
    r->on_event = ask->on_event;
    r->user = ask->user;
    r->node = SL_PREFIX_ROOT;
    if (ask->top_logprobs > SL_MAX_TOP_LOGPROBS)
        return sl_fail(err, SL_ERR_ARGUMENT, "%d alternatives; at most %d", ask->top_logprobs, SL_MAX_TOP_LOGPROBS);
    sl_status s = sl_sampling_check(&ask->sampling, vocab, err);
    if (s == SL_OK) s = sl_speech_init(&r->speech, e->tokenizer, r->thinking_asked, ask->stop, ask->n_stop, err);
    struct sl_pairs pairs = {0};
    if (s == SL_OK) s = sl_pairs_make(ask, sl_vit_frames(&c->vit), &pairs, err);
    if (s == SL_OK) s = add_pictures(e, r, ask, &pairs, err);
    if (s == SL_OK) s = build_tokens(e, r, ask, pairs.messages, err);
    sl_pairs_release(&pairs);
    if (s == SL_OK) s = sl_sampler_init(&r->sampler, &ask->sampling, vocab, r->tokens, (size_t)r->n_tokens, err);
    return s;
}

static sl_status enqueue(sl_engine *e, sl_request *r, sl_error *err)
{
    sl_status s = SL_OK;
    pthread_mutex_lock(&e->lock);
    if (e->counters.queued >= e->o.max_queue) {
        s = sl_fail(err, SL_ERR_BUSY, "%d requests are waiting already", e->counters.queued);
        e->counters.refused++;
    } else {
        if (e->last)
            e->last->next = r;
        else
            e->first = r;
        e->last = r;
        e->counters.queued++;
        e->counters.requests++;
        e->counters.pictures += (uint64_t)r->n_pictures;
        e->counters.pictures_cached += (uint64_t)r->result.usage.pictures_cached;
        pthread_cond_broadcast(&e->work);
    }
    pthread_mutex_unlock(&e->lock);
    return s;
}

sl_status sl_engine_submit(sl_engine *e, const sl_ask *ask, sl_request **out, sl_error *err)
{
    sl_request *r = sl_alloc_array(1, sizeof *r);
    if (!r) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a request");
    r->engine = e;
    r->submitted = sl_clock_seconds();
    sl_status s = prepare(e, r, ask, err);
    if (s == SL_OK) s = enqueue(e, r, err);
    if (s != SL_OK)
        sl_request_destroy(r);
    else
        *out = r;
    return s;
}

void sl_request_destroy(sl_request *r)
{
    for (int i = 0; i < r->n_pictures; i++) sl_features_drop(r->engine->features, r->pictures[i].set);
    sl_grammar_drop(r->grammar);
    sl_sampler_release(&r->sampler);
    sl_speech_release(&r->speech);
    free(r->tokens);
    free(r->content);
    free(r->axes);
    free(r->logprobs);
    free(r->pictures);
    free(r->used);
    free(r);
}

void sl_request_cancel(sl_request *r)
{
    atomic_store(&r->cancelled, true);
    sl_engine_wake(r->engine);
}

bool sl_request_done(sl_request *r)
{
    pthread_mutex_lock(&r->engine->lock);
    bool done = r->done;
    pthread_mutex_unlock(&r->engine->lock);
    return done;
}

void sl_request_wait(sl_request *r)
{
    pthread_mutex_lock(&r->engine->lock);
    while (!r->done) pthread_cond_wait(&r->engine->done, &r->engine->lock);
    pthread_mutex_unlock(&r->engine->lock);
}

void sl_request_free(sl_request *r)
{
    if (!r) return;
    pthread_mutex_lock(&r->engine->lock);
    bool done = r->done;
    r->released = true;
    atomic_store(&r->cancelled, true);
    pthread_cond_broadcast(&r->engine->work);
    pthread_mutex_unlock(&r->engine->lock);
    if (done) sl_request_destroy(r);
}

const sl_result *sl_request_result(const sl_request *r)
{
    return &r->result;
}
