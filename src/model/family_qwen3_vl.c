/*
 * family_qwen3_vl.c: Qwen3-VL, dense and mixture-of-experts, as its differences from Seedling.
 *
 * Source: huggingface/transformers, models/qwen3_vl and qwen3_vl_moe. The tower has no last norm but one before each
 * merge, a learned table of positions beside its rotation, patches of two frames, and outputs of three of its blocks
 * added behind the first decoder layers (DeepStack); the decoder turns heads by time, row and column.
 */
#include "model/family.h"

#include <string.h>

static const struct sl_name_rule names[] = {
    {"model.adapter.", "model.visual.merger."},
    {"model.deepstack.", "model.visual.deepstack_merger_list."},
    {".fc1.", ".linear_fc1."},
    {".fc2.", ".linear_fc2."},
    {NULL, NULL},
};

static void read_act(struct sl_json_object *o, sl_act *out)
{
    const char *act = "gelu_pytorch_tanh";
    if (sl_json_has(o, "hidden_act")) sl_json_get_string(o, "hidden_act", &act);
    *out = strcmp(act, "gelu") == 0 ? SL_ACT_GELU : SL_ACT_GELU_TANH;
    if (strcmp(act, "gelu") != 0 && strcmp(act, "gelu_pytorch_tanh") != 0)
        sl_json_fail(o, "hidden_act", "\"%.40s\" is not supported", act);
}

/* The side of a square table of n entries; 0 when n is no square. */
static int side_of(int n)
{
    int side = 0;
    while (side * side < n) side++;
    return side * side == n ? side : 0;
}

static void read_vision(struct sl_json_object *o, sl_config *c)
{
    enum { MOST = 1 << 20 };
    sl_vit_config *v = &c->vit;
    v->patch_size = sl_family_int(o, "patch_size", NULL, 1, 128);
    v->hidden = sl_family_int(o, "hidden_size", NULL, 1, MOST);
    v->depth = sl_family_int(o, "depth", "num_hidden_layers", 1, MOST);
    v->n_heads = sl_family_int(o, "num_heads", "num_attention_heads", 1, MOST);
    v->mlp_hidden = sl_family_int(o, "intermediate_size", NULL, 1, MOST);
    v->frames = sl_family_int(o, "temporal_patch_size", NULL, 1, 2);
    v->norm_eps = 1e-6F;
    v->rope_theta = 10000;
    read_act(o, &v->act);
    for (int i = 0; i < 3; i++) v->mean[i] = v->std[i] = 0.5F;
    v->no_post_norm = true;
    int table = sl_family_int(o, "num_position_embeddings", NULL, 1, MOST);
    v->table_side = side_of(table);
    if (!v->table_side) sl_json_fail(o, "num_position_embeddings", "%d is no square", table);
    if (sl_json_has(o, "spatial_merge_size") && sl_family_int(o, "spatial_merge_size", NULL, 1, MOST) != 2)
        sl_json_fail(o, "spatial_merge_size", "only 2 is supported");
    c->adapter = (sl_adapter_config){
        .merge = SL_MERGE_CONCAT,
        .hidden = v->hidden <= 16384 ? 4 * v->hidden : 0,
        .act = SL_ACT_GELU,
        .norm_eps = 1e-6F,
        .norm_first = true,
        .deepstack = sl_family_list(o, "deepstack_visual_indexes"),
    };
    int out =
        sl_json_has(o, "out_hidden_size") ? sl_family_int(o, "out_hidden_size", NULL, 1, MOST) : c->decoder.hidden;
    if (out != c->decoder.hidden)
        sl_json_fail(o, "out_hidden_size", "%d is not the decoder's hidden_size %d", out, c->decoder.hidden);
}

static sl_status read_config(struct sl_json_object *top, sl_config *c)
{
    struct sl_json_object text = sl_family_section(top, "text_config", false);
    if (top->status) return top->status;
    struct sl_json_object vision = sl_family_section(top, "vision_config", false);
    if (top->status) return top->status;
    c->family = SL_FAMILY_QWEN3_VL;
    c->bicubic = true;
    c->min_pixels = 65536;
    c->max_pixels = 16777216;
    sl_family_read_qwen_decoder(top, &text, &c->decoder);
    c->decoder.qk_norm = true;
    c->decoder.qkv_bias = sl_family_flag(&text, "attention_bias", false);
    if (text.status) return text.status;
    if (!c->decoder.rope_sections.n) c->decoder.rope_sections = (sl_int_list){3, {24, 20, 20}};
    /* Every published file says so, or leaves it to the code, which knows nothing else. */
    c->decoder.rope_interleaved = true;
    read_vision(&vision, c);
    if (vision.status) return vision.status;
    sl_family_read_qwen_ids(top, &text, &c->ids);
    return top->status;
}

const struct sl_family sl_family_qwen3_vl = {
    .name = "Qwen3-VL",
    .types = {"qwen3_vl", "qwen3_vl_moe"},
    .id = SL_FAMILY_QWEN3_VL,
    .read_config = read_config,
    .names = names,
};
