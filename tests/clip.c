/*
 * clip.c: drawing numbers into frames, and reading them back.
 */
#include "clip.h"

#include "test.h"

enum { COLUMNS = 8, ROWS = 2 };

void clip_draw(struct sl_picture *p, int number)
{
    sl_error err;
    assert_sl_ok(sl_picture_new(p, CLIP_WIDTH, CLIP_HEIGHT, SL_PICTURE_MAX_PIXELS, &err), &err);
    for (int y = 0; y < CLIP_HEIGHT; y++)
        for (int x = 0; x < CLIP_WIDTH; x++) {
            int bit = y * ROWS / CLIP_HEIGHT * COLUMNS + x * COLUMNS / CLIP_WIDTH;
            memset(p->rgb + 3 * (y * CLIP_WIDTH + x), number >> bit & 1 ? 230 : 25, 3);
        }
}

int clip_number(const struct sl_picture *p)
{
    int number = 0;
    for (int bit = 0; bit < COLUMNS * ROWS; bit++) {
        int x = (2 * (bit % COLUMNS) + 1) * p->width / (2 * COLUMNS);
        int y = (2 * (bit / COLUMNS) + 1) * p->height / (2 * ROWS);
        number |= (p->rgb[3 * (y * p->width + x)] > 127) << bit;
    }
    return number;
}

static void add_frames(const struct sl_video_writer_options *options, const double *seconds, int n_frames,
                       struct sl_buf *out)
{
    sl_error err;
    struct sl_video_writer *w;
    struct sl_video_writer_options o = *options;
    o.width = CLIP_WIDTH;
    o.height = CLIP_HEIGHT;
    assert_sl_ok(sl_video_writer_new(&w, &o, &err), &err);
    for (int i = 0; i < n_frames; i++) {
        struct sl_picture p;
        clip_draw(&p, i);
        if (seconds)
            assert_sl_ok(sl_video_writer_add_at(w, &p, seconds[i], &err), &err);
        else
            assert_sl_ok(sl_video_writer_add(w, &p, &err), &err);
        sl_picture_free(&p);
    }
    assert_sl_ok(sl_video_writer_finish(&w, out, &err), &err);
    assert_null(w);
}

void clip_make(const struct sl_video_writer_options *options, int n_frames, struct sl_buf *out)
{
    add_frames(options, NULL, n_frames, out);
}

void clip_make_at(const double *seconds, int n_frames, struct sl_buf *out)
{
    struct sl_video_writer_options o = sl_video_writer_options_default();
    o.variable = true;
    add_frames(&o, seconds, n_frames, out);
}
