/*
 * shard_writer.h: WebDataset shards in the making: a plain tar whose bytes follow from what was added alone.
 *
 * Written under a temporary name and renamed when it is complete, so that a shard that is there is whole. One thread
 * owns a writer.
 */
#ifndef SL_DATA_SHARD_WRITER_H
#define SL_DATA_SHARD_WRITER_H

#include "base/error.h"

#include <stddef.h>

struct sl_shard_writer;

/* Opens a shard that will stand at path into *out, owned. */
sl_status sl_shard_writer_open(const char *path, struct sl_shard_writer **out, sl_error *err);

/*
 * Adds a file of n bytes. The files of one sample follow each other, and their names are the same up to the first dot
 * (data/tar.h). A name is at most 100 bytes. Failures, such as a full disk, name the path and stick.
 */
sl_status sl_shard_writer_add(struct sl_shard_writer *w, const char *name, const void *bytes, size_t n, sl_error *err);

/* Completes the shard, makes it durable and puts it into place; on a failure nothing stays. *w is NULL afterwards. */
sl_status sl_shard_writer_finish(struct sl_shard_writer **w, sl_error *err);

/* Gives up: nothing stays. *w is NULL afterwards; NULL is fine. */
void sl_shard_writer_abort(struct sl_shard_writer **w);

#endif
