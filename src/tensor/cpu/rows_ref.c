/*
 * rows_ref.c: reference kernels.
 */
#include "tensor/cpu/kernels.h"

void sl_rows_fill_ref(sl_ops *o, const sl_cpu_features *f)
{
    (void)o, (void)f;
}
