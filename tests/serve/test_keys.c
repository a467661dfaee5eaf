/* test_keys.c: files of keys, good and bad, and what a minute allows. */
#include "serve/keys.h"

#include "test.h"

static sl_status open_text(const char *text, struct sl_keys **keys, sl_error *err)
{
    const char *path = test_temp_path("keys");
    test_write_file(path, text, strlen(text));
    return sl_keys_open(path, keys, err);
}

static void test_admission(void **state)
{
    (void)state;
    struct sl_keys *keys;
    sl_error err;
    int id;
    double wait;
    assert_sl_ok(open_text("# ours\n\nfirst-key\nsecond-key 2\r\nthird-key 0 100\n", &keys, &err), &err);
    for (int i = 0; i < 100; i++) assert_int_equal(sl_keys_admit(keys, "first-key", 1, &id, &wait), SL_KEY_GOOD);
    assert_int_equal(sl_keys_admit(keys, NULL, 1, &id, &wait), SL_KEY_UNKNOWN);
    assert_int_equal(sl_keys_admit(keys, "first-kez", 1, &id, &wait), SL_KEY_UNKNOWN);
    assert_int_equal(sl_keys_admit(keys, "first-key ", 1, &id, &wait), SL_KEY_UNKNOWN);
    assert_int_equal(sl_keys_admit(keys, "", 1, &id, &wait), SL_KEY_UNKNOWN);

    assert_int_equal(sl_keys_admit(keys, "second-key", 1, &id, &wait), SL_KEY_GOOD);
    assert_int_equal(sl_keys_admit(keys, "second-key", 1, &id, &wait), SL_KEY_GOOD);
    assert_int_equal(sl_keys_admit(keys, "second-key", 1, &id, &wait), SL_KEY_TOO_MANY);
    assert_float_equal(wait, 30, 0.01);
    assert_int_equal(sl_keys_admit(keys, "second-key", 31.1, &id, &wait), SL_KEY_GOOD);
    assert_int_equal(sl_keys_admit(keys, "second-key", 31.2, &id, &wait), SL_KEY_TOO_MANY);

    assert_int_equal(sl_keys_admit(keys, "third-key", 1, &id, &wait), SL_KEY_GOOD);
    sl_keys_spend(keys, id, 150);
    assert_int_equal(sl_keys_admit(keys, "third-key", 1, &id, &wait), SL_KEY_TOO_MANY);
    assert_float_equal(wait, 30, 0.01);
    assert_int_equal(sl_keys_admit(keys, "third-key", 32, &id, &wait), SL_KEY_GOOD);
    sl_keys_free(&keys);
    assert_null(keys);
}

static void test_bad_files_are_named_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "no keys"},
        {"# nothing\n", "no keys"},
        {"good-key-1\nshort\n", ":2:"},
        {"a-good-key x\n", ":1:"},
        {"a-good-key 1 2 3\n", ":1:"},
        {"a-good-key -1\n", ":1:"},
        {"k\xc3\xa4se-key-1\n", ":1:"},
    };
    struct sl_keys *keys;
    sl_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(open_text(cases[i].text, &keys, &err), SL_ERR_FORMAT);
        assert_non_null(strstr(err.message, cases[i].says));
        assert_null(keys);
    }
    assert_int_equal(sl_keys_open("/no/such/file", &keys, &err), SL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admission),
        cmocka_unit_test(test_bad_files_are_named_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
