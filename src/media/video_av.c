/*
 * video_av.c: opening a container safely, and its decoder.
 *
 * Names never reach FFmpeg: it would take some for URLs, devices or patterns. It gets bytes through callbacks, and
 * every attempt of a container to open something else (playlists, references to other files) is refused.
 */
#include "media/video_av.h"

#include "base/clock.h"

#include <libavutil/opt.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IO_BUFFER_BYTES = 1 << 16 };

static const char not_a_video[] = "not a video that can be read", not_a_sound[] = "not a sound that can be read";

#if LIBAVFORMAT_VERSION_MAJOR >= 59
typedef const AVInputFormat *input_format;
#else
typedef AVInputFormat *input_format;
#endif

static const char *what_it_is_not(const struct sl_av *av)
{
    return av->sound ? not_a_sound : not_a_video;
}

bool sl_av_is_late(struct sl_av *av)
{
    if (av->deadline > 0 && sl_clock_seconds() > av->deadline) av->late = true;
    return av->late;
}

static int interrupt(void *opaque)
{
    return sl_av_is_late(opaque);
}

/* Keeps what FFmpeg says of our own containers, recognised by their interrupt callback, and prints nothing. */
static void keep_message(void *context, int level, const char *fmt, va_list args)
{
    if (level > AV_LOG_ERROR || !context || *(const AVClass **)context != avformat_get_class()) return;
    const AVFormatContext *format = context;
    if (format->interrupt_callback.callback != interrupt) return;
    struct sl_av *av = format->interrupt_callback.opaque;
    vsnprintf(av->detail, sizeof av->detail, fmt, args);
    av->detail[strcspn(av->detail, "\r\n")] = '\0';
}

void sl_av_silence(void)
{
    av_log_set_callback(keep_message);
}

sl_status sl_av_fail(const struct sl_av *av, int rc, sl_error *err, const char *what)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    if (av->late) return sl_fail(err, SL_ERR_IO, "%s: gave up, it took too long", what);
    if (rc == AVERROR(ENOMEM)) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", what);
    av_strerror(rc, reason, sizeof reason);
    bool said = av->detail[0] && strcmp(av->detail, reason) != 0;
    return sl_fail(err, rc == AVERROR(EIO) ? SL_ERR_IO : SL_ERR_FORMAT, "%s: %s%s%s%s", what, reason, said ? " (" : "",
                   said ? av->detail : "", said ? ")" : "");
}

/* Waits until fd has bytes or the deadline passes; returns 0 or an AVERROR. */
static int wait_for_bytes(struct sl_av *av)
{
    for (;;) {
        struct pollfd p = {.fd = av->fd, .events = POLLIN};
        int ms = -1;
        if (av->deadline > 0) {
            double left = av->deadline - sl_clock_seconds();
            ms = left > 3600 ? 3600 * 1000 : left > 0 ? (int)(left * 1000) + 1 : 0;
        }
        int n = poll(&p, 1, ms);
        if (n > 0) return 0;
        if (n < 0 && errno != EINTR) return AVERROR(errno);
        if (sl_av_is_late(av)) return AVERROR_EXIT;
    }
}

static int read_bytes(void *opaque, uint8_t *out, int n)
{
    struct sl_av *av = opaque;
    if (sl_av_is_late(av)) return AVERROR_EXIT;
    if (av->bytes) {
        int64_t left = av->n - av->at;
        if (left <= 0) return AVERROR_EOF;
        if (n > left) n = (int)left;
        memcpy(out, av->bytes + av->at, (size_t)n);
        av->at += n;
        return n;
    }
    for (;;) {
        int rc = av->seekable ? 0 : wait_for_bytes(av);
        if (rc) return rc;
        ssize_t got = av->seekable ? pread(av->fd, out, (size_t)n, av->at) : read(av->fd, out, (size_t)n);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return AVERROR(errno);
        av->at += got;
        return got ? (int)got : AVERROR_EOF;
    }
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct sl_av *av = opaque;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE) return av->n;
    int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? av->at : whence == SEEK_END ? av->n : -1;
    if (base < 0 || offset < -base || offset > INT64_MAX - base) return AVERROR(EINVAL);
    av->at = base + offset;
    return av->at;
}

/* A container that names other files would have us read, or fetch, whatever a stranger likes. */
static int refuse_open(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    (void)format, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EPERM);
}

/*
 * Finds out what the bytes are. Lists of other files are not followed, and text as a terminal would show it, which
 * FFmpeg offers to film, is not taken for a video.
 */
static sl_status probe(struct sl_av *av, AVIOContext *io, input_format *found, sl_error *err)
{
    static const char *const refused[] = {"hls", "concat", "dash", "sdp", "imf", "webm_dash_manifest", "tty"};
    enum { LEAST = 2048, MOST = 1 << 20 }; /* LEAST is what FFmpeg insists on */
    int64_t limit = av->options.probe_bytes;
    if (limit == 0 || limit > MOST) limit = MOST;
    if (limit < LEAST) limit = LEAST;
    int rc = av_probe_input_buffer2(io, found, "", NULL, 0, (unsigned)limit);
    if (rc < 0) return sl_av_fail(av, rc, err, what_it_is_not(av));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp((*found)->name, refused[i]) == 0)
            return sl_fail(err, SL_ERR_FORMAT, "%s: text, or a list of other files (%s)", what_it_is_not(av),
                           refused[i]);
    return SL_OK;
}

static void free_io(AVIOContext *io)
{
    if (!io) return;
    av_freep(&io->buffer);
    avio_context_free(&io);
}

static sl_status open_container(struct sl_av *av, sl_error *err)
{
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    AVIOContext *io = NULL;
    if (buffer)
        io = avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, av, read_bytes, NULL, av->seekable ? seek_bytes : NULL);
    if (!io) {
        av_free(buffer);
        return sl_fail(err, SL_ERR_MEMORY, "no memory to open a video");
    }
    input_format kind = NULL;
    sl_status status = probe(av, io, &kind, err);
    AVFormatContext *format = status ? NULL : avformat_alloc_context();
    if (!status && !format) status = sl_fail(err, SL_ERR_MEMORY, "no memory to open a video");
    if (status) {
        free_io(io);
        return status;
    }
    format->pb = io;
    format->flags |= AVFMT_FLAG_CUSTOM_IO;
    format->interrupt_callback = (AVIOInterruptCB){.callback = interrupt, .opaque = av};
    format->io_open = refuse_open;
    if (av->options.live) format->fps_probe_size = 0; /* which would wait for twenty frames */
    if (av->options.probe_bytes) format->probesize = av->options.probe_bytes;
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "none", 0);
    int rc = avformat_open_input(&format, NULL, kind, &options);
    av_dict_free(&options);
    if (rc < 0) { /* which has freed format, but not io */
        free_io(io);
        return sl_av_fail(av, rc, err, what_it_is_not(av));
    }
    av->format = format;
    return SL_OK;
}

/* Reads on until the streams are known; what FFmpeg decodes meanwhile obeys the limit of pixels. */
static sl_status find_streams(struct sl_av *av, sl_error *err)
{
    unsigned n = av->format->nb_streams;
    AVDictionary **options = n ? av_calloc(n, sizeof(AVDictionary *)) : NULL;
    if (n && !options) return sl_fail(err, SL_ERR_MEMORY, "no memory to open a video");
    for (unsigned i = 0; i < n; i++) av_dict_set_int(&options[i], "max_pixels", av->options.max_pixels, 0);
    int rc = avformat_find_stream_info(av->format, options);
    for (unsigned i = 0; i < n; i++) av_dict_free(&options[i]);
    av_free(options);
    return rc < 0 || sl_av_is_late(av) ? sl_av_fail(av, rc, err, what_it_is_not(av)) : SL_OK;
}

static sl_status choose_stream(struct sl_av *av, sl_error *err)
{
    int best = av_find_best_stream(av->format, av->sound ? AVMEDIA_TYPE_AUDIO : AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    unsigned n = av->format->nb_streams;
    if (best < 0 && av->sound) return sl_fail(err, SL_ERR_FORMAT, "there is no sound in it");
    if (best < 0) {
        bool sound = av_find_best_stream(av->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0) >= 0;
        return sl_fail(err, SL_ERR_FORMAT, sound ? "there is only sound in it, no video" : "there is no video in it");
    }
    av->stream = av->format->streams[best];
    if (av->stream->disposition & AV_DISPOSITION_ATTACHED_PIC)
        return sl_fail(err, SL_ERR_FORMAT, "there is only sound in it and a cover picture, no video");
    for (unsigned i = 0; i < n; i++)
        if ((int)i != best) av->format->streams[i]->discard = AVDISCARD_ALL;
    return SL_OK;
}

static sl_status check_size(const struct sl_av *av, sl_error *err)
{
    int64_t width = av->stream->codecpar->width, height = av->stream->codecpar->height;
    if (width < 1 || height < 1)
        return sl_fail(err, SL_ERR_FORMAT, "its pictures cannot be decoded, or have more than %lld pixels",
                       (long long)av->options.max_pixels);
    if (width > SL_PICTURE_MAX_SIDE || height > SL_PICTURE_MAX_SIDE || width * height > av->options.max_pixels)
        return sl_fail(err, SL_ERR_MEMORY, "a video of %lldx%lld pixels: the limit is %lld", (long long)width,
                       (long long)height, (long long)av->options.max_pixels);
    return SL_OK;
}

static sl_status open_decoder(struct sl_av *av, sl_error *err)
{
    const AVCodecParameters *codec = av->stream->codecpar;
    const AVCodec *decoder = avcodec_find_decoder(codec->codec_id);
    if (!decoder)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "this FFmpeg has no decoder for %s", avcodec_get_name(codec->codec_id));
    av->decoder = avcodec_alloc_context3(decoder);
    av->packet = av_packet_alloc();
    if (!av->decoder || !av->packet) return sl_fail(err, SL_ERR_MEMORY, "no memory for a video decoder");
    int rc = avcodec_parameters_to_context(av->decoder, codec);
    if (rc >= 0) {
        av->decoder->pkt_timebase = av->stream->time_base;
        av->decoder->thread_count = av->options.n_threads;
        av->decoder->max_pixels = av->options.max_pixels;
        /* Threads over frames hold back as many frames as there are threads. */
        if (av->options.live) {
            av->decoder->thread_type = FF_THREAD_SLICE;
            av->decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
        }
        rc = avcodec_open2(av->decoder, decoder, NULL);
    }
    return rc < 0 ? sl_av_fail(av, rc, err, av->sound ? "its sound cannot be decoded" : "its video cannot be decoded")
                  : SL_OK;
}

sl_status sl_av_open(struct sl_av *av, sl_error *err)
{
    sl_av_silence();
    av->at = 0;
    av->late = av->drained = av->tainted = false;
    av->detail[0] = '\0';
    av->skip_before = INT64_MIN;
    sl_status status = open_container(av, err);
    if (!status) status = find_streams(av, err);
    if (!status) status = choose_stream(av, err);
    if (!status && !av->sound) status = check_size(av, err);
    if (!status) status = open_decoder(av, err);
    return status;
}

void sl_av_close(struct sl_av *av)
{
    AVIOContext *io = av->format ? av->format->pb : NULL;
    avcodec_free_context(&av->decoder);
    av_packet_free(&av->packet);
    avformat_close_input(&av->format);
    free_io(io);
    av->stream = NULL;
}

static const int32_t *display_matrix(const AVStream *stream)
{
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVPacketSideData *data = stream->codecpar->coded_side_data;
    int n = stream->codecpar->nb_coded_side_data;
#else
    const AVPacketSideData *data = stream->side_data;
    int n = stream->nb_side_data;
#endif
    for (int i = 0; i < n; i++)
        if (data[i].type == AV_PKT_DATA_DISPLAYMATRIX && data[i].size >= 9 * sizeof(int32_t))
            return (const int32_t *)(const void *)data[i].data;
    return NULL;
}

/*
 * The matrix maps (x, y) of the stored picture to (a x + c y, b x + d y), with a, b, c, d at 0, 1, 3, 4 (ISO/IEC
 * 14496-12, section 8.5.3). Slanted ones do not occur; they count as the nearest upright one.
 */
struct sl_av_turn sl_av_stream_turn(const struct sl_av *av)
{
    const int32_t *m = display_matrix(av->stream);
    if (!m) return (struct sl_av_turn){0};
    double a = m[0], b = m[1], c = m[3], d = m[4];
    if (a * a + d * d >= b * b + c * c) return (struct sl_av_turn){.from_right = a < 0, .from_bottom = d < 0};
    return (struct sl_av_turn){.swap = true, .from_right = b < 0, .from_bottom = c < 0};
}
