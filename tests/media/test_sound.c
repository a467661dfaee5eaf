/*
 * test_sound.c: sound files of many kinds become the same samples, spectrograms are what an independent program makes
 * of them, and what is no sound is refused.
 */
#include "test.h"

#include "base/file.h"
#include "media/sound.h"

#include <math.h>

/* A WAV file of n frames of 16-bit samples, all channels alike: sample(i, rate) from -1 to 1. */
static void make_wav(struct sl_buf *out, int rate, int channels, int n, double (*sample)(int i, int rate))
{
    uint32_t data = (uint32_t)(n * channels * 2), riff = 36 + data, sixteen = 16, hz = (uint32_t)rate;
    uint32_t bytes = (uint32_t)(rate * channels * 2);
    uint16_t pcm = 1, count = (uint16_t)channels, align = (uint16_t)(channels * 2), bits = 16;
    sl_buf_add(out, "RIFF", 4), sl_buf_add(out, &riff, 4), sl_buf_add(out, "WAVEfmt ", 8);
    sl_buf_add(out, &sixteen, 4), sl_buf_add(out, &pcm, 2), sl_buf_add(out, &count, 2), sl_buf_add(out, &hz, 4);
    sl_buf_add(out, &bytes, 4), sl_buf_add(out, &align, 2), sl_buf_add(out, &bits, 2);
    sl_buf_add(out, "data", 4), sl_buf_add(out, &data, 4);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < channels; c++) {
            int16_t x = (int16_t)lround(32767 * sample(i, rate));
            sl_buf_add(out, &x, 2);
        }
}

static double tone(int i, int rate)
{
    return 0.5 * sin(2 * M_PI * 1000.0 * i / rate);
}

static void rates_and_channels_become_one_channel_at_sixteen_kilohertz(void **state)
{
    (void)state;
    static const int rates[] = {8000, 11025, 16000, 22050, 44100, 48000, 96000};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        struct sl_buf wav = SL_BUF_INIT(1 << 24);
        struct sl_sound s;
        sl_error err = {0};
        make_wav(&wav, rates[r], 1 + (int)r % 3, rates[r], tone);
        assert_sl_ok(sl_sound_decode(&s, wav.data, wav.len, "tone", NULL, &err), &err);
        assert_int_equal(s.n, SL_SOUND_RATE);
        for (int i = 200; i < s.n - 200; i++) /* but where the filter looks beyond the ends */
            if (!(fabs((double)s.samples[i] - tone(i, SL_SOUND_RATE)) < 2e-3))
                fail_msg("%d Hz: sample %d is %g, not %g", rates[r], i, s.samples[i], tone(i, SL_SOUND_RATE));
        sl_sound_free(&s);
        assert_null(s.samples);
        sl_buf_release(&wav);
    }
}

static double high_tone(int i, int rate)
{
    return 0.5 * sin(2 * M_PI * 12000.0 * i / rate);
}

static void what_is_above_eight_kilohertz_is_gone(void **state)
{
    (void)state;
    struct sl_buf wav = SL_BUF_INIT(1 << 24);
    struct sl_sound s;
    sl_error err = {0};
    make_wav(&wav, 48000, 1, 48000, high_tone);
    assert_sl_ok(sl_sound_decode(&s, wav.data, wav.len, "tone", NULL, &err), &err);
    for (int i = 200; i < s.n - 200; i++) assert_true(fabsf(s.samples[i]) < 2e-3f);
    sl_sound_free(&s);
    sl_buf_release(&wav);
}

static void a_range_is_that_part_of_the_whole(void **state)
{
    (void)state;
    struct sl_buf wav = SL_BUF_INIT(1 << 24);
    struct sl_sound whole, part;
    sl_error err = {0};
    struct sl_sound_options o = sl_sound_options_default();
    make_wav(&wav, 16000, 2, 32000, tone);
    assert_sl_ok(sl_sound_decode(&whole, wav.data, wav.len, "tone", NULL, &err), &err);
    o.start = 0.5, o.end = 1.25;
    assert_sl_ok(sl_sound_decode(&part, wav.data, wav.len, "tone", &o, &err), &err);
    assert_int_equal(part.n, 12000);
    assert_memory_equal(part.samples, whole.samples + 8000, 12000 * sizeof(float));
    sl_sound_free(&part);
    o = sl_sound_options_default();
    o.max_seconds = 0.25;
    assert_sl_ok(sl_sound_decode(&part, wav.data, wav.len, "tone", &o, &err), &err);
    assert_int_equal(part.n, 4000);
    sl_sound_free(&part);
    o = sl_sound_options_default();
    o.start = 5;
    assert_int_equal(sl_sound_decode(&part, wav.data, wav.len, "tone", &o, &err), SL_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "tone"));
    assert_null(part.samples);
    sl_sound_free(&whole);
    sl_buf_release(&wav);
}

/* The sound of scripts/golden/sound.py. */
static void spectrograms_are_those_of_an_independent_program(void **state)
{
    (void)state;
    struct sl_buf golden = SL_BUF_INIT(1 << 20);
    struct sl_sound s = {.n = 7000};
    struct sl_picture p;
    sl_error err = {0};
    int width, height, header;
    s.samples = malloc((size_t)s.n * sizeof *s.samples);
    for (int64_t i = 0; i < s.n; i++)
        s.samples[i] = (float)(((double)(i * i * 3 % 20011) / 20011 - 0.5) * (i < 5000 ? 0.5 : 0.001));
    assert_sl_ok(sl_file_read("tests/media/golden/sound.bin", &golden, &err), &err);
    assert_int_equal(sscanf(golden.data, "%d %d%n", &width, &height, &header), 2);
    assert_int_equal(sl_sound_n_pictures(&s), 1);
    assert_sl_ok(sl_sound_pictures(&s, &p, &err), &err);
    assert_int_equal(p.width, width);
    assert_int_equal(p.height, height);
    const unsigned char *want = (const unsigned char *)golden.data + header + 1;
    for (int i = 0; i < width * height; i++) {
        if (abs(p.rgb[3 * i] - want[i]) > 1) fail_msg("pixel %d is %d, not %d", i, p.rgb[3 * i], want[i]);
        assert_true(p.rgb[3 * i] == p.rgb[3 * i + 1] && p.rgb[3 * i] == p.rgb[3 * i + 2]);
    }
    sl_picture_free(&p);
    sl_sound_free(&s);
    sl_buf_release(&golden);
}

static void long_sounds_are_cut_into_pictures_and_silence_is_black(void **state)
{
    (void)state;
    struct sl_sound s = {.n = 25 * SL_SOUND_RATE};
    struct sl_picture p[3];
    sl_error err = {0};
    s.samples = calloc((size_t)s.n, sizeof *s.samples);
    assert_int_equal(sl_sound_n_pictures(&s), 3);
    assert_sl_ok(sl_sound_pictures(&s, p, &err), &err);
    assert_int_equal(p[0].width, SL_SOUND_COLUMNS);
    assert_int_equal(p[1].width, SL_SOUND_COLUMNS);
    assert_int_equal(p[2].width, 504); /* 2500 - 2016 columns, padded to a multiple of 28 */
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < p[k].width * p[k].height * 3; i++) assert_int_equal(p[k].rgb[i], 0);
        sl_picture_free(&p[k]);
    }
    sl_sound_free(&s);
}

static void what_is_no_sound_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path, *message;
        sl_status status;
    } cases[] = {
        {"tests/fuzz/corpus/video/h264.mp4", "no sound", SL_ERR_FORMAT},
        {"tests/fuzz/corpus/video/list.m3u8", "list", SL_ERR_FORMAT},
        {"tests/fuzz/corpus/picture/huge.png", "huge.png", SL_ERR_FORMAT},
        {"tests/media/golden/resize.bin", "resize.bin", SL_ERR_FORMAT},
        {"/nowhere/at.wav", "/nowhere/at.wav", SL_ERR_IO},
        {"tests", "regular", SL_ERR_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_sound s;
        sl_error err = {0};
        sl_status status = sl_sound_read(&s, cases[i].path, NULL, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].message))
            fail_msg("%s: status %d, '%s'", cases[i].path, (int)status, err.message);
        assert_null(s.samples);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_and_channels_become_one_channel_at_sixteen_kilohertz),
        cmocka_unit_test(what_is_above_eight_kilohertz_is_gone),
        cmocka_unit_test(a_range_is_that_part_of_the_whole),
        cmocka_unit_test(spectrograms_are_those_of_an_independent_program),
        cmocka_unit_test(long_sounds_are_cut_into_pictures_and_silence_is_black),
        cmocka_unit_test(what_is_no_sound_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
