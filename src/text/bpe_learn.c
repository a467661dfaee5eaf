/*
 * bpe_learn.c: incremental byte-pair learning.
 *
 * Every pair knows its count and the words it was seen in, so a merge touches only those words and changes only the
 * counts around it. A heap holds pairs by count. Counts of old pairs only fall, so an entry may promise too much: it
 * is checked when it reaches the top and put back with what is true. Counts that rise get a new entry.
 */
#include "text/bpe_learn.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const size_t max_items = (size_t)1 << 31;

struct word {
    size_t begin; /* of its symbols in the pool */
    uint32_t n;
};

struct pair {
    int32_t left, right;
    int64_t count;
    uint32_t *where; /* words that hold or held it; owned */
    uint32_t n_where, where_cap;
    size_t raised_at; /* the merge that last raised its count */
};

struct entry {
    int64_t count;
    uint32_t pair;
};

struct learner {
    const struct sl_bpe_learn *job;
    struct word *words;
    int32_t *symbols; /* every word's tokens, merged in place */
    struct pair *pairs;
    size_t n_pairs, pairs_cap;
    uint32_t *index; /* hash table of pairs, UINT32_MAX: empty */
    size_t n_index;
    struct entry *heap;
    size_t n_heap, heap_cap;
    uint32_t *raised; /* pairs whose count the current merge raised */
    size_t n_raised, raised_cap;
    size_t step; /* the current merge, from 1 */
};

/* --- pairs --------------------------------------------------------------------------------------------------- */

static size_t index_slot(const struct learner *l, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t mask = l->n_index - 1;
    size_t i = (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) & mask;
    for (; l->index[i] != UINT32_MAX; i = (i + 1) & mask) {
        const struct pair *p = &l->pairs[l->index[i]];
        if (p->left == left && p->right == right) break;
    }
    return i;
}

static bool grow_index(struct learner *l)
{
    size_t n = l->n_index ? 2 * l->n_index : 1 << 16;
    uint32_t *index = sl_alloc_array(n, sizeof *index);
    if (!index) return false;
    memset(index, 0xFF, n * sizeof *index);
    free(l->index);
    l->index = index;
    l->n_index = n;
    for (size_t i = 0; i < l->n_pairs; i++) index[index_slot(l, l->pairs[i].left, l->pairs[i].right)] = (uint32_t)i;
    return true;
}

/* Returns the pair, made if new, or NULL without memory; good until the next call. */
static struct pair *pair_of(struct learner *l, int32_t left, int32_t right)
{
    if (2 * l->n_pairs >= l->n_index && !grow_index(l)) return NULL;
    size_t slot = index_slot(l, left, right);
    if (l->index[slot] == UINT32_MAX) {
        if (!sl_grow_array((void **)&l->pairs, &l->pairs_cap, l->n_pairs + 1, sizeof *l->pairs, max_items)) return NULL;
        l->index[slot] = (uint32_t)l->n_pairs;
        l->pairs[l->n_pairs++] = (struct pair){.left = left, .right = right};
    }
    return &l->pairs[l->index[slot]];
}

/* Counts the pair n times more, in word w. */
static bool raise_count(struct learner *l, int32_t left, int32_t right, uint64_t n, uint32_t w)
{
    struct pair *p = pair_of(l, left, right);
    if (!p) return false;
    p->count += (int64_t)n;
    if (p->raised_at != l->step) {
        p->raised_at = l->step;
        if (!sl_grow_array((void **)&l->raised, &l->raised_cap, l->n_raised + 1, sizeof *l->raised, max_items))
            return false;
        l->raised[l->n_raised++] = (uint32_t)(p - l->pairs);
    }
    if (p->n_where > 0 && p->where[p->n_where - 1] == w) return true;
    if (p->n_where == p->where_cap) {
        uint32_t cap = p->where_cap ? 2 * p->where_cap : 2;
        uint32_t *where = realloc(p->where, cap * sizeof *where);
        if (!where) return false;
        p->where = where;
        p->where_cap = cap;
    }
    p->where[p->n_where++] = w;
    return true;
}

static bool lower_count(struct learner *l, int32_t left, int32_t right, uint64_t n)
{
    struct pair *p = pair_of(l, left, right);
    if (p) p->count -= (int64_t)n;
    return p != NULL;
}

/* --- the heap ------------------------------------------------------------------------------------------------ */

/* Whether a is merged before b. */
static bool goes_first(const struct learner *l, struct entry a, struct entry b)
{
    if (a.count != b.count) return a.count > b.count;
    const struct pair *p = &l->pairs[a.pair], *q = &l->pairs[b.pair];
    return p->left != q->left ? p->left < q->left : p->right < q->right;
}

static bool heap_push(struct learner *l, struct entry e)
{
    if (!sl_grow_array((void **)&l->heap, &l->heap_cap, l->n_heap + 1, sizeof *l->heap, max_items)) return false;
    size_t i = l->n_heap++;
    for (; i > 0 && goes_first(l, e, l->heap[(i - 1) / 2]); i = (i - 1) / 2) l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = e;
    return true;
}

static struct entry heap_pop(struct learner *l)
{
    struct entry top = l->heap[0], last = l->heap[--l->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < l->n_heap; i = child) {
        if (child + 1 < l->n_heap && goes_first(l, l->heap[child + 1], l->heap[child])) child++;
        if (!goes_first(l, l->heap[child], last)) break;
        l->heap[i] = l->heap[child];
    }
    l->heap[i] = last;
    return top;
}

/* Gives every pair that this step raised its heap entry, and ends the step. */
static bool push_raised(struct learner *l)
{
    for (size_t i = 0; i < l->n_raised; i++) {
        uint32_t pair = l->raised[i];
        int64_t count = l->pairs[pair].count;
        if (count >= (int64_t)l->job->min_count && !heap_push(l, (struct entry){count, pair})) return false;
    }
    l->n_raised = 0;
    l->step++;
    return true;
}

/* Takes the pair that goes first out of the heap, or returns NULL when none is frequent enough. */
static struct pair *pop_best(struct learner *l)
{
    while (l->n_heap > 0) {
        struct entry e = heap_pop(l);
        struct pair *p = &l->pairs[e.pair];
        if (p->count == e.count) return p;
        /* The pushes cannot fail: the pop has just made room. */
        if (p->count >= (int64_t)l->job->min_count) heap_push(l, (struct entry){p->count, e.pair});
    }
    return NULL;
}

/* --- merging ------------------------------------------------------------------------------------------------- */

/*
 * Replaces each (left, right) in word w by token, from left to right, and moves the counts of the neighbouring pairs.
 * The merged pair's own count is left to the caller: none remains.
 */
static bool merge_in_word(struct learner *l, uint32_t w, int32_t left, int32_t right, int32_t token)
{
    struct word *word = &l->words[w];
    int32_t *s = l->symbols + word->begin;
    uint64_t n = l->job->counts[w];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < word->n; i++) {
        if (i + 1 == word->n || s[i] != left || s[i + 1] != right) {
            s[kept++] = s[i];
            continue;
        }
        if (kept > 0 && !(lower_count(l, s[kept - 1], left, n) && raise_count(l, s[kept - 1], token, n, w)))
            return false;
        if (i + 2 < word->n && !(lower_count(l, right, s[i + 2], n) && raise_count(l, token, s[i + 2], n, w)))
            return false;
        s[kept++] = token;
        i++;
    }
    word->n = kept;
    return true;
}

/* Merges the pair everywhere it is. */
static bool merge_pair(struct learner *l, struct pair *p, int32_t token)
{
    int32_t left = p->left, right = p->right;
    uint32_t *where = p->where, n_where = p->n_where;
    p->where = NULL;
    p->n_where = p->where_cap = 0;
    bool good = true;
    for (uint32_t i = 0; good && i < n_where; i++) good = merge_in_word(l, where[i], left, right, token);
    free(where);
    if (!good) return false;
    struct pair *again = pair_of(l, left, right);
    if (again) again->count = 0;
    return again && push_raised(l);
}

/* Spells the words in bytes and counts the pairs in them. */
static bool count_pairs(struct learner *l)
{
    const struct sl_bytes_map *words = l->job->words;
    l->words = sl_alloc_array(words->n, sizeof *l->words);
    l->symbols = sl_alloc_array(words->pool.len, sizeof *l->symbols);
    if (!l->words || !l->symbols) return false;
    size_t begin = 0;
    l->step = 1;
    for (uint32_t w = 0; w < words->n; w++) {
        size_t n;
        const char *s = sl_bytes_map_at(words, w, &n);
        l->words[w] = (struct word){begin, (uint32_t)n};
        for (size_t i = 0; i < n; i++) l->symbols[begin + i] = (unsigned char)s[i];
        for (size_t i = 0; i + 1 < n; i++)
            if (!raise_count(l, l->symbols[begin + i], l->symbols[begin + i + 1], l->job->counts[w], w)) return false;
        begin += n;
    }
    return push_raised(l);
}

/* Appends to joined the bytes of the pair's token; false when that is longer than allowed. */
static bool join_bytes(const struct learner *l, const struct sl_bytes_map *tokens, const struct pair *p,
                       struct sl_buf *joined)
{
    size_t n_left, n_right;
    const char *left = sl_bytes_map_at(tokens, (uint32_t)p->left, &n_left);
    const char *right = sl_bytes_map_at(tokens, (uint32_t)p->right, &n_right);
    sl_buf_clear(joined);
    if (n_left + n_right > l->job->max_token_bytes) return false;
    sl_buf_add(joined, left, n_left);
    sl_buf_add(joined, right, n_right);
    return true;
}

static bool merge_until_done(struct learner *l, struct sl_bytes_map *tokens, struct sl_bpe_merge **merges,
                             size_t *n_merges, struct sl_buf *joined)
{
    size_t cap = 0;
    struct pair *best;
    while (tokens->n < l->job->n_tokens && (best = pop_best(l)) != NULL) {
        if (!join_bytes(l, tokens, best, joined)) continue;
        uint32_t token = sl_bytes_map_intern(tokens, sl_buf_str(joined), joined->len);
        if (token == SL_BYTES_MAP_NONE ||
            !sl_grow_array((void **)merges, &cap, *n_merges + 1, sizeof **merges, max_items))
            return false;
        (*merges)[(*n_merges)++] = (struct sl_bpe_merge){best->left, best->right, (int32_t)token};
        if (!merge_pair(l, best, (int32_t)token)) return false;
        if (l->job->progress && *n_merges % 256 == 0) l->job->progress(l->job->user, tokens->n);
    }
    return true;
}

static void release(struct learner *l)
{
    for (size_t i = 0; i < l->n_pairs; i++) free(l->pairs[i].where);
    free(l->pairs);
    free(l->index);
    free(l->heap);
    free(l->raised);
    free(l->words);
    free(l->symbols);
}

sl_status sl_bpe_learn(const struct sl_bpe_learn *job, struct sl_bytes_map *tokens, struct sl_bpe_merge **merges,
                       size_t *n_merges, sl_error *err)
{
    *merges = NULL;
    *n_merges = 0;
    struct learner l = {.job = job};
    struct sl_buf joined = SL_BUF_INIT(job->max_token_bytes);
    bool good = true;
    for (int b = 0; good && b < 256; b++) good = sl_bytes_map_intern(tokens, &(char){(char)b}, 1) == (uint32_t)b;
    good = good && count_pairs(&l) && merge_until_done(&l, tokens, merges, n_merges, &joined);
    release(&l);
    sl_buf_release(&joined);
    if (good) return SL_OK;
    free(*merges);
    *merges = NULL;
    return sl_fail(err, SL_ERR_MEMORY, "out of memory for learning merges");
}
