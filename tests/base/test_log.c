/*
 * test_log.c: levels, NULL, and cutting of long messages.
 */
#include "test.h"

#include "base/log.h"

#include <unistd.h>

struct sink {
    int n;
    sl_log_level level;
    char line[2048];
};

static void keep(void *user, sl_log_level level, const char *line)
{
    struct sink *s = user;
    s->n++;
    s->level = level;
    snprintf(s->line, sizeof s->line, "%s", line);
}

static void messages_up_to_the_level_arrive_and_others_do_not(void **state)
{
    (void)state;
    struct sink s = {0};
    struct sl_log log = {.level = SL_LOG_INFO, .write = keep, .user = &s};
    sl_log(&log, SL_LOG_WARNING, "%d files skipped", 3);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.level, SL_LOG_WARNING);
    assert_string_equal(s.line, "3 files skipped");
    sl_log(&log, SL_LOG_INFO, "loaded");
    sl_log(&log, SL_LOG_DEBUG, "noise");
    assert_int_equal(s.n, 2);
    assert_string_equal(s.line, "loaded");
}

static void a_null_log_is_silent(void **state)
{
    (void)state;
    sl_log(NULL, SL_LOG_WARNING, "nobody hears this");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    struct sink s = {0};
    struct sl_log log = {.level = SL_LOG_INFO, .write = keep, .user = &s};
    sl_log(&log, SL_LOG_INFO, "%*s", 5000, "x");
    assert_int_equal(strlen(s.line), 1023);
}

static void the_stderr_log_marks_warnings(void **state)
{
    (void)state;
    struct sl_log log;
    sl_log_to_stderr(&log, SL_LOG_WARNING);
    const char *path = test_temp_path("stderr.txt");
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_non_null(freopen(path, "w", stderr));
    sl_log(&log, SL_LOG_WARNING, "slow disk");
    sl_log(&log, SL_LOG_INFO, "not shown");
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    char text[128] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    assert_string_equal(text, "seedling: warning: slow disk\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_up_to_the_level_arrive_and_others_do_not),
        cmocka_unit_test(a_null_log_is_silent),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(the_stderr_log_marks_warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
