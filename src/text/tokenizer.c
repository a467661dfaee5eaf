/*
 * tokenizer.c: the path from text to ids and back, over the parts that the other files of this folder own.
 */
#include "text/tokenizer.h"

#include "base/mem.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

static const size_t max_bytes = (size_t)1 << 30;
static const size_t max_normal_text = (size_t)1 << 32;

/* --- building ------------------------------------------------------------------------------------------------ */

struct sl_tokenizer *sl_tokenizer_new(void)
{
    struct sl_tokenizer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->bytes.ceiling = max_bytes;
    sl_bpe_init(&t->bpe);
    return t;
}

void sl_tokenizer_free(struct sl_tokenizer **t)
{
    if (!*t) return;
    free((*t)->tokens);
    sl_buf_release(&(*t)->bytes);
    sl_pretokenizer_free(&(*t)->pretokenizer);
    sl_added_set_release(&(*t)->added);
    sl_bpe_release(&(*t)->bpe);
    free(*t);
    *t = NULL;
}

/* Makes room for id, unused ids in between included, and stores the bytes of a new token. */
static sl_status store_token(struct sl_tokenizer *t, int32_t id, const char *bytes, size_t n, sl_error *err)
{
    if (id < 0 || id >= SL_MAX_VOCABULARY)
        return sl_fail(err, SL_ERR_FORMAT, "id %d is not between 0 and %d", id, SL_MAX_VOCABULARY - 1);
    if (id >= t->n_tokens) {
        if (!sl_grow_array((void **)&t->tokens, &t->tokens_cap, (size_t)id + 1, sizeof *t->tokens, SL_MAX_VOCABULARY))
            return sl_fail(err, SL_ERR_MEMORY, "out of memory for the vocabulary");
        memset(t->tokens + t->n_tokens, 0, (size_t)(id + 1 - t->n_tokens) * sizeof *t->tokens);
        t->n_tokens = id + 1;
    }
    t->tokens[id].begin = t->bytes.len;
    t->tokens[id].n = (uint32_t)n;
    sl_buf_add(&t->bytes, bytes, n);
    if (!sl_buf_ok(&t->bytes)) return sl_fail(err, SL_ERR_MEMORY, "out of memory for the vocabulary");
    return SL_OK;
}

sl_status sl_tokenizer_add_token(struct sl_tokenizer *t, int32_t id, const char *bytes, size_t n, bool raw,
                                 sl_error *err)
{
    size_t n_other;
    const char *other = sl_tokenizer_token(t, id, &n_other);
    if (other)
        return sl_fail(err, SL_ERR_FORMAT, "id %d is also that of '%.*s'", id, sl_utf8_cut(other, n_other, 60), other);
    sl_status status = store_token(t, id, bytes, n, err);
    if (!status && !raw) status = sl_bpe_add(&t->bpe, id, bytes, n, err);
    if (status) return status;
    t->tokens[id].in_vocabulary = true;
    t->tokens[id].raw = raw;
    return SL_OK;
}

sl_status sl_tokenizer_add_added(struct sl_tokenizer *t, const struct sl_added_token *token, sl_error *err)
{
    if (!sl_added_set_add(&t->added, token)) return sl_fail(err, SL_ERR_MEMORY, "out of memory for the added tokens");
    bool known = token->id >= 0 && token->id < t->n_tokens && t->tokens[token->id].n > 0;
    struct sl_token old = known ? t->tokens[token->id] : (struct sl_token){0};
    sl_status status = store_token(t, token->id, token->text, token->n, err);
    if (status) return status;
    struct sl_token *stored = &t->tokens[token->id];
    stored->in_vocabulary = old.in_vocabulary;
    stored->raw = old.raw;
    stored->added = true;
    stored->special = token->special;
    return SL_OK;
}

sl_status sl_tokenizer_finish(struct sl_tokenizer *t, sl_error *err)
{
    const struct sl_added_token *twice = sl_added_set_sort(&t->added);
    if (twice)
        return sl_fail(err, SL_ERR_FORMAT, "added token '%.*s' is there twice", sl_utf8_cut(twice->text, twice->n, 60),
                       twice->text);
    return sl_bpe_finish(&t->bpe, t->ignore_merges, err);
}

/* --- from text to pieces ------------------------------------------------------------------------------------- */

/* One call of sl_tokenizer_pieces. */
struct pieces {
    const struct sl_tokenizer *t;
    struct sl_pieces_scratch *scratch;
    const struct sl_pieces_sink *sink;
    unsigned flags;
    bool valid; /* the text is well-formed UTF-8 */
    sl_error *err;
};

typedef sl_status (*segment_fn)(const struct pieces *p, const char *text, size_t n);

/* Hands the text between added tokens to `rest` and the tokens to the sink. */
static sl_status split_at_added(const struct pieces *p, bool normalized, const char *text, size_t n, segment_fn rest)
{
    struct sl_added_filter filter = {
        .normalized = normalized, .plain = p->flags & SL_ENCODE_TAGS, .special = p->flags & SL_ENCODE_SPECIAL};
    sl_status status = SL_OK;
    size_t at = 0;
    struct sl_added_match m;
    while (!status && p->flags && sl_added_set_search(&p->t->added, filter, text, n, at, &m)) {
        if (m.begin > at) status = rest(p, text + at, m.begin - at);
        if (!status) status = p->sink->added(p->sink->user, m.token->id);
        at = m.end;
    }
    if (!status && at < n) status = rest(p, text + at, n - at);
    return status;
}

/* Returns the length of the run of bytes at text that belong to no character. */
static size_t invalid_run(const char *text, size_t n)
{
    size_t i = 0;
    uint32_t cp;
    while (i < n && sl_utf8_decode(text + i, n - i, &cp) == 0) i++;
    return i;
}

/* Splits by the patterns, which need well-formed text: bytes that are not go through as pieces of their own. */
static sl_status split_segment(const struct pieces *p, const char *text, size_t n)
{
    const struct sl_pieces_sink *sink = p->sink;
    sl_status status = SL_OK;
    while (!status && n > 0) {
        size_t good = p->valid ? n : sl_utf8_valid_prefix(text, n);
        status = sl_pretokenize(p->t->pretokenizer, p->scratch->split, text, good, sink->piece, sink->user, p->err);
        text += good;
        n -= good;
        size_t bad = invalid_run(text, n);
        if (!status && bad > 0) status = sink->piece(sink->user, text, bad);
        text += bad;
        n -= bad;
    }
    return status;
}

static sl_status normalize_segment(const struct pieces *p, const char *text, size_t n)
{
    struct sl_buf *normal = &p->scratch->normal;
    if (p->valid && !sl_is_normal(p->t->form, text, n)) {
        sl_buf_clear(normal);
        sl_status status = sl_normalize(p->t->form, text, n, normal, p->err);
        if (status) return status;
        text = normal->data;
        n = normal->len;
    }
    return split_at_added(p, true, text, n, split_segment);
}

sl_status sl_tokenizer_pieces(const struct sl_tokenizer *t, struct sl_pieces_scratch *s, const char *text, size_t n,
                              unsigned flags, const struct sl_pieces_sink *sink, sl_error *err)
{
    if (!s->split) {
        s->split = sl_pretokenizer_scratch_new();
        s->normal.ceiling = max_normal_text;
        if (!s->split) return sl_fail(err, SL_ERR_MEMORY, "out of memory for splitting text");
    }
    struct pieces p = {t, s, sink, flags, sl_utf8_valid_prefix(text, n) == n, err};
    return split_at_added(&p, false, text, n, normalize_segment);
}

void sl_pieces_scratch_release(struct sl_pieces_scratch *s)
{
    sl_pretokenizer_scratch_free(s->split);
    sl_buf_release(&s->normal);
    *s = (struct sl_pieces_scratch){0};
}

/* --- encoding ------------------------------------------------------------------------------------------------ */

struct encoder {
    const struct sl_tokenizer *t;
    struct sl_bpe_scratch scratch;
    struct sl_token_ids *out;
    sl_error *err;
};

static sl_status encode_piece(void *user, const char *piece, size_t n)
{
    struct encoder *e = user;
    return sl_bpe_encode(&e->t->bpe, &e->scratch, piece, n, e->out, e->err);
}

static sl_status encode_added(void *user, int32_t id)
{
    struct encoder *e = user;
    if (sl_token_ids_add(e->out, id)) return SL_OK;
    return sl_fail(e->err, SL_ERR_MEMORY, "more than %zu tokens", e->out->ceiling);
}

sl_status sl_tokenizer_encode(const struct sl_tokenizer *t, const char *text, size_t n, unsigned flags,
                              struct sl_token_ids *out, sl_error *err)
{
    struct encoder e = {.t = t, .out = out, .err = err};
    struct sl_pieces_sink sink = {encode_piece, encode_added, &e};
    struct sl_pieces_scratch scratch = {0};
    sl_status status = sl_tokenizer_pieces(t, &scratch, text, n, flags, &sink, err);
    sl_pieces_scratch_release(&scratch);
    sl_bpe_scratch_release(&e.scratch);
    return status;
}

/* --- decoding ------------------------------------------------------------------------------------------------ */

sl_status sl_tokenizer_decode(const struct sl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                              struct sl_buf *out, sl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *bytes = sl_tokenizer_token(t, ids[i], &len);
        if (!bytes)
            return sl_fail(err, SL_ERR_ARGUMENT, "%d is no token of this vocabulary of %d", ids[i], t->n_tokens);
        if (!skip_special || !t->tokens[ids[i]].special) sl_buf_add(out, bytes, len);
    }
    if (!sl_buf_ok(out)) return sl_fail(err, SL_ERR_MEMORY, "the text is longer than %zu bytes", out->ceiling);
    return SL_OK;
}

static void stream_byte(struct sl_token_stream *s, char byte, struct sl_buf *out)
{
    uint32_t cp;
    s->held[s->n_held++] = byte;
    if (sl_utf8_decode(s->held, s->n_held, &cp) == s->n_held) {
        sl_buf_add(out, s->held, s->n_held);
        s->n_held = 0;
    } else if (!sl_utf8_is_partial(s->held, s->n_held)) {
        /* What came before this byte was a truncated character; the byte itself may begin a new one. */
        bool retry = s->n_held > 1;
        s->n_held = 0;
        sl_buf_addstr(out, "\xEF\xBF\xBD");
        if (retry) stream_byte(s, byte, out);
    }
}

sl_status sl_token_stream_add(const struct sl_tokenizer *t, struct sl_token_stream *s, int32_t id, bool skip_special,
                              struct sl_buf *out, sl_error *err)
{
    size_t n;
    const char *bytes = sl_tokenizer_token(t, id, &n);
    if (!bytes) return sl_fail(err, SL_ERR_ARGUMENT, "%d is no token of this vocabulary of %d", id, t->n_tokens);
    if (skip_special && t->tokens[id].special) return SL_OK;
    for (size_t i = 0; i < n; i++) stream_byte(s, bytes[i], out);
    if (!sl_buf_ok(out)) return sl_fail(err, SL_ERR_MEMORY, "the text is longer than %zu bytes", out->ceiling);
    return SL_OK;
}

void sl_token_stream_end(struct sl_token_stream *s, struct sl_buf *out)
{
    if (s->n_held > 0) sl_buf_addstr(out, "\xEF\xBF\xBD");
    s->n_held = 0;
}

/* --- the vocabulary ------------------------------------------------------------------------------------------ */

int32_t sl_tokenizer_vocab_size(const struct sl_tokenizer *t)
{
    return t->n_tokens;
}

int32_t sl_tokenizer_id(const struct sl_tokenizer *t, const char *text)
{
    size_t n = strlen(text);
    const struct sl_added_token *added = sl_added_set_find(&t->added, text, n);
    return added ? added->id : sl_bpe_find(&t->bpe, text, n);
}

const char *sl_tokenizer_token(const struct sl_tokenizer *t, int32_t id, size_t *n)
{
    *n = 0;
    if (id < 0 || id >= t->n_tokens || t->tokens[id].n == 0) return NULL;
    *n = t->tokens[id].n;
    return t->bytes.data + t->tokens[id].begin;
}

bool sl_tokenizer_is_added(const struct sl_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n_tokens && t->tokens[id].added;
}

bool sl_tokenizer_is_special(const struct sl_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n_tokens && t->tokens[id].special;
}

size_t sl_tokenizer_n_merges(const struct sl_tokenizer *t)
{
    return t->bpe.n_merges;
}
