/*
 * test_pretokenize.c: what splits do with their matches, and patterns that PCRE2 would read differently.
 */
#include "test.h"

#include "base/buf.h"
#include "text/pretokenize.h"
#include "text/regex.h"

static sl_status add_piece(void *user, const char *piece, size_t n)
{
    struct sl_buf *out = user;
    if (out->len) sl_buf_addch(out, '|');
    sl_buf_add(out, piece, n);
    return SL_OK;
}

static void expect_pieces(const struct sl_split *splits, size_t n_splits, const char *text, const char *want)
{
    struct sl_pretokenizer *p = NULL;
    struct sl_buf out = SL_BUF_INIT(1000);
    sl_error err = {0};
    assert_sl_ok(sl_pretokenizer_new(splits, n_splits, &p, &err), &err);
    struct sl_pretokenizer_scratch *scratch = sl_pretokenizer_scratch_new();
    assert_sl_ok(sl_pretokenize(p, scratch, text, strlen(text), add_piece, &out, &err), &err);
    assert_string_equal(sl_buf_str(&out), want);
    sl_buf_release(&out);
    sl_pretokenizer_scratch_free(scratch);
    sl_pretokenizer_free(&p);
}

static void test_matches_go_where_the_behavior_says(void **state)
{
    (void)state;
    /* The examples in the documentation of Hugging Face's tokenizers, and more. */
    static const struct {
        sl_split_behavior behavior;
        bool invert;
        const char *text, *want;
    } cases[] = {
        {SL_SPLIT_REMOVED, false, "the-final--countdown", "the|final|countdown"},
        {SL_SPLIT_ISOLATED, false, "the-final--countdown", "the|-|final|-|-|countdown"},
        {SL_SPLIT_MERGED_WITH_PREVIOUS, false, "the-final--countdown", "the-|final-|-|countdown"},
        {SL_SPLIT_MERGED_WITH_NEXT, false, "the-final--countdown", "the|-final|-|-countdown"},
        {SL_SPLIT_CONTIGUOUS, false, "the-final--countdown", "the|-|final|--|countdown"},
        {SL_SPLIT_REMOVED, true, "the-final--countdown", "-|-|-"},
        {SL_SPLIT_MERGED_WITH_PREVIOUS, false, "-a-", "-|a-"},
        {SL_SPLIT_MERGED_WITH_NEXT, false, "-a-", "-a|-"},
        {SL_SPLIT_CONTIGUOUS, true, "--", "--"},
        {SL_SPLIT_REMOVED, false, "---", ""},
        {SL_SPLIT_ISOLATED, false, "none", "none"},
        {SL_SPLIT_ISOLATED, false, "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_split split = {.pattern = "-", .behavior = cases[i].behavior, .invert = cases[i].invert};
        expect_pieces(&split, 1, cases[i].text, cases[i].want);
    }
}

static void test_each_split_works_on_the_pieces_of_the_one_before(void **state)
{
    (void)state;
    const struct sl_split splits[] = {
        {.pattern = "\\p{N}{1,3}"},
        {.pattern = "\\s+(?!\\S)|\\s", .behavior = SL_SPLIT_MERGED_WITH_NEXT},
        {.pattern = "(", .literal = true},
    };
    expect_pieces(splits, 3, "f (x)  12345y", "f| |(|x)|  |123|45|y");
}

static void test_the_qwen2_pattern_cuts_as_published(void **state)
{
    (void)state;
    const struct sl_split split = {.pattern = SL_PATTERN_QWEN2};
    expect_pieces(&split, 1, "I'LL say: \"don't!\"  42\n\n  x\t\n y",
                  "I|'LL| say|:| \"|don|'t|!\"| | |4|2|\n\n| | x|\t\n| y");
}

static void test_white_space_is_the_unicode_property(void **state)
{
    (void)state;
    const struct sl_split split = {.pattern = "\\s+"}, other = {.pattern = "[^\\S]+"};
    /* U+0085, U+00A0, U+3000 are; U+180E, U+200B, U+FEFF are not. */
    const char *text = "a\xC2\x85\xC2\xA0\xE3\x80\x80"
                       "b\xE1\xA0\x8E\xE2\x80\x8B\xEF\xBB\xBF";
    const char *want = "a|\xC2\x85\xC2\xA0\xE3\x80\x80|b\xE1\xA0\x8E\xE2\x80\x8B\xEF\xBB\xBF";
    expect_pieces(&split, 1, text, want);
    expect_pieces(&other, 1, text, want);
}

static void test_patterns_are_translated(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *want;
    } cases[] = {
        {"\\s+(?!\\S)", "\\p{White_Space}+(?!\\P{White_Space})"},
        {"\\\\s[\\]\\s]", "\\\\s[\\]\\p{White_Space}]"},
        {"[]a][^]\\[]", "[]a][^]\\[]"},
        {"[[:alpha:]x]", "[[:alpha:]x]"},
        {"a[\\p{L}&&[^\\p{Han}]]*b", "a(?:(?![\\p{Han}])[\\p{L}])*b"},
        {"a&&b", "a&&b"},
        {"[a&&[b]]", NULL},
        {"[^a&&[^b]]", NULL},
        {"[a[b]]", NULL},
        {"[a", NULL},
        {"[a&&[^b]", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_buf out = SL_BUF_INIT(1000);
        sl_error err = {0};
        sl_status status = sl_regex_to_pcre2(cases[i].pattern, &out, &err);
        assert_int_equal(status, cases[i].want ? SL_OK : SL_ERR_UNSUPPORTED);
        if (cases[i].want) assert_string_equal(sl_buf_str(&out), cases[i].want);
        sl_buf_release(&out);
    }
}

static void test_class_subtraction_subtracts(void **state)
{
    (void)state;
    const struct sl_split split = {.pattern = "[\\p{L}&&[^\\p{Han}]]+"};
    expect_pieces(&split, 1,
                  "ab\xE4\xB8\xAD"
                  "c1",
                  "ab|\xE4\xB8\xAD|c|1");
}

static void test_patterns_with_odd_matches_do_no_harm(void **state)
{
    (void)state;
    const struct sl_split empty = {.pattern = "x*"};
    expect_pieces(&empty, 1, "abxxc", "ab|xx|c");
    struct sl_pretokenizer *p = NULL;
    struct sl_buf out = SL_BUF_INIT(1000);
    sl_error err = {0};
    const struct sl_split moved = {.pattern = "(?=ab\\K)"};
    if (sl_pretokenizer_new(&moved, 1, &p, &err) == SL_OK) {
        struct sl_pretokenizer_scratch *scratch = sl_pretokenizer_scratch_new();
        assert_int_equal(sl_pretokenize(p, scratch, "xab", 3, add_piece, &out, &err), SL_ERR_FORMAT);
        sl_pretokenizer_scratch_free(scratch);
    }
    sl_buf_release(&out);
    sl_pretokenizer_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_go_where_the_behavior_says),
        cmocka_unit_test(test_each_split_works_on_the_pieces_of_the_one_before),
        cmocka_unit_test(test_the_qwen2_pattern_cuts_as_published),
        cmocka_unit_test(test_white_space_is_the_unicode_property),
        cmocka_unit_test(test_patterns_are_translated),
        cmocka_unit_test(test_class_subtraction_subtracts),
        cmocka_unit_test(test_patterns_with_odd_matches_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
