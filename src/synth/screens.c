/*
 * screens.c: the family "screens": pages in a real browser, and questions, changes and traces about them.
 *
 * A page that has nothing fitting for its task is drawn again from the same stream of random numbers. A browser that
 * breaks is started again once for a sample, which then begins anew: nothing of the browser's state is in a sample.
 * Rendering is what costs, so sixteen samples in a row ask about the same page and, where they are about documentation,
 * the same view of it: both follow from numbers that the sixteen share, and whoever makes one of them alone draws them
 * again.
 */
#include "synth/families.h"
#include "synth/screens_parts.h"

#include "base/mem.h"

#include <stdlib.h>

enum { LEAST_SIDE = 240, MAX_TRIES = 40 };

/* What was drawn last, with the numbers that it follows from: a page of the engine's own, or one of documentation. */
struct stage {
    bool made;
    struct sl_rng start;
    sl_synth_split split;
    int level, width, height; /* of the request */
    struct sl_viewport viewport;
    struct sl_page page;
    struct sl_screen_scene scene;
    struct sl_picture began;
    struct sl_doc_view view;
};

enum { SHARED_PAGE, SHARED_DOCUMENT, OWN, N_STAGES };

struct state {
    struct sl_browser *browser; /* owned; NULL after it broke */
    struct sl_doc_pages docs;
    struct stage stages[N_STAGES];
    struct stage *asked;      /* what the last sample is about */
    const struct stage *live; /* whose page the browser shows as it began; NULL: none's */
    double seconds;           /* of processor time that ended browsers took */
};

enum { TASK_FIND_PLACE = 2, TASK_LIST = 4, TASK_DOCUMENT = 8, N_TASKS };

static const char *const tasks[N_TASKS] = {"find-text", "find-function", "find-place", "describe", "list",
                                           "state",     "change",        "trace",      "document"};

static void end_stage(struct stage *g)
{
    sl_elements_release(&g->scene.elements);
    sl_picture_free(&g->began);
    sl_buf_release(&g->page.html);
    sl_doc_view_release(&g->view);
    g->made = false;
}

static void close_state(void *state)
{
    struct state *s = state;
    if (!s) return;
    for (int i = 0; i < N_STAGES; i++) end_stage(&s->stages[i]);
    sl_browser_free(&s->browser);
    sl_doc_pages_free(&s->docs);
    free(s);
}

static sl_status open_state(void **out, sl_error *err)
{
    struct state *s = sl_alloc_array(1, sizeof *s);
    *out = NULL;
    if (!s) return sl_fail(err, SL_ERR_MEMORY, "no memory for the family screens");
    sl_status status = sl_browser_start(&s->browser, NULL, err);
    if (!status) status = sl_doc_pages_find(&s->docs, "/usr/share/doc", err);
    if (status)
        close_state(s);
    else
        *out = s;
    return status;
}

/* Sizes that desktops, laptops and phones have, scaled down to what a data set can afford. */
static const int desktops[][2] = {{1024, 768}, {1152, 720}, {960, 640},  {1280, 720},
                                  {1024, 640}, {896, 672},  {1200, 800}, {1088, 680}};
static const int phones[][2] = {{360, 640}, {390, 844}, {412, 732}, {375, 667}};

static sl_status choose_viewport(const struct sl_synth_request *r, struct sl_viewport *v, sl_error *err)
{
    bool phone = sl_synth_chance(r, 0.3);
    const int *size = phone ? phones[sl_synth_choose(r, 4)] : desktops[sl_synth_choose(r, 8)];
    *v = (struct sl_viewport){.width = r->width ? r->width : size[0], .height = r->height ? r->height : size[1]};
    v->phone = v->width < 560;
    if (v->width >= LEAST_SIDE && v->height >= LEAST_SIDE) return SL_OK;
    return sl_fail(err, SL_ERR_ARGUMENT, "screens of %d x %d: at least %d pixels a side", v->width, v->height,
                   LEAST_SIDE);
}

/* --- what samples share ------------------------------------------------------------------------------------------ */

/* True when the stage is what a request with these numbers draws. */
static bool is_stage(const struct stage *g, const struct sl_synth_request *r)
{
    return g->made && g->start.state == r->rng->state && g->start.increment == r->rng->increment &&
           g->split == r->split && g->level == r->level && g->width == r->width && g->height == r->height;
}

/* Draws and shows what is asked about; r's numbers are used up. SL_ERR_ARGUMENT when it has nothing to ask about. */
static sl_status set_stage(struct state *st, struct stage *g, bool document, const struct sl_synth_request *r,
                           sl_error *err)
{
    end_stage(g);
    *g = (struct stage){.start = *r->rng, .split = r->split, .level = r->level, .width = r->width, .height = r->height};
    sl_status status = choose_viewport(r, &g->viewport, err);
    /* Pages without a word on phones are laid out wide there, and shown small: boxes would be in another scale. */
    if (document) g->viewport.phone = false;
    if (!status) status = sl_browser_resize(st->browser, &g->viewport, err);
    if (status) return status == SL_ERR_ARGUMENT ? SL_ERR_UNSUPPORTED : status;
    st->live = NULL;
    if (document) {
        status = sl_doc_view_show(&g->view, st->browser, &st->docs, r, err);
    } else {
        g->page = (struct sl_page){.r = r, .size = r->level, .phone = g->viewport.phone, .html = SL_BUF_INIT(1 << 20)};
        g->scene = (struct sl_screen_scene){.browser = st->browser, .page = &g->page, .began = &g->began};
        sl_page_write(&g->page);
        status = sl_scene_show(&g->scene, err);
        if (!status) st->live = g;
    }
    g->made = !status;
    return status;
}

static sl_status ask_page(struct state *st, struct stage *g, const struct sl_synth_request *r,
                          struct sl_synth_sample *out, sl_error *err)
{
    static sl_status (*const asks[])(struct sl_screen_scene *, struct sl_synth_sample *, sl_error *) = {
        sl_screens_find_text, sl_screens_find_function, sl_screens_find_place, sl_screens_describe,
        sl_screens_list,      sl_screens_state,         sl_screens_change,     sl_screens_trace};
    sl_status status = sl_browser_resize(st->browser, &g->viewport, err);
    if (status) return status;
    struct sl_screen_scene scene = g->scene;
    g->page.r = r;
    scene.live = st->live == g;
    /* Without documentation on this machine that task finds texts on pages of the engine's own. */
    status = asks[r->task < TASK_DOCUMENT ? r->task : 0](&scene, out, err);
    st->live = scene.live ? g : NULL;
    if (scene.acted) sl_elements_release(&scene.elements);
    return status;
}

/* One try with r's own numbers, or with those that it shares: SL_ERR_ARGUMENT when there is nothing for the task. */
static sl_status try_once(struct state *st, const struct sl_synth_request *r, bool shared, struct sl_synth_sample *out,
                          sl_error *err)
{
    bool document = r->task == TASK_DOCUMENT && st->docs.n;
    struct stage *g = &st->stages[shared ? document ? SHARED_DOCUMENT : SHARED_PAGE : OWN];
    struct sl_rng numbers = shared ? *r->shared : *r->rng;
    struct sl_synth_request drawn = *r;
    sl_status status = SL_OK;
    drawn.rng = shared ? &numbers : r->rng;
    if (!shared || !is_stage(g, &drawn)) status = set_stage(st, g, document, &drawn, err);
    if (status) return status;
    st->asked = g;
    if (!document) return ask_page(st, g, r, out, err);
    sl_screens_document(&g->view, r, out);
    return SL_OK;
}

static sl_status make_once(struct state *st, const struct sl_synth_request *r, struct sl_synth_sample *out,
                           sl_error *err)
{
    sl_status status = SL_ERR_ARGUMENT;
    for (int i = 0; i < MAX_TRIES && status == SL_ERR_ARGUMENT; i++) {
        sl_synth_sample_release(out);
        sl_synth_sample_init(out);
        status = try_once(st, r, i == 0 && r->shared, out, err);
    }
    return status == SL_ERR_UNSUPPORTED ? SL_ERR_ARGUMENT : status;
}

static sl_status make(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    struct state *st = state;
    const struct sl_rng start = *r->rng;
    sl_status status = SL_OK;
    for (int i = 0; i < 2; i++) {
        *r->rng = start;
        if (!st->browser) status = sl_browser_start(&st->browser, NULL, err);
        if (!status) status = make_once(st, r, out, err);
        if (status != SL_ERR_IO) break;
        for (int k = 0; k < N_STAGES; k++) end_stage(&st->stages[k]);
        st->live = NULL;
        st->seconds += st->browser ? sl_browser_seconds(st->browser) : 0;
        sl_browser_free(&st->browser);
        status = i ? status : SL_OK;
    }
    return status;
}

/* Makes the sample again, which leaves its page at hand, and checks its boxes, of a list the first and the last. */
static sl_status validate(void *state, const struct sl_synth_request *r, const struct sl_synth_sample *s, sl_error *err)
{
    struct state *st = state;
    struct sl_synth_sample again;
    if (r->task > TASK_FIND_PLACE && r->task != TASK_LIST) return SL_OK;
    sl_synth_sample_init(&again);
    sl_status status = make(state, r, &again, err);
    if (!status && !json_equal(again.truth, s->truth))
        status = sl_fail(err, SL_ERR_FORMAT, "made again, the sample has another truth");
    sl_synth_sample_release(&again);
    if (status) return status;
    struct sl_screen_scene scene = st->asked->scene;
    const json_t *boxes = json_object_get(s->truth, "answer"), *step = json_object_get(json_array_get(boxes, 0), "box");
    size_t n = json_array_size(boxes);
    scene.live = st->live == st->asked;
    status = sl_browser_resize(st->browser, &st->asked->viewport, err);
    for (size_t i = 0; i < n && !status; i += n > 1 ? n - 1 : 1)
        status = sl_screens_validate(&scene, step ? step : json_array_get(boxes, i), err);
    st->live = NULL;
    return status;
}

static double helper_seconds(const void *state)
{
    const struct state *st = state;
    return st->seconds + (st->browser ? sl_browser_seconds(st->browser) : 0);
}

const struct sl_synth_family sl_family_screens = {
    .name = "screens",
    .title = "Pages in a browser: finding, describing and listing controls, their state, changes, traces of actions",
    .tasks = tasks,
    .n_tasks = N_TASKS,
    .n_levels = 3,
    .open = open_state,
    .close = close_state,
    .make = make,
    .validate = validate,
    .share = 16,
    .helper_seconds = helper_seconds,
};
