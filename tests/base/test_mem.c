/*
 * test_mem.c: sizes that overflow are noticed before they are used.
 */
#include "base/mem.h"

#include "test.h"

static void test_overflow_is_reported_and_leaves_the_result(void **state)
{
    (void)state;
    size_t x = 42;
    assert_false(sl_size_mul((size_t)1 << 33, (size_t)1 << 33, &x));
    assert_false(sl_size_add((size_t)-1, 1, &x));
    assert_int_equal(x, 42);
    assert_true(sl_size_mul(6, 7, &x) && x == 42);
    assert_true(sl_size_mul(0, (size_t)-1, &x) && x == 0);
    assert_true(sl_size_add((size_t)-2, 1, &x) && x == (size_t)-1);
}

static void test_arrays_are_zeroed_and_refused_when_too_large(void **state)
{
    (void)state;
    int *a = sl_alloc_array(100, sizeof *a);
    assert_non_null(a);
    for (int i = 0; i < 100; i++) assert_int_equal(a[i], 0);
    free(a);
    a = sl_alloc_array(0, sizeof *a);
    assert_non_null(a);
    free(a);
    volatile size_t many = (size_t)-1 / 2;
    assert_null(sl_alloc_array(many, 8));
}

static void test_growing_doubles_keeps_and_stops_at_the_ceiling(void **state)
{
    (void)state;
    int *items = NULL;
    size_t cap = 0, changes = 0;
    for (size_t n = 1; n <= 1000; n++) {
        size_t before = cap;
        assert_true(sl_grow_array((void **)&items, &cap, n, sizeof *items, 1000));
        changes += cap != before;
        items[n - 1] = (int)n;
    }
    assert_int_equal(cap, 1000);
    assert_true(changes < 10);
    for (int i = 0; i < 1000; i++) assert_int_equal(items[i], i + 1);
    assert_false(sl_grow_array((void **)&items, &cap, 1001, sizeof *items, 1000));
    assert_int_equal(cap, 1000);
    assert_int_equal(items[999], 1000);
    free(items);
}

static void test_huge_memory_can_be_written_and_is_refused_when_too_large(void **state)
{
    (void)state;
    for (size_t n = 0; n < (size_t)5 << 20; n += ((size_t)1 << 20) - 1) {
        unsigned char *p = sl_alloc_huge(n);
        assert_non_null(p);
        memset(p, 1, n);
        free(p);
    }
    assert_null(sl_alloc_huge(SIZE_MAX));
    assert_null(sl_alloc_huge(SIZE_MAX - ((size_t)4 << 20)));
}

static void test_strdup_copies(void **state)
{
    (void)state;
    char text[] = "text", *copy = sl_strdup(text);
    text[0] = 'n';
    assert_string_equal(copy, "text");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow_is_reported_and_leaves_the_result),
        cmocka_unit_test(test_arrays_are_zeroed_and_refused_when_too_large),
        cmocka_unit_test(test_growing_doubles_keeps_and_stops_at_the_ceiling),
        cmocka_unit_test(test_huge_memory_can_be_written_and_is_refused_when_too_large),
        cmocka_unit_test(test_strdup_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
