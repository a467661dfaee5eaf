/*
 * test_reproduce.c: the script that makes seedling-nano, at its small setting: data, all stages, exam, scaling, pages.
 * Ten minutes on two cores: only with SEEDLING_TEST_LONG.
 */
#include "test.h"

#include "base/file.h"

#include <sys/wait.h>
#include <unistd.h>

static int reproduce(const char *folder)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("scripts/reproduce-nano.sh", "reproduce-nano.sh", "small", folder, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* It runs to the end, leaves what it promises, and has nothing left to do the second time. */
static void test_the_small_setting_runs_through_and_resumes(void **state)
{
    (void)state;
    static const char *const left[] = {
        "sft/model/model.safetensors", "results/exam/records.jsonl", "results/stages/stage1/summary.json",
        "scaling/scaling.png",         "results/nano.json",          "results/stage1.png"};
    if (!getenv("SEEDLING_TEST_LONG")) skip();
    const char *folder = test_temp_path("nano");
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(reproduce(folder), 0);
        for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
            char path[512];
            snprintf(path, sizeof path, "nano/%s", left[i]);
            assert_true(sl_file_exists(test_temp_path(path)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_small_setting_runs_through_and_resumes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
