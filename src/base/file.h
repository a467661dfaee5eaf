/*
 * file.h: whole files: mapping them for reading, reading small ones, and replacing them atomically.
 */
#ifndef SL_BASE_FILE_H
#define SL_BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file mapped read-only. data is NULL when size is 0. */
struct sl_mapped_file {
    const unsigned char *data; /* borrowed from the mapping */
    size_t size;
};

/* Maps path read-only into *out. Errors name the path and the system's reason; a folder is an error. */
sl_status sl_file_map(const char *path, struct sl_mapped_file *out, sl_error *err);

/* Unmaps; f = {0} again. */
void sl_file_unmap(struct sl_mapped_file *f);

/* Appends the contents of path to out (b's ceiling bounds it: a longer file is an error that says so). */
sl_status sl_file_read(const char *path, struct sl_buf *out, sl_error *err);

/*
 * A file in the making: written beside its destination under a temporary name, made durable and renamed into place
 * by commit. A kill at any moment leaves the old file or the new one.
 */
struct sl_file_writer {
    int fd;
    char *path; /* owned */
    char *temp; /* owned */
    sl_status status;
    sl_error error; /* the first failure; later writes do nothing */
};

/* Opens a writer for path. */
sl_status sl_file_writer_open(struct sl_file_writer *w, const char *path, sl_error *err);
/* Appends n bytes; failures are kept for commit. */
void sl_file_writer_add(struct sl_file_writer *w, const void *bytes, size_t n);
/* fsync, rename, fsync of the folder; on any failure, or one kept, removes the temporary file. Releases w. */
sl_status sl_file_writer_commit(struct sl_file_writer *w, sl_error *err);
/* Gives up: removes the temporary file and releases w. */
void sl_file_writer_abort(struct sl_file_writer *w);

/* Replaces path by n bytes, atomically. */
sl_status sl_file_write(const char *path, const void *bytes, size_t n, sl_error *err);

/* True when path exists and is a regular file / a folder. */
bool sl_file_exists(const char *path);
bool sl_dir_exists(const char *path);

/* Makes the folder path and its missing parents; an existing folder is fine. */
sl_status sl_dir_make(const char *path, sl_error *err);

/* Returns owned "dir/name", or NULL without memory. */
char *sl_path_join(const char *dir, const char *name);

#endif
