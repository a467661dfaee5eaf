/*
 * test_stem.c: problems are made for every task, and each answer is worked out again from the numbers that the truth
 * gives, by formulas of this file.
 */
#include "synth/families.h"

#include "family_test.h"

#include <math.h>

static double given(const struct sl_synth_sample *s, const char *key)
{
    return json_number_value(json_object_get(json_object_get(s->truth, "given"), key));
}

static double resistance(const struct sl_synth_sample *s)
{
    double r[3] = {given(s, "r0"), given(s, "r1"), given(s, "r2")}, sum = 0, product = 1;
    int n = (int)given(s, "n");
    bool first = given(s, "first") > 0;
    if (given(s, "series") > 0) {
        for (int i = 0; i < n; i++) sum += r[i];
        return sum;
    }
    if (first) return r[0] + r[1] * r[2] / (r[1] + r[2]);
    if (n == 2) return r[0] * r[1] / (r[0] + r[1]);
    for (int i = 0; i < n; i++) product *= r[i];
    return product / (r[0] * r[1] + r[1] * r[2] + r[0] * r[2]);
}

static double arithmetic(const struct sl_synth_sample *s, const char *kind)
{
    double a = given(s, "a"), b = given(s, "b"), c = given(s, "c");
    int operation = (int)given(s, "operation");
    if (strcmp(kind, "sum") == 0) return operation == 0 ? a + b : operation == 1 ? a - b : a * b;
    if (strcmp(kind, "three") == 0) return given(s, "brackets") > 0 ? a * c + b * c : a + b * c;
    if (strcmp(kind, "equation") == 0) return (c - b) / a;
    return given(s, "n0") + given(s, "n1") + given(s, "n2") + given(s, "n3");
}

static double physics(const struct sl_synth_sample *s, const char *kind)
{
    double one = given(s, "one"), two = given(s, "two");
    double force = given(s, "same") > 0 ? one + two : fabs(one - two);
    if (strcmp(kind, "resistance") == 0) return resistance(s);
    if (strcmp(kind, "current") == 0) return given(s, "volt") / resistance(s);
    if (strcmp(kind, "net-force") == 0) return force;
    if (strcmp(kind, "acceleration") == 0) return force / given(s, "kg");
    if (strcmp(kind, "resultant") == 0) return hypot(given(s, "x"), given(s, "y"));
    return given(s, "known") * given(s, "left") / given(s, "right");
}

static double figure(const struct sl_synth_sample *s, const char *kind)
{
    double a = given(s, "a"), b = given(s, "b"), c = given(s, "c"), radius = given(s, "radius");
    double d = b * b - 4 * a * c;
    if (strcmp(kind, "slope") == 0) return given(s, "m");
    if (strcmp(kind, "intercept") == 0) return c;
    if (strcmp(kind, "zero") == 0) return -c / given(s, "m");
    if (strcmp(kind, "vertex-x") == 0) return -b / (2 * a);
    if (strcmp(kind, "vertex-y") == 0) return c - b * b / (4 * a);
    if (strcmp(kind, "roots") == 0) return fabs(d) < 1e-9 ? 1 : d > 0 ? 2 : 0;
    if (strcmp(kind, "amplitude") == 0) return a;
    if (strcmp(kind, "period") == 0) return b;
    if (strcmp(kind, "maximum") == 0) return a + c;
    if (strcmp(kind, "angle") == 0) return 180 - a - b;
    if (strcmp(kind, "hypotenuse") == 0) return hypot(a, b);
    if (strcmp(kind, "leg") == 0) return sqrt(b * b - a * a);
    if (strcmp(kind, "area") == 0) return given(s, "w") * given(s, "h");
    if (strcmp(kind, "perimeter") == 0) return 2 * given(s, "w") + 2 * given(s, "h");
    if (strcmp(kind, "disc") == 0) return acos(-1) * radius * radius;
    return 2 * acos(-1) * radius;
}

static void check_answer(const struct sl_synth_request *r, const struct sl_synth_sample *s, const char *question,
                         const char *answer)
{
    const char *kind = json_string_value(json_object_get(s->truth, "kind"));
    double told = json_number_value(json_object_get(s->truth, "answer"));
    double want = r->task == 4 ? arithmetic(s, kind) : r->task >= 2 ? physics(s, kind) : figure(s, kind);
    if (fabs(told - want) > 1e-6 * fmax(1, fabs(want)))
        fail_msg("%s (%s): %s, but it is %g", question, kind, answer, want);
}

static void test_answers_follow_from_what_is_given(void **state)
{
    (void)state;
    family_run(&sl_family_stem, 30, check_answer);
}

static void test_same_seed_same_figure(void **state)
{
    (void)state;
    family_repeats(&sl_family_stem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_follow_from_what_is_given),
        cmocka_unit_test(test_same_seed_same_figure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
