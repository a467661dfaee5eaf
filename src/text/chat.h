/*
 * chat.h: the chat template: messages in, token ids out, with what to learn from and where the pictures go.
 *
 * docs/CHAT.md has the template. Special tokens come from the template alone: no content, whoever wrote it, can open
 * or close a message, a thought or a tool call, or claim a picture.
 */
#ifndef SL_TEXT_CHAT_H
#define SL_TEXT_CHAT_H

#include "base/buf.h"
#include "base/error.h"
#include "text/ids.h"
#include "text/tokenizer.h"

#include <stdbool.h>
#include <stddef.h>

enum sl_chat_role {
    SL_CHAT_SYSTEM, /* the first message, or none */
    SL_CHAT_USER,
    SL_CHAT_ASSISTANT,
    SL_CHAT_TOOL, /* the result of a tool call; after an assistant's or another tool's */
    SL_N_CHAT_ROLES,
};

enum sl_chat_part_kind {
    SL_CHAT_TEXT,
    SL_CHAT_PICTURE,   /* from the user or a tool */
    SL_CHAT_FRAME,     /* one frame of a video, its time before it; a video is many of them */
    SL_CHAT_TOOL_CALL, /* of an assistant: {"name": ..., "arguments": {...}} */
};

struct sl_chat_part {
    enum sl_chat_part_kind kind;
    const char *text; /* borrowed; of a text or tool call, n bytes */
    size_t n;
    double seconds; /* of a frame; written with one decimal */
};

/* Borrows everything. */
struct sl_chat_message {
    enum sl_chat_role role;
    const struct sl_chat_part *parts;
    size_t n_parts;
    /*
     * What an assistant thought, without tags; NULL when nothing is known of it. When it is NULL and the first part
     * begins with <think>, the thought is taken from there, as from what the model wrote.
     */
    const char *reasoning;
    size_t n_reasoning;
    bool no_loss; /* an assistant's message that is there to be read, not learnt */
};

/* Whose template is written; docs/CHAT.md has them. */
enum sl_chat_format {
    SL_CHAT_FORMAT_SEEDLING,
    SL_CHAT_FORMAT_QWEN3_VL,
    SL_CHAT_FORMAT_QWEN2_5_VL,
    SL_CHAT_FORMAT_KIMI_VL,
};

/* {0}: answers directly, forgets old reasoning, opens no answer, has no tools. */
struct sl_chat_options {
    bool thinking;          /* which of the two system texts; and whether reasoning is written at all */
    bool keep_reasoning;    /* that of turns before the last user message too */
    bool generation_prompt; /* ends in an opened assistant message, for the model to go on */
    enum sl_chat_format format;
    const char *const *tools; /* borrowed; each the JSON object that describes a tool, NUL-terminated */
    size_t n_tools;
};

/*
 * Where a picture or frame goes: the index of its one <|image_patch|> (or what the format has for it) among the ids,
 * and which part it is.
 */
struct sl_chat_mark {
    size_t token;
    size_t message, part;
};

/* An encoded chat. Owned by whoever declares it: sl_chat_tokens_init, sl_chat_tokens_release. */
struct sl_chat_tokens {
    struct sl_token_ids ids;
    unsigned char *loss; /* (ids.len): 1 where the token is the model's own: learn to predict it; else 0 */
    struct sl_chat_mark *marks;
    size_t n_marks;
    size_t cap_loss, cap_marks;
};

/* Starts an empty encoding of at most max_tokens tokens. */
void sl_chat_tokens_init(struct sl_chat_tokens *t, size_t max_tokens);

/* Releases the memory; t may be used again. */
void sl_chat_tokens_release(struct sl_chat_tokens *t);

/*
 * Encodes n messages, at least one, replacing what *out held. Errors name the message: roles and parts that do not go
 * together and JSON that is none are SL_ERR_ARGUMENT, a tokenizer without the special tokens SL_ERR_UNSUPPORTED, more
 * tokens than out may hold SL_ERR_MEMORY.
 */
sl_status sl_chat_encode(const struct sl_tokenizer *tokenizer, const struct sl_chat_message *messages, size_t n,
                         const struct sl_chat_options *options, struct sl_chat_tokens *out, sl_error *err);

/* Appends to out the text that the ids of sl_chat_encode stand for, before normalisation. For people and tests. */
sl_status sl_chat_render(const struct sl_chat_message *messages, size_t n, const struct sl_chat_options *options,
                         struct sl_buf *out, sl_error *err);

/* Returns what the system message begins with, with and without thinking; static storage. */
const char *sl_chat_system_text(bool thinking);

/* Returns "system", "user", "assistant" or "tool"; static storage. */
const char *sl_chat_role_name(enum sl_chat_role role);

/* Finds the role of that name (n bytes); false when there is none. */
bool sl_chat_role_of(const char *name, size_t n, enum sl_chat_role *out);

#endif
