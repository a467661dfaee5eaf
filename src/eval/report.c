/*
 * report.c: lines of JSON while it runs, a summary and a page at the end.
 */
#include "eval/report.h"

#include "base/file.h"
#include "base/json.h"
#include "data/sheet.h"
#include "eval/question.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PAGE = 256 << 20, MAX_LINE = 16 << 20 };

sl_status sl_eval_report_open(struct sl_eval_report *r, const char *dir, int shown, sl_error *err)
{
    *r = (struct sl_eval_report){.wrong = SL_BUF_INIT(MAX_PAGE), .shown = shown};
    if (!dir) return SL_OK;
    sl_status s = sl_dir_make(dir, err);
    if (s) return s;
    char *path = sl_path_join(dir, "records.jsonl");
    r->dir = strdup(dir);
    if (!path || !r->dir)
        s = sl_fail(err, SL_ERR_MEMORY, "no memory for a report");
    else if (!(r->records = fopen(path, "w")))
        s = sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
    free(path);
    if (s) sl_eval_report_release(r);
    return s;
}

/* Sets key to what add appends about the sample. */
static void set_text(json_t *o, const char *key, const struct sl_sample *sample,
                     void (*add)(const struct sl_sample *, struct sl_buf *))
{
    struct sl_buf text = SL_BUF_INIT(MAX_LINE);
    add(sample, &text);
    json_object_set_new(o, key, json_string(sl_buf_str(&text)));
    sl_buf_release(&text);
}

static json_t *record_json(const struct sl_eval_record *record)
{
    const struct sl_sample *s = record->sample;
    json_t *o = json_object();
    json_object_set_new(o, "id", json_string(s->key));
    if (s->domain) json_object_set_new(o, "family", json_string(s->domain));
    if (s->task) json_object_set_new(o, "task", json_string(s->task));
    if (s->level >= 0) json_object_set_new(o, "level", json_integer(s->level));
    set_text(o, "question", s, sl_eval_asked_text);
    set_text(o, "expected", s, sl_eval_right_text);
    if (*record->reasoning) json_object_set_new(o, "reasoning", json_string(record->reasoning));
    json_object_set_new(o, "answer", json_string(record->answer));
    json_object_set_new(o, "score", json_real(record->outcome.score));
    json_object_set_new(o, "right", json_boolean(record->outcome.right));
    if (record->blind_answer) {
        json_object_set_new(o, "blind_answer", json_string(record->blind_answer));
        json_object_set_new(o, "blind_right", json_boolean(record->outcome.blind_right));
    }
    if (!isnan(record->outcome.chance)) json_object_set_new(o, "chance", json_real(record->outcome.chance));
    json_object_set_new(o, "prompt_tokens", json_integer(record->prompt_tokens));
    json_object_set_new(o, "image_tokens", json_integer(record->image_tokens));
    json_object_set_new(o, "completion_tokens", json_integer(record->completion_tokens));
    json_object_set_new(o, "ms", json_real(record->milliseconds));
    return o;
}

sl_status sl_eval_report_add(struct sl_eval_report *r, const struct sl_eval_record *record, sl_error *err)
{
    if (!r->dir) return SL_OK;
    struct sl_buf line = SL_BUF_INIT(MAX_LINE);
    json_t *o = record_json(record);
    sl_status s = sl_json_dump(o, 0, &line, err);
    if (!s && (fprintf(r->records, "%s\n", sl_buf_str(&line)) < 0 || fflush(r->records)))
        s = sl_fail(err, SL_ERR_IO, "%s/records.jsonl: %s", r->dir, strerror(errno));
    json_decref(o);
    if (!s && !record->outcome.right && r->n_wrong < r->shown) {
        s = sl_sheet_add(record->sample, record->sample->task ? record->sample->task : "-", record->answer, &r->wrong,
                         err);
        r->n_wrong++;
    }
    sl_buf_release(&line);
    return s;
}

/* --- the page ----------------------------------------------------------------------------------------------------- */

static void add_share(const json_t *group, const char *key, struct sl_buf *out)
{
    const json_t *x = json_object_get(group, key);
    if (json_is_number(x))
        sl_buf_addf(out, "<td>%.1f %%</td>", 100 * json_number_value(x));
    else
        sl_buf_addstr(out, "<td>-</td>");
}

/* A name from the data as text of the page. */
static void add_name(const char *name, struct sl_buf *out)
{
    for (const char *p = name; *p; p++) {
        if (strchr("<>&\"", *p))
            sl_buf_addf(out, "&#%d;", *p);
        else
            sl_buf_addch(out, *p);
    }
}

static void add_row(const json_t *group, struct sl_buf *out)
{
    const char *family = json_string_value(json_object_get(group, "family"));
    const char *task = json_string_value(json_object_get(group, "task"));
    const json_t *level = json_object_get(group, "level");
    sl_buf_addstr(out, task ? "<tr><td>" : "<tr class=\"sum\"><td>");
    add_name(family ? family : "", out);
    sl_buf_addstr(out, "</td><td>");
    add_name(task ? task : "", out);
    sl_buf_addstr(out, "</td><td>");
    if (level) sl_buf_addf(out, "%lld", (long long)json_integer_value(level));
    sl_buf_addf(out, "</td><td>%lld</td>", (long long)json_integer_value(json_object_get(group, "questions")));
    static const char *const columns[] = {"right", "margin", "score", "blind", "chance"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) add_share(group, columns[i], out);
    sl_buf_addstr(out, "</tr>\n");
}

static void add_rows(const json_t *groups, struct sl_buf *out)
{
    size_t i;
    json_t *group;
    json_array_foreach((json_t *)(uintptr_t)groups, i, group) add_row(group, out);
}

static void write_page(const struct sl_eval_report *r, const json_t *summary, struct sl_buf *out)
{
    sl_sheet_begin("Evaluation", "right answers by family, task and level; below, answers that were wrong", out);
    sl_buf_addstr(
        out,
        "<style>table.scores{grid-column:1/-1;border-collapse:collapse}table.scores td,table.scores th{padding:.2em "
        ".7em;text-align:right;font-variant-numeric:tabular-nums}table.scores "
        ":is(td,th):nth-child(-n+2){text-align:left}"
        "table.scores tr.sum{font-weight:600;border-top:1px solid}</style>\n<table class=\"scores\">\n<tr>"
        "<th>family</th><th>task</th><th>level</th><th>questions</th><th>right</th><th>&plusmn;</th>"
        "<th>score</th><th>blind</th><th>chance</th></tr>\n");
    add_row(json_object_get(summary, "all"), out);
    add_rows(json_object_get(summary, "families"), out);
    add_rows(json_object_get(summary, "groups"), out);
    sl_buf_addstr(out, "</table>\n");
    sl_buf_add(out, sl_buf_str(&r->wrong), r->wrong.len);
    sl_sheet_end(out);
}

static sl_status write_file(const struct sl_eval_report *r, const char *name, const struct sl_buf *text, sl_error *err)
{
    char *path = sl_path_join(r->dir, name);
    if (!path || !sl_buf_ok(text)) {
        free(path);
        return sl_fail(err, SL_ERR_MEMORY, "no memory for %s", name);
    }
    sl_status s = sl_file_write(path, text->data, text->len, err);
    free(path);
    return s;
}

sl_status sl_eval_report_finish(struct sl_eval_report *r, const struct sl_eval_scores *scores, sl_error *err)
{
    if (!r->dir) return SL_OK;
    struct sl_buf text = SL_BUF_INIT(MAX_PAGE), page = SL_BUF_INIT(2 * (size_t)MAX_PAGE);
    json_t *summary = sl_eval_scores_json(scores);
    sl_status s = sl_json_dump(summary, 2, &text, err);
    sl_buf_addch(&text, '\n');
    if (!s) s = write_file(r, "summary.json", &text, err);
    if (!s) {
        write_page(r, summary, &page);
        s = write_file(r, "report.html", &page, err);
    }
    json_decref(summary);
    sl_buf_release(&text);
    sl_buf_release(&page);
    return s;
}

void sl_eval_report_release(struct sl_eval_report *r)
{
    if (r->records) fclose(r->records);
    free(r->dir);
    sl_buf_release(&r->wrong);
    *r = (struct sl_eval_report){0};
}
