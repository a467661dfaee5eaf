/*
 * test_added.c: where added tokens are found.
 */
#include "test.h"

#include "text/added.h"

#define ANY                                                                                                            \
    (struct sl_added_filter)                                                                                           \
    {                                                                                                                  \
        .plain = true, .special = true                                                                                 \
    }

static void add(struct sl_added_set *set, const char *text, struct sl_added_token flags)
{
    flags.text = (char *)text;
    flags.n = strlen(text);
    flags.id = (int32_t)set->n;
    assert_true(sl_added_set_add(set, &flags));
}

/* Searches from `from`; expects the token `want` at [begin, end), or none when want is NULL. */
static void expect_match(const struct sl_added_set *set, struct sl_added_filter filter, const char *text, size_t from,
                         const char *want, size_t begin, size_t end)
{
    struct sl_added_match m;
    bool found = sl_added_set_search(set, filter, text, strlen(text), from, &m);
    assert_int_equal(found, want != NULL);
    if (!want) return;
    assert_string_equal(m.token->text, want);
    assert_int_equal(m.begin, begin);
    assert_int_equal(m.end, end);
}

static void test_the_leftmost_longest_token_wins(void **state)
{
    (void)state;
    struct sl_added_set set = {0};
    static const char *const texts[] = {"<t", "<think>", "<", "think", "nk>x", "<thing>"};
    for (int i = 0; i < 6; i++) add(&set, texts[i], (struct sl_added_token){0});
    assert_null(sl_added_set_sort(&set));
    expect_match(&set, ANY, "a<think>x", 0, "<think>", 1, 8);
    expect_match(&set, ANY, "a<thinkx", 0, "<t", 1, 3);
    expect_match(&set, ANY, "a<thin", 0, "<t", 1, 3);
    expect_match(&set, ANY, "a<", 0, "<", 1, 2);
    expect_match(&set, ANY, "a<think>x", 2, "think", 2, 7);
    expect_match(&set, ANY, "a<think>x", 3, "nk>x", 5, 9);
    expect_match(&set, ANY, "nothing here", 0, NULL, 0, 0);
    sl_added_set_release(&set);
}

static void test_the_filter_chooses_tokens(void **state)
{
    (void)state;
    struct sl_added_set set = {0};
    add(&set, "<a>", (struct sl_added_token){.special = true});
    add(&set, "<ab", (struct sl_added_token){0});
    add(&set, "<a", (struct sl_added_token){.normalized = true});
    sl_added_set_sort(&set);
    expect_match(&set, (struct sl_added_filter){.special = true}, "<ab <a>", 0, "<a>", 4, 7);
    expect_match(&set, (struct sl_added_filter){.plain = true}, "<a> <ab", 0, "<ab", 4, 7);
    expect_match(&set, (struct sl_added_filter){.plain = true, .normalized = true}, "<ab", 0, "<a", 0, 2);
    expect_match(&set, (struct sl_added_filter){.plain = false}, "<ab", 0, NULL, 0, 0);
    sl_added_set_release(&set);
}

static void test_single_words_touch_no_word_character(void **state)
{
    (void)state;
    struct sl_added_set set = {0};
    add(&set, "cat", (struct sl_added_token){.single_word = true});
    sl_added_set_sort(&set);
    expect_match(&set, ANY, "cats concat cat_ 1cat", 0, NULL, 0, 0);
    expect_match(&set, ANY,
                 "\xC3\xA9"
                 "cat cat\xC3\xA9 (cat)",
                 0, "cat", 13, 16);
    expect_match(&set, ANY, "cat", 0, "cat", 0, 3);
    sl_added_set_release(&set);
}

static void test_stripping_takes_white_space_along(void **state)
{
    (void)state;
    struct sl_added_set set = {0};
    add(&set, "<l>", (struct sl_added_token){.lstrip = true});
    add(&set, "<r>", (struct sl_added_token){.rstrip = true});
    sl_added_set_sort(&set);
    expect_match(&set, ANY, "a \t\xE3\x80\x80<l> b", 0, "<l>", 1, 9);
    expect_match(&set, ANY, "a   <l>", 2, "<l>", 2, 7); /* not what is before the search */
    expect_match(&set, ANY, "a <r> \n\xC2\xA0x", 0, "<r>", 2, 9);
    expect_match(&set, ANY, "<r> \xC2", 0, "<r>", 0, 4); /* a broken character is no space */
    sl_added_set_release(&set);
}

static void test_a_text_that_is_there_twice_is_reported(void **state)
{
    (void)state;
    struct sl_added_set set = {0};
    add(&set, "b", (struct sl_added_token){0});
    add(&set, "a", (struct sl_added_token){0});
    assert_null(sl_added_set_sort(&set));
    assert_int_equal(sl_added_set_find(&set, "b", 1)->id, 0);
    assert_null(sl_added_set_find(&set, "bb", 2));
    add(&set, "b", (struct sl_added_token){0});
    assert_string_equal(sl_added_set_sort(&set)->text, "b");
    sl_added_set_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_leftmost_longest_token_wins),
        cmocka_unit_test(test_the_filter_chooses_tokens),
        cmocka_unit_test(test_single_words_touch_no_word_character),
        cmocka_unit_test(test_stripping_takes_white_space_along),
        cmocka_unit_test(test_a_text_that_is_there_twice_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
