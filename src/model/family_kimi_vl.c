/*
 * family_kimi_vl.c: Kimi-VL-A3B as its differences from Seedling.
 *
 * Sources: the published modelling code as restated in NVIDIA-NeMo/Automodel and Blaizzy/mlx-vlm. The tower's heads
 * turn neighbouring elements by column and row in turns, and a learned table of positions is stretched over the
 * picture; the decoder makes keys and values from a latent (MLA), routes by sigmoids with a bias, and has plain
 * positions.
 *
 * Files keep the two elements of a turned pair as neighbours, this program half a head apart: rows move at loading,
 * which changes no product of q and k.
 */
#include "model/family.h"

#include <string.h>

static const struct sl_name_rule names[] = {
    {"model.visual.patch_embed.proj.", "vision_tower.patch_embed.proj."},
    {"model.visual.pos_embed.", "vision_tower.patch_embed.pos_emb."},
    {"model.visual.blocks.", "vision_tower.encoder.blocks."},
    {"model.visual.post_norm.", "vision_tower.encoder.final_layernorm."},
    {".norm1.", ".norm0."},
    {".norm2.", ".norm1."},
    {".attn.qkv.", ".wqkv."},
    {".attn.proj.", ".wo."},
    {".mlp.fc1.", ".mlp.fc0."},
    {".mlp.fc2.", ".mlp.fc1."},
    {"model.adapter.norm.", "multi_modal_projector.pre_norm."},
    {"model.adapter.fc1.", "multi_modal_projector.linear_1."},
    {"model.adapter.fc2.", "multi_modal_projector.linear_2."},
    {".kv_a_proj.", ".kv_a_proj_with_mqa."},
    {".k_rope_proj.", ".kv_a_proj_with_mqa."},
    {".shared_expert.", ".shared_experts."},
    {NULL, NULL},
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* The element of a turned part of n that is ours at i: pairs of neighbours become halves. */
static int32_t paired(int i, int n)
{
    return i < n / 2 ? 2 * i : 2 * (i - n / 2) + 1;
}

/* q and k of the tower; v stays. */
static void order_tower(const sl_vit_config *v, int32_t *order)
{
    int d = v->hidden / v->n_heads;
    for (int i = 0; i < 3 * v->hidden; i++) order[i] = i < 2 * v->hidden ? i / d * d + paired(i % d, d) : i;
}

/* q of the decoder: in the file what is not turned comes first, then the pairs. */
static void order_queries(const sl_decoder_config *d, int32_t *order)
{
    int turned = d->rope_dims, kept = d->head_dim - turned, half = d->head_dim / 2;
    for (int h = 0; h < d->n_heads; h++)
        for (int i = 0; i < d->head_dim; i++) {
            int side = i / half, at = i % half;
            bool pair = at < turned / 2;
            int from = pair ? kept + 2 * at + side : side * kept / 2 + at - turned / 2;
            order[h * d->head_dim + i] = h * d->head_dim + from;
        }
}

static bool row_order(const sl_config *c, const sl_weight_row *r, int32_t *order)
{
    const sl_decoder_config *d = &c->decoder;
    if (r->module == SL_MODULE_VIT && strstr(r->name, ".attn.qkv.")) {
        order_tower(&c->vit, order);
    } else if (ends_with(r->name, "self_attn.q_proj.weight")) {
        order_queries(d, order);
    } else if (ends_with(r->name, "self_attn.k_rope_proj.weight")) {
        for (int i = 0; i < d->rope_dims; i++) order[i] = d->kv_rank + paired(i, d->rope_dims);
    } else if (ends_with(r->name, "self_attn.kv_a_proj.weight")) {
        for (int i = 0; i < d->kv_rank; i++) order[i] = i;
    } else {
        return false;
    }
    return true;
}

static void read_vision(struct sl_json_object *o, sl_config *c)
{
    enum { MOST = 1 << 14 };
    sl_vit_config *v = &c->vit;
    v->patch_size = sl_family_int(o, "patch_size", NULL, 1, 128);
    v->hidden = sl_family_int(o, "hidden_size", NULL, 1, MOST);
    v->depth = sl_family_int(o, "num_hidden_layers", NULL, 1, MOST);
    v->n_heads = sl_family_int(o, "num_attention_heads", NULL, 1, MOST);
    v->mlp_hidden = sl_family_int(o, "intermediate_size", NULL, 1, 1 << 20);
    v->norm_eps = 1e-5F;
    v->rope_theta = 10000;
    v->act = SL_ACT_GELU_TANH;
    for (int i = 0; i < 3; i++) v->mean[i] = v->std[i] = 0.5F;
    v->table_side = sl_family_int(o, "init_pos_emb_height", NULL, 1, 1024);
    v->filter = SL_TABLE_BICUBIC;
    v->alternating_rotation = true;
    if (sl_family_int(o, "init_pos_emb_width", NULL, 1, 1024) != v->table_side)
        sl_json_fail(o, "init_pos_emb_width", "the table is not square");
    sl_int_list merge = sl_family_list(o, "merge_kernel_size");
    if (merge.n && (merge.n != 2 || merge.items[0] != 2 || merge.items[1] != 2))
        sl_json_fail(o, "merge_kernel_size", "only [2, 2] is supported");
    c->adapter = (sl_adapter_config){
        .merge = SL_MERGE_CONCAT, .hidden = 4 * v->hidden, .act = SL_ACT_GELU, .norm_eps = 1e-5F, .norm_first = true};
}

/* Refuses what the published models do not have and this program does not do. */
static void check_text(struct sl_json_object *o)
{
    if (sl_json_has(o, "q_lora_rank")) sl_json_fail(o, "q_lora_rank", "queries from a latent are not supported");
    if (sl_json_has(o, "n_group") && sl_family_int(o, "n_group", NULL, 0, 1 << 20) > 1)
        sl_json_fail(o, "n_group", "groups of experts are not supported");
    if (sl_json_has(o, "moe_layer_freq") && sl_family_int(o, "moe_layer_freq", NULL, 0, 1 << 20) != 1)
        sl_json_fail(o, "moe_layer_freq", "only 1 is supported");
    if (sl_json_has(o, "rope_scaling")) sl_json_fail(o, "rope_scaling", "scaled positions are not supported");
}

static void read_text(struct sl_json_object *o, sl_decoder_config *d)
{
    enum { MOST = 1 << 22 };
    const char *scoring = "sigmoid";
    check_text(o);
    d->vocab = sl_family_int(o, "vocab_size", NULL, 1, MOST);
    d->hidden = sl_family_int(o, "hidden_size", NULL, 1, MOST);
    d->depth = sl_family_int(o, "num_hidden_layers", NULL, 1, MOST);
    d->n_heads = d->n_kv_heads = sl_family_int(o, "num_attention_heads", NULL, 1, MOST);
    d->mlp_hidden = sl_family_int(o, "intermediate_size", NULL, 1, MOST);
    d->n_dense_layers = sl_family_int(o, "first_k_dense_replace", NULL, 0, MOST);
    d->n_experts = sl_family_int(o, "n_routed_experts", NULL, 1, MOST);
    d->top_k = sl_family_int(o, "num_experts_per_tok", NULL, 1, MOST);
    d->expert_hidden = sl_family_int(o, "moe_intermediate_size", NULL, 1, 1 << 20);
    d->shared_hidden = d->expert_hidden * sl_family_int(o, "n_shared_experts", NULL, 0, 64);
    if (sl_json_has(o, "scoring_func")) sl_json_get_string(o, "scoring_func", &scoring);
    d->router_sigmoid = strcmp(scoring, "sigmoid") == 0;
    d->normalise_top_k = sl_family_flag(o, "norm_topk_prob", true);
    d->router_scale = (float)sl_family_number(o, "routed_scaling_factor", 1);
    d->select_bias = d->router_sigmoid;
    d->kv_rank = sl_family_int(o, "kv_lora_rank", NULL, 1, MOST);
    d->rope_dims = sl_family_int(o, "qk_rope_head_dim", NULL, 1, 4096);
    d->head_dim = d->rope_dims + sl_family_int(o, "qk_nope_head_dim", NULL, 1, 4096);
    d->value_dim = sl_family_int(o, "v_head_dim", NULL, 1, 4096);
    d->norm_eps = (float)sl_family_number(o, "rms_norm_eps", 1e-5);
    d->rope_theta = (float)sl_family_number(o, "rope_theta", 10000);
    d->max_positions = sl_family_int(o, "max_position_embeddings", NULL, 1, 1 << 24);
    d->tie_embeddings = sl_family_flag(o, "tie_word_embeddings", false);
}

static sl_status read_config(struct sl_json_object *top, sl_config *c)
{
    enum { MEDIA_START = 163602, MEDIA_END = 163604, IM_END = 163586, MOST = 1 << 22 };
    struct sl_json_object text = sl_family_section(top, "text_config", false);
    if (top->status) return top->status;
    struct sl_json_object vision = sl_family_section(top, "vision_config", false);
    if (top->status) return top->status;
    c->family = SL_FAMILY_KIMI_VL;
    c->bicubic = true;
    c->min_pixels = 1;
    read_text(&text, &c->decoder);
    if (text.status) return text.status;
    read_vision(&vision, c);
    if (vision.status) return vision.status;
    c->max_pixels = 4096LL * c->vit.patch_size * c->vit.patch_size;
    c->ids.image_patch = sl_family_int(top, "media_placeholder_token_id", "image_token_id", 0, MOST);
    c->ids.eos = sl_json_has(&text, "eos_token_id") ? sl_family_int(&text, "eos_token_id", NULL, 0, MOST) : IM_END;
    c->ids.pad = c->ids.eos;
    /* Only the tokenizer's files name these; a small vocabulary has none, and what would be in their place is as good.
     */
    bool published = c->decoder.vocab > MEDIA_END;
    c->ids.image_start = published ? MEDIA_START : c->ids.eos;
    c->ids.image_end = published ? MEDIA_END : c->ids.eos;
    if (text.status) return text.status;
    return top->status;
}

const struct sl_family sl_family_kimi_vl = {
    .name = "Kimi-VL",
    .types = {"kimi_vl"},
    .id = SL_FAMILY_KIMI_VL,
    .read_config = read_config,
    .names = names,
    .row_order = row_order,
};
