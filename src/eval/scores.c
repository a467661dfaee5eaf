/*
 * scores.c: counting, and showing the counts.
 */
#include "eval/scores.h"

#include "base/json.h"
#include "base/mem.h"
#include "eval/question.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

/* A sample's truth, NULL when it has none. Owned. */
static json_t *parse_truth(const struct sl_sample *sample)
{
    json_t *truth = NULL;
    if (sample->truth && sl_json_parse(sample->truth, sample->n_truth, MAX_DEPTH, &truth, NULL) != SL_OK) truth = NULL;
    return truth;
}

static int compare(const struct sl_eval_group *a, const char *family, const char *task, int level)
{
    int by = strcmp(a->family, family);
    if (!by) by = strcmp(a->task, task);
    return by ? by : (a->level > level) - (a->level < level);
}

/* The group of a sample, made in its place if need be; NULL without memory. */
static struct sl_eval_group *group_of(struct sl_eval_scores *s, const struct sl_sample *sample)
{
    struct sl_eval_group g = {.level = sample->level};
    snprintf(g.family, sizeof g.family, "%s", sample->domain ? sample->domain : "-");
    snprintf(g.task, sizeof g.task, "%s", sample->task ? sample->task : "-");
    int at = 0;
    while (at < s->n && compare(&s->groups[at], g.family, g.task, g.level) < 0) at++;
    if (at < s->n && compare(&s->groups[at], g.family, g.task, g.level) == 0) return &s->groups[at];
    if (!sl_grow_array((void **)&s->groups, &s->cap, (size_t)s->n + 1, sizeof *s->groups, INT32_MAX)) return NULL;
    memmove(s->groups + at + 1, s->groups + at, (size_t)(s->n - at) * sizeof *s->groups);
    s->groups[at] = g;
    s->n++;
    return &s->groups[at];
}

/* Counts what a guess is worth, sets *chance to it, and keeps this answer as the next guess. */
static bool add_guess(struct sl_eval_group *g, const struct sl_sample *sample, double *chance)
{
    struct sl_buf right = SL_BUF_INIT(sample->max_bytes);
    json_t *truth = parse_truth(sample);
    double known = json_number_value(json_object_get(truth, "chance"));
    bool guessed = known > 0;
    if (!guessed && g->last) {
        sl_eval_score(sample, g->last, &guessed);
        known = guessed;
        guessed = true;
    }
    g->n_chance += guessed;
    g->chance += guessed ? known : 0;
    *chance = guessed ? known : NAN;
    json_decref(truth);
    sl_eval_right_text(sample, &right);
    free(g->last);
    g->last = strdup(sl_buf_str(&right));
    sl_buf_release(&right);
    return g->last != NULL;
}

sl_status sl_eval_scores_add(struct sl_eval_scores *s, const struct sl_sample *sample, struct sl_eval_outcome *outcome,
                             sl_error *err)
{
    struct sl_eval_group *g = group_of(s, sample);
    if (!g) return sl_fail(err, SL_ERR_MEMORY, "no memory for scores");
    g->n++;
    g->n_right += outcome->right;
    g->score += outcome->score;
    g->n_blind += outcome->blind;
    g->n_blind_right += outcome->blind && outcome->blind_right;
    return add_guess(g, sample, &outcome->chance) ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for scores");
}

void sl_eval_scores_sum(const struct sl_eval_scores *s, const char *family, struct sl_eval_group *out)
{
    *out = (struct sl_eval_group){.level = -1};
    snprintf(out->family, sizeof out->family, "%s", family ? family : "all");
    for (int i = 0; i < s->n; i++) {
        const struct sl_eval_group *g = &s->groups[i];
        if (family && strcmp(g->family, family) != 0) continue;
        out->n += g->n;
        out->n_right += g->n_right;
        out->score += g->score;
        out->n_blind += g->n_blind;
        out->n_blind_right += g->n_blind_right;
        out->n_chance += g->n_chance;
        out->chance += g->chance;
    }
}

double sl_eval_margin(int64_t n_right, int64_t n)
{
    const double z = 1.96, trials = (double)n + z * z;
    double p = ((double)n_right + z * z / 2) / trials;
    return n ? fmin(0.5, z * sqrt(p * (1 - p) / trials)) : 0.5;
}

/* --- showing ---------------------------------------------------------------------------------------------------- */

static double share(double part, int64_t n)
{
    return n ? part / (double)n : NAN;
}

/* A share as a column of ten; a dash when there is none. */
static void print_share(double x, FILE *out)
{
    if (isnan(x))
        fprintf(out, " %9s", "-");
    else
        fprintf(out, " %7.1f %%", 100 * x);
}

static void print_group(const struct sl_eval_group *g, FILE *out)
{
    char level[12] = "";
    if (g->level >= 0) snprintf(level, sizeof level, "%d", g->level);
    fprintf(out, "%-14s %-18s %5s %9lld", g->family, g->task, level, (long long)g->n);
    print_share(share((double)g->n_right, g->n), out);
    fprintf(out, " +-%4.1f", 100 * sl_eval_margin(g->n_right, g->n));
    print_share(share(g->score, g->n), out);
    print_share(share((double)g->n_blind_right, g->n_blind), out);
    print_share(share(g->chance, g->n_chance), out);
    fputc('\n', out);
}

void sl_eval_scores_print(const struct sl_eval_scores *s, FILE *out)
{
    struct sl_eval_group sum;
    fprintf(out, "%-14s %-18s %5s %9s %9s %6s %9s %9s %9s\n", "family", "task", "level", "questions", "right", "",
            "score", "blind", "chance");
    for (int i = 0; i < s->n; i++) {
        print_group(&s->groups[i], out);
        if (i + 1 < s->n && strcmp(s->groups[i].family, s->groups[i + 1].family) == 0) continue;
        sl_eval_scores_sum(s, s->groups[i].family, &sum);
        snprintf(sum.task, sizeof sum.task, "(all)");
        print_group(&sum, out);
    }
    sl_eval_scores_sum(s, NULL, &sum);
    print_group(&sum, out);
    if (s->n_skipped) fprintf(out, "%lld samples could not be asked\n", (long long)s->n_skipped);
}

static void set_share(json_t *object, const char *key, double x)
{
    json_object_set_new(object, key, isnan(x) ? json_null() : json_real(x));
}

static json_t *group_json(const struct sl_eval_group *g, bool named)
{
    json_t *o = json_object();
    json_object_set_new(o, "family", json_string(g->family));
    if (named) json_object_set_new(o, "task", json_string(g->task));
    if (named && g->level >= 0) json_object_set_new(o, "level", json_integer(g->level));
    json_object_set_new(o, "questions", json_integer(g->n));
    set_share(o, "right", share((double)g->n_right, g->n));
    set_share(o, "margin", sl_eval_margin(g->n_right, g->n));
    set_share(o, "score", share(g->score, g->n));
    set_share(o, "blind", share((double)g->n_blind_right, g->n_blind));
    set_share(o, "chance", share(g->chance, g->n_chance));
    return o;
}

json_t *sl_eval_scores_json(const struct sl_eval_scores *s)
{
    struct sl_eval_group sum;
    json_t *top = json_object(), *families = json_array(), *groups = json_array();
    for (int i = 0; i < s->n; i++) {
        json_array_append_new(groups, group_json(&s->groups[i], true));
        if (i + 1 < s->n && strcmp(s->groups[i].family, s->groups[i + 1].family) == 0) continue;
        sl_eval_scores_sum(s, s->groups[i].family, &sum);
        json_array_append_new(families, group_json(&sum, false));
    }
    sl_eval_scores_sum(s, NULL, &sum);
    json_object_set_new(top, "all", group_json(&sum, false));
    json_object_set_new(top, "skipped", json_integer(s->n_skipped));
    json_object_set_new(top, "families", families);
    json_object_set_new(top, "groups", groups);
    return top;
}

void sl_eval_scores_release(struct sl_eval_scores *s)
{
    for (int i = 0; i < s->n; i++) free(s->groups[i].last);
    free(s->groups);
    *s = (struct sl_eval_scores){0};
}
