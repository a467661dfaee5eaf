/*
 * grammar_number.c: ranges of numbers as automata.
 *
 * A range of non-negative integers of the same number of digits is walked from the front: as long as the digits agree
 * with a bound, the rest is bounded; after that it is free. Negative numbers are the same behind a minus sign. A
 * number with a fraction lies between the integer before its point and the next.
 */
#include "infer/grammar_number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DIGITS = 18 };

static const int64_t LARGEST = 999999999999999999; /* MAX_DIGITS nines */

/* Reads a bound; whole numbers only where that matters. Returns a reason or NULL. */
static const char *read_bound(const json_t *v, bool upper, bool exclusive, struct sl_number_range *r)
{
    double x = json_number_value(v), whole = upper ? floor(x) : ceil(x);
    if (!json_is_number(v)) return "has a bound that is no number";
    if (fabs(x) > (double)LARGEST) return "has a bound of more than 18 digits";
    if (!r->integer && (whole != x || exclusive))
        return "has a bound that is exclusive or not whole, which is not supported";
    int64_t bound = json_is_integer(v) ? json_integer_value(v) : (int64_t)whole;
    if (exclusive && whole == x) bound += upper ? -1 : 1;
    if (upper && bound < r->high) r->high = bound;
    if (!upper && bound > r->low) r->low = bound;
    return NULL;
}

const char *sl_number_range_read(const json_t *schema, struct sl_number_range *r)
{
    static const struct {
        const char *key;
        bool upper, exclusive;
    } bounds[] = {{"minimum", false, false},
                  {"maximum", true, false},
                  {"exclusiveMinimum", false, true},
                  {"exclusiveMaximum", true, true}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        const json_t *v = json_object_get(schema, bounds[i].key);
        const char *why = v ? read_bound(v, bounds[i].upper, bounds[i].exclusive, r) : NULL;
        if (why) return why;
    }
    const json_t *multiple = json_object_get(schema, "multipleOf");
    if (multiple && !(json_is_number(multiple) && json_number_value(multiple) == 1))
        return "has a multipleOf other than 1, which is not supported";
    if (multiple) r->integer = true;
    return NULL;
}

static void write_digits(sl_nfa *a, int32_t from, int n, int32_t to)
{
    for (int i = 0; i < n; i++) {
        int32_t next = i + 1 < n ? sl_nfa_state(a) : to;
        sl_nfa_bytes(a, from, '0', '9', next);
        from = next;
    }
    if (n == 0) sl_nfa_empty(a, from, to);
}

/* Digits of n places between low and high, of which `tight` say whether the digits so far are those of the bound. */
static void write_same_length(sl_nfa *a, int32_t from, const char *low, const char *high, int n, int32_t to)
{
    if (n == 0) {
        sl_nfa_empty(a, from, to);
        return;
    }
    bool low_zero = true, high_nine = true;
    for (int i = 0; i < n; i++) low_zero &= low[i] == '0', high_nine &= high[i] == '9';
    if (low_zero && high_nine) {
        write_digits(a, from, n, to);
        return;
    }
    char all_low[MAX_DIGITS + 1], all_high[MAX_DIGITS + 1];
    memset(all_low, '0', sizeof all_low);
    memset(all_high, '9', sizeof all_high);
    for (char d = low[0]; d <= high[0]; d++) {
        int32_t next = sl_nfa_state(a);
        sl_nfa_bytes(a, from, (uint8_t)d, (uint8_t)d, next);
        write_same_length(a, next, d == low[0] ? low + 1 : all_low, d == high[0] ? high + 1 : all_high, n - 1, to);
    }
}

/* Whole numbers low..high, 0 <= low, without leading zeros; high past LARGEST: without bound. */
static void write_whole(sl_nfa *a, int32_t from, int64_t low, int64_t high, int32_t to)
{
    int64_t start = 0;
    for (int n = 1; n <= MAX_DIGITS && start <= high; n++) {
        int64_t end = n == 1 ? 9 : 10 * start - 1; /* start is the first number of n digits, end the last */
        int64_t l = low > start ? low : start, h = high < end ? high : end;
        char low_text[24], high_text[24];
        start = end + 1;
        if (l > h) continue;
        snprintf(low_text, sizeof low_text, "%lld", (long long)l);
        snprintf(high_text, sizeof high_text, "%lld", (long long)h);
        write_same_length(a, from, low_text, high_text, n, to);
    }
    if (high <= LARGEST) return;
    int32_t first = sl_nfa_state(a), more = sl_nfa_state(a);
    sl_nfa_bytes(a, from, '1', '9', first);
    write_digits(a, first, MAX_DIGITS, more);
    sl_nfa_bytes(a, more, '0', '9', more);
    sl_nfa_empty(a, more, to);
}

/* A point and digits: any, or only zeros. */
static void write_fraction(sl_nfa *a, int32_t from, char highest, int32_t to)
{
    int32_t point = sl_nfa_state(a), digits = sl_nfa_state(a);
    sl_nfa_bytes(a, from, '.', '.', point);
    sl_nfa_bytes(a, point, '0', (uint8_t)highest, digits);
    sl_nfa_bytes(a, digits, '0', (uint8_t)highest, digits);
    sl_nfa_empty(a, digits, to);
}

static void write_positive(sl_nfa *a, int32_t from, int64_t low, int64_t high, bool integer, int32_t to)
{
    write_whole(a, from, low, high, to);
    if (integer) return;
    if (low < high) {
        int32_t whole = sl_nfa_state(a);
        write_whole(a, from, low, high > LARGEST ? high : high - 1, whole);
        write_fraction(a, whole, '9', to);
    }
    if (high <= LARGEST) {
        int32_t last = sl_nfa_state(a);
        write_whole(a, from, high, high, last);
        write_fraction(a, last, '0', to);
    }
}

static void write_exponent(sl_nfa *a, int32_t from, int32_t to)
{
    int32_t sign = sl_nfa_state(a), digits[4];
    sl_nfa_empty(a, from, to);
    sl_nfa_bytes(a, from, 'e', 'e', sign);
    sl_nfa_bytes(a, from, 'E', 'E', sign);
    for (int i = 0; i < 4; i++) digits[i] = sl_nfa_state(a);
    sl_nfa_bytes(a, sign, '+', '+', digits[0]);
    sl_nfa_bytes(a, sign, '-', '-', digits[0]);
    sl_nfa_empty(a, sign, digits[0]);
    for (int i = 0; i < 3; i++) {
        sl_nfa_bytes(a, digits[i], '0', '9', digits[i + 1]);
        sl_nfa_empty(a, digits[i + 1], to);
    }
}

void sl_number_write(sl_nfa *a, const struct sl_number_range *r, int32_t from, int32_t to)
{
    bool bounded = r->low != INT64_MIN || r->high != INT64_MAX;
    int32_t end = bounded || r->integer ? to : sl_nfa_state(a);
    if (r->high >= 0) write_positive(a, from, r->low > 0 ? r->low : 0, r->high, r->integer, end);
    if (r->low < 0) {
        int32_t minus = sl_nfa_state(a);
        int64_t low = r->high < 0 ? -r->high : 0, high = r->low == INT64_MIN ? INT64_MAX : -r->low;
        sl_nfa_bytes(a, from, '-', '-', minus);
        write_positive(a, minus, low, high, r->integer, end);
    }
    if (end != to) write_exponent(a, end, to);
}
