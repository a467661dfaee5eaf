/*
 * sheet.h: samples as a page that a person can look through: pictures, messages, and the ground truth drawn over them.
 *
 * One HTML file without anything beside it: pictures are data addresses, points, boxes and polygons are SVG laid over
 * them, so they stay sharp and the picture below stays as it is in the data. Follows the reader's light or dark theme.
 */
#ifndef SL_DATA_SHEET_H
#define SL_DATA_SHEET_H

#include "base/buf.h"
#include "base/error.h"
#include "data/sample.h"

/* Appends the page's beginning: title (plain text) and one line about what is shown. */
void sl_sheet_begin(const char *title, const char *about, struct sl_buf *out);

/*
 * Appends one sample as a card. Shapes are those of its messages' texts (text/answer.h), each drawn over the picture
 * that comes last before it, or first when there is none before: those that an assistant says with solid lines, others
 * with dashes, and so those that a model said to it (said, or NULL). Boxes in space are drawn through the camera to
 * assume when none is known (base/camera.h). Large pictures are shown smaller, of a video some frames. What cannot be
 * read leaves its reason on the card. Fails only without memory (out's ceiling included).
 */
sl_status sl_sheet_add(const struct sl_sample *sample, const char *source, const char *said, struct sl_buf *out,
                       sl_error *err);

/* Appends the page's end. */
void sl_sheet_end(struct sl_buf *out);

#endif
