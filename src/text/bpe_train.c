/*
 * bpe_train.c: counting the pieces of a text, and assembling a tokenizer from the merges learned from them.
 */
#include "text/bpe_train.h"

#include "base/file.h"
#include "base/mem.h"
#include "text/bpe_learn.h"
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PIECE = 1024, BLOCK = 1 << 20 };
static const size_t max_word_bytes = (size_t)1 << 36;
static const size_t max_words = (size_t)1 << 31;

struct sl_bpe_trainer {
    struct sl_bpe_train_options options;
    struct sl_tokenizer *cutter; /* cuts text as the finished tokenizer will; has no vocabulary */
    struct sl_pieces_scratch scratch;
    struct sl_bytes_map words;
    uint64_t *counts; /* of word i */
    size_t counts_cap;
};

void sl_bpe_train_defaults(struct sl_bpe_train_options *o)
{
    *o = (struct sl_bpe_train_options){.vocab_size = 8192, .min_count = 2, .max_token_bytes = 64};
}

/* Gives t the normalisation, the pattern and the added tokens, which get the ids from first_id on. */
static sl_status set_text_steps(struct sl_tokenizer *t, int32_t first_id, sl_error *err)
{
    const struct sl_split split = {.pattern = SL_PATTERN_QWEN2, .behavior = SL_SPLIT_ISOLATED};
    t->form = SL_FORM_NFC;
    sl_status status = sl_pretokenizer_new(&split, 1, &t->pretokenizer, err);
    for (int i = 0; !status && i < SL_N_SPECIAL; i++) {
        const struct sl_special_token *s = sl_special_token_at(i);
        struct sl_added_token token = {
            .text = (char *)s->text, .n = strlen(s->text), .id = first_id + i, .special = s->special};
        status = sl_tokenizer_add_added(t, &token, err);
    }
    return status;
}

sl_status sl_bpe_trainer_new(const struct sl_bpe_train_options *o, struct sl_bpe_trainer **out, sl_error *err)
{
    *out = NULL;
    if (o->vocab_size < SL_BPE_MIN_VOCABULARY || o->vocab_size > SL_MAX_VOCABULARY)
        return sl_fail(err, SL_ERR_ARGUMENT, "a vocabulary of %zu is not between %d and %d", o->vocab_size,
                       SL_BPE_MIN_VOCABULARY, SL_MAX_VOCABULARY);
    if (o->min_count < 1) return sl_fail(err, SL_ERR_ARGUMENT, "the least count must be at least 1");
    if (o->max_token_bytes < 1 || o->max_token_bytes > MAX_PIECE)
        return sl_fail(err, SL_ERR_ARGUMENT, "tokens of %zu bytes: not between 1 and %d", o->max_token_bytes,
                       MAX_PIECE);
    struct sl_bpe_trainer *t = calloc(1, sizeof *t);
    if (t) t->cutter = sl_tokenizer_new();
    if (!t || !t->cutter) {
        free(t);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for a trainer");
    }
    t->options = *o;
    sl_bytes_map_init(&t->words, max_word_bytes);
    sl_status status = set_text_steps(t->cutter, 0, err);
    if (status) {
        sl_bpe_trainer_free(&t);
        return status;
    }
    sl_added_set_sort(&t->cutter->added);
    *out = t;
    return SL_OK;
}

void sl_bpe_trainer_free(struct sl_bpe_trainer **t)
{
    if (!*t) return;
    sl_tokenizer_free(&(*t)->cutter);
    sl_pieces_scratch_release(&(*t)->scratch);
    sl_bytes_map_release(&(*t)->words);
    free((*t)->counts);
    free(*t);
    *t = NULL;
}

/* One call that counts, for the callbacks. */
struct counting {
    struct sl_bpe_trainer *t;
    sl_error *err;
};

static sl_status count_piece(void *user, const char *piece, size_t n)
{
    struct counting *c = user;
    struct sl_bpe_trainer *t = c->t;
    if (n > MAX_PIECE) return SL_OK;
    uint32_t before = t->words.n, w = sl_bytes_map_intern(&t->words, piece, n);
    if (w == SL_BYTES_MAP_NONE ||
        !sl_grow_array((void **)&t->counts, &t->counts_cap, (size_t)w + 1, sizeof *t->counts, max_words))
        return sl_fail(c->err, SL_ERR_MEMORY, "out of memory for %u distinct words", t->words.n);
    if (w >= before) t->counts[w] = 0;
    t->counts[w]++;
    return SL_OK;
}

static sl_status skip_added(void *user, int32_t id)
{
    (void)user, (void)id;
    return SL_OK;
}

sl_status sl_bpe_trainer_add(struct sl_bpe_trainer *t, const char *text, size_t n, sl_error *err)
{
    struct counting c = {t, err};
    struct sl_pieces_sink sink = {count_piece, skip_added, &c};
    return sl_tokenizer_pieces(t->cutter, &t->scratch, text, n, SL_ENCODE_EVERYTHING, &sink, err);
}

/* Returns where to cut a block off text: after a line feed before something that is no white space, since no piece of
 * the pattern spans such a place. */
static size_t block_end(const char *text, size_t n)
{
    size_t at = BLOCK;
    while (at < n) {
        const char *newline = memchr(text + at, '\n', n - at);
        if (!newline) break;
        at = (size_t)(newline - text) + 1;
        if (at < n && (unsigned char)text[at] > ' ' && (unsigned char)text[at] < 0x7F) return at;
    }
    return n;
}

sl_status sl_bpe_trainer_add_file(struct sl_bpe_trainer *t, const char *path, sl_error *err)
{
    struct sl_mapped_file file;
    sl_status status = sl_file_map(path, &file, err);
    if (status) return status;
    const char *text = (const char *)file.data;
    for (size_t at = 0; !status && at < file.size;) {
        size_t n = block_end(text + at, file.size - at);
        status = sl_bpe_trainer_add(t, text + at, n, err);
        if (status) sl_fail_context(err, status, "%s", path);
        at += n;
        if (t->options.progress) t->options.progress(t->options.user, "reading", (double)at, (double)file.size);
    }
    sl_file_unmap(&file);
    return status;
}

static void report_merging(void *user, size_t n_tokens)
{
    const struct sl_bpe_train_options *o = user;
    o->progress(o->user, "merging", (double)(n_tokens + SL_N_SPECIAL), (double)o->vocab_size);
}

/* Makes the tokenizer; takes merges. */
static sl_status assemble(const struct sl_bytes_map *tokens, struct sl_bpe_merge *merges, size_t n_merges,
                          struct sl_tokenizer **out, sl_error *err)
{
    struct sl_tokenizer *t = sl_tokenizer_new();
    if (!t) {
        free(merges);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for a tokenizer");
    }
    sl_status status = sl_bpe_set_merges(&t->bpe, merges, n_merges, err);
    for (uint32_t i = 0; !status && i < tokens->n; i++) {
        size_t n;
        const char *bytes = sl_bytes_map_at(tokens, i, &n);
        status = sl_tokenizer_add_token(t, (int32_t)i, bytes, n, false, err);
    }
    if (!status) status = set_text_steps(t, (int32_t)tokens->n, err);
    if (!status) status = sl_tokenizer_finish(t, err);
    if (status)
        sl_tokenizer_free(&t);
    else
        *out = t;
    return status;
}

sl_status sl_bpe_trainer_finish(struct sl_bpe_trainer *t, struct sl_tokenizer **out, sl_error *err)
{
    *out = NULL;
    struct sl_bpe_learn job = {
        .words = &t->words,
        .counts = t->counts,
        .n_tokens = t->options.vocab_size - SL_N_SPECIAL,
        .min_count = t->options.min_count,
        .max_token_bytes = t->options.max_token_bytes,
        .progress = t->options.progress ? report_merging : NULL,
        .user = &t->options,
    };
    struct sl_bytes_map tokens;
    sl_bytes_map_init(&tokens, (size_t)SL_MAX_VOCABULARY * t->options.max_token_bytes);
    struct sl_bpe_merge *merges;
    size_t n_merges;
    sl_status status = sl_bpe_learn(&job, &tokens, &merges, &n_merges, err);
    if (!status) status = assemble(&tokens, merges, n_merges, out, err);
    sl_bytes_map_release(&tokens);
    return status;
}
