/*
 * test_openai_client.c: OpenAI's official JavaScript client, and curl, against the server. Skipped where Node.js or the
 * client (scripts/openai-client.sh) is not there.
 */
#include "clip.h"
#include "server_test.h"
#include "tensor/cpu/cpu.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static struct sl_media_pool *pool;

/* Runs a program to its end; returns its exit status, or -1. */
static int run(char *const argv[])
{
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) || waitpid(pid, &status, 0) != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Where the client was put: beside the tests' build folder. */
static const char *client_path(void)
{
    const char *bin = getenv("SEEDLING_BIN");
    static char path[1024];
    const char *slash = bin ? strrchr(bin, '/') : NULL;
    int n = slash ? (int)(slash - bin) : 5;
    snprintf(path, sizeof path, "%.*s/openai/client.mjs", n, slash ? bin : "build");
    if (access(path, R_OK) != 0) snprintf(path, sizeof path, "build/openai/client.mjs");
    return path;
}

static const char *make_clip(void)
{
    const char *path = test_temp_path("clip.mp4");
    struct sl_video_writer_options o = sl_video_writer_options_default();
    struct sl_buf file = SL_BUF_INIT(1 << 24);
    o.fps_num = 10;
    clip_make(&o, 30, &file);
    test_write_file(path, file.data, file.len);
    sl_buf_release(&file);
    return path;
}

static void test_client(void **state)
{
    (void)state;
    char url[64];
    struct fixture f;
    sl_server_options o;
    sl_ops *ops;
    sl_error err = {0};
    char *const version[] = {"node", "--version", NULL};
    const char *client = client_path();
    if (access(client, R_OK) != 0 || run(version) != 0) {
        print_message("the client is not here: scripts/openai-client.sh puts it there\n");
        skip();
    }
    assert_sl_ok(sl_cpu_ops_default(2, &ops, &err), &err);
    sl_server_defaults(&o);
    assert_sl_ok(sl_embedder_open(toy_towers_dir(ops), ops, SL_F32, &o.embedder, &err), &err);
    fixture_start(&f, pool, &o);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", f.port);
    char *const argv[] = {
        "node", (char *)(uintptr_t)client, url, (char *)(uintptr_t)toy_picture_path(0), (char *)(uintptr_t)make_clip(),
        NULL};
    int failures = run(argv);
    fixture_stop(&f);
    sl_embedder_close(&o.embedder);
    sl_cpu_ops_free(ops);
    assert_int_equal(failures, 0);
}

static void test_curl(void **state)
{
    (void)state;
    char url[64];
    struct fixture f;
    char *const version[] = {"curl", "--version", "-o", "/dev/null", NULL};
    if (run(version) != 0) skip();
    fixture_start(&f, pool, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/chat/completions", f.port);
    char *const argv[] = {"curl", "-sSf",
                          "-N",   url,
                          "-H",   "Content-Type: application/json",
                          "-o",   "/dev/null",
                          "-d",   "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_FRANCE "\"}]}",
                          NULL};
    int rc = run(argv);
    fixture_stop(&f);
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_curl),
    };
    struct sl_media_pool_options o;
    sl_error err;
    sl_media_pool_defaults(&o);
    if (sl_media_pool_new(&o, &pool, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_media_pool_free(&pool);
    return failed;
}
