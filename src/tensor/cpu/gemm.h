/*
 * gemm.h: what the kernels of the matrix product share: the layout of packed operands and the reference packing.
 *
 * A packed (n, k) operand is cut into panels of 16 columns (n rounded up to 32, missing entries zero); two panels
 * stand together and make the 32 columns that the kernels work on. By type:
 *   SL_F32   panel j/16 holds k rows of 16 floats.
 *   SL_BF16  a pair of panels holds, for each 32 of k, two tiles of 1 KB: 16 rows of k pairs, (k/2, 16 columns, 2).
 *   SL_I8    the same with 64 of k and quadruples, (k/4, 16 columns, 4); after the panels one f32 scale for each
 *            column, then one i32 sum over k for each column (for kernels whose left operand must be unsigned).
 * k is rounded up to 16, 32 or 64: always 64 bytes of it. The layout is the same for all levels.
 */
#ifndef SL_TENSOR_CPU_GEMM_H
#define SL_TENSOR_CPU_GEMM_H

#include "tensor/ops.h"

enum { GEMM_PANEL = 16, GEMM_PAIR = 32 };

static inline int64_t gemm_round_up(int64_t x, int64_t step)
{
    return (x + step - 1) / step * step;
}

/* How many consecutive k fill 64 bytes. */
static inline int64_t gemm_k_step(sl_dtype type)
{
    return type == SL_F32 ? 16 : type == SL_BF16 ? 32 : 64;
}

/* Bytes of the panels of an (n, k) operand, without scales and sums. */
static inline size_t gemm_panels_size(int64_t n, int64_t k, sl_dtype type)
{
    return (size_t)gemm_round_up(n, GEMM_PAIR) * (size_t)(gemm_round_up(k, gemm_k_step(type)) / gemm_k_step(type)) * 64;
}

/* The scales behind the panels of an SL_I8 operand, and the sums behind those; rounded_up(n) each. */
static inline float *gemm_scales(void *packed, int64_t n, int64_t k)
{
    return (float *)((char *)packed + gemm_panels_size(n, k, SL_I8));
}
static inline int32_t *gemm_sums(void *packed, int64_t n, int64_t k)
{
    return (int32_t *)(gemm_scales(packed, n, k) + gemm_round_up(n, GEMM_PAIR));
}

/* Element index of (j, k) in the panels of a packed operand whose k is `depth` long. */
static inline size_t gemm_packed_index(sl_dtype type, int64_t depth, int64_t j, int64_t k)
{
    int64_t step = gemm_k_step(type), group = step / 16, padded = gemm_round_up(depth, step);
    if (type == SL_F32) return (size_t)(j / 16 * 16 * padded + k * 16 + j % 16);
    return (size_t)(j / 32 * 32 * padded + k / step * 32 * step + j % 32 / 16 * 16 * step +
                    k % step / group * 16 * group + j % 16 * group + k % group);
}

/* What values are multiplied with before they are rounded to int8, so that the largest magnitude becomes 127. */
static inline float gemm_i8_inverse(float most)
{
    return most > 1e-30f ? 127.0f / most : 0.0f;
}

/* What product type the operands give: b's when it is packed, else bf16 when both are, else f32. */
static inline sl_dtype gemm_compute_type(const sl_gemm *g)
{
    if (g->b_packed) return g->b_type;
    return g->a_type == SL_BF16 && g->b_type == SL_BF16 ? SL_BF16 : SL_F32;
}

/* The groups of a product: one for a plain one. */
static inline int gemm_n_groups(const sl_gemm *g)
{
    return g->n_groups > 0 ? g->n_groups : 1;
}

/* The slots of the reference level. */
size_t sl_gemm_packed_size(const sl_ops *o, int64_t n, int64_t k, sl_dtype type);
void sl_gemm_pack_ref(const sl_ops *o, int64_t n, int64_t k, const void *b, int64_t ld, sl_dtype src_type,
                      sl_layout layout, void *dst, sl_dtype type);

#endif
