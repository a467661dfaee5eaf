/*
 * gguf_names.h: what GGUF files call the tensors that our weight rows, and Hugging Face's files, call otherwise.
 */
#ifndef SL_MODEL_GGUF_NAMES_H
#define SL_MODEL_GGUF_NAMES_H

#include <stddef.h>

/*
 * Writes what GGUF calls the tensor `name` (of docs/MODEL.md, section 6, or one of the parts that other checkpoints
 * keep apart) into out: "model.language_model.layers.3.self_attn.o_proj.weight" is "blk.3.attn_output.weight". A name
 * without an entry stays as it is.
 */
void sl_gguf_name(const char *name, char *out, size_t size);

#endif
