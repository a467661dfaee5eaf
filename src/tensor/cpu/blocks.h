/*
 * blocks.h: what the files of the quantised product share: rounded activations, and the interface between the driver
 * (blocks_drive.c), which divides the work over threads, and the kernels of each level.
 */
#ifndef SL_TENSOR_CPU_BLOCKS_H
#define SL_TENSOR_CPU_BLOCKS_H

#include "tensor/blocks.h"
#include "tensor/cpu/gemm.h"

enum { BLOCKS_STRETCH = 256, BLOCKS_RUN = 32, BLOCKS_RUNS = 8, BLOCKS_ROWS = 4 };

/* 256 rounded numbers of a row of a; those past its end are zero. */
struct blocks_act {
    int8_t q[BLOCKS_STRETCH];
    int32_t sums[BLOCKS_RUNS];       /* of each 32 */
    int16_t halves[2 * BLOCKS_RUNS]; /* of each 16 */
    float scales[BLOCKS_RUNS];       /* of each 32: largest magnitude / 127 */
};

/* Some rows of b times up to BLOCKS_ROWS rows of a. */
struct blocks_call {
    sl_dtype type;
    const uint8_t *b;
    size_t row_bytes;
    int n;     /* rows of b, at most GEMM_PANEL */
    int64_t k; /* a multiple of 32 */
    const struct blocks_act *a;
    int64_t a_stride; /* stretches between rows of a */
    int m;
    float *out; /* result (i, j) goes to out[i * GEMM_PANEL + j] */
};

enum { BLOCKS_TILE = 16, BLOCKS_TILE_ROWS = 8, BLOCKS_TILE_LEAST = 8 }; /* the last: rows of a that repay unpacking */

/* A stretch of BLOCKS_TILE rows of b, which become columns, unpacked for many rows of a. */
struct blocks_tile {
    uint8_t q[BLOCKS_STRETCH / 4][BLOCKS_TILE][4]; /* unsigned: see blocks_tiles_vnni.c */
    float scale[BLOCKS_RUNS][BLOCKS_TILE], min[BLOCKS_RUNS][BLOCKS_TILE];
    int32_t halves[2 * BLOCKS_RUNS][BLOCKS_TILE]; /* Q6_K: integer scales of each 16 */
};

/* How a level multiplies. */
struct blocks_level {
    /* Rounds k numbers of a row (SL_F32 or SL_BF16) into the stretches at out. */
    void (*round)(const void *x, sl_dtype type, int64_t k, struct blocks_act *out);
    void (*multiply)(const struct blocks_call *c);
    /* The same bits for many rows of a; NULL: there is no such way. Unpacks c->n <= BLOCKS_TILE rows of b ... */
    void (*unpack)(const struct blocks_call *c, struct blocks_tile *out);
    /* ... and multiplies them with c->m <= BLOCKS_TILE_ROWS rows of a. c->b is not read. */
    void (*multiply_tile)(const struct blocks_call *c, const struct blocks_tile *tile);
    void (*epilogue)(const struct gemm_tail *t, int rows); /* gemm_tail.run, on f32 sums */
};

/* Runs any product with a quantised right operand (blocks_drive.c). */
void sl_blocks_run(const sl_ops *o, const sl_gemm *g, const struct blocks_level *level);

/* The kernel with byte products, compiled in a file of its own (blocks_vnni.c). */
void sl_blocks_multiply_vnni(const struct blocks_call *c);

/* Rows of Q4_K times one row of a (blocks_decode_vnni.c). */
void sl_blocks_decode_q4_k_vnni(const struct blocks_call *c);

/* blocks_level.unpack and .multiply_tile with byte products (blocks_tiles_vnni.c). */
void sl_blocks_unpack_vnni(const struct blocks_call *c, struct blocks_tile *out);
void sl_blocks_multiply_tile_vnni(const struct blocks_call *c, const struct blocks_tile *tile);

#endif
