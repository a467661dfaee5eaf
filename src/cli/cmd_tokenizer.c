/*
 * cmd_tokenizer.c: `seedling tokenizer train|encode|decode`.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/data.h"
#include "text/bpe_train.h"
#include "text/byte_level.h"
#include "text/tokenizer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const size_t max_input = (size_t)1 << 32;

/* --- train --------------------------------------------------------------------------------------------------- */

/* The progress bars of a training run: one per file read, then one for the merges. */
struct bars {
    struct sl_progress bar;
    const char *phase; /* of the bar on show, NULL: none */
};

static void show_progress(void *user, const char *phase, double done, double total)
{
    struct bars *b = user;
    bool reading = strcmp(phase, "reading") == 0;
    double unit = reading ? 1e6 : 1;
    if (!b->phase || strcmp(b->phase, phase) != 0) {
        if (b->phase) sl_progress_end(&b->bar);
        sl_progress_begin(&b->bar, phase, reading ? "MB" : "tokens", total / unit);
        b->phase = phase;
    }
    sl_progress_to(&b->bar, done / unit);
    if (done >= total) {
        sl_progress_end(&b->bar);
        b->phase = NULL;
    }
}

/* Whether a path is data to read by samples, not a text to read as it is. */
static bool is_dataset(const char *path)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tar.zst", ".tgz", ".jsonl", ".ndjson", ".tsv"};
    size_t n = strlen(path);
    bool found = sl_dir_exists(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t k = strlen(endings[i]);
        found = found || (n > k && strcmp(path + n - k, endings[i]) == 0);
    }
    return found;
}

/* Counts what is said in a sample. */
static sl_status add_sample(struct sl_bpe_trainer *trainer, const struct sl_sample *sample, sl_error *err)
{
    sl_status status = SL_OK;
    for (int i = 0; i < sample->n_messages; i++) {
        const struct sl_sample_message *m = &sample->messages[i];
        for (int k = 0; !status && k < m->n_parts; k++)
            if (m->parts[k].text) status = sl_bpe_trainer_add(trainer, m->parts[k].text, m->parts[k].n_text, err);
    }
    return status;
}

/* Counts the texts of a dataset, once through. */
static sl_status add_dataset(struct sl_bpe_trainer *trainer, const char *path, sl_error *err)
{
    struct sl_skipped *skipped = NULL;
    struct sl_mixture *m = NULL;
    struct sl_sample sample;
    struct sl_data_limits limits;
    bool drawn = true;
    sl_data_limits_defaults(&limits);
    sl_sample_init(&sample, limits.max_sample_bytes);
    sl_status status = sl_skipped_open(NULL, 0, &skipped, err);
    if (!status) status = sl_cli_data_open(path, 0, false, false, skipped, &m, err);
    while (!status) {
        status = sl_mixture_next(m, &sample, &drawn, err);
        if (status || !drawn) break;
        status = add_sample(trainer, &sample, err);
        sl_sample_release(&sample);
    }
    sl_mixture_close(&m);
    sl_skipped_close(&skipped, NULL);
    return status;
}

static sl_status train(const struct sl_bpe_train_options *options, const struct sl_cli_args *files, const char *out,
                       sl_error *err)
{
    struct sl_bpe_trainer *trainer = NULL;
    struct sl_tokenizer *t = NULL;
    double start = sl_clock_seconds();
    sl_status status = sl_bpe_trainer_new(options, &trainer, err);
    for (int i = 0; !status && i < files->n; i++)
        status = is_dataset(files->items[i]) ? add_dataset(trainer, files->items[i], err)
                                             : sl_bpe_trainer_add_file(trainer, files->items[i], err);
    if (!status) status = sl_bpe_trainer_finish(trainer, &t, err);
    if (!status) status = sl_tokenizer_save(t, out, err);
    if (!status) {
        int32_t vocab = sl_tokenizer_vocab_size(t);
        printf("%s: %d tokens, %zu merges, %.1f s\n", out, vocab, sl_tokenizer_n_merges(t), sl_clock_seconds() - start);
        if ((size_t)vocab < options->vocab_size)
            fprintf(stderr,
                    "seedling tokenizer train: the text has no more pairs that occur twice: %d tokens, not %zu\n",
                    vocab, options->vocab_size);
    }
    sl_tokenizer_free(&t);
    sl_bpe_trainer_free(&trainer);
    return status;
}

static int cmd_train(int argc, char **argv)
{
    struct bars bars = {.phase = NULL};
    struct sl_bpe_train_options o;
    sl_bpe_train_defaults(&o);
    int64_t vocab = (int64_t)o.vocab_size;
    const char *out = "tokenizer.json";
    const struct sl_cli_option options[] = {
        {.name = "vocab",
         .arg = "N",
         .help = "size of the vocabulary, bytes and special tokens included (default: 8192)",
         .min = SL_BPE_MIN_VOCABULARY,
         .max = 1 << 20,
         .integer = &vocab},
        {.name = "out",
         .short_name = 'o',
         .arg = "FILE",
         .help = "where to write (default: tokenizer.json)",
         .string = &out},
    };
    const struct sl_cli_spec spec = {
        .name = "tokenizer train",
        .args = "FILE|DIR...",
        .about =
            "Learns a byte-level BPE vocabulary and writes it as a Hugging Face tokenizer.json. Of datasets (folders,\n"
            "tar shards, .jsonl, .tsv) what is said in the samples is read, of other files all as text.\n"
            "The same text always gives the same file. The last 32 ids are Seedling's special tokens.",
        .example = "seedling tokenizer train --vocab 16384 --out tokenizer.json books.txt code.txt\n"
                   "seedling tokenizer train data/nano --out data/nano/tokenizer.json",
        .min_args = 1,
        .max_args = INT_MAX,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    o.vocab_size = (size_t)vocab;
    o.progress = show_progress;
    o.user = &bars;
    sl_error err = {0};
    sl_status status = train(&o, &args, out, &err);
    if (bars.phase) sl_progress_end(&bars.bar);
    return status ? sl_cli_failed(spec.name, "%s", err.message) : SL_EXIT_OK;
}

/* --- encode -------------------------------------------------------------------------------------------------- */

/* Appends everything of a stream, or of the file at path if stream is NULL. */
static sl_status read_all(const char *path, FILE *stream, struct sl_buf *out, sl_error *err)
{
    FILE *f = stream ? stream : fopen(path, "rb");
    if (!f) return sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
    char block[1 << 16];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0) sl_buf_add(out, block, n);
    sl_status status = SL_OK;
    if (ferror(f))
        status = sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
    else if (!sl_buf_ok(out))
        status = sl_fail(err, SL_ERR_MEMORY, "%s: too large", path);
    if (!stream) fclose(f);
    return status;
}

/* Prints the ids, and as JSON also how tokenizer.json spells each token. */
static sl_status print_ids(const struct sl_tokenizer *t, const struct sl_token_ids *ids, bool json, sl_error *err)
{
    if (!json) {
        for (size_t i = 0; i < ids->len; i++) printf(i ? " %d" : "%d", ids->data[i]);
        putchar('\n');
        return SL_OK;
    }
    json_t *numbers = json_array(), *tokens = json_array();
    struct sl_buf spelled = SL_BUF_INIT(max_input), text = SL_BUF_INIT(max_input);
    for (size_t i = 0; i < ids->len; i++) {
        size_t n;
        const char *bytes = sl_tokenizer_token(t, ids->data[i], &n);
        sl_buf_clear(&spelled);
        if (sl_tokenizer_is_added(t, ids->data[i]))
            sl_buf_add(&spelled, bytes, n);
        else
            sl_byte_level_spell(bytes, n, &spelled);
        json_array_append_new(numbers, json_integer(ids->data[i]));
        json_array_append_new(tokens, json_string(sl_buf_str(&spelled)));
    }
    json_t *object = json_pack("{s:o, s:o}", "ids", numbers, "tokens", tokens);
    sl_status status = sl_json_dump(object, 0, &text, err);
    if (!status) printf("%s\n", sl_buf_str(&text));
    json_decref(object);
    sl_buf_release(&spelled);
    sl_buf_release(&text);
    return status;
}

static int cmd_encode(int argc, char **argv)
{
    const char *file = NULL;
    bool json = false, plain = false;
    const struct sl_cli_option options[] = {
        {.name = "file", .short_name = 'f', .arg = "FILE", .help = "encode this file's text", .string = &file},
        {.name = "plain", .help = "read special tokens and tags in the text as plain text", .flag = &plain},
    };
    const struct sl_cli_spec spec = {
        .name = "tokenizer encode",
        .args = "TOKENIZER|MODEL_DIR [TEXT]",
        .about = "Prints the token ids of TEXT, of a file, or of standard input. TOKENIZER is a tokenizer.json.",
        .example = "seedling tokenizer encode tokenizer.json \"a cat <point>500 500</point>\"\n"
                   "  seedling tokenizer encode tokenizer.json --json -f notes.txt\n"
                   "  seedling tokenizer encode models/seedling-nano < notes.txt",
        .min_args = 1,
        .max_args = 2,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .json = &json,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (file && args.n == 2) return sl_cli_usage(spec.name, "TEXT and --file exclude each other");

    sl_error err = {0};
    struct sl_tokenizer *t = NULL;
    struct sl_buf text = SL_BUF_INIT(max_input);
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(max_input);
    sl_status status = sl_tokenizer_load(args.items[0], &t, &err);
    if (!status && args.n == 2)
        sl_buf_addstr(&text, args.items[1]);
    else if (!status)
        status = read_all(file ? file : "standard input", file ? NULL : stdin, &text, &err);
    if (!status)
        status = sl_tokenizer_encode(t, sl_buf_str(&text), text.len, plain ? SL_ENCODE_PLAIN : SL_ENCODE_EVERYTHING,
                                     &ids, &err);
    if (!status) status = print_ids(t, &ids, json, &err);
    sl_token_ids_release(&ids);
    sl_buf_release(&text);
    sl_tokenizer_free(&t);
    return status ? sl_cli_failed(spec.name, "%s", err.message) : SL_EXIT_OK;
}

/* --- decode -------------------------------------------------------------------------------------------------- */

/* Appends the ids in text, which stand between white space, commas and brackets. */
static sl_status parse_ids(const char *text, struct sl_token_ids *ids, sl_error *err)
{
    const char *const separators = " \t\r\n,[]";
    for (const char *p = text + strspn(text, separators); *p; p += strspn(p, separators)) {
        char *end;
        size_t n = strcspn(p, separators);
        errno = 0;
        long id = strtol(p, &end, 10);
        if (end != p + n || errno || id < 0 || id > INT32_MAX)
            return sl_fail(err, SL_ERR_ARGUMENT, "'%.*s' is no token id", (int)(n < 40 ? n : 40), p);
        if (!sl_token_ids_add(ids, (int32_t)id)) return sl_fail(err, SL_ERR_MEMORY, "too many ids");
        p = end;
    }
    return SL_OK;
}

/* Prints the text, byte for byte so that encode and decode in a pipe are the identity; JSON needs valid UTF-8. */
static sl_status print_text(const struct sl_tokenizer *t, const struct sl_token_ids *ids, bool skip_special, bool json,
                            sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(max_input), out = SL_BUF_INIT(max_input);
    sl_status status = SL_OK;
    if (!json) {
        status = sl_tokenizer_decode(t, ids->data, ids->len, skip_special, &text, err);
        if (!status) fwrite(sl_buf_str(&text), 1, text.len, stdout);
        if (!status && isatty(STDOUT_FILENO)) putchar('\n');
    } else {
        struct sl_token_stream stream = {0};
        for (size_t i = 0; !status && i < ids->len; i++)
            status = sl_token_stream_add(t, &stream, ids->data[i], skip_special, &text, err);
        sl_token_stream_end(&stream, &text);
        json_t *object = json_pack("{s:s%}", "text", sl_buf_str(&text), text.len);
        if (!status) status = sl_json_dump(object, 0, &out, err);
        if (!status) printf("%s\n", sl_buf_str(&out));
        json_decref(object);
    }
    sl_buf_release(&text);
    sl_buf_release(&out);
    return status;
}

static int cmd_decode(int argc, char **argv)
{
    bool json = false, skip_special = false;
    const struct sl_cli_option options[] = {
        {.name = "skip-special", .help = "leave out special tokens such as <|im_end|>", .flag = &skip_special},
    };
    const struct sl_cli_spec spec = {
        .name = "tokenizer decode",
        .args = "TOKENIZER|MODEL_DIR [ID...]",
        .about =
            "Prints the text of token ids, given as arguments or on standard input, exactly: no line feed is added\n"
            "unless the output is a terminal.",
        .example = "seedling tokenizer decode tokenizer.json 2046 311 908\n"
                   "  seedling tokenizer encode tokenizer.json hello | seedling tokenizer decode tokenizer.json",
        .min_args = 1,
        .max_args = INT_MAX,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .json = &json,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;

    sl_error err = {0};
    struct sl_tokenizer *t = NULL;
    struct sl_buf text = SL_BUF_INIT(max_input);
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(max_input);
    sl_status status = sl_tokenizer_load(args.items[0], &t, &err);
    for (int i = 1; !status && i < args.n; i++) status = parse_ids(args.items[i], &ids, &err);
    if (!status && args.n == 1) {
        status = read_all("standard input", stdin, &text, &err);
        if (!status) status = parse_ids(sl_buf_str(&text), &ids, &err);
    }
    if (!status) status = print_text(t, &ids, skip_special, json, &err);
    sl_token_ids_release(&ids);
    sl_buf_release(&text);
    sl_tokenizer_free(&t);
    return status ? sl_cli_failed(spec.name, "%s", err.message) : SL_EXIT_OK;
}

/* --- the command --------------------------------------------------------------------------------------------- */

int sl_cmd_tokenizer(int argc, char **argv)
{
    static const struct sl_cli_command commands[] = {
        {"train", "learn a vocabulary from text files", cmd_train},
        {"encode", "text to token ids", cmd_encode},
        {"decode", "token ids to text", cmd_decode},
    };
    const struct sl_cli_menu menu = {
        .name = "seedling tokenizer",
        .about = "Byte-level BPE tokenizers in Hugging Face's tokenizer.json.",
        .example = "seedling tokenizer train --vocab 8192 --out tokenizer.json text.txt",
        .commands = commands,
        .n_commands = SL_CLI_COUNT(commands),
    };
    return sl_cli_dispatch(&menu, argc, argv);
}
