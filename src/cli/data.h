/*
 * data.h: between the files of `seedling data`.
 */
#ifndef SL_CLI_DATA_H
#define SL_CLI_DATA_H

#include "cli/cli.h"
#include "data/mixture.h"

/* Each runs one subcommand of `data`; argv[0] is its name. */
int sl_cmd_data_make(int argc, char **argv);
int sl_cmd_data_stats(int argc, char **argv);

/* Opens a dataset or mixture once through, bad rows counted in skipped. */
sl_status sl_cli_data_open(const char *path, int64_t seed, bool shuffle, bool absolute_paths,
                           struct sl_skipped *skipped, struct sl_mixture **out, sl_error *err);

/* Writes ", 3 skipped (bad-json 2, missing-media 1)" into line; nothing when nothing was skipped. */
void sl_cli_data_skipped_text(struct sl_skipped *skipped, char *line, size_t size);

#endif
