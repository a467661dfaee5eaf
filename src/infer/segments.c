/*
 * segments.c: cutting, keeping and searching the pieces of a video.
 */
#include "infer/segments.h"

#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

enum { MAX_SEGMENTS = 100000 };

struct file_header {
    char magic[8];
    uint64_t key, checksum;
    double duration, seconds, step;
    int32_t n_frames, n, width, unused;
};

static const char MAGIC[8] = "SLSEGM1";

void sl_segment_options_defaults(sl_segment_options *o)
{
    *o = (sl_segment_options){.seconds = 4, .step = 2, .n_frames = 4};
}

void sl_segments_release(sl_segments *s)
{
    free(s->vectors);
    *s = (sl_segments){0};
}

/* How many pieces: starts at every step, until one reaches the end. */
static sl_status count_pieces(const sl_segment_options *o, double duration, int *n, sl_error *err)
{
    if (!(o->seconds > 0 && o->step > 0 && o->step <= o->seconds && o->n_frames >= 1 && o->n_frames <= 64))
        return sl_fail(err, SL_ERR_ARGUMENT, "pieces of %g seconds every %g with %d frames", o->seconds, o->step,
                       o->n_frames);
    double pieces = duration > o->seconds ? ceil((duration - o->seconds) / o->step) + 1 : 1;
    if (pieces > MAX_SEGMENTS)
        return sl_fail(err, SL_ERR_MEMORY, "%.0f pieces; at most %d: make them longer", pieces, MAX_SEGMENTS);
    *n = (int)pieces;
    return SL_OK;
}

sl_status sl_segments_make(sl_embedder *e, const char *video, const sl_segment_options *o,
                           void (*progress)(void *user, int done, int n), void *user, sl_segments *out, sl_error *err)
{
    struct sl_video *v = NULL;
    *out = (sl_segments){.how = *o, .width = sl_embedder_width(e)};
    sl_status s = sl_video_open(&v, video, NULL, err);
    if (s == SL_OK) {
        out->duration = sl_video_info(v)->seconds;
        s = count_pieces(o, out->duration, &out->n, err);
    }
    if (s == SL_OK) {
        out->vectors = sl_alloc_array((size_t)out->n * (size_t)out->width, sizeof *out->vectors);
        if (!out->vectors) s = sl_fail(err, SL_ERR_MEMORY, "out of memory for %d pieces", out->n);
    }
    for (int i = 0; i < out->n && s == SL_OK; i++) {
        double start = i * o->step, end = fmin(start + o->seconds, out->duration);
        s = sl_embed_video(e, v, start, end, o->n_frames, out->vectors + (size_t)i * (size_t)out->width, err);
        if (progress) progress(user, i + 1, out->n);
    }
    sl_video_close(&v);
    if (s != SL_OK) {
        sl_fail_context(err, s, "%s", video);
        sl_segments_release(out);
    }
    return s;
}

uint64_t sl_segments_key(const char *video, const char *model_dir, int width, const sl_segment_options *o)
{
    struct stat st = {0};
    stat(video, &st);
    const int64_t file[3] = {st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    uint64_t h = XXH3_64bits(file, sizeof file);
    h = XXH3_64bits_withSeed(model_dir, strlen(model_dir), h);
    const double how[4] = {o->seconds, o->step, o->n_frames, width};
    return XXH3_64bits_withSeed(how, sizeof how, h);
}

sl_status sl_segments_save(const sl_segments *s, uint64_t key, const char *path, sl_error *err)
{
    size_t bytes = (size_t)s->n * (size_t)s->width * sizeof *s->vectors;
    struct file_header h = {
        .key = key,
        .checksum = XXH3_64bits(s->vectors, bytes),
        .duration = s->duration,
        .seconds = s->how.seconds,
        .step = s->how.step,
        .n_frames = s->how.n_frames,
        .n = s->n,
        .width = s->width,
    };
    struct sl_file_writer w;
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    sl_status st = sl_file_writer_open(&w, path, err);
    if (st != SL_OK) return st;
    sl_file_writer_add(&w, &h, sizeof h);
    sl_file_writer_add(&w, s->vectors, bytes);
    return sl_file_writer_commit(&w, err);
}

bool sl_segments_load(const char *path, uint64_t key, sl_segments *out)
{
    struct sl_mapped_file f = {0};
    struct file_header h = {0};
    *out = (sl_segments){0};
    if (!sl_file_exists(path) || sl_file_map(path, &f, NULL) != SL_OK) return false;
    if (f.size >= sizeof h) memcpy(&h, f.data, sizeof h);
    bool ok = memcmp(h.magic, MAGIC, sizeof MAGIC) == 0 && h.key == key && h.n > 0 && h.n <= MAX_SEGMENTS &&
              h.width > 0 && h.width <= 1 << 16;
    size_t bytes = ok ? (size_t)h.n * (size_t)h.width * sizeof(float) : 0;
    ok = ok && f.size - sizeof h == bytes && XXH3_64bits(f.data + sizeof h, bytes) == h.checksum;
    float *vectors = ok ? malloc(bytes) : NULL;
    if (vectors) {
        memcpy(vectors, f.data + sizeof h, bytes);
        *out = (sl_segments){{h.seconds, h.step, h.n_frames}, h.duration, h.n, h.width, vectors};
    }
    sl_file_unmap(&f);
    return vectors != NULL;
}

/* --- searching -------------------------------------------------------------------------------------------------- */

static float score(const sl_segments *s, int i, const float *vector)
{
    const float *x = s->vectors + (size_t)i * (size_t)s->width;
    float sum = 0;
    for (int k = 0; k < s->width; k++) sum += x[k] * vector[k];
    return sum;
}

/* The score from which a piece stands out. */
static float threshold(const float *scores, int n)
{
    double sum = 0, squares = 0, best = -2;
    for (int i = 0; i < n; i++) {
        sum += (double)scores[i];
        squares += (double)scores[i] * (double)scores[i];
        best = fmax(best, (double)scores[i]);
    }
    double mean = sum / n, deviation = sqrt(fmax(0, squares / n - mean * mean));
    return (float)fmin(best, mean + deviation);
}

/* Puts a span into the list, best first. */
static int insert(sl_span *out, int n, int most, sl_span span)
{
    int at = n < most ? n : most;
    while (at > 0 && out[at - 1].score < span.score) at--;
    if (at == most) return n;
    int moved = (n < most ? n : most - 1) - at;
    memmove(out + at + 1, out + at, (size_t)moved * sizeof *out);
    out[at] = span;
    return n < most ? n + 1 : n;
}

int sl_segments_search(const sl_segments *s, const float *vector, sl_span *out, int most)
{
    float *scores = sl_alloc_array((size_t)s->n, sizeof *scores);
    int found = 0;
    if (!scores || most < 1) {
        free(scores);
        return 0;
    }
    for (int i = 0; i < s->n; i++) scores[i] = score(s, i, vector);
    float least = threshold(scores, s->n);
    for (int i = 0; i < s->n; i++) {
        if (scores[i] < least) continue;
        sl_span span = {.start = i * s->how.step, .score = scores[i]};
        while (i + 1 < s->n && scores[i + 1] >= least) span.score = fmaxf(span.score, scores[++i]);
        span.end = fmin(i * s->how.step + s->how.seconds, s->duration);
        found = insert(out, found, most, span);
    }
    free(scores);
    return found;
}
