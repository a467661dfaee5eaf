/*
 * detect.c: what this processor, as the kernel and the hypervisor let this process see it, can do.
 *
 * Vector levels are believed when CPUID names them and XGETBV says that the kernel saves their registers. Tiles are
 * believed only after a product on them came out right: some hypervisors hide CPUID leaf 0x1D (the palette) while
 * the tiles work, others show AMX that faults. Palette 1 is assumed, the only one defined.
 */
#include "tensor/cpu/cpu.h"

#include "base/clock.h"
#include "tensor/cpu/detect.h"
#include "tensor/cpu/limits_kernels.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Where SIGILL lands; a signal handler has no argument for it. Set only while sl_cpu_survives runs. */
static _Thread_local sigjmp_buf *volatile landing;

static void on_sigill(int number)
{
    if (landing) siglongjmp(*landing, 1);
    /* Another thread's illegal instruction is none of our business: die of it as usual. */
    signal(number, SIG_DFL);
    raise(number);
}

bool sl_cpu_survives(bool (*probe)(void))
{
    struct sigaction action = {.sa_handler = on_sigill}, before;
    sigjmp_buf here;
    volatile bool answer = false;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGILL, &action, &before) != 0) return false;
    if (sigsetjmp(here, 1) == 0) {
        landing = &here;
        answer = probe();
    }
    landing = NULL;
    sigaction(SIGILL, &before, NULL);
    return answer;
}

#if defined(__x86_64__)

/* CPUID leaf 7, subleaf 0 and 1, and the register sets that the kernel saves (XCR0). */
struct cpuid_bits {
    unsigned ebx7, ecx7, edx7, eax7_1, ecx1;
    unsigned long long xcr0;
};

static struct cpuid_bits read_cpuid(void)
{
    struct cpuid_bits c = {0};
    unsigned a, b, unused;
    if (!__get_cpuid(1, &a, &b, &c.ecx1, &unused)) return c;
    if (__get_cpuid_count(7, 0, &a, &c.ebx7, &c.ecx7, &c.edx7) && a >= 1)
        __get_cpuid_count(7, 1, &c.eax7_1, &b, &unused, &unused);
    if (c.ecx1 >> 27 & 1) { /* OSXSAVE: XGETBV exists */
        unsigned lo, hi;
        __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
        c.xcr0 = (unsigned long long)hi << 32 | lo;
    }
    return c;
}

static bool all_set(unsigned long long word, unsigned long long bits)
{
    return (word & bits) == bits;
}

/* Asks the kernel for the tile registers; true when this process may use them. */
static bool request_tiles(void)
{
    enum { ARCH_GET_XCOMP_PERM = 0x1022, ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_TILEDATA = 18 };
    unsigned long long granted = 0;
    if (syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILEDATA) != 0) return false;
    if (syscall(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, &granted) != 0) return false;
    return granted >> XFEATURE_TILEDATA & 1;
}

/* Returns why there is no AMX level, or NULL when the tiles work. */
static const char *test_amx(const struct cpuid_bits *c, sl_cpu_features *f)
{
    enum { AMX_BF16 = 22, AMX_TILE = 24, AMX_INT8 = 25 };
    if (!all_set(c->edx7, 1u << AMX_TILE | 1u << AMX_BF16)) return "no AMX in CPUID";
    if (!f->avx512_vnni || !f->avx512_bf16) return "AMX without AVX512-VNNI and AVX512-BF16";
    if (!all_set(c->xcr0, 3u << 17)) return "the kernel does not save AMX tiles";
    if (!request_tiles()) return "the kernel refused AMX tiles";
    if (!sl_cpu_survives(sl_amx_test_bf16)) return "the AMX self-test failed";
    f->amx_int8 = (c->edx7 >> AMX_INT8 & 1) && sl_cpu_survives(sl_amx_test_int8);
    return NULL;
}

/* Multiplications and additions a second of a register-resident loop: the best of a few very short runs. */
static double peak(sl_limit_fn *fn)
{
    double best = 0;
    for (int i = 0; i < 12; i++) {
        enum { ROUNDS = 800 };
        double start = sl_clock_seconds(), flops = fn(ROUNDS) * ROUNDS, rate = flops / (sl_clock_seconds() - start);
        if (rate > best) best = rate;
    }
    return best;
}

/*
 * Whether vdpbf16ps multiplies faster than f32 FMA. The ratio is 2 on some processors and 1 or less on others, so a
 * hundred microseconds tell them apart whatever else the machine does, and tell the same every time.
 */
static bool dots_are_faster(void)
{
    return peak(sl_limit_dots_bf16) > 1.4 * peak(sl_limit_fma_avx512);
}

void sl_cpu_detect(sl_cpu_features *out)
{
    enum { FMA = 1u << 12, F16C = 1u << 29, AVX = 1u << 28, AVX2 = 1u << 5 };
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    const unsigned long long ymm_state = 0x6, zmm_state = 0xe6;
    struct cpuid_bits c = read_cpuid();
    const char *reason;
    *out = (sl_cpu_features){.best = SL_CPU_REF};
    if (!all_set(c.ecx1, FMA | F16C | AVX) || !(c.ebx7 & AVX2) || !all_set(c.xcr0, ymm_state)) {
        reason = "no AVX2 with FMA and F16C";
    } else if (out->best = SL_CPU_AVX2, !all_set(c.ebx7, avx512) || !all_set(c.xcr0, zmm_state)) {
        reason = "no AVX-512 F, BW, VL, DQ";
    } else {
        out->best = SL_CPU_AVX512;
        out->avx512_vnni = c.ecx7 >> 11 & 1;
        out->avx512_bf16 = c.eax7_1 >> 5 & 1;
        out->bf16_dots = out->avx512_bf16 && dots_are_faster();
        reason = test_amx(&c, out);
        if (!reason) out->best = SL_CPU_AMX;
    }
    if (reason) snprintf(out->reason, sizeof out->reason, "%s", reason);
}

#else

void sl_cpu_detect(sl_cpu_features *out)
{
    *out = (sl_cpu_features){.best = SL_CPU_REF};
    snprintf(out->reason, sizeof out->reason, "not an x86-64 processor");
}

#endif
