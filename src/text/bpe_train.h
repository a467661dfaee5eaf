/*
 * bpe_train.h: making a tokenizer from text.
 */
#ifndef SL_TEXT_BPE_TRAIN_H
#define SL_TEXT_BPE_TRAIN_H

#include "base/error.h"
#include "text/special.h"
#include "text/tokenizer.h"

#include <stddef.h>
#include <stdint.h>

/* The smallest vocabulary: every byte and the added tokens. */
enum { SL_BPE_MIN_VOCABULARY = 256 + SL_N_SPECIAL };

struct sl_bpe_train_options {
    size_t vocab_size;      /* with bytes and added tokens; at least SL_BPE_MIN_VOCABULARY */
    uint64_t min_count;     /* pairs rarer than this are not merged; at least 1 */
    size_t max_token_bytes; /* longer tokens are not made; 1 to 1024 */
    /* Told now and then how far `phase` ("reading" in bytes, "merging" in tokens) has come; may be NULL. */
    void (*progress)(void *user, const char *phase, double done, double total);
    void *user;
};

/* Fills in 8192 tokens, pairs that occur twice, tokens of at most 64 bytes, no progress. */
void sl_bpe_train_defaults(struct sl_bpe_train_options *o);

struct sl_bpe_trainer;

/* Makes a trainer into *out, owned; copies o. Options out of range are SL_ERR_ARGUMENT. One thread owns a trainer. */
sl_status sl_bpe_trainer_new(const struct sl_bpe_train_options *o, struct sl_bpe_trainer **out, sl_error *err);

/*
 * Counts the pieces of a text (any n bytes). Text of added tokens is left out. Memory grows with the number of
 * distinct pieces, not with the text; pieces over 1024 bytes, which no language has, are not counted.
 */
sl_status sl_bpe_trainer_add(struct sl_bpe_trainer *t, const char *text, size_t n, sl_error *err);

/* Counts the pieces of a file, which is mapped and read about a megabyte at a time. Errors name it. */
sl_status sl_bpe_trainer_add_file(struct sl_bpe_trainer *t, const char *path, sl_error *err);

/*
 * Learns the merges and makes the tokenizer *out, owned: NFC, Qwen2's pattern, byte b as id b, the merged tokens in
 * the order of learning, then the table of special.h as the last ids. Text too small for vocab_size gives a smaller
 * vocabulary. The trainer may go on counting and finish again.
 */
sl_status sl_bpe_trainer_finish(struct sl_bpe_trainer *t, struct sl_tokenizer **out, sl_error *err);

/* Releases *t and sets it to NULL. */
void sl_bpe_trainer_free(struct sl_bpe_trainer **t);

#endif
