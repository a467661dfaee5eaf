/*
 * cli.h: what every subcommand shares: dispatch by table, declarative options, one-line errors, exit codes.
 *
 * A subcommand is `int sl_cmd_<name>(int argc, char **argv)` in cmd_<name>.c, argv[0] being its name; it declares its
 * options in a table of struct sl_cli_option, calls sl_cli_parse, does its work through the library and returns an
 * exit code. Results go to stdout; everything meant for a person watching goes to stderr.
 */
#ifndef SL_CLI_CLI_H
#define SL_CLI_CLI_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SL_EXIT_OK = 0,
    SL_EXIT_FAILED = 1, /* the work could not be done */
    SL_EXIT_USAGE = 2,  /* the command line makes no sense */
};

/* One row of a table of commands. */
struct sl_cli_command {
    const char *name;
    const char *about;                 /* one line for the list */
    int (*run)(int argc, char **argv); /* returns an exit code */
};

/* A program or a command made of subcommands. */
struct sl_cli_menu {
    const char *name;    /* as typed, e.g. "seedling" or "seedling tokenizer" */
    const char *about;   /* what --help says first */
    const char *example; /* lines that --help shows as examples, or NULL */
    const struct sl_cli_command *commands;
    int n_commands;
};

enum { SL_CLI_MAX_LIST = 256 };

/* The values of an option that may be given several times, in order. Start with {0}. */
struct sl_cli_list {
    int n;
    const char *items[SL_CLI_MAX_LIST]; /* borrowed from argv */
};

/*
 * One row of a table of options. Exactly one of the five targets is set; it decides the kind and keeps its default
 * when the option is not given. Numbers outside [min, max] are refused unless both are 0.
 */
struct sl_cli_option {
    const char *name;    /* without the dashes: "max-tokens" */
    char short_name;     /* 'i' for -i, or 0 */
    const char *arg;     /* how --help calls the value: "N", "FILE"; NULL for flags */
    const char *help;    /* one line, lower case, no full stop; --help adds the range and the choices */
    const char *choices; /* of a string: "bf16|f32", or NULL */
    double min, max;
    bool *flag; /* --name sets it; --no-name clears it */
    int64_t *integer;
    double *number;
    const char **string; /* borrowed from argv */
    struct sl_cli_list *list;
};

/* A command's line: what it takes and what --help says. */
struct sl_cli_spec {
    const char *name;    /* "logits", "tokenizer train" */
    const char *args;    /* the positional arguments as --help shows them: "MODEL", "FILE...", or NULL */
    const char *about;   /* what it does, a sentence or a short paragraph */
    const char *example; /* lines that --help shows as examples, or NULL */
    int min_args, max_args;
    const struct sl_cli_option *options;
    int n_options;
    int64_t *threads; /* offers --threads N (0: every processor this process may use), or NULL */
    bool *json;       /* offers --json, or NULL */
};

/* The positional arguments left by sl_cli_parse. */
struct sl_cli_args {
    int n;
    char **items; /* borrowed from argv, whose entries are moved to the front */
};

/* Number of elements of an array, as int. */
#define SL_CLI_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { SL_CLI_RUN = -1 };

/*
 * Reads argv[1..] by spec: --name value, --name=value, -n value, flags, "--" ends the options; --help prints the help.
 * Returns SL_CLI_RUN when the command should go on, else the exit code that it should return (the message or the help
 * is printed):
 *
 *     int rc = sl_cli_parse(&spec, argc, argv, &args);
 *     if (rc != SL_CLI_RUN) return rc;
 */
int sl_cli_parse(const struct sl_cli_spec *spec, int argc, char **argv, struct sl_cli_args *args);

/*
 * Runs the command that argv[1] names and returns its exit code; --help and "help [COMMAND]" print help; an unknown
 * name is a usage error that suggests the nearest. Used by main and by commands with subcommands (argv[0] is then
 * the command's own name).
 */
int sl_cli_dispatch(const struct sl_cli_menu *menu, int argc, char **argv);

/* Prints "seedling COMMAND: message" on stderr and returns SL_EXIT_FAILED. command may be NULL. */
int sl_cli_failed(const char *command, const char *fmt, ...) SL_PRINTF(2, 3);

/* Prints "seedling COMMAND: message (see seedling COMMAND --help)" on stderr and returns SL_EXIT_USAGE. */
int sl_cli_usage(const char *command, const char *fmt, ...) SL_PRINTF(2, 3);

#endif
