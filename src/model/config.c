/*
 * config.c: config.json, and what a configuration may say.
 *
 * One table lists every number of an sl_config with its JSON key, where it lives and what it may be; parsing, saving
 * and checking are loops over it. A new number is one line here and one in config.h.
 */
#include "model/config.h"

#include "base/file.h"
#include "base/json.h"
#include "model/family.h"
#include "model/gguf_config.h"

#include <assert.h>
#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    INT,
    INT64,
    ID, /* an int; -1 is written as null */
    FLOAT,
    FLOAT3,
    BOOL,
    CHOICE,      /* an enum, written as a word of choices[] */
    BOOL_CHOICE, /* a bool, written as a word of choices[] */
    INT_LIST,    /* an sl_int_list */
};

struct field {
    const char *key;
    enum kind kind;
    size_t at; /* offset in sl_config */
    double min, max;
    bool optional;              /* may be missing: what sl_config_parse starts from stays */
    const char *const *choices; /* words by value, min..max */
};

static const char *const vit_acts[] = {[SL_ACT_GELU] = "gelu", [SL_ACT_GELU_TANH] = "gelu_tanh"};
static const char *const merges[] = {[SL_MERGE_AVERAGE] = "average", [SL_MERGE_CONCAT] = "concat"};
static const char *const scorings[] = {"softmax", "sigmoid"};
static const char *const families[] = {"seedling", "qwen3_vl", "qwen2_5_vl", "kimi_vl"};
static const char *const table_filters[] = {"bilinear", "bicubic"};

static_assert(sizeof(sl_act) == sizeof(int) && sizeof(sl_merge) == sizeof(int), "CHOICE is read and written as an int");

/*
 * Ceilings: generous beside any model known, and such that every size computed from a valid config fits in 63 bits
 * (the largest: all experts, 3 * 2^16 * 2^20 * 2^10 * 2^10 weights of 4 bytes).
 */
#define MAX_HIDDEN 65536
#define MAX_MLP (1 << 20)
#define MAX_DEPTH 1024
#define MAX_HEADS 1024
#define MAX_HEAD_DIM 256 /* the attention kernels' limit */
#define MAX_VOCAB (1 << 22)
#define MAX_EXPERTS 1024
#define MAX_POSITIONS (1 << 24)
#define MAX_PIXELS (1 << 30)
#define MIN_EPS 1e-12
#define MAX_THETA 1e12

#define AT(member) offsetof(sl_config, member)

static const struct field top_fields[] = {
    {"image_start_token_id", ID, AT(ids.image_start), 0, MAX_VOCAB, false, NULL},
    {"image_patch_token_id", ID, AT(ids.image_patch), 0, MAX_VOCAB, false, NULL},
    {"image_end_token_id", ID, AT(ids.image_end), 0, MAX_VOCAB, false, NULL},
    {"bos_token_id", ID, AT(ids.bos), -1, MAX_VOCAB, true, NULL},
    {"eos_token_id", ID, AT(ids.eos), 0, MAX_VOCAB, false, NULL},
    {"pad_token_id", ID, AT(ids.pad), 0, MAX_VOCAB, false, NULL},
    {"min_pixels", INT64, AT(min_pixels), 1, MAX_PIXELS, true, NULL},
    {"max_pixels", INT64, AT(max_pixels), 1, MAX_PIXELS, true, NULL},
    {"initializer_range", FLOAT, AT(init_std), 0, 10, true, NULL},
};

static const struct field vision_fields[] = {
    {"patch_size", INT, AT(vit.patch_size), 1, 128, false, NULL},
    {"hidden_size", INT, AT(vit.hidden), 1, MAX_HIDDEN, false, NULL},
    {"num_hidden_layers", INT, AT(vit.depth), 1, MAX_DEPTH, false, NULL},
    {"num_attention_heads", INT, AT(vit.n_heads), 1, MAX_HEADS, false, NULL},
    {"intermediate_size", INT, AT(vit.mlp_hidden), 1, MAX_MLP, false, NULL},
    {"layer_norm_eps", FLOAT, AT(vit.norm_eps), MIN_EPS, 1, false, NULL},
    {"rope_theta", FLOAT, AT(vit.rope_theta), 1, MAX_THETA, false, NULL},
    {"hidden_act", CHOICE, AT(vit.act), SL_ACT_GELU, SL_ACT_GELU_TANH, false, vit_acts},
    {"image_mean", FLOAT3, AT(vit.mean), -1e6, 1e6, false, NULL},
    {"image_std", FLOAT3, AT(vit.std), 1e-6, 1e6, false, NULL},
};

static const struct field adapter_fields[] = {
    {"merge", CHOICE, AT(adapter.merge), SL_MERGE_AVERAGE, SL_MERGE_CONCAT, false, merges},
    {"hidden_size", INT, AT(adapter.hidden), 1, MAX_HIDDEN, false, NULL},
    {"hidden_act", CHOICE, AT(adapter.act), SL_ACT_GELU, SL_ACT_GELU_TANH, false, vit_acts},
    {"layer_norm_eps", FLOAT, AT(adapter.norm_eps), MIN_EPS, 1, false, NULL},
};

/* What concerns experts is optional, so that a dense decoder can leave it out; check_decoder asks for the rest. */
static const struct field text_fields[] = {
    {"vocab_size", INT, AT(decoder.vocab), 1, MAX_VOCAB, false, NULL},
    {"hidden_size", INT, AT(decoder.hidden), 1, MAX_HIDDEN, false, NULL},
    {"num_hidden_layers", INT, AT(decoder.depth), 1, MAX_DEPTH, false, NULL},
    {"num_attention_heads", INT, AT(decoder.n_heads), 1, MAX_HEADS, false, NULL},
    {"num_key_value_heads", INT, AT(decoder.n_kv_heads), 1, MAX_HEADS, false, NULL},
    {"head_dim", INT, AT(decoder.head_dim), 1, MAX_HEAD_DIM, false, NULL},
    {"use_qk_norm", BOOL, AT(decoder.qk_norm), 0, 1, false, NULL},
    {"intermediate_size", INT, AT(decoder.mlp_hidden), 0, MAX_MLP, false, NULL},
    {"first_k_dense_replace", INT, AT(decoder.n_dense_layers), 0, MAX_DEPTH, true, NULL},
    {"num_experts", INT, AT(decoder.n_experts), 0, MAX_EXPERTS, false, NULL},
    {"num_experts_per_tok", INT, AT(decoder.top_k), 0, MAX_EXPERTS, true, NULL},
    {"moe_intermediate_size", INT, AT(decoder.expert_hidden), 0, MAX_MLP, true, NULL},
    {"shared_expert_intermediate_size", INT, AT(decoder.shared_hidden), 0, MAX_MLP, true, NULL},
    {"scoring_func", BOOL_CHOICE, AT(decoder.router_sigmoid), 0, 1, true, scorings},
    {"norm_topk_prob", BOOL, AT(decoder.normalise_top_k), 0, 1, true, NULL},
    {"routed_scaling_factor", FLOAT, AT(decoder.router_scale), 1e-6, 1e6, true, NULL},
    {"use_select_bias", BOOL, AT(decoder.select_bias), 0, 1, true, NULL},
    {"router_aux_loss_coef", FLOAT, AT(decoder.aux_loss_coef), 0, 1e3, true, NULL},
    {"rms_norm_eps", FLOAT, AT(decoder.norm_eps), MIN_EPS, 1, false, NULL},
    {"rope_theta", FLOAT, AT(decoder.rope_theta), 1, MAX_THETA, false, NULL},
    {"max_position_embeddings", INT, AT(decoder.max_positions), 1, MAX_POSITIONS, false, NULL},
    {"tie_word_embeddings", BOOL, AT(decoder.tie_embeddings), 0, 1, false, NULL},
};

/* Zeros mean that a part is not there; check_pretrain asks for the rest. */
static const struct field pretrain_fields[] = {
    {"teacher_hidden_size", INT, AT(pretrain.teacher_hidden), 0, MAX_HIDDEN, true, NULL},
    {"predictor_num_hidden_layers", INT, AT(pretrain.predictor_depth), 0, MAX_DEPTH, true, NULL},
    {"embedding_size", INT, AT(pretrain.embed), 0, MAX_HIDDEN, true, NULL},
    {"use_superclass", BOOL, AT(pretrain.superclass), 0, 1, true, NULL},
    {"use_omni", BOOL, AT(pretrain.omni), 0, 1, true, NULL},
    {"text_hidden_size", INT, AT(pretrain.text_hidden), 0, MAX_HIDDEN, true, NULL},
    {"text_num_hidden_layers", INT, AT(pretrain.text_depth), 0, MAX_DEPTH, true, NULL},
    {"text_num_attention_heads", INT, AT(pretrain.text_heads), 0, MAX_HEADS, true, NULL},
    {"text_intermediate_size", INT, AT(pretrain.text_mlp_hidden), 0, MAX_MLP, true, NULL},
    {"text_max_position_embeddings", INT, AT(pretrain.text_positions), 0, MAX_POSITIONS, true, NULL},
};

/* How families differ; all of it may be missing, and is zero in Seedling's own models. */
static const struct field family_fields[] = {
    {"family", CHOICE, AT(family), 0, SL_N_FAMILIES - 1, true, families},
    {"thinks", BOOL, AT(thinks), 0, 1, true, NULL},
    {"resize_bicubic", BOOL, AT(bicubic), 0, 1, true, NULL},
    {"video_patch_token_id", INT, AT(ids.video_patch), 0, MAX_VOCAB, true, NULL},
    {"vision_frames", INT, AT(vit.frames), 0, 2, true, NULL},
    {"vision_rms_norm", BOOL, AT(vit.rms_norm), 0, 1, true, NULL},
    {"vision_gated_mlp", BOOL, AT(vit.gated_mlp), 0, 1, true, NULL},
    {"vision_no_patch_bias", BOOL, AT(vit.no_patch_bias), 0, 1, true, NULL},
    {"vision_no_post_norm", BOOL, AT(vit.no_post_norm), 0, 1, true, NULL},
    {"vision_table_side", INT, AT(vit.table_side), 0, 1024, true, NULL},
    {"vision_table_filter", CHOICE, AT(vit.filter), 0, SL_TABLE_BICUBIC, true, table_filters},
    {"vision_window", INT, AT(vit.window), 0, 1024, true, NULL},
    {"vision_full_blocks", INT_LIST, AT(vit.full_blocks), 0, MAX_DEPTH, true, NULL},
    {"vision_alternating_rotation", BOOL, AT(vit.alternating_rotation), 0, 1, true, NULL},
    {"adapter_norm_first", BOOL, AT(adapter.norm_first), 0, 1, true, NULL},
    {"deepstack_blocks", INT_LIST, AT(adapter.deepstack), 0, MAX_DEPTH, true, NULL},
    {"qkv_bias", BOOL, AT(decoder.qkv_bias), 0, 1, true, NULL},
    {"rope_sections", INT_LIST, AT(decoder.rope_sections), 0, MAX_HEAD_DIM, true, NULL},
    {"rope_interleaved", BOOL, AT(decoder.rope_interleaved), 0, 1, true, NULL},
    {"frame_steps", FLOAT, AT(decoder.frame_steps), 0, 1e4, true, NULL},
    {"kv_rank", INT, AT(decoder.kv_rank), 0, MAX_HIDDEN, true, NULL},
    {"rope_dims", INT, AT(decoder.rope_dims), 0, MAX_HEAD_DIM, true, NULL},
    {"value_dim", INT, AT(decoder.value_dim), 0, MAX_HEAD_DIM, true, NULL},
};

#define N_OF(array) (int)(sizeof(array) / sizeof *(array))

static const struct section {
    const char *key; /* NULL: the top level */
    const struct field *fields;
    int n_fields;
    bool optional; /* left out when all is zero */
} sections[] = {
    {NULL, top_fields, N_OF(top_fields), false},
    {"vision_config", vision_fields, N_OF(vision_fields), false},
    {"adapter_config", adapter_fields, N_OF(adapter_fields), false},
    {"text_config", text_fields, N_OF(text_fields), false},
    {"pretrain_config", pretrain_fields, N_OF(pretrain_fields), true},
    {"family_config", family_fields, N_OF(family_fields), true},
};

static const char model_type[] = "seedling";
static const char architecture[] = "SeedlingForConditionalGeneration";

enum { MAX_CONFIG_BYTES = 1 << 20, MAX_CONFIG_DEPTH = 32 };

static sl_int_list *list_of(const struct field *f, const sl_config *c)
{
    return (sl_int_list *)((char *)(uintptr_t)c + f->at);
}

/* How many numbers field f holds. */
static int count_of(const struct field *f, const sl_config *c)
{
    return f->kind == FLOAT3 ? 3 : f->kind == INT_LIST ? list_of(f, c)->n : 1;
}

/* Returns the number that field f holds in c; i: which of several. */
static double value_of(const struct field *f, const sl_config *c, int i)
{
    const char *p = (const char *)c + f->at;
    switch (f->kind) {
    case INT:
    case ID:
    case CHOICE: {
        int x;
        memcpy(&x, p, sizeof x);
        return x;
    }
    case INT64: {
        int64_t x;
        memcpy(&x, p, sizeof x);
        return (double)x;
    }
    case FLOAT:
    case FLOAT3: {
        float x;
        memcpy(&x, p + (size_t)i * sizeof x, sizeof x);
        return (double)x;
    }
    case BOOL:
    case BOOL_CHOICE:
        return *(const bool *)p;
    case INT_LIST:
        return list_of(f, c)->n > i ? list_of(f, c)->items[i] : 0;
    }
    SL_BUG("kind %d", (int)f->kind);
}

/* Stores x, which fits the kind, as value_of reads it. */
static void store(const struct field *f, sl_config *c, int i, double x)
{
    char *p = (char *)c + f->at;
    switch (f->kind) {
    case INT:
    case ID:
    case CHOICE: {
        int v = (int)x;
        memcpy(p, &v, sizeof v);
        return;
    }
    case INT64: {
        int64_t v = (int64_t)x;
        memcpy(p, &v, sizeof v);
        return;
    }
    case FLOAT:
    case FLOAT3: {
        float v = (float)x;
        memcpy(p + (size_t)i * sizeof v, &v, sizeof v);
        return;
    }
    case BOOL:
    case BOOL_CHOICE:
        *(bool *)p = x != 0;
        return;
    case INT_LIST:
        list_of(f, c)->items[i] = (int)x;
        return;
    }
}

static sl_status check_field(const struct section *s, const struct field *f, const sl_config *c, sl_error *err)
{
    bool is_float = f->kind == FLOAT || f->kind == FLOAT3;
    for (int i = 0; i < count_of(f, c); i++) {
        double x = value_of(f, c, i);
        /* Written so that NaN is out of range. */
        if (x >= f->min && x <= f->max) continue;
        int digits = is_float ? 6 : 17;
        return sl_fail(err, SL_ERR_FORMAT, "%s%s%s: %.*g is outside %.*g to %.*g", s->key ? s->key : "",
                       s->key ? "." : "", f->key, digits, x, digits, f->min, digits, f->max);
    }
    return SL_OK;
}

static sl_status check_vision(const sl_vit_config *v, sl_error *err)
{
    if (v->hidden % v->n_heads)
        return sl_fail(err, SL_ERR_FORMAT, "vision_config.num_attention_heads: %d does not divide hidden_size %d",
                       v->n_heads, v->hidden);
    int head_dim = v->hidden / v->n_heads;
    for (int i = 0; i < v->full_blocks.n; i++)
        if (v->full_blocks.items[i] >= v->depth)
            return sl_fail(err, SL_ERR_FORMAT, "family_config.vision_full_blocks: %d is not among %d blocks",
                           v->full_blocks.items[i], v->depth);
    if (head_dim % 8 || head_dim > MAX_HEAD_DIM)
        return sl_fail(err, SL_ERR_FORMAT,
                       "vision_config.num_attention_heads: hidden_size %d over %d heads gives heads of %d, "
                       "not a multiple of 8 up to %d",
                       v->hidden, v->n_heads, head_dim, MAX_HEAD_DIM);
    return SL_OK;
}

static sl_status check_deepstack(const sl_config *c, sl_error *err)
{
    const sl_int_list *d = &c->adapter.deepstack;
    for (int i = 0; i < d->n; i++)
        if (d->items[i] >= c->vit.depth || (i && d->items[i] <= d->items[i - 1]))
            return sl_fail(err, SL_ERR_FORMAT, "family_config.deepstack_blocks: %d does not ascend below %d blocks",
                           d->items[i], c->vit.depth);
    if (d->n > c->decoder.depth)
        return sl_fail(err, SL_ERR_FORMAT, "family_config.deepstack_blocks: %d for %d decoder layers", d->n,
                       c->decoder.depth);
    return SL_OK;
}

static sl_status check_rotation(const sl_decoder_config *d, sl_error *err)
{
    const sl_int_list *s = &d->rope_sections;
    int sum = 0;
    for (int i = 0; i < s->n; i++) sum += s->items[i];
    if (s->n && (s->n != 3 || sum != d->head_dim / 2))
        return sl_fail(err, SL_ERR_FORMAT, "rope_sections: %d numbers of the sum %d; a head has %d frequencies in 3",
                       s->n, sum, d->head_dim / 2);
    if (!d->kv_rank) return SL_OK;
    if (d->rope_dims < 2 || d->rope_dims % 2 || d->rope_dims > d->head_dim || d->value_dim < 1 ||
        d->value_dim > d->head_dim || d->n_kv_heads != d->n_heads || d->qk_norm || d->qkv_bias || s->n)
        return sl_fail(err, SL_ERR_FORMAT,
                       "kv_rank: %d with heads of %d, %d of it turned, values of %d, %d heads of keys for %d",
                       d->kv_rank, d->head_dim, d->rope_dims, d->value_dim, d->n_kv_heads, d->n_heads);
    return SL_OK;
}

static sl_status check_experts(const sl_decoder_config *d, sl_error *err)
{
    if (d->top_k < 1 || d->top_k > d->n_experts)
        return sl_fail(err, SL_ERR_FORMAT, "text_config.num_experts_per_tok: %d is outside 1 to num_experts %d",
                       d->top_k, d->n_experts);
    if (d->expert_hidden < 1)
        return sl_fail(err, SL_ERR_FORMAT, "text_config.moe_intermediate_size: %d is not positive", d->expert_hidden);
    return SL_OK;
}

static sl_status check_decoder(const sl_decoder_config *d, sl_error *err)
{
    if (d->n_heads % d->n_kv_heads)
        return sl_fail(err, SL_ERR_FORMAT, "text_config.num_key_value_heads: %d does not divide num_attention_heads %d",
                       d->n_kv_heads, d->n_heads);
    if (d->head_dim % 8)
        return sl_fail(err, SL_ERR_FORMAT, "text_config.head_dim: %d is not a multiple of 8", d->head_dim);
    if (d->n_dense_layers > d->depth)
        return sl_fail(err, SL_ERR_FORMAT, "text_config.first_k_dense_replace: %d is over num_hidden_layers %d",
                       d->n_dense_layers, d->depth);
    if (d->n_experts == 0 && d->n_dense_layers != d->depth)
        return sl_fail(err, SL_ERR_FORMAT,
                       "text_config.first_k_dense_replace: %d of %d layers are dense, but num_experts is 0",
                       d->n_dense_layers, d->depth);
    if (d->n_dense_layers > 0 && d->mlp_hidden < 1)
        return sl_fail(err, SL_ERR_FORMAT, "text_config.intermediate_size: %d is not positive", d->mlp_hidden);
    sl_status s = check_rotation(d, err);
    return s == SL_OK && d->n_experts > 0 ? check_experts(d, err) : s;
}

static sl_status check_pretrain(const sl_pretrain_config *p, sl_error *err)
{
    if (p->teacher_hidden && p->predictor_depth < 1)
        return sl_fail(err, SL_ERR_FORMAT, "pretrain_config.predictor_num_hidden_layers: %d is not positive",
                       p->predictor_depth);
    if (!p->embed) {
        if (!p->superclass && !p->omni) return SL_OK;
        return sl_fail(err, SL_ERR_FORMAT, "pretrain_config.%s: needs an embedding_size",
                       p->superclass ? "use_superclass" : "use_omni");
    }
    const struct {
        const char *key;
        int value;
    } needed[] = {
        {"text_hidden_size", p->text_hidden},
        {"text_num_hidden_layers", p->text_depth},
        {"text_num_attention_heads", p->text_heads},
        {"text_intermediate_size", p->text_mlp_hidden},
        {"text_max_position_embeddings", p->text_positions},
    };
    for (int i = 0; i < N_OF(needed); i++)
        if (needed[i].value < 1)
            return sl_fail(err, SL_ERR_FORMAT, "pretrain_config.%s: %d is not positive", needed[i].key,
                           needed[i].value);
    int head_dim = p->text_hidden / p->text_heads;
    if (p->text_hidden % p->text_heads || head_dim % 8 || head_dim > MAX_HEAD_DIM)
        return sl_fail(
            err, SL_ERR_FORMAT,
            "pretrain_config.text_num_attention_heads: %d heads do not divide text_hidden_size %d into heads "
            "of a multiple of 8 up to %d",
            p->text_heads, p->text_hidden, MAX_HEAD_DIM);
    return SL_OK;
}

static sl_status check_ids(const sl_config *c, sl_error *err)
{
    const struct {
        const char *key;
        int id;
    } ids[] = {
        {"image_start_token_id", c->ids.image_start},
        {"image_patch_token_id", c->ids.image_patch},
        {"image_end_token_id", c->ids.image_end},
        {"bos_token_id", c->ids.bos},
        {"eos_token_id", c->ids.eos},
        {"pad_token_id", c->ids.pad},
    };
    for (int i = 0; i < N_OF(ids); i++)
        if (ids[i].id >= c->decoder.vocab)
            return sl_fail(err, SL_ERR_FORMAT, "%s: %d is outside the vocabulary of %d", ids[i].key, ids[i].id,
                           c->decoder.vocab);
    /* A patch's place must not be mistaken for anything else. */
    for (int i = 0; i < N_OF(ids); i++)
        if (i != 1 && ids[i].id == c->ids.image_patch)
            return sl_fail(err, SL_ERR_FORMAT, "image_patch_token_id: %d is the %s too", ids[i].id, ids[i].key);
    return SL_OK;
}

sl_status sl_config_check(const sl_config *c, sl_error *err)
{
    for (int s = 0; s < N_OF(sections); s++) {
        for (int i = 0; i < sections[s].n_fields; i++) {
            sl_status status = check_field(&sections[s], &sections[s].fields[i], c, err);
            if (status) return status;
        }
    }
    if (c->min_pixels > c->max_pixels)
        return sl_fail(err, SL_ERR_FORMAT, "min_pixels: %lld is over max_pixels %lld", (long long)c->min_pixels,
                       (long long)c->max_pixels);
    sl_status status = check_vision(&c->vit, err);
    if (!status) status = check_decoder(&c->decoder, err);
    if (!status) status = check_deepstack(c, err);
    if (!status) status = check_pretrain(&c->pretrain, err);
    if (!status) status = check_ids(c, err);
    return status;
}

static void read_floats(struct sl_json_object *o, const struct field *f, sl_config *c)
{
    const json_t *array = NULL;
    sl_json_get_array(o, f->key, &array);
    if (!array) return;
    if (json_array_size(array) != 3) {
        sl_json_fail(o, f->key, "expected 3 numbers, found %zu", json_array_size(array));
        return;
    }
    for (int i = 0; i < 3; i++) {
        const json_t *x = json_array_get(array, (size_t)i);
        if (!json_is_number(x) || json_number_value(x) < -FLT_MAX || json_number_value(x) > FLT_MAX) {
            sl_json_fail(o, f->key, "element %d is not a number that fits", i);
            return;
        }
        store(f, c, i, json_number_value(x));
    }
}

static void read_list(struct sl_json_object *o, const struct field *f, sl_config *c)
{
    const json_t *array = NULL;
    sl_int_list list = {0};
    sl_json_get_array(o, f->key, &array);
    for (size_t i = 0; array && i < json_array_size(array); i++) {
        const json_t *x = json_array_get(array, i);
        if (i >= SL_MAX_LIST || !json_is_integer(x) || json_integer_value(x) < 0 || json_integer_value(x) > INT_MAX) {
            sl_json_fail(o, f->key, "element %zu is no number from 0 on, or more than %d are given", i, SL_MAX_LIST);
            return;
        }
        list.items[list.n++] = (int)json_integer_value(x);
    }
    if (array) *list_of(f, c) = list;
}

static void read_choice(struct sl_json_object *o, const struct field *f, sl_config *c)
{
    const char *word = NULL;
    sl_json_get_string(o, f->key, &word);
    if (!word) return;
    for (int i = (int)f->min; i <= (int)f->max; i++) {
        if (strcmp(word, f->choices[i]) == 0) {
            store(f, c, 0, i);
            return;
        }
    }
    if (f->max - f->min > 1)
        sl_json_fail(o, f->key, "\"%.40s\" is not known", word);
    else
        sl_json_fail(o, f->key, "\"%.40s\" is neither \"%s\" nor \"%s\"", word, f->choices[(int)f->min],
                     f->choices[(int)f->max]);
}

/* Reads one field; ranges beyond what the type holds are sl_config_check's business. */
static void read_field(struct sl_json_object *o, const struct field *f, sl_config *c)
{
    if (f->optional && !sl_json_has(o, f->key)) return;
    int64_t i = 0;
    double x = 0;
    bool b = false;
    switch (f->kind) {
    case INT:
    case ID:
        sl_json_get_int(o, f->key, INT_MIN, INT_MAX, &i);
        if (!o->status) store(f, c, 0, (double)i);
        break;
    case INT64:
        sl_json_get_int(o, f->key, 0, MAX_PIXELS, &i);
        if (!o->status) store(f, c, 0, (double)i);
        break;
    case FLOAT:
        sl_json_get_number(o, f->key, &x);
        if (!o->status && (x < -FLT_MAX || x > FLT_MAX)) sl_json_fail(o, f->key, "%g does not fit a float", x);
        if (!o->status) store(f, c, 0, x);
        break;
    case BOOL:
        sl_json_get_bool(o, f->key, &b);
        if (!o->status) store(f, c, 0, b);
        break;
    case FLOAT3:
        read_floats(o, f, c);
        break;
    case CHOICE:
    case BOOL_CHOICE:
        read_choice(o, f, c);
        break;
    case INT_LIST:
        read_list(o, f, c);
        break;
    }
}

/* What is read from the top level and is no number. */
static void read_name(struct sl_json_object *top, sl_config *c)
{
    const char *name = NULL;
    if (sl_json_has(top, "name")) sl_json_get_string(top, "name", &name);
    if (!name) return;
    if (strlen(name) >= sizeof c->name) {
        sl_json_fail(top, "name", "longer than %zu bytes", sizeof c->name - 1);
        return;
    }
    memcpy(c->name, name, strlen(name) + 1);
}

/* Reads this program's own spelling. */
static sl_status read_own(struct sl_json_object *top, sl_config *out)
{
    struct sl_json_object section;
    read_name(top, out);
    sl_status status = top->status;
    for (int s = 0; s < N_OF(sections) && !status; s++) {
        if (sections[s].optional && !sl_json_has(top, sections[s].key)) continue;
        section = *top;
        if (sections[s].key) sl_json_get_object(top, sections[s].key, &section);
        for (int i = 0; i < sections[s].n_fields; i++) read_field(&section, &sections[s].fields[i], out);
        status = section.status;
    }
    return status;
}

sl_status sl_config_from_json(const json_t *document, sl_config *out, sl_error *err)
{
    *out = (sl_config){
        .ids.bos = -1,
        .min_pixels = 4 * 784,
        .max_pixels = 5120 * 784,
        .init_std = 0,
        .decoder.router_scale = 1,
    };
    struct sl_json_object top;
    const char *type = NULL;
    sl_json_open(&top, document, err);
    sl_json_get_string(&top, "model_type", &type);
    if (top.status) return top.status;
    const struct sl_family *family = sl_family_of_type(type);
    sl_status status = SL_OK;
    if (strcmp(type, model_type) == 0)
        status = read_own(&top, out);
    else if (family)
        status = family->read_config(&top, out);
    else
        status = sl_family_refuse(type, err);
    return status ? status : sl_config_check(out, err);
}

sl_status sl_config_parse(const char *json, size_t n, sl_config *out, sl_error *err)
{
    if (n > MAX_CONFIG_BYTES) return sl_fail(err, SL_ERR_FORMAT, "config.json is over %d bytes", MAX_CONFIG_BYTES);
    json_t *document;
    sl_status status = sl_json_parse(json, n, MAX_CONFIG_DEPTH, &document, err);
    if (status) return status;
    status = sl_config_from_json(document, out, err);
    json_decref(document);
    return status;
}

/* Returns field f of c as an owned JSON value, or NULL without memory. */
static json_t *field_json(const struct field *f, const sl_config *c)
{
    double x = value_of(f, c, 0);
    switch (f->kind) {
    case INT:
    case INT64:
        return json_integer((json_int_t)x);
    case ID:
        return x < 0 ? json_null() : json_integer((json_int_t)x);
    case FLOAT:
        return sl_json_float((float)x);
    case BOOL:
        return json_boolean(x != 0);
    case CHOICE:
    case BOOL_CHOICE:
        return json_string(f->choices[(int)x]);
    case FLOAT3:
    case INT_LIST:
        break;
    }
    json_t *array = json_array();
    for (int i = 0; i < count_of(f, c); i++) {
        x = value_of(f, c, i);
        json_t *number = f->kind == FLOAT3 ? sl_json_float((float)x) : json_integer((json_int_t)x);
        if (json_array_append_new(array, number) == 0) continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

/* Sets every field of a section in object; 0, or -1 without memory (object NULL included). */
static int set_fields(json_t *object, const struct section *s, const sl_config *c)
{
    int failed = 0;
    for (int i = 0; i < s->n_fields; i++)
        failed |= json_object_set_new(object, s->fields[i].key, field_json(&s->fields[i], c));
    return failed;
}

/* True when every number of a section is zero. */
static bool is_empty(const struct section *s, const sl_config *c)
{
    for (int i = 0; i < s->n_fields; i++)
        for (int k = 0; k < count_of(&s->fields[i], c); k++)
            if (value_of(&s->fields[i], c, k) != 0) return false;
    return true;
}

json_t *sl_config_to_json(const sl_config *c)
{
    json_t *top = json_object();
    int failed = json_object_set_new(top, "architectures", json_pack("[s]", architecture));
    failed |= json_object_set_new(top, "model_type", json_string(model_type));
    failed |= json_object_set_new(top, "name", json_string(c->name));
    for (int s = 0; s < N_OF(sections); s++) {
        if (sections[s].optional && is_empty(&sections[s], c)) continue;
        json_t *object = sections[s].key ? json_object() : json_incref(top);
        failed |= set_fields(object, &sections[s], c);
        if (sections[s].key) {
            failed |= json_object_set_new(top, sections[s].key, object);
        } else {
            json_decref(object);
        }
    }
    if (!failed) return top;
    json_decref(top);
    return NULL;
}

sl_status sl_config_load(const char *dir, sl_config *out, sl_error *err)
{
    if (sl_gguf_is_model(dir)) return sl_gguf_config_load(dir, out, err);
    struct sl_buf text = SL_BUF_INIT(MAX_CONFIG_BYTES);
    char *path = sl_path_join(dir, "config.json");
    sl_status status = SL_OK;
    if (!path) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", dir);
        goto out;
    }
    status = sl_file_read(path, &text, err);
    if (status) goto out;
    status = sl_config_parse(sl_buf_str(&text), text.len, out, err);
    if (status) sl_fail_context(err, status, "%s", path);
    if (!status && out->family != SL_FAMILY_SEEDLING) {
        status = sl_family_read_folder(dir, out, err);
        if (!status) status = sl_config_check(out, err);
    }
out:
    sl_buf_release(&text);
    free(path);
    return status;
}

sl_status sl_config_save(const sl_config *c, const char *dir, sl_error *err)
{
    sl_status status = sl_config_check(c, err);
    if (status) return status;
    struct sl_buf text = SL_BUF_INIT(MAX_CONFIG_BYTES);
    char *path = sl_path_join(dir, "config.json");
    json_t *document = sl_config_to_json(c);
    status = path ? sl_json_dump(document, 2, &text, err) : sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", dir);
    if (!status) sl_buf_addch(&text, '\n');
    if (!status) status = sl_file_write(path, sl_buf_str(&text), text.len, err);
    json_decref(document);
    free(path);
    sl_buf_release(&text);
    return status;
}
