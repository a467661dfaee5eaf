/*
 * gguf_names.c: the tables of names: llama.cpp's where it has one, and what Ollama's files have in its place.
 */
#include "model/gguf_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Layouts that an entry is for. */
enum {
    OWN = 1 << SL_GGUF_SEEDLING,
    PAIR = 1 << SL_GGUF_PAIR,
    OLLAMA = 1 << SL_GGUF_OLLAMA,
    CPP = OWN | PAIR,
    ALL = CPP | OLLAMA
};

enum place_id { BLOCKS, TOWER, ADAPTER, DEEPSTACK, LAYERS, LANGUAGE, HEAD };

/* Where a tensor stands: what its name begins with, "N." for a block's number following. */
static const struct place {
    unsigned in;
    enum place_id id;
    const char *ours, *gguf;
    int numbered;
} places[] = {
    {ALL, BLOCKS, "model.visual.blocks.", "v.blk.", 1},
    {ALL, TOWER, "model.visual.", "v.", 0},
    {OWN, ADAPTER, "model.adapter.", "mm.", 0},
    {PAIR, ADAPTER, "model.adapter.", "", 0},
    {OLLAMA, ADAPTER, "model.adapter.", "v.merger.", 0},
    {PAIR, DEEPSTACK, "model.deepstack.", "v.deepstack.", 1},
    {OLLAMA, DEEPSTACK, "model.deepstack.", "v.deepstack_merger.", 1},
    {ALL, LAYERS, "model.language_model.layers.", "blk.", 1},
    {ALL, LANGUAGE, "model.language_model.", "", 0},
    {ALL, HEAD, "lm_head.", "output.", 0},
};

/* The rest of the name up to the last dot, by place. */
static const struct stem {
    unsigned in;
    enum place_id place;
    const char *ours, *gguf;
} stems[] = {
    {CPP, BLOCKS, "norm1", "ln1"},
    {CPP, BLOCKS, "norm2", "ln2"},
    {ALL, BLOCKS, "attn.qkv", "attn_qkv"},
    {ALL, BLOCKS, "attn.q", "attn_q"},
    {ALL, BLOCKS, "attn.k", "attn_k"},
    {ALL, BLOCKS, "attn.v", "attn_v"},
    {ALL, BLOCKS, "attn.proj", "attn_out"},
    {CPP, BLOCKS, "mlp.fc1", "ffn_up"},
    {CPP, BLOCKS, "mlp.fc2", "ffn_down"},
    {CPP, BLOCKS, "mlp.gate_proj", "ffn_gate"},
    {CPP, BLOCKS, "mlp.up_proj", "ffn_up"},
    {OLLAMA, BLOCKS, "mlp.fc1", "mlp.linear_fc1"},
    {OLLAMA, BLOCKS, "mlp.fc2", "mlp.linear_fc2"},
    {CPP, TOWER, "patch_embed.proj", "patch_embd"},
    {OLLAMA, TOWER, "patch_embed.proj", "patch_embed"},
    {PAIR, TOWER, "pos_embed", "position_embd"},
    {CPP, TOWER, "post_norm", "post_ln"},
    {OWN, ADAPTER, "norm", "input_norm"},
    {OWN, ADAPTER, "fc1", "1"},
    {OWN, ADAPTER, "fc2", "2"},
    {PAIR, ADAPTER, "norm", "v.post_ln"},
    {PAIR, ADAPTER, "fc1", "mm.0"},
    {PAIR, ADAPTER, "fc2", "mm.2"},
    {OLLAMA, ADAPTER, "fc1", "linear_fc1"},
    {OLLAMA, ADAPTER, "fc2", "linear_fc2"},
    {OLLAMA, DEEPSTACK, "fc1", "linear_fc1"},
    {OLLAMA, DEEPSTACK, "fc2", "linear_fc2"},
    {ALL, LAYERS, "input_layernorm", "attn_norm"},
    {ALL, LAYERS, "self_attn.qkv_proj", "attn_qkv"},
    {ALL, LAYERS, "self_attn.q_proj", "attn_q"},
    {ALL, LAYERS, "self_attn.k_proj", "attn_k"},
    {ALL, LAYERS, "self_attn.v_proj", "attn_v"},
    {ALL, LAYERS, "self_attn.q_norm", "attn_q_norm"},
    {ALL, LAYERS, "self_attn.k_norm", "attn_k_norm"},
    {ALL, LAYERS, "self_attn.o_proj", "attn_output"},
    {ALL, LAYERS, "post_attention_layernorm", "ffn_norm"},
    {ALL, LAYERS, "mlp.gate_up_proj", "ffn_gate_up"},
    {ALL, LAYERS, "mlp.gate_proj", "ffn_gate"},
    {ALL, LAYERS, "mlp.up_proj", "ffn_up"},
    {ALL, LAYERS, "mlp.down_proj", "ffn_down"},
    {ALL, LAYERS, "mlp.gate", "ffn_gate_inp"},
    {ALL, LAYERS, "mlp.experts.gate_proj", "ffn_gate_exps"},
    {ALL, LAYERS, "mlp.experts.up_proj", "ffn_up_exps"},
    {ALL, LAYERS, "mlp.shared_expert.gate_up_proj", "ffn_gate_up_shexp"},
    {ALL, LAYERS, "mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
    {ALL, LAYERS, "mlp.shared_expert.up_proj", "ffn_up_shexp"},
    {ALL, LAYERS, "mlp.shared_expert.down_proj", "ffn_down_shexp"},
    {ALL, LANGUAGE, "embed_tokens", "token_embd"},
    {ALL, LANGUAGE, "norm", "output_norm"},
};

/* Whole endings that are no stem and dot. */
static const struct stem endings[] = {
    {PAIR, TOWER, "patch_embed.proj.weight.1", "patch_embd.weight.1"},
    {ALL, LAYERS, "mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {ALL, LAYERS, "mlp.experts.gate_up_proj", "ffn_gate_up_exps.weight"},
    {ALL, LAYERS, "mlp.experts.down_proj", "ffn_down_exps.weight"},
};

static bool is_for(const struct stem *s, const struct sl_gguf_naming *naming, enum place_id place)
{
    /* Gate and up as one have no name where they are kept apart. */
    if (naming->gated && place == BLOCKS && strcmp(s->ours, "mlp.fc1") == 0) return false;
    return s->in >> naming->layout & 1 && s->place == place;
}

/* Old files of a tower: the two maps of a block's MLP have each other's names. */
static const char *swap(const struct sl_gguf_naming *naming, enum place_id place, const char *stem)
{
    if (!naming->swapped || place != BLOCKS) return stem;
    if (strcmp(stem, "ffn_up") == 0) return "ffn_down";
    return strcmp(stem, "ffn_down") == 0 ? "ffn_up" : stem;
}

/* Puts the renamed rest of the name into out; the rest as it is when there is no entry. */
static void rename_rest(const struct sl_gguf_naming *naming, enum place_id place, const char *rest, char *out,
                        size_t size)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (is_for(&endings[i], naming, place) && strcmp(endings[i].ours, rest) == 0) {
            snprintf(out, size, "%s", endings[i].gguf);
            return;
        }
    const char *dot = strrchr(rest, '.');
    size_t n = dot ? (size_t)(dot - rest) : 0;
    for (size_t i = 0; dot && i < sizeof stems / sizeof *stems; i++)
        if (is_for(&stems[i], naming, place) && strlen(stems[i].ours) == n && strncmp(stems[i].ours, rest, n) == 0) {
            snprintf(out, size, "%s%s", swap(naming, place, stems[i].gguf), dot);
            return;
        }
    snprintf(out, size, "%s", rest);
}

/* The number that the file has for block `number`. */
static long renumber(const struct sl_gguf_naming *naming, enum place_id place, long number)
{
    bool known = place == DEEPSTACK && naming->layout == SL_GGUF_PAIR && number >= 0 && number < naming->deepstack.n;
    return known ? naming->deepstack.items[number] : number;
}

void sl_gguf_name(const struct sl_gguf_naming *naming, const char *name, char *out, size_t size)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct place *p = &places[i];
        size_t n = strlen(p->ours);
        if (!(p->in >> naming->layout & 1) || strncmp(name, p->ours, n) != 0) continue;
        const char *rest = name + n;
        int length = snprintf(out, size, "%s", p->gguf);
        if (p->numbered) {
            char *dot;
            long number = strtol(rest, &dot, 10);
            if (dot == rest || *dot != '.') break;
            length += snprintf(out + length, size - (size_t)length, "%ld.", renumber(naming, p->id, number));
            rest = dot + 1;
        }
        if (length < (int)size) rename_rest(naming, p->id, rest, out + length, size - (size_t)length);
        return;
    }
    snprintf(out, size, "%s", name);
}
