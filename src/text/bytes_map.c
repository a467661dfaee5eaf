/*
 * bytes_map.c: the hash set of byte strings.
 */
#include "text/bytes_map.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Eight bytes at a time, each mixed in by a multiplication (odd constants: the golden ratio's 64 bits and pi's). */
static uint64_t hash_bytes(const char *s, size_t n)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ (n * 0x243F6A8885A308D3u);
    uint64_t word;
    for (; n >= sizeof word; s += sizeof word, n -= sizeof word) {
        memcpy(&word, s, sizeof word);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    word = 0;
    for (size_t i = 0; i < n; i++) word |= (uint64_t)(unsigned char)s[i] << (8 * i);
    h = (h ^ word) * 0x9E3779B97F4A7C15u;
    h ^= h >> 29;
    h *= 0x243F6A8885A308D3u;
    return h ^ (h >> 32);
}

void sl_bytes_map_init(struct sl_bytes_map *m, size_t max_bytes)
{
    *m = (struct sl_bytes_map){.pool = SL_BUF_INIT(max_bytes)};
}

const char *sl_bytes_map_at(const struct sl_bytes_map *m, uint32_t i, size_t *n)
{
    size_t begin = i ? m->ends[i - 1] : 0;
    *n = m->ends[i] - begin;
    return m->pool.data ? m->pool.data + begin : "";
}

/* Returns the slot that holds s, or the empty one where it belongs. */
static struct sl_bytes_slot *slot_of(const struct sl_bytes_map *m, uint64_t hash, const char *s, size_t n)
{
    size_t mask = m->n_slots - 1;
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct sl_bytes_slot *slot = &m->slots[i];
        if (slot->index == SL_BYTES_MAP_NONE) return slot;
        if (slot->tag != tag) continue;
        size_t len;
        const char *at = sl_bytes_map_at(m, slot->index, &len);
        if (len == n && (n == 0 || memcmp(at, s, n) == 0)) return slot;
    }
}

static bool grow_slots(struct sl_bytes_map *m)
{
    size_t n_slots = m->n_slots ? m->n_slots * 2 : 64;
    struct sl_bytes_slot *slots = sl_alloc_array(n_slots, sizeof *slots);
    if (!slots) return false;
    memset(slots, 0xFF, n_slots * sizeof *slots);
    free(m->slots);
    m->slots = slots;
    m->n_slots = n_slots;
    for (uint32_t i = 0; i < m->n; i++) {
        size_t len;
        const char *s = sl_bytes_map_at(m, i, &len);
        uint64_t hash = hash_bytes(s, len);
        size_t at = hash & (n_slots - 1);
        while (slots[at].index != SL_BYTES_MAP_NONE) at = (at + 1) & (n_slots - 1);
        slots[at] = (struct sl_bytes_slot){(uint32_t)(hash >> 32), i};
    }
    return true;
}

uint32_t sl_bytes_map_find(const struct sl_bytes_map *m, const char *s, size_t n)
{
    return m->n_slots ? slot_of(m, hash_bytes(s, n), s, n)->index : SL_BYTES_MAP_NONE;
}

uint32_t sl_bytes_map_intern(struct sl_bytes_map *m, const char *s, size_t n)
{
    if ((size_t)m->n * 2 >= m->n_slots && !grow_slots(m)) return SL_BYTES_MAP_NONE;
    uint64_t hash = hash_bytes(s, n);
    struct sl_bytes_slot *slot = slot_of(m, hash, s, n);
    if (slot->index != SL_BYTES_MAP_NONE) return slot->index;
    size_t ceiling = SL_BYTES_MAP_NONE;
    if (!sl_grow_array((void **)&m->ends, &m->ends_cap, (size_t)m->n + 1, sizeof *m->ends, ceiling))
        return SL_BYTES_MAP_NONE;
    sl_buf_add(&m->pool, s, n);
    if (!sl_buf_ok(&m->pool)) return SL_BYTES_MAP_NONE;
    m->ends[m->n] = m->pool.len;
    *slot = (struct sl_bytes_slot){(uint32_t)(hash >> 32), m->n};
    return m->n++;
}

void sl_bytes_map_release(struct sl_bytes_map *m)
{
    sl_buf_release(&m->pool);
    free(m->ends);
    free(m->slots);
    sl_bytes_map_init(m, m->pool.ceiling);
}
