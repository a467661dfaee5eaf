/*
 * test_skipped.c: the log of what was skipped.
 */
#include "base/file.h"
#include "base/json.h"

#include "data_test.h"

#include <pthread.h>

static void add(struct sl_skipped *s, sl_skip_reason reason, const char *key, uint64_t epoch)
{
    struct sl_skip what = {.reason = reason, .source = "birds", .key = key, .epoch = epoch};
    sl_skipped_add(s, &what, "why %d", 7);
}

/* Returns the file's text in static storage. */
static const char *text_of(const char *path)
{
    static char text[1 << 16];
    struct sl_buf b = SL_BUF_INIT(sizeof text - 1);
    sl_error err;
    assert_sl_ok(sl_file_read(path, &b, &err), &err);
    snprintf(text, sizeof text, "%s", sl_buf_str(&b));
    sl_buf_release(&b);
    return text;
}

static void test_rows_name_source_key_and_reason(void **state)
{
    (void)state;
    const char *path = test_temp_path("skipped.jsonl");
    struct sl_skipped *s;
    sl_error err;
    assert_sl_ok(sl_skipped_open(path, 100, &s, &err), &err);
    add(s, SL_SKIP_BAD_JSON, "a.jsonl:3", 0);
    add(s, SL_SKIP_MISSING_MEDIA, "a\xff\"b", 0);
    add(s, SL_SKIP_MISSING_MEDIA, "again", 1);
    assert_int_equal(sl_skipped_count(s, SL_SKIP_MISSING_MEDIA), 2);
    assert_int_equal(sl_skipped_total(s), 3);
    json_t *counts = sl_skipped_counts(s);
    assert_int_equal(json_object_size(counts), 2);
    assert_int_equal(json_integer_value(json_object_get(counts, "missing-media")), 2);
    json_decref(counts);
    assert_sl_ok(sl_skipped_close(&s, &err), &err);
    assert_string_equal(
        text_of(path),
        "{\"source\":\"birds\",\"key\":\"a.jsonl:3\",\"reason\":\"bad-json\",\"detail\":\"why 7\"}\n"
        "{\"source\":\"birds\",\"key\":\"a?\\\"b\",\"reason\":\"missing-media\",\"detail\":\"why 7\"}\n");
}

static void test_rows_have_a_ceiling_and_counts_have_none(void **state)
{
    (void)state;
    const char *path = test_temp_path("many.jsonl");
    struct sl_skipped *s;
    sl_error err;
    assert_sl_ok(sl_skipped_open(path, 3, &s, &err), &err);
    for (int i = 0; i < 50; i++) add(s, SL_SKIP_EMPTY, "k", 0);
    assert_int_equal(sl_skipped_total(s), 50);
    assert_sl_ok(sl_skipped_close(&s, &err), &err);
    const char *text = text_of(path);
    int lines = 0;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    assert_int_equal(lines, 3);
    assert_non_null(strstr(text, "not written"));
}

static void *add_many(void *s)
{
    for (int i = 0; i < 500; i++) add(s, SL_SKIP_EMPTY, "a key that is long enough to be torn apart", 0);
    return NULL;
}

static void test_threads_may_add_at_once(void **state)
{
    (void)state;
    const char *path = test_temp_path("threads.jsonl");
    struct sl_skipped *s;
    sl_error err;
    pthread_t threads[4];
    assert_sl_ok(sl_skipped_open(path, 10000, &s, &err), &err);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, add_many, s), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_int_equal(sl_skipped_total(s), 2000);
    assert_sl_ok(sl_skipped_close(&s, &err), &err);
    FILE *f = fopen(path, "r");
    char line[512];
    int n = 0;
    while (fgets(line, sizeof line, f)) {
        json_t *row;
        assert_sl_ok(sl_json_parse(line, strlen(line), 4, &row, &err), &err);
        json_decref(row);
        n++;
    }
    fclose(f);
    assert_int_equal(n, 2000);
}

static void test_every_reason_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < SL_N_SKIP_REASONS; i++) {
        assert_non_null(sl_skip_reason_name((sl_skip_reason)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(sl_skip_reason_name((sl_skip_reason)i), sl_skip_reason_name((sl_skip_reason)k));
    }
}

static void test_a_disk_that_is_full_is_reported_at_the_end(void **state)
{
    (void)state;
    struct sl_skipped *s;
    sl_error err = {0};
    if (sl_skipped_open("/dev/full", 10, &s, &err)) skip();
    add(s, SL_SKIP_EMPTY, "k", 0);
    assert_int_equal(sl_skipped_close(&s, &err), SL_ERR_IO);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_name_source_key_and_reason),
        cmocka_unit_test(test_rows_have_a_ceiling_and_counts_have_none),
        cmocka_unit_test(test_threads_may_add_at_once),
        cmocka_unit_test(test_every_reason_has_a_name_of_its_own),
        cmocka_unit_test(test_a_disk_that_is_full_is_reported_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
