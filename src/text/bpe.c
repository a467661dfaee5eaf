/*
 * bpe.c: the vocabulary's tables, and merging.
 *
 * Most pieces are tokens themselves and cost one look-up, good whenever `whole` says that merging would end there too.
 * Of the others, short ones are merged in an array by looking for the lowest rank again and again, which beats any
 * structure at that size; long ones with a heap over a linked list, so that a megabyte of one letter stays n log n.
 */
#include "text/bpe.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT_PIECE = 32 };
#define NO_RANK UINT32_MAX
#define EMPTY_KEY UINT64_MAX
static const size_t max_vocabulary_bytes = (size_t)1 << 30;
static const size_t max_piece = (size_t)1 << 30;

struct sl_bpe_node {
    int32_t id;
    uint32_t rank;  /* of the merge with the next node, NO_RANK: none, or this node is gone */
    int32_t result; /* of that merge */
    uint32_t prev, next;
};

void sl_bpe_init(struct sl_bpe *b)
{
    *b = (struct sl_bpe){0};
    sl_bytes_map_init(&b->strings, max_vocabulary_bytes);
    for (int i = 0; i < 256; i++) b->byte_ids[i] = -1;
}

void sl_bpe_release(struct sl_bpe *b)
{
    sl_bytes_map_release(&b->strings);
    free(b->ids);
    free(b->whole);
    free(b->merges);
    free(b->pairs);
    sl_bpe_init(b);
}

sl_status sl_bpe_add(struct sl_bpe *b, int32_t id, const char *bytes, size_t n, sl_error *err)
{
    SL_CHECK(n > 0);
    uint32_t before = b->strings.n, i = sl_bytes_map_intern(&b->strings, bytes, n);
    if (i == SL_BYTES_MAP_NONE ||
        !sl_grow_array((void **)&b->ids, &b->ids_cap, (size_t)i + 1, sizeof *b->ids, SL_BYTES_MAP_NONE))
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for the vocabulary");
    if (i < before) return sl_fail(err, SL_ERR_FORMAT, "tokens %d and %d are the same bytes", b->ids[i], id);
    b->ids[i] = id;
    if (n > b->longest) b->longest = n;
    if (n == 1) b->byte_ids[(unsigned char)bytes[0]] = id;
    return SL_OK;
}

int32_t sl_bpe_find(const struct sl_bpe *b, const char *bytes, size_t n)
{
    uint32_t i = sl_bytes_map_find(&b->strings, bytes, n);
    return i == SL_BYTES_MAP_NONE ? -1 : b->ids[i];
}

static uint64_t pair_key(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* Returns the slot that holds key, or the empty one where it belongs. Fibonacci hashing, linear probing. */
static struct sl_bpe_pair *pair_slot(const struct sl_bpe *b, uint64_t key)
{
    size_t mask = ((size_t)1 << (64 - b->pairs_shift)) - 1;
    size_t i = (key * 0x9E3779B97F4A7C15u) >> b->pairs_shift;
    while (b->pairs[i].key != key && b->pairs[i].key != EMPTY_KEY) i = (i + 1) & mask;
    return &b->pairs[i];
}

sl_status sl_bpe_set_merges(struct sl_bpe *b, struct sl_bpe_merge *merges, size_t n, sl_error *err)
{
    b->merges = merges;
    b->n_merges = n;
    int k = 4;
    while (((size_t)1 << k) < 2 * n) k++;
    b->pairs_shift = 64 - k;
    b->pairs = sl_alloc_array((size_t)1 << k, sizeof *b->pairs);
    if (!b->pairs) return sl_fail(err, SL_ERR_MEMORY, "out of memory for %zu merges", n);
    for (size_t i = 0; i < (size_t)1 << k; i++) b->pairs[i].key = EMPTY_KEY;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = pair_key(merges[i].left, merges[i].right);
        struct sl_bpe_pair *slot = pair_slot(b, key);
        if (slot->key == key) return sl_fail(err, SL_ERR_FORMAT, "merge %zu repeats merge %u", i, slot->rank);
        *slot = (struct sl_bpe_pair){key, (uint32_t)i, merges[i].result};
    }
    return SL_OK;
}

/* Notes in node the merge of its id and the next one's. */
static void look_up_pair(const struct sl_bpe *b, struct sl_bpe_node *node, int32_t next_id)
{
    const struct sl_bpe_pair *slot = pair_slot(b, pair_key(node->id, next_id));
    bool found = slot->key != EMPTY_KEY;
    node->rank = found ? slot->rank : NO_RANK;
    node->result = slot->result;
}

/* Merges a piece of 2 to SHORT_PIECE bytes; writes the tokens to out (room for n) and returns their number. */
static size_t merge_short(const struct sl_bpe *b, const char *piece, size_t n, int32_t *out)
{
    struct sl_bpe_node nodes[SHORT_PIECE];
    for (size_t i = 0; i < n; i++) nodes[i].id = b->byte_ids[(unsigned char)piece[i]];
    for (size_t i = 0; i + 1 < n; i++) look_up_pair(b, &nodes[i], nodes[i + 1].id);
    nodes[n - 1].rank = NO_RANK;
    for (;;) {
        size_t at = 0;
        for (size_t i = 1; i < n; i++)
            if (nodes[i].rank < nodes[at].rank) at = i;
        if (nodes[at].rank == NO_RANK) break;
        nodes[at].id = nodes[at].result;
        n--;
        memmove(&nodes[at + 1], &nodes[at + 2], (n - at - 1) * sizeof *nodes);
        if (at + 1 < n)
            look_up_pair(b, &nodes[at], nodes[at + 1].id);
        else
            nodes[at].rank = NO_RANK;
        if (at > 0) look_up_pair(b, &nodes[at - 1], nodes[at].id);
    }
    for (size_t i = 0; i < n; i++) out[i] = nodes[i].id;
    return n;
}

/* The heap holds rank << 32 | position, smallest on top; entries that the list has overtaken are skipped when met. */
static void heap_push(uint64_t *heap, size_t *n, uint64_t entry)
{
    size_t i = (*n)++;
    while (i > 0 && heap[(i - 1) / 2] > entry) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = entry;
}

static uint64_t heap_pop(uint64_t *heap, size_t *n)
{
    uint64_t top = heap[0], last = heap[--*n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < *n; i = child) {
        if (child + 1 < *n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= last) break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

static void push_pair(const struct sl_bpe *b, struct sl_bpe_scratch *s, size_t *heap_len, uint32_t at)
{
    struct sl_bpe_node *node = &s->nodes[at];
    look_up_pair(b, node, s->nodes[node->next].id);
    if (node->rank != NO_RANK) heap_push(s->heap, heap_len, (uint64_t)node->rank << 32 | at);
}

/* Merges a piece of any length; returns the number of tokens left in the list that begins at node 0. */
static size_t merge_long(const struct sl_bpe *b, struct sl_bpe_scratch *s, const char *piece, size_t n)
{
    struct sl_bpe_node *nodes = s->nodes;
    const uint32_t end = (uint32_t)n;
    size_t heap_len = 0, left = n;
    for (uint32_t i = 0; i < end; i++)
        nodes[i] = (struct sl_bpe_node){b->byte_ids[(unsigned char)piece[i]], NO_RANK, 0, i - 1, i + 1};
    for (uint32_t i = 0; i + 1 < end; i++) push_pair(b, s, &heap_len, i);
    while (heap_len > 0) {
        uint64_t entry = heap_pop(s->heap, &heap_len);
        uint32_t at = (uint32_t)entry;
        struct sl_bpe_node *node = &nodes[at];
        if (node->rank != entry >> 32) continue;
        uint32_t gone = node->next;
        node->id = node->result;
        node->next = nodes[gone].next;
        nodes[gone].rank = NO_RANK;
        left--;
        node->rank = NO_RANK;
        if (node->next != end) {
            nodes[node->next].prev = at;
            push_pair(b, s, &heap_len, at);
        }
        if (at != 0) push_pair(b, s, &heap_len, node->prev);
    }
    return left;
}

void sl_bpe_scratch_release(struct sl_bpe_scratch *s)
{
    free(s->nodes);
    free(s->heap);
    *s = (struct sl_bpe_scratch){0};
}

/* Appends the merged tokens of a piece of at least two bytes, without looking whether it is a token. */
static sl_status encode_by_merges(const struct sl_bpe *b, struct sl_bpe_scratch *s, const char *piece, size_t n,
                                  struct sl_token_ids *out, sl_error *err)
{
    if (n <= SHORT_PIECE) {
        if (!sl_token_ids_reserve(out, n)) return sl_fail(err, SL_ERR_MEMORY, "more than %zu tokens", out->ceiling);
        out->len += merge_short(b, piece, n, out->data + out->len);
        return SL_OK;
    }
    /* Each byte starts at most one pair, and each of the at most n - 1 merges makes at most two new ones. */
    if (n > max_piece || !sl_grow_array((void **)&s->nodes, &s->nodes_cap, n, sizeof *s->nodes, max_piece) ||
        !sl_grow_array((void **)&s->heap, &s->heap_cap, 3 * n, sizeof *s->heap, 3 * max_piece))
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for a piece of %zu bytes", n);
    size_t left = merge_long(b, s, piece, n);
    if (!sl_token_ids_reserve(out, left)) return sl_fail(err, SL_ERR_MEMORY, "more than %zu tokens", out->ceiling);
    for (uint32_t i = 0; i < n; i = s->nodes[i].next) out->data[out->len++] = s->nodes[i].id;
    return SL_OK;
}

sl_status sl_bpe_finish(struct sl_bpe *b, bool ignore_merges, sl_error *err)
{
    for (int i = 0; i < 256; i++)
        if (b->byte_ids[i] < 0) return sl_fail(err, SL_ERR_FORMAT, "the byte 0x%02X is not in the vocabulary", i);
    b->whole = sl_alloc_array(b->strings.n, sizeof *b->whole);
    if (!b->whole) return sl_fail(err, SL_ERR_MEMORY, "out of memory for the vocabulary");
    struct sl_bpe_scratch scratch = {0};
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(max_piece);
    sl_status status = SL_OK;
    for (uint32_t i = 0; !status && i < b->strings.n; i++) {
        size_t n;
        const char *s = sl_bytes_map_at(&b->strings, i, &n);
        b->whole[i] = ignore_merges || n == 1;
        if (b->whole[i]) continue;
        ids.len = 0;
        status = encode_by_merges(b, &scratch, s, n, &ids, err);
        b->whole[i] = ids.len == 1 && ids.data[0] == b->ids[i];
    }
    sl_token_ids_release(&ids);
    sl_bpe_scratch_release(&scratch);
    return status;
}

sl_status sl_bpe_encode(const struct sl_bpe *b, struct sl_bpe_scratch *s, const char *piece, size_t n,
                        struct sl_token_ids *out, sl_error *err)
{
    if (n == 0) return SL_OK;
    int32_t id = -1;
    if (n == 1) {
        id = b->byte_ids[(unsigned char)piece[0]];
    } else if (n <= b->longest) {
        uint32_t i = sl_bytes_map_find(&b->strings, piece, n);
        if (i != SL_BYTES_MAP_NONE && b->whole[i]) id = b->ids[i];
    }
    if (id < 0) return encode_by_merges(b, s, piece, n, out, err);
    if (!sl_token_ids_add(out, id)) return sl_fail(err, SL_ERR_MEMORY, "more than %zu tokens", out->ceiling);
    return SL_OK;
}
