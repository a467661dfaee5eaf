/*
 * skipped.c: the log of what was skipped: a file that is appended to, and a count a reason, behind one lock.
 */
#include "data/skipped.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 1 << 16, MAX_DETAIL = 512, MAX_KEY = 4096 };

struct sl_skipped {
    pthread_mutex_t lock; /* over everything below */
    FILE *file;           /* NULL: only counting */
    uint64_t max_rows, n_rows;
    uint64_t counts[SL_N_SKIP_REASONS];
    sl_status status;
    sl_error error; /* the first failure to write */
};

const char *sl_skip_reason_name(sl_skip_reason reason)
{
    static const char *const names[SL_N_SKIP_REASONS] = {
        [SL_SKIP_BAD_JSON] = "bad-json",
        [SL_SKIP_BAD_ROW] = "bad-row",
        [SL_SKIP_EMPTY] = "empty",
        [SL_SKIP_PLACEHOLDERS] = "placeholders",
        [SL_SKIP_MISSING_MEDIA] = "missing-media",
        [SL_SKIP_UNSAFE_PATH] = "unsafe-path",
        [SL_SKIP_REMOTE_MEDIA] = "remote-media",
        [SL_SKIP_OVERSIZE] = "oversize",
        [SL_SKIP_BAD_BASE64] = "bad-base64",
        [SL_SKIP_BAD_ARCHIVE] = "bad-archive",
        [SL_SKIP_ENTRY_NAME] = "entry-name",
        [SL_SKIP_ENTRY_KIND] = "entry-kind",
        [SL_SKIP_BAD_FILE] = "bad-file",
        [SL_SKIP_BAD_MEDIA] = "bad-media",
        [SL_SKIP_TOO_LONG] = "too-long",
        [SL_SKIP_NO_TARGET] = "no-target",
    };
    return names[reason];
}

sl_status sl_skipped_open(const char *path, uint64_t max_rows, struct sl_skipped **out, sl_error *err)
{
    struct sl_skipped *s = sl_alloc_array(1, sizeof *s);
    *out = NULL;
    if (!s) return sl_fail(err, SL_ERR_MEMORY, "no memory to log what is skipped");
    s->max_rows = max_rows;
    if (path && !(s->file = fopen(path, "ae"))) {
        free(s);
        return sl_fail(err, SL_ERR_IO, "cannot open %s: %m", path);
    }
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return SL_OK;
}

/* Returns text as an owned JSON string, cut at max bytes; what is not UTF-8 becomes '?', as file names may be. */
static json_t *json_text(const char *text, size_t max)
{
    char copy[MAX_KEY + 1];
    size_t n = strnlen(text, max < MAX_KEY ? max : MAX_KEY);
    json_t *value = json_stringn(text, n);
    if (value) return value;
    for (size_t i = 0; i < n; i++) copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    return json_stringn(copy, n);
}

/* Appends the row's line to out; one that says that no more follow when it is the last. */
static void format_row(const struct sl_skip *what, const char *detail, bool last, struct sl_buf *out)
{
    json_t *row = json_object();
    json_object_set_new(row, "source", json_text(what->source ? what->source : "", MAX_KEY));
    json_object_set_new(row, "key", json_text(what->key ? what->key : "", MAX_KEY));
    json_object_set_new(row, "reason", json_string(sl_skip_reason_name(what->reason)));
    json_object_set_new(row, "detail", json_text(detail, MAX_DETAIL));
    if (last) json_object_set_new(row, "more", json_string("not written"));
    if (sl_json_dump(row, 0, out, NULL)) sl_buf_clear(out);
    sl_buf_addch(out, '\n');
    json_decref(row);
}

void sl_skipped_add(struct sl_skipped *skipped, const struct sl_skip *what, const char *fmt, ...)
{
    if (!skipped) return;
    char detail[MAX_DETAIL];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&skipped->lock);
    skipped->counts[what->reason]++;
    if (skipped->file && what->epoch == 0 && skipped->n_rows < skipped->max_rows && !skipped->status) {
        struct sl_buf line = SL_BUF_INIT(MAX_LINE);
        format_row(what, detail, ++skipped->n_rows == skipped->max_rows, &line);
        /* Flushed at once: a person looks into the file while the run goes on. */
        if (line.len && (fwrite(line.data, 1, line.len, skipped->file) != line.len || fflush(skipped->file) != 0))
            skipped->status = sl_fail(&skipped->error, SL_ERR_IO, "cannot write the log of what was skipped: %m");
        sl_buf_release(&line);
    }
    pthread_mutex_unlock(&skipped->lock);
}

uint64_t sl_skipped_count(struct sl_skipped *skipped, sl_skip_reason reason)
{
    pthread_mutex_lock(&skipped->lock);
    uint64_t n = skipped->counts[reason];
    pthread_mutex_unlock(&skipped->lock);
    return n;
}

uint64_t sl_skipped_total(struct sl_skipped *skipped)
{
    uint64_t n = 0;
    for (int i = 0; i < SL_N_SKIP_REASONS; i++) n += sl_skipped_count(skipped, (sl_skip_reason)i);
    return n;
}

json_t *sl_skipped_counts(struct sl_skipped *skipped)
{
    json_t *counts = json_object();
    for (int i = 0; i < SL_N_SKIP_REASONS && counts; i++) {
        uint64_t n = sl_skipped_count(skipped, (sl_skip_reason)i);
        if (n) json_object_set_new(counts, sl_skip_reason_name((sl_skip_reason)i), json_integer((json_int_t)n));
    }
    return counts;
}

sl_status sl_skipped_close(struct sl_skipped **skipped, sl_error *err)
{
    struct sl_skipped *s = *skipped;
    *skipped = NULL;
    if (!s) return SL_OK;
    sl_status status = s->status;
    if (status) sl_fail(err, status, "%s", s->error.message);
    if (s->file && fclose(s->file) != 0 && !status)
        status = sl_fail(err, SL_ERR_IO, "cannot write the log of what was skipped: %m");
    pthread_mutex_destroy(&s->lock);
    free(s);
    return status;
}
