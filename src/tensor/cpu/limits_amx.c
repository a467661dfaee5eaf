/*
 * limits_amx.c: the peak of tile products.
 */
#include "tensor/cpu/amx.h"
#include "tensor/cpu/limits_kernels.h"

double sl_limit_tiles_bf16(int64_t n)
{
    amx_begin();
    for (int64_t k = 0; k < n; k++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    amx_end();
    return 4.0 * 2 * 16 * 16 * 32;
}

double sl_limit_tiles_int8(int64_t n)
{
    amx_begin();
    for (int64_t k = 0; k < n; k++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    amx_end();
    return 4.0 * 2 * 16 * 16 * 64;
}
