/*
 * contact.h: many pictures on one sheet, to look at them together.
 */
#ifndef SL_MEDIA_CONTACT_H
#define SL_MEDIA_CONTACT_H

#include "media/picture.h"

struct sl_contact {
    struct sl_picture picture; /* borrowed */
    const char *caption;       /* UTF-8, one line, borrowed; NULL: none */
};

/*
 * Makes a sheet of n pictures on white, row by row in columns of `cell` (16..4096) pixels a side, into *out; release
 * with sl_picture_free. Pictures are made smaller to fit their cell, never larger, and keep their proportions; captions
 * stand under them, cut off at the cell's end. No pictures, no columns or a wrong cell is SL_ERR_ARGUMENT, a sheet
 * above the limits of a canvas SL_ERR_MEMORY.
 */
sl_status sl_contact_sheet(const struct sl_contact *items, int n, int columns, int cell, struct sl_picture *out,
                           sl_error *err);

#endif
