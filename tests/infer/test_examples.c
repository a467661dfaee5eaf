/*
 * test_examples.c: the programs in examples/, which the build makes from the public header alone, do what they say.
 */
#include "test.h"
#include "toy.h"

#include "tensor/cpu/cpu.h"

#include <sys/wait.h>
#include <unistd.h>

/* Runs an example with arguments (ending with NULL) and input; its output is in out. Returns the exit code. */
static int run(const char *name, const char *const *args, const char *input, char *out, size_t size)
{
    const char *program = getenv("SEEDLING_BIN");
    char path[1024], *argv[8] = {path};
    if (!program) program = "build/seedling";
    snprintf(path, sizeof path, "%.*sexamples/%s", (int)(strrchr(program, '/') + 1 - program), program, name);
    if (access(path, X_OK) != 0) {
        print_message("%s was not built\n", path);
        skip();
    }
    for (int i = 0; args[i]; i++) argv[i + 1] = (char *)args[i];
    FILE *in = tmpfile(), *o = tmpfile();
    assert_non_null(in);
    assert_non_null(o);
    fputs(input, in);
    rewind(in);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(in), 0);
        dup2(fileno(o), 1);
        dup2(fileno(o), 2);
        execv(path, argv);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rewind(o);
    out[fread(out, 1, size - 1, o)] = '\0';
    fclose(in);
    fclose(o);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_ask(void **state)
{
    (void)state;
    char out[4096];
    const char *args[] = {toy_model_dir(), toy_picture_path(0), TOY_POINT, NULL};
    assert_int_equal(run("ask", args, "", out, sizeof out), 0);
    assert_string_equal(out, "<point>500 500</point>\npoint at pixel 28, 28\n");
    const char *bad[] = {"/nowhere", toy_picture_path(0), TOY_POINT, NULL};
    assert_int_equal(run("ask", bad, "", out, sizeof out), 1);
    assert_non_null(strstr(out, "/nowhere"));
}

static void test_talk(void **state)
{
    (void)state;
    char out[4096];
    const char *args[] = {toy_model_dir(), NULL};
    assert_int_equal(run("talk", args, TOY_SUM "\n" TOY_SUM "\n", out, sizeof out), 0);
    assert_non_null(strstr(out, "[" TOY_SUM_THOUGHT "] four\n(0 of "));
    assert_null(strstr(strchr(out, '\n') + 1, "\n(0 of ") ? strstr(strstr(out, "(0 of") + 1, "(0 of") : NULL);
}

static void test_threads(void **state)
{
    (void)state;
    char out[4096];
    const char *args[] = {toy_model_dir(), TOY_FRANCE, TOY_SUM, TOY_COUNT, NULL};
    assert_int_equal(run("threads", args, "", out, sizeof out), 0);
    int lines = 0;
    for (char *line = out, *end; (end = strchr(line, '\n')); line = end + 1, lines++)
        assert_true(strncmp(line, "{", 1) == 0 && strstr(line, "\"answer\"") && end[-1] == '}');
    assert_int_equal(lines, 3);
}

static void test_search(void **state)
{
    (void)state;
    char out[4096];
    sl_ops *ops = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_cpu_ops_default(1, &ops, &err), &err);
    const char *args[] = {toy_towers_dir(ops), "a picture", toy_picture_path(0), toy_picture_path(1), NULL};
    assert_int_equal(run("search", args, "", out, sizeof out), 0);
    assert_non_null(strstr(out, "best: "));
    const char *no_towers[] = {toy_model_dir(), "a picture", toy_picture_path(0), NULL};
    assert_int_equal(run("search", no_towers, "", out, sizeof out), 1);
    sl_cpu_ops_free(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_talk),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
