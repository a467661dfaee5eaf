/*
 * vocab.c: text for pictures from the lists in vocab_lists.c.
 */
#include "synth/vocab.h"

#include "synth/vocab_lists.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { MAX_LIST = 256 };

const char *sl_vocab_at(sl_vocab_kind kind, int i)
{
    return sl_vocab_named(kind)->items[i];
}

void sl_vocab_pick(const struct sl_synth_request *r, sl_vocab_kind kind, int n, const char **out)
{
    const struct sl_vocab_list *list = sl_vocab_named(kind);
    int order[MAX_LIST];
    SL_CHECK(n <= list->n && list->n <= MAX_LIST);
    sl_synth_shuffle(r, order, list->n);
    for (int i = 0; i < n; i++) out[i] = list->items[order[i]];
}

static void add_code_point(int32_t c, struct sl_buf *out)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    sl_buf_add(out, bytes, (size_t)n);
}

/* Appends s with its first letter large. */
static void add_capitalised(const char *s, struct sl_buf *out)
{
    utf8proc_int32_t c = 0;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, &c);
    if (n <= 0) return;
    add_code_point(utf8proc_toupper(c), out);
    sl_buf_addstr(out, s + n);
}

static void add_upper(const char *s, struct sl_buf *out)
{
    utf8proc_int32_t c = 0;
    for (utf8proc_ssize_t n = 0; *s && (n = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, &c)) > 0; s += n)
        add_code_point(c == 0xdf ? 0x1e9e : utf8proc_toupper(c), out);
}

/* A word that no dictionary has: two or three syllables of the script, or characters of the common words at random. */
static void made_up(const struct sl_synth_request *r, sl_script script, struct sl_buf *out)
{
    static const char *const onset[3][12] = {
        {"b", "dr", "f", "gl", "k", "m", "n", "pr", "s", "t", "v", "z"},
        {"β", "γ", "δ", "ζ", "θ", "κ", "λ", "μ", "ν", "ξ", "π", "σ"},
        {"б", "в", "г", "д", "ж", "к", "л", "м", "п", "с", "т", "щ"},
    };
    static const char *const rhyme[3][8] = {
        {"a", "e", "i", "o", "u", "an", "er", "ul"},
        {"α", "ε", "ι", "ο", "ω", "ά", "ου", "ει"},
        {"а", "е", "и", "о", "у", "ы", "ом", "ей"},
    };
    const struct sl_vocab_list *list = sl_vocab_plain(script);
    int n = sl_synth_int(r, 2, 3);
    for (int i = 0; i < n; i++) {
        if (script == SL_SCRIPT_CHINESE) {
            const char *word = list->items[sl_synth_int(r, 0, list->n - 1)];
            sl_buf_add(out, word + 3 * (size_t)sl_synth_int(r, 0, (int)strlen(word) / 3 - 1), 3);
            continue;
        }
        sl_buf_addstr(out, onset[script][sl_synth_int(r, 0, 11)]);
        sl_buf_addstr(out, rhyme[script][sl_synth_int(r, 0, 7)]);
    }
}

/* Appends a word in small letters. */
static void small_word(const struct sl_synth_request *r, sl_script script, struct sl_buf *out)
{
    const struct sl_vocab_list *list = sl_vocab_plain(script);
    double kind = sl_synth_real(r, 0, 1);
    if (kind < 0.62)
        sl_buf_addstr(out, list->items[sl_synth_int(r, 0, list->n - 1)]);
    else if (kind < 0.92)
        made_up(r, script, out);
    else
        sl_buf_addf(out, "%d", sl_synth_int(r, 2, sl_synth_chance(r, 0.5) ? 99 : 9999));
}

void sl_vocab_word(const struct sl_synth_request *r, sl_script script, struct sl_buf *out)
{
    struct sl_buf word = SL_BUF_INIT(256);
    small_word(r, script, &word);
    double look = sl_synth_real(r, 0, 1);
    if (look < 0.25)
        add_upper(sl_buf_str(&word), out);
    else if (look < 0.6)
        add_capitalised(sl_buf_str(&word), out);
    else
        sl_buf_addstr(out, sl_buf_str(&word));
    sl_buf_release(&word);
}

/* Appends n words; all are capitalised, or the first one. Chinese ones stand together. */
static void words(const struct sl_synth_request *r, sl_script script, int n, bool all, struct sl_buf *out)
{
    for (int i = 0; i < n; i++) {
        struct sl_buf word = SL_BUF_INIT(256);
        small_word(r, script, &word);
        if (i > 0 && script != SL_SCRIPT_CHINESE) sl_buf_addch(out, ' ');
        if (i == 0 || all)
            add_capitalised(sl_buf_str(&word), out);
        else
            sl_buf_addstr(out, sl_buf_str(&word));
        sl_buf_release(&word);
    }
}

void sl_vocab_title(const struct sl_synth_request *r, sl_script script, int n, struct sl_buf *out)
{
    words(r, script, n, sl_synth_chance(r, 0.5), out);
}

void sl_vocab_sentence(const struct sl_synth_request *r, sl_script script, int n, struct sl_buf *out)
{
    bool chinese = script == SL_SCRIPT_CHINESE;
    int comma = n > 6 && sl_synth_chance(r, 0.5) ? sl_synth_int(r, 2, n - 3) : 0;
    words(r, script, comma ? comma : n, false, out);
    for (int i = comma; comma && i < n; i++) {
        if (i == comma) sl_buf_addstr(out, chinese ? "，" : ",");
        if (!chinese) sl_buf_addch(out, ' ');
        small_word(r, script, out);
    }
    double end = sl_synth_real(r, 0, 1);
    if (end < 0.86)
        sl_buf_addstr(out, chinese ? "。" : ".");
    else if (end < 0.93)
        sl_buf_addstr(out, chinese ? "！" : "!");
    else
        sl_buf_addstr(out, chinese ? "？" : script == SL_SCRIPT_GREEK ? ";" : "?");
}

void sl_vocab_paragraph(const struct sl_synth_request *r, sl_script script, int n, struct sl_buf *out)
{
    for (int i = 0; i < n; i++) {
        if (i > 0 && script != SL_SCRIPT_CHINESE) sl_buf_addch(out, ' ');
        sl_vocab_sentence(r, script, sl_synth_int(r, 4, 14), out);
    }
}

void sl_vocab_code(const struct sl_synth_request *r, struct sl_buf *out)
{
    static const char letters[] = "ABCDEFGHJKLMNPRSTUVWXYZ"; /* without I, O and Q, which look like digits */
    int n = sl_synth_int(r, 1, 3);
    for (int i = 0; i < n; i++) sl_buf_addch(out, letters[sl_synth_int(r, 0, (int)sizeof letters - 2)]);
    if (sl_synth_chance(r, 0.6)) sl_buf_addch(out, '-');
    n = sl_synth_int(r, 3, 6);
    for (int i = 0; i < n; i++) sl_buf_addch(out, (char)('0' + sl_synth_int(r, i == 0, 9)));
}

void sl_vocab_date(const struct sl_synth_request *r, struct sl_buf *out)
{
    int year = sl_synth_int(r, 1995, 2030), month = sl_synth_int(r, 1, 12), day = sl_synth_int(r, 1, 28);
    switch (sl_synth_int(r, 0, 3)) {
    case 0:
        sl_buf_addf(out, "%04d-%02d-%02d", year, month, day);
        break;
    case 1:
        sl_buf_addf(out, "%02d.%02d.%04d", day, month, year);
        break;
    case 2:
        sl_buf_addf(out, "%s %d, %d", sl_vocab_at(SL_VOCAB_MONTH, month - 1), day, year);
        break;
    default:
        sl_buf_addf(out, "%d %s %d", day, sl_vocab_at(SL_VOCAB_MONTH, month - 1), year);
        break;
    }
}

void sl_vocab_price(int cents, struct sl_buf *out)
{
    sl_buf_addf(out, "%s%d.%02d", cents < 0 ? "-" : "", abs(cents) / 100, abs(cents) % 100);
}

void sl_vocab_number(double value, int decimals, struct sl_buf *out)
{
    char text[64];
    double unit = pow(10, decimals);
    double rounded = round(value * unit) / unit;
    int n = snprintf(text, sizeof text, "%.*f", decimals, rounded == 0 ? 0.0 : rounded);
    if (decimals > 0) {
        while (n > 1 && text[n - 1] == '0') n--;
        if (text[n - 1] == '.') n--;
    }
    sl_buf_add(out, text, (size_t)n);
}

static const char *slot_value(const struct sl_vocab_slot *slots, const char *key, size_t n)
{
    for (; slots->key; slots++)
        if (strlen(slots->key) == n && memcmp(slots->key, key, n) == 0) return slots->value;
    SL_BUG("the template has no {%.*s}", (int)n, key);
}

void sl_vocab_fill(const char *template, const struct sl_vocab_slot *slots, struct sl_buf *out)
{
    for (const char *p = template; *p;) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (!end) {
            sl_buf_addch(out, *p++);
            continue;
        }
        const char *value = slot_value(slots, p + 1, (size_t)(end - p - 1));
        if (p == template)
            add_capitalised(value, out);
        else
            sl_buf_addstr(out, value);
        p = end + 1;
    }
}
