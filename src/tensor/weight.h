/*
 * weight.h: one trainable tensor and the copies of it that products read.
 */
#ifndef SL_TENSOR_WEIGHT_H
#define SL_TENSOR_WEIGHT_H

#include "tensor/tensor.h"

struct sl_weight;

/* A change of low rank to a matrix W: y = x W^T + scale (x A^T) B^T (LoRA, arXiv 2106.09685). */
typedef struct sl_lora {
    const struct sl_weight *a, *b; /* (groups, rank, k), (groups, n, rank) */
    float scale;
} sl_lora;

/*
 * A parameter. Memory belongs to the model's arena. Vectors (norms, biases) live in value as f32. Matrices, and
 * stacks of them (experts: groups, n, k), have an f32 master in value only while training; products read `packed`.
 */
typedef struct sl_weight {
    int64_t groups, n, k; /* (n, k), or groups of it; a vector is (1, 1, k) */
    void *value;          /* master or table, of value_type; NULL: only packed copies are kept */
    sl_dtype value_type;  /* SL_F32 while training */
    float *grad;          /* f32, same count, or NULL: frozen, or not training */
    void *packed;         /* for y = x W^T */
    void *packed_t;       /* for dx = dy W; NULL when not training */
    size_t packed_stride; /* bytes between groups */
    size_t packed_t_stride;
    sl_dtype packed_type; /* SL_F32, SL_BF16, SL_I8 */
    /* Inference only: the matrix stays in these blocks, and neither value nor packed is there; else NULL. */
    const struct sl_block_matrix *blocks;
    const sl_lora *lora; /* borrowed; NULL: none */
} sl_weight;

#endif
