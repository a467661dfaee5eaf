/*
 * test_tables.c: tables are made for every task, and answers are worked out again from the printed cells.
 */
#include "synth/families.h"
#include "synth/tables.h"

#include "family_test.h"

#include <math.h>

static void test_every_task_is_answered(void **state)
{
    (void)state;
    family_run(&sl_family_tables, 6, NULL);
}

static void test_a_size_asked_for_is_met(void **state)
{
    (void)state;
    for (int i = 0; i < 24; i++) {
        struct sl_synth_sample s;
        struct sl_synth_request r = {.task = i % sl_family_tables.n_tasks, .level = i % 3, .width = 336, .height = 336};
        family_make(&sl_family_tables, &r, 500 + (uint64_t)i, &s);
        assert_int_equal(s.media[0].width, 336);
        assert_int_equal(s.media[0].height, 336);
        sl_synth_sample_release(&s);
    }
}

static void test_same_seed_same_table(void **state)
{
    (void)state;
    family_repeats(&sl_family_tables);
}

/* The longest of the names that stands in the question; -1: none. */
static int named(const char *q, int n, const char *(*name)(const struct sl_table *, int), const struct sl_table *t)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        const char *s = name(t, i);
        if (strstr(q, s) && (best < 0 || strlen(s) > strlen(name(t, best)))) best = i;
    }
    return best;
}

static const char *head(const struct sl_table *t, int c)
{
    return t->heads[c + 1];
}

static bool has(const char *q, const char *a, const char *b, const char *c)
{
    return strstr(q, a) || strstr(q, b) || strstr(q, c);
}

/* The answer to a question about a column, from the cells' text. */
static void expect(const struct sl_table *t, const char *q, char *out, size_t size)
{
    int c = 1 + named(q, t->n_columns - 1, head, t), best = 0, n = 0;
    const char *digits = strrchr(q, ' ');
    double sum = 0, limit = 0;
    bool count = has(q, "In how many rows", "Count the rows", "How many rows") || strstr(q, "Number of rows");
    while (count && digits > q && !(digits[1] >= '0' && digits[1] <= '9')) digits--; /* the last number */
    if (count) limit = strtod(digits, NULL);
    if (strstr(q, "have less than ")) limit = strtod(strstr(q, "have less than ") + 15, NULL);
    if (strstr(q, "have more than ")) limit = strtod(strstr(q, "have more than ") + 15, NULL);
    for (int i = 0; i < t->n_rows; i++) {
        double v = strtod(t->cells[i][c], NULL), b = strtod(t->cells[best][c], NULL);
        sum += v;
        if (has(q, "lowest", "smallest", "least") || strstr(q, "minimum") ? v < b : v > b) best = i;
        n += has(q, "below", "under", "less than") || strstr(q, "smaller than") ? v < limit : v > limit;
    }
    if (count)
        snprintf(out, size, "%d", n);
    else if (has(q, "sum of", "Add up", "Total") || strstr(q, "together"))
        snprintf(out, size, "%.6f", sum);
    else if (has(q, "mean", "Average", "average"))
        snprintf(out, size, "%.6f", sum / t->n_rows);
    else
        snprintf(out, size, "%s", t->cells[best][0]);
}

static void test_sums_and_extremes_follow_from_the_cells(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        struct sl_rng rng;
        struct sl_table t;
        struct sl_synth_sample s;
        char want[64];
        sl_rng_init(&rng, (uint64_t)i, 4);
        struct sl_synth_request r = {.rng = &rng, .level = i % 3, .split = i % 2};
        sl_table_invent(&r, &t);
        sl_synth_sample_init(&s);
        if (sl_table_ask(&r, &t, SL_TABLE_AGGREGATE, &s)) {
            struct sl_buf q = SL_BUF_INIT(1 << 12), a = SL_BUF_INIT(1 << 12);
            family_text(&s, SL_SYNTH_USER, &q);
            sl_synth_message_text(&s, 1, false, &a);
            expect(&t, sl_buf_str(&q), want, sizeof want);
            bool number = want[0] >= '0' && want[0] <= '9';
            bool same = number ? fabs(strtod(want, NULL) - strtod(sl_buf_str(&a), NULL)) < 0.0051
                               : strcmp(want, sl_buf_str(&a)) == 0;
            if (!same) fail_msg("%s: \"%s\", but it is \"%s\"", sl_buf_str(&q), sl_buf_str(&a), want);
            sl_buf_release(&q);
            sl_buf_release(&a);
        }
        sl_synth_sample_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_is_answered),
        cmocka_unit_test(test_a_size_asked_for_is_met),
        cmocka_unit_test(test_same_seed_same_table),
        cmocka_unit_test(test_sums_and_extremes_follow_from_the_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
