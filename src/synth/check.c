/*
 * check.c: the table of rules, and what they share.
 */
#include "synth/check_parts.h"

#include "base/mem.h"
#include "synth/synth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 4 };

/* "all": several truths at once, as a format and a content. */
static double check_all(const json_t *truth, const struct sl_answer *a);

static const struct sl_checker rules[] = {
    {"exact", "the text of `answer`, or of one of them, but for case and white space (`case`: it counts)",
     sl_check_exact},
    {"yes-no", "begins with yes or no, as `answer`", sl_check_yes_no},
    {"choice", "the letter `answer`, or the text of that option among `options`", sl_check_choice},
    {"number", "the number `answer` within `tolerance` of it (default 0.05), or `absolute`", sl_check_value},
    {"count", "the whole number `answer`", sl_check_count},
    {"text", "as `answer`: 1 - edit distance / length (`case`: it counts)", sl_check_text},
    {"mentions", "each of the words or lists of synonyms in `answer`, none of those in `wrong`", sl_check_mentions},
    {"regex", "matches every pattern of `answer` and none of `not`", sl_check_regex},
    {"points", "one point in each target (box or polygon) of `answer`, no other: F1", sl_check_points},
    {"boxes", "the boxes of `answer`, of `labels`: F1 of matched IoU, or of those over `iou`", sl_check_boxes},
    {"polygons", "the polygons of `answer`, of `labels`: F1 of matched IoU, or of those over `iou`", sl_check_polygons},
    {"boxes3d", "the boxes in space of `answer`, of `labels`: F1 of matched IoU, or of those over `iou`",
     sl_check_boxes3d},
    {"spans", "the spans [start, end] of `answer` in seconds: F1 of matched IoU; times within `tolerance`",
     sl_check_spans},
    {"action", "the steps of `answer`: kind, where, what; the share of leading ones that are right", sl_check_action},
    {"table", "the cells of `answer` (rows of strings) as HTML, Markdown or LaTeX: F1; `tolerance`, `keyed`",
     sl_check_table},
    {"all", "every truth in `answer`: their product", check_all},
};

const struct sl_checker *sl_checkers(int *n)
{
    *n = (int)(sizeof rules / sizeof *rules);
    return rules;
}

const struct sl_checker *sl_checker_find(const char *name)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].name, name) == 0) return &rules[i];
    for (int f = 0; f < sl_synth_n_families(); f++) {
        const struct sl_synth_family *family = sl_synth_family_at(f);
        for (int i = 0; i < family->n_checkers; i++)
            if (strcmp(family->checkers[i].name, name) == 0) return &family->checkers[i];
    }
    return NULL;
}

static const struct sl_checker *rule_of(const json_t *truth)
{
    const char *name = json_string_value(json_object_get(truth, "checker"));
    return name ? sl_checker_find(name) : NULL;
}

static double check_all_to(const json_t *truth, const struct sl_answer *a, int depth)
{
    const json_t *parts = json_object_get(truth, "answer");
    double product = json_array_size(parts) ? 1 : 0;
    for (size_t i = 0; i < json_array_size(parts) && product > 0; i++) {
        const json_t *part = json_array_get(parts, i);
        const struct sl_checker *rule = rule_of(part);
        if (!rule || depth >= MAX_DEPTH) return 0;
        product *= rule->score == check_all ? check_all_to(part, a, depth + 1) : rule->score(part, a);
    }
    return product;
}

static double check_all(const json_t *truth, const struct sl_answer *a)
{
    return check_all_to(truth, a, 0);
}

sl_status sl_check(const json_t *truth, const char *answer, size_t n, unsigned flags, double *score, sl_error *err)
{
    const struct sl_checker *rule = rule_of(truth);
    *score = 0;
    if (!rule) {
        const char *name = json_string_value(json_object_get(truth, "checker"));
        return sl_fail(err, SL_ERR_UNSUPPORTED, name ? "no checker is called \"%s\"" : "the truth names no checker%s",
                       name ? name : "");
    }
    struct sl_answer a = {0};
    sl_status status = sl_answer_parse(answer, n, flags, &a, err);
    if (!status) {
        double x = rule->score(truth, &a);
        *score = x >= 0 && x <= 1 ? x : 0;
    }
    sl_answer_release(&a);
    return status;
}

bool sl_check_passes(const json_t *truth, double score)
{
    return score >= sl_check_real(truth, "threshold", 1) - 1e-9;
}

/* --- parts ---------------------------------------------------------------------------------------------------- */

double sl_check_at(const json_t *array, size_t i)
{
    const json_t *x = json_array_get(array, i);
    return json_is_number(x) ? json_number_value(x) : NAN;
}

const char *sl_check_string(const json_t *truth, const char *key, const char *fallback)
{
    const char *s = json_string_value(json_object_get(truth, key));
    return s ? s : fallback;
}

double sl_check_real(const json_t *truth, const char *key, double fallback)
{
    const json_t *x = json_object_get(truth, key);
    return json_is_number(x) ? json_number_value(x) : fallback;
}

struct pair {
    double fit;
    size_t t, a;
};

/* Better fits first, then the order of the items, so that the result follows from the input alone. */
static int by_fit(const void *x, const void *y)
{
    const struct pair *p = x, *q = y;
    if (p->fit != q->fit) return p->fit > q->fit ? -1 : 1;
    if (p->t != q->t) return p->t < q->t ? -1 : 1;
    return p->a < q->a ? -1 : p->a > q->a;
}

struct matching {
    struct pair *pairs; /* sorted */
    size_t n;
    size_t *first;     /* of each truth's pairs, when all fits are equal */
    size_t *of_answer; /* partner + 1 of each answer; 0: none */
    size_t *of_truth;
    bool *seen; /* answers looked at in one search */
};

/* Looks for a partner of truth t, moving others to partners of theirs (Kuhn 1955). Depth is bounded by the items. */
static bool augment(struct matching *m, size_t t)
{
    for (size_t i = m->first[t]; i < m->n && m->pairs[i].t == t; i++) {
        size_t a = m->pairs[i].a;
        if (m->seen[a]) continue;
        m->seen[a] = true;
        if (m->of_answer[a] && !augment(m, m->of_answer[a] - 1)) continue;
        m->of_answer[a] = t + 1;
        m->of_truth[t] = a + 1;
        return true;
    }
    return false;
}

static double sum_of_matches(struct matching *m, size_t n_truth, size_t n_answer)
{
    double sum = 0;
    qsort(m->pairs, m->n, sizeof *m->pairs, by_fit);
    for (size_t i = 0; i < m->n; i++) {
        const struct pair *p = &m->pairs[i];
        if (m->of_truth[p->t] || m->of_answer[p->a]) continue;
        m->of_truth[p->t] = p->a + 1;
        m->of_answer[p->a] = p->t + 1;
    }
    bool equal = m->pairs[0].fit == m->pairs[m->n - 1].fit; /* then the pairs of a truth stand together */
    for (size_t i = m->n; i-- > 0;) m->first[m->pairs[i].t] = i;
    for (size_t t = 0; equal && t < n_truth; t++)
        if (!m->of_truth[t]) {
            memset(m->seen, 0, n_answer * sizeof *m->seen);
            augment(m, t);
        }
    for (size_t i = 0; i < m->n; i++)
        if (m->of_answer[m->pairs[i].a] == m->pairs[i].t + 1) sum += m->pairs[i].fit;
    return sum;
}

double sl_check_match(sl_check_fit fit, const void *arg, size_t n_truth, size_t n_answer)
{
    if (n_truth + n_answer == 0) return 1;
    size_t nt = n_truth < SL_CHECK_MAX_ITEMS ? n_truth : SL_CHECK_MAX_ITEMS;
    size_t na = n_answer < SL_CHECK_MAX_ITEMS ? n_answer : SL_CHECK_MAX_ITEMS;
    if (nt == 0 || na == 0) return 0;
    struct matching m = {.of_answer = sl_alloc_array(na, sizeof *m.of_answer),
                         .of_truth = sl_alloc_array(nt, sizeof *m.of_truth),
                         .first = sl_alloc_array(nt, sizeof *m.first),
                         .seen = sl_alloc_array(na, sizeof *m.seen)};
    size_t cap = 0;
    bool ok = m.of_answer && m.of_truth && m.first && m.seen;
    for (size_t t = 0; t < nt && ok; t++)
        for (size_t a = 0; a < na && ok; a++) {
            double x = fit(arg, t, a);
            if (!(x > 0)) continue;
            ok = sl_grow_array((void **)&m.pairs, &cap, m.n + 1, sizeof *m.pairs, nt * na);
            if (ok) m.pairs[m.n++] = (struct pair){x, t, a};
        }
    double sum = ok && m.n ? sum_of_matches(&m, nt, na) : 0;
    free(m.pairs);
    free(m.first);
    free(m.of_answer);
    free(m.of_truth);
    free(m.seen);
    return 2 * sum / (double)(n_truth + n_answer);
}
