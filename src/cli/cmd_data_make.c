/*
 * cmd_data_make.c: `seedling data make`: training data from a recipe.
 */
#include "base/clock.h"
#include "base/progress.h"
#include "base/yaml.h"
#include "cli/cli.h"
#include "cli/data.h"
#include "synth/make.h"

#include <stdio.h>
#include <unistd.h>

struct make_options {
    const char *out;
    struct sl_cli_list set;
    int64_t processes, seed;
    bool check;
};

static void say_left_out(void *arg, const char *family, const char *reason)
{
    (void)arg;
    fprintf(stderr, "seedling data make: %s is left out: %s\n", family, reason);
}

static void show_progress(void *arg, int64_t n_done, int64_t n_samples)
{
    (void)n_samples;
    sl_progress_to(arg, (double)n_done);
}

static sl_status read_recipe(const char *path, const struct make_options *o, struct sl_recipe *r, sl_error *err)
{
    json_t *tree = NULL;
    sl_status status = sl_yaml_load(path, &tree, err);
    for (int i = 0; i < o->set.n && !status; i++) status = sl_yaml_set(tree, o->set.items[i], err);
    if (!status && o->seed >= 0 && json_is_object(tree) && json_object_set_new(tree, "seed", json_integer(o->seed)))
        status = sl_fail(err, SL_ERR_MEMORY, "no memory for a recipe");
    if (!status) {
        status = sl_recipe_read(tree, r, err);
        if (status) sl_fail_context(err, status, "%s", path);
    }
    json_decref(tree);
    return status;
}

static void print_result(const struct make_options *o, const struct sl_make_result *made, double seconds)
{
    printf("%s: %lld samples in %lld shards", o->out, (long long)made->n_samples, (long long)made->n_shards);
    if (made->n_written < made->n_shards)
        printf(", %lld of them already there", (long long)(made->n_shards - made->n_written));
    printf("; %.1f s\n", seconds);
}

int sl_cmd_data_make(int argc, char **argv)
{
    struct make_options o = {.seed = -1};
    const struct sl_cli_option options[] = {
        {.name = "out", .short_name = 'o', .arg = "DIR", .help = "where the shards go", .string = &o.out},
        {.name = "set", .arg = "K=V", .help = "change a key of the recipe: families.scenes.weight=2", .list = &o.set},
        {.name = "procs",
         .arg = "N",
         .help = "processes (default: one a processor)",
         .min = 1,
         .max = 512,
         .integer = &o.processes},
        {.name = "check", .help = "check every sample against its ground truth before it is written", .flag = &o.check},
        {.name = "seed", .arg = "N", .help = "instead of the recipe's", .min = 0, .max = 9e18, .integer = &o.seed},
    };
    const struct sl_cli_spec spec = {
        .name = "data make",
        .args = "RECIPE",
        .about =
            "Makes training data with exact ground truth, as docs/SYNTH.md describes it, and writes it as tar shards.\n"
            "The same recipe and seed give the same bytes, whatever the number of processes. Stopped and run again,\n"
            "it goes on where it was.",
        .example = "seedling data make recipes/data/nano.yaml --out data/nano\n"
                   "  seedling data make recipes/data/nano.yaml --out data/small --set samples=1000 --procs 2",
        .min_args = 1,
        .max_args = 1,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (!o.out) return sl_cli_usage(spec.name, "--out DIR says where the shards go");
    sl_error err = {0};
    struct sl_recipe r = {0};
    struct sl_make_result made = {0};
    struct sl_progress bar;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    double start = sl_clock_seconds();
    sl_status status = read_recipe(args.items[0], &o, &r, &err);
    int64_t total = 0;
    for (int i = 0; i < r.n_families; i++) total += r.families[i].n_samples[0] + r.families[i].n_samples[1];
    sl_progress_begin(&bar, "making", "samples", (double)total);
    const struct sl_make_options m = {.folder = o.out,
                                      .n_processes = o.processes         ? (int)o.processes
                                                     : n > 0 && n <= 512 ? (int)n
                                                                         : 1,
                                      .check = o.check,
                                      .left_out = say_left_out,
                                      .progress = show_progress,
                                      .arg = &bar};
    if (!status) status = sl_make(&r, &m, &made, &err);
    sl_progress_end(&bar);
    if (!status && made.interrupted)
        rc = sl_cli_failed(spec.name, "interrupted: finished shards are in %s, and the same command goes on from there",
                           o.out);
    else if (status)
        rc = sl_cli_failed(spec.name, "%s", err.message);
    else
        rc = SL_EXIT_OK;
    if (rc == SL_EXIT_OK) print_result(&o, &made, sl_clock_seconds() - start);
    sl_recipe_release(&r);
    return rc;
}
