/*
 * question.c: messages and pictures in the making.
 */
#include "cli/question.h"

#include "base/mem.h"
#include "media/video.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 1 << 20 };

static sl_status no_memory(sl_error *err)
{
    return sl_fail(err, SL_ERR_MEMORY, "out of memory for a question");
}

sl_status sl_question_begin(struct sl_question *q, enum sl_chat_role role, sl_error *err)
{
    size_t n = q->n_messages + 1;
    if (!sl_grow_array((void **)&q->messages, &q->cap_messages, n, sizeof *q->messages, MAX_ITEMS) ||
        !sl_grow_array((void **)&q->parts, &q->cap_parts, n, sizeof *q->parts, MAX_ITEMS))
        return no_memory(err);
    q->messages[n - 1] = (struct sl_chat_message){.role = role};
    q->parts[n - 1] = (struct sl_question_parts){0};
    q->n_messages = n;
    return SL_OK;
}

static sl_status add_part(struct sl_question *q, struct sl_chat_part part, sl_error *err)
{
    struct sl_question_parts *p = &q->parts[q->n_messages - 1];
    if (!sl_grow_array((void **)&p->items, &p->cap, p->n + 1, sizeof *p->items, MAX_ITEMS)) return no_memory(err);
    p->items[p->n++] = part;
    return SL_OK;
}

sl_status sl_question_text(struct sl_question *q, const char *text, size_t n, sl_error *err)
{
    char *copy = malloc(n + 1);
    if (!copy) return no_memory(err);
    memcpy(copy, text, n);
    copy[n] = '\0';
    sl_status s = add_part(q, (struct sl_chat_part){.kind = SL_CHAT_TEXT, .text = copy, .n = n}, err);
    if (s != SL_OK) free(copy);
    return s;
}

static sl_status add_picture(struct sl_question *q, sl_ask_picture picture, struct sl_picture pixels, sl_error *err)
{
    size_t n = (size_t)q->n_pictures + 1;
    if (!sl_grow_array((void **)&q->pictures, &q->cap_pictures, n, sizeof *q->pictures, MAX_ITEMS) ||
        !sl_grow_array((void **)&q->frames, &q->cap_frames, n, sizeof *q->frames, MAX_ITEMS))
        return no_memory(err);
    q->pictures[n - 1] = picture;
    q->frames[n - 1] = pixels;
    q->n_pictures++;
    return SL_OK;
}

sl_status sl_question_picture(struct sl_question *q, const char *path, sl_error *err)
{
    char *copy = sl_strdup(path);
    sl_status s = copy ? add_part(q, (struct sl_chat_part){.kind = SL_CHAT_PICTURE}, err) : no_memory(err);
    if (s == SL_OK) s = add_picture(q, (sl_ask_picture){.path = copy}, (struct sl_picture){0}, err);
    if (s != SL_OK) free(copy);
    return s;
}

sl_status sl_question_frame(struct sl_question *q, struct sl_picture *frame, double seconds, sl_error *err)
{
    sl_status s = add_part(q, (struct sl_chat_part){.kind = SL_CHAT_FRAME, .seconds = seconds}, err);
    if (s == SL_OK) s = add_picture(q, (sl_ask_picture){0}, *frame, err);
    if (s != SL_OK) sl_picture_free(frame);
    *frame = (struct sl_picture){0};
    return s;
}

sl_status sl_question_video(struct sl_question *q, const char *path, double fps, int64_t max_tokens, int n_threads,
                            sl_error *err)
{
    struct sl_video_options options = sl_video_options_default();
    struct sl_video_sampling sampling = sl_video_sampling_default();
    struct sl_video_plan plan = {0};
    struct sl_video *v = NULL;
    options.n_threads = n_threads > 0 ? n_threads : 1;
    if (fps > 0) sampling.fps = fps;
    if (max_tokens < sampling.max_tokens) sampling.max_tokens = max_tokens;
    sl_status s = sl_video_open(&v, path, &options, err);
    if (s == SL_OK) s = sl_video_plan_frames(v, &sampling, &plan, err);
    for (int64_t i = 0; i < plan.n_frames && s == SL_OK; i++) {
        struct sl_picture frame = {0};
        s = sl_video_frame(v, plan.indices[i], plan.width, plan.height, &frame, err);
        if (s == SL_OK) s = sl_question_frame(q, &frame, plan.seconds[i], err);
    }
    sl_video_plan_free(&plan);
    sl_video_close(&v);
    return s;
}

void sl_question_fill(struct sl_question *q, sl_ask *ask)
{
    for (size_t i = 0; i < q->n_messages; i++) {
        q->messages[i].parts = q->parts[i].items;
        q->messages[i].n_parts = q->parts[i].n;
    }
    for (int i = 0; i < q->n_pictures; i++)
        if (q->frames[i].rgb) q->pictures[i].pixels = &q->frames[i];
    ask->messages = q->messages;
    ask->n_messages = q->n_messages;
    ask->pictures = q->pictures;
    ask->n_pictures = q->n_pictures;
}

void sl_question_cut(struct sl_question *q, size_t n)
{
    while (q->n_messages > n) {
        struct sl_question_parts *p = &q->parts[--q->n_messages];
        while (p->n) {
            const struct sl_chat_part *part = &p->items[--p->n];
            free((char *)part->text);
            if (part->kind != SL_CHAT_PICTURE && part->kind != SL_CHAT_FRAME) continue;
            q->n_pictures--;
            free((char *)q->pictures[q->n_pictures].path);
            sl_picture_free(&q->frames[q->n_pictures]);
        }
        free(p->items);
        free((char *)q->messages[q->n_messages].reasoning);
    }
}

void sl_question_release(struct sl_question *q)
{
    sl_question_cut(q, 0);
    free(q->messages);
    free(q->parts);
    free(q->pictures);
    free(q->frames);
    *q = (struct sl_question){0};
}
