/*
 * tokenizer_parts.h: the inside of a tokenizer, for the files that build one: tokenizer_json.c and bpe_train.c.
 *
 * Order of building: sl_tokenizer_new, every token with sl_tokenizer_add_token and sl_tokenizer_add_added, the merges,
 * the pre-tokenizer, then sl_tokenizer_finish.
 */
#ifndef SL_TEXT_TOKENIZER_PARTS_H
#define SL_TEXT_TOKENIZER_PARTS_H

#include "text/added.h"
#include "text/bpe.h"
#include "text/normalize.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"

/* Ids stay below this, so that a file of a few bytes cannot ask for gigabytes; the largest public vocabularies have a
 * quarter of it. */
enum { SL_MAX_VOCABULARY = 1 << 20 };

struct sl_token {
    size_t begin; /* of its bytes in sl_tokenizer.bytes */
    uint32_t n;   /* number of bytes; 0: no such token */
    bool in_vocabulary;
    bool raw; /* in the vocabulary under its own text: not spelled in the byte alphabet, so no merge makes it */
    bool added, special;
};

struct sl_tokenizer {
    struct sl_token *tokens; /* indexed by id */
    size_t tokens_cap;
    int32_t n_tokens;    /* one more than the highest id */
    struct sl_buf bytes; /* every token's bytes, end to end */
    sl_normal_form form;
    struct sl_pretokenizer *pretokenizer;
    struct sl_added_set added;
    struct sl_bpe bpe;
    bool ignore_merges;
};

/* Returns an empty tokenizer, owned, or NULL without memory. */
struct sl_tokenizer *sl_tokenizer_new(void);

/* Adds a vocabulary entry; raw ones take no part in merging. id and bytes (n >= 1) must be new. */
sl_status sl_tokenizer_add_token(struct sl_tokenizer *t, int32_t id, const char *bytes, size_t n, bool raw,
                                 sl_error *err);

/* Adds an added token; its id may be that of a vocabulary entry, which then decodes to the added token's text. */
sl_status sl_tokenizer_add_added(struct sl_tokenizer *t, const struct sl_added_token *token, sl_error *err);

/* Checks that the whole is complete and makes it ready for use. */
sl_status sl_tokenizer_finish(struct sl_tokenizer *t, sl_error *err);

/* Reads a folder without a tokenizer.json: vocab.json and merges.txt as Qwen's, or tiktoken.model as Kimi's; *out is
 * owned. */
sl_status sl_tokenizer_load_parts(const char *dir, struct sl_tokenizer **out, sl_error *err);

/* What one thread needs to cut text into pieces; start with {0}. */
struct sl_pieces_scratch {
    struct sl_pretokenizer_scratch *split;
    struct sl_buf normal; /* normalised text */
};

/* Receives, in order, each piece that is to be merged and each added token found (piece NULL, id its id). */
struct sl_pieces_sink {
    sl_status (*piece)(void *user, const char *piece, size_t n);
    sl_status (*added)(void *user, int32_t id);
    void *user;
};

/* Runs everything that comes before merging: added tokens, normalisation, splitting. flags as for encode. */
sl_status sl_tokenizer_pieces(const struct sl_tokenizer *t, struct sl_pieces_scratch *s, const char *text, size_t n,
                              unsigned flags, const struct sl_pieces_sink *sink, sl_error *err);

/* Releases the scratch's memory. */
void sl_pieces_scratch_release(struct sl_pieces_scratch *s);

#endif
