/*
 * tar.c: reading tars through libarchive, one group of files after another.
 *
 * The reader is always one header ahead: only a file of another name tells that a group is complete. Exactly one
 * compression is undone, the one that the first bytes announce, so that archives inside archives inside archives
 * cannot multiply; the decompressed size has a ceiling too.
 */
#include "data/tar.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/jsonl.h"
#include "text/utf8.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 16, MAX_NAME = 4096, MAX_RETRIES = 1 << 20, TAR_RECORD = 512 };

enum compression { PLAIN, GZIP, ZSTD };

struct sl_tar {
    struct sl_tar_options options;
    char *path; /* owned; of the shard, or what it is called */
    const char *file;
    int fd; /* -1: in memory */
    bool lazy;
    uint64_t file_size;
    struct archive *archive;
    /* The file whose header was read last. */
    bool ready;
    bool ended;
    char name[MAX_NAME + 1]; /* without "./" */
    size_t key_length;
    uint64_t size;
    uint64_t header_at, data_at; /* in the shard, decompressed */
    /* The present group. */
    char key[MAX_NAME + 1];
    struct sl_row_member *members; /* owned */
    size_t cap_members;
};

static enum compression compression_of(const unsigned char *magic, size_t n)
{
    if (n >= 2 && magic[0] == 0x1f && magic[1] == 0x8b) return GZIP;
    if (n >= 4 && memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0) return ZSTD;
    return PLAIN;
}

bool sl_tar_is_compressed(const char *path)
{
    unsigned char magic[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, magic, sizeof magic);
    if (fd >= 0) close(fd);
    return n > 0 && compression_of(magic, (size_t)n) != PLAIN;
}

/* Counts and names something that is left out; key is what follows "SHARD:". */
static void skip(const struct sl_tar *t, sl_skip_reason reason, const char *key, const char *detail)
{
    struct sl_buf place = SL_BUF_INIT(2 * MAX_NAME);
    sl_buf_addf(&place, "%s:%s", t->file, key);
    struct sl_skip what = {
        .reason = reason, .source = t->options.source, .key = sl_buf_str(&place), .epoch = t->options.epoch};
    sl_skipped_add(t->options.skipped, &what, "%s", detail);
    sl_buf_release(&place);
}

/* Makes a reader of one tar behind at most one compression. */
static sl_status new_reader(const char *path, enum compression c, const struct sl_tar_options *o, struct sl_tar **out,
                            sl_error *err)
{
    struct sl_tar *t = sl_alloc_array(1, sizeof *t);
    *out = NULL;
    if (!t) return sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", path);
    t->options = *o;
    t->fd = -1;
    t->path = sl_strdup(path);
    t->archive = archive_read_new();
    int rc = t->archive ? archive_read_support_format_tar(t->archive) : ARCHIVE_FATAL;
    if (rc == ARCHIVE_OK && c != PLAIN)
        rc = archive_read_append_filter(t->archive, c == GZIP ? ARCHIVE_FILTER_GZIP : ARCHIVE_FILTER_ZSTD);
    if (!t->path || rc != ARCHIVE_OK) {
        sl_tar_close(&t);
        return sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", path);
    }
    const char *slash = strrchr(t->path, '/');
    t->file = slash ? slash + 1 : t->path;
    *out = t;
    return SL_OK;
}

sl_status sl_tar_open(const char *path, const struct sl_tar_options *o, struct sl_tar **out, sl_error *err)
{
    *out = NULL;
    struct stat st;
    unsigned char magic[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sl_fail(err, SL_ERR_IO, "cannot open %s: %m", path);
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, magic, sizeof magic, 0) : -1;
    if (n < 0) {
        close(fd);
        return sl_fail(err, SL_ERR_IO, "%s is not a regular file", path);
    }
    enum compression c = compression_of(magic, (size_t)n);
    sl_status status = new_reader(path, c, o, out, err);
    if (status) {
        close(fd);
        return status;
    }
    struct sl_tar *t = *out;
    t->fd = fd;
    t->lazy = c == PLAIN;
    t->file_size = (uint64_t)st.st_size;
    if (!t->lazy) t->options.begin = t->options.end = 0;
    if (lseek(fd, (off_t)t->options.begin, SEEK_SET) < 0 || archive_read_open_fd(t->archive, fd, BLOCK) != ARCHIVE_OK) {
        t->ended = true;
        skip(t, SL_SKIP_BAD_ARCHIVE, "", archive_error_string(t->archive) ? archive_error_string(t->archive) : "");
    }
    return SL_OK;
}

sl_status sl_tar_open_memory(const void *bytes, size_t n, const char *name, const struct sl_tar_options *o,
                             struct sl_tar **out, sl_error *err)
{
    enum compression c = compression_of(bytes, n);
    sl_status status = new_reader(name, c, o, out, err);
    if (status) return status;
    struct sl_tar *t = *out;
    t->options.begin = t->options.end = 0;
    t->file_size = n;
    if (archive_read_open_memory(t->archive, bytes, n) != ARCHIVE_OK) {
        t->ended = true;
        skip(t, SL_SKIP_BAD_ARCHIVE, "", archive_error_string(t->archive) ? archive_error_string(t->archive) : "");
    }
    return SL_OK;
}

void sl_tar_close(struct sl_tar **tar)
{
    struct sl_tar *t = *tar;
    *tar = NULL;
    if (!t) return;
    if (t->archive) archive_read_free(t->archive);
    if (t->fd >= 0) close(t->fd);
    free(t->path);
    free(t->members);
    free(t);
}

/* Ends the archive early. */
static void give_up(struct sl_tar *t, const char *why)
{
    t->ended = true;
    skip(t, SL_SKIP_BAD_ARCHIVE, "", why ? why : "damaged");
}

/* True when a component of the name is "..". */
static bool climbs(const char *name)
{
    while (*name) {
        size_t n = strcspn(name, "/");
        if (n == 2 && name[0] == '.' && name[1] == '.') return true;
        name += n + (name[n] == '/');
    }
    return false;
}

/* Decides whether the file under the header is one to read; says why not. */
static bool check_entry(struct sl_tar *t, struct archive_entry *e, const char *name)
{
    mode_t kind = archive_entry_filetype(e);
    if (kind == S_IFDIR) return false;
    if (!*name || strlen(name) > MAX_NAME) {
        skip(t, SL_SKIP_ENTRY_NAME, "", "an entry without a readable name");
    } else if (name[0] == '/' || climbs(name)) {
        skip(t, SL_SKIP_ENTRY_NAME, name, "the name leads out of the archive");
    } else if (archive_entry_hardlink(e) || kind == S_IFLNK) {
        skip(t, SL_SKIP_ENTRY_KIND, name, "a link");
    } else if (kind != S_IFREG || archive_entry_sparse_count(e) > 0) {
        skip(t, SL_SKIP_ENTRY_KIND, name, "not a plain file");
    } else if (!archive_entry_size_is_set(e) || archive_entry_size(e) < 0) {
        skip(t, SL_SKIP_BAD_ARCHIVE, name, "an entry without a size");
    } else if ((uint64_t)archive_entry_size(e) > t->options.limits->max_media_bytes) {
        skip(t, SL_SKIP_OVERSIZE, name, "larger than the limit of a file");
    } else {
        return true;
    }
    return false;
}

/* Takes the header's facts; false when the file is none to read. */
static bool take_entry(struct sl_tar *t, struct archive_entry *e)
{
    const char *name = archive_entry_pathname(e);
    if (!name) name = archive_entry_pathname_utf8(e);
    if (!name) name = "";
    while (name[0] == '.' && name[1] == '/') name += 2;
    if (!check_entry(t, e, name)) return false;
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    /* What systems and editors leave behind: "._a.jpg", ".DS_Store". */
    if (*base == '.') return false;
    memcpy(t->name, name, strlen(name) + 1);
    t->key_length = (size_t)(base - name) + strcspn(base, ".");
    if (t->lazy && (t->data_at > t->file_size || t->size > t->file_size - t->data_at)) {
        give_up(t, "the archive ends inside a file");
        return false;
    }
    return true;
}

/* True when the next header lies past what is to be read. */
static bool past_end(const struct sl_tar *t)
{
    if (!t->options.end || !t->data_at) return false;
    return t->data_at + (t->size + TAR_RECORD - 1) / TAR_RECORD * TAR_RECORD >= t->options.end;
}

/* True when the file would take the shard over its ceiling: decompressing costs time even when nobody wants the data.
 */
static bool too_much(const struct sl_tar *t)
{
    uint64_t max = t->options.limits->max_shard_bytes;
    return !t->lazy && (t->data_at > max || t->size > max - t->data_at);
}

/* Goes to the next file that is to be read, if there is one: t->ready. */
static void fetch(struct sl_tar *t)
{
    t->ready = false;
    int retries = 0;
    while (!t->ended && !t->ready) {
        if (past_end(t)) {
            t->ended = true;
            return;
        }
        struct archive_entry *e;
        int rc = archive_read_next_header(t->archive, &e);
        if (rc == ARCHIVE_EOF) {
            t->ended = true;
        } else if (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) {
            t->size = archive_entry_size(e) > 0 ? (uint64_t)archive_entry_size(e) : 0;
            t->header_at = t->options.begin + (uint64_t)archive_read_header_position(t->archive);
            t->data_at = t->options.begin + (uint64_t)archive_filter_bytes(t->archive, 0);
            if (too_much(t)) {
                give_up(t, "the decompressed archive is larger than the limit of a shard");
            } else {
                t->ready = take_entry(t, e);
            }
        } else if (rc != ARCHIVE_RETRY || retries == MAX_RETRIES) {
            give_up(t, archive_error_string(t->archive));
        } else if (retries++ == 0) {
            /* The library looks for the next header, block by block. */
            skip(t, SL_SKIP_BAD_ARCHIVE, "", archive_error_string(t->archive));
        }
    }
}

/* True for files that are read even when media stay in the shard. */
static bool is_text(const char *ext)
{
    const char *dot = strrchr(ext, '.');
    const char *last = dot ? dot + 1 : ext;
    return strcmp(last, "json") == 0 || strcmp(last, "txt") == 0;
}

/* Reads the present file's bytes into memory; false when they do not fit or are not there. */
static bool read_bytes(struct sl_tar *t, struct sl_sample *memory, struct sl_blob *out)
{
    char *bytes = sl_sample_alloc(memory, (size_t)t->size + 1);
    if (!bytes) {
        skip(t, SL_SKIP_OVERSIZE, t->name, "the files of a sample are larger than the limit of a sample");
        return false;
    }
    size_t done = 0;
    while (done < t->size) {
        la_ssize_t n = archive_read_data(t->archive, bytes + done, (size_t)t->size - done);
        if (n <= 0) {
            if (n != ARCHIVE_RETRY)
                give_up(t, n == 0 ? "a file is shorter than its size" : archive_error_string(t->archive));
            return false;
        }
        done += (size_t)n;
    }
    bytes[done] = '\0';
    *out = (struct sl_blob){.bytes = (unsigned char *)bytes, .n = done};
    return true;
}

/* Adds the present file to the group; false without memory for the list. */
static bool add_member(struct sl_tar *t, struct sl_sample *memory, struct sl_tar_group *group)
{
    size_t n = (size_t)group->n_members, ceiling = (size_t)t->options.limits->max_media + 16;
    if (n == ceiling) {
        skip(t, SL_SKIP_OVERSIZE, t->name, "too many files in a sample");
        return true;
    }
    if (!sl_grow_array((void **)&t->members, &t->cap_members, n + 1, sizeof *t->members, ceiling)) return false;
    group->members = t->members;
    struct sl_row_member m = {.name = sl_sample_strndup(memory, t->name, strlen(t->name))};
    if (!m.name) {
        skip(t, SL_SKIP_OVERSIZE, t->name, "the files of a sample are larger than the limit of a sample");
        return true;
    }
    m.ext = m.name + t->key_length + (m.name[t->key_length] == '.');
    /* An empty picture is as good as none. */
    if (t->size == 0 && !is_text(m.ext)) return true;
    if (is_text(m.ext) && t->size > t->options.limits->max_row_bytes) {
        skip(t, SL_SKIP_OVERSIZE, t->name, "larger than the limit of a row");
        return true;
    }
    if (!t->lazy || is_text(m.ext)) {
        if (!read_bytes(t, memory, &m.blob)) return true;
    } else {
        m.blob = (struct sl_blob){
            .path = sl_sample_strndup(memory, t->path, strlen(t->path)), .offset = t->data_at, .n = t->size};
        if (!m.blob.path) return true;
    }
    t->members[group->n_members++] = m;
    return true;
}

sl_status sl_tar_next(struct sl_tar *t, struct sl_sample *memory, struct sl_tar_group *group, bool *more, sl_error *err)
{
    if (!t->ready && !t->ended) fetch(t);
    *more = t->ready;
    if (!t->ready) return SL_OK;
    memcpy(t->key, t->name, t->key_length);
    t->key[t->key_length] = '\0';
    *group = (struct sl_tar_group){.key = t->key, .offset = t->header_at, .members = t->members};
    size_t n = t->key_length;
    do {
        if (memory && !add_member(t, memory, group))
            return sl_fail(err, SL_ERR_MEMORY, "no memory for the files of a sample");
        fetch(t);
    } while (t->ready && t->key_length == n && memcmp(t->name, t->key, n) == 0);
    return SL_OK;
}

sl_status sl_tar_index(const char *path, const struct sl_tar_options *o, struct sl_offsets *rows, sl_error *err)
{
    struct sl_tar *t;
    sl_status status = sl_tar_open(path, o, &t, err);
    if (status) return status;
    struct sl_tar_group group;
    bool more;
    while (!(status = sl_tar_next(t, NULL, &group, &more, err)) && more) {
        if (sl_offsets_add(rows, group.offset)) continue;
        status = sl_fail(err, SL_ERR_MEMORY, "no memory for more than %zu rows", rows->n);
        break;
    }
    rows->end = t->file_size;
    sl_tar_close(&t);
    return status;
}

/* Returns the group's file with one of two extensions, or NULL. */
static struct sl_row_member *find_member(const struct sl_row *row, const char *ext, const char *other)
{
    for (int i = 0; i < row->place.n_members; i++) {
        struct sl_row_member *m = &row->place.members[i];
        if (strcmp(m->ext, ext) == 0 || strcmp(m->ext, other) == 0) return m;
    }
    return NULL;
}

/* Fills the row with the group's pictures and videos, and the text as what is said about them. */
static void add_caption(struct sl_row *row, const struct sl_row_member *text)
{
    if (row->status) return;
    if (sl_row_count_members(row) > 0) {
        sl_row_message(row, SL_SAMPLE_USER);
        sl_row_members(row);
    }
    if (!text) return;
    const char *s = (const char *)text->blob.bytes;
    size_t n = sl_jsonl_trim(s, (size_t)text->blob.n, false);
    if (sl_utf8_valid_prefix(s, n) != n || memchr(s, '\0', n)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "%.200s is not UTF-8 text", text->name);
        return;
    }
    sl_row_message(row, SL_SAMPLE_ASSISTANT);
    sl_row_text(row, s, n);
}

static bool is_conversation(const json_t *object)
{
    return json_object_get(object, "messages") || json_object_get(object, "conversations") ||
           json_object_get(object, "caption") || json_object_get(object, "text");
}

void sl_tar_row(struct sl_row *row)
{
    const struct sl_row_member *json = find_member(row, "json", "json"), *text = find_member(row, "txt", "caption.txt");
    if (!json) {
        add_caption(row, text);
        return;
    }
    json_t *object;
    sl_error why = {0};
    if (sl_json_parse((const char *)json->blob.bytes, (size_t)json->blob.n, 64, &object, &why)) {
        sl_row_fail(row, SL_SKIP_BAD_JSON, "%.100s: %.250s", json->name, why.message);
        return;
    }
    if (is_conversation(object)) {
        sl_json_row_object(row, object);
    } else {
        sl_row_facts(row, object);
        add_caption(row, text);
    }
    json_decref(object);
}
