/*
 * arena.h: bump allocation by lifetime (model, step, request).
 *
 * An arena reserves its whole ceiling as address space and touches memory only
 * as it is used, so pointers never move, a mark is one number, and the
 * high-water mark is exact. Everything allocated since a mark is released at
 * once by going back to it; the pages stay, so a loop that repeats allocates
 * nothing after its first turn. One thread owns an arena.
 */
#ifndef SL_BASE_ARENA_H
#define SL_BASE_ARENA_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sl_arena {
    char *base;     /* reserved address space, owned */
    size_t ceiling; /* bytes reserved */
    size_t used;    /* bytes handed out */
    size_t peak;    /* the most `used` has been since the last sl_arena_reset_peak */
};

/* Reserves ceiling bytes of address space for an empty arena; a = {0} before. Memory is committed on first touch. */
sl_status sl_arena_init(struct sl_arena *a, size_t ceiling, sl_error *err);

/*
 * The same for an arena whose memory must never be touched: it hands out addresses, and counts, for planning what a
 * model of any size would need. Touching one faults.
 */
sl_status sl_arena_init_dry(struct sl_arena *a, size_t ceiling, sl_error *err);

/* Returns n bytes aligned to 64, uninitialised, or NULL past the ceiling. */
void *sl_arena_alloc(struct sl_arena *a, size_t n);

/* Returns n zeroed bytes aligned to 64, or NULL past the ceiling. */
void *sl_arena_zalloc(struct sl_arena *a, size_t n);

/* Returns the present position, for sl_arena_release_to. */
size_t sl_arena_mark(const struct sl_arena *a);

/* Releases everything allocated after mark. */
void sl_arena_release_to(struct sl_arena *a, size_t mark);

/* True when p points into what the arena handed out at or after mark. */
bool sl_arena_owns_after(const struct sl_arena *a, size_t mark, const void *p);

/*
 * Makes the system give the memory of bytes [from, from + n) now, without changing what is in them. Any thread may do
 * it while another one uses the arena: who touches the memory first waits for it, which is milliseconds for each
 * large page that a virtual machine's host has to find. A wish: nothing happens where the system does not know it.
 */
void sl_arena_commit(const struct sl_arena *a, size_t from, size_t n);

/* Starts a new high-water mark at the present use. */
void sl_arena_reset_peak(struct sl_arena *a);

/* Returns the address space; a = {0} again. */
void sl_arena_free(struct sl_arena *a);

#endif
