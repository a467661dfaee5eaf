/*
 * weights_lora.c: the rows of LoRA adapters (docs/MODEL.md, section 13).
 */
#include "model/weights_builder.h"

#include <stdio.h>
#include <string.h>

/* Returns which target a row belongs to, 0 for none. */
static unsigned target_of(const sl_weight_row *r)
{
    if (r->role != SL_ROLE_MATRIX) return 0;
    if (r->module == SL_MODULE_VIT) return r->layer >= 0 ? SL_LORA_VIT : 0;
    if (r->module == SL_MODULE_ADAPTER) return SL_LORA_ADAPTER;
    if (r->module != SL_MODULE_DECODER || r->layer < 0) return 0;
    if (strstr(r->name, ".self_attn.")) return SL_LORA_ATTENTION;
    return strstr(r->name, ".experts.") ? SL_LORA_EXPERTS : SL_LORA_MLP;
}

unsigned sl_weights_adapted(const sl_config *c)
{
    unsigned decoder = SL_LORA_ATTENTION | SL_LORA_MLP | SL_LORA_EXPERTS, t = c->lora.rank ? c->lora.targets : 0;
    return (t & SL_LORA_VIT ? 1u << SL_MODULE_VIT : 0) | (t & SL_LORA_ADAPTER ? 1u << SL_MODULE_ADAPTER : 0) |
           (t & decoder ? 1u << SL_MODULE_DECODER : 0);
}

/* "....weight" without its ending, or a stack's name, which has none. */
static void write_stem(const sl_weight_row *r, char *out, size_t n)
{
    static const char ending[] = ".weight";
    size_t length = strlen(r->name);
    if (length > sizeof ending && strcmp(r->name + length - (sizeof ending - 1), ending) == 0)
        length -= sizeof ending - 1;
    snprintf(out, n, "%.*s.", (int)length, r->name);
}

void sl_build_lora(struct sl_weight_builder *b, const sl_config *c)
{
    int64_t rank = c->lora.rank;
    int n_rows = b->w->n_rows, n = 0;
    for (int i = 0; i < n_rows && rank; i++) {
        sl_weight_row *r = &b->w->rows[i];
        if (!(target_of(r) & c->lora.targets)) continue;
        char stem[96];
        write_stem(r, stem, sizeof stem);
        sl_build_at(b, SL_MODULE_LORA, r->layer, "%s", stem);
        int64_t groups = r->w.groups > 1 ? r->w.groups : 0;
        sl_lora *lora = &b->w->loras[n++];
        lora->a = sl_build_row(b, "lora_A.weight", SL_ROLE_MATRIX, SL_INIT_NORMAL, groups, rank, r->w.k);
        lora->b = sl_build_row(b, "lora_B.weight", SL_ROLE_MATRIX, SL_INIT_ZERO, groups, r->w.n, rank);
        lora->scale = c->lora.alpha / (float)rank;
        r->w.lora = lora;
    }
}
