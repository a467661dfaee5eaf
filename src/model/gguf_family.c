/*
 * gguf_family.c: reading. The metadata become the config.json of the family, which its own code reads.
 */
#include "model/gguf_family.h"

#include "base/json.h"
#include "model/family.h"
#include "model/gguf_tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One reading: the first failure is kept. */
struct reader {
    const struct sl_gguf_pair *pair;
    const sl_gguf *tower; /* where the tower's keys are, behind the prefix */
    char prefix[128];
    sl_error *err;
    sl_status status;
};

static const char *whole_key(const struct reader *r, bool tower, const char *key, char out[256])
{
    const char *architecture = "";
    if (tower) {
        snprintf(out, 256, "%s%s", r->prefix, key);
    } else {
        sl_gguf_get_string(r->pair->model, "general.architecture", &architecture);
        snprintf(out, 256, "%.60s.%s", architecture, key);
    }
    return out;
}

/* Adds an integer key of the file to o under a name of config.json; it must be there if needed. */
static void add_int(struct reader *r, bool tower, const char *key, bool needed, json_t *o, const char *name)
{
    char buffer[256];
    const char *whole = whole_key(r, tower, key, buffer);
    int64_t x;
    if (r->status) return;
    if (sl_gguf_get_int(tower ? r->tower : r->pair->model, whole, &x))
        json_object_set_new(o, name, json_integer((json_int_t)x));
    else if (needed)
        r->status = sl_fail(r->err, SL_ERR_FORMAT, "key \"%s\" is missing or no integer", whole);
}

/* The same for a number, which is always optional. */
static void add_number(struct reader *r, bool tower, const char *key, json_t *o, const char *name)
{
    char buffer[256];
    double x;
    if (sl_gguf_get_number(tower ? r->tower : r->pair->model, whole_key(r, tower, key, buffer), &x))
        json_object_set_new(o, name, sl_json_float((float)x));
}

/* The first n integers of an array as an owned list, or NULL when there are fewer or others among them. */
static json_t *int_list(const struct sl_gguf_value *v, uint64_t n)
{
    int64_t x;
    if (!v || v->kind != SL_GGUF_ARRAY || v->count < n || n > SL_MAX_LIST) return NULL;
    json_t *list = json_array();
    for (uint64_t i = 0; i < n; i++) {
        if (!sl_gguf_element_int(v, i, &x)) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, json_integer((json_int_t)x));
    }
    return list;
}

/* Rows of a matrix under one of our names, 0 without it. */
static int64_t rows_of(const struct reader *r, const sl_gguf *g, const char *name)
{
    char theirs[192];
    sl_gguf_name(&r->pair->naming, name, theirs, sizeof theirs);
    const struct sl_stored_tensor *t = sl_gguf_find(g, theirs);
    return t && t->n_dims == 2 ? t->shape[0] : 0;
}

static void read_rotation(struct reader *r, json_t *text)
{
    const sl_gguf *g = r->pair->model;
    char buffer[256];
    json_t *sections = int_list(sl_gguf_of_model(g, "rope.dimension_sections"), 3);
    if (!sections) sections = int_list(sl_gguf_of_model(g, "rope.mrope_section"), 3);
    if (!sections) sections = int_list(sl_gguf_of_model(g, "mrope_sections"), 3);
    const char *scaling = "none", *key = whole_key(r, false, "rope.scaling.type", buffer);
    if (sl_gguf_get_string(g, key, &scaling) && strcmp(scaling, "none") != 0 && !r->status)
        r->status = sl_fail(r->err, SL_ERR_UNSUPPORTED, "key \"%s\": positions scaled by \"%.40s\" are not supported",
                            key, scaling);
    add_number(r, false, "rope.freq_base", text, "rope_theta");
    if (sections)
        json_object_set_new(text, "rope_scaling",
                            json_pack("{s:s, s:o}", "type", "default", "mrope_section", sections));
}

static json_t *read_text(struct reader *r)
{
    const sl_gguf *g = r->pair->model;
    bool experts = sl_gguf_of_model(g, "expert_count") != NULL;
    json_t *text = json_object();
    int64_t vocab = rows_of(r, g, "model.language_model.embed_tokens.weight");
    if (!vocab && !r->status)
        r->status = sl_fail(r->err, SL_ERR_FORMAT, "tensor token_embd.weight is missing or no matrix");
    json_object_set_new(text, "vocab_size", json_integer((json_int_t)vocab));
    add_int(r, false, "embedding_length", true, text, "hidden_size");
    add_int(r, false, "block_count", true, text, "num_hidden_layers");
    add_int(r, false, "attention.head_count", true, text, "num_attention_heads");
    add_int(r, false, "attention.head_count_kv", false, text, "num_key_value_heads");
    add_int(r, false, "attention.key_length", false, text, "head_dim");
    add_int(r, false, "context_length", true, text, "max_position_embeddings");
    add_number(r, false, "attention.layer_norm_rms_epsilon", text, "rms_norm_eps");
    json_object_set_new(text, "intermediate_size", json_integer(0));
    add_int(r, false, "feed_forward_length", !experts, text, "intermediate_size");
    if (experts) {
        add_int(r, false, "expert_count", true, text, "num_experts");
        add_int(r, false, "expert_used_count", true, text, "num_experts_per_tok");
        int64_t stack = 0;
        const struct sl_stored_tensor *t = sl_gguf_find(g, "blk.0.ffn_up_exps.weight");
        if (t && t->n_dims == 3) stack = t->shape[1];
        json_object_set_new(text, "moe_intermediate_size", json_integer((json_int_t)stack));
        add_int(r, false, "expert_feed_forward_length", !stack, text, "moe_intermediate_size");
    }
    read_rotation(r, text);
    return text;
}

/* Every n-th block attends to all; or a list says which. */
static void read_windows(struct reader *r, json_t *vision, int64_t depth)
{
    int64_t pattern = 0;
    const struct sl_gguf_value *list = sl_gguf_value(r->tower, "seedling.full_attention_blocks");
    json_t *blocks = list ? int_list(list, list->count) : NULL;
    sl_gguf_get_int(r->tower, "clip.vision.n_wa_pattern", &pattern);
    if (!blocks && pattern > 0) {
        blocks = json_array();
        for (int64_t i = pattern - 1; i < depth && i < 1 << 16; i += pattern)
            json_array_append_new(blocks, json_integer((json_int_t)i));
    }
    if (blocks)
        json_object_set_new(vision, "fullatt_block_indexes", blocks);
    else if (!r->status)
        r->status = sl_fail(r->err, SL_ERR_FORMAT, "key \"clip.vision.n_wa_pattern\" is missing or not positive");
    add_int(r, true, "window_size", false, vision, "window_size");
}

static void read_deepstack(struct reader *r, json_t *vision)
{
    char buffer[256];
    json_t *list = NULL;
    if (r->pair->naming.layout == SL_GGUF_OLLAMA) {
        const struct sl_gguf_value *v = sl_gguf_value(r->tower, whole_key(r, true, "deepstack_visual_indexes", buffer));
        list = v ? int_list(v, v->count) : NULL;
    } else {
        list = json_array();
        for (int i = 0; i < r->pair->naming.deepstack.n; i++)
            json_array_append_new(list, json_integer(r->pair->naming.deepstack.items[i]));
    }
    if (list) json_object_set_new(vision, "deepstack_visual_indexes", list);
}

static json_t *read_vision(struct reader *r, sl_family_id family)
{
    json_t *vision = json_object();
    bool pair = r->pair->naming.layout == SL_GGUF_PAIR;
    add_int(r, true, "embedding_length", true, vision, "hidden_size");
    add_int(r, true, "block_count", true, vision, "depth");
    add_int(r, true, "attention.head_count", true, vision, "num_heads");
    add_int(r, true, "patch_size", true, vision, "patch_size");
    add_int(r, true, "spatial_merge_size", false, vision, "spatial_merge_size");
    int64_t inner = pair ? 0 : rows_of(r, r->tower, "model.visual.blocks.0.mlp.fc1.weight");
    if (inner) json_object_set_new(vision, "intermediate_size", json_integer((json_int_t)inner));
    add_int(r, true, "feed_forward_length", !inner, vision, "intermediate_size");
    bool two = pair ? sl_gguf_find(r->tower, "v.patch_embd.weight.1") != NULL : true;
    json_object_set_new(vision, "temporal_patch_size", json_integer(two ? 2 : 1));
    if (!pair) add_int(r, true, "temporal_patch_size", false, vision, "temporal_patch_size");
    if (family == SL_FAMILY_QWEN2_5_VL) {
        read_windows(r, vision, json_integer_value(json_object_get(vision, "depth")));
        double rate;
        if (sl_gguf_get_number(r->pair->model, "seedling.tokens_per_second", &rate))
            json_object_set_new(vision, "tokens_per_second", sl_json_float((float)rate));
        return vision;
    }
    int64_t table = rows_of(r, r->tower, "model.visual.pos_embed.weight");
    if (!table && !r->status) r->status = sl_fail(r->err, SL_ERR_FORMAT, "the tower's table of positions is missing");
    json_object_set_new(vision, "num_position_embeddings", json_integer((json_int_t)table));
    add_int(r, true, "projection_dim", false, vision, "out_hidden_size");
    read_deepstack(r, vision);
    return vision;
}

/* Token ids that config.json names: by a key, else by the spelling of the token. */
static void read_ids(struct reader *r, json_t *top)
{
    static const struct {
        const char *name, *token;
    } ids[] = {
        {"image_token_id", "<|image_pad|>"},
        {"video_token_id", "<|video_pad|>"},
        {"vision_start_token_id", "<|vision_start|>"},
        {"vision_end_token_id", "<|vision_end|>"},
    };
    const sl_gguf *g = r->pair->model;
    for (size_t i = 0; i < sizeof ids / sizeof *ids && !r->status; i++) {
        char key[80];
        int64_t id;
        snprintf(key, sizeof key, "seedling.%s", ids[i].name);
        if (!sl_gguf_get_int(g, key, &id)) id = sl_gguf_tokens_find(g, ids[i].token);
        if (id < 0)
            r->status = sl_fail(r->err, SL_ERR_FORMAT, "key \"tokenizer.ggml.tokens\": no token %s", ids[i].token);
        json_object_set_new(top, ids[i].name, json_integer((json_int_t)id));
    }
    int64_t eos;
    if (sl_gguf_get_int(g, "tokenizer.ggml.eos_token_id", &eos))
        json_object_set_new(json_object_get(top, "text_config"), "eos_token_id", json_integer((json_int_t)eos));
}

/* Three numbers of the tower, when they are there. */
static void read_three(struct reader *r, const char *key, float *out)
{
    char buffer[256];
    const struct sl_gguf_value *v = sl_gguf_value(r->tower, whole_key(r, true, key, buffer));
    double x;
    for (uint64_t i = 0; v && i < 3 && !r->status; i++) {
        if (v->count == 3 && sl_gguf_element_number(v, i, &x))
            out[i] = (float)x;
        else
            r->status = sl_fail(r->err, SL_ERR_FORMAT, "key \"%s\": expected 3 numbers", buffer);
    }
}

/* What the folders of a family say beside config.json. */
static void read_rest(struct reader *r, sl_config *c)
{
    char buffer[256];
    const char *text;
    bool pair = r->pair->naming.layout == SL_GGUF_PAIR;
    int64_t pixels;
    double eps;
    if (sl_gguf_get_string(r->pair->model, "general.name", &text)) snprintf(c->name, sizeof c->name, "%s", text);
    if (sl_gguf_get_number(r->tower, whole_key(r, true, "attention.layer_norm_epsilon", buffer), &eps))
        c->vit.norm_eps = c->adapter.norm_eps = (float)eps;
    read_three(r, "image_mean", c->vit.mean);
    read_three(r, "image_std", c->vit.std);
    if (sl_gguf_get_int(r->tower, whole_key(r, true, pair ? "image_min_pixels" : "shortest_edge", buffer), &pixels) &&
        pixels > 0)
        c->min_pixels = pixels;
    if (sl_gguf_get_int(r->tower, whole_key(r, true, pair ? "image_max_pixels" : "longest_edge", buffer), &pixels) &&
        pixels > 0)
        c->max_pixels = pixels;
    if (sl_gguf_get_string(r->pair->model, "tokenizer.chat_template", &text)) c->thinks = sl_family_opens_thought(text);
    sl_gguf_get_bool(r->pair->model, "seedling.thinks", &c->thinks);
}

sl_status sl_gguf_family_config(const struct sl_gguf_pair *p, sl_config *out, sl_error *err)
{
    struct reader r = {.pair = p, .tower = p->vision ? p->vision : p->model, .prefix = "clip.vision.", .err = err};
    const char *architecture = "";
    sl_gguf_get_string(p->model, "general.architecture", &architecture);
    sl_family_id family = sl_gguf_family_of(architecture, NULL);
    if (!p->vision) snprintf(r.prefix, sizeof r.prefix, "%.60s.vision.", architecture);
    const char *type = family == SL_FAMILY_QWEN2_5_VL            ? "qwen2_5_vl"
                       : strcmp(architecture, "qwen3vlmoe") == 0 ? "qwen3_vl_moe"
                                                                 : "qwen3_vl";
    json_t *top = json_object(), *text = read_text(&r), *vision = read_vision(&r, family);
    bool untied = sl_gguf_find(p->model, "output.weight") != NULL;
    int failed = json_object_set_new(top, "model_type", json_string(type));
    failed |= json_object_set_new(top, "text_config", text);
    failed |= json_object_set_new(top, "vision_config", vision);
    failed |= json_object_set_new(top, "tie_word_embeddings", json_boolean(!untied));
    if (failed && !r.status) r.status = sl_fail(err, SL_ERR_MEMORY, "no memory for a configuration");
    read_ids(&r, top);
    if (!r.status) r.status = sl_config_from_json(top, out, err);
    if (!r.status) read_rest(&r, out);
    if (!r.status) r.status = sl_config_check(out, err);
    json_decref(top);
    return r.status;
}

sl_status sl_gguf_family_generation(const sl_gguf *g, const sl_config *c, sl_generation_config *out, sl_error *err)
{
    static const char *const names[][2] = {{"general.sampling.temp", "temperature"},
                                           {"general.sampling.top_p", "top_p"},
                                           {"general.sampling.penalty_repeat", "repetition_penalty"}};
    static const char *const ends[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"};
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    json_t *top = json_object(), *eos = json_array();
    double x;
    int64_t id;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sl_gguf_get_number(g, names[i][0], &x)) json_object_set_new(top, names[i][1], sl_json_float((float)x));
    if (sl_gguf_get_int(g, "general.sampling.top_k", &id))
        json_object_set_new(top, "top_k", json_integer((json_int_t)id));
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (sl_gguf_get_int(g, ends[i], &id)) json_array_append_new(eos, json_integer((json_int_t)id));
    if (json_array_size(eos)) json_object_set(top, "eos_token_id", eos);
    sl_status s = sl_json_dump(top, 0, &text, err);
    if (s == SL_OK) {
        s = sl_generation_config_parse(sl_buf_str(&text), text.len, c, out, err);
        if (s != SL_OK) sl_fail_context(err, s, "its sampling defaults");
    }
    json_decref(eos);
    json_decref(top);
    sl_buf_release(&text);
    return s;
}
