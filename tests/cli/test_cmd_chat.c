/*
 * test_cmd_chat.c: `seedling chat` on a pseudo-terminal, as a person at a keyboard sees it: lines that are edited,
 * lines that come back from the history, commands, pictures by path, previews in the terminals that can show them.
 */
#include "test.h"
#include "toy.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { SECONDS = 60 };

#define KEY_UP "\033[A"
#define KEY_LEFT "\033[D"
#define KEY_BACKSPACE "\177"
#define KEY_END_OF_INPUT "\004"

/* The program on its terminal. */
struct terminal {
    pid_t pid;
    int fd; /* the person's end */
    char seen[1 << 17];
    size_t n, from; /* from: where the next thing is looked for */
};

/* The program's end becomes the terminal of a new session. */
static void become_program(const char *name, const char *term, const char *home)
{
    const char *program = getenv("SEEDLING_BIN") ? getenv("SEEDLING_BIN") : "build/seedling";
    struct winsize size = {.ws_row = 24, .ws_col = 200};
    setsid();
    int fd = open(name, O_RDWR);
    ioctl(fd, TIOCSCTTY, 0);
    ioctl(fd, TIOCSWINSZ, &size);
    for (int i = 0; i < 3; i++) dup2(fd, i);
    setenv("TERM", term, 1);
    setenv("HOME", home, 1);
    unsetenv("SEEDLING_PREVIEW");
    unsetenv("KITTY_WINDOW_ID");
    unsetenv("TERM_PROGRAM");
    execl(program, program, "chat", toy_model_dir(), "--threads", "1", "--temperature", "0", (char *)NULL);
    _exit(127);
}

static void start(struct terminal *t, const char *term, const char *home)
{
    char name[128];
    toy_model_dir(); /* made before the fork */
    *t = (struct terminal){.fd = posix_openpt(O_RDWR | O_NOCTTY)};
    if (t->fd < 0 || grantpt(t->fd) || unlockpt(t->fd) || ptsname_r(t->fd, name, sizeof name)) skip();
    t->pid = fork();
    assert_true(t->pid >= 0);
    if (t->pid == 0) become_program(name, term, home);
}

/* Waits until text appears after what was seen before; fails the test otherwise. */
static void expect(struct terminal *t, const char *text)
{
    double end = sl_clock_seconds() + SECONDS;
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    for (;;) {
        const char *at = memmem(t->seen + t->from, t->n - t->from, text, strlen(text));
        if (at) {
            t->from = (size_t)(at - t->seen) + strlen(text);
            return;
        }
        int left = (int)((end - sl_clock_seconds()) * 1000);
        ssize_t got = left > 0 && poll(&p, 1, left) > 0 ? read(t->fd, t->seen + t->n, sizeof t->seen - 1 - t->n) : -1;
        if (got <= 0) break;
        t->n += (size_t)got;
    }
    kill(t->pid, SIGKILL);
    fail_msg("no '%s' in: %s", text, t->seen + t->from);
}

/* Types once the program reads keys one by one: the prompt comes before that, and until then the terminal itself edits.
 */
static void type(const struct terminal *t, const char *keys)
{
    struct termios mode;
    double end = sl_clock_seconds() + SECONDS;
    while (tcgetattr(t->fd, &mode) == 0 && mode.c_lflag & ICANON && sl_clock_seconds() < end) poll(NULL, 0, 2);
    assert_int_equal(write(t->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* Ends the input and waits for the program. */
static void end(struct terminal *t)
{
    int status;
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    expect(t, "> ");
    type(t, KEY_END_OF_INPUT);
    /* Until it hangs up. */
    while (t->n + 1 < sizeof t->seen && poll(&p, 1, SECONDS * 1000) > 0 && read(t->fd, t->seen + t->n, 1) == 1) t->n++;
    if (!(p.revents & POLLHUP)) kill(t->pid, SIGKILL);
    assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(t->fd);
}

static void lines_are_edited_remembered_and_commands_obeyed(void **state)
{
    (void)state;
    struct terminal t;
    const char *home = test_temp_dir();
    start(&t, "vt100", home);
    expect(&t, "\033[c"); /* does it show sixels? It does not say. */
    expect(&t, "> ");
    type(&t, "Cont to five" KEY_LEFT KEY_LEFT KEY_LEFT KEY_LEFT KEY_LEFT KEY_LEFT KEY_LEFT KEY_LEFT KEY_LEFT KEY_LEFT
             "u\r");
    expect(&t, "tokens/s"); /* an answer to something else: the full stop is missing */
    expect(&t, "> ");
    type(&t, KEY_UP "!" KEY_BACKSPACE ".\r"); /* the line before, mended */
    expect(&t, TOY_COUNT_ANSWER);
    expect(&t, "> ");
    type(&t, "/thnik\r");
    expect(&t, "there is no command /thnik; /help lists them");
    expect(&t, "> ");
    type(&t, "/think\r");
    expect(&t, "thinking is on");
    end(&t);
    FILE *f = fopen(test_temp_path(".seedling_history"), "r");
    char history[1000] = "";
    assert_non_null(f);
    history[fread(history, 1, sizeof history - 1, f)] = '\0';
    fclose(f);
    assert_non_null(strstr(history, "/thnik"));
    start(&t, "vt100", home); /* another day: what was said is still there */
    expect(&t, "> ");
    type(&t, KEY_UP KEY_UP KEY_UP "\r");
    expect(&t, TOY_COUNT_ANSWER);
    end(&t);
}

/* Shows the red picture by its path and asks; the preview comes before the answer. */
static void show_picture(struct terminal *t, const char *preview)
{
    char line[600];
    expect(t, "> ");
    snprintf(line, sizeof line, "/image %s\r", toy_picture_path(0));
    type(t, line);
    expect(t, preview);
    expect(t, "\033\\");
    expect(t, "red.png: 56 x 56");
    expect(t, "> ");
    type(t, TOY_COLOUR "\r");
    expect(t, "\033[Kred"); /* where the progress stood */
    end(t);
}

static void a_terminal_that_says_so_shows_sixels(void **state)
{
    (void)state;
    struct terminal t;
    start(&t, "vt340", test_temp_dir());
    expect(&t, "\033[c");
    type(&t, "\033[?62;4;22c");
    show_picture(&t, "\033Pq\"1;1;56;56");
}

static void kitty_shows_png(void **state)
{
    (void)state;
    struct terminal t;
    start(&t, "xterm-kitty", test_temp_dir());
    show_picture(&t, "\033_Gf=100,a=T,q=2,m=0;iVBOR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_edited_remembered_and_commands_obeyed),
        cmocka_unit_test(a_terminal_that_says_so_shows_sixels),
        cmocka_unit_test(kitty_shows_png),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
