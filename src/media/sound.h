/*
 * sound.h: the sound of a file, and pictures of its spectrogram that a vision transformer reads.
 *
 * Everything is plain double arithmetic in a fixed order, so that every machine makes the same bytes. The pictures are
 * described in docs/MODEL.md, section 12. A sound has one owner; the functions keep no state.
 */
#ifndef SL_MEDIA_SOUND_H
#define SL_MEDIA_SOUND_H

#include "media/picture.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SL_SOUND_RATE = 16000,       /* samples a second */
    SL_SOUND_BANDS = 112,        /* rows of a spectrogram */
    SL_SOUND_COLUMNS = 1008,     /* of one picture at most: 10.08 seconds */
    SL_SOUND_COLUMN_FACTOR = 28, /* a picture's width is a multiple of it */
    SL_SOUND_HOP = 160,          /* samples from one column to the next */
};

/* One channel at SL_SOUND_RATE, full scale from -1 to 1. */
struct sl_sound {
    float *samples; /* (n), owned */
    int64_t n;
};

struct sl_sound_options {
    double start, end;       /* seconds of the file to keep; end 0: to its end */
    double max_seconds;      /* of what is kept: 600; what is longer is cut there */
    double deadline_seconds; /* of the whole call: 120. 0: none */
};

/* Returns the defaults above. */
struct sl_sound_options sl_sound_options_default(void);

/*
 * Decodes the best sound track of a file, mixes its channels evenly and resamples, into *out; release with
 * sl_sound_free. options may be NULL. Files without sound, or of which more than a hundredth of the packets are
 * damaged, are SL_ERR_FORMAT; an empty range SL_ERR_ARGUMENT. The message names the file.
 */
sl_status sl_sound_read(struct sl_sound *out, const char *path, const struct sl_sound_options *options, sl_error *err);

/* The same from n bytes, borrowed for the call; name is for messages. */
sl_status sl_sound_decode(struct sl_sound *out, const void *bytes, size_t n, const char *name,
                          const struct sl_sound_options *options, sl_error *err);

/* Releases the samples; *s is empty again. */
void sl_sound_free(struct sl_sound *s);

/* Returns how many pictures a sound makes: at least one. */
int sl_sound_n_pictures(const struct sl_sound *s);

/*
 * Writes the spectrogram into pictures (sl_sound_n_pictures), of SL_SOUND_BANDS rows, grey; release each with
 * sl_picture_free. On an error all are empty.
 */
sl_status sl_sound_pictures(const struct sl_sound *s, struct sl_picture *pictures, sl_error *err);

#endif
