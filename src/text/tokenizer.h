/*
 * tokenizer.h: text to token ids and back.
 *
 * A tokenizer is byte-level BPE as in a Hugging Face tokenizer.json: added tokens are found first, the rest is
 * normalised, cut into pieces by regular expressions, and every piece is merged from its bytes up. Every byte is a
 * token, so any bytes encode, and decode to what they were: decoding gives back exactly the normalised text, where
 * text that is not well-formed UTF-8 as a whole is not normalised at all. A tokenizer only reads itself: any number of
 * threads may share one.
 */
#ifndef SL_TEXT_TOKENIZER_H
#define SL_TEXT_TOKENIZER_H

#include "base/buf.h"
#include "base/error.h"
#include "text/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_tokenizer;

/*
 * Reads a tokenizer.json, or the one in the folder `path`, into *out, owned; a folder without one may have vocab.json
 * and merges.txt as Qwen's models, or tiktoken.model as Kimi's. Errors name the file and what is wrong with it; a file
 * that asks for what this program does not do (docs/TOKENIZER.md) is refused, never half obeyed.
 */
sl_status sl_tokenizer_load(const char *path, struct sl_tokenizer **out, sl_error *err);

/* True when the folder has no tokenizer.json but the files that other programs make one from. */
bool sl_tokenizer_in_parts(const char *dir);

/* The same from the n bytes of a tokenizer.json; messages name no file. */
sl_status sl_tokenizer_parse(const char *json, size_t n, struct sl_tokenizer **out, sl_error *err);

/* Appends the text of a tokenizer.json to out. */
sl_status sl_tokenizer_print(const struct sl_tokenizer *t, struct sl_buf *out, sl_error *err);

/* Writes a tokenizer.json that this program and Hugging Face's tokenizers read alike; atomic. */
sl_status sl_tokenizer_save(const struct sl_tokenizer *t, const char *path, sl_error *err);

/* Releases *t and sets it to NULL. */
void sl_tokenizer_free(struct sl_tokenizer **t);

/* Which added tokens an encode looks for; the text of the others is encoded like any other. */
enum {
    SL_ENCODE_PLAIN = 0,      /* none: for text from outside that must not steer the model */
    SL_ENCODE_TAGS = 1,       /* those that are not special, such as <point> */
    SL_ENCODE_SPECIAL = 2,    /* special ones, such as <|im_start|> */
    SL_ENCODE_EVERYTHING = 3, /* both, as Hugging Face's encode does */
};

/*
 * Appends the tokens of text (any n bytes) to out. flags are of SL_ENCODE_*. No token is put in front or behind: what
 * a post_processor of the file would add is the chat template's matter. Past out's ceiling: SL_ERR_MEMORY; out then
 * holds the tokens so far.
 */
sl_status sl_tokenizer_encode(const struct sl_tokenizer *t, const char *text, size_t n, unsigned flags,
                              struct sl_token_ids *out, sl_error *err);

/* Appends the bytes of n tokens to out, special tokens left out if skip_special. An id that is no token is an error. */
sl_status sl_tokenizer_decode(const struct sl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                              struct sl_buf *out, sl_error *err);

/* The beginning of a character whose end is in tokens still to come. Start with {0}. */
struct sl_token_stream {
    char held[4];
    unsigned n_held;
};

/*
 * Decodes one more token of a stream: appends to out the well-formed UTF-8 that is complete by now, and keeps the rest
 * for the next call. Bytes that can never become a character appear as U+FFFD.
 */
sl_status sl_token_stream_add(const struct sl_tokenizer *t, struct sl_token_stream *s, int32_t id, bool skip_special,
                              struct sl_buf *out, sl_error *err);

/* Ends a stream: what it still holds appears as U+FFFD. s is as new. */
void sl_token_stream_end(struct sl_token_stream *s, struct sl_buf *out);

/* Returns one more than the highest id. Ids below may be unused in foreign files. */
int32_t sl_tokenizer_vocab_size(const struct sl_tokenizer *t);

/* Returns the id of the token that decodes to exactly text ("<|im_end|>", " the"), added tokens first, or -1. */
int32_t sl_tokenizer_id(const struct sl_tokenizer *t, const char *text);

/* Returns the bytes that id decodes to, *n of them (never 0), borrowed from t; NULL when id is no token. */
const char *sl_tokenizer_token(const struct sl_tokenizer *t, int32_t id, size_t *n);

/* True when id is an added token / a special one. */
bool sl_tokenizer_is_added(const struct sl_tokenizer *t, int32_t id);
bool sl_tokenizer_is_special(const struct sl_tokenizer *t, int32_t id);

/* Returns the number of merges. */
size_t sl_tokenizer_n_merges(const struct sl_tokenizer *t);

#endif
