/*
 * test_utf8.c: the edges of UTF-8, the byte alphabet, and the short cut around normalisation.
 */
#include "test.h"

#include "base/buf.h"
#include "text/byte_level.h"
#include "text/normalize.h"
#include "text/utf8.h"

#include <utf8proc.h>

static size_t put(uint32_t cp, char *out)
{
    return (size_t)utf8proc_encode_char((utf8proc_int32_t)cp, (utf8proc_uint8_t *)out);
}

static bool is_scalar(uint32_t cp)
{
    return cp < 0x110000 && (cp < 0xD800 || cp > 0xDFFF);
}

static void test_every_character_decodes_to_itself(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp < 0x110000; cp += cp < 0x3000 ? 1 : 17) {
        if (!is_scalar(cp)) continue;
        char s[4];
        size_t n = put(cp, s);
        uint32_t back = 0;
        assert_int_equal(sl_utf8_decode(s, n, &back), n);
        assert_int_equal(back, cp);
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(sl_utf8_decode(s, cut, &back), 0);
            assert_true(sl_utf8_is_partial(s, cut));
        }
        assert_false(sl_utf8_is_partial(s, n));
    }
}

static void test_malformed_sequences_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t valid; /* length of the good prefix */
        bool partial; /* of what follows it */
    } cases[] = {
        {"abc", 3, false},
        {"\x80", 0, false},
        {"\xC0\xAF", 0, false},
        {"\xC1", 0, false},
        {"a\xC2", 1, true},
        {"\xE0\x80", 0, false},
        {"\xE0\xA0", 0, true},
        {"\xED\xA0", 0, false},
        {"\xED\x9F", 0, true},
        {"\xF0\x80", 0, false},
        {"\xF0\x90", 0, true},
        {"\xF4\x90", 0, false},
        {"\xF4\x8F", 0, true},
        {"\xF5", 0, false},
        {"\xFF", 0, false},
        {"\xE2\x82\x28", 0, false},
        {"\xF0\x9F\x98", 0, true},
        {"12345678\xC3\xA9"
         "12345678\xC3",
         18, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].bytes), valid = sl_utf8_valid_prefix(cases[i].bytes, n);
        assert_int_equal(valid, cases[i].valid);
        assert_int_equal(sl_utf8_is_partial(cases[i].bytes + valid, n - valid), cases[i].partial);
    }
}

static void test_cutting_for_a_message_splits_no_character(void **state)
{
    (void)state;
    assert_int_equal(sl_utf8_cut("ab", 2, 5), 2);
    assert_int_equal(sl_utf8_cut("abcdef", 6, 5), 5);
    assert_int_equal(sl_utf8_cut("abc\xE2\x82\xAC", 6, 5), 3);
    assert_int_equal(sl_utf8_cut("a\xF0\x9F\x98\x80"
                                 "b",
                                 6, 4),
                     1);
    assert_int_equal(sl_utf8_cut("\x80\x80\x80\x80\x80\x80\x80", 7, 5), 1); /* no character at all */
}

static void test_the_byte_alphabet_spells_every_byte_and_back(void **state)
{
    (void)state;
    struct sl_buf spelled = SL_BUF_INIT(1000), back = SL_BUF_INIT(1000);
    char all[256];
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    sl_byte_level_spell(all, 256, &spelled);
    assert_int_equal(sl_utf8_valid_prefix(spelled.data, spelled.len), spelled.len);
    assert_int_equal(spelled.len, 94 + 2 * 162);
    assert_true(sl_byte_level_unspell(spelled.data, spelled.len, &back));
    assert_int_equal(back.len, 256);
    assert_memory_equal(back.data, all, 256);
    /* GPT-2's published spellings of the space, the line feed, DEL, the soft hyphen. */
    sl_buf_clear(&spelled);
    sl_byte_level_spell(" \n\x7F\xAD", 4, &spelled);
    assert_string_equal(spelled.data, "\xC4\xA0\xC4\x8A\xC4\xA1\xC5\x83");
    static const char *const none[] = {" ", "a b", "\xC5\x84", "\xE2\x82\xAC", "\xC2\xA0", "\xC2\xAD", "\xFF"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        sl_buf_clear(&back);
        assert_false(sl_byte_level_unspell(none[i], strlen(none[i]), &back));
        assert_int_equal(back.len, 0);
    }
    sl_buf_release(&spelled);
    sl_buf_release(&back);
}

/* What the short cut calls normal must stay as it is, alone, after a base that composes, and before a mark. */
static void test_the_normalisation_short_cut_is_never_wrong(void **state)
{
    (void)state;
    static const sl_normal_form forms[] = {SL_FORM_NFC, SL_FORM_NFD, SL_FORM_NFKC, SL_FORM_NFKD};
    struct sl_buf out = SL_BUF_INIT(1000);
    size_t n_normal = 0;
    for (uint32_t cp = 1; cp < 0x110000; cp += cp < 0x32000 ? 1 : 997) {
        if (!is_scalar(cp)) continue;
        char text[16] = "a";
        size_t n = 1 + put(cp, text + 1);
        n += put(0xAC00, text + n);
        n += put(cp, text + n);
        sl_error err = {0};
        for (int f = 0; f < 4; f++) {
            if (!sl_is_normal(forms[f], text, n)) continue;
            /* sl_normalize itself takes the short cut, unless a line holds something that is not normal. */
            n_normal++;
            char longer[32];
            memcpy(longer, text, n);
            size_t n_longer = n + put(0xF900, longer + n);
            sl_buf_clear(&out);
            assert_sl_ok(sl_normalize(forms[f], longer, n_longer, &out, &err), &err);
            assert_true(out.len >= n);
            assert_memory_equal(out.data, text, n);
        }
    }
    assert_true(n_normal > 20000);
    sl_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_character_decodes_to_itself),
        cmocka_unit_test(test_malformed_sequences_are_found),
        cmocka_unit_test(test_cutting_for_a_message_splits_no_character),
        cmocka_unit_test(test_the_byte_alphabet_spells_every_byte_and_back),
        cmocka_unit_test(test_the_normalisation_short_cut_is_never_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
