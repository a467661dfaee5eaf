/*
 * picture_write.c: PNG through libpng, JPEG through libjpeg-turbo. Both leave by longjmp on an error; what must survive
 * lies in a struct behind a pointer, as in png.c.
 */
#include "media/picture_write.h"

#include "base/file.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jpeglib.h>

enum { WRITE_QUALITY = 92, CHUNK = 16384 };

static sl_status no_room(sl_error *err)
{
    return sl_fail(err, SL_ERR_MEMORY, "no memory to encode a picture, or it is larger than its limit");
}

struct png_writer {
    const struct sl_picture *picture;
    struct sl_buf *out;
    sl_status status;
    sl_error *err;
};

static void on_png_error(png_structp png, png_const_charp message)
{
    struct png_writer *w = png_get_error_ptr(png);
    if (!w->status) w->status = sl_fail(w->err, SL_ERR_MEMORY, "cannot encode a PNG file: %s", message);
    png_longjmp(png, 1);
}

static void on_png_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void add_png_bytes(png_structp png, png_bytep bytes, size_t n)
{
    struct png_writer *w = png_get_io_ptr(png);
    sl_buf_add(w->out, bytes, n);
    if (sl_buf_ok(w->out)) return;
    w->status = no_room(w->err);
    png_error(png, "out of room");
}

static void flush_png(png_structp png)
{
    (void)png;
}

static void run_png(png_structp png, png_infop info, struct png_writer *w)
{
    const struct sl_picture *p = w->picture;
    if (setjmp(png_jmpbuf(png))) return;
    png_set_write_fn(png, w, add_png_bytes, flush_png);
    png_set_IHDR(png, info, (png_uint_32)p->width, (png_uint_32)p->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < (size_t)p->height; y++) png_write_row(png, p->rgb + y * (size_t)p->width * 3);
    png_write_end(png, info);
}

sl_status sl_picture_encode_png(const struct sl_picture *p, struct sl_buf *out, sl_error *err)
{
    struct png_writer w = {.picture = p, .out = out, .err = err};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_png_error, on_png_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info)
        run_png(png, info, &w);
    else
        w.status = sl_fail(err, SL_ERR_MEMORY, "no memory to encode a PNG file");
    png_destroy_write_struct(&png, &info);
    return w.status;
}

struct jpeg_writer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf jump;
    const struct sl_picture *picture;
    struct sl_buf *out;
    sl_status status;
    sl_error *err;
    JOCTET bytes[CHUNK]; /* filled by libjpeg, then appended to out */
};

static void on_jpeg_error(j_common_ptr jpeg)
{
    struct jpeg_writer *w = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    if (!w->status) w->status = sl_fail(w->err, SL_ERR_MEMORY, "cannot encode a JPEG file: %s", text);
    longjmp(w->jump, 1);
}

static void on_jpeg_message(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

static void start_chunk(j_compress_ptr jpeg)
{
    struct jpeg_writer *w = jpeg->client_data;
    w->destination.next_output_byte = w->bytes;
    w->destination.free_in_buffer = CHUNK;
}

static void add_chunk(struct jpeg_writer *w, size_t n)
{
    sl_buf_add(w->out, w->bytes, n);
    if (sl_buf_ok(w->out)) return;
    w->status = no_room(w->err);
    longjmp(w->jump, 1);
}

static boolean next_chunk(j_compress_ptr jpeg)
{
    add_chunk(jpeg->client_data, CHUNK);
    start_chunk(jpeg);
    return TRUE;
}

static void last_chunk(j_compress_ptr jpeg)
{
    struct jpeg_writer *w = jpeg->client_data;
    add_chunk(w, CHUNK - w->destination.free_in_buffer);
}

static void run_jpeg(struct jpeg_writer *w, int quality)
{
    struct jpeg_compress_struct *j = &w->jpeg;
    const struct sl_picture *p = w->picture;
    if (setjmp(w->jump)) return;
    jpeg_create_compress(j);
    j->dest = &w->destination;
    j->image_width = (JDIMENSION)p->width;
    j->image_height = (JDIMENSION)p->height;
    j->input_components = 3;
    j->in_color_space = JCS_RGB;
    jpeg_set_defaults(j);
    jpeg_set_quality(j, quality, TRUE);
    jpeg_start_compress(j, TRUE);
    while (j->next_scanline < j->image_height) {
        JSAMPROW row = p->rgb + (size_t)j->next_scanline * (size_t)p->width * 3;
        jpeg_write_scanlines(j, &row, 1);
    }
    jpeg_finish_compress(j);
}

sl_status sl_picture_encode_jpeg(const struct sl_picture *p, int quality, struct sl_buf *out, sl_error *err)
{
    struct jpeg_writer w = {.picture = p, .out = out, .err = err};
    if (quality < 1 || quality > 100)
        return sl_fail(err, SL_ERR_ARGUMENT, "a JPEG quality of %d: it is 1 to 100", quality);
    w.jpeg.err = jpeg_std_error(&w.errors);
    w.jpeg.client_data = &w;
    w.errors.error_exit = on_jpeg_error;
    w.errors.emit_message = on_jpeg_message;
    w.destination.init_destination = start_chunk;
    w.destination.empty_output_buffer = next_chunk;
    w.destination.term_destination = last_chunk;
    run_jpeg(&w, quality);
    jpeg_destroy_compress(&w.jpeg);
    return w.status;
}

sl_status sl_picture_write(const struct sl_picture *p, const char *path, sl_error *err)
{
    /* No encoder makes more than twice the pixels and a header of them. */
    struct sl_buf out = SL_BUF_INIT((size_t)p->width * (size_t)p->height * 6 + 65536);
    const char *dot = strrchr(path, '.'), *ending = dot ? dot : "";
    sl_status status;
    if (strcasecmp(ending, ".png") == 0)
        status = sl_picture_encode_png(p, &out, err);
    else if (strcasecmp(ending, ".jpg") == 0 || strcasecmp(ending, ".jpeg") == 0)
        status = sl_picture_encode_jpeg(p, WRITE_QUALITY, &out, err);
    else
        status = sl_fail(err, SL_ERR_UNSUPPORTED, "a picture is written as .png, .jpg or .jpeg");
    if (status)
        sl_fail_context(err, status, "%s", path);
    else
        status = sl_file_write(path, out.data, out.len, err);
    sl_buf_release(&out);
    return status;
}
