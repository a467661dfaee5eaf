/*
 * test_error.c: messages stay one line, fit, and carry their context.
 */
#include "base/error.h"

#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_fail_formats_and_returns_its_status(void **state)
{
    (void)state;
    sl_error err;
    assert_int_equal(sl_fail(&err, SL_ERR_IO, "cannot open %s: %d", "f", 7), SL_ERR_IO);
    assert_int_equal(err.status, SL_ERR_IO);
    assert_string_equal(err.message, "cannot open f: 7");
    assert_int_equal(sl_fail(NULL, SL_ERR_FORMAT, "nobody reads this"), SL_ERR_FORMAT);
}

static void test_messages_are_one_line_even_with_hostile_names(void **state)
{
    (void)state;
    sl_error err;
    sl_fail(&err, SL_ERR_IO, "cannot open %s", "a\nb\tc\x1b[2J\x7f");
    assert_string_equal(err.message, "cannot open a?b?c?[2J?");
    sl_fail(&err, SL_ERR_IO, "%s", "caf\xc3\xa9");
    assert_string_equal(err.message, "caf\xc3\xa9");
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    sl_error err;
    sl_fail(&err, SL_ERR_IO, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    sl_fail(&err, SL_ERR_FORMAT, "reason");
    assert_int_equal(sl_fail_context(&err, SL_ERR_FORMAT, "%s", text), SL_ERR_FORMAT);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void test_context_goes_in_front(void **state)
{
    (void)state;
    sl_error err;
    sl_fail(&err, SL_ERR_FORMAT, "bad number");
    assert_int_equal(sl_fail_context(&err, SL_ERR_FORMAT, "line %d", 3), SL_ERR_FORMAT);
    sl_fail_context(&err, SL_ERR_FORMAT, "%s", "file.txt");
    assert_string_equal(err.message, "file.txt: line 3: bad number");
    assert_int_equal(sl_fail_context(NULL, SL_ERR_MEMORY, "x"), SL_ERR_MEMORY);
}

static void test_a_broken_invariant_aborts_in_every_build(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(2);
        signal(SIGABRT, SIG_DFL);
        SL_CHECK(1 + 1 == 3);
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_formats_and_returns_its_status),
        cmocka_unit_test(test_messages_are_one_line_even_with_hostile_names),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_context_goes_in_front),
        cmocka_unit_test(test_a_broken_invariant_aborts_in_every_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
