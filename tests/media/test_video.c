/*
 * test_video.c: reading frames by number: the right ones, in any order, decoding no more than is needed.
 */
#include "media/video.h"

#include "clip.h"
#include "test.h"

#include <math.h>

static struct sl_video *open_clip(const struct sl_buf *clip, const struct sl_video_options *options)
{
    sl_error err;
    struct sl_video *v;
    assert_sl_ok(sl_video_open_memory(&v, clip->data, clip->len, "clip", options, &err), &err);
    return v;
}

static int number_at(struct sl_video *v, int64_t index, int width, int height)
{
    sl_error err;
    struct sl_picture p;
    assert_sl_ok(sl_video_frame(v, index, width, height, &p, &err), &err);
    int number = clip_number(&p);
    sl_picture_free(&p);
    return number;
}

/* The kinds of clip that the tests below run over. */
static struct sl_video_writer_options kind(int k)
{
    struct sl_video_writer_options o = sl_video_writer_options_default();
    o.key_interval = 20;
    if (k == 1) o.fast = true; /* no reordering of frames */
    if (k == 2) {
        o.codec = SL_VIDEO_VP9;
        o.fast = true;
    }
    return o;
}
enum { N_KINDS = 3 };

static void every_frame_is_read_by_its_number_in_any_order(void **state)
{
    (void)state;
    enum { N = 90 };
    for (int k = 0; k < N_KINDS; k++) {
        struct sl_buf clip = SL_BUF_INIT(1 << 24);
        const struct sl_video_writer_options o = kind(k);
        clip_make(&o, N, &clip);
        struct sl_video *v = open_clip(&clip, NULL);
        assert_int_equal(sl_video_info(v)->n_frames, N);
        for (int i = 0; i < N; i++) assert_int_equal(number_at(v, i, 0, 0), i);
        assert_in_range(sl_video_info(v)->n_packets, N, N + 1);
        for (int i = 0, at = 0; i < N; i++, at = (at + 37) % N) {
            assert_int_equal(number_at(v, at, 0, 0), at);
            assert_int_equal(number_at(v, at, 56, 28), at);
        }
        for (int i = N - 1; i >= 0; i -= 7) assert_int_equal(number_at(v, i, 0, 0), i);
        assert_int_equal(sl_video_info(v)->n_damaged, 0);
        assert_int_equal(sl_video_info(v)->n_substitute, 0);
        sl_video_close(&v);
        assert_null(v);
        sl_buf_release(&clip);
    }
}

static void size_rate_and_duration_are_known_without_decoding(void **state)
{
    (void)state;
    for (int k = 0; k < N_KINDS; k++) {
        struct sl_buf clip = SL_BUF_INIT(1 << 24);
        struct sl_video_writer_options o = kind(k);
        o.fps_num = 30000;
        o.fps_den = 1001;
        clip_make(&o, 60, &clip);
        struct sl_video *v = open_clip(&clip, NULL);
        const struct sl_video_info *info = sl_video_info(v);
        assert_int_equal(info->n_frames, 60);
        assert_int_equal(info->width, CLIP_WIDTH);
        assert_int_equal(info->height, CLIP_HEIGHT);
        assert_true(fabs(info->fps - 30000 / 1001.0) < 0.01);
        assert_true(fabs(info->seconds - 60 * 1001 / 30000.0) < 0.01);
        assert_false(info->variable);
        assert_int_equal(info->n_packets, 0);
        for (int i = 0; i < 60; i++) {
            assert_true(fabs(sl_video_seconds(v, i) - i * 1001 / 30000.0) < 0.001);
            assert_int_equal(sl_video_index_at_seconds(v, (i + 0.5) * 1001 / 30000.0), i);
        }
        assert_int_equal(sl_video_index_at_seconds(v, -1), 0);
        assert_int_equal(sl_video_index_at_seconds(v, 1e9), 59);
        sl_video_close(&v);
        sl_buf_release(&clip);
    }
}

static void a_long_clip_decodes_only_the_groups_of_frames_that_are_needed(void **state)
{
    (void)state;
    enum { SECONDS = 20 * 60, FPS = 5, N = SECONDS * FPS, GROUP = 50, WANTED = 20 };
    for (int k = 1; k < N_KINDS; k++) {
        struct sl_buf clip = SL_BUF_INIT(1 << 26);
        struct sl_video_writer_options o = kind(k);
        o.fps_num = FPS;
        o.key_interval = GROUP;
        clip_make(&o, N, &clip);
        test_write_file(test_temp_path("long"), clip.data, clip.len);
        sl_error err;
        struct sl_video *v;
        assert_sl_ok(sl_video_open(&v, test_temp_path("long"), NULL, &err), &err);
        assert_int_equal(sl_video_info(v)->n_frames, N);
        struct sl_picture pictures[WANTED];
        int64_t indices[WANTED];
        int64_t needed = 0;
        for (int i = 0; i < WANTED; i++) {
            indices[i] = (int64_t)i * (N - 1) / (WANTED - 1);
            needed += indices[i] % GROUP + 1;
        }
        assert_sl_ok(sl_video_frames(v, indices, WANTED, 56, 28, pictures, &err), &err);
        for (int i = 0; i < WANTED; i++) {
            assert_int_equal(clip_number(&pictures[i]), indices[i]);
            sl_picture_free(&pictures[i]);
        }
        /* The parser of a stream looks one packet ahead. */
        assert_in_range(sl_video_info(v)->n_packets, WANTED, needed + 2 * WANTED);
        assert_true(needed + 2 * WANTED < N / 6);
        sl_video_close(&v);
        sl_buf_release(&clip);
    }
}

static void a_plan_reads_the_frames_that_it_names(void **state)
{
    (void)state;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    const struct sl_video_writer_options o = kind(0);
    clip_make(&o, 500, &clip); /* 20 seconds */
    struct sl_video *v = open_clip(&clip, NULL);
    const struct sl_video_sampling sampling = sl_video_sampling_default();
    struct sl_video_plan plan;
    sl_error err;
    assert_sl_ok(sl_video_plan_frames(v, &sampling, &plan, &err), &err);
    assert_int_equal(plan.n_frames, 20);
    assert_int_equal(plan.level, 640);
    struct sl_picture pictures[20];
    assert_sl_ok(sl_video_frames(v, plan.indices, 20, plan.width, plan.height, pictures, &err), &err);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pictures[i].width, plan.width);
        assert_int_equal(pictures[i].height, plan.height);
        assert_int_equal(clip_number(&pictures[i]), plan.indices[i]);
        assert_true(plan.seconds[i] == (double)plan.indices[i] / 25);
        sl_picture_free(&pictures[i]);
    }
    sl_video_plan_free(&plan);
    sl_video_close(&v);
    sl_buf_release(&clip);
}

static void frames_at_odd_times_keep_their_times(void **state)
{
    (void)state;
    enum { N = 60 };
    double seconds[N];
    for (int i = 0; i < N; i++) seconds[i] = 0.04 * i + (i > 20 ? 3 : 0) + (i > 25 ? 0.5 : 0) + 0.011 * (i % 3);
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    clip_make_at(seconds, N, &clip);
    struct sl_video *v = open_clip(&clip, NULL);
    const struct sl_video_info *info = sl_video_info(v);
    assert_int_equal(info->n_frames, N);
    assert_true(info->variable);
    assert_true(info->seconds > seconds[N - 1] && info->seconds < seconds[N - 1] + 0.2);
    for (int i = 0; i < N; i++) {
        assert_true(fabs(sl_video_seconds(v, i) - seconds[i]) < 1e-4);
        assert_int_equal(sl_video_index_at_seconds(v, seconds[i] + 0.005), i);
        assert_int_equal(number_at(v, i, 0, 0), i);
    }
    for (int i = N - 1; i >= 0; i -= 11) assert_int_equal(number_at(v, i, 0, 0), i);
    const struct sl_video_sampling sampling = sl_video_sampling_default();
    struct sl_video_plan plan;
    sl_error err;
    assert_sl_ok(sl_video_plan_frames(v, &sampling, &plan, &err), &err);
    assert_int_equal(plan.n_frames, 16);
    for (int i = 0; i < 16; i++) assert_true(fabs(plan.seconds[i] - seconds[plan.indices[i]]) < 1e-4);
    sl_video_plan_free(&plan);
    sl_video_close(&v);
    sl_buf_release(&clip);
}

static char *find_bytes(const struct sl_buf *b, const char *what)
{
    char *p = memmem(b->data, b->len, what, strlen(what));
    assert_non_null(p);
    return p;
}

/* Writes the matrix of the picture (a b 0, c d 0, 0 0 1) into an MP4's track header. */
static void set_matrix(const struct sl_buf *clip, const int abcd[4])
{
    static const int places[4] = {0, 4, 12, 16}; /* ISO/IEC 14496-12, section 8.3.2 */
    unsigned char *matrix = (unsigned char *)find_bytes(clip, "tkhd") + 44;
    for (int i = 0; i < 4; i++) {
        unsigned char *p = matrix + places[i];
        p[0] = abcd[i] < 0 ? 255 : 0; /* 16.16, big-endian */
        p[1] = abcd[i] < 0 ? 255 : (unsigned char)abcd[i];
        p[2] = p[3] = 0;
    }
}

/* Returns 1 where the quarter of p at (right, below) is light. */
static int is_light(const struct sl_picture *p, int right, int below)
{
    int x = p->width * (1 + 2 * right) / 4, y = p->height * (1 + 2 * below) / 4;
    return p->rgb[3 * (y * p->width + x)] > 127;
}

static void rotated_and_mirrored_videos_come_upright(void **state)
{
    (void)state;
    /* Where the light upper left quarter, and the light lower left quarter, are to be seen. */
    static const struct {
        int abcd[4];
        int swap, upper_right, upper_below, lower_right, lower_below;
    } cases[] = {
        {{1, 0, 0, 1}, 0, 0, 0, 0, 1},   {{0, 1, -1, 0}, 1, 1, 0, 0, 0},  /* 90 degrees clockwise */
        {{-1, 0, 0, -1}, 0, 1, 1, 1, 0}, {{0, -1, 1, 0}, 1, 0, 1, 1, 1},  /* 180, 270 */
        {{-1, 0, 0, 1}, 0, 1, 0, 1, 1},  {{1, 0, 0, -1}, 0, 0, 1, 0, 0},  /* mirrored */
        {{0, 1, 1, 0}, 1, 0, 0, 1, 0},   {{0, -1, -1, 0}, 1, 1, 1, 0, 1}, /* along the diagonals */
    };
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    const struct sl_video_writer_options options = kind(0);
    struct sl_video_writer_options o = options;
    o.width = 48;
    o.height = 32;
    sl_error err;
    struct sl_video_writer *w;
    struct sl_picture p;
    assert_sl_ok(sl_video_writer_new(&w, &o, &err), &err);
    assert_sl_ok(sl_picture_new(&p, 48, 32, SL_PICTURE_MAX_PIXELS, &err), &err);
    for (int i = 0; i < 48 * 32; i++) memset(p.rgb + 3 * i, i % 48 < 24 ? 230 : 20, 3);
    assert_sl_ok(sl_video_writer_add(w, &p, &err), &err);
    assert_sl_ok(sl_video_writer_finish(&w, &clip, &err), &err);
    sl_picture_free(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_matrix(&clip, cases[i].abcd);
        struct sl_video *v = open_clip(&clip, NULL);
        assert_int_equal(sl_video_info(v)->width, cases[i].swap ? 32 : 48);
        assert_sl_ok(sl_video_frame(v, 0, 0, 0, &p, &err), &err);
        assert_int_equal(p.width, cases[i].swap ? 32 : 48);
        assert_int_equal(p.height, cases[i].swap ? 48 : 32);
        int light = 0;
        for (int q = 0; q < 4; q++) light += is_light(&p, q % 2, q / 2);
        assert_int_equal(light, 2);
        assert_true(is_light(&p, cases[i].upper_right, cases[i].upper_below));
        assert_true(is_light(&p, cases[i].lower_right, cases[i].lower_below));
        sl_picture_free(&p);
        sl_video_close(&v);
    }
    sl_buf_release(&clip);
}

/*
 * Appends a frame of an animated GIF: w x h pixels at (x, y), all of one palette entry. Codes are nine bits, and the
 * table is cleared before it grows, so that they stay so.
 */
static void add_gif_frame(struct sl_buf *b, int x, int y, int w, int h, int colour, int delay)
{
    const unsigned char control[] = {0x21, 0xf9, 4, 4 | 1, (unsigned char)delay, (unsigned char)(delay >> 8), 3, 0};
    const unsigned char place[] = {
        0x2c, (unsigned char)x, 0, (unsigned char)y, 0, (unsigned char)w, 0, (unsigned char)h, 0, 0, 8};
    unsigned char codes[4096] = {0};
    size_t n_bits = 0;
    for (int i = 0; i <= w * h + (w * h) / 100 + 1; i++) {
        int code = i == w * h + (w * h) / 100 + 1 ? 257 : i % 101 == 0 ? 256 : colour;
        for (int k = 0; k < 9; k++, n_bits++) codes[n_bits / 8] |= (unsigned char)((code >> k & 1) << n_bits % 8);
    }
    sl_buf_add(b, control, sizeof control);
    sl_buf_add(b, place, sizeof place);
    size_t n = (n_bits + 7) / 8;
    for (size_t at = 0; at < n; at += 255) {
        size_t block = n - at < 255 ? n - at : 255;
        sl_buf_addch(b, (char)block);
        sl_buf_add(b, codes + at, block);
    }
    sl_buf_addch(b, 0);
}

/* 32 x 16: all red; then a green square on it; a blue one beside it; then nine times nothing but transparency. */
static void make_gif(struct sl_buf *b)
{
    static const unsigned char palette[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 9, 9}};
    sl_buf_add(b, "GIF89a\x20\0\x10\0\xf7\0\0", 13);
    for (int i = 0; i < 256; i++) sl_buf_add(b, palette[i < 4 ? i : 3], 3);
    add_gif_frame(b, 0, 0, 32, 16, 0, 10);
    add_gif_frame(b, 0, 0, 8, 8, 1, 10);
    add_gif_frame(b, 8, 0, 8, 8, 2, 100);
    for (int i = 3; i < 12; i++) add_gif_frame(b, 0, 0, 32, 16, 3, 10);
    sl_buf_addch(b, ';');
}

static void an_animated_gif_builds_its_frames_on_one_another(void **state)
{
    (void)state;
    static const int order[] = {11, 0, 1, 2, 3, 2, 0, 3, 11, 1, 8};
    static const unsigned char red[3] = {255, 0, 0}, green[3] = {0, 255, 0}, blue[3] = {0, 0, 255};
    struct sl_buf gif = SL_BUF_INIT(1 << 16);
    make_gif(&gif);
    struct sl_video *v = open_clip(&gif, NULL);
    assert_int_equal(sl_video_info(v)->n_frames, 12);
    assert_true(sl_video_info(v)->variable);
    assert_true(fabs(sl_video_seconds(v, 3) - 1.2) < 1e-9);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        sl_error err;
        struct sl_picture p;
        assert_sl_ok(sl_video_frame(v, order[i], 0, 0, &p, &err), &err);
        assert_int_equal(p.width, 32);
        assert_memory_equal(p.rgb + 3 * (2 * 32 + 2), order[i] < 1 ? red : green, 3);
        assert_memory_equal(p.rgb + 3 * (2 * 32 + 12), order[i] < 2 ? red : blue, 3);
        assert_memory_equal(p.rgb + 3 * (2 * 32 + 24), red, 3);
        sl_picture_free(&p);
    }
    sl_video_close(&v);
    sl_buf_release(&gif);
}

static void transparency_is_laid_over_white(void **state)
{
    (void)state;
    struct sl_buf gif = SL_BUF_INIT(1 << 16);
    sl_buf_add(&gif, "GIF89a\x20\0\x10\0\xf7\0\0", 13);
    for (int i = 0; i < 256; i++) sl_buf_add(&gif, "\x40\x40\x40", 3);
    add_gif_frame(&gif, 0, 0, 32, 16, 3, 10); /* entry 3 is transparent */
    sl_buf_addch(&gif, ';');
    struct sl_video *v = open_clip(&gif, NULL);
    sl_error err;
    struct sl_picture p;
    assert_sl_ok(sl_video_frame(v, 0, 0, 0, &p, &err), &err);
    for (int i = 0; i < 32 * 16 * 3; i++) assert_int_equal(p.rgb[i], 255);
    sl_picture_free(&p);
    sl_video_close(&v);
    sl_buf_release(&gif);
}

static void several_threads_give_the_same_pictures(void **state)
{
    (void)state;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    const struct sl_video_writer_options o = kind(0);
    clip_make(&o, 60, &clip);
    struct sl_video_options options = sl_video_options_default();
    struct sl_video *one = open_clip(&clip, &options);
    options.n_threads = 3;
    struct sl_video *three = open_clip(&clip, &options);
    for (int i = 0; i < 60; i += 11) {
        sl_error err;
        struct sl_picture a, b;
        assert_sl_ok(sl_video_frame(one, i, 84, 56, &a, &err), &err);
        assert_sl_ok(sl_video_frame(three, i, 84, 56, &b, &err), &err);
        assert_memory_equal(a.rgb, b.rgb, 84 * 56 * 3);
        sl_picture_free(&a);
        sl_picture_free(&b);
    }
    sl_video_close(&one);
    sl_video_close(&three);
    sl_buf_release(&clip);
}

static void a_wrong_frame_or_size_is_refused(void **state)
{
    (void)state;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    const struct sl_video_writer_options o = kind(1);
    clip_make(&o, 3, &clip);
    struct sl_video *v = open_clip(&clip, NULL);
    sl_error err;
    struct sl_picture p;
    assert_int_equal(sl_video_frame(v, -1, 0, 0, &p, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_video_frame(v, 3, 0, 0, &p, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "clip: frame 3 of a video of 3");
    assert_int_equal(sl_video_frame(v, 0, 28, 0, &p, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_video_frame(v, 0, -28, 28, &p, &err), SL_ERR_ARGUMENT);
    assert_null(p.rgb);
    const int64_t indices[] = {0, 1, 7};
    struct sl_picture pictures[3];
    assert_int_equal(sl_video_frames(v, indices, 3, 0, 0, pictures, &err), SL_ERR_ARGUMENT);
    for (int i = 0; i < 3; i++) assert_null(pictures[i].rgb);
    assert_int_equal(number_at(v, 2, 0, 0), 2);
    sl_video_close(&v);
    sl_buf_release(&clip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_read_by_its_number_in_any_order),
        cmocka_unit_test(size_rate_and_duration_are_known_without_decoding),
        cmocka_unit_test(a_long_clip_decodes_only_the_groups_of_frames_that_are_needed),
        cmocka_unit_test(a_plan_reads_the_frames_that_it_names),
        cmocka_unit_test(frames_at_odd_times_keep_their_times),
        cmocka_unit_test(rotated_and_mirrored_videos_come_upright),
        cmocka_unit_test(an_animated_gif_builds_its_frames_on_one_another),
        cmocka_unit_test(transparency_is_laid_over_white),
        cmocka_unit_test(several_threads_give_the_same_pictures),
        cmocka_unit_test(a_wrong_frame_or_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
