/*
 * cmd_train.c: training by recipe: a stage, or a pipeline of stages.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "tensor/cpu/cpu.h"
#include "train/pipeline.h"
#include "train/run.h"

#include <stdio.h>
#include <unistd.h>

/* Ranks on one machine share its processors unless told otherwise. */
static int threads_of(const sl_comm *comm, int64_t asked)
{
    if (asked > 0 || comm->local_size <= 1) return (int)asked;
    long n = sysconf(_SC_NPROCESSORS_ONLN) / comm->local_size;
    return n > 0 ? (int)n : 1;
}

static sl_status run_stages(const sl_pipeline *p, sl_run_options *o, sl_run_end *end, sl_error *err)
{
    sl_status s = SL_OK;
    for (int i = 0; i < p->n && !s && *end == SL_RUN_FINISHED; i++) {
        if (p->stages[i].skipped) continue;
        o->out = p->stages[i].out;
        if (p->stages[i].name && o->comm->rank == 0)
            sl_log(o->log, SL_LOG_INFO, "stage %d of %d: %s", i + 1, p->n, p->stages[i].name);
        s = sl_run(&p->stages[i].recipe, o, end, err);
        if (s && p->stages[i].name) sl_fail_context(err, s, "%s", p->stages[i].name);
    }
    return s;
}

/* Reads the recipe and trains; the message of a failure is printed by one rank. */
static int train(const char *recipe, const char *out, const struct sl_cli_list *sets, sl_run_options *o,
                 int64_t threads)
{
    sl_error err = {0};
    sl_pipeline p = {0};
    sl_ops *ops = NULL;
    sl_run_end end = SL_RUN_FINISHED;
    sl_status s = sl_pipeline_read(recipe, out, sets->items, sets->n, &p, &err);
    if (!s) s = sl_cpu_ops_default(threads_of(o->comm, threads), &ops, &err);
    o->ops = ops;
    if (!s) s = run_stages(&p, o, &end, &err);
    bool speaks = o->comm->rank == 0;
    sl_pipeline_release(&p);
    sl_cpu_ops_free(ops);
    if (s) return speaks ? sl_cli_failed("train", "%s", err.message) : SL_EXIT_FAILED;
    if (end == SL_RUN_FINISHED) return SL_EXIT_OK;
    return speaks ? sl_cli_failed("train", "stopped by a signal; everything is saved, --resume goes on")
                  : SL_EXIT_FAILED;
}

int sl_cmd_train(int argc, char **argv)
{
    const char *out = NULL;
    struct sl_cli_list sets = {0};
    bool resume = false, quiet = false;
    int64_t threads = 0;
    const struct sl_cli_option options[] = {
        {.name = "out", .short_name = 'o', .arg = "DIR", .help = "folder of the run (needed)", .string = &out},
        {.name = "set", .arg = "KEY=VALUE", .help = "override a key of the recipe", .list = &sets},
        {.name = "resume", .help = "go on with the run in DIR, if there is one", .flag = &resume},
        {.name = "quiet", .help = "log warnings only", .flag = &quiet},
    };
    const struct sl_cli_spec spec = {
        .name = "train",
        .args = "RECIPE",
        .about =
            "Trains a stage, or a pipeline of stages, as a YAML recipe says (docs/TRAINING.md). The finished model is "
            "in\n"
            "DIR/model (of a pipeline in DIR/STAGE/model), curves in metrics.jsonl and event files, checkpoints in\n"
            "DIR/checkpoints. Ctrl-C saves and stops. Under mpirun the processes train one model together.",
        .example = "seedling train recipes/nano/all.yaml --out runs/nano",
        .min_args = 1,
        .max_args = 1,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &threads,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (!out) return sl_cli_usage("train", "--out DIR is missing");
    struct sl_log log;
    sl_log_to_stderr(&log, quiet ? SL_LOG_WARNING : SL_LOG_INFO);
    sl_signals signals;
    sl_signals_hold(&signals); /* before any thread is started */
    sl_run_options o = {.resume = resume, .signals = &signals, .log = &log};
    sl_error err = {0};
    if (sl_comm_new(&o.comm, &err)) {
        sl_signals_release(&signals);
        return sl_cli_failed("train", "%s", err.message);
    }
    rc = train(args.items[0], out, &sets, &o, threads);
    sl_comm_free(&o.comm);
    sl_signals_release(&signals);
    return rc;
}
