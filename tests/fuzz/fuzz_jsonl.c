/*
 * fuzz_jsonl.c: any bytes as a file of JSON rows: the scan, and every row of it as a sample; what is accepted must be
 * whole.
 */
#include "data/jsonl.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Touches everything that an accepted sample points to. */
static void check_sample(const struct sl_sample *s)
{
    if (s->n_messages < 1) abort();
    for (int i = 0; i < s->n_messages; i++) {
        const struct sl_sample_message *m = &s->messages[i];
        if (m->n_parts < 1) abort();
        for (int k = 0; k < m->n_parts; k++) {
            const struct sl_sample_part *p = &m->parts[k];
            bool text = p->kind == SL_SAMPLE_TEXT;
            if (text && (p->n_text == 0 || p->text[p->n_text] != '\0')) abort();
            if (!text && (p->media < 0 || p->media >= s->n_media)) abort();
        }
    }
    for (int i = 0; i < s->n_media; i++) {
        const struct sl_sample_media *m = &s->media[i];
        if (m->n_frames == 0 && !m->file.bytes && !m->file.path) abort();
        /* Nothing outside the folder, whatever the row says. */
        if (m->file.path && strncmp(m->file.path, "/data/", 6) != 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_offsets rows = {0};
    struct sl_jsonl_scan scan = {.rows = &rows};
    struct sl_data_limits limits;
    struct sl_row row = {0};
    const char *text = (const char *)bytes;
    sl_data_limits_defaults(&limits);
    size_t half = n / 2;
    if (sl_jsonl_scan(&scan, text, half, 0, NULL) || sl_jsonl_scan(&scan, text + half, n - half, half, NULL)) abort();
    for (size_t i = 0; i < rows.n; i++) {
        uint64_t begin = rows.at[i], end = i + 1 < rows.n ? rows.at[i + 1] : rows.end;
        if (begin >= end || end > n) abort();
        struct sl_row_place place = {.folder = "/data", .limits = &limits};
        struct sl_sample sample;
        sl_error err = {0};
        sl_sample_init(&sample, 1 << 20);
        sl_row_begin(&row, &place, &sample, &err);
        sl_json_row(&row, text + begin, sl_jsonl_trim(text + begin, (size_t)(end - begin), scan.array));
        if (sl_row_finish(&row)) {
            if (!err.message[0]) abort();
        } else {
            check_sample(&sample);
        }
        sl_sample_release(&sample);
    }
    sl_row_release(&row);
    sl_offsets_release(&rows);
    return 0;
}
