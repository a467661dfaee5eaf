/*
 * options.c: reading a command line by its table of options, and the help that the same table gives.
 */
#include "cli/cli.h"

#include "base/nearest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 64, HELP_COLUMN = 26 };

/* The command's own options followed by the common ones: one table to search, suggest from and print. */
struct table {
    const struct sl_cli_spec *spec;
    struct sl_cli_option options[MAX_OPTIONS];
    int n;
    bool help; /* --help was given */
};

static void table_add(struct table *t, struct sl_cli_option option)
{
    SL_CHECK(t->n < MAX_OPTIONS);
    int targets = !!option.flag + !!option.integer + !!option.number + !!option.string + !!option.list;
    if (targets != 1) SL_BUG("option --%s of '%s' has %d targets", option.name, t->spec->name, targets);
    t->options[t->n++] = option;
}

static void table_init(struct table *t, const struct sl_cli_spec *spec)
{
    t->spec = spec;
    t->n = 0;
    t->help = false;
    for (int i = 0; i < spec->n_options; i++) table_add(t, spec->options[i]);
    if (spec->threads)
        table_add(t, (struct sl_cli_option){.name = "threads",
                                            .arg = "N",
                                            .help = "processors to use (default: all)",
                                            .min = 0,
                                            .max = 1024,
                                            .integer = spec->threads});
    if (spec->json)
        table_add(t, (struct sl_cli_option){.name = "json", .help = "print JSON, for programs", .flag = spec->json});
    table_add(t, (struct sl_cli_option){.name = "help", .short_name = 'h', .help = "this text", .flag = &t->help});
}

/* --- help ---------------------------------------------------------------------------------------------------- */

static void print_option(const struct sl_cli_option *o)
{
    char left[64];
    const char *arg = o->arg ? o->arg : "VALUE";
    int n = snprintf(left, sizeof left, "  %c%c%s --%s%s%s%s", o->short_name ? '-' : ' ',
                     o->short_name ? o->short_name : ' ', o->short_name ? "," : " ", o->name, o->flag ? "" : " ",
                     o->flag ? "" : arg, o->list ? " ..." : "");
    printf("%s", left);
    if (n >= HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - n, "");
    printf("%s", o->help);
    if (o->choices) printf(": %s", o->choices);
    if (!o->flag && (o->min != 0 || o->max != 0)) {
        if (isinf(o->max))
            printf(" (at least %g)", o->min);
        else
            printf(" (%.10g to %.10g)", o->min, o->max);
    }
    printf("\n");
}

static void print_help(const struct table *t)
{
    const struct sl_cli_spec *spec = t->spec;
    printf("usage: seedling %s%s%s [OPTIONS]\n\n%s\n\n", spec->name, spec->args ? " " : "",
           spec->args ? spec->args : "", spec->about);
    for (int i = 0; i < t->n; i++) print_option(&t->options[i]);
    if (spec->example) printf("\nexample:\n  %s\n", spec->example);
}

/* --- values -------------------------------------------------------------------------------------------------- */

static int bad_value(const struct table *t, const struct sl_cli_option *o, const char *value, const char *what)
{
    return sl_cli_usage(t->spec->name, "--%s: '%s' is not %s", o->name, value, what);
}

static int check_range(const struct table *t, const struct sl_cli_option *o, const char *text, double value)
{
    if ((o->min == 0 && o->max == 0) || (value >= o->min && value <= o->max)) return SL_CLI_RUN;
    if (isinf(o->max)) return sl_cli_usage(t->spec->name, "--%s: %s is less than %.10g", o->name, text, o->min);
    return sl_cli_usage(t->spec->name, "--%s: %s is not between %.10g and %.10g", o->name, text, o->min, o->max);
}

static int set_integer(const struct table *t, const struct sl_cli_option *o, const char *value)
{
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (end == value || *end || errno) return bad_value(t, o, value, "a whole number");
    int rc = check_range(t, o, value, (double)v);
    if (rc == SL_CLI_RUN) *o->integer = v;
    return rc;
}

static int set_number(const struct table *t, const struct sl_cli_option *o, const char *value)
{
    char *end;
    errno = 0;
    double v = strtod(value, &end);
    if (end == value || *end || errno || !isfinite(v)) return bad_value(t, o, value, "a number");
    int rc = check_range(t, o, value, v);
    if (rc == SL_CLI_RUN) *o->number = v;
    return rc;
}

static int set_string(const struct table *t, const struct sl_cli_option *o, const char *value)
{
    size_t n = strlen(value);
    bool found = !o->choices;
    for (const char *p = o->choices; p && !found; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        size_t length = strcspn(p, "|");
        found = length == n && memcmp(p, value, n) == 0;
    }
    if (!found) return sl_cli_usage(t->spec->name, "--%s: '%s' is none of %s", o->name, value, o->choices);
    *o->string = value;
    return SL_CLI_RUN;
}

static int set_value(const struct table *t, const struct sl_cli_option *o, const char *value)
{
    if (o->integer) return set_integer(t, o, value);
    if (o->number) return set_number(t, o, value);
    if (o->string) return set_string(t, o, value);
    if (o->list->n == SL_CLI_MAX_LIST)
        return sl_cli_usage(t->spec->name, "--%s is given more than %d times", o->name, SL_CLI_MAX_LIST);
    o->list->items[o->list->n++] = value;
    return SL_CLI_RUN;
}

/* --- parsing ------------------------------------------------------------------------------------------------- */

static const struct sl_cli_option *find_long(const struct table *t, const char *name, size_t length)
{
    for (int i = 0; i < t->n; i++)
        if (strlen(t->options[i].name) == length && memcmp(t->options[i].name, name, length) == 0)
            return &t->options[i];
    return NULL;
}

static const struct sl_cli_option *find_short(const struct table *t, char c)
{
    for (int i = 0; i < t->n; i++)
        if (c && t->options[i].short_name == c) return &t->options[i];
    return NULL;
}

static int unknown_option(const struct table *t, const char *word)
{
    char name[48];
    const char *bare = word + strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(bare, "="), bare);
    int near = sl_nearest_name(name, t->options, t->n, sizeof *t->options);
    if (near < 0) return sl_cli_usage(t->spec->name, "unknown option '%s'", word);
    return sl_cli_usage(t->spec->name, "unknown option '%s'; did you mean '--%s'?", word, t->options[near].name);
}

/* Reads the option at argv[*i], moving *i past a value in the next word. */
static int parse_option(const struct table *t, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    const char *inline_value = NULL;
    const struct sl_cli_option *o;
    bool set = true;
    if (word[1] == '-') {
        const char *name = word + 2;
        size_t length = strcspn(name, "=");
        if (name[length]) inline_value = name + length + 1;
        o = find_long(t, name, length);
        if (!o && length > 3 && memcmp(name, "no-", 3) == 0) {
            o = find_long(t, name + 3, length - 3);
            if (o && !o->flag) o = NULL;
            set = false;
        }
    } else {
        o = find_short(t, word[1]);
        if (o && word[2]) inline_value = word + 2;
    }
    if (!o) return unknown_option(t, word);
    if (o->flag) {
        if (inline_value) return sl_cli_usage(t->spec->name, "--%s takes no value", o->name);
        *o->flag = set;
        return SL_CLI_RUN;
    }
    const char *value = inline_value;
    if (!value && *i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0) value = argv[++*i];
    if (!value) return sl_cli_usage(t->spec->name, "--%s needs a value", o->name);
    return set_value(t, o, value);
}

/* "-" names standard input, and "-3" is a number: neither is an option. */
static bool looks_like_option(const char *word)
{
    return word[0] == '-' && word[1] && !(word[1] >= '0' && word[1] <= '9');
}

static int check_args(const struct sl_cli_spec *spec, const struct sl_cli_args *args)
{
    if (args->n < spec->min_args)
        return sl_cli_usage(spec->name, "too few arguments: expected %s", spec->args ? spec->args : "none");
    if (args->n > spec->max_args)
        return sl_cli_usage(spec->name, "unexpected argument '%s'", args->items[spec->max_args]);
    return SL_CLI_RUN;
}

int sl_cli_parse(const struct sl_cli_spec *spec, int argc, char **argv, struct sl_cli_args *args)
{
    struct table t;
    table_init(&t, spec);
    args->n = 0;
    args->items = argv + 1;
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        if (options_end || !looks_like_option(argv[i])) {
            args->items[args->n++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else {
            int rc = parse_option(&t, argc, argv, &i);
            if (rc != SL_CLI_RUN) return rc;
            if (t.help) {
                print_help(&t);
                return SL_EXIT_OK;
            }
        }
    }
    return check_args(spec, args);
}
