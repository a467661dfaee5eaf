/*
 * row.c: the builder behind all formats.
 *
 * Messages, parts and media grow in arrays that stay for the next row; only finishing copies them, so that a sample
 * holds each in one piece.
 */
#include "data/row.h"

#include "base/json.h"
#include "base/mem.h"
#include "text/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

void sl_row_begin(struct sl_row *row, const struct sl_row_place *place, struct sl_sample *sample, sl_error *err)
{
    row->place = *place;
    row->sample = sample;
    row->status = SL_OK;
    row->err = err;
    row->n_messages = row->n_parts = row->n_media = 0;
    row->n_frames = 0;
}

void sl_row_release(struct sl_row *row)
{
    free(row->messages);
    free(row->parts);
    free(row->media);
    *row = (struct sl_row){0};
}

void sl_row_fail(struct sl_row *row, sl_skip_reason reason, const char *fmt, ...)
{
    if (row->status) return;
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    row->reason = reason;
    row->status = sl_fail(row->err, SL_ERR_FORMAT, "%s", text);
}

static void fail_full(struct sl_row *row)
{
    sl_row_fail(row, SL_SKIP_OVERSIZE, "the sample takes more than %zu bytes", row->sample->max_bytes);
}

void sl_row_message(struct sl_row *row, sl_sample_role role)
{
    if (row->status) return;
    size_t ceiling = (size_t)row->place.limits->max_messages;
    if (row->n_messages >= ceiling || !sl_grow_array((void **)&row->messages, &row->cap_messages, row->n_messages + 1,
                                                     sizeof *row->messages, ceiling)) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "more than %zu messages", ceiling);
        return;
    }
    row->messages[row->n_messages++] = (struct sl_sample_message){.role = role};
}

/* Adds a part to the last message; NULL once the row has failed. */
static struct sl_sample_part *add_part(struct sl_row *row, sl_sample_part_kind kind)
{
    if (row->status) return NULL;
    SL_CHECK(row->n_messages > 0);
    struct sl_sample_message *m = &row->messages[row->n_messages - 1];
    if (m->n_parts >= row->place.limits->max_parts) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "more than %d parts in a message", row->place.limits->max_parts);
        return NULL;
    }
    if (!sl_grow_array((void **)&row->parts, &row->cap_parts, row->n_parts + 1, sizeof *row->parts, (size_t)1 << 24)) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "too many parts");
        return NULL;
    }
    m->n_parts++;
    struct sl_sample_part *p = &row->parts[row->n_parts++];
    *p = (struct sl_sample_part){.kind = kind, .media = -1};
    return p;
}

void sl_row_text(struct sl_row *row, const char *text, size_t n)
{
    if (n == 0 || row->status) return;
    char *copy = sl_sample_strndup(row->sample, text, n);
    if (!copy) {
        fail_full(row);
        return;
    }
    struct sl_sample_part *p = add_part(row, SL_SAMPLE_TEXT);
    if (!p) return;
    p->text = copy;
    p->n_text = n;
}

/* Adds a part for a new, empty media; NULL once the row has failed. */
static struct sl_sample_media *add_media(struct sl_row *row, sl_media_kind kind, const char *name)
{
    static const sl_sample_part_kind parts[] = {SL_SAMPLE_IMAGE, SL_SAMPLE_VIDEO, SL_SAMPLE_SOUND};
    int max = row->place.limits->max_media;
    char *copy =
        row->status ? NULL : sl_sample_strndup(row->sample, name, (size_t)sl_utf8_cut(name, strlen(name), 256));
    if (!copy) {
        fail_full(row);
        return NULL;
    }
    if ((int)row->n_media + row->n_frames >= max ||
        !sl_grow_array((void **)&row->media, &row->cap_media, row->n_media + 1, sizeof *row->media, (size_t)max)) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "more than %d pictures, videos, sounds and frames", max);
        return NULL;
    }
    struct sl_sample_part *p = add_part(row, parts[kind]);
    if (!p) return NULL;
    p->media = (int)row->n_media;
    struct sl_sample_media *m = &row->media[row->n_media++];
    *m = (struct sl_sample_media){.kind = kind, .name = copy};
    return m;
}

/* Takes "data:image/png;base64,AAAA" apart; the text stays base64 until a worker needs it. */
static void resolve_data_url(struct sl_row *row, const char *url, struct sl_blob *out)
{
    const char *comma = strchr(url, ',');
    static const char mark[] = ";base64";
    if (!comma || comma - url < (ptrdiff_t)sizeof mark || memcmp(comma - strlen(mark), mark, strlen(mark)) != 0) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "a data: address without \";base64,\"");
        return;
    }
    size_t n = strlen(comma + 1);
    if (n == 0) {
        sl_row_fail(row, SL_SKIP_MISSING_MEDIA, "an empty data: address");
        return;
    }
    if (n / 4 * 3 > row->place.limits->max_media_bytes) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "a data: address of %zu characters", n);
        return;
    }
    char *copy = sl_sample_strndup(row->sample, comma + 1, n);
    if (!copy) {
        fail_full(row);
        return;
    }
    *out = (struct sl_blob){.bytes = (const unsigned char *)copy, .n = n, .base64 = true};
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Finds the member that name means: by its whole name, its own name, or its extension. */
static void resolve_member(struct sl_row *row, const char *name, struct sl_blob *out)
{
    while (name[0] == '.' && name[1] == '/') name += 2;
    for (int i = 0; i < row->place.n_members; i++) {
        struct sl_row_member *m = &row->place.members[i];
        if (strcmp(name, m->name) == 0 || strcmp(name, base_name(m->name)) == 0 || strcmp(name, m->ext) == 0) {
            m->taken = true;
            *out = m->blob;
            return;
        }
    }
    sl_row_fail(row, SL_SKIP_MISSING_MEDIA, "\"%.200s\" is not among the sample's files", name);
}

/* True when a component of the path is "..". */
static bool climbs(const char *path)
{
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 2 && path[0] == '.' && path[1] == '.') return true;
        path += n + (path[n] == '/');
    }
    return false;
}

static void resolve_file(struct sl_row *row, const char *name, struct sl_blob *out)
{
    bool free_paths = row->place.limits->absolute_paths;
    if (name[0] == '\0') {
        sl_row_fail(row, SL_SKIP_MISSING_MEDIA, "a media path is empty");
        return;
    }
    if (!free_paths && (name[0] == '/' || climbs(name))) {
        sl_row_fail(row, SL_SKIP_UNSAFE_PATH, "\"%.200s\" leads out of the folder of the data", name);
        return;
    }
    char *path = name[0] == '/' ? sl_sample_strndup(row->sample, name, strlen(name)) : NULL;
    if (name[0] != '/') {
        size_t folder = strlen(row->place.folder), n = strlen(name);
        path = sl_sample_alloc(row->sample, folder + n + 2);
        if (path) snprintf(path, folder + n + 2, "%s/%s", row->place.folder, name);
    }
    struct stat st;
    if (!path) {
        fail_full(row);
    } else if (row->place.check_media && stat(path, &st) != 0) {
        sl_row_fail(row, SL_SKIP_MISSING_MEDIA, "cannot open %.300s: %m", path);
    } else if (row->place.check_media && !S_ISREG(st.st_mode)) {
        sl_row_fail(row, SL_SKIP_MISSING_MEDIA, "%.300s is not a regular file", path);
    } else {
        *out = (struct sl_blob){.path = path};
    }
}

/* Finds out where the bytes of name are. */
static void resolve(struct sl_row *row, const char *name, struct sl_blob *out)
{
    if (row->status) return;
    const char *scheme = strstr(name, "://");
    if (strncmp(name, "data:", 5) == 0) {
        resolve_data_url(row, name, out);
    } else if (strncmp(name, "file://", 7) == 0) {
        resolve_file(row, name + 7, out);
    } else if (scheme && strcspn(name, "/") > (size_t)(scheme - name)) {
        sl_row_fail(row, SL_SKIP_REMOTE_MEDIA, "\"%.200s\" is on the network: fetch it first", name);
    } else if (row->place.members) {
        resolve_member(row, name, out);
    } else {
        resolve_file(row, name, out);
    }
}

/* What to call media in messages: data: addresses are long and say nothing. */
static const char *shown_name(const char *name)
{
    return strncmp(name, "data:", 5) == 0 ? "data: address" : name;
}

struct sl_sample_media *sl_row_media(struct sl_row *row, sl_media_kind kind, const char *name)
{
    struct sl_blob blob = {0};
    resolve(row, name, &blob);
    return sl_row_blob(row, kind, shown_name(name), &blob);
}

struct sl_sample_media *sl_row_blob(struct sl_row *row, sl_media_kind kind, const char *name,
                                    const struct sl_blob *blob)
{
    struct sl_sample_media *m = add_media(row, kind, name);
    if (m) m->file = *blob;
    return m;
}

struct sl_sample_media *sl_row_frames(struct sl_row *row, const json_t *names)
{
    size_t n = json_array_size(names);
    if (n == 0) sl_row_fail(row, SL_SKIP_EMPTY, "a video without frames");
    if (n > (size_t)(row->place.limits->max_media - row->n_frames))
        sl_row_fail(row, SL_SKIP_OVERSIZE, "a video of %zu pictures", n);
    if (row->status) return NULL;
    struct sl_blob *frames = sl_sample_alloc_array(row->sample, n, sizeof *frames);
    if (!frames) {
        fail_full(row);
        return NULL;
    }
    for (size_t i = 0; i < n && !row->status; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name) {
            sl_row_fail(row, SL_SKIP_BAD_ROW, "frame %zu of a video is not a path", i);
            return NULL;
        }
        resolve(row, name, &frames[i]);
    }
    if (row->status) return NULL;
    struct sl_sample_media *m = add_media(row, SL_MEDIA_VIDEO, shown_name(json_string_value(json_array_get(names, 0))));
    if (!m) return NULL;
    row->n_frames += (int)n;
    m->frames = frames;
    m->n_frames = (int)n;
    return m;
}

bool sl_media_kind_of(const char *name, sl_media_kind *kind)
{
    static const struct {
        sl_media_kind kind;
        const char *ext;
    } kinds[] = {
        {SL_MEDIA_IMAGE, "jpg"},  {SL_MEDIA_IMAGE, "jpeg"}, {SL_MEDIA_IMAGE, "png"}, {SL_MEDIA_IMAGE, "webp"},
        {SL_MEDIA_IMAGE, "gif"},  {SL_MEDIA_IMAGE, "bmp"},  {SL_MEDIA_VIDEO, "mp4"}, {SL_MEDIA_VIDEO, "webm"},
        {SL_MEDIA_VIDEO, "mkv"},  {SL_MEDIA_VIDEO, "mov"},  {SL_MEDIA_VIDEO, "avi"}, {SL_MEDIA_VIDEO, "m4v"},
        {SL_MEDIA_SOUND, "wav"},  {SL_MEDIA_SOUND, "flac"}, {SL_MEDIA_SOUND, "mp3"}, {SL_MEDIA_SOUND, "ogg"},
        {SL_MEDIA_SOUND, "opus"}, {SL_MEDIA_SOUND, "m4a"},
    };
    const char *dot = strrchr(name, '.');
    const char *ext = dot ? dot + 1 : name;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcasecmp(ext, kinds[i].ext) != 0) continue;
        *kind = kinds[i].kind;
        return true;
    }
    return false;
}

int sl_row_count_members(const struct sl_row *row)
{
    int n = 0;
    sl_media_kind kind;
    for (int i = 0; i < row->place.n_members; i++) n += sl_media_kind_of(row->place.members[i].ext, &kind);
    return n;
}

int sl_row_members(struct sl_row *row)
{
    int n = 0;
    sl_media_kind kind;
    for (int i = 0; i < row->place.n_members; i++) {
        struct sl_row_member *m = &row->place.members[i];
        if (m->taken || !sl_media_kind_of(m->ext, &kind)) continue;
        m->taken = true;
        sl_row_blob(row, kind, m->name, &m->blob);
        n++;
    }
    return n;
}

void sl_row_truth(struct sl_row *row, const json_t *value)
{
    if (row->status) return;
    struct sl_buf text = SL_BUF_INIT(row->place.limits->max_row_bytes);
    sl_status status = sl_json_dump(value, 0, &text, NULL);
    char *copy = status ? NULL : sl_sample_strndup(row->sample, sl_buf_str(&text), text.len);
    if (copy) {
        row->sample->truth = copy;
        row->sample->n_truth = text.len;
    } else {
        fail_full(row);
    }
    sl_buf_release(&text);
}

/* Sets *fact to a string, unless it is empty or none is given. */
static void set_fact(struct sl_row *row, const char *key, const json_t *value, const char **fact)
{
    if (row->status || !value || json_is_null(value)) return;
    if (!json_is_string(value)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "%s: expected a string", key);
    } else if (json_string_length(value) > 0) {
        *fact = sl_sample_strndup(row->sample, json_string_value(value), json_string_length(value));
        if (!*fact) fail_full(row);
    }
}

void sl_row_facts(struct sl_row *row, const json_t *object)
{
    if (row->status) return;
    const json_t *level = json_object_get(object, "level"), *truth = json_object_get(object, "truth");
    set_fact(row, "domain", json_object_get(object, "domain"), &row->sample->domain);
    set_fact(row, "task", json_object_get(object, "task"), &row->sample->task);
    if (level && !json_is_null(level)) {
        json_int_t x = json_integer_value(level);
        if (!json_is_integer(level) || x < 0 || x > 1000000) {
            sl_row_fail(row, SL_SKIP_BAD_ROW, "level: expected an integer from 0 to 1000000");
        } else {
            row->sample->level = (int)x;
        }
    }
    if (truth && !json_is_null(truth)) sl_row_truth(row, truth);
}

/* Copies n elements of size bytes into the sample; NULL, failing the row, when there is no room. */
static void *keep(struct sl_row *row, const void *items, size_t n, size_t size)
{
    void *copy = sl_sample_alloc_array(row->sample, n, size);
    if (!copy) fail_full(row);
    if (copy && n) memcpy(copy, items, n * size);
    return copy;
}

/* Gives each message its parts; those without any are an error, but an empty system prompt is only left out. */
static void join_parts(struct sl_row *row, const struct sl_sample_part *parts)
{
    size_t kept = 0;
    for (size_t i = 0; i < row->n_messages; i++) {
        struct sl_sample_message m = row->messages[i];
        if (m.n_parts == 0 && m.role == SL_SAMPLE_SYSTEM) continue;
        if (m.n_parts == 0) {
            sl_row_fail(row, SL_SKIP_EMPTY, "message %zu (%s) is empty", i, sl_sample_role_name(m.role));
            return;
        }
        m.parts = parts;
        parts += m.n_parts;
        row->messages[kept++] = m;
    }
    row->n_messages = kept;
    if (kept == 0) sl_row_fail(row, SL_SKIP_EMPTY, "no messages");
}

sl_status sl_row_finish(struct sl_row *row)
{
    struct sl_sample *s = row->sample;
    const struct sl_sample_part *parts = NULL;
    if (!row->status) parts = keep(row, row->parts, row->n_parts, sizeof *parts);
    if (!row->status) join_parts(row, parts);
    if (!row->status) s->messages = keep(row, row->messages, row->n_messages, sizeof *s->messages);
    if (!row->status) s->media = keep(row, row->media, row->n_media, sizeof *s->media);
    if (!row->status && !s->domain && row->place.domain) {
        s->domain = sl_sample_strndup(s, row->place.domain, strlen(row->place.domain));
        if (!s->domain) fail_full(row);
    }
    if (row->status) return row->status;
    s->n_messages = (int)row->n_messages;
    s->n_media = (int)row->n_media;
    return SL_OK;
}
