/*
 * png.c: PNG files through libpng.
 *
 * libpng leaves a function by longjmp when something is wrong. Everything that must survive the jump lies in a struct
 * that the jumping function only sees by pointer, so no value is lost in a register.
 */
#include "media/codecs.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const struct sl_coded *file;
    size_t at;
    struct sl_picture *picture;
    int orientation;
    sl_status status;
    sl_error *err;
};

static void on_error(png_structp png, png_const_charp message)
{
    struct reader *r = png_get_error_ptr(png);
    if (!r->status) r->status = sl_fail(r->err, SL_ERR_FORMAT, "broken PNG file: %s", message);
    png_longjmp(png, 1);
}

/* Warnings are about chunks that do not reach the pixels. */
static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep out, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (r->file->n - r->at < n) png_error(png, "the file ends too early");
    memcpy(out, r->file->bytes + r->at, n);
    r->at += n;
}

/* Asks libpng for RGB or RGBA of eight bits; returns the number of channels. */
static int set_transforms(png_structp png, png_infop info)
{
    int colour = png_get_color_type(png, info);
    png_set_expand(png); /* palette and small greys to eight bits, a transparent colour to alpha */
    png_set_strip_16(png);
    if (!(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return png_get_channels(png, info);
}

static void read_orientation(png_structp png, png_infop info, struct reader *r)
{
    png_uint_32 n = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(png, info, &n, &exif)) r->orientation = sl_exif_orientation(exif, n);
}

static void read_picture(png_structp png, png_infop info, struct reader *r)
{
    struct sl_picture *p = r->picture;
    png_read_info(png, info);
    uint32_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    int channels = set_transforms(png, info);
    r->status = sl_picture_new(p, width, height, r->file->max_pixels, r->err);
    if (r->status) return;
    size_t n = (size_t)width * height;
    if (channels == 4) { /* the same pixels with room for alpha */
        uint8_t *wide = realloc(p->rgb, 4 * n);
        if (!wide) png_error(png, "out of memory");
        p->rgb = wide;
    }
    for (int pass = png_get_interlace_type(png, info) == PNG_INTERLACE_ADAM7 ? 7 : 1; pass > 0; pass--)
        for (size_t y = 0; y < height; y++) png_read_row(png, p->rgb + y * width * (size_t)channels, NULL);
    png_read_end(png, info); /* the rest must be there too; EXIF may stand in it */
    read_orientation(png, info, r);
    if (channels != 4) return;
    sl_over_white(p->rgb, n, p->rgb);
    uint8_t *narrow = realloc(p->rgb, 3 * n);
    if (narrow) p->rgb = narrow;
}

/* Texts and profiles can be bombs and change no pixel that we show: they are skipped unread. */
static void skip_unused_chunks(png_structp png)
{
    static const char names[] = "tEXt\0zTXt\0iTXt\0iCCP\0sPLT\0hIST\0tIME\0pCAL\0sCAL";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, (png_const_bytep)names, sizeof names / 5);
}

static void run(png_structp png, png_infop info, struct reader *r)
{
    if (setjmp(png_jmpbuf(png))) return;
    png_set_read_fn(png, r, read_bytes);
    png_set_user_limits(png, SL_PICTURE_MAX_SIDE, SL_PICTURE_MAX_SIDE);
    skip_unused_chunks(png);
    read_picture(png, info, r);
}

sl_status sl_png_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err)
{
    struct reader r = {.file = file, .picture = p, .orientation = 1, .err = err};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info)
        run(png, info, &r);
    else
        r.status = sl_fail(err, SL_ERR_MEMORY, "no memory to decode a PNG file");
    png_destroy_read_struct(&png, &info, NULL);
    *orientation = r.orientation;
    return r.status;
}
