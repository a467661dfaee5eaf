/*
 * test_check.c: what answers are worth, as a table of truths, answers and scores.
 */
#include "base/json.h"
#include "synth/check_parts.h"

#include "test.h"

#include <math.h>

struct score_case {
    const char *truth, *answer;
    double score;
};

static double score_of(const char *truth, const char *answer)
{
    sl_error err = {0};
    json_t *json = NULL;
    double score = -1;
    assert_sl_ok(sl_json_parse(truth, strlen(truth), 16, &json, &err), &err);
    assert_sl_ok(sl_check(json, answer, strlen(answer), 0, &score, &err), &err);
    json_decref(json);
    return score;
}

static void run_cases(const struct score_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double score = score_of(cases[i].truth, cases[i].answer);
        if (fabs(score - cases[i].score) > 0.006)
            fail_msg("%s | %s: %g, not %g", cases[i].truth, cases[i].answer, score, cases[i].score);
    }
}

#define RUN(cases) run_cases(cases, sizeof(cases) / sizeof *(cases))

static void test_words(void **state)
{
    (void)state;
    static const struct score_case cases[] = {
        {"{\"checker\":\"exact\",\"answer\":\"Dark red\"}", "<think>green</think>  dark\n red. ", 1},
        {"{\"checker\":\"exact\",\"answer\":[\"four\",\"4\"]}", "**4**", 1},
        {"{\"checker\":\"exact\",\"answer\":[\"four\",\"4\"]}", "45", 0},
        {"{\"checker\":\"exact\",\"answer\":\"ΣΑΣ\"}", "σασ", 1},
        {"{\"checker\":\"exact\",\"answer\":\"Ab\",\"case\":true}", "ab", 0},
        {"{\"checker\":\"exact\",\"answer\":7}", "7", 0},
        {"{\"checker\":\"yes-no\",\"answer\":\"no\"}", "No, there is none; yes, I looked.", 1},
        {"{\"checker\":\"yes-no\",\"answer\":\"no\"}", "Not known: nothing", 0},
        {"{\"checker\":\"yes-no\",\"answer\":\"yes\"}", "no", 0},
        {"{\"checker\":\"choice\",\"answer\":\"B\"}", "(B)", 1},
        {"{\"checker\":\"choice\",\"answer\":\"B\"}", "b", 1},
        {"{\"checker\":\"choice\",\"answer\":\"B\"}", "A dog, so the answer is B.", 1},
        {"{\"checker\":\"choice\",\"answer\":\"B\"}", "I take C.", 0},
        {"{\"checker\":\"choice\",\"answer\":\"B\",\"options\":[\"cat\",\"dog\"]}", "dog", 1},
        {"{\"checker\":\"choice\",\"answer\":\"B\",\"options\":[\"cat\",\"dog\"]}", "cat", 0},
        {"{\"checker\":\"text\",\"answer\":\"kitten\"}", "sitting", 1 - 3.0 / 7},
        {"{\"checker\":\"text\",\"answer\":\"水学\"}", "水掌", 0.5},
        {"{\"checker\":\"mentions\",\"answer\":[\"cube\",[\"sphere\",\"ball\"]]}", "A red ball and a cube", 1},
        {"{\"checker\":\"mentions\",\"answer\":[\"cube\",[\"sphere\",\"ball\"]]}", "A balloon and a cube", 0.5},
        {"{\"checker\":\"mentions\",\"answer\":[\"cube\",\"ball\"],\"wrong\":[\"cat\"]}", "cube, ball, cat", 0.5},
    };
    RUN(cases);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct score_case cases[] = {
        {"{\"checker\":\"number\",\"answer\":1234.5}", "About 1,234.5 units", 1},
        {"{\"checker\":\"number\",\"answer\":100}", "104.9", 1},
        {"{\"checker\":\"number\",\"answer\":100}", "105.1", 0},
        {"{\"checker\":\"number\",\"answer\":100,\"tolerance\":0}", "100.5", 0},
        {"{\"checker\":\"number\",\"answer\":0,\"absolute\":0.5}", "-0.4", 1},
        {"{\"checker\":\"number\",\"answer\":-30000}", "it is -3e4", 1},
        {"{\"checker\":\"number\",\"answer\":-7}",
         "\xe2\x88\x92"
         "7 degrees",
         1},
        {"{\"checker\":\"number\",\"answer\":0.75}", "3/4", 1},
        {"{\"checker\":\"number\",\"answer\":5}", "\\boxed{5} of 30", 1},
        {"{\"checker\":\"number\",\"answer\":5}", "**5** of 30", 1},
        {"{\"checker\":\"number\",\"answer\":5}", "x2", 0},
        {"{\"checker\":\"number\",\"answer\":5}", "", 0},
        {"{\"checker\":\"count\",\"answer\":12}", "There are twelve.", 1},
        {"{\"checker\":\"count\",\"answer\":0}", "None", 1},
        {"{\"checker\":\"count\",\"answer\":2}", "<point>1 2</point><point>3 4</point>", 1},
        {"{\"checker\":\"count\",\"answer\":2}", "2: <point>1 2</point><point>3 4</point>", 1},
        {"{\"checker\":\"count\",\"answer\":2}", "3: <point>1 2</point><point>3 4</point>", 0},
    };
    RUN(cases);
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct score_case cases[] = {
        {"{\"checker\":\"points\",\"answer\":[[0,0,10,10],[20,20,30,30]]}", "<point>5 5</point><point>25 25</point>",
         1},
        {"{\"checker\":\"points\",\"answer\":[[0,0,10,10],[20,20,30,30]]}", "<point>5 5</point><point>6 6</point>",
         0.5},
        {"{\"checker\":\"points\",\"answer\":[[0,0,10,10]]}", "<point>50 5</point>", 0},
        {"{\"checker\":\"points\",\"answer\":[]}", "There is none.", 1},
        {"{\"checker\":\"points\",\"answer\":[]}", "<point>1 1</point>", 0},
        /* The first point lies in both: it must leave the second target to the other. */
        {"{\"checker\":\"points\",\"answer\":[[0,0,10,10],[4,4,6,6]]}", "<point>5 5</point><point>1 1</point>", 1},
        {"{\"checker\":\"points\",\"answer\":[[0,0,100,0,0,100]]}", "<point>20 20</point>", 1},
        {"{\"checker\":\"points\",\"answer\":[[0,0,100,0,0,100]]}", "<point>80 80</point>", 0},
        {"{\"checker\":\"boxes\",\"answer\":[[0,0,100,100]]}", "<bbox>0 0 100 50</bbox>", 0.5},
        {"{\"checker\":\"boxes\",\"answer\":[[0,0,100,100]],\"iou\":0.5}", "<bbox>0 0 100 60</bbox>", 1},
        {"{\"checker\":\"boxes\",\"answer\":[[0,0,100,100]]}", "<bbox>0 0 100 100</bbox><bbox>0 0 100 100</bbox>",
         2 / 3.0},
        {"{\"checker\":\"boxes\",\"answer\":[]}", "no", 1},
        {"{\"checker\":\"boxes\",\"answer\":[[0,0,9,9]],\"labels\":[\"Cat\"]}", "<text>cat</text><bbox>0 0 9 9</bbox>",
         1},
        {"{\"checker\":\"boxes\",\"answer\":[[0,0,9,9]],\"labels\":[\"Cat\"]}", "<text>dog</text><bbox>0 0 9 9</bbox>",
         0},
        {"{\"checker\":\"polygons\",\"answer\":[[0,0,100,0,100,100,0,100]]}",
         "<polygon>0 0 100 0 100 50 0 50</polygon>", 0.5},
        {"{\"checker\":\"boxes3d\",\"answer\":[[0,0,5,2,2,2,0,0,0]]}", "<3dbbox>0 0 5 2 2 2 0 0 0</3dbbox>", 1},
        {"{\"checker\":\"boxes3d\",\"answer\":[[0,0,5,2,2,2,0,0,0]]}", "<3dbbox>1 0 5 2 2 2 0 0 0</3dbbox>", 1 / 3.0},
        {"{\"checker\":\"spans\",\"answer\":[[2,4]]}", "From 3 - 5 seconds", 1 / 3.0},
        {"{\"checker\":\"spans\",\"answer\":[[2,4],[6,8]],\"iou\":0.5}", "2.0 - 4.2 seconds and 00:06 - 00:08", 1},
        {"{\"checker\":\"spans\",\"answer\":[3]}", "at 3.4 seconds", 1},
        {"{\"checker\":\"spans\",\"answer\":[3]}", "at 3.6 seconds", 0},
    };
    RUN(cases);
}

static void test_actions_and_patterns(void **state)
{
    (void)state;
    static const struct score_case cases[] = {
        {"{\"checker\":\"action\",\"answer\":{\"action\":\"click\",\"box\":[10,10,20,20]}}",
         "Thought: x\nAction: click(point='<point>15 15</point>')", 1},
        {"{\"checker\":\"action\",\"answer\":{\"action\":\"click\",\"box\":[10,10,20,20]}}",
         "Action: click(point='<point>25 15</point>')", 0},
        {"{\"checker\":\"action\",\"answer\":[[{\"action\":\"wait\"},{\"action\":\"type\",\"text\":\"hi\"}]]}",
         "Action: type(content='hi')", 1},
        {"{\"checker\":\"action\",\"answer\":[{\"action\":\"type\",\"text\":\"hi\"},{\"action\":\"wait\"}]}",
         "Action: type(content='hi')", 0.5},
        {"{\"checker\":\"action\",\"answer\":{\"action\":\"scroll\",\"direction\":\"down\"}}",
         "Action: scroll(point='<point>5 5</point>', direction='up')", 0},
        {"{\"checker\":\"regex\",\"answer\":[\"^\\\\d+$\"]}", "<think>a</think>42", 1},
        {"{\"checker\":\"regex\",\"answer\":[\"^\\\\d+$\"]}", "a 42", 0},
        {"{\"checker\":\"regex\",\"not\":\",\"}", "no comma", 1},
        {"{\"checker\":\"regex\",\"answer\":\"(\"}", "(", 0},
        {"{\"checker\":\"regex\",\"answer\":\"^(a+)+$\"}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 0},
        {"{\"checker\":\"all\",\"answer\":[{\"checker\":\"regex\",\"answer\":\"^[A-Z ]+$\"},"
         "{\"checker\":\"exact\",\"answer\":\"red\"}]}",
         "RED", 1},
        {"{\"checker\":\"all\",\"answer\":[{\"checker\":\"regex\",\"answer\":\"^[A-Z ]+$\"},"
         "{\"checker\":\"exact\",\"answer\":\"red\"}]}",
         "red", 0},
    };
    RUN(cases);
}

static void test_tables(void **state)
{
    (void)state;
    static const char truth[] = "{\"checker\":\"table\",\"answer\":[[\"Year\",\"Cats & dogs\"],[\"2001\",\"5\"]]}";
    static const char keyed[] = "{\"checker\":\"table\",\"keyed\":true,\"tolerance\":0.05,\"answer\":"
                                "[[\"Year\",\"a\",\"b\"],[\"2001\",\"100\",\"2\"],[\"2002\",\"3\",\"4\"]]}";
    static const struct score_case cases[] = {
        {truth, "<table><tr><th>Year</th><th>Cats &amp; <b>dogs</b></th></tr><tr><td>2001</td><td>5</td></tr></table>",
         1},
        {truth, "| Year | Cats & dogs |\n|---|:-:|\n| 2001 | 5 |", 1},
        {truth,
         "\\begin{tabular}{ll}\n\\hline\nYear & \\textbf{Cats \\& dogs} \\\\ \\midrule\n2001 & 5 \\\\\n\\end{tabular}",
         1},
        {truth, "| Year | Cats & dogs |\n|---|---|\n| 2001 | 6 |", 0.75},
        {truth, "no table", 0},
        {keyed, "| Year | b | a |\n|---|---|---|\n| 2002 | 4 | 3 |\n| 2001 | 2 | 104 |", 1},
        {"{\"checker\":\"table\",\"answer\":[[\"x\",\"x\"],[\"1\",\"2\"]]}",
         "<table><tr><td colspan=\"2\">x</td></tr><tr><td>1<td>2</tr></table>", 1},
    };
    RUN(cases);
}

static void test_a_truth_must_name_a_known_checker(void **state)
{
    (void)state;
    sl_error err = {0};
    double score;
    json_t *bad = json_pack("{s:s}", "checker", "horoscope"), *none = json_object();
    assert_int_equal(sl_check(bad, "x", 1, 0, &score, &err), SL_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "horoscope"));
    assert_int_equal(sl_check(none, "x", 1, 0, &score, &err), SL_ERR_UNSUPPORTED);
    json_decref(bad);
    json_decref(none);
}

static void test_thresholds_decide_what_passes(void **state)
{
    (void)state;
    json_t *half = json_pack("{s:f}", "threshold", 0.5), *none = json_object();
    assert_true(sl_check_passes(half, 0.5));
    assert_false(sl_check_passes(half, 0.49));
    assert_true(sl_check_passes(none, 1));
    assert_false(sl_check_passes(none, 0.99));
    json_decref(half);
    json_decref(none);
}

static void test_every_rule_has_a_name_and_help(void **state)
{
    (void)state;
    int n;
    const struct sl_checker *rules = sl_checkers(&n);
    for (int i = 0; i < n; i++) {
        assert_ptr_equal(sl_checker_find(rules[i].name), &rules[i]);
        assert_true(strlen(rules[i].help) > 5);
        json_t *odd = json_pack("{s:s, s:{}}", "checker", rules[i].name, "answer");
        double score = -1;
        assert_int_equal(sl_check(odd, "1 <point>1 1</point>", 20, 0, &score, NULL), SL_OK);
        assert_in_range((long)(score * 1000), 0, 1000);
        json_decref(odd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_actions_and_patterns),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_a_truth_must_name_a_known_checker),
        cmocka_unit_test(test_thresholds_decide_what_passes),
        cmocka_unit_test(test_every_rule_has_a_name_and_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
