/*
 * cpu.h: the CPU backend: finding the processor's level and filling the ops table.
 *
 * Levels form a ladder; each fill function overwrites only the slots that it has a better kernel for, so the table
 * of a level is ref, then avx2, then avx512, then amx laid over each other.
 */
#ifndef SL_TENSOR_CPU_CPU_H
#define SL_TENSOR_CPU_CPU_H

#include "base/error.h"
#include "tensor/ops.h"

typedef enum sl_cpu_level {
    SL_CPU_REF,    /* plain C */
    SL_CPU_AVX2,   /* AVX2 + FMA + F16C */
    SL_CPU_AVX512, /* AVX-512 F, BW, VL, DQ */
    SL_CPU_AMX,    /* AVX-512 plus VNNI, BF16, and AMX-BF16 / AMX-INT8 tiles that passed their self-test */
    SL_N_CPU_LEVELS,
} sl_cpu_level;

/* What the processor offers, found once by sl_cpu_detect. */
typedef struct sl_cpu_features {
    sl_cpu_level best;
    bool avx512_vnni, avx512_bf16; /* usable at level AVX512 and above */
    bool bf16_dots;                /* avx512_bf16, and vdpbf16ps is faster here than f32 FMA: measured, not believed */
    bool amx_int8;
    char reason[96]; /* why `best` is not AMX, e.g. "no AMX in CPUID", "the kernel refused AMX tiles"; "" if it is */
} sl_cpu_features;

/* Finds the features; asks the kernel for AMX and tests the tiles (SIGILL is survived). Call from one thread. */
void sl_cpu_detect(sl_cpu_features *out);

/* "ref", "avx2", "avx512", "amx". */
const char *sl_cpu_level_name(sl_cpu_level level);

/*
 * Makes the table for a level (at most features->best) and n_threads (0: all processors that this process may use).
 * Returns owned in *out; release with sl_cpu_ops_free.
 */
sl_status sl_cpu_ops_new(sl_cpu_level level, const sl_cpu_features *features, int n_threads, sl_ops **out,
                         sl_error *err);

/*
 * The same, choosing the level: the environment variable SEEDLING_CPU (ref|avx2|avx512|amx) forces one, an error
 * when unknown or not available here; else the best.
 */
sl_status sl_cpu_ops_default(int n_threads, sl_ops **out, sl_error *err);

/* Releases the table and its scratch memory; NULL is fine. */
void sl_cpu_ops_free(sl_ops *o);

#endif
