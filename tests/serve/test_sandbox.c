/* test_sandbox.c: what a locked-in process can still do, and what ends it. */
#include "serve/sandbox.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs body in a locked-in child; returns the child's wait status. */
static int locked_in(void (*body)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (sl_sandbox_enter((size_t)1 << 30, NULL)) _exit(99);
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void work(void)
{
    char *p = malloc(1 << 20);
    if (!p || open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES) _exit(1);
    if (memfd_create("x", MFD_CLOEXEC) < 0) _exit(2);
    free(p);
}

static void open_socket(void)
{
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0) _exit(1);
}

static void start_process(void)
{
    if (fork() == 0) _exit(0);
}

static void run_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
}

static void end_another(void)
{
    kill(getppid(), 0);
}

static void test_decoding_goes_on(void **state)
{
    (void)state;
    int status = locked_in(work);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_the_rest_ends_the_process(void **state)
{
    (void)state;
    void (*bodies[])(void) = {open_socket, start_process, run_program, end_another};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        int status = locked_in(bodies[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoding_goes_on),
        cmocka_unit_test(test_the_rest_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
