/*
 * gemm_tiles.h: packing with vectors and the common epilogue; each function exists for AVX2 and for AVX-512.
 */
#ifndef SL_TENSOR_CPU_GEMM_TILES_H
#define SL_TENSOR_CPU_GEMM_TILES_H

#include "tensor/cpu/gemm.h"

/* Rows of a panel of a in the vector kernels (as many accumulators as registers hold), by vector width. */
#define GEMM_VEC_ROWS(width) ((width) == 16 ? 14 : 6)

/* A row of a packed for the vector kernels: 1 KB of k, and a line so that rows do not meet in the same cache sets. */
enum { GEMM_A_ROW_BYTES = 1024 + 64, GEMM_VEC_CHUNK_BYTES = 1024 };

typedef void gemm_pack_fn(const struct gemm_piece *p, void *dst, size_t panel_bytes);
typedef void gemm_absmax_fn(const struct gemm_piece *p, float *out);
typedef void gemm_epilogue_fn(const struct gemm_tail *t, int rows);

/* gemm_kernel.pack_b. */
gemm_pack_fn sl_gemm_pack_b_f32_avx2, sl_gemm_pack_b_bf16_avx2, sl_gemm_pack_b_i8_avx2;
gemm_pack_fn sl_gemm_pack_b_f32_avx512, sl_gemm_pack_b_bf16_avx512, sl_gemm_pack_b_i8_avx512;

/* gemm_kernel.pack_a of the vector kernels: rows of GEMM_A_ROW_BYTES; bf16 values are stored as f32. */
gemm_pack_fn sl_gemm_pack_a_f32_avx2, sl_gemm_pack_a_bf16_avx2, sl_gemm_pack_a_i8_avx2;
gemm_pack_fn sl_gemm_pack_a_f32_avx512, sl_gemm_pack_a_bf16_avx512, sl_gemm_pack_a_i8_avx512;

/* The same with bf16 pairs as they are, for dot products of pairs. Needs AVX-512. */
gemm_pack_fn sl_gemm_pack_a_pairs;

/* gemm_kernel.pack_a of the tile kernels: panels of 32 rows, two tiles a step. Needs AVX-512. */
gemm_pack_fn sl_gemm_pack_tiles_bf16, sl_gemm_pack_tiles_i8;

/* gemm_level.absmax and gemm_level.epilogue. */
gemm_absmax_fn sl_gemm_absmax_avx2, sl_gemm_absmax_avx512;
gemm_epilogue_fn sl_gemm_epilogue_avx2, sl_gemm_epilogue_avx512;

/* The vector levels (gemm_vec.c), and kernels that another level uses too: of AVX2, AVX512-VNNI and AVX512-BF16. */
extern const struct gemm_level sl_gemm_level_avx2, sl_gemm_level_avx512;
extern const struct gemm_kernel sl_gemm_i8_avx2, sl_gemm_i8_vnni, sl_gemm_bf16_dots;

#endif
