/*
 * test_video_bad.c: files that are damaged, or no videos at all: one clear line with the name, or what is still good.
 */
#include "media/video.h"

#include "clip.h"
#include "test.h"

#include <sys/stat.h>

static void make(enum sl_video_codec codec, int n_frames, int key_interval, struct sl_buf *clip)
{
    struct sl_video_writer_options o = sl_video_writer_options_default();
    o.codec = codec;
    o.fast = true;
    o.key_interval = key_interval;
    clip_make(&o, n_frames, clip);
}

/* Opens bytes that must be refused with that status and "name: ...", and returns the message in static storage. */
static const char *refusal(const void *bytes, size_t n, const struct sl_video_options *options, sl_status expected)
{
    static sl_error err;
    struct sl_video *v;
    sl_status status = sl_video_open_memory(&v, bytes, n, "name.mp4", options, &err);
    assert_null(v);
    if (status != expected) fail_msg("status %d, not %d: %s", status, expected, status ? err.message : "opened");
    assert_memory_equal(err.message, "name.mp4: ", 10);
    assert_null(strchr(err.message, '\n'));
    assert_true(strlen(err.message) < 200);
    return err.message + 10;
}

static void what_is_no_video_is_refused_in_one_line(void **state)
{
    (void)state;
    static const char text[] = "Dear reader, this is a letter and not a video.\nIt only has the name of one.\n";
    static const char list[] = "ffconcat version 1.0\nfile '/etc/passwd'\n";
    static const char playlist[] = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n";
    static const char empty_gif[] = "GIF89a\x20\0\x10\0\0\0\0;";
    refusal(text, sizeof text - 1, NULL, SL_ERR_FORMAT);
    refusal(list, sizeof list - 1, NULL, SL_ERR_FORMAT);
    refusal(playlist, sizeof playlist - 1, NULL, SL_ERR_FORMAT);
    refusal(empty_gif, sizeof empty_gif - 1, NULL, SL_ERR_FORMAT);
    assert_string_equal(refusal("", 0, NULL, SL_ERR_FORMAT), "an empty file");
    unsigned char noise[4096];
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * 2654435761u >> 13);
    refusal(noise, sizeof noise, NULL, SL_ERR_FORMAT);
}

static void sound_without_pictures_is_refused(void **state)
{
    (void)state;
    unsigned char wav[44 + 8000] =
        "RIFF\x64\x1f\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0data\x40\x1f";
    for (int i = 0; i < 8000; i++) wav[44 + i] = (unsigned char)(128 + i % 50);
    assert_string_equal(refusal(wav, sizeof wav, NULL, SL_ERR_FORMAT), "there is only sound in it, no video");
}

static void limits_hold_before_anything_large_is_allocated(void **state)
{
    (void)state;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    make(SL_VIDEO_H264, 50, 10, &clip);
    struct sl_video_options o = sl_video_options_default();
    o.max_pixels = CLIP_WIDTH * CLIP_HEIGHT - 1;
    assert_string_equal(refusal(clip.data, clip.len, &o, SL_ERR_MEMORY), "a video of 64x32 pixels: the limit is 2047");
    o = sl_video_options_default();
    o.max_frames = 49;
    assert_string_equal(refusal(clip.data, clip.len, &o, SL_ERR_MEMORY),
                        "a video of more than 49 frames: that is the limit");
    o = sl_video_options_default();
    o.max_seconds = 1.5;
    assert_string_equal(refusal(clip.data, clip.len, &o, SL_ERR_MEMORY), "a video of 2 seconds: the limit is 2");
    sl_buf_release(&clip);
    static const char huge_gif[] = "GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\2\x44\1\0;";
    assert_string_equal(refusal(huge_gif, sizeof huge_gif - 1, NULL, SL_ERR_FORMAT),
                        "its pictures cannot be decoded, or have more than 67108864 pixels");
}

static void time_runs_out(void **state)
{
    (void)state;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    make(SL_VIDEO_H264, 50, 10, &clip);
    struct sl_video_options o = sl_video_options_default();
    o.deadline_seconds = 1e-9;
    const char *message = refusal(clip.data, clip.len, &o, SL_ERR_IO);
    assert_non_null(strstr(message, "took too long"));
    sl_buf_release(&clip);
}

/* Reads some frames of what may be a video; true when all of them could be, and showed what they should. */
static bool reads_well(const void *bytes, size_t n, int64_t n_frames)
{
    sl_error err = {0};
    struct sl_video *v;
    if (sl_video_open_memory(&v, bytes, n, "cut", NULL, &err)) {
        assert_null(v);
        assert_memory_equal(err.message, "cut: ", 5);
        return false;
    }
    bool good = sl_video_info(v)->n_frames == n_frames;
    for (int64_t i = 0; i < sl_video_info(v)->n_frames; i += 7) {
        struct sl_picture p;
        sl_status status = sl_video_frame(v, i, 0, 0, &p, &err);
        if (status) {
            assert_null(p.rgb);
            assert_memory_equal(err.message, "cut: frame ", 11);
            good = false;
        } else if (sl_video_info(v)->n_substitute == 0) {
            assert_int_equal(clip_number(&p), i);
        } else {
            assert_true(clip_number(&p) <= i);
        }
        sl_picture_free(&p);
    }
    good &= sl_video_info(v)->n_substitute == 0;
    sl_video_close(&v);
    return good;
}

static void truncated_files_are_refused_or_give_the_frames_that_are_there(void **state)
{
    (void)state;
    for (int codec = SL_VIDEO_H264; codec <= SL_VIDEO_VP9; codec++) {
        struct sl_buf clip = SL_BUF_INIT(1 << 24);
        make(codec, 100, 25, &clip);
        assert_true(reads_well(clip.data, clip.len, 100));
        for (size_t n = 0; n < clip.len; n += 1 + clip.len / 60) {
            /* Of exactly that length, so that a sanitizer sees a read past the end. */
            char *cut = malloc(n ? n : 1);
            assert_non_null(cut);
            memcpy(cut, clip.data, n);
            bool well = reads_well(cut, n, 100);
            /* At the end of a WebM there is only a table that can be done without. */
            assert_true(!well || n > clip.len * 9 / 10);
            free(cut);
        }
        sl_buf_release(&clip);
    }
}

/* Overwrites most of the n-th H.264 slice of an MP4 clip: NAL units there follow one another, lengths first. */
static void damage_slice(struct sl_buf *clip, int n)
{
    unsigned char *p = memmem(clip->data, clip->len, "mdat", 4);
    assert_non_null(p);
    for (p += 4;; n--) {
        size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        while ((p[4] & 31) != 1 && (p[4] & 31) != 5) { /* not a slice */
            p += 4 + length;
            length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        }
        assert_true((char *)p + length < clip->data + clip->len);
        if (n == 0) {
            assert_true(length > 10);
            for (size_t i = 7; i < length; i++) p[i + 4] = (unsigned char)(i * 2654435761u >> 9);
            return;
        }
        p += 4 + length;
    }
}

static void an_earlier_good_frame_stands_in_for_damaged_ones_and_is_counted(void **state)
{
    (void)state;
    enum { N = 100, GROUP = 25, DAMAGED = 37 };
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    make(SL_VIDEO_H264, N, GROUP, &clip);
    damage_slice(&clip, DAMAGED);
    sl_error err;
    struct sl_video *v;
    struct sl_picture p;
    assert_sl_ok(sl_video_open_memory(&v, clip.data, clip.len, "hurt", NULL, &err), &err);
    assert_int_equal(sl_video_info(v)->n_frames, N);
    int n_substitute = 0;
    for (int i = 0; i < N; i++) {
        bool is_lost = i >= DAMAGED && i < 50; /* all that build on it */
        n_substitute += is_lost;
        assert_sl_ok(sl_video_frame(v, i, 0, 0, &p, &err), &err);
        assert_int_equal(clip_number(&p), is_lost ? DAMAGED - 1 : i);
        assert_int_equal(sl_video_info(v)->n_substitute, n_substitute);
        sl_picture_free(&p);
    }
    assert_true(sl_video_info(v)->n_damaged > 0);
    assert_sl_ok(sl_video_frame(v, 49, 0, 0, &p, &err), &err);
    assert_int_equal(clip_number(&p), DAMAGED - 1);
    sl_picture_free(&p);
    sl_video_close(&v);
    sl_buf_release(&clip);
}

static void a_stand_in_that_would_be_too_old_is_an_error(void **state)
{
    (void)state;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    make(SL_VIDEO_H264, 100, 25, &clip);
    damage_slice(&clip, 50); /* a key frame */
    struct sl_video_options o = sl_video_options_default();
    o.max_gap_seconds = 0.4; /* ten frames */
    sl_error err;
    struct sl_video *v;
    struct sl_picture p;
    assert_sl_ok(sl_video_open_memory(&v, clip.data, clip.len, "hurt", &o, &err), &err);
    assert_sl_ok(sl_video_frame(v, 55, 0, 0, &p, &err), &err);
    assert_int_equal(clip_number(&p), 49);
    sl_picture_free(&p);
    assert_int_equal(sl_video_frame(v, 65, 0, 0, &p, &err), SL_ERR_FORMAT);
    assert_memory_equal(err.message, "hurt: frame 65 of 100, at 2.6 s, is damaged or missing", 54);
    assert_sl_ok(sl_video_frame(v, 75, 0, 0, &p, &err), &err);
    assert_int_equal(clip_number(&p), 75);
    sl_picture_free(&p);
    sl_video_close(&v);
    sl_buf_release(&clip);
}

static void paths_that_are_no_files_are_named(void **state)
{
    (void)state;
    sl_error err;
    struct sl_video *v;
    const char *path = test_temp_path("nothing.mp4");
    assert_int_equal(sl_video_open(&v, path, NULL, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, path));
    assert_null(v);
    assert_int_equal(sl_video_open(&v, test_temp_dir(), NULL, &err), SL_ERR_IO);
    path = test_temp_path("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sl_video_open(&v, path, NULL, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, path));
    path = test_temp_path("empty.mp4");
    test_write_file(path, "", 0);
    assert_int_equal(sl_video_open(&v, path, NULL, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, path));
    assert_null(v);
    /* Names that FFmpeg itself would take for something else. */
    assert_int_equal(sl_video_open(&v, "concat:a|b", NULL, &err), SL_ERR_IO);
    assert_int_equal(sl_video_open(&v, "http://localhost/", NULL, &err), SL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_video_is_refused_in_one_line),
        cmocka_unit_test(sound_without_pictures_is_refused),
        cmocka_unit_test(limits_hold_before_anything_large_is_allocated),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(truncated_files_are_refused_or_give_the_frames_that_are_there),
        cmocka_unit_test(an_earlier_good_frame_stands_in_for_damaged_ones_and_is_counted),
        cmocka_unit_test(a_stand_in_that_would_be_too_old_is_an_error),
        cmocka_unit_test(paths_that_are_no_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
