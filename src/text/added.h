/*
 * added.h: the added tokens of a tokenizer, found in text before it is split.
 */
#ifndef SL_TEXT_ADDED_H
#define SL_TEXT_ADDED_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One added token; the flags are those of tokenizer.json. */
struct sl_added_token {
    char *text; /* owned by the set, n bytes, never empty */
    size_t n;
    int32_t id;
    bool special;     /* may be skipped by a decode, may be read as plain text by an encode */
    bool single_word; /* only where no word character touches it */
    bool lstrip;      /* takes the white space before it along */
    bool rstrip;      /* takes the white space after it along */
    bool normalized;  /* is looked for in the normalised text, else in the original */
};

/* A set of them, sorted by text. */
struct sl_added_set {
    struct sl_added_token *tokens;
    size_t n, cap;
    bool first[256]; /* bytes that some token begins with */
};

/* Adds a copy of token; sl_added_set_sort must follow before the set is searched. False without memory. */
bool sl_added_set_add(struct sl_added_set *set, const struct sl_added_token *token);

/* Sorts the set; returns a token whose text is there twice (borrowed), or NULL when all differ. */
const struct sl_added_token *sl_added_set_sort(struct sl_added_set *set);

/* Returns the token with this text, or NULL. */
const struct sl_added_token *sl_added_set_find(const struct sl_added_set *set, const char *text, size_t n);

/* Which tokens a search is for. */
struct sl_added_filter {
    bool normalized; /* those whose flag `normalized` equals this */
    bool plain;      /* tokens that are not special count */
    bool special;    /* special tokens count */
};

struct sl_added_match {
    size_t begin, end; /* the bytes that it takes, stripped white space included */
    const struct sl_added_token *token;
};

/*
 * Finds the leftmost, and there the longest, token that passes the filter in text at or after `from`; false when there
 * is none. White space that lstrip takes is never before `from`.
 */
bool sl_added_set_search(const struct sl_added_set *set, struct sl_added_filter filter, const char *text, size_t n,
                         size_t from, struct sl_added_match *out);

/* Releases the memory. */
void sl_added_set_release(struct sl_added_set *set);

#endif
