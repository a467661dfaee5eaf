/*
 * mixture.c: drawing from sources in proportion, and the position as JSON. mixture_config.c reads mixture files.
 */
#include "data/mixture.h"

#include "base/mem.h"
#include "data/mixture_parts.h"
#include "data/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

sl_status sl_mixture_new(uint64_t seed, struct sl_mixture **out, sl_error *err)
{
    *out = sl_alloc_array(1, sizeof **out);
    if (!*out) return sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture");
    (*out)->seed = seed;
    return SL_OK;
}

void sl_mixture_close(struct sl_mixture **mixture)
{
    struct sl_mixture *m = *mixture;
    *mixture = NULL;
    if (!m) return;
    for (int i = 0; i < m->n; i++) sl_source_close(&m->members[i].source);
    free(m->members);
    free(m);
}

int sl_mixture_sources(const struct sl_mixture *m)
{
    return m->n;
}

struct sl_source *sl_mixture_source(const struct sl_mixture *m, int i)
{
    return m->members[i].source;
}

/* True when the source has given all the epochs that it may. */
static bool reached_limit(const struct sl_mixture_member *s)
{
    if (s->epochs <= 0) return false;
    struct sl_source_position at = sl_source_tell(s->source);
    int64_t rows = sl_source_epoch_rows(s->source);
    if (rows < 0) return (double)at.epoch >= s->epochs;
    return (double)at.epoch * (double)rows + (double)at.index >= floor(s->epochs * (double)rows);
}

/* Takes a source out; the shares of the others begin anew. */
static void finish(struct sl_mixture *m, int i)
{
    m->members[i].done = true;
    for (int k = 0; k < m->n; k++) m->members[k].n_drawn = 0;
}

struct shares {
    double total;  /* weight of the sources that go on */
    uint64_t t;    /* the number of this draw, from 1 */
    int n;         /* sources that go on */
    double margin; /* 1 / (2n - 2) */
};

static struct shares count_shares(const struct sl_mixture *m)
{
    struct shares s = {.t = 1};
    for (int i = 0; i < m->n; i++) {
        if (m->members[i].done) continue;
        s.total += m->members[i].weight;
        s.t += m->members[i].n_drawn;
        s.n++;
    }
    s.margin = s.n > 1 ? 1.0 / (2 * s.n - 2) : 0;
    return s;
}

/*
 * Chooses the source of draw t: among those whose deficit (share of t draws, less draws had) is at least 1/(2n-2), the
 * one that would first fall behind by 1 - 1/(2n-2). No source is then ever off by more than that. Ties go by the seed.
 */
static int choose(const struct sl_mixture *m)
{
    const double rounding = 1e-9;
    struct shares s = count_shares(m);
    int best = -1;
    double best_deadline = 0;
    uint64_t best_tie = 0;
    for (int i = 0; i < m->n; i++) {
        const struct sl_mixture_member *member = &m->members[i];
        if (member->done) continue;
        double share = member->weight / s.total, had = (double)member->n_drawn;
        if (share * (double)s.t - had < s.margin - rounding) continue;
        double deadline = ceil((had + 1 - s.margin) / share - rounding);
        uint64_t tie = sl_order_mix(m->seed, (uint64_t)i);
        if (best >= 0 && (deadline > best_deadline || (deadline == best_deadline && tie > best_tie))) continue;
        best = i;
        best_deadline = deadline;
        best_tie = tie;
    }
    SL_CHECK(best >= 0);
    return best;
}

static bool any_left(const struct sl_mixture *m)
{
    for (int i = 0; i < m->n; i++)
        if (!m->members[i].done) return true;
    return false;
}

sl_status sl_mixture_next(struct sl_mixture *m, struct sl_sample *sample, bool *drawn, sl_error *err)
{
    *drawn = false;
    for (int i = 0; i < m->n; i++)
        if (!m->members[i].done && reached_limit(&m->members[i])) finish(m, i);
    while (any_left(m)) {
        int i = choose(m);
        struct sl_mixture_member *s = &m->members[i];
        sl_status status = sl_source_next(s->source, sample, drawn, err);
        if (status) return status;
        if (*drawn) {
            s->n_drawn++;
            s->n_barren = 0;
            sample->source = i;
            return SL_OK;
        }
        /* Only an epoch that was gone through from its start proves that a source has nothing to give. */
        if (++s->n_barren == 2)
            return sl_fail(err, SL_ERR_FORMAT, "no row of %s can be read", sl_source_name(s->source));
        if (reached_limit(s)) finish(m, i);
    }
    return SL_OK;
}

static json_t *save_source(const struct sl_mixture_member *s)
{
    struct sl_source_position at = sl_source_tell(s->source);
    return json_pack("{s:s, s:I, s:f, s:I, s:b, s:I, s:I, s:I}", "name", sl_source_name(s->source), "rows",
                     (json_int_t)sl_source_epoch_rows(s->source), "weight", s->weight, "drawn", (json_int_t)s->n_drawn,
                     "done", (int)s->done, "epoch", (json_int_t)at.epoch, "shard", (json_int_t)at.shard, "index",
                     (json_int_t)at.index);
}

json_t *sl_mixture_save(const struct sl_mixture *m)
{
    json_t *sources = json_array();
    for (int i = 0; i < m->n; i++) {
        if (json_array_append_new(sources, save_source(&m->members[i])) == 0) continue;
        json_decref(sources);
        return NULL;
    }
    return json_pack("{s:i, s:I, s:o}", "version", 1, "seed", (json_int_t)m->seed, "sources", sources);
}

/* What a position says of one source. */
struct saved {
    struct sl_source_position at;
    uint64_t n_drawn;
    bool done;
    bool same_weight;
};

static sl_status read_saved(const struct sl_mixture_member *s, const json_t *value, struct saved *out, sl_error *err)
{
    struct sl_json_object o;
    const char *name = "";
    int64_t rows = 0, drawn = 0, epoch = 0, shard = 0, index = 0;
    double weight = 0;
    bool done = false;
    sl_json_open(&o, value, err);
    sl_json_get_string(&o, "name", &name);
    sl_json_get_int(&o, "rows", -1, INT64_MAX, &rows);
    sl_json_get_number(&o, "weight", &weight);
    sl_json_get_int(&o, "drawn", 0, INT64_MAX, &drawn);
    sl_json_get_bool(&o, "done", &done);
    sl_json_get_int(&o, "epoch", 0, INT64_MAX, &epoch);
    sl_json_get_int(&o, "shard", 0, INT64_MAX, &shard);
    sl_json_get_int(&o, "index", 0, INT64_MAX, &index);
    if (o.status) return sl_fail_context(err, SL_ERR_ARGUMENT, "position of the data");
    if (strcmp(name, sl_source_name(s->source)) != 0)
        return sl_fail(err, SL_ERR_ARGUMENT, "the position is of the source %s, not %s", name,
                       sl_source_name(s->source));
    if (rows != sl_source_epoch_rows(s->source))
        return sl_fail(err, SL_ERR_ARGUMENT, "the position is of %lld rows, but %s has %lld", (long long)rows, name,
                       (long long)sl_source_epoch_rows(s->source));
    *out = (struct saved){.at = {(uint64_t)epoch, (uint64_t)shard, (uint64_t)index},
                          .n_drawn = (uint64_t)drawn,
                          .done = done,
                          /* JSON keeps 15 digits of a weight. */
                          .same_weight = fabs(weight - s->weight) <= 1e-12 * fabs(s->weight)};
    return SL_OK;
}

/* Goes to the saved places of all sources. */
static sl_status seek_all(struct sl_mixture *m, const struct saved *saved, sl_error *err)
{
    /* With other weights than before, old draws say nothing about who is behind. */
    bool same = true;
    for (int i = 0; i < m->n; i++) same &= saved[i].same_weight;
    for (int i = 0; i < m->n; i++) {
        struct sl_mixture_member *s = &m->members[i];
        sl_status status = sl_source_seek(s->source, saved[i].at, err);
        if (status) return status;
        s->n_drawn = same ? saved[i].n_drawn : 0;
        s->done = saved[i].done && reached_limit(s);
        s->n_barren = 0;
    }
    return SL_OK;
}

sl_status sl_mixture_restore(struct sl_mixture *m, const json_t *position, sl_error *err)
{
    struct sl_json_object o;
    const json_t *sources = NULL;
    int64_t version = 0, seed = 0;
    sl_json_open(&o, position, err);
    sl_json_get_int(&o, "version", 1, 1, &version);
    sl_json_get_int(&o, "seed", INT64_MIN, INT64_MAX, &seed);
    sl_json_get_array(&o, "sources", &sources);
    if (o.status) return sl_fail_context(err, SL_ERR_ARGUMENT, "position of the data");
    if ((uint64_t)seed != m->seed) return sl_fail(err, SL_ERR_ARGUMENT, "the position belongs to another seed");
    if (json_array_size(sources) != (size_t)m->n)
        return sl_fail(err, SL_ERR_ARGUMENT, "the position is of %zu sources, not %d", json_array_size(sources), m->n);
    struct saved *saved = sl_alloc_array((size_t)m->n, sizeof *saved);
    if (!saved) return sl_fail(err, SL_ERR_MEMORY, "no memory for a position");
    sl_status status = SL_OK;
    for (int i = 0; i < m->n && !status; i++)
        status = read_saved(&m->members[i], json_array_get(sources, (size_t)i), &saved[i], err);
    if (!status) status = seek_all(m, saved, err);
    free(saved);
    return status;
}
