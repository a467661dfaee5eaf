/*
 * api.c: the public C API over engine, conversation and embedder.
 *
 * Threads that ask drive the engine by turns: whoever waits and finds nobody stepping does the next step, so questions
 * of several threads share each step and no thread of our own is needed.
 */
#include "base/mem.h"
#include "infer/conversation.h"
#include "infer/embed.h"
#include "infer/engine.h"
#include "tensor/cpu/cpu.h"
#include "text/answer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct sl_assistant {
    sl_engine *engine;
    int n_threads; /* of media */
    pthread_mutex_t lock;
    pthread_cond_t turn;
    bool stepping; /* a thread is inside sl_engine_step [lock] */
};

struct sl_talk {
    sl_assistant *assistant;
    struct sl_conversation said;
    bool open; /* the last message is the user's, in the making */
    pthread_mutex_t lock;
    sl_request *request; /* running [lock], then the last one, whose texts the reply borrows */
    bool running;        /* [lock] */
    sl_text_fn *on_text;
    void *user;
    struct sl_answer parsed;
    sl_reply reply;
    sl_reply_point *points;
    sl_reply_box *boxes;
};

void sl_load_options_defaults(sl_load_options *o)
{
    *o = (sl_load_options){.type = "bf16"};
}

static sl_status engine_options(const sl_load_options *o, sl_engine_options *out, sl_error *err)
{
    const char *type = o->type ? o->type : "bf16";
    sl_engine_defaults(out);
    if (strcmp(type, "bf16") != 0 && strcmp(type, "f32") != 0 && strcmp(type, "int8") != 0)
        return sl_fail(err, SL_ERR_ARGUMENT, "type %.20s is not bf16, f32 or int8", type);
    out->n_threads = o->threads;
    out->dt = strcmp(type, "f32") == 0 ? SL_F32 : SL_BF16;
    out->int8_weights = strcmp(type, "int8") == 0;
    out->int8_cache = o->int8_cache != 0;
    out->memory = o->memory;
    out->max_context = o->context;
    out->cache_dir = o->cache_dir;
    return SL_OK;
}

sl_status sl_load(const char *dir, const sl_load_options *o, sl_assistant **out, sl_error *err)
{
    sl_load_options defaults;
    sl_engine_options eo;
    sl_load_options_defaults(&defaults);
    sl_status s = engine_options(o ? o : &defaults, &eo, err);
    sl_assistant *a = s == SL_OK ? sl_alloc_array(1, sizeof *a) : NULL;
    if (s == SL_OK && !a) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a model");
    if (s == SL_OK) s = sl_engine_open(dir, &eo, &a->engine, err);
    if (s != SL_OK) {
        free(a);
        return s;
    }
    a->n_threads = sl_engine_model(a->engine)->plan.ops->n_threads;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->turn, NULL);
    *out = a;
    return SL_OK;
}

void sl_unload(sl_assistant **a)
{
    if (!a || !*a) return;
    sl_engine_free((*a)->engine);
    pthread_mutex_destroy(&(*a)->lock);
    pthread_cond_destroy(&(*a)->turn);
    free(*a);
    *a = NULL;
}

/* --- talks ------------------------------------------------------------------------------------------------------ */

sl_status sl_talk_new(sl_assistant *a, const char *system, sl_talk **out, sl_error *err)
{
    sl_talk *t = sl_alloc_array(1, sizeof *t);
    if (!t) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a talk");
    t->assistant = a;
    pthread_mutex_init(&t->lock, NULL);
    sl_status s = system ? sl_conversation_begin(&t->said, SL_CHAT_SYSTEM, err) : SL_OK;
    if (s == SL_OK && system) s = sl_conversation_text(&t->said, system, strlen(system), err);
    if (s != SL_OK)
        sl_talk_free(&t);
    else
        *out = t;
    return s;
}

void sl_talk_free(sl_talk **t)
{
    if (!t || !*t) return;
    sl_request_free((*t)->request);
    sl_conversation_release(&(*t)->said);
    sl_answer_release(&(*t)->parsed);
    free((*t)->points);
    free((*t)->boxes);
    pthread_mutex_destroy(&(*t)->lock);
    free(*t);
    *t = NULL;
}

/* Begins the user's message, if none is in the making. */
static sl_status open_message(sl_talk *t, sl_error *err)
{
    if (t->open) return SL_OK;
    sl_status s = sl_conversation_begin(&t->said, SL_CHAT_USER, err);
    t->open = s == SL_OK;
    return s;
}

sl_status sl_talk_add_text(sl_talk *t, const char *text, sl_error *err)
{
    sl_status s = open_message(t, err);
    return s == SL_OK ? sl_conversation_text(&t->said, text, strlen(text), err) : s;
}

sl_status sl_talk_add_picture_file(sl_talk *t, const char *path, sl_error *err)
{
    sl_status s = open_message(t, err);
    return s == SL_OK ? sl_conversation_picture(&t->said, path, err) : s;
}

sl_status sl_talk_add_picture_bytes(sl_talk *t, const void *bytes, size_t n, sl_error *err)
{
    sl_status s = open_message(t, err);
    return s == SL_OK ? sl_conversation_picture_bytes(&t->said, bytes, n, err) : s;
}

sl_status sl_talk_add_frame(sl_talk *t, const uint8_t *rgb, int width, int height, double seconds, sl_error *err)
{
    struct sl_picture p = {0};
    sl_status s = open_message(t, err);
    if (s == SL_OK) s = sl_picture_new(&p, width, height, SL_PICTURE_MAX_PIXELS, err);
    if (s != SL_OK) return s;
    memcpy(p.rgb, rgb, 3 * (size_t)width * (size_t)height);
    return sl_conversation_frame(&t->said, &p, seconds, err);
}

sl_status sl_talk_add_video_file(sl_talk *t, const char *path, double fps, sl_error *err)
{
    sl_engine_limits limits;
    sl_engine_get_limits(t->assistant->engine, &limits);
    sl_status s = open_message(t, err);
    if (s != SL_OK) return s;
    return sl_conversation_video(&t->said, path, fps, limits.context * 3 / 4, sl_engine_model(t->assistant->engine),
                                 err);
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

void sl_ask_options_defaults(sl_ask_options *o)
{
    *o = (sl_ask_options){.thinking_budget = -1, .temperature = -1};
}

static void hear(void *talk, const sl_event *e)
{
    sl_talk *t = talk;
    if (t->on_text && e->n) t->on_text(t->user, e->text, e->n, e->reasoning);
}

static sl_status fill_ask(sl_talk *t, const sl_ask_options *o, sl_ask *ask, sl_error *err)
{
    sl_status s = SL_OK;
    sl_ask_defaults(t->assistant->engine, ask);
    sl_conversation_fill(&t->said, ask);
    ask->thinking = o->thinking != 0;
    ask->thinking_budget = o->thinking_budget;
    ask->max_tokens = o->max_tokens;
    if (o->temperature >= 0) ask->sampling.temperature = o->temperature;
    if (o->top_p > 0) ask->sampling.top_p = o->top_p;
    ask->sampling.seed = o->seed;
    t->on_text = o->on_text;
    t->user = o->user;
    ask->on_event = hear;
    ask->user = t;
    if (o->json_schema && o->regex) return sl_fail(err, SL_ERR_ARGUMENT, "json_schema and regex exclude each other");
    if (o->json_schema) s = sl_grammar_from_schema(o->json_schema, strlen(o->json_schema), &ask->grammar, err);
    if (o->regex) s = sl_grammar_from_regex(o->regex, strlen(o->regex), &ask->grammar, err);
    return s;
}

/* Steps the engine, or waits while another thread does, until the request is done. */
static sl_status drive(sl_assistant *a, sl_request *r, sl_error *err)
{
    sl_status s = SL_OK;
    pthread_mutex_lock(&a->lock);
    while (s == SL_OK && !sl_request_done(r)) {
        if (a->stepping) {
            pthread_cond_wait(&a->turn, &a->lock);
            continue;
        }
        a->stepping = true;
        pthread_mutex_unlock(&a->lock);
        s = sl_engine_step(a->engine, NULL, err);
        pthread_mutex_lock(&a->lock);
        a->stepping = false;
        pthread_cond_broadcast(&a->turn);
    }
    pthread_mutex_unlock(&a->lock);
    return s;
}

/* Makes the answer the talk's next message. */
static sl_status keep_answer(sl_talk *t, const sl_result *r, sl_error *err)
{
    sl_status s = sl_conversation_begin(&t->said, SL_CHAT_ASSISTANT, err);
    if (s == SL_OK) s = sl_conversation_text(&t->said, r->answer, r->n_answer, err);
    t->open = false;
    return s;
}

static sl_status fill_shapes(sl_talk *t, const sl_result *r, sl_error *err)
{
    sl_reply *o = &t->reply;
    sl_status s = sl_answer_parse(r->answer, r->n_answer, 0, &t->parsed, err);
    if (s != SL_OK) return s;
    int w = r->usage.pictures ? r->pictures[0].as.width : 1000, h = r->usage.pictures ? r->pictures[0].as.height : 1000;
    free(t->points);
    free(t->boxes);
    t->points = sl_alloc_array(t->parsed.n_points + 1, sizeof *t->points);
    t->boxes = sl_alloc_array(t->parsed.n_boxes + 1, sizeof *t->boxes);
    if (!t->points || !t->boxes) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an answer");
    for (size_t i = 0; i < t->parsed.n_points; i++) {
        const struct sl_answer_point *p = &t->parsed.points[i];
        t->points[i] = (sl_reply_point){p->x, p->y, sl_coordinate_to_pixel(p->x, w), sl_coordinate_to_pixel(p->y, h)};
    }
    for (size_t i = 0; i < t->parsed.n_boxes; i++) {
        const struct sl_answer_box *b = &t->parsed.boxes[i];
        t->boxes[i] = (sl_reply_box){b->x1,
                                     b->y1,
                                     b->x2,
                                     b->y2,
                                     sl_coordinate_to_pixel(b->x1, w),
                                     sl_coordinate_to_pixel(b->y1, h),
                                     sl_coordinate_to_pixel(b->x2, w),
                                     sl_coordinate_to_pixel(b->y2, h)};
    }
    o->points = t->points;
    o->boxes = t->boxes;
    o->n_points = (int)t->parsed.n_points;
    o->n_boxes = (int)t->parsed.n_boxes;
    return SL_OK;
}

static sl_status fill_reply(sl_talk *t, const sl_result *r, sl_error *err)
{
    t->reply = (sl_reply){
        .answer = r->answer,
        .reasoning = r->reasoning,
        .finish = sl_finish_name(r->finish),
        .prompt_tokens = r->usage.prompt_tokens,
        .cached_tokens = r->usage.cached_tokens,
        .image_tokens = r->usage.image_tokens,
        .completion_tokens = r->usage.completion_tokens,
        .seconds = (r->timings.first_token_ms + r->timings.decode_ms) / 1e3,
    };
    return fill_shapes(t, r, err);
}

static void set_request(sl_talk *t, sl_request *r, bool running)
{
    pthread_mutex_lock(&t->lock);
    sl_request *before = t->request;
    t->request = r;
    t->running = running;
    pthread_mutex_unlock(&t->lock);
    if (before != r) sl_request_free(before);
}

sl_status sl_talk_ask(sl_talk *t, const sl_ask_options *o, const sl_reply **out, sl_error *err)
{
    sl_ask_options defaults;
    sl_request *r = NULL;
    sl_ask ask = {0};
    sl_ask_options_defaults(&defaults);
    if (!t->open) return sl_fail(err, SL_ERR_ARGUMENT, "nothing was added since the last answer");
    sl_status s = fill_ask(t, o ? o : &defaults, &ask, err);
    if (s == SL_OK) s = sl_engine_submit(t->assistant->engine, &ask, &r, err);
    sl_grammar_drop(ask.grammar);
    if (s != SL_OK) return s;
    set_request(t, r, true);
    s = drive(t->assistant, r, err);
    set_request(t, r, false);
    const sl_result *result = sl_request_result(r);
    if (s == SL_OK && result->finish == SL_FINISH_FAILED) {
        if (err) *err = result->error;
        s = result->status;
    }
    if (s == SL_OK) s = fill_reply(t, result, err);
    if (s == SL_OK) s = keep_answer(t, result, err);
    if (s == SL_OK) *out = &t->reply;
    return s;
}

void sl_talk_cancel(sl_talk *t)
{
    pthread_mutex_lock(&t->lock);
    if (t->running) sl_request_cancel(t->request);
    pthread_mutex_unlock(&t->lock);
}

/* --- vectors ---------------------------------------------------------------------------------------------------- */

struct sl_vectors {
    sl_ops *ops;
    sl_embedder *embedder;
};

sl_status sl_vectors_open(const char *dir, int threads, sl_vectors **out, sl_error *err)
{
    sl_vectors *v = sl_alloc_array(1, sizeof *v);
    if (!v) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a model");
    sl_status s = sl_cpu_ops_default(threads, &v->ops, err);
    if (s == SL_OK) s = sl_embedder_open(dir, v->ops, SL_F32, &v->embedder, err);
    if (s != SL_OK)
        sl_vectors_close(&v);
    else
        *out = v;
    return s;
}

void sl_vectors_close(sl_vectors **v)
{
    if (!v || !*v) return;
    sl_embedder_close(&(*v)->embedder);
    sl_cpu_ops_free((*v)->ops);
    free(*v);
    *v = NULL;
}

int sl_vectors_width(const sl_vectors *v)
{
    return sl_embedder_width(v->embedder);
}

sl_status sl_vectors_of_text(sl_vectors *v, const char *text, float *out, sl_error *err)
{
    return sl_embed_text(v->embedder, text, strlen(text), out, err);
}

sl_status sl_vectors_of_picture(sl_vectors *v, const char *path, float *out, sl_error *err)
{
    struct sl_picture p = {0};
    sl_status s = sl_picture_read(&p, path, SL_PICTURE_MAX_PIXELS, err);
    return s == SL_OK ? sl_embed_pictures(v->embedder, &p, 1, out, err) : s;
}
