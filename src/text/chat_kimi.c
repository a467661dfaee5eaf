/*
 * chat_kimi.c: the chat template of Kimi-VL: roles are special tokens, nothing stands between messages.
 */
#include "text/chat_parts.h"

#include <string.h>

static const struct {
    const char *token, *name;
} roles[] = {
    [SL_CHAT_SYSTEM] = {"<|im_system|>", "system"},
    [SL_CHAT_USER] = {"<|im_user|>", "user"},
    [SL_CHAT_ASSISTANT] = {"<|im_assistant|>", "assistant"},
};

static void open_message(struct sl_chat_writer *w, enum sl_chat_role role)
{
    sl_chat_put_special(w, roles[role].token);
    sl_chat_put_template(w, roles[role].name);
    sl_chat_put_special(w, "<|im_middle|>");
}

static void put_part(struct sl_chat_writer *w, const struct sl_chat_message *m, const struct sl_chat_part *part)
{
    switch (part->kind) {
    case SL_CHAT_TEXT:
        sl_chat_put_content(w, part->text, part->n);
        break;
    case SL_CHAT_PICTURE:
    case SL_CHAT_FRAME: /* the template knows pictures only; a video is its frames */
        if (m->role != SL_CHAT_USER) sl_chat_fail(w, "pictures come from the user");
        sl_chat_put_special(w, "<|media_start|>");
        sl_chat_put_template(w, "image");
        sl_chat_put_special(w, "<|media_content|>");
        sl_chat_put_mark(w, "<|media_pad|>");
        sl_chat_put_special(w, "<|media_end|>");
        break;
    case SL_CHAT_TOOL_CALL:
        sl_chat_fail(w, "this model's template has no tools");
        break;
    }
}

/* Text behind a thought, without the thought: earlier ones are not shown again. */
static void put_message(struct sl_chat_writer *w, const struct sl_chat_message *m)
{
    bool own = m->role == SL_CHAT_ASSISTANT;
    struct sl_chat_thought t = own ? sl_chat_thought_of(m) : (struct sl_chat_thought){0};
    open_message(w, m->role);
    w->loss = own && !m->no_loss;
    for (w->part = 0; w->part < m->n_parts && !w->status; w->part++)
        put_part(w, m, t.is_inline && w->part == 0 ? &t.first : &m->parts[w->part]);
    sl_chat_put_special(w, "<|im_end|>");
    w->loss = false;
}

void sl_chat_put_kimi(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t n)
{
    if (w->options->n_tools) sl_chat_fail(w, "this model's template has no tools");
    if (messages[0].role != SL_CHAT_SYSTEM) {
        open_message(w, SL_CHAT_SYSTEM);
        sl_chat_put_template(w, "You are a helpful assistant");
        sl_chat_put_special(w, "<|im_end|>");
    }
    for (size_t i = 0; i < n && !w->status; i++) {
        w->message = i;
        sl_chat_check_place(w, messages, i);
        if (messages[i].role == SL_CHAT_TOOL) sl_chat_fail(w, "this model's template has no tools");
        if (!w->status) put_message(w, &messages[i]);
    }
    if (!w->options->generation_prompt) return;
    if (messages[n - 1].role == SL_CHAT_ASSISTANT) sl_chat_fail(w, "the last message already is an assistant's");
    open_message(w, SL_CHAT_ASSISTANT);
}
