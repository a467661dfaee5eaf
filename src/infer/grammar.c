/*
 * grammar.c: running the automaton: states made as answers need them, and the tokens that may follow each.
 *
 * A position in the automaton is a state and a stack of the calls that it is inside of; a state of the answer is the
 * set of positions that its bytes may have led to. Stacks are shared (a stack is its top and the number of the rest),
 * so positions compare as two numbers. Sets are numbered once, with a table of 256 successors and, when asked for, a
 * set of tokens: the tokens are walked in the order of their bytes, so that a beginning is tried once for all of them.
 */
#include "infer/grammar.h"

#include "base/json.h"
#include "base/mem.h"
#include "infer/grammar_parts.h"
#include "text/special.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    MAX_STACK = 96,          /* calls inside each other */
    MAX_POSITIONS = 1 << 14, /* of one state */
    MAX_SETS = 1 << 16,
    MAX_STACKS = 1 << 20,
    MAX_TOKEN_BYTES = 1024,
    NOT_KNOWN = -2,
};

static const size_t MASK_CEILING = (size_t)64 << 20;

struct position {
    int32_t state, stack;
};

struct stack {
    int32_t top, below, depth; /* top: the state to go on from */
};

/* The positions of one state of the answer that read bytes; in g->positions. */
struct set {
    uint64_t hash;
    size_t first;
    int32_t n;
    bool accepts;
    int32_t *next;  /* (256), owned, or NULL */
    uint32_t *mask; /* owned, or NULL */
    int n_allowed;
};

struct sl_grammar {
    atomic_int refs;
    sl_nfa nfa;
    bool *ends; /* (nfa.n_states): the state is the end of a rule; owned */
    int users;  /* answers under way */
    struct position *positions;
    struct set *sets;
    struct stack *stacks;
    int32_t *set_table, *stack_table; /* open addressing: numbers, or -1 */
    size_t n_positions, n_sets, n_stacks, cap_positions, cap_sets, cap_stacks, set_slots, stack_slots;
    size_t mask_bytes;
    struct position *work; /* (MAX_POSITIONS): a set in the making */
    int n_work;
    bool failed;
};

/* --- compiling -------------------------------------------------------------------------------------------------- */

/* Takes the automaton (also on an error) and makes the grammar of it: prunes it and checks that something fits. */
static sl_status grammar_of(sl_nfa *a, sl_grammar **out, sl_error *err)
{
    bool something = sl_nfa_prune(a), fits = sl_nfa_ok(a);
    sl_grammar *g = something ? sl_alloc_array(1, sizeof *g) : NULL;
    if (g) g->ends = sl_alloc_array(a->n_states, sizeof *g->ends);
    if (!g || !g->ends) {
        free(g);
        sl_nfa_release(a);
        if (fits && !something) return sl_fail(err, SL_ERR_ARGUMENT, "nothing can ever fit this");
        return sl_fail(err, SL_ERR_MEMORY, "the grammar is too large");
    }
    for (size_t i = 0; i < a->n_rules; i++) g->ends[a->rules[i].end] = true;
    atomic_init(&g->refs, 1);
    g->nfa = *a;
    *a = (sl_nfa){0};
    *out = g;
    return SL_OK;
}

/* Starts an automaton whose rule 0 goes from *from to *to. */
static void begin(sl_nfa *a, int32_t *from, int32_t *to)
{
    *a = (sl_nfa){0};
    sl_nfa_rule_new(a);
    *from = a->failed ? 0 : a->rules[0].start;
    *to = a->failed ? 0 : a->rules[0].end;
}

static sl_status finish(sl_nfa *a, sl_status s, sl_grammar **out, sl_error *err)
{
    if (s == SL_OK) return grammar_of(a, out, err);
    sl_nfa_release(a);
    return s;
}

sl_status sl_grammar_from_schema(const char *schema, size_t n, sl_grammar **out, sl_error *err)
{
    enum { MAX_BYTES = 1 << 20, MAX_DEPTH = 96 };
    json_t *value = NULL;
    sl_nfa a;
    int32_t from, to;
    if (n > MAX_BYTES) return sl_fail(err, SL_ERR_MEMORY, "a schema of %zu bytes; at most %d", n, MAX_BYTES);
    sl_status s = sl_json_parse(schema, n, MAX_DEPTH, &value, err);
    if (s != SL_OK) return sl_fail_context(err, s, "schema");
    begin(&a, &from, &to);
    s = sl_schema_compile(&a, value, from, to, err);
    json_decref(value);
    return finish(&a, s, out, err);
}

sl_status sl_grammar_from_regex(const char *pattern, size_t n, sl_grammar **out, sl_error *err)
{
    sl_nfa a;
    int32_t from, to;
    begin(&a, &from, &to);
    return finish(&a, sl_regex_compile(&a, pattern, n, SL_REGEX_WHOLE, from, to, err), out, err);
}

#define C "(0|[1-9]\\d{0,2})"
#define POINT "<point>" C " " C "</point>"
#define TEXT "([^'\\\\\\n]|\\\\[\\\\'\"nt])*"

static const struct {
    const char *name, *pattern;
} forms[] = {
    {"boxes", "((<text>[^<\\n]{1,100}</text>)?<bbox>" C " " C " " C " " C "</bbox>)+"},
    {"points", "((<text>[^<\\n]{1,100}</text>)?" POINT ")+"},
    {"action", "Thought: [^\\n]{1,1000}\\nAction: ("
               "(click|left_double|right_single|long_press)\\(point='" POINT "'\\)"
               "|drag\\(start_point='" POINT "', end_point='" POINT "'\\)"
               "|scroll\\(point='" POINT "', direction='(down|up|right|left)'\\)"
               "|hotkey\\(key='[a-z0-9]{1,16}( [a-z0-9]{1,16}){0,2}'\\)"
               "|(type|finished)\\(content='" TEXT "'\\)"
               "|open_app\\(app_name='" TEXT "'\\)"
               "|(wait|finished|press_home|press_back)\\(\\))"},
};

sl_status sl_grammar_named(const char *name, sl_grammar **out, sl_error *err)
{
    static const char object[] = "{\"type\":\"object\"}";
    if (strcmp(name, "json") == 0) return sl_grammar_from_schema(object, sizeof object - 1, out, err);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, name) == 0)
            return sl_grammar_from_regex(forms[i].pattern, strlen(forms[i].pattern), out, err);
    return sl_fail(err, SL_ERR_ARGUMENT, "there is no form called %.40s; there are boxes, points, action, json", name);
}

/* Writes one tool's call; the automaton's other calls stand beside it. */
static sl_status write_tool(sl_nfa *a, const json_t *tool, int32_t from, int32_t to, sl_error *err)
{
    const json_t *inner = json_object_get(tool, "function");
    if (json_is_object(inner)) tool = inner;
    const json_t *name = json_object_get(tool, "name"), *parameters = json_object_get(tool, "parameters");
    if (!json_is_string(name)) return sl_fail(err, SL_ERR_ARGUMENT, "a tool without a name");
    struct sl_buf head = SL_BUF_INIT((size_t)1 << 16);
    sl_buf_addstr(&head, "<tool_call>\n{\"name\":");
    sl_status s = sl_json_dump(name, 0, &head, err);
    sl_buf_addstr(&head, ",\"arguments\":");
    int32_t arguments = sl_nfa_state(a), close = sl_nfa_state(a);
    sl_nfa_text(a, from, sl_buf_str(&head), head.len, arguments);
    static const char tail[] = "}\n</tool_call>";
    sl_nfa_text(a, close, tail, sizeof tail - 1, to);
    sl_buf_release(&head);
    json_t *any = json_pack("{s:s}", "type", "object");
    if (s == SL_OK) s = sl_schema_compile(a, parameters ? parameters : any, arguments, close, err);
    if (s != SL_OK) sl_fail_context(err, s, "tool %.60s", json_string_value(name));
    json_decref(any);
    return s;
}

sl_status sl_grammar_from_tools(const char *const *tools, size_t n, sl_grammar **out, sl_error *err)
{
    enum { MAX_DEPTH = 96 };
    sl_nfa a;
    int32_t from, to;
    sl_status s = n ? SL_OK : sl_fail(err, SL_ERR_ARGUMENT, "no tool to call");
    begin(&a, &from, &to);
    for (size_t i = 0; i < n && s == SL_OK; i++) {
        json_t *tool = NULL;
        s = sl_json_parse(tools[i], strlen(tools[i]), MAX_DEPTH, &tool, err);
        if (s == SL_OK) s = write_tool(&a, tool, from, to, err);
        json_decref(tool);
    }
    return finish(&a, s, out, err);
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

static void forget(sl_grammar *g)
{
    for (size_t i = 0; i < g->n_sets; i++) {
        free(g->sets[i].next);
        free(g->sets[i].mask);
    }
    g->n_sets = g->n_positions = g->n_stacks = g->mask_bytes = 0;
    for (size_t i = 0; i < g->set_slots; i++) g->set_table[i] = -1;
    for (size_t i = 0; i < g->stack_slots; i++) g->stack_table[i] = -1;
    g->failed = false;
}

void sl_grammar_share(sl_grammar *g)
{
    if (g) atomic_fetch_add(&g->refs, 1);
}

void sl_grammar_drop(sl_grammar *g)
{
    if (!g || atomic_fetch_sub(&g->refs, 1) > 1) return;
    forget(g);
    sl_nfa_release(&g->nfa);
    free(g->ends);
    free(g->positions);
    free(g->sets);
    free(g->stacks);
    free(g->set_table);
    free(g->stack_table);
    free(g->work);
    free(g);
}

/* Doubles a table of numbers when it is half full; the caller puts its entries in again. */
static bool grow_table(int32_t **table, size_t *slots, size_t n)
{
    if (n * 2 < *slots) return false;
    size_t more = *slots ? *slots * 2 : 1024;
    int32_t *t = realloc(*table, more * sizeof *t);
    if (!t) return false;
    for (size_t i = 0; i < more; i++) t[i] = -1;
    *table = t;
    *slots = more;
    return true;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    return a ^ a >> 32;
}

static void put_number(int32_t *table, size_t slots, uint64_t hash, int32_t number)
{
    size_t at = hash & (slots - 1);
    while (table[at] >= 0) at = (at + 1) & (slots - 1);
    table[at] = number;
}

static uint64_t stack_hash(int32_t top, int32_t below)
{
    return mix(mix(17, (uint64_t)(uint32_t)top), (uint64_t)(uint32_t)below);
}

/* Returns the number of the stack with top on below (-1: the empty one), -2 when it is too deep or memory is out. */
static int32_t stack_push(sl_grammar *g, int32_t top, int32_t below)
{
    uint64_t hash = stack_hash(top, below);
    if (grow_table(&g->stack_table, &g->stack_slots, g->n_stacks + 1))
        for (size_t i = 0; i < g->n_stacks; i++)
            put_number(g->stack_table, g->stack_slots, stack_hash(g->stacks[i].top, g->stacks[i].below), (int32_t)i);
    if (!g->stack_slots) return NOT_KNOWN;
    for (size_t at = hash & (g->stack_slots - 1); g->stack_table[at] >= 0; at = (at + 1) & (g->stack_slots - 1)) {
        const struct stack *s = &g->stacks[g->stack_table[at]];
        if (s->top == top && s->below == below) return g->stack_table[at];
    }
    int32_t depth = below < 0 ? 1 : g->stacks[below].depth + 1;
    if (depth > MAX_STACK) return NOT_KNOWN;
    if (!sl_grow_array((void **)&g->stacks, &g->cap_stacks, g->n_stacks + 1, sizeof *g->stacks, MAX_STACKS)) {
        g->failed = true;
        return NOT_KNOWN;
    }
    g->stacks[g->n_stacks] = (struct stack){top, below, depth};
    put_number(g->stack_table, g->stack_slots, hash, (int32_t)g->n_stacks);
    return (int32_t)g->n_stacks++;
}

/* --- states ----------------------------------------------------------------------------------------------------- */

static bool add_position(sl_grammar *g, int32_t state, int32_t stack)
{
    for (int i = 0; i < g->n_work; i++)
        if (g->work[i].state == state && g->work[i].stack == stack) return true;
    if (g->n_work == MAX_POSITIONS) {
        g->failed = true;
        return false;
    }
    g->work[g->n_work++] = (struct position){state, stack};
    return true;
}

static int by_position(const void *a, const void *b)
{
    const struct position *x = a, *y = b;
    if (x->state != y->state) return x->state < y->state ? -1 : 1;
    return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/*
 * Follows empty edges, calls and ends of rules from the positions in work. Those that read no byte are then left out.
 * Returns whether the whole may end here.
 */
static bool close_work(sl_grammar *g)
{
    bool accepts = false;
    for (int i = 0; i < g->n_work && !g->failed; i++) {
        struct position p = g->work[i];
        for (int32_t e = g->nfa.first[p.state]; e >= 0; e = g->nfa.edges[e].next) {
            const sl_nfa_edge *edge = &g->nfa.edges[e];
            if (edge->kind == SL_NFA_EMPTY) add_position(g, edge->to, p.stack);
            if (edge->kind != SL_NFA_CALL) continue;
            int32_t stack = stack_push(g, edge->to, p.stack);
            if (stack >= 0) add_position(g, g->nfa.rules[edge->rule].start, stack);
        }
        if (!g->ends[p.state]) continue;
        if (p.stack < 0) {
            accepts = true;
        } else {
            struct stack s = g->stacks[p.stack];
            add_position(g, s.top, s.below);
        }
    }
    int n = 0;
    for (int i = 0; i < g->n_work; i++) {
        bool reads = false;
        for (int32_t e = g->nfa.first[g->work[i].state]; e >= 0 && !reads; e = g->nfa.edges[e].next)
            reads = g->nfa.edges[e].kind == SL_NFA_BYTES;
        if (reads) g->work[n++] = g->work[i];
    }
    g->n_work = n;
    return accepts;
}

/* Returns the number of the set of positions in work, made when it is new. */
static int32_t intern_work(sl_grammar *g)
{
    bool accepts = close_work(g);
    if (g->failed) return SL_GRAMMAR_DEAD;
    if (!g->n_work && !accepts) return SL_GRAMMAR_DEAD;
    qsort(g->work, (size_t)g->n_work, sizeof *g->work, by_position);
    uint64_t hash = XXH3_64bits_withSeed(g->work, (size_t)g->n_work * sizeof *g->work, accepts);
    if (grow_table(&g->set_table, &g->set_slots, g->n_sets + 1))
        for (size_t i = 0; i < g->n_sets; i++) put_number(g->set_table, g->set_slots, g->sets[i].hash, (int32_t)i);
    for (size_t at = hash & (g->set_slots - 1); g->set_slots && g->set_table[at] >= 0;
         at = (at + 1) & (g->set_slots - 1)) {
        const struct set *s = &g->sets[g->set_table[at]];
        if (s->hash == hash && s->n == g->n_work && s->accepts == accepts &&
            memcmp(g->positions + s->first, g->work, (size_t)g->n_work * sizeof *g->work) == 0)
            return g->set_table[at];
    }
    size_t need = g->n_positions + (size_t)g->n_work;
    if (!g->set_slots || !sl_grow_array((void **)&g->sets, &g->cap_sets, g->n_sets + 1, sizeof *g->sets, MAX_SETS) ||
        !sl_grow_array((void **)&g->positions, &g->cap_positions, need + 1, sizeof *g->positions, (size_t)1 << 26)) {
        g->failed = true;
        return SL_GRAMMAR_DEAD;
    }
    memcpy(g->positions + g->n_positions, g->work, (size_t)g->n_work * sizeof *g->work);
    g->sets[g->n_sets] = (struct set){.hash = hash, .first = g->n_positions, .n = g->n_work, .accepts = accepts};
    g->n_positions = need;
    put_number(g->set_table, g->set_slots, hash, (int32_t)g->n_sets);
    return (int32_t)g->n_sets++;
}

static int32_t step(sl_grammar *g, int32_t set, uint8_t byte)
{
    struct set *s = &g->sets[set];
    if (!s->next) {
        s->next = malloc(256 * sizeof *s->next);
        if (!s->next) {
            g->failed = true;
            return SL_GRAMMAR_DEAD;
        }
        for (int i = 0; i < 256; i++) s->next[i] = NOT_KNOWN;
    }
    if (s->next[byte] != NOT_KNOWN) return s->next[byte];
    g->n_work = 0;
    for (int i = 0; i < s->n; i++) {
        struct position p = g->positions[s->first + (size_t)i];
        for (int32_t e = g->nfa.first[p.state]; e >= 0; e = g->nfa.edges[e].next) {
            const sl_nfa_edge *edge = &g->nfa.edges[e];
            if (edge->kind == SL_NFA_BYTES && byte >= edge->low && byte <= edge->high)
                add_position(g, edge->to, p.stack);
        }
    }
    int32_t next = g->n_work ? intern_work(g) : SL_GRAMMAR_DEAD;
    if (!g->failed) g->sets[set].next[byte] = next; /* the array may have moved */
    return next;
}

sl_status sl_grammar_begin(sl_grammar *g, int32_t *state, sl_error *err)
{
    if (!g->users && g->n_sets > MAX_SETS / 2) forget(g);
    if (!g->users && g->failed) forget(g);
    if (!g->work) g->work = sl_alloc_array(MAX_POSITIONS, sizeof *g->work);
    if (!g->work) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a grammar");
    g->n_work = 0;
    add_position(g, g->nfa.rules[0].start, -1);
    *state = intern_work(g);
    if (*state < 0) return sl_fail(err, SL_ERR_MEMORY, "the grammar is too large to run");
    g->users++;
    return SL_OK;
}

void sl_grammar_end(sl_grammar *g)
{
    g->users--;
}

int32_t sl_grammar_advance(sl_grammar *g, int32_t state, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && state >= 0; i++) state = step(g, state, (uint8_t)bytes[i]);
    return state;
}

bool sl_grammar_accepts(const sl_grammar *g, int32_t state)
{
    return state >= 0 && g->sets[state].accepts;
}

bool sl_grammar_matches(sl_grammar *g, const char *bytes, size_t n)
{
    int32_t state;
    if (sl_grammar_begin(g, &state, NULL) != SL_OK) return false;
    bool ok = sl_grammar_accepts(g, sl_grammar_advance(g, state, bytes, n));
    sl_grammar_end(g);
    return ok;
}

/* --- tokens ----------------------------------------------------------------------------------------------------- */

struct token {
    const char *bytes;
    size_t n;
    int32_t id;
    int shared; /* bytes that it begins with like the token before */
};

struct sl_token_list {
    struct token *tokens;
    int n, vocab;
};

static int by_bytes(const void *a, const void *b)
{
    const struct token *x = a, *y = b;
    int c = memcmp(x->bytes, y->bytes, x->n < y->n ? x->n : y->n);
    return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

sl_status sl_token_list_new(const struct sl_tokenizer *t, int vocab, sl_token_list **out, sl_error *err)
{
    sl_token_list *l = sl_alloc_array(1, sizeof *l);
    if (l) l->tokens = sl_alloc_array((size_t)vocab, sizeof *l->tokens);
    if (!l || !l->tokens) {
        free(l);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for a list of tokens");
    }
    l->vocab = vocab;
    int32_t open = sl_tokenizer_id(t, "<think>"), close = sl_tokenizer_id(t, "</think>");
    for (int32_t i = 0; i < vocab; i++) {
        size_t n = 0;
        const char *bytes = sl_tokenizer_token(t, i, &n);
        if (!bytes || n > MAX_TOKEN_BYTES || sl_tokenizer_is_special(t, i) || i == open || i == close) continue;
        l->tokens[l->n++] = (struct token){.bytes = bytes, .n = n, .id = i};
    }
    qsort(l->tokens, (size_t)l->n, sizeof *l->tokens, by_bytes);
    for (int i = 1; i < l->n; i++) {
        const struct token *a = &l->tokens[i - 1];
        struct token *b = &l->tokens[i];
        while ((size_t)b->shared < a->n && (size_t)b->shared < b->n && a->bytes[b->shared] == b->bytes[b->shared])
            b->shared++;
    }
    *out = l;
    return SL_OK;
}

void sl_token_list_free(sl_token_list *l)
{
    if (l) free(l->tokens);
    free(l);
}

/* Walks all tokens from a state. states[d] is where d bytes of the present beginning lead. */
static int fill_mask(sl_grammar *g, const sl_token_list *l, int32_t state, uint32_t *mask)
{
    int32_t states[MAX_TOKEN_BYTES + 1] = {state};
    int depth = 0, n = 0; /* bytes of the present beginning that are alive */
    for (int i = 0; i < l->n && !g->failed; i++) {
        const struct token *t = &l->tokens[i];
        if (t->shared < depth) depth = t->shared;
        if (t->shared > depth) continue; /* begins like one that died */
        while ((size_t)depth < t->n) {
            int32_t next = step(g, states[depth], (uint8_t)t->bytes[depth]);
            if (next < 0) break;
            states[++depth] = next;
        }
        if ((size_t)depth < t->n) continue;
        mask[t->id / 32] |= 1u << (t->id % 32);
        n++;
    }
    return n;
}

static void drop_masks(sl_grammar *g)
{
    for (size_t i = 0; i < g->n_sets; i++) {
        free(g->sets[i].mask);
        g->sets[i].mask = NULL;
    }
    g->mask_bytes = 0;
}

sl_status sl_grammar_mask(sl_grammar *g, const sl_token_list *l, int32_t state, const uint32_t **mask, int *n,
                          sl_error *err)
{
    size_t words = ((size_t)l->vocab + 31) / 32;
    if (!g->sets[state].mask) {
        if (g->mask_bytes + words * sizeof **mask > MASK_CEILING) drop_masks(g);
        uint32_t *m = sl_alloc_array(words, sizeof *m);
        int allowed = m ? fill_mask(g, l, state, m) : 0;
        if (!m || g->failed) {
            free(m);
            return sl_fail(err, SL_ERR_MEMORY, "the grammar needs more than %d states here", MAX_SETS);
        }
        g->sets[state].mask = m;
        g->sets[state].n_allowed = allowed;
        g->mask_bytes += words * sizeof **mask;
    }
    *mask = g->sets[state].mask;
    *n = g->sets[state].n_allowed;
    return SL_OK;
}
