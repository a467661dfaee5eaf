/*
 * shard.c: the formats behind one interface.
 *
 * A row is read by opening its file, reading its bytes and closing the file again: three system calls of a microsecond
 * each, in return for which thousands of shards need neither descriptors nor mappings.
 */
#include "data/shard.h"

#include "base/mem.h"
#include "data/jsonl.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PLACE = 1 << 14 };

void sl_shard_reader_release(struct sl_shard_reader *r)
{
    sl_row_release(&r->row);
    sl_buf_release(&r->text);
    sl_buf_release(&r->place);
}

/* Splits the path into folder and file. */
static bool set_path(struct sl_shard *s, const char *path)
{
    s->path = sl_strdup(path);
    if (!s->path) return false;
    char *slash = strrchr(s->path, '/');
    s->file = slash ? slash + 1 : s->path;
    s->folder = sl_strdup(slash ? s->path : ".");
    if (!s->folder) return false;
    if (slash) s->folder[slash - s->path] = '\0';
    return true;
}

static struct sl_tar_options tar_options(const struct sl_shard_reader *r, bool quiet)
{
    return (struct sl_tar_options){
        .limits = r->limits, .skipped = quiet ? NULL : r->skipped, .source = r->source, .epoch = r->epoch};
}

sl_status sl_shard_open(const char *path, struct sl_shard_reader *r, struct sl_shard *out, sl_error *err)
{
    struct sl_shard s = {.format = sl_shard_format_of(path)};
    if (!set_path(&s, path)) {
        sl_shard_close(&s);
        return sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", path);
    }
    sl_status status = SL_OK;
    if (s.format == SL_SHARD_JSON) {
        struct sl_jsonl_scan scan = {.rows = &s.rows};
        status = sl_scan_file(path, sl_jsonl_scan, &scan, err);
        s.array = scan.array;
    } else if (s.format == SL_SHARD_TSV) {
        struct sl_tsv_scan scan = {.table = &s.table, .max_row_bytes = r->limits->max_row_bytes};
        status = sl_scan_file(path, sl_tsv_scan, &scan, err);
        if (!status && (status = sl_tsv_scan_end(&scan, err))) sl_fail_context(err, status, "%s", path);
    } else if (s.format == SL_SHARD_TAR) {
        struct sl_tar_options o = tar_options(r, false);
        status = sl_tar_index(path, &o, &s.rows, err);
    }
    if (status) {
        sl_shard_close(&s);
    } else {
        *out = s;
    }
    return status;
}

void sl_shard_close(struct sl_shard *s)
{
    free(s->path);
    free(s->folder);
    sl_offsets_release(&s->rows);
    sl_tsv_release(&s->table);
    *s = (struct sl_shard){0};
}

static const struct sl_offsets *offsets_of(const struct sl_shard *s)
{
    return s->format == SL_SHARD_TSV ? &s->table.rows : &s->rows;
}

size_t sl_shard_rows(const struct sl_shard *s)
{
    return offsets_of(s)->n;
}

static uint64_t row_end(const struct sl_offsets *rows, size_t i)
{
    return i + 1 < rows->n ? rows->at[i + 1] : rows->end;
}

/* Begins a row of the shard. */
static void begin_row(const struct sl_shard *s, struct sl_shard_reader *r, const struct sl_tar_group *group,
                      struct sl_sample *sample, sl_error *err)
{
    struct sl_row_place place = {
        .folder = r->media ? r->media : s->folder,
        .domain = r->domain,
        .check_media = r->check_media,
        .limits = r->limits,
        .members = group ? group->members : NULL,
        .n_members = group ? group->n_members : 0,
    };
    sl_row_begin(&r->row, &place, sample, err);
}

/* Names the sample after its place and finishes the row. name is the key in a tar, or NULL. */
static sl_status finish_row(struct sl_shard_reader *r, const struct sl_shard *s, const char *name, size_t i)
{
    struct sl_sample *sample = r->row.sample;
    r->place.ceiling = MAX_PLACE;
    sl_buf_clear(&r->place);
    if (name) {
        sl_buf_addf(&r->place, "%s:%s", s->file, name);
    } else {
        sl_buf_addf(&r->place, "%s:%zu", s->file, i + 1);
    }
    sl_status status = sl_row_finish(&r->row);
    if (!status && !sl_sample_set_place(sample, r->source, sl_buf_str(&r->place))) {
        sl_row_fail(&r->row, SL_SKIP_OVERSIZE, "the sample takes more than %zu bytes", sample->max_bytes);
        status = r->row.status;
    }
    sample->row = i;
    sample->epoch = r->epoch;
    return status;
}

/* Reads the text of row i into out; the reason in row when it cannot. */
static bool read_text(const struct sl_shard *s, size_t i, size_t max, struct sl_buf *out, struct sl_row *row)
{
    const struct sl_offsets *rows = offsets_of(s);
    uint64_t begin = rows->at[i], end = row_end(rows, i);
    if (end - begin > max) {
        if (row)
            sl_row_fail(row, SL_SKIP_OVERSIZE, "a row of %llu bytes, more than %zu", (unsigned long long)(end - begin),
                        max);
        return false;
    }
    out->ceiling = max;
    sl_error why = {0};
    if (!sl_read_span(s->path, begin, end, out, &why)) return true;
    if (row) sl_row_fail(row, SL_SKIP_BAD_FILE, "%.380s", why.message);
    return false;
}

struct table_reader {
    const struct sl_shard *shard;
    size_t max;
};

static bool read_other(void *user, uint32_t row, struct sl_buf *out)
{
    const struct table_reader *t = user;
    return read_text(t->shard, row, t->max, out, NULL);
}

static sl_status read_tar_row(const struct sl_shard *s, size_t i, struct sl_shard_reader *r, struct sl_sample *sample,
                              sl_error *err)
{
    struct sl_tar_options o = tar_options(r, true);
    o.begin = s->rows.at[i];
    o.end = row_end(&s->rows, i);
    struct sl_tar *tar;
    struct sl_tar_group group = {0};
    bool more = false;
    sl_error why = {0};
    sl_status status = sl_tar_open(s->path, &o, &tar, &why);
    if (!status) status = sl_tar_next(tar, sample, &group, &more, &why);
    begin_row(s, r, &group, sample, err);
    if (status) {
        sl_row_fail(&r->row, SL_SKIP_BAD_FILE, "%.380s", why.message);
    } else if (!more) {
        sl_row_fail(&r->row, SL_SKIP_BAD_ARCHIVE, "the archive changed after it was opened");
    } else {
        sl_tar_row(&r->row);
    }
    status = finish_row(r, s, group.key, i);
    sl_tar_close(&tar);
    return status;
}

sl_status sl_shard_read(const struct sl_shard *s, size_t i, struct sl_shard_reader *r, struct sl_sample *sample,
                        sl_skip_reason *reason, sl_error *err)
{
    SL_CHECK(i < sl_shard_rows(s));
    sl_status status;
    if (s->format == SL_SHARD_TAR) {
        status = read_tar_row(s, i, r, sample, err);
    } else {
        size_t max = r->limits->max_row_bytes;
        begin_row(s, r, NULL, sample, err);
        if (!read_text(s, i, max, &r->text, &r->row)) {
            /* The row says why. */
        } else if (s->format == SL_SHARD_TSV) {
            struct table_reader t = {s, max};
            struct sl_tsv_lookup lookup = {read_other, &t};
            sl_tsv_row(&s->table, r->text.data, r->text.len, &lookup, &r->row);
        } else {
            sl_json_row(&r->row, r->text.data, sl_jsonl_trim(r->text.data, r->text.len, s->array));
        }
        status = finish_row(r, s, NULL, i);
    }
    if (status) *reason = r->row.reason;
    return status;
}

void sl_shard_skip(const struct sl_shard_reader *r, sl_skip_reason reason, const char *detail)
{
    struct sl_skip what = {.reason = reason, .source = r->source, .key = sl_buf_str(&r->place), .epoch = r->epoch};
    sl_skipped_add(r->skipped, &what, "%s", detail);
}

sl_status sl_shard_stream_open(struct sl_shard_stream *s, const struct sl_shard *shard, struct sl_shard_reader *r,
                               sl_error *err)
{
    *s = (struct sl_shard_stream){.shard = shard};
    if (shard->format != SL_SHARD_COMPRESSED) return SL_OK;
    struct sl_tar_options o = tar_options(r, false);
    return sl_tar_open(shard->path, &o, &s->tar, err);
}

/* Reads the next row, good or bad; *more is false when there is none. Fails only without memory. */
static sl_status stream_row(struct sl_shard_stream *s, struct sl_shard_reader *r, struct sl_sample *sample, bool *more,
                            sl_error *err)
{
    sl_error why = {0};
    sl_skip_reason reason = SL_SKIP_BAD_ROW;
    sl_status status;
    if (!s->tar) {
        *more = s->next < sl_shard_rows(s->shard);
        if (!*more) return SL_OK;
        status = sl_shard_read(s->shard, s->next, r, sample, &reason, &why);
    } else {
        struct sl_tar_group group = {0};
        status = sl_tar_next(s->tar, sample, &group, more, err);
        if (status || !*more) return status;
        begin_row(s->shard, r, &group, sample, &why);
        sl_tar_row(&r->row);
        status = finish_row(r, s->shard, group.key, s->next);
        reason = r->row.reason;
    }
    if (status) {
        sl_shard_skip(r, reason, why.message);
        sl_sample_release(sample);
    }
    s->next++;
    return SL_OK;
}

sl_status sl_shard_stream_next(struct sl_shard_stream *s, struct sl_shard_reader *r, struct sl_sample *sample,
                               bool *more, sl_error *err)
{
    sl_status status;
    do {
        status = stream_row(s, r, sample, more, err);
    } while (!status && *more && sample->n_messages == 0);
    return status;
}

void sl_shard_stream_close(struct sl_shard_stream *s)
{
    sl_tar_close(&s->tar);
    *s = (struct sl_shard_stream){0};
}
