/*
 * test_progress.c: what a bar says, and when it stays away.
 */
#include "test.h"

#include "base/progress.h"

static void the_text_gives_amount_rate_and_time_left(void **state)
{
    (void)state;
    struct sl_progress p = {.label = "reading", .unit = "tokens", .total = 4e6, .done = 1e6};
    char line[80];
    sl_progress_text(&p, 10.0, line, sizeof line);
    assert_string_equal(line, "reading [######..................] 1M/4M tokens, 100k/s, 0:30 left");
    p.done = 2.5e6;
    sl_progress_text(&p, 5000.0, line, sizeof line);
    assert_string_equal(line, "reading [###############.........] 2.5M/4M tokens, 500/s, 50:00 left");
}

static void an_unknown_total_shows_the_time_taken(void **state)
{
    (void)state;
    struct sl_progress p = {.label = "reading", .unit = "files", .done = 30};
    char line[80];
    sl_progress_text(&p, 3661.0, line, sizeof line);
    assert_string_equal(line, "reading 30 files, 0.00819/s, 1h01m");
}

static void nothing_done_and_more_than_all_are_no_trouble(void **state)
{
    (void)state;
    struct sl_progress p = {.label = "step", .unit = "steps", .total = 10};
    char line[80];
    sl_progress_text(&p, 0.0, line, sizeof line);
    assert_non_null(strstr(line, "0/10 steps, 0/s, long left"));
    p.done = 20;
    sl_progress_text(&p, 1.0, line, sizeof line);
    assert_non_null(strstr(line, "[########################]"));
}

static void long_labels_never_wrap_the_terminal_line(void **state)
{
    (void)state;
    char label[200];
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    struct sl_progress p = {.label = label, .unit = "MB", .total = 2, .done = 1};
    char line[256];
    sl_progress_text(&p, 1.0, line, sizeof line);
    assert_int_equal(strlen(line), 79);
}

/* Returns how many bytes a bar drew that was begun `age` seconds ago. */
static long bytes_drawn(double age, bool shown)
{
    struct sl_progress p;
    sl_progress_begin(&p, "step", "steps", 100);
    FILE *f = tmpfile();
    assert_non_null(f);
    p.to = f;
    p.shown = shown;
    p.started -= age;
    p.drawn_at -= age;
    sl_progress_to(&p, 10);
    sl_progress_to(&p, 11);
    sl_progress_end(&p);
    long n = ftell(f);
    fclose(f);
    return n;
}

static void short_work_and_pipes_see_nothing(void **state)
{
    (void)state;
    assert_int_equal(bytes_drawn(1.0, true), 0);
    assert_int_equal(bytes_drawn(10.0, false), 0);
}

static void longer_work_is_drawn_once_a_tenth_of_a_second(void **state)
{
    (void)state;
    long n = bytes_drawn(10.0, true);
    assert_true(n > 40 && n < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_gives_amount_rate_and_time_left),
        cmocka_unit_test(an_unknown_total_shows_the_time_taken),
        cmocka_unit_test(nothing_done_and_more_than_all_are_no_trouble),
        cmocka_unit_test(long_labels_never_wrap_the_terminal_line),
        cmocka_unit_test(short_work_and_pipes_see_nothing),
        cmocka_unit_test(longer_work_is_drawn_once_a_tenth_of_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
