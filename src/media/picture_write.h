/*
 * picture_write.h: pictures into files: PNG, which loses nothing, and JPEG.
 */
#ifndef SL_MEDIA_PICTURE_WRITE_H
#define SL_MEDIA_PICTURE_WRITE_H

#include "base/buf.h"
#include "media/picture.h"

/*
 * Appends p as a PNG file (8-bit RGB) to out. Past out's ceiling, or without memory, it is SL_ERR_MEMORY, and what was
 * appended is no file.
 */
sl_status sl_picture_encode_png(const struct sl_picture *p, struct sl_buf *out, sl_error *err);

/*
 * Appends p as a JPEG file to out: baseline, 4:2:0, quality 1..100 as libjpeg counts it (anything else is
 * SL_ERR_ARGUMENT). Errors as for PNG.
 */
sl_status sl_picture_encode_jpeg(const struct sl_picture *p, int quality, struct sl_buf *out, sl_error *err);

/*
 * Writes p to path, atomically: .png, or .jpg and .jpeg with quality 92, in any case of letters; another ending is
 * SL_ERR_UNSUPPORTED. Errors name the path.
 */
sl_status sl_picture_write(const struct sl_picture *p, const char *path, sl_error *err);

#endif
