/*
 * config_generation.c: generation_config.json, how to sample when nobody says otherwise.
 */
#include "model/config.h"

#include "base/file.h"
#include "base/json.h"
#include "model/gguf_config.h"

#include <stdlib.h>

enum { MAX_BYTES = 1 << 20, MAX_DEPTH = 32, MAX_TOP_K = 1 << 22, MAX_NEW_TOKENS = 1 << 24 };

void sl_generation_config_defaults(const sl_config *c, sl_generation_config *out)
{
    *out = (sl_generation_config){
        .top_p = 1,
        .max_new_tokens = 2048,
        .repetition_penalty = 1,
        .eos = {c->ids.eos},
        .n_eos = 1,
    };
}

/* Reads an optional number between min and max into *out. */
static void read_number(struct sl_json_object *o, const char *key, double min, double max, float *out)
{
    if (!sl_json_has(o, key)) return;
    double x = 0;
    sl_json_get_number(o, key, &x);
    if (o->status) return;
    if (x < min || x > max) {
        sl_json_fail(o, key, "%g is outside %g to %g", x, min, max);
    } else {
        *out = (float)x;
    }
}

/* Reads an optional integer between min and max into *out. */
static void read_int(struct sl_json_object *o, const char *key, int min, int max, int *out)
{
    if (!sl_json_has(o, key)) return;
    int64_t x = *out;
    sl_json_get_int(o, key, min, max, &x);
    *out = (int)x;
}

/* eos_token_id is one id or a list of them. */
static void read_eos(struct sl_json_object *o, int vocab, sl_generation_config *g)
{
    const char *key = "eos_token_id";
    const int max_eos = (int)(sizeof g->eos / sizeof *g->eos);
    const json_t *value = json_object_get(o->value, key);
    if (!json_is_array(value)) {
        read_int(o, key, 0, vocab - 1, &g->eos[0]);
        if (sl_json_has(o, key)) g->n_eos = 1;
        return;
    }
    size_t n = json_array_size(value);
    if (n > (size_t)max_eos) {
        sl_json_fail(o, key, "%zu ids, at most %d", n, max_eos);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_array_get(value, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= vocab) {
            sl_json_fail(o, key, "element %zu is not a token id below %d", i, vocab);
            return;
        }
        g->eos[i] = (int)json_integer_value(id);
    }
    g->n_eos = (int)n;
}

sl_status sl_generation_config_parse(const char *json, size_t n, const sl_config *c, sl_generation_config *out,
                                     sl_error *err)
{
    sl_generation_config_defaults(c, out);
    if (n > MAX_BYTES) return sl_fail(err, SL_ERR_FORMAT, "generation_config.json is over %d bytes", MAX_BYTES);
    json_t *document;
    sl_status status = sl_json_parse(json, n, MAX_DEPTH, &document, err);
    if (status) return status;
    struct sl_json_object o;
    sl_json_open(&o, document, err);
    read_number(&o, "temperature", 0, 100, &out->temperature);
    read_number(&o, "top_p", 1e-6, 1, &out->top_p);
    read_int(&o, "top_k", 0, MAX_TOP_K, &out->top_k);
    read_int(&o, "max_new_tokens", 1, MAX_NEW_TOKENS, &out->max_new_tokens);
    read_number(&o, "repetition_penalty", 0.01, 100, &out->repetition_penalty);
    read_eos(&o, c->decoder.vocab, out);
    /* Other programs say "greedy" with do_sample and leave a temperature standing. */
    if (sl_json_has(&o, "do_sample")) {
        bool sample = true;
        sl_json_get_bool(&o, "do_sample", &sample);
        if (!sample) out->temperature = 0;
    }
    status = o.status;
    json_decref(document);
    return status;
}

sl_status sl_generation_config_load(const char *dir, const sl_config *c, sl_generation_config *out, sl_error *err)
{
    if (sl_gguf_is_model(dir)) return sl_gguf_generation_load(dir, c, out, err);
    sl_generation_config_defaults(c, out);
    struct sl_buf text = SL_BUF_INIT(MAX_BYTES);
    char *path = sl_path_join(dir, "generation_config.json");
    sl_status status = SL_OK;
    if (!path) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", dir);
        goto out;
    }
    if (!sl_file_exists(path)) goto out;
    status = sl_file_read(path, &text, err);
    if (status) goto out;
    status = sl_generation_config_parse(sl_buf_str(&text), text.len, c, out, err);
    if (status) sl_fail_context(err, status, "%s", path);
out:
    sl_buf_release(&text);
    free(path);
    return status;
}

/* Returns g as an owned JSON document, or NULL without memory. */
static json_t *generation_json(const sl_generation_config *g)
{
    json_t *eos = json_array();
    int failed = 0;
    for (int i = 0; i < g->n_eos; i++) failed |= json_array_append_new(eos, json_integer(g->eos[i]));
    json_t *top = json_object();
    failed |= json_object_set_new(top, "do_sample", json_boolean(g->temperature > 0));
    failed |= json_object_set_new(top, "temperature", sl_json_float(g->temperature));
    failed |= json_object_set_new(top, "top_p", sl_json_float(g->top_p));
    failed |= json_object_set_new(top, "top_k", json_integer(g->top_k));
    failed |= json_object_set_new(top, "max_new_tokens", json_integer(g->max_new_tokens));
    failed |= json_object_set_new(top, "repetition_penalty", sl_json_float(g->repetition_penalty));
    failed |= json_object_set_new(top, "eos_token_id", eos);
    if (!failed) return top;
    json_decref(top);
    return NULL;
}

sl_status sl_generation_config_print(const sl_generation_config *g, struct sl_buf *out, sl_error *err)
{
    json_t *document = generation_json(g);
    sl_status status = sl_json_dump(document, 2, out, err);
    json_decref(document);
    if (!status) sl_buf_addch(out, '\n');
    return status;
}

sl_status sl_generation_config_save(const sl_generation_config *g, const char *dir, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_BYTES);
    char *path = sl_path_join(dir, "generation_config.json");
    sl_status status =
        path ? sl_generation_config_print(g, &text, err) : sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", dir);
    if (!status) status = sl_file_write(path, sl_buf_str(&text), text.len, err);
    free(path);
    sl_buf_release(&text);
    return status;
}
