/*
 * config_named.c: the configurations that have a name.
 *
 * What the Seed1.5-VL report publishes is taken as published: the ViT of its Table 1, 20B active parameters in the
 * decoder, and a 1.1B-active sandbox. What it leaves open is decided here, in the comments; docs/MODEL.md has the
 * reasons at length. Sizes are multiples of 64, so that matrix tiles stay full.
 */
#include "model/config.h"

#include "base/buf.h"
#include "text/special.h"

#include <stdio.h>
#include <string.h>

/* Pixel bounds of the published preprocessing: 4 to 5120 tokens of 28 x 28 pixels. */
enum { MIN_PIXELS = 4 * 784, MAX_PIXELS = 5120 * 784 };

/* What all names share. RMSNorm's eps, SwiGLU and q/k norms are Qwen3's, whose weights can start the decoder. */
static void fill_common(sl_config *c)
{
    *c = (sl_config){
        .vit = {.patch_size = 14,
                .norm_eps = 1e-6f,
                .rope_theta = 1e4f,
                .act = SL_ACT_GELU,
                /* CLIP's statistics of RGB pictures (Radford et al. 2021), as in every CLIP-taught encoder. */
                .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                .std = {0.26862954f, 0.26130258f, 0.27577711f}},
        .adapter = {.merge = SL_MERGE_AVERAGE, .act = SL_ACT_GELU, .norm_eps = 1e-6f},
        .decoder = {.qk_norm = true,
                    .normalise_top_k = true,
                    .router_scale = 1,
                    .select_bias = true,
                    .norm_eps = 1e-6f,
                    .rope_theta = 1e6f,
                    .max_positions = 32768},
        .min_pixels = MIN_PIXELS,
        .max_pixels = MAX_PIXELS,
        .init_std = 0,
    };
}

/* Sets the vocabulary's size and the ids that follow from it: special tokens end it, as text/special.h says. */
static void fill_vocab(sl_config *c, int vocab)
{
    c->decoder.vocab = vocab;
    c->ids = (sl_special_ids){
        .image_start = sl_special_id(SL_SPECIAL_IMAGE_START, vocab),
        .image_patch = sl_special_id(SL_SPECIAL_IMAGE_PATCH, vocab),
        .image_end = sl_special_id(SL_SPECIAL_IMAGE_END, vocab),
        .bos = -1,
        .eos = sl_special_id(SL_SPECIAL_IM_END, vocab),
        .pad = sl_special_id(SL_SPECIAL_ENDOFTEXT, vocab),
    };
}

/* Seed-ViT as published: 27 x 1280, 20 heads of 64, a plain MLP of ratio 4; 532.0M parameters. */
static void fill_seed_vit(sl_vit_config *v)
{
    v->hidden = 1280;
    v->depth = 27;
    v->n_heads = 20;
    v->mlp_hidden = 5120;
}

/* The router of the large models: sigmoid scores, scaled so that the routed sum keeps pace with the shared expert. */
static void fill_large_router(sl_decoder_config *d)
{
    d->router_sigmoid = true;
    d->router_scale = 2.5f;
}

/*
 * 20.0B of 201B decoder parameters active: the totals published of the sibling text model. The dense layers are as wide
 * as the experts that a token meets elsewhere: (8 + 1) * 2048.
 */
static void fill_seed15vl(sl_config *c)
{
    fill_seed_vit(&c->vit);
    c->adapter.hidden = 4096;
    sl_decoder_config *d = &c->decoder;
    d->hidden = 4096;
    d->depth = 64;
    d->n_heads = 64;
    d->n_kv_heads = 8;
    d->head_dim = 128;
    d->mlp_hidden = 18432;
    d->n_dense_layers = 4;
    d->n_experts = 128;
    d->top_k = 8;
    d->expert_hidden = 2048;
    d->shared_hidden = 2048;
    d->rope_theta = 1e7f;
    d->max_positions = 131072;
    fill_large_router(d);
    fill_vocab(c, 155136);
}

/*
 * The report's sandbox: 1.09B active decoder parameters beside the full ViT. 22 layers, because 24 would be 1.18B.
 * The dense layer is as wide as the experts that a token meets elsewhere: (6 + 1) * 768.
 */
static void fill_base(sl_config *c)
{
    fill_seed_vit(&c->vit);
    c->adapter.hidden = 2048;
    sl_decoder_config *d = &c->decoder;
    d->hidden = 2048;
    d->depth = 22;
    d->n_heads = 16;
    d->n_kv_heads = 4;
    d->head_dim = 128;
    d->mlp_hidden = 5376;
    d->n_dense_layers = 1;
    d->n_experts = 64;
    d->top_k = 6;
    d->expert_hidden = 768;
    d->shared_hidden = 768;
    fill_large_router(d);
    fill_vocab(c, 65536);
}

/* About 100M parameters: what one machine trains. */
static void fill_mini(sl_config *c)
{
    c->vit.hidden = 384;
    c->vit.depth = 12;
    c->vit.n_heads = 6;
    c->vit.mlp_hidden = 1536;
    c->adapter.hidden = 512;
    sl_decoder_config *d = &c->decoder;
    d->hidden = 512;
    d->depth = 8;
    d->n_heads = 8;
    d->n_kv_heads = 2;
    d->head_dim = 64;
    d->mlp_hidden = 1536;
    d->n_dense_layers = 1;
    d->n_experts = 8;
    d->top_k = 2;
    d->expert_hidden = 512;
    d->shared_hidden = 512;
    fill_vocab(c, 16384);
}

/* Small enough to ship: under 40 MB in bf16. The embedding table serves as output projection, a tenth of it all. */
static void fill_nano(sl_config *c)
{
    c->vit.hidden = 256;
    c->vit.depth = 8;
    c->vit.n_heads = 4;
    c->vit.mlp_hidden = 1024;
    c->adapter.hidden = 256;
    sl_decoder_config *d = &c->decoder;
    d->hidden = 256;
    d->depth = 6;
    d->n_heads = 4;
    d->n_kv_heads = 2;
    d->head_dim = 64;
    d->n_experts = 4;
    d->top_k = 2;
    d->expert_hidden = 512;
    d->max_positions = 16384;
    d->tie_embeddings = true;
    fill_vocab(c, 8192);
}

void sl_config_add_pretrain(sl_config *c, int teacher_hidden, bool contrastive, bool omni)
{
    enum { CLIP_CONTEXT = 77 };
    const sl_vit_config *v = &c->vit;
    c->pretrain = (sl_pretrain_config){.teacher_hidden = teacher_hidden, .predictor_depth = teacher_hidden ? 1 : 0};
    if (!contrastive) return;
    sl_pretrain_config *p = &c->pretrain;
    p->embed = v->hidden;
    p->superclass = true;
    p->omni = omni;
    p->text_hidden = v->hidden;
    p->text_depth = (32 * v->depth + 26) / 27;
    p->text_heads = v->n_heads;
    p->text_mlp_hidden = (v->hidden * 8 / 3 + 63) / 64 * 64;
    p->text_positions = CLIP_CONTEXT;
}

sl_decoder_config sl_config_text_tower(const sl_config *c)
{
    const sl_pretrain_config *p = &c->pretrain;
    return (sl_decoder_config){
        .vocab = c->decoder.vocab,
        .hidden = p->text_hidden,
        .depth = p->text_depth,
        .n_heads = p->text_heads,
        .n_kv_heads = p->text_heads,
        .head_dim = p->text_heads ? p->text_hidden / p->text_heads : 0,
        .qk_norm = true,
        .mlp_hidden = p->text_mlp_hidden,
        .n_dense_layers = p->text_depth,
        .norm_eps = 1e-6f,
        .rope_theta = 1e4f,
        .max_positions = p->text_positions,
        .tie_embeddings = true,
    };
}

static const struct named {
    const char *name;
    void (*fill)(sl_config *c);
} configs[] = {
    {"nano", fill_nano},
    {"mini", fill_mini},
    {"base", fill_base},
    {"seed1.5-vl", fill_seed15vl},
};
enum { N_CONFIGS = sizeof configs / sizeof *configs };

sl_status sl_config_named(const char *name, sl_config *out, sl_error *err)
{
    struct sl_buf known = SL_BUF_INIT(256);
    for (int i = 0; i < N_CONFIGS; i++) {
        if (strcmp(name, configs[i].name) == 0) {
            fill_common(out);
            configs[i].fill(out);
            snprintf(out->name, sizeof out->name, "%s", name);
            sl_buf_release(&known);
            return SL_OK;
        }
        sl_buf_addf(&known, "%s%s", i ? ", " : "", configs[i].name);
    }
    sl_fail(err, SL_ERR_ARGUMENT, "unknown configuration \"%s\" (known: %s)", name, sl_buf_str(&known));
    sl_buf_release(&known);
    return SL_ERR_ARGUMENT;
}

const char *sl_config_name_at(int i)
{
    return i >= 0 && i < N_CONFIGS ? configs[i].name : NULL;
}
