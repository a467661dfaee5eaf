/*
 * test_picture.c: every kind of picture file shows what an independent reader sees in it, and no broken one is shown.
 * The files and what they show are made by scripts/golden/pillow_resize.py.
 */
#include "test.h"

#include "base/buf.h"
#include "base/file.h"
#include "media/codecs.h"

#define FOLDER "tests/media/golden/pictures/"

static void load(struct sl_buf *b, const char *name)
{
    char path[256];
    sl_error err;
    snprintf(path, sizeof path, FOLDER "%s", name);
    assert_sl_ok(sl_file_read(path, b, &err), &err);
}

/* Decodes the file called name and compares it with name.rgb. */
static void check_file(const char *name)
{
    struct sl_picture p;
    struct sl_buf golden = SL_BUF_INIT(1 << 20);
    char path[256];
    sl_error err;
    snprintf(path, sizeof path, FOLDER "%s", name);
    assert_sl_ok(sl_picture_read(&p, path, SL_PICTURE_MAX_PIXELS, &err), &err);
    snprintf(path, sizeof path, "%s.rgb", name);
    load(&golden, path);
    int32_t size[2];
    memcpy(size, golden.data, sizeof size);
    if (p.width != size[0] || p.height != size[1]) fail_msg("%s is %dx%d", name, p.width, p.height);
    if (memcmp(p.rgb, golden.data + sizeof size, (size_t)(p.width * p.height) * 3) != 0) {
        for (int i = 0; i < p.width * p.height * 3; i++)
            if (p.rgb[i] != (uint8_t)golden.data[sizeof size + (size_t)i])
                fail_msg("%s: byte %d is %d, not %d", name, i, p.rgb[i], (uint8_t)golden.data[sizeof size + (size_t)i]);
    }
    sl_buf_release(&golden);
    sl_picture_free(&p);
}

/* Decodes the first n bytes; an error must leave the picture empty and one line of message. */
static sl_status decode_part(const struct sl_buf *b, size_t n, sl_error *err)
{
    struct sl_picture p;
    /* A copy of the exact size, so that the sanitizer sees a read past the end. */
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, b->data, n);
    *err = (sl_error){0};
    sl_status status = sl_picture_decode(&p, exact, n, SL_PICTURE_MAX_PIXELS, err);
    if (status) {
        assert_null(p.rgb);
        assert_int_equal(p.width, 0);
        assert_true(err->message[0] && !strchr(err->message, '\n'));
    }
    sl_picture_free(&p);
    free(exact);
    return status;
}

static void every_kind_of_png_shows_what_it_holds(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb.png",   "rgba.png",        "grey.png",          "grey_alpha.png",
                                        "grey1.png", "palette.png",     "palette_alpha.png", "rgb_key.png",
                                        "rgb16.png", "grey16.png",      "interlaced.png",    "interlaced_alpha.png",
                                        "gamma.png", "exif_before.png", "exif_after.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_file(names[i]);
}

static void every_kind_of_jpeg_shows_what_it_holds(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb.jpg", "rgb444.jpg", "grey.jpg", "progressive.jpg", "cmyk.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_file(names[i]);
}

static void every_kind_of_webp_shows_what_it_holds(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb.webp",           "lossless.webp",     "rgba.webp",
                                        "rgba_lossless.webp", "orientation6.webp", "orientation8.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_file(names[i]);
}

static void every_kind_of_gif_shows_what_it_holds(void **state)
{
    (void)state;
    static const char *const names[] = {"palette.gif", "grey.gif", "interlaced.gif", "beyond.gif"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_file(names[i]);
}

static void an_animation_shows_its_first_frame_over_white(void **state)
{
    (void)state;
    check_file("placed.gif");
    check_file("animated.webp");
}

static void every_kind_of_bmp_shows_what_it_holds(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb.bmp",      "grey.bmp",   "grey1.bmp",  "palette.bmp", "opaque32.bmp",
                                        "top_down.bmp", "rgb555.bmp", "rgb565.bmp", "rgba.bmp",    "palette4.bmp",
                                        "core.bmp",     "rle8.bmp",   "rle4.bmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_file(names[i]);
}

/* Changes the 16 bits at `at` of a file. */
static void patch_u16(struct sl_buf *b, size_t at, unsigned value)
{
    b->data[at] = (char)value;
    b->data[at + 1] = (char)(value >> 8);
}

static void bmp_headers_that_lie_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t at;
        unsigned value;
        sl_status status;
        const char *message;
    } cases[] = {
        {"rgb.bmp", 14, 41 << 8, SL_ERR_FORMAT, "header of unknown size"},
        {"rgb.bmp", 10, 20, SL_ERR_FORMAT, "lie in the header"},
        {"rgb.bmp", 12, 0xffff, SL_ERR_FORMAT, "ends too early"},
        {"rgb.bmp", 18, 0, SL_ERR_MEMORY, "0x13"},
        {"rgb.bmp", 20, 0x8000, SL_ERR_MEMORY, "x13"},
        {"rgb.bmp", 24, 0x8000, SL_ERR_MEMORY, "19x"},
        {"rgb.bmp", 28, 2, SL_ERR_UNSUPPORTED, "2 bits"},
        {"rgb.bmp", 30, 4, SL_ERR_UNSUPPORTED, "compression 4"},
        {"palette4.bmp", 46, 3, SL_ERR_FORMAT, "a colour that it does not have"},
        {"rgb565.bmp", 54, 0xf801, SL_ERR_FORMAT, "scattered bits"},
        {"rle8.bmp", 24, 0xffff, SL_ERR_FORMAT, "from the top"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_buf b = SL_BUF_INIT(1 << 20);
        sl_error err;
        load(&b, cases[i].name);
        patch_u16(&b, cases[i].at, cases[i].value);
        sl_status status = decode_part(&b, b.len, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].message))
            fail_msg("case %zu: %d, %s", i, status, err.message);
        sl_buf_release(&b);
    }
}

static void run_lengths_that_leave_a_bmp_are_cut_off(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(1 << 20);
    sl_error err;
    load(&b, "rle8.bmp");
    size_t start = 14 + 40 + 64;
    for (int i = 0; i < 255; i++) sl_buf_add(&b, "\0\2\377\377\377\3\0\4\1\2\3\4", 12);
    sl_buf_add(&b, "\0\1", 2);
    memcpy(b.data + start, "\377\1\377\2\0\2\0\377\377\3\377\3\377\3\377\3\377\3", 18);
    memset(b.data + start + 18, 9, 16);
    assert_sl_ok(decode_part(&b, b.len, &err), &err);
    sl_buf_release(&b);
}

static void a_gif_without_a_picture_or_colours_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *message;
    } cases[] = {
        {"GIF89a\1\0\1\0\0\0\0;", 14, "no picture"},
        {"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\104\1\0;", 28, "no colours"},
        {"GIF89a\1\0\1\0\200\0\0\1\2\3\4\5\6,\0\0\0\0\1\0\1\0\0\2\2\124\1\0;", 34, "colour 2 of 2"},
        {"GIF89a\1\0\1\0\200\0\0\1\2\3\4\5\6,\0\0\0\0\0\0\1\0\0\2\2\124\1\0;", 34, "frame of 0x1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_buf b = SL_BUF_INIT(100);
        sl_error err;
        sl_buf_add(&b, cases[i].bytes, cases[i].n);
        assert_int_equal(decode_part(&b, b.len, &err), SL_ERR_FORMAT);
        if (!strstr(err.message, cases[i].message)) fail_msg("case %zu: %s", i, err.message);
        sl_buf_release(&b);
    }
}

static void all_eight_orientations_come_out_upright(void **state)
{
    (void)state;
    for (int i = 1; i <= 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "orientation%d.jpg", i);
        check_file(name);
    }
}

static void a_file_cut_anywhere_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t spare; /* bytes at the end without which nothing is lost: the end marker of JPEG and GIF */
    } cases[] = {{"rgb.png", 0},
                 {"palette_alpha.png", 0},
                 {"interlaced_alpha.png", 0},
                 {"exif_after.png", 0},
                 {"rgb.jpg", 2},
                 {"grey.jpg", 2},
                 {"cmyk.jpg", 2},
                 {"progressive.jpg", 0},
                 {"rgb.webp", 0},
                 {"rgba_lossless.webp", 0},
                 {"palette.gif", 1},
                 {"interlaced.gif", 1},
                 {"rgb.bmp", 0},
                 {"palette4.bmp", 0},
                 {"rgba.bmp", 0},
                 {"core.bmp", 0},
                 {"rle8.bmp", 0},
                 {"rle4.bmp", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_buf b = SL_BUF_INIT(1 << 20);
        sl_error err;
        load(&b, cases[i].name);
        for (size_t n = 0; n < b.len - cases[i].spare; n++)
            if (decode_part(&b, n, &err) == SL_OK)
                fail_msg("%s is shown from %zu of %zu bytes", cases[i].name, n, b.len);
        assert_sl_ok(decode_part(&b, b.len - cases[i].spare, &err), &err);
        sl_buf_release(&b);
    }
}

static void a_damaged_checksum_is_an_error(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(1 << 20);
    sl_error err;
    load(&b, "rgb.png");
    b.data[b.len - 20] ^= 1; /* in the compressed pixels */
    assert_int_equal(decode_part(&b, b.len, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "broken PNG file"));
    sl_buf_release(&b);
}

static void endless_scans_are_an_error(void **state)
{
    (void)state;
    struct sl_buf b = SL_BUF_INIT(1 << 20), many = SL_BUF_INIT(1 << 20);
    sl_error err;
    load(&b, "progressive.jpg");
    size_t scan = b.len; /* where the last scan starts */
    while (memcmp(b.data + scan - 2, "\xff\xda", 2) != 0) scan--;
    scan -= 2;
    sl_buf_add(&many, b.data, scan);
    for (int i = 0; i < 600; i++) sl_buf_add(&many, b.data + scan, b.len - 2 - scan);
    sl_buf_addstr(&many, "\xff\xd9");
    assert_int_equal(decode_part(&many, many.len, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "more than 500 scans"));
    sl_buf_release(&b);
    sl_buf_release(&many);
}

static void other_files_are_refused_by_name(void **state)
{
    (void)state;
    sl_error err;
    struct sl_picture p;
    const char *path = test_temp_path("a.tif");
    test_write_file(path, "II*\0\10\0\0\0", 8);
    assert_int_equal(sl_picture_read(&p, path, SL_PICTURE_MAX_PIXELS, &err), SL_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "a.tif: not a PNG, JPEG, WebP, GIF or BMP file"));
    test_write_file(path, "", 0);
    assert_int_equal(sl_picture_read(&p, path, SL_PICTURE_MAX_PIXELS, &err), SL_ERR_UNSUPPORTED);
    assert_int_equal(sl_picture_read(&p, test_temp_path("none.png"), SL_PICTURE_MAX_PIXELS, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "none.png"));
}

static void pictures_over_the_limit_are_refused_before_they_are_allocated(void **state)
{
    (void)state;
    sl_error err;
    struct sl_picture p;
    assert_int_equal(sl_picture_read(&p, FOLDER "rgb.jpg", 19 * 13 - 1, &err), SL_ERR_MEMORY);
    assert_non_null(strstr(err.message, "19x13"));
    assert_sl_ok(sl_picture_read(&p, FOLDER "rgb.jpg", 19 * 13, &err), &err);
    sl_picture_free(&p);
    assert_int_equal(sl_picture_read(&p, "tests/fuzz/corpus/picture/huge.png", SL_PICTURE_MAX_PIXELS, &err),
                     SL_ERR_MEMORY);
    static const char *const names[] = {"rgba.webp", "animated.webp", "palette.gif", "rgb.bmp", "rle8.bmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        snprintf(path, sizeof path, FOLDER "%s", names[i]);
        assert_int_equal(sl_picture_read(&p, path, 19 * 13 - 1, &err), SL_ERR_MEMORY);
        assert_non_null(strstr(err.message, "19x13"));
    }
    assert_int_equal(sl_picture_new(&p, 65536, 1, SL_PICTURE_MAX_PIXELS, &err), SL_ERR_MEMORY);
    assert_int_equal(sl_picture_new(&p, 0, 1, SL_PICTURE_MAX_PIXELS, &err), SL_ERR_MEMORY);
    assert_int_equal(sl_picture_new(&p, 65535, 65535, INT64_MAX, &err), SL_ERR_MEMORY);
}

static void orientation_is_read_in_both_byte_orders_and_nonsense_is_upright(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int orientation;
    } cases[] = {
        {"MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0", 22, 6},
        {"II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\5\0\0\0", 22, 5},
        {"MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\11\0\0", 22, 1},    /* nine */
        {"MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\0\0\0", 22, 1},     /* zero */
        {"MM\0*\0\0\0\10\0\1\1\22\0\4\0\0\0\1\0\6\0\0", 22, 1},     /* another type */
        {"MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\2\0\6\0\0", 22, 1},     /* two values */
        {"MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0", 19, 1},           /* cut */
        {"MM\0*\0\0\0\10\377\377\1\21\0\3\0\0\0\1\0\6\0\0", 22, 1}, /* entries that are not there */
        {"MM\0*\377\377\377\377\0\1", 10, 1},
        {"II*\0", 4, 1},
        {"XX*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\5\0\0\0", 22, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *exact = malloc(cases[i].n);
        assert_non_null(exact);
        memcpy(exact, cases[i].bytes, cases[i].n);
        assert_int_equal(sl_exif_orientation(exact, cases[i].n), cases[i].orientation);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_png_shows_what_it_holds),
        cmocka_unit_test(every_kind_of_jpeg_shows_what_it_holds),
        cmocka_unit_test(every_kind_of_webp_shows_what_it_holds),
        cmocka_unit_test(every_kind_of_gif_shows_what_it_holds),
        cmocka_unit_test(an_animation_shows_its_first_frame_over_white),
        cmocka_unit_test(every_kind_of_bmp_shows_what_it_holds),
        cmocka_unit_test(bmp_headers_that_lie_are_errors),
        cmocka_unit_test(run_lengths_that_leave_a_bmp_are_cut_off),
        cmocka_unit_test(a_gif_without_a_picture_or_colours_is_an_error),
        cmocka_unit_test(all_eight_orientations_come_out_upright),
        cmocka_unit_test(a_file_cut_anywhere_is_an_error),
        cmocka_unit_test(a_damaged_checksum_is_an_error),
        cmocka_unit_test(endless_scans_are_an_error),
        cmocka_unit_test(other_files_are_refused_by_name),
        cmocka_unit_test(pictures_over_the_limit_are_refused_before_they_are_allocated),
        cmocka_unit_test(orientation_is_read_in_both_byte_orders_and_nonsense_is_upright),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
