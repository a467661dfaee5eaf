/*
 * family_qwen2_5_vl.c: Qwen2.5-VL, and UI-TARS-1.5 which is one, as its differences from Seedling.
 *
 * Source: huggingface/transformers, models/qwen2_5_vl. The tower has RMSNorm and SwiGLU, no table of positions, and
 * attends inside windows of 112 pixels in all but a few blocks; the decoder has biases and no norms of heads, and turns
 * them by time, row and column in three runs of frequencies. Original files keep the decoder's keys at the top.
 */
#include "model/family.h"

static const struct sl_name_rule names[] = {
    {"model.adapter.norm.", "model.visual.merger.ln_q."},
    {"model.adapter.fc1.", "model.visual.merger.mlp.0."},
    {"model.adapter.fc2.", "model.visual.merger.mlp.2."},
    {".mlp.fc2.", ".mlp.down_proj."},
    {NULL, NULL},
};

static void read_vision(struct sl_json_object *o, sl_config *c)
{
    enum { MOST = 1 << 14 };
    static const float mean[3] = {0.48145466F, 0.4578275F, 0.40821073F};
    static const float std[3] = {0.26862954F, 0.26130258F, 0.27577711F};
    sl_vit_config *v = &c->vit;
    v->patch_size = sl_family_int(o, "patch_size", NULL, 1, 128);
    v->hidden = sl_family_int(o, "hidden_size", NULL, 1, MOST);
    v->depth = sl_family_int(o, "depth", "num_hidden_layers", 1, MOST);
    v->n_heads = sl_family_int(o, "num_heads", "num_attention_heads", 1, MOST);
    v->mlp_hidden = sl_family_int(o, "intermediate_size", NULL, 1, 1 << 20);
    v->frames = sl_json_has(o, "temporal_patch_size") ? sl_family_int(o, "temporal_patch_size", NULL, 1, 2) : 2;
    v->norm_eps = 1e-6F;
    v->rope_theta = 10000;
    v->act = SL_ACT_GELU;
    for (int i = 0; i < 3; i++) v->mean[i] = mean[i], v->std[i] = std[i];
    v->rms_norm = v->gated_mlp = v->no_patch_bias = v->no_post_norm = true;
    int window = sl_json_has(o, "window_size") ? sl_family_int(o, "window_size", NULL, 1, MOST) : 112;
    if (!o->status && (window % (2 * v->patch_size) || window < 2 * v->patch_size))
        sl_json_fail(o, "window_size", "%d pixels are no whole cells of %d", window, 2 * v->patch_size);
    else if (!o->status)
        v->window = window / (2 * v->patch_size);
    v->full_blocks = sl_family_list(o, "fullatt_block_indexes");
    if (!sl_json_has(o, "fullatt_block_indexes")) v->full_blocks = (sl_int_list){4, {7, 15, 23, 31}};
    if (sl_json_has(o, "spatial_merge_size") && sl_family_int(o, "spatial_merge_size", NULL, 1, MOST) != 2)
        sl_json_fail(o, "spatial_merge_size", "only 2 is supported");
    c->adapter = (sl_adapter_config){
        .merge = SL_MERGE_CONCAT, .hidden = 4 * v->hidden, .act = SL_ACT_GELU, .norm_eps = 1e-6F, .norm_first = true};
    c->decoder.frame_steps = (float)sl_family_number(o, "tokens_per_second", 2);
}

static sl_status read_config(struct sl_json_object *top, sl_config *c)
{
    struct sl_json_object text = sl_family_section(top, "text_config", true);
    if (text.status) return text.status;
    struct sl_json_object vision = sl_family_section(top, "vision_config", false);
    if (top->status) return top->status;
    c->family = SL_FAMILY_QWEN2_5_VL;
    c->bicubic = true;
    c->min_pixels = 3136;
    c->max_pixels = 12845056;
    sl_family_read_qwen_decoder(top, &text, &c->decoder);
    c->decoder.qkv_bias = true;
    if (text.status) return text.status;
    if (!c->decoder.rope_sections.n) c->decoder.rope_sections = (sl_int_list){3, {16, 24, 24}};
    read_vision(&vision, c);
    if (vision.status) return vision.status;
    sl_family_read_qwen_ids(top, &text, &c->ids);
    return top->status;
}

const struct sl_family sl_family_qwen2_5_vl = {
    .name = "Qwen2.5-VL",
    .types = {"qwen2_5_vl"},
    .id = SL_FAMILY_QWEN2_5_VL,
    .read_config = read_config,
    .names = names,
};
