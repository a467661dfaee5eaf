/*
 * test_yaml.c: YAML becomes the tree that JSON would give, with limits, and errors that name the line.
 */
#include "base/yaml.h"

#include "test.h"

static void test_yaml_reads_as_the_json_it_means(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"", "null"},
        {"a: 1\nb: {c: [1, -2, +3, 0x1f, 0o17]}", "{\"a\":1,\"b\":{\"c\":[1,-2,3,31,15]}}"},
        {"[5.22e-5, .5, 1., -1e3]", "[5.22e-5,0.5,1.0,-1e3]"},
        {"[~, null, Null, true, False, TRUE]", "[null,null,null,true,false,true]"},
        {"[yes, no, on, 1_000, 0x, 1e, ., 012]", "[\"yes\",\"no\",\"on\",\"1_000\",\"0x\",\"1e\",\".\",12]"},
        {"['1', \"true\", 'it''s', \"a\\tb\"]", "[\"1\",\"true\",\"it's\",\"a\\tb\"]"},
        {"- a: &x {k: [1]}\n- *x", "[{\"a\":{\"k\":[1]}},{\"k\":[1]}]"},
        {"a: >\n  one\n  two\nb: |\n  x\n  y\n", "{\"a\":\"one two\\n\",\"b\":\"x\\ny\\n\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *got, *want;
        sl_error err;
        assert_sl_ok(sl_yaml_parse(cases[i].yaml, strlen(cases[i].yaml), "t", &got, &err), &err);
        assert_sl_ok(sl_json_parse(cases[i].json, strlen(cases[i].json), 8, &want, &err), &err);
        if (!json_equal(got, want)) fail_msg("%s is not %s", cases[i].yaml, cases[i].json);
        json_decref(got);
        json_decref(want);
    }
}

static void test_what_is_not_understood_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"a: 1\nb: 2\na: 3", "t:3: the key 'a' is there twice"},
        {"a: !!int 3", "t:1: tags are not understood"},
        {"a: 1\n---\nb: 2", "t:2: more than one document"},
        {"x: 1\nb: .inf", "t:2: .inf is not a finite number"},
        {"b: 1e999", "t:1: the number 1e999 is too large"},
        {"b: 99999999999999999999", "t:1: the integer 99999999999999999999 is too large"},
        {"a: *b", "t:1: no anchor 'b' stands before its alias"},
        {"a: &a {b: *a}", "t:1: no anchor 'a' stands before its alias"},
        {"a: {<<: {b: 1}}", "t:1: merge keys (<<) are not understood"},
        {"? [a]\n: 1", "t:1: a key must be a word"},
        {"a: \"\\0\"", "t:1: a string holds a NUL character"},
        {"a: 1\n\tb: 2", "t:2: "},
        {"a: [1, 2", "t:2: "},
        {"a: \"\xff\"", "t:1: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *v = (json_t *)1;
        sl_error err;
        assert_int_equal(sl_yaml_parse(cases[i].yaml, strlen(cases[i].yaml), "t", &v, &err), SL_ERR_FORMAT);
        assert_null(v);
        if (!strstr(err.message, cases[i].message)) fail_msg("%s: %s", cases[i].yaml, err.message);
    }
}

static void test_nesting_and_aliases_are_limited(void **state)
{
    (void)state;
    char deep[100];
    memset(deep, '[', sizeof deep);
    json_t *v;
    sl_error err;
    assert_int_equal(sl_yaml_parse(deep, sizeof deep, "t", &v, &err), SL_ERR_FORMAT);
    assert_string_equal(err.message, "t:1: nested too deeply");
    const char *laughs =
        "- &a [1,1,1,1,1,1,1,1,1]\n- &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n- &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "- &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n- [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
    assert_int_equal(sl_yaml_parse(laughs, strlen(laughs), "t", &v, &err), SL_ERR_FORMAT);
    assert_string_equal(err.message, "t:5: aliases make more values than are allowed");
}

static void test_a_file_s_errors_name_it(void **state)
{
    (void)state;
    const char *path = test_temp_path("r.yaml");
    test_write_file(path, "a: 1\nb: [", 9);
    json_t *v;
    sl_error err;
    assert_int_equal(sl_yaml_load(path, &v, &err), SL_ERR_FORMAT);
    if (strncmp(err.message, path, strlen(path)) != 0 || !strstr(err.message, "r.yaml:3: "))
        fail_msg("%s", err.message);
    assert_int_equal(sl_yaml_load(test_temp_path("none.yaml"), &v, &err), SL_ERR_IO);
}

static void test_overrides_land_where_their_path_says(void **state)
{
    (void)state;
    const char *text = "a: {b: 1}\nl: [{x: 1}, 2]";
    json_t *v, *want;
    sl_error err;
    assert_sl_ok(sl_yaml_parse(text, strlen(text), "t", &v, &err), &err);
    assert_sl_ok(sl_yaml_set(v, "a.b=[2, 3]", &err), &err);
    assert_sl_ok(sl_yaml_set(v, "n.e.w=text = x", &err), &err);
    assert_sl_ok(sl_yaml_set(v, "l.0.x=null", &err), &err);
    assert_sl_ok(sl_yaml_set(v, "l.1=5", &err), &err);
    const char *json = "{\"a\":{\"b\":[2,3]},\"l\":[{\"x\":null},5],\"n\":{\"e\":{\"w\":\"text = x\"}}}";
    assert_sl_ok(sl_json_parse(json, strlen(json), 8, &want, &err), &err);
    assert_true(json_equal(v, want));
    static const char *const bad[] = {"a", "=1", "a.b.c=1", "l.7=1", "l.x=1", ".a=1", "a..b=1", "a.b=[", "l.-1=2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (sl_yaml_set(v, bad[i], &err) == SL_OK) fail_msg("%s was taken", bad[i]);
        if (!strstr(err.message, bad[i])) fail_msg("%s: %s", bad[i], err.message);
    }
    json_decref(v);
    json_decref(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_reads_as_the_json_it_means),
        cmocka_unit_test(test_what_is_not_understood_is_refused_with_its_line),
        cmocka_unit_test(test_nesting_and_aliases_are_limited),
        cmocka_unit_test(test_a_file_s_errors_name_it),
        cmocka_unit_test(test_overrides_land_where_their_path_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
