/*
 * cmd_serve.c: `seedling serve`: the OpenAI-compatible server and the web page.
 */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/engine_arg.h"
#include "cli/model_arg.h"
#include "serve/server.h"
#include "tensor/cpu/cpu.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct serve_options {
    struct sl_cli_engine engine;
    const char *host, *name, *keys, *cors, *embed;
    int64_t port, workers, max_requests, max_body_mb, media_memory_mb;
    double drain, media_seconds;
    bool page, fetch, fetch_private, think, quiet;
};

/* Waits for SIGINT or SIGTERM, looking now and then whether the engine still works. */
static bool wait_for_signal(sl_server *server)
{
    sigset_t set;
    struct timespec second = {.tv_sec = 1};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    while (sl_server_healthy(server)) {
        if (sigtimedwait(&set, NULL, &second) > 0) return true;
    }
    return false;
}

/* Signals are waited for, not handled: blocked before there are threads, so that none of them gets one. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void fill_server(const struct serve_options *o, struct sl_media_pool *pool, const struct sl_log *log,
                        sl_server_options *s)
{
    sl_server_defaults(s);
    s->http.host = o->host;
    s->http.port = (int)o->port;
    s->http.max_active = (int)o->max_requests;
    s->http.max_body = (size_t)o->max_body_mb << 20;
    s->model_name = o->name;
    s->keys = o->keys;
    s->cors_origin = o->cors;
    s->page = o->page;
    s->fetch = o->fetch || o->fetch_private;
    s->fetch_private = o->fetch_private;
    s->thinking = o->think;
    s->pool = pool;
    s->log = log;
}

static int serve(const struct serve_options *o, sl_engine *engine, const sl_server_options *options)
{
    sl_server *server;
    sl_error err = {0};
    if (sl_server_start(engine, options, &server, &err)) return sl_cli_failed("serve", "%s", err.message);
    /* On stdout, so that a script that asked for any free port can read which. */
    printf("http://%s:%d\n", strchr(o->host, ':') ? "[::1]" : o->host, sl_server_port(server));
    fflush(stdout);
    bool asked = wait_for_signal(server);
    if (!o->quiet) fprintf(stderr, "seedling: stopping, requests in hand have %.0f seconds\n", o->drain);
    sl_server_stop(&server, asked ? o->drain : 0);
    return asked ? SL_EXIT_OK : sl_cli_failed("serve", "the engine failed; see above");
}

/* Opens the towers for embeddings: of the folder given, or of the model itself when it has them. */
static sl_status open_embedder(const struct serve_options *o, sl_ops **ops, sl_embedder **out, sl_error *err)
{
    char dir[SL_CLI_PATH];
    sl_config config;
    sl_status s = sl_cli_model_dir(o->embed ? o->embed : o->engine.model, dir, err);
    if (s) return s;
    if (!o->embed && (sl_cli_model_config(dir, &config, err) || config.pretrain.embed == 0)) return SL_OK;
    s = sl_cpu_ops_default((int)o->engine.threads, ops, err);
    return s ? s : sl_embedder_open(dir, *ops, SL_BF16, out, err);
}

static int run(const struct serve_options *o)
{
    struct sl_media_pool_options po;
    struct sl_media_pool *pool = NULL;
    sl_engine *engine = NULL;
    sl_embedder *embedder = NULL;
    sl_ops *ops = NULL;
    struct sl_log log;
    sl_server_options so;
    sl_error err = {0};
    int rc;
    block_signals();
    sl_log_to_stderr(&log, o->quiet ? SL_LOG_WARNING : SL_LOG_INFO);
    sl_media_pool_defaults(&po);
    po.n_workers = (int)o->workers;
    po.max_memory = (size_t)o->media_memory_mb << 20;
    po.deadline_seconds = o->media_seconds;
    /* The workers come first: they are forked, and after the model there are threads. */
    if (sl_media_pool_new(&po, &pool, &err) || sl_cli_engine_open(&o->engine, &engine, &err) ||
        open_embedder(o, &ops, &embedder, &err) || sl_engine_warm_up(engine, &err)) {
        rc = sl_cli_failed("serve", "%s", err.message);
    } else {
        fill_server(o, pool, &log, &so);
        so.embedder = embedder;
        rc = serve(o, engine, &so);
    }
    sl_embedder_close(&embedder);
    sl_cpu_ops_free(ops);
    sl_engine_free(engine);
    sl_media_pool_free(&pool);
    return rc;
}

int sl_cmd_serve(int argc, char **argv)
{
    struct serve_options o = {.host = "127.0.0.1",
                              .port = 8080,
                              .workers = 2,
                              .max_requests = 256,
                              .max_body_mb = 64,
                              .media_memory_mb = 3072,
                              .media_seconds = 60,
                              .drain = 30,
                              .page = true,
                              .think = true};
    sl_cli_engine_defaults(&o.engine);
    const struct sl_cli_option options[] = {
        {.name = "port",
         .short_name = 'p',
         .arg = "N",
         .help = "0: any free one",
         .min = 0,
         .max = 65535,
         .integer = &o.port},
        {.name = "host", .arg = "ADDRESS", .help = "to listen on; 0.0.0.0 lets other machines in", .string = &o.host},
        {.name = "name", .arg = "NAME", .help = "of the model in requests (default: its own)", .string = &o.name},
        {.name = "keys",
         .arg = "FILE",
         .help = "API keys: a line each, KEY [REQUESTS [TOKENS]] a minute",
         .string = &o.keys},
        {.name = "embed",
         .arg = "DIR",
         .help = "checkpoint with contrastive towers, for embeddings (default: MODEL)",
         .string = &o.embed},
        {.name = "cors", .arg = "ORIGIN", .help = "lets web pages of this origin ask", .string = &o.cors},
        {.name = "page", .help = "the web page at /", .flag = &o.page},
        {.name = "think", .help = "reason first when a request does not say", .flag = &o.think},
        {.name = "fetch", .help = "fetch pictures by http and https from the public internet", .flag = &o.fetch},
        {.name = "fetch-private",
         .help = "also from this machine's own and private networks",
         .flag = &o.fetch_private},
        {.name = "max-requests",
         .arg = "N",
         .help = "in hand at once; more are told to come back",
         .min = 1,
         .max = 4096,
         .integer = &o.max_requests},
        {.name = "max-body",
         .arg = "MB",
         .help = "of a request, pictures included",
         .min = 1,
         .max = 2048,
         .integer = &o.max_body_mb},
        {.name = "media-workers",
         .arg = "N",
         .help = "processes that decode pictures and videos",
         .min = 1,
         .max = 64,
         .integer = &o.workers},
        {.name = "media-memory",
         .arg = "MB",
         .help = "of each of them",
         .min = 256,
         .max = 1 << 20,
         .integer = &o.media_memory_mb},
        {.name = "media-seconds",
         .arg = "N",
         .help = "for one file",
         .min = 1,
         .max = 3600,
         .number = &o.media_seconds},
        {.name = "drain",
         .arg = "SECONDS",
         .help = "for requests in hand when asked to stop",
         .min = 0,
         .max = 3600,
         .number = &o.drain},
        SL_CLI_ENGINE_OPTIONS(o.engine),
        {.name = "quiet", .short_name = 'q', .help = "no line for each request", .flag = &o.quiet},
    };
    const struct sl_cli_spec spec = {
        .name = "serve",
        .args = "[MODEL]",
        .about =
            "Serves a model over HTTP in the form that OpenAI's clients speak, and a web page to try it. Prints the\n"
            "address, then runs until SIGINT or SIGTERM. docs/SERVING.md has the API.",
        .example = "seedling serve --port 8080\n"
                   "seedling serve DIR --keys keys.txt --host 0.0.0.0 --cache-dir /var/cache/seedling",
        .max_args = 1,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o.engine.threads,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc == SL_CLI_RUN) o.engine.model = args.n ? args.items[0] : NULL;
    return rc == SL_CLI_RUN ? run(&o) : rc;
}
