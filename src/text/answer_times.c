/*
 * answer_times.c: times and spans in the text of an answer: "[1.5 second]", "3 - 10 seconds", "01:05".
 *
 * A number is a time only with a unit behind it, and two numbers are a span only with a dash or a word like "to"
 * between them; a unit behind the second serves both.
 */
#include "text/answer_parts.h"

#include <math.h>
#include <strings.h>

/* Minutes in Chinese, and points in a game. */
static const char fen[] = "\xE5\x88\x86";

/* Units, longest spelling first; the seconds they stand for. */
static const struct {
    const char *word;
    double seconds;
} units[] = {
    /* clang-format off */
    {"seconds", 1}, {"second", 1}, {"secs", 1}, {"sec", 1}, {"s", 1},
    {"\xE7\xA7\x92\xE9\x92\x9F", 1}, {"\xE7\xA7\x92", 1},
    {"minutes", 60}, {"minute", 60}, {"mins", 60}, {"min", 60},
    {"\xE5\x88\x86\xE9\x92\x9F", 60}, {fen, 60},
    {"hours", 3600}, {"hour", 3600}, {"hrs", 3600}, {"hr", 3600}, {"h", 3600},
    {"\xE5\xB0\x8F\xE6\x97\xB6", 3600},
    /* clang-format on */
};

/* What may stand between the ends of a span: dashes, tildes, "to" in Chinese; "to" and "and" are words. */
static const char *const dashes[] = {"-", "\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x88\x92",
                                     "~", "\xEF\xBD\x9E", "\xE5\x88\xB0", "\xE8\x87\xB3"};

/* One end of a span: "3", "3.5 seconds", "1 min 30 s", "01:05". */
struct moment {
    double value;
    double unit;    /* seconds that its first number counted; 0 without a unit */
    bool clock;     /* written with colons */
    bool has_comma; /* 1,200: thousands or tenths, who knows */
    size_t end;     /* 0: no moment at all */
};

static size_t skip_blanks(const struct sl_answer_parser *p, size_t at)
{
    while (at < p->end && sl_is_blank(p->s[at])) at++;
    return at;
}

static size_t skip_digits(const struct sl_answer_parser *p, size_t at)
{
    while (at < p->end && sl_is_digit(p->s[at])) at++;
    return at;
}

static bool digit_at(const struct sl_answer_parser *p, size_t at)
{
    return at < p->end && sl_is_digit(p->s[at]);
}

/* Returns the end of the digits, points, commas and colons at `at` that belong to one number. */
static size_t number_end(const struct sl_answer_parser *p, size_t at)
{
    while (digit_at(p, at) || (at < p->end && strchr(".,:", p->s[at]) && p->s[at] && digit_at(p, at + 1))) at++;
    return at;
}

/* Returns the seconds of the unit at `at` and where it ends, or 0, leaving *end alone. */
static double unit_at(const struct sl_answer_parser *p, size_t at, size_t *end)
{
    /* Most numbers have no unit: do not try all of them. */
    if (at == p->end || !memchr("sSmMhH\xE5\xE7", p->s[at], 8)) return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = strlen(units[i].word);
        if (p->end - at < n || strncasecmp(p->s + at, units[i].word, n) != 0) continue;
        size_t after = at + n;
        bool word_goes_on = (unsigned char)units[i].word[0] < 0x80 && after < p->end && sl_is_word(p->s[after]);
        /* "1min30s": a larger unit may touch the next number. "100<fen>" alone is a score, not minutes. */
        bool touches = units[i].seconds > 1 && digit_at(p, after);
        if ((word_goes_on || strcmp(units[i].word, fen) == 0) && !touches) continue;
        *end = after;
        return units[i].seconds;
    }
    return 0;
}

/* "1990s" is a decade. */
static bool is_decade(const struct sl_answer_parser *p, size_t begin, size_t end)
{
    return skip_digits(p, begin) == end && end - begin == 4 && p->s[end - 1] == '0' && end < p->end &&
           (p->s[end] == 's' || p->s[end] == 'S');
}

/* Reads numbers with ever smaller units from `at`: 1 h 2 min 3.5 s. */
static struct moment read_quantity(const struct sl_answer_parser *p, size_t at)
{
    struct moment m = {0};
    double smallest = 0, x;
    for (;;) {
        size_t end = number_end(p, at), unit_end = end;
        if (!digit_at(p, at)) break;
        bool comma = memchr(p->s + at, ',', end - at) != NULL;
        if (!comma && !sl_answer_number(p->s + at, end - at, &x)) break;
        double unit = is_decade(p, at, end) ? 0 : unit_at(p, skip_blanks(p, end), &unit_end);
        if (smallest > 0 && !(unit > 0 && unit < smallest)) break;
        m.has_comma |= comma;
        m.end = unit_end;
        m.value = comma ? 0 : m.value + x * (unit > 0 ? unit : 1);
        if (smallest == 0) m.unit = unit;
        if (unit <= 1) break;
        smallest = unit;
        at = skip_blanks(p, m.end);
    }
    return m;
}

/* Reads n digits' worth of an integer. */
static int64_t integer(const char *s, size_t n)
{
    int64_t x = 0;
    for (size_t i = 0; i < n; i++) x = x * 10 + (s[i] - '0');
    return x;
}

/* True when "am", "pm", "a.m." or "p.m." stands there: a time of day. */
static bool is_time_of_day(const struct sl_answer_parser *p, size_t at)
{
    static const char *const words[] = {"am", "pm", "a.m", "p.m"};
    at = skip_blanks(p, at);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (p->end - at >= strlen(words[i]) && strncasecmp(p->s + at, words[i], strlen(words[i])) == 0) return true;
    return false;
}

/* Reads m:ss, mm:ss or h:mm:ss with a fraction of up to six digits, [at, end) being the whole number. */
static struct moment read_clock(const struct sl_answer_parser *p, size_t at, size_t end)
{
    struct moment none = {0}, m = {.clock = true, .unit = 1, .end = end};
    int64_t part[3];
    int n = 0;
    for (;;) {
        size_t next = skip_digits(p, at);
        size_t n_digits = next - at;
        if (n == 3 || n_digits > (n ? 2 : 3) || (n && n_digits != 2)) return none;
        part[n++] = integer(p->s + at, n_digits);
        at = next;
        if (at >= end || p->s[at] != ':') break;
        at++;
    }
    int64_t micros = 0;
    if (at < end && p->s[at] == '.') {
        size_t first = ++at;
        at = skip_digits(p, at);
        for (size_t i = 0; i < 6; i++) micros = micros * 10 + (first + i < at ? p->s[first + i] - '0' : 0);
    }
    if (at != end || n < 2 || part[n - 1] > 59 || (n == 3 && part[1] > 59) || is_time_of_day(p, end)) return none;
    if (end < p->end && sl_is_word(p->s[end])) return none;
    int64_t seconds = n == 3 ? part[0] * 3600 + part[1] * 60 + part[2] : part[0] * 60 + part[1];
    m.value = (double)(seconds * 1000000 + micros) / 1e6;
    return m;
}

static struct moment read_moment(const struct sl_answer_parser *p, size_t at)
{
    size_t end = number_end(p, at);
    if (end > at && memchr(p->s + at, ':', end - at)) return read_clock(p, at, end);
    return read_quantity(p, at);
}

/* Returns where the second end of a span begins, whose first end stands in [begin, at), or 0. */
static size_t second_end(const struct sl_answer_parser *p, size_t begin, size_t at)
{
    at = skip_blanks(p, at);
    for (size_t i = 0; i < sizeof dashes / sizeof *dashes; i++)
        if (sl_stands_at(p->s, at, p->end, dashes[i])) return skip_blanks(p, at + strlen(dashes[i]));
    bool between = begin - p->begin >= 8 && strncasecmp(p->s + begin - 8, "between ", 8) == 0;
    const char *word = between ? "and " : "to ";
    return sl_stands_at(p->s, at, p->end, word) ? skip_blanks(p, at + strlen(word)) : 0;
}

/* A time or span in the making. */
struct found {
    struct moment first, last;
    bool is_span;
};

/* Reads what begins at the digit at `at`; f.last.end is 0 when it is no time. */
static struct found read_found(const struct sl_answer_parser *p, size_t at)
{
    struct found f = {.first = read_moment(p, at)};
    if (!f.first.end) return f;
    size_t next = second_end(p, at, f.first.end);
    if (next && digit_at(p, next)) f.last = read_moment(p, next);
    f.is_span = f.last.end && f.last.unit > 0 && f.first.clock == f.last.clock;
    if (f.is_span && f.first.unit == 0) f.first.value *= f.last.unit;
    if (!f.is_span) f.last = f.first;
    if (f.last.unit == 0) f.last.end = 0;
    return f;
}

static void add_time(struct sl_answer_parser *p, const struct found *f, struct sl_byte_range range, bool mark)
{
    struct sl_answer *a = p->out;
    struct sl_answer_time t = {.start = sl_answer_snap(f->first.value),
                               .end = sl_answer_snap(f->last.value),
                               .is_span = f->is_span,
                               .form = mark            ? SL_TIME_MARK
                                       : f->last.clock ? SL_TIME_CLOCK
                                                       : SL_TIME_SECONDS,
                               .range = range};
    if (f->first.has_comma || f->last.has_comma) {
        sl_answer_report(p, SL_PROBLEM_TIME_COMMA, range.begin, range.end);
    } else if (t.end < t.start) {
        sl_answer_report(p, SL_PROBLEM_TIME_ORDER, range.begin, range.end);
    } else if (t.end > SL_ANSWER_MAX_NUMBER) {
        sl_answer_report(p, SL_PROBLEM_NUMBER, range.begin, range.end);
    } else {
        struct sl_answer_time *slot = sl_answer_push(p, &a->times, &a->n_times, &a->cap_times, sizeof *slot);
        if (slot) *slot = t;
    }
}

/* True when [begin, end) is the inside of a mark that lacks its number: it ends in the word second. */
static bool is_broken_mark(const struct sl_answer_parser *p, size_t begin, size_t end)
{
    while (end > begin && sl_is_blank(p->s[end - 1])) end--;
    if (end - begin >= 7 && strncasecmp(p->s + end - 7, "seconds", 7) == 0) end--;
    return end - begin >= 6 && strncasecmp(p->s + end - 6, "second", 6) == 0;
}

static size_t read_mark(struct sl_answer_parser *p, size_t at)
{
    enum { LONGEST = 64 };
    size_t inside = skip_blanks(p, at + 1);
    struct found f = read_found(p, inside);
    size_t close = f.last.end ? skip_blanks(p, f.last.end) : p->end;
    if (!f.last.clock && close < p->end && p->s[close] == ']') {
        add_time(p, &f, (struct sl_byte_range){at, close + 1}, true);
        return close + 1;
    }
    size_t room = p->end - at < LONGEST ? p->end - at : LONGEST;
    const char *bracket = memchr(p->s + at, ']', room);
    if (!bracket || !is_broken_mark(p, at + 1, (size_t)(bracket - p->s))) return at + 1;
    close = (size_t)(bracket - p->s);
    sl_answer_report(p, SL_PROBLEM_TIME_MARK, at, close + 1);
    return close + 1;
}

/* True when the digit at `at` follows a minus that belongs to it. */
static bool is_negative(const struct sl_answer_parser *p, size_t at)
{
    if (at == p->begin || p->s[at - 1] != '-') return false;
    return at - 1 == p->begin || !(sl_is_word(p->s[at - 2]) || (unsigned char)p->s[at - 2] >= 0x80);
}

size_t sl_answer_read_time(struct sl_answer_parser *p, size_t at)
{
    if (p->s[at] == '[') return read_mark(p, at);
    /* Digits at the end of a word, an identifier or a version. */
    if (at > p->begin && (sl_is_word(p->s[at - 1]) || p->s[at - 1] == '.')) return number_end(p, at);
    struct found f = read_found(p, at);
    if (!f.last.end) return number_end(p, at);
    if (is_negative(p, at))
        sl_answer_report(p, SL_PROBLEM_TIME_NEGATIVE, at - 1, f.last.end);
    else
        add_time(p, &f, (struct sl_byte_range){at, f.last.end}, false);
    return f.last.end;
}
