/*
 * ocr.c: the family "ocr": text in pictures to read, to find and to outline.
 *
 * A sample's page follows from the request, so the validator composes it again, paints each line alone and holds its
 * pixels against the polygons that the sample promises.
 */
#include "synth/ocr.h"

#include "synth/families.h"
#include "synth/sample.h"
#include "synth/vocab.h"
#include "text/answer.h"

#include <math.h>
#include <string.h>

enum { ATTEMPTS = 400, MAX_LINES_ASKED = 24 };

static const char *const tasks[SL_N_OCR_TASKS] = {"word",   "line", "paragraph", "document", "scene",
                                                  "region", "spot", "locate",    "receipt",  "form"};

/* --- asking ----------------------------------------------------------------------------------------------------- */

/* Appends the lines of a page in order: those of one block joined as running text, blocks on lines of their own. */
static void page_text(const struct sl_page *p, sl_script script, struct sl_buf *out)
{
    for (int i = 0; i < p->n_lines; i++) {
        if (i > 0 && p->lines[i].block != p->lines[i - 1].block)
            sl_buf_addch(out, '\n');
        else if (i > 0 && script != SL_SCRIPT_CHINESE)
            sl_buf_addch(out, ' ');
        sl_buf_addstr(out, p->lines[i].text);
    }
}

static void ask_text(const struct sl_synth_request *r, const char *const *phrases, const char *text,
                     struct sl_synth_sample *s)
{
    sl_synth_user(s, "%s", sl_synth_phrase(r, phrases));
    sl_synth_answer(s, "%s", text);
    sl_synth_truth(s, "checker", json_string("text"));
    sl_synth_truth(s, "answer", json_string(text));
    sl_synth_truth(s, "case", json_true());
    sl_synth_truth(s, "threshold", json_real(0.95));
}

static void ask_read(const struct sl_synth_request *r, const struct sl_page *p, sl_script script,
                     struct sl_synth_sample *s)
{
    static const char *const one[] = {"What does it say?",
                                      "Read the text.",
                                      "Which text is in the picture?",
                                      "Transcribe the picture.",
                                      "Copy what is written here.",
                                      NULL};
    static const char *const many[] = {"Transcribe the page. Put each paragraph and heading on a line of its own.",
                                       "Read the whole page, column by column; one line for each paragraph or heading.",
                                       "Convert this page to plain text, a paragraph a line.",
                                       "Write down all text in reading order, every paragraph on its own line.", NULL};
    static const char *const scene[] = {"Read all signs, from the top left to the bottom right, one a line.",
                                        "Which texts are in this scene? List them row by row, one a line.",
                                        "Transcribe every sign in reading order, one a line.",
                                        "List the words in the picture, row by row, one sign a line.", NULL};
    struct sl_buf text = SL_BUF_INIT(SL_OCR_MAX_TEXT);
    page_text(p, script, &text);
    ask_text(r, r->task == SL_OCR_DOCUMENT ? many : r->task == SL_OCR_SCENE ? scene : one, sl_buf_str(&text), s);
    sl_buf_release(&text);
}

/* The box around a line in coordinates. */
static void line_box(const struct sl_page *p, const struct sl_page_line *line, int out[4])
{
    double box[4] = {INFINITY, INFINITY, 0, 0};
    for (int i = 0; i < line->n_corners; i++)
        for (int k = 0; k < 2; k++) {
            box[k] = fmin(box[k], line->polygon[i][k]);
            box[k + 2] = fmax(box[k + 2], line->polygon[i][k]);
        }
    for (int k = 0; k < 4; k++) out[k] = sl_coordinate_from_pixel(box[k], k % 2 ? p->height : p->width);
}

static void ask_region(const struct sl_synth_request *r, const struct sl_page *p, struct sl_synth_sample *s)
{
    static const char *const phrases[] = {
        "Read the text in <bbox>{box}</bbox>.", "What is written inside <bbox>{box}</bbox>?",
        "Transcribe the line in the region <bbox>{box}</bbox>.", "Which text does <bbox>{box}</bbox> hold?", NULL};
    const struct sl_page_line *line = &p->lines[sl_synth_int(r, 0, p->n_lines - 1)];
    struct sl_buf box = SL_BUF_INIT(128), q = SL_BUF_INIT(512);
    int v[4];
    line_box(p, line, v);
    sl_buf_addf(&box, "%d %d %d %d", v[0], v[1], v[2], v[3]);
    sl_vocab_fill(sl_synth_phrase(r, phrases), (struct sl_vocab_slot[]){{"box", sl_buf_str(&box)}, {NULL, NULL}}, &q);
    ask_text(r, (const char *const[]){sl_buf_str(&q), NULL}, line->text, s);
    sl_buf_release(&box);
    sl_buf_release(&q);
}

/* Appends a line's polygon in the answer language, and returns it as JSON, x y x y ... */
static json_t *polygon_of(const struct sl_page *p, const struct sl_page_line *line, struct sl_buf *out)
{
    double xy[2 * SL_PAGE_POLYGON];
    json_t *json = json_array();
    sl_error err;
    for (int i = 0; i < 2 * line->n_corners; i++) {
        xy[i] = sl_coordinate_from_pixel(line->polygon[i / 2][i % 2], i % 2 ? p->height : p->width);
        json_array_append_new(json, json_integer((json_int_t)xy[i]));
    }
    if (sl_answer_print_polygon(xy, (size_t)line->n_corners, out, &err)) out->failed = true;
    return json;
}

static void ask_spot(const struct sl_synth_request *r, const struct sl_page *p, struct sl_synth_sample *s)
{
    static const char *const phrases[] = {
        "Spot all lines of text. Answer <text>...</text><polygon>...</polygon> for each, one a line.",
        "Find and read every line of text; give each as <text>...</text><polygon>...</polygon>.",
        "Detect the text: one <text>...</text><polygon>...</polygon> a line.",
        "Outline each line of text with a polygon and transcribe it as <text>...</text><polygon>...</polygon>.", NULL};
    struct sl_buf text = SL_BUF_INIT(SL_OCR_MAX_TEXT);
    json_t *polygons = json_array(), *labels = json_array();
    for (int i = 0; i < p->n_lines; i++) {
        const struct sl_page_line *line = &p->lines[i];
        sl_buf_addf(&text, "%s<text>%s</text>", i ? "\n" : "", line->text);
        json_array_append_new(polygons, polygon_of(p, line, &text));
        json_array_append_new(labels, json_string(line->text));
    }
    sl_synth_user(s, "%s", sl_synth_phrase(r, phrases));
    if (sl_buf_ok(&text))
        sl_synth_answer(s, "%s", sl_buf_str(&text));
    else
        sl_synth_fail(s, SL_ERR_MEMORY, "a page's polygons do not fit into an answer");
    sl_buf_release(&text);
    sl_synth_truth(s, "checker", json_string("polygons"));
    sl_synth_truth(s, "answer", polygons);
    sl_synth_truth(s, "labels", labels);
    sl_synth_truth(s, "iou", json_real(0.5));
    sl_synth_truth(s, "threshold", json_real(0.8));
}

static void ask_locate(const struct sl_synth_request *r, const struct sl_page *p, struct sl_synth_sample *s)
{
    static const char *const phrases[] = {
        "Where is the text \"{line}\"? Answer with a <bbox>.", "Find \"{line}\" and give its <bbox>.",
        "Give the <bbox> of the line that says \"{line}\".", "Locate the words \"{line}\"; answer as <bbox>.", NULL};
    int k = sl_synth_int(r, 0, p->n_lines - 1), v[4];
    const struct sl_page_line *line = &p->lines[k];
    struct sl_buf q = SL_BUF_INIT(SL_OCR_MAX_TEXT);
    line_box(p, line, v);
    sl_vocab_fill(sl_synth_phrase(r, phrases), (struct sl_vocab_slot[]){{"line", line->text}, {NULL, NULL}}, &q);
    sl_synth_user(s, "%s", sl_buf_str(&q));
    sl_synth_answer(s, "<bbox>%d %d %d %d</bbox>", v[0], v[1], v[2], v[3]);
    sl_synth_truth(s, "checker", json_string("boxes"));
    sl_synth_truth(s, "answer", json_pack("[[iiii]]", v[0], v[1], v[2], v[3]));
    sl_synth_truth(s, "threshold", json_real(0.5));
    sl_buf_release(&q);
}

static void ask(const struct sl_synth_request *r, const struct sl_page *p, const struct sl_ocr_record *record,
                sl_script script, struct sl_synth_sample *s)
{
    switch (r->task) {
    case SL_OCR_REGION:
        ask_region(r, p, s);
        break;
    case SL_OCR_SPOT:
        ask_spot(r, p, s);
        break;
    case SL_OCR_LOCATE:
        ask_locate(r, p, s);
        break;
    case SL_OCR_RECEIPT:
    case SL_OCR_FORM:
        sl_ocr_ask_record(r, record, s);
        break;
    default:
        ask_read(r, p, script, s);
        break;
    }
}

/* --- making ------------------------------------------------------------------------------------------------------ */

/* Whether two lines say the same, or there are more than a question can take. */
static bool ambiguous(const struct sl_synth_request *r, const struct sl_page *p)
{
    if (r->task != SL_OCR_SPOT && r->task != SL_OCR_LOCATE) return false;
    for (int i = 0; i < p->n_lines; i++)
        for (int k = 0; k < i; k++)
            if (strstr(p->lines[i].text, p->lines[k].text) || strstr(p->lines[k].text, p->lines[i].text)) return true;
    return p->n_lines > MAX_LINES_ASKED;
}

/* Composes pages until one fits: what making and validating share. */
static sl_status compose(const struct sl_synth_request *r, struct sl_page *p, struct sl_ocr_record *record,
                         sl_script *script, sl_error *err)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        sl_status status = sl_page_init(p, err);
        if (status) return status;
        sl_ocr_compose(r, p, record, script);
        if (!p->full && !ambiguous(r, p)) return SL_OK;
        sl_page_release(p);
    }
    return sl_fail(err, SL_ERR_ARGUMENT, "no page of text fits into %dx%d pixels", r->width, r->height);
}

static sl_status make_ocr(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    (void)state;
    struct sl_page p;
    struct sl_ocr_record record = {0};
    struct sl_picture picture = {0};
    sl_script script;
    sl_status status = compose(r, &p, &record, &script, err);
    if (status) return status;
    status = sl_page_paint(&p, -1, &picture, err);
    if (!status) {
        struct sl_degrade d = sl_degrade_choose(r, r->level, p.smallest);
        status = sl_degrade_apply(r, &d, &picture, err);
    }
    if (!status) {
        int worst = r->level == 2 && p.smallest > 11 ? 35 : 65;
        bool png = r->level == 0 && sl_synth_chance(r, 0.3);
        sl_synth_picture(out, &picture, png ? SL_SYNTH_PNG : SL_SYNTH_JPEG, sl_synth_int(r, worst, 95));
        ask(r, &p, &record, script, out);
    }
    sl_picture_free(&picture);
    sl_page_release(&p);
    return status;
}

/* --- validating -------------------------------------------------------------------------------------------------- */

static bool inside(const double (*q)[2], int n, double x, double y)
{
    bool in = false;
    for (int i = 0, k = n - 1; i < n; k = i++)
        if ((q[i][1] > y) != (q[k][1] > y) && x < (q[k][0] - q[i][0]) * (y - q[i][1]) / (q[k][1] - q[i][1]) + q[i][0])
            in = !in;
    return in;
}

/* Whether (x, y) is in the polygon or within `slack` of it in one of eight directions. */
static bool near_polygon(const double (*q)[2], int n, double x, double y, double slack)
{
    if (inside(q, n, x, y)) return true;
    for (int k = 0; k < 8; k++)
        if (inside(q, n, x + slack * cos(k * M_PI / 4), y + slack * sin(k * M_PI / 4))) return true;
    return false;
}

static double distance_to(const double a[2], const double b[2], double x, double y)
{
    double dx = b[0] - a[0], dy = b[1] - a[1], square = dx * dx + dy * dy;
    double t = square > 0 ? fmin(1, fmax(0, ((x - a[0]) * dx + (y - a[1]) * dy) / square)) : 0;
    return hypot(x - a[0] - t * dx, y - a[1] - t * dy);
}

/* Which of the four sides of an outline edge i (from corner i to the next) belongs to: upper, right, lower, left. */
static int side_of(int i, int n)
{
    int half = n / 2;
    return i < half - 1 ? 0 : i == half - 1 ? 1 : i < n - 1 ? 2 : 3;
}

/* Holds the dark pixels of a line painted alone against its polygon: all are inside, and some are at each side. */
static sl_status compare(const struct sl_picture *alone, const double (*q)[2], int n, const char *text, sl_error *err)
{
    static const char *const names[] = {"upper", "right", "lower", "left"};
    double nearest[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
    double slack = 2 + fmax(alone->width, alone->height) / 1000.0;
    for (int y = 0; y < alone->height; y++)
        for (int x = 0; x < alone->width; x++) {
            if (alone->rgb[((size_t)y * (size_t)alone->width + (size_t)x) * 3] > 160) continue;
            if (!near_polygon(q, n, x + 0.5, y + 0.5, slack))
                return sl_fail(err, SL_ERR_FORMAT, "ink of \"%s\" at %d, %d is outside its polygon", text, x, y);
            for (int i = 0; i < n; i++) {
                double *best = &nearest[side_of(i, n)];
                *best = fmin(*best, distance_to(q[i], q[(i + 1) % n], x + 0.5, y + 0.5));
            }
        }
    for (int k = 0; k < 4; k++)
        if (nearest[k] > 2 * slack)
            return sl_fail(err, SL_ERR_FORMAT, "no ink of \"%s\" at the %s side of its polygon", text, names[k]);
    return SL_OK;
}

static sl_status validate_line(const struct sl_page *p, int i, const json_t *promised, sl_error *err)
{
    double q[SL_PAGE_POLYGON][2] = {{0}};
    struct sl_picture alone = {0};
    int n = (int)json_array_size(promised) / 2;
    if (n < 3 || n > SL_PAGE_POLYGON) return sl_fail(err, SL_ERR_FORMAT, "line %d has %d corners", i, n);
    for (int k = 0; k < 2 * n; k++)
        q[k / 2][k % 2] = sl_coordinate_to_pixel_center(json_number_value(json_array_get(promised, (size_t)k)),
                                                        k % 2 ? p->height : p->width);
    sl_status status = sl_page_paint(p, i, &alone, err);
    if (!status) status = compare(&alone, (const double(*)[2])q, n, p->lines[i].text, err);
    sl_picture_free(&alone);
    return status;
}

static sl_status validate_ocr(void *state, const struct sl_synth_request *r, const struct sl_synth_sample *s,
                              sl_error *err)
{
    (void)state;
    struct sl_page p;
    struct sl_ocr_record record = {0};
    sl_script script;
    if (r->task != SL_OCR_SPOT) return SL_OK;
    sl_status status = compose(r, &p, &record, &script, err);
    if (status) return status;
    const json_t *polygons = json_object_get(s->truth, "answer");
    if ((int)json_array_size(polygons) != p.n_lines)
        status =
            sl_fail(err, SL_ERR_FORMAT, "%d lines on the page, %d polygons", p.n_lines, (int)json_array_size(polygons));
    for (int i = 0; i < p.n_lines && !status; i++)
        status = validate_line(&p, i, json_array_get(polygons, (size_t)i), err);
    sl_page_release(&p);
    return status;
}

const struct sl_synth_family sl_family_ocr = {.name = "ocr",
                                              .title = "text in pictures: reading, regions, spotting, receipts, forms",
                                              .tasks = tasks,
                                              .n_tasks = SL_N_OCR_TASKS,
                                              .n_levels = 3,
                                              .make = make_ocr,
                                              .validate = validate_ocr};
