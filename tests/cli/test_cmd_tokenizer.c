/*
 * test_cmd_tokenizer.c: `seedling tokenizer` as a table of command lines with what they must print.
 */
#include "test.h"

#include "cli/cli.h"
#include "cli/commands.h"

#include <unistd.h>

#define T "tests/text/data/tokenizer.json"

static void read_back(FILE *f, char *text, size_t size)
{
    rewind(f);
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    fclose(f);
}

/* Runs the command with input on stdin; its exit code, output and messages go to *rc, out and err. */
static void run(char **argv, const char *input, int *rc, char out[8192], char err[1024])
{
    int argc = 0;
    while (argv[argc]) argc++;
    FILE *files[3] = {tmpfile(), tmpfile(), tmpfile()};
    int saved[3];
    fflush(stdout);
    for (int i = 0; i < 3; i++) assert_non_null(files[i]);
    fputs(input, files[0]);
    rewind(files[0]);
    for (int i = 0; i < 3; i++) {
        saved[i] = dup(i);
        dup2(fileno(files[i]), i);
    }
    clearerr(stdin);
    *rc = sl_cmd_tokenizer(argc, argv);
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    fclose(files[0]);
    read_back(files[1], out, 8192);
    read_back(files[2], err, 1024);
}

static void test_command_lines_give_what_they_should(void **state)
{
    (void)state;
    static const struct {
        char *argv[8]; /* after "tokenizer" */
        const char *input;
        int rc;
        const char *out, *err; /* a part of what is printed; "" for nothing at all */
    } cases[] = {
        {{"encode", T, "1 2"}, "", 0, "49 32 50\n", ""},
        {{"encode", T}, "1 2", 0, "49 32 50\n", ""},
        {{"encode", T, ""}, "x", 0, "\n", ""},
        {{"encode", "tests/text/data", "1"}, "", 0, "49\n", ""},
        {{"encode", T, "--json", "1 <point>"},
         "",
         0,
         "{\"ids\":[49,32,618],\"tokens\":[\"1\",\"\xC4\xA0\",\"<point>\"]}\n",
         ""},
        {{"encode", T, "<think>"}, "", 0, "614\n", ""},
        {{"encode", T, "--plain", "<think>"}, "", 0, " ", ""},
        {{"encode", T, "-f", "/nonexistent/x"}, "", 1, "", "/nonexistent/x: No such file"},
        {{"encode", T, "-f", "x", "y"}, "", 2, "", "exclude each other"},
        {{"encode", "/nonexistent/t.json", "x"}, "", 1, "", "/nonexistent/t.json"},
        {{"encode"}, "", 2, "", "too few arguments"},
        {{"encode", "--help"}, "", 0, "seedling tokenizer encode tokenizer.json \"a cat", ""},
        {{"decode", T, "49", "32", "195"}, "", 0, "1 \xC3", ""},
        {{"decode", T}, "[49, 32,\n50]", 0, "1 2", ""},
        {{"decode", T, "610", "614"}, "", 0, "<|im_end|><think>", ""},
        {{"decode", T, "--skip-special", "610", "614"}, "", 0, "<think>", ""},
        {{"decode", T, "--json", "34", "195"}, "", 0, "{\"text\":\"\\\"\xEF\xBF\xBD\"}\n", ""},
        {{"decode", T, "640"}, "", 1, "", "640 is no token of this vocabulary of 640"},
        {{"decode", T, "4x"}, "", 1, "", "'4x' is no token id"},
        {{"decode", T, "99999999999999999999"}, "", 1, "", "is no token id"},
        {{"train", "--vocab", "10", "x"}, "", 2, "", "--vocab: 10 is not between 288 and 1048576"},
        {{"train", "/nonexistent/text"}, "", 1, "", "/nonexistent/text"},
        {{"train"}, "", 2, "", "too few arguments"},
        {{"trian"}, "", 2, "", "train"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[10] = {"tokenizer"};
        for (int k = 0; cases[i].argv[k]; k++) argv[k + 1] = cases[i].argv[k];
        int rc;
        char out[8192], err[1024];
        run(argv, cases[i].input, &rc, out, err);
        bool good = rc == cases[i].rc && (*cases[i].out ? strstr(out, cases[i].out) != NULL : !*out) &&
                    (*cases[i].err ? strstr(err, cases[i].err) != NULL : !*err);
        if (!good) fail_msg("case %zu: rc %d, out '%s', err '%s'", i, rc, out, err);
    }
}

static void test_train_writes_a_tokenizer_and_says_when_text_is_short(void **state)
{
    (void)state;
    char path[512], out[8192], err[1024];
    snprintf(path, sizeof path, "%s", test_temp_path("t.json"));
    char *argv[] = {"tokenizer", "train", "--vocab", "2000", "-o", path, "tests/text/data/sample.txt", NULL};
    int rc;
    run(argv, "", &rc, out, err);
    assert_int_equal(rc, 0);
    assert_non_null(strstr(out, "t.json: "));
    assert_non_null(strstr(err, "not 2000"));
    assert_int_equal(access(path, R_OK), 0);
    char *encode[] = {"tokenizer", "encode", path, "seedlings", NULL};
    run(encode, "", &rc, out, err);
    assert_int_equal(rc, 0);
    char *nowhere[] = {"tokenizer", "train", "-o", "/nonexistent/folder/t.json", "tests/text/data/sample.txt", NULL};
    run(nowhere, "", &rc, out, err);
    assert_int_equal(rc, 1);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "/nonexistent/folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_lines_give_what_they_should),
        cmocka_unit_test(test_train_writes_a_tokenizer_and_says_when_text_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
