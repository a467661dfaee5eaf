/*
 * paths.c: folders, globs and number ranges as lists of files.
 */
#include "data/paths.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_tar_name(const char *path)
{
    return ends_with(path, ".tar") || ends_with(path, ".tar.gz") || ends_with(path, ".tgz") ||
           ends_with(path, ".tar.zst");
}

/* Reads up to n first bytes of a file; returns how many. */
static size_t peek(const char *path, char *bytes, size_t n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return 0;
    ssize_t got = read(fd, bytes, n);
    close(fd);
    return got > 0 ? (size_t)got : 0;
}

sl_shard_format sl_shard_format_of(const char *path)
{
    if (sl_tar_is_compressed(path)) return SL_SHARD_COMPRESSED;
    char head[262];
    size_t n = peek(path, head, sizeof head);
    if (is_tar_name(path) || (n == sizeof head && memcmp(head + 257, "ustar", 5) == 0)) return SL_SHARD_TAR;
    return ends_with(path, ".tsv") ? SL_SHARD_TSV : SL_SHARD_JSON;
}

/* True for files of a folder that hold rows; other .json files there are somebody's notes. */
static bool is_rows(const char *path, const char *name)
{
    if (strcmp(name, "skipped.jsonl") == 0) return false;
    if (ends_with(name, ".jsonl") || ends_with(name, ".ndjson") || ends_with(name, ".tsv") || is_tar_name(name))
        return true;
    char head[64];
    size_t n = ends_with(name, ".json") ? peek(path, head, sizeof head) : 0, i = 0;
    while (i < n && (head[i] == ' ' || head[i] == '\n' || head[i] == '\r' || head[i] == '\t')) i++;
    return i < n && head[i] == '[';
}

/* Adds path, which it takes (NULL: no memory). */
static sl_status add(struct sl_paths *paths, char *path, bool named, sl_error *err)
{
    if (path && sl_grow_array((void **)&paths->items, &paths->cap, paths->n + 1, sizeof *paths->items, SL_MAX_SHARDS)) {
        paths->items[paths->n++] = (struct sl_path){path, named};
        return SL_OK;
    }
    free(path);
    return sl_fail(err, SL_ERR_MEMORY, "no memory, or more than %d files", SL_MAX_SHARDS);
}

static sl_status add_folder(struct sl_paths *paths, const char *folder, sl_error *err)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    if (n < 0) return sl_fail(err, SL_ERR_IO, "cannot read the folder %s: %m", folder);
    size_t before = paths->n;
    sl_status status = SL_OK;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char *path = name[0] == '.' || status ? NULL : sl_path_join(folder, name);
        if (path && sl_file_exists(path) && is_rows(path, name)) {
            status = add(paths, path, false, err);
            path = NULL;
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    if (!status && paths->n == before)
        return sl_fail(err, SL_ERR_IO, "%s has no .jsonl, .json, .tsv or .tar files", folder);
    return status;
}

/* Adds what a path without a range means. */
static sl_status add_plain(struct sl_paths *paths, const char *path, bool named, sl_error *err)
{
    if (sl_dir_exists(path)) return add_folder(paths, path, err);
    if (sl_file_exists(path) || !strpbrk(path, "*?[")) return add(paths, sl_strdup(path), named, err);
    glob_t g;
    int rc = glob(path, 0, NULL, &g);
    if (rc == GLOB_NOMATCH) return sl_fail(err, SL_ERR_IO, "no file matches %s", path);
    if (rc) return sl_fail(err, SL_ERR_IO, "cannot look for %s", path);
    sl_status status = SL_OK;
    for (size_t i = 0; i < g.gl_pathc && !status; i++)
        if (!sl_dir_exists(g.gl_pathv[i])) status = add(paths, sl_strdup(g.gl_pathv[i]), false, err);
    globfree(&g);
    return status;
}

struct range {
    const char *open, *close; /* the braces */
    long first, last;
    int width;
};

/* Finds the first "{000..099}" in path. */
static bool find_range(const char *path, struct range *r)
{
    for (r->open = strchr(path, '{'); r->open; r->open = strchr(r->open + 1, '{')) {
        char *end;
        const char *p = r->open + 1;
        if (*p < '0' || *p > '9') continue;
        errno = 0;
        r->first = strtol(p, &end, 10);
        r->width = (int)(end - p);
        if (end[0] != '.' || end[1] != '.' || end[2] < '0' || end[2] > '9') continue;
        r->last = strtol(end + 2, &end, 10);
        r->close = end;
        if (*end == '}' && errno == 0 && r->width <= 18) return true;
    }
    return false;
}

static sl_status add_pattern(struct sl_paths *paths, const char *path, bool named, int depth, sl_error *err)
{
    struct range r;
    if (depth == 8 || !find_range(path, &r)) return add_plain(paths, path, named, err);
    if (r.last < r.first || r.last - r.first >= SL_MAX_SHARDS)
        return sl_fail(err, SL_ERR_ARGUMENT, "%s: the range has no numbers, or more than %d", path, SL_MAX_SHARDS);
    sl_status status = SL_OK;
    for (long i = r.first; i <= r.last && !status; i++) {
        struct sl_buf one = SL_BUF_INIT(1 << 16);
        sl_buf_add(&one, path, (size_t)(r.open - path));
        sl_buf_addf(&one, "%0*ld%s", r.width, i, r.close + 1);
        status = sl_buf_ok(&one) ? add_pattern(paths, sl_buf_str(&one), false, depth + 1, err)
                                 : sl_fail(err, SL_ERR_ARGUMENT, "a path is too long");
        sl_buf_release(&one);
    }
    return status;
}

sl_status sl_paths_add(struct sl_paths *paths, const char *path, sl_error *err)
{
    if (sl_file_exists(path)) return add(paths, sl_strdup(path), true, err);
    return add_pattern(paths, path, true, 0, err);
}

void sl_paths_release(struct sl_paths *paths)
{
    for (size_t i = 0; i < paths->n; i++) free(paths->items[i].path);
    free(paths->items);
    *paths = (struct sl_paths){0};
}
