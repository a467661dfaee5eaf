/*
 * gguf_family_write.c: a family's configuration as the metadata of its files.
 */
#include "model/gguf_family.h"
#include "model/gguf_tokens.h"

#include <stdio.h>
#include <string.h>

static bool is_qwen3(const sl_config *c)
{
    return c->family == SL_FAMILY_QWEN3_VL;
}

static const char *architecture_of(const sl_config *c)
{
    if (!is_qwen3(c)) return "qwen2vl";
    return c->decoder.n_experts ? "qwen3vlmoe" : "qwen3vl";
}

sl_status sl_gguf_family_check(const sl_config *c, sl_gguf_layout layout, sl_error *err)
{
    const char *reason = NULL;
    if (c->family == SL_FAMILY_KIMI_VL || c->family == SL_FAMILY_SEEDLING)
        reason = "it is written for Qwen3-VL and Qwen2.5-VL only";
    else if (layout == SL_GGUF_OLLAMA && !is_qwen3(c))
        reason = "Ollama's is written for Qwen3-VL only";
    else if (c->vit.act != (is_qwen3(c) ? SL_ACT_GELU_TANH : SL_ACT_GELU))
        reason = "it has no word for this activation of the tower";
    else if (sl_vit_frames(&c->vit) != 2)
        reason = "it has no word for patches of one frame";
    return reason ? sl_fail(err, SL_ERR_UNSUPPORTED, "the layout does not fit this model: %s", reason) : SL_OK;
}

/* Keys behind the name of an architecture. */
static void put_u32(sl_gguf_writer *w, const char *prefix, const char *key, int64_t value)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s.%s", prefix, key);
    sl_gguf_writer_u32(w, whole, (uint32_t)value);
}

static void put_f32(sl_gguf_writer *w, const char *prefix, const char *key, float value)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s.%s", prefix, key);
    sl_gguf_writer_f32(w, whole, value);
}

static void put_list(sl_gguf_writer *w, const char *prefix, const char *key, const int *items, int n)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s.%s", prefix, key);
    sl_gguf_writer_array(w, whole, SL_GGUF_I32, (uint64_t)n);
    for (int i = 0; i < n; i++) sl_gguf_writer_append_i32(w, items[i]);
}

static void put_three(sl_gguf_writer *w, const char *prefix, const char *key, const float *x)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s.%s", prefix, key);
    sl_gguf_writer_array(w, whole, SL_GGUF_F32, 3);
    for (int i = 0; i < 3; i++) sl_gguf_writer_append_f32(w, x[i]);
}

static void write_decoder(sl_gguf_writer *w, const sl_config *c, const char *a)
{
    const sl_decoder_config *d = &c->decoder;
    int sections[4] = {0};
    for (int i = 0; i < d->rope_sections.n && i < 4; i++) sections[i] = d->rope_sections.items[i];
    put_u32(w, a, "block_count", d->depth);
    put_u32(w, a, "context_length", d->max_positions);
    put_u32(w, a, "embedding_length", d->hidden);
    put_u32(w, a, "feed_forward_length", d->mlp_hidden);
    put_u32(w, a, "attention.head_count", d->n_heads);
    put_u32(w, a, "attention.head_count_kv", d->n_kv_heads);
    put_u32(w, a, "attention.key_length", d->head_dim);
    put_u32(w, a, "attention.value_length", d->head_dim);
    put_f32(w, a, "attention.layer_norm_rms_epsilon", d->norm_eps);
    put_f32(w, a, "rope.freq_base", d->rope_theta);
    put_list(w, a, "rope.dimension_sections", sections, 4);
    put_list(w, a, "rope.mrope_section", sections, 3);
    if (is_qwen3(c)) put_u32(w, a, "n_deepstack_layers", c->adapter.deepstack.n);
    if (!d->n_experts) return;
    put_u32(w, a, "expert_count", d->n_experts);
    put_u32(w, a, "expert_used_count", d->top_k);
    put_u32(w, a, "expert_feed_forward_length", d->expert_hidden);
}

/* What no key of these layouts says. */
static void write_rest(sl_gguf_writer *w, const sl_config *c)
{
    sl_gguf_writer_u32(w, "seedling.image_token_id", (uint32_t)c->ids.image_patch);
    sl_gguf_writer_u32(w, "seedling.video_token_id", (uint32_t)c->ids.video_patch);
    sl_gguf_writer_u32(w, "seedling.vision_start_token_id", (uint32_t)c->ids.image_start);
    sl_gguf_writer_u32(w, "seedling.vision_end_token_id", (uint32_t)c->ids.image_end);
    sl_gguf_writer_bool(w, "seedling.thinks", c->thinks);
    if (!is_qwen3(c)) sl_gguf_writer_f32(w, "seedling.tokens_per_second", c->decoder.frame_steps);
}

static void write_sampling(sl_gguf_writer *w, const sl_generation_config *g)
{
    sl_gguf_writer_f32(w, "general.sampling.temp", g->temperature);
    sl_gguf_writer_f32(w, "general.sampling.top_p", g->top_p);
    sl_gguf_writer_u32(w, "general.sampling.top_k", (uint32_t)g->top_k);
    sl_gguf_writer_f32(w, "general.sampling.penalty_repeat", g->repetition_penalty);
}

/* What both layouts say of a tower, behind their prefixes. */
static void write_shared_tower(sl_gguf_writer *w, const sl_config *c, const char *prefix)
{
    const sl_vit_config *v = &c->vit;
    put_u32(w, prefix, "patch_size", v->patch_size);
    put_u32(w, prefix, "embedding_length", v->hidden);
    put_u32(w, prefix, "block_count", v->depth);
    put_u32(w, prefix, "attention.head_count", v->n_heads);
    put_u32(w, prefix, "spatial_merge_size", 2);
    put_f32(w, prefix, "attention.layer_norm_epsilon", v->norm_eps);
    put_three(w, prefix, "image_mean", v->mean);
    put_three(w, prefix, "image_std", v->std);
}

static void write_ollama_tower(sl_gguf_writer *w, const sl_config *c, const char *a)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.vision", a);
    write_shared_tower(w, c, prefix);
    put_u32(w, prefix, "num_channels", 3);
    put_u32(w, prefix, "temporal_patch_size", sl_vit_frames(&c->vit));
    put_u32(w, prefix, "num_positional_embeddings", (int64_t)c->vit.table_side * c->vit.table_side);
    put_u32(w, prefix, "shortest_edge", c->min_pixels);
    put_u32(w, prefix, "longest_edge", c->max_pixels);
    put_f32(w, prefix, "rope.freq_base", c->vit.rope_theta);
    put_list(w, prefix, "deepstack_visual_indexes", c->adapter.deepstack.items, c->adapter.deepstack.n);
}

/* Which blocks see the whole picture: every n-th by the layout's own key, any others by ours. */
static void write_windows(sl_gguf_writer *w, const sl_config *c)
{
    const sl_int_list *full = &c->vit.full_blocks;
    int pattern = full->n ? full->items[0] + 1 : c->vit.depth + 1;
    sl_gguf_writer_u32(w, "clip.vision.n_wa_pattern", (uint32_t)pattern);
    sl_gguf_writer_u32(w, "clip.vision.window_size", (uint32_t)(2 * c->vit.window * c->vit.patch_size));
    put_list(w, "seedling", "full_attention_blocks", full->items, full->n);
}

void sl_gguf_family_write_tower(sl_gguf_writer *w, const sl_config *c)
{
    static const char prefix[] = "clip.vision";
    const sl_vit_config *v = &c->vit;
    sl_gguf_writer_string(w, "general.architecture", "clip");
    sl_gguf_writer_string(w, "general.type", "mmproj");
    sl_gguf_writer_string(w, "general.name", c->name);
    sl_gguf_writer_bool(w, "clip.has_vision_encoder", true);
    sl_gguf_writer_string(w, "clip.projector_type", is_qwen3(c) ? "qwen3vl_merger" : "qwen2.5vl_merger");
    sl_gguf_writer_bool(w, is_qwen3(c) ? "clip.use_gelu" : "clip.use_silu", true);
    write_shared_tower(w, c, prefix);
    put_u32(w, prefix, "image_size", is_qwen3(c) ? v->table_side * v->patch_size : 560);
    put_u32(w, prefix, "image_min_pixels", c->min_pixels);
    put_u32(w, prefix, "image_max_pixels", c->max_pixels);
    put_u32(w, prefix, "feed_forward_length", v->mlp_hidden);
    put_u32(w, prefix, "projection_dim", c->decoder.hidden);
    if (!is_qwen3(c)) {
        write_windows(w, c);
        return;
    }
    sl_gguf_writer_array(w, "clip.vision.is_deepstack_layers", SL_GGUF_BOOL, (uint64_t)v->depth);
    for (int i = 0; i < v->depth; i++) {
        bool feeds = false;
        for (int j = 0; j < c->adapter.deepstack.n; j++) feeds |= c->adapter.deepstack.items[j] == i;
        sl_gguf_writer_append_bool(w, feeds);
    }
}

sl_status sl_gguf_family_write(sl_gguf_writer *w, const struct sl_gguf_model *m, sl_gguf_layout layout, sl_error *err)
{
    const char *a = architecture_of(m->config);
    sl_gguf_writer_string(w, "general.architecture", a);
    sl_gguf_writer_string(w, "general.type", "model");
    sl_gguf_writer_string(w, "general.name", m->config->name);
    write_decoder(w, m->config, a);
    write_rest(w, m->config);
    write_sampling(w, m->generation);
    if (layout == SL_GGUF_OLLAMA) write_ollama_tower(w, m->config, a);
    if (m->tokenizer) return sl_gguf_tokens_write(w, m->tokenizer, m->tokenizer_json, false, m->config, err);
    sl_gguf_writer_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)m->config->ids.eos);
    return SL_OK;
}
