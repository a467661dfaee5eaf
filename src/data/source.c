/*
 * source.c: the shards of a dataset as one sequence of samples, shuffled and resumable.
 *
 * With random access an epoch is a list of row numbers, rare domains' rows in it several times, shuffled. Streaming
 * keeps one block of parsed samples; a place in it is found again by reading the shard from its start, because what a
 * block holds depends on the shard alone.
 */
#include "data/source.h"

#include "base/mem.h"
#include "data/balance.h"
#include "data/order.h"
#include "data/paths.h"
#include "data/shard.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCK = 1 << 20, MAX_REPEAT = 255 };

struct block {
    struct sl_sample *samples; /* (n); those given away are shared with the receiver */
    size_t n, cap;
    uint32_t *order; /* (n_order): numbers of samples */
    size_t n_order, cap_order;
    size_t next;
};

struct sl_source {
    struct sl_source_options options;
    char *name, *media, *domain; /* owned */
    uint64_t seed;               /* of this source */
    struct sl_shard *shards;     /* (n_shards), owned */
    uint64_t *first_row;         /* (n_shards + 1): number of each shard's first row; owned */
    size_t n_shards;
    bool streamed;
    struct sl_shard_reader reader;
    uint32_t *order; /* random access: (n_order) rows of the epoch; streamed: (n_shards) shards of it; owned */
    size_t n_order;
    uint8_t *repeats; /* (rows): how often each occurs in an epoch; NULL: once; owned */
    struct sl_balance balance;
    struct sl_source_position at;
    struct sl_shard_stream stream; /* streamed; of shard order[at.shard] */
    struct block block;
    uint64_t n_blocks; /* filled from this shard */
};

void sl_source_defaults(struct sl_source_options *o)
{
    *o = (struct sl_source_options){
        .name = "data",
        .shuffle = true,
        .check_media = true,
        .block_samples = 1024,
        .block_bytes = (size_t)256 << 20,
        .rebalance_repeat = 2,
        .n_lanes = 1,
    };
    sl_data_limits_defaults(&o->limits);
}

static sl_status check_options(const struct sl_source_options *o, sl_error *err)
{
    if (o->n_paths < 1) return sl_fail(err, SL_ERR_ARGUMENT, "%s: no paths", o->name);
    if (o->block_samples < 1 || o->block_samples > MAX_BLOCK)
        return sl_fail(err, SL_ERR_ARGUMENT, "%s: a block of %d samples is outside 1 to %d", o->name, o->block_samples,
                       MAX_BLOCK);
    if (o->rebalance_repeat < 1 || o->rebalance_repeat > MAX_REPEAT || !(o->rebalance_below >= 0))
        return sl_fail(err, SL_ERR_ARGUMENT, "%s: rare samples repeated %d times is outside 1 to %d", o->name,
                       o->rebalance_repeat, MAX_REPEAT);
    if (o->n_lanes < 1 || o->lane < 0 || o->lane >= o->n_lanes)
        return sl_fail(err, SL_ERR_ARGUMENT, "%s: there is no lane %d of %d", o->name, o->lane, o->n_lanes);
    return SL_OK;
}

/* Copies what the options point to, and prepares the reader. */
static sl_status keep_options(struct sl_source *s, const struct sl_source_options *o, sl_error *err)
{
    s->options = *o;
    s->options.paths = NULL;
    s->name = sl_strdup(o->name);
    s->media = o->media ? sl_strdup(o->media) : NULL;
    s->domain = o->domain ? sl_strdup(o->domain) : NULL;
    if (!s->name || (o->media && !s->media) || (o->domain && !s->domain))
        return sl_fail(err, SL_ERR_MEMORY, "no memory for a source");
    s->seed = sl_order_mix(o->seed, sl_order_hash(s->name));
    s->reader = (struct sl_shard_reader){
        .source = s->name,
        .media = s->media,
        .domain = s->domain,
        .check_media = o->check_media,
        .limits = &s->options.limits,
        .skipped = o->skipped,
    };
    sl_balance_init(&s->balance);
    return SL_OK;
}

/* Names a file that cannot be used. */
static void skip_file(const struct sl_source *s, const char *path, const char *why)
{
    struct sl_skip what = {.reason = SL_SKIP_BAD_FILE, .source = s->name, .key = path, .epoch = s->at.epoch};
    sl_skipped_add(s->options.skipped, &what, "%s", why);
}

static sl_status open_shards(struct sl_source *s, const struct sl_paths *paths, sl_error *err)
{
    s->shards = sl_alloc_array(paths->n, sizeof *s->shards);
    s->first_row = sl_alloc_array(paths->n + 1, sizeof *s->first_row);
    if (!s->shards || !s->first_row) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu shards", paths->n);
    for (size_t i = 0; i < paths->n; i++) {
        struct sl_shard *shard = &s->shards[s->n_shards];
        sl_error why = {0};
        sl_status status = sl_shard_open(paths->items[i].path, &s->reader, shard, &why);
        if (status == SL_ERR_MEMORY || (status && paths->items[i].named))
            return sl_fail(err, status, "%s", why.message);
        if (status) {
            skip_file(s, paths->items[i].path, why.message);
            /* The first reason, should no file be left. */
            if (err && !err->message[0]) sl_fail(err, status, "%s", why.message);
            continue;
        }
        s->streamed |= shard->format == SL_SHARD_COMPRESSED;
        s->n_shards++;
        s->first_row[s->n_shards] = s->first_row[s->n_shards - 1] + sl_shard_rows(shard);
    }
    if (s->n_shards == 0) return sl_fail_context(err, SL_ERR_IO, "no file of %s can be read", s->name);
    if (!s->streamed && s->first_row[s->n_shards] > SL_MAX_ROWS)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "%s has more than %zu rows", s->name, SL_MAX_ROWS);
    if (!s->streamed && s->first_row[s->n_shards] == 0)
        return sl_fail(err, SL_ERR_FORMAT, "%s: no rows in %zu files", s->name, s->n_shards);
    return SL_OK;
}

static size_t n_rows(const struct sl_source *s)
{
    return (size_t)s->first_row[s->n_shards];
}

/* Reads a row by its number on disk. */
static sl_status read_row(struct sl_source *s, uint64_t row, struct sl_sample *sample, sl_skip_reason *reason,
                          sl_error *err)
{
    size_t low = 0, high = s->n_shards;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->first_row[middle] <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    s->reader.epoch = s->at.epoch;
    sl_status status =
        sl_shard_read(&s->shards[low], (size_t)(row - s->first_row[low]), &s->reader, sample, reason, err);
    sample->row = row;
    return status;
}

/* Counts the domains of all rows; ids gets each row's, UINT32_MAX for bad rows. */
static sl_status count_rows(struct sl_source *s, uint32_t *ids, sl_error *err)
{
    struct sl_sample sample;
    sl_sample_init(&sample, s->options.limits.max_sample_bytes);
    sl_status status = SL_OK;
    for (size_t i = 0; i < n_rows(s) && !status; i++) {
        sl_skip_reason reason;
        ids[i] = UINT32_MAX;
        if (!read_row(s, i, &sample, &reason, NULL)) status = sl_balance_add(&s->balance, sample.domain, &ids[i], err);
        sl_sample_release(&sample);
    }
    return status;
}

static sl_status rebalance_rows(struct sl_source *s, sl_error *err)
{
    size_t n = n_rows(s);
    uint32_t *ids = sl_alloc_array(n, sizeof *ids);
    s->repeats = sl_alloc_array(n, 1);
    sl_status status =
        ids && s->repeats ? count_rows(s, ids, err) : sl_fail(err, SL_ERR_MEMORY, "no memory to rebalance %zu rows", n);
    if (!status) status = sl_balance_decide(&s->balance, s->options.rebalance_below, s->options.rebalance_repeat, err);
    for (size_t i = 0; i < n && !status; i++) s->repeats[i] = (uint8_t)sl_balance_repeat(&s->balance, ids[i]);
    free(ids);
    return status;
}

/* Counts the domains of all shards by going through them once; what is bad is named when it is met again. */
static sl_status rebalance_stream(struct sl_source *s, sl_error *err)
{
    struct sl_shard_reader reader = s->reader;
    reader.skipped = NULL;
    struct sl_sample sample;
    sl_sample_init(&sample, s->options.limits.max_sample_bytes);
    sl_status status = SL_OK;
    for (size_t i = 0; i < s->n_shards && !status; i++) {
        struct sl_shard_stream stream;
        if (sl_shard_stream_open(&stream, &s->shards[i], &reader, NULL)) continue;
        bool more = true;
        while (!status && more) {
            uint32_t id;
            status = sl_shard_stream_next(&stream, &reader, &sample, &more, err);
            if (!status && more) status = sl_balance_add(&s->balance, sample.domain, &id, err);
            sl_sample_release(&sample);
        }
        sl_shard_stream_close(&stream);
    }
    sl_shard_reader_release(&reader);
    if (!status) status = sl_balance_decide(&s->balance, s->options.rebalance_below, s->options.rebalance_repeat, err);
    return status;
}

/* Puts rows or shards into the order of the present epoch. */
static void begin_epoch(struct sl_source *s)
{
    size_t n = 0, end = s->streamed ? s->n_shards : n_rows(s);
    for (size_t i = 0; i < end; i++)
        for (int k = s->repeats ? s->repeats[i] : 1; k > 0; k--) s->order[n++] = (uint32_t)i;
    if (s->options.shuffle) sl_order_shuffle(s->order, n, sl_order_mix(s->seed, s->at.epoch));
}

static sl_status make_order(struct sl_source *s, sl_error *err)
{
    uint64_t n = s->streamed ? s->n_shards : n_rows(s);
    if (s->repeats) {
        uint64_t rows = n;
        n = 0;
        for (uint64_t i = 0; i < rows; i++) n += s->repeats[i];
    }
    if (n > SL_MAX_ROWS)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "%s has more than %zu rows in an epoch", s->name, SL_MAX_ROWS);
    s->n_order = (size_t)n;
    if (!s->streamed && s->n_order < (size_t)s->options.n_lanes)
        return sl_fail(err, SL_ERR_ARGUMENT, "%s: %zu rows are too few for %d lanes", s->name, s->n_order,
                       s->options.n_lanes);
    s->order = sl_alloc_array(s->n_order, sizeof *s->order);
    if (!s->order) return sl_fail(err, SL_ERR_MEMORY, "no memory for the order of %zu rows", s->n_order);
    begin_epoch(s);
    return SL_OK;
}

sl_status sl_source_open(const struct sl_source_options *o, struct sl_source **out, sl_error *err)
{
    *out = NULL;
    sl_status status = check_options(o, err);
    if (status) return status;
    struct sl_source *s = sl_alloc_array(1, sizeof *s);
    if (!s) return sl_fail(err, SL_ERR_MEMORY, "no memory for a source");
    if (err) err->message[0] = '\0';
    struct sl_paths paths = {0};
    status = keep_options(s, o, err);
    for (int i = 0; i < o->n_paths && !status; i++) status = sl_paths_add(&paths, o->paths[i], err);
    if (!status) status = open_shards(s, &paths, err);
    sl_paths_release(&paths);
    if (!status && o->rebalance_below > 0) status = s->streamed ? rebalance_stream(s, err) : rebalance_rows(s, err);
    if (!status) status = make_order(s, err);
    if (status) {
        sl_source_close(&s);
        return status;
    }
    *out = s;
    return SL_OK;
}

static void clear_block(struct block *b)
{
    for (size_t i = 0; i < b->n; i++) sl_sample_release(&b->samples[i]);
    b->n = b->n_order = b->next = 0;
}

static void close_stream(struct sl_source *s)
{
    sl_shard_stream_close(&s->stream);
    clear_block(&s->block);
    s->n_blocks = 0;
}

void sl_source_close(struct sl_source **source)
{
    struct sl_source *s = *source;
    *source = NULL;
    if (!s) return;
    close_stream(s);
    free(s->block.samples);
    free(s->block.order);
    for (size_t i = 0; i < s->n_shards; i++) sl_shard_close(&s->shards[i]);
    free(s->shards);
    free(s->first_row);
    free(s->order);
    free(s->repeats);
    sl_balance_release(&s->balance);
    sl_shard_reader_release(&s->reader);
    free(s->name);
    free(s->media);
    free(s->domain);
    free(s);
}

const char *sl_source_name(const struct sl_source *s)
{
    return s->name;
}

int64_t sl_source_rows(const struct sl_source *s)
{
    return s->streamed ? -1 : (int64_t)n_rows(s);
}

int64_t sl_source_epoch_rows(const struct sl_source *s)
{
    return s->streamed ? -1 : (int64_t)s->n_order;
}

sl_status sl_source_read(struct sl_source *s, int64_t row, struct sl_sample *sample, sl_error *err)
{
    if (s->streamed) return sl_fail(err, SL_ERR_UNSUPPORTED, "%s is compressed: it can only be streamed", s->name);
    if (row < 0 || row >= (int64_t)n_rows(s))
        return sl_fail(err, SL_ERR_ARGUMENT, "%s has no row %lld", s->name, (long long)row);
    sl_skip_reason reason;
    return read_row(s, (uint64_t)row, sample, &reason, err);
}

const struct sl_domain_count *sl_source_domains(const struct sl_source *s, int *n)
{
    *n = (int)s->balance.names.n;
    return s->balance.domains;
}

/* Takes a sample into the block, as often as its domain wants. */
static sl_status add_to_block(struct sl_source *s, struct sl_sample *sample, sl_error *err)
{
    struct block *b = &s->block;
    int repeat = s->options.rebalance_below > 0
                     ? sl_balance_repeat(&s->balance, sl_balance_find(&s->balance, sample->domain))
                     : 1;
    size_t ceiling = (size_t)MAX_BLOCK * MAX_REPEAT;
    if (!sl_grow_array((void **)&b->samples, &b->cap, b->n + 1, sizeof *b->samples, ceiling) ||
        !sl_grow_array((void **)&b->order, &b->cap_order, b->n_order + (size_t)repeat, sizeof *b->order, ceiling))
        return sl_fail(err, SL_ERR_MEMORY, "no memory for a block of samples");
    for (int k = 0; k < repeat; k++) b->order[b->n_order++] = (uint32_t)b->n;
    b->samples[b->n++] = *sample;
    return SL_OK;
}

/* Reads the next block of the open stream; it is empty at the shard's end. */
static sl_status fill_block(struct sl_source *s, sl_error *err)
{
    struct block *b = &s->block;
    clear_block(b);
    size_t bytes = 0;
    bool more = true;
    s->reader.epoch = s->at.epoch;
    while (more && b->n < (size_t)s->options.block_samples && bytes < s->options.block_bytes) {
        struct sl_sample sample;
        sl_sample_init(&sample, s->options.limits.max_sample_bytes);
        sl_status status = sl_shard_stream_next(&s->stream, &s->reader, &sample, &more, err);
        if (!status && more) {
            bytes += sample.n_bytes;
            status = add_to_block(s, &sample, err);
        }
        if (status || !more) sl_sample_release(&sample);
        if (status) return status;
    }
    uint64_t seed = sl_order_mix(sl_order_mix(s->seed, s->at.epoch), s->order[s->at.shard]);
    if (s->options.shuffle) sl_order_shuffle(b->order, b->n_order, sl_order_mix(seed, s->n_blocks));
    s->n_blocks++;
    return SL_OK;
}

/* Opens the shard at the present place, if it can be read. */
static void open_stream(struct sl_source *s)
{
    const struct sl_shard *shard = &s->shards[s->order[s->at.shard]];
    sl_error why = {0};
    s->reader.epoch = s->at.epoch;
    if (!sl_shard_stream_open(&s->stream, shard, &s->reader, &why)) return;
    skip_file(s, shard->path, why.message);
    sl_shard_stream_close(&s->stream);
}

/* Makes the block hold the next sample; false at the epoch's end. */
static sl_status find_sample(struct sl_source *s, bool *found, sl_error *err)
{
    *found = true;
    while (s->block.next == s->block.n_order) {
        if (s->at.shard == s->n_shards) {
            *found = false;
            return SL_OK;
        }
        if (!s->stream.shard && s->n_blocks == 0) open_stream(s);
        if (s->stream.shard) {
            sl_status status = fill_block(s, err);
            if (status) return status;
        }
        if (s->block.n_order == 0) {
            close_stream(s);
            s->at.shard++;
            s->at.index = 0;
        }
    }
    return SL_OK;
}

/* True when the sample at the present place belongs to this source's lane. A shard's first sample does not always go to
 * the first lane, as shards may be short. */
static bool in_lane(const struct sl_source *s)
{
    return (s->at.shard + s->at.index) % (uint64_t)s->options.n_lanes == (uint64_t)s->options.lane;
}

static sl_status next_streamed(struct sl_source *s, struct sl_sample *sample, bool *drawn, sl_error *err)
{
    struct block *b = &s->block;
    sl_status status = find_sample(s, drawn, err);
    while (!status && *drawn && !in_lane(s)) {
        b->next++;
        s->at.index++;
        status = find_sample(s, drawn, err);
    }
    if (status || !*drawn) return status;
    sl_sample_share(&b->samples[b->order[b->next]], sample);
    b->next++;
    s->at.index++;
    return SL_OK;
}

static void next_row(struct sl_source *s, struct sl_sample *sample, bool *drawn)
{
    *drawn = false;
    while (!*drawn && s->at.index < s->n_order) {
        sl_skip_reason reason;
        sl_error why = {0};
        if (!in_lane(s)) {
            s->at.index++;
            continue;
        }
        *drawn = !read_row(s, s->order[s->at.index++], sample, &reason, &why);
        if (*drawn) break;
        sl_shard_skip(&s->reader, reason, why.message);
        sl_sample_release(sample);
    }
}

sl_status sl_source_next(struct sl_source *s, struct sl_sample *sample, bool *drawn, sl_error *err)
{
    sl_status status = SL_OK;
    *drawn = false;
    if (s->streamed) {
        status = next_streamed(s, sample, drawn, err);
    } else {
        next_row(s, sample, drawn);
    }
    if (!status && !*drawn) {
        s->at = (struct sl_source_position){.epoch = s->at.epoch + 1};
        begin_epoch(s);
    }
    return status;
}

struct sl_source_position sl_source_tell(const struct sl_source *s)
{
    return s->at;
}

/* Reads the shard at the present place up to at.index samples. */
static sl_status skip_streamed(struct sl_source *s, sl_error *err)
{
    uint64_t left = s->at.index;
    open_stream(s);
    while (left > 0) {
        sl_status status = s->stream.shard ? fill_block(s, err) : SL_OK;
        if (status) return status;
        if (s->block.n_order == 0)
            return sl_fail(err, SL_ERR_ARGUMENT, "%s has changed: a shard has fewer samples than were read", s->name);
        s->block.next = left < s->block.n_order ? (size_t)left : s->block.n_order;
        left -= s->block.next;
    }
    return SL_OK;
}

sl_status sl_source_seek(struct sl_source *s, struct sl_source_position p, sl_error *err)
{
    bool outside = s->streamed ? p.shard > s->n_shards || (p.shard == s->n_shards && p.index > 0)
                               : p.shard > 0 || p.index > s->n_order;
    if (outside) return sl_fail(err, SL_ERR_ARGUMENT, "%s has changed: it has no such position", s->name);
    close_stream(s);
    s->at = p;
    begin_epoch(s);
    return s->streamed && p.shard < s->n_shards && p.index > 0 ? skip_streamed(s, err) : SL_OK;
}
