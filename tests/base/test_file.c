/*
 * test_file.c: mapping, bounded reading, atomic replacement.
 */
#include "base/file.h"

#include "base/rng.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_back(const char *path, struct sl_buf *b)
{
    sl_error err;
    sl_buf_clear(b);
    assert_sl_ok(sl_file_read(path, b, &err), &err);
}

static int entries_of(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void test_map_gives_the_bytes(void **state)
{
    (void)state;
    const char *path = test_temp_path("mapped");
    test_write_file(path, "hello\0world", 11);
    struct sl_mapped_file f;
    sl_error err;
    assert_sl_ok(sl_file_map(path, &f, &err), &err);
    assert_int_equal(f.size, 11);
    assert_memory_equal(f.data, "hello\0world", 11);
    sl_file_unmap(&f);
    assert_null(f.data);
}

static void test_map_of_an_empty_file_is_empty(void **state)
{
    (void)state;
    const char *path = test_temp_path("empty");
    test_write_file(path, "", 0);
    struct sl_mapped_file f;
    sl_error err;
    assert_sl_ok(sl_file_map(path, &f, &err), &err);
    assert_null(f.data);
    assert_int_equal(f.size, 0);
    sl_file_unmap(&f);
}

static void test_map_errors_name_the_path_and_the_reason(void **state)
{
    (void)state;
    struct sl_mapped_file f;
    sl_error err;
    const char *path = test_temp_path("missing");
    assert_int_equal(sl_file_map(path, &f, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(sl_file_map(test_temp_dir(), &f, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "is a folder"));
}

static void test_map_refuses_a_pipe_without_hanging(void **state)
{
    (void)state;
    const char *path = test_temp_path("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    struct sl_mapped_file f;
    sl_error err;
    assert_int_equal(sl_file_map(path, &f, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "not a regular file"));
}

static void test_read_appends_and_stops_at_the_ceiling(void **state)
{
    (void)state;
    const char *path = test_temp_path("ten");
    test_write_file(path, "0123456789", 10);
    struct sl_buf b = SL_BUF_INIT(12);
    sl_error err;
    sl_buf_addstr(&b, "> ");
    assert_sl_ok(sl_file_read(path, &b, &err), &err);
    assert_string_equal(sl_buf_str(&b), "> 0123456789");
    b.len = 3;
    b.data[3] = '\0';
    assert_int_equal(sl_file_read(path, &b, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "longer than the 9 bytes"));
    assert_string_equal(sl_buf_str(&b), "> 0");
    sl_buf_release(&b);
}

static void test_read_crosses_chunks(void **state)
{
    (void)state;
    size_t n = 200001;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(i * 31 >> 3);
    const char *path = test_temp_path("large");
    test_write_file(path, bytes, n);
    struct sl_buf b = SL_BUF_INIT(1 << 20);
    read_back(path, &b);
    assert_int_equal(b.len, n);
    assert_memory_equal(b.data, bytes, n);
    sl_buf_release(&b);
    free(bytes);
}

static void test_write_replaces_and_leaves_no_temporary(void **state)
{
    (void)state;
    sl_error err;
    const char *dir = test_temp_path("replace");
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    const char *path = test_temp_path("replace/f");
    assert_sl_ok(sl_file_write(path, "old and longer", 14, &err), &err);
    assert_sl_ok(sl_file_write(path, "new", 3, &err), &err);
    struct sl_buf b = SL_BUF_INIT(100);
    read_back(path, &b);
    assert_string_equal(sl_buf_str(&b), "new");
    sl_buf_release(&b);
    assert_int_equal(entries_of(dir), 1);
}

static void test_abort_keeps_the_old_file(void **state)
{
    (void)state;
    sl_error err;
    const char *dir = test_temp_path("abort");
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    const char *path = test_temp_path("abort/f");
    assert_sl_ok(sl_file_write(path, "old", 3, &err), &err);
    struct sl_file_writer w;
    assert_sl_ok(sl_file_writer_open(&w, path, &err), &err);
    sl_file_writer_add(&w, "half", 4);
    sl_file_writer_abort(&w);
    struct sl_buf b = SL_BUF_INIT(100);
    read_back(path, &b);
    assert_string_equal(sl_buf_str(&b), "old");
    sl_buf_release(&b);
    assert_int_equal(entries_of(dir), 1);
}

static void test_what_a_killed_save_left_is_taken_over(void **state)
{
    (void)state;
    sl_error err;
    const char *dir = test_temp_path("leftover");
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    test_write_file(test_temp_path("leftover/f.tmp"), "a long half-written file", 24);
    const char *path = test_temp_path("leftover/f");
    assert_sl_ok(sl_file_write(path, "short", 5, &err), &err);
    struct sl_buf b = SL_BUF_INIT(100);
    read_back(path, &b);
    assert_string_equal(sl_buf_str(&b), "short");
    sl_buf_release(&b);
    assert_int_equal(entries_of(dir), 1);
}

static void test_a_second_writer_of_a_path_is_refused(void **state)
{
    (void)state;
    sl_error err;
    const char *path = test_temp_path("contended");
    struct sl_file_writer a, b;
    assert_sl_ok(sl_file_writer_open(&a, path, &err), &err);
    assert_int_equal(sl_file_writer_open(&b, path, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "being written already"));
    sl_file_writer_add(&a, "a", 1);
    assert_sl_ok(sl_file_writer_commit(&a, &err), &err);
    assert_true(sl_file_exists(path));
}

static void test_a_write_error_is_kept_for_commit(void **state)
{
    (void)state;
    sl_error err;
    const char *dir = test_temp_path("full");
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    const char *path = test_temp_path("full/f");
    struct sl_file_writer w;
    assert_sl_ok(sl_file_writer_open(&w, path, &err), &err);
    /* A descriptor that takes no writes stands for a full disk. */
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    assert_true(dup2(full, w.fd) >= 0);
    close(full);
    sl_file_writer_add(&w, "lost", 4);
    sl_file_writer_add(&w, "too", 3);
    assert_int_equal(sl_file_writer_commit(&w, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "No space left"));
    assert_int_equal(entries_of(dir), 0);
}

static void test_writing_over_a_device_or_folder_is_refused(void **state)
{
    (void)state;
    sl_error err;
    assert_int_equal(sl_file_write("/dev/null", "x", 1, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "not a regular file"));
    assert_int_equal(sl_file_write(test_temp_dir(), "x", 1, &err), SL_ERR_IO);
    assert_int_equal(sl_file_write(test_temp_path("no/such/folder"), "x", 1, &err), SL_ERR_IO);
}

enum { KILL_BYTES = 1 << 18 };

/* Writes path again and again, each time filled with the next letter, until killed. */
static void write_forever(const char *path)
{
    static char bytes[KILL_BYTES];
    for (int turn = 0;; turn++) {
        memset(bytes, 'a' + turn % 26, sizeof bytes);
        struct sl_file_writer w;
        if (sl_file_writer_open(&w, path, NULL)) _exit(1);
        for (int i = 0; i < 64; i++) sl_file_writer_add(&w, bytes + i * (KILL_BYTES / 64), KILL_BYTES / 64);
        if (sl_file_writer_commit(&w, NULL)) _exit(1);
    }
}

static void test_a_kill_at_any_moment_leaves_a_whole_file(void **state)
{
    (void)state;
    sl_error err;
    const char *dir = test_temp_path("kill");
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    const char *path = test_temp_path("kill/f");
    struct sl_rng rng;
    sl_rng_init(&rng, 7, 0);
    struct sl_buf b = SL_BUF_INIT(KILL_BYTES);
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) write_forever(path);
        usleep(500 + sl_rng_below(&rng, 12000));
        assert_int_equal(kill(child, SIGKILL), 0);
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        if (!sl_file_exists(path)) continue;
        read_back(path, &b);
        assert_int_equal(b.len, KILL_BYTES);
        for (size_t j = 1; j < b.len; j++)
            if (b.data[j] != b.data[0]) fail_msg("byte %zu of a half-written file", j);
    }
    sl_buf_release(&b);
    assert_true(entries_of(dir) <= 2);
    assert_sl_ok(sl_file_write(path, "x", 1, &err), &err);
    assert_int_equal(entries_of(dir), 1);
}

static void test_dir_make_makes_parents(void **state)
{
    (void)state;
    sl_error err;
    const char *path = test_temp_path("a/b//c/");
    assert_sl_ok(sl_dir_make(path, &err), &err);
    assert_sl_ok(sl_dir_make(path, &err), &err);
    assert_true(sl_dir_exists(test_temp_path("a/b/c")));
    assert_false(sl_file_exists(path));
    const char *file = test_temp_path("a/file");
    test_write_file(file, "", 0);
    assert_true(sl_file_exists(file));
    assert_int_equal(sl_dir_make(test_temp_path("a/file/d"), &err), SL_ERR_IO);
    assert_int_equal(sl_dir_make("", &err), SL_ERR_ARGUMENT);
}

static void test_path_join_puts_one_slash(void **state)
{
    (void)state;
    const char *cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *p = sl_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(p, cases[i][2]);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_gives_the_bytes),
        cmocka_unit_test(test_map_of_an_empty_file_is_empty),
        cmocka_unit_test(test_map_errors_name_the_path_and_the_reason),
        cmocka_unit_test(test_map_refuses_a_pipe_without_hanging),
        cmocka_unit_test(test_read_appends_and_stops_at_the_ceiling),
        cmocka_unit_test(test_read_crosses_chunks),
        cmocka_unit_test(test_write_replaces_and_leaves_no_temporary),
        cmocka_unit_test(test_abort_keeps_the_old_file),
        cmocka_unit_test(test_what_a_killed_save_left_is_taken_over),
        cmocka_unit_test(test_a_second_writer_of_a_path_is_refused),
        cmocka_unit_test(test_a_write_error_is_kept_for_commit),
        cmocka_unit_test(test_writing_over_a_device_or_folder_is_refused),
        cmocka_unit_test(test_a_kill_at_any_moment_leaves_a_whole_file),
        cmocka_unit_test(test_dir_make_makes_parents),
        cmocka_unit_test(test_path_join_puts_one_slash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
