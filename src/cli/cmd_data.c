/*
 * cmd_data.c: `seedling data show`, and what the commands about data share.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/data.h"
#include "data/sheet.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

sl_status sl_cli_data_open(const char *path, int64_t seed, bool shuffle, bool absolute_paths,
                           struct sl_skipped *skipped, struct sl_mixture **out, sl_error *err)
{
    struct sl_mixture_options o;
    sl_mixture_defaults(&o);
    o.seed = (uint64_t)seed;
    o.shuffle = shuffle;
    o.epochs = 1;
    o.check_media = false;
    o.absolute_paths = absolute_paths;
    o.skipped = skipped;
    return sl_mixture_open(path, &o, out, err);
}

void sl_cli_data_skipped_text(struct sl_skipped *skipped, char *line, size_t size)
{
    int used = 0, n = 0;
    line[0] = '\0';
    if (!sl_skipped_total(skipped)) return;
    used = snprintf(line, size, ", %llu skipped (", (unsigned long long)sl_skipped_total(skipped));
    for (int r = 0; r < SL_N_SKIP_REASONS && used < (int)size; r++) {
        uint64_t count = sl_skipped_count(skipped, (sl_skip_reason)r);
        if (!count) continue;
        used += snprintf(line + used, size - (size_t)used, "%s%s %llu", n++ ? ", " : "",
                         sl_skip_reason_name((sl_skip_reason)r), (unsigned long long)count);
    }
    if (used < (int)size) snprintf(line + used, size - (size_t)used, ")");
}

/* --- show ----------------------------------------------------------------------------------------------------- */

struct show_options {
    const char *out;
    int64_t limit, seed;
    bool shuffle, absolute_paths;
};

/* The sheet in the making. */
struct sheet {
    struct sl_file_writer file;
    struct sl_buf text; /* what is not in the file yet */
    struct sl_skipped *skipped;
    struct sl_progress bar;
    int64_t n_samples;
};

static sl_status write_out(struct sheet *s, sl_error *err)
{
    if (!sl_buf_ok(&s->text)) return sl_fail(err, SL_ERR_MEMORY, "no memory for the sheet");
    sl_file_writer_add(&s->file, sl_buf_str(&s->text), s->text.len);
    sl_buf_clear(&s->text);
    return SL_OK;
}

/* Adds samples of one path until there are `until` of them. */
static sl_status show_path(struct sheet *s, const struct show_options *o, const char *path, int64_t until,
                           sl_error *err)
{
    struct sl_mixture *m = NULL;
    struct sl_sample sample;
    struct sl_data_limits limits;
    bool drawn = true;
    sl_data_limits_defaults(&limits);
    sl_sample_init(&sample, limits.max_sample_bytes);
    sl_status status = sl_cli_data_open(path, o->seed, o->shuffle, o->absolute_paths, s->skipped, &m, err);
    while (!status && s->n_samples < until) {
        status = sl_mixture_next(m, &sample, &drawn, err);
        if (status || !drawn) break;
        status = sl_sheet_add(&sample, sl_source_name(sl_mixture_source(m, sample.source)), NULL, &s->text, err);
        if (!status) status = write_out(s, err);
        sl_sample_release(&sample);
        sl_progress_to(&s->bar, (double)++s->n_samples);
    }
    sl_sample_release(&sample);
    sl_mixture_close(&m);
    return status;
}

static sl_status show(struct sheet *s, const struct show_options *o, const struct sl_cli_args *paths, sl_error *err)
{
    char about[160];
    snprintf(about, sizeof about, "up to %lld samples, %s", (long long)o->limit,
             o->shuffle ? "drawn at random" : "in the order on disk");
    sl_status status = sl_file_writer_open(&s->file, o->out, err);
    if (status) return status;
    sl_sheet_begin(paths->n == 1 ? paths->items[0] : "training data", about, &s->text);
    for (int i = 0; i < paths->n && !status; i++) /* each path gets its share of the limit */
        status = show_path(s, o, paths->items[i], o->limit * (i + 1) / paths->n, err);
    if (!status && s->n_samples == 0) {
        char why[512];
        sl_cli_data_skipped_text(s->skipped, why, sizeof why);
        status = sl_fail(err, SL_ERR_FORMAT, "%s: no sample to show%s", paths->items[0], why);
    }
    sl_sheet_end(&s->text);
    if (!status) status = write_out(s, err);
    if (!status) return sl_file_writer_commit(&s->file, err);
    sl_file_writer_abort(&s->file);
    return status;
}

static int cmd_show(int argc, char **argv)
{
    struct show_options o = {.limit = 100, .shuffle = true};
    const struct sl_cli_option options[] = {
        {.name = "out", .short_name = 'o', .arg = "FILE.html", .help = "where the sheet goes", .string = &o.out},
        {.name = "limit",
         .arg = "N",
         .help = "samples to show (default: 100)",
         .min = 1,
         .max = 100000,
         .integer = &o.limit},
        {.name = "seed", .arg = "N", .help = "which samples are drawn (default: 0)", .integer = &o.seed},
        {.name = "shuffle", .help = "draw at random (default); --no-shuffle: in the order on disk", .flag = &o.shuffle},
        {.name = "absolute-paths", .help = "let media lie outside the dataset's folder", .flag = &o.absolute_paths},
    };
    const struct sl_cli_spec spec = {
        .name = "data show",
        .args = "DIR|FILE...",
        .about =
            "Writes one HTML file to look through: pictures with the points, boxes and polygons of the answers drawn\n"
            "over them, and the messages. Nothing else is needed to open it.",
        .example = "seedling data show shards/ --out sheet.html\n"
                   "  seedling data show train.jsonl --no-shuffle --limit 20 --out first.html",
        .min_args = 1,
        .max_args = INT_MAX,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (!o.out) return sl_cli_usage(spec.name, "--out FILE.html says where the sheet goes");
    sl_error err = {0};
    char skipped[512];
    struct sheet s = {.text = SL_BUF_INIT((size_t)1 << 32)};
    sl_status status = sl_skipped_open(NULL, 0, &s.skipped, &err);
    sl_progress_begin(&s.bar, "showing", "samples", (double)o.limit);
    if (!status) status = show(&s, &o, &args, &err);
    sl_progress_end(&s.bar);
    if (!status) {
        sl_cli_data_skipped_text(s.skipped, skipped, sizeof skipped);
        printf("%s: %lld samples%s\n", o.out, (long long)s.n_samples, skipped);
    }
    sl_buf_release(&s.text);
    if (s.skipped) sl_skipped_close(&s.skipped, NULL);
    return status ? sl_cli_failed(spec.name, "%s", err.message) : SL_EXIT_OK;
}

/* --- the command ---------------------------------------------------------------------------------------------- */

int sl_cmd_data(int argc, char **argv)
{
    static const struct sl_cli_command commands[] = {
        {"make", "training data from a recipe, with exact ground truth", sl_cmd_data_make},
        {"sheet", "some samples of a family of made data on one picture", sl_cmd_data_sheet},
        {"show", "an HTML sheet of samples with their ground truth drawn in", cmd_show},
        {"stats", "counts, lengths, picture sizes, and how full packed sequences are", sl_cmd_data_stats},
    };
    const struct sl_cli_menu menu = {
        .name = "seedling data",
        .about = "Training data: JSONL, tar shards, benchmark tables, and mixtures of them.",
        .example = "seedling data show train.jsonl --out sheet.html",
        .commands = commands,
        .n_commands = SL_CLI_COUNT(commands),
    };
    return sl_cli_dispatch(&menu, argc, argv);
}
