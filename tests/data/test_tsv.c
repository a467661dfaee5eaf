/*
 * test_tsv.c: benchmark tables: fields with quotes, pictures as base64 text, borrowed pictures, and broken rows.
 */
#include "data/tsv.h"

#include "data_test.h"

/* Eighty characters: more than a reference to another row has. */
#define PICTURE "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="

static struct sl_data_limits limits;
static struct sl_tsv table;
static struct sl_row row;
static struct sl_sample sample;
static sl_error err;
static const char *file;

static sl_status scan(const char *text, size_t chunk)
{
    struct sl_tsv_scan s = {.table = &table, .max_row_bytes = limits.max_row_bytes};
    size_t n = strlen(text);
    sl_tsv_release(&table);
    file = text;
    sl_status status = SL_OK;
    for (size_t at = 0; at < n && !status; at += chunk)
        status = sl_tsv_scan(&s, text + at, chunk < n - at ? chunk : n - at, at, &err);
    return status ? status : sl_tsv_scan_end(&s, &err);
}

static bool read_text(void *user, uint32_t i, struct sl_buf *out)
{
    (void)user;
    uint64_t end = i + 1 < table.rows.n ? table.rows.at[i + 1] : table.rows.end;
    sl_buf_clear(out);
    sl_buf_add(out, file + table.rows.at[i], (size_t)(end - table.rows.at[i]));
    return sl_buf_ok(out);
}

static sl_status read_row(size_t i)
{
    struct sl_row_place place = {.folder = test_temp_dir(), .limits = &limits, .check_media = true};
    struct sl_tsv_lookup lookup = {.read = read_text};
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    assert_true(i < table.rows.n && read_text(NULL, (uint32_t)i, &text));
    sl_sample_release(&sample);
    sl_sample_init(&sample, limits.max_sample_bytes);
    sl_row_begin(&row, &place, &sample, &err);
    sl_tsv_row(&table, text.data, text.len, &lookup, &row);
    sl_buf_release(&text);
    return sl_row_finish(&row);
}

static int set_up(void **state)
{
    (void)state;
    sl_data_limits_defaults(&limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_tsv_release(&table);
    sl_row_release(&row);
    sl_sample_release(&sample);
    return 0;
}

static const char multiple_choice[] = "index\timage\tquestion\thint\tA\tB\tC\tanswer\tcategory\n"
                                      "1\t" PICTURE "\tWhich?\t\tcat\tdog\t\tB\tanimals\n"
                                      "\"2\"\t1\t\"He said \"\"why\"\",\n\tand left\"\tLook up\tyes\tno\tmaybe\tA\t\n"
                                      "3\t\"['" PICTURE "', '" PICTURE "']\"\tTwo\t\t\t\t\t\tpairs";

static void test_questions_options_and_answers_are_read(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk < 2000; chunk = chunk * 3 + 1) {
        assert_sl_ok(scan(multiple_choice, chunk), &err);
        assert_int_equal(table.rows.n, 3);
        assert_sl_ok(read_row(0), &err);
        assert_string_equal(sample.key, "1");
        assert_string_equal(sample.domain, "animals");
        assert_message(&sample.messages[0], SL_SAMPLE_USER, "<i>Which?\nA. cat\nB. dog");
        assert_message(&sample.messages[1], SL_SAMPLE_ASSISTANT, "B");
        assert_string_equal(sample.truth, "{\"index\":\"1\",\"question\":\"Which?\",\"hint\":\"\",\"A\":\"cat\",\"B\":"
                                          "\"dog\",\"C\":\"\",\"answer\":\"B\",\"category\":\"animals\"}");
        struct sl_buf bytes = SL_BUF_INIT(1000);
        assert_sl_ok(sl_blob_load(&sample.media[0].file, 1000, &bytes, &err), &err);
        assert_int_equal(bytes.len, 59);
        sl_buf_release(&bytes);
    }
}

static void test_quotes_protect_tabs_line_ends_and_quotes(void **state)
{
    (void)state;
    assert_sl_ok(scan(multiple_choice, 17), &err);
    assert_sl_ok(read_row(1), &err);
    assert_message(&sample.messages[0], SL_SAMPLE_USER,
                   "<i>Hint: Look up\nHe said \"why\",\n\tand left\nA. yes\nB. no\nC. maybe");
    assert_null(sample.domain);
}

static void test_a_short_image_field_borrows_another_rows_picture(void **state)
{
    (void)state;
    assert_sl_ok(scan(multiple_choice, 100), &err);
    assert_sl_ok(read_row(1), &err);
    assert_int_equal(sample.n_media, 1);
    assert_int_equal(sample.media[0].file.n, strlen(PICTURE));
    assert_sl_ok(scan("index\timage\tquestion\n1\t2\tA?\n2\t1\tB?\n3\t9\tC?\n4\t4\tD?", 100), &err);
    for (size_t i = 0; i < 4; i++) {
        assert_int_not_equal(read_row(i), SL_OK);
        assert_int_equal(row.reason, SL_SKIP_MISSING_MEDIA);
    }
}

static void test_a_list_gives_several_pictures(void **state)
{
    (void)state;
    assert_sl_ok(scan(multiple_choice, 100), &err);
    assert_sl_ok(read_row(2), &err);
    assert_message(&sample.messages[0], SL_SAMPLE_USER, "<i><i>Two");
    assert_int_equal(sample.n_messages, 1);
}

static void test_pictures_and_videos_may_be_paths(void **state)
{
    (void)state;
    write_text("a.jpg", "A");
    write_text("v.mp4", "V");
    assert_sl_ok(scan("\xef\xbb\xbfindex\timage_path\tvideo_path\tquestion\r\n1\ta.jpg\t\tX\r\n2\t\tv.mp4\tY\r\n3\t../"
                      "a.jpg\t\tZ\r\n",
                      5),
                 &err);
    assert_sl_ok(read_row(0), &err);
    assert_message(&sample.messages[0], SL_SAMPLE_USER, "<i>X");
    assert_sl_ok(read_row(1), &err);
    assert_message(&sample.messages[0], SL_SAMPLE_USER, "<v>Y");
    assert_int_not_equal(read_row(2), SL_OK);
    assert_int_equal(row.reason, SL_SKIP_UNSAFE_PATH);
}

static void test_broken_rows_are_refused_with_their_reason(void **state)
{
    (void)state;
    assert_sl_ok(scan("index\tquestion\n1\n2\tx\ty\n3\t\xff\n4\t\n5\tgood\n", 7), &err);
    static const sl_skip_reason reasons[] = {SL_SKIP_BAD_ROW, SL_SKIP_BAD_ROW, SL_SKIP_BAD_ROW, SL_SKIP_EMPTY};
    for (size_t i = 0; i < 4; i++) {
        assert_int_not_equal(read_row(i), SL_OK);
        assert_int_equal(row.reason, reasons[i]);
    }
    assert_sl_ok(read_row(4), &err);
}

static void test_headers_without_a_known_column_are_refused(void **state)
{
    (void)state;
    assert_int_equal(scan("", 1), SL_ERR_FORMAT);
    assert_int_equal(scan("\n\n", 1), SL_ERR_FORMAT);
    assert_int_equal(scan("index\tanswer\n1\t2\n", 9), SL_ERR_FORMAT);
    assert_int_equal(scan("\xff\tquestion\n", 9), SL_ERR_FORMAT);
}

static void test_an_unclosed_quote_costs_rows_but_not_the_file(void **state)
{
    (void)state;
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    sl_buf_addstr(&text, "index\tquestion\n1\t\"never closed\n");
    for (int i = 2; i < 200; i++) sl_buf_addf(&text, "%d\tquestion number %d\n", i, i);
    limits.max_row_bytes = 500;
    assert_sl_ok(scan(text.data, 64), &err);
    assert_true(table.rows.n > 150);
    assert_sl_ok(read_row(table.rows.n - 1), &err);
    assert_message(&sample.messages[0], SL_SAMPLE_USER, "question number 199");
    sl_data_limits_defaults(&limits);
    sl_buf_release(&text);
}

static void test_the_ceiling_of_pictures_holds(void **state)
{
    (void)state;
    limits.max_media_bytes = 40;
    assert_sl_ok(scan(multiple_choice, 100), &err);
    assert_int_not_equal(read_row(0), SL_OK);
    assert_int_equal(row.reason, SL_SKIP_OVERSIZE);
    sl_data_limits_defaults(&limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions_options_and_answers_are_read),
        cmocka_unit_test(test_quotes_protect_tabs_line_ends_and_quotes),
        cmocka_unit_test(test_a_short_image_field_borrows_another_rows_picture),
        cmocka_unit_test(test_a_list_gives_several_pictures),
        cmocka_unit_test(test_pictures_and_videos_may_be_paths),
        cmocka_unit_test(test_broken_rows_are_refused_with_their_reason),
        cmocka_unit_test(test_headers_without_a_known_column_are_refused),
        cmocka_unit_test(test_an_unclosed_quote_costs_rows_but_not_the_file),
        cmocka_unit_test(test_the_ceiling_of_pictures_holds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
