/*
 * webp.c: WebP files through libwebp: still pictures, and of an animation the first frame on its canvas.
 */
#include "media/codecs.h"

#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

/* Decodes an opaque frame straight into its place on the canvas. */
static sl_status decode_opaque(const WebPIterator *frame, struct sl_picture *p, sl_error *err)
{
    size_t stride = (size_t)p->width * 3;
    size_t start = (size_t)frame->y_offset * stride + (size_t)frame->x_offset * 3;
    size_t room = stride * (size_t)p->height - start;
    if (WebPDecodeRGBInto(frame->fragment.bytes, frame->fragment.size, p->rgb + start, room, (int)stride)) return SL_OK;
    return sl_fail(err, SL_ERR_FORMAT, "broken WebP file: the data is damaged or ends too early");
}

static sl_status decode_alpha(const WebPIterator *frame, struct sl_picture *p, sl_error *err)
{
    size_t width = (size_t)frame->width, height = (size_t)frame->height;
    uint8_t *rgba = malloc(width * height * 4);
    if (!rgba) return sl_fail(err, SL_ERR_MEMORY, "no memory to decode a WebP file");
    sl_status status = SL_OK;
    if (!WebPDecodeRGBAInto(frame->fragment.bytes, frame->fragment.size, rgba, width * height * 4, (int)width * 4))
        status = sl_fail(err, SL_ERR_FORMAT, "broken WebP file: the data is damaged or ends too early");
    for (size_t y = 0; !status && y < height; y++) {
        size_t at = ((size_t)frame->y_offset + y) * (size_t)p->width + (size_t)frame->x_offset;
        sl_over_white(rgba + y * width * 4, width, p->rgb + at * 3);
    }
    free(rgba);
    return status;
}

static int orientation_of(const WebPDemuxer *demuxer)
{
    WebPChunkIterator chunk;
    if (!WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) return 1;
    int orientation = sl_exif_chunk_orientation(chunk.chunk.bytes, chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

static sl_status decode_first(WebPDemuxer *demuxer, const struct sl_coded *file, struct sl_picture *p, sl_error *err)
{
    WebPIterator frame;
    sl_status status = sl_picture_new(p, WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                                      WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT), file->max_pixels, err);
    if (status) return status;
    if (!WebPDemuxGetFrame(demuxer, 1, &frame))
        return sl_fail(err, SL_ERR_FORMAT, "broken WebP file: it has no picture");
    memset(p->rgb, 255, (size_t)p->width * (size_t)p->height * 3);
    if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width < 1 || frame.height < 1 ||
        frame.width > p->width - frame.x_offset || frame.height > p->height - frame.y_offset)
        status = sl_fail(err, SL_ERR_FORMAT, "broken WebP file: a frame lies outside of the picture");
    else
        status = frame.has_alpha ? decode_alpha(&frame, p, err) : decode_opaque(&frame, p, err);
    WebPDemuxReleaseIterator(&frame);
    return status;
}

sl_status sl_webp_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err)
{
    const WebPData data = {.bytes = file->bytes, .size = file->n};
    *orientation = 1;
    WebPDemuxer *demuxer = WebPDemux(&data); /* NULL unless every chunk is there */
    if (!demuxer) return sl_fail(err, SL_ERR_FORMAT, "broken WebP file: the data is damaged or ends too early");
    sl_status status = decode_first(demuxer, file, p, err);
    if (!status) *orientation = orientation_of(demuxer);
    WebPDemuxDelete(demuxer);
    return status;
}
