/*
 * gguf_config.c: config.json as GGUF metadata and back, by one table of names, in this program's own architecture;
 * those of others are read by gguf_family.c.
 */
#include "model/gguf_config.h"

#include "base/buf.h"
#include "base/json.h"
#include "model/family.h"
#include "model/gguf_family.h"
#include "model/gguf_tokens.h"

#include <stdio.h>
#include <string.h>

static const char ARCHITECTURE[] = "seedling";
static const char GENERATION_KEY[] = "seedling.generation_config";
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

static sl_status read_own_config(const sl_gguf *g, sl_config *out, sl_error *err)
{
    size_t prefix = strlen(ARCHITECTURE);
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

static sl_status read_config(const struct sl_gguf_pair *p, sl_config *out, sl_error *err)
{
    return p->naming.layout == SL_GGUF_SEEDLING ? read_own_config(p->model, out, err)
                                                : sl_gguf_family_config(p, out, err);
}

static sl_status read_generation(const struct sl_gguf_pair *p, const sl_config *c, sl_generation_config *out,
                                 sl_error *err)
{
    const char *text;
    if (p->naming.layout != SL_GGUF_SEEDLING) return sl_gguf_family_generation(p->model, c, out, err);
    sl_generation_config_defaults(c, out);
    if (!sl_gguf_get_string(p->model, GENERATION_KEY, &text)) return SL_OK;
    sl_status s = sl_generation_config_parse(text, strlen(text), c, out, err);
    return s == SL_OK ? s : sl_fail_context(err, s, "key \"%s\"", GENERATION_KEY);
}

static sl_status read_tokenizer(const sl_gguf *g, struct sl_tokenizer **out, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_TEXT);
    sl_status s = sl_gguf_tokens_read(g, &text, err);
    if (s == SL_OK && !text.len)
        s = sl_fail(err, SL_ERR_FORMAT, "key \"tokenizer.ggml.tokens\" is missing: there is no tokenizer");
    if (s == SL_OK) {
        s = sl_tokenizer_parse(sl_buf_str(&text), text.len, out, err);
        if (s != SL_OK) sl_fail_context(err, s, "its tokenizer");
    }
    sl_buf_release(&text);
    return s;
}

/* Closes p and names the file in a failure. */
static sl_status finish(struct sl_gguf_pair *p, const char *path, sl_status s, sl_error *err)
{
    sl_gguf_pair_close(p);
    return s == SL_OK ? s : sl_fail_context(err, s, "%s", path);
}

sl_status sl_gguf_config_load(const char *path, sl_config *out, sl_error *err)
{
    struct sl_gguf_pair p;
    sl_status s = sl_gguf_pair_open(path, &p, err);
    return s == SL_OK ? finish(&p, path, read_config(&p, out, err), err) : s;
}

sl_status sl_gguf_generation_load(const char *path, const sl_config *c, sl_generation_config *out, sl_error *err)
{
    struct sl_gguf_pair p;
    sl_status s = sl_gguf_pair_open(path, &p, err);
    return s == SL_OK ? finish(&p, path, read_generation(&p, c, out, err), err) : s;
}

sl_status sl_gguf_tokenizer_load(const char *path, struct sl_tokenizer **out, sl_error *err)
{
    struct sl_gguf_pair p;
    sl_status s = sl_gguf_pair_open(path, &p, err);
    *out = NULL;
    return s == SL_OK ? finish(&p, path, read_tokenizer(p.model, out, err), err) : s;
}

sl_status sl_gguf_tokenizer_text(const char *path, struct sl_buf *out, sl_error *err)
{
    struct sl_gguf_pair p;
    sl_status s = sl_gguf_pair_open(path, &p, err);
    return s == SL_OK ? finish(&p, path, sl_gguf_tokens_read(p.model, out, err), err) : s;
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
    if (s == SL_OK && m->tokenizer) s = sl_gguf_tokens_write(w, m->tokenizer, m->tokenizer_json, true, m->config, err);
    return s;
}
