/*
 * jsonl.c: where JSON rows begin, and our own schema.
 *
 * The scan looks for line ends only (memchr), or, in an array, for brackets and quotes; whether a row is JSON is found
 * out when it is read.
 */
#include "data/jsonl.h"

#include "base/json.h"
#include "data/foreign.h"
#include "text/utf8.h"

#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_KEY = 4096 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static sl_status add_row(struct sl_jsonl_scan *s, uint64_t at, sl_error *err)
{
    s->in_row = true;
    if (sl_offsets_add(s->rows, at)) return SL_OK;
    return sl_fail(err, SL_ERR_MEMORY, "no memory for more than %zu rows", s->rows->n);
}

static sl_status scan_lines(struct sl_jsonl_scan *s, const char *bytes, size_t n, uint64_t at, sl_error *err)
{
    for (size_t i = 0; i < n;) {
        if (s->in_row) {
            const char *end = memchr(bytes + i, '\n', n - i);
            if (!end) break;
            i = (size_t)(end - bytes) + 1;
            s->in_row = false;
        } else if (is_space(bytes[i])) {
            i++;
        } else {
            sl_status status = add_row(s, at + i, err);
            if (status) return status;
        }
    }
    s->rows->end = at + n;
    return SL_OK;
}

/* Moves over one byte inside quotes. */
static void in_string(struct sl_jsonl_scan *s, char c)
{
    if (s->escaped) {
        s->escaped = false;
    } else if (c == '\\') {
        s->escaped = true;
    } else if (c == '"') {
        s->in_string = false;
    }
}

static sl_status scan_array(struct sl_jsonl_scan *s, const char *bytes, size_t n, uint64_t at, sl_error *err)
{
    for (size_t i = 0; i < n && !s->done; i++) {
        char c = bytes[i];
        if (s->in_string) {
            in_string(s, c);
            continue;
        }
        if (is_space(c)) continue;
        if (s->depth == 0 && (c == ',' || c == ']')) {
            s->in_row = false;
            s->done = c == ']';
            s->rows->end = at + i;
            continue;
        }
        if (!s->in_row) {
            sl_status status = add_row(s, at + i, err);
            if (status) return status;
        }
        if (c == '"') s->in_string = true;
        s->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
    if (!s->done) s->rows->end = at + n;
    return SL_OK;
}

sl_status sl_jsonl_scan(void *scan, const char *bytes, size_t n, uint64_t at, sl_error *err)
{
    struct sl_jsonl_scan *s = scan;
    size_t i = 0;
    /* A byte order mark, which some editors write. */
    if (at == 0 && n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) i = 3;
    while (!s->begun && i < n && is_space(bytes[i])) i++;
    if (!s->begun && i < n) {
        s->begun = true;
        s->array = bytes[i] == '[';
        i += s->array;
    }
    if (s->array) return scan_array(s, bytes + i, n - i, at + i, err);
    return scan_lines(s, bytes + i, n - i, at + i, err);
}

size_t sl_jsonl_trim(const char *text, size_t n, bool array)
{
    while (n > 0 && is_space(text[n - 1])) n--;
    if (array && n > 0 && text[n - 1] == ',') n--;
    while (n > 0 && is_space(text[n - 1])) n--;
    return n;
}

/* Reads an optional number of a part into *out; false, failing the row, when it is none or outside [min, max]. */
static bool get_number(struct sl_row *row, const json_t *part, const char *key, double min, double max, double *out)
{
    const json_t *value = json_object_get(part, key);
    if (!value || json_is_null(value)) return true;
    double x = json_number_value(value);
    if (!json_is_number(value) || !(x >= min && x <= max)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "%s: expected a number from %g to %g", key, min, max);
        return false;
    }
    *out = x;
    return true;
}

/* Reads the frames' times, which rise. */
static void read_timestamps(struct sl_row *row, const json_t *part, struct sl_sample_media *m)
{
    const json_t *values = json_object_get(part, "timestamps");
    if (!values || json_is_null(values) || row->status) return;
    size_t n = json_array_size(values);
    if (n == 0 || n > (size_t)row->place.limits->max_media || (m->n_frames > 0 && n != (size_t)m->n_frames)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "timestamps: expected one number a frame");
        return;
    }
    double *seconds = sl_sample_alloc_array(row->sample, n, sizeof *seconds);
    if (!seconds) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "%zu timestamps are too many", n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(values, i);
        seconds[i] = json_number_value(value);
        bool rises = i == 0 || seconds[i] >= seconds[i - 1];
        if (!json_is_number(value) || !isfinite(seconds[i]) || seconds[i] < 0 || !rises) {
            sl_row_fail(row, SL_SKIP_BAD_ROW, "timestamps: expected rising seconds");
            return;
        }
    }
    m->timestamps = seconds;
    m->n_timestamps = (int)n;
}

/* Reads how a picture or video is to be looked at, and which part of a sound. */
static void read_details(struct sl_row *row, const json_t *part, struct sl_sample_media *m)
{
    double min_pixels = 0, max_pixels = 0;
    const double most = 1e12;
    if (!get_number(row, part, "min_pixels", 0, most, &min_pixels)) return;
    if (!get_number(row, part, "max_pixels", 0, most, &max_pixels)) return;
    m->min_pixels = (int64_t)min_pixels;
    m->max_pixels = (int64_t)max_pixels;
    if (m->kind == SL_MEDIA_IMAGE) return;
    static const struct {
        const char *key;
        size_t at;
        double max;
    } numbers[] = {
        {"fps", offsetof(struct sl_sample_media, fps), 1000},
        {"sample_fps", offsetof(struct sl_sample_media, fps), 1000},
        {"start", offsetof(struct sl_sample_media, start), 1e9},
        {"video_start", offsetof(struct sl_sample_media, start), 1e9},
        {"end", offsetof(struct sl_sample_media, end), 1e9},
        {"video_end", offsetof(struct sl_sample_media, end), 1e9},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double *out = (double *)((char *)m + numbers[i].at);
        if (!get_number(row, part, numbers[i].key, 0, numbers[i].max, out)) return;
    }
    if (m->end != 0 && m->end <= m->start) sl_row_fail(row, SL_SKIP_BAD_ROW, "end: not after start");
    if (m->kind == SL_MEDIA_VIDEO) read_timestamps(row, part, m);
}

/* Adds a picture, video or sound part; value is what stands under its type. */
static void add_media(struct sl_row *row, struct sl_marks *marks, sl_media_kind kind, const json_t *part,
                      const json_t *value)
{
    struct sl_sample_media *m = NULL;
    if (json_is_object(value)) value = json_object_get(value, json_object_get(value, "url") ? "url" : "path");
    if (json_is_string(value)) {
        m = sl_row_media(row, kind, json_string_value(value));
    } else if (kind == SL_MEDIA_VIDEO && json_is_array(value)) {
        m = sl_row_frames(row, value);
    } else if (!value && kind != SL_MEDIA_SOUND) {
        m = sl_marks_take(marks, kind);
    } else {
        static const char *const names[] = {"picture", "video", "sound"};
        sl_row_fail(row, SL_SKIP_BAD_ROW, "a %s is not a path", names[kind]);
    }
    if (m) read_details(row, part, m);
}

static void add_part(struct sl_row *row, struct sl_marks *marks, const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    if (!type) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "a part of a message has no \"type\"");
        return;
    }
    const json_t *value = json_object_get(part, type);
    if (strcmp(type, "text") == 0) {
        if (!json_is_string(value)) sl_row_fail(row, SL_SKIP_BAD_ROW, "text: expected a string");
        if (!row->status) sl_row_text(row, json_string_value(value), json_string_length(value));
    } else if (strcmp(type, "image") == 0 || strcmp(type, "image_url") == 0) {
        add_media(row, marks, SL_MEDIA_IMAGE, part, value);
    } else if (strcmp(type, "video") == 0 || strcmp(type, "video_url") == 0) {
        add_media(row, marks, SL_MEDIA_VIDEO, part, value);
    } else if (strcmp(type, "audio") == 0 || strcmp(type, "audio_url") == 0) {
        add_media(row, marks, SL_MEDIA_SOUND, part, value);
    } else {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "a part of the unknown type \"%.40s\"", type);
    }
}

static void add_message(struct sl_row *row, struct sl_marks *marks, const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "role"));
    const json_t *content = json_object_get(message, "content"), *loss = json_object_get(message, "loss"), *part;
    sl_sample_role role;
    if (!sl_foreign_role(row, name, &role)) return;
    sl_row_message(row, role);
    if (row->status) return;
    if (loss && !json_is_boolean(loss)) sl_row_fail(row, SL_SKIP_BAD_ROW, "loss: expected true or false");
    row->messages[row->n_messages - 1].no_loss = json_is_false(loss);
    sl_marks_lead(marks, role);
    if (json_is_string(content) && sl_marks_any(marks)) {
        sl_marks_text(marks, json_string_value(content), json_string_length(content));
    } else if (json_is_string(content)) {
        sl_row_text(row, json_string_value(content), json_string_length(content));
    } else if (json_is_array(content)) {
        size_t i;
        json_array_foreach(content, i, part)
        {
            if (row->status) return;
            add_part(row, marks, part);
        }
    } else {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "content: expected a string or an array of parts");
    }
}

static void add_messages(struct sl_row *row, const json_t *object)
{
    const json_t *messages = json_object_get(object, "messages"), *message;
    if (!json_is_array(messages)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "messages: expected an array");
        return;
    }
    struct sl_marks marks;
    sl_marks_begin(&marks, row, object, messages);
    size_t i;
    json_array_foreach(messages, i, message)
    {
        if (row->status) return;
        add_message(row, &marks, message);
    }
    sl_marks_end(&marks);
}

/* A row's own name, a string or a number. */
static void read_id(struct sl_row *row, const json_t *object)
{
    const json_t *id = json_object_get(object, "id");
    char number[32];
    if (json_is_integer(id)) {
        int n = snprintf(number, sizeof number, "%lld", (long long)json_integer_value(id));
        row->sample->key = sl_sample_strndup(row->sample, number, (size_t)n);
    } else if (json_is_string(id) && json_string_length(id) > 0) {
        size_t n = (size_t)sl_utf8_cut(json_string_value(id), json_string_length(id), MAX_KEY);
        row->sample->key = sl_sample_strndup(row->sample, json_string_value(id), n);
    }
}

void sl_json_row_object(struct sl_row *row, const json_t *object)
{
    if (row->status) return;
    if (!json_is_object(object)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "the row is no JSON object");
        return;
    }
    read_id(row, object);
    sl_row_facts(row, object);
    if (json_object_get(object, "messages")) {
        add_messages(row, object);
    } else if (json_object_get(object, "conversations")) {
        sl_foreign_conversations(row, object);
    } else if (json_object_get(object, "caption") || json_object_get(object, "text")) {
        sl_foreign_caption(row, object);
    } else {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "the row has neither messages, conversations, caption nor text");
    }
}

void sl_json_row(struct sl_row *row, const char *text, size_t n)
{
    if (row->status) return;
    json_t *object;
    sl_error why = {0};
    if (n > row->place.limits->max_row_bytes) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "a row of %zu bytes", n);
    } else if (sl_json_parse(text, n, MAX_DEPTH, &object, &why)) {
        sl_row_fail(row, SL_SKIP_BAD_JSON, "%s", why.message);
    } else {
        sl_json_row_object(row, object);
        json_decref(object);
    }
}
