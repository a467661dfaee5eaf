/*
 * text_files.c: prose that every Debian machine has: the text files of its packages, listed in a fixed order.
 *
 * Many packages carry the same file, so files are told apart by their content. Lists, tables and code are left out:
 * what is taken are paragraphs that consist mostly of words.
 */
#include "synth/text_parts.h"

#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILES = 4096, MAX_OF_PACKAGE = 6, MAX_DEPTH = 3, MAX_BYTES = 1 << 20, MIN_BYTES = 400 };

struct found {
    char *path; /* owned */
    uint64_t hash;
};

struct listing {
    struct found *items; /* owned */
    size_t n, cap;
    bool failed;
};

static bool wanted(const char *name)
{
    static const char *const names[] = {"README", "copyright", "NEWS", "FAQ", "INSTALL", "AUTHORS", "BUGS"};
    size_t n = strlen(name);
    if (n > 4 && strcmp(name + n - 4, ".txt") == 0) return true;
    if (n > 3 && strcmp(name + n - 3, ".md") == 0) return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0 && !strstr(name, ".gz") && !strstr(name, ".html"))
            return true;
    return false;
}

/* FNV-1a: which files are equal, not against an attacker. */
static uint64_t hash_of(const unsigned char *p, size_t n)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 1099511628211u;
    return h;
}

static void take(struct listing *l, const char *path)
{
    struct sl_mapped_file map;
    if (sl_file_map(path, &map, NULL)) return;
    if (map.size >= MIN_BYTES && map.size <= MAX_BYTES && !memchr(map.data, 0, map.size)) {
        if (!sl_grow_array((void **)&l->items, &l->cap, l->n + 1, sizeof *l->items, MAX_FILES * 4))
            l->failed = true;
        else if ((l->items[l->n].path = sl_strdup(path)) != NULL)
            l->items[l->n++].hash = hash_of(map.data, map.size);
        else
            l->failed = true;
    }
    sl_file_unmap(&map);
}

static void walk(struct listing *l, const char *folder, int depth)
{
    DIR *d = opendir(folder);
    if (!d) return;
    for (const struct dirent *e; !l->failed && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        char *path = sl_path_join(folder, e->d_name);
        struct stat st;
        if (!path) {
            l->failed = true;
        } else if (lstat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) walk(l, path, depth + 1);
            if (S_ISREG(st.st_mode) && (depth == 0 || wanted(e->d_name))) take(l, path);
        }
        free(path);
    }
    closedir(d);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static int by_hash(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1) : by_path(a, b);
}

/* Keeps the first of equal files, l being sorted by hash; then sorts by path. */
static void drop_copies(struct listing *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (kept && l->items[kept - 1].hash == l->items[i].hash)
            free(l->items[i].path);
        else
            l->items[kept++] = l->items[i];
    }
    l->n = kept;
    if (kept) qsort(l->items, kept, sizeof *l->items, by_path);
}

/* Length of the path up to the end of its package's folder, "/usr/share/doc/git/". */
static size_t package_length(const char *path)
{
    size_t n = 0;
    for (int slashes = 0; path[n]; n++)
        if (path[n] == '/' && ++slashes == 5) break;
    return n;
}

/* Keeps the first few files of each package, so that no package is all that there is; l is sorted by path. */
static void thin_out(struct listing *l)
{
    size_t kept = 0, of_package = 0;
    for (size_t i = 0; i < l->n; i++) {
        size_t n = package_length(l->items[i].path);
        bool same = kept && strncmp(l->items[kept - 1].path, l->items[i].path, n) == 0 &&
                    package_length(l->items[kept - 1].path) == n;
        of_package = same ? of_package + 1 : 0;
        if (of_package < MAX_OF_PACKAGE && kept < MAX_FILES)
            l->items[kept++] = l->items[i];
        else
            free(l->items[i].path);
    }
    l->n = kept;
}

sl_status sl_text_files_list(struct sl_text_files *f, sl_error *err)
{
    *f = (struct sl_text_files){0};
    struct listing l = {0};
    walk(&l, "/usr/share/common-licenses", 0);
    walk(&l, "/usr/share/doc", 1);
    if (l.n) qsort(l.items, l.n, sizeof *l.items, by_hash);
    drop_copies(&l);
    thin_out(&l);
    if (!l.failed) f->paths = sl_alloc_array(l.n ? l.n : 1, sizeof *f->paths);
    for (size_t i = 0; i < l.n; i++) {
        if (f->paths)
            f->paths[f->n++] = l.items[i].path;
        else
            free(l.items[i].path);
    }
    free(l.items);
    return f->paths ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for the list of text files");
}

void sl_text_files_release(struct sl_text_files *f)
{
    for (size_t i = 0; i < f->n; i++) free(f->paths[i]);
    free(f->paths);
    *f = (struct sl_text_files){0};
}

/* True for a paragraph that reads as prose: ASCII, mostly letters and spaces, lines that are not indented code. */
static bool is_prose(const char *p, size_t n)
{
    size_t letters = 0, spaces = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= 127 || (c < 32 && c != '\n' && c != '\t')) return false;
        letters += isalpha(c) != 0;
        spaces += c == ' ' || c == '\n';
    }
    return n > 80 && letters * 100 > n * 72 && spaces * 100 > n * 10 && !memchr(p, '\t', n) && !memchr(p, '@', n);
}

/* Appends a paragraph with its lines joined and runs of spaces made one. */
static void unwrap(const char *p, size_t n, struct sl_buf *b)
{
    bool space = true;
    for (size_t i = 0; i < n; i++) {
        bool white = p[i] == ' ' || p[i] == '\n';
        if (white && !space) sl_buf_addch(b, ' ');
        if (!white) sl_buf_addch(b, p[i]);
        space = white;
    }
    while (b->data && b->len && b->data[b->len - 1] == ' ') b->data[--b->len] = 0;
    sl_buf_addch(b, '\n');
}

/* Appends prose paragraphs from position `from` on until max bytes; returns whether there was enough. */
static bool paragraphs(const char *text, size_t n, size_t from, size_t max, struct sl_buf *b)
{
    size_t begin_len = b->len;
    char piece[4096];
    for (size_t at = from; at < n && b->len - begin_len < max;) {
        const char *end = memmem(text + at, n - at, "\n\n", 2);
        size_t len = end ? (size_t)(end - text) - at : n - at;
        if (len < sizeof piece && len < max) {
            memcpy(piece, text + at, len);
            piece[len] = 0;
            if (is_prose(piece, len) && b->len - begin_len + len < max) unwrap(piece, len, b);
        }
        at += len + 2;
    }
    return b->len - begin_len >= 200;
}

bool sl_text_files_piece(const struct sl_text_files *f, const struct sl_synth_request *r, size_t max, struct sl_buf *b)
{
    for (int attempt = 0; attempt < 16 && f->n >= 4; attempt++) {
        struct sl_mapped_file map;
        const char *path = f->paths[sl_synth_choose(r, (int)f->n)];
        /* Every package has a licence: they would be most of what is read. */
        if ((strstr(path, "/copyright") && sl_synth_chance(r, 0.85)) || sl_file_map(path, &map, NULL)) continue;
        size_t from = 0, kept = b->len;
        const char *text = (const char *)map.data;
        if (map.size > 4 * max) { /* begin at a random paragraph */
            size_t at = (size_t)(sl_synth_real(r, 0, 0.8) * (double)map.size);
            const char *gap = memmem(text + at, map.size - at, "\n\n", 2);
            from = gap ? (size_t)(gap - text) + 2 : 0;
        }
        bool enough = map.size > 0 && paragraphs(text, map.size, from, max, b);
        sl_file_unmap(&map);
        if (enough) return true;
        b->len = kept;
        if (b->data) b->data[kept] = 0;
    }
    return false;
}
