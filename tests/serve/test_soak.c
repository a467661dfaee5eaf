/*
 * test_soak.c: hours of mixed load on the program's server: what it holds at the end is what it held after a minute.
 *
 * Runs with SEEDLING_TEST_LONG=1 for two hours, or SEEDLING_SOAK_SECONDS; a few seconds otherwise, which only shows
 * that the load works. Clients stream, vanish, send pictures, schemas and rubbish, sit idle or dribble headers. Each
 * answer that is certain is checked. Memory (resident and anonymous: files that are mapped do not count) may grow by
 * MARGIN between the end of the first minute and the end, descriptors and threads not at all.
 */
#include "server_test.h"

#include "base/clock.h"
#include "base/rng.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Little, so that the caches, which may grow to their share of it, are full after the first minute. */
#define MEMORY_GIB "0.05"

enum { CLIENTS = 12, MARGIN_KIB = 16384, DEFAULT_SECONDS = 7200, SHORT_SECONDS = 4, LONG_SECONDS = 120 };

/* The server's process. */
struct server {
    pid_t pid;
    int port;
};

/* One client: a thread that does one thing after the other. */
struct client {
    const struct server *server;
    int number;
    double end;
    struct sl_rng rng;
    struct sl_buf request, answer;
    long done, wrong;
    char complaint[400]; /* the first one */
};

static void complain(struct client *c, const char *what)
{
    if (c->wrong++) return;
    snprintf(c->complaint, sizeof c->complaint, "%s: %.300s", what, c->answer.len ? c->answer.data : "(no answer)");
}

/* --- what clients do ------------------------------------------------------------------------------------------ */

static int post(struct client *c, const char *path)
{
    const char *body = sl_buf_str(&c->request);
    client_request(c->server->port, "POST", path, "Content-Type: application/json\r\n", body, c->request.len,
                   &c->answer);
    return client_status(&c->answer);
}

static void expect(struct client *c, const char *path, int status, const char *text)
{
    int got = post(c, path);
    if (got == 429) return; /* busy is an answer too */
    if (got != status || !strstr(sl_buf_str(&c->answer), text)) complain(c, text);
}

static void say(struct client *c, const char *text)
{
    sl_buf_clear(&c->request);
    sl_buf_addstr(&c->request, text);
}

static void chat(struct client *c)
{
    say(c, "{\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_FRANCE "\"}],\"max_tokens\":40,\"temperature\":0,"
           "\"thinking\":{\"type\":\"disabled\"}}");
    expect(c, "/v1/chat/completions", 200, TOY_FRANCE_ANSWER);
}

static void stream(struct client *c)
{
    say(c, "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_SUM "\"}],\"max_tokens\":60,"
           "\"logprobs\":true,\"stream_options\":{\"include_usage\":true},\"temperature\":0}");
    expect(c, "/v1/chat/completions", 200, "[DONE]");
}

/* Words of no meaning: the prompt is new to every cache. */
static void long_prompt(struct client *c)
{
    say(c, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (uint32_t n = 1 + sl_rng_below(&c->rng, 40); n > 0; n--)
        sl_buf_addf(&c->request, "%c%c ", 'a' + (char)sl_rng_below(&c->rng, 26), 'a' + (char)sl_rng_below(&c->rng, 26));
    sl_buf_addf(&c->request,
                "\"}],\"max_tokens\":12,\"temperature\":1,\"top_p\":0.9,\"seed\":%u,\"n\":%u,"
                "\"thinking\":{\"type\":\"disabled\"}}",
                sl_rng_below(&c->rng, 1000000), 1 + sl_rng_below(&c->rng, 3));
    expect(c, "/v1/chat/completions", 200, "choices");
}

/* One of the toy's pictures as a BMP file, with some pixels changed most of the time: nobody sent it before. */
static void add_bitmap(struct client *c, struct sl_buf *file)
{
    struct sl_picture p;
    toy_picture(&p, (int)sl_rng_below(&c->rng, 2));
    uint32_t n = 3 * (uint32_t)p.width * (uint32_t)p.height; /* 56 pixels make rows of whole words */
    const uint32_t head[13] = {54 + n, 0, 54, 40, (uint32_t)p.width, (uint32_t)p.height, 1 | 24 << 16, 0, n};
    for (uint32_t i = sl_rng_below(&c->rng, 4) * 20; i > 0; i--)
        p.rgb[sl_rng_below(&c->rng, n)] ^= (uint8_t)sl_rng_u32(&c->rng);
    sl_buf_addstr(file, "BM");
    sl_buf_add(file, head, sizeof head);
    sl_buf_add(file, p.rgb, n);
    sl_picture_free(&p);
}

static void picture(struct client *c)
{
    struct sl_buf file = SL_BUF_INIT(1 << 20);
    add_bitmap(c, &file);
    say(c, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\""
           "data:image/bmp;base64,");
    sl_base64_encode(file.data, file.len, &c->request);
    sl_buf_addstr(&c->request, "\"}},{\"type\":\"text\",\"text\":\"" TOY_COLOUR "\"}]}],\"max_tokens\":8,"
                               "\"temperature\":0,\"thinking\":{\"type\":\"disabled\"}}");
    expect(c, "/v1/chat/completions", 200, "used_width");
    sl_buf_release(&file);
}

/* A schema that nobody sent before. */
static void schema(struct client *c)
{
    say(c, "{\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_COUNT "\"}],\"max_tokens\":60,\"temperature\":0,"
           "\"thinking\":{\"type\":\"disabled\"},\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
           "\"name\":\"x\",\"schema\":{\"type\":\"object\",\"properties\":{");
    sl_buf_addf(&c->request, "\"k%u\":{\"type\":\"integer\",\"minimum\":%u},\"b\":{\"enum\":[\"x\",%u]}",
                sl_rng_below(&c->rng, 1000), sl_rng_below(&c->rng, 50), sl_rng_below(&c->rng, 1000));
    sl_buf_addstr(&c->request, "},\"additionalProperties\":false}}}}");
    expect(c, "/v1/chat/completions", 200, "choices");
}

static void rubbish(struct client *c)
{
    static const char *const bodies[] = {
        "{\"messages\":[{\"role\":\"user\",\"content\":",
        "{\"messages\":7}",
        "[]",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\"}}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"temperature\":\"warm\"}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"response_format\":{\"type\":\"regex\",\"pattern\":\"("
        "\"}}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"http://127.0.0.1/x.png\"}}]}]}",
    };
    say(c, bodies[sl_rng_below(&c->rng, sizeof bodies / sizeof *bodies)]);
    int status = post(c, "/v1/chat/completions");
    if (status < 400 || status >= 500 || !strstr(sl_buf_str(&c->answer), "\"error\"")) complain(c, "an error");
}

/* These are answered however busy the server is: load balancers ask for them. */
static void small_routes(struct client *c)
{
    static const char *const paths[] = {"/health", "/metrics", "/v1/models", "/", "/nothing/../here"};
    size_t i = sl_rng_below(&c->rng, sizeof paths / sizeof *paths);
    client_request(c->server->port, "GET", paths[i], NULL, "", 0, &c->answer);
    if (client_status(&c->answer) != (i == 4 ? 404 : 200)) complain(c, paths[i]);
}

static void other_routes(struct client *c)
{
    if (sl_rng_below(&c->rng, 2)) {
        say(c, "{\"prompt\":\"one two\",\"max_tokens\":6}");
        expect(c, "/v1/completions", 200, "choices");
    } else {
        say(c, "{\"input\":\"" TOY_FRANCE "\",\"max_output_tokens\":30,\"stream\":true}");
        expect(c, "/v1/responses", 200, "response.completed");
    }
}

/* Sends some of a request, reads some of the answer, and is gone. */
static void vanish(struct client *c)
{
    static const char body[] = "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_COUNT "\"}],"
                               "\"max_tokens\":200,\"logit_bias\":{},\"temperature\":2}";
    char head[200];
    int fd = client_connect(c->server->port);
    if (fd < 0) return;
    snprintf(head, sizeof head, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
             sizeof body - 1);
    client_say(fd, head);
    client_send(fd, body, sl_rng_below(&c->rng, 3) ? sizeof body - 1 : sl_rng_below(&c->rng, sizeof body));
    poll(NULL, 0, (int)sl_rng_below(&c->rng, 100));
    if (sl_rng_below(&c->rng, 2)) {
        struct linger now = {1, 0}; /* a reset rather than an end */
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(fd);
}

/* Ten connections that say nothing, for a while. */
static void idle(struct client *c)
{
    int fds[10];
    for (int i = 0; i < 10; i++) fds[i] = client_connect(c->server->port);
    poll(NULL, 0, (int)sl_rng_below(&c->rng, 1500));
    for (int i = 0; i < 10; i++)
        if (fds[i] >= 0) close(fds[i]);
}

/* A request that dribbles in. */
static void slow(struct client *c)
{
    static const char text[] = "GET /v1/models HTTP/1.1\r\nHost: slow\r\nX-Header: and so on and so on";
    int fd = client_connect(c->server->port);
    if (fd < 0) return;
    for (size_t i = 0; i < sizeof text - 1 && sl_clock_seconds() < c->end; i++) {
        client_send(fd, text + i, 1);
        poll(NULL, 0, (int)sl_rng_below(&c->rng, 60));
    }
    close(fd);
}

static void *run_client(void *p)
{
    static void (*const deeds[])(struct client *) = {chat,    stream, long_prompt,  picture,      schema,
                                                     rubbish, vanish, small_routes, other_routes, idle,
                                                     slow,    vanish, stream,       picture};
    struct client *c = p;
    while (sl_clock_seconds() < c->end) {
        deeds[sl_rng_below(&c->rng, sizeof deeds / sizeof *deeds)](c);
        c->done++;
    }
    return NULL;
}

/* --- the server's process ----------------------------------------------------------------------------------------- */

static void start_server(struct server *s)
{
    const char *program = getenv("SEEDLING_BIN") ? getenv("SEEDLING_BIN") : "build/seedling";
    const char *model = toy_model_dir();
    int out[2];
    char line[200] = "";
    assert_int_equal(pipe(out), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no server behind */
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(program, program, "serve", model, "--port", "0", "--quiet", "--threads", "2", "--media-workers", "2",
              "--max-requests", "8", "--memory", MEMORY_GIB, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    assert_non_null(f);
    if (!fgets(line, sizeof line, f)) fail_msg("%s serve does not start", program);
    fclose(f);
    const char *colon = strrchr(line, ':');
    assert_non_null(colon);
    s->port = (int)strtol(colon + 1, NULL, 10);
}

/* Anonymous resident memory of the server and its media workers, in KiB. */
static long memory_of(pid_t pid)
{
    char path[64], line[200];
    long kib = 0, total = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kib) == 1 || sscanf(line, "RssShmem: %ld", &kib) == 1) total += kib;
    if (f) fclose(f);
    return total;
}

static int count_in(pid_t pid, const char *what)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    DIR *d = opendir(path);
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n - 2;
}

struct state {
    long memory;
    int descriptors, threads;
};

static struct state look(const struct server *s)
{
    return (struct state){memory_of(s->pid), count_in(s->pid, "fd"), count_in(s->pid, "task")};
}

/* Looks again until connections that clients left open have timed out, for up to `patience` seconds. */
static struct state look_at_rest(const struct server *s, int descriptors, int threads, int patience)
{
    struct state now = look(s);
    for (int i = 0; i < 10 * patience && (now.descriptors > descriptors || now.threads > threads); i++) {
        poll(NULL, 0, 100);
        now = look(s);
    }
    return now;
}

/* --- the test ------------------------------------------------------------------------------------------------------
 */

static double duration(void)
{
    const char *given = getenv("SEEDLING_SOAK_SECONDS");
    if (given) return strtod(given, NULL);
    return getenv("SEEDLING_TEST_LONG") ? DEFAULT_SECONDS : SHORT_SECONDS;
}

/* Lets the clients at the server for so long; returns what they did, or fails with the first complaint. */
static long run_clients(const struct server *s, double seconds, uint64_t seed)
{
    static struct client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    long done = 0;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.server = s,
                                     .number = i,
                                     .end = sl_clock_seconds() + seconds,
                                     .request = SL_BUF_INIT(1 << 24),
                                     .answer = SL_BUF_INIT(1 << 24)};
        sl_rng_init(&clients[i].rng, seed, (uint64_t)i);
        assert_int_equal(pthread_create(&threads[i], NULL, run_client, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < CLIENTS; i++) {
        done += clients[i].done;
        sl_buf_release(&clients[i].request);
        sl_buf_release(&clients[i].answer);
        if (clients[i].wrong) fail_msg("%ld wrong answers; the first: %s", clients[i].wrong, clients[i].complaint);
    }
    return done;
}

static void nothing_grows_under_mixed_load(void **state)
{
    (void)state;
    struct server s;
    double seconds = duration(), warm = seconds < 120 ? seconds / 2 : 60;
    start_server(&s);
    struct state idle_state = look(&s);
    long done = run_clients(&s, warm, 1);
    poll(NULL, 0, 1500);
    struct state first = look_at_rest(&s, idle_state.descriptors, idle_state.threads, seconds >= LONG_SECONDS ? 30 : 2);
    for (double left = seconds - warm; left > 0; left -= 60) {
        done += run_clients(&s, left < 60 ? left : 60, (uint64_t)left);
        if (seconds > 60) {
            struct state now = look(&s);
            print_message("%6.0f s left, %ld requests: %ld KiB, %d descriptors, %d threads\n",
                          left < 60 ? 0 : left - 60, done, now.memory, now.descriptors, now.threads);
        }
    }
    struct state last = look_at_rest(&s, first.descriptors, first.threads, seconds >= LONG_SECONDS ? 90 : 2);
    print_message(
        "%ld requests; KiB: %ld idle, %ld after %.0f s, %ld at the end; descriptors: %d, %d, %d; threads: %d, %d, %d\n",
        done, idle_state.memory, first.memory, warm, last.memory, idle_state.descriptors, first.descriptors,
        last.descriptors, idle_state.threads, first.threads, last.threads);
    assert_int_equal(kill(s.pid, SIGTERM), 0);
    int status;
    assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    if (seconds < LONG_SECONDS) return;
    assert_true(last.descriptors <= first.descriptors);
    assert_true(last.threads <= first.threads);
    if (last.memory > first.memory + MARGIN_KIB) fail_msg("memory grew from %ld to %ld KiB", first.memory, last.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_grows_under_mixed_load)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
