/*
 * fuzz_sound.c: any bytes as a sound: decoded within small limits, resampled, and painted.
 */
#include "media/sound.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct sl_sound_options options = {.max_seconds = 2, .deadline_seconds = 0.5};
    struct sl_sound s;
    struct sl_picture picture;
    sl_error err = {0};
    unsigned sum = 0;
    sl_status status = sl_sound_decode(&s, bytes, n, "fuzz", &options, &err);
    if (status) {
        if (s.samples || !err.message[0]) abort();
        return 0;
    }
    if (s.n < 1 || s.n > 2 * SL_SOUND_RATE + 1 || sl_sound_n_pictures(&s) != 1) abort();
    for (int64_t i = 0; i < s.n; i++)
        if (!isfinite(s.samples[i])) abort();
    if (sl_sound_pictures(&s, &picture, &err)) abort();
    for (int64_t i = 0; i < (int64_t)picture.width * picture.height * 3; i++) sum += picture.rgb[i];
    sl_picture_free(&picture);
    sl_sound_free(&s);
    return sum > 0xfffffffeu ? -1 : 0; /* depends on every pixel */
}
