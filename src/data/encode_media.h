/*
 * encode_media.h: a medium of a sample becomes pictures at the size of a rule.
 */
#ifndef SL_DATA_ENCODE_MEDIA_H
#define SL_DATA_ENCODE_MEDIA_H

#include "data/encode.h"

/* What a picture or video became. */
struct sl_media_views {
    struct sl_view *items; /* (n), owned; one for a picture, several for a video or sound in the order of time */
    double *seconds;       /* (n), owned: when each frame is shown; NULL for a picture or sound */
    int n;
};

/*
 * Reads, decodes and resizes *media into *out; release with sl_media_views_free, also after a failure. A medium that
 * says nothing of pixels or frames a second gets the options' rule. Of a video's chosen frames only so many are decoded
 * as it takes to go over max_patches patches: whoever has no room for more need not pay for their pixels.
 */
sl_status sl_media_load(const struct sl_encode_options *o, const struct sl_sample_media *media, int64_t max_patches,
                        struct sl_media_views *out, struct sl_encode_failure *why, sl_error *err);

/* Releases everything; *v is empty again. */
void sl_media_views_free(struct sl_media_views *v);

#endif
