/* test_media_pool.c: what comes back from the workers, and that losing one loses one file only. */
#include "serve/media_pool.h"

#include "base/clock.h"
#include "clip.h"
#include "media/picture_write.h"
#include "media/video.h"
#include "test.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static struct sl_media_pool *open_pool(double deadline)
{
    struct sl_media_pool_options o;
    struct sl_media_pool *p;
    sl_error err;
    sl_media_pool_defaults(&o);
    o.max_pixels = 1 << 20;
    o.deadline_seconds = deadline;
    assert_sl_ok(sl_media_pool_new(&o, &p, &err), &err);
    return p;
}

static void make_picture(struct sl_buf *out)
{
    struct sl_picture p;
    sl_error err;
    assert_sl_ok(sl_picture_new(&p, 50, 40, 1 << 20, &err), &err);
    for (int i = 0; i < 50 * 40 * 3; i++) p.rgb[i] = (uint8_t)(i * 7 % 251);
    assert_sl_ok(sl_picture_encode_png(&p, out, &err), &err);
    sl_picture_free(&p);
}

static void assert_decodes(struct sl_media_pool *p)
{
    struct sl_buf file = SL_BUF_INIT(1 << 20);
    struct sl_picture a;
    sl_error err;
    make_picture(&file);
    assert_sl_ok(sl_media_pool_picture(p, file.data, file.len, &a, &err), &err);
    assert_int_equal(a.width, 50);
    assert_int_equal(a.height, 40);
    for (int i = 0; i < 50 * 40 * 3; i++) assert_int_equal(a.rgb[i], i * 7 % 251);
    sl_picture_free(&a);
    sl_buf_release(&file);
}

static void test_pictures(void **state)
{
    (void)state;
    struct sl_media_pool *p = open_pool(30);
    struct sl_picture a;
    sl_error err;
    assert_decodes(p);
    assert_int_equal(sl_media_pool_picture(p, "not a picture", 13, &a, &err), SL_ERR_UNSUPPORTED);
    assert_null(a.rgb);
    assert_int_equal(sl_media_pool_picture(p, "", 0, &a, &err), SL_ERR_FORMAT);
    assert_decodes(p);
    assert_int_equal(sl_media_pool_losses(p), 0);
    sl_media_pool_free(&p);
    assert_null(p);
}

static void test_videos_are_as_without_a_worker(void **state)
{
    (void)state;
    struct sl_media_pool *p = open_pool(30);
    struct sl_video_writer_options o = sl_video_writer_options_default();
    struct sl_video_sampling sampling = sl_video_sampling_default();
    struct sl_buf file = SL_BUF_INIT(1 << 24);
    struct sl_media_frames f;
    struct sl_video *v;
    struct sl_video_plan plan;
    sl_error err;
    o.fps_num = 10;
    clip_make(&o, 60, &file);
    sampling.fps = 4;
    assert_sl_ok(sl_media_pool_video(p, file.data, file.len, &sampling, &f, &err), &err);
    assert_sl_ok(sl_video_open_memory(&v, file.data, file.len, "v", NULL, &err), &err);
    assert_sl_ok(sl_video_plan_frames(v, &sampling, &plan, &err), &err);
    assert_int_equal(f.n, plan.n_frames);
    assert_int_equal(f.width, CLIP_WIDTH);
    assert_float_equal(f.duration, 6, 0.01);
    for (int i = 0; i < f.n; i++) {
        struct sl_picture here;
        assert_sl_ok(sl_video_frame(v, plan.indices[i], plan.width, plan.height, &here, &err), &err);
        assert_float_equal(f.seconds[i], plan.seconds[i], 0);
        assert_memory_equal(f.pictures[i].rgb, here.rgb, (size_t)here.width * (size_t)here.height * 3);
        sl_picture_free(&here);
    }
    sl_video_plan_free(&plan);
    sl_video_close(&v);
    sl_media_frames_free(&f);
    assert_int_not_equal(sl_media_pool_video(p, file.data, 100, &sampling, &f, &err), SL_OK);
    sl_buf_release(&file);
    sl_media_pool_free(&p);
}

/* Ends every process whose parent is `parent`; returns how many. */
static int kill_children(pid_t parent, bool grand)
{
    int n = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[300], line[512] = "";
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10), up;
        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        FILE *f = pid > 0 ? fopen(path, "r") : NULL;
        if (f && fgets(line, sizeof line, f) && sscanf(strrchr(line, ')') + 2, "%*c %d", &up) == 1 && up == parent) {
            if (grand) {
                n += kill_children(pid, false);
            } else {
                kill(pid, SIGKILL);
                n++;
            }
        }
        if (f) fclose(f);
    }
    if (d) closedir(d);
    return n;
}

static void test_a_crash_costs_one_file(void **state)
{
    (void)state;
    struct sl_media_pool *p = open_pool(30);
    struct sl_buf file = SL_BUF_INIT(1 << 20);
    struct sl_picture a;
    sl_error err;
    make_picture(&file);
    assert_decodes(p);
    assert_int_equal(kill_children(getpid(), true), 1);
    assert_int_equal(sl_media_pool_picture(p, file.data, file.len, &a, &err), SL_ERR_FORMAT);
    assert_string_equal(err.message, "its decoder crashed");
    assert_int_equal(sl_media_pool_losses(p), 1);
    assert_decodes(p);
    sl_buf_release(&file);
    sl_media_pool_free(&p);
}

static void test_a_file_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    struct sl_media_pool *p = open_pool(-1); /* every file takes too long */
    struct sl_buf file = SL_BUF_INIT(1 << 23);
    struct sl_picture a;
    sl_error err;
    assert_sl_ok(sl_picture_new(&a, 1000, 1000, 1 << 20, &err), &err);
    for (int i = 0; i < 3000000; i++) a.rgb[i] = (uint8_t)((unsigned)i * 2654435761u >> 24);
    assert_sl_ok(sl_picture_encode_png(&a, &file, &err), &err);
    sl_picture_free(&a);
    assert_int_equal(sl_media_pool_picture(p, file.data, file.len, &a, &err), SL_ERR_FORMAT);
    assert_string_equal(err.message, "decoding took too long");
    assert_int_equal(sl_media_pool_losses(p), 1);
    sl_buf_release(&file);
    sl_media_pool_free(&p);
}

static void *decode_many(void *p)
{
    for (int i = 0; i < 10; i++) assert_decodes(p);
    return NULL;
}

static void test_any_number_of_threads(void **state)
{
    (void)state;
    struct sl_media_pool *p = open_pool(30);
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) pthread_create(&threads[i], NULL, decode_many, p);
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    assert_int_equal(sl_media_pool_losses(p), 0);
    sl_media_pool_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_videos_are_as_without_a_worker),
        cmocka_unit_test(test_a_crash_costs_one_file),
        cmocka_unit_test(test_a_file_that_takes_too_long_is_given_up),
        cmocka_unit_test(test_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
