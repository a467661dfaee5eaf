/*
 * order.h: random orders that follow from numbers alone.
 */
#ifndef SL_DATA_ORDER_H
#define SL_DATA_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Returns a number that depends on both, each bit on each (SplitMix64's finaliser, Steele et al. 2014). */
uint64_t sl_order_mix(uint64_t a, uint64_t b);

/* Returns a number that depends on a text (FNV-1a, 64 bits). */
uint64_t sl_order_hash(const char *text);

/*
 * Shuffles n items: each of the n! orders is as likely as any other, over the seeds (Fisher and Yates). n under 2^32.
 */
void sl_order_shuffle(uint32_t *items, size_t n, uint64_t seed);

#endif
