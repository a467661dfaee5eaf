/*
 * detect.c: what this processor can do.
 */
#include "tensor/cpu/cpu.h"

void sl_cpu_detect(sl_cpu_features *out)
{
    *out = (sl_cpu_features){.best = SL_CPU_REF};
}
