/*
 * test_readme.c: the answers that the README shows are those of the weights in the repository, and no number of the
 * pages of results was typed by hand.
 */
#include "test.h"

#include "base/file.h"

#include <sys/wait.h>
#include <unistd.h>

/* Runs a program by PATH with up to two arguments. Returns its exit code, 127 when there is none of that name. */
static int run(const char *program, const char *first, const char *second)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp(program, program, first, second, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_the_readme_shows_what_the_weights_answer(void **state)
{
    (void)state;
    if (!sl_file_exists("models/seedling-nano/model.safetensors")) {
        print_message("there are no weights in models/seedling-nano yet\n");
        skip();
    }
#ifdef __SANITIZE_ADDRESS__
    print_message("the same shell script over the same commands, minutes under a sanitizer\n");
    skip();
#endif
    assert_int_equal(run("scripts/readme-answers.sh", "check", NULL), 0);
}

static void test_pages_of_results_are_made_from_the_records(void **state)
{
    (void)state;
    if (!sl_file_exists("docs/results/nano.json") || run("python3", "--version", NULL) != 0) {
        print_message("there are no results yet, or no python3\n");
        skip();
    }
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    assert_int_equal(run("python3", "scripts/results.py", "check"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_readme_shows_what_the_weights_answer),
        cmocka_unit_test(test_pages_of_results_are_made_from_the_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
