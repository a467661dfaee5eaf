/*
 * question.c: from a sample's parts to the messages that the engine takes.
 */
#include "eval/question.h"

#include "base/json.h"
#include "data/encode_media.h"
#include "synth/check.h"
#include "text/answer.h"

#include <string.h>

/* Number of the last message of that role, -1 when there is none. */
static int last_of(const struct sl_sample *s, sl_sample_role role)
{
    int i = s->n_messages - 1;
    while (i >= 0 && s->messages[i].role != role) i--;
    return i;
}

/* Appends a message's texts, a line each. */
static void add_texts(const struct sl_sample_message *m, struct sl_buf *out)
{
    for (int i = 0; i < m->n_parts; i++) {
        if (m->parts[i].kind != SL_SAMPLE_TEXT) continue;
        if (out->len) sl_buf_addch(out, '\n');
        sl_buf_add(out, m->parts[i].text, m->parts[i].n_text);
    }
}

void sl_eval_asked_text(const struct sl_sample *sample, struct sl_buf *out)
{
    int i = last_of(sample, SL_SAMPLE_USER);
    if (i >= 0) add_texts(&sample->messages[i], out);
}

/* Number of bytes of a thought, and of the white space after it, that a text begins with. */
static size_t thought_length(const char *text)
{
    static const char open[] = "<think>", close[] = "</think>";
    size_t blank = strspn(text, " \t\r\n");
    if (strncmp(text + blank, open, sizeof open - 1) != 0) return 0;
    const char *end = strstr(text + blank, close);
    if (!end) return strlen(text);
    end += sizeof close - 1;
    return (size_t)(end - text) + strspn(end, " \t\r\n");
}

void sl_eval_right_text(const struct sl_sample *sample, struct sl_buf *out)
{
    int i = last_of(sample, SL_SAMPLE_ASSISTANT);
    struct sl_buf text = SL_BUF_INIT(sample->max_bytes);
    if (i >= 0) add_texts(&sample->messages[i], &text);
    sl_buf_addstr(out, sl_buf_str(&text) + thought_length(sl_buf_str(&text)));
    sl_buf_release(&text);
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

static sl_status add_picture(struct sl_conversation *c, const struct sl_sample_media *m, size_t max_bytes,
                             sl_error *err)
{
    struct sl_buf bytes = SL_BUF_INIT(max_bytes);
    sl_status s = sl_blob_load(&m->file, max_bytes, &bytes, err);
    if (s == SL_OK) s = sl_conversation_picture_bytes(c, bytes.data, bytes.len, err);
    if (s == SL_OK) {
        c->pictures[c->n_pictures - 1].min_pixels = m->min_pixels;
        c->pictures[c->n_pictures - 1].max_pixels = m->max_pixels;
    }
    sl_buf_release(&bytes);
    return s;
}

static sl_status add_video(struct sl_conversation *c, const struct sl_sample_media *m,
                           const struct sl_encode_options *media, sl_error *err)
{
    struct sl_media_views views = {0};
    struct sl_encode_failure why;
    sl_status s = sl_media_load(media, m, media->max_patches, &views, &why, err);
    for (int i = 0; i < views.n && s == SL_OK; i++)
        s = sl_conversation_frame(c, &views.items[i].picture, views.seconds[i], err);
    sl_media_views_free(&views);
    return s;
}

static sl_status add_part(struct sl_eval_question *q, const struct sl_sample *s, const struct sl_sample_part *p,
                          const struct sl_encode_options *media, sl_error *err)
{
    if (p->kind == SL_SAMPLE_TEXT) return sl_conversation_text(&q->messages, p->text, p->n_text, err);
    const struct sl_sample_media *m = &s->media[p->media];
    q->seen = true;
    if (!media) return SL_OK;
    if (p->kind == SL_SAMPLE_IMAGE) return add_picture(&q->messages, m, media->max_media_bytes, err);
    if (p->kind == SL_SAMPLE_VIDEO) return add_video(&q->messages, m, media, err);
    return sl_fail(err, SL_ERR_UNSUPPORTED, "%s: questions about sounds are not asked", m->name);
}

static sl_status make(const struct sl_sample *sample, const struct sl_encode_options *media, struct sl_eval_question *q,
                      sl_error *err)
{
    static const enum sl_chat_role roles[] = {SL_CHAT_SYSTEM, SL_CHAT_USER, SL_CHAT_ASSISTANT, SL_CHAT_TOOL};
    const int end = last_of(sample, SL_SAMPLE_ASSISTANT);
    if (end < 1) return sl_fail(err, SL_ERR_UNSUPPORTED, "asks nothing, or says no right answer");
    for (int i = 0; i < end; i++) {
        const struct sl_sample_message *m = &sample->messages[i];
        sl_status s = sl_conversation_begin(&q->messages, roles[m->role], err);
        for (int k = 0; k < m->n_parts && s == SL_OK; k++) s = add_part(q, sample, &m->parts[k], media, err);
        if (s != SL_OK) return s;
    }
    const struct sl_sample_message *right = &sample->messages[end];
    q->thinking = right->n_parts && right->parts[0].text && thought_length(right->parts[0].text);
    return SL_OK;
}

sl_status sl_eval_question_make(const struct sl_sample *sample, const struct sl_encode_options *media, bool blind,
                                struct sl_eval_question *out, sl_error *err)
{
    *out = (struct sl_eval_question){0};
    sl_status s = make(sample, blind ? NULL : media, out, err);
    if (s == SL_OK) return SL_OK;
    sl_eval_question_release(out);
    return sl_fail_context(err, s, "%s", sample->key);
}

void sl_eval_question_release(struct sl_eval_question *q)
{
    sl_conversation_release(&q->messages);
    *q = (struct sl_eval_question){0};
}

/* --- scoring ---------------------------------------------------------------------------------------------------- */

double sl_eval_score(const struct sl_sample *sample, const char *answer, bool *right)
{
    enum { MAX_DEPTH = 64 };
    json_t *truth = NULL;
    double score = 0;
    if (sample->truth && sl_json_parse(sample->truth, sample->n_truth, MAX_DEPTH, &truth, NULL) == SL_OK &&
        sl_check(truth, answer, strlen(answer), 0, &score, NULL) == SL_OK) {
        *right = sl_check_passes(truth, score);
    } else {
        struct sl_buf text = SL_BUF_INIT(sample->max_bytes);
        sl_eval_right_text(sample, &text);
        *right = strcmp(sl_buf_str(&text), answer) == 0;
        score = *right;
        sl_buf_release(&text);
    }
    json_decref(truth);
    return score;
}
