/*
 * test_screen.c: what a screen checks before its driver, and how actions of the answer language become input.
 */
#include "test.h"

#include "base/buf.h"
#include "screen/keys.h"
#include "screen/screen.h"

#include <math.h>

/* A driver that writes down what it is given. */
static sl_status note(void *self, const struct sl_input *in, sl_error *err)
{
    static const char *const names[] = {"move", "press", "lift", "scroll", "keys", "text", "home", "back", "app"};
    (void)err;
    sl_buf_addf(self, "%s ", names[in->kind]);
    if (in->kind <= SL_INPUT_LIFT) sl_buf_addf(self, "%g,%g ", in->x, in->y);
    if (in->kind == SL_INPUT_SCROLL) sl_buf_addf(self, "%g,%g by %g,%g ", in->x, in->y, in->dx, in->dy);
    if (in->text) sl_buf_addf(self, "'%.*s' ", (int)in->n, in->text);
    return SL_OK;
}

static sl_status note_wait(void *self, double seconds, sl_error *err)
{
    (void)err;
    sl_buf_addf(self, "wait %g ", seconds);
    return SL_OK;
}

static const struct sl_screen_driver noting = {.input = note, .wait = note_wait};

static void actions_become_input(void **state)
{
    static const struct {
        const char *answer, *input;
    } cases[] = {
        {"click(point='<point>500 250</point>')", "move 500.5,125.25 press 500.5,125.25 lift 500.5,125.25 "},
        {"left_double(point='<point>0 0</point>')",
         "move 0.5,0.25 press 0.5,0.25 lift 0.5,0.25 press 0.5,0.25 lift 0.5,0.25 "},
        {"long_press(point='<point>0 0</point>')", "press 0.5,0.25 wait 0.6 lift 0.5,0.25 "},
        {"drag(start_point='<point>0 0</point>', end_point='<point>100 0</point>')",
         "move 0.5,0.25 press 0.5,0.25 move 50.5,0.25 move 100.5,0.25 lift 100.5,0.25 "},
        {"scroll(point='<point>10 10</point>', direction='down')", "scroll 10.5,5.25 by 0,250 "},
        {"scroll(point='<point>10 10</point>', direction='left')", "scroll 10.5,5.25 by -500,0 "},
        {"hotkey(key='ctrl c')", "keys 'ctrl c' "},
        {"type(content='it\\'s\\n')", "text 'it's\n' "},
        {"wait()", "wait 5 "},
        {"press_back()", "back "},
        {"open_app(app_name='Mail')", "app 'Mail' "},
        {"finished(content='done')", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_buf notes = SL_BUF_INIT(4096), text = SL_BUF_INIT(4096);
        struct sl_screen screen = {.driver = &noting, .self = &notes, .width = 1000, .height = 500};
        struct sl_screen_pace pace = sl_screen_pace_default();
        struct sl_answer answer = {0};
        sl_error err;
        pace.drag_steps = 2;
        sl_buf_addf(&text, "Thought: now.\nAction: %s", cases[i].answer);
        assert_sl_ok(sl_answer_parse(text.data, text.len, 0, &answer, &err), &err);
        assert_int_equal(answer.n_actions, 1);
        const struct sl_answer_action *a = &answer.actions[0];
        assert_sl_ok(sl_screen_act(&screen, a, answer.strings.data ? answer.strings.data + a->text.begin : NULL,
                                   a->text.end - a->text.begin, &pace, &err),
                     &err);
        assert_string_equal(sl_buf_str(&notes), cases[i].input);
        sl_answer_release(&answer);
        sl_buf_release(&notes);
        sl_buf_release(&text);
    }
}

static void input_outside_the_screen_is_refused(void **state)
{
    (void)state;
    struct sl_buf notes = SL_BUF_INIT(4096);
    struct sl_screen screen = {.driver = &noting, .self = &notes, .width = 100, .height = 50};
    sl_error err;
    struct sl_input in = {.kind = SL_INPUT_PRESS, .x = 101, .y = 10};
    assert_int_equal(sl_screen_input(&screen, &in, &err), SL_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "(101, 10) is outside the screen of 100 x 50"));
    in = (struct sl_input){.kind = SL_INPUT_SCROLL, .x = 1, .y = 1, .dy = NAN};
    assert_int_equal(sl_screen_input(&screen, &in, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_screen_wait(&screen, -1, &err), SL_ERR_ARGUMENT);
    assert_int_equal(notes.len, 0);
}

static void keys_are_found_by_name(void **state)
{
    (void)state;
    struct sl_key k;
    assert_true(sl_key_find("enter", 5, &k));
    assert_string_equal(k.key, "Enter");
    assert_true(sl_key_find("a", 1, &k));
    assert_string_equal(k.code, "KeyA");
    assert_true(sl_key_find("f12", 3, &k));
    assert_int_equal(k.virtual_code, 123);
    assert_true(sl_key_find("CTRL", 4, &k));
    assert_int_equal(k.modifier, SL_KEY_CTRL);
    assert_false(sl_key_find("f13", 3, &k));
    assert_false(sl_key_find("f1x", 3, &k));
    assert_false(sl_key_find("hyper", 5, &k));
    assert_false(sl_key_find("", 0, &k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_become_input),
        cmocka_unit_test(input_outside_the_screen_is_refused),
        cmocka_unit_test(keys_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
