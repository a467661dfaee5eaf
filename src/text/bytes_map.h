/*
 * bytes_map.h: a set of byte strings, numbered in the order of their insertion.
 *
 * Strings lie one after another in one block, so an entry costs its bytes and 16 more; open addressing with linear
 * probing, at most half full. Finding only reads: any number of threads may, while none inserts.
 */
#ifndef SL_TEXT_BYTES_MAP_H
#define SL_TEXT_BYTES_MAP_H

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define SL_BYTES_MAP_NONE UINT32_MAX

struct sl_bytes_slot {
    uint32_t tag;   /* upper half of the hash */
    uint32_t index; /* SL_BYTES_MAP_NONE: empty */
};

struct sl_bytes_map {
    struct sl_buf pool; /* every string, end to end */
    size_t *ends;       /* ends[i]: where string i ends in pool; it begins at ends[i-1] */
    size_t ends_cap;
    uint32_t n;
    struct sl_bytes_slot *slots; /* 2^k of them, or NULL */
    size_t n_slots;
};

/* Makes an empty map whose strings take at most max_bytes in all. */
void sl_bytes_map_init(struct sl_bytes_map *m, size_t max_bytes);

/* Returns the number of the string s, or SL_BYTES_MAP_NONE. */
uint32_t sl_bytes_map_find(const struct sl_bytes_map *m, const char *s, size_t n);

/* Returns the number of the string s, inserting it if need be, or SL_BYTES_MAP_NONE without memory. */
uint32_t sl_bytes_map_intern(struct sl_bytes_map *m, const char *s, size_t n);

/* Returns string i and its length; borrowed until the next insertion. */
const char *sl_bytes_map_at(const struct sl_bytes_map *m, uint32_t i, size_t *n);

/* Releases the memory. */
void sl_bytes_map_release(struct sl_bytes_map *m);

#endif
