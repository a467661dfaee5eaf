/*
 * chat_qwen.c: the chat templates of Qwen2.5-VL and Qwen3-VL, as their chat_template files render.
 *
 * Qwen3-VL has no system text of its own, takes tools, and shows a video as its moments with their times; its Thinking
 * models open every answer with <think>. Qwen2.5-VL always has a system text and shows a video as one run.
 */
#include "text/chat_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char tools_before[] =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function "
    "signatures within <tools></tools> XML tags:\n<tools>";
static const char tools_behind[] =
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
    "<args-json-object>}\n</tool_call>";
static const char default_system[] = "You are a helpful assistant.";

enum { MAX_JSON = 1 << 25 };

static bool is_third(const struct sl_chat_writer *w)
{
    return w->options->format == SL_CHAT_FORMAT_QWEN3_VL;
}

static void open_message(struct sl_chat_writer *w, const char *role)
{
    sl_chat_put_special(w, "<|im_start|>");
    sl_chat_put_template(w, role);
    sl_chat_put_template(w, "\n");
}

static void close_message(struct sl_chat_writer *w)
{
    sl_chat_put_special(w, "<|im_end|>");
    w->loss = false;
    sl_chat_put_template(w, "\n");
}

/* Writes a value as Python's json.dumps does: a space behind commas and colons. */
static void put_json(struct sl_chat_writer *w, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (text)
        sl_chat_put_content(w, text, strlen(text));
    else if (!w->status)
        w->status = sl_fail(w->err, SL_ERR_MEMORY, "out of memory for JSON");
    free(text);
}

/* Writes the picture or frame of part i. */
static void put_view(struct sl_chat_writer *w, const struct sl_chat_message *m, size_t i)
{
    const struct sl_chat_part *part = &m->parts[i];
    if (part->kind == SL_CHAT_PICTURE) {
        sl_chat_put_special(w, "<|vision_start|>");
        sl_chat_put_mark(w, "<|image_pad|>");
        sl_chat_put_special(w, "<|vision_end|>");
        return;
    }
    if (!(part->seconds >= 0 && part->seconds < 1e9)) {
        sl_chat_fail(w, "a frame's time is not a number of seconds");
        return;
    }
    bool first = i == 0 || m->parts[i - 1].kind != SL_CHAT_FRAME;
    bool last = i + 1 == m->n_parts || m->parts[i + 1].kind != SL_CHAT_FRAME;
    if (is_third(w)) {
        char time[64];
        snprintf(time, sizeof time, "<%.1f seconds>", part->seconds);
        sl_chat_put_template(w, time);
    }
    if (is_third(w) || first) sl_chat_put_special(w, "<|vision_start|>");
    sl_chat_put_mark(w, "<|video_pad|>");
    if (is_third(w) || last) sl_chat_put_special(w, "<|vision_end|>");
}

static void put_call(struct sl_chat_writer *w, const struct sl_chat_part *part)
{
    json_t *call = sl_chat_parse_call(w, part);
    if (!call) return;
    sl_chat_put_template(w, w->has_content ? "\n<tool_call>\n{\"name\": \"" : "<tool_call>\n{\"name\": \"");
    const char *name = json_string_value(json_object_get(call, "name"));
    if (name) sl_chat_put_content(w, name, strlen(name));
    sl_chat_put_template(w, "\", \"arguments\": ");
    put_json(w, json_object_get(call, "arguments"));
    sl_chat_put_template(w, "}\n</tool_call>");
    w->has_content = true;
    json_decref(call);
}

static void put_part(struct sl_chat_writer *w, const struct sl_chat_message *m, size_t i)
{
    const struct sl_chat_part *part = &m->parts[i];
    w->part = i;
    if (part->kind == SL_CHAT_TOOL_CALL) {
        if (m->role != SL_CHAT_ASSISTANT)
            sl_chat_fail(w, "only an assistant calls tools");
        else
            put_call(w, part);
    } else if (part->kind != SL_CHAT_TEXT) {
        if (m->role != SL_CHAT_USER && m->role != SL_CHAT_TOOL)
            sl_chat_fail(w, "pictures come from the user or a tool");
        else
            put_view(w, m, i);
    } else if (m->role == SL_CHAT_TOOL) {
        sl_chat_put_plain(w, part->text, part->n);
    } else {
        sl_chat_put_content(w, part->text, part->n);
    }
}

static void put_parts(struct sl_chat_writer *w, const struct sl_chat_message *m)
{
    w->has_content = false;
    for (size_t i = 0; i < m->n_parts && !w->status; i++) put_part(w, m, i);
}

static void put_system(struct sl_chat_writer *w, const struct sl_chat_message *own)
{
    size_t n_tools = w->options->n_tools;
    if (!is_third(w) && n_tools) sl_chat_fail(w, "this model's template has no tools");
    if (is_third(w) && !own && !n_tools) return;
    open_message(w, "system");
    if (own)
        put_parts(w, own);
    else if (!is_third(w))
        sl_chat_put_template(w, default_system);
    if (n_tools) {
        if (own) sl_chat_put_template(w, "\n\n");
        sl_chat_put_template(w, tools_before);
        for (size_t i = 0; i < n_tools && !w->status; i++) {
            const char *text = w->options->tools[i];
            json_t *tool = sl_chat_parse_object(w, "tool description", text, strlen(text));
            sl_chat_put_template(w, "\n");
            if (tool) put_json(w, tool);
            json_decref(tool);
        }
        sl_chat_put_template(w, tools_behind);
    }
    close_message(w);
}

static bool is_newline(const char *s)
{
    return *s == '\n';
}

/* Writes an assistant's message; is_recent: no user message follows it; is_last: nothing does. */
static void put_assistant(struct sl_chat_writer *w, const struct sl_chat_message *m, bool is_recent, bool is_last)
{
    struct sl_chat_thought t = sl_chat_thought_of(m);
    const char *s = t.reasoning ? t.reasoning : "";
    size_t n = t.reasoning ? t.n_reasoning : 0;
    while (n && is_newline(s + n - 1)) n--;
    while (n && is_newline(s)) s++, n--;
    open_message(w, "assistant");
    w->loss = !m->no_loss;
    if (w->options->thinking && ((is_recent && (is_last || n)) || (w->options->keep_reasoning && n))) {
        w->loss = false;
        sl_chat_put_template(w, "<think>\n");
        w->loss = !m->no_loss;
        sl_chat_put_content(w, s, n);
        sl_chat_put_template(w, "\n</think>\n\n");
    }
    w->has_content = false;
    for (size_t i = 0; i < m->n_parts && !w->status; i++) {
        bool text = m->parts[i].kind == SL_CHAT_TEXT, rest = i == 0 && t.is_inline;
        if (rest)
            sl_chat_put_content(w, t.first.text, t.first.n);
        else
            put_part(w, m, i);
        w->has_content |= text && (rest ? t.first.n : m->parts[i].n);
    }
    close_message(w);
}

/* Results of tools are a user's message together. */
static void put_result(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t n, size_t i)
{
    if (!is_third(w)) sl_chat_fail(w, "this model's template has no tools");
    if (messages[i - 1].role != SL_CHAT_TOOL) {
        sl_chat_put_special(w, "<|im_start|>");
        sl_chat_put_template(w, "user");
    }
    sl_chat_put_template(w, "\n<tool_response>\n");
    put_parts(w, &messages[i]);
    sl_chat_put_template(w, "\n</tool_response>");
    if (i + 1 == n || messages[i + 1].role != SL_CHAT_TOOL) close_message(w);
}

void sl_chat_put_qwen(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t n)
{
    size_t after_user = 0;
    for (size_t i = 0; i < n; i++)
        if (messages[i].role == SL_CHAT_USER) after_user = i + 1;
    bool own_system = messages[0].role == SL_CHAT_SYSTEM;
    put_system(w, own_system ? &messages[0] : NULL);
    for (size_t i = own_system; i < n && !w->status; i++) {
        w->message = i;
        sl_chat_check_place(w, messages, i);
        if (w->status) return;
        if (messages[i].role == SL_CHAT_ASSISTANT) {
            put_assistant(w, &messages[i], i >= after_user, i + 1 == n);
        } else if (messages[i].role == SL_CHAT_TOOL) {
            put_result(w, messages, n, i);
        } else {
            open_message(w, sl_chat_role_name(messages[i].role));
            put_parts(w, &messages[i]);
            close_message(w);
        }
    }
    if (!w->options->generation_prompt) return;
    if (messages[n - 1].role == SL_CHAT_ASSISTANT) sl_chat_fail(w, "the last message already is an assistant's");
    open_message(w, "assistant");
    if (w->options->thinking) sl_chat_put_template(w, "<think>\n");
}
