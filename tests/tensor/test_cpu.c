/*
 * test_cpu.c: finding the processor's level never crashes, can be forced, and leaves no slot of the table empty.
 */
#include "test.h"

#include "tensor/cpu/cpu.h"
#include "tensor/cpu/detect.h"
#include "tensor/cpu/limits.h"

#include <signal.h>

static bool illegal(void)
{
#if defined(__x86_64__)
    __asm__ volatile("ud2");
#else
    raise(SIGILL);
#endif
    return true;
}

static bool says_yes(void)
{
    return true;
}

static bool says_no(void)
{
    return false;
}

static volatile sig_atomic_t caught;

static void note(int number)
{
    (void)number;
    caught++;
}

static void test_an_illegal_instruction_is_survived_and_the_handler_put_back(void **state)
{
    (void)state;
    struct sigaction mine = {.sa_handler = note}, before, after;
    assert_int_equal(sigaction(SIGILL, &mine, &before), 0);
    for (int i = 0; i < 3; i++) {
        assert_false(sl_cpu_survives(illegal));
        assert_true(sl_cpu_survives(says_yes));
        assert_false(sl_cpu_survives(says_no));
    }
    assert_int_equal(sigaction(SIGILL, &before, &after), 0);
    assert_ptr_equal(after.sa_handler, note);
    assert_int_equal(caught, 0);
}

static void test_detection_says_the_same_every_time(void **state)
{
    (void)state;
    sl_cpu_features a, b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    sl_cpu_detect(&a);
    sl_cpu_detect(&b);
    assert_int_equal(a.best, b.best);
    assert_int_equal(a.amx_int8, b.amx_int8);
    assert_int_equal(a.bf16_dots, b.bf16_dots);
    assert_true(a.avx512_bf16 || !a.bf16_dots);
    assert_string_equal(a.reason, b.reason);
    /* A reason is given exactly when something is missing. */
    assert_true((a.best == SL_CPU_AMX) == (a.reason[0] == '\0'));
}

static void test_the_environment_forces_a_level(void **state)
{
    (void)state;
    sl_cpu_features f;
    sl_cpu_detect(&f);
    for (int level = 0; level < SL_N_CPU_LEVELS; level++) {
        sl_ops *o = NULL;
        sl_error err = {0};
        const char *name = sl_cpu_level_name((sl_cpu_level)level);
        setenv("SEEDLING_CPU", name, 1);
        sl_status s = sl_cpu_ops_default(1, &o, &err);
        if (level <= (int)f.best) {
            assert_sl_ok(s, &err);
            assert_string_equal(o->name, name);
            assert_int_equal(o->n_threads, 1);
        } else {
            assert_int_equal(s, SL_ERR_UNSUPPORTED);
            assert_non_null(strstr(err.message, name));
        }
        sl_cpu_ops_free(o);
    }
    sl_ops *o = NULL;
    sl_error err = {0};
    setenv("SEEDLING_CPU", "sse9", 1);
    assert_int_equal(sl_cpu_ops_default(1, &o, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "SEEDLING_CPU=sse9: use ref, avx2, avx512 or amx");
    unsetenv("SEEDLING_CPU");
    assert_sl_ok(sl_cpu_ops_default(0, &o, &err), &err);
    assert_true(o->n_threads >= 1);
    sl_cpu_ops_free(o);
}

static void test_a_wrong_number_of_threads_is_refused(void **state)
{
    (void)state;
    sl_ops *o = NULL;
    sl_error err = {0};
    assert_int_equal(sl_cpu_ops_default(-1, &o, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_cpu_ops_default(100000, &o, &err), SL_ERR_ARGUMENT);
    assert_null(o);
}

static void test_every_level_fills_every_slot(void **state)
{
    (void)state;
    sl_cpu_features f;
    sl_cpu_detect(&f);
    for (int level = 0; level <= (int)f.best; level++) {
        sl_ops *o = NULL;
        sl_error err = {0};
        assert_sl_ok(sl_cpu_ops_new((sl_cpu_level)level, &f, 1, &o, &err), &err);
        /* The slots are all that follows the scratch size. */
        size_t first = offsetof(sl_ops, gemm), n = (sizeof *o - first) / sizeof(void *);
        for (size_t i = 0; i < n; i++) {
            void *slot;
            memcpy(&slot, (char *)o + first + i * sizeof slot, sizeof slot);
            if (!slot) fail_msg("slot %zu of %s is empty", i, o->name);
        }
        sl_cpu_ops_free(o);
    }
}

/* Whether products of a type are faster than f32's by more than factor: what a machine that others slow down shows at
 * one of ten tries. */
static bool is_faster(const sl_ops *o, sl_dtype type, double factor)
{
#ifdef __SANITIZE_ADDRESS__
    bool faster = true; /* loops with checks in them say nothing about speed */
#else
    bool faster = false;
#endif
    for (int i = 0; i < 10 && !faster; i++)
        faster = sl_cpu_limit_flops(o, type) > factor * sl_cpu_limit_flops(o, SL_F32);
    return faster;
}

static void test_limits_are_measured_at_every_level(void **state)
{
    (void)state;
    sl_cpu_features f;
    sl_cpu_detect(&f);
    for (int level = 0; level <= (int)f.best; level++) {
        sl_ops *o = NULL;
        sl_error err = {0};
        assert_sl_ok(sl_cpu_ops_new((sl_cpu_level)level, &f, 1, &o, &err), &err);
        assert_true(sl_cpu_limit_flops(o, SL_F32) > 1e7);
        /* Tiles are what makes the difference. */
        bool good = (level < SL_CPU_AMX || is_faster(o, SL_BF16, 1)) &&
                    (level < SL_CPU_AVX512 || !f.avx512_vnni || is_faster(o, SL_I8, 1.5));
        sl_cpu_ops_free(o);
        assert_true(good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_illegal_instruction_is_survived_and_the_handler_put_back),
        cmocka_unit_test(test_detection_says_the_same_every_time),
        cmocka_unit_test(test_the_environment_forces_a_level),
        cmocka_unit_test(test_a_wrong_number_of_threads_is_refused),
        cmocka_unit_test(test_every_level_fills_every_slot),
        cmocka_unit_test(test_limits_are_measured_at_every_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
