/*
 * test_main.c: the program itself, run as a person runs it. SEEDLING_BIN names it (scripts/run-tests.sh sets it).
 */
#include "test.h"

#include "seedling.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

struct run {
    int rc; /* exit code, or -1 when a signal ended it */
    char out[4096], err[1024];
};

static void read_back(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    fclose(f);
}

/* In the child: the program with its output in files. */
static void become(char **argv, const char *cpu, const char *out, const char *err)
{
    int out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), err_fd = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out_fd, STDOUT_FILENO);
    dup2(err_fd, STDERR_FILENO);
    if (cpu)
        setenv("SEEDLING_CPU", cpu, 1);
    else
        unsetenv("SEEDLING_CPU");
    execv(argv[0], argv);
    _exit(127);
}

/* Runs the program with up to two arguments, SEEDLING_CPU=cpu and stdout in out (NULL: a file that is read back). */
static struct run run(const char *first, const char *second, const char *cpu, const char *out)
{
    const char *program = getenv("SEEDLING_BIN");
    char *argv[] = {(char *)(program ? program : "build/seedling"), (char *)first, (char *)second, NULL};
    const char *out_path = test_temp_path("out"), *err_path = test_temp_path("err");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) become(argv, cpu, out ? out : out_path, err_path);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    struct run r = {.rc = WIFEXITED(status) ? WEXITSTATUS(status) : -1};
    if (!out) read_back(out_path, r.out, sizeof r.out);
    read_back(err_path, r.err, sizeof r.err);
    return r;
}

static int count_lines(const char *s)
{
    int n = 0;
    for (; *s; s++) n += *s == '\n';
    return n;
}

static void version_names_the_kernels_and_why_they_are_not_faster(void **state)
{
    (void)state;
    struct run r = run("--version", NULL, "ref", NULL);
    assert_int_equal(r.rc, 0);
    assert_string_equal(r.err, "");
    assert_ptr_equal(strstr(r.out, "seedling " SL_VERSION " (ref, "), r.out);
    assert_non_null(strstr(r.out, "\namx is not used: "));
    r = run("--version", NULL, NULL, NULL);
    assert_int_equal(r.rc, 0);
    int lines = 1 + !strstr(r.out, "(amx, ") + (strstr(r.out, "\nbf16 products by ") != NULL);
    assert_int_equal(count_lines(r.out), lines);
}

static void kernels_that_do_not_exist_are_an_error(void **state)
{
    (void)state;
    struct run r = run("--version", NULL, "fast", NULL);
    assert_int_equal(r.rc, 1);
    assert_string_equal(r.out, "");
    assert_int_equal(count_lines(r.err), 1);
    assert_non_null(strstr(r.err, "SEEDLING_CPU=fast"));
}

static void help_lists_every_command_and_each_has_help(void **state)
{
    (void)state;
    struct run all = run("--help", NULL, NULL, NULL);
    assert_int_equal(all.rc, 0);
    int n_commands = 0;
    for (char *p = strstr(all.out, "\n  "); p; p = strstr(p + 1, "\n  ")) {
        char name[32];
        if (sscanf(p, " %31[a-z]", name) != 1 || strcmp(name, "seedling") == 0) continue;
        struct run r = run("help", name, NULL, NULL);
        if (r.rc != 0 || !strstr(r.out, "usage: seedling ") || !strstr(r.out, name))
            fail_msg("help %s: %s", name, r.out);
        n_commands++;
    }
    assert_true(n_commands >= 1);
}

static void usage_errors_are_one_line_and_exit_code_2(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"versoin", NULL}, {"--wrong", NULL}, {"--version", "x"}, {"version", "x"}, {"version", "--wrong"}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct run r = run(lines[i][0], lines[i][1], NULL, NULL);
        assert_int_equal(r.rc, 2);
        assert_string_equal(r.out, "");
        assert_int_equal(count_lines(r.err), 1);
        assert_ptr_equal(strstr(r.err, "seedling"), r.err);
    }
}

static void an_answer_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    static const char *const first[] = {"--version", "--help", "version"};
    for (size_t i = 0; i < 3; i++) {
        struct run r = run(first[i], NULL, NULL, "/dev/full");
        assert_int_equal(r.rc, 1);
        assert_non_null(strstr(r.err, "cannot write to standard output"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_names_the_kernels_and_why_they_are_not_faster),
        cmocka_unit_test(kernels_that_do_not_exist_are_an_error),
        cmocka_unit_test(help_lists_every_command_and_each_has_help),
        cmocka_unit_test(usage_errors_are_one_line_and_exit_code_2),
        cmocka_unit_test(an_answer_that_cannot_be_written_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
