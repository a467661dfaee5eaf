/*
 * api_run.c: a request's answers on the engine: events cross from the engine's thread to the request's by a list.
 */
#include "serve/api.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool sl_api_ask(const struct sl_api_call *call, const struct sl_api_chat *chat, sl_ask *ask,
                struct sl_api_problem *problem)
{
    sl_ask_defaults(call->server->engine, ask);
    ask->sampling = chat->sampling;
    ask->max_tokens = chat->max_tokens;
    ask->stop = chat->stop;
    ask->n_stop = chat->n_stop;
    ask->top_logprobs = chat->logprobs ? chat->top_logprobs : -1;
    ask->thinking = chat->thinking_given ? chat->thinking : call->server->options.thinking;
    ask->thinking_budget = chat->thinking_budget;
    if (chat->tool_choice != SL_TOOLS_NONE) {
        ask->tools = chat->tools;
        ask->n_tools = (size_t)chat->n_tools;
    }
    return sl_api_grammar(call, chat, &ask->grammar, problem);
}

/* On the engine's thread. */
static void on_event(void *user, const sl_event *from)
{
    struct sl_run_answer *a = user;
    struct sl_api_run *run = a->run;
    struct sl_api_event *e = calloc(1, sizeof *e);
    if (!e) return; /* END is noticed by sl_request_done */
    e->kind = from->kind;
    e->choice = a->choice;
    e->reasoning = from->reasoning;
    e->picture = from->picture;
    e->fraction = from->fraction;
    if (from->choice) e->has_token = true, e->token = *from->choice;
    e->text = malloc(from->n + 1);
    if (e->text) {
        if (from->n) memcpy(e->text, from->text, from->n);
        e->text[from->n] = '\0';
        e->n = from->n;
    }
    pthread_mutex_lock(&run->lock);
    *run->last = e;
    run->last = &e->next;
    pthread_mutex_unlock(&run->lock);
    sl_bell_pull(run->call->server->bell, &run->rope);
}

static bool submit(struct sl_api_run *run, struct sl_api_problem *problem)
{
    struct sl_run_answer *a = &run->answers[run->n_started];
    sl_ask ask = run->ask;
    sl_error err;
    *a = (struct sl_run_answer){.run = run, .choice = run->n_started};
    ask.sampling.seed += (uint64_t)run->n_started;
    ask.on_event = on_event;
    ask.user = a;
    sl_status status = sl_engine_submit(run->call->server->engine, &ask, &a->request, &err);
    if (status) return sl_api_problem_from(problem, "messages", status, &err);
    sl_engine_commit(run->call->server->engine);
    run->n_started++;
    return true;
}

bool sl_api_run_start(struct sl_api_run *run, struct sl_api_call *call, const sl_ask *ask, int n,
                      struct sl_api_problem *problem)
{
    *run = (struct sl_api_run){.call = call, .ask = *ask, .n = n};
    run->last = &run->first;
    pthread_mutex_init(&run->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&run->more, &monotonic);
    pthread_condattr_destroy(&monotonic);
    run->rope.more = &run->more;
    return submit(run, problem);
}

static void event_free(struct sl_api_event *e)
{
    if (!e) return;
    free(e->text);
    free(e);
}

/* Takes the next event off the list, waiting for up to a second. */
static struct sl_api_event *take(struct sl_api_run *run)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&run->lock);
    int rc = 0;
    while (!run->first && rc != ETIMEDOUT) rc = pthread_cond_timedwait(&run->more, &run->lock, &until);
    struct sl_api_event *e = run->first;
    if (e) {
        run->first = e->next;
        if (!run->first) run->last = &run->first;
    }
    pthread_mutex_unlock(&run->lock);
    return e;
}

/* Times a token, and starts the other answers when the first answer's first one is there. */
static void count_token(struct sl_api_run *run, const struct sl_api_event *e)
{
    struct sl_run_answer *a = &run->answers[e->choice];
    struct sl_metrics *m = run->call->server->metrics;
    double now = sl_clock_seconds();
    if (a->last == 0)
        sl_metrics_time(m, SL_TIME_TO_FIRST_TOKEN, now - run->call->began);
    else
        sl_metrics_time(m, SL_TIME_BETWEEN_TOKENS, now - a->last);
    a->last = now;
    struct sl_api_problem ignored;
    while (e->choice == 0 && run->n_started < run->n && submit(run, &ignored)) continue;
    if (run->n_started < run->n) run->n = run->n_started; /* no room for more: fewer answers, not none */
}

const struct sl_api_event *sl_api_run_next(struct sl_api_run *run, bool *beat)
{
    *beat = false;
    event_free(run->held);
    run->held = NULL;
    if (sl_http_gone(run->call->http) || run->n_ended == run->n) return NULL;
    struct sl_api_event *e = run->held = take(run);
    *beat = !e;
    if (e && e->kind == SL_EVENT_TOKEN) count_token(run, e);
    if (e && e->kind == SL_EVENT_END) {
        run->n_ended++;
        /* An answer that ended before its first token starts no others. */
        if (run->n_started < run->n) run->n = run->n_started;
    }
    return e;
}

bool sl_api_run_result(struct sl_api_run *run, int choice, const sl_result **out, struct sl_api_problem *problem)
{
    const sl_result *r = sl_request_result(run->answers[choice].request);
    *out = r;
    if (r->finish != SL_FINISH_FAILED && r->finish != SL_FINISH_CANCELLED) return true;
    if (r->finish == SL_FINISH_FAILED)
        sl_api_problem_from(problem, "", r->status, &r->error);
    else
        sl_api_refuse(problem, "", "the server is stopping");
    if (problem->status == 400) problem->status = 503;
    return false;
}

static void count_result(struct sl_api_run *run, const sl_result *r, bool first)
{
    struct sl_metrics *m = run->call->server->metrics;
    const sl_usage *u = &r->usage;
    if (first) {
        sl_metrics_add(m, SL_COUNT_PROMPT_TOKENS, u->prompt_tokens);
        sl_metrics_add(m, SL_COUNT_CACHED_TOKENS, u->cached_tokens);
        sl_metrics_add(m, SL_COUNT_PICTURE_HITS, u->pictures_cached);
    }
    sl_metrics_add(m, SL_COUNT_COMPLETION_TOKENS, u->completion_tokens);
    if (run->call->server->keys) {
        sl_keys_spend(run->call->server->keys, run->call->key, u->completion_tokens + (first ? u->prompt_tokens : 0));
    }
}

void sl_api_run_end(struct sl_api_run *run)
{
    if (run->n_ended < run->n_started) sl_metrics_add(run->call->server->metrics, SL_COUNT_CANCELLED, 1);
    for (int i = 0; i < run->n_started; i++) {
        sl_request *r = run->answers[i].request;
        if (!sl_request_done(r)) sl_request_cancel(r);
        sl_request_wait(r);
        count_result(run, sl_request_result(r), i == 0);
        sl_request_free(r);
    }
    for (struct sl_api_event *e = run->first, *next; e; e = next) {
        next = e->next;
        event_free(e);
    }
    event_free(run->held);
    sl_bell_untie(run->call->server->bell, &run->rope);
    sl_grammar_drop(run->ask.grammar);
    pthread_cond_destroy(&run->more);
    pthread_mutex_destroy(&run->lock);
    sl_metrics_time(run->call->server->metrics, SL_TIME_OF_REQUEST, sl_clock_seconds() - run->call->began);
}
