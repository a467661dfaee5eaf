/*
 * added.c: leftmost-longest search for added tokens.
 *
 * The tokens that agree with the text so far are a range of the sorted list, which each further byte narrows by two
 * binary searches: as fast as a trie for the few dozens or thousands of tokens that models have, and nothing to build.
 */
#include "text/added.h"

#include "base/mem.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

bool sl_added_set_add(struct sl_added_set *set, const struct sl_added_token *token)
{
    if (!sl_grow_array((void **)&set->tokens, &set->cap, set->n + 1, sizeof *set->tokens, 1 << 22)) return false;
    struct sl_added_token copy = *token;
    copy.text = malloc(token->n + 1);
    if (!copy.text) return false;
    memcpy(copy.text, token->text, token->n);
    copy.text[token->n] = '\0';
    set->tokens[set->n++] = copy;
    set->first[(unsigned char)token->text[0]] = true;
    return true;
}

static int compare_texts(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int order = memcmp(a, b, n_a < n_b ? n_a : n_b);
    return order ? order : (n_a > n_b) - (n_a < n_b);
}

static int compare_tokens(const void *a, const void *b)
{
    const struct sl_added_token *x = a, *y = b;
    return compare_texts(x->text, x->n, y->text, y->n);
}

const struct sl_added_token *sl_added_set_sort(struct sl_added_set *set)
{
    if (set->n) qsort(set->tokens, set->n, sizeof *set->tokens, compare_tokens);
    for (size_t i = 1; i < set->n; i++)
        if (compare_tokens(&set->tokens[i - 1], &set->tokens[i]) == 0) return &set->tokens[i];
    return NULL;
}

const struct sl_added_token *sl_added_set_find(const struct sl_added_set *set, const char *text, size_t n)
{
    size_t lo = 0, hi = set->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = compare_texts(set->tokens[mid].text, set->tokens[mid].n, text, n);
        if (order == 0) return &set->tokens[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* Returns the first token in [lo, hi) whose byte `at` is not below c; all share the bytes before, some end there. */
static size_t lower_bound(const struct sl_added_set *set, size_t lo, size_t hi, size_t at, int c)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct sl_added_token *t = &set->tokens[mid];
        int here = at < t->n ? (unsigned char)t->text[at] : -1;
        if (here < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Word characters of \w: letters, marks, decimal and letter numbers, connectors, joiners (UTS 18, annex C). */
static bool is_word(uint32_t cp)
{
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return cp == 0x200C || cp == 0x200D;
    }
}

/* Decodes the character that ends at text[end), not reading before text[from]; returns its length or 0. */
static size_t decode_before(const char *text, size_t from, size_t end, uint32_t *cp)
{
    size_t begin = end;
    while (begin > from && end - begin < 4) {
        begin--;
        if (((unsigned char)text[begin] & 0xC0) != 0x80) break;
    }
    size_t len = sl_utf8_decode(text + begin, end - begin, cp);
    return len && begin + len == end ? len : 0;
}

static bool stands_alone(const char *text, size_t n, size_t begin, size_t end)
{
    uint32_t cp;
    if (decode_before(text, 0, begin, &cp) && is_word(cp)) return false;
    return !(sl_utf8_decode(text + end, n - end, &cp) && is_word(cp));
}

static const struct sl_added_token *longest_at(const struct sl_added_set *set, struct sl_added_filter filter,
                                               const char *text, size_t n, size_t begin)
{
    const struct sl_added_token *best = NULL;
    size_t lo = 0, hi = set->n;
    for (size_t at = 0; begin + at < n && lo < hi; at++) {
        int c = (unsigned char)text[begin + at];
        lo = lower_bound(set, lo, hi, at, c);
        hi = lower_bound(set, lo, hi, at, c + 1);
        const struct sl_added_token *t = lo < hi ? &set->tokens[lo] : NULL;
        if (!t || t->n != at + 1 || t->normalized != filter.normalized) continue;
        if (t->special ? filter.special : filter.plain) best = t;
    }
    return best;
}

bool sl_added_set_search(const struct sl_added_set *set, struct sl_added_filter filter, const char *text, size_t n,
                         size_t from, struct sl_added_match *out)
{
    if (set->n == 0) return false;
    for (size_t i = from; i < n; i++) {
        if (!set->first[(unsigned char)text[i]]) continue;
        const struct sl_added_token *t = longest_at(set, filter, text, n, i);
        if (!t) continue;
        size_t begin = i, end = i + t->n;
        if (t->single_word && !stands_alone(text, n, begin, end)) {
            i = end - 1;
            continue;
        }
        uint32_t cp;
        size_t len;
        while (t->lstrip && (len = decode_before(text, from, begin, &cp)) && sl_utf8_is_space(cp)) begin -= len;
        while (t->rstrip && (len = sl_utf8_decode(text + end, n - end, &cp)) && sl_utf8_is_space(cp)) end += len;
        *out = (struct sl_added_match){begin, end, t};
        return true;
    }
    return false;
}

void sl_added_set_release(struct sl_added_set *set)
{
    for (size_t i = 0; i < set->n; i++) free(set->tokens[i].text);
    free(set->tokens);
    *set = (struct sl_added_set){0};
}
