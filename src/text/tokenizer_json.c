/*
 * tokenizer_json.c: tokenizers from and to Hugging Face's tokenizer.json. docs/TOKENIZER.md says what of the format is
 * understood; anything else that would change the tokens is refused by name rather than ignored.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/byte_level.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t max_file = (size_t)256 << 20;
static const size_t max_token = (size_t)1 << 20;
enum { MAX_DEPTH = 32, MAX_SHOWN = 60 }; /* MAX_SHOWN: bytes of a token in a message */

/* --- reading: model ------------------------------------------------------------------------------------------ */

static sl_status read_vocab_entry(struct sl_tokenizer *t, const char *key, const json_t *value, struct sl_buf *bytes,
                                  sl_error *err)
{
    size_t n = strlen(key);
    int shown = sl_utf8_cut(key, n, MAX_SHOWN);
    if (!json_is_integer(value))
        return sl_fail(err, SL_ERR_FORMAT, "model.vocab: the id of '%.*s' is no integer", shown, key);
    json_int_t id = json_integer_value(value);
    if (n == 0 || n > max_token) return sl_fail(err, SL_ERR_FORMAT, "model.vocab: a token of %zu bytes", n);
    if (id < 0 || id >= SL_MAX_VOCABULARY)
        return sl_fail(err, SL_ERR_FORMAT, "model.vocab: the id of '%.*s', %lld, is not between 0 and %d", shown, key,
                       (long long)id, SL_MAX_VOCABULARY - 1);
    sl_buf_clear(bytes);
    bool raw = !sl_byte_level_unspell(key, n, bytes);
    sl_status status = raw ? sl_tokenizer_add_token(t, (int32_t)id, key, n, true, err)
                           : sl_tokenizer_add_token(t, (int32_t)id, bytes->data, bytes->len, false, err);
    return status ? sl_fail_context(err, status, "model.vocab: '%.*s'", shown, key) : SL_OK;
}

static sl_status read_vocab(struct sl_tokenizer *t, const json_t *vocab, sl_error *err)
{
    struct sl_buf bytes = SL_BUF_INIT(max_token);
    sl_status status = SL_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)vocab, key, value)
    {
        status = read_vocab_entry(t, key, value, &bytes, err);
        if (status) break;
    }
    sl_buf_release(&bytes);
    return status;
}

/* The two halves of a merge, as the file spells them; borrowed. */
struct halves {
    const char *part[2];
    size_t n[2];
};

static bool read_halves(const json_t *entry, struct halves *h)
{
    if (json_is_string(entry)) {
        const char *s = json_string_value(entry), *space = strchr(s, ' ');
        if (!space || strchr(space + 1, ' ')) return false;
        *h = (struct halves){{s, space + 1}, {(size_t)(space - s), strlen(space + 1)}};
        return true;
    }
    if (!json_is_array(entry) || json_array_size(entry) != 2) return false;
    for (int i = 0; i < 2; i++) {
        const json_t *part = json_array_get(entry, (size_t)i);
        if (!json_is_string(part)) return false;
        h->part[i] = json_string_value(part);
        h->n[i] = json_string_length(part);
    }
    return true;
}

static sl_status bad_merge(size_t i, const struct halves *h, const char *part, size_t n, sl_error *err)
{
    return sl_fail(err, SL_ERR_FORMAT, "merge %zu '%.*s %.*s': '%.*s' is not in the vocabulary", i,
                   sl_utf8_cut(h->part[0], h->n[0], MAX_SHOWN), h->part[0], sl_utf8_cut(h->part[1], h->n[1], MAX_SHOWN),
                   h->part[1], sl_utf8_cut(part, n, MAX_SHOWN), part);
}

static sl_status read_merge(const struct sl_tokenizer *t, size_t i, const json_t *entry, struct sl_buf *bytes,
                            struct sl_bpe_merge *out, sl_error *err)
{
    struct halves h;
    if (!read_halves(entry, &h) || h.n[0] > max_token || h.n[1] > max_token)
        return sl_fail(err, SL_ERR_FORMAT, "merge %zu is neither \"a b\" nor [\"a\", \"b\"]", i);
    size_t middle = 0;
    int32_t ids[2];
    sl_buf_clear(bytes);
    for (int k = 0; k < 2; k++) {
        size_t begin = bytes->len;
        bool known = sl_byte_level_unspell(h.part[k], h.n[k], bytes) && bytes->len > begin;
        ids[k] = known ? sl_bpe_find(&t->bpe, bytes->data + begin, bytes->len - begin) : -1;
        if (ids[k] < 0) return bad_merge(i, &h, h.part[k], h.n[k], err);
        if (k == 0) middle = bytes->len;
    }
    out->left = ids[0];
    out->right = ids[1];
    out->result = sl_bpe_find(&t->bpe, bytes->data, bytes->len);
    if (out->result >= 0) return SL_OK;
    struct sl_buf joined = SL_BUF_INIT(2 * max_token);
    sl_byte_level_spell(bytes->data, middle, &joined);
    sl_byte_level_spell(bytes->data + middle, bytes->len - middle, &joined);
    sl_status status = bad_merge(i, &h, sl_buf_str(&joined), joined.len, err);
    sl_buf_release(&joined);
    return status;
}

static sl_status read_merges(struct sl_tokenizer *t, const json_t *merges, sl_error *err)
{
    size_t n = json_array_size(merges);
    struct sl_bpe_merge *list = sl_alloc_array(n, sizeof *list);
    if (!list || n >= UINT32_MAX) {
        free(list);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for %zu merges", n);
    }
    struct sl_buf bytes = SL_BUF_INIT(2 * max_token);
    sl_status status = SL_OK;
    for (size_t i = 0; !status && i < n; i++)
        status = read_merge(t, i, json_array_get(merges, i), &bytes, &list[i], err);
    sl_buf_release(&bytes);
    if (status) {
        free(list);
        return status;
    }
    return sl_bpe_set_merges(&t->bpe, list, n, err);
}

/* Fails model unless the string `key` is missing, null or empty. */
static void refuse_affix(struct sl_json_object *model, const char *key)
{
    const char *s = "";
    if (sl_json_has(model, key)) sl_json_get_string(model, key, &s);
    if (*s) sl_json_fail(model, key, "'%s' is not supported: the vocabulary must be byte-level", s);
}

static bool get_flag(struct sl_json_object *o, const char *key, bool otherwise)
{
    if (sl_json_has(o, key)) sl_json_get_bool(o, key, &otherwise);
    return otherwise;
}

static sl_status read_model(struct sl_tokenizer *t, struct sl_json_object *model, sl_error *err)
{
    const char *type = "BPE";
    double dropout = 0;
    const json_t *merges = NULL;
    struct sl_json_object vocab;
    if (sl_json_has(model, "type")) sl_json_get_string(model, "type", &type);
    if (strcmp(type, "BPE") != 0) sl_json_fail(model, "type", "'%s' is not supported, only BPE is", type);
    if (sl_json_has(model, "dropout")) sl_json_get_number(model, "dropout", &dropout);
    if (dropout != 0) sl_json_fail(model, "dropout", "not supported");
    refuse_affix(model, "continuing_subword_prefix");
    refuse_affix(model, "end_of_word_suffix");
    if (get_flag(model, "byte_fallback", false)) sl_json_fail(model, "byte_fallback", "not supported");
    t->ignore_merges = get_flag(model, "ignore_merges", false);
    sl_json_get_array(model, "merges", &merges);
    sl_json_get_object(model, "vocab", &vocab);
    if (vocab.status) return vocab.status;
    sl_status status = read_vocab(t, vocab.value, err);
    return status ? status : read_merges(t, merges, err);
}

/* --- reading: added tokens ----------------------------------------------------------------------------------- */

static sl_status read_added(struct sl_tokenizer *t, size_t i, const json_t *entry, const json_t *vocab, sl_error *err)
{
    struct sl_json_object o;
    sl_json_open(&o, entry, err);
    snprintf(o.path, sizeof o.path, "added_tokens[%zu].", i);
    int64_t id = 0;
    const char *text = "";
    sl_json_get_int(&o, "id", 0, SL_MAX_VOCABULARY - 1, &id);
    sl_json_get_string(&o, "content", &text);
    bool special = get_flag(&o, "special", false);
    struct sl_added_token token = {
        .text = (char *)text,
        .n = strlen(text),
        .id = (int32_t)id,
        .special = special,
        .single_word = get_flag(&o, "single_word", false),
        .lstrip = get_flag(&o, "lstrip", false),
        .rstrip = get_flag(&o, "rstrip", false),
        .normalized = get_flag(&o, "normalized", !special),
    };
    if (o.status) return json_is_object(entry) ? o.status : sl_fail_context(err, o.status, "added_tokens[%zu]", i);
    if (token.n == 0 || token.n > max_token)
        return sl_fail(err, SL_ERR_FORMAT, "added_tokens[%zu].content: a token of %zu bytes", i, token.n);
    int shown = sl_utf8_cut(text, token.n, MAX_SHOWN);
    const json_t *in_vocab = json_object_get(vocab, text);
    size_t n;
    const char *other = in_vocab ? NULL : sl_tokenizer_token(t, token.id, &n);
    if (in_vocab && json_integer_value(in_vocab) != id)
        return sl_fail(err, SL_ERR_FORMAT, "added token '%.*s' has id %lld, in model.vocab it has %lld", shown, text,
                       (long long)id, (long long)json_integer_value(in_vocab));
    if (other)
        return sl_fail(err, SL_ERR_FORMAT, "added token '%.*s': id %lld is also that of '%.*s'", shown, text,
                       (long long)id, sl_utf8_cut(other, n, MAX_SHOWN), other);
    return sl_tokenizer_add_added(t, &token, err);
}

static sl_status read_all_added(struct sl_tokenizer *t, struct sl_json_object *top, const json_t *vocab, sl_error *err)
{
    if (!sl_json_has(top, "added_tokens")) return SL_OK;
    const json_t *list = NULL;
    sl_json_get_array(top, "added_tokens", &list);
    sl_status status = top->status;
    for (size_t i = 0; !status && i < json_array_size(list); i++)
        status = read_added(t, i, json_array_get(list, i), vocab, err);
    return status;
}

/* --- reading: normaliser and pre-tokenizer ------------------------------------------------------------------- */

/* Names in the order of sl_normal_form, from SL_FORM_NFC on. */
static const char *const form_names[] = {"NFC", "NFD", "NFKC", "NFKD"};

static const char *const behavior_names[] = {
    [SL_SPLIT_ISOLATED] = "Isolated",
    [SL_SPLIT_REMOVED] = "Removed",
    [SL_SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
    [SL_SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
    [SL_SPLIT_CONTIGUOUS] = "Contiguous",
};

static int index_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return (int)i;
    return -1;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void read_normalizer(struct sl_tokenizer *t, struct sl_json_object *o)
{
    const char *type = "";
    sl_json_get_string(o, "type", &type);
    if (o->status) return;
    int form = index_of(type, form_names, COUNT(form_names));
    if (form >= 0 && t->form != SL_FORM_NONE) {
        sl_json_fail(o, "type", "'%s': more than one normalisation form is not supported", type);
    } else if (form >= 0) {
        t->form = (sl_normal_form)(SL_FORM_NFC + form);
    } else if (strcmp(type, "Sequence") == 0) {
        const json_t *list = NULL;
        sl_json_get_array(o, "normalizers", &list);
        for (size_t i = 0; !o->status && i < json_array_size(list); i++) {
            struct sl_json_object item;
            sl_json_open(&item, json_array_get(list, i), o->err);
            if (!item.status) snprintf(item.path, sizeof item.path, "normalizer[%zu].", i);
            if (!item.status) read_normalizer(t, &item);
            o->status = item.status;
        }
    } else {
        sl_json_fail(o, "type", "'%s' is not supported, only NFC, NFD, NFKC, NFKD and Sequence are", type);
    }
}

/* The chain of splits being read. Patterns are borrowed from the document. */
struct chain {
    struct sl_split splits[SL_MAX_SPLITS];
    size_t n;
    bool byte_level; /* the step that ends a chain was met */
};

static void add_split(struct sl_json_object *o, struct chain *c, struct sl_split split)
{
    if (c->n == SL_MAX_SPLITS) {
        sl_json_fail(o, "type", "more than %d splits", SL_MAX_SPLITS);
        return;
    }
    c->splits[c->n++] = split;
}

static void read_split(struct sl_json_object *o, struct chain *c)
{
    struct sl_split split = {0};
    struct sl_json_object pattern;
    const char *behavior = "";
    sl_json_get_string(o, "behavior", &behavior);
    split.invert = get_flag(o, "invert", false);
    sl_json_get_object(o, "pattern", &pattern);
    if (!pattern.status) split.literal = sl_json_has(&pattern, "String");
    sl_json_get_string(&pattern, split.literal ? "String" : "Regex", &split.pattern);
    o->status = pattern.status;
    if (o->status) return;
    int which = index_of(behavior, behavior_names, COUNT(behavior_names));
    split.behavior = which < 0 ? SL_SPLIT_ISOLATED : (sl_split_behavior)which;
    if (which < 0)
        sl_json_fail(o, "behavior", "no such behavior: '%s'", behavior);
    else if (!*split.pattern)
        sl_json_fail(o, "pattern", "the pattern is empty");
    else
        add_split(o, c, split);
}

static void read_pre_tokenizer(struct sl_json_object *o, struct chain *c)
{
    const char *type = "";
    sl_json_get_string(o, "type", &type);
    if (o->status) return;
    if (c->byte_level) {
        sl_json_fail(o, "type", "'%s' after ByteLevel is not supported", type);
    } else if (strcmp(type, "Split") == 0) {
        read_split(o, c);
    } else if (strcmp(type, "Digits") == 0) {
        bool single = get_flag(o, "individual_digits", false);
        add_split(o, c, (struct sl_split){.pattern = single ? "\\p{N}" : "\\p{N}+"});
    } else if (strcmp(type, "ByteLevel") == 0) {
        c->byte_level = true;
        if (get_flag(o, "add_prefix_space", false)) sl_json_fail(o, "add_prefix_space", "not supported");
        if (get_flag(o, "use_regex", true)) add_split(o, c, (struct sl_split){.pattern = SL_PATTERN_GPT2});
    } else if (strcmp(type, "Sequence") == 0) {
        const json_t *list = NULL;
        sl_json_get_array(o, "pretokenizers", &list);
        for (size_t i = 0; !o->status && i < json_array_size(list); i++) {
            struct sl_json_object item;
            sl_json_open(&item, json_array_get(list, i), o->err);
            if (!item.status) snprintf(item.path, sizeof item.path, "pre_tokenizer[%zu].", i);
            if (!item.status) read_pre_tokenizer(&item, c);
            o->status = item.status;
        }
    } else {
        sl_json_fail(o, "type", "'%s' is not supported, only Split, Digits, ByteLevel and Sequence are", type);
    }
}

static sl_status read_text_steps(struct sl_tokenizer *t, struct sl_json_object *top, sl_error *err)
{
    struct sl_json_object o;
    if (sl_json_has(top, "normalizer")) {
        sl_json_get_object(top, "normalizer", &o);
        if (!o.status) read_normalizer(t, &o);
        if (o.status) return o.status;
    }
    struct chain chain = {0};
    if (sl_json_has(top, "pre_tokenizer")) {
        sl_json_get_object(top, "pre_tokenizer", &o);
        if (!o.status) read_pre_tokenizer(&o, &chain);
        if (o.status) return o.status;
    }
    if (!chain.byte_level)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "pre_tokenizer: no ByteLevel step, so this is no byte-level BPE");
    sl_status status = sl_pretokenizer_new(chain.splits, chain.n, &t->pretokenizer, err);
    return status ? sl_fail_context(err, status, "pre_tokenizer") : SL_OK;
}

/* --- reading: the whole -------------------------------------------------------------------------------------- */

static sl_status read_document(struct sl_tokenizer *t, const json_t *document, sl_error *err)
{
    struct sl_json_object top, model;
    sl_json_open(&top, document, err);
    if (top.status) return top.status;
    sl_json_get_object(&top, "model", &model);
    if (model.status) return model.status;
    sl_status status = read_text_steps(t, &top, err);
    if (!status) status = read_model(t, &model, err);
    if (!status) status = read_all_added(t, &top, json_object_get(model.value, "vocab"), err);
    return status ? status : sl_tokenizer_finish(t, err);
}

sl_status sl_tokenizer_parse(const char *json, size_t n, struct sl_tokenizer **out, sl_error *err)
{
    *out = NULL;
    json_t *document = NULL;
    sl_status status = sl_json_parse(json, n, MAX_DEPTH, &document, err);
    if (status) return status;
    struct sl_tokenizer *t = sl_tokenizer_new();
    status = t ? read_document(t, document, err) : sl_fail(err, SL_ERR_MEMORY, "out of memory for a tokenizer");
    json_decref(document);
    if (status)
        sl_tokenizer_free(&t);
    else
        *out = t;
    return status;
}

sl_status sl_tokenizer_load(const char *path, struct sl_tokenizer **out, sl_error *err)
{
    *out = NULL;
    if (sl_dir_exists(path) && sl_tokenizer_in_parts(path)) return sl_tokenizer_load_parts(path, out, err);
    char *inside = sl_dir_exists(path) ? sl_path_join(path, "tokenizer.json") : sl_strdup(path);
    if (!inside) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a path");
    struct sl_buf text = SL_BUF_INIT(max_file);
    sl_status status = sl_file_read(inside, &text, err);
    if (!status) {
        status = sl_tokenizer_parse(sl_buf_str(&text), text.len, out, err);
        if (status) sl_fail_context(err, status, "%s", inside);
    }
    sl_buf_release(&text);
    free(inside);
    return status;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

/* Puts into key what the vocabulary calls the token: added and raw ones by their text, others in the byte alphabet. */
static const char *vocab_key(const struct sl_tokenizer *t, int32_t id, struct sl_buf *key)
{
    size_t n;
    const char *bytes = sl_tokenizer_token(t, id, &n);
    if (t->tokens[id].raw || t->tokens[id].added)
        sl_buf_add(key, bytes, n);
    else
        sl_byte_level_spell(bytes, n, key);
    return sl_buf_str(key);
}

static json_t *write_vocab(const struct sl_tokenizer *t, struct sl_buf *key)
{
    json_t *vocab = json_object();
    for (int32_t id = 0; id < t->n_tokens; id++) {
        if (!t->tokens[id].in_vocabulary) continue;
        sl_buf_clear(key);
        if (json_object_set_new(vocab, vocab_key(t, id, key), json_integer(id)) != 0) {
            json_decref(vocab);
            return NULL;
        }
    }
    return vocab;
}

static json_t *write_merges(const struct sl_tokenizer *t, struct sl_buf *key)
{
    json_t *merges = json_array();
    for (size_t i = 0; i < t->bpe.n_merges; i++) {
        sl_buf_clear(key);
        vocab_key(t, t->bpe.merges[i].left, key);
        sl_buf_addch(key, ' ');
        vocab_key(t, t->bpe.merges[i].right, key);
        if (json_array_append_new(merges, json_string(sl_buf_str(key))) != 0) {
            json_decref(merges);
            return NULL;
        }
    }
    return merges;
}

static int compare_ids(const void *a, const void *b)
{
    const struct sl_added_token *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static json_t *write_added(const struct sl_tokenizer *t)
{
    const struct sl_added_token **order = sl_alloc_array(t->added.n, sizeof *order);
    json_t *list = json_array();
    for (size_t i = 0; order && i < t->added.n; i++) order[i] = &t->added.tokens[i];
    if (order) qsort(order, t->added.n, sizeof *order, compare_ids);
    bool good = order != NULL;
    for (size_t i = 0; good && i < t->added.n; i++) {
        const struct sl_added_token *a = order[i];
        json_t *entry = json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", a->id, "content", a->text, "single_word",
                                  a->single_word, "lstrip", a->lstrip, "rstrip", a->rstrip, "normalized", a->normalized,
                                  "special", a->special);
        good = json_array_append_new(list, entry) == 0;
    }
    free(order);
    if (good) return list;
    json_decref(list);
    return NULL;
}

static json_t *write_byte_level(void)
{
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 0, "use_regex",
                     0);
}

static json_t *write_pre_tokenizer(const struct sl_tokenizer *t)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < sl_pretokenizer_n_splits(t->pretokenizer); i++) {
        const struct sl_split *s = sl_pretokenizer_split_at(t->pretokenizer, i);
        json_array_append_new(steps, json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern",
                                               s->literal ? "String" : "Regex", s->pattern, "behavior",
                                               behavior_names[s->behavior], "invert", s->invert));
    }
    json_array_append_new(steps, write_byte_level());
    if (json_array_size(steps) != sl_pretokenizer_n_splits(t->pretokenizer) + 1) {
        json_decref(steps);
        return NULL;
    }
    return json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", steps);
}

static json_t *write_normalizer(const struct sl_tokenizer *t)
{
    return t->form == SL_FORM_NONE ? json_null() : json_pack("{s:s}", "type", form_names[t->form - SL_FORM_NFC]);
}

/* Returns the owned document, or NULL without memory: json_pack passes on and frees what it was given. */
static json_t *write_document(const struct sl_tokenizer *t)
{
    struct sl_buf key = SL_BUF_INIT(8 * max_token);
    json_t *model =
        json_pack("{s:s, s:n, s:n, s:s, s:s, s:b, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout", "unk_token",
                  "continuing_subword_prefix", "", "end_of_word_suffix", "", "fuse_unk", 0, "byte_fallback", 0,
                  "ignore_merges", t->ignore_merges, "vocab", write_vocab(t, &key), "merges", write_merges(t, &key));
    bool good = sl_buf_ok(&key);
    sl_buf_release(&key);
    if (!good) {
        json_decref(model);
        return NULL;
    }
    return json_pack("{s:s, s:n, s:n, s:o, s:o, s:o, s:o, s:o, s:o}", "version", "1.0", "truncation", "padding",
                     "added_tokens", write_added(t), "normalizer", write_normalizer(t), "pre_tokenizer",
                     write_pre_tokenizer(t), "post_processor", write_byte_level(), "decoder", write_byte_level(),
                     "model", model);
}

sl_status sl_tokenizer_print(const struct sl_tokenizer *t, struct sl_buf *out, sl_error *err)
{
    json_t *document = write_document(t);
    sl_status status = sl_json_dump(document, 2, out, err);
    json_decref(document);
    if (!status) sl_buf_addch(out, '\n');
    return status;
}

sl_status sl_tokenizer_save(const struct sl_tokenizer *t, const char *path, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(max_file);
    sl_status status = sl_tokenizer_print(t, &text, err);
    if (!status && !sl_buf_ok(&text)) status = sl_fail(err, SL_ERR_MEMORY, "%s: over %zu bytes", path, max_file);
    if (!status) status = sl_file_write(path, text.data, text.len, err);
    sl_buf_release(&text);
    return status;
}
