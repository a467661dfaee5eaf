/*
 * screens_scene.c: a page in the browser, where its controls are, and how answers name them.
 */
#include "synth/screens_parts.h"

#include <math.h>
#include <string.h>

sl_status sl_scene_look(struct sl_screen_scene *s, sl_error *err)
{
    if (!s->live && !s->acted) { /* those of the page as it began belong to the scene that this is a copy of */
        s->elements = (struct sl_elements){0};
        s->acted = true;
    }
    sl_elements_release(&s->elements);
    sl_status status = sl_browser_elements(s->browser, "[data-k]", 2 * SL_PAGE_MAX_CONTROLS, &s->elements, err);
    for (int i = 0; i < s->page->n && !status; i++) {
        const struct sl_element *e = sl_elements_find(&s->elements, s->page->controls[i].key);
        s->at[i] = e && e->seen ? (int)(e - s->elements.items) : -1;
        s->covered[i] = e && !e->seen;
    }
    return status;
}

sl_status sl_scene_show(struct sl_screen_scene *s, sl_error *err)
{
    if (!sl_buf_ok(&s->page->html)) return sl_fail(err, SL_ERR_MEMORY, "no memory for a page");
    sl_status status = sl_scene_begin(s, err);
    return status ? status : sl_scene_look(s, err);
}

sl_status sl_scene_begin(struct sl_screen_scene *s, sl_error *err)
{
    if (s->live || s->acted) return SL_OK;
    sl_status status = sl_browser_show(s->browser, s->page->html.data, s->page->html.len, err);
    s->live = !status;
    return status;
}

void sl_screens_add_picture(const struct sl_synth_request *r, const struct sl_picture *p, struct sl_synth_sample *out)
{
    bool lossless = sl_synth_chance(r, 0.15);
    int quality = sl_synth_int(r, 82, 95);
    sl_synth_picture(out, p, lossless ? SL_SYNTH_PNG : SL_SYNTH_JPEG, quality);
}

sl_status sl_scene_picture(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    struct sl_picture now = {0}, *p = s->acted ? &now : s->began;
    sl_status status = p->rgb ? SL_OK : sl_scene_begin(s, err);
    if (!status && !p->rgb) status = sl_screen_capture(sl_browser_screen(s->browser), p, err);
    if (!status) sl_screens_add_picture(s->page->r, p, out);
    sl_picture_free(&now);
    return status;
}

const struct sl_element *sl_scene_whole(const struct sl_screen_scene *s, int i)
{
    const struct sl_element *e = s->at[i] < 0 ? NULL : &s->elements.items[s->at[i]];
    return e && e->whole && e->box[2] - e->box[0] >= 4 && e->box[3] - e->box[1] >= 4 ? e : NULL;
}

static int coordinate(double x, int size)
{
    return sl_coordinate_from_pixel(fmin(fmax(x, 0), size), size);
}

struct sl_screen_box sl_screen_box_of(const double box[4], const struct sl_screen *screen)
{
    return (struct sl_screen_box){coordinate(box[0], screen->width), coordinate(box[1], screen->height),
                                  coordinate(box[2], screen->width), coordinate(box[3], screen->height)};
}

json_t *sl_screen_box_json(struct sl_screen_box b)
{
    return json_pack("[i,i,i,i]", b.x1, b.y1, b.x2, b.y2);
}

static const struct {
    const char *name, *words[3];
} kinds[SL_N_CONTROLS] = {
    {"button", {"button"}},
    {"link", {"link", "hyperlink"}},
    {"text field", {"text field", "field", "input"}},
    {"checkbox", {"checkbox", "check box", "tick box"}},
    {"switch", {"switch", "toggle"}},
    {"drop-down list", {"drop-down", "dropdown", "select"}},
    {"tab", {"tab"}},
    {"slider", {"slider"}},
    {"icon button", {"icon button", "icon", "button"}},
    {"menu button", {"menu button", "menu"}},
};

const char *sl_control_kind_name(sl_control_kind kind)
{
    return kinds[kind].name;
}

json_t *sl_control_kind_words(sl_control_kind kind)
{
    json_t *words = json_array();
    for (int i = 0; i < 3 && kinds[kind].words[i]; i++) json_array_append_new(words, json_string(kinds[kind].words[i]));
    return words;
}
