/*
 * attention_amx.c: AMX kernels.
 */
#include "tensor/cpu/kernels.h"

void sl_attention_fill_amx(sl_ops *o, const sl_cpu_features *f)
{
    (void)o, (void)f;
}
