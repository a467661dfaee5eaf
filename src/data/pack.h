/*
 * pack.h: which samples share a sequence. Pure arithmetic on lengths; nothing here sees a token.
 *
 * A packer holds the next samples of a stream that belong to no sequence yet. Every sequence begins with the oldest of
 * them, then takes, again and again, the largest that still fits (best fit). Small samples wait until they fill a gap,
 * and because the oldest goes first no sample waits for more sequences than there were samples before it.
 *
 * The buffer is full when it has look_ahead samples and two sequences' tokens, or when it holds look_ahead_bytes. What
 * it then holds depends only on which samples were taken before: it is the shortest run of untaken samples, in the
 * stream's order, that is full. So a position is the order numbers of the untaken samples and the number of the next
 * one: reading the stream again from the oldest of them and leaving out what is not in the list brings back the same
 * buffer, and the same sequences follow. For that a caller fills the buffer (sl_packer_wants) before it takes a
 * sequence, except at the stream's end.
 *
 * One thread owns a packer.
 */
#ifndef SL_DATA_PACK_H
#define SL_DATA_PACK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* However short samples are, a full buffer has no more of them. */
enum { SL_PACK_MAX_LOOK_AHEAD = 1 << 16 };

struct sl_pack_options {
    int64_t max_tokens;      /* of a sequence */
    int64_t max_patches;     /* of a sequence's pictures, before 2x2 merging: what the vision transformer reads */
    int look_ahead;          /* samples, 1..SL_PACK_MAX_LOOK_AHEAD */
    size_t look_ahead_bytes; /* memory that the samples hold */
};

/* One sample as the packer sees it. */
struct sl_pack_item {
    uint64_t order; /* its place in the stream; rises from one added item to the next */
    int64_t tokens, patches;
    size_t bytes;
    void *data; /* the caller's; untouched */
};

struct sl_packer {
    struct sl_pack_options options;
    struct sl_pack_item *waiting;  /* (n_waiting), oldest first; owned */
    struct sl_pack_item *sequence; /* the last one taken; owned, as much room as waiting */
    size_t room;
    int n_waiting;
    int64_t waiting_tokens;
    size_t waiting_bytes;
    uint64_t next_order; /* one more than that of the last item added */
    int64_t n_sequences; /* taken so far, and the tokens in them */
    int64_t n_tokens;
};

/* Makes an empty packer; release with sl_packer_free. Limits under 1 are SL_ERR_ARGUMENT. */
sl_status sl_packer_init(struct sl_packer *p, const struct sl_pack_options *options, sl_error *err);
/* Releases the buffer (not what items point to); *p is empty again. */
void sl_packer_free(struct sl_packer *p);

/* True while the buffer is not full. */
bool sl_packer_wants(const struct sl_packer *p);

/*
 * Adds one sample, which sl_packer_wants asked for. It must fit into a sequence alone and come after the one added
 * before: anything else is a bug of the caller. Fails only without memory.
 */
sl_status sl_packer_add(struct sl_packer *p, const struct sl_pack_item *item, sl_error *err);

/*
 * Takes the next sequence out of the buffer: *items (borrowed until the next call) is its samples in the stream's
 * order. Returns how many; 0 when the buffer is empty.
 */
int sl_packer_take(struct sl_packer *p, const struct sl_pack_item **items);

/* Returns the tokens of all sequences taken so far as a fraction of what they had room for; 0 before the first. */
double sl_packer_fill(const struct sl_packer *p);

#endif
