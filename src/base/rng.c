/*
 * rng.c: PCG32.
 */
#include "base/rng.h"

#include <math.h>

uint32_t sl_rng_u32(struct sl_rng *r)
{
    uint64_t old = r->state;
    r->state = old * 6364136223846793005ULL + r->increment;
    uint32_t x = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t rot = (uint32_t)(old >> 59);
    return (x >> rot) | (x << ((32 - rot) & 31));
}

void sl_rng_init(struct sl_rng *r, uint64_t seed, uint64_t stream)
{
    r->state = 0;
    r->increment = (stream << 1) | 1;
    sl_rng_u32(r);
    r->state += seed;
    sl_rng_u32(r);
}

uint32_t sl_rng_below(struct sl_rng *r, uint32_t n)
{
    /* Numbers under 2^32 mod n would make the small results likelier; draw again. */
    uint32_t threshold = (0u - n) % n;
    for (;;) {
        uint32_t x = sl_rng_u32(r);
        if (x >= threshold) return x % n;
    }
}

float sl_rng_float(struct sl_rng *r)
{
    return (float)(sl_rng_u32(r) >> 8) * 0x1p-24f;
}

float sl_rng_normal(struct sl_rng *r)
{
    /* 1 - u is in (0, 1], so the logarithm is finite. */
    double u = 1.0 - (double)sl_rng_float(r);
    double v = (double)sl_rng_float(r);
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}
