/*
 * order.c: shuffling.
 *
 * The whole list is shuffled, at four bytes a row, rather than computed place by place by a small cipher: that would
 * need no memory, but a Feistel network of few rounds is no uniform permutation, and the rows' offsets need more
 * anyway.
 */
#include "data/order.h"

#include "base/rng.h"

uint64_t sl_order_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + (b + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t sl_order_hash(const char *text)
{
    uint64_t h = 14695981039346656037u;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

void sl_order_shuffle(uint32_t *items, size_t n, uint64_t seed)
{
    struct sl_rng r;
    sl_rng_init(&r, seed, sl_order_mix(seed, 1));
    for (size_t i = n; i > 1; i--) {
        size_t j = sl_rng_below(&r, (uint32_t)i);
        uint32_t x = items[i - 1];
        items[i - 1] = items[j];
        items[j] = x;
    }
}
