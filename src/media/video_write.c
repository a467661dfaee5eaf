/*
 * video_write.c: encoding pictures into a clip in memory.
 */
#include "media/video_write.h"

#include "base/file.h"
#include "media/video_av.h"

#include <libavutil/opt.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLE_TICKS = 90000 /* a second */ };

struct sl_video_writer {
    struct sl_video_writer_options options;
    AVFormatContext *format; /* owned; writes to a buffer in memory */
    AVStream *stream;        /* borrowed from format */
    AVCodecContext *encoder; /* owned */
    AVPacket *packet;        /* owned */
    AVFrame *frame;          /* owned; YUV 4:2:0 */
    AVFrame *rgb;            /* owned; the picture with even sides */
    struct SwsContext *sws;  /* owned */
    int64_t next;            /* time of the next picture in the encoder's time base */
    int64_t step;            /* one frame, in the encoder's time base */
    int64_t n_pictures;
};

struct sl_video_writer_options sl_video_writer_options_default(void)
{
    return (struct sl_video_writer_options){
        .codec = SL_VIDEO_H264, .fps_num = 25, .fps_den = 1, .quality = -1, .max_bytes = 1 << 30};
}

static sl_status check(const struct sl_video_writer_options *o, sl_error *err)
{
    if (o->width < 1 || o->height < 1 || o->width > 16384 || o->height > 16384)
        return sl_fail(err, SL_ERR_ARGUMENT, "a video of %dx%d pixels: sides are 1 to 16384", o->width, o->height);
    if (o->fps_num < 1 || o->fps_den < 1)
        return sl_fail(err, SL_ERR_ARGUMENT, "a video of %d/%d frames a second", o->fps_num, o->fps_den);
    int worst = o->codec == SL_VIDEO_VP9 ? 63 : 51;
    if (o->quality < -1 || o->quality > worst)
        return sl_fail(err, SL_ERR_ARGUMENT, "a video quality of %d: it is 0 to %d, or -1", o->quality, worst);
    if (o->bit_rate < 0 || o->key_interval < 0 || o->max_bytes < 1)
        return sl_fail(err, SL_ERR_ARGUMENT, "a bit rate, key interval or size limit below 0");
    return SL_OK;
}

static sl_status av_failed(int rc, const char *what, sl_error *err)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    if (rc == AVERROR(ENOMEM)) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", what);
    av_strerror(rc, reason, sizeof reason);
    return sl_fail(err, SL_ERR_IO, "%s: %s", what, reason);
}

/* Options that each encoder names in its own way. */
static void set_encoder_options(const struct sl_video_writer_options *o, AVCodecContext *c)
{
    if (o->bit_rate) c->bit_rate = o->bit_rate;
    if (strcmp(c->codec->name, "libx264") == 0) {
        if (!o->bit_rate) av_opt_set_double(c->priv_data, "crf", o->quality < 0 ? 23 : o->quality, 0);
        av_opt_set(c->priv_data, "preset", o->fast ? "ultrafast" : "medium", 0);
        av_opt_set(c->priv_data, "x264-params", "cpu-independent=1", 0);
    } else if (strcmp(c->codec->name, "libvpx-vp9") == 0) {
        if (!o->bit_rate) av_opt_set_int(c->priv_data, "crf", o->quality < 0 ? 31 : o->quality, 0);
        av_opt_set(c->priv_data, "deadline", o->fast ? "realtime" : "good", 0);
        av_opt_set_int(c->priv_data, "cpu-used", o->fast ? 8 : 3, 0);
    } else if (!o->bit_rate) {
        /* The quantiser of MPEG-4 part 2 goes from 1 to 31, and 23 of H.264 looks like about 4 of it. */
        c->flags |= AV_CODEC_FLAG_QSCALE;
        c->global_quality = FF_QP2LAMBDA * (o->quality < 0 ? 4 : 1 + o->quality * 30 / 51);
    }
}

static sl_status open_encoder(struct sl_video_writer *w, sl_error *err)
{
    const struct sl_video_writer_options *o = &w->options;
    const AVCodec *codec = avcodec_find_encoder_by_name(o->codec == SL_VIDEO_VP9 ? "libvpx-vp9" : "libx264");
    if (!codec && o->codec == SL_VIDEO_H264) codec = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    if (!codec) return sl_fail(err, SL_ERR_UNSUPPORTED, "this FFmpeg has no encoder for it");
    AVCodecContext *c = w->encoder = avcodec_alloc_context3(codec);
    if (!c) return av_failed(AVERROR(ENOMEM), "starting a video", err);
    c->width = o->width + o->width % 2;
    c->height = o->height + o->height % 2;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->framerate = (AVRational){o->fps_num, o->fps_den};
    c->time_base = o->variable ? (AVRational){1, VARIABLE_TICKS} : (AVRational){o->fps_den, o->fps_num};
    w->step = o->variable ? llround((double)VARIABLE_TICKS * o->fps_den / o->fps_num) : 1;
    if (w->step < 1) w->step = 1;
    c->gop_size = o->key_interval ? o->key_interval : 250;
    c->color_range = AVCOL_RANGE_MPEG;
    c->colorspace = AVCOL_SPC_SMPTE170M;
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    if (w->format->oformat->flags & AVFMT_GLOBALHEADER) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    set_encoder_options(o, c);
    int rc = avcodec_open2(c, codec, NULL);
    return rc < 0 ? av_failed(rc, "starting a video", err) : SL_OK;
}

static sl_status open_file(struct sl_video_writer *w, sl_error *err)
{
    const char *kind = w->options.codec == SL_VIDEO_VP9 ? "webm" : "mp4";
    int rc = avformat_alloc_output_context2(&w->format, NULL, kind, NULL);
    if (rc >= 0) rc = avio_open_dyn_buf(&w->format->pb);
    if (rc < 0) return av_failed(rc, "starting a video", err);
    w->format->flags |= AVFMT_FLAG_BITEXACT | AVFMT_FLAG_CUSTOM_IO;
    return SL_OK;
}

static sl_status start_file(struct sl_video_writer *w, sl_error *err)
{
    w->stream = avformat_new_stream(w->format, NULL);
    int rc = w->stream ? avcodec_parameters_from_context(w->stream->codecpar, w->encoder) : AVERROR(ENOMEM);
    if (rc >= 0) {
        w->stream->time_base = w->encoder->time_base;
        w->stream->avg_frame_rate = w->encoder->framerate;
        rc = avformat_write_header(w->format, NULL);
    }
    return rc < 0 ? av_failed(rc, "starting a video", err) : SL_OK;
}

static AVFrame *new_frame(const AVCodecContext *c, enum AVPixelFormat format)
{
    AVFrame *f = av_frame_alloc();
    if (!f) return NULL;
    f->width = c->width;
    f->height = c->height;
    f->format = format;
    if (av_frame_get_buffer(f, 0) < 0) av_frame_free(&f);
    return f;
}

static sl_status make_frames(struct sl_video_writer *w, sl_error *err)
{
    const AVCodecContext *c = w->encoder;
    w->packet = av_packet_alloc();
    w->frame = new_frame(c, AV_PIX_FMT_YUV420P);
    w->rgb = new_frame(c, AV_PIX_FMT_RGB24);
    w->sws = sws_getContext(c->width, c->height, AV_PIX_FMT_RGB24, c->width, c->height, AV_PIX_FMT_YUV420P,
                            SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT, NULL, NULL, NULL);
    if (!w->packet || !w->frame || !w->rgb || !w->sws) return av_failed(AVERROR(ENOMEM), "starting a video", err);
    w->frame->color_range = c->color_range;
    w->frame->colorspace = c->colorspace;
    return SL_OK;
}

sl_status sl_video_writer_new(struct sl_video_writer **out, const struct sl_video_writer_options *options,
                              sl_error *err)
{
    *out = NULL;
    sl_status status = check(options, err);
    if (status) return status;
    sl_av_silence();
    struct sl_video_writer *w = calloc(1, sizeof *w);
    if (!w) return av_failed(AVERROR(ENOMEM), "starting a video", err);
    w->options = *options;
    status = open_file(w, err);
    if (!status) status = open_encoder(w, err);
    if (!status) status = start_file(w, err);
    if (!status) status = make_frames(w, err);
    if (status)
        sl_video_writer_free(&w);
    else
        *out = w;
    return status;
}

void sl_video_writer_free(struct sl_video_writer **writer)
{
    struct sl_video_writer *w = *writer;
    if (!w) return;
    if (w->format && w->format->pb) {
        uint8_t *bytes = NULL;
        avio_close_dyn_buf(w->format->pb, &bytes);
        av_free(bytes);
        w->format->pb = NULL;
    }
    avformat_free_context(w->format);
    avcodec_free_context(&w->encoder);
    av_packet_free(&w->packet);
    av_frame_free(&w->frame);
    av_frame_free(&w->rgb);
    sws_freeContext(w->sws);
    free(w);
    *writer = NULL;
}

/* Copies the picture into w->rgb, repeating the last column and row where a side is odd, and converts it. */
static void load_picture(struct sl_video_writer *w, const struct sl_picture *p)
{
    AVFrame *rgb = w->rgb;
    size_t row_bytes = 3 * (size_t)p->width;
    for (int y = 0; y < rgb->height; y++) {
        const uint8_t *from = p->rgb + row_bytes * (size_t)(y < p->height ? y : p->height - 1);
        uint8_t *to = rgb->data[0] + (ptrdiff_t)y * rgb->linesize[0];
        memcpy(to, from, row_bytes);
        if (rgb->width > p->width) memcpy(to + row_bytes, from + row_bytes - 3, 3);
    }
    sws_scale(w->sws, (const uint8_t *const *)rgb->data, rgb->linesize, 0, rgb->height, w->frame->data,
              w->frame->linesize);
}

/* Gives the encoder a frame (NULL: the end) and writes what it has ready. */
static sl_status encode(struct sl_video_writer *w, const AVFrame *frame, sl_error *err)
{
    int rc = avcodec_send_frame(w->encoder, frame);
    while (rc >= 0) {
        rc = avcodec_receive_packet(w->encoder, w->packet);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return SL_OK;
        if (rc < 0) break;
        w->packet->duration = w->step;
        w->packet->stream_index = w->stream->index;
        av_packet_rescale_ts(w->packet, w->encoder->time_base, w->stream->time_base);
        rc = av_interleaved_write_frame(w->format, w->packet);
        if (rc >= 0 && avio_tell(w->format->pb) > w->options.max_bytes)
            return sl_fail(err, SL_ERR_MEMORY, "a video of more than %lld bytes: that is the limit",
                           (long long)w->options.max_bytes);
    }
    return av_failed(rc, "encoding a video", err);
}

static sl_status add(struct sl_video_writer *w, const struct sl_picture *p, int64_t time, sl_error *err)
{
    if (p->width != w->options.width || p->height != w->options.height)
        return sl_fail(err, SL_ERR_ARGUMENT, "a picture of %dx%d in a video of %dx%d", p->width, p->height,
                       w->options.width, w->options.height);
    /* The encoder may still hold the last one. */
    int rc = av_frame_make_writable(w->frame);
    if (rc < 0) return av_failed(rc, "encoding a video", err);
    load_picture(w, p);
    w->frame->pts = time;
    w->next = time + w->step;
    w->n_pictures++;
    return encode(w, w->frame, err);
}

sl_status sl_video_writer_add(struct sl_video_writer *w, const struct sl_picture *picture, sl_error *err)
{
    return add(w, picture, w->next, err);
}

sl_status sl_video_writer_add_at(struct sl_video_writer *w, const struct sl_picture *picture, double seconds,
                                 sl_error *err)
{
    if (!w->options.variable) return sl_fail(err, SL_ERR_ARGUMENT, "this video has frames at equal times");
    if (!(seconds >= 0) || seconds > 1e6)
        return sl_fail(err, SL_ERR_ARGUMENT, "a picture at %g s: times are 0 to 1000000", seconds);
    int64_t time = llround(seconds * VARIABLE_TICKS);
    if (w->n_pictures && time <= w->next - w->step)
        return sl_fail(err, SL_ERR_ARGUMENT, "a picture at %g s, which is not after the one before", seconds);
    return add(w, picture, time, err);
}

sl_status sl_video_writer_finish(struct sl_video_writer **writer, struct sl_buf *out, sl_error *err)
{
    struct sl_video_writer *w = *writer;
    uint8_t *bytes = NULL;
    sl_status status = SL_OK;
    if (w->n_pictures == 0)
        status = sl_fail(err, SL_ERR_ARGUMENT, "a video without a picture");
    else
        status = encode(w, NULL, err);
    if (!status) {
        int rc = av_write_trailer(w->format);
        if (rc < 0) status = av_failed(rc, "ending a video", err);
    }
    if (!status) {
        int n = avio_close_dyn_buf(w->format->pb, &bytes);
        w->format->pb = NULL;
        if (bytes && n > 0) sl_buf_add(out, bytes, (size_t)n);
        if (!bytes || n <= 0 || !sl_buf_ok(out))
            status = sl_fail(err, SL_ERR_MEMORY, "no memory for a video of %d bytes", n);
    }
    av_free(bytes);
    sl_video_writer_free(writer);
    return status;
}

sl_status sl_video_writer_save(struct sl_video_writer **writer, const char *path, sl_error *err)
{
    struct sl_buf file = SL_BUF_INIT(SIZE_MAX / 2);
    sl_status status = sl_video_writer_finish(writer, &file, err);
    status = status ? sl_fail_context(err, status, "%s", path) : sl_file_write(path, file.data, file.len, err);
    sl_buf_release(&file);
    return status;
}
