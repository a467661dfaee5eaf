/*
 * ocr_compose.c: words, lines, paragraphs, documents of columns and scenes with signs; surfaces set into the picture.
 */
#include "synth/ocr.h"

#include "synth/vocab.h"

#include <math.h>
#include <string.h>

static const double LEAST_LETTERS = 8; /* pixels an em that anybody can still read */

struct sl_page_type sl_ocr_type(const struct sl_synth_request *r, sl_script script, double low, double high)
{
    bool by_hand = low >= 15 && sl_synth_chance(r, 0.15);
    struct sl_page_type t = {.font = sl_paint_font(r, script, by_hand)};
    if (!t.font) t.font = sl_paint_font(r, script, false);
    t.size = sl_synth_real(r, low, high);
    if (script == SL_SCRIPT_CHINESE) t.size = fmax(t.size, 12);
    t.bold = sl_synth_chance(r, 0.2);
    t.italic = script != SL_SCRIPT_CHINESE && sl_synth_chance(r, 0.12);
    return t;
}

static sl_script choose_script(const struct sl_synth_request *r)
{
    double u = sl_synth_real(r, 0, 1);
    sl_script s = u < 0.55   ? SL_SCRIPT_LATIN
                  : u < 0.7  ? SL_SCRIPT_GREEK
                  : u < 0.85 ? SL_SCRIPT_CYRILLIC
                             : SL_SCRIPT_CHINESE;
    return sl_paint_font(r, s, false) ? s : SL_SCRIPT_LATIN;
}

/* Ground and ink that differ enough in brightness to be read. */
static void choose_colours(const struct sl_synth_request *r, struct sl_page_surface *s, bool paper)
{
    bool dark = !paper && sl_synth_chance(r, 0.35);
    double base = dark ? sl_synth_real(r, 0.05, 0.3) : sl_synth_real(r, paper ? 0.9 : 0.68, 1);
    double ink = dark ? sl_synth_real(r, 0.8, 1) : sl_synth_real(r, 0, paper ? 0.2 : 0.28);
    double tint = paper ? 0.04 : 0.22;
    for (int k = 0; k < 3; k++) {
        s->ground[k] = fmin(1, fmax(0, base + sl_synth_real(r, -tint, tint)));
        s->ink[k] = fmin(1, fmax(0, ink + sl_synth_real(r, -0.12, 0.12)));
    }
}

static void choose_ground(const struct sl_synth_request *r, struct sl_page *p)
{
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++) p->ground[i][k] = sl_synth_real(r, 0.15, 0.85);
    p->pattern = sl_synth_choose(r, 4);
}

/* Corners of a w x h surface about a middle, turned and pulled in perspective. */
static void corners_of(const struct sl_synth_request *r, const double middle[2], double w, double h, double strength,
                       double out[4][2])
{
    double a = sl_synth_real(r, -0.35, 0.35) * strength, c = cos(a), s = sin(a);
    for (int i = 0; i < 4; i++) {
        double x = (i == 1 || i == 2 ? 0.5 : -0.5) * w, y = (i >= 2 ? 0.5 : -0.5) * h;
        double pull = 0.16 * strength * fmin(w, h);
        x += sl_synth_real(r, -pull, pull);
        y += sl_synth_real(r, -pull, pull);
        out[i][0] = middle[0] + c * x - s * y;
        out[i][1] = middle[1] + s * x + c * y;
    }
}

static void bend(const struct sl_synth_request *r, struct sl_warp *w, double strength)
{
    if (sl_synth_chance(r, 0.5)) {
        w->wave_length = w->width * sl_synth_real(r, 0.7, 1.6);
        w->wave = fmin(w->height * 0.16, w->wave_length * 0.035) * strength;
        w->phase = sl_synth_real(r, 0, 2 * M_PI);
    } else {
        w->radius = w->width * sl_synth_real(r, 0.42, 0.9);
        w->bow = w->height * sl_synth_real(r, -0.3, 0.3) * strength;
    }
}

/*
 * Returns by how much a surface must shrink for its turned and pulled corners to lie in a picture of the size asked
 * for; letters that would become too small to be read make the page full.
 */
static double shrink(struct sl_page *p, const struct sl_page_surface *s, double edge)
{
    double f = fmin(1, fmin(p->width / (s->width + 2 * edge), p->height / (s->height + 2 * edge)));
    if (f < 1 && f * p->smallest < LEAST_LETTERS) p->full = true;
    return f;
}

/* Sets the only surface into the picture: flat and filling it at level 0, lying askew on something else above. */
static void set_single(const struct sl_synth_request *r, struct sl_page *p)
{
    struct sl_page_surface *s = &p->surfaces[0];
    bool flat = r->level == 0 || sl_synth_chance(r, 0.35);
    double strength = flat ? 0 : r->level == 1 ? 0.35 : 0.7, q[4][2];
    double edge = flat ? 0 : 8 + strength * 0.3 * fmax(s->width, s->height);
    p->width = r->width ? r->width : s->width + (int)(2 * edge);
    p->height = r->height ? r->height : s->height + (int)(2 * edge);
    const double middle[2] = {p->width / 2.0, p->height / 2.0};
    double f = shrink(p, s, edge);
    corners_of(r, middle, f * s->width, f * s->height, strength, q);
    if (!sl_warp_init(&s->warp, s->width, s->height, q)) p->full = true;
    if (!flat && r->level == 2 && sl_synth_chance(r, 0.4)) bend(r, &s->warp, 0.4);
}

static void size_range(const struct sl_synth_request *r, double *low, double *high)
{
    static const double lows[] = {18, 12, 8}, highs[] = {34, 22, 15};
    *low = lows[r->level];
    *high = highs[r->level];
}

/* One word or one line with room around it. */
static void compose_short(const struct sl_synth_request *r, struct sl_page *p, sl_script script)
{
    struct sl_buf text = SL_BUF_INIT(SL_OCR_MAX_TEXT);
    double low, high;
    size_range(r, &low, &high);
    if (r->task == SL_OCR_WORD) high *= 2;
    struct sl_page_type t = sl_ocr_type(r, script, low, high);
    if (r->task == SL_OCR_WORD && sl_synth_chance(r, 0.2))
        sl_vocab_code(r, &text);
    else if (r->task == SL_OCR_WORD)
        sl_vocab_word(r, script, &text);
    else if (sl_synth_chance(r, 0.3))
        sl_vocab_title(r, script, sl_synth_int(r, 2, 6), &text);
    else
        sl_vocab_sentence(r, script, sl_synth_int(r, 3, 9), &text);
    double width = sl_page_width(p, &t, sl_buf_str(&text)), pad = t.size * sl_synth_real(r, 0.4, 1.4);
    int s = sl_page_add_surface(p, (int)(width + 2 * pad + 8), (int)(t.size * 1.6 + 2 * pad));
    if (width > 1400) p->full = true;
    sl_page_add_text(p, s, &t, sl_buf_str(&text), pad + 4, pad, 0);
    sl_buf_release(&text);
}

static void compose_paragraph(const struct sl_synth_request *r, struct sl_page *p, sl_script script)
{
    struct sl_buf text = SL_BUF_INIT(SL_OCR_MAX_TEXT);
    double low, high;
    size_range(r, &low, &high);
    struct sl_page_type t = sl_ocr_type(r, script, low, high);
    double width = t.size * sl_synth_real(r, 14, 26);
    if (r->width) width = fmin(width, r->width - 2 * t.size);
    double pad = t.size * sl_synth_real(r, 0.8, 2);
    sl_vocab_paragraph(r, script, sl_synth_int(r, 2, 3 + r->level), &text);
    int s = sl_page_add_surface(p, (int)(width + 2 * pad), 4000);
    double bottom = sl_page_add_text(p, s, &t, sl_buf_str(&text), pad, pad, width);
    p->surfaces[s].height = (int)(bottom + pad);
    sl_buf_release(&text);
}

/* A title and columns of paragraphs with headings; their order in the page is the order of reading. */
static void compose_document(const struct sl_synth_request *r, struct sl_page *p, sl_script script)
{
    double low, high;
    size_range(r, &low, &high);
    struct sl_page_type t = sl_ocr_type(r, script, fmin(low, 14), fmin(high, 18)), head = t;
    int columns = sl_synth_int(r, 1, r->level == 0 ? 2 : 3), width = sl_synth_int(r, 460, 700);
    /* In a picture of a given size the page is as wide as that, with as many columns as have room for words. */
    bool narrow = r->width && r->width < width;
    if (narrow) width = r->width;
    int most = (int)(width / (13 * t.size));
    if (narrow && columns > most) columns = most > 1 ? most : 1;
    double margin = t.size * sl_synth_real(r, 1.5, 3), gap = t.size * sl_synth_real(r, 1.2, 2.2);
    double column = (width - 2 * margin - gap * (columns - 1)) / columns, bottom = 0;
    int s = sl_page_add_surface(p, width, 4000);
    struct sl_buf text = SL_BUF_INIT(SL_OCR_MAX_TEXT);
    t.bold = false;
    head.bold = true;
    head.size = t.size * sl_synth_real(r, 1.4, 2);
    sl_vocab_title(r, script, sl_synth_int(r, 2, 5), &text);
    double top = sl_page_add_text(p, s, &head, sl_buf_str(&text), margin, margin, width - 2 * margin) + t.size;
    if (sl_synth_chance(r, 0.4)) sl_page_add_rule(p, margin, top - t.size * 0.5, width - margin, top - t.size * 0.5, 1);
    head.size = t.size * 1.12;
    for (int c = 0; c < columns; c++) {
        double x = margin + c * (column + gap), y = top;
        int n = sl_synth_int(r, 1, narrow ? 1 : 2);
        for (int i = 0; i < n; i++) {
            sl_buf_clear(&text);
            sl_vocab_title(r, script, sl_synth_int(r, 1, 3), &text);
            if (sl_synth_chance(r, 0.4))
                y = sl_page_add_text(p, s, &head, sl_buf_str(&text), x, y, column) + t.size * 0.3;
            sl_buf_clear(&text);
            sl_vocab_paragraph(r, script, sl_synth_int(r, 1, 3), &text);
            y = sl_page_add_text(p, s, &t, sl_buf_str(&text), x, y, column) + t.size * 0.9;
        }
        bottom = fmax(bottom, y);
    }
    p->surfaces[s].height = (int)(bottom + margin * 0.6);
    if (p->surfaces[s].height > 1100) p->full = true;
    sl_buf_release(&text);
}

/* What a sign says. */
static void sign_text(const struct sl_synth_request *r, sl_script script, struct sl_buf *out)
{
    switch (sl_synth_int(r, 0, 4)) {
    case 0:
        sl_vocab_code(r, out);
        break;
    case 1:
        sl_buf_addf(out, "%d %%", 5 * sl_synth_int(r, 1, 18));
        break;
    default:
        sl_vocab_title(r, script, sl_synth_int(r, 1, 3), out);
        break;
    }
}

/* Signs in cells of a grid, each slanted, in perspective, and at higher levels on a cylinder or a banner. */
static void compose_scene(const struct sl_synth_request *r, struct sl_page *p, sl_script script)
{
    int columns = r->level == 0 ? 1 : 2, rows = r->level == 2 ? 3 : 2, n = 0;
    p->width = r->width ? r->width : sl_synth_int(r, 420, 640);
    p->height = r->height ? r->height : sl_synth_int(r, 360, 560);
    double w = (double)p->width / columns, h = (double)p->height / rows;
    for (int i = 0; i < columns * rows; i++) {
        if (n > 0 && sl_synth_chance(r, 0.25)) continue;
        struct sl_buf text = SL_BUF_INIT(SL_OCR_MAX_TEXT);
        struct sl_page_type t = sl_ocr_type(r, script, r->level == 2 ? 13 : 18, r->level == 2 ? 26 : 40);
        double q[4][2], pad = t.size * sl_synth_real(r, 0.35, 0.8), strength = r->level == 0 ? 0.4 : 1;
        sign_text(r, script, &text);
        double width = sl_page_width(p, &t, sl_buf_str(&text)) + 2 * pad + 6, height = t.size * 1.45 + 2 * pad;
        if (width < w * 0.82 && height < h * 0.6) {
            int s = sl_page_add_surface(p, (int)width, (int)height);
            struct sl_page_surface *sign = &p->surfaces[s];
            int row = i / columns;
            const double middle[2] = {(i % columns + 0.5) * w, (row + 0.5) * h};
            choose_colours(r, sign, false);
            sign->border = sl_synth_chance(r, 0.3) ? pad * 0.25 : 0;
            sl_page_add_text(p, s, &t, sl_buf_str(&text), pad + 3, pad, 0);
            corners_of(r, middle, sign->width, sign->height, strength, q);
            if (!sl_warp_init(&sign->warp, sign->width, sign->height, q)) p->full = true;
            if (r->level > 0 && sl_synth_chance(r, 0.5)) bend(r, &sign->warp, 1);
            n++;
        }
        sl_buf_release(&text);
    }
    if (n == 0 || (r->task != SL_OCR_SCENE && n < 2)) p->full = true;
}

void sl_ocr_compose(const struct sl_synth_request *r, struct sl_page *p, struct sl_ocr_record *record,
                    sl_script *script)
{
    bool scene = false;
    *script = choose_script(r);
    choose_ground(r, p);
    switch (r->task) {
    case SL_OCR_WORD:
    case SL_OCR_LINE:
        compose_short(r, p, *script);
        break;
    case SL_OCR_PARAGRAPH:
        compose_paragraph(r, p, *script);
        break;
    case SL_OCR_DOCUMENT:
        compose_document(r, p, *script);
        break;
    case SL_OCR_RECEIPT:
        sl_ocr_compose_receipt(r, p, record);
        break;
    case SL_OCR_FORM:
        sl_ocr_compose_form(r, p, record);
        break;
    case SL_OCR_SCENE:
        scene = true;
        break;
    default:
        scene = sl_synth_chance(r, 0.5);
        if (!scene && sl_synth_chance(r, 0.5))
            compose_document(r, p, *script);
        else if (!scene)
            compose_paragraph(r, p, *script);
        break;
    }
    if (scene) {
        compose_scene(r, p, *script);
    } else {
        bool paper = r->task != SL_OCR_WORD && r->task != SL_OCR_LINE;
        choose_colours(r, &p->surfaces[0], paper);
        set_single(r, p);
    }
    if (!p->full) sl_page_place(p);
}
