/*
 * safetensors.h: checkpoint files: named tensors behind a JSON header, read by mapping, written atomically.
 *
 * The format (github.com/huggingface/safetensors): 8 bytes little-endian header length, a JSON object
 * {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ..., "__metadata__": {string: string}}, then the data,
 * which the tensors cover without holes or overlaps. A large checkpoint is several such files and
 * model.safetensors.index.json, whose "weight_map" says which file holds which tensor.
 */
#ifndef SL_MODEL_SAFETENSORS_H
#define SL_MODEL_SAFETENSORS_H

#include "base/error.h"
#include "model/stored.h"

#include <stddef.h>
#include <stdint.h>

/* An open checkpoint: immutable, so any number of threads may read it. */
typedef struct sl_safetensors sl_safetensors;

/*
 * Opens a file, or a folder that holds model.safetensors or else model.safetensors.index.json with its shards, and
 * validates all of it but the numbers; *out is owned, release with sl_safetensors_close. Errors name file, tensor and
 * reason. Files are mapped, not read: they must not be shortened while open (replacing them by rename is fine).
 * An open that meets another process's commit at work may fail because a file is gone: open again.
 */
sl_status sl_safetensors_open(const char *path, sl_safetensors **out, sl_error *err);

/* The same for one file of n bytes in memory, borrowed until the close. Messages do not name a file. */
sl_status sl_safetensors_parse(const unsigned char *bytes, size_t n, sl_safetensors **out, sl_error *err);

/* Unmaps and frees *st (NULL is fine) and sets it to NULL. */
void sl_safetensors_close(sl_safetensors **st);

/* Number of tensors. */
size_t sl_safetensors_count(const sl_safetensors *st);

/* Returns tensor i, 0 <= i < count, in byte order of the names. */
const struct sl_stored_tensor *sl_safetensors_at(const sl_safetensors *st, size_t i);

/* Returns the tensor of that name, or NULL; O(log count). */
const struct sl_stored_tensor *sl_safetensors_find(const sl_safetensors *st, const char *name);

/* Returns the value of a "__metadata__" key (of the first file that has it), or NULL; borrowed. */
const char *sl_safetensors_metadata(const sl_safetensors *st, const char *key);

/*
 * Writing: declare every tensor, begin, add each tensor's data in the order of declaration, commit. Failures after
 * begin are kept for commit. Data is streamed: nothing is held but the header. Elements stay aligned in the file when
 * wider types are declared before narrower ones.
 */
typedef struct sl_safetensors_writer sl_safetensors_writer;

/* Makes an empty writer; *out is owned, ended by commit or abort. */
sl_status sl_safetensors_writer_new(sl_safetensors_writer **out, sl_error *err);

/* Declares the next tensor: 1..4 dimensions. A name already declared, or "__metadata__", is an error. */
sl_status sl_safetensors_writer_declare(sl_safetensors_writer *w, const char *name, sl_dtype dtype, int n_dims,
                                        const int64_t *shape, sl_error *err);

/* Starts writing one file at path. Until commit, path keeps what it had. */
sl_status sl_safetensors_writer_begin_file(sl_safetensors_writer *w, const char *path, sl_error *err);

/*
 * Starts writing a checkpoint into the existing folder dir: model.safetensors when all tensors together have at most
 * max_shard_bytes (0: always), else shards of at most that (a larger tensor gets its own) and an index. Until commit,
 * sl_safetensors_open(dir) finds what was there before.
 *
 * How a kill at any moment leaves the old checkpoint or the new one: shards are written under names that the present
 * index does not use; renaming the index into place, or removing an old model.safetensors after that, is the one step
 * that changes what is found; old shards are removed last. Leftovers of a killed save are removed by the next commit.
 * The folder is locked until commit or abort: a second save into it meanwhile is an error.
 */
sl_status sl_safetensors_writer_begin_folder(sl_safetensors_writer *w, const char *dir, size_t max_shard_bytes,
                                             sl_error *err);

/* Appends n bytes of data of tensor `name`, which must be the first declared one that is not complete. */
void sl_safetensors_writer_add(sl_safetensors_writer *w, const char *name, const void *bytes, size_t n);

/* Completes the save, durably; an error if any tensor lacks data. Frees *w and sets it to NULL in every case. */
sl_status sl_safetensors_writer_commit(sl_safetensors_writer **w, sl_error *err);

/* Gives up: what was there before stays. Frees *w (NULL is fine) and sets it to NULL. */
void sl_safetensors_writer_abort(sl_safetensors_writer **w);

#endif
