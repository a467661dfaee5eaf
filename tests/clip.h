/*
 * clip.h: little videos for tests, whose every frame shows its own number.
 */
#ifndef SL_TESTS_CLIP_H
#define SL_TESTS_CLIP_H

#include "base/buf.h"
#include "media/picture.h"
#include "media/video_write.h"

enum { CLIP_WIDTH = 64, CLIP_HEIGHT = 32 };

/* Draws number (16 bits) as 8 x 2 black and white cells into a picture of CLIP_WIDTH x CLIP_HEIGHT; free it. */
void clip_draw(struct sl_picture *p, int number);

/* Returns the number that p shows, at any size. */
int clip_number(const struct sl_picture *p);

/* Appends a clip of n_frames to out; options.width and height are ignored. Fails the test on an error. */
void clip_make(const struct sl_video_writer_options *options, int n_frames, struct sl_buf *out);

/* Appends one whose frame i is shown at seconds[i]. */
void clip_make_at(const double *seconds, int n_frames, struct sl_buf *out);

#endif
