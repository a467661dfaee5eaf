/*
 * sample.c: a sample's memory, and reading the bytes of its media.
 *
 * Memory is a list of blocks, so that pointers never move while a row is being read; most samples need one.
 */
#include "data/sample.h"

#include "base/base64.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096, READ_BYTES = 1 << 20 };

struct sl_sample_block {
    struct sl_sample_block *next;
    atomic_int n_owners;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

void sl_data_limits_defaults(struct sl_data_limits *l)
{
    *l = (struct sl_data_limits){
        .max_row_bytes = (size_t)64 << 20,
        .max_media_bytes = (size_t)256 << 20,
        .max_sample_bytes = (size_t)512 << 20,
        .max_shard_bytes = (uint64_t)256 << 30,
        .max_messages = 1024,
        .max_parts = 4096,
        .max_media = 4096,
    };
}

const char *sl_sample_role_name(sl_sample_role role)
{
    static const char *const names[] = {"system", "user", "assistant", "tool"};
    return names[role];
}

void sl_sample_init(struct sl_sample *s, size_t max_bytes)
{
    *s = (struct sl_sample){.level = -1, .max_bytes = max_bytes};
}

void sl_sample_release(struct sl_sample *s)
{
    while (s->blocks) {
        struct sl_sample_block *next = s->blocks->next;
        if (atomic_fetch_sub(&s->blocks->n_owners, 1) == 1) free(s->blocks);
        s->blocks = next;
    }
    sl_sample_init(s, s->max_bytes);
}

void sl_sample_share(const struct sl_sample *s, struct sl_sample *copy)
{
    *copy = *s;
    for (struct sl_sample_block *b = s->blocks; b; b = b->next) atomic_fetch_add(&b->n_owners, 1);
}

void *sl_sample_alloc(struct sl_sample *s, size_t n)
{
    size_t align = alignof(max_align_t);
    if (n > s->max_bytes) return NULL;
    n = (n + align - 1) / align * align;
    if (n == 0) n = align;
    struct sl_sample_block *b = s->blocks;
    SL_CHECK(!b || atomic_load(&b->n_owners) == 1);
    if (!b || n > b->size - b->used) {
        size_t size = n > BLOCK_BYTES / 2 ? n : BLOCK_BYTES;
        if (size > s->max_bytes - s->n_bytes) size = n;
        if (size > s->max_bytes - s->n_bytes) return NULL;
        struct sl_sample_block *fresh = malloc(sizeof *fresh + size);
        if (!fresh) return NULL;
        atomic_init(&fresh->n_owners, 1);
        fresh->used = 0;
        fresh->size = size;
        s->n_bytes += size;
        /* A block that is full at once goes behind the one in use. */
        if (b && size == n) {
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            s->blocks = fresh;
        }
        b = fresh;
    }
    void *p = b->bytes + b->used;
    b->used += n;
    return p;
}

void *sl_sample_alloc_array(struct sl_sample *s, size_t n, size_t size)
{
    size_t bytes;
    if (!sl_size_mul(n, size, &bytes)) return NULL;
    void *p = sl_sample_alloc(s, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

char *sl_sample_strndup(struct sl_sample *s, const char *text, size_t n)
{
    size_t bytes;
    char *p = sl_size_add(n, 1, &bytes) ? sl_sample_alloc(s, bytes) : NULL;
    if (!p) return NULL;
    if (n) memcpy(p, text, n);
    p[n] = '\0';
    return p;
}

bool sl_sample_set_place(struct sl_sample *s, const char *source, const char *place)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a, 64 bits */
    for (const char *p = source; *p; p++) h = (h ^ (unsigned char)*p) * 1099511628211u;
    h *= 1099511628211u; /* the NUL between them */
    for (const char *p = place; *p; p++) h = (h ^ (unsigned char)*p) * 1099511628211u;
    s->id = h;
    if (!s->key) s->key = sl_sample_strndup(s, place, strlen(place));
    return s->key != NULL;
}

/* Finds out how many bytes of the open file the blob takes; more than max_bytes is an error. */
static sl_status file_range(const struct sl_blob *b, int fd, uint64_t max_bytes, uint64_t *n, sl_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return sl_fail(err, SL_ERR_IO, "cannot stat %s: %m", b->path);
    if (!S_ISREG(st.st_mode)) return sl_fail(err, SL_ERR_IO, "%s is not a regular file", b->path);
    uint64_t size = (uint64_t)st.st_size;
    if (b->offset > size || b->n > size - b->offset)
        return sl_fail(err, SL_ERR_IO, "%s ends before byte %llu", b->path, (unsigned long long)(b->offset + b->n));
    *n = b->n ? b->n : size - b->offset;
    if (*n > max_bytes)
        return sl_fail(err, SL_ERR_MEMORY, "%s: %llu bytes are more than the %llu allowed", b->path,
                       (unsigned long long)*n, (unsigned long long)max_bytes);
    return SL_OK;
}

static sl_status read_range(const struct sl_blob *b, int fd, uint64_t n, struct sl_buf *out, sl_error *err)
{
    char *chunk = malloc(READ_BYTES);
    if (!chunk) return sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", b->path);
    sl_status status = SL_OK;
    for (uint64_t done = 0; done < n && !status;) {
        size_t want = n - done < READ_BYTES ? (size_t)(n - done) : READ_BYTES;
        ssize_t got = pread(fd, chunk, want, (off_t)(b->offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            status = sl_fail(err, SL_ERR_IO, "cannot read %s: %m", b->path);
        } else if (got == 0) {
            status = sl_fail(err, SL_ERR_IO, "%s became shorter while it was read", b->path);
        } else {
            sl_buf_add(out, chunk, (size_t)got);
            if (!sl_buf_ok(out)) status = sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", b->path);
            done += (uint64_t)got;
        }
    }
    free(chunk);
    return status;
}

static sl_status load_file(const struct sl_blob *b, uint64_t max_bytes, struct sl_buf *out, sl_error *err)
{
    /* O_NONBLOCK keeps a pipe without a writer from hanging the open. */
    int fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sl_fail(err, SL_ERR_IO, "cannot open %s: %m", b->path);
    uint64_t n = 0;
    sl_status status = file_range(b, fd, max_bytes, &n, err);
    if (!status) status = read_range(b, fd, n, out, err);
    close(fd);
    return status;
}

static sl_status decode(const char *text, size_t n, size_t max_bytes, struct sl_buf *out, sl_error *err)
{
    size_t before = out->len;
    sl_status status = sl_base64_decode(text, n, out, err);
    if (!status && out->len - before > max_bytes)
        status = sl_fail(err, SL_ERR_MEMORY, "%zu bytes of media are more than the %zu allowed", out->len - before,
                         max_bytes);
    return status;
}

sl_status sl_blob_load(const struct sl_blob *b, size_t max_bytes, struct sl_buf *out, sl_error *err)
{
    uint64_t max_text = b->base64 ? (uint64_t)max_bytes / 3 * 4 + max_bytes / 8 + 64 : max_bytes;
    if (b->bytes) {
        if (b->n > max_text)
            return sl_fail(err, SL_ERR_MEMORY, "%llu bytes of media are more than the %zu allowed",
                           (unsigned long long)b->n, max_bytes);
        if (b->base64) return decode((const char *)b->bytes, (size_t)b->n, max_bytes, out, err);
        sl_buf_add(out, b->bytes, (size_t)b->n);
        return sl_buf_ok(out)
                   ? SL_OK
                   : sl_fail(err, SL_ERR_MEMORY, "no memory for %llu bytes of media", (unsigned long long)b->n);
    }
    if (!b->path) return sl_fail(err, SL_ERR_IO, "the media has no bytes");
    if (!b->base64) return load_file(b, max_bytes, out, err);
    struct sl_buf text = SL_BUF_INIT((size_t)max_text);
    sl_status status = load_file(b, max_text, &text, err);
    if (!status) status = decode(sl_buf_str(&text), text.len, max_bytes, out, err);
    sl_buf_release(&text);
    return status;
}
