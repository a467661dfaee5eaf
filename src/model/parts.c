/*
 * parts.c: the table of such rows.
 */
#include "model/parts.h"

#include <stdio.h>
#include <string.h>

enum side { DECODER, TOWER, GATED_TOWER };

static const struct {
    const char *fused;
    const char *parts[SL_MAX_ROW_PARTS];
    enum side side;
} ways[] = {
    {"self_attn.qkv_proj.weight",
     {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"},
     DECODER},
    {"self_attn.qkv_proj.bias", {"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"}, DECODER},
    {"mlp.gate_up_proj.weight", {"mlp.gate_proj.weight", "mlp.up_proj.weight"}, DECODER},
    {"mlp.experts.gate_up_proj", {"mlp.experts.gate_proj.weight", "mlp.experts.up_proj.weight"}, DECODER},
    {"mlp.experts.gate_up_proj", {"mlp.experts.%d.gate_proj.weight", "mlp.experts.%d.up_proj.weight"}, DECODER},
    {"mlp.experts.down_proj", {"mlp.experts.%d.down_proj.weight"}, DECODER},
    {"mlp.shared_expert.gate_up_proj.weight",
     {"mlp.shared_expert.gate_proj.weight", "mlp.shared_expert.up_proj.weight"},
     DECODER},
    {"attn.qkv.weight", {"attn.q.weight", "attn.k.weight", "attn.v.weight"}, TOWER},
    {"attn.qkv.bias", {"attn.q.bias", "attn.k.bias", "attn.v.bias"}, TOWER},
    {"mlp.fc1.weight", {"mlp.gate_proj.weight", "mlp.up_proj.weight"}, GATED_TOWER},
    {"mlp.fc1.bias", {"mlp.gate_proj.bias", "mlp.up_proj.bias"}, GATED_TOWER},
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_on(const sl_weight_row *r, const sl_config *c, enum side side)
{
    if (r->module != SL_MODULE_VIT) return side == DECODER;
    return side == TOWER || (side == GATED_TOWER && c->vit.gated_mlp);
}

bool sl_row_way(const sl_weight_row *r, const sl_config *c, int i, struct sl_row_way *out)
{
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        if (!is_on(r, c, ways[k].side) || !ends_with(r->name, ways[k].fused) || i-- > 0) continue;
        *out = (struct sl_row_way){.prefix = strlen(r->name) - strlen(ways[k].fused),
                                   .by_expert = strstr(ways[k].parts[0], "%d") != NULL};
        for (out->n = 0; out->n < SL_MAX_ROW_PARTS && ways[k].parts[out->n]; out->n++)
            out->parts[out->n] = ways[k].parts[out->n];
        return true;
    }
    return false;
}

void sl_row_part_name(const sl_weight_row *r, const struct sl_row_way *way, int part, int expert, char *out, size_t n)
{
    const char *text = way->parts[part], *number = strstr(text, "%d");
    if (number)
        snprintf(out, n, "%.*s%.*s%d%s", (int)way->prefix, r->name, (int)(number - text), text, expert, number + 2);
    else
        snprintf(out, n, "%.*s%s", (int)way->prefix, r->name, text);
}

int64_t sl_row_part_rows(const sl_weight_row *r, const sl_config *c, const struct sl_row_way *way, int part)
{
    int64_t rows = sl_row_rows(r);
    if (part >= way->n) return 0;
    if (way->n < 3 || r->module == SL_MODULE_VIT) return rows / way->n;
    return (int64_t)(part == 0 ? c->decoder.n_heads : c->decoder.n_kv_heads) * c->decoder.head_dim;
}
