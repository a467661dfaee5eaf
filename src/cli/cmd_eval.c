/*
 * cmd_eval.c: `seedling eval`: how many questions of a dataset a model answers right.
 */
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/engine_arg.h"
#include "eval/run.h"
#include "train/signals.h"

#include <stdio.h>
#include <string.h>

struct eval_options {
    struct sl_cli_engine engine;
    struct sl_cli_list suites, only;
    const char *out, *thinking;
    int64_t limit, seed, max_tokens, parallel, shown;
    bool blind, json, absolute_paths;
};

/* Who watches, and who may say stop. */
struct watch {
    struct sl_progress bar;
    sl_signals signals;
    bool stopped;
};

static bool on_question(void *user, int64_t n_done, int64_t n_all)
{
    struct watch *w = user;
    if (n_all > 0) w->bar.total = (double)n_all;
    sl_progress_to(&w->bar, (double)n_done);
    if (sl_signals_stop(&w->signals)) w->stopped = true;
    return !w->stopped;
}

static sl_status print(const struct eval_options *o, const struct sl_eval_scores *scores, sl_error *err)
{
    if (!o->json) {
        sl_eval_scores_print(scores, stdout);
        return SL_OK;
    }
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 26);
    json_t *summary = sl_eval_scores_json(scores);
    sl_status s = sl_json_dump(summary, 0, &text, err);
    if (!s) puts(sl_buf_str(&text));
    json_decref(summary);
    sl_buf_release(&text);
    return s;
}

static int run(const struct eval_options *o)
{
    struct sl_eval_options eo;
    struct sl_eval_scores scores = {0};
    struct watch watch = {0};
    struct sl_log log;
    sl_engine *e = NULL;
    sl_error err = {0};
    sl_log_to_stderr(&log, SL_LOG_WARNING);
    sl_eval_defaults(&eo);
    eo.paths = o->suites.items;
    eo.n_paths = o->suites.n;
    eo.only = o->only.items;
    eo.n_only = o->only.n;
    eo.seed = (uint64_t)o->seed;
    eo.limit = o->limit;
    eo.absolute_paths = o->absolute_paths;
    eo.blind = o->blind;
    eo.thinking = strcmp(o->thinking, "data") == 0 ? SL_EVAL_AS_DATA
                  : strcmp(o->thinking, "on") == 0 ? SL_EVAL_THINK
                                                   : SL_EVAL_DIRECT;
    eo.max_tokens = (int)o->max_tokens;
    eo.parallel = (int)o->parallel;
    eo.dir = o->out;
    eo.shown = (int)o->shown;
    eo.on_question = on_question;
    eo.user = &watch;
    sl_signals_hold(&watch.signals);
    sl_status s = sl_cli_engine_open(&o->engine, &e, &err);
    sl_progress_begin(&watch.bar, "asking", "questions", 0);
    if (!s) s = sl_eval_run(e, &eo, &log, &scores, &err);
    sl_progress_end(&watch.bar);
    sl_signals_release(&watch.signals);
    if (!s && watch.stopped) fprintf(stderr, "seedling eval: stopped; these are the questions answered until then\n");
    if (!s) s = print(o, &scores, &err);
    sl_eval_scores_release(&scores);
    sl_engine_free(e);
    return s ? sl_cli_failed("eval", "%s", err.message) : SL_EXIT_OK;
}

int sl_cmd_eval(int argc, char **argv)
{
    struct eval_options o = {.thinking = "data", .max_tokens = 512, .parallel = 16, .shown = 40, .blind = true};
    sl_cli_engine_defaults(&o.engine);
    const struct sl_cli_option options[] = {
        {.name = "suite",
         .short_name = 's',
         .arg = "DATASET",
         .help = "a folder or file of questions with answers (docs/DATA.md); may be given several times",
         .list = &o.suites},
        {.name = "limit",
         .arg = "N",
         .help = "questions at most, drawn at random; 0: all",
         .max = 1e9,
         .integer = &o.limit},
        {.name = "only",
         .arg = "KIND",
         .help = "FAMILY, FAMILY/TASK or FAMILY/TASK/LEVEL; may be given several times",
         .list = &o.only},
        {.name = "seed", .arg = "N", .help = "of the order in which they are drawn", .integer = &o.seed},
        {.name = "blind", .help = "ask each without its pictures too (default); --no-blind: do not", .flag = &o.blind},
        {.name = "thinking",
         .arg = "WHEN",
         .help = "reason before answering; data: where the right answer does",
         .choices = "data|on|off",
         .string = &o.thinking},
        {.name = "max-tokens",
         .arg = "N",
         .help = "of reasoning and answer",
         .min = 1,
         .max = 1 << 24,
         .integer = &o.max_tokens},
        {.name = "parallel",
         .arg = "N",
         .help = "questions worked on at once",
         .min = 1,
         .max = 128,
         .integer = &o.parallel},
        {.name = "out",
         .short_name = 'o',
         .arg = "DIR",
         .help = "for records.jsonl, summary.json and report.html",
         .string = &o.out},
        {.name = "shown", .arg = "N", .help = "wrong answers shown in report.html", .max = 10000, .integer = &o.shown},
        {.name = "absolute-paths", .help = "let media lie outside the dataset's folder", .flag = &o.absolute_paths},
        SL_CLI_ENGINE_OPTIONS(o.engine),
    };
    const struct sl_cli_spec spec = {
        .name = "eval",
        .args = "[MODEL]",
        .about =
            "Asks the questions of a dataset, greedily, and scores each answer by the rule that the sample names\n"
            "(docs/SYNTH.md), else by being the same text. Prints the share of right answers by family, task and "
            "level\n"
            "with its 95 % margin, the mean score, and two baselines: the same model without the pictures (blind) and\n"
            "guessing (chance). MODEL defaults to the model that ships.",
        .example = "seedling data make recipes/data/nano.yaml --out data/nano/mix\n"
                   "seedling eval MODEL --suite data/nano/mix/held-out --out results",
        .max_args = 1,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o.engine.threads,
        .json = &o.json,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (!o.suites.n) return sl_cli_usage("eval", "--suite is missing");
    if (args.n) o.engine.model = args.items[0];
    return run(&o);
}
