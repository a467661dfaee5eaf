/*
 * tensor.h: what a tensor is: a dtype, up to four dimensions, contiguous rows, and data that it borrows.
 *
 * A tensor owns nothing. Its struct and its data come from an arena (activations: the step or request arena;
 * weights: the model arena) or from a mapped file, and live as long as that does.
 */
#ifndef SL_TENSOR_TENSOR_H
#define SL_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sl_dtype {
    SL_F32,
    SL_BF16, /* the upper half of an f32 */
    SL_F16,  /* files only: converted at load */
    SL_I8,
    SL_I32,
    SL_I64, /* files only */
    SL_U8,  /* files only */
    /* Blocks of quantised numbers, as GGUF files hold them (blocks.h): weights only, a row is whole blocks. */
    SL_Q8_0,
    SL_Q4_0,
    SL_Q4_1,
    SL_Q5_0,
    SL_Q5_1,
    SL_Q4_K,
    SL_Q5_K,
    SL_Q6_K,
    SL_IQ4_NL,
    SL_IQ4_XS,
    SL_N_DTYPES,
} sl_dtype;

typedef uint16_t sl_bf16;

enum { SL_MAX_DIMS = 4 };

typedef struct sl_tensor {
    sl_dtype dtype;
    int n_dims;                 /* 1..4 */
    int64_t shape[SL_MAX_DIMS]; /* slowest first; unused entries are 1 */
    void *data;                 /* borrowed */
    struct sl_tensor *grad;     /* same shape; NULL until backward first writes it */
    bool needs_grad;            /* backward must reach this tensor */
} sl_tensor;

/* Bytes of one element; not of a block type. */
size_t sl_dtype_size(sl_dtype dtype);

/* Elements of a block: 32 or 256; 1 for a plain type. */
int64_t sl_dtype_block(sl_dtype dtype);

/* Bytes of a row of k elements, k a multiple of the block. The caller knows that they do not overflow. */
size_t sl_dtype_row_bytes(sl_dtype dtype, int64_t k);

/* Name as in messages and safetensors headers: "F32", "BF16", ... */
const char *sl_dtype_name(sl_dtype dtype);

/* Number of elements. */
int64_t sl_tensor_numel(const sl_tensor *t);

/* Bytes of data. */
size_t sl_tensor_bytes(const sl_tensor *t);

/* Product of all dimensions but the last. */
int64_t sl_tensor_rows(const sl_tensor *t);

/* The last dimension. */
int64_t sl_tensor_cols(const sl_tensor *t);

/* Rounds to the nearest bf16, ties to even; NaN stays NaN. */
sl_bf16 sl_bf16_from_f32(float x);

/* Exact. */
float sl_bf16_to_f32(sl_bf16 x);

/* Exact conversion from IEEE half precision. */
float sl_f16_to_f32(uint16_t x);

/* Rounds to the nearest half, ties to even; too large becomes infinite, NaN stays NaN. */
uint16_t sl_f16_from_f32(float x);

#endif
