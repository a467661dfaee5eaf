/*
 * pretokenize.c: running the chain of splits with PCRE2's just-in-time compiler.
 */
#include "text/pretokenize.h"

#include "base/buf.h"
#include "base/mem.h"
#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

struct compiled_split {
    struct sl_split split; /* its pattern is owned */
    pcre2_code *code;
    bool jit;
};

struct sl_pretokenizer {
    struct compiled_split splits[SL_MAX_SPLITS];
    size_t n_splits;
};

struct sl_pretokenizer_scratch {
    pcre2_match_data *match;
    pcre2_match_context *context;
};

static sl_status compile(struct compiled_split *c, const struct sl_split *split, sl_error *err)
{
    c->split = *split;
    c->split.pattern = sl_strdup(split->pattern);
    if (!c->split.pattern) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a pattern");
    struct sl_buf translated = SL_BUF_INIT(1 << 20);
    sl_status status = SL_OK;
    uint32_t options = PCRE2_UTF;
    if (split->literal) {
        options |= PCRE2_LITERAL;
        sl_buf_addstr(&translated, split->pattern);
    } else {
        /* \C would match a part of a character. */
        options |= PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
        status = sl_regex_to_pcre2(split->pattern, &translated, err);
        if (status) goto out;
    }
    if (!sl_buf_ok(&translated)) {
        status = sl_fail(err, SL_ERR_MEMORY, "the pattern is too long");
        goto out;
    }
    int code;
    PCRE2_SIZE at;
    c->code = pcre2_compile((PCRE2_SPTR)sl_buf_str(&translated), translated.len, options, &code, &at, NULL);
    if (!c->code) {
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(code, why, sizeof why);
        status = sl_fail(err, SL_ERR_FORMAT, "pattern '%.200s': %s at byte %zu", split->pattern, (const char *)why, at);
        goto out;
    }
    /* Some hardened systems forbid writable code; the interpreter gives the same pieces, slower. */
    c->jit = pcre2_jit_compile(c->code, PCRE2_JIT_COMPLETE) == 0;
out:
    sl_buf_release(&translated);
    return status;
}

sl_status sl_pretokenizer_new(const struct sl_split *splits, size_t n_splits, struct sl_pretokenizer **out,
                              sl_error *err)
{
    *out = NULL;
    if (n_splits > SL_MAX_SPLITS)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "%zu splits (at most %d)", n_splits, SL_MAX_SPLITS);
    struct sl_pretokenizer *p = calloc(1, sizeof *p);
    if (!p) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a pre-tokenizer");
    for (size_t i = 0; i < n_splits; i++) {
        p->n_splits = i + 1;
        sl_status status = compile(&p->splits[i], &splits[i], err);
        if (status) {
            sl_pretokenizer_free(&p);
            return status;
        }
    }
    *out = p;
    return SL_OK;
}

void sl_pretokenizer_free(struct sl_pretokenizer **p)
{
    if (!*p) return;
    for (size_t i = 0; i < (*p)->n_splits; i++) {
        pcre2_code_free((*p)->splits[i].code);
        free((char *)(*p)->splits[i].split.pattern);
    }
    free(*p);
    *p = NULL;
}

size_t sl_pretokenizer_n_splits(const struct sl_pretokenizer *p)
{
    return p->n_splits;
}

const struct sl_split *sl_pretokenizer_split_at(const struct sl_pretokenizer *p, size_t i)
{
    return &p->splits[i].split;
}

struct sl_pretokenizer_scratch *sl_pretokenizer_scratch_new(void)
{
    struct sl_pretokenizer_scratch *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->match || !s->context) {
        sl_pretokenizer_scratch_free(s);
        return NULL;
    }
    return s;
}

void sl_pretokenizer_scratch_free(struct sl_pretokenizer_scratch *s)
{
    if (!s) return;
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->context);
    free(s);
}

/* One run of one chain over one text. */
struct run {
    const struct sl_pretokenizer *p;
    struct sl_pretokenizer_scratch *scratch;
    sl_piece_fn emit;
    void *user;
    sl_error *err;
};

/* The piece under construction at one step of the chain, which later segments may still join. */
struct pending {
    const char *text;
    size_t begin, end;
    bool match; /* its last segment was a match */
};

static sl_status split_from(const struct run *r, size_t step, const char *text, size_t n);

static sl_status flush(const struct run *r, size_t step, const struct pending *p)
{
    if (p->begin == p->end) return SL_OK;
    return split_from(r, step + 1, p->text + p->begin, p->end - p->begin);
}

/* Whether a segment joins the piece before it. */
static bool joins(sl_split_behavior behavior, bool last_match, bool match)
{
    switch (behavior) {
    case SL_SPLIT_MERGED_WITH_PREVIOUS:
        return match && !last_match;
    case SL_SPLIT_MERGED_WITH_NEXT:
        return !match && last_match;
    case SL_SPLIT_CONTIGUOUS:
        return match == last_match;
    case SL_SPLIT_ISOLATED:
    case SL_SPLIT_REMOVED:
        break;
    }
    return false;
}

static sl_status add_segment(const struct run *r, size_t step, struct pending *p, size_t end, bool match)
{
    const struct sl_split *split = &r->p->splits[step].split;
    size_t begin = p->end;
    if (begin == end) return SL_OK;
    match = match != split->invert;
    bool starts = p->begin == p->end;
    if (starts || !joins(split->behavior, p->match, match)) {
        sl_status status = flush(r, step, p);
        if (status) return status;
        p->begin = begin;
    }
    p->end = end;
    p->match = match;
    if (match && split->behavior == SL_SPLIT_REMOVED) p->begin = end;
    return SL_OK;
}

/* Finds the next match at or after `from`: 1 with *begin and *end, 0 for none, or a negative PCRE2 error. */
static int find(const struct run *r, const struct compiled_split *c, const char *text, size_t n, size_t from,
                size_t *begin, size_t *end)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    pcre2_match_data *match = r->scratch->match;
    int rc = c->jit ? pcre2_jit_match(c->code, subject, n, from, PCRE2_NOTEMPTY, match, r->scratch->context)
                    : pcre2_match(c->code, subject, n, from, PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK, match,
                                  r->scratch->context);
    if (rc == PCRE2_ERROR_NOMATCH) return 0;
    if (rc < 0) return rc;
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
    *begin = at[0];
    *end = at[1];
    /* \K in a pattern can move a match's begin anywhere. */
    return *begin >= from && *end > *begin && *end <= n ? 1 : PCRE2_ERROR_BADOFFSET;
}

static sl_status split_from(const struct run *r, size_t step, const char *text, size_t n)
{
    if (step == r->p->n_splits) return r->emit(r->user, text, n);
    const struct compiled_split *c = &r->p->splits[step];
    struct pending p = {.text = text};
    sl_status status = SL_OK;
    while (!status && p.end < n) {
        size_t begin, end;
        int rc = find(r, c, text, n, p.end, &begin, &end);
        if (rc < 0) {
            PCRE2_UCHAR why[128] = "";
            pcre2_get_error_message(rc, why, sizeof why);
            return sl_fail(r->err, SL_ERR_FORMAT, "pattern '%.200s' failed on the text: %s", c->split.pattern,
                           (const char *)why);
        }
        status = add_segment(r, step, &p, rc ? begin : n, false);
        if (!status && rc) status = add_segment(r, step, &p, end, true);
    }
    return status ? status : flush(r, step, &p);
}

sl_status sl_pretokenize(const struct sl_pretokenizer *p, struct sl_pretokenizer_scratch *s, const char *text, size_t n,
                         sl_piece_fn emit, void *user, sl_error *err)
{
    if (n == 0) return SL_OK;
    /* A sane pattern backtracks over a run of characters at most a few times: a budget in proportion to the text. */
    size_t budget = 1000000 + 8 * (n < ((size_t)1 << 28) ? n : (size_t)1 << 28);
    pcre2_set_match_limit(s->context, (uint32_t)budget);
    struct run r = {.p = p, .scratch = s, .emit = emit, .user = user, .err = err};
    return split_from(&r, 0, text, n);
}
