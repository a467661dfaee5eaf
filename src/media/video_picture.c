/*
 * video_picture.c: from a decoded frame, in whatever pixel format, to an upright RGB picture.
 */
#include "media/video_av.h"

#include <libavutil/pixdesc.h>

#include <string.h>

/* Lays n pixels of RGBA over white. */
static void over_white(const uint8_t *rgba, int n, uint8_t *rgb)
{
    for (int i = 0; i < n; i++) {
        unsigned alpha = rgba[4 * i + 3];
        for (int c = 0; c < 3; c++) {
            unsigned v = rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 128;
            rgb[3 * i + c] = (uint8_t)((v + (v >> 8)) >> 8); /* = round(v / 255) */
        }
    }
}

/* Writes row y of the stored picture, n pixels of RGB, to where it stands in the upright one. */
static void place_row(const struct sl_av_turn *turn, const uint8_t *row, int n, int y, int n_rows,
                      struct sl_picture *out)
{
    int line = turn->from_bottom ? n_rows - 1 - y : y;
    if (!turn->swap && !turn->from_right) {
        memcpy(out->rgb + 3 * (size_t)line * (size_t)n, row, 3 * (size_t)n);
        return;
    }
    for (int x = 0; x < n; x++) {
        int place = turn->from_right ? n - 1 - x : x;
        int out_x = turn->swap ? line : place, out_y = turn->swap ? place : line;
        memcpy(out->rgb + 3 * ((size_t)out_y * (size_t)out->width + (size_t)out_x), row + 3 * (size_t)x, 3);
    }
}

/* Prepares convert->rgb and convert->sws for frames like this one. */
static sl_status prepare(struct sl_av_convert *convert, const AVFrame *frame, enum AVPixelFormat to, sl_error *err)
{
    AVFrame *rgb = convert->rgb;
    if (!rgb) rgb = convert->rgb = av_frame_alloc();
    if (rgb && (rgb->width != frame->width || rgb->height != frame->height || rgb->format != to)) {
        av_frame_unref(rgb);
        rgb->width = frame->width;
        rgb->height = frame->height;
        rgb->format = to;
        if (av_frame_get_buffer(rgb, 0) < 0) rgb = NULL;
    }
    if (!rgb) return sl_fail(err, SL_ERR_MEMORY, "no memory for a frame of %dx%d", frame->width, frame->height);
    /* FFmpeg's fast path, which video loaders of other model code take too: eight times as fast as the exact one. */
    const int flags = SWS_BILINEAR;
    convert->sws = sws_getCachedContext(convert->sws, frame->width, frame->height, frame->format, frame->width,
                                        frame->height, to, flags, NULL, NULL, NULL);
    if (!convert->sws) {
        const char *name = av_get_pix_fmt_name(frame->format);
        return sl_fail(err, SL_ERR_UNSUPPORTED, "frames of %dx%d in the format %s cannot be converted", frame->width,
                       frame->height, name ? name : "?");
    }
    /* The numbers of colour spaces are those of SWS_CS_*; 2 is "unspecified", for which FFmpeg takes BT.601. */
    int space = frame->colorspace == AVCOL_SPC_UNSPECIFIED || frame->colorspace == AVCOL_SPC_RGB ? SWS_CS_DEFAULT
                                                                                                 : frame->colorspace;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    bool full = frame->color_range == AVCOL_RANGE_JPEG || (format && strncmp(format->name, "yuvj", 4) == 0);
    sws_setColorspaceDetails(convert->sws, sws_getCoefficients(space), full, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
                             1 << 16, 1 << 16);
    return SL_OK;
}

sl_status sl_av_picture(struct sl_av_convert *convert, const AVFrame *frame, const struct sl_av_turn *turn,
                        int64_t max_pixels, struct sl_picture *out, sl_error *err)
{
    *out = (struct sl_picture){0};
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    bool has_alpha = format && (format->flags & AV_PIX_FMT_FLAG_ALPHA);
    sl_status status = sl_picture_new(out, turn->swap ? frame->height : frame->width,
                                      turn->swap ? frame->width : frame->height, max_pixels, err);
    if (!status) status = prepare(convert, frame, has_alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24, err);
    if (status) goto out;
    AVFrame *rgb = convert->rgb;
    int n = sws_scale(convert->sws, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, rgb->data,
                      rgb->linesize);
    if (n != frame->height) {
        status = sl_fail(err, SL_ERR_UNSUPPORTED, "a frame of %dx%d cannot be converted to RGB", frame->width,
                         frame->height);
        goto out;
    }
    for (int y = 0; y < rgb->height; y++) {
        uint8_t *row = rgb->data[0] + (ptrdiff_t)y * rgb->linesize[0];
        if (has_alpha) over_white(row, rgb->width, row);
        place_row(turn, row, rgb->width, y, rgb->height, out);
    }
out:
    if (status) sl_picture_free(out);
    return status;
}

void sl_av_convert_release(struct sl_av_convert *convert)
{
    sws_freeContext(convert->sws);
    av_frame_free(&convert->rgb);
    *convert = (struct sl_av_convert){0};
}
