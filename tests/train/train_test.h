/*
 * train_test.h: what the tests of whole runs share: small data to learn from, and the program as a child.
 */
#ifndef SL_TESTS_TRAIN_TEST_H
#define SL_TESTS_TRAIN_TEST_H

#include "test.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"

#include "../data/loader_test.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const test_colours[] = {"red", "green", "blue", "white"};

/* Writes a 56 x 56 picture with some noise, its upper half of colour c, its lower half of colour d. */
static inline void test_write_halves(const char *path, int c, int d, struct sl_rng *rng)
{
    static const uint8_t rgb[4][3] = {{230, 30, 30}, {30, 200, 40}, {30, 40, 230}, {250, 250, 250}};
    uint8_t pixels[56 * 56 * 3];
    for (int i = 0; i < 56 * 56 * 3; i++)
        pixels[i] = (uint8_t)(rgb[i < 28 * 56 * 3 ? c : d][i % 3] - (int)sl_rng_below(rng, 30));
    png_image image = {.version = PNG_IMAGE_VERSION, .width = 56, .height = 56, .format = PNG_FORMAT_RGB};
    assert_true(png_image_write_to_file(&image, path, 0, pixels, 0, NULL));
}

/* Writes a 56 x 56 picture of colour c with some noise. */
static inline void test_write_colour(const char *path, int c, struct sl_rng *rng)
{
    test_write_halves(path, c, c, rng);
}

/* Writes n pictures of two different colours into a folder under the temporary one. */
static inline void test_write_pictures(const char *folder, int n)
{
    struct sl_rng rng;
    struct sl_buf rows = SL_BUF_INIT(1 << 24);
    char name[64];
    sl_error err;
    sl_rng_init(&rng, (uint64_t)n, 8);
    assert_sl_ok(sl_dir_make(test_temp_path(folder), &err), &err);
    for (int i = 0; i < n; i++) {
        int c = (int)sl_rng_below(&rng, 4), d = (c + 1 + (int)sl_rng_below(&rng, 3)) % 4;
        snprintf(name, sizeof name, "%s/%d.png", folder, i);
        test_write_halves(test_temp_path(name), c, d, &rng);
        sl_buf_addf(&rows,
                    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"%d.png\"}]},"
                    "{\"role\":\"assistant\",\"content\":\"%s over %s\"}]}\n",
                    i, test_colours[c], test_colours[d]);
    }
    snprintf(name, sizeof name, "%s/rows.jsonl", folder);
    test_write_file(test_temp_path(name), rows.data, rows.len);
    sl_buf_release(&rows);
}

/* Writes n questions about colours into a folder under the temporary one, answered with words (4); NULL: captions,
 * "a red picture", without question.
 */
static inline void test_write_answers(const char *folder, int n, const char *const *words)
{
    bool captions = !words;
    struct sl_rng rng;
    struct sl_buf rows = SL_BUF_INIT(1 << 24);
    char name[64];
    sl_error err;
    sl_rng_init(&rng, (uint64_t)n, 7);
    assert_sl_ok(sl_dir_make(test_temp_path(folder), &err), &err);
    for (int i = 0; i < n; i++) {
        int c = (int)sl_rng_below(&rng, 4);
        snprintf(name, sizeof name, "%s/%d.png", folder, i);
        test_write_colour(test_temp_path(name), c, &rng);
        if (captions)
            sl_buf_addf(&rows,
                        "{\"domain\":\"colours\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
                        "\"image\":\"%d.png\"}]},{\"role\":\"assistant\",\"content\":\"a %s picture\"}]}\n",
                        i, test_colours[c]);
        else
            sl_buf_addf(&rows,
                        "{\"domain\":\"colours\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
                        "\"image\":\"%d.png\"},{\"type\":\"text\",\"text\":\"Which colour?\"}]},{\"role\":"
                        "\"assistant\",\"content\":\"%s\"}]}\n",
                        i, words[c]);
    }
    snprintf(name, sizeof name, "%s/rows.jsonl", folder);
    test_write_file(test_temp_path(name), rows.data, rows.len);
    sl_buf_release(&rows);
}

static inline void test_write_colours(const char *folder, int n, bool captions)
{
    test_write_answers(folder, n, captions ? NULL : test_colours);
}

/* Writes a third of a second of a tone, 16 bits at 16 kHz. */
static inline void test_write_tone(const char *path, int hertz)
{
    enum { N = 5333 };
    /* RIFF, WAVE, fmt: PCM, one channel, 16,000 a second, 32,000 bytes a second, 2 bytes a sample, 16 bits; data. */
    static const char head[] =
        "RIFF\xce\x29\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\xaa\x29\0\0";
    _Static_assert(sizeof head == 45 && 2 * N == 0x29aa, "lengths in the header");
    uint8_t wav[44 + 2 * N];
    memcpy(wav, head, 44);
    for (int i = 0; i < N; i++) {
        int x = (int)lround(9000 * sin(6.283185307 * hertz * i / 16000));
        wav[44 + 2 * i] = (uint8_t)(x & 255);
        wav[45 + 2 * i] = (uint8_t)(x >> 8 & 255);
    }
    test_write_file(path, wav, sizeof wav);
}

/*
 * Writes n rows for vit-omni: in turn two frames, a tone, and both, with a caption. Colour says the frames, pitch the
 * tone.
 */
static inline void test_write_tuples(const char *folder, int n)
{
    struct sl_rng rng;
    struct sl_buf rows = SL_BUF_INIT(1 << 24);
    char name[64];
    sl_error err;
    sl_rng_init(&rng, (uint64_t)n, 9);
    assert_sl_ok(sl_dir_make(test_temp_path(folder), &err), &err);
    for (int i = 0; i < n; i++) {
        int c = (int)sl_rng_below(&rng, 4);
        bool seen = i % 3 != 1, heard = i % 3 != 0;
        for (int k = 0; k < 2; k++) {
            snprintf(name, sizeof name, "%s/%d-%d.png", folder, i, k);
            test_write_colour(test_temp_path(name), c, &rng);
        }
        snprintf(name, sizeof name, "%s/%d.wav", folder, i);
        test_write_tone(test_temp_path(name), 300 * (1 << c) + (int)sl_rng_below(&rng, 40));
        sl_buf_addf(&rows, "{\"messages\":[{\"role\":\"user\",\"content\":[");
        if (seen) sl_buf_addf(&rows, "{\"type\":\"video\",\"video\":[\"%d-0.png\",\"%d-1.png\"]}", i, i);
        if (heard) sl_buf_addf(&rows, "%s{\"type\":\"audio\",\"audio\":\"%d.wav\"}", seen ? "," : "", i);
        sl_buf_addf(&rows, "]},{\"role\":\"assistant\",\"content\":\"all %s\"}]}\n", test_colours[c]);
    }
    snprintf(name, sizeof name, "%s/rows.jsonl", folder);
    test_write_file(test_temp_path(name), rows.data, rows.len);
    sl_buf_release(&rows);
}

/* Writes n rows of text that can be learnt, counting up by ones; other numbers for another first. */
static inline void test_write_counting(const char *folder, int first, int n)
{
    struct sl_buf rows = SL_BUF_INIT(1 << 24);
    char name[64];
    sl_error err;
    assert_sl_ok(sl_dir_make(test_temp_path(folder), &err), &err);
    for (int i = first; i < first + n; i++) {
        int at = (i * 7) % 60;
        sl_buf_addf(&rows, "{\"domain\":\"counting\",\"text\":\"%d %d %d %d %d %d\"}\n", at, at + 1, at + 2, at + 3,
                    at + 4, at + 5);
    }
    snprintf(name, sizeof name, "%s/rows.jsonl", folder);
    test_write_file(test_temp_path(name), rows.data, rows.len);
    sl_buf_release(&rows);
}

/* Writes a tokenizer of bytes to tokenizer.json in the temporary folder. */
static inline void test_write_tokenizer(void)
{
    sl_error err;
    struct sl_tokenizer *t = test_byte_tokenizer();
    assert_sl_ok(sl_tokenizer_save(t, test_temp_path("tokenizer.json"), &err), &err);
    sl_tokenizer_free(&t);
}

static inline const char *test_program(void)
{
    const char *bin = getenv("SEEDLING_BIN");
    return bin ? bin : "build/seedling";
}

/* Starts argv (NULL at the end) with its stderr in the file; returns its id. */
static inline pid_t test_start(const char *const *argv, const char *stderr_path)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(stderr_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        setenv("OMP_WAIT_POLICY", "passive", 1);
        dup2(fd, 2);
        dup2(fd, 1);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

/* Waits for it and returns its exit code, or -signal. */
static inline int test_wait(pid_t pid)
{
    int status = 0;
    assert_true(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Returns the contents of a file; owned. */
static inline struct sl_buf test_read(const char *path)
{
    struct sl_buf b = SL_BUF_INIT((size_t)1 << 30);
    sl_error err;
    assert_sl_ok(sl_file_read(path, &b, &err), &err);
    return b;
}

/* Runs it to the end; fails the test with what it said unless it returns rc. */
static inline void test_run(const char *const *argv, int rc)
{
    const char *log = test_temp_path("stderr.txt");
    int got = test_wait(test_start(argv, log));
    if (got == rc) return;
    struct sl_buf said = test_read(log);
    fail_msg("exit code %d: %s", got, sl_buf_str(&said));
}

/* Returns the last (or first) value of name in lines of that kind of a run's metrics; NAN when there is none. */
static inline double test_metric_at(const char *run, const char *kind, const char *name, bool first)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    struct sl_buf text = test_read(path);
    double value = NAN;
    for (char *line = text.data, *end; line && *line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        if (end) *end = '\0';
        json_t *v;
        sl_error err;
        assert_sl_ok(sl_json_parse(line, strlen(line), 8, &v, &err), &err);
        const json_t *x = json_object_get(v, name);
        if (x && strcmp(json_string_value(json_object_get(v, "kind")), kind) == 0 && !(first && !isnan(value)))
            value = json_number_value(x);
        json_decref(v);
    }
    sl_buf_release(&text);
    return value;
}

static inline double test_metric(const char *run, const char *kind, const char *name)
{
    return test_metric_at(run, kind, name, false);
}

#endif
