/*
 * data.h: between the files of `seedling data`.
 */
#ifndef SL_CLI_DATA_H
#define SL_CLI_DATA_H

#include "cli/cli.h"
#include "data/mixture.h"

#include <jansson.h>

/* Each runs one subcommand of `data`; argv[0] is its name. */
int sl_cmd_data_make(int argc, char **argv);
int sl_cmd_data_sheet(int argc, char **argv);
int sl_cmd_data_stats(int argc, char **argv);

/* Opens a dataset or mixture once through, bad rows counted in skipped. */
sl_status sl_cli_data_open(const char *path, int64_t seed, bool shuffle, bool absolute_paths,
                           struct sl_skipped *skipped, struct sl_mixture **out, sl_error *err);

/* Writes ", 3 skipped (bad-json 2, missing-media 1)" into line; nothing when nothing was skipped. */
void sl_cli_data_skipped_text(struct sl_skipped *skipped, char *line, size_t size);

/*
 * Counts the answer of a truth (JSON text, or NULL) among those of its domain (or NULL) and checker, in an object of
 * objects; what is no short answer is not counted.
 */
void sl_cli_labels_add(json_t *labels, const char *domain, const char *truth);

/* Prints a line for each domain and checker: samples, different answers, the most common one and its share. */
void sl_cli_labels_print(const json_t *labels);

/* Returns the same as an owned object, NULL without memory. */
json_t *sl_cli_labels_json(const json_t *labels);

#endif
