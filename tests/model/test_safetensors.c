/*
 * test_safetensors.c: reading valid checkpoints, refusing broken ones by name, and saves that survive a kill.
 */
#include "model/safetensors.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/rng.h"
#include "test.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char golden_path[] = "tests/model/golden/tiny.safetensors";

/* Fills b with a file of this header text and n zero bytes of data. */
static void build(struct sl_buf *b, const char *header, size_t n)
{
    uint64_t length = strlen(header);
    sl_buf_clear(b);
    sl_buf_add(b, &length, 8);
    sl_buf_addstr(b, header);
    for (size_t i = 0; i < n; i++) sl_buf_addch(b, '\0');
    assert_true(sl_buf_ok(b));
}

static sl_safetensors *parse(const struct sl_buf *b)
{
    sl_safetensors *st;
    sl_error err;
    assert_sl_ok(sl_safetensors_parse((const unsigned char *)b->data, b->len, &st, &err), &err);
    return st;
}

static sl_safetensors *open_checkpoint(const char *path)
{
    sl_safetensors *st;
    sl_error err;
    assert_sl_ok(sl_safetensors_open(path, &st, &err), &err);
    return st;
}

static void expect_message(const sl_error *err, const char *part)
{
    if (!strstr(err->message, part)) fail_msg("\"%s\" does not say \"%s\"", err->message, part);
}

/* Makes a fresh folder of that name. */
static const char *make_dir(const char *name)
{
    sl_error err;
    const char *dir = test_temp_path(name);
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    return dir;
}

/* Writes the printable text as dir/name. */
static void put(const char *dir, const char *name, const char *text)
{
    char *path = sl_path_join(dir, name);
    test_write_file(path, text, strlen(text));
    free(path);
}

static bool has(const char *dir, const char *name)
{
    char *path = sl_path_join(dir, name);
    bool found = sl_file_exists(path);
    free(path);
    return found;
}

static int count_files(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void test_reads_what_an_independent_program_wrote(void **state)
{
    (void)state;
    sl_safetensors *st = open_checkpoint(golden_path);
    assert_int_equal(sl_safetensors_count(st), 8);
    assert_string_equal(sl_safetensors_at(st, 0)->name, "bytes");
    assert_string_equal(sl_safetensors_at(st, 7)->name, "weight");
    assert_string_equal(sl_safetensors_metadata(st, "format"), "pt");
    assert_null(sl_safetensors_metadata(st, "author"));
    assert_null(sl_safetensors_find(st, "weigh"));

    const struct sl_stored_tensor *t = sl_safetensors_find(st, "weight");
    assert_non_null(t);
    assert_string_equal(t->file, golden_path);
    assert_true(t->dtype == SL_F32 && t->n_dims == 2 && t->shape[0] == 2 && t->shape[1] == 3 && t->shape[2] == 1);
    float x[6];
    sl_stored_read_f32(t, 1, 5, x);
    assert_true(x[0] == 1 && x[1] == -2.5f && x[2] == 3.25f && x[3] == 1e-6f && x[4] == 1e7f);
    t = sl_safetensors_find(st, "half");
    assert_true(t && t->dtype == SL_BF16 && t->n_dims == 4 && t->bytes == 8);
    sl_stored_read_f32(t, 0, 4, x);
    assert_true(x[0] == 0.5f && x[1] == -1 && x[2] == 256 && x[3] == 0);
    t = sl_safetensors_find(st, "old_half");
    sl_stored_read_f32(t, 1, 2, x);
    assert_true(x[0] == -65504 && x[1] == 0x1p-24f);
    t = sl_safetensors_find(st, "ids");
    int64_t ids[2];
    assert_true(t && t->dtype == SL_I64 && t->bytes == sizeof ids);
    memcpy(ids, t->data, sizeof ids);
    assert_true(ids[0] == -1 && ids[1] == (int64_t)1 << 40);
    t = sl_safetensors_find(st, "quantised \xc3\xbc");
    assert_true(t && t->dtype == SL_I8 && (signed char)t->data[0] == -127 && t->data[2] == 127);
    t = sl_safetensors_find(st, "empty");
    assert_true(t && t->bytes == 0 && t->shape[0] == 0 && t->shape[1] == 4);
    sl_safetensors_close(&st);
    assert_null(st);
    sl_safetensors_close(&st);
}

static void test_scalars_unknown_uses_and_odd_alignment_are_read(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(4096);
    build(&b,
          "{\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[3,7]},"
          "\"u\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
          "\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[7,23],\"extra\":null}}   ",
          23);
    float one = 1.5f;
    memcpy(b.data + b.len - 20, &one, 4);
    sl_safetensors *st = parse(&b);
    const struct sl_stored_tensor *t = sl_safetensors_find(st, "s");
    float x;
    assert_true(t && t->n_dims == 1 && t->shape[0] == 1);
    sl_stored_read_f32(t, 0, 1, &x);
    assert_true(x == 1.5f);
    t = sl_safetensors_find(st, "d");
    assert_true(t && t->dtype == SL_N_DTYPES);
    assert_string_equal(t->dtype_name, "F64");
    sl_safetensors_close(&st);
    build(&b, "{}", 0);
    st = parse(&b);
    assert_int_equal(sl_safetensors_count(st), 0);
    assert_null(sl_safetensors_find(st, "x"));
    sl_safetensors_close(&st);
    sl_buf_release(&b);
}

static void test_broken_files_are_refused_with_tensor_and_reason(void **state)
{
    (void)state;
#define T(dtype, shape, begin, end)                                                                                    \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"
    static const struct {
        const char *header;
        size_t data;
        const char *message;
    } cases[] = {
        {"", 0, "not a JSON object"},
        {"[]", 0, "not a JSON object"},
        {" {}", 0, "not a JSON object"},
        {"{\"a\"}", 0, "header: bad JSON"},
        {"{\"a\":[[[[[[[[[]]]]]]]]]}", 0, "deeper than 8"},
        {"{\"a\":1}", 0, "tensor \"a\": expected a JSON object, found 1"},
        {"{\"a\":{}}", 0, "tensor \"a\": dtype: missing"},
        {"{\"a\":" T("F31", "[1]", 0, 4) "}", 4, "tensor \"a\": dtype: unknown type \"F31\""},
        {"{\"a\":" T("F32", "1", 0, 4) "}", 4, "tensor \"a\": shape: expected an array, found 1"},
        {"{\"a\":" T("F32", "[-1]", 0, 4) "}", 4, "tensor \"a\": shape: dimension 0 is not a whole number"},
        {"{\"a\":" T("F32", "[1.0]", 0, 4) "}", 4, "dimension 0 is not a whole number"},
        {"{\"a\":" T("F32", "[1,1,1,1,1,1]", 0, 4) "}", 4, "shape: 6 dimensions, this program has at most 5"},
        {"{\"a\":" T("F32", "[4294967296,4294967296]", 0, 4) "}", 4, "shape: too large"},
        {"{\"a\":" T("F32", "[4611686018427387904]", 0, 0) "}", 0, "shape: too large"},
        {"{\"a\":" T("U8", "[4294967296,2147483648,0]", 0, 0) "}", 0, "shape: too large"},
        {"{\"a\":" T("U8", "[0,4294967296,2147483648]", 0, 0) "}", 0, "shape: too large"},
        {"{\"a\":" T("F32", "[1]", 0, 8) "}", 8, "data_offsets: 8 bytes, but the shape needs 4"},
        {"{\"a\":" T("F32", "[1]", 4, 0) "}", 4, "data_offsets: 4 to 0 is no range"},
        {"{\"a\":" T("F32", "[1]", -4, 0) "}", 4, "data_offsets: -4 to 0 is no range"},
        {"{\"a\":" T("F32", "[2]", 0, 8) "}", 7, "data ends at byte 8, but the file has 7 bytes of data"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "not a pair"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.0]}}", 4, "not a pair"},
        {"{\"a\":" T("F32", "[1]", 0, 4) ",\"a\":" T("F32", "[1]", 4, 8) "}", 8, "duplicate"},
        {"{\"a\":" T("F32", "[2]", 0, 8) ",\"b\":" T("F32", "[1]", 4, 8) "}", 8,
         "tensor \"b\": its data overlaps that of \"a\""},
        {"{\"a\":" T("F32", "[1]", 0, 4) ",\"b\":" T("F32", "[1]", 0, 4) "}", 4, "overlaps"},
        {"{\"a\":" T("F32", "[1]", 0, 4) ",\"b\":" T("F32", "[1]", 6, 10) "}", 10,
         "tensor \"b\": a hole of 2 bytes before its data"},
        {"{\"a\":" T("F32", "[1]", 4, 8) "}", 8, "tensor \"a\": a hole of 4 bytes"},
        {"{\"a\":" T("F32", "[1]", 0, 4) "}", 5, "1 bytes after the last tensor"},
        {"{}", 1, "1 bytes after the last tensor"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: the value of \"a\" is not a string"},
    };
    struct sl_buf b = SL_BUF_INIT(4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        build(&b, cases[i].header, cases[i].data);
        sl_safetensors *st = (sl_safetensors *)1;
        sl_error err = {0};
        if (sl_safetensors_parse((const unsigned char *)b.data, b.len, &st, &err) != SL_ERR_FORMAT)
            fail_msg("accepted: %s", cases[i].header);
        assert_null(st);
        expect_message(&err, cases[i].message);
    }
    sl_buf_release(&b);
}

static void test_header_lengths_are_checked_against_the_file(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *message;
    } cases[] = {{100000001, "over the format's 100000000"},
                 {UINT64_MAX, "over the format's"},
                 {3, "truncated: a header of 3 bytes in a file of 10"},
                 {0, "not a JSON object"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char file[10] = "________{}";
        memcpy(file, &cases[i].length, 8);
        sl_safetensors *st;
        sl_error err;
        assert_int_equal(sl_safetensors_parse(file, sizeof file, &st, &err), SL_ERR_FORMAT);
        expect_message(&err, cases[i].message);
    }
}

static void test_every_truncation_is_noticed_and_named(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(1 << 16);
    sl_error err;
    assert_sl_ok(sl_file_read(golden_path, &b, &err), &err);
    const char *path = test_temp_path("cut.safetensors");
    for (size_t n = 0; n < b.len; n++) {
        sl_safetensors *st;
        unsigned char *copy = malloc(n ? n : 1); /* exact, so that ASan sees a read past the end */
        assert_non_null(copy);
        memcpy(copy, b.data, n);
        assert_int_equal(sl_safetensors_parse(copy, n, &st, &err), SL_ERR_FORMAT);
        free(copy);
        if (n % 50) continue;
        test_write_file(path, b.data, n);
        assert_int_equal(sl_safetensors_open(path, &st, &err), SL_ERR_FORMAT);
        expect_message(&err, path);
    }
    sl_buf_release(&b);
}

/* Declares the golden file's tensors, in its order, and writes their data in pieces of `piece` bytes. */
static void write_golden(sl_safetensors_writer *w, const char *path, size_t piece)
{
    static const char *const order[] = {"weight", "ids",  "count", "half", "old_half", "quantised \xc3\xbc",
                                        "empty",  "bytes"};
    sl_safetensors *st = open_checkpoint(golden_path);
    sl_error err;
    for (int i = 0; i < 8; i++) {
        const struct sl_stored_tensor *t = sl_safetensors_find(st, order[i]);
        assert_sl_ok(sl_safetensors_writer_declare(w, t->name, t->dtype, t->n_dims, t->shape, &err), &err);
    }
    assert_sl_ok(sl_safetensors_writer_begin_file(w, path, &err), &err);
    for (int i = 0; i < 8; i++) {
        const struct sl_stored_tensor *t = sl_safetensors_find(st, order[i]);
        for (size_t at = 0; at < t->bytes; at += piece)
            sl_safetensors_writer_add(w, t->name, t->data + at, t->bytes - at < piece ? t->bytes - at : piece);
    }
    sl_safetensors_close(&st);
}

static void test_writes_the_bytes_of_an_independent_program(void **state)
{
    (void)state;
    const char *path = test_temp_path("written.safetensors");
    struct sl_buf ours = SL_BUF_INIT(1 << 16), theirs = SL_BUF_INIT(1 << 16);
    sl_error err;
    for (size_t piece = 1; piece <= 64; piece *= 4) {
        sl_safetensors_writer *w;
        assert_sl_ok(sl_safetensors_writer_new(&w, &err), &err);
        write_golden(w, path, piece);
        assert_sl_ok(sl_safetensors_writer_commit(&w, &err), &err);
        assert_null(w);
        sl_buf_clear(&ours);
        sl_buf_clear(&theirs);
        assert_sl_ok(sl_file_read(path, &ours, &err), &err);
        assert_sl_ok(sl_file_read(golden_path, &theirs, &err), &err);
        assert_int_equal(ours.len, theirs.len);
        assert_memory_equal(ours.data, theirs.data, ours.len);
    }
    sl_buf_release(&ours);
    sl_buf_release(&theirs);
}

static void test_data_starts_on_eight_bytes(void **state)
{
    (void)state;
    const char *path = test_temp_path("padded.safetensors");
    const int64_t shape[1] = {1};
    char name[10] = "";
    sl_error err;
    for (size_t n = 1; n < sizeof name; n++) {
        name[n - 1] = 'n';
        sl_safetensors_writer *w;
        assert_sl_ok(sl_safetensors_writer_new(&w, &err), &err);
        assert_sl_ok(sl_safetensors_writer_declare(w, name, SL_U8, 1, shape, &err), &err);
        assert_sl_ok(sl_safetensors_writer_begin_file(w, path, &err), &err);
        sl_safetensors_writer_add(w, name, "x", 1);
        assert_sl_ok(sl_safetensors_writer_commit(&w, &err), &err);
        struct sl_buf b = SL_BUF_INIT(1 << 16);
        assert_sl_ok(sl_file_read(path, &b, &err), &err);
        assert_int_equal(b.len % 8, 1);
        sl_buf_release(&b);
        sl_safetensors *st = open_checkpoint(path);
        assert_int_equal(sl_safetensors_find(st, name)->data[0], 'x');
        sl_safetensors_close(&st);
    }
}

/* What test_wrong_data_leaves_the_old_file does wrong. */
enum mistake { TOO_LITTLE, TOO_MUCH, WRONG_ORDER, AFTER_THE_END, GIVEN_UP, N_MISTAKES };

static void test_wrong_data_leaves_the_old_file(void **state)
{
    (void)state;
    static const char *const messages[N_MISTAKES] = {
        [TOO_LITTLE] = "tensor \"b\" has 1 of its 2 bytes",
        [TOO_MUCH] = "tensor \"a\": more than its 2 bytes",
        [WRONG_ORDER] = "data of tensor \"b\" came where that of \"a\" belongs",
        [AFTER_THE_END] = "data of tensor \"b\" came where that of \"(none)\" belongs",
    };
    const char *dir = make_dir("mistakes");
    const char *path = test_temp_path("mistakes/f");
    test_write_file(path, "old", 3);
    const int64_t two[1] = {2};
    sl_error err;
    for (int m = 0; m < N_MISTAKES; m++) {
        sl_safetensors_writer *w;
        assert_sl_ok(sl_safetensors_writer_new(&w, &err), &err);
        assert_sl_ok(sl_safetensors_writer_declare(w, "a", SL_U8, 1, two, &err), &err);
        assert_sl_ok(sl_safetensors_writer_declare(w, "b", SL_U8, 1, two, &err), &err);
        assert_sl_ok(sl_safetensors_writer_begin_file(w, path, &err), &err);
        if (m != WRONG_ORDER) sl_safetensors_writer_add(w, "a", "xyz", m == TOO_MUCH ? 3 : 2);
        sl_safetensors_writer_add(w, "b", "xy", m == TOO_LITTLE ? 1 : 2);
        if (m == AFTER_THE_END) sl_safetensors_writer_add(w, "b", "x", 1);
        if (m == GIVEN_UP) {
            sl_safetensors_writer_abort(&w);
        } else {
            assert_int_equal(sl_safetensors_writer_commit(&w, &err), SL_ERR_ARGUMENT);
            expect_message(&err, messages[m]);
        }
        assert_null(w);
        assert_int_equal(count_files(dir), 1);
        struct sl_buf b = SL_BUF_INIT(100);
        assert_sl_ok(sl_file_read(path, &b, &err), &err);
        assert_string_equal(sl_buf_str(&b), "old");
        sl_buf_release(&b);
    }
}

static void test_impossible_declarations_are_refused(void **state)
{
    (void)state;
    sl_safetensors_writer *w;
    sl_error err;
    const int64_t good[1] = {2}, negative[1] = {-2}, large[2] = {INT64_MAX, 2};
    assert_sl_ok(sl_safetensors_writer_new(&w, &err), &err);
    assert_sl_ok(sl_safetensors_writer_declare(w, "a", SL_F32, 1, good, &err), &err);
    assert_int_equal(sl_safetensors_writer_declare(w, "a", SL_F32, 1, good, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_safetensors_writer_declare(w, "__metadata__", SL_F32, 1, good, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_safetensors_writer_declare(w, "\xff", SL_F32, 1, good, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_safetensors_writer_declare(w, "b", SL_F32, 1, negative, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_safetensors_writer_declare(w, "b", SL_F32, 2, large, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_safetensors_writer_begin_folder(w, test_temp_path("nowhere"), 0, &err), SL_ERR_IO);
    sl_safetensors_writer_abort(&w);
    assert_null(w);
}

enum { N_SAVED = 5, SAVED_BYTES = 1000 };

/* Starts a save of N_SAVED tensors of SAVED_BYTES bytes, all with this value; stops before commit. */
static sl_status start_save(const char *dir, int value, size_t max_shard, sl_safetensors_writer **w, sl_error *err)
{
    const int64_t shape[2] = {10, SAVED_BYTES / 10};
    sl_status status = sl_safetensors_writer_new(w, err);
    char name[16], bytes[SAVED_BYTES];
    for (int i = 0; i < N_SAVED && !status; i++) {
        snprintf(name, sizeof name, "t%d", i);
        status = sl_safetensors_writer_declare(*w, name, SL_I8, 2, shape, err);
    }
    if (!status) status = sl_safetensors_writer_begin_folder(*w, dir, max_shard, err);
    memset(bytes, value, sizeof bytes);
    for (int i = 0; i < N_SAVED && !status; i++) {
        snprintf(name, sizeof name, "t%d", i);
        sl_safetensors_writer_add(*w, name, bytes, 400);
        sl_safetensors_writer_add(*w, name, bytes + 400, sizeof bytes - 400);
    }
    return status;
}

static sl_status save(const char *dir, int value, size_t max_shard, sl_error *err)
{
    sl_safetensors_writer *w = NULL;
    sl_status status = start_save(dir, value, max_shard, &w, err);
    if (!status) return sl_safetensors_writer_commit(&w, err);
    sl_safetensors_writer_abort(&w);
    return status;
}

/* Returns the value that all bytes of the checkpoint in dir have; fails the test when they are mixed. */
static int saved_value(const char *dir)
{
    sl_safetensors *st = open_checkpoint(dir);
    assert_int_equal(sl_safetensors_count(st), N_SAVED);
    int value = sl_safetensors_at(st, 0)->data[0];
    for (size_t i = 0; i < N_SAVED; i++) {
        const struct sl_stored_tensor *t = sl_safetensors_at(st, i);
        assert_int_equal(t->bytes, SAVED_BYTES);
        for (size_t j = 0; j < t->bytes; j++)
            if (t->data[j] != value) fail_msg("%s byte %zu is of another save", t->name, j);
    }
    sl_safetensors_close(&st);
    return value;
}

static void test_folders_change_between_one_file_and_shards(void **state)
{
    (void)state;
    const char *dir = make_dir("changes");
    put(dir, "config.json", "{}");
    put(dir, "model-notes.safetensors", "not ours");
    sl_error err;
    assert_sl_ok(save(dir, 1, 0, &err), &err);
    assert_int_equal(saved_value(dir), 1);
    assert_int_equal(count_files(dir), 3);
    assert_sl_ok(save(dir, 2, 2500, &err), &err);
    assert_int_equal(saved_value(dir), 2);
    assert_true(has(dir, "model-00003-of-00003.safetensors"));
    assert_int_equal(count_files(dir), 2 + 3 + 1);
    assert_sl_ok(save(dir, 3, 2500, &err), &err);
    assert_int_equal(saved_value(dir), 3);
    assert_true(has(dir, "model-b-00003-of-00003.safetensors"));
    assert_int_equal(count_files(dir), 2 + 3 + 1);
    assert_sl_ok(save(dir, 4, 10, &err), &err);
    assert_int_equal(saved_value(dir), 4);
    assert_true(has(dir, "model-00005-of-00005.safetensors"));
    assert_int_equal(count_files(dir), 2 + 5 + 1);
    assert_sl_ok(save(dir, 5, N_SAVED * SAVED_BYTES, &err), &err);
    assert_int_equal(saved_value(dir), 5);
    assert_int_equal(count_files(dir), 3);
    assert_true(has(dir, "model-notes.safetensors"));
}

static void test_an_abandoned_save_of_shards_changes_nothing(void **state)
{
    (void)state;
    const char *dir = make_dir("abandoned");
    sl_error err;
    for (size_t old_shard = 0; old_shard <= 2000; old_shard += 2000) {
        assert_sl_ok(save(dir, 1, old_shard, &err), &err);
        int files = count_files(dir);
        sl_safetensors_writer *w;
        assert_sl_ok(start_save(dir, 2, 2000, &w, &err), &err);
        assert_int_equal(saved_value(dir), 1);
        assert_true(count_files(dir) > files);
        sl_safetensors_writer_abort(&w);
        assert_int_equal(saved_value(dir), 1);
        assert_int_equal(count_files(dir), files);
    }
}

static void test_a_second_save_into_a_folder_is_refused(void **state)
{
    (void)state;
    const char *dir = make_dir("locked");
    sl_error err;
    sl_safetensors_writer *w;
    assert_sl_ok(start_save(dir, 1, 2000, &w, &err), &err);
    assert_int_equal(save(dir, 2, 2000, &err), SL_ERR_IO);
    expect_message(&err, "another save is under way");
    assert_sl_ok(sl_safetensors_writer_commit(&w, &err), &err);
    assert_int_equal(saved_value(dir), 1);
    assert_sl_ok(save(dir, 3, 2000, &err), &err);
    assert_int_equal(saved_value(dir), 3);
}

static void test_a_kill_at_any_moment_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    /* 0: always one file; 1: always shards; 2: in turn. */
    for (int mode = 0; mode < 3; mode++) {
        char name[16];
        snprintf(name, sizeof name, "killed%d", mode);
        const char *dir = make_dir(name);
        sl_error err;
        struct sl_rng rng;
        sl_rng_init(&rng, 11, (uint64_t)mode);
        int last = 1, progress = 0;
        uint32_t window = 15000; /* microseconds; grows where a disk is too slow for a save to end in it */
        assert_sl_ok(save(dir, last, 0, &err), &err);
        for (int i = 0; i < 30; i++) {
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                for (int v = last % 100 + 1;; v = v % 100 + 1)
                    if (save(dir, v, mode == 0 || (mode == 2 && v % 2) ? 0 : 1500, NULL)) _exit(1);
            }
            usleep(300 + sl_rng_below(&rng, window));
            assert_int_equal(kill(child, SIGKILL), 0);
            int how;
            assert_int_equal(waitpid(child, &how, 0), child);
            assert_true(WIFSIGNALED(how));
            int value = saved_value(dir);
            progress += value != last;
            if (progress == 0 && window < 2000000) window *= 2;
            last = value;
        }
        assert_true(progress > 0);
        assert_sl_ok(save(dir, 101, mode == 1 ? 1500 : 0, &err), &err);
        assert_int_equal(saved_value(dir), 101);
        assert_int_equal(count_files(dir), mode == 1 ? 5 + 1 : 1);
    }
}

static void test_broken_indexes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *index, *message;
        sl_status status;
    } cases[] = {
        {"{", "model.safetensors.index.json: bad JSON", SL_ERR_FORMAT},
        {"{}", "\"weight_map\" is missing", SL_ERR_FORMAT},
        {"{\"weight_map\":{\"t0\":\"../x.safetensors\"}}", "\"t0\" is not in a file of this folder", SL_ERR_FORMAT},
        {"{\"weight_map\":{\"t0\":\"..\"}}", "\"t0\" is not in a file of this folder", SL_ERR_FORMAT},
        {"{\"weight_map\":{\"t0\":7}}", "\"t0\" is not in a file of this folder", SL_ERR_FORMAT},
        {"{\"weight_map\":{\"t0\":\"gone.safetensors\"}}", "gone.safetensors: No such file", SL_ERR_IO},
        {"{\"weight_map\":{\"t9\":\"model-00001-of-00003.safetensors\"}}", "tensor \"t9\" is not in model-00001",
         SL_ERR_FORMAT},
        {"{\"weight_map\":{\"t0\":\"model-00001-of-00003.safetensors\",\"t1\":\"model-00002-of-00003.safetensors\"}}",
         "tensor \"t1\" is not in model-00002", SL_ERR_FORMAT},
        {"{\"weight_map\":{\"t0\":\"model-00001-of-00003.safetensors\",\"t1\":\"copy.safetensors\"}}",
         "tensor \"t0\" is in ", SL_ERR_FORMAT},
    };
    const char *dir = make_dir("index");
    sl_error err;
    assert_sl_ok(save(dir, 1, 2000, &err), &err);
    struct sl_buf shard = SL_BUF_INIT(1 << 16);
    assert_sl_ok(sl_file_read(test_temp_path("index/model-00001-of-00003.safetensors"), &shard, &err), &err);
    test_write_file(test_temp_path("index/copy.safetensors"), shard.data, shard.len);
    sl_buf_release(&shard);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(dir, "model.safetensors.index.json", cases[i].index);
        sl_safetensors *st;
        assert_int_equal(sl_safetensors_open(dir, &st, &err), cases[i].status);
        assert_null(st);
        expect_message(&err, cases[i].message);
    }
    sl_safetensors *st;
    assert_int_equal(sl_safetensors_open(make_dir("nothing"), &st, &err), SL_ERR_IO);
    expect_message(&err, "neither model.safetensors nor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_an_independent_program_wrote),
        cmocka_unit_test(test_scalars_unknown_uses_and_odd_alignment_are_read),
        cmocka_unit_test(test_broken_files_are_refused_with_tensor_and_reason),
        cmocka_unit_test(test_header_lengths_are_checked_against_the_file),
        cmocka_unit_test(test_every_truncation_is_noticed_and_named),
        cmocka_unit_test(test_writes_the_bytes_of_an_independent_program),
        cmocka_unit_test(test_data_starts_on_eight_bytes),
        cmocka_unit_test(test_wrong_data_leaves_the_old_file),
        cmocka_unit_test(test_impossible_declarations_are_refused),
        cmocka_unit_test(test_folders_change_between_one_file_and_shards),
        cmocka_unit_test(test_an_abandoned_save_of_shards_changes_nothing),
        cmocka_unit_test(test_a_second_save_into_a_folder_is_refused),
        cmocka_unit_test(test_a_kill_at_any_moment_leaves_the_old_or_the_new),
        cmocka_unit_test(test_broken_indexes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
