/*
 * video_webp.c: animated WebP through libwebp's demuxer and animation decoder.
 *
 * Every frame is composed on the one before it, so reading goes forward only, and going back starts anew; the frames of
 * such files are few.
 */
#include "media/video_webp.h"

#include "base/mem.h"
#include "media/codecs.h"

#include <stdlib.h>
#include <string.h>

/* WebP container specification, "extended file format": the flag for animation. */
bool sl_video_webp_is(const uint8_t *head, size_t n)
{
    return n >= 21 && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBPVP8X", 8) == 0 && (head[20] & 2);
}

/* Writes the time of every frame, from their durations. */
static sl_status read_times(const WebPDemuxer *demuxer, int64_t n, struct sl_video_index *index, sl_error *err)
{
    enum { TOO_SHORT = 10, SHOWN = 100 };
    int64_t time = 0;
    WebPIterator frame;
    for (int64_t i = 0; i < n; i++) {
        if (!WebPDemuxGetFrame(demuxer, (int)i + 1, &frame))
            return sl_fail(err, SL_ERR_FORMAT, "broken WebP file: frame %lld is missing", (long long)i);
        index->times[i] = time;
        index->last_step = frame.duration > TOO_SHORT ? frame.duration : SHOWN;
        time += index->last_step;
        WebPDemuxReleaseIterator(&frame);
    }
    return SL_OK;
}

/* What the file says before anything is decoded: size, number of frames, times. */
static sl_status read_header(struct sl_video_webp *w, const WebPDemuxer *demuxer, int64_t max_pixels,
                             int64_t max_frames, struct sl_video_index *index, sl_error *err)
{
    const int64_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH);
    const int64_t height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    const int64_t n = WebPDemuxGetI(demuxer, WEBP_FF_FRAME_COUNT);
    if (n < 1) return sl_fail(err, SL_ERR_FORMAT, "broken WebP file: it has no frames");
    if (width > SL_PICTURE_MAX_SIDE || height > SL_PICTURE_MAX_SIDE || width * height > max_pixels)
        return sl_fail(err, SL_ERR_MEMORY, "a video of %lldx%lld pixels: the limit is %lld", (long long)width,
                       (long long)height, (long long)max_pixels);
    if (n > max_frames)
        return sl_fail(err, SL_ERR_MEMORY, "a video of more than %lld frames: that is the limit",
                       (long long)max_frames);
    w->width = (int)width;
    w->height = (int)height;
    w->n_whole = n;
    *index = (struct sl_video_index){.n_frames = n, .n_keys = 1, .time_base = {1, 1000}, .from_start = true};
    index->times = sl_alloc_array((size_t)n, sizeof *index->times);
    index->keys = sl_alloc_array(1, sizeof *index->keys);
    if (!index->times || !index->keys) return sl_fail(err, SL_ERR_MEMORY, "no memory to open a video");
    return read_times(demuxer, n, index, err);
}

sl_status sl_video_webp_open(struct sl_video_webp *w, const uint8_t *bytes, size_t n, int64_t max_pixels,
                             int64_t max_frames, struct sl_video_index *index, sl_error *err)
{
    const WebPData data = {.bytes = bytes, .size = n};
    WebPDemuxer *demuxer = WebPDemux(&data); /* NULL unless every chunk is there */
    if (!demuxer) return sl_fail(err, SL_ERR_FORMAT, "broken WebP file: the data is damaged or ends too early");
    w->last = -1;
    sl_status status = read_header(w, demuxer, max_pixels, max_frames, index, err);
    WebPDemuxDelete(demuxer);
    if (status) return status;
    w->decoder = WebPAnimDecoderNew(&data, NULL);
    return w->decoder ? SL_OK : sl_fail(err, SL_ERR_FORMAT, "broken WebP file: its frames cannot be decoded");
}

/* Goes on to frame index, from the start when it lies behind; false where a frame before it is damaged, or too late. */
static bool advance(struct sl_video_webp *w, int64_t index, struct sl_av *av)
{
    if (w->last > index) {
        WebPAnimDecoderReset(w->decoder);
        w->last = -1;
    }
    while (w->last < index) {
        int end; /* when the frame stops being shown, which the index knows */
        if (sl_av_is_late(av)) return false;
        if (!WebPAnimDecoderGetNext(w->decoder, &w->canvas, &end)) return false;
        av->n_packets++;
        w->last++;
    }
    return true;
}

void sl_video_webp_decode(struct sl_video_webp *w, int64_t index, struct sl_av *av, AVFrame *frame)
{
    if (index >= w->n_whole) index = w->n_whole - 1;
    while (!advance(w, index, av) && !av->late) {
        av->n_damaged++;
        w->n_whole = w->last + 1; /* and what is on the canvas is no longer what was there before */
        index = w->last;
        WebPAnimDecoderReset(w->decoder);
        w->last = -1;
    }
    if (w->last < 0 || av->late) return;
    frame->width = w->width;
    frame->height = w->height;
    frame->format = AV_PIX_FMT_RGBA;
    frame->data[0] = w->canvas;
    frame->linesize[0] = 4 * w->width;
}

struct sl_av_turn sl_video_webp_turn(const struct sl_video_webp *w)
{
    WebPChunkIterator chunk;
    int o = 1;
    if (WebPDemuxGetChunk(WebPAnimDecoderGetDemuxer(w->decoder), "EXIF", 1, &chunk)) {
        o = sl_exif_chunk_orientation(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    return (struct sl_av_turn){.swap = o >= 5,
                               .from_right = o == 2 || o == 3 || o == 7 || o == 8,
                               .from_bottom = o == 3 || o == 4 || o == 6 || o == 7};
}

void sl_video_webp_close(struct sl_video_webp *w)
{
    WebPAnimDecoderDelete(w->decoder);
    sl_file_unmap(&w->file);
    *w = (struct sl_video_webp){0};
}
