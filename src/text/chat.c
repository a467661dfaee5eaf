/*
 * chat.c: the walk over messages that writes the template, to token ids or to text.
 *
 * The template's own text and each content are encoded one by one, so that no token ever spans a border: a prompt is
 * then always a prefix of what was trained on.
 */
#include "text/chat.h"

#include "base/mem.h"
#include "text/answer.h"
#include "text/chat_parts.h"
#include "text/special.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const role_names[SL_N_CHAT_ROLES] = {
    [SL_CHAT_SYSTEM] = "system",
    [SL_CHAT_USER] = "user",
    [SL_CHAT_ASSISTANT] = "assistant",
    [SL_CHAT_TOOL] = "tool",
};

static const char direct_text[] = "Answer the question directly, without writing down your reasoning.";
static const char thinking_text[] = "Reason about the question first, inside <think> and </think>. "
                                    "Then, after </think>, give the answer.";

static const char tools_text[] =
    "\n\nYou may use the tools that are described below, one JSON object a line. To use one, write its name and its "
    "arguments as JSON inside <tool_call> and </tool_call>:\n"
    "<tool_call>\n{\"name\":\"...\",\"arguments\":{...}}\n</tool_call>\n"
    "Its result comes back as a message of the role tool.\n";

/* What steers the model without being special; in content it is spelled out in ordinary tokens. */
static const char *const control_tags[] = {"<think>", "</think>", "<tool_call>", "</tool_call>"};

enum { MAX_JSON_DEPTH = 64, MAX_JSON_BYTES = 1 << 24 };

const char *sl_chat_system_text(bool thinking)
{
    return thinking ? thinking_text : direct_text;
}

const char *sl_chat_role_name(enum sl_chat_role role)
{
    return role_names[role];
}

bool sl_chat_role_of(const char *name, size_t n, enum sl_chat_role *out)
{
    for (int i = 0; i < SL_N_CHAT_ROLES; i++) {
        if (strlen(role_names[i]) != n || memcmp(role_names[i], name, n) != 0) continue;
        *out = (enum sl_chat_role)i;
        return true;
    }
    return false;
}

/* --- where it is written to ----------------------------------------------------------------------------------- */

/* Gives the ids written since the last call their loss mark. */
static void mark_loss(struct sl_chat_writer *w, size_t before)
{
    struct sl_chat_tokens *t = w->tokens;
    if (w->status) return;
    if (!sl_grow_array((void **)&t->loss, &t->cap_loss, t->ids.len, 1, t->ids.ceiling))
        w->status = sl_fail(w->err, SL_ERR_MEMORY, "out of memory for a chat of %zu tokens", t->ids.len);
    else if (t->ids.len > before)
        memset(t->loss + before, w->loss, t->ids.len - before);
}

static void encode(struct sl_chat_writer *w, const char *s, size_t n, unsigned flags)
{
    size_t before = w->tokens->ids.len;
    w->status = sl_tokenizer_encode(w->tokenizer, s, n, flags, &w->tokens->ids, w->err);
    if (w->status) sl_fail_context(w->err, w->status, "message %zu", w->message);
    mark_loss(w, before);
}

/* Encodes what was joined so far. */
static void flush(struct sl_chat_writer *w)
{
    if (!w->joined || w->joined->len == 0) return;
    bool loss = w->loss;
    w->loss = w->joined_loss;
    if (!w->status && !sl_buf_ok(w->joined)) w->status = sl_fail(w->err, SL_ERR_MEMORY, "out of memory for a chat");
    if (!w->status) encode(w, sl_buf_str(w->joined), w->joined->len, SL_ENCODE_TAGS);
    sl_buf_clear(w->joined);
    w->loss = loss;
}

/* Writes n bytes, looking for the added tokens of flags. */
static void put(struct sl_chat_writer *w, const char *s, size_t n, unsigned flags)
{
    if (w->status || n == 0) return;
    if (!w->tokens) {
        sl_buf_add(w->text, s, n);
    } else if (w->joined && flags == SL_ENCODE_TAGS) {
        if (w->loss != w->joined_loss) flush(w);
        w->joined_loss = w->loss;
        sl_buf_add(w->joined, s, n);
    } else {
        flush(w);
        if (!w->status) encode(w, s, n, flags);
    }
}

/* Writes text of the template. */
void sl_chat_put_template(struct sl_chat_writer *w, const char *s)
{
    put(w, s, strlen(s), SL_ENCODE_TAGS);
}

void sl_chat_put_special(struct sl_chat_writer *w, const char *s)
{
    if (w->status) return;
    if (!w->tokens) {
        sl_buf_addstr(w->text, s);
        return;
    }
    flush(w);
    int32_t id = sl_tokenizer_id(w->tokenizer, s);
    size_t before = w->tokens->ids.len;
    if (id < 0 || !sl_tokenizer_is_special(w->tokenizer, id)) {
        w->status = sl_fail(w->err, SL_ERR_UNSUPPORTED, "the tokenizer has no special token %s", s);
    } else if (!sl_token_ids_add(&w->tokens->ids, id)) {
        w->status = sl_fail(w->err, SL_ERR_MEMORY, "message %zu: the chat is longer than %zu tokens", w->message,
                            w->tokens->ids.ceiling);
    }
    mark_loss(w, before);
}

static void put_special(struct sl_chat_writer *w, enum sl_special which)
{
    sl_chat_put_special(w, sl_special_token_at((int)which)->text);
}

void sl_chat_fail(struct sl_chat_writer *w, const char *why)
{
    if (!w->status) w->status = sl_fail(w->err, SL_ERR_ARGUMENT, "message %zu: %s", w->message, why);
}

/* --- content -------------------------------------------------------------------------------------------------- */

/* Returns the length of the control tag at s, or 0. */
static size_t control_tag_at(const char *s, size_t n)
{
    for (size_t i = 0; i < sizeof control_tags / sizeof *control_tags; i++) {
        size_t length = strlen(control_tags[i]);
        if (n >= length && memcmp(s, control_tags[i], length) == 0) return length;
    }
    return 0;
}

/* Writes content: with the tags of the answer language as tokens, but none that steers. */
void sl_chat_put_content(struct sl_chat_writer *w, const char *s, size_t n)
{
    size_t from = 0, at = 0;
    const char *lt;
    w->has_content |= n > 0;
    while (at < n && (lt = memchr(s + at, '<', n - at))) {
        at = (size_t)(lt - s);
        size_t length = control_tag_at(s + at, n - at);
        if (length) {
            put(w, s + from, at - from, SL_ENCODE_TAGS);
            put(w, s + at, length, SL_ENCODE_PLAIN);
            from = at + length;
        }
        at += length ? length : 1;
    }
    put(w, s + from, n - from, SL_ENCODE_TAGS);
}

void sl_chat_put_plain(struct sl_chat_writer *w, const char *s, size_t n)
{
    put(w, s, n, SL_ENCODE_PLAIN);
}

void sl_chat_put_mark(struct sl_chat_writer *w, const char *token)
{
    flush(w);
    if (!w->status && w->tokens) {
        struct sl_chat_tokens *t = w->tokens;
        if (!sl_grow_array((void **)&t->marks, &t->cap_marks, t->n_marks + 1, sizeof *t->marks, t->ids.ceiling))
            w->status = sl_fail(w->err, SL_ERR_MEMORY, "out of memory for %zu pictures", t->n_marks + 1);
        else
            t->marks[t->n_marks++] = (struct sl_chat_mark){t->ids.len, w->message, w->part};
    }
    sl_chat_put_special(w, token);
}

static void put_picture(struct sl_chat_writer *w)
{
    put_special(w, SL_SPECIAL_IMAGE_START);
    sl_chat_put_mark(w, sl_special_token_at(SL_SPECIAL_IMAGE_PATCH)->text);
    put_special(w, SL_SPECIAL_IMAGE_END);
}

static void put_frame(struct sl_chat_writer *w, double seconds)
{
    char mark[64];
    if (!(seconds >= 0 && seconds < 1e9)) {
        sl_chat_fail(w, "a frame's time is not a number of seconds");
        return;
    }
    snprintf(mark, sizeof mark, "[%.1f second]", seconds);
    sl_chat_put_template(w, mark);
    put_picture(w);
}

json_t *sl_chat_parse_object(struct sl_chat_writer *w, const char *what, const char *s, size_t n)
{
    json_t *value = NULL;
    if (w->status) return NULL;
    if (n > MAX_JSON_BYTES)
        w->status = sl_fail(w->err, SL_ERR_ARGUMENT, "longer than %d bytes", MAX_JSON_BYTES);
    else if (sl_json_parse(s, n, MAX_JSON_DEPTH, &value, w->err))
        w->status = SL_ERR_ARGUMENT;
    else if (!json_is_object(value))
        w->status = sl_fail(w->err, SL_ERR_ARGUMENT, "not a JSON object");
    if (!w->status) return value;
    if (w->err) w->err->status = w->status;
    sl_fail_context(w->err, w->status, "message %zu: %s", w->message, what);
    json_decref(value);
    return NULL;
}

/* Writes a JSON value on one line. In strings, </tool_call> is written so that it does not end a call. */
static void put_json(struct sl_chat_writer *w, const json_t *value, unsigned flags)
{
    static const char close[] = "</tool_call>";
    if (w->status) return;
    struct sl_buf line = SL_BUF_INIT(8 * (size_t)MAX_JSON_BYTES), safe = SL_BUF_INIT(16 * (size_t)MAX_JSON_BYTES);
    w->status = sl_json_dump(value, 0, &line, w->err);
    const char *s = sl_buf_str(&line), *end = s + line.len, *found;
    while ((found = memmem(s, (size_t)(end - s), close, sizeof close - 1))) {
        sl_buf_add(&safe, s, (size_t)(found - s));
        sl_buf_addstr(&safe, "\\u003c");
        s = found + 1;
    }
    sl_buf_add(&safe, s, (size_t)(end - s));
    if (!w->status && !sl_buf_ok(&safe)) w->status = sl_fail(w->err, SL_ERR_MEMORY, "out of memory for JSON");
    if (flags == SL_ENCODE_PLAIN)
        put(w, sl_buf_str(&safe), safe.len, flags);
    else
        sl_chat_put_content(w, sl_buf_str(&safe), safe.len);
    sl_buf_release(&line);
    sl_buf_release(&safe);
}

json_t *sl_chat_parse_call(struct sl_chat_writer *w, const struct sl_chat_part *part)
{
    json_t *call = sl_chat_parse_object(w, "tool call", part->text, part->n);
    if (call && !(json_is_string(json_object_get(call, "name")) && json_is_object(json_object_get(call, "arguments")) &&
                  json_object_size(call) == 2))
        sl_chat_fail(w, "a tool call is not {\"name\": \"...\", \"arguments\": {...}}");
    return call;
}

static void put_tool_call(struct sl_chat_writer *w, const struct sl_chat_part *part)
{
    json_t *call = sl_chat_parse_call(w, part);
    if (call && !w->status) {
        sl_chat_put_template(w, w->has_content ? "\n<tool_call>\n" : "<tool_call>\n");
        put_json(w, call, SL_ENCODE_TAGS);
        sl_chat_put_template(w, "\n</tool_call>");
    }
    json_decref(call);
}

static void put_part(struct sl_chat_writer *w, const struct sl_chat_message *m, const struct sl_chat_part *part)
{
    bool may_show = m->role == SL_CHAT_USER || m->role == SL_CHAT_TOOL;
    switch (part->kind) {
    case SL_CHAT_TEXT:
        /* What a tool returns comes from anywhere: not even points are taken from it. */
        if (m->role == SL_CHAT_TOOL)
            put(w, part->text, part->n, SL_ENCODE_PLAIN);
        else
            sl_chat_put_content(w, part->text, part->n);
        break;
    case SL_CHAT_PICTURE:
    case SL_CHAT_FRAME:
        if (!may_show)
            sl_chat_fail(w, "pictures come from the user or a tool");
        else if (part->kind == SL_CHAT_PICTURE)
            put_picture(w);
        else
            put_frame(w, part->seconds);
        break;
    case SL_CHAT_TOOL_CALL:
        if (m->role != SL_CHAT_ASSISTANT)
            sl_chat_fail(w, "only an assistant calls tools");
        else
            put_tool_call(w, part);
        break;
    default:
        sl_chat_fail(w, "a part of no known kind");
    }
}

static void put_parts(struct sl_chat_writer *w, const struct sl_chat_message *m)
{
    for (w->part = 0; w->part < m->n_parts && !w->status; w->part++) put_part(w, m, &m->parts[w->part]);
}

/* --- messages ------------------------------------------------------------------------------------------------- */

static void open_message(struct sl_chat_writer *w, enum sl_chat_role role)
{
    put_special(w, SL_SPECIAL_IM_START);
    sl_chat_put_template(w, role_names[role]);
    sl_chat_put_template(w, "\n");
    w->has_content = false;
}

/* Closes a message; its end is the model's own where the message is. */
static void close_message(struct sl_chat_writer *w)
{
    put_special(w, SL_SPECIAL_IM_END);
    w->loss = false;
    sl_chat_put_template(w, "\n");
}

static void put_tools(struct sl_chat_writer *w)
{
    if (w->options->n_tools == 0) return;
    sl_chat_put_template(w, tools_text);
    for (size_t i = 0; i < w->options->n_tools && !w->status; i++) {
        const char *text = w->options->tools[i];
        json_t *tool = sl_chat_parse_object(w, "tool description", text, strlen(text));
        if (i) sl_chat_put_template(w, "\n");
        if (tool) put_json(w, tool, SL_ENCODE_PLAIN);
        json_decref(tool);
    }
}

/* Writes the system message, from the user's own one if there is one. */
static void put_system(struct sl_chat_writer *w, const struct sl_chat_message *own)
{
    open_message(w, SL_CHAT_SYSTEM);
    sl_chat_put_template(w, sl_chat_system_text(w->options->thinking));
    if (own && own->n_parts) {
        sl_chat_put_template(w, "\n\n");
        put_parts(w, own);
    }
    put_tools(w);
    close_message(w);
}

/* True when a message begins with <think>, white space aside. */
static bool begins_with_think(const char *s, size_t n)
{
    static const char tag[] = "<think>";
    while (n > 0 && strchr(" \t\r\n", *s) && *s) {
        s++;
        n--;
    }
    return n >= sizeof tag - 1 && memcmp(s, tag, sizeof tag - 1) == 0;
}

/* Writes the thought of a message: the open tag as the prompt would, the rest as the model. */
static void put_reasoning(struct sl_chat_writer *w, const char *s, size_t n)
{
    while (n > 0 && strchr(" \t\r\n", s[n - 1]) && s[n - 1]) n--;
    while (n > 0 && strchr(" \t\r\n", s[0]) && s[0]) {
        s++;
        n--;
    }
    bool loss = w->loss;
    w->loss = false;
    sl_chat_put_template(w, "<think>\n");
    w->loss = loss;
    sl_chat_put_content(w, s, n);
    sl_chat_put_template(w, "\n</think>\n\n");
    w->has_content = false;
}

struct sl_chat_thought sl_chat_thought_of(const struct sl_chat_message *m)
{
    struct sl_chat_thought t = {m->reasoning, m->n_reasoning, false, {.kind = SL_CHAT_TEXT}};
    t.is_inline = !t.reasoning && m->n_parts && m->parts[0].kind == SL_CHAT_TEXT &&
                  begins_with_think(m->parts[0].text, m->parts[0].n);
    if (!t.is_inline) return t;
    const char *text = m->parts[0].text;
    struct sl_answer_split split = sl_answer_split(text, m->parts[0].n, 0);
    t.reasoning = text + split.reasoning.begin;
    t.n_reasoning = split.reasoning.end - split.reasoning.begin;
    t.first.text = text + split.answer.begin;
    t.first.n = split.answer.end - split.answer.begin;
    return t;
}

/* Writes an assistant's message; is_recent: no user message follows it. */
static void put_assistant(struct sl_chat_writer *w, const struct sl_chat_message *m, bool is_recent)
{
    struct sl_chat_thought t = sl_chat_thought_of(m);
    open_message(w, SL_CHAT_ASSISTANT);
    w->loss = !m->no_loss;
    if (w->options->thinking && (is_recent || (w->options->keep_reasoning && t.reasoning)))
        put_reasoning(w, t.reasoning ? t.reasoning : "", t.reasoning ? t.n_reasoning : 0);
    for (w->part = 0; w->part < m->n_parts && !w->status; w->part++)
        put_part(w, m, t.is_inline && w->part == 0 ? &t.first : &m->parts[w->part]);
    close_message(w);
}

void sl_chat_check_place(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t i)
{
    enum sl_chat_role role = messages[i].role;
    if ((unsigned)role >= SL_N_CHAT_ROLES) sl_chat_fail(w, "a role that is none");
    if (role == SL_CHAT_SYSTEM && i > 0) sl_chat_fail(w, "a system message comes first or not at all");
    bool after_call = i > 0 && (messages[i - 1].role == SL_CHAT_ASSISTANT || messages[i - 1].role == SL_CHAT_TOOL);
    if (role == SL_CHAT_TOOL && !after_call) sl_chat_fail(w, "a tool answers an assistant");
}

static void put_own(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t n)
{
    size_t after_user = 0; /* the first message after the last of the user */
    for (size_t i = 0; i < n; i++)
        if (messages[i].role == SL_CHAT_USER) after_user = i + 1;
    bool own_system = messages[0].role == SL_CHAT_SYSTEM;
    put_system(w, own_system ? &messages[0] : NULL);
    for (size_t i = own_system; i < n && !w->status; i++) {
        w->message = i;
        sl_chat_check_place(w, messages, i);
        if (w->status) return;
        if (messages[i].role == SL_CHAT_ASSISTANT) {
            put_assistant(w, &messages[i], i >= after_user);
            continue;
        }
        open_message(w, messages[i].role);
        put_parts(w, &messages[i]);
        close_message(w);
    }
    if (!w->options->generation_prompt) return;
    if (messages[n - 1].role == SL_CHAT_ASSISTANT) sl_chat_fail(w, "the last message already is an assistant's");
    open_message(w, SL_CHAT_ASSISTANT);
    if (w->options->thinking) sl_chat_put_template(w, "<think>\n");
}

static void put_chat(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t n)
{
    static void (*const templates[])(struct sl_chat_writer *, const struct sl_chat_message *, size_t) = {
        [SL_CHAT_FORMAT_SEEDLING] = put_own,
        [SL_CHAT_FORMAT_QWEN3_VL] = sl_chat_put_qwen,
        [SL_CHAT_FORMAT_QWEN2_5_VL] = sl_chat_put_qwen,
        [SL_CHAT_FORMAT_KIMI_VL] = sl_chat_put_kimi,
    };
    SL_CHECK((unsigned)w->options->format < sizeof templates / sizeof *templates);
    if (n == 0) {
        w->status = sl_fail(w->err, SL_ERR_ARGUMENT, "a chat without messages");
        return;
    }
    templates[w->options->format](w, messages, n);
    flush(w);
}

void sl_chat_tokens_init(struct sl_chat_tokens *t, size_t max_tokens)
{
    *t = (struct sl_chat_tokens){.ids = {.ceiling = max_tokens}};
}

void sl_chat_tokens_release(struct sl_chat_tokens *t)
{
    size_t max_tokens = t->ids.ceiling;
    sl_token_ids_release(&t->ids);
    free(t->loss);
    free(t->marks);
    sl_chat_tokens_init(t, max_tokens);
}

sl_status sl_chat_encode(const struct sl_tokenizer *tokenizer, const struct sl_chat_message *messages, size_t n,
                         const struct sl_chat_options *options, struct sl_chat_tokens *out, sl_error *err)
{
    struct sl_chat_writer w = {.options = options, .tokenizer = tokenizer, .tokens = out, .err = err};
    struct sl_buf joined = SL_BUF_INIT(16 * (size_t)MAX_JSON_BYTES);
    if (options->format != SL_CHAT_FORMAT_SEEDLING) w.joined = &joined;
    out->ids.len = 0;
    out->n_marks = 0;
    put_chat(&w, messages, n);
    sl_buf_release(&joined);
    return w.status;
}

sl_status sl_chat_render(const struct sl_chat_message *messages, size_t n, const struct sl_chat_options *options,
                         struct sl_buf *out, sl_error *err)
{
    struct sl_chat_writer w = {.options = options, .text = out, .err = err};
    put_chat(&w, messages, n);
    if (!w.status && !sl_buf_ok(out)) w.status = sl_fail(err, SL_ERR_MEMORY, "the chat is longer than its buffer");
    return w.status;
}
