/*
 * test_nearest.c: misspelt names find what was meant, and nothing else.
 */
#include "base/nearest.h"

#include "test.h"

static const char *const names[] = {"tokenizer", "bench", "info"};

static void the_nearest_name_is_found_or_none(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        int index;
    } cases[] = {{"tokeniser", 0}, {"tokenzier", 0}, {"Bench", 1}, {"ifno", 2}, {"xyz", -1}, {"", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(sl_nearest_name(cases[i].word, names, 3, sizeof *names), cases[i].index);
    char longword[100];
    memset(longword, 'a', sizeof longword - 1);
    longword[99] = '\0';
    assert_int_equal(sl_nearest_name(longword, names, 3, sizeof *names), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_name_is_found_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
