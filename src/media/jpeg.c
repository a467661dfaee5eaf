/*
 * jpeg.c: JPEG files through libjpeg-turbo.
 *
 * Like libpng it leaves by longjmp; see png.c. It also repairs: missing data becomes grey with a warning. A model
 * should not be shown that, so the warnings that mean lost data are errors here.
 */
#include "media/codecs.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive file of a few bytes can ask for any number of passes over the whole picture. */
enum { MAX_SCANS = 500 };

struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    bool data_lost;   /* the entropy decoder met a marker where it wanted data */
    bool ended_early; /* the end of the file stood where its end marker should */
    struct sl_picture *picture;
    uint8_t *cmyk; /* one row, owned */
    sl_status status;
    sl_error *err;
};

static struct reader *reader_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void on_error(j_common_ptr jpeg)
{
    struct reader *r = reader_of(jpeg);
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    if (!r->status) r->status = sl_fail(r->err, SL_ERR_FORMAT, "broken JPEG file: %s", text);
    longjmp(r->jump, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    struct reader *r = reader_of(jpeg);
    if (level >= 0) return; /* traces */
    if (jpeg->err->msg_code == JWRN_HIT_MARKER) r->data_lost = true;
    if (jpeg->err->msg_code == JWRN_JPEG_EOF) r->ended_early = true;
}

static void on_progress(j_common_ptr jpeg)
{
    struct reader *r = reader_of(jpeg);
    if (r->jpeg.input_scan_number <= MAX_SCANS) return;
    r->status = sl_fail(r->err, SL_ERR_FORMAT, "broken JPEG file: more than %d scans", MAX_SCANS);
    longjmp(r->jump, 1);
}

/* round(a * b / 255) */
static unsigned mul_255(unsigned a, unsigned b)
{
    unsigned v = a * b + 128;
    return (v + (v >> 8)) >> 8;
}

/* Ink to light, without profiles: each channel is (1 - ink)(1 - black). Adobe's files store 255 - ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, bool inverted, size_t n, uint8_t *rgb)
{
    for (size_t i = 0; i < n; i++) {
        unsigned flip = inverted ? 0 : 255;
        unsigned light = cmyk[4 * i + 3] ^ flip;
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(light - mul_255((cmyk[4 * i + c] ^ flip) ^ 255, light));
    }
}

static int orientation_of(struct reader *r)
{
    for (jpeg_saved_marker_ptr m = r->jpeg.marker_list; m; m = m->next)
        if (m->data_length > 6 && memcmp(m->data, "Exif\0", 6) == 0)
            return sl_exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

static void read_rows(struct reader *r)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    struct sl_picture *p = r->picture;
    while (j->output_scanline < j->output_height) {
        uint8_t *row = p->rgb + (size_t)j->output_scanline * (size_t)p->width * 3;
        JSAMPROW rows[1] = {r->cmyk ? r->cmyk : row};
        jpeg_read_scanlines(j, rows, 1);
        if (r->cmyk) cmyk_to_rgb(r->cmyk, j->saw_Adobe_marker, (size_t)p->width, row);
    }
}

static void run(struct reader *r, const struct sl_coded *file, int *orientation)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    if (setjmp(r->jump)) return;
    jpeg_create_decompress(j);
    j->progress = &r->progress;
    jpeg_mem_src(j, file->bytes, file->n);
    jpeg_save_markers(j, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(j, TRUE);
    *orientation = orientation_of(r);
    r->status = sl_picture_new(r->picture, j->image_width, j->image_height, file->max_pixels, r->err);
    if (r->status) return;
    bool four = j->jpeg_color_space == JCS_CMYK || j->jpeg_color_space == JCS_YCCK;
    j->out_color_space = four ? JCS_CMYK : JCS_RGB;
    if (four) {
        r->cmyk = malloc((size_t)j->image_width * 4);
        if (!r->cmyk) r->status = sl_fail(r->err, SL_ERR_MEMORY, "no memory to decode a JPEG file");
        if (!r->cmyk) return;
    }
    jpeg_start_decompress(j);
    read_rows(r);
    /* A picture in one scan that lacks nothing but its end marker is whole; of several scans some may be missing. */
    if (r->data_lost || (r->ended_early && (jpeg_has_multiple_scans(j) || j->arith_code)))
        r->status = sl_fail(r->err, SL_ERR_FORMAT, "broken JPEG file: the data is damaged or ends too early");
}

sl_status sl_jpeg_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err)
{
    struct reader r = {.picture = p, .err = err};
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.jpeg.client_data = &r;
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.progress.progress_monitor = on_progress;
    *orientation = 1;
    run(&r, file, orientation);
    jpeg_destroy_decompress(&r.jpeg);
    free(r.cmyk);
    return r.status;
}
