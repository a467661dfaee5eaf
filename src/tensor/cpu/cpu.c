/*
 * cpu.c: choosing the processor's level and building the ops table from weakest to strongest.
 */
#include "tensor/cpu/cpu.h"

#include "tensor/cpu/kernels.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Packing buffers of the blockwise kernels: a few times the second-level cache. */
static const size_t SCRATCH_PER_THREAD = (size_t)8 << 20;

static const char *const level_names[SL_N_CPU_LEVELS] = {"ref", "avx2", "avx512", "amx"};

static sl_fill_fn *const fills[SL_N_CPU_LEVELS][10] = {
    [SL_CPU_REF] = {sl_gemm_fill_ref, sl_attention_fill_ref, sl_rows_fill_ref, sl_moves_fill_ref, sl_losses_fill_ref,
                    sl_pool_fill_ref, sl_plain_fill_ref, sl_blocks_fill_ref},
#if defined(__x86_64__)
    [SL_CPU_AVX2] = {sl_gemm_fill_avx2, sl_attention_fill_avx2, sl_rows_fill_avx2, sl_moves_fill_avx2,
                     sl_losses_fill_avx2, sl_blocks_fill_avx2},
    [SL_CPU_AVX512] = {sl_gemm_fill_avx512, sl_attention_fill_avx512, sl_rows_fill_avx512, sl_moves_fill_avx512,
                       sl_losses_fill_avx512, sl_blocks_fill_avx512},
    [SL_CPU_AMX] = {sl_gemm_fill_amx, sl_attention_fill_amx},
#endif
};

const char *sl_cpu_level_name(sl_cpu_level level)
{
    SL_CHECK(level < SL_N_CPU_LEVELS);
    return level_names[level];
}

sl_status sl_cpu_ops_new(sl_cpu_level level, const sl_cpu_features *features, int n_threads, sl_ops **out,
                         sl_error *err)
{
    if (level > features->best)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "this processor has no level '%s'; its best is '%s'%s%s",
                       level_names[level], level_names[features->best], features->reason[0] ? ": " : "",
                       features->reason);
    if (n_threads < 0 || n_threads > 4096)
        return sl_fail(err, SL_ERR_ARGUMENT, "%d threads: from 1 to 4096, or 0 for all processors", n_threads);
    sl_ops *o = calloc(1, sizeof *o);
    if (!o) return sl_fail(err, SL_ERR_MEMORY, "out of memory for the ops table");
    o->name = level_names[level];
    o->n_threads = n_threads ? n_threads : omp_get_num_procs();
    o->scratch_size = SCRATCH_PER_THREAD;
    o->scratch = aligned_alloc(4096, (size_t)o->n_threads * o->scratch_size);
    if (!o->scratch) {
        free(o);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for kernel scratch space");
    }
    for (int l = 0; l <= (int)level; l++)
        for (int i = 0; fills[l][i]; i++) fills[l][i](o, features);
    *out = o;
    return SL_OK;
}

sl_status sl_cpu_ops_default(int n_threads, sl_ops **out, sl_error *err)
{
    sl_cpu_features f;
    sl_cpu_detect(&f);
    const char *want = getenv("SEEDLING_CPU");
    if (!want || !*want) return sl_cpu_ops_new(f.best, &f, n_threads, out, err);
    for (int l = 0; l < SL_N_CPU_LEVELS; l++)
        if (strcmp(want, level_names[l]) == 0) return sl_cpu_ops_new((sl_cpu_level)l, &f, n_threads, out, err);
    return sl_fail(err, SL_ERR_ARGUMENT, "SEEDLING_CPU=%s: use ref, avx2, avx512 or amx", want);
}

void sl_cpu_ops_free(sl_ops *o)
{
    if (!o) return;
    free(o->scratch);
    free(o);
}
