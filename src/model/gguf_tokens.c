/*
 * gguf_tokens.c: the lists as the tokenizer.json that they stand for, and the reverse.
 */
#include "model/gguf_tokens.h"

#include "base/json.h"
#include "text/byte_level.h"
#include "text/pretokenize.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char WHOLE_KEY[] = "tokenizer.huggingface.json";
enum { NORMAL = 1, CONTROL = 3, USER = 4, UNUSED = 5 }; /* tokenizer.ggml.token_type */
enum { MAX_TOKENS = 1 << 20, MAX_MERGES = 1 << 22 };

/* --- reading ---------------------------------------------------------------------------------------------------- */

/* What tokenizer.ggml.pre stands for: a pattern, and whether text is brought to NFC first. */
static const struct {
    const char *name, *pattern;
    bool nfc;
} pre_kinds[] = {
    {"qwen2", SL_PATTERN_QWEN2, true},
    {"deepseek-r1-qwen", SL_PATTERN_QWEN2, true},
    {"gpt-2", SL_PATTERN_GPT2, false},
};

static json_t *steps_of(const char *pattern)
{
    return json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, {s:s, s:b, s:b}]}", "type", "Sequence", "pretokenizers",
                     "type", "Split", "pattern", "Regex", pattern, "behavior", "Isolated", "invert", 0, "type",
                     "ByteLevel", "add_prefix_space", 0, "use_regex", 0);
}

/* Adds how text is cut. */
static sl_status read_pre(const sl_gguf *g, json_t *top, sl_error *err)
{
    const char *model, *pre = "qwen2";
    if (!sl_gguf_get_string(g, "tokenizer.ggml.model", &model) || strcmp(model, "gpt2") != 0)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "key \"tokenizer.ggml.model\": only \"gpt2\" (byte-level BPE) is read");
    sl_gguf_get_string(g, "tokenizer.ggml.pre", &pre);
    for (size_t i = 0; i < sizeof pre_kinds / sizeof *pre_kinds; i++) {
        if (strcmp(pre, pre_kinds[i].name) != 0) continue;
        int failed = json_object_set_new(top, "pre_tokenizer", steps_of(pre_kinds[i].pattern));
        if (pre_kinds[i].nfc) failed |= json_object_set_new(top, "normalizer", json_pack("{s:s}", "type", "NFC"));
        return failed ? sl_fail(err, SL_ERR_MEMORY, "no memory for a tokenizer") : SL_OK;
    }
    return sl_fail(err, SL_ERR_UNSUPPORTED,
                   "key \"tokenizer.ggml.pre\": \"%.60s\" is not read; qwen2, deepseek-r1-qwen and gpt-2 are", pre);
}

/* Adds token `id` of a type to the vocabulary or to the added tokens. */
static sl_status read_token(json_t *vocab, json_t *added, uint64_t id, int64_t type, const char *s, size_t n,
                            sl_error *err)
{
    char copy[1024];
    if (type == UNUSED || n == 0) return SL_OK;
    if (type != NORMAL && type != CONTROL && type != USER)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "token %" PRIu64 " has type %" PRId64 ", which is not read", id, type);
    if (n >= sizeof copy || memchr(s, 0, n))
        return sl_fail(err, SL_ERR_FORMAT, "token %" PRIu64 " of %zu bytes is too long or holds a NUL", id, n);
    memcpy(copy, s, n);
    copy[n] = '\0';
    json_t *text = json_string(copy);
    if (!text) return sl_fail(err, SL_ERR_FORMAT, "token %" PRIu64 " is no UTF-8", id);
    int failed = 0;
    if (type == NORMAL) {
        if (json_object_get(vocab, copy)) failed = 1;
        failed |= json_object_set_new(vocab, copy, json_integer((json_int_t)id));
        json_decref(text);
    } else {
        failed = json_array_append_new(added, json_pack("{s:I, s:o, s:b, s:b}", "id", (json_int_t)id, "content", text,
                                                        "special", type == CONTROL, "normalized", 0));
    }
    return failed ? sl_fail(err, SL_ERR_FORMAT, "token %" PRIu64 " is there twice", id) : SL_OK;
}

static sl_status read_tokens(const sl_gguf *g, json_t *vocab, json_t *added, sl_error *err)
{
    const struct sl_gguf_value *tokens = sl_gguf_value(g, "tokenizer.ggml.tokens");
    const struct sl_gguf_value *types = sl_gguf_value(g, "tokenizer.ggml.token_type");
    struct sl_gguf_walk w = {0};
    const char *s;
    size_t n;
    if (tokens->kind != SL_GGUF_ARRAY || tokens->element != SL_GGUF_STRING || tokens->count > MAX_TOKENS)
        return sl_fail(err, SL_ERR_FORMAT, "key \"tokenizer.ggml.tokens\": no list of at most %d strings", MAX_TOKENS);
    if (types && types->count != tokens->count)
        return sl_fail(err, SL_ERR_FORMAT, "%" PRIu64 " tokens, but %" PRIu64 " types of tokens", tokens->count,
                       types->count);
    sl_status status = SL_OK;
    for (uint64_t i = 0; status == SL_OK && sl_gguf_next_string(tokens, &w, &s, &n); i++) {
        int64_t type = NORMAL;
        if (types && !sl_gguf_element_int(types, i, &type))
            status = sl_fail(err, SL_ERR_FORMAT, "key \"tokenizer.ggml.token_type\": no list of integers");
        else
            status = read_token(vocab, added, i, type, s, n, err);
    }
    return status;
}

static sl_status read_merges(const sl_gguf *g, json_t *out, sl_error *err)
{
    const struct sl_gguf_value *merges = sl_gguf_value(g, "tokenizer.ggml.merges");
    struct sl_gguf_walk w = {0};
    const char *s;
    size_t n;
    if (!merges || merges->kind != SL_GGUF_ARRAY || (merges->element != SL_GGUF_STRING && merges->count) ||
        merges->count > MAX_MERGES)
        return sl_fail(err, SL_ERR_FORMAT, "key \"tokenizer.ggml.merges\": no list of at most %d strings", MAX_MERGES);
    for (uint64_t i = 0; sl_gguf_next_string(merges, &w, &s, &n); i++)
        if (json_array_append_new(out, json_stringn(s, n)))
            return sl_fail(err, SL_ERR_FORMAT, "merge %" PRIu64 " is no UTF-8", i);
    return SL_OK;
}

sl_status sl_gguf_tokens_read(const sl_gguf *g, struct sl_buf *out, sl_error *err)
{
    const char *whole;
    if (sl_gguf_get_string(g, WHOLE_KEY, &whole)) {
        sl_buf_addstr(out, whole);
        return sl_buf_ok(out) ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "key \"%s\" is too long", WHOLE_KEY);
    }
    if (!sl_gguf_value(g, "tokenizer.ggml.tokens")) return SL_OK;
    json_t *vocab = json_object(), *added = json_array(), *merges = json_array();
    json_t *top = json_pack("{s:O, s:{s:s, s:O, s:O}}", "added_tokens", added, "model", "type", "BPE", "vocab", vocab,
                            "merges", merges);
    sl_status s = top ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a tokenizer");
    if (s == SL_OK) s = read_pre(g, top, err);
    if (s == SL_OK) s = read_tokens(g, vocab, added, err);
    if (s == SL_OK) s = read_merges(g, merges, err);
    if (s == SL_OK) s = sl_json_dump(top, 0, out, err);
    json_decref(top);
    json_decref(vocab);
    json_decref(added);
    json_decref(merges);
    return s;
}

int sl_gguf_tokens_find(const sl_gguf *g, const char *text)
{
    const struct sl_gguf_value *tokens = sl_gguf_value(g, "tokenizer.ggml.tokens");
    struct sl_gguf_walk w = {0};
    const char *s;
    size_t n, want = strlen(text);
    for (int i = 0; tokens && i < MAX_TOKENS && sl_gguf_next_string(tokens, &w, &s, &n); i++)
        if (n == want && memcmp(s, text, n) == 0) return i;
    return -1;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

/* A token as vocabularies spell it: added and raw ones by their text, others in the byte alphabet. */
static void append_token(sl_gguf_writer *w, const char *bytes, size_t n, bool as_is, struct sl_buf *spelled)
{
    sl_buf_clear(spelled);
    if (as_is)
        sl_buf_add(spelled, bytes, n);
    else
        sl_byte_level_spell(bytes, n, spelled);
    sl_gguf_writer_append_string(w, sl_buf_str(spelled), spelled->len);
}

/* The form that other programs read: tokens and their types. Ids that are no token are unused (type 5). */
static sl_status write_tokens(sl_gguf_writer *w, const struct sl_tokenizer *t, const sl_config *c, sl_error *err)
{
    struct sl_buf spelled = SL_BUF_INIT(1 << 22);
    int32_t vocab = c->decoder.vocab;
    sl_gguf_writer_string(w, "tokenizer.ggml.model", "gpt2");
    sl_gguf_writer_string(w, "tokenizer.ggml.pre", "qwen2");
    sl_gguf_writer_array(w, "tokenizer.ggml.tokens", SL_GGUF_STRING, (uint64_t)vocab);
    for (int32_t i = 0; i < vocab; i++) {
        size_t n = 0;
        char unused[32];
        const char *bytes = i < sl_tokenizer_vocab_size(t) ? sl_tokenizer_token(t, i, &n) : NULL;
        if (bytes) {
            append_token(w, bytes, n, sl_tokenizer_is_added(t, i), &spelled);
        } else {
            int length = snprintf(unused, sizeof unused, "[PAD%d]", i);
            append_token(w, unused, (size_t)length, true, &spelled);
        }
    }
    sl_gguf_writer_array(w, "tokenizer.ggml.token_type", SL_GGUF_I32, (uint64_t)vocab);
    for (int32_t i = 0; i < vocab; i++) {
        size_t n;
        bool there = i < sl_tokenizer_vocab_size(t) && sl_tokenizer_token(t, i, &n);
        sl_gguf_writer_append_i32(w, !there                          ? UNUSED
                                     : sl_tokenizer_is_special(t, i) ? CONTROL
                                     : sl_tokenizer_is_added(t, i)   ? USER
                                                                     : NORMAL);
    }
    sl_gguf_writer_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)c->ids.eos);
    sl_gguf_writer_u32(w, "tokenizer.ggml.padding_token_id", (uint32_t)c->ids.pad);
    if (c->ids.bos >= 0) sl_gguf_writer_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)c->ids.bos);
    sl_gguf_writer_bool(w, "tokenizer.ggml.add_bos_token", false);
    bool ok = sl_buf_ok(&spelled);
    sl_buf_release(&spelled);
    return ok ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "a token is too long");
}

/* The merges, from the parsed document, since a tokenizer does not tell them. */
static sl_status write_merges(sl_gguf_writer *w, const char *tokenizer_json, sl_error *err)
{
    json_t *top;
    sl_status s = sl_json_parse(tokenizer_json, strlen(tokenizer_json), 32, &top, err);
    if (s != SL_OK) return s;
    const json_t *merges = json_object_get(json_object_get(top, "model"), "merges");
    sl_gguf_writer_array(w, "tokenizer.ggml.merges", SL_GGUF_STRING, json_array_size(merges));
    struct sl_buf pair = SL_BUF_INIT(1 << 22);
    for (size_t i = 0; i < json_array_size(merges); i++) {
        const json_t *m = json_array_get(merges, i);
        sl_buf_clear(&pair);
        if (json_is_array(m)) {
            sl_buf_addstr(&pair, json_string_value(json_array_get(m, 0)));
            sl_buf_addch(&pair, ' ');
            sl_buf_addstr(&pair, json_string_value(json_array_get(m, 1)));
        } else {
            sl_buf_addstr(&pair, json_string_value(m));
        }
        sl_gguf_writer_append_string(w, sl_buf_str(&pair), pair.len);
    }
    bool ok = sl_buf_ok(&pair);
    sl_buf_release(&pair);
    json_decref(top);
    return ok ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "a merge is too long");
}

sl_status sl_gguf_tokens_write(sl_gguf_writer *w, const struct sl_tokenizer *t, const char *tokenizer_json, bool whole,
                               const sl_config *c, sl_error *err)
{
    sl_status s = write_tokens(w, t, c, err);
    if (s == SL_OK) s = write_merges(w, tokenizer_json, err);
    if (s == SL_OK && whole) sl_gguf_writer_string(w, WHOLE_KEY, tokenizer_json);
    return s;
}
