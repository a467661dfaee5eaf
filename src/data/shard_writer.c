/*
 * shard_writer.c: tar (POSIX ustar) through libarchive into a file that is renamed when it is complete. Entries have no
 * times, owners or other traces of when and where they were made.
 */
#include "data/shard_writer.h"

#include "base/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 100, MODE = 0644 };

struct sl_shard_writer {
    struct archive *archive;
    struct archive_entry *entry; /* used again for every file */
    struct sl_file_writer file;
};

static la_ssize_t write_block(struct archive *a, void *arg, const void *bytes, size_t n)
{
    struct sl_shard_writer *w = arg;
    sl_file_writer_add(&w->file, bytes, n);
    if (!w->file.status) return (la_ssize_t)n;
    archive_set_error(a, EIO, "%s", w->file.error.message);
    return -1;
}

/* The file's own failure is the better message: it has the system's reason. */
static sl_status failure(struct sl_shard_writer *w, sl_error *err)
{
    if (w->file.status) return sl_fail(err, w->file.status, "%s", w->file.error.message);
    const char *text = archive_error_string(w->archive);
    return sl_fail(err, SL_ERR_IO, "cannot write %s: %s", w->file.path, text ? text : "no memory");
}

sl_status sl_shard_writer_open(const char *path, struct sl_shard_writer **out, sl_error *err)
{
    struct sl_shard_writer *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", path);
    w->file.fd = -1;
    sl_status status = sl_file_writer_open(&w->file, path, err);
    if (status) {
        free(w);
        return status;
    }
    w->archive = archive_write_new();
    w->entry = archive_entry_new();
    if (!w->archive || !w->entry || archive_write_set_format_ustar(w->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(w->archive, 1) != ARCHIVE_OK ||
        archive_write_open(w->archive, w, NULL, write_block, NULL) != ARCHIVE_OK) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", path);
        sl_shard_writer_abort(&w);
        return status;
    }
    *out = w;
    return SL_OK;
}

sl_status sl_shard_writer_add(struct sl_shard_writer *w, const char *name, const void *bytes, size_t n, sl_error *err)
{
    if (strlen(name) > MAX_NAME)
        return sl_fail(err, SL_ERR_ARGUMENT, "the name of a file in a shard is longer than %d bytes: %s", MAX_NAME,
                       name);
    archive_entry_clear(w->entry);
    archive_entry_set_pathname(w->entry, name);
    archive_entry_set_filetype(w->entry, AE_IFREG);
    archive_entry_set_perm(w->entry, MODE);
    archive_entry_set_size(w->entry, (la_int64_t)n);
    if (archive_write_header(w->archive, w->entry) != ARCHIVE_OK) return failure(w, err);
    for (const char *at = bytes; n;) {
        la_ssize_t put = archive_write_data(w->archive, at, n);
        if (put <= 0) return failure(w, err);
        at += put;
        n -= (size_t)put;
    }
    return SL_OK;
}

/* Releases what is not the file. */
static void release(struct sl_shard_writer **w)
{
    if ((*w)->entry) archive_entry_free((*w)->entry);
    if ((*w)->archive) archive_write_free((*w)->archive);
    free(*w);
    *w = NULL;
}

sl_status sl_shard_writer_finish(struct sl_shard_writer **w, sl_error *err)
{
    sl_status status = archive_write_close((*w)->archive) == ARCHIVE_OK ? SL_OK : failure(*w, err);
    if (status)
        sl_file_writer_abort(&(*w)->file);
    else
        status = sl_file_writer_commit(&(*w)->file, err);
    release(w);
    return status;
}

void sl_shard_writer_abort(struct sl_shard_writer **w)
{
    if (!*w) return;
    if ((*w)->archive) archive_write_fail((*w)->archive); /* no end of the archive on the way out */
    sl_file_writer_abort(&(*w)->file);
    release(w);
}
