/*
 * test_page.c: the web page in Chromium without a window: a picture dropped, a question typed, the answer streamed and
 * drawn. Skipped where Chromium is not there. SEEDLING_TEST_PICTURES=DIR keeps the screenshots.
 */
#include "media/picture_write.h"
#include "screen/chromium_parts.h"
#include "server_test.h"

static struct sl_media_pool *pool;

/* A server and a browser that shows its page; thinking switched off, as the toy answers directly. */
struct stage {
    struct fixture f;
    struct sl_browser *b;
};

static void evaluate(struct stage *s, const char *script)
{
    json_t *result = NULL;
    sl_error err = {0};
    json_t *params = json_pack("{s:s,s:b,s:b}", "expression", script, "awaitPromise", 1, "userGesture", 1);
    assert_sl_ok(sl_browser_call(s->b, "Runtime.evaluate", params, &result, &err), &err);
    if (json_object_get(result, "exceptionDetails")) {
        fail_msg("%s", json_dumps(json_object_get(result, "exceptionDetails"), JSON_COMPACT));
    }
    json_decref(result);
}

/* Drops picture `which` on the page, as from a file manager. */
static void drop_picture(struct stage *s, int which)
{
    struct sl_buf script = SL_BUF_INIT(1 << 20);
    struct sl_buf url = SL_BUF_INIT(1 << 20);
    add_picture_url(&url, which);
    /* The page's own rules forbid it to fetch data: addresses, so the bytes are spelled out. */
    sl_buf_addf(
        &script,
        "(() => { const raw = atob('%s');"
        "const bytes = Uint8Array.from(raw, (c) => c.charCodeAt(0)); const data = new DataTransfer();"
        "data.items.add(new File([bytes], 'toy.png', {type: 'image/png'}));"
        "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));"
        "})()",
        strchr(url.data, ',') + 1);
    evaluate(s, sl_buf_str(&script));
    sl_buf_release(&url);
    sl_buf_release(&script);
}

/* Waits until an element of the selector is shown whose text has `text` in it. */
static void wait_for(struct stage *s, const char *selector, const char *text)
{
    sl_error err = {0};
    for (int i = 0; i < 200; i++) {
        struct sl_elements e = {0};
        bool found = false;
        assert_sl_ok(sl_browser_elements(s->b, selector, 50, &e, &err), &err);
        for (int k = 0; k < e.n && !found; k++) found = strstr(e.items[k].text, text);
        sl_elements_release(&e);
        if (found) return;
        sl_screen_wait(sl_browser_screen(s->b), 0.05, NULL);
    }
    fail_msg("nothing like \"%s\" in %s", text, selector);
}

static void type_text(struct stage *s, const char *text)
{
    sl_error err = {0};
    struct sl_input in = {.kind = SL_INPUT_TEXT, .text = text, .n = strlen(text)};
    assert_sl_ok(sl_screen_input(sl_browser_screen(s->b), &in, &err), &err);
}

static void click(struct stage *s, const char *selector)
{
    struct sl_elements e = {0};
    sl_error err = {0};
    assert_sl_ok(sl_browser_elements(s->b, selector, 1, &e, &err), &err);
    assert_int_equal(e.n, 1);
    double x = (e.items[0].box[0] + e.items[0].box[2]) / 2, y = (e.items[0].box[1] + e.items[0].box[3]) / 2;
    struct sl_input press = {.kind = SL_INPUT_PRESS, .x = x, .y = y}, lift = {.kind = SL_INPUT_LIFT, .x = x, .y = y};
    assert_sl_ok(sl_screen_input(sl_browser_screen(s->b), &press, &err), &err);
    assert_sl_ok(sl_screen_input(sl_browser_screen(s->b), &lift, &err), &err);
    sl_elements_release(&e);
}

static void keep_picture(struct stage *s, const char *name)
{
    const char *dir = getenv("SEEDLING_TEST_PICTURES");
    char path[1024];
    struct sl_picture p = {0};
    if (!dir || sl_screen_capture(sl_browser_screen(s->b), &p, NULL)) return;
    snprintf(path, sizeof path, "%s/%s.png", dir, name);
    sl_picture_write(&p, path, NULL);
    sl_picture_free(&p);
}

static bool open_stage(struct stage *s, const struct sl_viewport *v)
{
    struct sl_browser_options o = sl_browser_options_default();
    sl_server_options so;
    char url[64];
    sl_error err = {0};
    o.allow_hosts = "127.0.0.1";
    sl_status status = sl_browser_start(&s->b, &o, &err);
    if (status == SL_ERR_UNSUPPORTED) {
        print_message("%s\n", err.message);
        return false;
    }
    assert_sl_ok(status, &err);
    sl_server_defaults(&so);
    so.thinking = false;
    fixture_start(&s->f, pool, &so);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s->f.port);
    assert_sl_ok(sl_browser_resize(s->b, v, &err), &err);
    assert_sl_ok(sl_browser_open(s->b, url, &err), &err);
    wait_for(s, "#model", "toy");
    return true;
}

static void close_stage(struct stage *s)
{
    sl_browser_free(&s->b);
    fixture_stop(&s->f);
}

static void test_drop_ask_and_see(void **state)
{
    (void)state;
    struct stage s;
    const struct sl_viewport desktop = {.width = 1000, .height = 800};
    if (!open_stage(&s, &desktop)) skip();
    keep_picture(&s, "page-empty");
    drop_picture(&s, 0);
    wait_for(&s, "#tray li", "");
    click(&s, "#question");
    type_text(&s, TOY_COLOUR);
    click(&s, "#send");
    wait_for(&s, ".assistant .text", "red");
    wait_for(&s, ".facts", "4 tokens");
    /* A new chat, by the keyboard alone; the answer is a point, drawn on the picture. */
    click(&s, "#clear");
    drop_picture(&s, 1);
    wait_for(&s, "#tray li", "");
    type_text(&s, TOY_POINT "\n");
    wait_for(&s, ".assistant .text .tag", "point 1");
    wait_for(&s, ".drawn .tag", "1");
    keep_picture(&s, "page-answered");
    close_stage(&s);
}

static void test_thoughts_are_folded(void **state)
{
    (void)state;
    struct stage s;
    const struct sl_viewport desktop = {.width = 900, .height = 700};
    if (!open_stage(&s, &desktop)) skip();
    click(&s, "#thinking");
    click(&s, "#question");
    type_text(&s, TOY_SUM "\n");
    wait_for(&s, ".assistant > .text", "four");
    wait_for(&s, "details summary", "Thought");
    struct sl_elements e = {0};
    sl_error err = {0};
    assert_sl_ok(sl_browser_elements(s.b, "details .text", 5, &e, &err), &err);
    for (int i = 0; i < e.n; i++) assert_false(e.items[i].seen);
    sl_elements_release(&e);
    click(&s, "details summary");
    wait_for(&s, "details .text", TOY_SUM_THOUGHT);
    keep_picture(&s, "page-thought");
    close_stage(&s);
}

static void test_fits_a_phone(void **state)
{
    (void)state;
    struct stage s;
    const struct sl_viewport phone = {.width = 360, .height = 640, .scale = 2, .phone = true};
    if (!open_stage(&s, &phone)) skip();
    struct sl_elements e = {0};
    sl_error err = {0};
    drop_picture(&s, 1);
    wait_for(&s, "#tray li", "");
    assert_sl_ok(sl_browser_elements(s.b, "header *, #form *, #tray img", 100, &e, &err), &err);
    for (int i = 0; i < e.n; i++) {
        if (e.items[i].box[0] < -1 || e.items[i].box[2] > 721) {
            if (e.items[i].seen) fail_msg("%s reaches out of a phone's width", e.items[i].tag);
        }
    }
    sl_elements_release(&e);
    keep_picture(&s, "page-phone");
    close_stage(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop_ask_and_see),
        cmocka_unit_test(test_thoughts_are_folded),
        cmocka_unit_test(test_fits_a_phone),
    };
    struct sl_media_pool_options o;
    sl_error err;
    sl_media_pool_defaults(&o);
    if (sl_media_pool_new(&o, &pool, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_media_pool_free(&pool);
    return failed;
}
