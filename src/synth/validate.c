/*
 * validate.c: what holds for a finished sample of every family.
 */
#include "synth/validate.h"

#include "synth/check.h"
#include "text/answer.h"

#include <string.h>

enum { MAX_TEXT = 1 << 23 };

/* Roles: perhaps a system message, then user and assistant in turn, or an assistant alone; an answer last. */
static sl_status check_turns(const struct sl_synth_sample *s, sl_error *err)
{
    if (s->n_messages == 0 || s->messages[s->n_messages - 1].role != SL_SYNTH_ASSISTANT)
        return sl_fail(err, SL_ERR_FORMAT, "the last message is no answer");
    for (int i = 0; i < s->n_messages; i++) {
        const struct sl_synth_message *m = &s->messages[i];
        if (i > 0 && m->role == SL_SYNTH_SYSTEM)
            return sl_fail(err, SL_ERR_FORMAT, "a system message is not the first");
        if (m->n_parts == 0) return sl_fail(err, SL_ERR_FORMAT, "message %d is empty but for its reasoning", i);
        if (m->reasoning.len && m->role != SL_SYNTH_ASSISTANT)
            return sl_fail(err, SL_ERR_FORMAT, "message %d has a reasoning and is no answer", i);
    }
    return SL_OK;
}

/* Reads an answer as a model's would be read: nothing in it may be malformed. */
static sl_status check_answer(const char *text, size_t n, sl_error *err)
{
    struct sl_answer a = {0};
    sl_status status = sl_answer_parse(text, n, 0, &a, err);
    for (size_t i = 0; i < a.n_problems && !status; i++) {
        const struct sl_answer_problem *p = &a.problems[i];
        status = sl_fail(err, SL_ERR_FORMAT, "the answer is malformed at byte %zu: %s", p->range.begin,
                         sl_answer_problem_text(p->kind));
    }
    sl_answer_release(&a);
    return status;
}

static sl_status check_answers(const struct sl_synth_sample *s, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_TEXT);
    sl_status status = SL_OK;
    for (int i = 0; i < s->n_messages && !status; i++) {
        if (s->messages[i].role != SL_SYNTH_ASSISTANT) continue;
        sl_buf_clear(&text);
        sl_synth_message_text(s, i, true, &text);
        if (s->truth) status = check_answer(sl_buf_str(&text), text.len, err); /* plain text may say anything */
    }
    double score = 0;
    if (!status && s->truth) status = sl_check(s->truth, sl_buf_str(&text), text.len, 0, &score, err);
    if (!status && s->truth && !sl_check_passes(s->truth, score))
        status = sl_fail(err, SL_ERR_FORMAT, "the answer \"%.100s\" gets %.3f from its own checker", sl_buf_str(&text),
                         score);
    sl_buf_release(&text);
    return status;
}

/* Numbers of the arrays in a truth about shapes: coordinates from 0 to 999. */
static sl_status check_shapes(const json_t *truth, sl_error *err)
{
    const char *name = json_string_value(json_object_get(truth, "checker"));
    const json_t *shapes = json_object_get(truth, "answer");
    if (!name || (strcmp(name, "points") != 0 && strcmp(name, "boxes") != 0 && strcmp(name, "polygons") != 0))
        return SL_OK;
    for (size_t i = 0; i < json_array_size(shapes); i++)
        for (size_t k = 0; k < json_array_size(json_array_get(shapes, i)); k++) {
            const json_t *v = json_array_get(json_array_get(shapes, i), k);
            double x = json_is_number(v) ? json_number_value(v) : -1;
            if (!(x >= 0 && x <= 999))
                return sl_fail(err, SL_ERR_FORMAT, "shape %zu of the truth leaves the picture", i);
        }
    return SL_OK;
}

/* *shows is set when the picture is of more than one colour: of a stream, some are of one before anything appears. */
static sl_status check_picture(const struct sl_synth_media *m, bool *shows, sl_error *err)
{
    struct sl_picture p = {0};
    sl_status status =
        sl_picture_decode(&p, (const unsigned char *)m->bytes.data, m->bytes.len, SL_PICTURE_MAX_PIXELS, err);
    if (status) return status;
    if (p.width != m->width || p.height != m->height)
        status = sl_fail(err, SL_ERR_FORMAT, "a picture of %dx%d pixels claims to have %dx%d", p.width, p.height,
                         m->width, m->height);
    size_t n = (size_t)p.width * (size_t)p.height * 3, i = 3;
    while (i < n && p.rgb[i] == p.rgb[i - 3]) i++;
    if (i < n) *shows = true;
    sl_picture_free(&p);
    return status;
}

sl_status sl_synth_validate(const struct sl_synth_sample *s, sl_error *err)
{
    sl_status status = check_turns(s, err);
    if (!status) status = check_answers(s, err);
    if (!status && s->truth) status = check_shapes(s->truth, err);
    bool shows = s->n_media == 0;
    for (int i = 0; i < s->n_media && !status; i++) {
        if (s->media[i].bytes.len == 0) status = sl_fail(err, SL_ERR_FORMAT, "media %d is empty", i);
        if (s->media[i].video) shows = true;
        if (!status && !s->media[i].video) status = check_picture(&s->media[i], &shows, err);
    }
    return status || shows ? status : sl_fail(err, SL_ERR_FORMAT, "pictures of one colour show nothing");
}
