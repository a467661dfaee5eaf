/*
 * screens.c: the family "screens": pages in a real browser, and questions, changes and traces about them.
 *
 * A page that has nothing fitting for its task is drawn again from the same stream of random numbers. A browser that
 * breaks is started again once for a sample, which then begins anew: nothing of the browser's state is in a sample.
 */
#include "synth/families.h"
#include "synth/screens_parts.h"

#include "base/mem.h"

#include <stdlib.h>

enum { LEAST_SIDE = 240, MAX_TRIES = 40 };

struct state {
    struct sl_browser *browser; /* owned; NULL after it broke */
    struct sl_doc_pages docs;
};

enum { TASK_DOCUMENT = 8, N_TASKS };

static const char *const tasks[N_TASKS] = {"find-text", "find-function", "find-place", "describe", "list",
                                           "state",     "change",        "trace",      "document"};

static void close_state(void *state)
{
    struct state *s = state;
    if (!s) return;
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

static sl_status ask_page(struct state *st, const struct sl_synth_request *r, bool phone, struct sl_synth_sample *out,
                          sl_error *err)
{
    static sl_status (*const asks[])(struct sl_screen_scene *, struct sl_synth_sample *, sl_error *) = {
        sl_screens_find_text, sl_screens_find_function, sl_screens_find_place, sl_screens_describe,
        sl_screens_list,      sl_screens_state,         sl_screens_change,     sl_screens_trace};
    struct sl_page *page = sl_alloc_array(1, sizeof *page);
    if (!page) return sl_fail(err, SL_ERR_MEMORY, "no memory for a page");
    page->r = r;
    page->size = r->level;
    page->phone = phone;
    page->html = (struct sl_buf)SL_BUF_INIT(1 << 20);
    struct sl_screen_scene scene = {.browser = st->browser, .page = page};
    sl_page_write(page);
    sl_status status = sl_scene_show(&scene, err);
    /* Without documentation on this machine that task finds texts on pages of the engine's own. */
    if (!status) status = asks[r->task < TASK_DOCUMENT ? r->task : 0](&scene, out, err);
    sl_elements_release(&scene.elements);
    sl_buf_release(&page->html);
    free(page);
    return status;
}

/* One try: SL_ERR_ARGUMENT when the page has nothing for the task. */
static sl_status try_once(struct state *st, const struct sl_synth_request *r, struct sl_synth_sample *out,
                          sl_error *err)
{
    struct sl_viewport v;
    bool document = r->task == TASK_DOCUMENT && st->docs.n;
    sl_status status = choose_viewport(r, &v, err);
    /* Pages without a word on phones are laid out wide there, and shown small: boxes would be in another scale. */
    if (document) v.phone = false;
    if (!status) status = sl_browser_resize(st->browser, &v, err);
    if (status) return status == SL_ERR_ARGUMENT ? SL_ERR_UNSUPPORTED : status;
    if (document) return sl_screens_document(st->browser, &st->docs, r, out, err);
    return ask_page(st, r, v.phone, out, err);
}

static sl_status make_once(struct state *st, const struct sl_synth_request *r, struct sl_synth_sample *out,
                           sl_error *err)
{
    sl_status status = SL_ERR_ARGUMENT;
    for (int i = 0; i < MAX_TRIES && status == SL_ERR_ARGUMENT; i++) {
        sl_synth_sample_release(out);
        sl_synth_sample_init(out);
        status = try_once(st, r, out, err);
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
        sl_browser_free(&st->browser);
        status = i ? status : SL_OK;
    }
    return status;
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
};
