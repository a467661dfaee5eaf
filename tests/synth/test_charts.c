/*
 * test_charts.c: charts are made for every task and level, and answers about a chart of known numbers are what
 * arithmetic done here says.
 */
#include "synth/chart.h"
#include "synth/families.h"

#include "family_test.h"

#include <math.h>

static void test_every_task_is_answered(void **state)
{
    (void)state;
    family_run(&sl_family_charts, 6, NULL);
}

static void test_same_seed_same_chart(void **state)
{
    (void)state;
    family_repeats(&sl_family_charts);
}

static const double numbers[5] = {40, 10, 95, 25, 60};
static const char *const names[5] = {"Alpha", "Bravo", "Carol", "Delta", "Echo"};

static struct sl_chart known_chart(sl_chart_kind kind)
{
    struct sl_chart c = {.kind = kind, .n_points = 5, .n_series = 1, .high = 100, .shows_values = true};
    c.unit = "";
    c.thing = "city";
    c.things = "cities";
    snprintf(c.title, sizeof c.title, "Known");
    snprintf(c.measure, sizeof c.measure, "rain");
    for (int i = 0; i < 5; i++) {
        snprintf(c.points[i], sizeof c.points[i], "%s", names[i]);
        c.values[0][i] = numbers[i];
    }
    return c;
}

/* The points that a question names, in its order; returns how many. */
static int named(const char *question, int out[2])
{
    int n = 0;
    const char *at[5];
    for (int i = 0; i < 5; i++) at[i] = strstr(question, names[i]);
    for (int k = 0; k < 2; k++) {
        int first = -1;
        for (int i = 0; i < 5; i++)
            if (at[i] && (first < 0 || at[i] < at[first])) first = i;
        if (first < 0) break;
        out[n++] = first;
        at[first] = NULL;
    }
    return n;
}

static bool says(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strstr(text, *words)) return true;
    return false;
}

#define SAYS(text, ...) says(text, (const char *const[]){__VA_ARGS__, NULL})

/* What the question asks, worked out from its words and the numbers above; the answer as text. */
static void expect(const char *q, char *out, size_t size)
{
    int p[2] = {0, 0}, n = named(q, p);
    double a = numbers[p[0]], b = numbers[p[1]], limit;
    const char *digits = strpbrk(q, "0123456789");
    if (n == 0 && digits) {
        int count = 0;
        limit = strtod(digits, NULL);
        for (int i = 0; i < 5; i++)
            count += SAYS(q, "above", "more than", "over") ? numbers[i] > limit : numbers[i] < limit;
        snprintf(out, size, "%d", count);
    } else if (n == 0 && SAYS(q, "sum", "Add up", "total", "together"))
        snprintf(out, size, "230");
    else if (n == 0 && SAYS(q, "mean", "Average", "average"))
        snprintf(out, size, "46");
    else if (n == 0)
        snprintf(out, size, "%s", SAYS(q, "lowest", "smallest", "least", "minimum") ? "Bravo" : "Carol");
    else if (n == 1)
        snprintf(out, size, "%g", a);
    else if (SAYS(q, "differ", "far apart", "Subtract"))
        snprintf(out, size, "%g", fabs(a - b));
    else if (SAYS(q, "How many times as large as"))
        snprintf(out, size, "%g", round(b / a * 100) / 100);
    else if (SAYS(q, "ratio", "Divide", "how many times as"))
        snprintf(out, size, "%g", round(a / b * 100) / 100);
    else if (SAYS(q, "Is ", "Does ", "Answer yes or no"))
        snprintf(out, size, "%s", a > b ? "Yes" : "No");
    else if (SAYS(q, "rise or fall", "a rise or a fall"))
        snprintf(out, size, "%s", (p[1] > p[0]) == (b > a) ? "rise" : "fall");
    else
        snprintf(out, size, "%s", names[a > b ? p[0] : p[1]]);
}

static void test_answers_are_what_arithmetic_says(void **state)
{
    (void)state;
    static const sl_chart_task tasks[] = {SL_CHART_VALUE, SL_CHART_COMPARE, SL_CHART_AGGREGATE};
    struct sl_chart c = known_chart(SL_CHART_BAR);
    int asked = 0;
    for (int i = 0; i < 600; i++) {
        struct sl_rng rng;
        struct sl_synth_sample s;
        char want[64];
        sl_rng_init(&rng, (uint64_t)i, 1);
        struct sl_synth_request r = {.rng = &rng, .split = i % 2};
        sl_synth_sample_init(&s);
        if (sl_chart_ask(&r, &c, tasks[i % 3], &s)) {
            struct sl_buf q = SL_BUF_INIT(1 << 16), a = SL_BUF_INIT(1 << 16);
            family_text(&s, SL_SYNTH_USER, &q);
            sl_synth_message_text(&s, 1, false, &a);
            expect(sl_buf_str(&q), want, sizeof want);
            if (strcmp(want, sl_buf_str(&a)) != 0)
                fail_msg("%s: \"%s\", but it is \"%s\"", sl_buf_str(&q), sl_buf_str(&a), want);
            asked++;
            sl_buf_release(&q);
            sl_buf_release(&a);
        }
        sl_synth_sample_release(&s);
    }
    assert_true(asked > 400);
}

/* Chance must not do better than a half on yes-no and rise-fall questions. */
static void test_two_way_answers_are_balanced(void **state)
{
    (void)state;
    struct sl_chart c = known_chart(SL_CHART_LINE);
    int first[2] = {0, 0}, n[2] = {0, 0};
    for (int i = 0; i < 3000; i++) {
        struct sl_rng rng;
        struct sl_synth_sample s;
        sl_rng_init(&rng, (uint64_t)i, 2);
        struct sl_synth_request r = {.rng = &rng};
        sl_synth_sample_init(&s);
        if (sl_chart_ask(&r, &c, i % 2 ? SL_CHART_TREND : SL_CHART_COMPARE, &s)) {
            const char *a = json_string_value(json_object_get(s.truth, "answer"));
            const char *two[2][2] = {{"yes", "no"}, {"rise", "fall"}};
            for (int k = 0; a && k < 2; k++) {
                n[k] += strcmp(a, two[k][0]) == 0 || strcmp(a, two[k][1]) == 0;
                first[k] += strcmp(a, two[k][0]) == 0;
            }
        }
        sl_synth_sample_release(&s);
    }
    for (int k = 0; k < 2; k++) {
        assert_true(n[k] > 200);
        assert_true(fabs(first[k] - n[k] / 2.0) < 2.5 * sqrt(n[k]) / 2 + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_is_answered),
        cmocka_unit_test(test_same_seed_same_chart),
        cmocka_unit_test(test_answers_are_what_arithmetic_says),
        cmocka_unit_test(test_two_way_answers_are_balanced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
