/*
 * nfa.c: building the automaton, and UTF-8 as edges over bytes.
 */
#include "infer/nfa.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sl_nfa_release(sl_nfa *a)
{
    free(a->first);
    free(a->edges);
    free(a->rules);
    *a = (sl_nfa){0};
}

bool sl_nfa_ok(const sl_nfa *a)
{
    return !a->failed;
}

int32_t sl_nfa_state(sl_nfa *a)
{
    if (a->failed) return 0;
    if (!sl_grow_array((void **)&a->first, &a->cap_states, a->n_states + 1, sizeof *a->first, SL_NFA_MAX_STATES)) {
        a->failed = true;
        return 0;
    }
    a->first[a->n_states] = -1;
    return (int32_t)a->n_states++;
}

static void add_edge(sl_nfa *a, int32_t from, sl_nfa_edge e)
{
    if (a->failed) return;
    if (!sl_grow_array((void **)&a->edges, &a->cap_edges, a->n_edges + 1, sizeof *a->edges, SL_NFA_MAX_EDGES)) {
        a->failed = true;
        return;
    }
    e.next = a->first[from];
    a->edges[a->n_edges] = e;
    a->first[from] = (int32_t)a->n_edges++;
}

void sl_nfa_empty(sl_nfa *a, int32_t from, int32_t to)
{
    add_edge(a, from, (sl_nfa_edge){.kind = SL_NFA_EMPTY, .to = to});
}

void sl_nfa_bytes(sl_nfa *a, int32_t from, uint8_t low, uint8_t high, int32_t to)
{
    add_edge(a, from, (sl_nfa_edge){.kind = SL_NFA_BYTES, .low = low, .high = high, .to = to});
}

void sl_nfa_call(sl_nfa *a, int32_t from, int32_t rule, int32_t to)
{
    add_edge(a, from, (sl_nfa_edge){.kind = SL_NFA_CALL, .rule = rule, .to = to});
}

int32_t sl_nfa_rule_new(sl_nfa *a)
{
    int32_t start = sl_nfa_state(a), end = sl_nfa_state(a);
    if (a->failed) return 0;
    if (!sl_grow_array((void **)&a->rules, &a->cap_rules, a->n_rules + 1, sizeof *a->rules, SL_NFA_MAX_STATES)) {
        a->failed = true;
        return 0;
    }
    a->rules[a->n_rules] = (sl_nfa_rule){start, end};
    return (int32_t)a->n_rules++;
}

void sl_nfa_text(sl_nfa *a, int32_t from, const char *text, size_t n, int32_t to)
{
    for (size_t i = 0; i < n && !a->failed; i++) {
        int32_t next = i + 1 < n ? sl_nfa_state(a) : to;
        sl_nfa_bytes(a, from, (uint8_t)text[i], (uint8_t)text[i], next);
        from = next;
    }
    if (n == 0) sl_nfa_empty(a, from, to);
}

/* --- characters ------------------------------------------------------------------------------------------------- */

static int utf8_encode(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, c >>= 6) out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)((0xf00 >> n & 0xff) | c);
    return n;
}

/*
 * Adds low..high, all of the same length in UTF-8, as chains of byte ranges: a range is split until, byte for byte,
 * every combination of bytes between its ends is in it.
 */
static void add_same_length(sl_nfa *a, int32_t from, uint32_t low, uint32_t high, int32_t to)
{
    for (int bits = 6; bits <= 18; bits += 6) {
        uint32_t m = (1u << bits) - 1;
        if ((low & ~m) == (high & ~m)) continue;
        uint32_t cut = low & m ? (low | m) : (high & m) != m ? (high & ~m) - 1 : 0;
        if (!cut) continue;
        add_same_length(a, from, low, cut, to);
        add_same_length(a, from, cut + 1, high, to);
        return;
    }
    uint8_t l[4] = {0}, h[4] = {0};
    int n = utf8_encode(low, l);
    utf8_encode(high, h);
    for (int i = 0; i < n; i++) {
        int32_t next = i + 1 < n ? sl_nfa_state(a) : to;
        sl_nfa_bytes(a, from, l[i], h[i], next);
        from = next;
    }
}

static void add_range(sl_nfa *a, int32_t from, uint32_t low, uint32_t high, int32_t to)
{
    static const sl_code_range lengths[] = {
        {0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, 0x10ffff}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint32_t l = low > lengths[i].low ? low : lengths[i].low, h = high < lengths[i].high ? high : lengths[i].high;
        if (l <= h && !a->failed) add_same_length(a, from, l, h, to);
    }
}

void sl_nfa_characters(sl_nfa *a, int32_t from, const sl_code_range *r, size_t n, int32_t to)
{
    for (size_t i = 0; i < n; i++) add_range(a, from, r[i].low, r[i].high, to);
}

static void add_escaped(sl_nfa *a, int32_t from, uint32_t c, int32_t to)
{
    static const char plain[] = "\b\f\n\r\t\"\\", written[] = "bfnrt\"\\";
    char text[8];
    const char *at = c ? memchr(plain, (int)c, sizeof plain - 1) : NULL;
    int n = at ? snprintf(text, sizeof text, "\\%c", written[at - plain]) : snprintf(text, sizeof text, "\\u%04x", c);
    sl_nfa_text(a, from, text, (size_t)n, to);
}

void sl_nfa_json_characters(sl_nfa *a, int32_t from, const sl_code_range *r, size_t n, int32_t to)
{
    for (size_t i = 0; i < n; i++) {
        for (uint32_t c = r[i].low; c <= r[i].high && c <= '\\'; c++) {
            bool special = c < 0x20 || c == '"' || c == '\\';
            if (special) add_escaped(a, from, c, to);
        }
        static const sl_code_range raw[] = {{0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0x10ffff}};
        for (size_t k = 0; k < 3; k++) {
            uint32_t l = r[i].low > raw[k].low ? r[i].low : raw[k].low;
            uint32_t h = r[i].high < raw[k].high ? r[i].high : raw[k].high;
            if (l <= h) add_range(a, from, l, h, to);
        }
    }
}

/* --- pruning ---------------------------------------------------------------------------------------------------- */

/*
 * A state is alive when its rule's end can be reached from it; an edge is kept when it leads to one and, for a call,
 * the called rule's start is alive too. Found by repeating until nothing changes; states were mostly made front to
 * back, so going backward few turns suffice.
 */
static void find_alive(const sl_nfa *a, bool *alive)
{
    for (size_t i = 0; i < a->n_rules; i++) alive[a->rules[i].end] = true;
    for (bool more = true; more;) {
        more = false;
        for (size_t s = a->n_states; s-- > 0;) {
            for (int32_t e = a->first[s]; e >= 0 && !alive[s]; e = a->edges[e].next) {
                const sl_nfa_edge *edge = &a->edges[e];
                if (!alive[edge->to] || (edge->kind == SL_NFA_CALL && !alive[a->rules[edge->rule].start])) continue;
                alive[s] = more = true;
            }
        }
    }
}

bool sl_nfa_prune(sl_nfa *a)
{
    if (a->failed) return false;
    bool *alive = sl_alloc_array(a->n_states, sizeof *alive);
    if (!alive) {
        a->failed = true;
        return false;
    }
    find_alive(a, alive);
    for (size_t i = 0; i < a->n_edges; i++) {
        sl_nfa_edge *e = &a->edges[i];
        if (!alive[e->to] || (e->kind == SL_NFA_CALL && !alive[a->rules[e->rule].start])) e->kind = SL_NFA_GONE;
    }
    bool ok = alive[a->rules[0].start];
    free(alive);
    return ok;
}
