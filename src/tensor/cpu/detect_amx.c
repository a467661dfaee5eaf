/*
 * detect_amx.c: the self-test of AMX tiles: one product of each type with small whole numbers, which both the tiles
 * and plain loops compute exactly.
 */
#include "tensor/cpu/amx.h"
#include "tensor/cpu/detect.h"

#include <string.h>

/* Entry (i, k) of the left factor and (k, j) of the right one: whole numbers that bf16 holds exactly. */
static int left_entry(int i, int k)
{
    return (i * 5 + k * 3) % 13 - 6;
}
static int right_entry(int k, int j)
{
    return (k * 7 + j * 2) % 11 - 5;
}

static int exact_product(int i, int j, int depth)
{
    int sum = 0;
    for (int k = 0; k < depth; k++) sum += left_entry(i, k) * right_entry(k, j);
    return sum;
}

bool sl_amx_test_bf16(void)
{
    static _Alignas(64) sl_bf16 a[16][32], b[16][32];
    static _Alignas(64) float c[16][16];
    bool right = true;
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 32; k++) {
            a[i][k] = sl_bf16_from_f32((float)left_entry(i, k));
            b[k / 2][2 * i + k % 2] = sl_bf16_from_f32((float)right_entry(k, i));
        }
    memset(c, 0, sizeof c);
    amx_begin();
    _tile_zero(0);
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_stored(0, c, 64);
    amx_end();
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++) right = right && c[i][j] == (float)exact_product(i, j, 32);
    return right;
}

bool sl_amx_test_int8(void)
{
    static _Alignas(64) int8_t a[16][64], b[16][64];
    static _Alignas(64) int32_t c[16][16];
    bool right = true;
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 64; k++) {
            a[i][k] = (int8_t)left_entry(i, k);
            b[k / 4][4 * i + k % 4] = (int8_t)right_entry(k, i);
        }
    memset(c, 0, sizeof c);
    amx_begin();
    _tile_zero(0);
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, 64);
    _tile_dpbssd(0, 4, 6);
    _tile_stored(0, c, 64);
    amx_end();
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++) right = right && c[i][j] == exact_product(i, j, 64);
    return right;
}
