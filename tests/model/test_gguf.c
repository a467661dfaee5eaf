/*
 * test_gguf.c: reading GGUF files that scripts/golden/gguf.py made, in one part and several, and refusing broken ones
 * by name.
 */
#include "model/gguf.h"

#include "base/buf.h"
#include "base/file.h"
#include "test.h"

#include <unistd.h>

#define CORPUS "tests/fuzz/corpus/gguf/"

static sl_gguf *open_file(const char *path)
{
    sl_gguf *g;
    sl_error err;
    assert_sl_ok(sl_gguf_open(path, &g, &err), &err);
    return g;
}

static void test_every_kind_of_value_is_read(void **state)
{
    (void)state;
    sl_gguf *g = open_file(CORPUS "whole.gguf");
    static const struct {
        const char *key;
        int64_t value;
    } ints[] = {{"a.u8", 200},
                {"a.i8", -100},
                {"a.u16", 60000},
                {"a.i16", -30000},
                {"a.u32", 4000000000},
                {"a.bool", 1},
                {"a.i32", -2000000000},
                {"a.u64", (int64_t)1 << 40},
                {"a.i64", -((int64_t)1 << 40)}};
    int64_t i;
    double x;
    bool b;
    const char *s;
    size_t n;
    for (size_t k = 0; k < sizeof ints / sizeof *ints; k++) {
        assert_true(sl_gguf_get_int(g, ints[k].key, &i));
        assert_true(i == ints[k].value);
    }
    assert_false(sl_gguf_get_int(g, "a.huge", &i)); /* does not fit */
    assert_false(sl_gguf_get_int(g, "a.f32", &i));
    assert_false(sl_gguf_get_int(g, "a.list", &i));
    assert_true(sl_gguf_get_number(g, "a.f32", &x) && x == 0.25);
    assert_true(sl_gguf_get_number(g, "a.f64", &x) && x == 1e-300);
    assert_true(sl_gguf_get_number(g, "a.i8", &x) && x == -100);
    assert_true(sl_gguf_get_bool(g, "a.bool", &b) && b);
    assert_false(sl_gguf_get_bool(g, "a.u8", &b));
    assert_true(sl_gguf_get_string(g, "general.architecture", &s));
    assert_string_equal(s, "toy");
    assert_null(sl_gguf_value(g, "a.nothing"));
    const struct sl_gguf_value *list = sl_gguf_value(g, "a.list");
    assert_true(sl_gguf_element_int(list, 1, &i) && i == -1);
    assert_false(sl_gguf_element_int(list, 3, &i));
    const struct sl_gguf_value *words = sl_gguf_value(g, "a.words");
    static const char *const want[] = {"zero", "", "caf\xc3\xa9"};
    struct sl_gguf_walk w = {0};
    for (int k = 0; k < 3; k++) {
        assert_true(sl_gguf_next_string(words, &w, &s, &n));
        assert_int_equal(n, strlen(want[k]));
        assert_memory_equal(s, want[k], n);
    }
    assert_false(sl_gguf_next_string(words, &w, &s, &n));
    assert_string_equal(sl_gguf_value_at(g, 0)->key, "general.architecture");
    sl_gguf_close(&g);
    assert_null(g);
}

static void check_tensors(const sl_gguf *g)
{
    float x[32];
    const struct sl_stored_tensor *t = sl_gguf_find(g, "x.weight");
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->shape[0], 2); /* slowest first */
    assert_int_equal(t->shape[1], 3);
    sl_stored_read_f32(t, 2, 2, x);
    assert_true(x[0] == 3 && x[1] == 4);
    t = sl_gguf_find(g, "y.weight");
    assert_string_equal(t->dtype_name, "Q8_0");
    sl_stored_read_f32(t, 0, 32, x);
    for (int i = 0; i < 32; i++) assert_true(x[i] == 0.5f * (float)(i - 16));
    sl_stored_read_f32(sl_gguf_find(g, "z"), 0, 2, x);
    assert_true(x[0] == 0.5f && x[1] == -2);
    assert_null(sl_gguf_find(g, "w"));
}

static void test_tensors_are_read_in_both_versions(void **state)
{
    (void)state;
    static const char *const files[] = {CORPUS "whole.gguf", CORPUS "version-2.gguf", CORPUS "alignment-64.gguf"};
    for (int i = 0; i < 3; i++) {
        sl_gguf *g = open_file(files[i]);
        assert_int_equal(sl_gguf_count(g), 3);
        assert_int_equal(sl_gguf_version(g), i == 1 ? 2 : 3);
        check_tensors(g);
        sl_gguf_close(&g);
    }
}

static void test_broken_files_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *file, *message;
    } cases[] = {
        {"magic", "not a GGUF file"},
        {"version-1", "GGUF version 1: 2 and 3 are read"},
        {"big-endian", "a big-endian GGUF file"},
        {"many-values", "1152921504606846976 metadata pairs in a file of 768 bytes"},
        {"many-tensors", "1152921504606846976 tensors in a file of 768 bytes"},
        {"cut-header", "truncated: the file ends in the header"},
        {"cut-values", "metadata pair 10: truncated: the file ends in a key"},
        {"cut-tensors", "3 tensors in a file of 60 bytes"},
        {"cut-data", "tensor \"z\": 4 bytes from 96 on, but the file has 88 bytes of data"},
        {"twice-key", "key \"a.u8\" is there twice"},
        {"twice-name", "tensor \"x.weight\" is there twice"},
        {"unknown-kind", "key \"k\": unknown type 13"},
        {"nested", "key \"k\": an array of arrays"},
        {"long-array", "key \"k\": truncated: an array of 4611686018427387904 elements"},
        {"long-string", "key \"k\": a string of 4611686018427387904 bytes; at most"},
        {"nul-key", "metadata pair 0: a key holds a NUL byte"},
        {"bool-2", "key \"k\": a bool of 2"},
        {"alignment-3", "key \"general.alignment\": not a power of two"},
        {"five-dims", "tensor \"t\": 5 dimensions; at most 4"},
        {"unknown-type", "tensor \"t\": unknown type 77"},
        {"no-whole-blocks", "tensor \"t\": rows of 33 are no whole blocks of Q8_0, which hold 32"},
        {"overflow", "tensor \"t\": its shape is too large"},
        {"odd-offset", "tensor \"x.weight\": its offset 4 is no multiple of the alignment, 32"},
        {"overlap", "tensor \"y.weight\": its data overlaps that of \"x.weight\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        sl_gguf *g;
        sl_error err = {0};
        snprintf(path, sizeof path, CORPUS "%s.gguf", cases[i].file);
        assert_int_not_equal(sl_gguf_open(path, &g, &err), SL_OK);
        assert_null(g);
        if (!strstr(err.message, cases[i].message) || strncmp(err.message, path, strlen(path)) != 0)
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].message);
    }
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(1 << 16);
    sl_error err;
    sl_gguf *g;
    assert_sl_ok(sl_file_read(CORPUS "whole.gguf", &b, &err), &err);
    size_t last = b.len - 32 + 4; /* after the last tensor's numbers there is only padding */
    for (size_t n = 0; n < b.len; n++) {
        unsigned char *copy = malloc(n + 1); /* of that size, so that a sanitizer sees a step too far */
        assert_non_null(copy);
        memcpy(copy, b.data, n);
        sl_status s = sl_gguf_parse(copy, n, &g, &err);
        if ((s == SL_OK) != (n >= last)) fail_msg("%zu of %zu bytes: %s", n, b.len, s ? err.message : "accepted");
        sl_gguf_close(&g);
        free(copy);
    }
    sl_buf_release(&b);
}

/* A part with one F32 tensor of one number. */
static void write_part(const char *path, uint16_t no, uint16_t count, const char *name)
{
    struct sl_buf b = SL_BUF_INIT(4096);
    uint32_t version = 3, u16 = SL_GGUF_U16, one = 1, f32 = 0;
    uint64_t n[2] = {1, 2}, length, dim = 1, offset = 0;
    float x = (float)no;
    sl_buf_addstr(&b, "GGUF");
    sl_buf_add(&b, &version, 4);
    sl_buf_add(&b, n, 16);
    length = strlen("split.no");
    sl_buf_add(&b, &length, 8), sl_buf_addstr(&b, "split.no"), sl_buf_add(&b, &u16, 4), sl_buf_add(&b, &no, 2);
    length = strlen("split.count");
    sl_buf_add(&b, &length, 8), sl_buf_addstr(&b, "split.count"), sl_buf_add(&b, &u16, 4), sl_buf_add(&b, &count, 2);
    length = strlen(name);
    sl_buf_add(&b, &length, 8), sl_buf_addstr(&b, name), sl_buf_add(&b, &one, 4), sl_buf_add(&b, &dim, 8);
    sl_buf_add(&b, &f32, 4), sl_buf_add(&b, &offset, 8);
    while (b.len % 32) sl_buf_addch(&b, '\0');
    sl_buf_add(&b, &x, 4);
    test_write_file(path, b.data, b.len);
    sl_buf_release(&b);
}

static void test_parts_are_opened_together(void **state)
{
    (void)state;
    char paths[3][256];
    sl_error err;
    sl_gguf *g;
    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/toy-%05d-of-00003.gguf", test_temp_dir(), i + 1);
        write_part(paths[i], (uint16_t)i, 3, (const char *const[]){"a", "b", "c"}[i]);
    }
    for (int first = 0; first < 2; first++) { /* by any of its names */
        g = open_file(paths[first]);
        assert_int_equal(sl_gguf_n_parts(g), 3);
        assert_int_equal(sl_gguf_count(g), 3);
        float x;
        sl_stored_read_f32(sl_gguf_find(g, "c"), 0, 1, &x);
        assert_true(x == 2);
        sl_gguf_close(&g);
    }
    write_part(paths[2], 1, 3, "c");
    assert_int_equal(sl_gguf_open(paths[0], &g, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "it says that it is part 2 of 3, its name that it is 3 of 3"));
    write_part(paths[2], 2, 3, "a");
    assert_int_equal(sl_gguf_open(paths[0], &g, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "tensor \"a\" is there twice"));
    unlink(paths[2]);
    assert_int_equal(sl_gguf_open(paths[0], &g, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "toy-00003-of-00003.gguf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_value_is_read),
        cmocka_unit_test(test_tensors_are_read_in_both_versions),
        cmocka_unit_test(test_broken_files_are_refused_by_name),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_parts_are_opened_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
