/*
 * test_jsonl.c: where JSON rows begin, and what every schema's rows mean, good and bad.
 */
#include "data/jsonl.h"

#include "data_test.h"

/* Scans text in chunks of `chunk` bytes; returns the rows' texts joined by '|'. */
static void scan_text(const char *text, size_t chunk, char *out, size_t size)
{
    struct sl_offsets rows = {0};
    struct sl_jsonl_scan scan = {.rows = &rows};
    size_t n = strlen(text);
    for (size_t at = 0; at < n; at += chunk)
        assert_int_equal(sl_jsonl_scan(&scan, text + at, chunk < n - at ? chunk : n - at, at, NULL), SL_OK);
    out[0] = '\0';
    for (size_t i = 0; i < rows.n; i++) {
        uint64_t end = i + 1 < rows.n ? rows.at[i + 1] : rows.end;
        size_t length = sl_jsonl_trim(text + rows.at[i], (size_t)(end - rows.at[i]), scan.array), have = strlen(out);
        snprintf(out + have, size - have, "%s%.*s", i ? "|" : "", (int)length, text + rows.at[i]);
    }
    sl_offsets_release(&rows);
}

static const struct {
    const char *text, *rows;
} scans[] = {
    {"", ""},
    {"\n \r\n", ""},
    {"{\"a\":1}\n{\"b\":2}", "{\"a\":1}|{\"b\":2}"},
    {"{\"a\":1}\r\n\n  \n{\"b\":2}\n\n", "{\"a\":1}|{\"b\":2}"},
    {"\xef\xbb\xbf{\"a\":1}\nno json\n", "{\"a\":1}|no json"},
    {"[{\"a\":[1,{}]}, {\"b\":\"]},{\\\"[\"} ,\n 3]", "{\"a\":[1,{}]}|{\"b\":\"]},{\\\"[\"}|3"},
    {"[{\"a\":\"}\"},{\"b\":\"[\"},4]", "{\"a\":\"}\"}|{\"b\":\"[\"}|4"},
    {" [\n]", ""},
    {"[{\"a\":1}", "{\"a\":1}"},
    {"[\"\\\\\",{}]", "\"\\\\\"|{}"},
    {"[1]trailing", "1"},
};

static void test_rows_are_found_whatever_the_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++) {
        for (size_t chunk = 3; chunk < 80; chunk += chunk < 10 ? 1 : 23) {
            char rows[512];
            scan_text(scans[i].text, chunk, rows, sizeof rows);
            assert_string_equal(rows, scans[i].rows);
        }
    }
}

static struct sl_data_limits limits;
static struct sl_row row;
static struct sl_sample sample;
static sl_error err;

/* Reads one JSON row from the temporary folder into `sample`. */
static sl_status read_row(const char *text)
{
    struct sl_row_place place = {.folder = test_temp_dir(), .limits = &limits, .check_media = true};
    sl_sample_release(&sample);
    sl_sample_init(&sample, limits.max_sample_bytes);
    err.message[0] = '\0';
    sl_row_begin(&row, &place, &sample, &err);
    sl_json_row(&row, text, strlen(text));
    return sl_row_finish(&row);
}

static int set_up(void **state)
{
    (void)state;
    sl_data_limits_defaults(&limits);
    write_text("a.jpg", "A");
    write_text("b.jpg", "B");
    write_text("v.mp4", "V");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_sample_release(&sample);
    sl_row_release(&row);
    return 0;
}

static void assert_media(int i, sl_media_kind kind, const char *name)
{
    assert_true(i < sample.n_media);
    assert_int_equal(sample.media[i].kind, kind);
    assert_string_equal(sample.media[i].file.path, test_temp_path(name));
}

static void test_our_schema_keeps_every_fact(void **state)
{
    (void)state;
    assert_sl_ok(
        read_row("{\"id\":\"row-1\",\"domain\":\"birds\",\"level\":3,\"truth\":{\"answer\":[1,2]},\"messages\":["
                 "{\"role\":\"system\",\"content\":\"Be brief.\"},"
                 "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"See \"},"
                 "{\"type\":\"image\",\"image\":\"a.jpg\",\"max_pixels\":50176},"
                 "{\"type\":\"video\",\"video\":\"v.mp4\",\"fps\":2,\"start\":1.5,\"end\":9}]},"
                 "{\"role\":\"assistant\",\"content\":\"First.\",\"loss\":false},"
                 "{\"role\":\"tool\",\"content\":\"<image> is text here\"},"
                 "{\"role\":\"assistant\",\"content\":\"Second.\"}],\"other\":null}"),
        &err);
    assert_int_equal(sample.n_messages, 5);
    assert_message(&sample.messages[0], SL_SAMPLE_SYSTEM, "Be brief.");
    assert_message(&sample.messages[1], SL_SAMPLE_USER, "See <i><v>");
    assert_message(&sample.messages[2], SL_SAMPLE_ASSISTANT, "First.");
    assert_message(&sample.messages[3], SL_SAMPLE_TOOL, "<image> is text here");
    assert_true(sample.messages[2].no_loss && !sample.messages[4].no_loss);
    assert_string_equal(sample.key, "row-1");
    assert_string_equal(sample.domain, "birds");
    assert_int_equal(sample.level, 3);
    assert_string_equal(sample.truth, "{\"answer\":[1,2]}");
    assert_int_equal(sample.messages[1].parts[1].media, 0);
    assert_int_equal(sample.messages[1].parts[2].media, 1);
    assert_media(0, SL_MEDIA_IMAGE, "a.jpg");
    assert_media(1, SL_MEDIA_VIDEO, "v.mp4");
    assert_int_equal(sample.media[0].max_pixels, 50176);
    assert_true(sample.media[1].fps == 2 && sample.media[1].start == 1.5 && sample.media[1].end == 9);
}

static void test_a_video_may_be_a_list_of_pictures_with_times(void **state)
{
    (void)state;
    assert_sl_ok(read_row("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"video\",\"video\":[\"a.jpg\","
                          "\"b.jpg\"],\"timestamps\":[0,2.5]}]}]}"),
                 &err);
    const struct sl_sample_media *v = &sample.media[0];
    assert_int_equal(v->n_frames, 2);
    assert_string_equal(v->frames[1].path, test_temp_path("b.jpg"));
    assert_true(v->n_timestamps == 2 && v->timestamps[1] == 2.5);
}

static void test_a_sound_may_be_a_part_of_a_file(void **state)
{
    (void)state;
    assert_sl_ok(read_row("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"audio\",\"audio\":\"v.mp4\","
                          "\"start\":1.5,\"end\":3}]}]}"),
                 &err);
    assert_media(0, SL_MEDIA_SOUND, "v.mp4");
    assert_int_equal(sample.messages[0].parts[0].kind, SL_SAMPLE_SOUND);
    assert_true(sample.media[0].start == 1.5 && sample.media[0].end == 3);
    assert_int_not_equal(read_row("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"audio\"}]}]}"), SL_OK);
    assert_non_null(strstr(err.message, "a sound is not a path"));
}

static void test_data_addresses_are_decoded_when_loaded(void **state)
{
    (void)state;
    assert_sl_ok(read_row("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
                          "{\"url\":\"data:image/png;base64,Zm9vYmFy\"}}]}]}"),
                 &err);
    struct sl_buf bytes = SL_BUF_INIT(100);
    assert_sl_ok(sl_blob_load(&sample.media[0].file, 100, &bytes, &err), &err);
    assert_string_equal(bytes.data, "foobar");
    sl_buf_release(&bytes);
}

struct foreign {
    const char *row, *first, *second; /* the first two messages */
    int n_media;
};

/* Messages of roles user and assistant. */
static const struct foreign foreigns[] = {
    /* LLaVA */
    {"{\"id\":7,\"image\":\"a.jpg\",\"conversations\":[{\"from\":\"human\",\"value\":\"<image>\\nWhat?\"},"
     "{\"from\":\"gpt\",\"value\":\"A.\"}]}",
     "<i>What?", "A.", 1},
    {"{\"image\":\"a.jpg\",\"conversations\":[{\"from\":\"human\",\"value\":\"What?\\n<image>\"},"
     "{\"from\":\"gpt\",\"value\":\"A.\"}]}",
     "What?<i>", "A.", 1},
    {"{\"image\":[\"a.jpg\",\"b.jpg\"],\"conversations\":[{\"from\":\"human\",\"value\":\"<image> and <image>?\"},"
     "{\"from\":\"gpt\",\"value\":\"A.\"}]}",
     "<i> and <i>?", "A.", 2},
    {"{\"image\":\"a.jpg\",\"conversations\":[{\"from\":\"human\",\"value\":\"No mark\"},"
     "{\"from\":\"gpt\",\"value\":\"A.\"}]}",
     "<i>No mark", "A.", 1},
    {"{\"conversations\":[{\"from\":\"human\",\"value\":\"Text only: <image>\"},{\"from\":\"gpt\",\"value\":\"A.\"}]}",
     "Text only: <image>", "A.", 0},
    {"{\"video\":\"v.mp4\",\"conversations\":[{\"from\":\"human\",\"value\":\"<video>\\nWhat?\"},"
     "{\"from\":\"gpt\",\"value\":\"A.\"}]}",
     "<v>What?", "A.", 1},
    /* The first Qwen-VL */
    {"{\"id\":\"x\",\"conversations\":[{\"from\":\"user\",\"value\":\"Picture 1: <img>a.jpg</img>\\nWhat?\"},"
     "{\"from\":\"assistant\",\"value\":\"A.\"}]}",
     "Picture 1: <i>What?", "A.", 1},
    /* Qwen: text with marks, lists beside it */
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"<image><video>What?\"},{\"role\":\"assistant\",\"content\":"
     "\"A.\"}],\"images\":[\"a.jpg\"],\"videos\":[\"v.mp4\"]}",
     "<i><v>What?", "A.", 2},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"<video>What?\"},{\"role\":\"assistant\",\"content\":"
     "\"A.\"}],\"videos\":[[\"a.jpg\",\"b.jpg\"]]}",
     "<v>What?", "A.", 1},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"},{\"type\":\"text\",\"text\":\"What?\"}]},"
     "{\"role\":\"assistant\",\"content\":\"A.\"}],\"images\":[{\"path\":\"a.jpg\"}]}",
     "<i>What?", "A.", 1},
    /* Captions */
    {"{\"image\":\"a.jpg\",\"caption\":\"A.\"}", "<i>", "A.", 1},
    {"{\"images\":[\"a.jpg\",\"b.jpg\"],\"text\":\"A.\"}", "<i><i>", "A.", 2},
};

static void test_rows_of_other_projects_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof foreigns / sizeof *foreigns; i++) {
        const struct foreign *f = &foreigns[i];
        assert_sl_ok(read_row(f->row), &err);
        assert_int_equal(sample.n_messages, 2);
        assert_message(&sample.messages[0], SL_SAMPLE_USER, f->first);
        assert_message(&sample.messages[1], SL_SAMPLE_ASSISTANT, f->second);
        assert_int_equal(sample.n_media, f->n_media);
    }
    assert_sl_ok(read_row("{\"text\":\"A document.\"}"), &err);
    assert_int_equal(sample.n_messages, 1);
    assert_message(&sample.messages[0], SL_SAMPLE_ASSISTANT, "A document.");
}

#define USER(content) "{\"messages\":[{\"role\":\"user\",\"content\":" content "}]}"
#define IMAGE(path) USER("[{\"type\":\"image\",\"image\":\"" path "\"}]")
#define VIDEO(more) USER("[{\"type\":\"video\",\"video\":\"v.mp4\"," more "}]")

static const struct {
    sl_skip_reason reason;
    const char *row;
} bads[] = {
    {SL_SKIP_BAD_JSON, "no json"},
    {SL_SKIP_BAD_JSON, "{\"messages\":[}"},
    {SL_SKIP_BAD_JSON, "{\"messages\":[],\"messages\":[]}"},
    {SL_SKIP_BAD_JSON, "{\"text\":\"\xff\"}"},
    {SL_SKIP_BAD_JSON, "{\"text\":\"\\u0000\"}"},
    {SL_SKIP_BAD_JSON, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["},
    {SL_SKIP_BAD_ROW, "17"},
    {SL_SKIP_BAD_ROW, "{}"},
    {SL_SKIP_BAD_ROW, "{\"messages\":7}"},
    {SL_SKIP_BAD_ROW, "{\"messages\":[3]}"},
    {SL_SKIP_BAD_ROW, "{\"messages\":[{\"role\":\"king\",\"content\":\"x\"}]}"},
    {SL_SKIP_BAD_ROW, "{\"messages\":[{\"content\":\"x\"}]}"},
    {SL_SKIP_BAD_ROW, USER("5")},
    {SL_SKIP_BAD_ROW, USER("[{\"text\":\"x\"}]")},
    {SL_SKIP_BAD_ROW, USER("[{\"type\":\"smell\"}]")},
    {SL_SKIP_BAD_ROW, USER("[{\"type\":\"text\",\"text\":1}]")},
    {SL_SKIP_BAD_ROW, USER("[{\"type\":\"image\",\"image\":1}]")},
    {SL_SKIP_BAD_ROW, IMAGE("data:image/png,xx")},
    {SL_SKIP_BAD_ROW, VIDEO("\"fps\":\"fast\"")},
    {SL_SKIP_BAD_ROW, VIDEO("\"fps\":-1")},
    {SL_SKIP_BAD_ROW, VIDEO("\"start\":5,\"end\":5")},
    {SL_SKIP_BAD_ROW, VIDEO("\"timestamps\":[2,1]")},
    {SL_SKIP_BAD_ROW, VIDEO("\"timestamps\":[]")},
    {SL_SKIP_BAD_ROW, "{\"text\":\"x\",\"level\":-1}"},
    {SL_SKIP_BAD_ROW, "{\"text\":\"x\",\"domain\":1}"},
    {SL_SKIP_BAD_ROW, "{\"image\":5,\"conversations\":[]}"},
    {SL_SKIP_BAD_ROW, "{\"conversations\":[{\"from\":\"human\"}]}"},
    {SL_SKIP_BAD_ROW, "{\"conversations\":{}}"},
    {SL_SKIP_BAD_ROW, "{\"caption\":5}"},
    {SL_SKIP_EMPTY, "{\"messages\":[]}"},
    {SL_SKIP_EMPTY, USER("\"\"")},
    {SL_SKIP_EMPTY, "{\"messages\":[{\"role\":\"system\",\"content\":\"\"}]}"},
    {SL_SKIP_EMPTY, USER("[{\"type\":\"video\",\"video\":[]}]")},
    {SL_SKIP_MISSING_MEDIA, IMAGE("absent.jpg")},
    {SL_SKIP_MISSING_MEDIA, IMAGE(".")},
    {SL_SKIP_MISSING_MEDIA, IMAGE("")},
    {SL_SKIP_MISSING_MEDIA, IMAGE("data:image/png;base64,")},
    {SL_SKIP_UNSAFE_PATH, IMAGE("../a.jpg")},
    {SL_SKIP_UNSAFE_PATH, IMAGE("x/../../a.jpg")},
    {SL_SKIP_UNSAFE_PATH, IMAGE("/etc/passwd")},
    {SL_SKIP_UNSAFE_PATH, IMAGE("file:///etc/passwd")},
    {SL_SKIP_REMOTE_MEDIA, IMAGE("https://example.org/a.jpg")},
    {SL_SKIP_PLACEHOLDERS, USER("[{\"type\":\"image\"}]")},
    {SL_SKIP_PLACEHOLDERS,
     "{\"image\":\"a.jpg\",\"conversations\":[{\"from\":\"human\",\"value\":\"<image><image>\"}]}"},
    {SL_SKIP_PLACEHOLDERS,
     "{\"image\":[\"a.jpg\",\"b.jpg\"],\"conversations\":[{\"from\":\"human\",\"value\":\"<image>\"}]}"},
    {SL_SKIP_PLACEHOLDERS, "{\"conversations\":[{\"from\":\"human\",\"value\":\"<img>a.jpg\"}]}"},
    {SL_SKIP_PLACEHOLDERS, "{\"images\":[],\"messages\":[{\"role\":\"user\",\"content\":\"<image>\"}]}"},
};

static void test_bad_rows_are_refused_with_their_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        if (read_row(bads[i].row) == SL_OK) fail_msg("taken: %s", bads[i].row);
        if (row.reason != bads[i].reason)
            fail_msg("%s: %s (%s), not %s", bads[i].row, sl_skip_reason_name(row.reason), err.message,
                     sl_skip_reason_name(bads[i].reason));
        assert_true(err.message[0] != '\0');
    }
}

static void test_ceilings_hold_for_every_count(void **state)
{
    (void)state;
    struct sl_data_limits usual = limits;
    limits.max_messages = limits.max_parts = limits.max_media = 2;
    assert_int_not_equal(read_row("{\"messages\":[{\"role\":\"user\",\"content\":\"1\"},{\"role\":\"user\",\"content\":"
                                  "\"2\"},{\"role\":\"user\",\"content\":\"3\"}]}"),
                         SL_OK);
    assert_int_equal(row.reason, SL_SKIP_OVERSIZE);
    assert_int_not_equal(read_row(USER("[{\"type\":\"text\",\"text\":\"1\"},{\"type\":\"text\",\"text\":\"2\"},"
                                       "{\"type\":\"text\",\"text\":\"3\"}]")),
                         SL_OK);
    assert_int_equal(row.reason, SL_SKIP_OVERSIZE);
    limits.max_parts = 9;
    assert_int_not_equal(read_row("{\"images\":[\"a.jpg\",\"a.jpg\",\"a.jpg\"],\"text\":\"x\"}"), SL_OK);
    assert_int_equal(row.reason, SL_SKIP_OVERSIZE);
    assert_int_not_equal(read_row(USER("[{\"type\":\"video\",\"video\":[\"a.jpg\",\"a.jpg\",\"a.jpg\"]}]")), SL_OK);
    assert_int_equal(row.reason, SL_SKIP_OVERSIZE);
    limits = usual;
    limits.max_sample_bytes = 64;
    assert_int_not_equal(read_row("{\"text\":\"This text is longer than the few bytes that a sample may take here.\"}"),
                         SL_OK);
    assert_int_equal(row.reason, SL_SKIP_OVERSIZE);
    limits = usual;
    limits.max_row_bytes = 8;
    assert_int_not_equal(read_row("{\"text\":\"x\"}"), SL_OK);
    assert_int_equal(row.reason, SL_SKIP_OVERSIZE);
    limits = usual;
    limits.max_media_bytes = 3;
    assert_int_not_equal(read_row(IMAGE("data:image/png;base64,Zm9vYmFy")), SL_OK);
    assert_int_equal(row.reason, SL_SKIP_OVERSIZE);
    limits = usual;
}

static void test_an_option_frees_absolute_paths(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof text, IMAGE("%s"), test_temp_path("a.jpg"));
    assert_int_not_equal(read_row(text), SL_OK);
    assert_int_equal(row.reason, SL_SKIP_UNSAFE_PATH);
    limits.absolute_paths = true;
    assert_sl_ok(read_row(text), &err);
    limits.absolute_paths = false;
    assert_media(0, SL_MEDIA_IMAGE, "a.jpg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_found_whatever_the_chunks),
        cmocka_unit_test(test_our_schema_keeps_every_fact),
        cmocka_unit_test(test_a_video_may_be_a_list_of_pictures_with_times),
        cmocka_unit_test(test_a_sound_may_be_a_part_of_a_file),
        cmocka_unit_test(test_data_addresses_are_decoded_when_loaded),
        cmocka_unit_test(test_rows_of_other_projects_are_understood),
        cmocka_unit_test(test_bad_rows_are_refused_with_their_reason),
        cmocka_unit_test(test_ceilings_hold_for_every_count),
        cmocka_unit_test(test_an_option_frees_absolute_paths),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
