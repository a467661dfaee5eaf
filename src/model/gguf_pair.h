/*
 * gguf_pair.h: a model in GGUF files: one file, or llama.cpp's pair of a language model and a vision tower ("mmproj").
 *
 * A pair is named MODEL.gguf+MMPROJ.gguf. To a MODEL.gguf that needs a second file belongs mmproj-MODEL.gguf in its
 * folder, or else the only mmproj*.gguf there.
 */
#ifndef SL_MODEL_GGUF_PAIR_H
#define SL_MODEL_GGUF_PAIR_H

#include "model/gguf.h"
#include "model/gguf_names.h"

struct sl_gguf_pair {
    sl_gguf *model;
    sl_gguf *vision; /* NULL: model holds everything */
    struct sl_gguf_naming naming;
};

/*
 * Opens the files of a model into *out; release with sl_gguf_pair_close. An architecture that is not supported, and a
 * second file that is missing, superfluous or none, are named.
 */
sl_status sl_gguf_pair_open(const char *path, struct sl_gguf_pair *out, sl_error *err);

/* Closes the files; p may be {0}. */
void sl_gguf_pair_close(struct sl_gguf_pair *p);

/* True when path names a GGUF file or a pair whose first file is there. */
bool sl_gguf_is_model(const char *path);

/* Sets files to the owned paths of the files that path stands for, the second NULL when there is none to be found. */
void sl_gguf_pair_files(const char *path, char *files[2]);

/* Writes the name of a pair to out; mmproj NULL or "": just model. An error when it does not fit. */
sl_status sl_gguf_pair_name(const char *model, const char *mmproj, char *out, size_t n, sl_error *err);

/* The family of an architecture ("qwen3vl") whose tower has that projector (NULL: any); SL_FAMILY_SEEDLING: none. */
sl_family_id sl_gguf_family_of(const char *architecture, const char *projector);

/* The value of a key of g behind its architecture: "block_count" is "qwen3vl.block_count"; NULL when missing. */
const struct sl_gguf_value *sl_gguf_of_model(const sl_gguf *g, const char *key);

#endif
