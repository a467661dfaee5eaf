/*
 * test_embed.c: embeddings are unit vectors that depend on what is shown and said and on nothing else; folders that
 * cannot make them are refused.
 */
#include "../model/model_test.h"
#include "clip.h"
#include "toy.h"

#include "infer/embed.h"
#include "text/tokenizer.h"

#include <math.h>

enum { WIDTH = TOY_EMBED };

struct rig {
    sl_ops *ops;
    sl_embedder *e;
};

static void rig_start(struct rig *r)
{
    sl_error err = {0};
    assert_sl_ok(sl_cpu_ops_default(2, &r->ops, &err), &err);
    assert_sl_ok(sl_embedder_open(toy_towers_dir(r->ops), r->ops, SL_F32, &r->e, &err), &err);
    assert_int_equal(sl_embedder_width(r->e), WIDTH);
}

static void rig_end(struct rig *r)
{
    sl_embedder_close(&r->e);
    sl_cpu_ops_free(r->ops);
}

static double product(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < WIDTH; i++) sum += (double)a[i] * b[i];
    return sum;
}

static void text(struct rig *r, const char *s, float *v)
{
    sl_error err = {0};
    assert_sl_ok(sl_embed_text(r->e, s, strlen(s), v, &err), &err);
}

static void pictures(struct rig *r, const int *which, int n, float *v)
{
    struct sl_picture p[4];
    sl_error err = {0};
    for (int i = 0; i < n; i++) toy_picture(&p[i], which[i]);
    assert_sl_ok(sl_embed_pictures(r->e, p, n, v, &err), &err);
    for (int i = 0; i < n; i++) assert_null(p[i].rgb);
}

static void vectors_are_of_length_one_and_tell_things_apart(void **state)
{
    (void)state;
    struct rig r;
    float a[WIDTH], b[WIDTH], c[WIDTH];
    rig_start(&r);
    text(&r, "a red picture", a);
    text(&r, "a blue picture", b);
    text(&r, "a red picture", c);
    assert_float_equal(product(a, a), 1, 1e-5);
    assert_memory_equal(a, c, sizeof a);
    assert_true(product(a, b) < 0.999);
    pictures(&r, (int[]){0}, 1, a);
    pictures(&r, (int[]){1}, 1, b);
    pictures(&r, (int[]){0}, 1, c);
    assert_float_equal(product(a, a), 1, 1e-5);
    assert_memory_equal(a, c, sizeof a);
    assert_true(product(a, b) < 0.999);
    pictures(&r, (int[]){0, 1}, 2, c); /* both together are neither */
    assert_true(product(a, c) < 0.9999 && product(b, c) < 0.9999);
    rig_end(&r);
}

static void a_long_text_is_cut_and_an_empty_one_is_eos(void **state)
{
    (void)state;
    struct rig r;
    char longer[4000];
    float a[WIDTH], b[WIDTH];
    rig_start(&r);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    text(&r, longer, a);
    assert_float_equal(product(a, a), 1, 1e-5);
    text(&r, "", b);
    assert_float_equal(product(b, b), 1, 1e-5);
    rig_end(&r);
}

static void a_piece_of_a_video_is_its_frames(void **state)
{
    (void)state;
    struct rig r;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    struct sl_video_writer_options o = sl_video_writer_options_default();
    struct sl_video *v;
    sl_error err = {0};
    float whole[WIDTH], early[WIDTH], late[WIDTH], again[WIDTH];
    rig_start(&r);
    clip_make(&o, 60, &clip);
    assert_sl_ok(sl_video_open_memory(&v, clip.data, clip.len, "clip", NULL, &err), &err);
    double seconds = sl_video_info(v)->seconds;
    assert_sl_ok(sl_embed_video(r.e, v, 0, seconds, 3, whole, &err), &err);
    assert_sl_ok(sl_embed_video(r.e, v, 0, 0.01, 1, early, &err), &err);
    assert_sl_ok(sl_embed_video(r.e, v, seconds - 0.01, seconds, 1, late, &err), &err);
    assert_sl_ok(sl_embed_video(r.e, v, 0, 0.01, 1, again, &err), &err);
    assert_memory_equal(early, again, sizeof early);
    assert_true(product(early, late) < 0.99999);
    assert_float_equal(product(whole, whole), 1, 1e-5);
    sl_video_close(&v);
    sl_buf_release(&clip);
    rig_end(&r);
}

static void a_folder_without_towers_is_refused(void **state)
{
    (void)state;
    sl_ops *ops;
    sl_embedder *e = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_cpu_ops_default(1, &ops, &err), &err);
    assert_int_equal(sl_embedder_open(toy_model_dir(), ops, SL_F32, &e, &err), SL_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "pretrain_config"));
    assert_int_not_equal(sl_embedder_open("/nowhere", ops, SL_F32, &e, &err), SL_OK);
    assert_null(e);
    sl_cpu_ops_free(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_of_length_one_and_tell_things_apart),
        cmocka_unit_test(a_long_text_is_cut_and_an_empty_one_is_eos),
        cmocka_unit_test(a_piece_of_a_video_is_its_frames),
        cmocka_unit_test(a_folder_without_towers_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
