/*
 * test_base64.c: base64 text both ways, and what is no base64.
 */
#include "base/base64.h"
#include "base/rng.h"

#include "test.h"

/* The vectors of RFC 4648, section 10. */
static const struct {
    const char *text, *bytes;
} vectors[] = {
    {"", ""},
    {"Zg==", "f"},
    {"Zm8=", "fo"},
    {"Zm9v", "foo"},
    {"Zm9vYg==", "foob"},
    {"Zm9vYmE=", "fooba"},
    {"Zm9vYmFy", "foobar"},
};

static void test_the_standards_vectors_decode_and_encode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct sl_buf out = SL_BUF_INIT(100);
        sl_error err;
        assert_sl_ok(sl_base64_decode(vectors[i].text, strlen(vectors[i].text), &out, &err), &err);
        assert_string_equal(sl_buf_str(&out), vectors[i].bytes);
        sl_buf_clear(&out);
        sl_base64_encode(vectors[i].bytes, strlen(vectors[i].bytes), &out);
        assert_string_equal(sl_buf_str(&out), vectors[i].text);
        sl_buf_release(&out);
    }
}

static void test_random_bytes_come_back_through_line_breaks(void **state)
{
    (void)state;
    struct sl_rng r;
    sl_rng_init(&r, 5, 1);
    for (int k = 0; k < 60; k++) {
        unsigned char bytes[20000];
        size_t n = k < 40 ? (size_t)k : 1 + sl_rng_below(&r, sizeof bytes);
        for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)sl_rng_u32(&r);
        struct sl_buf text = SL_BUF_INIT(1 << 16), broken = SL_BUF_INIT(1 << 16), back = SL_BUF_INIT(sizeof bytes);
        sl_base64_encode(bytes, n, &text);
        /* Lines of 76 characters as mail has them, or of a length that splits groups of four. */
        size_t line = k % 2 ? 76 : 61;
        for (size_t i = 0; i < text.len; i++) {
            sl_buf_addch(&broken, text.data[i]);
            if (i % line == line - 1) sl_buf_addstr(&broken, "\r\n");
        }
        sl_error err;
        assert_sl_ok(sl_base64_decode(sl_buf_str(&broken), broken.len, &back, &err), &err);
        assert_int_equal(back.len, n);
        if (n) assert_memory_equal(back.data, bytes, n);
        sl_buf_release(&text);
        sl_buf_release(&broken);
        sl_buf_release(&back);
    }
}

static void test_the_url_alphabet_and_missing_padding_are_taken(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(100);
    sl_error err;
    assert_sl_ok(sl_base64_decode("-_-_", 4, &out, &err), &err);
    assert_memory_equal(out.data, "\xfb\xff\xbf", 3);
    sl_buf_clear(&out);
    assert_sl_ok(sl_base64_decode("Zm8", 3, &out, &err), &err);
    assert_string_equal(out.data, "fo");
    sl_buf_release(&out);
}

static void test_what_is_no_base64_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",       "Zg=",  "Zg===", "Zg=a", "=",        "====",     "Zm9v=",
                                      "Zm9v Z!", "Zm.v", "Zh==",  "Zm9=", "Zg==Zg==", "\xc3\xa4", "Zm9vZ"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sl_buf out = SL_BUF_INIT(100);
        sl_buf_addstr(&out, "kept");
        sl_error err = {0};
        assert_int_equal(sl_base64_decode(bad[i], strlen(bad[i]), &out, &err), SL_ERR_FORMAT);
        assert_non_null(strstr(err.message, "base64"));
        assert_string_equal(sl_buf_str(&out), "kept");
        sl_buf_release(&out);
    }
}

static void test_a_result_over_the_ceiling_is_refused(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(5);
    assert_int_equal(sl_base64_decode("Zm9vYmFy", 8, &out, NULL), SL_ERR_MEMORY);
    sl_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_standards_vectors_decode_and_encode),
        cmocka_unit_test(test_random_bytes_come_back_through_line_breaks),
        cmocka_unit_test(test_the_url_alphabet_and_missing_padding_are_taken),
        cmocka_unit_test(test_what_is_no_base64_is_refused_and_leaves_nothing),
        cmocka_unit_test(test_a_result_over_the_ceiling_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
