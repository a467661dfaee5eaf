/*
 * video_decode.c: frames in the order they are shown, and whether they can be trusted.
 *
 * Decoders hide damage: they fill gaps with what was there before, and build the next frames on that. A frame counts as
 * usable only when nothing was damaged since the last frame that builds on no other. Damage is often noticed before the
 * frames that precede it come out, so its time is kept, not just that it happened.
 */
#include "media/video_av.h"

/* AV_NOPTS_VALUE is the least of all times: damage at an unknown time begins at once and ends with the next key. */
static void note_damage(struct sl_av *av, int64_t from, int64_t to)
{
    av->n_damaged++;
    if (!av->tainted || from < av->damaged_from) av->damaged_from = from;
    if (!av->tainted || to > av->damaged_to) av->damaged_to = to;
    av->tainted = true;
}

/* Reads the next packet of the video and gives it to the decoder; at the end, tells it so. */
static void feed_decoder(struct sl_av *av)
{
    AVPacket *packet = av->packet;
    int rc = av_read_frame(av->format, packet);
    if (rc < 0) {
        if (rc != AVERROR_EOF && !sl_av_is_late(av)) av->n_damaged++;
        avcodec_send_packet(av->decoder, NULL);
        av->drained = true;
        return;
    }
    if (packet->stream_index == av->stream->index) {
        av->n_packets++;
        av->last_sent = packet->pts;
        bool skip = packet->pts != AV_NOPTS_VALUE && packet->pts < av->skip_before;
        av->decoder->skip_frame = skip ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
        bool cut = packet->flags & AV_PKT_FLAG_CORRUPT;
        if (avcodec_send_packet(av->decoder, packet) < 0 || cut) note_damage(av, av->last_sent, av->last_sent);
    }
    av_packet_unref(packet);
}

static bool is_damaged(const AVFrame *f)
{
    return (f->flags & AV_FRAME_FLAG_CORRUPT) || f->decode_error_flags;
}

static bool builds_on_none(const AVFrame *f)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
    return f->pict_type == AV_PICTURE_TYPE_I || (f->flags & AV_FRAME_FLAG_KEY);
#else
    return f->pict_type == AV_PICTURE_TYPE_I || f->key_frame;
#endif
}

static bool is_usable(struct sl_av *av, const AVFrame *f)
{
    int64_t time = f->best_effort_timestamp;
    if (is_damaged(f)) {
        note_damage(av, time, time);
        return false;
    }
    if (!av->tainted) return true;
    bool after = time == AV_NOPTS_VALUE || av->damaged_to == AV_NOPTS_VALUE || time > av->damaged_to;
    if (builds_on_none(f) && after) {
        av->tainted = false;
        return true;
    }
    /* A frame shown before the damage may still build on it, when it builds on what comes after. */
    return f->pict_type != AV_PICTURE_TYPE_B && time != AV_NOPTS_VALUE && time < av->damaged_from;
}

bool sl_av_next_frame(struct sl_av *av, AVFrame *frame, bool *usable)
{
    while (!sl_av_is_late(av)) {
        int rc = avcodec_receive_frame(av->decoder, frame);
        if (rc == AVERROR_EOF) return false;
        if (rc == 0) {
            *usable = is_usable(av, frame);
            return true;
        }
        if (rc != AVERROR(EAGAIN)) note_damage(av, AV_NOPTS_VALUE, av->last_sent);
        if (av->drained) return false;
        feed_decoder(av);
    }
    return false;
}

void sl_av_flush(struct sl_av *av)
{
    avcodec_flush_buffers(av->decoder);
    av->drained = av->tainted = false;
}
