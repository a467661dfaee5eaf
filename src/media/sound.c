/*
 * sound.c: decoding sound with FFmpeg's decoders, mixing and resampling it.
 *
 * Mixing and resampling are ours: FFmpeg's resampler has a vector variant for every processor, whose last bits differ,
 * and its interface changed with every version; here it is a table of filters and a sum.
 */
#include "media/sound.h"

#include "base/clock.h"
#include "base/mem.h"
#include "media/video_av.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_RATE = 384000, MIN_RATE = 1000 };

struct sl_sound_options sl_sound_options_default(void)
{
    return (struct sl_sound_options){.max_seconds = 600, .deadline_seconds = 120};
}

void sl_sound_free(struct sl_sound *s)
{
    free(s->samples);
    *s = (struct sl_sound){0};
}

/* --- resampling --------------------------------------------------------------------------------------------------- */

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/*
 * The filters of a change of rate from `from` to `to` samples a second: output i lies at i * from / to of the input,
 * which takes to / gcd different places between two input samples. Each is a sinc of the lower of the two bandwidths
 * under a Hann window of 16 of its zeros on either side.
 */
struct filters {
    int64_t from, to; /* without their common divisor */
    int half;         /* input samples on either side */
    double *taps;     /* owned, (to, 2 half) */
};

static sl_status make_filters(struct filters *f, int64_t from, sl_error *err)
{
    enum { ZEROS = 16 };
    int64_t divisor = common_divisor(from, SL_SOUND_RATE);
    f->from = from / divisor;
    f->to = SL_SOUND_RATE / divisor;
    double band = from > SL_SOUND_RATE ? (double)SL_SOUND_RATE / (double)from : 1;
    f->half = (int)ceil(ZEROS / band);
    f->taps = sl_alloc_array((size_t)f->to, 2 * (size_t)f->half * sizeof *f->taps);
    if (!f->taps) return sl_fail(err, SL_ERR_MEMORY, "no memory to resample a sound");
    for (int64_t phase = 0; phase < f->to; phase++) {
        double *taps = f->taps + phase * 2 * f->half, sum = 0;
        for (int k = 0; k < 2 * f->half; k++) {
            /* Tap k reads the input at floor(place) - half + 1 + k. */
            double x = (k - f->half + 1) - (double)phase / (double)f->to, y = M_PI * x * band;
            double window = fabs(x) < f->half ? 0.5 + 0.5 * cos(M_PI * x / f->half) : 0;
            double wave = fabs(sin(y)) < 1e-12 ? 0 : sin(y) / y; /* zeros are zeros: equal rates change nothing */
            taps[k] = window * (fabs(y) < 1e-9 ? 1 : wave);
            sum += taps[k];
        }
        for (int k = 0; k < 2 * f->half; k++) taps[k] /= sum;
    }
    return SL_OK;
}

static sl_status resample(const float *in, int64_t n, int64_t rate, struct sl_sound *out, sl_error *err)
{
    struct filters f = {0};
    sl_status s = make_filters(&f, rate, err);
    out->n = (n * f.to + f.from - 1) / f.from;
    if (s == SL_OK && !(out->samples = sl_alloc_array((size_t)out->n, sizeof *out->samples)))
        s = sl_fail(err, SL_ERR_MEMORY, "no memory for a sound of %lld samples", (long long)out->n);
    for (int64_t i = 0; i < out->n && s == SL_OK; i++) {
        int64_t place = i * f.from / f.to, phase = i * f.from % f.to;
        const double *taps = f.taps + phase * 2 * f.half;
        double sum = 0;
        for (int k = 0; k < 2 * f.half; k++) {
            int64_t at = place - f.half + 1 + k;
            if (at >= 0 && at < n) sum += taps[k] * (double)in[at];
        }
        out->samples[i] = (float)sum;
    }
    free(f.taps);
    if (s != SL_OK) sl_sound_free(out);
    return s;
}

/* --- decoding ----------------------------------------------------------------------------------------------------- */

/* What has been decoded, mixed to one channel at the file's own rate. */
struct track {
    float *samples; /* owned */
    size_t n, cap;
    int64_t rate;
    int64_t skip, most; /* samples to leave out in front, and to keep */
};

static int n_channels(const AVFrame *f)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 24, 100)
    return f->ch_layout.nb_channels;
#else
    return f->channels;
#endif
}

/* Sample i of channel c, full scale -1 to 1; 0 for a format that no decoder of sound gives. */
static double sample_of(const AVFrame *f, int c, int64_t i, int channels)
{
    bool planar = av_sample_fmt_is_planar(f->format);
    const uint8_t *p = planar ? f->extended_data[c] : f->extended_data[0];
    int64_t at = planar ? i : i * channels + c;
    switch (av_get_packed_sample_fmt(f->format)) {
    case AV_SAMPLE_FMT_U8:
        return (p[at] - 128) / 128.0;
    case AV_SAMPLE_FMT_S16:
        return ((const int16_t *)(const void *)p)[at] / 32768.0;
    case AV_SAMPLE_FMT_S32:
        return ((const int32_t *)(const void *)p)[at] / 2147483648.0;
    case AV_SAMPLE_FMT_FLT:
        return (double)((const float *)(const void *)p)[at];
    case AV_SAMPLE_FMT_DBL:
        return ((const double *)(const void *)p)[at];
    default:
        return 0;
    }
}

/* Adds a frame's samples that are wanted; *more is false once there are enough. */
static sl_status add_frame(struct track *t, const AVFrame *f, bool *more, sl_error *err)
{
    int channels = n_channels(f);
    if (!t->rate) t->rate = f->sample_rate;
    if (t->rate != f->sample_rate || channels < 1)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "its sample rate changes from %lld to %d", (long long)t->rate,
                       f->sample_rate);
    for (int64_t i = 0; i < f->nb_samples; i++) {
        if (t->skip > 0) {
            t->skip--;
            continue;
        }
        if ((int64_t)t->n >= t->most) break;
        if (!sl_grow_array((void **)&t->samples, &t->cap, t->n + 1, sizeof *t->samples, (size_t)t->most))
            return sl_fail(err, SL_ERR_MEMORY, "no memory for a sound");
        double sum = 0;
        for (int c = 0; c < channels; c++) sum += sample_of(f, c, i, channels);
        float mean = (float)(sum / channels);
        t->samples[t->n++] = isfinite(mean) ? mean : 0;
    }
    *more = (int64_t)t->n < t->most;
    return SL_OK;
}

/* Sets what to keep, now that the rate is known. */
static sl_status set_range(struct track *t, int64_t rate, const struct sl_sound_options *o, sl_error *err)
{
    if (rate < MIN_RATE || rate > MAX_RATE)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "%lld samples a second; %d to %d are read", (long long)rate, MIN_RATE,
                       MAX_RATE);
    double seconds = o->end > 0 ? o->end - o->start : o->max_seconds;
    if (!(o->start >= 0 && o->start < 1e9 && seconds > 0))
        return sl_fail(err, SL_ERR_ARGUMENT, "nothing lies between %g and %g seconds", o->start, o->end);
    if (seconds > o->max_seconds) seconds = o->max_seconds;
    t->skip = llround(o->start * (double)rate);
    t->most = llround(ceil(seconds * (double)rate));
    return SL_OK;
}

static sl_status decode_track(struct sl_av *av, const struct sl_sound_options *o, struct track *t, sl_error *err)
{
    AVFrame *frame = av_frame_alloc();
    bool more = true, usable;
    sl_status s = frame ? set_range(t, av->stream->codecpar->sample_rate, o, err)
                        : sl_fail(err, SL_ERR_MEMORY, "no memory to decode a sound");
    while (s == SL_OK && more && sl_av_next_frame(av, frame, &usable)) {
        s = add_frame(t, frame, &more, err);
        av_frame_unref(frame);
    }
    av_frame_free(&frame);
    if (s != SL_OK) return s;
    if (av->late) return sl_fail(err, SL_ERR_IO, "gave up, it took too long");
    if (av->n_damaged * 100 > av->n_packets)
        return sl_fail(err, SL_ERR_FORMAT, "%lld of %lld packets of its sound are damaged", (long long)av->n_damaged,
                       (long long)av->n_packets);
    if (t->n == 0) return sl_fail(err, SL_ERR_ARGUMENT, "there is no sound after %g seconds", o->start);
    return SL_OK;
}

static sl_status decode(struct sl_av *av, const struct sl_sound_options *options, struct sl_sound *out, sl_error *err)
{
    struct sl_sound_options o = options ? *options : sl_sound_options_default();
    struct track t = {0};
    *out = (struct sl_sound){0};
    av->sound = true;
    av->options = (struct sl_av_options){.max_pixels = 1 << 24, .n_threads = 1};
    if (o.deadline_seconds > 0) av->deadline = sl_clock_seconds() + o.deadline_seconds;
    sl_status s = sl_av_open(av, err);
    if (s == SL_OK) s = decode_track(av, &o, &t, err);
    if (s == SL_OK) s = resample(t.samples, (int64_t)t.n, t.rate, out, err);
    free(t.samples);
    sl_av_close(av);
    return s;
}

sl_status sl_sound_decode(struct sl_sound *out, const void *bytes, size_t n, const char *name,
                          const struct sl_sound_options *options, sl_error *err)
{
    struct sl_av av = {.bytes = bytes, .n = (int64_t)n, .fd = -1, .seekable = true};
    sl_status s = decode(&av, options, out, err);
    return s == SL_OK ? s : sl_fail_context(err, s, "%s", name);
}

sl_status sl_sound_read(struct sl_sound *out, const char *path, const struct sl_sound_options *options, sl_error *err)
{
    struct stat info;
    *out = (struct sl_sound){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
    sl_status s = SL_OK;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) s = sl_fail(err, SL_ERR_IO, "not a regular file");
    struct sl_av av = {.fd = fd, .n = info.st_size, .seekable = true};
    if (s == SL_OK) s = decode(&av, options, out, err);
    close(fd);
    return s == SL_OK ? s : sl_fail_context(err, s, "%s", path);
}
