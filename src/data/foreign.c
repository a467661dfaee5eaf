/*
 * foreign.c: rows as LLaVA, Qwen and caption sets write them.
 *
 * A row whose marks and media do not match in number is skipped: which picture belongs where would be a guess. Only
 * when there is no mark at all the pictures go first, as the projects that write such files do.
 */
#include "data/foreign.h"

#include "base/json.h"

#include <string.h>

static const char *const marks[2] = {[SL_MEDIA_IMAGE] = "<image>", [SL_MEDIA_VIDEO] = "<video>"};

static size_t count_text(const char *text, const char *mark)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, mark)); p += strlen(mark)) n++;
    return n;
}

/* True when the part of a message names its medium; only such a part can do without a list. */
static bool names_media(const json_t *part, const char *type)
{
    const json_t *value = json_object_get(part, type);
    return json_is_string(value) || json_is_array(value) || json_is_object(value);
}

/* Counts, in one message, the marks of each kind and the parts that name their media. */
static void count_message(const json_t *message, size_t n_marks[2], size_t *n_named)
{
    const json_t *content = json_object_get(message, "content"), *part;
    if (!content) content = json_object_get(message, "value");
    if (json_is_string(content))
        for (int k = 0; k < 2; k++) n_marks[k] += count_text(json_string_value(content), marks[k]);
    size_t i;
    json_array_foreach(content, i, part)
    {
        const char *type = json_string_value(json_object_get(part, "type"));
        if (!type) continue;
        bool named = names_media(part, type);
        *n_named += named;
        if (strcmp(type, "image") == 0) n_marks[SL_MEDIA_IMAGE] += !named;
        if (strcmp(type, "video") == 0) n_marks[SL_MEDIA_VIDEO] += !named;
    }
}

/* Counts how many members of the row are of each kind. */
static void count_members(const struct sl_row *row, size_t n[2])
{
    sl_media_kind kind;
    for (int i = 0; i < row->place.n_members; i++)
        if (sl_media_kind_of(row->place.members[i].ext, &kind)) n[kind]++;
}

void sl_marks_begin(struct sl_marks *m, struct sl_row *row, const json_t *object, const json_t *messages)
{
    *m = (struct sl_marks){.row = row};
    static const char *const keys[2][2] = {{"image", "images"}, {"video", "videos"}};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 2 && !m->lists[k]; i++) {
            const json_t *value = json_object_get(object, keys[k][i]);
            if (!value || json_is_null(value)) continue;
            if (!json_is_string(value) && !json_is_array(value))
                sl_row_fail(row, SL_SKIP_BAD_ROW, "%s: expected a path or an array of paths", keys[k][i]);
            m->lists[k] = value;
            m->n[k] = json_is_array(value) ? json_array_size(value) : 1;
        }
    }
    size_t n_marks[2] = {0, 0}, n_named = 0, i;
    const json_t *message;
    json_array_foreach(messages, i, message) count_message(message, n_marks, &n_named);
    if (!m->lists[0] && !m->lists[1] && n_named == 0 && row->place.n_members > 0) {
        m->members = true;
        count_members(row, m->n);
    }
    for (int k = 0; k < 2; k++) m->lead[k] = n_marks[k] == 0;
}

bool sl_marks_any(const struct sl_marks *m)
{
    return m->lists[0] || m->lists[1] || m->n[0] || m->n[1];
}

/* Adds the next member of a kind. */
static struct sl_sample_media *take_member(struct sl_marks *m, sl_media_kind kind)
{
    sl_media_kind is;
    for (int i = 0; i < m->row->place.n_members; i++) {
        struct sl_row_member *member = &m->row->place.members[i];
        if (member->taken || !sl_media_kind_of(member->ext, &is) || is != kind) continue;
        member->taken = true;
        return sl_row_blob(m->row, kind, member->name, &member->blob);
    }
    return NULL;
}

struct sl_sample_media *sl_marks_take(struct sl_marks *m, sl_media_kind kind)
{
    if (m->row->status) return NULL;
    if (m->next[kind] >= m->n[kind]) {
        sl_row_fail(m->row, SL_SKIP_PLACEHOLDERS, "more %s marks than the %zu given", marks[kind], m->n[kind]);
        return NULL;
    }
    size_t i = m->next[kind]++;
    if (m->members) return take_member(m, kind);
    const json_t *value = m->lists[kind];
    if (json_is_array(value)) value = json_array_get(value, i);
    if (json_is_object(value)) value = json_object_get(value, "path");
    if (kind == SL_MEDIA_VIDEO && json_is_array(value)) return sl_row_frames(m->row, value);
    if (json_is_string(value)) return sl_row_media(m->row, kind, json_string_value(value));
    sl_row_fail(m->row, SL_SKIP_BAD_ROW, "%s %zu of the row is not a path",
                kind == SL_MEDIA_IMAGE ? "picture" : "video", i);
    return NULL;
}

void sl_marks_lead(struct sl_marks *m, sl_sample_role role)
{
    if (role != SL_SAMPLE_USER) return;
    for (int k = 0; k < 2; k++) {
        while (m->lead[k] && m->next[k] < m->n[k] && !m->row->status) sl_marks_take(m, (sl_media_kind)k);
        m->lead[k] = false;
    }
}

/* Finds the first mark in text: *kind and its place, or NULL. */
static const char *find_mark(const char *text, sl_media_kind *kind)
{
    const char *image = strstr(text, marks[SL_MEDIA_IMAGE]), *video = strstr(text, marks[SL_MEDIA_VIDEO]);
    *kind = image && (!video || image < video) ? SL_MEDIA_IMAGE : SL_MEDIA_VIDEO;
    return *kind == SL_MEDIA_IMAGE ? image : video;
}

/* The line break between a mark and the text belongs to the mark: our template has its own borders around pictures. */
void sl_marks_text(struct sl_marks *m, const char *text, size_t n)
{
    const char *end = text + n, *mark;
    sl_media_kind kind;
    while (!m->row->status && (mark = find_mark(text, &kind))) {
        const char *after = mark + strlen(marks[kind]), *before = mark;
        if (after < end && *after == '\n') {
            after++;
        } else if (after == end && before > text && before[-1] == '\n') {
            before--;
        }
        sl_row_text(m->row, text, (size_t)(before - text));
        sl_marks_take(m, kind);
        text = after;
    }
    sl_row_text(m->row, text, (size_t)(end - text));
}

void sl_marks_end(struct sl_marks *m)
{
    for (int k = 0; k < 2; k++)
        if (m->next[k] < m->n[k])
            sl_row_fail(m->row, SL_SKIP_PLACEHOLDERS, "%zu %s marks for %zu given", m->next[k], marks[k], m->n[k]);
}

bool sl_foreign_role(struct sl_row *row, const char *name, sl_sample_role *role)
{
    static const struct {
        const char *name;
        sl_sample_role role;
    } names[] = {
        {"user", SL_SAMPLE_USER},     {"human", SL_SAMPLE_USER},      {"assistant", SL_SAMPLE_ASSISTANT},
        {"gpt", SL_SAMPLE_ASSISTANT}, {"model", SL_SAMPLE_ASSISTANT}, {"bot", SL_SAMPLE_ASSISTANT},
        {"system", SL_SAMPLE_SYSTEM}, {"tool", SL_SAMPLE_TOOL},       {"observation", SL_SAMPLE_TOOL},
        {"function", SL_SAMPLE_TOOL},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names && name; i++) {
        if (strcmp(name, names[i].name) != 0) continue;
        *role = names[i].role;
        return true;
    }
    if (name) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "\"%.40s\" is no role", name);
    } else {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "a message says not whose it is");
    }
    return false;
}

/* Adds a text of the first Qwen-VL: "Picture 1: <img>PATH</img>". */
static void add_inline(struct sl_row *row, const char *text)
{
    static const char open[] = "<img>", close[] = "</img>";
    const char *mark;
    while (!row->status && (mark = strstr(text, open))) {
        const char *path = mark + strlen(open), *end = strstr(path, close);
        if (!end || end - path > 4000) {
            sl_row_fail(row, SL_SKIP_PLACEHOLDERS, "<img> without </img>");
            return;
        }
        char name[4001];
        memcpy(name, path, (size_t)(end - path));
        name[end - path] = '\0';
        sl_row_text(row, text, (size_t)(mark - text));
        sl_row_media(row, SL_MEDIA_IMAGE, name);
        text = end + strlen(close);
        if (*text == '\n') text++;
    }
    sl_row_text(row, text, strlen(text));
}

void sl_foreign_conversations(struct sl_row *row, const json_t *object)
{
    const json_t *turns = json_object_get(object, "conversations"), *turn;
    if (!json_is_array(turns)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "conversations: expected an array");
        return;
    }
    struct sl_marks m;
    sl_marks_begin(&m, row, object, turns);
    size_t i;
    json_array_foreach(turns, i, turn)
    {
        const char *from = json_string_value(json_object_get(turn, "from"));
        const json_t *value = json_object_get(turn, "value");
        sl_sample_role role;
        if (!json_is_string(value)) sl_row_fail(row, SL_SKIP_BAD_ROW, "conversations[%zu].value: expected a string", i);
        if (row->status || !sl_foreign_role(row, from, &role)) return;
        sl_row_message(row, role);
        sl_marks_lead(&m, role);
        if (sl_marks_any(&m)) {
            sl_marks_text(&m, json_string_value(value), json_string_length(value));
        } else {
            add_inline(row, json_string_value(value));
        }
    }
    sl_marks_end(&m);
}

void sl_foreign_caption(struct sl_row *row, const json_t *object)
{
    const json_t *text = json_object_get(object, "caption");
    if (!text) text = json_object_get(object, "text");
    if (!json_is_string(text)) {
        sl_row_fail(row, SL_SKIP_BAD_ROW, "text: expected a string");
        return;
    }
    struct sl_marks m;
    sl_marks_begin(&m, row, object, NULL);
    if (m.n[0] + m.n[1] > 0) {
        sl_row_message(row, SL_SAMPLE_USER);
        sl_marks_lead(&m, SL_SAMPLE_USER);
    }
    sl_row_message(row, SL_SAMPLE_ASSISTANT);
    sl_row_text(row, json_string_value(text), json_string_length(text));
}
