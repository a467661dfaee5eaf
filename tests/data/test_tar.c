/*
 * test_tar.c: WebDataset shards, well made and hostile, written byte by byte.
 */
#include "data/tar.h"

#include "data_test.h"

static struct sl_data_limits limits;
static struct sl_skipped *skipped;
static struct tar_maker maker;
static sl_error err;

static int set_up(void **state)
{
    (void)state;
    sl_data_limits_defaults(&limits);
    maker.n = 0;
    return sl_skipped_open(NULL, 100, &skipped, &err);
}

static int tear_down(void **state)
{
    (void)state;
    return sl_skipped_close(&skipped, &err);
}

static struct sl_tar_options options(void)
{
    return (struct sl_tar_options){.limits = &limits, .skipped = skipped, .source = "test"};
}

/* Reads every group of a reader into "key(name=bytes name=bytes) ..." and closes it. */
static void read_all(struct sl_tar *t, char *out, size_t size)
{
    struct sl_tar_group g;
    bool more;
    out[0] = '\0';
    for (;;) {
        struct sl_sample memory;
        sl_sample_init(&memory, limits.max_sample_bytes);
        assert_sl_ok(sl_tar_next(t, &memory, &g, &more, &err), &err);
        size_t n = strlen(out);
        if (more) n += (size_t)snprintf(out + n, size - n, "%s(", g.key);
        for (int i = 0; i < g.n_members && more; i++) {
            struct sl_buf bytes = SL_BUF_INIT(1 << 20);
            assert_sl_ok(sl_blob_load(&g.members[i].blob, 1 << 20, &bytes, &err), &err);
            n += (size_t)snprintf(out + n, size - n, "%s%s=%.9s", i ? " " : "", g.members[i].ext, sl_buf_str(&bytes));
            sl_buf_release(&bytes);
        }
        if (more) snprintf(out + n, size - n, ") ");
        sl_sample_release(&memory);
        if (!more) break;
    }
    sl_tar_close(&t);
}

static const char *read_path(const char *path)
{
    static char out[8192];
    struct sl_tar *t;
    struct sl_tar_options o = options();
    assert_sl_ok(sl_tar_open(path, &o, &t, &err), &err);
    read_all(t, out, sizeof out);
    return out;
}

static const char *read_memory(const void *bytes, size_t n)
{
    static char out[8192];
    struct sl_tar *t;
    struct sl_tar_options o = options();
    assert_sl_ok(sl_tar_open_memory(bytes, n, "memory.tar", &o, &t, &err), &err);
    read_all(t, out, sizeof out);
    return out;
}

static void make_plain_shard(void)
{
    tar_header(&maker, "train/", '5', 0, "");
    tar_text(&maker, "train/001.jpg", "picture 1");
    tar_text(&maker, "train/001.json", "{}");
    tar_text(&maker, "./train/002.left.png", "left");
    tar_text(&maker, "train/002.txt", "caption");
    tar_text(&maker, "train/._002.jpg", "finder");
    tar_text(&maker, "train/003.cls", "7");
    tar_text(&maker, "other/003.cls", "8");
    tar_end(&maker);
}

static const char plain_groups[] =
    "train/001(jpg=picture 1 json={}) train/002(left.png=left txt=caption) train/003(cls=7) other/003(cls=8) ";

static void test_neighbours_of_one_name_form_a_group(void **state)
{
    (void)state;
    make_plain_shard();
    const char *path = test_temp_path("plain.tar");
    test_write_file(path, maker.bytes, maker.n);
    assert_string_equal(read_path(path), plain_groups);
    assert_string_equal(read_memory(maker.bytes, maker.n), plain_groups);
    assert_int_equal(sl_skipped_total(skipped), 0);
}

static void test_gzip_and_zstd_give_the_same_groups(void **state)
{
    (void)state;
    make_plain_shard();
    assert_string_equal(read_path(write_compressed("c.tar.gz", maker.bytes, maker.n, false)), plain_groups);
    assert_string_equal(read_path(write_compressed("c.tar.zst", maker.bytes, maker.n, true)), plain_groups);
    assert_true(sl_tar_is_compressed(test_temp_path("c.tar.gz")) && sl_tar_is_compressed(test_temp_path("c.tar.zst")));
}

static void test_only_one_compression_is_undone(void **state)
{
    (void)state;
    make_plain_shard();
    write_compressed("once.gz", maker.bytes, maker.n, false);
    static unsigned char once[1 << 16];
    FILE *f = fopen(test_temp_path("once.gz"), "rb");
    size_t n = fread(once, 1, sizeof once, f);
    fclose(f);
    assert_string_equal(read_path(write_compressed("twice.tar.gz", once, n, false)), "");
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_BAD_ARCHIVE), 1);
}

static void test_an_index_leads_back_to_each_group(void **state)
{
    (void)state;
    make_plain_shard();
    const char *path = test_temp_path("index.tar");
    test_write_file(path, maker.bytes, maker.n);
    struct sl_offsets rows = {0};
    struct sl_tar_options o = options();
    assert_sl_ok(sl_tar_index(path, &o, &rows, &err), &err);
    assert_int_equal(rows.n, 4);
    char joined[1024] = "";
    for (size_t i = 0; i < rows.n; i++) {
        char one[1024];
        struct sl_tar *t;
        o.begin = rows.at[i];
        o.end = i + 1 < rows.n ? rows.at[i + 1] : rows.end;
        assert_sl_ok(sl_tar_open(path, &o, &t, &err), &err);
        read_all(t, one, sizeof one);
        strncat(joined, one, sizeof joined - strlen(joined) - 1);
    }
    assert_string_equal(joined, plain_groups);
    sl_offsets_release(&rows);
}

static void test_names_that_lead_out_and_links_are_skipped(void **state)
{
    (void)state;
    tar_text(&maker, "../evil.jpg", "x");
    tar_text(&maker, "a/../../evil.jpg", "x");
    tar_text(&maker, "/etc/evil.jpg", "x");
    tar_text(&maker, "a/..", "x");
    tar_header(&maker, "link.jpg", '2', 0, "/etc/passwd");
    tar_header(&maker, "hard.jpg", '1', 0, "good.jpg");
    tar_header(&maker, "pipe.jpg", '6', 0, "");
    tar_header(&maker, "device.jpg", '3', 0, "");
    tar_text(&maker, "good..name.jpg", "kept");
    tar_end(&maker);
    assert_string_equal(read_memory(maker.bytes, maker.n), "good(.name.jpg=kept) ");
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_ENTRY_NAME), 4);
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_ENTRY_KIND), 4);
    assert_int_equal(sl_skipped_total(skipped), 8);
}

static void test_oversize_entries_are_skipped_and_the_rest_is_read(void **state)
{
    (void)state;
    char large[3000];
    memset(large, 'x', sizeof large);
    tar_bytes(&maker, "1.jpg", large, sizeof large);
    tar_bytes(&maker, "2.json", large, 1500);
    tar_text(&maker, "3.jpg", "kept");
    tar_end(&maker);
    limits.max_media_bytes = 2000;
    limits.max_row_bytes = 1000;
    assert_string_equal(read_memory(maker.bytes, maker.n), "2() 3(jpg=kept) ");
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_OVERSIZE), 2);
    limits.max_sample_bytes = 600;
    limits.max_media_bytes = limits.max_row_bytes = 1 << 20;
    assert_string_equal(read_memory(maker.bytes, maker.n), "1() 2() 3(jpg=kept) ");
}

static void test_a_decompressed_shard_has_a_ceiling(void **state)
{
    (void)state;
    static char zeros[100000];
    tar_text(&maker, "1.jpg", "kept");
    tar_bytes(&maker, "2.jpg", zeros, sizeof zeros);
    tar_text(&maker, "3.jpg", "lost");
    tar_end(&maker);
    limits.max_shard_bytes = 50000;
    assert_string_equal(read_path(write_compressed("bomb.tar.gz", maker.bytes, maker.n, false)), "1(jpg=kept) ");
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_BAD_ARCHIVE), 1);
}

static void test_truncation_anywhere_gives_a_prefix_and_is_named(void **state)
{
    (void)state;
    make_plain_shard();
    char whole[1024];
    snprintf(whole, sizeof whole, "%s", read_memory(maker.bytes, maker.n));
    const char *path = test_temp_path("cut.tar");
    for (size_t n = 0; n < maker.n; n += 97) {
        test_write_file(path, maker.bytes, n);
        for (int lazy = 0; lazy < 2; lazy++) {
            const char *got = lazy ? read_path(path) : read_memory(maker.bytes, n);
            size_t length = strlen(got);
            /* The last group may have lost files: what is there begins as it should. */
            const char *close = strrchr(got, ')');
            size_t sure = close ? (size_t)(close - got) : length;
            assert_memory_equal(got, whole, sure < 12 ? 0 : sure - 12);
        }
    }
    assert_true(sl_skipped_count(skipped, SL_SKIP_BAD_ARCHIVE) > 20);
}

static void test_a_size_beyond_the_file_ends_the_archive(void **state)
{
    (void)state;
    tar_text(&maker, "1.jpg", "kept");
    tar_header(&maker, "2.jpg", '0', 0777777777, "");
    const char *path = test_temp_path("lie.tar");
    test_write_file(path, maker.bytes, maker.n);
    assert_string_equal(read_path(path), "1(jpg=kept) ");
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_BAD_ARCHIVE), 1);
    /* In memory it is found out by reading. */
    assert_string_equal(read_memory(maker.bytes, maker.n), "1(jpg=kept) 2() ");
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_BAD_ARCHIVE), 2);
}

static void test_a_damaged_header_is_named(void **state)
{
    (void)state;
    tar_text(&maker, "1.jpg", "kept");
    tar_text(&maker, "2.jpg", "lost");
    tar_end(&maker);
    maker.bytes[1024 + 10] ^= 0x55;
    assert_string_equal(read_memory(maker.bytes, maker.n), "1(jpg=kept) ");
    assert_true(sl_skipped_count(skipped, SL_SKIP_BAD_ARCHIVE) >= 1);
}

static void test_what_is_no_archive_is_named_once(void **state)
{
    (void)state;
    assert_string_equal(read_path(write_text("no.tar", "This is no archive at all.")), "");
    assert_string_equal(read_path(write_text("empty.tar", "")), "");
    assert_true(sl_skipped_count(skipped, SL_SKIP_BAD_ARCHIVE) >= 1);
    struct sl_tar *t;
    struct sl_tar_options o = options();
    assert_int_equal(sl_tar_open(test_temp_path("absent.tar"), &o, &t, &err), SL_ERR_IO);
    assert_int_equal(sl_tar_open(test_temp_dir(), &o, &t, &err), SL_ERR_IO);
}

/* Makes the first group of the tar a sample; returns the row's status. */
static sl_status first_row(struct sl_sample *sample, struct sl_row *row)
{
    struct sl_tar *t;
    struct sl_tar_options o = options();
    struct sl_tar_group g = {0};
    bool more;
    assert_sl_ok(sl_tar_open_memory(maker.bytes, maker.n, "m.tar", &o, &t, &err), &err);
    sl_sample_init(sample, limits.max_sample_bytes);
    assert_sl_ok(sl_tar_next(t, sample, &g, &more, &err), &err);
    struct sl_row_place place = {
        .folder = "/nowhere", .members = g.members, .n_members = g.n_members, .limits = &limits};
    sl_row_begin(row, &place, sample, &err);
    sl_tar_row(row);
    sl_status status = sl_row_finish(row);
    sl_tar_close(&t);
    return status;
}

static const struct {
    const char *names[3], *texts[3]; /* of the group's files */
    const char *first, *second;      /* messages; NULL: none */
    sl_skip_reason reason;           /* when first is NULL */
} groups[] = {
    {{"1.jpg", "1.txt"}, {"P", "A bird.\n"}, "<i>", "A bird.", 0},
    {{"1.jpg"}, {"P"}, "<i>", NULL, 0},
    {{"1.txt"}, {"A document."}, "A document.", NULL, 0},
    {{"1.jpg", "1.json"}, {"P", "{\"caption\":\"A bird.\"}"}, "<i>", "A bird.", 0},
    {{"1.mp4", "1.json", "1.txt"}, {"P", "{\"domain\":\"x\"}", "A film."}, "<v>", "A film.", 0},
    {{"d/1.a.jpg", "d/1.b.jpg", "d/1.json"},
     {"P", "Q",
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"b.jpg\"},"
      "{\"type\":\"image\",\"image\":\"d/1.a.jpg\"},{\"type\":\"text\",\"text\":\"?\"}]}]}"},
     "<i><i>?",
     NULL,
     0},
    {{"1.jpg", "1.json"},
     {"P", "{\"messages\":[{\"role\":\"user\",\"content\":\"See <image>?\"},{\"role\":\"assistant\","
           "\"content\":\"A.\"}]}"},
     "See <i>?",
     "A.",
     0},
    {{"1.jpg", "1.json"},
     {"P", "{\"image\":\"1.jpg\",\"conversations\":[{\"from\":\"human\",\"value\":\"<image>\\nWhat?\"},"
           "{\"from\":\"gpt\",\"value\":\"A.\"}]}"},
     "<i>What?",
     "A.",
     0},
    {{"1.jpg", "1.json"}, {"P", "{no json"}, NULL, NULL, SL_SKIP_BAD_JSON},
    {{"1.jpg", "1.json"}, {"P", "{\"image\":\"2.jpg\",\"caption\":\"x\"}"}, NULL, NULL, SL_SKIP_MISSING_MEDIA},
    {{"1.jpg", "1.json"}, {"P", "{\"image\":\"/etc/passwd\",\"caption\":\"x\"}"}, NULL, NULL, SL_SKIP_MISSING_MEDIA},
    {{"1.jpg", "1.json"},
     {"P", "{\"image\":\"file:///etc/passwd\",\"caption\":\"x\"}"},
     NULL,
     NULL,
     SL_SKIP_UNSAFE_PATH},
    {{"1.jpg", "1.txt"}, {"P", "bad \xff text"}, NULL, NULL, SL_SKIP_BAD_ROW},
    {{"1.bin"}, {"P"}, NULL, NULL, SL_SKIP_EMPTY},
    {{"1.jpg"}, {""}, NULL, NULL, SL_SKIP_EMPTY},
};

static void test_groups_become_samples(void **state)
{
    (void)state;
    struct sl_row row = {0};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        maker.n = 0;
        for (int k = 0; k < 3 && groups[i].names[k]; k++) {
            const char *text = groups[i].texts[k];
            tar_text(&maker, groups[i].names[k], text ? text : groups[i].texts[1]);
        }
        tar_end(&maker);
        struct sl_sample sample;
        sl_status status = first_row(&sample, &row);
        if (groups[i].first) {
            assert_sl_ok(status, &err);
            assert_int_equal(sample.n_messages, groups[i].second ? 2 : 1);
            sl_sample_role role = i == 2 ? SL_SAMPLE_ASSISTANT : SL_SAMPLE_USER;
            assert_message(&sample.messages[0], role, groups[i].first);
            if (groups[i].second) assert_message(&sample.messages[1], SL_SAMPLE_ASSISTANT, groups[i].second);
        } else {
            assert_int_not_equal(status, SL_OK);
            assert_string_equal(sl_skip_reason_name(row.reason), sl_skip_reason_name(groups[i].reason));
        }
        sl_sample_release(&sample);
    }
    sl_row_release(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_neighbours_of_one_name_form_a_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gzip_and_zstd_give_the_same_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_one_compression_is_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_index_leads_back_to_each_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_lead_out_and_links_are_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_oversize_entries_are_skipped_and_the_rest_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_decompressed_shard_has_a_ceiling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncation_anywhere_gives_a_prefix_and_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_size_beyond_the_file_ends_the_archive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_header_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_archive_is_named_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_groups_become_samples, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
