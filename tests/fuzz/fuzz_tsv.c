/*
 * fuzz_tsv.c: any bytes as a benchmark table: the scan, every row as a sample, and its base64 pictures.
 */
#include "data/tsv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct file {
    const char *text;
    const struct sl_offsets *rows;
};

static bool read_text(void *user, uint32_t i, struct sl_buf *out)
{
    const struct file *f = user;
    uint64_t end = i + 1 < f->rows->n ? f->rows->at[i + 1] : f->rows->end;
    sl_buf_clear(out);
    sl_buf_add(out, f->text + f->rows->at[i], (size_t)(end - f->rows->at[i]));
    return sl_buf_ok(out);
}

static void read_row(const struct sl_tsv *table, struct file *f, uint32_t i, struct sl_row *row)
{
    struct sl_data_limits limits;
    sl_data_limits_defaults(&limits);
    struct sl_row_place place = {.folder = "/data", .limits = &limits};
    struct sl_tsv_lookup lookup = {read_text, f};
    struct sl_buf text = SL_BUF_INIT(1 << 26), media = SL_BUF_INIT(1 << 26);
    struct sl_sample sample;
    sl_error err = {0};
    if (!read_text(f, i, &text) || text.len == 0) abort();
    sl_sample_init(&sample, 1 << 22);
    sl_row_begin(row, &place, &sample, &err);
    sl_tsv_row(table, text.data, text.len, &lookup, row);
    if (sl_row_finish(row)) {
        if (!err.message[0]) abort();
    } else {
        if (!sample.truth || sample.n_messages < 1) abort();
        for (int k = 0; k < sample.n_media; k++) {
            sl_buf_clear(&media);
            if (sample.media[k].file.bytes) (void)sl_blob_load(&sample.media[k].file, 1 << 20, &media, NULL);
        }
    }
    sl_sample_release(&sample);
    sl_buf_release(&text);
    sl_buf_release(&media);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_tsv table = {0};
    struct sl_tsv_scan scan = {.table = &table, .max_row_bytes = 300};
    sl_error err = {0};
    const char *text = (const char *)bytes;
    size_t half = n / 2;
    sl_status status = sl_tsv_scan(&scan, text, half, 0, &err);
    if (!status) status = sl_tsv_scan(&scan, text + half, n - half, half, &err);
    if (!status) status = sl_tsv_scan_end(&scan, &err);
    if (status && !err.message[0]) abort();
    struct sl_row row = {0};
    struct file f = {text, &table.rows};
    for (size_t i = 0; i < table.rows.n && i < 50 && !status; i++) read_row(&table, &f, (uint32_t)i, &row);
    sl_row_release(&row);
    sl_tsv_release(&table);
    return 0;
}
