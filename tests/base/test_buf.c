/*
 * test_buf.c: growth, the ceiling, and errors that stick.
 */
#include "base/buf.h"

#include "test.h"

static void test_an_empty_buffer_is_an_empty_string(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(10);
    assert_string_equal(sl_buf_str(&b), "");
    assert_true(sl_buf_ok(&b));
    sl_buf_clear(&b);
    sl_buf_release(&b);
}

static void test_additions_follow_each_other(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(100);
    sl_buf_addstr(&b, "one");
    sl_buf_addch(&b, ' ');
    sl_buf_add(&b, "t\0o", 3);
    sl_buf_addf(&b, " %d%s", 3, "!");
    assert_int_equal(b.len, 10);
    assert_memory_equal(sl_buf_str(&b), "one t\0o 3!", 11);
    sl_buf_clear(&b);
    assert_string_equal(sl_buf_str(&b), "");
    sl_buf_addf(&b, "%s", "again");
    assert_string_equal(sl_buf_str(&b), "again");
    sl_buf_release(&b);
}

static void test_growth_keeps_the_contents(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(1 << 20);
    for (int i = 0; i < 100000; i++) sl_buf_addch(&b, (char)(i * 7));
    assert_true(sl_buf_ok(&b) && b.len == 100000);
    for (int i = 0; i < 100000; i++) assert_int_equal(b.data[i], (char)(i * 7));
    sl_buf_release(&b);
}

static void test_the_ceiling_is_exact_and_its_error_sticks(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(5);
    sl_buf_addstr(&b, "12345");
    assert_true(sl_buf_ok(&b));
    sl_buf_addf(&b, "%d", 6);
    assert_false(sl_buf_ok(&b));
    assert_string_equal(sl_buf_str(&b), "12345");
    sl_buf_add(&b, "", 0);
    assert_false(sl_buf_ok(&b));
    sl_buf_clear(&b);
    sl_buf_addstr(&b, "123");
    assert_true(sl_buf_ok(&b));
    assert_string_equal(sl_buf_str(&b), "123");
    sl_buf_add(&b, "x", (size_t)-1);
    assert_false(sl_buf_ok(&b));
    sl_buf_release(&b);
    assert_true(sl_buf_ok(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_buffer_is_an_empty_string),
        cmocka_unit_test(test_additions_follow_each_other),
        cmocka_unit_test(test_growth_keeps_the_contents),
        cmocka_unit_test(test_the_ceiling_is_exact_and_its_error_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
