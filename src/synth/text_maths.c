/*
 * text_maths.c: calculations with their steps, word problems, counting, and questions about words and letters.
 */
#include "synth/text_parts.h"
#include "synth/words.h"

#include <stdio.h>
#include <string.h>

static int digit_sum(int n)
{
    int s = 0;
    for (; n; n /= 10) s += n % 10;
    return s;
}

/* Draws two operands that the request's split may use. */
static void operands(const struct sl_synth_request *r, int low, int high, int *a, int *b)
{
    bool held_out;
    do {
        *a = sl_synth_int(r, low, high);
        *b = sl_synth_int(r, low, high);
        held_out = (digit_sum(*a) + digit_sum(*b)) % 5 == 0;
    } while (held_out != (r->split == SL_SYNTH_HELD_OUT));
}

/* What one writes when adding by columns; "" for small numbers. */
static void column_steps(int a, int b, char *out, size_t size)
{
    struct sl_buf s = SL_BUF_INIT(1024);
    int carry = 0;
    static const char *const places[] = {"Ones", "Tens", "Hundreds", "Thousands"};
    for (int i = 0, x = a, y = b; (x || y) && i < 4; i++, x /= 10, y /= 10) {
        int sum = x % 10 + y % 10 + carry;
        sl_buf_addf(&s, "%s%s: %d + %d%s = %d, write %d%s.", i ? " " : "", places[i], x % 10, y % 10,
                    carry ? " + 1" : "", sum, sum % 10, sum >= 10 ? " and carry 1" : "");
        carry = sum / 10;
    }
    if (carry) sl_buf_addstr(&s, " The carried 1 comes first.");
    sl_buf_addf(&s, " So %d + %d = %d.", a, b, a + b);
    snprintf(out, size, "%s", a + b > 20 ? sl_buf_str(&s) : "");
    sl_buf_release(&s);
}

static void ask(const struct sl_synth_request *r, struct sl_text_item *out, int a, const char *op, const char *word,
                int b, int result)
{
    int form = sl_synth_choose(r, 4);
    const char *between = form == 0 && sl_synth_chance(r, 0.5) ? word : op;
    switch (form) {
    case 0:
        snprintf(out->question, sizeof out->question, "What is %d %s %d?", a, between, b);
        break;
    case 1:
        snprintf(out->question, sizeof out->question, "Calculate %d %s %d.", a, between, b);
        break;
    case 2:
        snprintf(out->question, sizeof out->question, "%d %s %d = ?", a, between, b);
        break;
    default:
        snprintf(out->question, sizeof out->question, "How much is %d %s %d?", a, between, b);
        break;
    }
    snprintf(out->answer, sizeof out->answer, "%d", result);
    if (sl_synth_chance(r, 0.6))
        snprintf(out->sentence, sizeof out->sentence, "%d %s %d = %d.", a, op, b, result);
    else
        snprintf(out->sentence, sizeof out->sentence, "%d %s %d is %d.", a, word, b, result);
}

static void sum_or_difference(const struct sl_synth_request *r, int high, struct sl_text_item *out)
{
    int a, b;
    operands(r, high > 100 ? 10 : 0, high, &a, &b);
    if (sl_synth_chance(r, 0.5)) {
        ask(r, out, a, "+", "plus", b, a + b);
        column_steps(a, b, out->steps, sizeof out->steps);
        return;
    }
    int big = a > b ? a : b, small = a > b ? b : a, rest = big - small;
    ask(r, out, big, "-", "minus", small, rest);
    int tens = small / 10 * 10;
    if (tens && small % 10)
        snprintf(out->steps, sizeof out->steps, "%d - %d = %d. Then %d - %d = %d.", big, tens, big - tens, big - tens,
                 small - tens, rest);
}

static void product(const struct sl_synth_request *r, int high, struct sl_text_item *out)
{
    int a, b;
    operands(r, 2, high, &a, &b);
    ask(r, out, a, "x", "times", b, a * b);
    if (b > 10 && b % 10)
        snprintf(out->steps, sizeof out->steps, "%d x %d = %d and %d x %d = %d. %d + %d = %d.", a, b / 10 * 10,
                 a * (b / 10 * 10), a, b % 10, a * (b % 10), a * (b / 10 * 10), a * (b % 10), a * b);
}

static void quotient(const struct sl_synth_request *r, struct sl_text_item *out)
{
    int a, b;
    operands(r, 2, 12, &a, &b);
    ask(r, out, a * b, "/", "divided by", b, a);
    snprintf(out->steps, sizeof out->steps, "%d x %d = %d, so %d / %d = %d.", b, a, a * b, a * b, b, a);
}

static void comparison(const struct sl_synth_request *r, int high, struct sl_text_item *out)
{
    int a, b;
    do operands(r, 0, high, &a, &b);
    while (a == b);
    bool larger = sl_synth_chance(r, 0.5);
    int answer = (a > b) == larger ? a : b;
    snprintf(out->question, sizeof out->question, "Which number is %s, %d or %d?", larger ? "larger" : "smaller", a, b);
    snprintf(out->answer, sizeof out->answer, "%d", answer);
    snprintf(out->sentence, sizeof out->sentence, "Of %d and %d, the %s is %d.", a, b, larger ? "larger" : "smaller",
             answer);
}

static const char *count_of(const struct sl_noun *n, int k)
{
    return k == 1 ? n->one : n->many;
}

/* Somebody has things, gets or loses some, perhaps twice. */
static void word_problem(const struct sl_synth_request *r, bool two_steps, struct sl_text_item *out)
{
    const struct sl_name *who = sl_word_name(r), *other = sl_word_name(r);
    const struct sl_noun *what = sl_word_noun(r, SL_NOUN_FOOD | SL_NOUN_THING);
    int a, b, total, second = sl_synth_int(r, 2, 9);
    operands(r, 3, two_steps ? 40 : 12, &a, &b);
    bool gain = a <= b || sl_synth_chance(r, 0.5);
    total = gain ? a + b : a - b;
    struct sl_buf q = SL_BUF_INIT(512), s = SL_BUF_INIT(1024);
    sl_buf_addf(&q, "%s has %d %s. ", who->name, a, count_of(what, a));
    if (gain && strcmp(who->name, other->name) != 0)
        sl_buf_addf(&q, "%s gives %s %d more. ", other->name, who->him, b);
    else
        sl_buf_addf(&q, gain ? "Then %s finds %d more. " : "Then %s loses %d of them. ", who->he, b);
    sl_buf_addf(&s, "%s starts with %d. %d %s %d = %d.", who->name, a, a, gain ? "+" : "-", b, total);
    if (two_steps) {
        sl_buf_addf(&q, "After that %s buys %d bags with %d %s each. ", who->he, second, 2, what->many);
        sl_buf_addf(&s, " The bags hold %d x 2 = %d. %d + %d = %d.", second, 2 * second, total, 2 * second,
                    total + 2 * second);
        total += 2 * second;
    }
    sl_buf_addf(&q, "How many %s does %s have now?", what->many, who->name);
    snprintf(out->question, sizeof out->question, "%s", sl_buf_str(&q));
    snprintf(out->answer, sizeof out->answer, "%d", total);
    snprintf(out->sentence, sizeof out->sentence, "%s has %d %s now.", who->name, total, count_of(what, total));
    snprintf(out->steps, sizeof out->steps, "%s", sl_buf_str(&s));
    sl_buf_release(&q);
    sl_buf_release(&s);
}

void sl_text_sum(const struct sl_synth_request *r, int level, struct sl_text_item *out)
{
    static const int highs[] = {10, 50, 500, 999};
    int high = highs[level < 0 ? 0 : level > 3 ? 3 : level], kind = sl_synth_int(r, 0, 9);
    out->steps[0] = 0;
    if (kind < 4 || (level == 0 && kind < 7))
        sum_or_difference(r, high, out);
    else if (kind < 5)
        comparison(r, high, out);
    else if (kind < 7)
        product(r, level < 2 ? 10 : 25, out);
    else if (kind < 8)
        quotient(r, out);
    else
        word_problem(r, level == 3, out);
}

/* --- words ---------------------------------------------------------------------------------------------------- */

static void letters(const struct sl_synth_request *r, const char *word, struct sl_text_item *out)
{
    int n = (int)strlen(word);
    if (sl_synth_chance(r, 0.5)) {
        snprintf(out->question, sizeof out->question, "How many letters does the word \"%s\" have?", word);
        snprintf(out->answer, sizeof out->answer, "%d", n);
        snprintf(out->sentence, sizeof out->sentence, "The word \"%s\" has %d letters.", word, n);
    } else {
        bool last = sl_synth_chance(r, 0.5);
        char c = word[last ? n - 1 : 0];
        snprintf(out->question, sizeof out->question, "What is the %s letter of \"%s\"?", last ? "last" : "first",
                 word);
        snprintf(out->answer, sizeof out->answer, "%c", c);
        snprintf(out->sentence, sizeof out->sentence, "The %s letter of \"%s\" is %c.", last ? "last" : "first", word,
                 c);
    }
    struct sl_buf s = SL_BUF_INIT(256);
    sl_buf_addstr(&s, "I spell it: ");
    for (int i = 0; i < n; i++) sl_buf_addf(&s, "%s%c", i ? "-" : "", word[i]);
    snprintf(out->steps, sizeof out->steps, "%s.", sl_buf_str(&s));
    sl_buf_release(&s);
}

static void form_of(const char *what, const char *word, const char *answer, struct sl_text_item *out)
{
    snprintf(out->question, sizeof out->question, "What is the %s of \"%s\"?", what, word);
    snprintf(out->answer, sizeof out->answer, "%s", answer);
    snprintf(out->sentence, sizeof out->sentence, "The %s of \"%s\" is \"%s\".", what, word, answer);
}

void sl_text_word(const struct sl_synth_request *r, struct sl_text_item *out)
{
    out->steps[0] = 0;
    const struct sl_noun *n;
    do n = sl_word_noun(r, SL_NOUN_ANY);
    while (strchr(n->one, ' '));
    const struct sl_verb *v = sl_word_verb(r, sl_synth_chance(r, 0.3) ? 0 : SL_NOUN_ANY);
    const struct sl_adjective *a = sl_word_adjective(r, SL_NOUN_ANY);
    switch (sl_synth_int(r, 0, 5)) {
    case 0:
        form_of("plural", n->one, n->many, out);
        return;
    case 1:
        form_of("past tense", v->base, v->past, out);
        return;
    case 2:
        form_of("comparative", a->word, a->comparative, out);
        return;
    case 3:
        form_of("superlative", a->word, a->superlative, out);
        return;
    default:
        letters(r, sl_synth_chance(r, 0.5) ? n->one : v->base, out);
        return;
    }
}

/* --- counting --------------------------------------------------------------------------------------------------- */

void sl_text_counting(const struct sl_synth_request *r, int level, struct sl_buf *b)
{
    static const int steps[] = {1, 1, 2, 5, 10, 3};
    int step = steps[sl_synth_int(r, 0, level == 0 ? 1 : 5)], n = sl_synth_int(r, 5, 15);
    int from = sl_synth_int(r, 0, level < 2 ? 20 : 200);
    bool down = sl_synth_chance(r, 0.3), words = sl_synth_chance(r, 0.4);
    if (down) from += step * n;
    sl_buf_addf(b, "Counting %s", down ? "down" : "up");
    if (step > 1) sl_buf_addf(b, " in steps of %d", step);
    sl_buf_addf(b, " from %d: ", from);
    for (int i = 0; i < n; i++) {
        int v = down ? from - i * step : from + i * step;
        if (i) sl_buf_addstr(b, ", ");
        if (words)
            sl_word_number(b, v);
        else
            sl_buf_addf(b, "%d", v);
    }
    sl_buf_addstr(b, ".\n");
    for (int i = 0; i < 3; i++) {
        int v = sl_synth_int(r, 0, level < 2 ? 100 : 99999);
        sl_buf_addf(b, "%d is written ", v);
        sl_word_number(b, v);
        sl_buf_addstr(b, ". ");
    }
    int k = sl_synth_int(r, 1, 40);
    sl_buf_addf(b, "After number %d comes number %d, the ", k, k + 1);
    sl_word_ordinal(b, k + 1);
    sl_buf_addstr(b, " in the row.\n");
}
