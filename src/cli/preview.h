/*
 * preview.h: a picture in the terminal, where the terminal can: kitty's graphics protocol or sixels.
 */
#ifndef SL_CLI_PREVIEW_H
#define SL_CLI_PREVIEW_H

#include "base/buf.h"
#include "media/picture.h"

typedef enum sl_preview {
    SL_PREVIEW_NONE,
    SL_PREVIEW_KITTY, /* sw.kovidgoyal.net/kitty/graphics-protocol */
    SL_PREVIEW_SIXEL, /* DEC's, as xterm, foot, mlterm, Windows Terminal have it */
} sl_preview;

/*
 * Finds what the terminal behind stdin and stdout can: by its environment, or else by asking it (it has a fifth of a
 * second to answer). SEEDLING_PREVIEW=none|kitty|sixel decides instead.
 */
sl_preview sl_preview_find(void);

/* Appends the bytes that show a picture, made to fit max_side pixels, to out. */
sl_status sl_preview_encode(sl_preview how, const struct sl_picture *p, int max_side, struct sl_buf *out,
                            sl_error *err);

#endif
