/*
 * tokenizer_folder.c: tokenizers of checkpoints that have no tokenizer.json: Qwen's older files (vocab.json,
 * merges.txt, tokenizer_config.json) and Kimi's (tiktoken.model, tokenizer_config.json).
 *
 * The first become the tokenizer.json that they stand for. The second give tokens in order of rank and no merges: two
 * neighbours merge whenever they are a token together, lowest rank first, so every way to split a token is a merge.
 */
#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/tokenizer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 64 << 20, MAX_DEPTH = 64, MAX_TOKEN = 1 << 12 };

/* Kimi's pattern: runs of Han; words that may begin with one mark, split where capitals follow; up to three digits. */
#define WORD_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
#define WORD_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
#define SHORT_FORM "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
static const char kimi_pattern[] =
    "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?" WORD_UPPER "*" WORD_LOWER "+" SHORT_FORM "|[^\\r\\n\\p{L}\\p{N}]?" WORD_UPPER
    "+" WORD_LOWER "*" SHORT_FORM "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

static sl_status read_file(const char *dir, const char *name, struct sl_buf *out, sl_error *err)
{
    char *path = sl_path_join(dir, name);
    if (!path) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a path");
    sl_status s = sl_file_read(path, out, err);
    free(path);
    return s;
}

static bool has_file(const char *dir, const char *name)
{
    char *path = sl_path_join(dir, name);
    bool has = path && sl_file_exists(path);
    free(path);
    return has;
}

/* DIR/tokenizer_config.json, owned; an empty object when there is none. */
static sl_status load_config(const char *dir, json_t **out, sl_error *err)
{
    *out = NULL;
    if (!has_file(dir, "tokenizer_config.json")) {
        *out = json_object();
        return *out ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for a tokenizer");
    }
    char *path = sl_path_join(dir, "tokenizer_config.json");
    sl_status s = path ? sl_json_load(path, MAX_FILE, MAX_DEPTH, out, err) : SL_ERR_MEMORY;
    free(path);
    return s;
}

/* The added tokens of a tokenizer_config.json as tokenizer.json has them: a list of objects with their ids. Owned. */
static json_t *added_tokens(const json_t *config)
{
    json_t *list = json_array(), *entry;
    const char *id;
    json_object_foreach(json_object_get(config, "added_tokens_decoder"), id, entry)
    {
        json_t *copy = json_copy(entry);
        json_object_set_new(copy, "id", json_integer(strtoll(id, NULL, 10)));
        json_array_append_new(list, copy);
    }
    return list;
}

/* --- Qwen ----------------------------------------------------------------------------------------------------------
 */

/* The lines of merges.txt but for its first, which says a version. Owned. */
static json_t *merge_lines(const struct sl_buf *text)
{
    json_t *merges = json_array();
    const char *s = text->data, *end = s + text->len;
    while (s && s < end) {
        const char *line = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((line ? line : end) - s);
        while (n && s[n - 1] == '\r') n--;
        if (n && strncmp(s, "#version", 8) != 0) json_array_append_new(merges, json_stringn(s, n));
        s = line ? line + 1 : end;
    }
    return merges;
}

static json_t *qwen_steps(void)
{
    return json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, {s:s, s:b, s:b}]}", "type", "Sequence", "pretokenizers",
                     "type", "Split", "pattern", "Regex", SL_PATTERN_QWEN2, "behavior", "Isolated", "invert", 0, "type",
                     "ByteLevel", "add_prefix_space", 0, "use_regex", 0);
}

static sl_status load_qwen(const char *dir, struct sl_tokenizer **out, sl_error *err)
{
    struct sl_buf vocab_text = SL_BUF_INIT(MAX_FILE), merges_text = SL_BUF_INIT(MAX_FILE);
    struct sl_buf whole = SL_BUF_INIT(4 * (size_t)MAX_FILE);
    json_t *vocab = NULL, *config = NULL, *document = NULL;
    sl_status s = read_file(dir, "vocab.json", &vocab_text, err);
    if (s == SL_OK) s = read_file(dir, "merges.txt", &merges_text, err);
    if (s == SL_OK) s = sl_json_parse(sl_buf_str(&vocab_text), vocab_text.len, MAX_DEPTH, &vocab, err);
    if (s == SL_OK) s = load_config(dir, &config, err);
    const char *kind = json_string_value(json_object_get(config, "tokenizer_class"));
    if (s == SL_OK && kind && strncmp(kind, "Qwen2Tokenizer", 14) != 0)
        s = sl_fail(err, SL_ERR_UNSUPPORTED, "tokenizer_class: '%.60s' without a tokenizer.json is not supported",
                    kind);
    if (s == SL_OK) {
        document = json_pack("{s:o, s:{s:s}, s:o, s:{s:s, s:o, s:o}}", "added_tokens", added_tokens(config),
                             "normalizer", "type", "NFC", "pre_tokenizer", qwen_steps(), "model", "type", "BPE",
                             "vocab", json_incref(vocab), "merges", merge_lines(&merges_text));
        s = sl_json_dump(document, 0, &whole, err);
    }
    if (s == SL_OK) s = sl_tokenizer_parse(sl_buf_str(&whole), whole.len, out, err);
    if (s != SL_OK) sl_fail_context(err, s, "%s", dir);
    json_decref(document);
    json_decref(config);
    json_decref(vocab);
    sl_buf_release(&whole);
    sl_buf_release(&merges_text);
    sl_buf_release(&vocab_text);
    return s;
}

/* --- Kimi ----------------------------------------------------------------------------------------------------------
 */

/* Reads one line, "<base64> <rank>". */
static sl_status read_ranked(struct sl_tokenizer *t, const char *line, size_t n, size_t number, struct sl_buf *bytes,
                             sl_error *err)
{
    const char *space = memchr(line, ' ', n);
    char *end = NULL;
    long id = space ? strtol(space + 1, &end, 10) : -1;
    sl_buf_clear(bytes);
    if (!space || end == space + 1 || id < 0 || id >= SL_MAX_VOCABULARY)
        return sl_fail(err, SL_ERR_FORMAT, "line %zu is no token with its rank", number);
    sl_status s = sl_base64_decode(line, (size_t)(space - line), bytes, err);
    if (s == SL_OK && (bytes->len == 0 || bytes->len > MAX_TOKEN))
        s = sl_fail(err, SL_ERR_FORMAT, "a token of %zu bytes", bytes->len);
    if (s == SL_OK) s = sl_tokenizer_add_token(t, (int32_t)id, bytes->data, bytes->len, false, err);
    return s == SL_OK ? s : sl_fail_context(err, s, "line %zu", number);
}

static sl_status read_ranks(struct sl_tokenizer *t, const struct sl_buf *text, sl_error *err)
{
    struct sl_buf bytes = SL_BUF_INIT(MAX_FILE);
    const char *s = sl_buf_str(text), *end = s + text->len;
    sl_status status = SL_OK;
    for (size_t number = 1; s < end && status == SL_OK; number++) {
        const char *line = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((line ? line : end) - s);
        if (n) status = read_ranked(t, s, n, number, &bytes, err);
        s = line ? line + 1 : end;
    }
    sl_buf_release(&bytes);
    return status;
}

/* Every way to make a token of two others, in order of rank. */
static sl_status make_merges(struct sl_tokenizer *t, sl_error *err)
{
    struct sl_bpe_merge *list = NULL;
    size_t n_merges = 0, cap = 0;
    for (int32_t id = 0; id < t->n_tokens; id++) {
        size_t n = 0;
        const char *bytes = sl_tokenizer_token(t, id, &n);
        for (size_t cut = 1; bytes && cut < n; cut++) {
            int32_t left = sl_bpe_find(&t->bpe, bytes, cut), right = sl_bpe_find(&t->bpe, bytes + cut, n - cut);
            if (left < 0 || right < 0) continue;
            if (!sl_grow_array((void **)&list, &cap, n_merges + 1, sizeof *list, (size_t)1 << 26)) {
                free(list);
                return sl_fail(err, SL_ERR_MEMORY, "out of memory for merges");
            }
            list[n_merges++] = (struct sl_bpe_merge){left, right, id};
        }
    }
    return sl_bpe_set_merges(&t->bpe, list, n_merges, err);
}

static sl_status add_special(struct sl_tokenizer *t, const json_t *config, sl_error *err)
{
    json_t *list = added_tokens(config), *entry;
    sl_status s = SL_OK;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(json_object_get(entry, "content"));
        json_int_t id = json_integer_value(json_object_get(entry, "id"));
        size_t n, known;
        if (s != SL_OK || !text || (n = strlen(text)) == 0) continue;
        if (id < 0 || id >= SL_MAX_VOCABULARY || sl_tokenizer_token(t, (int32_t)id, &known))
            s = sl_fail(err, SL_ERR_FORMAT, "added token '%.60s': id %lld is taken or none", text, (long long)id);
        struct sl_added_token token = {.text = (char *)text, .n = n, .id = (int32_t)id};
        token.special = json_is_true(json_object_get(entry, "special"));
        if (s == SL_OK) s = sl_tokenizer_add_added(t, &token, err);
    }
    json_decref(list);
    return s;
}

static sl_status load_kimi(const char *dir, struct sl_tokenizer **out, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_FILE);
    const struct sl_split split = {.pattern = kimi_pattern};
    struct sl_tokenizer *t = sl_tokenizer_new();
    json_t *config = NULL;
    sl_status s = t ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for a tokenizer");
    if (s == SL_OK) s = read_file(dir, "tiktoken.model", &text, err);
    if (s == SL_OK) s = load_config(dir, &config, err);
    if (s == SL_OK) s = sl_pretokenizer_new(&split, 1, &t->pretokenizer, err);
    if (s == SL_OK) s = read_ranks(t, &text, err);
    if (s == SL_OK) s = make_merges(t, err);
    if (s == SL_OK) s = add_special(t, config, err);
    if (s == SL_OK) s = sl_tokenizer_finish(t, err);
    json_decref(config);
    sl_buf_release(&text);
    if (s == SL_OK) {
        *out = t;
        return s;
    }
    sl_tokenizer_free(&t);
    return sl_fail_context(err, s, "%s/tiktoken.model", dir);
}

bool sl_tokenizer_in_parts(const char *dir)
{
    return !has_file(dir, "tokenizer.json") &&
           (has_file(dir, "tiktoken.model") || (has_file(dir, "vocab.json") && has_file(dir, "merges.txt")));
}

sl_status sl_tokenizer_load_parts(const char *dir, struct sl_tokenizer **out, sl_error *err)
{
    return has_file(dir, "tiktoken.model") ? load_kimi(dir, out, err) : load_qwen(dir, out, err);
}
