/*
 * speech.c: holding text back until it is certain.
 */
#include "infer/speech.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1 << 28 };

sl_status sl_speech_init(sl_speech *s, const struct sl_tokenizer *tokenizer, bool thinking, const char *const *stops,
                         int n_stops, sl_error *err)
{
    *s = (sl_speech){.tokenizer = tokenizer, .thinking = thinking};
    s->reasoning.ceiling = s->answer.ceiling = MAX_TEXT;
    if (n_stops < 0 || n_stops > SL_MAX_STOPS)
        return sl_fail(err, SL_ERR_ARGUMENT, "%d stop strings; at most %d", n_stops, SL_MAX_STOPS);
    for (int i = 0; i < n_stops; i++) {
        size_t n = strlen(stops[i]);
        if (n == 0 || n > SL_MAX_STOP_BYTES)
            return sl_fail(err, SL_ERR_ARGUMENT, "a stop string of %zu bytes; 1 to %d", n, SL_MAX_STOP_BYTES);
        s->stops[s->n_stops] = sl_strdup(stops[i]);
        if (!s->stops[s->n_stops++]) return sl_fail(err, SL_ERR_MEMORY, "out of memory for stop strings");
    }
    return SL_OK;
}

void sl_speech_release(sl_speech *s)
{
    for (int i = 0; i < s->n_stops; i++) free(s->stops[i]);
    sl_buf_release(&s->reasoning);
    sl_buf_release(&s->answer);
    *s = (sl_speech){0};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Cuts the answer before the first stop string that ends after byte `from`. */
static void find_stop(sl_speech *s, size_t from)
{
    const char *best = NULL, *text = sl_buf_str(&s->answer);
    for (int i = 0; i < s->n_stops; i++) {
        size_t n = strlen(s->stops[i]), start = from >= n ? from - n + 1 : 0;
        const char *at = memmem(text + start, s->answer.len - start, s->stops[i], n);
        if (at && (!best || at < best)) best = at;
    }
    if (!best) return;
    s->stopped = true;
    s->answer.len = (size_t)(best - text);
    s->answer.data[s->answer.len] = '\0';
}

/* Drops white space that the reasoning began with. */
static void trim_start(struct sl_buf *b)
{
    size_t n = 0;
    while (n < b->len && is_space(b->data[n])) n++;
    if (!n) return;
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

sl_status sl_speech_add(sl_speech *s, int32_t id, sl_error *err)
{
    if (!s->tokenizer || s->stopped) return SL_OK;
    struct sl_buf *to = s->thinking ? &s->reasoning : &s->answer;
    size_t before = to->len;
    sl_status st = sl_token_stream_add(s->tokenizer, &s->stream, id, true, to, err);
    if (st == SL_OK && !sl_buf_ok(to)) st = sl_fail(err, SL_ERR_MEMORY, "an answer of more than %d bytes", MAX_TEXT);
    if (st != SL_OK) return st;
    if (s->thinking && before == 0 && to->len) trim_start(to);
    if (!s->thinking && to->len > before) find_stop(s, before);
    return SL_OK;
}

static void trim_end(struct sl_buf *b)
{
    while (b->len && is_space(b->data[b->len - 1])) b->data[--b->len] = '\0';
}

void sl_speech_close_thought(sl_speech *s)
{
    if (!s->thinking) return;
    sl_token_stream_end(&s->stream, &s->reasoning);
    trim_end(&s->reasoning);
    s->thinking = false;
}

void sl_speech_end(sl_speech *s)
{
    bool cut = s->thinking;
    if (s->stopped) s->stream = (struct sl_token_stream){0};
    sl_token_stream_end(&s->stream, cut ? &s->reasoning : &s->answer);
    if (cut) trim_end(&s->reasoning);
}

/* The length of the longest end of text that a stop string begins with. */
static size_t held_back(const sl_speech *s)
{
    size_t most = 0;
    for (int i = 0; i < s->n_stops; i++) {
        size_t n = strlen(s->stops[i]) - 1;
        if (n > s->answer.len) n = s->answer.len;
        for (; n > most; n--)
            if (memcmp(s->answer.data + s->answer.len - n, s->stops[i], n) == 0) most = n;
    }
    return most;
}

sl_speech_text sl_speech_next(sl_speech *s, bool ended)
{
    size_t end = s->reasoning.len;
    while (s->thinking && !ended && end && is_space(s->reasoning.data[end - 1])) end--;
    if (end > s->shown_reasoning) {
        sl_speech_text t = {s->reasoning.data + s->shown_reasoning, end - s->shown_reasoning, true};
        s->shown_reasoning = end;
        return t;
    }
    end = s->answer.len;
    if (!ended && !s->stopped && s->n_stops && end) end -= held_back(s);
    sl_speech_text t = {sl_buf_str(&s->answer) + s->shown_answer, 0, false};
    if (end > s->shown_answer) {
        t.n = end - s->shown_answer;
        s->shown_answer = end;
    }
    return t;
}
