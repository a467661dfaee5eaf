/*
 * gguf_names.c: the table of names: llama.cpp's where it has one.
 */
#include "model/gguf_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a tensor stands: what its name begins with, "N." for a block's number following. */
static const struct place {
    const char *ours, *gguf;
    int numbered;
} places[] = {
    {"model.visual.blocks.", "v.blk.", 1},       {"model.visual.", "v.", 0},       {"model.adapter.", "mm.", 0},
    {"model.language_model.layers.", "blk.", 1}, {"model.language_model.", "", 0}, {"lm_head.", "output.", 0},
};

/* The rest of the name up to the last dot, by place. */
static const struct stem {
    int place;
    const char *ours, *gguf;
} stems[] = {
    {0, "norm1", "ln1"},
    {0, "norm2", "ln2"},
    {0, "attn.qkv", "attn_qkv"},
    {0, "attn.proj", "attn_out"},
    {0, "mlp.fc1", "ffn_up"},
    {0, "mlp.fc2", "ffn_down"},
    {1, "patch_embed.proj", "patch_embd"},
    {1, "post_norm", "post_ln"},
    {2, "norm", "input_norm"},
    {2, "fc1", "1"},
    {2, "fc2", "2"},
    {3, "input_layernorm", "attn_norm"},
    {3, "self_attn.qkv_proj", "attn_qkv"},
    {3, "self_attn.q_proj", "attn_q"},
    {3, "self_attn.k_proj", "attn_k"},
    {3, "self_attn.v_proj", "attn_v"},
    {3, "self_attn.q_norm", "attn_q_norm"},
    {3, "self_attn.k_norm", "attn_k_norm"},
    {3, "self_attn.o_proj", "attn_output"},
    {3, "post_attention_layernorm", "ffn_norm"},
    {3, "mlp.gate_up_proj", "ffn_gate_up"},
    {3, "mlp.gate_proj", "ffn_gate"},
    {3, "mlp.up_proj", "ffn_up"},
    {3, "mlp.down_proj", "ffn_down"},
    {3, "mlp.gate", "ffn_gate_inp"},
    {3, "mlp.shared_expert.gate_up_proj", "ffn_gate_up_shexp"},
    {3, "mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
    {3, "mlp.shared_expert.up_proj", "ffn_up_shexp"},
    {3, "mlp.shared_expert.down_proj", "ffn_down_shexp"},
    {4, "embed_tokens", "token_embd"},
    {4, "norm", "output_norm"},
};

/* Whole endings that are no stem and dot. */
static const struct stem endings[] = {
    {3, "mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {3, "mlp.experts.gate_up_proj", "ffn_gate_up_exps.weight"},
    {3, "mlp.experts.down_proj", "ffn_down_exps.weight"},
};

/* Puts the renamed rest of the name into out; the rest as it is when there is no entry. */
static void rename_rest(int place, const char *rest, char *out, size_t size)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (endings[i].place == place && strcmp(endings[i].ours, rest) == 0) {
            snprintf(out, size, "%s", endings[i].gguf);
            return;
        }
    const char *dot = strrchr(rest, '.');
    size_t n = dot ? (size_t)(dot - rest) : 0;
    for (size_t i = 0; dot && i < sizeof stems / sizeof *stems; i++)
        if (stems[i].place == place && strlen(stems[i].ours) == n && strncmp(stems[i].ours, rest, n) == 0) {
            snprintf(out, size, "%s%s", stems[i].gguf, dot);
            return;
        }
    snprintf(out, size, "%s", rest);
}

void sl_gguf_name(const char *name, char *out, size_t size)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct place *p = &places[i];
        size_t n = strlen(p->ours);
        if (strncmp(name, p->ours, n) != 0) continue;
        const char *rest = name + n;
        int length = snprintf(out, size, "%s", p->gguf);
        if (p->numbered) {
            const char *dot = strchr(rest, '.');
            if (!dot) break;
            length += snprintf(out + length, size - (size_t)length, "%.*s.", (int)(dot - rest), rest);
            rest = dot + 1;
        }
        if (length < (int)size) rename_rest((int)i, rest, out + length, size - (size_t)length);
        return;
    }
    snprintf(out, size, "%s", name);
}
