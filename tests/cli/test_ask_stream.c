/*
 * test_ask_stream.c: a live video on a pipe: what is said comes while the sender still sends, with the time of the
 * frame, and only when there is something to say.
 */
#include "clip.h"
#include "test.h"
#include "toy.h"

#include "base/clock.h"
#include "base/rng.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FPS = 50, FRAMES = 2 * FPS, SECONDS = 60 };

/* The program, the pipe that it watches, and what it says. */
struct watcher {
    pid_t pid;
    int in, out;
    char said[4096];
    size_t n;
};

/* One frame, with some noise: frames of a few bytes would wait in buffers on the way. */
static void add(struct sl_video_writer *w, int which, struct sl_rng *rng)
{
    struct sl_picture p;
    sl_error err = {0};
    toy_picture(&p, which);
    for (int i = 0; i < 3 * p.width * p.height; i++) p.rgb[i] = (uint8_t)(p.rgb[i] + sl_rng_below(rng, 16));
    assert_sl_ok(sl_video_writer_add(w, &p, &err), &err);
    sl_picture_free(&p);
}

/* Two seconds: red, then blue. */
static void make_video(struct sl_buf *out)
{
    struct sl_video_writer_options o = sl_video_writer_options_default();
    struct sl_video_writer *w;
    struct sl_rng rng;
    sl_error err = {0};
    sl_rng_init(&rng, 1, 1);
    o.width = o.height = 56;
    o.quality = 10;
    o.codec = SL_VIDEO_VP9; /* WebM can be read as it comes */
    o.fps_num = FPS;
    o.fast = true;
    assert_sl_ok(sl_video_writer_new(&w, &o, &err), &err);
    for (int i = 0; i < FRAMES; i++) add(w, i >= FRAMES / 2, &rng);
    assert_sl_ok(sl_video_writer_finish(&w, out, &err), &err);
}

static void start(struct watcher *w, const char *model)
{
    const char *program = getenv("SEEDLING_BIN") ? getenv("SEEDLING_BIN") : "build/seedling";
    int in[2], out[2];
    assert_int_equal(pipe(in) | pipe(out), 0);
    *w = (struct watcher){.pid = fork(), .in = in[1], .out = out[0]};
    assert_true(w->pid >= 0);
    if (w->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        for (int i = 0; i < 2; i++) close(in[i]), close(out[i]);
        execl(program, program, "ask", model, "-v", "-", "--fps", "2", "--system", TOY_WATCH, "--temperature", "0",
              "--max-tokens", "8", "--threads", "1", TOY_COLOUR, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
}

/* Reads until `text` was said, or the end; false at the end or after SECONDS. */
static bool hears(struct watcher *w, const char *text)
{
    double end = sl_clock_seconds() + SECONDS;
    struct pollfd p = {.fd = w->out, .events = POLLIN};
    while (!strstr(w->said, text) && w->n + 1 < sizeof w->said) {
        int left = (int)((end - sl_clock_seconds()) * 1000);
        if (left <= 0 || poll(&p, 1, left) <= 0) return false;
        ssize_t got = read(w->out, w->said + w->n, sizeof w->said - 1 - w->n);
        if (got <= 0) return false;
        w->n += (size_t)got;
        w->said[w->n] = '\0';
    }
    return true;
}

static void send_bytes(struct watcher *w, const char *bytes, size_t n)
{
    while (n) {
        ssize_t put = write(w->in, bytes, n < 512 ? n : 512); /* in pieces, as networks deliver */
        if (put <= 0) fail_msg("the program does not read any more; it said: %s", w->said);
        bytes += put;
        n -= (size_t)put;
    }
}

static void it_speaks_while_the_sender_sends_and_only_when_there_is_news(void **state)
{
    (void)state;
    struct sl_buf video = SL_BUF_INIT((size_t)1 << 24);
    struct watcher w;
    int status;
    signal(SIGPIPE, SIG_IGN);
    make_video(&video);
    start(&w, toy_watcher_dir());
    send_bytes(&w, video.data, video.len / 2);
    bool early = hears(&w, "red\n");
    send_bytes(&w, video.data + video.len / 2, video.len - video.len / 2);
    close(w.in);
    bool more = hears(&w, "never said");
    close(w.out);
    assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
    sl_buf_release(&video);
    assert_string_equal(w.said, "[0.0 second] red\n[1.0 second] blue\n");
    assert_true(early);
    assert_false(more);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_speaks_while_the_sender_sends_and_only_when_there_is_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
