/*
 * cmd_ask.c: `seedling ask`: one question, one answer.
 */
#include "base/file.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/engine_arg.h"
#include "cli/ask_stream.h"
#include "infer/conversation.h"
#include "cli/reply.h"

#include <string.h>

struct ask_options {
    struct sl_cli_engine engine;
    struct sl_cli_list pictures;
    const char *question, *video, *draw, *system;
    double fps, temperature, top_p;
    int64_t max_tokens, budget, seed;
    const char *schema, *regex, *form;
    bool think, json;
};

static sl_status build(const struct ask_options *o, sl_engine *e, struct sl_conversation *q, sl_error *err)
{
    sl_engine_limits limits;
    sl_engine_get_limits(e, &limits);
    sl_status s = SL_OK;
    if (o->system) {
        s = sl_conversation_begin(q, SL_CHAT_SYSTEM, err);
        if (s == SL_OK) s = sl_conversation_text(q, o->system, strlen(o->system), err);
    }
    if (s == SL_OK) s = sl_conversation_begin(q, SL_CHAT_USER, err);
    for (int i = 0; i < o->pictures.n && s == SL_OK; i++) s = sl_conversation_picture(q, o->pictures.items[i], err);
    if (s == SL_OK && o->video)
        s = sl_conversation_video(q, o->video, o->fps, limits.context * 3 / 4, sl_engine_model(e), err);
    if (s == SL_OK) s = sl_conversation_text(q, o->question, strlen(o->question), err);
    return s;
}

static void fill(const struct ask_options *o, sl_engine *e, sl_ask *a)
{
    sl_ask_defaults(e, a);
    a->thinking = o->think;
    a->thinking_budget = (int)o->budget;
    a->max_tokens = (int)o->max_tokens;
    if (o->temperature >= 0) a->sampling.temperature = (float)o->temperature;
    if (o->top_p > 0) a->sampling.top_p = (float)o->top_p;
    a->sampling.seed = (uint64_t)o->seed;
}

/* Compiles what the answer must be, if that is asked; *out is owned, or NULL. */
static sl_status read_grammar(const struct ask_options *o, sl_grammar **out, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 20);
    sl_status s = SL_OK;
    if (o->schema) s = sl_file_read(o->schema, &text, err);
    if (o->schema && s == SL_OK) {
        s = sl_grammar_from_schema(sl_buf_str(&text), text.len, out, err);
        if (s != SL_OK) sl_fail_context(err, s, "%s", o->schema);
    }
    if (o->regex) s = sl_grammar_from_regex(o->regex, strlen(o->regex), out, err);
    if (o->form) s = sl_grammar_named(o->form, out, err);
    sl_buf_release(&text);
    return s;
}

static sl_status show(const struct ask_options *o, const sl_result *r, sl_error *err)
{
    struct sl_reply_picture on = {0};
    int drawn = 0;
    sl_status s = SL_OK;
    if (r->usage.pictures)
        on = (struct sl_reply_picture){o->pictures.n ? o->pictures.items[0] : NULL, r->pictures[0].as.width,
                                       r->pictures[0].as.height};
    if (o->json) s = sl_reply_json(r, &on, stdout, err);
    if (s == SL_OK && o->draw) s = sl_reply_draw(r, &on, o->draw, &drawn, err);
    if (s == SL_OK && o->draw) fprintf(stderr, "%s: %d shape%s drawn\n", o->draw, drawn, drawn == 1 ? "" : "s");
    return s;
}

static sl_status answer(const struct ask_options *o, sl_engine *e, sl_error *err)
{
    struct sl_conversation q = {0};
    struct sl_reply_printer printer;
    sl_request *r = NULL;
    sl_ask ask;
    sl_status s = build(o, e, &q, err);
    if (s == SL_OK) {
        fill(o, e, &ask);
        sl_conversation_fill(&q, &ask);
        sl_reply_printer_init(&printer, stdout);
        s = read_grammar(o, &ask.grammar, err);
    }
    if (s == SL_OK) {
        ask.on_event = o->json ? NULL : sl_reply_print;
        ask.user = &printer;
        s = sl_engine_answer(e, &ask, &r, err);
        sl_grammar_drop(ask.grammar);
    }
    if (s == SL_OK) {
        const sl_result *result = sl_request_result(r);
        if (!o->json) sl_reply_printer_end(&printer);
        if (result->finish == SL_FINISH_FAILED) *err = result->error, s = result->status;
        if (s == SL_OK) s = show(o, result, err);
    }
    sl_request_free(r);
    sl_conversation_release(&q);
    return s;
}

/* Watches a pipe or device; what the answer is like comes from the same options. */
static sl_status watch(const struct ask_options *o, sl_engine *e, sl_error *err)
{
    sl_ask ask;
    fill(o, e, &ask);
    struct sl_ask_stream w = {
        .source = o->video, .question = o->question, .system = o->system, .fps = o->fps, .json = o->json, .ask = &ask};
    sl_status s = read_grammar(o, &ask.grammar, err);
    if (s == SL_OK) s = sl_ask_stream(e, &w, stdout, err);
    sl_grammar_drop(ask.grammar);
    return s;
}

static int run(const struct ask_options *o)
{
    sl_error err = {0};
    sl_engine *e = NULL;
    sl_status s = sl_cli_engine_open(&o->engine, &e, &err);
    if (s == SL_OK) s = o->video && sl_ask_stream_is(o->video) ? watch(o, e, &err) : answer(o, e, &err);
    sl_engine_free(e);
    return s == SL_OK ? SL_EXIT_OK : sl_cli_failed("ask", "%s", err.message);
}

int sl_cmd_ask(int argc, char **argv)
{
    struct ask_options o = {.fps = 1, .temperature = -1, .budget = -1};
    sl_cli_engine_defaults(&o.engine);
    const struct sl_cli_option options[] = {
        {.name = "image",
         .short_name = 'i',
         .arg = "PICTURE",
         .help = "a picture (PNG, JPEG, WebP, GIF, BMP); may be given several times",
         .list = &o.pictures},
        {.name = "video",
         .short_name = 'v',
         .arg = "VIDEO",
         .help = "a video file; a pipe, a device or - (standard input) is watched as it comes",
         .string = &o.video},
        {.name = "fps", .arg = "N", .help = "frames a second of the video", .min = 0.01, .max = 60, .number = &o.fps},
        {.name = "think", .help = "reason first", .flag = &o.think},
        {.name = "budget",
         .arg = "N",
         .help = "tokens of reasoning at most; -1: no limit",
         .min = -1,
         .max = 1 << 24,
         .integer = &o.budget},
        {.name = "draw", .arg = "OUT.png", .help = "draws points and boxes on the first picture", .string = &o.draw},
        {.name = "system", .arg = "TEXT", .help = "a system message", .string = &o.system},
        {.name = "schema", .arg = "FILE", .help = "the answer is JSON that fits this JSON Schema", .string = &o.schema},
        {.name = "regex", .arg = "PATTERN", .help = "all of the answer matches this", .string = &o.regex},
        {.name = "form",
         .arg = "NAME",
         .help = "the answer has this form",
         .choices = "boxes|points|action|json",
         .string = &o.form},
        {.name = "max-tokens",
         .arg = "N",
         .help = "of reasoning and answer; 0: the model's",
         .max = 1 << 24,
         .integer = &o.max_tokens},
        {.name = "temperature",
         .arg = "T",
         .help = "0: always the most likely token; -1: the model's",
         .min = -1,
         .max = 100,
         .number = &o.temperature},
        {.name = "top-p", .arg = "P", .help = "0: the model's", .max = 1, .number = &o.top_p},
        {.name = "seed", .arg = "N", .help = "of the random choices", .integer = &o.seed},
        SL_CLI_ENGINE_OPTIONS(o.engine),
    };
    const struct sl_cli_spec spec = {
        .name = "ask",
        .args = "[MODEL] QUESTION",
        .about =
            "Answers one question about pictures, a video, or nothing but itself. The answer is written as it comes;\n"
            "the reasoning of --think only on a terminal. --json prints one object with points, boxes, what became\n"
            "of each picture, tokens and times (docs/INFERENCE.md). MODEL defaults to the model that ships.",
        .example = "seedling ask -i cat.jpg 'What is this?'\n"
                   "seedling ask MODEL -i street.jpg --draw out.png 'Point to every car.'",
        .min_args = 1,
        .max_args = 2,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o.engine.threads,
        .json = &o.json,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    o.question = sl_cli_model_and_text(&args, &o.engine.model);
    if (!o.schema + !o.regex + !o.form < 2) return sl_cli_usage("ask", "give one of --schema, --regex and --form");
    if (o.draw && !o.pictures.n) return sl_cli_usage("ask", "--draw needs a picture");
    return run(&o);
}
