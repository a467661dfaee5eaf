/*
 * grammar_regex.c: regular expressions, parsed to a tree and written into the automaton.
 *
 * A tree stands between, because a counted repetition is written once for each count.
 */
#include "base/mem.h"
#include "infer/grammar_parts.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_REPEAT = 10000, MAX_NODES = 1 << 16, MAX_PATTERN = 1 << 16, ANY_NUMBER = -1 };

enum node_kind { NODE_NOTHING, NODE_CLASS, NODE_SEQUENCE, NODE_CHOICE, NODE_REPEAT, NODE_BEGIN, NODE_END };

/* Children of sequences and choices are a list through `next`. */
struct node {
    enum node_kind kind;
    int32_t child, next;
    int min, max;           /* of a repetition; max ANY_NUMBER */
    size_t first, n_ranges; /* of a class */
};

struct parser {
    const char *s;
    size_t n, at;
    struct node *nodes;
    size_t n_nodes, cap_nodes;
    sl_code_range *ranges;
    size_t n_ranges, cap_ranges;
    int depth;
    sl_status status;
    sl_error *err;
};

static void fail(struct parser *p, const char *why)
{
    if (p->status == SL_OK) p->status = sl_fail(p->err, SL_ERR_ARGUMENT, "byte %zu of the pattern: %s", p->at, why);
}

static int32_t node_new(struct parser *p, enum node_kind kind)
{
    if (!sl_grow_array((void **)&p->nodes, &p->cap_nodes, p->n_nodes + 1, sizeof *p->nodes, MAX_NODES)) {
        fail(p, "the pattern is too large");
        return 0;
    }
    p->nodes[p->n_nodes] = (struct node){.kind = kind, .child = -1, .next = -1};
    return (int32_t)p->n_nodes++;
}

static void add_range(struct parser *p, uint32_t low, uint32_t high)
{
    if (!sl_grow_array((void **)&p->ranges, &p->cap_ranges, p->n_ranges + 1, sizeof *p->ranges, MAX_NODES))
        fail(p, "the pattern is too large");
    else
        p->ranges[p->n_ranges++] = (sl_code_range){low, high};
}

static int by_low(const void *a, const void *b)
{
    const sl_code_range *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

/* Replaces the ranges from `first` on by all characters outside of them. */
static void negate(struct parser *p, size_t first)
{
    size_t n = p->n_ranges - first;
    sl_code_range *copy = sl_alloc_array(n + 1, sizeof *copy);
    if (!copy) {
        fail(p, "out of memory");
        return;
    }
    if (n) memcpy(copy, p->ranges + first, n * sizeof *copy);
    qsort(copy, n, sizeof *copy, by_low);
    p->n_ranges = first;
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (copy[i].low > at) add_range(p, at, copy[i].low - 1);
        if (copy[i].high + 1 > at) at = copy[i].high + 1;
    }
    if (at <= 0x10ffff) add_range(p, at, 0x10ffff);
    free(copy);
}

/* Adds what \d, \w, \s stand for (of ASCII, as in most engines of JSON Schema), or their opposites. False otherwise. */
static bool add_shorthand(struct parser *p, char c)
{
    static const sl_code_range digit[] = {{'0', '9'}}, word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
                               space[] = {{'\t', '\r'}, {' ', ' '}};
    size_t first = p->n_ranges, n = 0;
    const sl_code_range *r = NULL;
    switch (c | 0x20) {
    case 'd':
        r = digit, n = 1;
        break;
    case 'w':
        r = word, n = 4;
        break;
    case 's':
        r = space, n = 2;
        break;
    default:
        return false;
    }
    for (size_t i = 0; i < n; i++) add_range(p, r[i].low, r[i].high);
    if (!(c & 0x20)) negate(p, first);
    return true;
}

static uint32_t parse_hex(struct parser *p, int digits)
{
    uint32_t x = 0;
    for (int i = 0; i < digits; i++, p->at++) {
        char c = p->at < p->n ? p->s[p->at] : '\0';
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
        if (d < 0) {
            fail(p, "hexadecimal digits are missing");
            return 0;
        }
        x = x * 16 + (uint32_t)d;
    }
    return x;
}

/* Reads what follows a backslash: a character in *c, or a shorthand whose ranges are added (then false). */
static bool parse_escape(struct parser *p, uint32_t *c)
{
    if (p->at >= p->n) {
        fail(p, "a backslash at the end");
        return false;
    }
    char e = p->s[p->at++];
    static const char names[] = "nrtfv0", values[] = "\n\r\t\f\v";
    const char *at = strchr(names, e);
    if (add_shorthand(p, e)) return false;
    if (at && e) {
        *c = (uint32_t)(e == '0' ? '\0' : values[at - names]);
    } else if (e == 'x' || e == 'u') {
        *c = parse_hex(p, e == 'x' ? 2 : 4);
    } else if ((e >= '1' && e <= '9') || (e | 0x20) == 'b' || (e | 0x20) == 'p' || e == 'k' ||
               (unsigned char)e >= 0x80 || ((e | 0x20) >= 'a' && (e | 0x20) <= 'z')) {
        fail(p, "an escape that is not supported");
        return false;
    } else {
        *c = (uint32_t)(unsigned char)e;
    }
    return p->status == SL_OK;
}

static uint32_t parse_character(struct parser *p)
{
    uint32_t c = 0;
    size_t n = sl_utf8_decode(p->s + p->at, p->n - p->at, &c);
    if (!n) fail(p, "not UTF-8");
    p->at += n ? n : 1;
    return c;
}

/* One member of a class, from after '[': a character or a range. */
static void parse_class_item(struct parser *p)
{
    uint32_t low = 0, high;
    if (p->s[p->at] == '\\') {
        p->at++;
        if (!parse_escape(p, &low)) return;
    } else {
        low = parse_character(p);
    }
    high = low;
    if (p->at + 1 < p->n && p->s[p->at] == '-' && p->s[p->at + 1] != ']') {
        p->at++;
        if (p->s[p->at] == '\\') {
            p->at++;
            if (!parse_escape(p, &high)) {
                fail(p, "a range that ends in a class");
                return;
            }
        } else {
            high = parse_character(p);
        }
    }
    if (high < low) fail(p, "a range that ends before it begins");
    add_range(p, low, high);
}

static int32_t parse_class(struct parser *p)
{
    int32_t node = node_new(p, NODE_CLASS);
    size_t first = p->n_ranges, start = p->at;
    bool negated = p->at < p->n && p->s[p->at] == '^';
    p->at += negated;
    bool begun = false;
    while (p->status == SL_OK && (p->at < p->n && (p->s[p->at] != ']' || !begun))) {
        begun = true;
        parse_class_item(p);
    }
    if (p->at >= p->n) {
        p->at = start;
        fail(p, "[ without ]");
    }
    p->at++;
    if (negated && p->status == SL_OK) negate(p, first);
    if (p->status == SL_OK) p->nodes[node].first = first, p->nodes[node].n_ranges = p->n_ranges - first;
    return node;
}

static int32_t parse_choice(struct parser *p);

static int32_t parse_group(struct parser *p)
{
    size_t start = p->at;
    if (p->at < p->n && p->s[p->at] == '?') {
        if (p->at + 1 >= p->n || p->s[p->at + 1] != ':') {
            fail(p, "look-around and named groups are not supported");
            return 0;
        }
        p->at += 2;
    }
    if (++p->depth > MAX_DEPTH) fail(p, "groups nested too deep");
    int32_t node = p->status == SL_OK ? parse_choice(p) : 0;
    p->depth--;
    if (p->status == SL_OK && (p->at >= p->n || p->s[p->at] != ')')) {
        p->at = start;
        fail(p, "( without )");
    }
    p->at++;
    return node;
}

static int32_t parse_single(struct parser *p, uint32_t c)
{
    int32_t node = node_new(p, NODE_CLASS);
    size_t first = p->n_ranges;
    add_range(p, c, c);
    if (p->status == SL_OK) p->nodes[node].first = first, p->nodes[node].n_ranges = 1;
    return node;
}

static int32_t parse_atom(struct parser *p)
{
    char c = p->s[p->at];
    size_t first = p->n_ranges;
    uint32_t code;
    if (c == '(' || c == '[' || c == '^' || c == '$' || c == '.' || c == '\\') p->at++;
    switch (c) {
    case '(':
        return parse_group(p);
    case '[':
        return parse_class(p);
    case '^':
        return node_new(p, NODE_BEGIN);
    case '$':
        return node_new(p, NODE_END);
    case '*':
    case '+':
    case '?':
    case '{':
        fail(p, "nothing to repeat");
        return 0;
    case '\\':
        if (parse_escape(p, &code)) return parse_single(p, code);
        break;
    case '.':
        add_range(p, '\n', '\n');
        if (p->status == SL_OK) negate(p, first);
        break;
    default:
        return parse_single(p, parse_character(p));
    }
    int32_t node = p->status == SL_OK ? node_new(p, NODE_CLASS) : 0;
    if (p->status == SL_OK) p->nodes[node].first = first, p->nodes[node].n_ranges = p->n_ranges - first;
    return node;
}

static int parse_number(struct parser *p)
{
    int x = 0;
    if (p->at >= p->n || p->s[p->at] < '0' || p->s[p->at] > '9') return -1;
    for (; p->at < p->n && p->s[p->at] >= '0' && p->s[p->at] <= '9'; p->at++) {
        x = 10 * x + (p->s[p->at] - '0');
        if (x > MAX_REPEAT) {
            fail(p, "more than 10000 repetitions");
            return 0;
        }
    }
    return x;
}

/* Reads a quantifier, if there is one. */
static bool parse_quantifier(struct parser *p, int *min, int *max)
{
    if (p->at >= p->n) return false;
    char c = p->s[p->at];
    if (c == '*' || c == '+' || c == '?') {
        p->at++;
        *min = c == '+';
        *max = c == '?' ? 1 : ANY_NUMBER;
    } else if (c == '{') {
        p->at++;
        *min = *max = parse_number(p);
        if (p->at < p->n && p->s[p->at] == ',') {
            p->at++;
            *max = parse_number(p);
        }
        if (*min < 0 || p->at >= p->n || p->s[p->at] != '}' || (*max >= 0 && *max < *min))
            fail(p, "a repetition that is not {m}, {m,} or {m,n}");
        p->at++;
    } else {
        return false;
    }
    if (p->at < p->n && (p->s[p->at] == '?' || p->s[p->at] == '+')) p->at++; /* lazy, possessive: the same language */
    return true;
}

static int32_t parse_sequence(struct parser *p)
{
    int32_t node = node_new(p, NODE_SEQUENCE), last = -1;
    while (p->status == SL_OK && p->at < p->n && p->s[p->at] != '|' && p->s[p->at] != ')') {
        int min, max;
        int32_t item = parse_atom(p);
        if (p->status == SL_OK && parse_quantifier(p, &min, &max)) {
            int32_t repeat = node_new(p, NODE_REPEAT);
            if (p->status != SL_OK) break;
            p->nodes[repeat].child = item;
            p->nodes[repeat].min = min;
            p->nodes[repeat].max = max;
            item = repeat;
        }
        if (p->status != SL_OK) break;
        if (last < 0)
            p->nodes[node].child = item;
        else
            p->nodes[last].next = item;
        last = item;
    }
    return node;
}

static int32_t parse_choice(struct parser *p)
{
    int32_t node = node_new(p, NODE_CHOICE), last = -1;
    for (bool more = true; more && p->status == SL_OK;) {
        int32_t item = parse_sequence(p);
        if (p->status != SL_OK) break;
        if (last < 0)
            p->nodes[node].child = item;
        else
            p->nodes[last].next = item;
        last = item;
        more = p->at < p->n && p->s[p->at] == '|';
        p->at += more;
    }
    return node;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

struct writer {
    struct parser *p;
    sl_nfa *a;
    sl_regex_use use;
};

static void write_node(struct writer *w, int32_t i, int32_t from, int32_t to);

static void write_class(struct writer *w, const sl_code_range *r, size_t n, int32_t from, int32_t to)
{
    if (w->use == SL_REGEX_JSON_SEARCH)
        sl_nfa_json_characters(w->a, from, r, n, to);
    else
        sl_nfa_characters(w->a, from, r, n, to);
}

static void write_repeat(struct writer *w, const struct node *n, int32_t from, int32_t to)
{
    for (int i = 0; i < n->min && sl_nfa_ok(w->a); i++) {
        int32_t next = sl_nfa_state(w->a);
        write_node(w, n->child, from, next);
        from = next;
    }
    if (n->max == ANY_NUMBER) {
        int32_t loop = sl_nfa_state(w->a);
        sl_nfa_empty(w->a, from, loop);
        write_node(w, n->child, loop, loop);
        sl_nfa_empty(w->a, loop, to);
        return;
    }
    for (int i = n->min; i < n->max && sl_nfa_ok(w->a); i++) {
        int32_t next = sl_nfa_state(w->a);
        sl_nfa_empty(w->a, from, to);
        write_node(w, n->child, from, next);
        from = next;
    }
    sl_nfa_empty(w->a, from, to);
}

static void write_sequence(struct writer *w, int32_t item, int32_t from, int32_t to)
{
    for (; item >= 0 && sl_nfa_ok(w->a); item = w->p->nodes[item].next) {
        int32_t next = sl_nfa_state(w->a);
        write_node(w, item, from, next);
        from = next;
    }
    sl_nfa_empty(w->a, from, to);
}

static void write_node(struct writer *w, int32_t i, int32_t from, int32_t to)
{
    const struct node *n = &w->p->nodes[i];
    switch (n->kind) {
    case NODE_CLASS:
        write_class(w, w->p->ranges + n->first, n->n_ranges, from, to);
        break;
    case NODE_SEQUENCE:
        write_sequence(w, n->child, from, to);
        break;
    case NODE_REPEAT:
        write_repeat(w, n, from, to);
        break;
    case NODE_CHOICE:
        for (int32_t c = n->child; c >= 0 && sl_nfa_ok(w->a); c = w->p->nodes[c].next) write_node(w, c, from, to);
        break;
    case NODE_BEGIN:
    case NODE_END:
        fail(w->p, "^ and $ stand at the ends only");
        break;
    case NODE_NOTHING:
        sl_nfa_empty(w->a, from, to);
        break;
    }
}

/* Any number of any characters. */
static int32_t write_anything(struct writer *w, int32_t from)
{
    static const sl_code_range all = {0, 0x10ffff};
    int32_t loop = sl_nfa_state(w->a);
    sl_nfa_empty(w->a, from, loop);
    write_class(w, &all, 1, loop, loop);
    return loop;
}

/* Writes one top-level alternative; anchors at its ends are taken off, and where they lack a search goes on. */
static void write_alternative(struct writer *w, int32_t sequence, int32_t from, int32_t to)
{
    struct node *nodes = w->p->nodes;
    int32_t first = nodes[sequence].child, last = first;
    bool search = w->use == SL_REGEX_JSON_SEARCH;
    bool begins = first >= 0 && nodes[first].kind == NODE_BEGIN;
    if (begins) nodes[first].kind = NODE_NOTHING;
    while (last >= 0 && nodes[last].next >= 0) last = nodes[last].next;
    bool ends = last >= 0 && nodes[last].kind == NODE_END;
    if (ends) nodes[last].kind = NODE_NOTHING;
    if (search && !begins) from = write_anything(w, from);
    int32_t end = search && !ends ? sl_nfa_state(w->a) : to;
    write_sequence(w, first, from, end);
    if (search && !ends) sl_nfa_empty(w->a, write_anything(w, end), to);
}

sl_status sl_regex_compile(sl_nfa *a, const char *pattern, size_t n, sl_regex_use use, int32_t from, int32_t to,
                           sl_error *err)
{
    struct parser p = {.s = pattern, .n = n, .err = err};
    if (n > MAX_PATTERN) return sl_fail(err, SL_ERR_ARGUMENT, "a pattern of %zu bytes; at most %d", n, MAX_PATTERN);
    int32_t top = parse_choice(&p);
    if (p.status == SL_OK && p.at < p.n) fail(&p, ") without (");
    if (p.status == SL_OK) {
        struct writer w = {.p = &p, .a = a, .use = use};
        for (int32_t c = p.nodes[top].child; c >= 0 && sl_nfa_ok(a); c = p.nodes[c].next)
            write_alternative(&w, c, from, to);
    }
    if (p.status == SL_OK && !sl_nfa_ok(a)) p.status = sl_fail(err, SL_ERR_MEMORY, "the pattern needs too many states");
    free(p.nodes);
    free(p.ranges);
    return p.status;
}
