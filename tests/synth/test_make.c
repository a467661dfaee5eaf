/*
 * test_make.c: recipes, and data sets made from them: the same bytes from any number of processes, going on after an
 * interruption, refusing another recipe.
 */
#include "base/file.h"
#include "base/yaml.h"
#include "synth/make.h"

#include "test.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char small[] = "seed: 5\nsamples: 20\nheld_out: 6\nshard_size: 4\nthinking: 0.5\n"
                            "families:\n  scenes: {width: [112, 140], height: 112, levels: [0, 1]}\n";

static sl_status read_recipe(const char *text, struct sl_recipe *r, sl_error *err)
{
    json_t *tree = NULL;
    sl_status status = sl_yaml_parse(text, strlen(text), "recipe", &tree, err);
    assert_sl_ok(status, err);
    status = sl_recipe_read(tree, r, err);
    json_decref(tree);
    return status;
}

static sl_status make_to(const char *folder, const char *text, int n_processes, struct sl_make_result *out,
                         sl_error *err)
{
    struct sl_recipe r;
    sl_status status = read_recipe(text, &r, err);
    const struct sl_make_options o = {.folder = folder, .n_processes = n_processes};
    if (!status) status = sl_make(&r, &o, out, err);
    sl_recipe_release(&r);
    return status;
}

static void assert_same_file(const char *a, const char *b)
{
    struct sl_buf x = SL_BUF_INIT(1 << 26), y = SL_BUF_INIT(1 << 26);
    sl_error err = {0};
    assert_sl_ok(sl_file_read(a, &x, &err), &err);
    assert_sl_ok(sl_file_read(b, &y, &err), &err);
    assert_true(x.len > 512);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    sl_buf_release(&x);
    sl_buf_release(&y);
}

static const char *const files[] = {"scenes-000000.tar", "scenes-000004.tar", "held-out/scenes-000000.tar",
                                    "held-out/scenes-000001.tar"};

static void test_any_number_of_processes_makes_the_same_bytes(void **state)
{
    (void)state;
    struct sl_make_result made;
    sl_error err = {0};
    char a[512], b[512], x[600], y[600];
    snprintf(a, sizeof a, "%s", test_temp_path("one"));
    snprintf(b, sizeof b, "%s", test_temp_path("three"));
    assert_sl_ok(make_to(a, small, 1, &made, &err), &err);
    assert_int_equal(made.n_samples, 26);
    assert_int_equal(made.n_shards, 7);
    assert_int_equal(made.n_written, 7);
    assert_sl_ok(make_to(b, small, 3, &made, &err), &err);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(x, sizeof x, "%s/%s", a, files[i]);
        snprintf(y, sizeof y, "%s/%s", b, files[i]);
        assert_same_file(x, y);
    }
    /* What is missing is made again, and nothing else. */
    snprintf(y, sizeof y, "%s/%s", b, files[0]);
    assert_int_equal(unlink(y), 0);
    assert_sl_ok(make_to(b, small, 2, &made, &err), &err);
    assert_int_equal(made.n_written, 1);
    snprintf(x, sizeof x, "%s/%s", a, files[0]);
    assert_same_file(x, y);
}

static void test_another_recipe_is_refused(void **state)
{
    (void)state;
    struct sl_make_result made;
    sl_error err = {0};
    char folder[512];
    static const char other[] = "seed: 5\nsamples: 20\nheld_out: 6\nshard_size: 4\nthinking: 0.5\n"
                                "families:\n  scenes: {width: [112, 140], height: 112, levels: [0, 2]}\n";
    snprintf(folder, sizeof folder, "%s", test_temp_path("other"));
    assert_sl_ok(make_to(folder, small, 1, &made, &err), &err);
    assert_int_equal(make_to(folder, other, 1, &made, &err), SL_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "families.scenes.levels"));
    /* The kept recipe is a recipe, and the same one. */
    json_t *tree = NULL;
    struct sl_recipe r;
    char path[600];
    snprintf(path, sizeof path, "%s/recipe.json", folder);
    assert_sl_ok(sl_yaml_load(path, &tree, &err), &err);
    assert_sl_ok(sl_recipe_read(tree, &r, &err), &err);
    const struct sl_make_options o = {.folder = folder, .n_processes = 1};
    assert_sl_ok(sl_make(&r, &o, &made, &err), &err);
    assert_int_equal(made.n_written, 0);
    json_decref(tree);
    sl_recipe_release(&r);
}

static void test_bad_recipes_say_what_is_wrong(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"familes: {scenes: 1}", "families"},
        {"families: {scene: 1}", "scenes"},
        {"families: {}", "no family"},
        {"samples: 5", "families"},
        {"samples: -1\nfamilies: {scenes: 1}", "samples"},
        {"families: {scenes: {width: 5}}", "families.scenes.width"},
        {"families: {scenes: {width: [200, 100]}}", "families.scenes.width"},
        {"families: {scenes: {tasks: [captoin]}}", "caption"},
        {"families: {scenes: {tasks: {caption: -1}}}", "weight"},
        {"families: {scenes: {tasks: {caption: 0}}}", "no weight"},
        {"families: {scenes: {levels: [9]}}", "levels"},
        {"families: {scenes: {thinking: 1.5}}", "families.scenes.thinking"},
        {"shard_size: 0\nfamilies: {scenes: 1}", "shard_size"},
        {"families: {scenes: -2}", "weight"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_recipe r;
        sl_error err = {0};
        if (!read_recipe(cases[i][0], &r, &err)) fail_msg("taken: %s", cases[i][0]);
        if (!strstr(err.message, cases[i][1])) fail_msg("%s: %s", cases[i][0], err.message);
        sl_recipe_release(&r);
    }
}

/* Counts the files in a folder whose names end so. */
static int count_files(const char *folder, const char *ending)
{
    DIR *d = opendir(folder);
    int n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t length = strlen(e->d_name), tail = strlen(ending);
        n += length > tail && strcmp(e->d_name + length - tail, ending) == 0;
    }
    closedir(d);
    return n;
}

static void test_an_interruption_leaves_whole_shards_only(void **state)
{
    (void)state;
    static const char large[] = "samples: 1000000\nshard_size: 20\nfamilies: {scenes: {width: 112, height: 112}}";
    char folder[512];
    snprintf(folder, sizeof folder, "%s", test_temp_path("stopped"));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct sl_make_result made;
        sl_error err = {0};
        sl_status status = make_to(folder, large, 2, &made, &err);
        _exit(status ? 1 : made.interrupted ? 42 : 2);
    }
    const struct timespec some = {.tv_nsec = 700000000};
    nanosleep(&some, NULL);
    kill(pid, SIGINT);
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 42);
    assert_int_equal(count_files(folder, ".tmp"), 0);
}

static void test_what_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct sl_make_result made;
    sl_error err = {0};
    char folder[512];
    snprintf(folder, sizeof folder, "%s", test_temp_path("file"));
    test_write_file(folder, "x", 1);
    assert_int_equal(make_to(folder, small, 1, &made, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_number_of_processes_makes_the_same_bytes),
        cmocka_unit_test(test_another_recipe_is_refused),
        cmocka_unit_test(test_bad_recipes_say_what_is_wrong),
        cmocka_unit_test(test_an_interruption_leaves_whole_shards_only),
        cmocka_unit_test(test_what_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
