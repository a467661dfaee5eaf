/*
 * amx.h: the tile configuration that all AMX kernels share: eight tiles of 16 rows by 64 bytes (palette 1).
 *
 * Tiles belong to a thread: every thread calls amx_begin when it enters a parallel region and amx_end when it
 * leaves, so that no kernel finds another's configuration and context switches of idle threads stay cheap.
 */
#ifndef SL_TENSOR_CPU_AMX_H
#define SL_TENSOR_CPU_AMX_H

#include "tensor/tensor.h"

#include <immintrin.h>

/* The operand of LDTILECFG (Intel SDM, "Intel AMX tile configuration"). */
struct amx_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Full tiles everywhere. Static, because gcc 12 may drop the stores to a configuration on the stack. */
static const _Alignas(64) struct amx_config amx_full_tiles = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* Configures this thread's tiles; they read as zero. */
static inline void amx_begin(void)
{
    _tile_loadconfig(&amx_full_tiles);
}

/* Gives this thread's tiles back. */
static inline void amx_end(void)
{
    _tile_release();
}

#endif
