/*
 * gguf_family.h: open families in GGUF files, as llama.cpp and Ollama lay them out: their metadata as the config.json
 * that the family's own files have, and the reverse.
 *
 * What these files have no key for, and is not the same in all published models, is written under "seedling.".
 */
#ifndef SL_MODEL_GGUF_FAMILY_H
#define SL_MODEL_GGUF_FAMILY_H

#include "model/gguf_config.h"
#include "model/gguf_pair.h"

/* Reads the configuration; a missing or unfit key is named. */
sl_status sl_gguf_family_config(const struct sl_gguf_pair *p, sl_config *out, sl_error *err);

/* Reads the sampling defaults (general.sampling.*, and the tokens that end an answer). */
sl_status sl_gguf_family_generation(const sl_gguf *g, const sl_config *c, sl_generation_config *out, sl_error *err);

/* Refuses a configuration that the layout has no words for, and says why. */
sl_status sl_gguf_family_check(const sl_config *c, sl_gguf_layout layout, sl_error *err);

/*
 * Adds m to the writer of its file: of a pair the language model's. In Ollama's layout the tower's metadata too. The
 * configuration has passed sl_gguf_family_check.
 */
sl_status sl_gguf_family_write(sl_gguf_writer *w, const struct sl_gguf_model *m, sl_gguf_layout layout, sl_error *err);

/* Adds the metadata of the tower's own file to its writer. */
void sl_gguf_family_write_tower(sl_gguf_writer *w, const sl_config *c);

#endif
