/*
 * cli.c: dispatch by table and the one-line errors that every command shares. Options are in options.c.
 */
#include "cli/cli.h"

#include "base/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void print_error(const char *command, const char *fmt, va_list ap)
{
    fprintf(stderr, "seedling%s%s: ", command ? " " : "", command ? command : "");
    vfprintf(stderr, fmt, ap);
}

int sl_cli_failed(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_error(command, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return SL_EXIT_FAILED;
}

int sl_cli_usage(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_error(command, fmt, ap);
    va_end(ap);
    fprintf(stderr, " (see seedling %s%s--help)\n", command ? command : "", command ? " " : "");
    return SL_EXIT_USAGE;
}

static void print_menu(const struct sl_cli_menu *menu, FILE *to)
{
    fprintf(to, "%s\n\nusage: %s COMMAND [ARGUMENTS] [OPTIONS]\n\n", menu->about, menu->name);
    for (int i = 0; i < menu->n_commands; i++)
        fprintf(to, "  %-12s %s\n", menu->commands[i].name, menu->commands[i].about);
    if (menu->example) fprintf(to, "\nexample:\n  %s\n", menu->example);
    fprintf(to, "\n'%s COMMAND --help' explains a command.\n", menu->name);
}

/* The menu's name without the program's: NULL for the program itself. */
static const char *menu_command(const struct sl_cli_menu *menu)
{
    const char *space = strchr(menu->name, ' ');
    return space ? space + 1 : NULL;
}

static const struct sl_cli_command *find_command(const struct sl_cli_menu *menu, const char *name)
{
    for (int i = 0; i < menu->n_commands; i++)
        if (strcmp(menu->commands[i].name, name) == 0) return &menu->commands[i];
    return NULL;
}

static int unknown_command(const struct sl_cli_menu *menu, const char *name)
{
    int near = sl_nearest_name(name, menu->commands, menu->n_commands, sizeof *menu->commands);
    const char *what = name[0] == '-' ? "option" : "command";
    if (near < 0 || name[0] == '-') return sl_cli_usage(menu_command(menu), "unknown %s '%s'", what, name);
    return sl_cli_usage(menu_command(menu), "unknown %s '%s'; did you mean '%s'?", what, name,
                        menu->commands[near].name);
}

int sl_cli_dispatch(const struct sl_cli_menu *menu, int argc, char **argv)
{
    if (argc < 2) {
        print_menu(menu, stderr);
        return SL_EXIT_USAGE;
    }
    bool help = strcmp(argv[1], "help") == 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (help && argc == 2)) {
        print_menu(menu, stdout);
        return SL_EXIT_OK;
    }
    const char *name = argv[help ? 2 : 1];
    const struct sl_cli_command *command = find_command(menu, name);
    if (!command) return unknown_command(menu, name);
    if (!help) return command->run(argc - 1, argv + 1);
    /* "help A B" is "A B --help", so that it reaches subcommands of subcommands. */
    char *words[8];
    int n = 0;
    for (int i = 2; i < argc && n < SL_CLI_COUNT(words) - 2; i++) words[n++] = argv[i];
    words[n++] = "--help";
    words[n] = NULL;
    return command->run(n, words);
}
