/*
 * test_arena.c: alignment, marks, the high-water mark and the ceiling.
 */
#include "base/arena.h"

#include "test.h"

static void test_allocations_are_aligned_and_apart(void **state)
{
    (void)state;
    struct sl_arena a = {0};
    sl_error err;
    assert_sl_ok(sl_arena_init(&a, 1 << 20, &err), &err);
    char *last = NULL;
    for (size_t n = 1; n < 300; n += 7) {
        char *p = sl_arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        if (last) assert_true(p >= last + n - 7);
        memset(p, 1, n);
        last = p;
    }
    sl_arena_free(&a);
    assert_null(a.base);
}

static void test_a_mark_releases_what_came_after(void **state)
{
    (void)state;
    struct sl_arena a = {0};
    sl_error err;
    assert_sl_ok(sl_arena_init(&a, 1 << 20, &err), &err);
    char *kept = sl_arena_alloc(&a, 100);
    size_t mark = sl_arena_mark(&a);
    char *p = sl_arena_alloc(&a, 5000);
    memset(p, 7, 5000);
    assert_true(sl_arena_owns_after(&a, mark, p));
    assert_false(sl_arena_owns_after(&a, mark, kept));
    sl_arena_release_to(&a, mark);
    assert_false(sl_arena_owns_after(&a, mark, p));
    char *again = sl_arena_zalloc(&a, 5000);
    assert_ptr_equal(again, p);
    for (int i = 0; i < 5000; i++) assert_int_equal(again[i], 0);
    sl_arena_free(&a);
}

static void test_the_peak_outlives_a_release(void **state)
{
    (void)state;
    struct sl_arena a = {0};
    sl_error err;
    assert_sl_ok(sl_arena_init(&a, 1 << 20, &err), &err);
    sl_arena_alloc(&a, 640);
    sl_arena_release_to(&a, 0);
    sl_arena_alloc(&a, 64);
    assert_int_equal(a.peak, 640);
    sl_arena_reset_peak(&a);
    assert_int_equal(a.peak, 64);
    sl_arena_free(&a);
}

static void test_past_the_ceiling_is_null_and_changes_nothing(void **state)
{
    (void)state;
    struct sl_arena a = {0};
    sl_error err;
    assert_sl_ok(sl_arena_init(&a, 1, &err), &err);
    assert_null(sl_arena_alloc(&a, a.ceiling + 1));
    assert_null(sl_arena_alloc(&a, (size_t)-1));
    assert_int_equal(a.used, 0);
    assert_non_null(sl_arena_alloc(&a, a.ceiling));
    assert_null(sl_arena_alloc(&a, 1));
    sl_arena_free(&a);
    assert_int_equal(sl_arena_init(&a, (size_t)-1, &err), SL_ERR_ARGUMENT);
}

static void test_a_dry_arena_counts_more_than_any_machine_has(void **state)
{
    (void)state;
    struct sl_arena a = {0};
    sl_error err;
    assert_sl_ok(sl_arena_init_dry(&a, (size_t)1 << 42, &err), &err);
    assert_non_null(sl_arena_alloc(&a, (size_t)1 << 41));
    assert_int_equal(a.peak, (size_t)1 << 41);
    sl_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_aligned_and_apart),
        cmocka_unit_test(test_a_mark_releases_what_came_after),
        cmocka_unit_test(test_the_peak_outlives_a_release),
        cmocka_unit_test(test_past_the_ceiling_is_null_and_changes_nothing),
        cmocka_unit_test(test_a_dry_arena_counts_more_than_any_machine_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
