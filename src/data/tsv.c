/*
 * tsv.c: tables of benchmark questions.
 *
 * A quote that is never closed would make the rest of the file one field: past the ceiling of a row the scan starts
 * again at the next line, so that one bad row costs a few others at most.
 */
#include "data/tsv.h"

#include "base/json.h"
#include "base/mem.h"
#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 1 << 16, MAX_REFERENCE = 64 };

static const uint64_t FNV_START = 14695981039346656037u, FNV_PRIME = 1099511628211u;

/* Cuts the next field off *text (which ends at end), undoing its quotes in place; NULL at the row's end. */
static char *next_field(char **text, char *end, size_t *n)
{
    char *s = *text, *out = s, *p = s;
    if (!s) return NULL;
    if (p < end && *p == '"') {
        for (p++; p < end; p++) {
            if (*p == '"' && p + 1 < end && p[1] == '"') {
                p++;
            } else if (*p == '"') {
                p++;
                break;
            }
            *out++ = *p;
        }
    }
    while (p < end && *p != '\t') *out++ = *p++;
    *text = p < end ? p + 1 : NULL;
    *n = (size_t)(out - s);
    /* The byte at out is a quote, the tab, or the terminator behind the row. */
    *out = '\0';
    return s;
}

static size_t trim_line_end(const char *text, size_t n)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
    return n;
}

/* Notes the column's number where it is one that we know. */
static void know_column(struct sl_tsv *t, const char *name, int i)
{
    const struct {
        const char *name;
        int *column;
    } known[] = {
        {"index", &t->index},           {"image", &t->image},       {"image_path", &t->image_path},
        {"video_path", &t->video_path}, {"question", &t->question}, {"hint", &t->hint},
        {"answer", &t->answer},         {"category", &t->category},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(name, known[k].name) == 0) *known[k].column = i;
}

/* Reads the header line in table->header. */
static sl_status read_header(struct sl_tsv *t, sl_error *err)
{
    t->index = t->image = t->image_path = t->video_path = t->question = t->hint = t->answer = t->category = -1;
    if (!sl_buf_ok(&t->header)) return sl_fail(err, SL_ERR_FORMAT, "the header is longer than %d bytes", MAX_HEADER);
    if (!t->header.data) return sl_fail(err, SL_ERR_FORMAT, "no header");
    t->columns = sl_alloc_array(SL_TSV_MAX_COLUMNS, sizeof *t->columns);
    if (!t->columns) return sl_fail(err, SL_ERR_MEMORY, "no memory for a header");
    char *text = t->header.data, *end, *field;
    size_t n = trim_line_end(text, t->header.len);
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        n -= 3;
    }
    end = text + n;
    *end = '\0';
    while ((field = next_field(&text, end, &n))) {
        if (t->n_columns == SL_TSV_MAX_COLUMNS)
            return sl_fail(err, SL_ERR_FORMAT, "more than %d columns", SL_TSV_MAX_COLUMNS);
        if (sl_utf8_valid_prefix(field, n) != n || strlen(field) != n)
            return sl_fail(err, SL_ERR_FORMAT, "column %d of the header is not UTF-8 text", t->n_columns + 1);
        know_column(t, field, t->n_columns);
        t->columns[t->n_columns++] = field;
    }
    if (t->question < 0 && t->image < 0 && t->image_path < 0 && t->video_path < 0)
        return sl_fail(err, SL_ERR_FORMAT,
                       "the header has no column \"question\", \"image\", \"image_path\" or "
                       "\"video_path\"");
    return SL_OK;
}

/* Ends the row or the header that the scan is in. */
static sl_status end_row(struct sl_tsv_scan *s, sl_error *err)
{
    struct sl_tsv *t = s->table;
    s->in_row = s->in_field = s->in_quotes = s->quote = false;
    if (!s->has_header) {
        s->has_header = true;
        return read_header(t, err);
    }
    bool good = sl_offsets_add(&t->rows, s->row_at);
    if (good && t->index >= 0) {
        good = sl_grow_array((void **)&t->names, &t->cap_names, t->n_names + 1, sizeof *t->names, SL_MAX_ROWS);
        if (good) t->names[t->n_names++] = (struct sl_tsv_name){s->hash, (uint32_t)(t->rows.n - 1)};
    }
    return good ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for more than %zu rows", t->rows.n);
}

/* Moves over one byte of a row; true at the row's end. */
static bool scan_byte(struct sl_tsv_scan *s, char c)
{
    if (s->in_quotes && !s->quote) {
        if (c == '"') s->quote = true;
    } else if (s->quote && c == '"') {
        s->quote = false;
    } else if (c == '\n') {
        return true;
    } else if (c == '\t') {
        s->column++;
        s->in_field = s->in_quotes = s->quote = false;
        return false;
    } else {
        s->in_quotes = s->quote = false;
        if (c == '"' && !s->in_field) s->in_quotes = true;
    }
    s->in_field = true;
    if (s->has_header && s->column == s->table->index && c != '"' && c != '\r')
        s->hash = (s->hash ^ (unsigned char)c) * FNV_PRIME;
    return false;
}

/* Returns how many of the n bytes lie inside a field for certain: the long way through a picture. */
static size_t plain_span(const struct sl_tsv_scan *s, const char *bytes, size_t n)
{
    if (!s->in_field || s->quote || !s->has_header || s->column == s->table->index) return 0;
    if (s->in_quotes) {
        const char *end = memchr(bytes, '"', n);
        return end ? (size_t)(end - bytes) : n;
    }
    size_t i = 0;
    while (i < n && bytes[i] != '\t' && bytes[i] != '\n') i++;
    return i;
}

sl_status sl_tsv_scan(void *scan, const char *bytes, size_t n, uint64_t at, sl_error *err)
{
    struct sl_tsv_scan *s = scan;
    if (at == 0) s->table->header.ceiling = MAX_HEADER;
    for (size_t i = 0; i < n; i++) {
        if (!s->in_row) {
            if (bytes[i] == '\n' || bytes[i] == '\r') continue;
            s->in_row = true;
            s->row_at = at + i;
            s->column = 0;
            s->hash = FNV_START;
        }
        size_t span = plain_span(s, bytes + i, n - i);
        if (at + i + span - s->row_at > s->max_row_bytes && s->in_quotes) s->in_quotes = s->quote = false;
        i += span;
        if (i == n) break;
        if (!s->has_header) sl_buf_addch(&s->table->header, bytes[i]);
        if (!scan_byte(s, bytes[i])) continue;
        sl_status status = end_row(s, err);
        if (status) return status;
    }
    s->table->rows.end = at + n;
    return SL_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct sl_tsv_name *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

sl_status sl_tsv_scan_end(struct sl_tsv_scan *s, sl_error *err)
{
    sl_status status = s->in_row || !s->has_header ? end_row(s, err) : SL_OK;
    if (!status && s->table->n_names) qsort(s->table->names, s->table->n_names, sizeof *s->table->names, compare_names);
    return status;
}

void sl_tsv_release(struct sl_tsv *t)
{
    sl_offsets_release(&t->rows);
    sl_buf_release(&t->header);
    free(t->columns);
    free(t->names);
    *t = (struct sl_tsv){0};
}

struct field {
    char *text;
    size_t n;
};

/* Cuts a row into its fields, which are UTF-8 text; false, with the reason in row, when it is none. */
static bool split_row(const struct sl_tsv *t, char *text, size_t n, struct field *fields, struct sl_row *row)
{
    n = trim_line_end(text, n);
    char *end = text + n, *s = text;
    *end = '\0';
    for (int i = 0; i < t->n_columns; i++) {
        fields[i].text = next_field(&s, end, &fields[i].n);
        if (!fields[i].text) {
            if (row) sl_row_fail(row, SL_SKIP_BAD_ROW, "%d columns where the header has %d", i, t->n_columns);
            return false;
        }
    }
    if (s && row) sl_row_fail(row, SL_SKIP_BAD_ROW, "more columns than the header's %d", t->n_columns);
    return s == NULL;
}

/* Returns the field in a column, or an empty one. */
static struct field get(const struct field *fields, int column)
{
    return column < 0 ? (struct field){(char *)(uintptr_t) "", 0} : fields[column];
}

/* Adds a picture from base64 text, copied into the sample. */
static void add_base64(struct sl_row *row, const char *text, size_t n)
{
    if (n / 4 * 3 > row->place.limits->max_media_bytes) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "a picture of %zu base64 characters", n);
        return;
    }
    char *copy = row->status ? NULL : sl_sample_strndup(row->sample, text, n);
    if (!copy) {
        sl_row_fail(row, SL_SKIP_OVERSIZE, "the sample takes more than %zu bytes", row->sample->max_bytes);
        return;
    }
    struct sl_blob blob = {.bytes = (const unsigned char *)copy, .n = n, .base64 = true};
    sl_row_blob(row, SL_MEDIA_IMAGE, "base64 picture", &blob);
}

/* How pictures are added: from base64 text, or from a path. */
typedef void (*add_fn)(struct sl_row *row, const char *text, size_t n);

static void add_image_path(struct sl_row *row, const char *text, size_t n)
{
    (void)n;
    sl_row_media(row, SL_MEDIA_IMAGE, text);
}

/* Adds every item of a list as Python or JSON prints it, ['a', "b"], or text itself when it is none. */
static void add_list(struct sl_row *row, char *text, size_t n, add_fn add)
{
    if (n < 2 || text[0] != '[' || text[n - 1] != ']') {
        add(row, text, n);
        return;
    }
    for (char *p = text + 1; *p && *p != ']';) {
        char quote = *p++;
        if (quote == ' ' || quote == ',') continue;
        char *end = quote == '\'' || quote == '"' ? strchr(p, quote) : NULL;
        if (!end) {
            sl_row_fail(row, SL_SKIP_BAD_ROW, "a list of pictures that is no list of strings");
            return;
        }
        *end = '\0';
        add(row, p, (size_t)(end - p));
        p = end + 1;
    }
}

/* Adds the picture of the row whose index is name. */
static void add_borrowed(const struct sl_tsv *t, const char *name, const struct sl_tsv_lookup *lookup,
                         struct sl_row *row)
{
    uint64_t hash = FNV_START;
    for (const char *p = name; *p; p++) hash = (hash ^ (unsigned char)*p) * FNV_PRIME;
    size_t low = 0, high = t->n_names;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->names[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    struct sl_buf text = SL_BUF_INIT(row->place.limits->max_row_bytes);
    struct field fields[SL_TSV_MAX_COLUMNS];
    bool found = false;
    for (; low < t->n_names && t->names[low].hash == hash && lookup && !found; low++) {
        if (!lookup->read(lookup->user, t->names[low].row, &text) || !text.len) continue;
        if (!split_row(t, text.data, text.len, fields, NULL) || strcmp(fields[t->index].text, name) != 0) continue;
        struct field image = fields[t->image];
        found = image.n > MAX_REFERENCE;
        if (found) add_list(row, image.text, image.n, add_base64);
    }
    sl_buf_release(&text);
    if (!found) sl_row_fail(row, SL_SKIP_MISSING_MEDIA, "no row \"%s\" has a picture to borrow", name);
}

static void add_pictures(const struct sl_tsv *t, const struct field *fields, const struct sl_tsv_lookup *lookup,
                         struct sl_row *row)
{
    struct field image = get(fields, t->image), path = get(fields, t->image_path), video = get(fields, t->video_path);
    if (image.n > MAX_REFERENCE) {
        add_list(row, image.text, image.n, add_base64);
    } else if (image.n > 0) {
        add_borrowed(t, image.text, lookup, row);
    } else if (path.n > 0) {
        add_list(row, path.text, path.n, add_image_path);
    }
    if (video.n > 0) sl_row_media(row, SL_MEDIA_VIDEO, video.text);
}

/* The question as text: hint, question, options, a line each. */
static void add_question(const struct sl_tsv *t, const struct field *fields, struct sl_row *row)
{
    struct sl_buf text = SL_BUF_INIT(row->place.limits->max_row_bytes);
    struct field hint = get(fields, t->hint), question = get(fields, t->question);
    if (hint.n) sl_buf_addf(&text, "Hint: %s\n", hint.text);
    sl_buf_add(&text, question.text, question.n);
    for (int i = 0; i < t->n_columns; i++) {
        const char *name = t->columns[i];
        bool option = name[0] >= 'A' && name[0] <= 'Z' && name[1] == '\0';
        if (option && fields[i].n) sl_buf_addf(&text, "%s%s. %s", text.len ? "\n" : "", name, fields[i].text);
    }
    if (!sl_buf_ok(&text)) sl_row_fail(row, SL_SKIP_OVERSIZE, "the question is too long");
    sl_row_text(row, sl_buf_str(&text), text.len);
    sl_buf_release(&text);
}

/* Every column but the pictures, as text: what a scorer may need. */
static void add_truth(const struct sl_tsv *t, const struct field *fields, struct sl_row *row)
{
    json_t *truth = json_object();
    for (int i = 0; i < t->n_columns && !row->status; i++) {
        if (i == t->image || !t->columns[i][0]) continue;
        json_t *value = json_stringn(fields[i].text, fields[i].n);
        if (!value || json_object_set_new(truth, t->columns[i], value) != 0)
            sl_row_fail(row, SL_SKIP_BAD_ROW, "column \"%.60s\" is not UTF-8 text", t->columns[i]);
    }
    sl_row_truth(row, truth);
    json_decref(truth);
}

void sl_tsv_row(const struct sl_tsv *t, char *text, size_t n, const struct sl_tsv_lookup *lookup, struct sl_row *row)
{
    struct field fields[SL_TSV_MAX_COLUMNS];
    if (row->status) return;
    if (memchr(text, '\0', n)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "a zero byte in the row");
        return;
    }
    if (!split_row(t, text, n, fields, row)) return;
    add_truth(t, fields, row);
    if (row->status) return;
    struct field index = get(fields, t->index), answer = get(fields, t->answer), category = get(fields, t->category);
    if (index.n)
        row->sample->key = sl_sample_strndup(row->sample, index.text, (size_t)sl_utf8_cut(index.text, index.n, 4096));
    if (category.n) row->sample->domain = sl_sample_strndup(row->sample, category.text, category.n);
    sl_row_message(row, SL_SAMPLE_USER);
    add_pictures(t, fields, lookup, row);
    add_question(t, fields, row);
    if (answer.n) {
        sl_row_message(row, SL_SAMPLE_ASSISTANT);
        sl_row_text(row, answer.text, answer.n);
    }
}
