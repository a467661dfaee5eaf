/*
 * answers.c: greedy decoding on the weights in training, and scoring by the families' checkers.
 */
#include "train/answers.h"

#include "base/mem.h"
#include "infer/kv_cache.h"
#include "synth/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sl_answers {
    const sl_objective_env *env;
    sl_kv_cache *cache;
    int32_t *prompt; /* (room) */
    int64_t room;
    struct sl_token_ids answer;
    int n_asked;  /* in this check, by this rank */
    json_t *last; /* object: family -> the last sample's right answer */
};

/* A question cut out of a packed sequence; borrows from it. */
struct question {
    const int32_t *tokens;
    int64_t n;
    int n_pictures;
    const sl_grid *grids;
    const float *patches;
    const int32_t *expected; /* the right answer, from its first token */
    int64_t n_expected;
};

sl_status sl_answers_new(const sl_objective_env *env, sl_answers **out, sl_error *err)
{
    sl_answers *a = *out = sl_alloc_array(1, sizeof *a);
    if (!a) return sl_fail(err, SL_ERR_MEMORY, "no memory for answers");
    a->env = env;
    a->room = env->max_tokens + env->max_answer_tokens;
    a->answer = (struct sl_token_ids){.ceiling = (size_t)env->max_answer_tokens + 1};
    a->prompt = sl_alloc_array((size_t)a->room, sizeof *a->prompt);
    a->last = json_object();
    int pages = (int)((a->room + SL_KV_PAGE_SIZE - 1) / SL_KV_PAGE_SIZE);
    sl_status s = a->prompt && a->last ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for answers");
    if (!s) s = sl_kv_cache_new(&env->model->config.decoder, env->model->plan.dt, pages, 1, &a->cache, err);
    if (s) sl_answers_free(out);
    return s;
}

void sl_answers_free(sl_answers **answers)
{
    sl_answers *a = *answers;
    *answers = NULL;
    if (!a) return;
    sl_kv_cache_free(a->cache);
    sl_token_ids_release(&a->answer);
    json_decref(a->last);
    free(a->prompt);
    free(a);
}

/* Cuts sample number i out of a packed sequence; false when it has no answer. */
static bool cut_question(const struct sl_loader_batch *d, int i, int patch_floats, struct question *q)
{
    *q = (struct question){0};
    int64_t patch = 0;
    int picture = 0;
    for (int k = 0; k < i; k++) {
        patch += d->samples[k]->n_patches;
        picture += d->samples[k]->n_pictures;
    }
    int64_t begin = d->cu_seqlens[i], end = d->cu_seqlens[i + 1], at = begin;
    while (at < end && d->targets[at] < 0) at++;
    q->tokens = d->tokens + begin;
    q->n = at - begin + 1;
    q->n_pictures = d->samples[i]->n_pictures;
    q->grids = d->grids + picture;
    q->patches = d->patches + patch * patch_floats;
    q->expected = d->targets + at;
    while (at + q->n_expected < end && d->targets[at + q->n_expected] >= 0) q->n_expected++;
    return q->n_expected > 0;
}

/* Copies the question into the prompt, without its pictures when blind; returns the number of tokens. */
static int64_t write_prompt(const sl_answers *a, const struct question *q, bool blind)
{
    const sl_special_ids *ids = &a->env->model->config.ids;
    int64_t n = 0;
    for (int64_t i = 0; i < q->n; i++) {
        int32_t t = q->tokens[i];
        bool picture = t == ids->image_start || t == ids->image_patch || t == ids->image_end;
        if (!blind || !picture) a->prompt[n++] = t;
    }
    return n;
}

static int32_t argmax(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return (int32_t)best;
}

/* Runs n tokens from the cache's length on and returns the likeliest next one, -1 after an error. */
static int32_t next_token(sl_answers *a, sl_ctx *ctx, sl_kv_sequence *seq, const sl_batch_spec *spec, int n,
                          sl_error *err)
{
    sl_model *m = a->env->model;
    sl_kv_sequence *seqs[1] = {seq};
    sl_batch *batch = NULL;
    int32_t token = -1;
    sl_mark mark = sl_ctx_mark(ctx);
    sl_status s = sl_kv_extend(a->cache, seq, n, err);
    if (!s) s = sl_batch_new(&m->config, spec, &batch, err);
    if (!s) {
        sl_tensor *x = sl_model_forward(ctx, m, batch, sl_kv_bind(a->cache, seqs, 1), NULL);
        if (x) {
            int64_t cols = m->config.decoder.hidden;
            char *last = (char *)x->data + (size_t)(n - 1) * (size_t)cols * sl_dtype_size(x->dtype);
            sl_tensor *logits = sl_model_logits(ctx, m, sl_tensor_wrap(ctx, x->dtype, 1, cols, last));
            if (logits) token = argmax(logits->data, m->config.decoder.vocab);
        }
        sl_ctx_status(ctx, err);
    }
    sl_batch_free(batch);
    sl_ctx_release_to(ctx, mark);
    return token;
}

/* Answers into a->answer, without the end token. */
static sl_status answer(sl_answers *a, sl_ctx *ctx, const struct question *q, bool blind, sl_error *err)
{
    sl_kv_sequence seq = {0};
    int32_t n = (int32_t)write_prompt(a, q, blind), first = 0, cu[2] = {0, n};
    sl_batch_spec spec = {.tokens = a->prompt, .n_seqs = 1, .cu_seqlens = cu, .first_position = &first};
    if (!blind) {
        spec.n_pictures = q->n_pictures;
        spec.grids = q->grids;
        spec.patches = q->patches;
    }
    a->answer.len = 0;
    int32_t token = next_token(a, ctx, &seq, &spec, n, err);
    while (token >= 0 && token != a->env->model->config.ids.eos && (int)a->answer.len < a->env->max_answer_tokens) {
        if (!sl_token_ids_add(&a->answer, token)) break;
        first = seq.length;
        cu[1] = 1;
        spec = (sl_batch_spec){.tokens = &token, .n_seqs = 1, .cu_seqlens = cu, .first_position = &first};
        /* A picture's token among the answer would want a picture. */
        if (token == a->env->model->config.ids.image_patch) break;
        token = next_token(a, ctx, &seq, &spec, 1, err);
    }
    sl_kv_release(a->cache, &seq);
    return token < 0 ? SL_ERR_MEMORY : SL_OK;
}

/* Right or wrong: by the sample's truth where it has one a checker knows, else by being the same text. */
static double score(const char *truth, const char *expected, const char *text)
{
    json_t *t = NULL;
    double value = 0;
    if (truth && sl_json_parse(truth, strlen(truth), 32, &t, NULL) == SL_OK && json_object_get(t, "checker")) {
        bool known = sl_check(t, text, strlen(text), 0, &value, NULL) == SL_OK;
        value = known && sl_check_passes(t, value);
        json_decref(t);
        if (known) return value;
    } else {
        json_decref(t);
    }
    return strcmp(expected, text) == 0;
}

static void tally_score(sl_tally *tally, const char *what, const char *family, double value)
{
    sl_tally_add(tally, what, value, 1);
    if (family) sl_tally_add_under(tally, what, family, value, 1);
}

static sl_status decode(const sl_answers *a, const int32_t *ids, size_t n, struct sl_buf *out, sl_error *err)
{
    if (n && ids[n - 1] == a->env->model->config.ids.eos) n--;
    return sl_tokenizer_decode(a->env->tokenizer, ids, n, true, out, err);
}

/* Scores the right answer of the family's last sample on this one: what guessing by habit is worth. */
static void try_chance(sl_answers *a, const struct sl_encoded *e, const char *expected, sl_tally *tally)
{
    const char *family = e->domain ? e->domain : "?";
    const char *other = json_string_value(json_object_get(a->last, family));
    if (other) tally_score(tally, "chance", e->domain, score(e->truth, expected, other));
    json_object_set_new(a->last, family, json_string(expected));
}

/* Shows one answer in the log, on one line. */
static void show(const sl_answers *a, const struct sl_encoded *e, const struct sl_buf *text,
                 const struct sl_buf *expected, bool right)
{
    char lines[2][121];
    const struct sl_buf *from[2] = {text, expected};
    for (int i = 0; i < 2; i++) {
        snprintf(lines[i], sizeof lines[i], "%s", sl_buf_str(from[i]));
        for (char *p = lines[i]; *p; p++)
            if ((unsigned char)*p < ' ') *p = ' ';
    }
    sl_log(a->env->log, SL_LOG_INFO, "%s: answered \"%s\", %s (\"%s\")", e->key, lines[0], right ? "right" : "wrong",
           lines[1]);
}

static sl_status check_one(sl_answers *a, sl_ctx *ctx, const struct sl_encoded *e, const struct question *q,
                           sl_tally *tally, sl_error *err)
{
    struct sl_buf expected = SL_BUF_INIT(1 << 20), text = SL_BUF_INIT(1 << 20);
    sl_status s = decode(a, q->expected, (size_t)q->n_expected, &expected, err);
    if (!s) s = answer(a, ctx, q, false, err);
    if (!s) s = decode(a, a->answer.data, a->answer.len, &text, err);
    if (!s) {
        double right = score(e->truth, sl_buf_str(&expected), sl_buf_str(&text));
        tally_score(tally, "accuracy", e->domain, right);
        if (a->n_asked < a->env->answer_samples && a->env->comm->rank == 0) show(a, e, &text, &expected, right > 0);
        try_chance(a, e, sl_buf_str(&expected), tally);
    }
    if (!s && q->n_pictures) {
        sl_buf_clear(&text);
        s = answer(a, ctx, q, true, err);
        if (!s) s = decode(a, a->answer.data, a->answer.len, &text, err);
        if (!s) tally_score(tally, "blind", e->domain, score(e->truth, sl_buf_str(&expected), sl_buf_str(&text)));
    }
    sl_buf_release(&expected);
    sl_buf_release(&text);
    return s;
}

sl_status sl_answers_check(sl_answers *a, sl_ctx *ctx, const sl_micro_batch *b, sl_tally *tally, sl_error *err)
{
    const sl_vit_config *v = &a->env->model->config.vit;
    int share = (a->env->held_out_answers + a->env->comm->size - 1) / a->env->comm->size;
    for (int i = 0; i < b->data->n_samples && a->n_asked < share; i++) {
        struct question q;
        if (!cut_question(b->data, i, 3 * v->patch_size * v->patch_size, &q)) continue;
        sl_status s = check_one(a, ctx, b->data->samples[i], &q, tally, err);
        if (s) return s;
        a->n_asked++;
    }
    return SL_OK;
}

void sl_answers_end(sl_answers *a)
{
    a->n_asked = 0;
    json_object_clear(a->last);
}
