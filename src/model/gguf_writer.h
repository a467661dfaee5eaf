/*
 * gguf_writer.h: writing GGUF files, version 3: metadata and declarations first, then the data as it comes.
 *
 * Failures before begin are kept for begin, later ones for commit. Until commit, path keeps what it had.
 */
#ifndef SL_MODEL_GGUF_WRITER_H
#define SL_MODEL_GGUF_WRITER_H

#include "base/error.h"
#include "model/gguf.h"

typedef struct sl_gguf_writer sl_gguf_writer;

/* Makes an empty writer; *out is owned, ended by commit or abort. */
sl_status sl_gguf_writer_new(sl_gguf_writer **out, sl_error *err);

/* Adds a metadata value; keys must differ from each other. */
void sl_gguf_writer_string(sl_gguf_writer *w, const char *key, const char *value);
void sl_gguf_writer_u32(sl_gguf_writer *w, const char *key, uint32_t value);
void sl_gguf_writer_i64(sl_gguf_writer *w, const char *key, int64_t value);
void sl_gguf_writer_f32(sl_gguf_writer *w, const char *key, float value);
void sl_gguf_writer_bool(sl_gguf_writer *w, const char *key, bool value);

/* Begins an array of n elements of a kind; each follows by an append, of that kind. */
void sl_gguf_writer_array(sl_gguf_writer *w, const char *key, sl_gguf_kind element, uint64_t n);
void sl_gguf_writer_append_string(sl_gguf_writer *w, const char *s, size_t n);
void sl_gguf_writer_append_i32(sl_gguf_writer *w, int32_t value);
void sl_gguf_writer_append_f32(sl_gguf_writer *w, float value);
void sl_gguf_writer_append_bool(sl_gguf_writer *w, bool value);

/* Declares the next tensor: 1..4 dimensions, slowest first; rows of block types are whole blocks. */
void sl_gguf_writer_declare(sl_gguf_writer *w, const char *name, sl_dtype dtype, int n_dims, const int64_t *shape);

/*
 * Starts writing at path, which ends in ".gguf". When all tensors together have more than max_part_bytes (0: never),
 * NAME-00001-of-0000N.gguf and so on are written instead, each of at most that (a larger tensor gets its own); the
 * first is renamed into place last. Such parts must not be there already.
 */
sl_status sl_gguf_writer_begin(sl_gguf_writer *w, const char *path, size_t max_part_bytes, sl_error *err);

/* Appends n bytes of tensor `name`, which must be the first declared one that is not complete. */
void sl_gguf_writer_add(sl_gguf_writer *w, const char *name, const void *bytes, size_t n);

/* Completes the file or files, durably; an error if any tensor lacks data. Frees *w and sets it to NULL. */
sl_status sl_gguf_writer_commit(sl_gguf_writer **w, sl_error *err);

/* Gives up: what was there before stays. Frees *w (NULL is fine) and sets it to NULL. */
void sl_gguf_writer_abort(sl_gguf_writer **w);

#endif
