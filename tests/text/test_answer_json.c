/* test_answer_json.c: an answer's shapes as JSON, in coordinates and in the picture's pixels. */
#include "text/answer_json.h"

#include "test.h"

static json_t *convert(const char *text, int width, int height, bool empty)
{
    struct sl_answer a = {0};
    sl_error err;
    json_t *o = json_object();
    assert_sl_ok(sl_answer_parse(text, strlen(text), 0, &a, &err), &err);
    assert_true(sl_answer_json(&a, width, height, empty, o));
    sl_answer_release(&a);
    return o;
}

static void assert_json(json_t *got, const char *expected)
{
    json_t *want = json_loads(expected, 0, NULL);
    char *text = json_dumps(got, JSON_SORT_KEYS);
    assert_non_null(want);
    if (!json_equal(got, want)) fail_msg("%s", text);
    free(text);
    json_decref(want);
    json_decref(got);
}

static void test_shapes(void **state)
{
    (void)state;
    assert_json(convert("<text>cat</text><point>500 250</point>", 200, 400, false),
                "{\"points\":[{\"x\":500.0,\"y\":250.0,\"px\":100.0,\"py\":100.0,\"label\":\"cat\"}]}");
    assert_json(convert("<bbox>0 0 500 999</bbox>", 200, 1000, false),
                "{\"boxes\":[{\"x1\":0.0,\"y1\":0.0,\"x2\":500.0,\"y2\":999.0,\"px1\":0.0,\"py1\":0.0,\"px2\":100.0,"
                "\"py2\":999.0}]}");
    assert_json(convert("<polygon>0 0 10 0 10 20</polygon>", 100, 100, false),
                "{\"polygons\":[{\"points\":[[0.0,0.0],[10.0,0.0],[10.0,20.0]],"
                "\"pixels\":[[0.0,0.0],[1.0,0.0],[1.0,2.0]]}]}");
    assert_json(convert("<3dbbox>1 2 3 4 5 6 0 0.5 0</3dbbox> from 3 - 10 seconds", 0, 0, false),
                "{\"boxes3d\":[{\"center\":[1.0,2.0,3.0],\"size\":[4.0,5.0,6.0],\"angles\":[0.0,0.5,0.0]}],"
                "\"times\":[{\"start\":3.0,\"end\":10.0}]}");
}

static void test_without_pixels_and_empty(void **state)
{
    (void)state;
    assert_json(convert("<point>1 2</point>", 0, 0, false), "{\"points\":[{\"x\":1.0,\"y\":2.0}]}");
    assert_json(convert("nothing", 10, 10, false), "{}");
    assert_json(convert("nothing", 10, 10, true),
                "{\"points\":[],\"boxes\":[],\"polygons\":[],\"boxes3d\":[],\"times\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_without_pixels_and_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
