/*
 * blocks_vnni.c: quantised rows with AVX512-VNNI, on vectors of 32 bytes.
 */
#include <immintrin.h>

#define BLOCKS_DOT(u, s) _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, s)
#include "tensor/cpu/blocks_dot.h"

void sl_blocks_multiply_vnni(const struct blocks_call *c)
{
    if (c->m == 1 && c->type == SL_Q4_K)
        sl_blocks_decode_q4_k_vnni(c);
    else
        blocks_multiply(c);
}
