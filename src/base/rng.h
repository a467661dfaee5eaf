/*
 * rng.h: random numbers as a value that the caller owns and passes.
 *
 * PCG32 (O'Neill 2014, XSH-RR 64/32): 16 bytes of state, any number of
 * independent streams, the same numbers on every machine.
 */
#ifndef SL_BASE_RNG_H
#define SL_BASE_RNG_H

#include <stdint.h>

struct sl_rng {
    uint64_t state;
    uint64_t increment; /* odd; names the stream */
};

/* Starts stream number `stream` of the generator from seed. */
void sl_rng_init(struct sl_rng *r, uint64_t seed, uint64_t stream);
/* Returns 32 uniform bits. */
uint32_t sl_rng_u32(struct sl_rng *r);
/* Returns a uniform integer in [0, n), without modulo bias; n > 0. */
uint32_t sl_rng_below(struct sl_rng *r, uint32_t n);
/* Returns a uniform float in [0, 1), a multiple of 2^-24. */
float sl_rng_float(struct sl_rng *r);
/* Returns a standard normal float (Box-Muller; one of the pair is dropped so that the state stays two words). */
float sl_rng_normal(struct sl_rng *r);

#endif
