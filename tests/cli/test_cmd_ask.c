/*
 * test_cmd_ask.c: ask, chat, locate and embed as a person runs them: on files, on a pipe, wrongly.
 */
#include "clip.h"
#include "test.h"
#include "toy.h"

#include "base/json.h"
#include "base/file.h"
#include "tensor/cpu/cpu.h"

#include <sys/wait.h>
#include <unistd.h>

static char out[1 << 16], err[4096];

static void slurp(FILE *f, char *text, size_t size)
{
    rewind(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
}

/* Runs the program on n bytes of input; arguments end with NULL. Returns the exit code. */
static int run(const void *input, size_t n, const char *const *args)
{
    const char *program = getenv("SEEDLING_BIN");
    char *argv[24] = {NULL};
    if (!program) program = "build/seedling";
    argv[0] = (char *)program;
    for (int i = 0; args[i]; i++) argv[i + 1] = (char *)args[i];
    FILE *in = tmpfile(), *o = tmpfile(), *e = tmpfile();
    assert_true(in && o && e && fwrite(input, 1, n, in) == n);
    rewind(in);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(in), 0);
        dup2(fileno(o), 1);
        dup2(fileno(e), 2);
        execv(program, argv);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    fclose(in);
    slurp(o, out, sizeof out);
    slurp(e, err, sizeof err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(input, n, ...) run(input, n, (const char *const[]){__VA_ARGS__, NULL})

static void test_ask_answers_draws_and_prints_json(void **state)
{
    (void)state;
    const char *model = toy_model_dir(), *drawn = test_temp_path("drawn.png");
    char picture[512];
    snprintf(picture, sizeof picture, "%s", toy_picture_path(0));
    assert_int_equal(RUN("", 0, "ask", model, TOY_FRANCE, "--threads", "1"), 0);
    assert_string_equal(out, TOY_FRANCE_ANSWER "\n");
    assert_int_equal(RUN("", 0, "ask", model, "-i", picture, "--draw", drawn, "--json", TOY_POINT), 0);
    assert_true(sl_file_exists(drawn));
    json_t *o = json_loads(out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(o, "answer")), "<point>500 500</point>");
    const json_t *point = json_array_get(json_object_get(o, "points"), 0);
    assert_int_equal((int)json_number_value(json_object_get(point, "px")), 28);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "usage"), "image_tokens")), 4);
    json_decref(o);
    assert_int_equal(RUN("", 0, "ask", model, "--form", "points", TOY_FRANCE, "--max-tokens", "40"), 0);
    assert_int_equal(strncmp(out, "<point>", 7), 0);
}

static void test_mistakes_are_one_line(void **state)
{
    (void)state;
    assert_int_equal(RUN("", 0, "ask", "/nowhere", "Hello?"), 1);
    assert_string_equal(err, "seedling ask: /nowhere is neither a model's folder nor a GGUF file\n");
    assert_int_equal(RUN("", 0, "ask", toy_model_dir(), "-i", "/nowhere.png", "Hello?"), 1);
    assert_non_null(strstr(err, "/nowhere.png"));
    assert_int_equal(RUN("", 0, "ask", toy_model_dir(), "--draw", "x.png", "Hello?"), 2);
    assert_int_equal(RUN("", 0, "locate", toy_model_dir(), "clip.mp4", "x"), 1);
    assert_int_equal(RUN("", 0, "embed", toy_model_dir()), 2);
}

static void test_chat_reads_lines(void **state)
{
    (void)state;
    char lines[1024];
    int n = snprintf(lines, sizeof lines, "%s\n/think on\n%s\n/new\n/think off\n/image %s\n%s\n/quit\nnever\n",
                     TOY_COUNT, TOY_SUM, toy_picture_path(1), TOY_COLOUR);
    assert_int_equal(RUN(lines, (size_t)n, "chat", toy_model_dir(), "--threads", "1"), 0);
    assert_int_equal(strncmp(out, TOY_COUNT_ANSWER "\n", strlen(TOY_COUNT_ANSWER) + 1), 0);
    assert_non_null(strstr(out, "\nblue\n"));
    assert_non_null(strstr(err, "thinking is on"));
}

static void test_a_live_video_is_answered_with_times(void **state)
{
    (void)state;
    struct sl_buf clip = SL_BUF_INIT((size_t)1 << 24);
    struct sl_video_writer_options o = sl_video_writer_options_default();
    o.codec = SL_VIDEO_VP9; /* WebM can be read as it comes */
    clip_make(&o, 12, &clip);
    int rc =
        RUN(clip.data, clip.len, "ask", toy_model_dir(), "-v", "-", "--fps", "60", "--max-tokens", "6", TOY_COLOUR);
    sl_buf_release(&clip);
    assert_int_equal(rc, 0);
    assert_int_equal(strncmp(out, "[0.0 second] ", 13), 0);
}

static void test_locate_finds_spans_and_keeps_an_index(void **state)
{
    (void)state;
    struct sl_buf clip = SL_BUF_INIT((size_t)1 << 24);
    struct sl_video_writer_options o = sl_video_writer_options_default();
    sl_ops *ops = NULL;
    sl_error e = {0};
    char video[512], index[512], first[sizeof out];
    snprintf(video, sizeof video, "%s", test_temp_path("clip.mp4"));
    snprintf(index, sizeof index, "%s", test_temp_path("clip.index"));
    clip_make(&o, 40, &clip);
    test_write_file(video, clip.data, clip.len);
    sl_buf_release(&clip);
    assert_sl_ok(sl_cpu_ops_default(1, &ops, &e), &e);
    const char *towers = toy_towers_dir(ops);
    sl_cpu_ops_free(ops);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(RUN("", 0, "locate", towers, video, "a number", "--seconds", "0.4", "--json", "--index", index,
                             "--top", "2"),
                         0);
        if (i == 0) memcpy(first, out, sizeof first);
    }
    assert_string_equal(out, first);
    assert_true(sl_file_exists(index));
    json_t *spans = json_loads(out, 0, NULL);
    assert_true(json_array_size(spans) >= 1 && json_array_size(spans) <= 2);
    json_decref(spans);
    assert_int_equal(RUN("", 0, "embed", towers, toy_picture_path(0), "-t", "red"), 0);
    assert_non_null(strstr(out, "{\"text\":\"red\",\"embedding\":["));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask_answers_draws_and_prints_json),
        cmocka_unit_test(test_mistakes_are_one_line),
        cmocka_unit_test(test_chat_reads_lines),
        cmocka_unit_test(test_a_live_video_is_answered_with_times),
        cmocka_unit_test(test_locate_finds_spans_and_keeps_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
