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

void sl_over_white(const uint8_t *rgba, size_t n, uint8_t *rgb)
{
    for (size_t i = 0; i < n; i++) {
        unsigned alpha = rgba[4 * i + 3];
        for (size_t c = 0; c < 3; c++) {
            unsigned v = rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 128;
            rgb[3 * i + c] = (uint8_t)((v + (v >> 8)) >> 8); /* = round(v / 255) */
        }
    }
}

/* A format: the bytes at its start, and at `at` where one mark is not enough. */
static const struct format {
    const char *start;
    size_t n_start;
    const char *mark;
    size_t at;
    sl_status (*decode)(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err);
} formats[] = {
    {"\x89PNG\r\n\x1a\n", 8, "", 0, sl_png_decode},
    {"\xff\xd8\xff", 3, "", 0, sl_jpeg_decode},
    {"RIFF", 4, "WEBP", 8, sl_webp_decode},
    {"GIF87a", 6, "", 0, sl_gif_decode},
    {"GIF89a", 6, "", 0, sl_gif_decode},
    {"BM", 2, "", 0, sl_bmp_decode},
};

static const struct format *format_of(const struct sl_coded *file)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const struct format *f = &formats[i];
        size_t n_mark = strlen(f->mark);
        if (file->n >= f->n_start && file->n >= f->at + n_mark && memcmp(file->bytes, f->start, f->n_start) == 0 &&
            memcmp(file->bytes + f->at, f->mark, n_mark) == 0)
            return f;
    }
    return NULL;
}

sl_status sl_picture_decode(struct sl_picture *p, const void *bytes, size_t n, int64_t max_pixels, sl_error *err)
{
    const struct sl_coded file = {.bytes = bytes, .n = n, .max_pixels = max_pixels};
    const struct format *format = format_of(&file);
    int orientation = 1;
    *p = (struct sl_picture){0};
    sl_status status = format ? format->decode(&file, p, &orientation, err)
                              : sl_fail(err, SL_ERR_UNSUPPORTED, "not a PNG, JPEG, WebP, GIF or BMP file");
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
