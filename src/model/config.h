/*
 * config.h: the numbers that define a model, the named configurations, and config.json.
 */
#ifndef SL_MODEL_CONFIG_H
#define SL_MODEL_CONFIG_H

#include "base/error.h"
#include "tensor/ops.h"

#include <stdbool.h>
#include <stdint.h>

/* Seed-ViT. JSON object "vision_config", key names in the comments. */
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
} sl_special_ids;

typedef struct sl_config {
    char name[64]; /* name */
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
 * errors that name the key. Messages do not name the file: the caller adds it with sl_fail_context. */
sl_status sl_config_parse(const char *json, size_t n, sl_config *out, sl_error *err);

/* Reads DIR/config.json. */
sl_status sl_config_load(const char *dir, sl_config *out, sl_error *err);

/* Writes DIR/config.json atomically. */
sl_status sl_config_save(const sl_config *c, const char *dir, sl_error *err);

/* Fills with greedy decoding, 2048 new tokens, eos from c. */
void sl_generation_config_defaults(const sl_config *c, sl_generation_config *out);

/* Parses, reads and writes generation_config.json; a missing file gives the defaults. */
sl_status sl_generation_config_parse(const char *json, size_t n, const sl_config *c, sl_generation_config *out,
                                     sl_error *err);
sl_status sl_generation_config_load(const char *dir, const sl_config *c, sl_generation_config *out, sl_error *err);
sl_status sl_generation_config_save(const sl_generation_config *g, const char *dir, sl_error *err);

#endif
