/*
 * weights.c: the one list of a model's parameters, in checkpoint order, and their memory.
 */
#include "model/weights.h"

#include "base/mem.h"
#include "base/rng.h"
#include "model/weights_builder.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the table ------------------------------------------------------------------------------------------------ */

sl_weight *sl_build_row(struct sl_weight_builder *b, const char *name, sl_role role, sl_init init, int64_t groups,
                        int64_t n, int64_t k)
{
    sl_weight_row *r = &b->w->rows[b->w->n_rows++];
    snprintf(r->name, sizeof r->name, "%s%s", b->prefix, name);
    r->module = b->module;
    r->layer = b->layer;
    r->role = role;
    r->init = init;
    r->decay = role != SL_ROLE_VECTOR && role != SL_ROLE_BUFFER;
    r->shard = groups > 1 ? SL_SHARD_EXPERTS : SL_SHARD_NONE;
    r->n_dims = !r->decay ? 1 : groups > 0 ? 3 : 2;
    r->w = (sl_weight){.groups = groups > 0 ? groups : 1, .n = n, .k = k};
    return &r->w;
}

sl_weight *sl_build_vector(struct sl_weight_builder *b, const char *name, int64_t n, sl_init init)
{
    return sl_build_row(b, name, SL_ROLE_VECTOR, init, 0, 1, n);
}

sl_weight *sl_build_matrix(struct sl_weight_builder *b, const char *name, int64_t n, int64_t k, sl_init init)
{
    return sl_build_row(b, name, SL_ROLE_MATRIX, init, 0, n, k);
}

void sl_build_at(struct sl_weight_builder *b, sl_module module, int layer, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(b->prefix, sizeof b->prefix, fmt, ap);
    va_end(ap);
    b->module = module;
    b->layer = layer;
}

/* A norm of width n: RMSNorm has no bias. */
static void build_norm(struct sl_weight_builder *b, const char *name, int64_t n, bool rms, sl_weight **w,
                       sl_weight **bias)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    *w = sl_build_vector(b, full, n, SL_INIT_ONE);
    snprintf(full, sizeof full, "%s.bias", name);
    *bias = rms ? NULL : sl_build_vector(b, full, n, SL_INIT_ZERO);
}

void sl_build_vit_block(struct sl_weight_builder *b, struct sl_vit_block *v, const sl_vit_config *c)
{
    int64_t d = c->hidden, m = c->mlp_hidden, inner = c->gated_mlp ? 2 * m : m;
    build_norm(b, "norm1", d, c->rms_norm, &v->norm1_w, &v->norm1_b);
    v->qkv_w = sl_build_matrix(b, "attn.qkv.weight", 3 * d, d, SL_INIT_NORMAL);
    v->qkv_b = sl_build_vector(b, "attn.qkv.bias", 3 * d, SL_INIT_ZERO);
    v->proj_w = sl_build_matrix(b, "attn.proj.weight", d, d, SL_INIT_RESIDUAL);
    v->proj_b = sl_build_vector(b, "attn.proj.bias", d, SL_INIT_ZERO);
    build_norm(b, "norm2", d, c->rms_norm, &v->norm2_w, &v->norm2_b);
    v->fc1_w = sl_build_matrix(b, "mlp.fc1.weight", inner, d, SL_INIT_NORMAL);
    v->fc1_b = sl_build_vector(b, "mlp.fc1.bias", inner, SL_INIT_ZERO);
    v->fc2_w = sl_build_matrix(b, "mlp.fc2.weight", d, m, SL_INIT_RESIDUAL);
    v->fc2_b = sl_build_vector(b, "mlp.fc2.bias", d, SL_INIT_ZERO);
}

static void build_vit(struct sl_weight_builder *b, const sl_vit_config *c)
{
    int64_t d = c->hidden, side = c->table_side;
    sl_build_at(b, SL_MODULE_VIT, -1, "model.visual.");
    b->w->patch_w = sl_build_matrix(b, "patch_embed.proj.weight", d, sl_vit_patch_numel(c), SL_INIT_NORMAL);
    if (!c->no_patch_bias) b->w->patch_b = sl_build_vector(b, "patch_embed.proj.bias", d, SL_INIT_ZERO);
    if (side) b->w->table = sl_build_row(b, "pos_embed.weight", SL_ROLE_EMBEDDING, SL_INIT_NORMAL, 0, side * side, d);
    for (int i = 0; i < c->depth; i++) {
        sl_build_at(b, SL_MODULE_VIT, i, "model.visual.blocks.%d.", i);
        sl_build_vit_block(b, &b->w->vit[i], c);
    }
    sl_build_at(b, SL_MODULE_VIT, -1, "model.visual.");
    if (!c->no_post_norm) build_norm(b, "post_norm", d, c->rms_norm, &b->w->post_norm_w, &b->w->post_norm_b);
}

static void build_merger(struct sl_weight_builder *b, struct sl_merger *m, const sl_config *c, bool norm_first)
{
    int64_t merged = (int64_t)c->vit.hidden * (c->adapter.merge == SL_MERGE_CONCAT ? 4 : 1);
    build_norm(b, "norm", norm_first ? c->vit.hidden : merged, c->vit.rms_norm, &m->norm_w, &m->norm_b);
    m->fc1_w = sl_build_matrix(b, "fc1.weight", c->adapter.hidden, merged, SL_INIT_NORMAL);
    m->fc1_b = sl_build_vector(b, "fc1.bias", c->adapter.hidden, SL_INIT_ZERO);
    m->fc2_w = sl_build_matrix(b, "fc2.weight", c->decoder.hidden, c->adapter.hidden, SL_INIT_NORMAL);
    m->fc2_b = sl_build_vector(b, "fc2.bias", c->decoder.hidden, SL_INIT_ZERO);
}

static void build_adapter(struct sl_weight_builder *b, const sl_config *c)
{
    sl_build_at(b, SL_MODULE_ADAPTER, -1, "model.adapter.");
    build_merger(b, &b->w->adapter, c, c->adapter.norm_first);
    for (int j = 0; j < c->adapter.deepstack.n; j++) {
        sl_build_at(b, SL_MODULE_ADAPTER, -1, "model.deepstack.%d.", j);
        build_merger(b, &b->w->deepstack[j], c, false);
    }
}

static void build_experts(struct sl_weight_builder *b, struct sl_decoder_layer *l, const sl_decoder_config *c)
{
    int64_t e = c->n_experts, h = c->hidden, x = c->expert_hidden, s = c->shared_hidden;
    l->router = sl_build_row(b, "mlp.gate.weight", SL_ROLE_ROUTER, SL_INIT_NORMAL, 0, e, h);
    if (c->select_bias)
        l->select_bias = sl_build_row(b, "mlp.gate.e_score_correction_bias", SL_ROLE_BUFFER, SL_INIT_ZERO, 0, 1, e);
    l->experts_gate_up = sl_build_row(b, "mlp.experts.gate_up_proj", SL_ROLE_MATRIX, SL_INIT_NORMAL, e, 2 * x, h);
    l->experts_down = sl_build_row(b, "mlp.experts.down_proj", SL_ROLE_MATRIX, SL_INIT_RESIDUAL, e, h, x);
    if (!s) return;
    l->shared_gate_up = sl_build_matrix(b, "mlp.shared_expert.gate_up_proj.weight", 2 * s, h, SL_INIT_NORMAL);
    l->shared_down = sl_build_matrix(b, "mlp.shared_expert.down_proj.weight", h, s, SL_INIT_RESIDUAL);
}

/* Keys and values from a latent vector (MLA): its norm and its maps, and the part of the keys that is turned. */
static void build_latent(struct sl_weight_builder *b, struct sl_decoder_layer *l, const sl_decoder_config *c)
{
    int64_t h = c->hidden, kept = c->head_dim - c->rope_dims;
    l->q = sl_build_matrix(b, "self_attn.q_proj.weight", c->n_heads * (int64_t)c->head_dim, h, SL_INIT_NORMAL);
    l->latent = sl_build_matrix(b, "self_attn.kv_a_proj.weight", c->kv_rank, h, SL_INIT_NORMAL);
    l->turned = sl_build_matrix(b, "self_attn.k_rope_proj.weight", c->rope_dims, h, SL_INIT_NORMAL);
    l->latent_norm = sl_build_vector(b, "self_attn.kv_a_layernorm.weight", c->kv_rank, SL_INIT_ONE);
    l->expand = sl_build_matrix(b, "self_attn.kv_b_proj.weight", c->n_heads * (kept + c->value_dim), c->kv_rank,
                                SL_INIT_NORMAL);
    l->o = sl_build_matrix(b, "self_attn.o_proj.weight", h, c->n_heads * (int64_t)c->value_dim, SL_INIT_RESIDUAL);
}

static void build_attention(struct sl_weight_builder *b, struct sl_decoder_layer *l, const sl_decoder_config *c)
{
    int64_t h = c->hidden, d = c->head_dim, rows = (c->n_heads + 2 * (int64_t)c->n_kv_heads) * d;
    if (c->kv_rank) {
        build_latent(b, l, c);
        return;
    }
    l->qkv = sl_build_matrix(b, "self_attn.qkv_proj.weight", rows, h, SL_INIT_NORMAL);
    if (c->qkv_bias) l->qkv_b = sl_build_vector(b, "self_attn.qkv_proj.bias", rows, SL_INIT_ZERO);
    if (c->qk_norm) {
        l->q_norm = sl_build_vector(b, "self_attn.q_norm.weight", d, SL_INIT_ONE);
        l->k_norm = sl_build_vector(b, "self_attn.k_norm.weight", d, SL_INIT_ONE);
    }
    l->o = sl_build_matrix(b, "self_attn.o_proj.weight", h, c->n_heads * d, SL_INIT_RESIDUAL);
}

void sl_build_decoder_layer(struct sl_weight_builder *b, struct sl_decoder_layer *l, const sl_decoder_config *c,
                            int layer)
{
    int64_t h = c->hidden;
    l->norm1 = sl_build_vector(b, "input_layernorm.weight", h, SL_INIT_ONE);
    build_attention(b, l, c);
    l->norm2 = sl_build_vector(b, "post_attention_layernorm.weight", h, SL_INIT_ONE);
    if (layer < c->n_dense_layers || c->n_experts == 0) {
        l->gate_up = sl_build_matrix(b, "mlp.gate_up_proj.weight", 2 * (int64_t)c->mlp_hidden, h, SL_INIT_NORMAL);
        l->down = sl_build_matrix(b, "mlp.down_proj.weight", h, c->mlp_hidden, SL_INIT_RESIDUAL);
    } else {
        build_experts(b, l, c);
    }
}

static void build_decoder(struct sl_weight_builder *b, const sl_decoder_config *c)
{
    int64_t h = c->hidden;
    sl_build_at(b, SL_MODULE_DECODER, -1, "model.language_model.");
    b->w->embed = sl_build_row(b, "embed_tokens.weight", SL_ROLE_EMBEDDING, SL_INIT_NORMAL, 0, c->vocab, h);
    b->w->rows[b->w->n_rows - 1].output = c->tie_embeddings;
    for (int i = 0; i < c->depth; i++) {
        sl_build_at(b, SL_MODULE_DECODER, i, "model.language_model.layers.%d.", i);
        sl_build_decoder_layer(b, &b->w->layers[i], c, i);
    }
    sl_build_at(b, SL_MODULE_DECODER, -1, "model.language_model.");
    b->w->norm = sl_build_vector(b, "norm.weight", h, SL_INIT_ONE);
    b->w->head = b->w->embed;
    if (c->tie_embeddings) return;
    sl_build_at(b, SL_MODULE_DECODER, -1, "%s", "");
    b->w->head = sl_build_matrix(b, "lm_head.weight", c->vocab, h, SL_INIT_NORMAL);
    b->w->rows[b->w->n_rows - 1].output = true;
}

sl_status sl_weights_build(const sl_config *c, sl_weights *out, sl_error *err)
{
    const sl_pretrain_config *p = &c->pretrain;
    size_t depths = (size_t)c->vit.depth + (size_t)c->decoder.depth;
    size_t most = 48 + 6 * SL_MAX_LIST + 16 * (depths + (size_t)p->predictor_depth + (size_t)p->text_depth);
    if (c->lora.rank) most *= 3; /* a matrix and its two factors */
    *out = (sl_weights){
        .rows = sl_alloc_array(most, sizeof *out->rows),
        .vit = sl_alloc_array((size_t)c->vit.depth, sizeof *out->vit),
        .layers = sl_alloc_array((size_t)c->decoder.depth, sizeof *out->layers),
        .pretrain.predictor = sl_alloc_array((size_t)p->predictor_depth + 1, sizeof *out->vit),
        .pretrain.text_layers = sl_alloc_array((size_t)p->text_depth + 1, sizeof *out->layers),
        .loras = sl_alloc_array(c->lora.rank ? most : 1, sizeof *out->loras),
    };
    if (!out->loras || !out->rows || !out->vit || !out->layers || !out->pretrain.predictor ||
        !out->pretrain.text_layers) {
        sl_weights_free(out);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for the weight table");
    }
    struct sl_weight_builder b = {.w = out};
    build_vit(&b, &c->vit);
    build_adapter(&b, c);
    build_decoder(&b, &c->decoder);
    sl_build_pretrain(&b, c);
    sl_build_lora(&b, c);
    SL_CHECK((size_t)out->n_rows <= most);
    return SL_OK;
}

void sl_weights_free(sl_weights *w)
{
    free(w->rows);
    free(w->vit);
    free(w->layers);
    free(w->pretrain.predictor);
    free(w->pretrain.text_layers);
    free(w->loras);
    *w = (sl_weights){0};
}

int64_t sl_weight_row_numel(const sl_weight_row *r)
{
    return r->w.groups * r->w.n * r->w.k;
}

/* --- memory ---------------------------------------------------------------------------------------------------- */

/* Which memory one row takes under a plan, in bytes; 0: none. */
struct row_memory {
    size_t value, grad, packed, packed_t; /* packed: of one group */
    sl_dtype value_type, packed_type;
};

static bool is_present(const sl_weight_row *r, const sl_weight_plan *p)
{
    return !p->modules || (p->modules & (1u << r->module));
}

/* Gradients reach the inputs of a module's products when it, or a module before it in the data flow, is trained. */
static bool passes_gradient(const sl_weight_row *r, const sl_weight_plan *p)
{
    unsigned upto = (1u << (r->module + 1)) - 1;
    bool first = r->module == SL_MODULE_VIT && r->layer < 0;
    return ((p->trainable | p->adapted) & upto) && !first;
}

static struct row_memory plan_row(const sl_weight_row *r, const sl_weight_plan *p)
{
    struct row_memory m = {.value_type = SL_F32, .packed_type = p->dt};
    if (!is_present(r, p) || r->w.blocks) return m;
    size_t numel = (size_t)sl_weight_row_numel(r);
    bool trained = (p->trainable >> r->module) & 1;
    bool master = trained || ((p->masters >> r->module) & 1);
    bool vector = r->role == SL_ROLE_VECTOR || r->role == SL_ROLE_BUFFER;
    if (trained && r->role != SL_ROLE_BUFFER) m.grad = numel * sizeof(float);
    if (vector || master) m.value = numel * sizeof(float);
    if (r->role == SL_ROLE_EMBEDDING && !master) {
        m.value_type = p->dt;
        m.value = numel * sl_dtype_size(p->dt);
    }
    if (vector || (r->role == SL_ROLE_EMBEDDING && !r->output)) return m;
    if (r->role == SL_ROLE_ROUTER)
        m.packed_type = SL_F32;
    else if (p->int8 && r->module == SL_MODULE_DECODER)
        m.packed_type = SL_I8;
    m.packed = p->ops->gemm_packed_size(p->ops, r->w.n, r->w.k, m.packed_type);
    if (passes_gradient(r, p)) m.packed_t = p->ops->gemm_packed_size(p->ops, r->w.k, r->w.n, m.packed_type);
    return m;
}

static size_t align64(size_t n)
{
    return (n + 63) / 64 * 64;
}

size_t sl_weights_bytes(const sl_weights *w, const sl_weight_plan *p)
{
    size_t total = 0;
    for (int i = 0; i < w->n_rows; i++) {
        struct row_memory m = plan_row(&w->rows[i], p);
        size_t groups = (size_t)w->rows[i].w.groups;
        total += align64(m.value) + align64(m.grad) + groups * (m.packed + m.packed_t);
    }
    return total;
}

sl_status sl_weights_allocate(sl_weights *w, const sl_weight_plan *p, struct sl_arena *arena, sl_error *err)
{
    for (int i = 0; i < w->n_rows; i++) {
        sl_weight *t = &w->rows[i].w;
        struct row_memory m = plan_row(&w->rows[i], p);
        size_t groups = (size_t)t->groups;
        t->value_type = m.value_type;
        t->packed_type = m.packed_type;
        t->packed_stride = m.packed;
        t->packed_t_stride = m.packed_t;
        t->value = m.value ? sl_arena_alloc(arena, m.value) : NULL;
        t->grad = m.grad ? sl_arena_alloc(arena, m.grad) : NULL;
        t->packed = m.packed ? sl_arena_alloc(arena, groups * m.packed) : NULL;
        t->packed_t = m.packed_t ? sl_arena_alloc(arena, groups * m.packed_t) : NULL;
        if ((m.value && !t->value) || (m.grad && !t->grad) || (m.packed && !t->packed) || (m.packed_t && !t->packed_t))
            return sl_fail(err, SL_ERR_MEMORY, "the weights do not fit into %zu MiB", arena->ceiling >> 20);
    }
    return SL_OK;
}

static void pack_group(const sl_weight *w, const sl_weight_plan *p, const void *src, sl_dtype src_type, int64_t group)
{
    size_t g = (size_t)group;
    if (w->packed)
        p->ops->gemm_pack(p->ops, w->n, w->k, src, w->k, src_type, SL_ROWS, (char *)w->packed + g * w->packed_stride,
                          w->packed_type);
    if (w->packed_t)
        p->ops->gemm_pack(p->ops, w->k, w->n, src, w->k, src_type, SL_COLUMNS,
                          (char *)w->packed_t + g * w->packed_t_stride, w->packed_type);
}

void sl_weight_set(sl_weight_row *r, const sl_weight_plan *p, const void *src, sl_dtype src_type, int64_t group)
{
    sl_weight *w = &r->w;
    int64_t each = w->n * w->k, first = group < 0 ? 0 : group, count = group < 0 ? w->groups : 1;
    if (w->value) {
        char *to = (char *)w->value + (size_t)(first * each) * sl_dtype_size(w->value_type);
        p->ops->scale(p->ops, count * each, 1.0f, src, src_type, to, w->value_type);
    }
    for (int64_t g = 0; g < count; g++)
        pack_group(w, p, (const char *)src + (size_t)(g * each) * sl_dtype_size(src_type), src_type, first + g);
}

void sl_weight_repack(sl_weight_row *r, const sl_weight_plan *p)
{
    const sl_weight *w = &r->w;
    if (!w->value || w->value_type != SL_F32) return;
    for (int64_t g = 0; g < w->groups; g++) pack_group(w, p, (float *)w->value + g * w->n * w->k, SL_F32, g);
}

/* --- initial values ---------------------------------------------------------------------------------------------- */

static uint64_t hash_name(const char *s)
{
    uint64_t h = 14695981039346656037ULL; /* FNV-1a */
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211ULL;
    return h;
}

static float init_std(const sl_weight_row *r, const sl_config *c)
{
    double std = c->init_std > 0 ? c->init_std : sqrt(2.0 / (5.0 * (double)r->w.k));
    const int depths[SL_N_MODULES] = {
        [SL_MODULE_VIT] = c->vit.depth,
        [SL_MODULE_ADAPTER] = 1,
        [SL_MODULE_DECODER] = c->decoder.depth,
        [SL_MODULE_PRETRAIN] = c->pretrain.predictor_depth,
        [SL_MODULE_TEXT] = c->pretrain.text_depth,
        [SL_MODULE_LORA] = 1,
    };
    int depth = depths[r->module];
    return (float)(r->init == SL_INIT_RESIDUAL ? std / sqrt(2.0 * depth) : std);
}

enum { QUANTILES = 4096 };

/* The standard normal's quantile function at 1/2 + i/4096 for i >= 0, by Newton's method from the one before. */
static void fill_quantiles(float *upper)
{
    double x = 0;
    for (int i = 0; i <= QUANTILES / 2; i++) {
        double p = fmin(0.5 + (double)i / QUANTILES, 1 - 0.5 / QUANTILES);
        for (int k = 0; k < 30; k++) {
            double cdf = 0.5 * erfc(-x / sqrt(2.0)), density = exp(-0.5 * x * x) / 2.5066282746310002;
            x += (p - cdf) / density;
        }
        upper[i] = (float)x;
    }
}

/*
 * A normal number, cut off at 3.5 standard deviations, from one draw: 12 bits choose a step of the quantile function
 * and the others interpolate. Several times faster than an exact method, which counts for half a billion numbers.
 */
static inline float draw_normal(struct sl_rng *rng, const float *upper)
{
    uint32_t u = sl_rng_u32(rng);
    uint32_t i = (u >> 20) & (QUANTILES / 2 - 1);
    float t = (float)(u & 0xfffff) * 0x1p-20f;
    float x = upper[i] + t * (upper[i + 1] - upper[i]);
    return u >> 31 ? x : -x;
}

/* Every matrix row has a generator of its own, so threads may share the work. */
static void fill_normal(float *dst, const sl_weight_row *r, int64_t group, float std, const sl_weight_plan *p,
                        uint64_t seed)
{
    float upper[QUANTILES / 2 + 1];
    fill_quantiles(upper);
    uint64_t stream = hash_name(r->name) + (uint64_t)group * (uint64_t)r->w.n;
#pragma omp parallel for num_threads(p->ops->n_threads) schedule(static)
    for (int64_t i = 0; i < r->w.n; i++) {
        struct sl_rng rng;
        sl_rng_init(&rng, seed, stream + (uint64_t)i);
        float *row = dst + i * r->w.k;
        for (int64_t j = 0; j < r->w.k; j++) row[j] = std * draw_normal(&rng, upper);
    }
}

sl_status sl_weights_init(sl_weights *w, const sl_config *c, const sl_weight_plan *p, uint64_t seed, sl_error *err)
{
    size_t most = 1;
    for (int i = 0; i < w->n_rows; i++) {
        size_t each = (size_t)(w->rows[i].w.n * w->rows[i].w.k);
        if (is_present(&w->rows[i], p) && each > most) most = each;
    }
    float *values = malloc(most * sizeof *values);
    if (!values) return sl_fail(err, SL_ERR_MEMORY, "out of memory for initial values (%zu floats)", most);
    for (int i = 0; i < w->n_rows; i++) {
        sl_weight_row *r = &w->rows[i];
        if (!is_present(r, p)) continue;
        float constant = r->init == SL_INIT_ONE ? 1.0f : r->init == SL_INIT_FILL ? r->fill : 0.0f;
        for (int64_t g = 0; g < r->w.groups; g++) {
            if (r->init == SL_INIT_NORMAL || r->init == SL_INIT_RESIDUAL)
                fill_normal(values, r, g, init_std(r, c), p, seed);
            else
                for (int64_t j = 0; j < r->w.n * r->w.k; j++) values[j] = constant;
            sl_weight_set(r, p, values, SL_F32, g);
        }
        if (r->w.grad) memset(r->w.grad, 0, (size_t)sl_weight_row_numel(r) * sizeof(float));
    }
    free(values);
    return SL_OK;
}
