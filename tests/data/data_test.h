/*
 * data_test.h: files of rows made for tests: text files in the temporary folder, and tars written byte by byte.
 */
#ifndef SL_TESTS_DATA_TEST_H
#define SL_TESTS_DATA_TEST_H

#include "test.h"

#include "data/sample.h"
#include "data/skipped.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>

/* Writes text to name in the temporary folder; returns the path (test_temp_path). */
static inline const char *write_text(const char *name, const char *text)
{
    const char *path = test_temp_path(name);
    test_write_file(path, text, strlen(text));
    return path;
}

/* A tar in the making. */
struct tar_maker {
    unsigned char bytes[1 << 18];
    size_t n;
};

/* Adds a header with this name, kind ('0' file, '1' hard link, '2' symbolic link, '5' folder, ...) and size. */
static inline void tar_header(struct tar_maker *t, const char *name, char kind, unsigned long long size,
                              const char *link)
{
    unsigned char *h = t->bytes + t->n;
    assert_true(t->n + 512 <= sizeof t->bytes);
    memset(h, 0, 512);
    snprintf((char *)h, 100, "%s", name);
    memcpy(h + 100, "0000644", 8);
    memcpy(h + 108, "0000000", 8);
    memcpy(h + 116, "0000000", 8);
    char number[32];
    snprintf(number, sizeof number, "%011llo", size);
    memcpy(h + 124, number, 12);
    memcpy(h + 136, "00000000000", 12);
    h[156] = (unsigned char)kind;
    snprintf((char *)h + 157, 100, "%s", link);
    memcpy(h + 257, "ustar\00000", 8);
    memset(h + 148, ' ', 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) sum += h[i];
    snprintf(number, sizeof number, "%06o", sum);
    memcpy(h + 148, number, 7);
    t->n += 512;
}

/* Adds a file with n bytes. */
static inline void tar_bytes(struct tar_maker *t, const char *name, const void *bytes, size_t n)
{
    tar_header(t, name, '0', n, "");
    size_t padded = (n + 511) / 512 * 512;
    assert_true(t->n + padded <= sizeof t->bytes);
    memset(t->bytes + t->n, 0, padded);
    if (n) memcpy(t->bytes + t->n, bytes, n);
    t->n += padded;
}

/* Adds a file with text. */
static inline void tar_text(struct tar_maker *t, const char *name, const char *text)
{
    tar_bytes(t, name, text, strlen(text));
}

/* Adds the two empty blocks that end an archive. */
static inline void tar_end(struct tar_maker *t)
{
    assert_true(t->n + 1024 <= sizeof t->bytes);
    memset(t->bytes + t->n, 0, 1024);
    t->n += 1024;
}

/* Writes n bytes behind gzip or zstd to name in the temporary folder; returns the path. */
static inline const char *write_compressed(const char *name, const void *bytes, size_t n, bool zstd)
{
    const char *path = test_temp_path(name);
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
    assert_int_equal(zstd ? archive_write_add_filter_zstd(a) : archive_write_add_filter_gzip(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    archive_entry_set_pathname(e, "data");
    archive_entry_set_filetype(e, AE_IFREG);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, bytes, n), n);
    archive_entry_free(e);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    return path;
}

/* Asserts that a message consists of these parts: texts as they are, pictures as "<i>", videos as "<v>". */
static inline void assert_message(const struct sl_sample_message *m, sl_sample_role role, const char *expected)
{
    char shown[4096] = "";
    for (int i = 0; i < m->n_parts; i++) {
        const struct sl_sample_part *p = &m->parts[i];
        const char *text = p->kind == SL_SAMPLE_TEXT ? p->text : p->kind == SL_SAMPLE_IMAGE ? "<i>" : "<v>";
        size_t n = strlen(shown);
        snprintf(shown + n, sizeof shown - n, "%s", text);
    }
    assert_int_equal(m->role, role);
    assert_string_equal(shown, expected);
}

#endif
