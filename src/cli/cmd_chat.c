/*
 * cmd_chat.c: `seedling chat`: a conversation in the terminal.
 *
 * Lines are edited and remembered by libedit on a terminal, and read plainly from anything else. A line that names
 * picture files shows them to the model. Ctrl-C ends the answer, not the program.
 */
#include "base/file.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/engine_arg.h"
#include "cli/preview.h"
#include "cli/reply.h"
#include "infer/conversation.h"

#include <editline/readline.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct chat {
    struct sl_cli_engine engine_options;
    sl_engine *engine;
    struct sl_conversation said;
    sl_preview preview;
    bool think, terminal, open; /* open: the last message is the user's, in the making */
    double temperature;
    int64_t seed;
    const char *system;
    char *last_picture; /* path, for /draw; owned */
    sl_request *last;   /* the last answer */
    char *history;      /* its file, or NULL; owned */
    int interrupts;     /* a file that Ctrl-C can be read from */
};

/* --- showing pictures ------------------------------------------------------------------------------------------- */

static sl_status begin_message(struct chat *c, sl_error *err)
{
    if (c->open) return SL_OK;
    sl_status s = sl_conversation_begin(&c->said, SL_CHAT_USER, err);
    c->open = s == SL_OK;
    return s;
}

static void show_preview(const struct chat *c, const struct sl_picture *p)
{
    struct sl_buf bytes = SL_BUF_INIT((size_t)1 << 28);
    if (sl_preview_encode(c->preview, p, 320, &bytes, NULL) == SL_OK) fwrite(sl_buf_str(&bytes), 1, bytes.len, stdout);
    fflush(stdout);
    sl_buf_release(&bytes);
}

static sl_status add_picture(struct chat *c, const char *path, sl_error *err)
{
    struct sl_picture p = {0};
    sl_status s =
        sl_picture_read(&p, path, SL_PICTURE_MAX_PIXELS, err); /* a bad file is told now, not with the answer */
    if (s == SL_OK) s = begin_message(c, err);
    if (s == SL_OK) s = sl_conversation_picture(&c->said, path, err);
    if (s == SL_OK) {
        show_preview(c, &p);
        fprintf(stderr, "%s: %d x %d\n", path, p.width, p.height);
        free(c->last_picture);
        c->last_picture = strdup(path);
    }
    sl_picture_free(&p);
    return s;
}

static bool names_a_picture(const char *word)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"};
    const char *dot = strrchr(word, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return sl_file_exists(word);
    return false;
}

/* Adds the pictures that a line names, and the line as it stands. */
static sl_status add_line(struct chat *c, const char *line, sl_error *err)
{
    char *copy = strdup(line), *rest = copy;
    sl_status s = copy ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory");
    for (char *word; s == SL_OK && (word = strsep(&rest, " '\"\t"));)
        if (names_a_picture(word)) s = add_picture(c, word, err);
    free(copy);
    if (s == SL_OK) s = begin_message(c, err);
    if (s == SL_OK) s = sl_conversation_text(&c->said, line, strlen(line), err);
    return s;
}

/* --- answering -------------------------------------------------------------------------------------------------- */

static bool interrupted(const struct chat *c)
{
    struct signalfd_siginfo info;
    return c->interrupts >= 0 && read(c->interrupts, &info, sizeof info) == (ssize_t)sizeof info;
}

static sl_status step_until_done(struct chat *c, sl_request *r, sl_error *err)
{
    sl_status s = SL_OK;
    while (s == SL_OK && !sl_request_done(r)) {
        if (interrupted(c)) sl_request_cancel(r);
        s = sl_engine_step(c->engine, NULL, err);
    }
    return s;
}

static sl_status answer(struct chat *c, sl_error *err)
{
    struct sl_reply_printer printer;
    sl_request *r = NULL;
    sl_ask ask;
    sl_ask_defaults(c->engine, &ask);
    sl_conversation_fill(&c->said, &ask);
    sl_reply_printer_init(&printer, stdout);
    ask.thinking = c->think;
    ask.sampling.seed = (uint64_t)c->seed++;
    if (c->temperature >= 0) ask.sampling.temperature = (float)c->temperature;
    ask.on_event = sl_reply_print;
    ask.user = &printer;
    sl_status s = sl_engine_submit(c->engine, &ask, &r, err);
    if (s != SL_OK) return s;
    s = step_until_done(c, r, err);
    sl_reply_printer_end(&printer);
    const sl_result *result = sl_request_result(r);
    if (s == SL_OK && result->finish == SL_FINISH_FAILED) *err = result->error, s = result->status;
    if (s == SL_OK) s = sl_conversation_begin(&c->said, SL_CHAT_ASSISTANT, err);
    if (s == SL_OK) s = sl_conversation_text(&c->said, result->answer, result->n_answer, err);
    c->open = false;
    if (c->terminal && s == SL_OK)
        fprintf(stderr, "\033[2m(%d tokens, %d of %d read before, %.1f tokens/s)\033[0m\n",
                result->usage.completion_tokens, result->usage.cached_tokens, result->usage.prompt_tokens,
                (result->usage.completion_tokens - 1) / (result->timings.decode_ms / 1e3 + 1e-9));
    sl_request_free(c->last);
    c->last = r;
    return s;
}

/* --- commands --------------------------------------------------------------------------------------------------- */

static sl_status cmd_help(struct chat *c, const char *arg, sl_error *err);

static sl_status start_over(struct chat *c, sl_error *err)
{
    sl_conversation_cut(&c->said, 0);
    c->open = false;
    if (!c->system) return SL_OK;
    sl_status s = sl_conversation_begin(&c->said, SL_CHAT_SYSTEM, err);
    return s == SL_OK ? sl_conversation_text(&c->said, c->system, strlen(c->system), err) : s;
}

static sl_status cmd_new(struct chat *c, const char *arg, sl_error *err)
{
    (void)arg;
    return start_over(c, err);
}

static sl_status cmd_image(struct chat *c, const char *arg, sl_error *err)
{
    return add_picture(c, arg, err);
}

static sl_status cmd_video(struct chat *c, const char *arg, sl_error *err)
{
    sl_engine_limits limits;
    sl_engine_get_limits(c->engine, &limits);
    sl_status s = begin_message(c, err);
    if (s != SL_OK) return s;
    int before = c->said.n_pictures;
    s = sl_conversation_video(&c->said, arg, 0, limits.context / 2, sl_engine_model(c->engine), err);
    if (s == SL_OK) fprintf(stderr, "%s: %d frames\n", arg, c->said.n_pictures - before);
    return s;
}

static sl_status cmd_think(struct chat *c, const char *arg, sl_error *err)
{
    (void)err;
    c->think = *arg ? strcmp(arg, "off") != 0 : !c->think;
    fprintf(stderr, "thinking is %s\n", c->think ? "on" : "off");
    return SL_OK;
}

static sl_status cmd_draw(struct chat *c, const char *arg, sl_error *err)
{
    struct sl_reply_picture on = {.path = c->last_picture};
    int n;
    if (!c->last || !*arg) return sl_fail(err, SL_ERR_ARGUMENT, "/draw OUT.png comes after an answer about a picture");
    sl_status s = sl_reply_draw(sl_request_result(c->last), &on, arg, &n, err);
    if (s == SL_OK) fprintf(stderr, "%s: %d shape%s drawn\n", arg, n, n == 1 ? "" : "s");
    return s;
}

static const struct command {
    const char *name, *arg, *about;
    sl_status (*run)(struct chat *c, const char *arg, sl_error *err);
} commands[] = {
    {"help", "", "this list", cmd_help},
    {"image", "PATH", "show a picture; naming a picture file in a line does the same", cmd_image},
    {"video", "PATH", "show a video", cmd_video},
    {"think", "[on|off]", "reason before answering", cmd_think},
    {"draw", "OUT.png", "draw the last answer's points and boxes on the last picture", cmd_draw},
    {"new", "", "forget the conversation", cmd_new},
    {"quit", "", "end; so does the end of input", NULL},
};

static sl_status cmd_help(struct chat *c, const char *arg, sl_error *err)
{
    (void)c, (void)arg, (void)err;
    for (int i = 0; i < SL_CLI_COUNT(commands); i++)
        fprintf(stderr, "  /%s %-*s %s\n", commands[i].name, 14 - (int)strlen(commands[i].name), commands[i].arg,
                commands[i].about);
    return SL_OK;
}

/* Runs "/name arg"; *quit when it was /quit. */
static sl_status run_command(struct chat *c, const char *line, bool *quit, sl_error *err)
{
    size_t n = strcspn(line + 1, " ");
    const char *arg = line + 1 + n + strspn(line + 1 + n, " ");
    for (int i = 0; i < SL_CLI_COUNT(commands); i++) {
        if (strlen(commands[i].name) != n || memcmp(commands[i].name, line + 1, n) != 0) continue;
        *quit = !commands[i].run;
        return commands[i].run ? commands[i].run(c, arg, err) : SL_OK;
    }
    return sl_fail(err, SL_ERR_ARGUMENT, "there is no command %.40s; /help lists them", line);
}

/* --- the loop --------------------------------------------------------------------------------------------------- */

/* Returns an owned line without its newline, or NULL at the end. */
static char *read_line(const struct chat *c)
{
    if (c->terminal) {
        char *line = readline("> ");
        if (line && *line) add_history(line);
        return line;
    }
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    if (n && line[n - 1] == '\n') line[n - 1] = '\0';
    return line;
}

static sl_status talk(struct chat *c, sl_error *err)
{
    sl_status s = SL_OK, last = SL_OK;
    bool quit = false;
    for (char *line; !quit && (line = read_line(c)); free(line)) {
        size_t before = c->said.n_messages - c->open;
        if (*line == '/')
            s = run_command(c, line, &quit, err);
        else if (*line) {
            s = add_line(c, line, err);
            if (s == SL_OK) s = answer(c, err);
            if (s != SL_OK) { /* the question is forgotten, the talk goes on */
                sl_conversation_cut(&c->said, before);
                c->open = false;
            }
        }
        if (s != SL_OK) sl_cli_failed("chat", "%s", err->message);
        last = s;
        s = SL_OK;
    }
    return c->terminal ? SL_OK : last;
}

static void open_terminal(struct chat *c)
{
    sigset_t set;
    const char *home = getenv("HOME");
    c->interrupts = -1;
    c->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    c->preview = sl_preview_find();
    if (!c->terminal) return;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    c->interrupts = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    c->history = home ? sl_path_join(home, ".seedling_history") : NULL;
    if (c->history) read_history(c->history);
    fprintf(stderr, "Ask away; /help lists commands, Ctrl-C ends an answer, Ctrl-D the chat.\n");
}

static void close_all(struct chat *c)
{
    if (c->history) write_history(c->history);
    free(c->history);
    free(c->last_picture);
    if (c->interrupts >= 0) close(c->interrupts);
    sl_request_free(c->last);
    sl_conversation_release(&c->said);
    sl_engine_free(c->engine);
}

int sl_cmd_chat(int argc, char **argv)
{
    struct chat c = {.temperature = -1, .interrupts = -1};
    sl_cli_engine_defaults(&c.engine_options);
    const struct sl_cli_option options[] = {
        {.name = "think", .help = "reason before answering", .flag = &c.think},
        {.name = "system", .arg = "TEXT", .help = "a system message", .string = &c.system},
        {.name = "temperature", .arg = "T", .help = "-1: the model's", .min = -1, .max = 100, .number = &c.temperature},
        {.name = "seed", .arg = "N", .help = "of the random choices", .integer = &c.seed},
        SL_CLI_ENGINE_OPTIONS(c.engine_options),
    };
    const struct sl_cli_spec spec = {
        .name = "chat",
        .args = "[MODEL]",
        .about = "A conversation in the terminal. A line that names picture files shows them; /help lists commands.\n"
                 "Lines are read from standard input when that is no terminal. MODEL defaults to the model that ships.",
        .example = "seedling chat MODEL --think",
        .max_args = 1,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &c.engine_options.threads,
    };
    struct sl_cli_args args;
    sl_error err = {0};
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (args.n) c.engine_options.model = args.items[0];
    sl_status s = sl_cli_engine_open(&c.engine_options, &c.engine, &err);
    if (s != SL_OK) return sl_cli_failed("chat", "%s", err.message);
    open_terminal(&c);
    s = start_over(&c, &err);
    if (s == SL_OK) s = talk(&c, &err);
    close_all(&c);
    return s == SL_OK ? SL_EXIT_OK : SL_EXIT_FAILED;
}
