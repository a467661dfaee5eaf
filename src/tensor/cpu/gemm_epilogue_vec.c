/*
 * gemm_epilogue_vec.c: the epilogue of the vector levels.
 */
#include "tensor/cpu/gemm_epilogue.h"

void SL_VEC_NAME(sl_gemm_epilogue)(const struct gemm_tail *t, int rows)
{
    gemm_finish_any(t, rows);
}
