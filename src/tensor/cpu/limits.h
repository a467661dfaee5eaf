/*
 * limits.h: what this machine can do at most, measured: the yardsticks of `seedling bench`.
 */
#ifndef SL_TENSOR_CPU_LIMITS_H
#define SL_TENSOR_CPU_LIMITS_H

#include "tensor/ops.h"

/*
 * Returns FLOP/s of products whose operands never leave the registers, all threads of o at once, in the fastest
 * instructions that o's level has for the type: fused multiply-adds for SL_F32; tiles, vdpbf16ps where it is faster, or
 * fused multiply-adds for SL_BF16; tiles, vpdpbusd or vpmaddubsw for SL_I8. Takes a tenth of a second.
 */
double sl_cpu_limit_flops(const sl_ops *o, sl_dtype type);

/*
 * Returns bytes/s of one pass over the memory at p from front to back, a part for each thread. bytes is a multiple of
 * 16 MiB and far more than any cache.
 */
double sl_cpu_read_rate(const sl_ops *o, const void *p, size_t bytes);

/* Returns the best of three such passes over 1 GiB of its own; 0 without memory. Takes half a second. */
double sl_cpu_limit_read(const sl_ops *o);

#endif
