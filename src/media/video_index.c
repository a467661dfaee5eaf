/*
 * video_index.c: the times of all frames, from the container's tables or from its packets.
 *
 * MP4 lists every sample, but with the time it is decoded at. Without reordering that is the time it is shown; with it,
 * the two sets are still the same up to an offset when all steps are equal. Anything else is read packet by packet: no
 * decoding, but the whole file is read once. Matroska, MPEG-TS and FLV have no complete table.
 */
#include "media/video_index.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A list of times that grows. */
struct times {
    int64_t *at; /* owned */
    size_t n, cap;
};

static bool times_add(struct times *t, int64_t time, int64_t ceiling)
{
    if (!sl_grow_array((void **)&t->at, &t->cap, t->n + 1, sizeof *t->at, (size_t)ceiling)) return false;
    t->at[t->n++] = time;
    return true;
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Sorts, and drops repeated times: frames shown at the same moment cannot be told apart. */
static void times_sort(struct times *t)
{
    if (t->n == 0) return;
    qsort(t->at, t->n, sizeof *t->at, compare_times);
    size_t n = 1;
    for (size_t i = 1; i < t->n; i++)
        if (t->at[i] != t->at[n - 1]) t->at[n++] = t->at[i];
    t->n = n;
}

int64_t sl_video_index_at(const int64_t *times, int64_t n, int64_t time)
{
    int64_t low = -1, high = n; /* times[low] <= time < times[high] */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (times[middle] <= time)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The frames of these build on all earlier ones, though their containers call every one a place to start. */
static bool starts_only_at_start(const struct sl_av *av)
{
    enum AVCodecID codec = av->stream->codecpar->codec_id;
    return codec == AV_CODEC_ID_GIF || codec == AV_CODEC_ID_APNG;
}

static sl_status too_many(int64_t max_frames, sl_error *err)
{
    return sl_fail(err, SL_ERR_MEMORY, "a video of more than %lld frames: that is the limit", (long long)max_frames);
}

/* Returns the number of entries of the container's table when it lists every frame, else 0. */
static int table_entries(const AVStream *stream)
{
#if LIBAVFORMAT_VERSION_MAJOR >= 59
    int n = avformat_index_get_entries_count(stream);
    return stream->nb_frames == n ? n : 0;
#else
    (void)stream;
    return 0;
#endif
}

static const AVIndexEntry *table_entry(AVStream *stream, int i)
{
#if LIBAVFORMAT_VERSION_MAJOR >= 59
    return avformat_index_get_entry(stream, i);
#else
    (void)stream, (void)i;
    return NULL;
#endif
}

/* True when the table's times, moved by one offset, are those at which frames are shown. */
static bool table_is_enough(const struct sl_av *av, int n)
{
    AVStream *stream = av->stream;
    bool equal = true;
    int64_t step = n > 1 ? table_entry(stream, 1)->timestamp - table_entry(stream, 0)->timestamp : 1;
    for (int i = 0; i < n; i++) {
        const AVIndexEntry *entry = table_entry(stream, i);
        if (entry->flags & AVINDEX_DISCARD_FRAME) return false;
        int64_t here = i ? entry->timestamp - table_entry(stream, i - 1)->timestamp : step;
        if (here <= 0) return false;
        equal &= here == step;
    }
    if (stream->codecpar->video_delay == 0) return true;
    /* AVI does not know of reordering at all. */
    bool knows = strncmp(av->format->iformat->name, "mov,", 4) == 0 && stream->start_time != AV_NOPTS_VALUE;
    return equal && knows;
}

/* Takes the times from the container's table; false when it cannot. */
static bool read_table(struct sl_av *av, int64_t max_frames, struct times *times, struct times *keys)
{
    AVStream *stream = av->stream;
    int n = table_entries(stream);
    if (n < 1 || n > max_frames || !table_is_enough(av, n)) return false;
    int64_t offset = stream->start_time != AV_NOPTS_VALUE ? stream->start_time - table_entry(stream, 0)->timestamp : 0;
    for (int i = 0; i < n; i++) {
        const AVIndexEntry *entry = table_entry(stream, i);
        bool key = entry->flags & AVINDEX_KEYFRAME;
        if (!times_add(times, entry->timestamp + offset, max_frames)) return false;
        if (key && !times_add(keys, entry->timestamp + offset, max_frames)) return false;
    }
    return true;
}

/* Reads all packets; their payload is dropped. Sets index->counted when some do not say when they are shown. */
static sl_status read_packets(struct sl_av *av, int64_t max_frames, struct sl_video_index *index, struct times *times,
                              struct times *keys, sl_error *err)
{
    /* Packets that only say when they are decoded are good enough where that is when they are shown. */
    bool in_order = av->stream->codecpar->video_delay == 0;
    int64_t n = 0;
    int rc;
    index->read_all = true;
    while ((rc = av_read_frame(av->format, av->packet)) >= 0) {
        const AVPacket *p = av->packet;
        bool ours = p->stream_index == av->stream->index && !(p->flags & AV_PKT_FLAG_DISCARD) && p->size > 0;
        int64_t time = p->pts != AV_NOPTS_VALUE ? p->pts : in_order ? p->dts : AV_NOPTS_VALUE;
        bool key = p->flags & AV_PKT_FLAG_KEY;
        int64_t step = p->duration;
        av_packet_unref(av->packet);
        if (sl_av_is_late(av)) break;
        if (!ours) continue;
        n++;
        if (time == AV_NOPTS_VALUE) index->counted = true;
        if (n > max_frames) return too_many(max_frames, err);
        if (index->counted) continue;
        if (times->n == 0 || time > times->at[times->n - 1]) index->last_step = step;
        if (!times_add(times, time, max_frames) || (key && !times_add(keys, time, max_frames)))
            return sl_fail(err, SL_ERR_MEMORY, "no memory for the times of %lld frames", (long long)n);
    }
    if (av->late) return sl_av_fail(av, AVERROR_EXIT, err, "counting its frames");
    index->n_frames = n;
    return SL_OK;
}

/* Numbers instead of times. */
static sl_status count_frames(struct sl_video_index *index, struct times *times, struct times *keys, sl_error *err)
{
    times->n = keys->n = 0;
    for (int64_t i = 0; i < index->n_frames; i++)
        if (!times_add(times, i, index->n_frames)) return sl_fail(err, SL_ERR_MEMORY, "no memory to count frames");
    index->last_step = 1;
    return SL_OK;
}

sl_status sl_video_index_build(struct sl_av *av, int64_t max_frames, struct sl_video_index *index, sl_error *err)
{
    struct times times = {0}, keys = {0};
    *index = (struct sl_video_index){.time_base = av->stream->time_base};
    sl_status status = SL_OK;
    if (!read_table(av, max_frames, &times, &keys)) {
        times.n = keys.n = 0;
        status = read_packets(av, max_frames, index, &times, &keys, err);
        if (!status && index->counted) status = count_frames(index, &times, &keys, err);
    }
    if (status) goto out;
    times_sort(&times);
    if (starts_only_at_start(av)) keys.n = 0;
    times_sort(&keys);
    if (times.n == 0) {
        status = sl_fail(err, SL_ERR_FORMAT, "there are no frames in its video");
        goto out;
    }
    /* Decoding can always be tried from the start. */
    if (keys.n == 0 || keys.at[0] > times.at[0]) {
        if (!times_add(&keys, times.at[0], max_frames + 1)) {
            status = sl_fail(err, SL_ERR_MEMORY, "no memory to index a video");
            goto out;
        }
        times_sort(&keys);
    }
    index->from_start = index->counted || starts_only_at_start(av);
    index->times = times.at;
    index->n_frames = (int64_t)times.n;
    index->keys = keys.at;
    index->n_keys = (int64_t)keys.n;
    times.at = keys.at = NULL;
out:
    free(times.at);
    free(keys.at);
    return status;
}

void sl_video_index_release(struct sl_video_index *index)
{
    free(index->times);
    free(index->keys);
    *index = (struct sl_video_index){0};
}
