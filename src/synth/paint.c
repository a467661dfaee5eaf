/*
 * paint.c: cairo surfaces as pictures, text through pango, and which fonts there are.
 *
 * Nothing here depends on a user's settings: antialiasing and hinting are set, so that one installation draws the same
 * bytes whatever the desktop asks for. Pango keeps one font map a thread; the list of fonts hangs on it, and so needs
 * no global and no lock.
 */
#include "synth/paint.h"

#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 16384, MAX_FAMILIES = 1024 };

sl_status sl_paint_open(struct sl_paint *p, int width, int height, sl_error *err)
{
    *p = (struct sl_paint){0};
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return sl_fail(err, SL_ERR_ARGUMENT, "cannot paint %dx%d pixels: sides are 1 to %d", width, height, MAX_SIDE);
    p->width = width;
    p->height = height;
    p->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    p->cr = cairo_create(p->surface);
    cairo_status_t status = cairo_status(p->cr);
    if (status) {
        sl_paint_abandon(p);
        return sl_fail(err, SL_ERR_MEMORY, "cannot paint %dx%d pixels: %s", width, height,
                       cairo_status_to_string(status));
    }
    memset(cairo_image_surface_get_data(p->surface), 0xff,
           (size_t)cairo_image_surface_get_stride(p->surface) * (size_t)height);
    cairo_surface_mark_dirty(p->surface);
    cairo_set_source_rgb(p->cr, 0, 0, 0);
    return SL_OK;
}

/* Cairo's pixels are native 32-bit words, 0x00RRGGBB. */
static void copy_pixels(const struct sl_paint *p, struct sl_picture *out)
{
    const uint8_t *from = cairo_image_surface_get_data(p->surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(p->surface);
    for (size_t y = 0; y < (size_t)p->height; y++) {
        const uint32_t *row = (const uint32_t *)(const void *)(from + y * stride);
        uint8_t *to = out->rgb + y * (size_t)p->width * 3;
        for (size_t x = 0; x < (size_t)p->width; x++, to += 3) {
            uint32_t word = row[x];
            to[0] = (uint8_t)(word >> 16);
            to[1] = (uint8_t)(word >> 8);
            to[2] = (uint8_t)word;
        }
    }
}

sl_status sl_paint_finish(struct sl_paint *p, struct sl_picture *out, sl_error *err)
{
    cairo_status_t failure = cairo_status(p->cr);
    sl_status status = failure ? sl_fail(err, SL_ERR_MEMORY, "cannot paint: %s", cairo_status_to_string(failure))
                               : sl_picture_new(out, p->width, p->height, SL_PICTURE_MAX_PIXELS, err);
    cairo_surface_flush(p->surface);
    if (!status) copy_pixels(p, out);
    sl_paint_abandon(p);
    return status;
}

void sl_paint_abandon(struct sl_paint *p)
{
    if (p->cr) cairo_destroy(p->cr);
    if (p->surface) cairo_surface_destroy(p->surface);
    *p = (struct sl_paint){0};
}

/* --- fonts ---------------------------------------------------------------------------------------------------- */

/* Names of font families in alphabetical order. */
struct names {
    char **items; /* owned, and each of them */
    int n;
};

/* Which families have a script's letters; [1] those that look written by hand. */
struct fonts {
    struct names of[SL_N_SCRIPTS][2];
};

/* Letters that a family must have to be listed for a script. */
static const FcChar32 letters[SL_N_SCRIPTS][6] = {
    [SL_SCRIPT_LATIN] = {'A', 'g', 'z', '0', '%', 0xe9},
    [SL_SCRIPT_GREEK] = {0x391, 0x3b1, 0x3c9, 0x3a9, 0x3ac, 0x3c2},
    [SL_SCRIPT_CYRILLIC] = {0x416, 0x44f, 0x434, 0x42b, 0x451, 0x449},
    [SL_SCRIPT_CHINESE] = {0x4e2d, 0x56fd, 0x7684, 0x6c34, 0x5b66, 0x3002},
};

static bool contains_any(const char *name, const char *const *parts)
{
    for (; *parts; parts++)
        if (strcasestr(name, *parts)) return true;
    return false;
}

/* Fonts of signs rather than letters, whose Latin letters are for formulas or fallbacks. */
static bool is_for_signs(const char *name)
{
    static const char *const parts[] = {"math",    "symbol",  "emoji",    "dingbat", "icon",
                                        "awesome", "braille", "keyboard", NULL};
    return contains_any(name, parts);
}

/* What handwriting fonts of Debian and of the usual collections are called. */
static bool looks_handwritten(const char *name)
{
    static const char *const parts[] = {"hand",  "script", "cursive", "comic",  "caveat", "dancing", "kristi",
                                        "breip", "humor",  "purisa",  "domest", "toms",   "ecolier", "pecita",
                                        "dkg",   "gaegu",  "kalam",   "marker", NULL};
    return contains_any(name, parts);
}

static bool has_letters(const FcCharSet *set, sl_script script)
{
    for (int i = 0; i < (int)(sizeof letters[0] / sizeof letters[0][0]); i++)
        if (!FcCharSetHasChar(set, letters[script][i])) return false;
    return true;
}

/* Inserts a copy of name in order, once. Without memory, or past the ceiling, the font is left out. */
static void insert_name(struct names *list, const char *name)
{
    int at = 0;
    while (at < list->n && strcmp(list->items[at], name) < 0) at++;
    if ((at < list->n && strcmp(list->items[at], name) == 0) || list->n >= MAX_FAMILIES) return;
    char **grown = realloc(list->items, ((size_t)list->n + 1) * sizeof *grown), *copy = strdup(name);
    if (grown) list->items = grown;
    if (!grown || !copy) {
        free(copy);
        return;
    }
    memmove(grown + at + 1, grown + at, (size_t)(list->n - at) * sizeof *grown);
    grown[at] = copy;
    list->n++;
}

static void list_font(struct fonts *fonts, FcPattern *font)
{
    FcChar8 *family = NULL;
    FcCharSet *set = NULL;
    if (FcPatternGetString(font, FC_FAMILY, 0, &family) != FcResultMatch || strchr((const char *)family, ',') ||
        FcPatternGetCharSet(font, FC_CHARSET, 0, &set) != FcResultMatch || is_for_signs((const char *)family))
        return;
    const char *name = (const char *)family;
    bool by_hand = looks_handwritten(name);
    /* A Chinese font's Latin, Greek and Cyrillic letters all look alike: those scripts have fonts of their own. */
    if (has_letters(set, SL_SCRIPT_CHINESE)) {
        insert_name(&fonts->of[SL_SCRIPT_CHINESE][by_hand], name);
        return;
    }
    for (int s = 0; s < SL_N_SCRIPTS; s++)
        if (has_letters(set, (sl_script)s)) insert_name(&fonts->of[s][by_hand], name);
}

static void free_fonts(void *p)
{
    struct fonts *fonts = p;
    for (int s = 0; s < SL_N_SCRIPTS; s++)
        for (int h = 0; h < 2; h++) {
            for (int i = 0; i < fonts->of[s][h].n; i++) free(fonts->of[s][h].items[i]);
            free(fonts->of[s][h].items);
        }
    free(fonts);
}

static struct fonts *find_fonts(void)
{
    struct fonts *fonts = calloc(1, sizeof *fonts);
    FcPattern *all =
        FcPatternBuild(NULL, FC_OUTLINE, FcTypeBool, FcTrue, FC_SCALABLE, FcTypeBool, FcTrue, (char *)NULL);
    FcObjectSet *wanted = FcObjectSetBuild(FC_FAMILY, FC_CHARSET, (char *)NULL);
    FcFontSet *found = all && wanted ? FcFontList(NULL, all, wanted) : NULL;
    for (int i = 0; fonts && found && i < found->nfont; i++) list_font(fonts, found->fonts[i]);
    if (found) FcFontSetDestroy(found);
    if (wanted) FcObjectSetDestroy(wanted);
    if (all) FcPatternDestroy(all);
    return fonts;
}

const char *sl_paint_font(const struct sl_synth_request *r, sl_script script, bool handwriting)
{
    GObject *map = G_OBJECT(pango_cairo_font_map_get_default()); /* this thread's */
    struct fonts *fonts = g_object_get_data(map, "seedling-fonts");
    if (!fonts) {
        fonts = find_fonts();
        g_object_set_data_full(map, "seedling-fonts", fonts, free_fonts);
    }
    const struct names *list = fonts ? &fonts->of[script][handwriting] : NULL;
    return list && list->n ? list->items[sl_synth_choose(r, list->n)] : NULL;
}

/* --- text ----------------------------------------------------------------------------------------------------- */

static PangoFontDescription *describe(const struct sl_paint_text *t)
{
    PangoFontDescription *d = pango_font_description_new();
    const char *font = t->mono ? "DejaVu Sans Mono" : t->font ? t->font : "DejaVu Sans";
    pango_font_description_set_family(d, font);
    pango_font_description_set_absolute_size(d, t->size * PANGO_SCALE);
    if (t->bold) pango_font_description_set_weight(d, PANGO_WEIGHT_BOLD);
    if (t->italic) pango_font_description_set_style(d, PANGO_STYLE_ITALIC);
    return d;
}

PangoLayout *sl_paint_layout(const struct sl_paint *p, const struct sl_paint_text *t)
{
    PangoContext *context = pango_cairo_create_context(p->cr);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(context, options);
    pango_cairo_context_set_resolution(context, 96);
    cairo_font_options_destroy(options);
    PangoLayout *layout = pango_layout_new(context);
    g_object_unref(context);
    if (!layout) return NULL;
    PangoFontDescription *font = describe(t);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    if (t->wrap > 0) {
        pango_layout_set_width(layout, (int)(t->wrap * PANGO_SCALE));
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    }
    pango_layout_set_text(layout, t->text, -1);
    return layout;
}

void sl_paint_show(const struct sl_paint *p, const struct sl_paint_text *t, double x, double y, double ink[4])
{
    PangoLayout *layout = sl_paint_layout(p, t);
    PangoRectangle r = {0};
    if (layout) {
        cairo_move_to(p->cr, x, y);
        pango_cairo_show_layout(p->cr, layout);
        pango_layout_get_extents(layout, &r, NULL);
        g_object_unref(layout);
    }
    if (!ink) return;
    ink[0] = x + (double)r.x / PANGO_SCALE;
    ink[1] = y + (double)r.y / PANGO_SCALE;
    ink[2] = ink[0] + (double)r.width / PANGO_SCALE;
    ink[3] = ink[1] + (double)r.height / PANGO_SCALE;
}

/* --- colours -------------------------------------------------------------------------------------------------- */

const struct sl_colour *sl_colours(int *n, int *n_basic)
{
    static const struct sl_colour colours[] = {
        {"red", 0.86, 0.10, 0.12},        {"green", 0.13, 0.65, 0.22},       {"blue", 0.12, 0.33, 0.86},
        {"yellow", 0.98, 0.86, 0.12},     {"orange", 0.97, 0.52, 0.06},      {"purple", 0.52, 0.16, 0.68},
        {"pink", 0.98, 0.55, 0.74},       {"brown", 0.47, 0.28, 0.12},       {"black", 0.08, 0.08, 0.08},
        {"white", 0.97, 0.97, 0.97},      {"gray", 0.53, 0.53, 0.53},        {"cyan", 0.10, 0.80, 0.88},
        {"dark green", 0.03, 0.33, 0.13}, {"light green", 0.58, 0.90, 0.55}, {"navy", 0.06, 0.10, 0.40},
        {"light blue", 0.55, 0.78, 0.98}, {"dark red", 0.48, 0.03, 0.07},    {"teal", 0.02, 0.50, 0.50},
        {"olive", 0.48, 0.49, 0.09},      {"beige", 0.93, 0.87, 0.70},       {"magenta", 0.90, 0.06, 0.66},
        {"lavender", 0.78, 0.70, 0.95},
    };
    *n = (int)(sizeof colours / sizeof *colours);
    *n_basic = 11;
    return colours;
}
