/*
 * test_answer.c: answers read and printed. Most cases are texts with a description of what must be found in them:
 * each item in its canonical spelling, each problem as "! reason: the piece", in the order of the text.
 */
#include "test.h"

#include "base/clock.h"
#include "text/answer.h"

/* --- descriptions --------------------------------------------------------------------------------------------- */

struct line {
    size_t at, until, order;
    char text[400];
};

struct lines {
    struct line line[64];
    size_t n;
};

static char *new_line(struct lines *l, struct sl_byte_range r)
{
    assert_true(l->n < 64);
    struct line *line = &l->line[l->n];
    *line = (struct line){r.begin, r.end, l->n, ""};
    l->n++;
    return line->text;
}

static void add_printed(struct lines *l, struct sl_byte_range r, struct sl_buf *printed, const struct sl_answer *a,
                        struct sl_byte_range label)
{
    char *text = new_line(l, r);
    if (label.end > label.begin)
        snprintf(text, 400, "%s = %.*s", sl_buf_str(printed), (int)(label.end - label.begin), a->text + label.begin);
    else
        snprintf(text, 400, "%s", sl_buf_str(printed));
    sl_buf_clear(printed);
}

static int by_place(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    if (x->until != y->until) return x->until < y->until ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Collects a line for every item and problem of a. */
static void collect(const struct sl_answer *a, struct lines *l)
{
    struct sl_buf b = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    for (size_t i = 0; i < a->n_points; i++) {
        assert_sl_ok(sl_answer_print_point(&a->points[i], &b, &err), &err);
        add_printed(l, a->points[i].range, &b, a, a->points[i].label);
    }
    for (size_t i = 0; i < a->n_boxes; i++) {
        assert_sl_ok(sl_answer_print_box(&a->boxes[i], &b, &err), &err);
        add_printed(l, a->boxes[i].range, &b, a, a->boxes[i].label);
    }
    for (size_t i = 0; i < a->n_boxes3d; i++) {
        assert_sl_ok(sl_answer_print_box3d(&a->boxes3d[i].box, &b, &err), &err);
        add_printed(l, a->boxes3d[i].range, &b, a, a->boxes3d[i].label);
    }
    for (size_t i = 0; i < a->n_polygons; i++) {
        const struct sl_answer_polygon *p = &a->polygons[i];
        assert_sl_ok(sl_answer_print_polygon(a->coordinates + p->first, p->n_points, &b, &err), &err);
        add_printed(l, p->range, &b, a, p->label);
    }
    for (size_t i = 0; i < a->n_times; i++) {
        assert_sl_ok(sl_answer_print_time(&a->times[i], &b, &err), &err);
        add_printed(l, a->times[i].range, &b, a, (struct sl_byte_range){0, 0});
    }
    for (size_t i = 0; i < a->n_actions; i++) {
        const struct sl_answer_action *x = &a->actions[i];
        const char *text = sl_buf_str(&a->strings) + x->text.begin;
        assert_sl_ok(sl_answer_print_action(x, text, x->text.end - x->text.begin, &b, &err), &err);
        add_printed(l, x->range, &b, a, (struct sl_byte_range){0, 0});
    }
    for (size_t i = 0; i < a->n_tool_calls; i++) {
        const struct sl_answer_tool_call *t = &a->tool_calls[i];
        const char *s = sl_buf_str(&a->strings);
        sl_buf_addf(&b, "%.*s(%.*s)", (int)(t->name.end - t->name.begin), s + t->name.begin,
                    (int)(t->arguments.end - t->arguments.begin), s + t->arguments.begin);
        add_printed(l, t->range, &b, a, (struct sl_byte_range){0, 0});
    }
    for (size_t i = 0; i < a->n_problems; i++) {
        const struct sl_answer_problem *p = &a->problems[i];
        snprintf(new_line(l, p->range), 400, "%s %s: %.*s", p->kept ? "?" : "!", sl_answer_problem_text(p->kind),
                 (int)(p->range.end - p->range.begin), a->text + p->range.begin);
    }
    qsort(l->line, l->n, sizeof *l->line, by_place);
    sl_buf_release(&b);
}

static void describe(const struct sl_answer *a, struct sl_buf *out)
{
    static struct lines l;
    l.n = 0;
    collect(a, &l);
    for (size_t i = 0; i < l.n; i++) sl_buf_addf(out, "%s%s", i ? "\n" : "", l.line[i].text);
}

struct text_case {
    const char *text, *want;
};

/* Parses each text, in memory of exactly its size, and compares its description. */
static void check_cases(const struct text_case *cases, size_t n)
{
    struct sl_answer a = {0};
    for (size_t i = 0; i < n; i++) {
        struct sl_buf got = SL_BUF_INIT(1 << 16);
        sl_error err = {0};
        size_t size = strlen(cases[i].text);
        char *exact = malloc(size ? size : 1);
        memcpy(exact, cases[i].text, size);
        assert_sl_ok(sl_answer_parse(exact, size, 0, &a, &err), &err);
        describe(&a, &got);
        if (strcmp(sl_buf_str(&got), cases[i].want) != 0)
            fail_msg("%s\n--- gives\n%s\n--- instead of\n%s", cases[i].text, sl_buf_str(&got), cases[i].want);
        sl_buf_release(&got);
        free(exact);
    }
    sl_answer_release(&a);
}

#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

/* --- reasoning ------------------------------------------------------------------------------------------------ */

static void reasoning_is_told_from_the_answer(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned flags;
        const char *reasoning, *answer; /* reasoning NULL: none */
        const char *problems;
    } table[] = {
        {"two cats", 0, NULL, "two cats", ""},
        {"", 0, NULL, "", ""},
        {"<think>a b</think>c", 0, "a b", "c", ""},
        {"\n<think>\na\n</think>\n\nc\n", 0, "a", "c", ""},
        {"<think></think>c", 0, "", "c", ""},
        {"<think>\n\n</think>\n\nc", 0, "", "c", ""},
        {"a\n</think>\n\nc", SL_ANSWER_THINK_OPEN, "a", "c", ""},
        {"a b", SL_ANSWER_THINK_OPEN, "a b", "", "? <think> without </think>: "},
        {"<think>a</think>c", SL_ANSWER_THINK_OPEN, "<think>a", "c", "? <think> inside the reasoning: <think>"},
        {"a\n</think>c", 0, "a", "c", "? </think> without <think> before it: </think>"},
        {"<think>a b", 0, "a b", "", "? <think> without </think>: <think>"},
        {"<think>a<think>b</think>c</think>d", 0, "a<think>b</think>c", "d", "? <think> inside the reasoning: <think>"},
        {"<think>a<think>b</think>d", 0, "a<think>b", "d", "? <think> inside the reasoning: <think>"},
        {"<think>a</think>b<think>c</think>d", 0, "a", "b<think>c</think>d",
         "! <think> or </think> after the reasoning: <think>\n! <think> or </think> after the reasoning: </think>"},
        {"a</think>b</think>c", 0, "a", "b</think>c",
         "? </think> without <think> before it: </think>\n! <think> or </think> after the reasoning: </think>"},
        {"Sure. <think>a</think>c", 0, "a", "c", "! text before <think>: Sure."},
        {"The tag <think> begins it", 0, NULL, "The tag <think> begins it",
         "! <think> or </think> after the reasoning: <think>"},
        {"<think>a</think", 0, "a</think", "", "? <think> without </think>: <think>"},
        {"<think>a <point>1 2</point></think>b <point>3 4</point>", 0, "a <point>1 2</point>", "b <point>3 4</point>",
         "<point>3 4</point>"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sl_answer a = {0};
        struct sl_buf got = SL_BUF_INIT(1 << 16);
        sl_error err = {0};
        size_t n = strlen(table[i].text);
        assert_sl_ok(sl_answer_parse(table[i].text, n, table[i].flags, &a, &err), &err);
        assert_int_equal(a.has_reasoning, table[i].reasoning != NULL);
        if (table[i].reasoning) {
            assert_int_equal(a.reasoning.end - a.reasoning.begin, strlen(table[i].reasoning));
            assert_memory_equal(a.text + a.reasoning.begin, table[i].reasoning, strlen(table[i].reasoning));
        }
        assert_int_equal(a.reasoning_closed, a.has_reasoning && !strstr(table[i].problems, "without </think>"));
        assert_int_equal(a.answer.end - a.answer.begin, strlen(table[i].answer));
        assert_memory_equal(a.text + a.answer.begin, table[i].answer, strlen(table[i].answer));
        describe(&a, &got);
        assert_string_equal(sl_buf_str(&got), table[i].problems);
        struct sl_answer_split split = sl_answer_split(table[i].text, n, table[i].flags);
        assert_int_equal(split.has_reasoning, a.has_reasoning);
        assert_memory_equal(&split.reasoning, &a.reasoning, sizeof a.reasoning);
        assert_memory_equal(&split.answer, &a.answer, sizeof a.answer);
        sl_buf_release(&got);
        sl_answer_release(&a);
    }
}

/* --- shapes --------------------------------------------------------------------------------------------------- */

static void shapes_are_read_as_they_should_be_written(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"<point>0 999</point>", "<point>0 999</point>"},
        {"the head: <bbox>175 98 791 476</bbox>.", "<bbox>175 98 791 476</bbox>"},
        {"<point>1 2</point><point>3 4</point>There are 2.", "<point>1 2</point>\n<point>3 4</point>"},
        {"<bbox>5 5 5 5</bbox>", "<bbox>5 5 5 5</bbox>"},
        {"<3dbbox>-0.58 0.13 2.95 0.60 0.74 0.61 0.00 -0.25 1.00</3dbbox>",
         "<3dbbox>-0.58 0.13 2.95 0.60 0.74 0.61 0.00 -0.25 1.00</3dbbox>"},
        {"<polygon>1 2 3 4 5 6</polygon>", "<polygon>1 2 3 4 5 6</polygon>"},
        {"<text>EXIT</text><polygon>1 2 3 4 5 6 7 8</polygon>", "<polygon>1 2 3 4 5 6 7 8</polygon> = EXIT"},
        {"<text>a</text>\n<bbox>1 2 3 4</bbox><point>1 2</point>", "<bbox>1 2 3 4</bbox> = a\n<point>1 2</point>"},
        {"<text>a</text> is <point>1 2</point>", "<point>1 2</point>"},
        {"<text><point>1 2</point></text><point>3 4</point>", "<point>3 4</point> = <point>1 2</point>"},
    };
    CHECK(table);
}

static void loose_spellings_are_taken_where_they_are_certain(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"<bbox>[10, 20, 30, 40]</bbox>", "<bbox>10 20 30 40</bbox>"},
        {"<bbox>(10,20),(30,40)</bbox>", "<bbox>10 20 30 40</bbox>"},
        {"<bbox>\n 10\t20 ; 30 40 \n</bbox>", "<bbox>10 20 30 40</bbox>"},
        {"<point>10.5 +20.25</point>", "<point>10.5 20.25</point>"},
        {"<point>.5 7.</point>", "<point>0.5 7</point>"},
        {"<point>007 0000000000000000000000001</point>", "<point>7 1</point>"},
        {"<point>0.333333333333333333333 1.0000000000000000000001</point>", "<point>0.333333333333333 1</point>"},
        {"<point>-0 0</point>", "<point>0 0</point>"},
        {"<3dbbox>1 2 3 4 5 6 .5 -.5 -1</3dbbox>", "<3dbbox>1.00 2.00 3.00 4.00 5.00 6.00 0.50 -0.50 -1.00</3dbbox>"},
        {"<3dbbox>1.2345 0 0 0 0 0 0 0 0</3dbbox>", "<3dbbox>1.2345 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00</3dbbox>"},
        {"it is at <point>10 20", "<point>10 20</point>\n? no closing tag: <point>10 20"},
        {"<point>10 20\n", "<point>10 20</point>\n? no closing tag: <point>10 20"},
        {"<bbox>1 2 3 4 <bbox>5 6 7 8</bbox>",
         "<bbox>1 2 3 4</bbox>\n? no closing tag: <bbox>1 2 3 4\n<bbox>5 6 7 8</bbox>"},
        {"<bbox>1 2 3 4</point>", "<bbox>1 2 3 4</bbox>\n? no closing tag: <bbox>1 2 3 4\n"
                                  "! closing tag without its opening tag: </point>"},
    };
    CHECK(table);
}

static void what_is_wrong_with_a_shape_is_reported_and_the_shape_left_out(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"<point>10</point>", "! wrong count of numbers: <point>10</point>"},
        {"<point></point>", "! wrong count of numbers: <point></point>"},
        {"<bbox>1 2 3 4 5 6 7 8</bbox>", "! wrong count of numbers: <bbox>1 2 3 4 5 6 7 8</bbox>"},
        {"<3dbbox>1 2 3 4 5 6 0 0</3dbbox>", "! wrong count of numbers: <3dbbox>1 2 3 4 5 6 0 0</3dbbox>"},
        {"<polygon>1 2 3 4</polygon>", "! wrong count of numbers: <polygon>1 2 3 4</polygon>"},
        {"<polygon>1 2 3 4 5 6 7</polygon>", "! wrong count of numbers: <polygon>1 2 3 4 5 6 7</polygon>"},
        {"<point>10 1000</point>", "! coordinate not between 0 and 999: 1000"},
        {"<point>-1 10</point>", "! coordinate not between 0 and 999: -1"},
        {"<point>999.5 10</point>", "! coordinate not between 0 and 999: 999.5"},
        {"<polygon>1 2 3 4 5 1006</polygon>", "! coordinate not between 0 and 999: 1006"},
        {"<bbox>30 20 10 40</bbox>", "! x2 is less than x1, or y2 less than y1: <bbox>30 20 10 40</bbox>"},
        {"<bbox>10 40 30 20</bbox>", "! x2 is less than x1, or y2 less than y1: <bbox>10 40 30 20</bbox>"},
        {"<point>ten 20</point>", "! not a number: ten"},
        {"<point>1e2 20</point>", "! not a number: 1e2"},
        {"<point>0x10 20</point>", "! not a number: 0x10"},
        {"<point>10-20</point>", "! not a number: 10-20"},
        {"<point>nan inf</point>", "! not a number: nan"},
        {"<point>1.2.3 4</point>", "! not a number: 1.2.3"},
        {"<point>. -</point>", "! not a number: ."},
        {"<point>1000000000000000 1</point>", "! not a number: 1000000000000000"},
        {"<point>x=10, y=20</point> <point>1 2</point>", "! not a number: x=10\n<point>1 2</point>"},
        {"<3dbbox>1 2 3 4 -5 6 0 0 0</3dbbox>", "! negative size: <3dbbox>1 2 3 4 -5 6 0 0 0</3dbbox>"},
        {"<3dbbox>1 2 3 4 5 6 0 0 90</3dbbox>", "! angle not between -1 and 1: <3dbbox>1 2 3 4 5 6 0 0 90</3dbbox>"},
        {"</bbox> and <text>x", "! closing tag without its opening tag: </bbox>\n! <text> without </text>: <text>"},
        {"a <bbox> at 3 seconds", "! not a number: at\n3 seconds"},
        {"<bbox>1 2 3", "? no closing tag: <bbox>1 2 3\n! wrong count of numbers: <bbox>1 2 3"},
    };
    CHECK(table);
}

static void other_tags_are_text(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"a < b <b>bold</b> <POINT>1 2</POINT> <point >1 2", ""},
        {"<", ""},
        {"<poin", ""},
    };
    CHECK(table);
}

/* --- times ---------------------------------------------------------------------------------------------------- */

static void times_are_read_in_all_their_spellings(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"[1.5 second]", "[1.5 second]"},
        {"at [12 seconds] and [0.0s]", "[12.0 second]\n[0.0 second]"},
        {"[3.0 - 10.0 second]", "[3.0 - 10.0 second]"},
        {"3 - 10 seconds", "3 - 10 seconds"},
        {"3 - 10\xE7\xA7\x92", "3 - 10 seconds"},
        {"6\xE2\x80\x93"
         "8 seconds, 16\xE2\x80\x93"
         "22 seconds",
         "6 - 8 seconds\n16 - 22 seconds"},
        {"from 3.25 to 10 s.", "3.25 - 10 seconds"},
        {"between 3 and 10 seconds", "3 - 10 seconds"},
        {"at 3 and 10 seconds", "10 seconds"},
        {"3 seconds ~ 10 seconds", "3 - 10 seconds"},
        {"3s to 10s", "3 - 10 seconds"},
        {"2 - 3 minutes", "120 - 180 seconds"},
        {"1 minute 30.1 seconds", "90.1 seconds"},
        {"1min30s to 2min", "90 - 120 seconds"},
        {"1 h 1 min 1 s", "3661 seconds"},
        {"1\xE5\x88\x86"
         "30\xE7\xA7\x92",
         "90 seconds"},
        {"at 01:05", "01:05"},
        {"0:05 - 1:10.25", "00:05 - 01:10.25"},
        {"[00:05-01:10]", "00:05 - 01:10"},
        {"1:02:03", "01:02:03"},
        {"75:30", "01:15:30"},
        {"1 - 2 - 3 seconds", "2 - 3 seconds"},
        {"2 Seconds", "2 seconds"},
        {"5 seconds - 7", "5 seconds"},
    };
    CHECK(table);
}

static void numbers_without_a_unit_are_not_times(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"3 - 10, 1.08 meters, 3 m, 5 second-hand", "5 seconds"},
        {"a 10-second clip of v3 s, x3s, in the 1990s", ""},
        {"100\xE5\x88\x86, 16:9, 3:5, 1:75, 10:45 am, 9:30PM, 1:2:3, 12:34:56:78, 1234:56", ""},
        {"1.2.3 seconds 1..3", ""},
        {"[1.5] [a, b] [5", ""},
        {"Total: 3\n- 10 seconds", "10 seconds"},
    };
    CHECK(table);
}

static void what_is_wrong_with_a_time_is_reported(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"10 - 3 seconds", "! span that ends before it starts: 10 - 3 seconds"},
        {"01:10 - 00:05", "! span that ends before it starts: 01:10 - 00:05"},
        {"at -3 seconds", "! negative time: -3 seconds"},
        {"1,200 seconds", "! time with a comma in its number: 1,200 seconds"},
        {"1,2 - 3 seconds", "! time with a comma in its number: 1,2 - 3 seconds"},
        {"[one second]", "! mark of time without a number of seconds: [one second]"},
        {"[-1.5 second]", "! mark of time without a number of seconds: [-1.5 second]"},
        {"[1.2.3 seconds] [ second ]", "! mark of time without a number of seconds: [1.2.3 seconds]\n"
                                       "! mark of time without a number of seconds: [ second ]"},
        {"999999999999999 hours", "! not a number: 999999999999999 hours"},
    };
    CHECK(table);
}

/* --- actions -------------------------------------------------------------------------------------------------- */

static void every_action_is_read(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"Thought: I click.\nAction: click(point='<point>100 200</point>')", "click(point='<point>100 200</point>')"},
        {"Action: left_double(point='<point>1 2</point>')", "left_double(point='<point>1 2</point>')"},
        {"Action: right_single(point='<point>1 2</point>')", "right_single(point='<point>1 2</point>')"},
        {"Action: drag(start_point='<point>1 2</point>', end_point='<point>3 4</point>')",
         "drag(start_point='<point>1 2</point>', end_point='<point>3 4</point>')"},
        {"Action: hotkey(key='ctrl shift t')", "hotkey(key='ctrl shift t')"},
        {"Action: type(content='it\\'s \"x\" \\\"y\\\"\\n')", "type(content='it\\'s \\\"x\\\" \\\"y\\\"\\n')"},
        {"Action: type(content='')", "type(content='')"},
        {"Action: type(content='C:\\\\new\\d')", "type(content='C:\\\\new\\\\d')"},
        {"Action: scroll(point='<point>1 2</point>', direction='down')",
         "scroll(point='<point>1 2</point>', direction='down')"},
        {"Action: scroll(direction='left', point='<point>1 2</point>')",
         "scroll(point='<point>1 2</point>', direction='left')"},
        {"Action: wait()", "wait()"},
        {"Action: finished(content='done, (really)')", "finished(content='done, (really)')"},
        {"Action: finished()", "finished()"},
        {"Action: long_press(point='<point>1 2</point>')", "long_press(point='<point>1 2</point>')"},
        {"Action: open_app(app_name='Maps')", "open_app(app_name='Maps')"},
        {"Action: press_home()", "press_home()"},
        {"Action: press_back()", "press_back()"},
    };
    CHECK(table);
}

/* Strings may hold what ends a thought, once the thought has ended. */
static void a_typed_think_tag_is_typed(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"<think>x</think>Action: type(content='</think>')", "type(content='</think>')"},
        {"<think>x</think><text></think></text><point>1 2</point>", "<point>1 2</point> = </think>"},
    };
    CHECK(table);
}

static void every_action_has_its_name(void **state)
{
    (void)state;
    for (int i = 0; i < SL_N_ACTIONS; i++) {
        struct sl_buf text = SL_BUF_INIT(1 << 10);
        struct sl_answer a = {0};
        sl_buf_addf(&text,
                    "Action: %s(point='(1,2)', end_point='(3,4)', direction='up', key='a', content='b', "
                    "app_name='c')",
                    sl_action_name((enum sl_action_kind)i));
        assert_int_equal(sl_answer_parse(sl_buf_str(&text), text.len, 0, &a, NULL), SL_OK);
        assert_int_equal(a.n_actions, 1);
        assert_int_equal(a.actions[0].kind, i);
        sl_answer_release(&a);
        sl_buf_release(&text);
    }
}

static void the_spellings_of_other_parsers_are_read(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"Action: click(start_box='(100,200)')", "click(point='<point>100 200</point>')"},
        {"Action: click(start_box='[100, 200, 110, 220]')", "click(point='<point>105 210</point>')"},
        {"Action: click(start_box='<|box_start|>(100,200)<|box_end|>')", "click(point='<point>100 200</point>')"},
        {"Action: click(point='<bbox>1 2 4 4</bbox>')", "click(point='<point>2.5 3</point>')"},
        {"Action: click(point=<point>1 2</point>)", "click(point='<point>1 2</point>')"},
        {"Action: click(start_box=(1, 2))", "click(point='<point>1 2</point>')"},
        {"Action: drag(start_box='(1,2)', end_box='(3,4)')",
         "drag(start_point='<point>1 2</point>', end_point='<point>3 4</point>')"},
        {"Action: click ( point = \"<point>1 2</point>\" , )", "click(point='<point>1 2</point>')"},
        {"Action:\nclick(point='<point>1 2</point>')\n\ntype(content='a')\n", "click(point='<point>1 2</point>')\n"
                                                                              "type(content='a')"},
        {"Action: wait(); wait() wait()", "wait()\nwait()\nwait()"},
        {"Thought: a Action: wait()", "wait()"},
        {"Thought: a\nAction: wait()\nThought: b\nAction: press_home()", "wait()\npress_home()"},
        {"Action: type(content='two\nlines')", "type(content='two\\nlines')"},
        {"Action: hotkey(key='Ctrl+C')", "hotkey(key='ctrl c')\n"
                                         "? keys are written in lower case with single spaces between: 'Ctrl+C'"},
        {"Action: hotkey(key='ctrl + c')", "hotkey(key='ctrl c')\n"
                                           "? keys are written in lower case with single spaces between: 'ctrl + c'"},
        {"Action: hotkey(key='ctrl +')", "hotkey(key='ctrl +')"},
        {"Action: click(point='<point>1 2</point>'",
         "click(point='<point>1 2</point>')\n"
         "? action without its closing parenthesis: click(point='<point>1 2</point>'"},
        {"Action: type(content='it's')", "type(content='it\\'s')\n? quote inside a string without \\ before it: '"},
        {"Action: wait(seconds=5)", "wait()\n? argument that the action does not have: seconds"},
        {"Action: wait()\nThe page loads in 3 seconds.", "wait()\n3 seconds"},
    };
    CHECK(table);
}

static void what_is_wrong_with_an_action_is_reported(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"Action: The man runs to <point>1 2</point>", "! no action after Thought: or Action:: Action:\n"
                                                       "<point>1 2</point>"},
        {"Thought: hm", "! no action after Thought: or Action:: Thought:"},
        {"Action: jump(point='<point>1 2</point>')", "! unknown action: jump(point='<point>1 2</point>')"},
        {"Action: click", "! not of the form name(argument='value'): Action: click"},
        {"Action: click()", "! action without an argument that it needs: click()"},
        {"Action: scroll(direction='up')", "! action without an argument that it needs: scroll(direction='up')"},
        {"Action: type(key='a')", "! action without an argument that it needs: type(key='a')\n"
                                  "? argument that the action does not have: key"},
        {"Action: click(point='<point>1 1000</point>')",
         "! argument is not a point between 0 and 999: '<point>1 1000</point>'"},
        {"Action: click(point='<point>1 2')", "! argument is not a point between 0 and 999: '<point>1 2'"},
        {"Action: click(point='(1,2,3)')", "! argument is not a point between 0 and 999: '(1,2,3)'"},
        {"Action: click(start_box='[9,9,1,1]')", "! argument is not a point between 0 and 999: '[9,9,1,1]'"},
        {"Action: scroll(point='<point>1 2</point>', direction='Down')",
         "! direction is not down, up, right or left: 'Down'"},
        {"Action: click(point='(1,2)', start_box='(3,4)')", "! argument given twice: start_box"},
        {"Action: hotkey(key='a b c d')", "! hotkey is not one to three keys: 'a b c d'"},
        {"Action: hotkey(key=' ')", "! hotkey is not one to three keys: ' '"},
        {"Action: type(content='abc", "! string without its closing quote: 'abc"},
        {"Action: type(content='it's a", "! string without its closing quote: 'it's a"},
        {"Action: click('(1,2)')\nwait() 3 seconds", "! not of the form name(argument='value'): click('(1,2)')\n"
                                                     "wait()\n! not of the form name(argument='value'): 3 seconds"},
        {"Action: type(content='a' 'b')", "type(content='a\\' \\'b')\n"
                                          "? quote inside a string without \\ before it: '\n"
                                          "? quote inside a string without \\ before it: '"},
        {"Action: click(point=)", "! not of the form name(argument='value'): click(point=)"},
    };
    CHECK(table);
}

static void the_thought_is_found(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"Thought: I see <point>1 2</point>.\nAction: wait()", "I see <point>1 2</point>."},
        {"<think>x</think>\nThought:\n\nAction: wait()", ""},
        {"Thought: a\nAction: wait()\nThought: b\nAction: wait()", "a"},
        {"Thought: cut off", "cut off"},
        {"My Thought: no", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sl_answer a = {0};
        sl_error err = {0};
        assert_sl_ok(sl_answer_parse(table[i].text, strlen(table[i].text), 0, &a, &err), &err);
        assert_int_equal(a.thought.end - a.thought.begin, strlen(table[i].want));
        assert_memory_equal(a.text + a.thought.begin, table[i].want, strlen(table[i].want));
        assert_int_equal(a.n_points, 0);
        sl_answer_release(&a);
    }
}

static void typed_text_has_its_escapes_undone(void **state)
{
    (void)state;
    static const char text[] =
        "Action: click(point='<point>1 2</point>')\ntype(content='say \\'hi\\'\\tto C:\\\\x\\q\\n')";
    struct sl_answer a = {0};
    sl_error err = {0};
    assert_sl_ok(sl_answer_parse(text, sizeof text - 1, 0, &a, &err), &err);
    assert_int_equal(a.n_actions, 2);
    struct sl_byte_range r = a.actions[1].text;
    static const char want[] = "say 'hi'\tto C:\\x\\q\n";
    assert_int_equal(r.end - r.begin, sizeof want - 1);
    assert_memory_equal(a.strings.data + r.begin, want, sizeof want - 1);
    assert_int_equal(a.strings.len, sizeof want - 1); /* the click's point is not kept as a string */
    sl_answer_release(&a);
}

static void tool_calls_are_read(void **state)
{
    (void)state;
    static const struct text_case table[] = {
        {"<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"</x>\"]}}\n</tool_call>",
         "f({\"a\":[1,\"</x>\"]})"},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call><tool_call>{\"name\":\"g\",\"arguments\":{}}</"
         "tool_call>",
         "f({})\ng({})"},
        {"<tool_call>{\"name\": \"f\"}</tool_call>",
         "! tool call is not {\"name\": \"...\", \"arguments\": {...}}: <tool_call>{\"name\": \"f\"}</tool_call>"},
        {"<tool_call>f(1)</tool_call>",
         "! tool call is not {\"name\": \"...\", \"arguments\": {...}}: <tool_call>f(1)</tool_call>"},
        {"<tool_call>{\"name\": \"f\", \"arguments\": \"{}\"}</tool_call>",
         "! tool call is not {\"name\": \"...\", \"arguments\": {...}}: "
         "<tool_call>{\"name\": \"f\", \"arguments\": \"{}\"}</tool_call>"},
        {"<tool_call>{\"name\": \"f\"", "! <tool_call> without </tool_call>: <tool_call>"},
    };
    CHECK(table);
}

/* --- cost and limits ------------------------------------------------------------------------------------------ */

static double seconds_to_parse(const char *unit, size_t n)
{
    size_t size = strlen(unit);
    char *text = malloc(n);
    for (size_t i = 0; i < n; i++) text[i] = unit[i % size];
    struct sl_answer a = {0};
    double start = sl_clock_seconds();
    sl_status status = sl_answer_parse(text, n, 0, &a, NULL);
    double took = sl_clock_seconds() - start;
    assert_true(status == SL_OK || status == SL_ERR_MEMORY);
    sl_answer_release(&a);
    free(text);
    return took;
}

/* A quadratic walk over two megabytes would take minutes. */
static void no_text_costs_more_than_its_length(void **state)
{
    (void)state;
    static const char *const units[] = {"<",
                                        "<point>",
                                        "<text>",
                                        "<tool_call>",
                                        "<think>",
                                        "</think>",
                                        "Action:",
                                        "Thought:",
                                        "1 - ",
                                        "1.1.",
                                        "1:",
                                        "1,",
                                        "[",
                                        "[1 ",
                                        "Action: type(content='\n",
                                        "Action: ",
                                        "1 min ",
                                        "Thought:\n",
                                        "'",
                                        "\"',a",
                                        "<point>1",
                                        "Action: wait() ",
                                        "between 1 and ",
                                        "[      ",
                                        "Action:click(",
                                        "Action: click(point=(",
                                        "Action: type(content=' , a ",
                                        "<polygon>1 2 3 4 5 6 "};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double took = seconds_to_parse(units[i], 1 << 21);
        if (took > 5) fail_msg("%s: %.1f s", units[i], took);
    }
}

static void an_answer_parsed_into_again_holds_only_the_new_text(void **state)
{
    (void)state;
    struct sl_answer a = {0};
    sl_error err = {0};
    assert_sl_ok(sl_answer_parse("Thought: x\nAction: type(content='a')", 37, 0, &a, &err), &err);
    assert_sl_ok(sl_answer_parse("<point>1 2</point>", 18, 0, &a, &err), &err);
    assert_int_equal(a.n_actions, 0);
    assert_int_equal(a.n_points, 1);
    assert_int_equal(a.thought.end, 0);
    assert_int_equal(a.strings.len, 0);
    sl_answer_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasoning_is_told_from_the_answer),
        cmocka_unit_test(shapes_are_read_as_they_should_be_written),
        cmocka_unit_test(loose_spellings_are_taken_where_they_are_certain),
        cmocka_unit_test(what_is_wrong_with_a_shape_is_reported_and_the_shape_left_out),
        cmocka_unit_test(other_tags_are_text),
        cmocka_unit_test(times_are_read_in_all_their_spellings),
        cmocka_unit_test(numbers_without_a_unit_are_not_times),
        cmocka_unit_test(what_is_wrong_with_a_time_is_reported),
        cmocka_unit_test(every_action_is_read),
        cmocka_unit_test(a_typed_think_tag_is_typed),
        cmocka_unit_test(every_action_has_its_name),
        cmocka_unit_test(the_spellings_of_other_parsers_are_read),
        cmocka_unit_test(what_is_wrong_with_an_action_is_reported),
        cmocka_unit_test(the_thought_is_found),
        cmocka_unit_test(typed_text_has_its_escapes_undone),
        cmocka_unit_test(tool_calls_are_read),
        cmocka_unit_test(no_text_costs_more_than_its_length),
        cmocka_unit_test(an_answer_parsed_into_again_holds_only_the_new_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
