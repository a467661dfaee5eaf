/*
 * test_default_model.c: commands without MODEL find the model that ships: by the environment, in this folder, above the
 * program, and where it is installed; without one they say where they looked.
 */
#include "test.h"
#include "toy.h"

#include "base/file.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char out[1 << 16], err[4096];
static char seedling[PATH_MAX];

static void slurp(FILE *f, char *text, size_t size)
{
    rewind(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
}

/* Runs PROGRAM ask TOY_FRANCE in a folder, SEEDLING_MODEL set to model unless that is NULL. Returns the exit code. */
static int ask_in(const char *folder, const char *program, const char *model)
{
    FILE *o = tmpfile(), *e = tmpfile();
    assert_true(o && e);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(o), 1);
        dup2(fileno(e), 2);
        if (chdir(folder)) _exit(98);
        unsetenv("SEEDLING_MODEL");
        if (model) setenv("SEEDLING_MODEL", model, 1);
        execl(program, program, "ask", "--threads", "1", TOY_FRANCE, (char *)NULL);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    slurp(o, out, sizeof out);
    slurp(e, err, sizeof err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Makes the folder `name` under the temporary one and returns its path. */
static const char *folder(const char *name)
{
    sl_error e = {0};
    const char *path = test_temp_path(name);
    assert_sl_ok(sl_dir_make(path, &e), &e);
    return path;
}

/* Puts the toy model at PARENT/models/seedling-nano, by a link. */
static void place_model(const char *parent)
{
    char models[PATH_MAX], link[2 * PATH_MAX];
    snprintf(models, sizeof models, "%s/models", parent);
    snprintf(link, sizeof link, "%s/seedling-nano", folder(models));
    assert_int_equal(symlink(toy_model_dir(), link), 0);
}

/* Puts the program itself at `path` under the temporary folder. */
static void place_program(const char *path)
{
    sl_error e = {0};
    struct sl_mapped_file f = {0};
    if (link(seedling, path) == 0) return;
    assert_sl_ok(sl_file_map(seedling, &f, &e), &e);
    test_write_file(path, f.data, f.size);
    sl_file_unmap(&f);
    assert_int_equal(chmod(path, 0755), 0);
}

static void test_the_environment_names_it(void **state)
{
    (void)state;
    char empty[PATH_MAX];
    snprintf(empty, sizeof empty, "%s", folder("empty"));
    assert_int_equal(ask_in(empty, seedling, toy_model_dir()), 0);
    assert_string_equal(out, TOY_FRANCE_ANSWER "\n");
    assert_int_equal(ask_in(empty, seedling, "/nowhere"), 1);
    assert_string_equal(err, "seedling ask: $SEEDLING_MODEL: /nowhere is neither a model's folder nor a GGUF file\n");
}

static void test_it_lies_in_this_folder(void **state)
{
    (void)state;
    place_model("here");
    assert_int_equal(ask_in(test_temp_path("here"), seedling, NULL), 0);
    assert_string_equal(out, TOY_FRANCE_ANSWER "\n");
}

static void test_it_lies_above_the_program_or_is_installed(void **state)
{
    (void)state;
    static const struct {
        const char *bin, *parent;
    } cases[] = {{"tree/build", "tree"},
                 {"sanitized/build/san", "sanitized"},
                 {"usr/bin", "usr/share/seedling"},
                 {"flat", "flat"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char program[2 * PATH_MAX], empty[PATH_MAX];
        snprintf(empty, sizeof empty, "%s", folder("empty"));
        snprintf(program, sizeof program, "%s/seedling", folder(cases[i].bin));
        place_program(program);
        assert_int_equal(ask_in(empty, program, NULL), 1);
        assert_non_null(strstr(err, "no MODEL is given, and there is no models/seedling-nano here, beside "));
        assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
        place_model(cases[i].parent);
        assert_int_equal(ask_in(empty, program, NULL), 0);
        assert_string_equal(out, TOY_FRANCE_ANSWER "\n");
    }
}

/* A folder that holds the card only, as a clone before the weights came, is no model. */
static void test_a_folder_without_weights_is_passed_over(void **state)
{
    (void)state;
    char program[2 * PATH_MAX], parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", folder("bare"));
    snprintf(program, sizeof program, "%s/seedling", parent);
    place_program(program);
    folder("bare/models/seedling-nano");
    test_write_file(test_temp_path("bare/models/seedling-nano/config.json"), "{}", 2);
    assert_int_equal(ask_in(parent, program, NULL), 1);
    assert_non_null(strstr(err, "no MODEL is given"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_environment_names_it),
        cmocka_unit_test(test_it_lies_in_this_folder),
        cmocka_unit_test(test_it_lies_above_the_program_or_is_installed),
        cmocka_unit_test(test_a_folder_without_weights_is_passed_over),
    };
    const char *program = getenv("SEEDLING_BIN");
    if (!realpath(program ? program : "build/seedling", seedling)) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
