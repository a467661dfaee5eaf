/*
 * clips_ask.c: the family "video": questions about clips, and dialogues that go on while the pictures come in.
 *
 * What is told of a clip is its list of events, so every answer follows from their order and times alone.
 */
#include "synth/clips.h"
#include "synth/families.h"

#include <math.h>
#include <string.h>

enum { CAPTION, ACTION, ORDER, NEIGHBOUR, COUNT, GROUND, STATE, WATCH, COMMENT, N_TASKS };

static const char *const tasks[N_TASKS] = {"caption", "action", "order", "before-after", "count",
                                           "ground",  "state",  "watch", "comment"};

/* A question in the making. */
struct asking {
    const struct sl_synth_request *r;
    const struct sl_clip *clip;
    struct sl_synth_sample *out;
};

/* Returns what an event is, in static-free storage: b is cleared first. */
static const char *tell(const struct asking *a, const struct sl_clip_event *e, bool base, struct sl_buf *b)
{
    sl_buf_clear(b);
    sl_clip_tell(a->clip, e, base, b);
    return sl_buf_str(b);
}

/* Returns the same with a capital letter. */
static const char *tell_capital(const struct asking *a, const struct sl_clip_event *e, struct sl_buf *b)
{
    tell(a, e, false, b);
    if (b->len) b->data[0] = 'T';
    return sl_buf_str(b);
}

/* The reasoning that all questions share: what happens when. */
static void think_events(const struct asking *a)
{
    struct sl_buf b = SL_BUF_INIT(512);
    sl_synth_think(a->out, "What happens, in order:");
    for (int i = 0; i < a->clip->n_events; i++) {
        const struct sl_clip_event *e = &a->clip->events[i];
        sl_synth_think(a->out, "\n%.1f - %.1f seconds: %s", e->start, e->end, tell(a, e, false, &b));
        if (e->kind == SL_EVENT_SPIN || e->kind == SL_EVENT_JUMP || e->kind == SL_EVENT_BLINK)
            sl_synth_think(a->out, " (%d time%s)", e->count, e->count == 1 ? "" : "s");
    }
    sl_buf_release(&b);
}

static const struct sl_clip_event *any_event(const struct asking *a)
{
    return &a->clip->events[sl_synth_int(a->r, 0, a->clip->n_events - 1)];
}

static void truth(const struct asking *a, const char *checker, json_t *answer, double chance)
{
    sl_synth_truth(a->out, "checker", json_string(checker));
    sl_synth_truth(a->out, "answer", answer);
    if (chance > 0) sl_synth_truth(a->out, "chance", json_real(chance));
}

static void ask_caption(struct asking *a)
{
    static const char *const asks[] = {"Describe what happens in the video.",
                                       "What happens in this clip, in order?",
                                       "Write down the events of the video one after the other.",
                                       "Give a caption of everything that changes in this video.",
                                       "Tell me what the objects in the clip do.",
                                       NULL};
    static const char *const joins[] = {"", " Then ", " After that, ", " Next, "};
    struct sl_buf b = SL_BUF_INIT(512);
    json_t *words = json_array();
    sl_synth_user(a->out, "%s", sl_synth_phrase(a->r, asks));
    think_events(a);
    for (int i = 0; i < a->clip->n_events; i++) {
        const struct sl_clip_event *e = &a->clip->events[i];
        const char *join = joins[i ? sl_synth_int(a->r, 1, 3) : 0];
        sl_synth_answer(a->out, "%s%s.", join, i ? tell(a, e, false, &b) : tell_capital(a, e, &b));
        json_t *more = sl_clip_words(a->clip, e);
        json_array_extend(words, more);
        json_decref(more);
    }
    truth(a, "mentions", words, 0);
    sl_buf_release(&b);
}

/* Lists four options, the right one among them, and answers with its letter; takes what else is in wrong (3). */
static void choose_of(struct asking *a, const char *right, struct sl_buf wrong[3], int n_wrong)
{
    int order[4], n = n_wrong + 1;
    json_t *options = json_array();
    sl_synth_shuffle(a->r, order, n);
    for (int k = 0; k < n; k++) {
        const char *option = order[k] ? sl_buf_str(&wrong[order[k] - 1]) : right;
        sl_synth_user(a->out, "\n%c. %s", 'A' + k, option);
        json_array_append_new(options, json_string(option));
    }
    sl_synth_user(a->out, "\nAnswer with the letter.");
    think_events(a);
    for (int k = 0; k < n; k++)
        if (order[k] == 0) {
            sl_synth_answer(a->out, "%c", 'A' + k);
            truth(a, "choice", json_sprintf("%c", 'A' + k), 1.0 / n);
        }
    sl_synth_truth(a->out, "options", options);
}

/* Makes up events of the clip's actors that do not happen; those in `but` count as happening. */
static int false_events(struct asking *a, struct sl_buf wrong[3])
{
    struct sl_buf happens = SL_BUF_INIT(512);
    int n = 0;
    for (int tries = 0; tries < 200 && n < 3; tries++) {
        struct sl_clip_event e = *any_event(a);
        bool taken = false;
        e.kind = (sl_event_kind)sl_synth_int(a->r, 0, SL_N_EVENT_KINDS - 1);
        e.actor = sl_synth_int(a->r, 0, a->clip->n_actors - 1);
        e.colour = (sl_clip_colour(a->clip, e.actor, 1e9) + sl_synth_int(a->r, 1, 7)) % 8;
        e.start = 0;
        sl_buf_clear(&wrong[n]);
        sl_clip_tell(a->clip, &e, false, &wrong[n]);
        for (int i = 0; i < a->clip->n_events; i++) {
            const struct sl_clip_event *real = &a->clip->events[i];
            taken |= strcmp(tell(a, real, false, &happens), sl_buf_str(&wrong[n])) == 0;
            taken |= real->actor == e.actor && real->kind == e.kind;
        }
        for (int i = 0; i < n; i++) taken |= strcmp(sl_buf_str(&wrong[i]), sl_buf_str(&wrong[n])) == 0;
        n += !taken;
    }
    sl_buf_release(&happens);
    return n;
}

static void ask_action(struct asking *a)
{
    static const char *const asks[] = {"Which of these happens in the video?", "What can be seen in this clip?",
                                       "Only one of these is true of the video. Which?", "What happens here?", NULL};
    struct sl_buf b = SL_BUF_INIT(512), wrong[3] = {SL_BUF_INIT(512), SL_BUF_INIT(512), SL_BUF_INIT(512)};
    sl_synth_user(a->out, "%s", sl_synth_phrase(a->r, asks));
    int n = false_events(a, wrong);
    choose_of(a, tell(a, any_event(a), false, &b), wrong, n);
    for (int i = 0; i < 3; i++) sl_buf_release(&wrong[i]);
    sl_buf_release(&b);
}

static void ask_order(struct asking *a)
{
    static const char *const asks[] = {"In which order do these happen?", "Put these events of the video in order.",
                                       "Which comes first, which comes last? Order these.",
                                       "Sort these by the time at which they happen in the clip.", NULL};
    struct sl_buf b = SL_BUF_INIT(512), answer = SL_BUF_INIT(64);
    int order[3], n = a->clip->n_events > 3 ? 3 : a->clip->n_events;
    int first = sl_synth_int(a->r, 0, a->clip->n_events - n);
    sl_synth_shuffle(a->r, order, n);
    sl_synth_user(a->out, "%s", sl_synth_phrase(a->r, asks));
    for (int k = 0; k < n; k++)
        sl_synth_user(a->out, "\n%d. %s", k + 1, tell(a, &a->clip->events[first + order[k]], false, &b));
    sl_synth_user(a->out, "\nAnswer with the numbers in order, as in \"%s\".", n == 3 ? "1, 2, 3" : "1, 2");
    think_events(a);
    for (int event = 0; event < n; event++)
        for (int k = 0; k < n; k++)
            if (order[k] == event) sl_buf_addf(&answer, "%s%d", answer.len ? ", " : "", k + 1);
    sl_synth_answer(a->out, "%s", sl_buf_str(&answer));
    truth(a, "exact", json_string(sl_buf_str(&answer)), n == 3 ? 1 / 6.0 : 0.5);
    sl_buf_release(&b);
    sl_buf_release(&answer);
}

static void ask_neighbour(struct asking *a)
{
    struct sl_buf b = SL_BUF_INIT(512), wrong[3] = {SL_BUF_INIT(512), SL_BUF_INIT(512), SL_BUF_INIT(512)};
    bool before = sl_synth_chance(a->r, 0.5);
    int i = sl_synth_int(a->r, before, a->clip->n_events - 2 + before), n = 0, other = before ? i - 1 : i + 1;
    const char *what = tell(a, &a->clip->events[i], false, &b);
    sl_synth_user(
        a->out, sl_synth_choose(a->r, 4) % 2 ? "What happens right %s %s?" : "In the video, what comes directly %s %s?",
        before ? "before" : "after", what);
    /* The other events that do happen are the best wrong answers; the rest are made up. */
    struct sl_buf made_up[3] = {SL_BUF_INIT(512), SL_BUF_INIT(512), SL_BUF_INIT(512)};
    int n_made_up = false_events(a, made_up);
    for (int k = 0; k < a->clip->n_events && n < 2; k++)
        if (k != i && k != other) sl_clip_tell(a->clip, &a->clip->events[k], false, &wrong[n++]);
    for (int k = 0; k < n_made_up && n < 3; k++) sl_buf_addstr(&wrong[n++], sl_buf_str(&made_up[k]));
    choose_of(a, tell(a, &a->clip->events[other], false, &b), wrong, n);
    for (int k = 0; k < 3; k++) {
        sl_buf_release(&wrong[k]);
        sl_buf_release(&made_up[k]);
    }
    sl_buf_release(&b);
}

static void ask_count(struct asking *a)
{
    static const char *const asks[] = {"How many times does %?", "Count: how often does %?",
                                       "How often does %in the video?", "Give the number of times that this happens: %",
                                       NULL};
    struct sl_buf b = SL_BUF_INIT(512);
    const struct sl_clip_event *e = &a->clip->events[0];
    for (int i = 0; i < a->clip->n_events; i++) {
        sl_event_kind k = a->clip->events[i].kind;
        if (k == SL_EVENT_SPIN || k == SL_EVENT_JUMP || k == SL_EVENT_BLINK) e = &a->clip->events[i];
    }
    const char *ask = sl_synth_phrase(a->r, asks), *at = strchr(ask, '%');
    sl_synth_user(a->out, "%.*s%s%s%s Answer with a number.", (int)(at - ask), ask, tell(a, e, at[1] != '\0', &b),
                  at[1] == 'i' ? " "
                  : at[1]      ? ""
                               : ".",
                  at + 1);
    think_events(a);
    sl_synth_answer(a->out, "%d", e->count);
    truth(a, "count", json_integer(e->count), 0.2);
    sl_buf_release(&b);
}

static void ask_ground(struct asking *a)
{
    static const char *const asks[] = {"When does %?",
                                       "From when to when does %?",
                                       "Find the time span in which %",
                                       "Give start and end of this event: %",
                                       "Locate in time: %",
                                       NULL};
    struct sl_buf b = SL_BUF_INIT(512);
    const struct sl_clip_event *e = any_event(a);
    const char *ask = sl_synth_phrase(a->r, asks), *at = strchr(ask, '%');
    sl_synth_user(a->out, "%.*s%s%s Answer in seconds, as in \"3.0 - 5.5 seconds\".", (int)(at - ask), ask,
                  tell(a, e, at[1] != '\0', &b), at[1] ? at + 1 : ".");
    think_events(a);
    sl_synth_answer(a->out, "%.1f - %.1f seconds", e->start, e->end);
    truth(a, "spans", json_pack("[[f,f]]", e->start, e->end), 0.1);
    sl_synth_truth(a->out, "threshold", json_real(0.5));
    sl_buf_release(&b);
}

/* Returns a random actor that is, or is no longer, there at the end; -1 without one. */
static int actor_at_end(const struct asking *a, bool there)
{
    int order[SL_CLIP_MAX_ACTORS];
    sl_synth_shuffle(a->r, order, a->clip->n_actors);
    for (int i = 0; i < a->clip->n_actors; i++)
        if (sl_clip_visible(a->clip, order[i], a->clip->seconds) == there) return order[i];
    return -1;
}

/* Whether somebody is still there: asked only where some are and some are not, so that either answer is as likely. */
static void ask_there(struct asking *a, int present, int gone)
{
    struct sl_buf b = SL_BUF_INIT(256);
    bool there = sl_synth_chance(a->r, 0.5);
    sl_clip_name(a->clip, there ? present : gone, a->clip->seconds, &b);
    sl_synth_user(a->out, "Can the %s still be seen at the end of the video? Answer yes or no.",
                  strchr(sl_buf_str(&b), ' ') + 1);
    think_events(a);
    sl_synth_answer(a->out, "%s", there ? "Yes" : "No");
    truth(a, "yes-no", json_string(there ? "yes" : "no"), 0.5);
    sl_buf_release(&b);
}

/* How somebody is in the end: its colour, or whether it is still there. */
static void ask_state(struct asking *a)
{
    static const char *const asks[] = {"Which colour does the % have last?",
                                       "What is the last colour of the % in the video?",
                                       "In which colour is the % seen last?", "Name the final colour of the %.", NULL};
    int present = actor_at_end(a, true), gone = actor_at_end(a, false);
    if (present >= 0 && gone >= 0 && sl_synth_chance(a->r, 0.6)) {
        ask_there(a, present, gone);
        return;
    }
    struct sl_buf b = SL_BUF_INIT(256);
    int i = sl_synth_int(a->r, 0, a->clip->n_actors - 1);
    for (int k = 0; k < a->clip->n_events; k++)
        if (a->clip->events[k].kind == SL_EVENT_COLOUR && sl_synth_chance(a->r, 0.7)) i = a->clip->events[k].actor;
    sl_clip_name(a->clip, i, a->clip->seconds, &b);
    const char *colour = sl_buf_str(&b), *shape = strchr(colour, ' ') + 1;
    const char *ask = sl_synth_phrase(a->r, asks), *at = strchr(ask, '%');
    sl_synth_user(a->out, "%.*s%s%s Answer with one word.", (int)(at - ask), ask, shape, at + 1);
    think_events(a);
    sl_synth_answer(a->out, "%.*s", (int)strcspn(colour, " "), colour);
    truth(a, "exact", json_stringn(colour, strcspn(colour, " ")), 0.15);
    sl_buf_release(&b);
}

/* --- pictures as they come in ---------------------------------------------------------------------------------- */

/* Adds the picture at a time with its mark. */
static sl_status add_frame(struct asking *a, const struct sl_clip_brush *brush, double seconds, sl_error *err)
{
    struct sl_picture p;
    sl_status status = sl_clip_draw(brush, seconds, &p, err);
    if (status) return status;
    sl_synth_user(a->out, "[%.1f second]", seconds);
    sl_synth_picture(a->out, &p, SL_SYNTH_JPEG, 90);
    sl_picture_free(&p);
    return SL_OK;
}

/* Where a dialogue of one picture a second starts, so that it is not longer than `most` and ends after event e. */
static int first_second(const struct sl_clip_event *e, int most)
{
    int last = (int)ceil(e->end);
    return last > most ? last - most : 0;
}

/* After every picture the model says whether it has happened; it ends with "Now." or, as often, before. */
static sl_status watch(struct asking *a, const struct sl_clip_brush *brush, sl_error *err)
{
    static const char *const asks[] = {
        "Watch, and after every picture say \"Now.\" if this is over, else \"Not yet.\": %.",
        "Pictures come in one by one. Answer \"Now.\" as soon as this has happened, and "
        "\"Not yet.\" until then: %.",
        "After each picture answer \"Now.\" when this is over and \"Not yet.\" before: %.",
        "Say \"Now.\" with the first picture after the end of this, and \"Not yet.\" "
        "before it: %.",
        NULL};
    struct sl_buf b = SL_BUF_INIT(512);
    const struct sl_clip_event *e = any_event(a);
    const char *ask = sl_synth_phrase(a->r, asks), *at = strchr(ask, '%');
    int from = first_second(e, 9), over = (int)ceil(e->end), last = over;
    if (sl_synth_chance(a->r, 0.5) && over > from) last = sl_synth_int(a->r, from, over - 1);
    sl_synth_user(a->out, "%.*s%s%s\n", (int)(at - ask), ask, tell(a, e, false, &b), at + 1);
    sl_buf_release(&b);
    for (int t = from; t <= last; t++) {
        sl_status status = add_frame(a, brush, t, err);
        if (status) return status;
        sl_synth_answer(a->out, "%s", t >= over ? "Now." : "Not yet.");
    }
    truth(a, "exact", json_string(last >= over ? "Now." : "Not yet."), 0.5);
    return SL_OK;
}

/* The model comments each event once it is over, and is silent between: frames go on in one message until then. */
static sl_status comment(struct asking *a, const struct sl_clip_brush *brush, sl_error *err)
{
    static const char *const asks[] = {"Comment on what happens as soon as it is over.",
                                       "Tell me live what you see happen.", "Report each event when it has happened.",
                                       "Be the commentator of this video.", NULL};
    struct sl_buf b = SL_BUF_INIT(512);
    int last = sl_synth_int(a->r, 0, a->clip->n_events - 1), first = last > 1 ? last - 1 : 0;
    int t = first_second(&a->clip->events[first], 6);
    sl_synth_user(a->out, "%s\n", sl_synth_phrase(a->r, asks));
    sl_status status = SL_OK;
    for (int i = first; i <= last && !status; i++) {
        const struct sl_clip_event *e = &a->clip->events[i];
        int over = (int)ceil(e->end);
        bool more = t <= over;            /* else this event ends within the second of the one before */
        if (over - t > 12) t = over - 12; /* a long pause is cut */
        for (; t <= over && !status; t++) status = add_frame(a, brush, t, err);
        sl_synth_answer(a->out, "%s[%.1f second] %s.", more ? "" : "\n", (double)over, tell_capital(a, e, &b));
        truth(a, "mentions", sl_clip_words(a->clip, e), 0);
    }
    sl_buf_release(&b);
    return status;
}

static sl_status ask(struct asking *a, sl_error *err)
{
    static void (*const asks[])(struct asking *) = {ask_caption, ask_action, ask_order, ask_neighbour,
                                                    ask_count,   ask_ground, ask_state};
    struct sl_buf bytes = SL_BUF_INIT(64 << 20);
    bool webm = sl_synth_chance(a->r, 0.1);
    sl_status status = sl_clip_encode(a->clip, webm, &bytes, err);
    if (!status) {
        sl_synth_video(a->out, &bytes, webm ? "webm" : "mp4", a->clip->width, a->clip->height);
        asks[a->r->task](a);
    }
    sl_buf_release(&bytes);
    return status;
}

static sl_status make(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    struct sl_clip clip;
    struct sl_clip_brush brush;
    (void)state;
    if ((r->width && r->width < 96) || (r->height && r->height < 96))
        return sl_fail(err, SL_ERR_ARGUMENT, "clips of %d x %d: at least 96 pixels a side", r->width, r->height);
    bool several = r->task == ORDER || r->task == NEIGHBOUR;
    sl_clip_compose(r, several ? 2 + (r->level > 0) : 1, r->task == COUNT, &clip);
    struct asking a = {r, &clip, out};
    if (r->task < WATCH) return ask(&a, err);
    sl_status status = sl_clip_brush_open(&brush, &clip, err);
    if (!status) status = r->task == WATCH ? watch(&a, &brush, err) : comment(&a, &brush, err);
    sl_clip_brush_close(&brush);
    return status;
}

const struct sl_synth_family sl_family_video = {
    .name = "video",
    .title = "Clips with events in time: captions, actions, order, before and after, counts, time spans, streams",
    .tasks = tasks,
    .n_tasks = N_TASKS,
    .n_levels = 3,
    .make = make,
};
