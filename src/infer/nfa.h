/*
 * nfa.h: the automaton that grammars are compiled to: states, edges over bytes, empty edges, and calls of rules.
 *
 * Built once, then read-only. Failures while building (memory, more states than the ceiling) are sticky: check once
 * with sl_nfa_ok.
 */
#ifndef SL_INFER_NFA_H
#define SL_INFER_NFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SL_NFA_MAX_STATES = 1 << 18, SL_NFA_MAX_EDGES = 1 << 20 };

typedef enum sl_nfa_kind {
    SL_NFA_EMPTY, /* to `to` */
    SL_NFA_BYTES, /* one byte of low..high, to `to` */
    SL_NFA_CALL,  /* through all of rule `rule`, then to `to` */
    SL_NFA_GONE,  /* removed: can never lead to an end */
} sl_nfa_kind;

typedef struct sl_nfa_edge {
    uint8_t kind, low, high;
    int32_t to, rule;
    int32_t next; /* of the same state, or -1 */
} sl_nfa_edge;

/* A part that is entered at start and left at end. */
typedef struct sl_nfa_rule {
    int32_t start, end;
} sl_nfa_rule;

typedef struct sl_nfa {
    int32_t *first; /* (n_states): first edge of a state, or -1; owned */
    sl_nfa_edge *edges;
    sl_nfa_rule *rules; /* rule 0 is the whole */
    size_t n_states, n_edges, n_rules, cap_states, cap_edges, cap_rules;
    bool failed;
} sl_nfa;

/* An inclusive range of code points. */
typedef struct sl_code_range {
    uint32_t low, high;
} sl_code_range;

/* Releases everything. */
void sl_nfa_release(sl_nfa *a);

/* False when something did not fit. */
bool sl_nfa_ok(const sl_nfa *a);

/* Adds a state, an edge, a rule with two new states. */
int32_t sl_nfa_state(sl_nfa *a);
void sl_nfa_empty(sl_nfa *a, int32_t from, int32_t to);
void sl_nfa_bytes(sl_nfa *a, int32_t from, uint8_t low, uint8_t high, int32_t to);
void sl_nfa_call(sl_nfa *a, int32_t from, int32_t rule, int32_t to);
int32_t sl_nfa_rule_new(sl_nfa *a);

/* The n bytes of text, between two states. */
void sl_nfa_text(sl_nfa *a, int32_t from, const char *text, size_t n, int32_t to);

/* One character of the ranges as UTF-8; surrogates are left out. */
void sl_nfa_characters(sl_nfa *a, int32_t from, const sl_code_range *r, size_t n, int32_t to);

/* The same as it is written inside a JSON string: quotes, backslashes and control characters as escapes. */
void sl_nfa_json_characters(sl_nfa *a, int32_t from, const sl_code_range *r, size_t n, int32_t to);

/*
 * Removes the edges from which no rule's end can be reached. False when the whole (rule 0) has no end that can be
 * reached, so that nothing fits, or without memory (then sl_nfa_ok is false too).
 */
bool sl_nfa_prune(sl_nfa *a);

#endif
