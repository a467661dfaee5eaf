/*
 * config.h: the numbers that define a model, the named configurations, and config.json.
 */
#ifndef SL_MODEL_CONFIG_H
#define SL_MODEL_CONFIG_H

#include "base/buf.h"
#include "base/error.h"
#include "tensor/ops.h"

#include <stdbool.h>
#include <stdint.h>

/* Whose checkpoints a configuration describes: names of tensors, chat template, how videos are shown (model/family.h).
 */
typedef enum sl_family_id {
    SL_FAMILY_SEEDLING,
    SL_FAMILY_QWEN3_VL,   /* dense and mixture-of-experts */
    SL_FAMILY_QWEN2_5_VL, /* also UI-TARS-1.5 */
    SL_FAMILY_KIMI_VL,
    SL_N_FAMILIES
} sl_family_id;

enum { SL_MAX_LIST = 16 };

/* A short list of numbers. */
typedef struct sl_int_list {
    int n;
    int items[SL_MAX_LIST];
} sl_int_list;

typedef enum sl_table_filter {
    SL_TABLE_BILINEAR, /* the table's corners lie on the grid's corners */
    SL_TABLE_BICUBIC,  /* Keys' cubic with a = -3/4, pixel centres half a step inside, no antialiasing */
} sl_table_filter;

/*
 * Seed-ViT. JSON object "vision_config", key names in the comments. What follows std is zero in Seed-ViT, and is how
 * the vision towers of other families differ from it (docs/MODEL.md, section 14); JSON object "family_config".
 */
typedef struct sl_vit_config {
    int patch_size;        /* patch_size: pixels, 14 */
    int hidden;            /* hidden_size */
    int depth;             /* num_hidden_layers */
    int n_heads;           /* num_attention_heads; head_dim = hidden / n_heads, a multiple of 8 */
    int mlp_hidden;        /* intermediate_size */
    float norm_eps;        /* layer_norm_eps */
    float rope_theta;      /* rope_theta */
    sl_act act;            /* hidden_act: "gelu" (exact), "gelu_tanh" */
    float mean[3], std[3]; /* image_mean, image_std: of RGB in [0, 1] */

    int frames;                /* vision_frames: of a patch; 0 is 1. A still picture is its frame as often */
    bool rms_norm;             /* vision_rms_norm: RMSNorm in place of LayerNorm */
    bool gated_mlp;            /* vision_gated_mlp: SwiGLU; fc1 then holds gate and up */
    bool no_patch_bias;        /* vision_no_patch_bias */
    bool no_post_norm;         /* vision_no_post_norm */
    int table_side;            /* vision_table_side: of the learned table of positions; 0: none */
    sl_table_filter filter;    /* vision_table_filter: how the table is brought to a picture's grid */
    int window;                /* vision_window: cells of 2x2 patches of a window's side; 0: full attention */
    sl_int_list full_blocks;   /* vision_full_blocks: that attend to all patches though there are windows */
    bool alternating_rotation; /* vision_alternating_rotation: angles go column, row, column, row, ... */
} sl_vit_config;

typedef enum sl_merge {
    SL_MERGE_AVERAGE, /* 2x2 average pooling, as published */
    SL_MERGE_CONCAT,  /* 2x2 concatenation, as the sibling models do */
} sl_merge;

/* The adapter: 2x2 merge, LayerNorm, linear, activation, linear. JSON object "adapter_config". */
typedef struct sl_adapter_config {
    sl_merge merge; /* merge: "average", "concat" */
    int hidden;     /* hidden_size: the width between the two linear maps */
    sl_act act;     /* hidden_act */
    float norm_eps; /* layer_norm_eps */

    bool norm_first;       /* adapter_norm_first: norm of each patch, before merging; in "family_config" */
    sl_int_list deepstack; /* deepstack_blocks: of the ViT, whose output has an adapter of its own, the j-th added
                              behind decoder layer j; in "family_config" */
} sl_adapter_config;

/* The mixture-of-experts decoder. JSON object "text_config", with the key names of Qwen3-MoE where it has them. */
typedef struct sl_decoder_config {
    int vocab;            /* vocab_size */
    int hidden;           /* hidden_size */
    int depth;            /* num_hidden_layers */
    int n_heads;          /* num_attention_heads */
    int n_kv_heads;       /* num_key_value_heads */
    int head_dim;         /* head_dim */
    bool qk_norm;         /* use_qk_norm: RMSNorm of every q and k head */
    int mlp_hidden;       /* intermediate_size: of the dense layers */
    int n_dense_layers;   /* first_k_dense_replace: the first layers are dense; depth when n_experts is 0 */
    int n_experts;        /* num_experts; 0: every layer is dense */
    int top_k;            /* num_experts_per_tok */
    int expert_hidden;    /* moe_intermediate_size */
    int shared_hidden;    /* shared_expert_intermediate_size: always-on expert; 0: none */
    bool router_sigmoid;  /* scoring_func: "softmax", "sigmoid" */
    bool normalise_top_k; /* norm_topk_prob */
    float router_scale;   /* routed_scaling_factor */
    bool select_bias;     /* use_select_bias: auxiliary-loss-free balancing */
    float aux_loss_coef;  /* router_aux_loss_coef; 0: off */
    float norm_eps;       /* rms_norm_eps */
    float rope_theta;     /* rope_theta */
    int max_positions;    /* max_position_embeddings */
    bool tie_embeddings;  /* tie_word_embeddings: the output projection is the embedding table */

    /* In "family_config", zero in Seedling's own decoder. */
    bool qkv_bias;             /* qkv_bias: of the fused projection */
    sl_int_list rope_sections; /* rope_sections: frequencies of time, row, column; empty: plain positions */
    bool rope_interleaved;     /* rope_interleaved: their frequencies take turns */
    float frame_steps;         /* frame_steps: positions of time in a second of video; 0: frames stand alone */
    int kv_rank;               /* kv_rank: of the latent that keys and values are made from; 0: none (no MLA) */
    int rope_dims;             /* rope_dims: of a head, with kv_rank; the others are not turned */
    int value_dim;             /* value_dim: of a head, with kv_rank */
} sl_decoder_config;

/*
 * What Seed-ViT's own pretraining adds to it (docs/MODEL.md, section 11). JSON object "pretrain_config"; all zero, and
 * absent from the file, in a model that only answers.
 */
typedef struct sl_pretrain_config {
    int teacher_hidden;  /* teacher_hidden_size: width of the features that masked patches predict; 0: no predictor */
    int predictor_depth; /* predictor_num_hidden_layers */
    int embed;           /* embedding_size: of pictures, sounds and texts; 0: no contrastive part */
    bool superclass;     /* use_superclass: pictures also predict the tokens of their captions */
    bool omni;           /* use_omni: matching and captioning heads */
    int text_hidden;     /* text_hidden_size */
    int text_depth;      /* text_num_hidden_layers */
    int text_heads;      /* text_num_attention_heads */
    int text_mlp_hidden; /* text_intermediate_size */
    int text_positions;  /* text_max_position_embeddings: tokens of a caption */
} sl_pretrain_config;

/* Which matrices a LoRA adapter changes. */
enum {
    SL_LORA_VIT = 1 << 0,       /* "vit": all matrices of its blocks */
    SL_LORA_ADAPTER = 1 << 1,   /* "adapter": both */
    SL_LORA_ATTENTION = 1 << 2, /* "decoder.attention" */
    SL_LORA_MLP = 1 << 3,       /* "decoder.mlp": of dense layers and shared experts */
    SL_LORA_EXPERTS = 1 << 4,   /* "decoder.experts": every routed expert has its own */
};

/* A LoRA adapter being trained; not in config.json but in adapter_config.json (model/lora.h). */
typedef struct sl_lora_config {
    int rank;         /* r; 0: none */
    float alpha;      /* lora_alpha: the change is scaled by alpha / rank */
    unsigned targets; /* mask of SL_LORA_* */
    char base[512];   /* folder of the model that it changes */
} sl_lora_config;

/* Token ids that the model's code must know. JSON top level. */
typedef struct sl_special_ids {
    int image_start; /* image_start_token_id */
    int image_patch; /* image_patch_token_id: stands where a vision feature goes */
    int image_end;   /* image_end_token_id */
    int bos;         /* bos_token_id, -1: none */
    int eos;         /* eos_token_id */
    int pad;         /* pad_token_id */
    int video_patch; /* video_patch_token_id: as image_patch, in videos; in "family_config", 0: none */
} sl_special_ids;

/* True when a vision feature stands in the place of token id. */
static inline bool sl_is_patch(const sl_special_ids *ids, int32_t id)
{
    return id == ids->image_patch || (ids->video_patch > 0 && id == ids->video_patch);
}

typedef struct sl_config {
    char name[64];       /* name */
    sl_family_id family; /* family; in "family_config" */
    bool thinks;         /* thinks: a checkpoint of another family that always reasons first; in "family_config" */
    bool bicubic;        /* resize_bicubic: how pictures are resized; in "family_config" */
    sl_vit_config vit;
    sl_adapter_config adapter;
    sl_decoder_config decoder;
    sl_pretrain_config pretrain;
    sl_lora_config lora;
    sl_special_ids ids;
    int64_t min_pixels, max_pixels; /* min_pixels, max_pixels: of a resized picture */
    float init_std;                 /* initializer_range; 0: the rule of docs/MODEL.md, section 7 */
} sl_config;

/* generation_config.json: how to sample when nobody says otherwise. */
typedef struct sl_generation_config {
    float temperature; /* temperature; 0: greedy */
    float top_p;       /* top_p */
    int top_k;         /* top_k; 0: off */
    int max_new_tokens;
    float repetition_penalty;
    int eos[8]; /* eos_token_id: a number or a list */
    int n_eos;
} sl_generation_config;

/* Fills *out with a named configuration: "nano", "mini", "base", "seed1.5-vl". An unknown name is an error that
 * lists the known ones. */
sl_status sl_config_named(const char *name, sl_config *out, sl_error *err);

/*
 * Fills c->pretrain by the rule of docs/MODEL.md, section 11, from the size of c's ViT: teacher_hidden for masked
 * patches (0: none), and with contrastive a text tower, an embedding as wide as the ViT, and SuperClass.
 */
void sl_config_add_pretrain(sl_config *c, int teacher_hidden, bool contrastive, bool omni);

/* Returns the text tower as a dense decoder's configuration. */
sl_decoder_config sl_config_text_tower(const sl_config *c);

/* Returns the i-th configuration's name, NULL after the last. */
const char *sl_config_name_at(int i);

/*
 * Refuses dimensions that no model can have, naming the first offending key and value: anything not positive where
 * it must be, heads that do not divide, head_dim not a multiple of 8 or over 256, top_k over n_experts, special ids
 * outside the vocabulary, counts past stated ceilings (so that no size computed from a valid config overflows).
 */
sl_status sl_config_check(const sl_config *c, sl_error *err);

/* Parses the text of a config.json (n bytes) and checks it. Unknown keys are ignored; missing required ones are
 * errors that name the key. Messages do not name the file: the caller adds it with sl_fail_context. The model types of
 * other families (model/family.h) are understood too. */
sl_status sl_config_parse(const char *json, size_t n, sl_config *out, sl_error *err);

/* Frames of a patch, at least 1. */
static inline int sl_vit_frames(const sl_vit_config *c)
{
    return c->frames > 1 ? c->frames : 1;
}

/* Numbers of one patch. */
static inline int64_t sl_vit_patch_numel(const sl_vit_config *c)
{
    return 3 * (int64_t)sl_vit_frames(c) * c->patch_size * c->patch_size;
}

/* Numbers of one picture feature: the decoder's width, and as much again for each block of DeepStack. */
static inline int64_t sl_config_feature_width(const sl_config *c)
{
    return (int64_t)c->decoder.hidden * (1 + c->adapter.deepstack.n);
}

/* Reads DIR/config.json, or the metadata of the GGUF file dir. */
sl_status sl_config_load(const char *dir, sl_config *out, sl_error *err);

/* Writes DIR/config.json atomically. */
sl_status sl_config_save(const sl_config *c, const char *dir, sl_error *err);

/* Fills with greedy decoding, 2048 new tokens, eos from c. */
void sl_generation_config_defaults(const sl_config *c, sl_generation_config *out);

/* Parses, reads and writes generation_config.json; a missing file gives the defaults. dir may be a GGUF file. */
sl_status sl_generation_config_parse(const char *json, size_t n, const sl_config *c, sl_generation_config *out,
                                     sl_error *err);
sl_status sl_generation_config_load(const char *dir, const sl_config *c, sl_generation_config *out, sl_error *err);
/* Appends the text of a generation_config.json to out. */
sl_status sl_generation_config_print(const sl_generation_config *g, struct sl_buf *out, sl_error *err);
sl_status sl_generation_config_save(const sl_generation_config *g, const char *dir, sl_error *err);

#endif
