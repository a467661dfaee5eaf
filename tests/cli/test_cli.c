/*
 * test_cli.c: the option parser and dispatch, as tables of command lines with what they must give.
 */
#include "test.h"

#include "cli/cli.h"

#include <math.h>
#include <unistd.h>

/* What a parse left behind. */
struct outcome {
    int rc;
    bool fast, json, sound;
    int64_t count, threads;
    double rate;
    const char *type;
    struct sl_cli_list pictures;
    int n_args;
    char *args[8];
    char out[4096], err[512]; /* what it printed */
};

static void read_back(FILE *f, char *text, size_t size)
{
    rewind(f);
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    fclose(f);
}

/* Runs call(user) with stdout and stderr kept in out (4096 bytes) and err (512 bytes). */
static int captured(int (*call)(void *user), void *user, char *out, char *err)
{
    fflush(stdout);
    fflush(stderr);
    FILE *f_out = tmpfile(), *f_err = tmpfile();
    assert_non_null(f_out);
    assert_non_null(f_err);
    int old_out = dup(STDOUT_FILENO), old_err = dup(STDERR_FILENO);
    dup2(fileno(f_out), STDOUT_FILENO);
    dup2(fileno(f_err), STDERR_FILENO);
    int rc = call(user);
    fflush(stdout);
    fflush(stderr);
    dup2(old_out, STDOUT_FILENO);
    dup2(old_err, STDERR_FILENO);
    close(old_out);
    close(old_err);
    read_back(f_out, out, 4096);
    read_back(f_err, err, 512);
    return rc;
}

/* Splits a line at spaces into argv, in static storage. */
static int split(const char *line, char **argv)
{
    static char words[512];
    snprintf(words, sizeof words, "%s", line);
    int n = 0;
    for (char *p = words, *next; p && *p && n < 31; p = next) {
        next = strchr(p, ' ');
        if (next) *next++ = '\0';
        argv[n++] = p;
    }
    argv[n] = NULL;
    return n;
}

struct parse_call {
    const char *line;
    struct outcome *o;
};

static int do_parse(void *user)
{
    struct parse_call *c = user;
    struct outcome *o = c->o;
    const struct sl_cli_option options[] = {
        {.name = "fast", .short_name = 'f', .help = "be quick", .flag = &o->fast},
        {.name = "sound", .help = "play sound", .flag = &o->sound},
        {.name = "count", .short_name = 'n', .arg = "N", .help = "how many", .min = 1, .max = 10, .integer = &o->count},
        {.name = "rate", .arg = "R", .help = "how fast", .min = 0.5, .max = INFINITY, .number = &o->rate},
        {.name = "type", .arg = "TYPE", .help = "how stored", .choices = "bf16|f32", .string = &o->type},
        {.name = "picture", .short_name = 'i', .arg = "FILE", .help = "a picture", .list = &o->pictures},
    };
    const struct sl_cli_spec spec = {
        .name = "look",
        .args = "MODEL [TEXT]",
        .about = "Looks at pictures.",
        .example = "seedling look M -i a.png",
        .min_args = 1,
        .max_args = 2,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o->threads,
        .json = &o->json,
    };
    char *argv[32];
    int argc = split(c->line, argv);
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    o->n_args = args.n;
    for (int i = 0; i < args.n && i < 8; i++) o->args[i] = args.items[i];
    return rc;
}

static struct outcome parse(const char *line)
{
    struct outcome o = {.count = 7, .sound = true};
    o.rc = captured(do_parse, &(struct parse_call){line, &o}, o.out, o.err);
    return o;
}

static void every_kind_of_option_reaches_its_target(void **state)
{
    (void)state;
    struct outcome o =
        parse("look -f M --no-sound -n 3 --rate=2.5 hello --type bf16 -i a.png -ib.png --threads 4 --json");
    assert_int_equal(o.rc, SL_CLI_RUN);
    assert_true(o.fast && o.json && !o.sound);
    assert_int_equal(o.count, 3);
    assert_int_equal(o.threads, 4);
    assert_true(o.rate == 2.5);
    assert_string_equal(o.type, "bf16");
    assert_int_equal(o.pictures.n, 2);
    assert_string_equal(o.pictures.items[0], "a.png");
    assert_string_equal(o.pictures.items[1], "b.png");
    assert_int_equal(o.n_args, 2);
    assert_string_equal(o.args[0], "M");
    assert_string_equal(o.args[1], "hello");
    assert_string_equal(o.err, "");
}

static void defaults_stay_when_an_option_is_not_given(void **state)
{
    (void)state;
    struct outcome o = parse("look M");
    assert_int_equal(o.rc, SL_CLI_RUN);
    assert_int_equal(o.count, 7);
    assert_true(o.sound && !o.fast && !o.json);
    assert_null(o.type);
}

static void a_double_dash_ends_the_options(void **state)
{
    (void)state;
    struct outcome o = parse("look -- --fast -n");
    assert_int_equal(o.rc, SL_CLI_RUN);
    assert_false(o.fast);
    assert_int_equal(o.n_args, 2);
    assert_string_equal(o.args[0], "--fast");
    assert_string_equal(o.args[1], "-n");
}

static void a_dash_and_negative_numbers_are_arguments(void **state)
{
    (void)state;
    struct outcome o = parse("look - -5");
    assert_int_equal(o.rc, SL_CLI_RUN);
    assert_string_equal(o.args[0], "-");
    assert_string_equal(o.args[1], "-5");
}

static void wrong_lines_are_usage_errors_of_one_line_that_name_the_option(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"look M --fsat", "unknown option '--fsat'; did you mean '--fast'?"},
        {"look M --picutre=x", "unknown option '--picutre=x'; did you mean '--picture'?"},
        {"look M --wonderful", "unknown option '--wonderful'"},
        {"look M -z", "unknown option '-z'"},
        {"look M --no-count", "unknown option '--no-count'; did you mean '--count'?"},
        {"look M --count", "--count needs a value"},
        {"look M --count --fast", "--count needs a value"},
        {"look M -n x", "--count: 'x' is not a whole number"},
        {"look M -n 3x", "--count: '3x' is not a whole number"},
        {"look M -n 99999999999999999999", "--count: '99999999999999999999' is not a whole number"},
        {"look M -n 0", "--count: 0 is not between 1 and 10"},
        {"look M -n 11", "--count: 11 is not between 1 and 10"},
        {"look M --rate 0.1", "--rate: 0.1 is less than 0.5"},
        {"look M --rate nan", "--rate: 'nan' is not a number"},
        {"look M --rate=", "--rate: '' is not a number"},
        {"look M --type bf", "--type: 'bf' is none of bf16|f32"},
        {"look M --fast=1", "--fast takes no value"},
        {"look M --threads -1", "--threads: -1 is not between 0 and 1024"},
        {"look", "too few arguments: expected MODEL [TEXT]"},
        {"look a b c", "unexpected argument 'c'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = parse(cases[i].line);
        char expected[256];
        snprintf(expected, sizeof expected, "seedling look: %s (see seedling look --help)\n", cases[i].message);
        assert_string_equal(o.err, expected);
        assert_string_equal(o.out, "");
        assert_int_equal(o.rc, SL_EXIT_USAGE);
    }
}

static void too_many_values_of_a_list_are_refused(void **state)
{
    (void)state;
    struct sl_cli_list list = {.n = SL_CLI_MAX_LIST};
    const struct sl_cli_option options[] = {{.name = "picture", .short_name = 'i', .help = "a picture", .list = &list}};
    const struct sl_cli_spec spec = {.name = "look", .about = "Looks.", .options = options, .n_options = 1};
    struct sl_cli_args args;
    char *argv[] = {"look", "-i", "a", NULL};
    assert_int_equal(sl_cli_parse(&spec, 3, argv, &args), SL_EXIT_USAGE);
    assert_int_equal(list.n, SL_CLI_MAX_LIST);
}

static void help_is_printed_from_the_same_table(void **state)
{
    (void)state;
    struct outcome o = parse("look --help");
    assert_int_equal(o.rc, SL_EXIT_OK);
    assert_string_equal(o.err, "");
    static const char *const parts[] = {
        "usage: seedling look MODEL [TEXT] [OPTIONS]",
        "Looks at pictures.",
        "  -f, --fast              be quick\n",
        "  -n, --count N           how many (1 to 10)\n",
        "      --rate R            how fast (at least 0.5)\n",
        "      --type TYPE         how stored: bf16|f32\n",
        "  -i, --picture FILE ...  a picture\n",
        "      --threads N         processors to use",
        "      --json              print JSON",
        "  -h, --help              this text\n",
        "example:\n  seedling look M -i a.png\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(o.out, parts[i])) fail_msg("no '%s' in:\n%s", parts[i], o.out);
}

/* --- dispatch ------------------------------------------------------------------------------------------------ */

static int say_args(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) printf("%s%s", i ? " " : "", argv[i]);
    printf("\n");
    return 5;
}

static const struct sl_cli_command commands[] = {
    {"tokenizer", "words and numbers", say_args},
    {"bench", "speed", say_args},
    {"info", "sizes", say_args},
};

static int do_dispatch(void *user)
{
    static const struct sl_cli_menu menu = {
        .name = "seedling", .about = "A model.", .example = "seedling info", .commands = commands, .n_commands = 3};
    char *argv[32];
    int argc = split(user, argv);
    return sl_cli_dispatch(&menu, argc, argv);
}

static void dispatch_runs_helps_and_suggests(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int rc;
        const char *out, *err; /* a part of it, or "" for nothing at all */
    } cases[] = {
        {"seedling bench gemm --json", 5, "bench gemm --json\n", ""},
        {"seedling help info", 5, "info --help\n", ""},
        {"seedling help tokenizer train", 5, "tokenizer train --help\n", ""},
        {"seedling --help", 0, "  bench        speed\n", ""},
        {"seedling help", 0, "example:\n  seedling info\n", ""},
        {"seedling", 2, "", "usage: seedling COMMAND"},
        {"seedling benhc", 2, "", "seedling: unknown command 'benhc'; did you mean 'bench'? (see seedling --help)\n"},
        {"seedling inof", 2, "", "did you mean 'info'?"},
        {"seedling frobnicate", 2, "", "seedling: unknown command 'frobnicate' (see seedling --help)\n"},
        {"seedling --wrong", 2, "", "seedling: unknown option '--wrong' (see seedling --help)\n"},
        {"seedling help nothing", 2, "", "unknown command 'nothing'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[4096], err[512], line[128];
        snprintf(line, sizeof line, "%s", cases[i].line);
        int rc = captured(do_dispatch, line, out, err);
        assert_int_equal(rc, cases[i].rc);
        if (cases[i].out[0] ? !strstr(out, cases[i].out) : out[0] != '\0') fail_msg("%s printed: %s", line, out);
        if (cases[i].err[0] ? !strstr(err, cases[i].err) : err[0] != '\0') fail_msg("%s complained: %s", line, err);
    }
}

static int do_fail(void *user)
{
    (void)user;
    return sl_cli_failed("info", "%s: not a folder", "x.bin");
}

static void failures_name_the_command(void **state)
{
    (void)state;
    char out[4096], err[512];
    assert_int_equal(captured(do_fail, NULL, out, err), SL_EXIT_FAILED);
    assert_string_equal(err, "seedling info: x.bin: not a folder\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_option_reaches_its_target),
        cmocka_unit_test(defaults_stay_when_an_option_is_not_given),
        cmocka_unit_test(a_double_dash_ends_the_options),
        cmocka_unit_test(a_dash_and_negative_numbers_are_arguments),
        cmocka_unit_test(wrong_lines_are_usage_errors_of_one_line_that_name_the_option),
        cmocka_unit_test(too_many_values_of_a_list_are_refused),
        cmocka_unit_test(help_is_printed_from_the_same_table),
        cmocka_unit_test(dispatch_runs_helps_and_suggests),
        cmocka_unit_test(failures_name_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
