/*
 * losses_vec.c: vector kernels.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/vec.h"

void SL_VEC_NAME(sl_losses_fill)(sl_ops *o, const sl_cpu_features *f)
{
    (void)o, (void)f;
}
