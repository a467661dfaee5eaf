/*
 * limits_kernels.h: the loops behind limits.h, one of each kind for each level.
 */
#ifndef SL_TENSOR_CPU_LIMITS_KERNELS_H
#define SL_TENSOR_CPU_LIMITS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Each runs n rounds of independent register-resident operations and returns the FLOPs of one round. */
typedef double sl_limit_fn(int64_t n);
sl_limit_fn sl_limit_fma_avx2, sl_limit_fma_avx512, sl_limit_i8_avx2, sl_limit_dots_bf16, sl_limit_dots_vnni;
sl_limit_fn sl_limit_tiles_bf16, sl_limit_tiles_int8;

/* Each returns a number that depends on all bytes at p; bytes is a multiple of 4096. */
typedef double sl_limit_read_fn(const void *p, size_t bytes);
sl_limit_read_fn sl_limit_read_avx2, sl_limit_read_avx512;

#endif
