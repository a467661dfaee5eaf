/*
 * conversation.c: messages and pictures in the making.
 */
#include "infer/conversation.h"

#include "base/mem.h"
#include "media/video.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 1 << 20 };

static sl_status no_memory(sl_error *err)
{
    return sl_fail(err, SL_ERR_MEMORY, "out of memory for a conversation");
}

sl_status sl_conversation_begin(struct sl_conversation *c, enum sl_chat_role role, sl_error *err)
{
    size_t n = c->n_messages + 1;
    if (!sl_grow_array((void **)&c->messages, &c->cap_messages, n, sizeof *c->messages, MAX_ITEMS) ||
        !sl_grow_array((void **)&c->parts, &c->cap_parts, n, sizeof *c->parts, MAX_ITEMS))
        return no_memory(err);
    c->messages[n - 1] = (struct sl_chat_message){.role = role};
    c->parts[n - 1] = (struct sl_conversation_parts){0};
    c->n_messages = n;
    return SL_OK;
}

static sl_status add_part(struct sl_conversation *c, struct sl_chat_part part, sl_error *err)
{
    struct sl_conversation_parts *p = &c->parts[c->n_messages - 1];
    if (!sl_grow_array((void **)&p->items, &p->cap, p->n + 1, sizeof *p->items, MAX_ITEMS)) return no_memory(err);
    p->items[p->n++] = part;
    return SL_OK;
}

sl_status sl_conversation_text(struct sl_conversation *c, const char *text, size_t n, sl_error *err)
{
    char *copy = malloc(n + 1);
    if (!copy) return no_memory(err);
    memcpy(copy, text, n);
    copy[n] = '\0';
    sl_status s = add_part(c, (struct sl_chat_part){.kind = SL_CHAT_TEXT, .text = copy, .n = n}, err);
    if (s != SL_OK) free(copy);
    return s;
}

static sl_status add_picture(struct sl_conversation *c, sl_ask_picture picture, struct sl_picture pixels, sl_error *err)
{
    size_t n = (size_t)c->n_pictures + 1;
    if (!sl_grow_array((void **)&c->pictures, &c->cap_pictures, n, sizeof *c->pictures, MAX_ITEMS) ||
        !sl_grow_array((void **)&c->frames, &c->cap_frames, n, sizeof *c->frames, MAX_ITEMS))
        return no_memory(err);
    c->pictures[n - 1] = picture;
    c->frames[n - 1] = pixels;
    c->n_pictures++;
    return SL_OK;
}

sl_status sl_conversation_picture(struct sl_conversation *c, const char *path, sl_error *err)
{
    char *copy = sl_strdup(path);
    sl_status s = copy ? add_part(c, (struct sl_chat_part){.kind = SL_CHAT_PICTURE}, err) : no_memory(err);
    if (s == SL_OK) s = add_picture(c, (sl_ask_picture){.path = copy}, (struct sl_picture){0}, err);
    if (s != SL_OK) free(copy);
    return s;
}

sl_status sl_conversation_picture_bytes(struct sl_conversation *c, const void *bytes, size_t n, sl_error *err)
{
    void *copy = malloc(n + 1);
    sl_status s = copy ? add_part(c, (struct sl_chat_part){.kind = SL_CHAT_PICTURE}, err) : no_memory(err);
    if (s == SL_OK) {
        memcpy(copy, bytes, n);
        s = add_picture(c, (sl_ask_picture){.bytes = copy, .n = n}, (struct sl_picture){0}, err);
    }
    if (s != SL_OK) free(copy);
    return s;
}

sl_status sl_conversation_frame(struct sl_conversation *c, struct sl_picture *frame, double seconds, sl_error *err)
{
    sl_status s = add_part(c, (struct sl_chat_part){.kind = SL_CHAT_FRAME, .seconds = seconds}, err);
    if (s == SL_OK) s = add_picture(c, (sl_ask_picture){0}, *frame, err);
    if (s != SL_OK) sl_picture_free(frame);
    *frame = (struct sl_picture){0};
    return s;
}

sl_status sl_conversation_video(struct sl_conversation *c, const char *path, double fps, int64_t max_tokens,
                                const sl_model *model, sl_error *err)
{
    struct sl_video_options options = sl_video_options_default();
    struct sl_video_sampling sampling = sl_config_sampling(&model->config, fps);
    struct sl_video_plan plan = {0};
    struct sl_video *v = NULL;
    options.n_threads = model->plan.ops->n_threads;
    if (max_tokens < sampling.max_tokens) sampling.max_tokens = max_tokens;
    sl_status s = sl_video_open(&v, path, &options, err);
    if (s == SL_OK) s = sl_video_plan_frames(v, &sampling, &plan, err);
    for (int64_t i = 0; i < plan.n_frames && s == SL_OK; i++) {
        struct sl_picture frame = {0};
        s = sl_video_planned_frame(v, &plan, i, &frame, err);
        if (s == SL_OK) s = sl_conversation_frame(c, &frame, plan.seconds[i], err);
        /* The plan has made it as large as it is to be. */
        if (s == SL_OK && sampling.budget.cell) c->pictures[c->n_pictures - 1].min_pixels = 1;
    }
    sl_video_plan_free(&plan);
    sl_video_close(&v);
    return s;
}

void sl_conversation_fill(struct sl_conversation *c, sl_ask *ask)
{
    for (size_t i = 0; i < c->n_messages; i++) {
        c->messages[i].parts = c->parts[i].items;
        c->messages[i].n_parts = c->parts[i].n;
    }
    for (int i = 0; i < c->n_pictures; i++)
        if (c->frames[i].rgb) c->pictures[i].pixels = &c->frames[i];
    ask->messages = c->messages;
    ask->n_messages = c->n_messages;
    ask->pictures = c->pictures;
    ask->n_pictures = c->n_pictures;
}

void sl_conversation_cut(struct sl_conversation *c, size_t n)
{
    while (c->n_messages > n) {
        struct sl_conversation_parts *p = &c->parts[--c->n_messages];
        while (p->n) {
            const struct sl_chat_part *part = &p->items[--p->n];
            free((char *)part->text);
            if (part->kind != SL_CHAT_PICTURE && part->kind != SL_CHAT_FRAME) continue;
            c->n_pictures--;
            free((char *)c->pictures[c->n_pictures].path);
            free((void *)c->pictures[c->n_pictures].bytes);
            sl_picture_free(&c->frames[c->n_pictures]);
        }
        free(p->items);
        free((char *)c->messages[c->n_messages].reasoning);
    }
}

void sl_conversation_release(struct sl_conversation *c)
{
    sl_conversation_cut(c, 0);
    free(c->messages);
    free(c->parts);
    free(c->pictures);
    free(c->frames);
    *c = (struct sl_conversation){0};
}
