/*
 * file.c: mapping, reading and atomically replacing whole files.
 *
 * A writer's temporary file always has the same name, "<path>.tmp", and is held by an flock while it grows: what a
 * killed process left behind is taken over by the next save instead of piling up, and two savers of one path cannot
 * mix their bytes (the second gets an error). Files have no state here; any thread may use its own.
 */
#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens path for reading; a folder is an error. O_NONBLOCK keeps a pipe without a writer from hanging the open. */
static sl_status open_for_reading(const char *path, int *fd, struct stat *st, sl_error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) return sl_fail(err, SL_ERR_IO, "cannot open %s: %m", path);
    sl_status status = SL_OK;
    if (fstat(*fd, st) != 0) {
        status = sl_fail(err, SL_ERR_IO, "cannot stat %s: %m", path);
    } else if (S_ISDIR(st->st_mode)) {
        status = sl_fail(err, SL_ERR_IO, "%s is a folder, not a file", path);
    }
    if (status) close(*fd);
    return status;
}

sl_status sl_file_map(const char *path, struct sl_mapped_file *out, sl_error *err)
{
    *out = (struct sl_mapped_file){0};
    int fd;
    struct stat st;
    sl_status status = open_for_reading(path, &fd, &st, err);
    if (status) return status;
    if (!S_ISREG(st.st_mode)) {
        status = sl_fail(err, SL_ERR_IO, "%s is not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            status = sl_fail(err, SL_ERR_IO, "cannot map %s: %m", path);
        } else {
            *out = (struct sl_mapped_file){.data = p, .size = (size_t)st.st_size};
        }
    }
    close(fd);
    return status;
}

void sl_file_unmap(struct sl_mapped_file *f)
{
    if (f->data) munmap((void *)(uintptr_t)f->data, f->size);
    *f = (struct sl_mapped_file){0};
}

sl_status sl_file_read(const char *path, struct sl_buf *out, sl_error *err)
{
    int fd;
    struct stat st;
    sl_status status = open_for_reading(path, &fd, &st, err);
    if (status) return status;
    (void)fcntl(fd, F_SETFL, 0);
    size_t start = out->len;
    char chunk[32768];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) status = sl_fail(err, SL_ERR_IO, "cannot read %s: %m", path);
        if (n <= 0) break;
        if ((size_t)n > out->ceiling - out->len) {
            status =
                sl_fail(err, SL_ERR_FORMAT, "%s is longer than the %zu bytes allowed here", path, out->ceiling - start);
            break;
        }
        sl_buf_add(out, chunk, (size_t)n);
        if (!sl_buf_ok(out)) {
            status = sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", path);
            break;
        }
    }
    if (status && out->data) {
        out->len = start;
        out->data[start] = '\0';
    }
    close(fd);
    return status;
}

/*
 * Opens and locks w->temp, emptied. The holder of the lock may have renamed or removed the file between our open and
 * our lock, so the name is looked up again afterwards.
 */
static sl_status open_temp(struct sl_file_writer *w, sl_error *err)
{
    for (;;) {
        w->fd = open(w->temp, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (w->fd < 0) return sl_fail(err, SL_ERR_IO, "cannot create %s: %m", w->temp);
        if (flock(w->fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EINTR) {
                close(w->fd);
                continue;
            }
            if (errno == EWOULDBLOCK)
                return sl_fail(err, SL_ERR_IO, "cannot write %s: it is being written already", w->path);
            /* A file system without locks still gets atomic replacement. */
        }
        struct stat by_fd, by_name;
        if (fstat(w->fd, &by_fd) != 0) return sl_fail(err, SL_ERR_IO, "cannot stat %s: %m", w->temp);
        if (stat(w->temp, &by_name) == 0 && by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev) break;
        close(w->fd);
    }
    if (ftruncate(w->fd, 0) != 0) return sl_fail(err, SL_ERR_IO, "cannot empty %s: %m", w->temp);
    return SL_OK;
}

static void release_writer(struct sl_file_writer *w)
{
    if (w->fd >= 0) close(w->fd);
    free(w->path);
    free(w->temp);
    *w = (struct sl_file_writer){.fd = -1};
}

sl_status sl_file_writer_open(struct sl_file_writer *w, const char *path, sl_error *err)
{
    *w = (struct sl_file_writer){.fd = -1};
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return sl_fail(err, SL_ERR_IO, "cannot write %s: it is not a regular file", path);
    struct sl_buf temp = SL_BUF_INIT(1 << 16);
    sl_buf_addf(&temp, "%s.tmp", path);
    w->path = sl_strdup(path);
    w->temp = sl_buf_ok(&temp) ? sl_strdup(sl_buf_str(&temp)) : NULL;
    sl_buf_release(&temp);
    sl_status status;
    if (!w->path || !w->temp) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", path);
    } else {
        status = open_temp(w, err);
    }
    if (status) release_writer(w);
    return status;
}

void sl_file_writer_add(struct sl_file_writer *w, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n && !w->status) {
        /* Linux moves at most 2 GiB a call anyway. */
        ssize_t put = write(w->fd, p, n < ((size_t)1 << 30) ? n : (size_t)1 << 30);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            w->status = sl_fail(&w->error, SL_ERR_IO, "cannot write %s: %m", w->path);
            return;
        }
        p += put;
        n -= (size_t)put;
    }
}

/* Makes a rename in path's folder durable. */
static sl_status sync_folder_of(const char *path, sl_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    char *dir = slash ? malloc(n + 2) : sl_strdup(".");
    if (!dir) return sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", path);
    if (slash) {
        memcpy(dir, path, n + 1);
        dir[n ? n : 1] = '\0';
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(dir);
    if (fd < 0) return sl_fail(err, SL_ERR_IO, "cannot open the folder of %s: %m", path);
    sl_status status = SL_OK;
    /* Some file systems cannot sync a folder and say EINVAL: then there is nothing to wait for. */
    if (fsync(fd) != 0 && errno != EINVAL) status = sl_fail(err, SL_ERR_IO, "cannot sync the folder of %s: %m", path);
    close(fd);
    return status;
}

sl_status sl_file_writer_commit(struct sl_file_writer *w, sl_error *err)
{
    sl_status status = w->status;
    if (status) {
        sl_fail(err, status, "%s", w->error.message);
    } else if (fsync(w->fd) != 0) {
        status = sl_fail(err, SL_ERR_IO, "cannot write %s: %m", w->path);
    } else if (rename(w->temp, w->path) != 0) {
        status = sl_fail(err, SL_ERR_IO, "cannot rename %s to %s: %m", w->temp, w->path);
    } else {
        status = sync_folder_of(w->path, err);
        release_writer(w);
        return status;
    }
    sl_file_writer_abort(w);
    return status;
}

void sl_file_writer_abort(struct sl_file_writer *w)
{
    /* Removed while the lock is held: the name can only be ours. */
    if (w->fd >= 0) unlink(w->temp);
    release_writer(w);
}

sl_status sl_file_write(const char *path, const void *bytes, size_t n, sl_error *err)
{
    struct sl_file_writer w;
    sl_status status = sl_file_writer_open(&w, path, err);
    if (status) return status;
    sl_file_writer_add(&w, bytes, n);
    return sl_file_writer_commit(&w, err);
}

bool sl_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool sl_dir_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

sl_status sl_dir_make(const char *path, sl_error *err)
{
    if (!*path) return sl_fail(err, SL_ERR_ARGUMENT, "the name of a folder is empty");
    char *copy = sl_strdup(path);
    if (!copy) return sl_fail(err, SL_ERR_MEMORY, "no memory to make the folder %s", path);
    sl_status status = SL_OK;
    for (char *p = copy + 1;; p++) {
        char c = *p;
        if (c != '/' && c != '\0') continue;
        *p = '\0';
        int reason = mkdir(copy, 0777) == 0 ? 0 : errno;
        if (reason && !sl_dir_exists(copy)) {
            errno = reason;
            status = sl_fail(err, SL_ERR_IO, "cannot make the folder %s: %m", copy);
            break;
        }
        *p = c;
        if (c == '\0') break;
    }
    free(copy);
    return status;
}

char *sl_path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir), m = strlen(name);
    bool slash = n > 0 && dir[n - 1] != '/';
    char *path = malloc(n + slash + m + 1);
    if (!path) return NULL;
    memcpy(path, dir, n);
    if (slash) path[n] = '/';
    memcpy(path + n + slash, name, m + 1);
    return path;
}
