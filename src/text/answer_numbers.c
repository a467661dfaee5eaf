/*
 * answer_numbers.c: decimal numbers of answers, read and printed exactly, and pixels to coordinates and back.
 *
 * Fifteen significant digits are what a double holds for certain, so a number that was read prints as the same
 * number, in any program.
 */
#include "text/answer_parts.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_DIGITS = 15,   /* significant ones; their integer is exact in a double */
    MAX_DECIMALS = 22, /* 10^22 is the last power of ten that is exact in a double */
};

/* Digits on the way to a number: mantissa / 10^decimals. */
struct digits {
    int64_t mantissa;
    int n_significant, decimals;
    bool any, too_long;
};

static void add_digit(struct digits *d, int digit, bool fraction)
{
    d->any = true;
    if (d->n_significant == 0 && digit == 0) {
        d->decimals += fraction && d->decimals < MAX_DECIMALS;
        return;
    }
    if (d->n_significant >= MAX_DIGITS || d->decimals >= MAX_DECIMALS) {
        d->too_long |= !fraction;
        return;
    }
    d->mantissa = d->mantissa * 10 + digit;
    d->n_significant++;
    d->decimals += fraction;
}

bool sl_answer_number(const char *s, size_t n, double *out)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct digits d = {0};
    bool negative = n > 0 && s[0] == '-', fraction = false;
    for (size_t i = n > 0 && (s[0] == '-' || s[0] == '+'); i < n; i++) {
        if (sl_is_digit(s[i]))
            add_digit(&d, s[i] - '0', fraction);
        else if (s[i] == '.' && !fraction)
            fraction = true;
        else
            return false;
    }
    if (!d.any || d.too_long) return false;
    /* One correctly rounded operation on two exact numbers. */
    double x = (double)d.mantissa / power[d.decimals];
    *out = negative && d.mantissa ? -x : x;
    return true;
}

double sl_answer_snap(double x)
{
    char text[40];
    snprintf(text, sizeof text, "%.*g", MAX_DIGITS, x);
    return strtod(text, NULL);
}

void sl_answer_print_number(double x, int min_decimals, struct sl_buf *out)
{
    char text[64];
    double back;
    x = sl_answer_snap(x) + 0.0; /* -0 becomes 0 */
    for (int decimals = min_decimals; decimals <= MAX_DECIMALS; decimals++) {
        int n = snprintf(text, sizeof text, "%.*f", decimals, x);
        if (sl_answer_number(text, (size_t)n, &back) && back == x) break;
    }
    sl_buf_addstr(out, text);
}

static bool is_separator(char c)
{
    return sl_is_space(c) || c == ',' || c == ';' || c == '[' || c == ']' || c == '(' || c == ')';
}

static bool keep_number(struct sl_answer_parser *p, double x)
{
    /* Every number has at least one byte of text, so the text bounds them. */
    if (!sl_grow_array((void **)&p->numbers, &p->cap_numbers, p->n_numbers + 1, sizeof *p->numbers,
                       2 * (size_t)SL_ANSWER_MAX_ITEMS))
        return false;
    p->numbers[p->n_numbers++] = x;
    return true;
}

struct sl_number_list sl_answer_numbers(struct sl_answer_parser *p, const char *s, size_t begin, size_t end)
{
    struct sl_number_list list = {.all_numbers = true, .in_range = true};
    p->n_numbers = 0;
    for (size_t at = begin; at < end && list.all_numbers;) {
        if (is_separator(s[at])) {
            at++;
            continue;
        }
        size_t token = at;
        double x = 0;
        while (at < end && !is_separator(s[at])) at++;
        list.all_numbers = sl_answer_number(s + token, at - token, &x);
        if (!list.all_numbers || (list.in_range && !(x >= 0 && x <= 999))) {
            list.culprit = (struct sl_byte_range){token, at};
            list.in_range = false;
        }
        if (list.all_numbers && !keep_number(p, x)) {
            p->status = SL_ERR_MEMORY;
            break;
        }
    }
    return list;
}

int sl_coordinate_from_pixel(double x, int size)
{
    if (!(size > 0 && x >= 0 && x <= size)) return -1;
    int v = (int)floor(1000 * x / size);
    return v < 999 ? v : 999;
}

double sl_coordinate_to_pixel(double v, int size)
{
    return v / 1000 * size;
}

double sl_coordinate_to_pixel_center(double v, int size)
{
    return (v + 0.5) / 1000 * size;
}
