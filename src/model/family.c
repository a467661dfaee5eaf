/*
 * family.c: finding a family, the spellings of tensor names, and what reading foreign configurations shares.
 */
#include "model/family.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const struct sl_family *const families[] = {&sl_family_qwen3_vl, &sl_family_qwen2_5_vl, &sl_family_kimi_vl};

enum { N_FAMILIES = sizeof families / sizeof *families };

const struct sl_family *sl_family_of_type(const char *model_type)
{
    for (int i = 0; i < N_FAMILIES; i++)
        for (int k = 0; k < 3 && families[i]->types[k]; k++)
            if (strcmp(families[i]->types[k], model_type) == 0) return families[i];
    return NULL;
}

const struct sl_family *sl_family_of(sl_family_id id)
{
    for (int i = 0; i < N_FAMILIES; i++)
        if (families[i]->id == id) return families[i];
    return NULL;
}

sl_status sl_family_refuse(const char *model_type, sl_error *err)
{
    char known[256] = "seedling";
    for (int i = 0; i < N_FAMILIES; i++)
        for (int k = 0; k < 3 && families[i]->types[k]; k++) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, ", %s", families[i]->types[k]);
        }
    return sl_fail(err, SL_ERR_FORMAT, "model_type: \"%.40s\" is another kind of model; this program runs %s",
                   model_type, known);
}

/* --- names ------------------------------------------------------------------------------------------------------- */

/* Where files put the towers; the first column is what the rules give. */
static const struct sl_name_rule prefixes[] = {
    {"model.visual.", "visual."},
    {"model.language_model.", "model."},
    {"model.language_model.", "language_model.model."},
    {"lm_head.", "language_model.lm_head."},
    {"lm_head.", "model.lm_head."},
};

enum { N_PREFIXES = sizeof prefixes / sizeof *prefixes };

/* Replaces the fragment in name (n bytes); false when it is not there or the result does not fit. */
static bool replace(char *name, size_t n, const char *fragment, const char *by)
{
    char *at = strstr(name, fragment);
    size_t length = strlen(name), old = strlen(fragment), fresh = strlen(by);
    if (!at || length - old + fresh >= n) return false;
    memmove(at + fresh, at + old, strlen(at + old) + 1);
    memcpy(at, by, fresh);
    return true;
}

bool sl_family_spelling(const struct sl_family *f, const char *row, int i, char *out, size_t n)
{
    snprintf(out, n, "%s", row);
    for (const struct sl_name_rule *r = f ? f->names : NULL; r && r->ours; r++) replace(out, n, r->ours, r->theirs);
    for (int k = 0; i > 0 && k < N_PREFIXES; k++) {
        size_t length = strlen(prefixes[k].ours);
        if (strncmp(out, prefixes[k].ours, length) != 0) continue;
        if (--i == 0) return replace(out, n, prefixes[k].ours, prefixes[k].theirs);
    }
    return i == 0;
}

bool sl_family_ignores(const struct sl_family *f, const char *name)
{
    /* Copies of the embedding table, and tables of angles that older programs saved. */
    static const char *const extra[] = {"lm_head.weight", "rotary_emb.inv_freq"};
    for (size_t i = 0; f && i < sizeof extra / sizeof *extra; i++)
        if (strstr(name, extra[i])) return true;
    return false;
}

/* --- configurations ---------------------------------------------------------------------------------------------- */

int sl_family_int(struct sl_json_object *o, const char *a, const char *b, int min, int max)
{
    int64_t value = min;
    sl_json_get_int(o, b && !sl_json_has(o, a) && sl_json_has(o, b) ? b : a, min, max, &value);
    return (int)value;
}

double sl_family_number(struct sl_json_object *o, const char *key, double fallback)
{
    if (sl_json_has(o, key)) sl_json_get_number(o, key, &fallback);
    return fallback;
}

bool sl_family_flag(struct sl_json_object *o, const char *key, bool fallback)
{
    if (sl_json_has(o, key)) sl_json_get_bool(o, key, &fallback);
    return fallback;
}

sl_int_list sl_family_list(struct sl_json_object *o, const char *key)
{
    sl_int_list list = {0};
    const json_t *array = NULL;
    if (sl_json_has(o, key)) sl_json_get_array(o, key, &array);
    if (array && json_array_size(array) > SL_MAX_LIST)
        sl_json_fail(o, key, "%zu numbers, at most %d", json_array_size(array), SL_MAX_LIST);
    for (size_t i = 0; array && !o->status && i < json_array_size(array); i++) {
        const json_t *x = json_array_get(array, i);
        if (!json_is_integer(x) || json_integer_value(x) < 0 || json_integer_value(x) > INT_MAX)
            sl_json_fail(o, key, "element %zu is no integer from 0 on", i);
        else
            list.items[list.n++] = (int)json_integer_value(x);
    }
    return list;
}

struct sl_json_object sl_family_section(struct sl_json_object *o, const char *key, bool own_missing)
{
    struct sl_json_object section = *o;
    if (!own_missing || sl_json_has(o, key)) sl_json_get_object(o, key, &section);
    return section;
}

/* The rotation, which newer files keep in one object and older ones in two places. */
static void read_rotation(struct sl_json_object *text, sl_decoder_config *c)
{
    struct sl_json_object rope = *text, scaling = *text;
    if (sl_json_has(text, "rope_parameters")) {
        sl_json_get_object(text, "rope_parameters", &rope);
        scaling = rope;
    } else if (sl_json_has(text, "rope_scaling")) {
        sl_json_get_object(text, "rope_scaling", &scaling);
    }
    c->rope_theta = (float)sl_family_number(&rope, "rope_theta", 10000);
    c->rope_sections = sl_family_list(&scaling, "mrope_section");
    c->rope_interleaved = sl_family_flag(&scaling, "mrope_interleaved", false);
    const char *type = "default", *key = sl_json_has(&scaling, "rope_type") ? "rope_type" : "type";
    if (sl_json_has(&scaling, key)) sl_json_get_string(&scaling, key, &type);
    if (strcmp(type, "default") != 0 && strcmp(type, "mrope") != 0)
        sl_json_fail(&scaling, key, "positions scaled by \"%.40s\" are not supported, only \"default\"", type);
    if (rope.status) text->status = rope.status;
    if (scaling.status) text->status = scaling.status;
}

void sl_family_read_qwen_decoder(struct sl_json_object *top, struct sl_json_object *text, sl_decoder_config *c)
{
    enum { MOST = 1 << 22 };
    c->vocab = sl_family_int(text, "vocab_size", NULL, 1, MOST);
    c->hidden = sl_family_int(text, "hidden_size", NULL, 1, MOST);
    c->depth = sl_family_int(text, "num_hidden_layers", NULL, 1, MOST);
    c->n_heads = sl_family_int(text, "num_attention_heads", NULL, 1, MOST);
    c->n_kv_heads = sl_json_has(text, "num_key_value_heads") ? sl_family_int(text, "num_key_value_heads", NULL, 1, MOST)
                                                             : c->n_heads;
    c->head_dim = sl_json_has(text, "head_dim") ? sl_family_int(text, "head_dim", NULL, 1, MOST)
                                                : c->hidden / (c->n_heads ? c->n_heads : 1);
    c->mlp_hidden = sl_family_int(text, "intermediate_size", NULL, 0, MOST);
    c->norm_eps = (float)sl_family_number(text, "rms_norm_eps", 1e-6);
    c->max_positions = sl_family_int(text, "max_position_embeddings", NULL, 1, 1 << 24);
    c->router_scale = 1;
    c->n_dense_layers = c->depth;
    /* Some files say it at the top only, some in both places. */
    struct sl_json_object *tied = sl_json_has(top, "tie_word_embeddings") ? top : text;
    c->tie_embeddings = sl_family_flag(tied, "tie_word_embeddings", false);
    read_rotation(text, c);
    if (!sl_json_has(text, "num_experts")) return;
    c->n_experts = sl_family_int(text, "num_experts", NULL, 1, MOST);
    c->top_k = sl_family_int(text, "num_experts_per_tok", NULL, 1, MOST);
    c->expert_hidden = sl_family_int(text, "moe_intermediate_size", NULL, 1, MOST);
    c->normalise_top_k = true;
    c->n_dense_layers = 0;
    if (sl_family_list(text, "mlp_only_layers").n ||
        (sl_json_has(text, "decoder_sparse_step") && sl_family_int(text, "decoder_sparse_step", NULL, 0, MOST) != 1))
        sl_json_fail(text, "mlp_only_layers", "dense layers among those with experts are not supported");
}

void sl_family_read_qwen_ids(struct sl_json_object *top, struct sl_json_object *text, sl_special_ids *ids)
{
    ids->image_patch = sl_family_int(top, "image_token_id", NULL, 0, INT_MAX);
    ids->image_start = sl_family_int(top, "vision_start_token_id", NULL, 0, INT_MAX);
    ids->image_end = sl_family_int(top, "vision_end_token_id", NULL, 0, INT_MAX);
    ids->video_patch = sl_json_has(top, "video_token_id") ? sl_family_int(top, "video_token_id", NULL, 0, INT_MAX) : 0;
    struct sl_json_object *eos = sl_json_has(text, "eos_token_id") ? text : top;
    /* The list of generation_config.json comes on top; files leave this one out or say the padding token. */
    ids->eos = ids->pad =
        sl_json_has(eos, "eos_token_id") && json_is_integer(json_object_get(eos->value, "eos_token_id"))
            ? sl_family_int(eos, "eos_token_id", NULL, 0, INT_MAX)
            : ids->image_end;
    if (eos->status) top->status = eos->status;
}
