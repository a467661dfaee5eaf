/*
 * kernels.h: the fill functions of the CPU backend. Each overwrites the slots of its family for one level.
 */
#ifndef SL_TENSOR_CPU_KERNELS_H
#define SL_TENSOR_CPU_KERNELS_H

#include "tensor/cpu/cpu.h"

typedef void sl_fill_fn(sl_ops *o, const sl_cpu_features *f);

/* Products: gemm, gemm_packed_size, gemm_pack. */
sl_fill_fn sl_gemm_fill_ref, sl_gemm_fill_avx2, sl_gemm_fill_avx512, sl_gemm_fill_amx;

/* gemm_blocks, embed_blocks. */
sl_fill_fn sl_blocks_fill_ref, sl_blocks_fill_avx2, sl_blocks_fill_avx512;

/* attention, attention_bwd, attention_paged. */
sl_fill_fn sl_attention_fill_ref, sl_attention_fill_avx2, sl_attention_fill_avx512, sl_attention_fill_amx;

/* qkv_prepare, norms, activations, swiglu, add, scale, bias_bwd, l2norm. */
sl_fill_fn sl_rows_fill_ref, sl_rows_fill_avx2, sl_rows_fill_avx512;

/* embed, gather, scatter, pool4, routing, combine. */
sl_fill_fn sl_moves_fill_ref, sl_moves_fill_avx2, sl_moves_fill_avx512;

/* cross_entropy, cosine_loss, sigmoid_contrastive, sum_squares, adamw. */
sl_fill_fn sl_losses_fill_ref, sl_losses_fill_avx2, sl_losses_fill_avx512;

/* pool, pool_bwd, sparse_cross_entropy: the last through the table's own cross_entropy. */
sl_fill_fn sl_pool_fill_ref;

/* rope_table, cache_write, sum, zero: bound by memory or too small to need vectors. */
sl_fill_fn sl_plain_fill_ref;

#endif
