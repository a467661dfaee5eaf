/*
 * origin.h: where a model comes from: a folder with safetensors, or a GGUF file. Tensors are found under the names of
 * docs/MODEL.md, section 6, in both.
 */
#ifndef SL_MODEL_ORIGIN_H
#define SL_MODEL_ORIGIN_H

#include "model/config.h"
#include "model/stored.h"
#include "text/tokenizer.h"

typedef struct sl_origin sl_origin;

/* Opens the tensors of a folder, a .safetensors file, a GGUF file or a pair of them (model/gguf_pair.h); *out is owned,
 * release with sl_origin_close. */
sl_status sl_origin_open(const char *path, sl_origin **out, sl_error *err);

/* Unmaps and frees *s (NULL is fine) and sets it to NULL. */
void sl_origin_close(sl_origin **s);

/* Number of tensors, and tensor i. */
size_t sl_origin_count(const sl_origin *s);
const struct sl_stored_tensor *sl_origin_at(const sl_origin *s, size_t i);

/* Returns the tensor that a file of that format has for `name`, and its number in *i; or NULL. */
const struct sl_stored_tensor *sl_origin_find(const sl_origin *s, const char *name, size_t *i);

/* Writes what the file calls the tensor `name`, for messages; of a folder, name itself. */
void sl_origin_name(const sl_origin *s, const char *name, char *out, size_t size);

/* True when the tensors are those of a GGUF file. */
bool sl_origin_is_gguf(const sl_origin *s);

/* True when path is a model: a folder, or a GGUF file. */
bool sl_origin_exists(const char *path);

/* Reads the tokenizer of the model at path: tokenizer.json of a folder, or what the GGUF file embeds. */
sl_status sl_origin_tokenizer(const char *path, struct sl_tokenizer **out, sl_error *err);

#endif
