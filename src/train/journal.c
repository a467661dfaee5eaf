/*
 * journal.c: metrics.jsonl and the event file.
 */
#include "train/journal.h"

#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_JOURNAL = 1 << 30 };

/* Returns the step that a line speaks of, or -1. */
static int64_t step_of(const char *line, size_t n)
{
    json_t *v = NULL;
    if (sl_json_parse(line, n, 8, &v, NULL)) return -1;
    const json_t *step = json_object_get(v, "step");
    int64_t x = json_is_integer(step) ? json_integer_value(step) : -1;
    json_decref(v);
    return x;
}

/* Rewrites the file with the lines up to step; one that ends without a newline was cut off. */
static sl_status keep_until(const char *path, int64_t step, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_JOURNAL), kept = SL_BUF_INIT(MAX_JOURNAL);
    if (!sl_file_exists(path)) return SL_OK;
    sl_status s = sl_file_read(path, &text, err);
    const char *at = sl_buf_str(&text), *end = at + text.len;
    for (const char *newline; !s && (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
        int64_t of = step_of(at, (size_t)(newline - at));
        if (of >= 0 && of <= step) sl_buf_add(&kept, at, (size_t)(newline + 1 - at));
    }
    if (!s && !sl_buf_ok(&kept)) s = sl_fail(err, SL_ERR_MEMORY, "no memory for %s", path);
    if (!s) s = sl_file_write(path, sl_buf_str(&kept), kept.len, err);
    sl_buf_release(&text);
    sl_buf_release(&kept);
    return s;
}

sl_status sl_journal_open(sl_journal *m, const char *dir, int64_t step, sl_error *err)
{
    char path[4096];
    *m = (sl_journal){0};
    if (snprintf(path, sizeof path, "%s/metrics.jsonl", dir) >= (int)sizeof path)
        return sl_fail(err, SL_ERR_ARGUMENT, "%s: too long a path", dir);
    sl_status s = keep_until(path, step, err);
    if (s) return s;
    m->file = fopen(path, "ae");
    if (!m->file) return sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
    s = sl_events_open(&m->events, dir, step + 1, err);
    if (s) sl_journal_close(m);
    return s;
}

void sl_journal_close(sl_journal *m)
{
    if (m->file) fclose(m->file);
    m->file = NULL;
    sl_events_close(&m->events);
}

/* Numbers that JSON cannot hold are left out. */
static void add_number(sl_journal *m, json_t *line, int64_t step, const char *kind, const char *name, double value)
{
    char tag[160];
    if (isfinite(value)) json_object_set_new(line, name, json_real(value));
    snprintf(tag, sizeof tag, "%s/%s", kind, name);
    sl_events_add(&m->events, step, tag, value);
}

void sl_journal_add(sl_journal *m, int64_t step, const char *kind, const sl_tally *tally, json_t *extra)
{
    json_t *line = m->file ? json_pack("{s:I, s:s}", "step", (json_int_t)step, "kind", kind) : NULL;
    const char *name;
    json_t *value;
    if (line) {
        json_object_foreach(extra, name, value) add_number(m, line, step, kind, name, json_number_value(value));
        for (int i = 0; i < tally->n; i++) {
            double mean;
            if (sl_tally_mean(tally, tally->rows[i].name, &mean))
                add_number(m, line, step, kind, tally->rows[i].name, mean);
        }
        struct sl_buf text = SL_BUF_INIT(1 << 20);
        if (sl_json_dump(line, 0, &text, NULL) == SL_OK) {
            sl_buf_addch(&text, '\n');
            /* One write, so that a kill cuts at most the last line off. */
            fwrite(text.data, 1, text.len, m->file);
            fflush(m->file);
        }
        sl_buf_release(&text);
        sl_events_flush(&m->events);
    }
    json_decref(line);
    json_decref(extra);
}
