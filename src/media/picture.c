/*
 * picture.c: which decoder a file needs, the size limits that all of them obey, and turning pictures upright.
 */
#include "media/picture.h"

#include "base/file.h"
#include "media/codecs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

sl_status sl_picture_new(struct sl_picture *p, int64_t width, int64_t height, int64_t max_pixels, sl_error *err)
{
    if (max_pixels > SL_PICTURE_MAX_PIXELS) max_pixels = SL_PICTURE_MAX_PIXELS;
    *p = (struct sl_picture){0};
    if (width < 1 || height < 1 || width > SL_PICTURE_MAX_SIDE || height > SL_PICTURE_MAX_SIDE)
        return sl_fail(err, SL_ERR_MEMORY, "a picture of %lldx%lld pixels: sides are 1 to %d", (long long)width,
                       (long long)height, SL_PICTURE_MAX_SIDE);
    if (width * height > max_pixels)
        return sl_fail(err, SL_ERR_MEMORY, "a picture of %lldx%lld pixels: the limit is %lld", (long long)width,
                       (long long)height, (long long)max_pixels);
    p->rgb = malloc((size_t)(width * height) * 3);
    if (!p->rgb)
        return sl_fail(err, SL_ERR_MEMORY, "no memory for a picture of %lldx%lld pixels", (long long)width,
                       (long long)height);
    p->width = (int)width;
    p->height = (int)height;
    return SL_OK;
}

void sl_picture_free(struct sl_picture *p)
{
    free(p->rgb);
    *p = (struct sl_picture){0};
}

/*
 * Turns *p upright. The eight orientations are the symmetries of a rectangle: in each, a step right and a step down in
 * the upright picture is a step along one side of the stored one.
 */
static sl_status turn_upright(struct sl_picture *p, int orientation, sl_error *err)
{
    if (orientation == 1) return SL_OK;
    bool swap = orientation >= 5;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    ptrdiff_t column = from_right ? -3 : 3;
    ptrdiff_t row = (from_bottom ? -3 : 3) * (ptrdiff_t)p->width;
    const uint8_t *start = p->rgb + (from_right ? 3 * ((ptrdiff_t)p->width - 1) : 0) +
                           (from_bottom ? 3 * (ptrdiff_t)p->width * ((ptrdiff_t)p->height - 1) : 0);
    ptrdiff_t right = swap ? row : column, down = swap ? column : row;

    struct sl_picture upright;
    sl_status status =
        sl_picture_new(&upright, swap ? p->height : p->width, swap ? p->width : p->height, SL_PICTURE_MAX_PIXELS, err);
    if (status) return status;
    for (ptrdiff_t y = 0; y < upright.height; y++) {
        uint8_t *out = upright.rgb + 3 * y * upright.width;
        for (ptrdiff_t x = 0; x < upright.width; x++) memcpy(out + 3 * x, start + y * down + x * right, 3);
    }
    free(p->rgb);
    *p = upright;
    return SL_OK;
}

sl_status sl_picture_decode(struct sl_picture *p, const void *bytes, size_t n, int64_t max_pixels, sl_error *err)
{
    static const uint8_t png_magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg_magic[] = {0xff, 0xd8, 0xff};
    const struct sl_coded file = {.bytes = bytes, .n = n, .max_pixels = max_pixels};
    int orientation = 1;
    sl_status status;
    *p = (struct sl_picture){0};
    if (n >= sizeof png_magic && memcmp(bytes, png_magic, sizeof png_magic) == 0)
        status = sl_png_decode(&file, p, &orientation, err);
    else if (n >= sizeof jpeg_magic && memcmp(bytes, jpeg_magic, sizeof jpeg_magic) == 0)
        status = sl_jpeg_decode(&file, p, &orientation, err);
    else
        status = sl_fail(err, SL_ERR_UNSUPPORTED, "neither a PNG nor a JPEG file");
    if (!status) status = turn_upright(p, orientation, err);
    if (status) sl_picture_free(p);
    return status;
}

sl_status sl_picture_read(struct sl_picture *p, const char *path, int64_t max_pixels, sl_error *err)
{
    struct sl_mapped_file file;
    *p = (struct sl_picture){0};
    sl_status status = sl_file_map(path, &file, err);
    if (status) return status;
    status = sl_picture_decode(p, file.data, file.size, max_pixels, err);
    sl_file_unmap(&file);
    return status ? sl_fail_context(err, status, "%s", path) : SL_OK;
}
