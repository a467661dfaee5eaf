/*
 * chat_parts.h: what chat templates are written with; between chat.c and the files chat_*.c of other families.
 */
#ifndef SL_TEXT_CHAT_PARTS_H
#define SL_TEXT_CHAT_PARTS_H

#include "base/json.h"
#include "text/chat.h"

/* One walk over messages. Either tokens or text is set. Failures are sticky in status. */
struct sl_chat_writer {
    const struct sl_chat_options *options;
    const struct sl_tokenizer *tokenizer;
    struct sl_chat_tokens *tokens;
    struct sl_buf *text;
    struct sl_buf *joined; /* text that is not encoded yet, so that tokens may span its borders; NULL: none may */
    bool loss;             /* what is written now is the model's own */
    bool joined_loss;      /* the same of joined */
    bool has_content;      /* this message has some already */
    size_t message, part;  /* being written */
    sl_status status;
    sl_error *err;
};

/* Writes text of the template, in which tags are tokens. */
void sl_chat_put_template(struct sl_chat_writer *w, const char *s);

/* Writes the special token of that text. */
void sl_chat_put_special(struct sl_chat_writer *w, const char *token);

/* Writes content, n bytes: tags are tokens, but none that steers. */
void sl_chat_put_content(struct sl_chat_writer *w, const char *s, size_t n);

/* The same of content from anywhere, in which not even tags are tokens. */
void sl_chat_put_plain(struct sl_chat_writer *w, const char *s, size_t n);

/* Writes the special token that stands for a picture's features, and notes which part it is. */
void sl_chat_put_mark(struct sl_chat_writer *w, const char *token);

/* Fails the walk with the message's number and why. */
void sl_chat_fail(struct sl_chat_writer *w, const char *why);

/* Fails unless message i may stand where it stands. */
void sl_chat_check_place(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t i);

/* Parses JSON text of a caller, owned; NULL, with the walk failed, when it is not an object. */
json_t *sl_chat_parse_object(struct sl_chat_writer *w, const char *what, const char *s, size_t n);

/* As the above, and fails unless it is {"name": "...", "arguments": {...}}. */
json_t *sl_chat_parse_call(struct sl_chat_writer *w, const struct sl_chat_part *part);

/* What an assistant thought and what its first part says without it; borrowed. */
struct sl_chat_thought {
    const char *reasoning; /* NULL: nothing is known of it */
    size_t n_reasoning;
    bool is_inline;            /* it was in the first part: first stands for that */
    struct sl_chat_part first; /* of the rest, when is_inline */
};

/* Takes the thought of an assistant's message apart. */
struct sl_chat_thought sl_chat_thought_of(const struct sl_chat_message *m);

/* Writes a whole chat by the template of a family. */
void sl_chat_put_qwen(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t n);

/* The same of Kimi-VL. */
void sl_chat_put_kimi(struct sl_chat_writer *w, const struct sl_chat_message *messages, size_t n);

#endif
