/*
 * loader_position.c: returning to the place between two batches.
 *
 * A mixture can return to where it stood before a sample, but its position is an object as long as its list of sources,
 * so it is kept for every 64th sample only: the few samples between are drawn again and dropped.
 */
#include "data/loader_parts.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- marks ----------------------------------------------------------------------------------------------------- */

bool sl_loader_mark_set(struct sl_loader_mark *mark, const struct sl_packer *p, uint64_t next)
{
    size_t n = (size_t)p->n_waiting;
    if (!sl_grow_array((void **)&mark->waiting, &mark->room, n, sizeof *mark->waiting, SL_PACK_MAX_LOOK_AHEAD))
        return false;
    for (size_t i = 0; i < n; i++) mark->waiting[i] = p->waiting[i].order;
    mark->n_waiting = n;
    mark->next = next;
    return true;
}

uint64_t sl_loader_mark_oldest(const struct sl_loader_mark *mark)
{
    return mark->n_waiting ? mark->waiting[0] : mark->next;
}

/* --- snapshots ------------------------------------------------------------------------------------------------- */

sl_status sl_snapshots_add(struct sl_snapshots *s, uint64_t order, json_t *mixture, sl_error *err)
{
    static const size_t CEILING = (size_t)1 << 32;
    if (!mixture || !sl_grow_array((void **)&s->items, &s->room, s->n + 1, sizeof *s->items, CEILING)) {
        json_decref(mixture);
        return sl_fail(err, SL_ERR_MEMORY, "no memory to remember a position");
    }
    s->items[s->n++] = (struct sl_snapshot){order, mixture};
    return SL_OK;
}

/* The last one at or before the sample: there always is one. */
static size_t needed_for(const struct sl_snapshots *s, uint64_t oldest)
{
    size_t i = s->n;
    while (i > 1 && s->items[i - 1].order > oldest) i--;
    return i - 1;
}

void sl_snapshots_forget(struct sl_snapshots *s, uint64_t oldest)
{
    size_t from = needed_for(s, oldest);
    for (size_t i = 0; i < from; i++) json_decref(s->items[i].mixture);
    memmove(s->items, s->items + from, (s->n - from) * sizeof *s->items);
    s->n -= from;
}

void sl_snapshots_free(struct sl_snapshots *s)
{
    for (size_t i = 0; i < s->n; i++) json_decref(s->items[i].mixture);
    free(s->items);
    *s = (struct sl_snapshots){0};
}

/* --- as JSON --------------------------------------------------------------------------------------------------- */

json_t *sl_loader_position_dump(const struct sl_snapshots *s, const struct sl_loader_mark *mark)
{
    const struct sl_snapshot *from = &s->items[needed_for(s, sl_loader_mark_oldest(mark))];
    json_t *waiting = json_array();
    bool ok = waiting;
    for (size_t i = 0; ok && i < mark->n_waiting; i++)
        ok = json_array_append_new(waiting, json_integer((json_int_t)mark->waiting[i])) == 0;
    /* A copy: workers may drop the original while the caller reads this one. */
    json_t *mixture = ok ? json_deep_copy(from->mixture) : NULL;
    if (!mixture) {
        json_decref(waiting);
        return NULL;
    }
    return json_pack("{s:o, s:I, s:I, s:o}", "mixture", mixture, "order", (json_int_t)from->order, "next",
                     (json_int_t)mark->next, "waiting", waiting);
}

static sl_status parse_waiting(const json_t *waiting, uint64_t order, struct sl_loader_mark *mark, sl_error *err)
{
    size_t n = json_array_size(waiting);
    uint64_t least = order;
    if (n > SL_PACK_MAX_LOOK_AHEAD) return sl_fail(err, SL_ERR_FORMAT, "waiting: %zu samples are too many", n);
    if (!sl_grow_array((void **)&mark->waiting, &mark->room, n, sizeof *mark->waiting, SL_PACK_MAX_LOOK_AHEAD))
        return sl_fail(err, SL_ERR_MEMORY, "no memory for a position");
    for (; mark->n_waiting < n; mark->n_waiting++) {
        const json_t *item = json_array_get(waiting, mark->n_waiting);
        json_int_t value = json_is_integer(item) ? json_integer_value(item) : -1;
        if (value < 0 || (uint64_t)value < least || (uint64_t)value >= mark->next)
            return sl_fail(err, SL_ERR_FORMAT, "waiting[%zu]: not a number that follows the one before",
                           mark->n_waiting);
        mark->waiting[mark->n_waiting] = (uint64_t)value;
        least = (uint64_t)value + 1;
    }
    return SL_OK;
}

sl_status sl_loader_position_parse(const json_t *json, struct sl_loader_position *out, sl_error *err)
{
    struct sl_json_object top, mixture = {0};
    const json_t *waiting = NULL;
    int64_t order = 0, next = 0;
    *out = (struct sl_loader_position){0};
    sl_json_open(&top, json, err);
    sl_json_get_int(&top, "order", 0, INT64_MAX, &order);
    sl_json_get_int(&top, "next", order, INT64_MAX, &next);
    sl_json_get_array(&top, "waiting", &waiting);
    sl_json_get_object(&top, "mixture", &mixture);
    if (top.status || mixture.status) return top.status ? top.status : mixture.status;
    out->mixture = mixture.value;
    out->order = (uint64_t)order;
    out->mark.next = (uint64_t)next;
    sl_status s = parse_waiting(waiting, out->order, &out->mark, err);
    if (s) {
        free(out->mark.waiting);
        *out = (struct sl_loader_position){0};
    }
    return s;
}
