/*
 * feed.c: lanes, and their positions as JSON.
 */
#include "train/feed.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POSITIONS = 1 << 28 };

struct lane {
    struct sl_mixture *mixture;
    struct sl_loader *loader;
    json_t *marked; /* owned: its position when the step began */
};

struct sl_feed {
    struct lane *lanes; /* (n_lanes), owned; empty ones belong to other ranks */
    int n_lanes, rank, size;
    bool back; /* positions are those of the mark */
};

static bool is_own(const sl_feed *f, int lane)
{
    return lane % f->size == f->rank;
}

static sl_status open_mixture(const sl_feed_options *o, int lane, struct sl_mixture **out, sl_error *err)
{
    struct sl_mixture_options m = o->mixture;
    m.lane = lane;
    m.n_lanes = o->n_lanes;
    m.absolute_paths = true; /* what a recipe names is its user's own */
    const char *path = json_string_value(o->data);
    if (!path) return sl_mixture_open_json(o->data, o->folder, &m, out, err);
    char *joined = path[0] == '/' ? sl_strdup(path) : sl_path_join(o->folder, path);
    if (!joined) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    sl_status s = sl_mixture_open(joined, &m, out, err);
    free(joined);
    return s;
}

static sl_status open_lane(sl_feed *f, const sl_feed_options *o, int i, const json_t *position, sl_error *err)
{
    struct lane *l = &f->lanes[i];
    sl_status s = open_mixture(o, i, &l->mixture, err);
    if (!s) s = sl_loader_new(l->mixture, &o->loader, position, &l->loader, err);
    return s;
}

sl_status sl_feed_open(const sl_feed_options *o, const sl_comm *comm, const json_t *positions, sl_feed **out,
                       sl_error *err)
{
    *out = NULL;
    if (o->n_lanes % comm->size)
        return sl_fail(err, SL_ERR_ARGUMENT,
                       "%d processes do not divide the recipe's %d lanes of data (data.lanes, batch.sequences)",
                       comm->size, o->n_lanes);
    if (positions && json_array_size(positions) != (size_t)o->n_lanes)
        return sl_fail(err, SL_ERR_ARGUMENT, "the checkpoint is of %zu lanes of data, the recipe has %d",
                       json_array_size(positions), o->n_lanes);
    sl_feed *f = sl_alloc_array(1, sizeof *f);
    if (!f) return sl_fail(err, SL_ERR_MEMORY, "no memory for data");
    *f = (sl_feed){.n_lanes = o->n_lanes, .rank = comm->rank, .size = comm->size};
    f->lanes = sl_alloc_array((size_t)o->n_lanes, sizeof *f->lanes);
    sl_status s = f->lanes ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for data");
    for (int i = 0; i < f->n_lanes && !s; i++)
        if (is_own(f, i)) s = open_lane(f, o, i, json_array_get(positions, (size_t)i), err);
    if (s) {
        sl_feed_free(&f);
        return s;
    }
    *out = f;
    return SL_OK;
}

void sl_feed_free(sl_feed **feed)
{
    sl_feed *f = *feed;
    *feed = NULL;
    if (!f) return;
    for (int i = 0; i < f->n_lanes && f->lanes; i++) {
        sl_loader_free(&f->lanes[i].loader);
        sl_mixture_close(&f->lanes[i].mixture);
        json_decref(f->lanes[i].marked);
    }
    free(f->lanes);
    free(f);
}

bool sl_feed_owns(const sl_feed *f, int s)
{
    return is_own(f, s % f->n_lanes);
}

sl_status sl_feed_next(sl_feed *f, int s, const struct sl_loader_batch **out, sl_error *err)
{
    SL_CHECK(sl_feed_owns(f, s));
    return sl_loader_next(f->lanes[s % f->n_lanes].loader, out, err);
}

sl_status sl_feed_mark(sl_feed *f, sl_error *err)
{
    for (int i = f->rank; i < f->n_lanes; i += f->size) {
        json_decref(f->lanes[i].marked);
        f->lanes[i].marked = sl_loader_save(f->lanes[i].loader);
        if (!f->lanes[i].marked) return sl_fail(err, SL_ERR_MEMORY, "no memory for the data's position");
    }
    return SL_OK;
}

void sl_feed_go_back(sl_feed *f)
{
    f->back = true;
}

/* Appends this rank's positions, one line for each lane. */
static sl_status write_positions(sl_feed *f, struct sl_buf *out, sl_error *err)
{
    for (int i = 0; i < f->n_lanes; i++) {
        if (!is_own(f, i)) continue;
        const struct lane *l = &f->lanes[i];
        json_t *position = f->back ? json_incref(l->marked) : sl_loader_save(l->loader);
        sl_status s = position ? sl_json_dump(position, 0, out, err) : SL_ERR_MEMORY;
        json_decref(position);
        sl_buf_addch(out, '\n');
        if (s || !sl_buf_ok(out)) return sl_fail(err, SL_ERR_MEMORY, "no memory for the data's position");
    }
    return SL_OK;
}

/* Reads what all ranks wrote: rank r's lines are those of lanes r, r + size, ... */
static sl_status read_positions(const sl_feed *f, const struct sl_buf *text, const size_t *ends, json_t *out,
                                sl_error *err)
{
    for (int i = 0; i < f->n_lanes; i++) json_array_append_new(out, json_null());
    for (int r = 0; r < f->size; r++) {
        const char *at = text->data + (r ? ends[r - 1] : 0), *end = text->data + ends[r];
        for (int lane = r; lane < f->n_lanes; lane += f->size) {
            const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
            if (!newline) return sl_fail(err, SL_ERR_FORMAT, "a rank's position of the data is cut off");
            json_t *position;
            sl_status s = sl_json_parse(at, (size_t)(newline - at), 32, &position, err);
            if (s) return s;
            json_array_set_new(out, (size_t)lane, position);
            at = newline + 1;
        }
    }
    return SL_OK;
}

sl_status sl_feed_save(sl_feed *f, sl_comm *comm, json_t **out, sl_error *err)
{
    struct sl_buf mine = SL_BUF_INIT(MAX_POSITIONS), all = SL_BUF_INIT(MAX_POSITIONS);
    size_t *ends = sl_alloc_array((size_t)comm->size, sizeof *ends);
    *out = json_array();
    sl_status s = ends && *out ? write_positions(f, &mine, err) : sl_fail(err, SL_ERR_MEMORY, "no memory");
    s = sl_comm_agree(comm, s, err);
    if (!s && ends) s = comm->all_gather_bytes(comm, mine.data, mine.len, &all, ends, err);
    if (!s && ends) s = read_positions(f, &all, ends, *out, err);
    sl_buf_release(&mine);
    sl_buf_release(&all);
    free(ends);
    if (s) {
        json_decref(*out);
        *out = NULL;
    }
    return s;
}

/* Any lane of this rank: every rank has one. */
static const struct lane *some_lane(const sl_feed *f)
{
    return &f->lanes[f->rank];
}

int64_t sl_feed_rows(const sl_feed *f)
{
    int64_t rows = 0;
    const struct sl_mixture *m = some_lane(f)->mixture;
    for (int i = 0; i < sl_mixture_sources(m); i++) {
        int64_t n = sl_source_epoch_rows(sl_mixture_source(m, i));
        if (n < 0) return -1;
        rows += n;
    }
    return rows;
}

void sl_feed_count(const sl_feed *f, sl_feed_counts *out)
{
    *out = (sl_feed_counts){0};
    for (int i = 0; i < f->n_lanes; i++) {
        if (!f->lanes[i].loader) continue;
        struct sl_loader_stats s;
        sl_loader_stats(f->lanes[i].loader, &s);
        out->samples += s.n_samples;
        out->skipped += s.n_skipped;
        out->waited += s.waited_seconds;
    }
}
