/*
 * blocks.h: quantised rows: what the block types of GGUF files mean, number by number.
 *
 * A row of k numbers is k / 32 or k / 256 blocks, one after the other; a block is packed integers and the scales that
 * turn them into numbers (layouts: ggml's ggml-common.h, github.com/ggml-org/ggml). Products read blocks by
 * tensor/cpu/blocks*.c; here is the plain and exact definition, and the way back.
 */
#ifndef SL_TENSOR_BLOCKS_H
#define SL_TENSOR_BLOCKS_H

#include "tensor/tensor.h"

/* Some rows of a matrix, or of each of a stack of matrices, of one block type. */
typedef struct sl_block_part {
    sl_dtype type;
    int64_t n;           /* rows */
    const void *rows;    /* borrowed, of any alignment: usually a mapped file */
    size_t group_stride; /* bytes from one matrix of a stack to the next */
} sl_block_part;

enum { SL_MAX_BLOCK_PARTS = 3 };

/* A matrix (n, k), or a stack, that stays quantised: its parts stand one below the other. */
typedef struct sl_block_matrix {
    int n_parts;
    sl_block_part parts[SL_MAX_BLOCK_PARTS];
} sl_block_matrix;

/* Decodes n numbers (whole blocks) of a block type from src, of any alignment, into out: exactly as the format says. */
void sl_blocks_decode(sl_dtype type, const void *src, int64_t n, float *out);

/*
 * Quantises n finite numbers (whole blocks) into dst, as SL_Q8_0, SL_Q4_0, SL_Q4_K, SL_Q5_K, SL_Q6_K, or what odd
 * rows fall back to, SL_Q5_0 and SL_Q5_1. Rounding minimises the squared error: sums of squares weigh as much as they
 * do in the row.
 */
void sl_blocks_encode(sl_dtype type, const float *src, int64_t n, void *dst);

/* True for a type that sl_blocks_encode makes. */
bool sl_blocks_can_encode(sl_dtype type);

/*
 * What a row of k numbers becomes when `wanted` was asked for: the type itself where k is whole blocks, else the
 * published fallback: Q4_K -> Q5_0, Q5_K -> Q5_1, Q6_K -> Q8_0, and any -> F16 where k is no multiple of 32.
 */
sl_dtype sl_blocks_fit(sl_dtype wanted, int64_t k);

/* The sixteen levels of IQ4_NL and IQ4_XS. */
extern const int8_t sl_iq4_levels[16];

#endif
