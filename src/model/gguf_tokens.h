/*
 * gguf_tokens.h: the tokenizer of a GGUF file: lists of tokens and merges (tokenizer.ggml.*), as every program reads
 * them, or a whole tokenizer.json (tokenizer.huggingface.json), which loses nothing.
 */
#ifndef SL_MODEL_GGUF_TOKENS_H
#define SL_MODEL_GGUF_TOKENS_H

#include "model/config.h"
#include "model/gguf_writer.h"
#include "text/tokenizer.h"

/*
 * Appends g's tokenizer to out as the text of a tokenizer.json: the one that is embedded, else what the lists mean.
 * Nothing is appended when g has neither; lists that cannot be understood are errors that name the key.
 */
sl_status sl_gguf_tokens_read(const sl_gguf *g, struct sl_buf *out, sl_error *err);

/* Returns the id of the token that g's list spells so ("<|image_pad|>"), or -1. */
int sl_gguf_tokens_find(const sl_gguf *g, const char *text);

/*
 * Adds the lists to a writer, as many tokens as c's vocabulary has; whole: also tokenizer_json, the text that t came
 * from.
 */
sl_status sl_gguf_tokens_write(sl_gguf_writer *w, const struct sl_tokenizer *t, const char *tokenizer_json, bool whole,
                               const sl_config *c, sl_error *err);

#endif
