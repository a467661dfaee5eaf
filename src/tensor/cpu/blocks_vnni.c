/*
 * blocks_vnni.c: quantised rows with AVX512-VNNI, on vectors of 32 bytes.
 */
#include <immintrin.h>

#define BLOCKS_DOT(u, s) _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, s)
#include "tensor/cpu/blocks_dot.h"

void sl_blocks_multiply_vnni(const struct blocks_call *c)
{
    blocks_multiply(c);
}
