/*
 * bpe.h: byte-pair encoding of one piece of text: vocabulary, ranked merges, and applying them.
 *
 * Built in this order: init, add every token, set the merges, finish. After that it only reads, so that any number of
 * threads may encode, each with its own scratch.
 */
#ifndef SL_TEXT_BPE_H
#define SL_TEXT_BPE_H

#include "base/error.h"
#include "text/bytes_map.h"
#include "text/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where two neighbouring tokens become one; a merge's rank is its place in the list, lower goes first. */
struct sl_bpe_merge {
    int32_t left, right, result;
};

struct sl_bpe_pair {
    uint64_t key; /* left << 32 | right, or UINT64_MAX: empty */
    uint32_t rank;
    int32_t result;
};

struct sl_bpe {
    struct sl_bytes_map strings; /* the vocabulary's byte strings */
    int32_t *ids;                /* of string i */
    size_t ids_cap;
    bool *whole; /* string i, met as a piece, is its own encoding */
    size_t longest;
    int32_t byte_ids[256];
    struct sl_bpe_merge *merges; /* owned */
    size_t n_merges;
    struct sl_bpe_pair *pairs; /* hash table of the merges, 2^k slots */
    int pairs_shift;           /* 64 - k */
};

/* Makes *b empty. */
void sl_bpe_init(struct sl_bpe *b);

/* Adds the token `id` with its bytes (n >= 1). A byte string that is there already is an error. */
sl_status sl_bpe_add(struct sl_bpe *b, int32_t id, const char *bytes, size_t n, sl_error *err);

/* Returns the id of the token with these bytes, or -1. */
int32_t sl_bpe_find(const struct sl_bpe *b, const char *bytes, size_t n);

/* Takes merges (n of them, from malloc). Two with the same left and right are an error that names both. */
sl_status sl_bpe_set_merges(struct sl_bpe *b, struct sl_bpe_merge *merges, size_t n, sl_error *err);

/*
 * Checks that all 256 bytes are tokens and prepares encoding. With ignore_merges, a piece that is a token is never
 * taken apart, even if the merges would not build it.
 */
sl_status sl_bpe_finish(struct sl_bpe *b, bool ignore_merges, sl_error *err);

/* Working memory of one thread; start with {0}. */
struct sl_bpe_scratch {
    struct sl_bpe_node *nodes;
    uint64_t *heap;
    size_t nodes_cap, heap_cap;
};

/* Releases the scratch's memory. */
void sl_bpe_scratch_release(struct sl_bpe_scratch *s);

/*
 * Appends the tokens of one piece (any n bytes) to out: starting from single bytes, the pair of lowest rank, leftmost
 * first, is merged until no pair has a merge. O(n log n).
 */
sl_status sl_bpe_encode(const struct sl_bpe *b, struct sl_bpe_scratch *s, const char *piece, size_t n,
                        struct sl_token_ids *out, sl_error *err);

/* Releases the memory. */
void sl_bpe_release(struct sl_bpe *b);

#endif
