/*
 * test_cmd_data.c: `seedling data` as a person runs it: what it prints and writes for a small dataset, and its errors.
 */
#include "test.h"

#include "cli/cli.h"
#include "cli/commands.h"

#include <jansson.h>
#include <png.h>
#include <unistd.h>

static const char rows[] =
    "{\"id\":\"a\",\"domain\":\"points\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
    "\"image\":\"p.png\"},{\"type\":\"text\",\"text\":\"where?\"}]},{\"role\":\"assistant\","
    "\"content\":\"<point>1 2</point>\"}]}\n"
    "{\"id\":\"b\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"ho\"}]}\n"
    "{\"id\":\"c\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\n"
    "no json\n";

static char dataset[4096], sheet[4096], skipped[4096];

static int set_up(void **state)
{
    (void)state;
    uint8_t rgb[112 * 56 * 3] = {0};
    png_image image = {.version = PNG_IMAGE_VERSION, .width = 112, .height = 56, .format = PNG_FORMAT_RGB};
    assert_true(png_image_write_to_file(&image, test_temp_path("p.png"), 0, rgb, 0, NULL));
    snprintf(dataset, sizeof dataset, "%s", test_temp_path("rows.jsonl"));
    snprintf(sheet, sizeof sheet, "%s", test_temp_path("sheet.html"));
    snprintf(skipped, sizeof skipped, "%s", test_temp_path("skipped.jsonl"));
    test_write_file(dataset, rows, sizeof rows - 1);
    return 0;
}

static char *read_file(FILE *f)
{
    static char text[4][1 << 16];
    static int turn;
    char *t = text[turn++ % 4];
    assert_non_null(f);
    rewind(f);
    t[fread(t, 1, sizeof text[0] - 1, f)] = '\0';
    fclose(f);
    return t;
}

struct result {
    int rc;
    const char *out, *err;
};

/* Runs "data" with up to eight words. */
static struct result run(const char *const words[8])
{
    char *argv[10] = {(char *)"data"};
    int argc = 1, saved[2];
    FILE *files[2] = {tmpfile(), tmpfile()};
    for (int i = 0; i < 8 && words[i]; i++) argv[argc++] = (char *)words[i];
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        assert_non_null(files[i]);
        saved[i] = dup(i + 1);
        dup2(fileno(files[i]), i + 1);
    }
    struct result r = {.rc = sl_cmd_data(argc, argv)};
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    r.out = read_file(files[0]);
    r.err = read_file(files[1]);
    return r;
}

static void show_writes_a_sheet(void **state)
{
    (void)state;
    struct result r = run((const char *const[8]){"show", dataset, "--out", sheet, "--no-shuffle"});
    assert_int_equal(r.rc, 0);
    assert_non_null(strstr(r.out, "sheet.html: 3 samples, 1 skipped (bad-json 1)\n"));
    const char *html = read_file(fopen(sheet, "r"));
    assert_non_null(strstr(html, "data:image/png;base64,"));
    assert_non_null(strstr(html, "&lt;point&gt;1 2&lt;/point&gt;"));
    assert_non_null(strstr(html, "</html>"));
    r = run((const char *const[8]){"show", dataset, "--out", sheet, "--limit", "2", "--seed", "4"});
    assert_non_null(strstr(r.out, "2 samples"));
}

static void stats_count_what_training_would_see(void **state)
{
    (void)state;
    json_error_t error;
    struct result r =
        run((const char *const[8]){"stats", dataset, "--json", "--length", "1024", "--skipped", skipped, "--threads"});
    assert_int_equal(r.rc, 2); /* --threads without its number */
    r = run((const char *const[8]){"stats", dataset, "--json", "--length", "1024", "--skipped", skipped});
    assert_int_equal(r.rc, 0);
    json_t *j = json_loads(r.out, 0, &error);
    assert_non_null(j);
    assert_int_equal(json_integer_value(json_object_get(j, "samples")), 2);
    assert_int_equal(json_integer_value(json_object_get(j, "pictures")), 1);
    assert_int_equal(json_integer_value(json_object_get(j, "patches")), 32);
    /* <point>1 2</point> with its tags as one token each, ho, and the end of both messages. */
    assert_int_equal(json_integer_value(json_object_get(j, "targets")), 5 + 2 + 2);
    json_t *reasons = json_object_get(j, "skipped"), *domains = json_object_get(j, "domains");
    assert_int_equal(json_integer_value(json_object_get(reasons, "bad-json")), 1);
    assert_int_equal(json_integer_value(json_object_get(reasons, "no-target")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(domains, "points"), "samples")), 1);
    json_t *packing = json_object_get(j, "packing");
    assert_int_equal(json_integer_value(json_object_get(packing, "sequences")), 1);
    assert_float_equal(json_real_value(json_object_get(packing, "fill")),
                       (double)json_integer_value(json_object_get(j, "tokens")) / 1024, 1e-9);
    json_decref(j);
    const char *log = read_file(fopen(skipped, "r"));
    assert_non_null(strstr(log, "\"reason\":\"bad-json\""));
    assert_non_null(strstr(log, "\"key\":\"c\",\"reason\":\"no-target\""));
}

static void stats_read_well(void **state)
{
    (void)state;
    struct result r = run((const char *const[8]){"stats", dataset, "--model", "nano"});
    assert_int_equal(r.rc, 0);
    assert_non_null(strstr(r.out, "2 samples, 2 skipped (bad-json 1, no-target 1)\n"));
    assert_non_null(strstr(r.out, "rows.jsonl"));
    assert_non_null(strstr(r.out, "tokens of a picture: mean 8.0, most 8"));
    assert_non_null(strstr(r.err, "counting every byte"));
}

static void errors_are_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *words[8];
        int rc;
        const char *says;
    } cases[] = {
        {{"show", "/nonexistent", "--out", "/tmp/x.html"}, 1, "/nonexistent"},
        {{"show", "x"}, 2, "--out FILE.html says where"},
        {{"show"}, 2, "too few arguments"},
        {{"stats", "/nonexistent"}, 1, "/nonexistent"},
        {{"stats", "x", "--too-long", "fold"}, 2, "none of cut|drop"},
        {{"stats", "x", "--model", "none-such"}, 1, "neither a folder nor a configuration"},
        {{"stats", "x", "--tokenizer", "/nonexistent.json"}, 1, "/nonexistent.json"},
        {{"sow"}, 2, "did you mean 'show'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct result r = run(cases[i].words);
        assert_int_equal(r.rc, cases[i].rc);
        if (!strstr(r.err, cases[i].says)) fail_msg("'%s' is not in: %s", cases[i].says, r.err);
        assert_string_equal(r.out, "");
    }
    assert_int_not_equal(access("/tmp/x.html", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(show_writes_a_sheet),
        cmocka_unit_test(stats_count_what_training_would_see),
        cmocka_unit_test(stats_read_well),
        cmocka_unit_test(errors_are_one_line),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
