/*
 * test_json.c: limits, getters' messages, floats that come back.
 */
#include "base/json.h"

#include "base/rng.h"
#include "test.h"

#include <math.h>

static json_t *parse(const char *text)
{
    json_t *v;
    sl_error err;
    assert_sl_ok(sl_json_parse(text, strlen(text), 8, &v, &err), &err);
    return v;
}

static void expect_error(const char *text, const char *part)
{
    json_t *v = (json_t *)1;
    sl_error err;
    assert_int_equal(sl_json_parse(text, strlen(text), 3, &v, &err), SL_ERR_FORMAT);
    assert_null(v);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void test_malformed_text_is_refused(void **state)
{
    (void)state;
    expect_error("", "bad JSON at line");
    expect_error("{\"a\": 1,\n  oops}", "line 2");
    expect_error("{\"a\": 1, \"a\": 2}", "duplicate object key");
    expect_error("{} {}", "end of file expected");
    expect_error("99999999999999999999", "too big");
    expect_error("1e999", "overflow");
    expect_error("\"\xff\"", "unable to decode");
    expect_error("{\"a\"", "bad JSON");
}

static void test_depth_is_limited_outside_strings_only(void **state)
{
    (void)state;
    expect_error("[[[[]]]]", "deeper than 3");
    expect_error("{\"a\":[{\"b\":{}}]}", "deeper than 3");
    json_t *v;
    sl_error err;
    const char *fits = "[[[\"[[[[ \\\" [[[\"]], []]";
    assert_sl_ok(sl_json_parse(fits, strlen(fits), 3, &v, &err), &err);
    json_decref(v);
}

static void test_getters_read_what_is_there(void **state)
{
    (void)state;
    json_t *v = parse("{\"i\":-5,\"n\":2,\"r\":0.25,\"b\":true,\"s\":\"text\",\"a\":[1],\"o\":{\"i\":7},\"z\":null}");
    struct sl_json_object top, inner;
    sl_error err;
    int64_t i = 0;
    double n = 0, r = 0;
    bool b = false;
    const char *s = NULL;
    const json_t *a = NULL;
    sl_json_open(&top, v, &err);
    sl_json_get_int(&top, "i", -5, 5, &i);
    sl_json_get_number(&top, "n", &n);
    sl_json_get_number(&top, "r", &r);
    sl_json_get_bool(&top, "b", &b);
    sl_json_get_string(&top, "s", &s);
    sl_json_get_array(&top, "a", &a);
    assert_true(sl_json_has(&top, "i"));
    assert_false(sl_json_has(&top, "z"));
    assert_false(sl_json_has(&top, "missing"));
    assert_int_equal(i, -5);
    sl_json_get_object(&top, "o", &inner);
    sl_json_get_int(&inner, "i", 0, 10, &i);
    assert_sl_ok(inner.status, &err);
    assert_int_equal(i, 7);
    assert_true(n == 2 && r == 0.25 && b);
    assert_string_equal(s, "text");
    assert_int_equal(json_array_size(a), 1);
    json_decref(v);
}

static void test_errors_name_the_key_path_and_what_was_found(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"o\":{}}", "o.i: missing"},
        {"{\"o\":{\"i\":\"abc\"}}", "o.i: expected an integer, found the string \"abc\""},
        {"{\"o\":{\"i\":1.5}}", "o.i: expected an integer, found 1.5"},
        {"{\"o\":{\"i\":null}}", "o.i: expected an integer, found null"},
        {"{\"o\":{\"i\":[]}}", "o.i: expected an integer, found an array"},
        {"{\"o\":{\"i\":11}}", "o.i: 11 is outside 0 to 10"},
        {"{\"o\":3}", "o: expected an object, found 3"},
        {"{}", "o: missing"},
        {"[]", "expected a JSON object, found an array"},
        {"{\"o\":{\"i\":\"0123456789012345678901234567890123456789x\"}}",
         "o.i: expected an integer, found the string \"0123456789012345678901234567890123456789...\""},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        json_t *v = parse(cases[c].json);
        struct sl_json_object top, o;
        sl_error err;
        int64_t i = 42;
        bool b = true;
        sl_json_open(&top, v, &err);
        sl_json_get_object(&top, "o", &o);
        sl_json_get_int(&o, "i", 0, 10, &i);
        sl_json_get_bool(&o, "later", &b);
        assert_int_equal(o.status, SL_ERR_FORMAT);
        assert_string_equal(err.message, cases[c].message);
        assert_int_equal(i, 42);
        assert_true(b);
        json_decref(v);
    }
}

static void test_floats_come_back_and_look_as_written(void **state)
{
    (void)state;
    static const struct {
        float x;
        const char *text;
    } cases[] = {{1e-6f, "1e-6"}, {0.1f, "0.1"}, {2.5f, "2.5"}, {1e7f, "10000000.0"}, {-0.0f, "-0.0"}};
    struct sl_buf b = SL_BUF_INIT(1000);
    sl_error err;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        json_t *v = sl_json_float(cases[c].x);
        sl_buf_clear(&b);
        assert_sl_ok(sl_json_dump(v, 0, &b, &err), &err);
        assert_string_equal(sl_buf_str(&b), cases[c].text);
        json_decref(v);
    }
    struct sl_rng rng;
    sl_rng_init(&rng, 1, 1);
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = sl_rng_u32(&rng);
        float x;
        memcpy(&x, &bits, 4);
        json_t *v = sl_json_float(x);
        if (!isfinite(x)) {
            assert_null(v);
            continue;
        }
        sl_buf_clear(&b);
        assert_sl_ok(sl_json_dump(v, 0, &b, &err), &err);
        json_decref(v);
        v = parse(sl_buf_str(&b));
        float back = (float)json_number_value(v);
        assert_memory_equal(&back, &x, 4);
        json_decref(v);
    }
    sl_buf_release(&b);
}

static void test_dump_keeps_order_and_reports_a_full_buffer(void **state)
{
    (void)state;
    json_t *v = parse("{\"z\": 1, \"a\": [true, null], \"m\": \"\\u00e9\\n\"}");
    struct sl_buf b = SL_BUF_INIT(1000), small = SL_BUF_INIT(10);
    sl_error err;
    assert_sl_ok(sl_json_dump(v, 0, &b, &err), &err);
    assert_string_equal(sl_buf_str(&b), "{\"z\":1,\"a\":[true,null],\"m\":\"\xc3\xa9\\n\"}");
    assert_int_equal(sl_json_dump(v, 2, &small, &err), SL_ERR_MEMORY);
    assert_int_equal(sl_json_dump(NULL, 2, &b, &err), SL_ERR_MEMORY);
    sl_buf_release(&b);
    sl_buf_release(&small);
    json_decref(v);
}

static void test_load_names_the_file(void **state)
{
    (void)state;
    json_t *v;
    sl_error err;
    const char *path = test_temp_path("f.json");
    test_write_file(path, "{\"a\": ", 6);
    assert_int_equal(sl_json_load(path, 100, 8, &v, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(sl_json_load(path, 5, 8, &v, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, path));
    test_write_file(path, "[1]", 3);
    assert_sl_ok(sl_json_load(path, 5, 8, &v, &err), &err);
    json_decref(v);
}

static void test_unknown_keys_are_refused_with_the_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"stage", "optimizer"};
    json_t *v = parse("{\"optimizer\":{\"stagee\":1},\"xyz\":2}");
    struct sl_json_object top, o;
    sl_error err;
    sl_json_open(&top, v, &err);
    sl_json_get_object(&top, "optimizer", &o);
    sl_json_known_keys(&o, names, 2);
    assert_string_equal(err.message, "optimizer.stagee: no such key; did you mean 'stage'?");
    sl_json_open(&top, v, &err);
    sl_json_known_keys(&top, names, 2);
    assert_string_equal(err.message, "xyz: no such key");
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_keys_are_refused_with_the_nearest),
        cmocka_unit_test(test_malformed_text_is_refused),
        cmocka_unit_test(test_depth_is_limited_outside_strings_only),
        cmocka_unit_test(test_getters_read_what_is_there),
        cmocka_unit_test(test_errors_name_the_key_path_and_what_was_found),
        cmocka_unit_test(test_floats_come_back_and_look_as_written),
        cmocka_unit_test(test_dump_keeps_order_and_reports_a_full_buffer),
        cmocka_unit_test(test_load_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
