/*
 * limits_amx.c: the peak of tile products.
 *
 * On random numbers, as real products have them: on zeros the tiles use less power, and some processors then run
 * faster than they ever do with data.
 */
#include "base/rng.h"
#include "tensor/cpu/amx.h"
#include "tensor/cpu/limits_kernels.h"

enum { OPERANDS = 4, TILE_BYTES = 1024 };

/* Configures the tiles and fills the operands, tiles 4 to 7: random bf16 numbers of both signs, or random bytes. */
static void load_operands(bool bf16)
{
    _Alignas(64) uint8_t data[OPERANDS][TILE_BYTES];
    struct sl_rng rng;
    sl_rng_init(&rng, 1, 0);
    for (int i = 0; i < OPERANDS; i++)
        for (int j = 0; j < TILE_BYTES; j += 2) {
            uint16_t x = bf16 ? sl_bf16_from_f32(sl_rng_normal(&rng)) : (uint16_t)sl_rng_u32(&rng);
            data[i][j] = (uint8_t)x;
            data[i][j + 1] = (uint8_t)(x >> 8);
        }
    amx_begin();
    _tile_loadd(4, data[0], 64);
    _tile_loadd(5, data[1], 64);
    _tile_loadd(6, data[2], 64);
    _tile_loadd(7, data[3], 64);
}

double sl_limit_tiles_bf16(int64_t n)
{
    load_operands(true);
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
    load_operands(false);
    for (int64_t k = 0; k < n; k++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    amx_end();
    return 4.0 * 2 * 16 * 16 * 64;
}
