/*
 * test_commands.c: the program as a person runs it: results, one-line errors, exit codes, and nothing left behind.
 */
#include "test.h"

#include "base/json.h"
#include "base/clock.h"
#include "base/file.h"
#include "model/safetensors.h"

#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What one run left behind. */
struct run {
    int code;
    long peak_kib;
    double seconds;
    char out[8192], err[2048];
};

static void slurp(FILE *f, char *text, size_t size)
{
    rewind(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
}

/* Runs the program; the arguments end with NULL. */
static struct run run(const char *const *argv)
{
    struct run r = {0};
    const char *program = getenv("SEEDLING_BIN");
    if (!program) program = "build/seedling";
    FILE *out = tmpfile(), *err = tmpfile();
    double start = sl_clock_seconds();
    pid_t pid = fork();
    if (pid == 0) {
        char *args[32] = {(char *)program};
        for (int i = 0; argv[i]; i++) args[i + 1] = (char *)argv[i];
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        execv(program, args);
        _exit(127);
    }
    int status;
    struct rusage usage;
    assert_int_equal(wait4(pid, &status, 0, &usage), pid);
    r.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    r.peak_kib = usage.ru_maxrss;
    r.seconds = sl_clock_seconds() - start;
    slurp(out, r.out, sizeof r.out);
    slurp(err, r.err, sizeof r.err);
    return r;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

/* An error is one line that starts with the program's name. */
static void assert_refused(struct run r, int code, const char *part)
{
    if (r.code != code || !strstr(r.err, part) || strncmp(r.err, "seedling", 8) != 0 ||
        strchr(r.err, '\n') != r.err + strlen(r.err) - 1)
        fail_msg("exit code %d, expected %d with '%s'; stderr: %s", r.code, code, part, r.err);
    assert_string_equal(r.out, "");
}

static void test_info_plans_the_largest_model_at_once_without_its_memory(void **state)
{
    (void)state;
    struct run r = RUN("info", "seed1.5-vl", "--json");
    assert_int_equal(r.code, 0);
    assert_true(r.seconds < 1.0);
    assert_true(r.peak_kib < 512 * 1024);
    json_t *j = json_loads(r.out, 0, NULL);
    assert_non_null(j);
    json_t *p = json_object_get(j, "parameters");
    double vit = (double)json_integer_value(json_object_get(p, "vit"));
    double active = (double)json_integer_value(json_object_get(p, "active"));
    assert_true(fabs(vit / 532.0e6 - 1) < 0.002);
    assert_true(fabs(active / 20e9 - 1) < 0.05);
    json_decref(j);
}

static void test_info_is_readable(void **state)
{
    (void)state;
    struct run r = RUN("info", "nano");
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, "Seed-ViT"));
    assert_non_null(strstr(r.out, "a training step in bf16 of 8 x 2048 tokens with 1 picture each"));
    assert_string_equal(r.err, "");
}

/* A family's folder becomes llama.cpp's pair of files, which info plans and whose tower may be named. */
static void test_a_pair_of_gguf_files_is_one_model(void **state)
{
    (void)state;
    static const char folder[] = "tests/model/golden/families/qwen3_vl";
    char file[256], tower[256];
    snprintf(file, sizeof file, "%s/pair.gguf", test_temp_dir());
    snprintf(tower, sizeof tower, "%s/tower.gguf", test_temp_dir());
    struct run r = RUN("convert", folder, file, "--type", "q8_0", "--mmproj", tower);
    assert_int_equal(r.code, 0);
    r = RUN("info", file, "--mmproj", tower);
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, "qwen3_vl, Qwen3-VL"));
    assert_non_null(strstr(r.out, "a training step in bf16"));
    assert_non_null(strstr(r.out, "general.architecture                         \"qwen3vl\""));
    /* Without its tower a file still shows what is in it. */
    r = RUN("info", file);
    assert_int_equal(r.code, 0);
    assert_ptr_equal(strstr(r.out, "GGUF version 3"), r.out);
    r = RUN("info", file, "--mmproj", "/nowhere.gguf");
    assert_int_equal(r.code, 1);
    assert_non_null(strstr(r.err, "/nowhere.gguf"));
    r = RUN("bench", "gemm", "--model", file);
    assert_int_equal(r.code, 2);
    assert_non_null(strstr(r.err, "--model goes with vision, prefill and decode, not with gemm"));
}

static void test_logits_match_the_independent_implementation(void **state)
{
    (void)state;
    static const char *const models[] = {"tests/model/golden/softmax", "tests/model/golden/sigmoid"};
    for (int i = 0; i < 2; i++) {
        char golden_path[128], list[512] = "";
        sl_safetensors *golden = NULL, *got = NULL;
        sl_error err = {0};
        snprintf(golden_path, sizeof golden_path, "%s/golden_text.safetensors", models[i]);
        assert_sl_ok(sl_safetensors_open(golden_path, &golden, &err), &err);
        const struct sl_stored_tensor *tokens = sl_safetensors_find(golden, "tokens");
        const struct sl_stored_tensor *cu = sl_safetensors_find(golden, "cu_seqlens");
        int32_t n;
        memcpy(&n, cu->data + 4, 4);
        for (int k = 0; k < n; k++) {
            int32_t id;
            memcpy(&id, tokens->data + 4 * k, 4);
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%d", k ? "," : "", id);
        }
        const char *out = test_temp_path("logits.safetensors"), *dump = test_temp_path("dump");
        struct run r = RUN("logits", models[i], "--tokens", list, "--out", out, "--dump", dump);
        if (r.code) fail_msg("%s", r.err);
        assert_sl_ok(sl_safetensors_open(out, &got, &err), &err);
        const struct sl_stored_tensor *want = sl_safetensors_find(golden, "logits");
        const struct sl_stored_tensor *have = sl_safetensors_find(got, "logits");
        assert_int_equal(have->shape[0], n);
        assert_int_equal(have->shape[1], want->shape[1]);
        for (int64_t k = 0; k < n * want->shape[1]; k++) {
            float a, b;
            memcpy(&a, want->data + 4 * k, 4);
            memcpy(&b, have->data + 4 * k, 4);
            assert_true(fabs((double)a - b) < 1e-4);
        }
        char path[600];
        snprintf(path, sizeof path, "%s/layers.0.attn.safetensors", dump);
        assert_true(sl_file_exists(path));
        sl_safetensors_close(&golden);
        sl_safetensors_close(&got);
    }
}

static void test_logits_see_a_picture(void **state)
{
    (void)state;
    const char *out = test_temp_path("picture.safetensors");
    sl_safetensors *got = NULL;
    sl_error err = {0};
    struct run r = RUN("logits", "nano", "-i", "tests/media/golden/pictures/rgb.png", "--tokens", "5,6", "--out", out);
    if (r.code) fail_msg("%s", r.err);
    assert_sl_ok(sl_safetensors_open(out, &got, &err), &err);
    const struct sl_stored_tensor *vision = sl_safetensors_find(got, "vision");
    const struct sl_stored_tensor *tokens = sl_safetensors_find(got, "tokens");
    assert_true(vision->shape[0] >= 4);
    assert_int_equal(vision->shape[1], 256);
    assert_int_equal(tokens->shape[0], vision->shape[0] + 4); /* start, features, end, and the two */
    sl_safetensors_close(&got);
}

static void test_wrong_use_is_one_line_and_code_2(void **state)
{
    (void)state;
    assert_refused(RUN("infoo"), 2, "info");
    assert_refused(RUN("info", "nano", "mini"), 2, "mini");
    assert_refused(RUN("info", "nano", "--picture", "100x100"), 2, "multiples of 28");
    assert_refused(RUN("info", "nano", "--tokenz", "5"), 2, "--tokens");
    assert_refused(RUN("logits", "nano", "--tokens", "1"), 2, "--out is missing");
    assert_refused(RUN("logits", "nano", "--out", "x"), 2, "either --prompt or --tokens");
    assert_refused(RUN("logits", "nano", "--tokens", "1", "--out", "x", "--type", "int3"), 2, "--type");
    assert_refused(RUN("bench", "warp"), 2, "no bench 'warp'");
    assert_refused(RUN("info", "nano", "--threads", "-3"), 2, "--threads");
}

static void test_bad_input_is_one_line_and_code_1_and_writes_nothing(void **state)
{
    (void)state;
    const char *out = test_temp_path("never.safetensors");
    assert_refused(RUN("info", "nanoo"), 1,
                   "nanoo is neither a folder nor a configuration (nano, mini, base, seed1.5-vl)");
    assert_refused(RUN("logits", "nano", "--tokens", "1,x", "--out", out), 1, "'x' is not a list of token ids");
    assert_refused(RUN("logits", "nano", "--tokens", "9999", "--out", out), 1, "token 0 is 9999");
    assert_refused(RUN("logits", "nano", "--tokens", "1", "-i", "no/such.png", "--out", out), 1, "no/such.png");
    assert_refused(RUN("logits", "nano", "--tokens", "1", "-i", "README.md", "--out", out), 1, "README.md");
    assert_refused(RUN("logits", "nano", "--prompt", "hello", "--out", out), 1, "nano");
    assert_refused(RUN("logits", "nano", "--tokens", "8164", "--out", out), 1, "1 picture tokens for 0 pictures");
    assert_refused(RUN("logits", "tests/model", "--tokens", "1", "--out", out), 1, "tests/model/config.json");
    assert_false(sl_file_exists(out));
}

static void test_a_broken_checkpoint_is_named(void **state)
{
    (void)state;
    const char *dir = test_temp_path("broken"), *out = test_temp_path("never.safetensors");
    sl_error err = {0};
    struct sl_buf b = SL_BUF_INIT(1 << 24);
    char path[600];
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    assert_sl_ok(sl_file_read("tests/model/golden/softmax/config.json", &b, &err), &err);
    snprintf(path, sizeof path, "%s/config.json", dir);
    test_write_file(path, b.data, b.len);
    sl_buf_clear(&b);
    assert_sl_ok(sl_file_read("tests/model/golden/softmax/model.safetensors", &b, &err), &err);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    test_write_file(path, b.data, b.len - 1000);
    assert_refused(RUN("logits", dir, "--tokens", "1", "--out", out), 1, "model.safetensors");
    sl_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info_plans_the_largest_model_at_once_without_its_memory),
        cmocka_unit_test(test_info_is_readable),
        cmocka_unit_test(test_a_pair_of_gguf_files_is_one_model),
        cmocka_unit_test(test_logits_match_the_independent_implementation),
        cmocka_unit_test(test_logits_see_a_picture),
        cmocka_unit_test(test_wrong_use_is_one_line_and_code_2),
        cmocka_unit_test(test_bad_input_is_one_line_and_code_1_and_writes_nothing),
        cmocka_unit_test(test_a_broken_checkpoint_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
