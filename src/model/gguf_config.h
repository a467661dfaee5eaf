/*
 * gguf_config.h: a model's configuration, tokenizer and sampling defaults as the metadata of a GGUF file.
 *
 * Keys are config.json's behind "seedling.", under the names that the field has for them where it has some
 * ("seedling.block_count"); what stands in "NAME_config" there is "seedling.NAME.KEY" here.
 */
#ifndef SL_MODEL_GGUF_CONFIG_H
#define SL_MODEL_GGUF_CONFIG_H

#include "model/config.h"
#include "model/gguf_pair.h"
#include "model/gguf_writer.h"
#include "text/tokenizer.h"

/*
 * Reads the configuration of the GGUF file, or pair of files (model/gguf_pair.h), at path; an architecture that is not
 * supported is refused by name.
 */
sl_status sl_gguf_config_load(const char *path, sl_config *out, sl_error *err);

/* Reads the sampling defaults; without any, those of c. */
sl_status sl_gguf_generation_load(const char *path, const sl_config *c, sl_generation_config *out, sl_error *err);

/* Makes the tokenizer, owned in *out. */
sl_status sl_gguf_tokenizer_load(const char *path, struct sl_tokenizer **out, sl_error *err);

/* Appends the tokenizer as the text of a tokenizer.json to out, nothing when there is none. */
sl_status sl_gguf_tokenizer_text(const char *path, struct sl_buf *out, sl_error *err);

/* What the three above read back. tokenizer NULL: none; tokenizer_json is the text that it came from. */
struct sl_gguf_model {
    const sl_config *config;
    const sl_generation_config *generation;
    const struct sl_tokenizer *tokenizer;
    const char *tokenizer_json;
};

/* Adds all of m to a writer, in this program's own architecture. */
sl_status sl_gguf_write_model(sl_gguf_writer *w, const struct sl_gguf_model *m, sl_error *err);

#endif
