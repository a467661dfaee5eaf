/*
 * api_prompt.c: from a request's addresses to pixels, and from its messages to the chat template's.
 */
#include "serve/api.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "serve/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A prompt in the making. */
struct maker {
    struct sl_api_call *call;
    const struct sl_api_chat *chat;
    struct sl_api_prompt *out;
    struct sl_api_problem *problem;
    int cap;
};

/* Makes room for n more pictures. */
static bool reserve(struct maker *m, int n)
{
    struct sl_api_prompt *p = m->out;
    int need = p->n_pictures + n;
    if (need > m->call->server->options.max_media) {
        return sl_api_refuse(m->problem, "messages", "more than %d pictures and frames",
                             m->call->server->options.max_media);
    }
    if (need <= m->cap) return true;
    int cap = need + need / 2 + 4;
    struct sl_picture *pictures = realloc(p->pictures, (size_t)cap * sizeof *pictures);
    if (pictures) p->pictures = pictures;
    double *seconds = realloc(p->seconds, (size_t)cap * sizeof *seconds);
    if (seconds) p->seconds = seconds;
    sl_ask_picture *asks = realloc(p->asks, (size_t)cap * sizeof *asks);
    if (asks) p->asks = asks;
    if (!pictures || !seconds || !asks) return sl_api_refuse(m->problem, "", "out of memory");
    m->cap = cap;
    return true;
}

/* Takes a picture that was decoded; the ask is completed at the end, when addresses no longer move. */
static void add(struct maker *m, struct sl_picture *picture, double seconds, const struct sl_api_media *media)
{
    struct sl_api_prompt *p = m->out;
    p->pictures[p->n_pictures] = *picture;
    p->seconds[p->n_pictures] = seconds;
    p->asks[p->n_pictures] = (sl_ask_picture){.min_pixels = media->min_pixels, .max_pixels = media->max_pixels};
    p->n_pictures++;
    *picture = (struct sl_picture){0};
}

/* --- bytes
 * --------------------------------------------------------------------------------------------------------------- */

static bool client_gone(void *http)
{
    return sl_http_gone(http);
}

static bool read_data_url(struct maker *m, const char *url, const char *param, struct sl_buf *out)
{
    const char *comma = strchr(url, ',');
    sl_error err;
    if (!comma || comma - url < 7 || strncmp(comma - 7, ";base64", 7) != 0) {
        return sl_api_refuse(m->problem, param, "%s: a data: address needs ;base64,", param);
    }
    if (sl_base64_decode(comma + 1, strlen(comma + 1), out, &err)) {
        return sl_api_refuse(m->problem, param, "%s: %s", param, err.message);
    }
    return true;
}

static bool read_url(struct maker *m, const char *url, const char *param, struct sl_buf *out)
{
    const sl_server_options *o = &m->call->server->options;
    struct sl_fetch_options fetch;
    sl_error err;
    if (!strncmp(url, "data:", 5)) return read_data_url(m, url, param, out);
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        return sl_api_refuse(m->problem, param, "%s: the address is neither data:, http: nor https:", param);
    }
    if (!o->fetch) {
        return sl_api_refuse(m->problem, param, "%s: this server does not fetch addresses; send a data: address",
                             param);
    }
    sl_fetch_defaults(&fetch);
    fetch.max_bytes = o->http.max_body;
    fetch.private_networks = o->fetch_private;
    fetch.gone = client_gone;
    fetch.user = m->call->http;
    if (sl_fetch(url, &fetch, out, &err)) {
        return sl_api_refuse(m->problem, param, "%s: cannot fetch %.100s: %s", param, url, err.message);
    }
    return true;
}

/* --- media
 * ---------------------------------------------------------------------------------------------------------------- */

static bool load_picture(struct maker *m, const char *url, const struct sl_api_media *media, double seconds,
                         struct sl_api_loaded *l)
{
    struct sl_buf bytes = SL_BUF_INIT(m->call->server->options.http.max_body);
    struct sl_picture picture = {0};
    sl_error err;
    bool ok = read_url(m, url, media->param, &bytes);
    if (ok && sl_media_pool_picture(m->call->server->options.pool, bytes.data, bytes.len, &picture, &err)) {
        ok = sl_api_refuse(m->problem, media->param, "%s: %s", media->param, err.message);
    }
    sl_buf_release(&bytes);
    if (ok && (ok = reserve(m, 1))) {
        l->width = picture.width;
        l->height = picture.height;
        add(m, &picture, seconds, media);
        l->n++;
    }
    sl_picture_free(&picture);
    return ok;
}

/* The model's way of sampling, as the request narrows it. */
static struct sl_video_sampling sampling_of(const struct maker *m, const struct sl_video_sampling *asked)
{
    struct sl_video_sampling s = sl_config_sampling(&sl_engine_model(m->call->server->engine)->config, asked->fps);
    if (asked->max_tokens < s.max_tokens) s.max_tokens = asked->max_tokens;
    if (asked->min_frames < s.min_frames) s.min_frames = asked->min_frames;
    if (asked->budget.max_frames && asked->budget.max_frames < s.budget.max_frames)
        s.budget.max_frames = asked->budget.max_frames;
    if (s.budget.min_frames > s.budget.max_frames) s.budget.min_frames = s.budget.max_frames;
    return s;
}

static bool load_video(struct maker *m, const struct sl_api_media *media, struct sl_api_loaded *l)
{
    struct sl_buf bytes = SL_BUF_INIT(m->call->server->options.http.max_body);
    struct sl_media_frames f = {0};
    sl_error err;
    struct sl_video_sampling sampling = sampling_of(m, &media->sampling);
    bool ok = read_url(m, media->url, media->param, &bytes);
    if (ok && sl_media_pool_video(m->call->server->options.pool, bytes.data, bytes.len, &sampling, &f, &err)) {
        ok = sl_api_refuse(m->problem, media->param, "%s: %s", media->param, err.message);
    }
    sl_buf_release(&bytes);
    ok = ok && reserve(m, f.n);
    for (int i = 0; ok && i < f.n; i++) {
        add(m, &f.pictures[i], f.seconds[i], media);
        /* The plan has made it as large as it is to be. */
        if (sampling.budget.cell && !media->min_pixels) m->out->asks[m->out->n_pictures - 1].min_pixels = 1;
    }
    l->n = ok ? f.n : 0;
    l->width = f.width;
    l->height = f.height;
    l->duration = f.duration;
    l->fps = f.fps;
    l->level = f.level;
    l->tokens_a_frame = f.tokens_a_frame;
    sl_media_frames_free(&f);
    return ok;
}

static bool load_frames(struct maker *m, const struct sl_api_media *media, struct sl_api_loaded *l)
{
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(media->frames); i++) {
        ok = load_picture(m, json_string_value(json_array_get(media->frames, i)), media, media->timestamps[i], l);
    }
    return ok;
}

static bool load_all(struct maker *m)
{
    const struct sl_api_chat *chat = m->chat;
    struct sl_api_prompt *p = m->out;
    double began = sl_clock_seconds();
    p->loaded = sl_alloc_array((size_t)chat->n_media + 1, sizeof *p->loaded);
    if (!p->loaded) return sl_api_refuse(m->problem, "", "out of memory");
    bool ok = true;
    for (int i = 0; ok && i < chat->n_media; i++) {
        const struct sl_api_media *media = &chat->media[i];
        struct sl_api_loaded *l = &p->loaded[p->n_loaded++];
        *l = (struct sl_api_loaded){.kind = media->kind, .first = p->n_pictures};
        if (media->kind == SL_API_IMAGE)
            ok = load_picture(m, media->url, media, 0, l);
        else if (media->kind == SL_API_VIDEO)
            ok = load_video(m, media, l);
        else
            ok = load_frames(m, media, l);
    }
    for (int i = 0; i < p->n_pictures; i++) p->asks[i].pixels = &p->pictures[i];
    if (chat->n_media) sl_metrics_time(m->call->server->metrics, SL_TIME_OF_MEDIA, sl_clock_seconds() - began);
    return ok;
}

/* --- messages
 * --------------------------------------------------------------------------------------------------------------- */

/* Writes a part, or all pictures of its media; returns how many there are. */
static int lay_part(const struct sl_api_prompt *p, const struct sl_api_part *part, struct sl_chat_part *out)
{
    if (part->kind != SL_CHAT_PICTURE) {
        *out = (struct sl_chat_part){.kind = part->kind, .text = part->text, .n = part->n};
        return 1;
    }
    const struct sl_api_loaded *l = &p->loaded[part->media];
    for (int i = 0; i < l->n; i++) {
        out[i] = (struct sl_chat_part){.kind = l->kind == SL_API_IMAGE ? SL_CHAT_PICTURE : SL_CHAT_FRAME,
                                       .seconds = p->seconds[l->first + i]};
    }
    return l->n;
}

static bool lay_messages(struct maker *m)
{
    const struct sl_api_chat *chat = m->chat;
    struct sl_api_prompt *p = m->out;
    p->messages = sl_alloc_array((size_t)chat->n_messages, sizeof *p->messages);
    p->parts = sl_alloc_array((size_t)(chat->n_parts + p->n_pictures) + 1, sizeof *p->parts);
    if (!p->messages || !p->parts) return sl_api_refuse(m->problem, "", "out of memory");
    struct sl_chat_part *at = p->parts;
    for (int i = 0; i < chat->n_messages; i++) {
        const struct sl_api_message *from = &chat->messages[i];
        struct sl_chat_message *to = &p->messages[i];
        *to = (struct sl_chat_message){.role = from->role, .parts = at, .reasoning = from->reasoning};
        to->n_reasoning = from->reasoning ? strlen(from->reasoning) : 0;
        for (int k = 0; k < from->n_parts; k++) at += lay_part(p, &chat->parts[from->first + k], at);
        to->n_parts = (size_t)(at - to->parts);
    }
    return true;
}

bool sl_api_prompt_make(struct sl_api_call *call, const struct sl_api_chat *chat, struct sl_api_prompt *out,
                        struct sl_api_problem *problem)
{
    struct maker m = {.call = call, .chat = chat, .out = out, .problem = problem};
    *out = (struct sl_api_prompt){0};
    if (!load_all(&m) || !lay_messages(&m)) return false;
    for (int i = 0; i < out->n_loaded; i++) {
        bool picture = out->loaded[i].kind == SL_API_IMAGE;
        sl_metrics_add(call->server->metrics, picture ? SL_COUNT_PICTURES : SL_COUNT_FRAMES, out->loaded[i].n);
    }
    return true;
}

void sl_api_prompt_release(struct sl_api_prompt *p)
{
    for (int i = 0; i < p->n_pictures; i++) sl_picture_free(&p->pictures[i]);
    free(p->pictures);
    free(p->seconds);
    free(p->asks);
    free(p->loaded);
    free(p->messages);
    free(p->parts);
    *p = (struct sl_api_prompt){0};
}
