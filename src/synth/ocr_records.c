/*
 * ocr_records.c: receipts and forms: printing them, and asking for what they say.
 */
#include "synth/ocr.h"

#include "synth/vocab.h"

#include <stdio.h>
#include <string.h>

static void keep(const struct sl_buf *b, char *out, size_t size)
{
    snprintf(out, size, "%s", sl_buf_str(b));
}

static void invent_receipt(const struct sl_synth_request *r, struct sl_ocr_record *d)
{
    const char *shop;
    struct sl_buf text = SL_BUF_INIT(256);
    *d = (struct sl_ocr_record){.receipt = true, .n = sl_synth_int(r, 2 + r->level, 5 + 2 * r->level)};
    sl_vocab_pick(r, SL_VOCAB_PRODUCT, d->n, d->names);
    sl_vocab_pick(r, SL_VOCAB_COMPANY, 1, &shop);
    snprintf(d->shop, sizeof d->shop, "%s", shop);
    sl_vocab_date(r, &text);
    keep(&text, d->date, sizeof d->date);
    sl_buf_clear(&text);
    sl_vocab_code(r, &text);
    keep(&text, d->number, sizeof d->number);
    for (int i = 0; i < d->n; i++) {
        d->count[i] = sl_synth_chance(r, 0.5) ? 1 : sl_synth_int(r, 2, 6);
        d->cents[i] = d->count[i] * sl_synth_int(r, 45, 2499);
        d->total += d->cents[i];
        sl_buf_clear(&text);
        sl_vocab_price(d->cents[i], &text);
        keep(&text, d->values[i], sizeof d->values[i]);
    }
    d->tax = (d->total * sl_synth_int(r, 5, 22) + 50) / 100;
    sl_buf_release(&text);
}

/* A line with a name at the left and a sum at the right; returns the y below. */
static double sum_line(struct sl_page *p, const struct sl_page_type *t, const char *name, int cents, double y,
                       double width, double pad)
{
    struct sl_buf text = SL_BUF_INIT(64);
    sl_vocab_price(cents, &text);
    sl_page_add_right(p, 0, t, sl_buf_str(&text), width - pad, y);
    sl_buf_release(&text);
    return sl_page_add_text(p, 0, t, name, pad, y, 0);
}

void sl_ocr_compose_receipt(const struct sl_synth_request *r, struct sl_page *p, struct sl_ocr_record *d)
{
    struct sl_page_type t = sl_ocr_type(r, SL_SCRIPT_LATIN, 14 - 2 * r->level, 18 - 2 * r->level), head = t;
    double width = t.size * sl_synth_real(r, 20, 26), pad = t.size * 1.3, y = pad;
    char text[128];
    invent_receipt(r, d);
    sl_page_add_surface(p, (int)width, 4000);
    t.italic = false;
    head.bold = true;
    head.size = t.size * 1.5;
    y = sl_page_add_text(p, 0, &head, d->shop, (width - sl_page_width(p, &head, d->shop)) / 2, y, 0) + t.size * 0.4;
    snprintf(text, sizeof text, "Receipt %s", d->number);
    y = sl_page_add_text(p, 0, &t, text, pad, y, 0);
    snprintf(text, sizeof text, "Date: %s", d->date);
    y = sl_page_add_text(p, 0, &t, text, pad, y, 0) + t.size * 0.6;
    sl_page_add_rule(p, pad, y - t.size * 0.3, width - pad, y - t.size * 0.3, 1);
    for (int i = 0; i < d->n; i++) {
        snprintf(text, sizeof text, "%d x %s", d->count[i], d->names[i]);
        y = sum_line(p, &t, text, d->cents[i], y, width, pad) + t.size * 0.15;
    }
    y += t.size * 0.6;
    sl_page_add_rule(p, pad, y - t.size * 0.3, width - pad, y - t.size * 0.3, 1);
    y = sum_line(p, &t, "Subtotal", d->total, y, width, pad);
    y = sum_line(p, &t, "Tax", d->tax, y, width, pad);
    t.bold = true;
    y = sum_line(p, &t, "TOTAL", d->total + d->tax, y, width, pad);
    p->surfaces[0].height = (int)(y + pad);
}

/* A kind of field: its label, and how a value is made. */
struct field {
    const char *label;
    char kind; /* N name, C city, D date, K code, S street, P telephone, E company, M price, T department */
};

static const struct field fields[] = {
    {"Full name", 'N'},      {"City", 'C'},        {"Date of birth", 'D'}, {"Customer no.", 'K'},
    {"Street", 'S'},         {"Telephone", 'P'},   {"Employer", 'E'},      {"Amount due", 'M'},
    {"Department", 'T'},     {"Issued on", 'D'},   {"Reference", 'K'},     {"Place of birth", 'C'},
    {"Contact person", 'N'}, {"Valid until", 'D'}, {"Passport no.", 'K'},  {"Account holder", 'N'},
};

enum { N_FIELDS = sizeof fields / sizeof *fields };

static void field_value(const struct sl_synth_request *r, char kind, struct sl_buf *out)
{
    static const struct {
        char kind;
        sl_vocab_kind list;
    } lists[] = {{'C', SL_VOCAB_CITY},
                 {'E', SL_VOCAB_COMPANY},
                 {'T', SL_VOCAB_DEPARTMENT},
                 {'N', SL_VOCAB_PERSON},
                 {'S', SL_VOCAB_STREET}};
    const char *word = "";
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].kind == kind) sl_vocab_pick(r, lists[i].list, 1, &word);
    sl_buf_addstr(out, word);
    if (kind == 'N') {
        sl_vocab_pick(r, SL_VOCAB_SURNAME, 1, &word);
        sl_buf_addf(out, " %s", word);
    } else if (kind == 'S')
        sl_buf_addf(out, " %d", sl_synth_int(r, 1, 240));
    else if (kind == 'D')
        sl_vocab_date(r, out);
    else if (kind == 'K')
        sl_vocab_code(r, out);
    else if (kind == 'P')
        sl_buf_addf(out, "%03d %03d %04d", sl_synth_int(r, 20, 999), sl_synth_int(r, 100, 999),
                    sl_synth_int(r, 0, 9999));
    else if (kind == 'M')
        sl_vocab_price(sl_synth_int(r, 500, 250000), out);
}

void sl_ocr_compose_form(const struct sl_synth_request *r, struct sl_page *p, struct sl_ocr_record *d)
{
    struct sl_page_type t = sl_ocr_type(r, SL_SCRIPT_LATIN, 14 - 2 * r->level, 18 - 2 * r->level), value = t;
    struct sl_page_type head = t;
    int order[N_FIELDS], columns = r->level == 0 ? 1 : sl_synth_int(r, 1, 2);
    bool above = columns == 2 || sl_synth_chance(r, 0.4), boxes = sl_synth_chance(r, 0.5);
    *d = (struct sl_ocr_record){.n = sl_synth_int(r, 4 + r->level, 6 + 2 * r->level)};
    sl_synth_shuffle(r, order, N_FIELDS);
    value.font = sl_paint_font(r, SL_SCRIPT_LATIN, t.size >= 13 && sl_synth_chance(r, 0.4));
    if (!value.font) value.font = t.font;
    value.bold = false;
    value.size = t.size * 1.12;
    head.size = t.size * 1.6;
    head.bold = true;
    double pad = t.size * 1.6, cell = t.size * 17, width = 2 * pad + columns * cell, y = pad;
    struct sl_buf text = SL_BUF_INIT(512);
    sl_page_add_surface(p, (int)width, 4000);
    sl_vocab_title(r, SL_SCRIPT_LATIN, 2, &text);
    y = sl_page_add_text(p, 0, &head, sl_buf_str(&text), pad, y, width - 2 * pad) + t.size;
    double step = t.size * (above ? 3.6 : 2.3);
    for (int i = 0; i < d->n; i++) {
        const struct field *f = &fields[order[i]];
        int row = i / columns;
        double x = pad + i % columns * cell, top = y + row * step, left = above ? x + 4 : x + t.size * 8.2;
        sl_buf_clear(&text);
        field_value(r, f->kind, &text);
        d->names[i] = f->label;
        keep(&text, d->values[i], sizeof d->values[i]);
        sl_page_add_text(p, 0, &t, f->label, x, top, 0);
        double value_top = above ? top + t.size * 1.45 : top;
        if (sl_page_add_text(p, 0, &value, d->values[i], left, value_top, 0) > top + step) p->full = true;
        if (left + sl_page_width(p, &value, d->values[i]) > x + cell - t.size - 6) p->full = true;
        if (x + sl_page_width(p, &t, f->label) > (above ? x + cell : left) - 8) p->full = true;
        double line = value_top + t.size * 1.75, right = x + cell - t.size;
        sl_page_add_rule(p, left - 4, line, right, line, 1);
        if (boxes) sl_page_add_rule(p, right, line, right, value_top - 2, 1);
    }
    int rows = (d->n + columns - 1) / columns;
    p->surfaces[0].height = (int)(y + rows * step + pad);
    sl_buf_release(&text);
}

/* --- questions -------------------------------------------------------------------------------------------------- */

static void say(struct sl_synth_sample *s, const char *question, const char *answer, const char *checker)
{
    sl_synth_user(s, "%s", question);
    sl_synth_answer(s, "%s", answer);
    sl_synth_truth(s, "checker", json_string(checker));
}

static void say_text(struct sl_synth_sample *s, const char *question, const char *answer)
{
    say(s, question, answer, "exact");
    sl_synth_truth(s, "answer", json_string(answer));
}

static void say_cents(struct sl_synth_sample *s, const char *question, int cents)
{
    struct sl_buf text = SL_BUF_INIT(64);
    sl_vocab_price(cents, &text);
    say(s, question, sl_buf_str(&text), "number");
    sl_synth_truth(s, "answer", json_real(cents / 100.0));
    sl_synth_truth(s, "tolerance", json_real(0));
    sl_synth_truth(s, "absolute", json_real(0.001));
    sl_buf_release(&text);
}

static void say_count(struct sl_synth_sample *s, const char *question, int n)
{
    char text[16];
    snprintf(text, sizeof text, "%d", n);
    say(s, question, text, "count");
    sl_synth_truth(s, "answer", json_integer(n));
}

/* A phrase with {item}, filled; owned by the caller's buffer. */
static const char *phrase(const struct sl_synth_request *r, const char *const *phrases, const char *item,
                          struct sl_buf *out)
{
    sl_vocab_fill(sl_synth_phrase(r, phrases), (struct sl_vocab_slot[]){{"item", item}, {NULL, NULL}}, out);
    return sl_buf_str(out);
}

static void ask_items(const struct sl_synth_request *r, const struct sl_ocr_record *d, struct sl_synth_sample *s)
{
    static const char *const phrases[] = {
        "List the items as a Markdown table with the columns Item, Quantity and Price.",
        "Write what was bought as a Markdown table: Item, Quantity, Price.",
        "Extract the lines of this receipt into a Markdown table (Item, Quantity, Price).",
        "Turn the receipt's items into a Markdown table with Item, Quantity, Price.", NULL};
    struct sl_buf text = SL_BUF_INIT(1 << 14);
    json_t *rows = json_pack("[[sss]]", "Item", "Quantity", "Price");
    sl_buf_addstr(&text, "| Item | Quantity | Price |\n| --- | --- | --- |");
    for (int i = 0; i < d->n; i++) {
        char count[16];
        snprintf(count, sizeof count, "%d", d->count[i]);
        sl_buf_addf(&text, "\n| %s | %s | %s |", d->names[i], count, d->values[i]);
        json_array_append_new(rows, json_pack("[sss]", d->names[i], count, d->values[i]));
    }
    say(s, sl_synth_phrase(r, phrases), sl_buf_str(&text), "table");
    sl_synth_truth(s, "answer", rows);
    sl_synth_truth(s, "threshold", json_real(0.95));
    sl_buf_release(&text);
}

static void ask_receipt(const struct sl_synth_request *r, const struct sl_ocr_record *d, struct sl_synth_sample *s)
{
    static const char *const total[] = {"What is the total?", "How much had to be paid in all?",
                                        "Read the final amount of this receipt.", "Which sum is due, tax included?",
                                        NULL};
    static const char *const tax[] = {"How much tax was charged?", "What is the tax?", "Read the amount of tax.",
                                      "Give the tax on this receipt.", NULL};
    static const char *const date[] = {"What is the date of this receipt?", "When was this bought? Copy the date.",
                                       "Read the date.", "Copy the receipt's date as printed.", NULL};
    static const char *const shop[] = {"Which shop issued the receipt?", "What is the name of the shop?",
                                       "Where was this bought?", "Read the name at the top.", NULL};
    static const char *const number[] = {"What is the receipt's number?", "Copy the number of the receipt.",
                                         "Which number does this receipt carry?", "Read the receipt number.", NULL};
    static const char *const price[] = {"How much did {item} cost?", "What is printed as the price of {item}?",
                                        "Read the price in the line of {item}.", "{item}: which amount?", NULL};
    static const char *const count[] = {"How many {item} were bought?", "What quantity of {item} is listed?",
                                        "Read the quantity of {item}.", "{item}: how many?", NULL};
    static const char *const lines[] = {
        "How many different items does the receipt list?", "Count the lines with items.",
        "How many products were bought, each counted once?", "Number of different items?", NULL};
    static const char *const most[] = {"Which line has the highest price? Name the item.",
                                       "Which item's amount is largest?", "On which item was most money spent?",
                                       "Name the item with the largest amount.", NULL};
    struct sl_buf q = SL_BUF_INIT(512);
    int i = sl_synth_int(r, 0, d->n - 1), best = 0;
    for (int k = 1; k < d->n; k++)
        if (d->cents[k] > d->cents[best]) best = k;
    switch (sl_synth_int(r, 0, 9)) {
    case 0:
        say_cents(s, sl_synth_phrase(r, total), d->total + d->tax);
        break;
    case 1:
        say_cents(s, sl_synth_phrase(r, tax), d->tax);
        break;
    case 2:
        say_text(s, sl_synth_phrase(r, date), d->date);
        break;
    case 3:
        say_text(s, sl_synth_phrase(r, shop), d->shop);
        break;
    case 4:
        say_text(s, sl_synth_phrase(r, number), d->number);
        break;
    case 5:
        say_cents(s, phrase(r, price, d->names[i], &q), d->cents[i]);
        break;
    case 6:
        say_count(s, phrase(r, count, d->names[i], &q), d->count[i]);
        break;
    case 7:
        say_count(s, sl_synth_phrase(r, lines), d->n);
        break;
    case 8:
        say_text(s, sl_synth_phrase(r, most), d->names[best]);
        break;
    default:
        ask_items(r, d, s);
        break;
    }
    sl_buf_release(&q);
}

static void ask_form(const struct sl_synth_request *r, const struct sl_ocr_record *d, struct sl_synth_sample *s)
{
    static const char *const value[] = {"What is filled in for \"{item}\"?", "Read the field \"{item}\".",
                                        "Which entry stands under or beside \"{item}\"?",
                                        "Copy the value of the field \"{item}\".", NULL};
    static const char *const label[] = {"Which field holds \"{item}\"?", "\"{item}\" is the entry of which field?",
                                        "What is the label of the field that says \"{item}\"?",
                                        "Under which label stands \"{item}\"?", NULL};
    static const char *const all[] = {"Write every field of the form as \"label: value\", one a line.",
                                      "List all entries, one a line, as \"label: value\".",
                                      "Copy the form's fields as lines of \"label: value\".",
                                      "Extract the form: one line \"label: value\" for each field.", NULL};
    struct sl_buf q = SL_BUF_INIT(512), text = SL_BUF_INIT(1 << 13);
    int i = sl_synth_int(r, 0, d->n - 1), what = sl_synth_int(r, 0, 3);
    if (what < 2) {
        say_text(s, phrase(r, value, d->names[i], &q), d->values[i]);
    } else if (what == 2) {
        say_text(s, phrase(r, label, d->values[i], &q), d->names[i]);
        sl_synth_truth(s, "chance", json_real(1.0 / d->n));
    } else {
        for (int k = 0; k < d->n; k++) sl_buf_addf(&text, "%s%s: %s", k ? "\n" : "", d->names[k], d->values[k]);
        say(s, sl_synth_phrase(r, all), sl_buf_str(&text), "text");
        sl_synth_truth(s, "answer", json_string(sl_buf_str(&text)));
        sl_synth_truth(s, "threshold", json_real(0.95));
    }
    sl_buf_release(&q);
    sl_buf_release(&text);
}

void sl_ocr_ask_record(const struct sl_synth_request *r, const struct sl_ocr_record *record, struct sl_synth_sample *s)
{
    if (record->receipt)
        ask_receipt(r, record, s);
    else
        ask_form(r, record, s);
}
