/*
 * gguf_config.c: config.json as GGUF metadata and back, by one table of names; the tokenizer in both of the forms that
 * files have for it: tokenizer.ggml.* for other programs, tokenizer.huggingface.json, which loses nothing, for this
 * one.
 */
#include "model/gguf_config.h"

#include "base/buf.h"
#include "base/json.h"
#include "model/family.h"
#include "text/byte_level.h"

#include <stdio.h>
#include <string.h>

static const char ARCHITECTURE[] = "seedling";
static const char GENERATION_KEY[] = "seedling.generation_config";
static const char TOKENIZER_KEY[] = "tokenizer.huggingface.json";
enum { MAX_TEXT = 256 << 20 };

/* Keys of the configuration's sections that the field has other names for. */
static const struct name {
    const char *section, *json, *gguf;
} names[] = {
    {"text", "vocab_size", "vocab_size"},
    {"text", "hidden_size", "embedding_length"},
    {"text", "num_hidden_layers", "block_count"},
    {"text", "num_attention_heads", "attention.head_count"},
    {"text", "num_key_value_heads", "attention.head_count_kv"},
    {"text", "head_dim", "attention.key_length"},
    {"text", "intermediate_size", "feed_forward_length"},
    {"text", "first_k_dense_replace", "leading_dense_block_count"},
    {"text", "num_experts", "expert_count"},
    {"text", "num_experts_per_tok", "expert_used_count"},
    {"text", "moe_intermediate_size", "expert_feed_forward_length"},
    {"text", "shared_expert_intermediate_size", "expert_shared_feed_forward_length"},
    {"text", "norm_topk_prob", "expert_weights_norm"},
    {"text", "routed_scaling_factor", "expert_weights_scale"},
    {"text", "rms_norm_eps", "attention.layer_norm_rms_epsilon"},
    {"text", "rope_theta", "rope.freq_base"},
    {"text", "max_position_embeddings", "context_length"},
    {"vision", "hidden_size", "vision.embedding_length"},
    {"vision", "num_hidden_layers", "vision.block_count"},
    {"vision", "num_attention_heads", "vision.attention.head_count"},
    {"vision", "intermediate_size", "vision.feed_forward_length"},
    {"vision", "layer_norm_eps", "vision.attention.layer_norm_epsilon"},
    {"vision", "rope_theta", "vision.rope.freq_base"},
    {"adapter", "hidden_size", "adapter.embedding_length"},
};

/* --- reading ---------------------------------------------------------------------------------------------------- */

/* Returns a metadata value as an owned JSON value, or NULL for what a configuration has no use for. */
static json_t *value_json(const struct sl_gguf_value *v)
{
    int64_t whole;
    double x;
    if (v->kind == SL_GGUF_STRING) return json_string(v->string);
    if (v->kind == SL_GGUF_BOOL) return json_boolean(v->data[0]);
    if (v->kind != SL_GGUF_ARRAY) {
        if (sl_gguf_element_int(v, 0, &whole)) return json_integer((json_int_t)whole);
        return sl_gguf_element_number(v, 0, &x) ? sl_json_float((float)x) : NULL;
    }
    json_t *list = v->count <= 4096 ? json_array() : NULL;
    for (uint64_t i = 0; list && i < v->count; i++) {
        if (sl_gguf_element_int(v, i, &whole))
            json_array_append_new(list, json_integer((json_int_t)whole));
        else if (sl_gguf_element_number(v, i, &x))
            json_array_append_new(list, sl_json_float((float)x));
    }
    return list;
}

/* Splits a key behind "seedling." into the section ("" at the top) and the name in config.json. */
static void place_key(const char *key, char *section, size_t size, const char **name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].gguf, key) == 0) {
            snprintf(section, size, "%s", names[i].section);
            *name = names[i].json;
            return;
        }
    const char *dot = strchr(key, '.');
    snprintf(section, size, "%.*s", dot ? (int)(dot - key) : 0, key);
    *name = dot ? dot + 1 : key;
}

/* Adds a value to the document, making its section. False without memory. */
static bool add_key(json_t *top, const char *key, const struct sl_gguf_value *v)
{
    char section[64], object_name[80];
    const char *name;
    json_t *object = top, *value = value_json(v);
    if (!value) return true;
    place_key(key, section, sizeof section, &name);
    if (section[0]) {
        snprintf(object_name, sizeof object_name, "%s_config", section);
        object = json_object_get(top, object_name);
        if (!object && json_object_set_new(top, object_name, json_object()) == 0)
            object = json_object_get(top, object_name);
    }
    if (!json_is_object(object)) {
        json_decref(value);
        return true; /* a key of the top level that is named like a section: the reader will miss the section */
    }
    return json_object_set_new(object, name, value) == 0;
}

static sl_status read_config(const sl_gguf *g, sl_config *out, sl_error *err)
{
    const char *architecture;
    size_t prefix = strlen(ARCHITECTURE);
    if (!sl_gguf_get_string(g, "general.architecture", &architecture))
        return sl_fail(err, SL_ERR_FORMAT, "key \"general.architecture\" is missing or no string");
    if (strcmp(architecture, ARCHITECTURE) != 0)
        return sl_fail(err, SL_ERR_UNSUPPORTED,
                       "architecture \"%.60s\" is not supported in GGUF files; supported is: %s", architecture,
                       ARCHITECTURE);
    json_t *top = json_object();
    bool ok = top && json_object_set_new(top, "model_type", json_string(ARCHITECTURE)) == 0;
    for (size_t i = 0; ok && i < sl_gguf_n_values(g); i++) {
        const struct sl_gguf_value *v = sl_gguf_value_at(g, i);
        if (strncmp(v->key, ARCHITECTURE, prefix) == 0 && v->key[prefix] == '.' && strcmp(v->key, GENERATION_KEY) != 0)
            ok = add_key(top, v->key + prefix + 1, v);
    }
    sl_status s =
        ok ? sl_config_from_json(top, out, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a configuration");
    json_decref(top);
    return s;
}

static sl_status read_generation(const sl_gguf *g, const sl_config *c, sl_generation_config *out, sl_error *err)
{
    const char *text;
    sl_generation_config_defaults(c, out);
    if (!sl_gguf_get_string(g, GENERATION_KEY, &text)) return SL_OK;
    sl_status s = sl_generation_config_parse(text, strlen(text), c, out, err);
    return s == SL_OK ? s : sl_fail_context(err, s, "key \"%s\"", GENERATION_KEY);
}

static sl_status read_tokenizer(const sl_gguf *g, struct sl_tokenizer **out, sl_error *err)
{
    const char *text;
    if (!sl_gguf_get_string(g, TOKENIZER_KEY, &text))
        return sl_fail(err, SL_ERR_FORMAT, "key \"%s\" is missing: there is no tokenizer", TOKENIZER_KEY);
    sl_status s = sl_tokenizer_parse(text, strlen(text), out, err);
    return s == SL_OK ? s : sl_fail_context(err, s, "key \"%s\"", TOKENIZER_KEY);
}

/* Closes g and names the file in a failure. */
static sl_status finish(sl_gguf *g, const char *path, sl_status s, sl_error *err)
{
    sl_gguf_close(&g);
    return s == SL_OK ? s : sl_fail_context(err, s, "%s", path);
}

sl_status sl_gguf_config_load(const char *path, sl_config *out, sl_error *err)
{
    sl_gguf *g;
    sl_status s = sl_gguf_open(path, &g, err);
    return s == SL_OK ? finish(g, path, read_config(g, out, err), err) : s;
}

sl_status sl_gguf_generation_load(const char *path, const sl_config *c, sl_generation_config *out, sl_error *err)
{
    sl_gguf *g;
    sl_status s = sl_gguf_open(path, &g, err);
    return s == SL_OK ? finish(g, path, read_generation(g, c, out, err), err) : s;
}

sl_status sl_gguf_tokenizer_load(const char *path, struct sl_tokenizer **out, sl_error *err)
{
    sl_gguf *g;
    sl_status s = sl_gguf_open(path, &g, err);
    *out = NULL;
    return s == SL_OK ? finish(g, path, read_tokenizer(g, out, err), err) : s;
}

const char *sl_gguf_tokenizer_json(const sl_gguf *g)
{
    const char *text = NULL;
    sl_gguf_get_string(g, TOKENIZER_KEY, &text);
    return text;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

/* Writes one JSON value of the configuration under a key. */
static void write_value(sl_gguf_writer *w, const char *key, const json_t *value)
{
    if (json_is_string(value)) {
        sl_gguf_writer_string(w, key, json_string_value(value));
    } else if (json_is_boolean(value)) {
        sl_gguf_writer_bool(w, key, json_is_true(value));
    } else if (json_is_integer(value)) {
        json_int_t i = json_integer_value(value);
        if (i >= 0 && i <= UINT32_MAX)
            sl_gguf_writer_u32(w, key, (uint32_t)i);
        else
            sl_gguf_writer_i64(w, key, i);
    } else if (json_is_real(value)) {
        sl_gguf_writer_f32(w, key, (float)json_real_value(value));
    } else if (json_is_array(value)) {
        size_t n = json_array_size(value);
        bool whole = n == 0 || json_is_integer(json_array_get(value, 0));
        sl_gguf_writer_array(w, key, whole ? SL_GGUF_I32 : SL_GGUF_F32, n);
        for (size_t i = 0; i < n; i++) {
            const json_t *x = json_array_get(value, i);
            if (whole)
                sl_gguf_writer_append_i32(w, (int32_t)json_integer_value(x));
            else
                sl_gguf_writer_append_f32(w, (float)json_number_value(x));
        }
    }
}

/* Writes the keys of a section ("" at the top). Lists of words and null say nothing that is read. */
static void write_section(sl_gguf_writer *w, const char *section, const json_t *object)
{
    const char *json;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, json, value)
    {
        char key[160];
        if (json_is_object(value) || json_is_null(value)) continue;
        if (json_is_array(value) && json_is_string(json_array_get(value, 0))) continue;
        snprintf(key, sizeof key, "%s.%s%s%s", ARCHITECTURE, section, section[0] ? "." : "", json);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strcmp(names[i].section, section) == 0 && strcmp(names[i].json, json) == 0)
                snprintf(key, sizeof key, "%s.%s", ARCHITECTURE, names[i].gguf);
        write_value(w, key, value);
    }
}

static sl_status write_config(sl_gguf_writer *w, const sl_config *c, sl_error *err)
{
    json_t *top = sl_config_to_json(c);
    if (!top) return sl_fail(err, SL_ERR_MEMORY, "no memory for a configuration");
    json_object_del(top, "model_type"); /* general.architecture says it */
    write_section(w, "", top);
    const char *key;
    json_t *value;
    json_object_foreach(top, key, value)
    {
        char section[64];
        size_t n = strlen(key), end = strlen("_config");
        if (!json_is_object(value) || n <= end || strcmp(key + n - end, "_config") != 0) continue;
        snprintf(section, sizeof section, "%.*s", (int)(n - end), key);
        write_section(w, section, value);
    }
    json_decref(top);
    return SL_OK;
}

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
    enum { NORMAL = 1, CONTROL = 3, USER = 4, UNUSED = 5 };
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

sl_status sl_gguf_write_model(sl_gguf_writer *w, const struct sl_gguf_model *m, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_TEXT);
    sl_gguf_writer_string(w, "general.architecture", ARCHITECTURE);
    sl_gguf_writer_string(w, "general.type", "model");
    sl_gguf_writer_string(w, "general.name", m->config->name);
    sl_status s = write_config(w, m->config, err);
    if (s == SL_OK) s = sl_generation_config_print(m->generation, &text, err);
    if (s == SL_OK) sl_gguf_writer_string(w, GENERATION_KEY, sl_buf_str(&text));
    sl_buf_release(&text);
    if (!m->tokenizer) return s;
    if (s == SL_OK) s = write_tokens(w, m->tokenizer, m->config, err);
    if (s == SL_OK) s = write_merges(w, m->tokenizer_json, err);
    if (s == SL_OK) sl_gguf_writer_string(w, TOKENIZER_KEY, m->tokenizer_json);
    return s;
}
