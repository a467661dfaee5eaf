/*
 * segments.h: a video as overlapping pieces with a vector each, kept in a file, and the spans that fit a text.
 *
 * One thread owns a list of segments.
 */
#ifndef SL_INFER_SEGMENTS_H
#define SL_INFER_SEGMENTS_H

#include "infer/embed.h"

/* How a video is cut. */
typedef struct sl_segment_options {
    double seconds; /* of a piece: 4 */
    double step;    /* from one piece's start to the next one's: 2, so that pieces overlap by half */
    int n_frames;   /* looked at in each: 4 */
} sl_segment_options;

typedef struct sl_segments {
    sl_segment_options how;
    double duration; /* of the video, seconds */
    int n, width;
    float *vectors; /* (n, width), owned; piece i begins at i * step */
} sl_segments;

/* A part of the video, and how well its best piece fits: the product of unit vectors. */
typedef struct sl_span {
    double start, end; /* seconds */
    float score;
} sl_span;

/* The defaults above. */
void sl_segment_options_defaults(sl_segment_options *o);

/*
 * Cuts and embeds a video file into *out; release with sl_segments_release. progress (or NULL) is told how many of how
 * many pieces are done. Options out of range, and videos of more than 100,000 pieces, are errors.
 */
sl_status sl_segments_make(sl_embedder *e, const char *video, const sl_segment_options *o,
                           void (*progress)(void *user, int done, int n), void *user, sl_segments *out, sl_error *err);
void sl_segments_release(sl_segments *s);

/* Identifies what a list was made from: the video file's size and time, the model's name and width, how it was cut. */
uint64_t sl_segments_key(const char *video, const char *model_dir, int width, const sl_segment_options *o);

/* Writes a list to a file, under a key. */
sl_status sl_segments_save(const sl_segments *s, uint64_t key, const char *path, sl_error *err);

/* Reads it back; false, with *out empty, when the file is missing, damaged or of another key. */
bool sl_segments_load(const char *path, uint64_t key, sl_segments *out);

/*
 * Finds the spans that fit a vector (width) best, at most `most`, best first, into out; returns how many. Pieces that
 * stand out of the video's own scores (more than one standard deviation above the mean; the best one always) are kept,
 * and neighbours joined.
 */
int sl_segments_search(const sl_segments *s, const float *vector, sl_span *out, int most);

#endif
