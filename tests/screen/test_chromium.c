/*
 * test_chromium.c: the browser shows, tells, takes input, reaches nothing that was not allowed, and leaves nothing.
 */
#include "test.h"

#include "base/clock.h"
#include "screen/chromium.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* One browser for the tests that leave it whole; NULL without Chromium. */
static int open_browser(void **state)
{
    sl_error err;
    struct sl_browser *b;
    sl_status status = sl_browser_start(&b, NULL, &err);
    if (status && status != SL_ERR_UNSUPPORTED) fail_msg("%s", err.message);
    if (status) print_message("no browser tests: %s\n", err.message);
    *state = b;
    return 0;
}

static int close_browser(void **state)
{
    struct sl_browser *b = *state;
    sl_browser_free(&b);
    return 0;
}

static void show(struct sl_browser *b, const char *html)
{
    sl_error err;
    assert_sl_ok(sl_browser_show(b, html, strlen(html), &err), &err);
}

static struct sl_picture picture_of(struct sl_browser *b)
{
    sl_error err;
    struct sl_picture p;
    assert_sl_ok(sl_screen_capture(sl_browser_screen(b), &p, &err), &err);
    return p;
}

/* Returns the text of the element with that key as the page has it now; static storage. */
static const char *text_of(struct sl_browser *b, const char *key)
{
    static char text[256];
    sl_error err;
    struct sl_elements list;
    assert_sl_ok(sl_browser_elements(b, "[data-k]", 100, &list, &err), &err);
    const struct sl_element *e = sl_elements_find(&list, key);
    snprintf(text, sizeof text, "%s", !e ? "(none)" : *e->value ? e->value : e->text);
    sl_elements_release(&list);
    return text;
}

static void act(struct sl_browser *b, const char *action)
{
    sl_error err;
    struct sl_answer answer = {0};
    char text[256];
    snprintf(text, sizeof text, "Action: %s", action);
    assert_sl_ok(sl_answer_parse(text, strlen(text), 0, &answer, &err), &err);
    assert_int_equal(answer.n_actions, 1);
    const struct sl_answer_action *a = &answer.actions[0];
    assert_sl_ok(sl_screen_act(sl_browser_screen(b), a, sl_buf_str(&answer.strings) + a->text.begin,
                               a->text.end - a->text.begin, NULL, &err),
                 &err);
    sl_answer_release(&answer);
}

#define needs_browser(b)                                                                                               \
    do {                                                                                                               \
        if (!(b)) skip();                                                                                              \
    } while (0)

static void elements_stand_where_the_pixels_are(void **state)
{
    struct sl_browser *b = *state;
    sl_error err;
    needs_browser(b);
    assert_sl_ok(sl_browser_resize(b, &(struct sl_viewport){.width = 400, .height = 300}, &err), &err);
    show(b,
         "<body style='margin:0'><div data-k=red style='position:absolute;left:40px;top:30px;width:100px;height:50px;"
         "background:#f00'></div><button data-k=out style='position:absolute;top:310px'>below</button>"
         "<p data-k=hid style='display:none'>x</p><input data-k=in type=checkbox checked style='position:absolute;"
         "top:200px'><div data-k=under style='position:absolute;left:200px;top:200px;width:50px;height:50px'></div>"
         "<div style='position:absolute;left:190px;top:190px;width:90px;height:90px;background:#00f'></div>");
    struct sl_elements list;
    assert_sl_ok(sl_browser_elements(b, "[data-k]", 100, &list, &err), &err);
    assert_int_equal(list.n, 3);
    const struct sl_element *red = sl_elements_find(&list, "red"), *in = sl_elements_find(&list, "in");
    assert_true(red->whole && red->box[0] == 40 && red->box[1] == 30 && red->box[2] == 140 && red->box[3] == 80);
    assert_true(in->checked);
    assert_string_equal(in->type, "checkbox");
    assert_false(sl_elements_find(&list, "under")->seen);
    struct sl_picture p = picture_of(b);
    assert_int_equal(p.width, 400);
    for (int y = 0; y < 300; y++)
        for (int x = 0; x < 400; x++) {
            const uint8_t *at = p.rgb + 3 * (y * 400 + x);
            bool is_red = at[0] == 255 && at[1] == 0 && at[2] == 0;
            assert_int_equal(is_red, x >= 40 && x < 140 && y >= 30 && y < 80);
        }
    sl_picture_free(&p);
    sl_elements_release(&list);
}

static void scale_makes_pictures_larger_and_boxes_with_them(void **state)
{
    struct sl_browser *b = *state;
    sl_error err;
    needs_browser(b);
    assert_sl_ok(sl_browser_resize(b, &(struct sl_viewport){300, 200, 2, true}, &err), &err);
    show(b, "<meta name=viewport content='width=device-width'><body style='margin:0'><button data-k=b "
            "style='position:absolute;left:100px;top:50px;width:60px;height:40px' onclick='this.textContent=\"ok\"'>b");
    struct sl_elements list;
    assert_sl_ok(sl_browser_elements(b, "button", 100, &list, &err), &err);
    assert_int_equal(list.n, 1);
    assert_true(list.items[0].box[0] == 200 && list.items[0].box[3] == 180);
    sl_elements_release(&list);
    struct sl_picture p = picture_of(b);
    assert_int_equal(p.width, 600);
    assert_int_equal(p.height, 400);
    sl_picture_free(&p);
    act(b, "click(point='<point>400 300</point>')");
    assert_string_equal(text_of(b, "b"), "ok");
    assert_int_equal(sl_browser_resize(b, &(struct sl_viewport){.width = 0, .height = 5}, &err), SL_ERR_ARGUMENT);
}

static const char form[] =
    "<style>body{margin:0} *{caret-color:transparent} button:hover{background:red}</style>"
    "<input data-k=field style='position:absolute;left:0;top:0;width:200px;height:40px'>"
    "<button data-k=count style='position:absolute;left:0;top:100px;width:100px;height:40px' "
    "onclick='this.textContent=+this.textContent+1'>0</button>"
    "<p data-k=log style='position:absolute;left:200px;top:300px'>-</p>"
    "<div data-k=area style='position:absolute;left:200px;top:100px;width:200px;height:100px;background:#ddd'></div>"
    "<div style='position:absolute;left:0;top:200px;width:100px;height:100px;overflow:auto' id=s><p "
    "style='height:900px'>"
    "</p></div><script>const log=t=>document.querySelector('[data-k=log]').textContent=t;"
    "let "
    "a=document.querySelector('[data-k=area]'),from;a.onmousedown=e=>from=e.clientX;a.onmouseup=e=>e.button||log('drag "
    "'+"
    "(e.clientX-from));a.ondblclick=()=>log('double');a.oncontextmenu=e=>{e.preventDefault();log('menu')};"
    "document.querySelector('input').onkeydown=e=>{if(e.key=='Enter')log('enter '+e.target.value);"
    "if(e.ctrlKey&&e.shiftKey&&e.key=='k')log('chord')};</script>";

static void input_does_what_a_person_would(void **state)
{
    struct sl_browser *b = *state;
    sl_error err;
    needs_browser(b);
    assert_sl_ok(sl_browser_resize(b, &(struct sl_viewport){.width = 500, .height = 500}, &err), &err);
    show(b, form);
    act(b, "click(point='<point>100 240</point>')");
    act(b, "click(point='<point>100 240</point>')");
    assert_string_equal(text_of(b, "count"), "2");
    act(b, "click(point='<point>100 40</point>')");
    act(b, "type(content='Grüße\\n')");
    assert_string_equal(text_of(b, "field"), "Grüße");
    assert_string_equal(text_of(b, "log"), "enter Grüße");
    act(b, "hotkey(key='ctrl a')");
    act(b, "type(content='new')");
    assert_string_equal(text_of(b, "field"), "new");
    act(b, "hotkey(key='backspace')");
    assert_string_equal(text_of(b, "field"), "ne");
    act(b, "hotkey(key='ctrl shift k')");
    assert_string_equal(text_of(b, "log"), "chord");
    act(b, "drag(start_point='<point>500 300</point>', end_point='<point>700 300</point>')");
    assert_string_equal(text_of(b, "log"), "drag 100");
    act(b, "left_double(point='<point>500 300</point>')");
    assert_string_equal(text_of(b, "log"), "double");
    act(b, "right_single(point='<point>500 300</point>')");
    assert_string_equal(text_of(b, "log"), "menu");
    assert_int_equal(sl_screen_input(sl_browser_screen(b), &(struct sl_input){.kind = SL_INPUT_HOME}, &err),
                     SL_ERR_UNSUPPORTED);
    assert_int_equal(sl_screen_input(sl_browser_screen(b),
                                     &(struct sl_input){.kind = SL_INPUT_KEYS, .text = "hyper x", .n = 7}, &err),
                     SL_ERR_ARGUMENT);
}

static void scrolling_moves_the_page_at_once(void **state)
{
    struct sl_browser *b = *state;
    sl_error err;
    needs_browser(b);
    assert_sl_ok(sl_browser_resize(b, &(struct sl_viewport){.width = 400, .height = 400}, &err), &err);
    show(b, "<body style='margin:0;height:3000px'><div data-k=d style='position:absolute;top:300px'>x</div>");
    act(b, "scroll(point='<point>500 500</point>', direction='down')");
    struct sl_elements list;
    assert_sl_ok(sl_browser_elements(b, "[data-k]", 10, &list, &err), &err);
    assert_int_equal(list.n, 1);
    assert_true(list.items[0].box[1] == 100);
    sl_elements_release(&list);
}

static bool same(const struct sl_picture *a, const struct sl_picture *b)
{
    return a->width == b->width && a->height == b->height &&
           memcmp(a->rgb, b->rgb, (size_t)a->width * (size_t)a->height * 3) == 0;
}

static void a_page_looks_the_same_whatever_was_before_it(void **state)
{
    struct sl_browser *b = *state;
    sl_error err;
    needs_browser(b);
    assert_sl_ok(sl_browser_resize(b, &(struct sl_viewport){.width = 500, .height = 500}, &err), &err);
    show(b, form);
    struct sl_picture first = picture_of(b);
    act(b, "click(point='<point>100 40</point>')");
    act(b, "type(content='text')");
    act(b, "click(point='<point>100 240</point>')");
    struct sl_picture changed = picture_of(b);
    assert_false(same(&first, &changed));
    show(b, "<body style='height:4000px;background:#888'>");
    act(b, "scroll(point='<point>100 240</point>', direction='down')");
    show(b, form); /* in the same window: neither scrolled, nor focused, nor hovered */
    struct sl_picture in_place = picture_of(b);
    assert_true(same(&first, &in_place));
    show(b, "<body style='margin:0;height:4000px;background:#888'><p data-k=p style='position:absolute;top:900px'>low");
    assert_string_equal(text_of(b, "p"), "(none)");
    assert_sl_ok(sl_browser_scroll_to(b, 800, &err), &err);
    assert_string_equal(text_of(b, "p"), "low");
    assert_true(sl_browser_seconds(b) > 0);
    assert_sl_ok(sl_browser_resize(b, &(struct sl_viewport){320, 640, 2, true}, &err), &err);
    struct sl_picture other = picture_of(b);
    assert_sl_ok(sl_browser_resize(b, &(struct sl_viewport){.width = 500, .height = 500}, &err), &err);
    show(b, form);
    struct sl_picture again = picture_of(b);
    assert_true(same(&first, &again));
    sl_picture_free(&first);
    sl_picture_free(&changed);
    sl_picture_free(&in_place);
    sl_picture_free(&other);
    sl_picture_free(&again);
}

static void dialogs_do_not_stop_anything(void **state)
{
    struct sl_browser *b = *state;
    needs_browser(b);
    show(b, "<p data-k=p>before</p><script>alert('hello');document.querySelector('p').textContent='after'</script>");
    assert_string_equal(text_of(b, "p"), "after");
}

/* Returns a listening socket of this machine and its port. */
static int listen_here(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s >= 0 && bind(s, (struct sockaddr *)&a, n) == 0 && listen(s, 8) == 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return s;
}

static bool somebody_came(int s)
{
    struct timeval now = {0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(s, &set);
    return select(s + 1, &set, NULL, NULL, &now) > 0;
}

static void nothing_is_reached_that_was_not_allowed(void **state)
{
    struct sl_browser *b = *state;
    sl_error err;
    char text[512];
    int port, s = listen_here(&port);
    needs_browser(b);
    snprintf(text, sizeof text, "http://127.0.0.1:%d/", port);
    assert_int_equal(sl_browser_open(b, text, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "ERR_"));
    snprintf(text, sizeof text,
             "<img src='http://127.0.0.1:%d/a.png'><iframe src='http://localhost:%d/'></iframe><script>"
             "fetch('http://127.0.0.1:%d/').catch(()=>0);new WebSocket('ws://127.0.0.1:%d/')</script><p>x",
             port, port, port, port);
    show(b, text);
    assert_sl_ok(sl_screen_wait(sl_browser_screen(b), 0.3, &err), &err);
    assert_false(somebody_came(s));
    close(s);
}

static void what_is_allowed_is_reached(void **state)
{
    (void)state;
    sl_error err;
    struct sl_browser *b;
    struct sl_browser_options o = sl_browser_options_default();
    int port, s = listen_here(&port);
    char url[64];
    o.allow_hosts = "example.org 127.0.0.1";
    o.timeout = 1; /* nobody answers */
    sl_status status = sl_browser_start(&b, &o, &err);
    if (status == SL_ERR_UNSUPPORTED) skip();
    assert_sl_ok(status, &err);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    assert_int_equal(sl_browser_open(b, url, &err), SL_ERR_IO);
    assert_true(somebody_came(s));
    sl_browser_free(&b);
    close(s);
}

static void a_file_opens_and_a_missing_one_says_why(void **state)
{
    struct sl_browser *b = *state;
    sl_error err;
    char url[512];
    needs_browser(b);
    test_write_file(test_temp_path("page.html"), "<p data-k=p>from a file</p>", 27);
    snprintf(url, sizeof url, "file://%s", test_temp_path("page.html"));
    assert_sl_ok(sl_browser_open(b, url, &err), &err);
    assert_string_equal(text_of(b, "p"), "from a file");
    assert_int_equal(sl_browser_open(b, "file:///nowhere/at/all.html", &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "ERR_FILE_NOT_FOUND"));
    struct sl_elements list;
    assert_int_equal(sl_browser_elements(b, "p[", 10, &list, &err), SL_ERR_FORMAT);
    assert_int_equal(sl_browser_show(b, "\xff", 1, &err), SL_ERR_FORMAT);
    show(b, "<p data-k=p>goes on</p>");
    assert_string_equal(text_of(b, "p"), "goes on");
}

/* Returns how many processes of a group still run; the dead that a system's first process has not buried do not count.
 */
static int alive_in_group(pid_t group)
{
    int n = 0;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (const struct dirent *e = readdir(proc); e; e = readdir(proc)) {
        char path[300], line[512] = "", state = 'Z';
        int of = 0;
        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        FILE *f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "re") : NULL;
        if (!f) continue;
        const char *rest = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
        if (rest && sscanf(rest, ") %c %*d %d", &state, &of) == 2 && of == group && state != 'Z') n++;
        fclose(f);
    }
    closedir(proc);
    return n;
}

/* Starts a browser and sends its process a signal; the next call must fail with these words, and nothing may stay. */
static void ends_badly(int number, double timeout, const char *words)
{
    sl_error err;
    struct sl_browser *b;
    struct sl_browser_options o = sl_browser_options_default();
    struct sl_picture p;
    struct stat st;
    char folder[512];
    o.timeout = timeout;
    sl_status status = sl_browser_start(&b, &o, &err);
    if (status == SL_ERR_UNSUPPORTED) skip();
    assert_sl_ok(status, &err);
    pid_t pid = sl_browser_process(b);
    snprintf(folder, sizeof folder, "%s", sl_browser_folder(b));
    assert_int_equal(stat(folder, &st), 0);
    double start = sl_clock_seconds();
    assert_int_equal(kill(pid, number), 0);
    /* Once it is dead nobody reads any more: writing must not end this program by SIGPIPE. */
    siginfo_t info;
    if (number == SIGKILL) assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(sl_screen_capture(sl_browser_screen(b), &p, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, words));
    assert_int_equal(sl_browser_show(b, "x", 1, &err), SL_ERR_IO); /* and so does every later one, at once */
    sl_browser_free(&b);
    assert_true(sl_clock_seconds() - start < 12); /* and not what a hang might take */
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    for (int i = 0; i < 200 && alive_in_group(pid) > 0; i++) usleep(10000); /* dying takes the system a moment */
    assert_int_equal(alive_in_group(pid), 0);
    assert_int_equal(stat(folder, &st), -1);
}

static void a_killed_browser_is_an_error(void **state)
{
    (void)state;
    ends_badly(SIGKILL, 10, "ended unexpectedly");
}

static void a_hung_browser_costs_its_time_limit(void **state)
{
    (void)state;
    ends_badly(SIGSTOP, 0.5, "time limit");
}

static void a_crashed_page_is_an_error(void **state)
{
    struct sl_browser *b = *state;
    sl_error err;
    struct sl_picture p;
    needs_browser(b);
    assert_int_equal(sl_browser_open(b, "chrome://crash", &err), SL_ERR_IO);
    assert_int_equal(sl_screen_capture(sl_browser_screen(b), &p, &err), SL_ERR_IO);
    if (!strstr(err.message, "crashed")) fail_msg("%s", err.message);
}

/* Programs that are no browser, each with what must be said of it. */
static void programs_that_are_no_browser_fail_soon(void **state)
{
    static const struct {
        const char *script, *words;
    } cases[] = {
        {"#!/bin/sh\nexit 3\n", "ended unexpectedly"},
        {"#!/bin/sh\nexec sleep 60\n", "time limit"},
        {"#!/bin/sh\nprintf 'hello\\0' >&4\nexec sleep 60\n", "a message of the browser"},
        {"#!/bin/sh\nprintf '{\"id\":1,\"error\":{\"message\":\"too old\"}}\\0' >&4\nexec sleep 60\n", "too old"},
        {"#!/bin/sh\nprintf '[]\\0{}\\0{\"id\":1,\"result\":{}}\\0{\"id\":2}\\0{\"id\":3,\"result\":{}}\\0' >&4\n"
         "exec sleep 60\n",
         "no targetId"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_error err;
        struct sl_browser *b;
        const char *path = test_temp_path("no-browser");
        test_write_file(path, cases[i].script, strlen(cases[i].script));
        assert_int_equal(chmod(path, 0755), 0);
        /* Only the one that says nothing is waited for; the others may be slow on a busy machine. */
        double timeout = strcmp(cases[i].words, "time limit") == 0 ? 0.5 : 10;
        struct sl_browser_options o = {.program = path, .start_timeout = timeout, .timeout = timeout};
        assert_true(sl_browser_start(&b, &o, &err) != SL_OK);
        assert_null(b);
        if (!strstr(err.message, cases[i].words)) fail_msg("'%s' lacks '%s'", err.message, cases[i].words);
    }
    sl_error err;
    struct sl_browser *b;
    struct sl_browser_options o = {.program = "/nowhere/chromium", .start_timeout = 1, .timeout = 1};
    assert_int_equal(sl_browser_start(&b, &o, &err), SL_ERR_UNSUPPORTED);
    sl_browser_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_stand_where_the_pixels_are),
        cmocka_unit_test(scale_makes_pictures_larger_and_boxes_with_them),
        cmocka_unit_test(input_does_what_a_person_would),
        cmocka_unit_test(scrolling_moves_the_page_at_once),
        cmocka_unit_test(a_page_looks_the_same_whatever_was_before_it),
        cmocka_unit_test(dialogs_do_not_stop_anything),
        cmocka_unit_test(nothing_is_reached_that_was_not_allowed),
        cmocka_unit_test(a_file_opens_and_a_missing_one_says_why),
        cmocka_unit_test(what_is_allowed_is_reached),
        cmocka_unit_test(a_killed_browser_is_an_error),
        cmocka_unit_test(a_hung_browser_costs_its_time_limit),
        cmocka_unit_test(a_crashed_page_is_an_error),
        cmocka_unit_test(programs_that_are_no_browser_fail_soon),
    };
    return cmocka_run_group_tests(tests, open_browser, close_browser);
}
