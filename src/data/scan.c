/*
 * scan.c: reading files from front to back for their rows' offsets, and in places for a row.
 */
#include "data/scan.h"

#include "base/mem.h"
#include "data/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

bool sl_offsets_add(struct sl_offsets *o, uint64_t at)
{
    if (!sl_grow_array((void **)&o->at, &o->cap, o->n + 1, sizeof *o->at, SL_MAX_ROWS)) return false;
    o->at[o->n++] = at;
    return true;
}

void sl_offsets_release(struct sl_offsets *o)
{
    free(o->at);
    *o = (struct sl_offsets){0};
}

static sl_status scan_fd(const char *path, int fd, char *chunk, sl_scan_fn fn, void *state, sl_error *err)
{
    for (uint64_t at = 0;;) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sl_fail(err, SL_ERR_IO, "cannot read %s: %m", path);
        if (n == 0) return SL_OK;
        sl_status status = fn(state, chunk, (size_t)n, at, err);
        if (status) return sl_fail_context(err, status, "%s", path);
        at += (uint64_t)n;
    }
}

sl_status sl_scan_file(const char *path, sl_scan_fn fn, void *state, sl_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sl_fail(err, SL_ERR_IO, "cannot open %s: %m", path);
    struct stat st;
    char *chunk = malloc(CHUNK);
    sl_status status;
    if (!chunk) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", path);
    } else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        /* A pipe could never be read again for its rows. */
        status = sl_fail(err, SL_ERR_IO, "%s is not a regular file", path);
    } else {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        status = scan_fd(path, fd, chunk, fn, state, err);
    }
    free(chunk);
    close(fd);
    return status;
}

sl_status sl_read_span(const char *path, uint64_t begin, uint64_t end, struct sl_buf *out, sl_error *err)
{
    sl_buf_clear(out);
    if (begin >= end) return SL_OK;
    struct sl_blob b = {.path = path, .offset = begin, .n = end - begin};
    return sl_blob_load(&b, out->ceiling, out, err);
}
