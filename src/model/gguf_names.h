/*
 * gguf_names.h: what GGUF files call the tensors that our weight rows, and Hugging Face's files, call otherwise.
 */
#ifndef SL_MODEL_GGUF_NAMES_H
#define SL_MODEL_GGUF_NAMES_H

#include "model/config.h"

#include <stddef.h>

/* Whose names a file has, and how many files a model is. */
typedef enum sl_gguf_layout {
    SL_GGUF_SEEDLING, /* this program's own: all in one file */
    SL_GGUF_PAIR,     /* llama.cpp's: the language model, and the vision tower in a second file ("mmproj") */
    SL_GGUF_OLLAMA,   /* Ollama's: both in one file */
    SL_N_GGUF_LAYOUTS
} sl_gguf_layout;

/* What must be known to name a tensor of a file. */
struct sl_gguf_naming {
    sl_gguf_layout layout;
    sl_int_list deepstack; /* the block of the tower that feeds the j-th DeepStack merger: its number in a pair */
    bool gated;            /* of a pair: the tower's blocks have gate and up, each in its own tensor */
    bool swapped;          /* an old file whose tower calls ffn_up what others call ffn_down, and the reverse */
};

/*
 * Writes what GGUF calls the tensor `name` (of docs/MODEL.md, section 6, or one of the parts of model/parts.h) into
 * out: "model.language_model.layers.3.self_attn.o_proj.weight" is "blk.3.attn_output.weight". A name without an entry
 * stays as it is.
 */
void sl_gguf_name(const struct sl_gguf_naming *naming, const char *name, char *out, size_t size);

#endif
