/*
 * pretokenize.h: cutting text into the pieces that byte-pair merges never cross.
 *
 * A chain of splits, each a PCRE2 pattern and what becomes of its matches; every piece of one is the input of the
 * next, as in the Sequence of a tokenizer.json. Immutable once built: any number of threads may split at once.
 */
#ifndef SL_TEXT_PRETOKENIZE_H
#define SL_TEXT_PRETOKENIZE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Qwen2's pattern: contractions, words with one leading mark or space, single digits, punctuation, white space. */
#define SL_PATTERN_QWEN2                                                                                               \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"                \
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* GPT-2's pattern: what a ByteLevel pre-tokenizer with use_regex stands for. */
#define SL_PATTERN_GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* What becomes of a match; the names are those of tokenizer.json. */
typedef enum sl_split_behavior {
    SL_SPLIT_ISOLATED,             /* it is a piece of its own */
    SL_SPLIT_REMOVED,              /* it is dropped */
    SL_SPLIT_MERGED_WITH_PREVIOUS, /* it ends the piece before it */
    SL_SPLIT_MERGED_WITH_NEXT,     /* it begins the piece after it */
    SL_SPLIT_CONTIGUOUS,           /* neighbouring matches form one piece */
} sl_split_behavior;

struct sl_split {
    const char *pattern;
    bool literal; /* pattern is a plain string rather than a regular expression */
    bool invert;  /* what lies between matches counts as match, and the reverse */
    sl_split_behavior behavior;
};

enum { SL_MAX_SPLITS = 16 };

struct sl_pretokenizer;

/*
 * Compiles n_splits (at most SL_MAX_SPLITS) splits into *out, owned. Patterns are written for Rust's regular
 * expressions: \s and \S mean White_Space, [A&&[^B]] is class subtraction. One that does not compile, or uses what
 * cannot be carried over, is an error that says where.
 */
sl_status sl_pretokenizer_new(const struct sl_split *splits, size_t n_splits, struct sl_pretokenizer **out,
                              sl_error *err);

/* Returns the number of splits, and split i; borrowed from p. */
size_t sl_pretokenizer_n_splits(const struct sl_pretokenizer *p);
const struct sl_split *sl_pretokenizer_split_at(const struct sl_pretokenizer *p, size_t i);

/* What one thread needs to split; reusable, one text at a time. */
struct sl_pretokenizer_scratch;

/* Returns owned scratch, good for any pre-tokenizer, or NULL without memory. */
struct sl_pretokenizer_scratch *sl_pretokenizer_scratch_new(void);

/* Releases scratch; NULL is fine. */
void sl_pretokenizer_scratch_free(struct sl_pretokenizer_scratch *s);

/* Receives a piece, never empty, borrowed; anything but SL_OK stops the run and is returned from it. */
typedef sl_status (*sl_piece_fn)(void *user, const char *piece, size_t n);

/*
 * Cuts text (n bytes of well-formed UTF-8) and hands each piece to emit, in order. Fails when a pattern takes more
 * steps than a sane one would (hostile patterns exist), or when emit does; *err then says why.
 */
sl_status sl_pretokenize(const struct sl_pretokenizer *p, struct sl_pretokenizer_scratch *s, const char *text, size_t n,
                         sl_piece_fn emit, void *user, sl_error *err);

/* Releases *p and sets it to NULL. */
void sl_pretokenizer_free(struct sl_pretokenizer **p);

#endif
