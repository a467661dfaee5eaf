/*
 * sample.c: a sample in the making: messages of parts, media, truth; and the same as a row of a dataset.
 */
#include "synth/sample.h"

#include "base/mem.h"
#include "media/picture_write.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1 << 22, MAX_PARTS = 1024, MAX_MEDIA_BYTES = 1 << 28 };

void sl_synth_sample_init(struct sl_synth_sample *s)
{
    *s = (struct sl_synth_sample){0};
}

static void release_message(struct sl_synth_message *m)
{
    for (int i = 0; i < m->n_parts; i++) sl_buf_release(&m->parts[i].text);
    free(m->parts);
    sl_buf_release(&m->reasoning);
}

void sl_synth_sample_release(struct sl_synth_sample *s)
{
    for (int i = 0; i < s->n_messages; i++) release_message(&s->messages[i]);
    for (int i = 0; i < s->n_media; i++) sl_buf_release(&s->media[i].bytes);
    free(s->messages);
    free(s->media);
    json_decref(s->truth);
    *s = (struct sl_synth_sample){0};
}

void sl_synth_fail(struct sl_synth_sample *s, sl_status status, const char *fmt, ...)
{
    if (s->status) return;
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    s->status = sl_fail(&s->error, status, "%s", text);
}

static void fail_full(struct sl_synth_sample *s)
{
    sl_synth_fail(s, SL_ERR_MEMORY, "no memory for a sample, or it is larger than its limits");
}

/* Lengthens an array by one zeroed element. The sample's arrays are short, and most samples have one or two. */
static void *append(void **items, int *n, size_t size, int ceiling)
{
    if (*n >= ceiling) return NULL;
    char *grown = realloc(*items, ((size_t)*n + 1) * size);
    if (!grown) return NULL;
    *items = grown;
    char *item = grown + (size_t)*n * size;
    memset(item, 0, size);
    ++*n;
    return item;
}

/* Returns the last message when it is of that role, else a new one; NULL once the sample has failed. */
static struct sl_synth_message *message_of(struct sl_synth_sample *s, sl_synth_role role)
{
    if (s->status) return NULL;
    if (s->n_messages && s->messages[s->n_messages - 1].role == role) return &s->messages[s->n_messages - 1];
    if (role == SL_SYNTH_SYSTEM && s->n_messages) {
        sl_synth_fail(s, SL_ERR_ARGUMENT, "a system message comes first");
        return NULL;
    }
    struct sl_synth_message *m =
        append((void **)&s->messages, &s->n_messages, sizeof *s->messages, SL_SYNTH_MAX_MESSAGES);
    if (!m) {
        fail_full(s);
        return NULL;
    }
    m->role = role;
    m->reasoning.ceiling = MAX_TEXT;
    return m;
}

/* Returns a new part of m, or its last one when both are text. */
static struct sl_synth_part *part_of(struct sl_synth_sample *s, struct sl_synth_message *m, int media)
{
    if (media < 0 && m->n_parts && m->parts[m->n_parts - 1].media < 0) return &m->parts[m->n_parts - 1];
    struct sl_synth_part *p = append((void **)&m->parts, &m->n_parts, sizeof *m->parts, MAX_PARTS);
    if (!p) {
        fail_full(s);
        return NULL;
    }
    p->media = media;
    p->text.ceiling = MAX_TEXT;
    return p;
}

SL_PRINTF(3, 0)
static void add_text(struct sl_synth_sample *s, struct sl_buf *to, const char *fmt, va_list ap)
{
    char line[512];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    if (n >= 0 && n < (int)sizeof line) {
        sl_buf_add(to, line, (size_t)n);
    } else {
        char *longer = n < 0 || n > MAX_TEXT ? NULL : malloc((size_t)n + 1);
        if (longer && vsnprintf(longer, (size_t)n + 1, fmt, again) == n)
            sl_buf_add(to, longer, (size_t)n);
        else
            to->failed = true;
        free(longer);
    }
    va_end(again);
    if (!sl_buf_ok(to)) fail_full(s);
}

SL_PRINTF(3, 0)
static void say(struct sl_synth_sample *s, sl_synth_role role, const char *fmt, va_list ap)
{
    struct sl_synth_message *m = message_of(s, role);
    struct sl_synth_part *p = m ? part_of(s, m, -1) : NULL;
    if (p) add_text(s, &p->text, fmt, ap);
}

void sl_synth_system(struct sl_synth_sample *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(s, SL_SYNTH_SYSTEM, fmt, ap);
    va_end(ap);
}

void sl_synth_user(struct sl_synth_sample *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(s, SL_SYNTH_USER, fmt, ap);
    va_end(ap);
}

void sl_synth_answer(struct sl_synth_sample *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(s, SL_SYNTH_ASSISTANT, fmt, ap);
    va_end(ap);
}

void sl_synth_think(struct sl_synth_sample *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct sl_synth_message *m = message_of(s, SL_SYNTH_ASSISTANT);
    if (m) add_text(s, &m->reasoning, fmt, ap);
    va_end(ap);
}

/* Adds an empty media to the user's message. */
static struct sl_synth_media *add_media(struct sl_synth_sample *s, const char *extension, int width, int height)
{
    struct sl_synth_message *m = message_of(s, SL_SYNTH_USER);
    if (!m || !part_of(s, m, s->n_media)) return NULL;
    struct sl_synth_media *media = append((void **)&s->media, &s->n_media, sizeof *s->media, SL_SYNTH_MAX_MEDIA);
    if (!media) {
        fail_full(s);
        return NULL;
    }
    snprintf(media->extension, sizeof media->extension, "%s", extension);
    media->width = width;
    media->height = height;
    media->bytes.ceiling = MAX_MEDIA_BYTES;
    return media;
}

void sl_synth_picture(struct sl_synth_sample *s, const struct sl_picture *p, sl_synth_encoding encoding, int quality)
{
    bool jpeg = encoding == SL_SYNTH_JPEG;
    struct sl_synth_media *m = add_media(s, jpeg ? "jpg" : "png", p->width, p->height);
    if (!m) return;
    sl_error err = {0};
    sl_status status =
        jpeg ? sl_picture_encode_jpeg(p, quality, &m->bytes, &err) : sl_picture_encode_png(p, &m->bytes, &err);
    if (status) sl_synth_fail(s, status, "%s", err.message);
}

void sl_synth_video(struct sl_synth_sample *s, struct sl_buf *bytes, const char *extension, int width, int height)
{
    struct sl_synth_media *m = add_media(s, extension, width, height);
    if (m) {
        m->video = true;
        m->bytes = *bytes;
        *bytes = (struct sl_buf)SL_BUF_INIT(m->bytes.ceiling);
    } else {
        sl_buf_release(bytes);
    }
}

void sl_synth_truth(struct sl_synth_sample *s, const char *key, json_t *value)
{
    if (s->status) {
        json_decref(value);
        return;
    }
    if (!s->truth) s->truth = json_object();
    if (!s->truth || !value || json_object_set_new(s->truth, key, value)) fail_full(s); /* it takes value in any case */
}

/* --- as a row ------------------------------------------------------------------------------------------------- */

void sl_synth_message_text(const struct sl_synth_sample *s, int i, bool thinking, struct sl_buf *out)
{
    const struct sl_synth_message *m = &s->messages[i];
    if (thinking && m->reasoning.len) sl_buf_addf(out, "<think>%s</think>", sl_buf_str(&m->reasoning));
    for (int k = 0; k < m->n_parts; k++)
        if (m->parts[k].media < 0) sl_buf_add(out, sl_buf_str(&m->parts[k].text), m->parts[k].text.len);
}

int sl_synth_last_message(const struct sl_synth_sample *s, sl_synth_role role)
{
    int i = s->n_messages - 1;
    while (i >= 0 && s->messages[i].role != role) i--;
    return i;
}

void sl_synth_media_name(const struct sl_synth_sample *s, const char *key, int i, char *name, size_t size)
{
    if (s->n_media == 1)
        snprintf(name, size, "%s.%s", key, s->media[i].extension);
    else
        snprintf(name, size, "%s.%02d.%s", key, i, s->media[i].extension);
}

static json_t *text_json(const struct sl_buf *text)
{
    return json_stringn(sl_buf_str(text), text->len);
}

/* The parts of a user's message; a picture is named as its file. */
static json_t *parts_json(const struct sl_synth_sample *s, const struct sl_synth_message *m, const char *key)
{
    json_t *parts = json_array();
    for (int i = 0; parts && i < m->n_parts; i++) {
        const struct sl_synth_part *p = &m->parts[i];
        char name[256];
        json_t *part;
        if (p->media < 0) {
            part = json_pack("{s:s, s:o}", "type", "text", "text", text_json(&p->text));
        } else {
            const char *type = s->media[p->media].video ? "video" : "image";
            sl_synth_media_name(s, key, p->media, name, sizeof name);
            part = json_pack("{s:s, s:s}", "type", type, type, name);
        }
        json_array_append_new(parts, part);
    }
    return parts;
}

static json_t *message_json(const struct sl_synth_sample *s, int i, const struct sl_synth_row *row)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    const struct sl_synth_message *m = &s->messages[i];
    struct sl_buf text = SL_BUF_INIT(2 * MAX_TEXT);
    json_t *content;
    bool media = false;
    for (int k = 0; k < m->n_parts; k++) media |= m->parts[k].media >= 0;
    if (media) {
        content = parts_json(s, m, row->key);
    } else {
        sl_synth_message_text(s, i, row->thinking, &text);
        content = text_json(&text);
    }
    sl_buf_release(&text);
    return json_pack("{s:s, s:o}", "role", roles[m->role], "content", content);
}

sl_status sl_synth_sample_json(const struct sl_synth_sample *s, const struct sl_synth_row *row, json_t **out,
                               sl_error *err)
{
    json_t *messages = json_array();
    for (int i = 0; messages && i < s->n_messages; i++)
        if (json_array_append_new(messages, message_json(s, i, row))) {
            json_decref(messages);
            messages = NULL;
        }
    *out = messages ? json_pack("{s:s, s:s, s:s, s:i, s:o, s:O*}", "id", row->key, "domain", row->domain, "task",
                                row->task, "level", row->level, "messages", messages, "truth", s->truth)
                    : NULL;
    return *out ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "cannot write a sample: no memory, or text that is not UTF-8");
}
