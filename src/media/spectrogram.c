/*
 * spectrogram.c: sound as pictures: time from left to right, pitch from the bottom up (docs/MODEL.md, section 12).
 *
 * The transform is ours: forty lines in double that give every machine the same bytes, where a library's would depend
 * on the vectors it finds. A second of sound takes a few milliseconds.
 */
#include "media/sound.h"

#include "base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { N = 1024, LOG_N = 10, BINS = N / 2 + 1, WINDOW = 640 };

static const double FLOOR_POWER = 1e-10, QUIETEST_TOP = -2, DECADES = 8;

/* What all columns share. */
struct plan {
    double window[WINDOW];
    double cosine[N / 2], sine[N / 2];
    double bands[SL_SOUND_BANDS][BINS]; /* weights of the bins; band 0 is the lowest */
    double re[N], im[N];
};

/* Slaney's mel scale: linear up to 1 kHz, then logarithmic, 27 mels for a factor of 6.4. */
static double mel_of(double hertz)
{
    return hertz < 1000 ? hertz * 3 / 200 : 15 + 27 * log(hertz / 1000) / log(6.4);
}

static double hertz_of(double mel)
{
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

static void fill_plan(struct plan *p)
{
    const double top = mel_of(SL_SOUND_RATE / 2.0);
    for (int i = 0; i < WINDOW; i++) p->window[i] = 0.5 - 0.5 * cos(2 * M_PI * i / WINDOW);
    for (int i = 0; i < N / 2; i++) {
        p->cosine[i] = cos(2 * M_PI * i / N);
        p->sine[i] = sin(2 * M_PI * i / N);
    }
    for (int b = 0; b < SL_SOUND_BANDS; b++) {
        double low = hertz_of(top * b / (SL_SOUND_BANDS + 1)), centre = hertz_of(top * (b + 1) / (SL_SOUND_BANDS + 1));
        double high = hertz_of(top * (b + 2) / (SL_SOUND_BANDS + 1));
        for (int k = 0; k < BINS; k++) {
            double f = (double)k * SL_SOUND_RATE / N;
            double weight = fmin((f - low) / (centre - low), (high - f) / (high - centre));
            p->bands[b][k] = fmax(weight, 0);
        }
    }
}

/* The discrete Fourier transform of re + i im, in place: Cooley and Tukey, radix 2. */
static void transform(struct plan *p)
{
    for (unsigned i = 0, j = 0; i < N; i++) {
        if (i < j) {
            double re = p->re[i], im = p->im[i];
            p->re[i] = p->re[j], p->im[i] = p->im[j];
            p->re[j] = re, p->im[j] = im;
        }
        unsigned bit = N / 2;
        for (; bit && (j & bit); bit /= 2) j ^= bit;
        j |= bit;
    }
    for (int length = 2; length <= N; length *= 2)
        for (int from = 0; from < N; from += length)
            for (int k = 0; k < length / 2; k++) {
                int a = from + k, b = a + length / 2, turn = k * (N / length);
                double c = p->cosine[turn], s = -p->sine[turn];
                double re = p->re[b] * c - p->im[b] * s, im = p->re[b] * s + p->im[b] * c;
                p->re[b] = p->re[a] - re, p->im[b] = p->im[a] - im;
                p->re[a] += re, p->im[a] += im;
            }
}

/* Log power of every band in column t, whose window is centred on the middle of its hop. */
static void fill_column(struct plan *p, const struct sl_sound *s, int64_t t, float *bands)
{
    memset(p->re, 0, sizeof p->re);
    memset(p->im, 0, sizeof p->im);
    int64_t first = t * SL_SOUND_HOP + SL_SOUND_HOP / 2 - WINDOW / 2;
    for (int i = 0; i < WINDOW; i++)
        if (first + i >= 0 && first + i < s->n) p->re[i] = p->window[i] * (double)s->samples[first + i];
    transform(p);
    for (int b = 0; b < SL_SOUND_BANDS; b++) {
        double power = 0;
        for (int k = 0; k < BINS; k++)
            if (p->bands[b][k] > 0) power += p->bands[b][k] * (p->re[k] * p->re[k] + p->im[k] * p->im[k]);
        bands[b] = (float)log10(fmax(power, FLOOR_POWER));
    }
}

static int64_t n_columns(const struct sl_sound *s)
{
    int64_t n = (s->n + SL_SOUND_HOP - 1) / SL_SOUND_HOP;
    return n > 0 ? n : 1;
}

int sl_sound_n_pictures(const struct sl_sound *s)
{
    return (int)((n_columns(s) + SL_SOUND_COLUMNS - 1) / SL_SOUND_COLUMNS);
}

/* Columns from `first` of the spectrogram, as a picture; what is behind the end is black. */
static sl_status paint(const float *levels, int64_t n, int64_t first, double top, struct sl_picture *out, sl_error *err)
{
    int64_t columns = n - first < SL_SOUND_COLUMNS ? n - first : SL_SOUND_COLUMNS;
    int64_t width = (columns + SL_SOUND_COLUMN_FACTOR - 1) / SL_SOUND_COLUMN_FACTOR * SL_SOUND_COLUMN_FACTOR;
    sl_status status = sl_picture_new(out, width, SL_SOUND_BANDS, SL_PICTURE_MAX_PIXELS, err);
    if (status) return status;
    memset(out->rgb, 0, (size_t)(width * SL_SOUND_BANDS * 3));
    for (int64_t t = 0; t < columns; t++)
        for (int b = 0; b < SL_SOUND_BANDS; b++) {
            double level = 1 + ((double)levels[(first + t) * SL_SOUND_BANDS + b] - top) / DECADES;
            int grey = level > 0 ? (int)floor(255 * level + 0.5) : 0;
            memset(out->rgb + 3 * ((SL_SOUND_BANDS - 1 - b) * width + t), grey, 3);
        }
    return SL_OK;
}

sl_status sl_sound_pictures(const struct sl_sound *s, struct sl_picture *pictures, sl_error *err)
{
    int64_t n = n_columns(s);
    int n_pictures = sl_sound_n_pictures(s), made = 0;
    struct plan *p = sl_alloc_array(1, sizeof *p);
    float *levels = sl_alloc_array((size_t)n, SL_SOUND_BANDS * sizeof *levels);
    sl_status status = p && levels ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a spectrogram");
    double top = QUIETEST_TOP;
    if (status == SL_OK) fill_plan(p);
    for (int64_t t = 0; t < n && status == SL_OK; t++) {
        fill_column(p, s, t, levels + t * SL_SOUND_BANDS);
        for (int b = 0; b < SL_SOUND_BANDS; b++) top = fmax(top, (double)levels[t * SL_SOUND_BANDS + b]);
    }
    for (; made < n_pictures && status == SL_OK; made++)
        status = paint(levels, n, (int64_t)made * SL_SOUND_COLUMNS, top, &pictures[made], err);
    for (int i = 0; i < n_pictures && status != SL_OK; i++) {
        if (i < made - 1) sl_picture_free(&pictures[i]);
        pictures[i] = (struct sl_picture){0};
    }
    free(p);
    free(levels);
    return status;
}
