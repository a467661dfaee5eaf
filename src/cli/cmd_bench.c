/*
 * cmd_bench.c: `seedling bench`: speed on this machine, as rates and as fractions of limits measured in the same run.
 */
#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "model/gguf_pair.h"
#include "tensor/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

typedef sl_status bench_fn(const struct sl_bench *b, sl_error *err);

static const struct {
    const char *name;
    bench_fn *run;
} benches[] = {
    {"gemm", sl_bench_gemm},       {"ops", sl_bench_ops},       {"vision", sl_bench_vision},
    {"prefill", sl_bench_prefill}, {"decode", sl_bench_decode}, {"train", sl_bench_train},
    {"loader", sl_bench_loader},   {"synth", sl_bench_synth},   {"serve", sl_bench_serve},
};

static void print_json(void *arg, const struct sl_bench_row *r)
{
    (void)arg;
    printf("{\"bench\":\"%s\",\"shape\":\"%s\",\"dtype\":\"%s\",\"threads\":%d,\"rate\":%.1f,\"unit\":\"%s\","
           "\"limit\":%.1f,\"fraction\":%.3f}\n",
           r->bench, r->shape, r->dtype, r->threads, r->rate, r->unit, r->limit, r->fraction);
    fflush(stdout);
}

static void print_row(void *arg, const struct sl_bench_row *r)
{
    (void)arg;
    printf("%-8s %-38s %-5s %9.1f of %8.1f %-8s %5.1f %%\n", r->bench, r->shape, r->dtype, r->rate, r->limit, r->unit,
           100 * r->fraction);
    fflush(stdout);
}

/* Returns the index of a bench, or -1. */
static int find_bench(const char *name)
{
    for (int i = 0; i < SL_CLI_COUNT(benches); i++)
        if (strcmp(name, benches[i].name) == 0) return i;
    return -1;
}

/* Only these measure a given model. */
static bool is_of_file(const char *name)
{
    return strcmp(name, "vision") == 0 || strcmp(name, "prefill") == 0 || strcmp(name, "decode") == 0;
}

/* Runs what was named of a given model, or all three. */
static sl_status run_file(const struct sl_bench *b, const struct sl_cli_args *args, sl_error *err)
{
    sl_status s = args->n ? SL_OK : sl_bench_file(b, NULL, err);
    for (int i = 0; i < args->n && s == SL_OK; i++) s = sl_bench_file(b, args->items[i], err);
    return s;
}

int sl_cmd_bench(int argc, char **argv)
{
    int64_t threads = 0;
    bool json = false, f32 = false;
    int64_t sequences = 8;
    const char *model = NULL, *mmproj = NULL;
    char path[8192];
    const struct sl_cli_option options[] = {
        {.name = "sequences",
         .arg = "N",
         .help = "of a training step: fewer need less time and memory",
         .min = 1,
         .max = 64,
         .integer = &sequences},
        {.name = "f32", .help = "train in f32 instead of bf16", .flag = &f32},
        {.name = "model",
         .arg = "MODEL",
         .help = "vision, prefill and decode of this model, as it is in its folder or GGUF file",
         .string = &model},
        {.name = "mmproj",
         .arg = "FILE",
         .help = "of a MODEL.gguf without a vision tower: the file that has it",
         .string = &mmproj},
    };
    const struct sl_cli_spec spec = {
        .name = "bench",
        .args = "[gemm|ops|vision|prefill|decode|train|loader|synth|serve]...",
        .about =
            "Measures speed on this machine. Each row is a rate and the fraction of a limit measured in the same run:\n"
            "register-resident products for compute, a streaming read for memory. Making data (synth) is one core's, "
            "beside\n"
            "the rate that is asked of it. Without a name, all of them run,\n"
            "which takes two to three minutes and 20 GB of memory.",
        .example = "seedling bench gemm\nseedling bench vision decode --json --threads 1\nseedling bench train "
                   "--sequences 1 --f32\nseedling bench --model q4.gguf",
        .max_args = 16,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &threads,
        .json = &json,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    for (int i = 0; i < args.n; i++)
        if (find_bench(args.items[i]) < 0)
            return sl_cli_usage(
                "bench", "no bench '%s'; there are gemm, ops, vision, prefill, decode, train, loader, synth, serve",
                args.items[i]);
    for (int i = 0; i < args.n && model; i++)
        if (!is_of_file(args.items[i]))
            return sl_cli_usage("bench", "--model goes with vision, prefill and decode, not with %s", args.items[i]);
    sl_error err = {0};
    sl_ops *ops = NULL;
    if (model && sl_gguf_pair_name(model, mmproj, path, sizeof path, &err) != SL_OK)
        return sl_cli_failed("bench", "%s", err.message);
    if (sl_cpu_ops_default((int)threads, &ops, &err) != SL_OK) return sl_cli_failed("bench", "%s", err.message);
    struct sl_bench b = {.ops = ops, .emit = json ? print_json : print_row, .sequences = (int)sequences, .f32 = f32};
    b.model = model ? path : NULL;
    if (!json) printf("seedling %s, kernels %s, %d threads\n", sl_version(), ops->name, ops->n_threads);
    int n = args.n ? args.n : SL_CLI_COUNT(benches);
    sl_status s = model ? run_file(&b, &args, &err) : SL_OK;
    for (int i = 0; !model && i < n && s == SL_OK; i++)
        s = benches[args.n ? find_bench(args.items[i]) : i].run(&b, &err);
    sl_cpu_ops_free(ops);
    return s == SL_OK ? SL_EXIT_OK : sl_cli_failed("bench", "%s", err.message);
}
