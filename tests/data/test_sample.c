/*
 * test_sample.c: a sample's memory and the bytes of its media.
 */
#include "data_test.h"

static void test_memory_never_passes_its_ceiling(void **state)
{
    (void)state;
    struct sl_sample s;
    sl_sample_init(&s, 10000);
    size_t given = 0;
    for (size_t n = 1; n < 200; n++) {
        char *p = sl_sample_alloc(&s, n);
        if (!p) break;
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 7, n);
        given += n;
    }
    assert_true(given > 8000 && s.n_bytes <= 10000);
    assert_null(sl_sample_alloc(&s, 20000));
    assert_null(sl_sample_alloc(&s, SIZE_MAX));
    assert_null(sl_sample_alloc_array(&s, SIZE_MAX / 2, 4));
    sl_sample_release(&s);
    assert_int_equal(s.n_bytes, 0);
    assert_non_null(sl_sample_alloc(&s, 5000));
    sl_sample_release(&s);
}

static void test_a_large_piece_leaves_the_small_block_in_use(void **state)
{
    (void)state;
    struct sl_sample s;
    sl_sample_init(&s, 1 << 20);
    char *a = sl_sample_alloc(&s, 16);
    assert_non_null(sl_sample_alloc(&s, 100000));
    char *b = sl_sample_alloc(&s, 16);
    assert_ptr_equal(b, a + 16);
    sl_sample_release(&s);
}

static void test_a_shared_sample_lives_until_both_are_released(void **state)
{
    (void)state;
    struct sl_sample s, copy;
    sl_sample_init(&s, 1 << 20);
    assert_true(sl_sample_set_place(&s, "source", "file:1"));
    sl_sample_share(&s, &copy);
    sl_sample_release(&s);
    assert_string_equal(copy.key, "file:1");
    sl_sample_release(&copy);
}

static void test_ids_depend_on_source_and_place_only(void **state)
{
    (void)state;
    struct sl_sample a, b;
    sl_sample_init(&a, 4096);
    sl_sample_init(&b, 4096);
    sl_sample_set_place(&a, "ab", "c");
    sl_sample_set_place(&b, "a", "bc");
    assert_true(a.id != b.id);
    uint64_t id = a.id;
    sl_sample_release(&a);
    sl_sample_set_place(&a, "ab", "c");
    assert_true(a.id == id);
    sl_sample_release(&a);
    sl_sample_release(&b);
}

static void load(const struct sl_blob *b, size_t max, sl_status expected, const char *bytes)
{
    struct sl_buf out = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    assert_int_equal(sl_blob_load(b, max, &out, &err), expected);
    if (expected) {
        assert_true(err.message[0] != '\0');
    } else {
        assert_string_equal(sl_buf_str(&out), bytes);
    }
    sl_buf_release(&out);
}

static void test_blobs_load_from_memory_files_and_ranges(void **state)
{
    (void)state;
    const char *path = write_text("blob", "0123456789Zm9v");
    const unsigned char *bytes = (const unsigned char *)"Zm9vYmFy";
    load(&(struct sl_blob){.bytes = bytes, .n = 8}, 100, SL_OK, "Zm9vYmFy");
    load(&(struct sl_blob){.bytes = bytes, .n = 8, .base64 = true}, 100, SL_OK, "foobar");
    load(&(struct sl_blob){.path = path}, 100, SL_OK, "0123456789Zm9v");
    load(&(struct sl_blob){.path = path, .offset = 3, .n = 4}, 100, SL_OK, "3456");
    load(&(struct sl_blob){.path = path, .offset = 10, .base64 = true}, 100, SL_OK, "foo");
}

static void test_blobs_that_are_too_large_short_or_missing_say_so(void **state)
{
    (void)state;
    const char *path = write_text("blob", "0123456789");
    load(&(struct sl_blob){.path = path}, 9, SL_ERR_MEMORY, NULL);
    load(&(struct sl_blob){.path = path, .offset = 8, .n = 3}, 100, SL_ERR_IO, NULL);
    load(&(struct sl_blob){.path = path, .offset = 11}, 100, SL_ERR_IO, NULL);
    load(&(struct sl_blob){.path = path, .offset = UINT64_MAX, .n = 2}, 100, SL_ERR_IO, NULL);
    load(&(struct sl_blob){.path = test_temp_path("absent")}, 100, SL_ERR_IO, NULL);
    load(&(struct sl_blob){.path = test_temp_dir()}, 100, SL_ERR_IO, NULL);
    load(&(struct sl_blob){.path = path, .base64 = true}, 5, SL_ERR_FORMAT, NULL);
    load(&(struct sl_blob){.bytes = (const unsigned char *)"Zm9vYmFy", .n = 8, .base64 = true}, 5, SL_ERR_MEMORY, NULL);
    load(&(struct sl_blob){0}, 5, SL_ERR_IO, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_never_passes_its_ceiling),
        cmocka_unit_test(test_a_large_piece_leaves_the_small_block_in_use),
        cmocka_unit_test(test_a_shared_sample_lives_until_both_are_released),
        cmocka_unit_test(test_ids_depend_on_source_and_place_only),
        cmocka_unit_test(test_blobs_load_from_memory_files_and_ranges),
        cmocka_unit_test(test_blobs_that_are_too_large_short_or_missing_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
