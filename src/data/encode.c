/*
 * encode.c: from messages and media to token ids, targets and pictures.
 *
 * Media come first, because a video's frames, and so the parts of its message, are known only then; then the chat
 * template, which leaves one image_patch token where a picture goes; then each of those is repeated as often as its
 * picture has features, up to where the sequence ends.
 */
#include "data/encode.h"

#include "base/mem.h"
#include "data/encode_media.h"
#include "text/chat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* No text of a row that was read at all has more tokens. */
static const size_t MAX_TEXT_TOKENS = (size_t)1 << 28;

void sl_encode_defaults(struct sl_encode_options *o)
{
    *o = (struct sl_encode_options){
        /* The mean and deviation of CLIP's training pictures (Radford et al. 2021). */
        .view = {.fit = sl_fit_default(),
                 .filter = SL_FILTER_BILINEAR,
                 .format = {.patch_size = 14,
                            .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                            .std = {0.26862954f, 0.26130258f, 0.27577711f}}},
        .video = sl_video_sampling_default(),
        .max_source_pixels = 1 << 26,
        .max_media_bytes = (size_t)256 << 20,
        .max_tokens = 32768,
        .max_patches = 4 * 32768,
        .too_long = SL_TOO_LONG_CUT,
        .need_target = true,
    };
}

void sl_encoded_drop_pixels(struct sl_encoded *e)
{
    for (int i = 0; i < e->n_pictures; i++) {
        free(e->pictures[i].picture.rgb);
        e->pictures[i].picture.rgb = NULL;
    }
}

void sl_encoded_free(struct sl_encoded *e)
{
    for (int i = 0; i < e->n_pictures; i++) sl_view_free(&e->pictures[i]);
    free(e->pictures);
    free(e->tokens);
    free(e->targets);
    free(e->key);
    free(e->domain);
    free(e->truth);
    *e = (struct sl_encoded){0};
}

/* --- one encode's work space ------------------------------------------------------------------------------------- */

struct work {
    const struct sl_encode_options *options;
    const struct sl_sample *sample;
    /* The messages as the template takes them; parts lie one message after the other. */
    struct sl_chat_message *messages; /* (sample's n_messages), owned */
    struct sl_chat_part *parts;       /* (n_parts), owned; pointers into it are set at the end */
    size_t n_parts, cap_parts;
    bool thinking; /* an answer to the last user's message begins with a thought */
    /* Pictures in the order of their parts. */
    struct sl_view *views; /* (n_views), owned */
    size_t n_views, cap_views;
    int64_t n_patches; /* of views */
    struct sl_chat_tokens chat;
    struct sl_encode_failure *why;
    sl_error *err;
};

static void work_release(struct work *w)
{
    for (size_t i = 0; i < w->n_views; i++) sl_view_free(&w->views[i]);
    free(w->views);
    free(w->messages);
    free(w->parts);
    sl_chat_tokens_release(&w->chat);
}

static sl_status no_memory(struct work *w)
{
    *w->why = (struct sl_encode_failure){.in_sample = false};
    return sl_fail(w->err, SL_ERR_MEMORY, "no memory to encode a sample");
}

static sl_status blame(struct work *w, sl_skip_reason reason, const char *message)
{
    *w->why = (struct sl_encode_failure){.in_sample = true, .reason = reason};
    return sl_fail(w->err, SL_ERR_ARGUMENT, "%s", message);
}

static bool add_part(struct work *w, struct sl_chat_part part)
{
    if (!sl_grow_array((void **)&w->parts, &w->cap_parts, w->n_parts + 1, sizeof part, SIZE_MAX / sizeof part))
        return false;
    w->parts[w->n_parts++] = part;
    return true;
}

/* --- text -----------------------------------------------------------------------------------------------------------
 */

static bool begins_with_thought(const char *text, size_t n)
{
    static const char tag[] = "<think>";
    while (n && strchr(" \t\r\n", *text) && *text) text++, n--;
    return n >= sizeof tag - 1 && memcmp(text, tag, sizeof tag - 1) == 0;
}

/* Adds text; what an assistant writes between <tool_call> and </tool_call> becomes a part of its own. */
static bool add_text(struct work *w, const char *text, size_t n, bool assistant)
{
    static const char open[] = "<tool_call>", close[] = "</tool_call>";
    while (assistant) {
        const char *begin = memmem(text, n, open, sizeof open - 1);
        const char *inner = begin ? begin + sizeof open - 1 : NULL;
        const char *end = inner ? memmem(inner, n - (size_t)(inner - text), close, sizeof close - 1) : NULL;
        if (!end) break;
        if (begin > text && !add_part(w, (struct sl_chat_part){SL_CHAT_TEXT, text, (size_t)(begin - text), 0}))
            return false;
        if (!add_part(w, (struct sl_chat_part){SL_CHAT_TOOL_CALL, inner, (size_t)(end - inner), 0})) return false;
        n -= (size_t)(end + sizeof close - 1 - text);
        text = end + sizeof close - 1;
        while (n && *text == '\n') text++, n--; /* the template sets calls apart */
    }
    return n == 0 || add_part(w, (struct sl_chat_part){SL_CHAT_TEXT, text, n, 0});
}

/* --- media ----------------------------------------------------------------------------------------------------------
 */

/* Moves the views of a medium behind those there are, with a part for each. */
static bool take_views(struct work *w, struct sl_media_views *v)
{
    if (!sl_grow_array((void **)&w->views, &w->cap_views, w->n_views + (size_t)v->n, sizeof *w->views, INT32_MAX))
        return false;
    for (int i = 0; i < v->n; i++) {
        struct sl_chat_part part = {.kind = v->seconds ? SL_CHAT_FRAME : SL_CHAT_PICTURE};
        if (v->seconds) part.seconds = v->seconds[i];
        if (!add_part(w, part)) return false;
        w->n_patches += sl_grid_patches(v->items[i].grid);
        w->views[w->n_views++] = v->items[i];
        v->items[i] = (struct sl_view){0};
    }
    return true;
}

/*
 * Adds a picture or video. Once the pictures alone are more than a sequence holds, all that follow them will be cut off
 * and are not read.
 */
static sl_status add_media(struct work *w, int index)
{
    const struct sl_encode_options *o = w->options;
    const int64_t most = o->max_patches / 4 < o->max_tokens ? o->max_patches : 4 * o->max_tokens;
    struct sl_media_views views;
    if (w->n_patches > most) return SL_OK;
    sl_status s = sl_media_load(o, &w->sample->media[index], most - w->n_patches, &views, w->why, w->err);
    if (!s && !take_views(w, &views)) s = no_memory(w);
    sl_media_views_free(&views);
    return s;
}

/* --- messages -------------------------------------------------------------------------------------------------------
 */

static sl_status add_message(struct work *w, int index)
{
    static const enum sl_chat_role roles[] = {SL_CHAT_SYSTEM, SL_CHAT_USER, SL_CHAT_ASSISTANT, SL_CHAT_TOOL};
    const struct sl_sample_message *m = &w->sample->messages[index];
    const bool assistant = m->role == SL_SAMPLE_ASSISTANT;
    size_t first = w->n_parts;
    if (m->role == SL_SAMPLE_USER) w->thinking = false;
    for (int i = 0; i < m->n_parts; i++) {
        const struct sl_sample_part *p = &m->parts[i];
        sl_status s = SL_OK;
        if (p->kind != SL_SAMPLE_TEXT)
            s = add_media(w, p->media);
        else if (!add_text(w, p->text, p->n_text, assistant))
            s = no_memory(w);
        if (s) return s;
        if (assistant && i == 0 && p->text && begins_with_thought(p->text, p->n_text)) w->thinking = true;
    }
    w->messages[index] =
        (struct sl_chat_message){.role = roles[m->role], .n_parts = w->n_parts - first, .no_loss = m->no_loss};
    return SL_OK;
}

static sl_status encode_chat(struct work *w)
{
    const size_t n = (size_t)w->sample->n_messages;
    struct sl_chat_part *next = w->parts;
    for (size_t i = 0; i < n; i++) {
        w->messages[i].parts = next;
        next += w->messages[i].n_parts;
    }
    const struct sl_encode_options *o = w->options;
    /* Other families have one kind of answer a checkpoint, not two that a system text chooses from. */
    bool thinking = o->format == SL_CHAT_FORMAT_SEEDLING ? w->thinking : o->always_thinks;
    struct sl_chat_options options = {.thinking = thinking, .format = o->format};
    sl_status s = sl_chat_encode(w->options->tokenizer, w->messages, n, &options, &w->chat, w->err);
    if (s == SL_ERR_ARGUMENT || s == SL_ERR_FORMAT)
        *w->why = (struct sl_encode_failure){.in_sample = true, .reason = SL_SKIP_BAD_ROW};
    return s;
}

/* --- the sequence ---------------------------------------------------------------------------------------------------
 */

/* The front of the chat that fits. */
struct front {
    int64_t n_tokens, n_patches; /* with pictures repeated */
    size_t n_ids, n_views;       /* of the chat's ids and of the views */
};

/* Adds ids up to `end`, all of them text; false when they do not fit. */
static bool add_ids(struct front *f, size_t end, int64_t max_tokens)
{
    int64_t room = max_tokens - f->n_tokens, n = (int64_t)(end - f->n_ids);
    bool fits = n <= room;
    if (!fits) n = room;
    f->n_ids += (size_t)n;
    f->n_tokens += n;
    return fits;
}

/*
 * A picture stands in ids as image_start, image_patch, image_end; the middle one is its mark. In one family the moments
 * of a video stand between one start and one end.
 */
static struct front fit(const struct work *w)
{
    const struct sl_encode_options *o = w->options;
    struct front f = {0};
    for (size_t i = 0; i < w->chat.n_marks; i++) {
        size_t mark = w->chat.marks[i].token, opens = mark > f.n_ids;
        bool follows = i + 1 < w->chat.n_marks && w->chat.marks[i + 1].token == mark + 1;
        int64_t around = (int64_t)opens + !follows;
        if (!add_ids(&f, mark - opens, o->max_tokens) || i == w->n_views) return f;
        int64_t patches = sl_grid_patches(w->views[i].grid);
        if (f.n_tokens + patches / 4 + around > o->max_tokens || f.n_patches + patches > o->max_patches) return f;
        f.n_tokens += patches / 4 + around;
        f.n_patches += patches;
        f.n_ids = mark + 1 + !follows;
        f.n_views++;
    }
    add_ids(&f, w->chat.ids.len, o->max_tokens);
    return f;
}

/* Tokens with pictures repeated, and as targets those that carry loss, one place earlier. */
static void write_tokens(const struct work *w, const struct front *f, struct sl_encoded *out)
{
    int64_t at = 0;
    size_t picture = 0;
    for (size_t i = 0; i < f->n_ids; i++) {
        bool mark = picture < f->n_views && w->chat.marks[picture].token == i;
        int64_t times = mark ? sl_grid_patches(w->views[picture++].grid) / 4 : 1;
        if (at > 0 && w->chat.loss[i]) {
            out->targets[at - 1] = w->chat.ids.data[i];
            out->n_targets++;
        }
        for (; times > 0; times--) {
            out->targets[at] = -1;
            out->tokens[at++] = w->chat.ids.data[i];
        }
    }
    out->n_tokens = at;
}

static bool allocate(const struct work *w, const struct front *f, struct sl_encoded *out)
{
    out->tokens = sl_alloc_array((size_t)f->n_tokens + 1, sizeof *out->tokens);
    out->targets = sl_alloc_array((size_t)f->n_tokens + 1, sizeof *out->targets);
    out->pictures = sl_alloc_array(f->n_views + 1, sizeof *out->pictures);
    out->key = sl_strdup(w->sample->key ? w->sample->key : "?");
    out->domain = w->sample->domain ? sl_strdup(w->sample->domain) : NULL;
    out->truth = w->sample->truth ? sl_strdup(w->sample->truth) : NULL;
    return (out->truth || !w->sample->truth) && out->tokens && out->targets && out->pictures && out->key &&
           (out->domain || !w->sample->domain);
}

static void describe(struct work *w, const struct front *f, struct sl_encoded *out)
{
    out->n_bytes = sizeof *out + (size_t)f->n_tokens * 8;
    for (size_t i = 0; i < f->n_views; i++) {
        out->pictures[i] = w->views[i];
        w->views[i] = (struct sl_view){0};
        out->n_bytes += (size_t)out->pictures[i].picture.width * (size_t)out->pictures[i].picture.height * 3;
    }
    out->n_pictures = (int)f->n_views;
    out->n_patches = f->n_patches;
    out->id = w->sample->id;
    out->epoch = w->sample->epoch;
    out->source = w->sample->source;
    out->target_weight = out->n_targets ? powf((float)out->n_targets, -w->options->loss_power) : 0;
}

static sl_status write_out(struct work *w, struct sl_encoded *out)
{
    struct front f = fit(w);
    out->cut = f.n_ids < w->chat.ids.len;
    if (out->cut && w->options->too_long == SL_TOO_LONG_DROP)
        return blame(w, SL_SKIP_TOO_LONG, "longer than a sequence");
    if (f.n_tokens == 0) return blame(w, SL_SKIP_TOO_LONG, "its first picture is larger than a sequence");
    if (!allocate(w, &f, out)) return no_memory(w);
    write_tokens(w, &f, out);
    if (out->n_targets == 0 && w->options->need_target)
        return out->cut ? blame(w, SL_SKIP_TOO_LONG, "its first answer begins behind the end of a sequence")
                        : blame(w, SL_SKIP_NO_TARGET, "no assistant's message to learn from");
    describe(w, &f, out);
    return SL_OK;
}

sl_status sl_encode(const struct sl_encode_options *o, const struct sl_sample *sample, struct sl_encoded *out,
                    struct sl_encode_failure *why, sl_error *err)
{
    struct work w = {.options = o, .sample = sample, .why = why, .err = err};
    sl_status s = SL_OK;
    *out = (struct sl_encoded){0};
    *why = (struct sl_encode_failure){0};
    sl_chat_tokens_init(&w.chat, MAX_TEXT_TOKENS);
    w.messages = sl_alloc_array((size_t)sample->n_messages + 1, sizeof *w.messages);
    if (!w.messages) s = no_memory(&w);
    for (int i = 0; i < sample->n_messages && !s; i++) s = add_message(&w, i);
    if (!s) s = encode_chat(&w);
    if (!s) s = write_out(&w, out);
    if (s) sl_encoded_free(out);
    work_release(&w);
    return s;
}
