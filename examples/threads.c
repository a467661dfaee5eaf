/* threads.c: several questions at once, one thread each, answered as JSON.   threads MODEL QUESTION... */
#include <pthread.h>
#include <seedling.h>
#include <stdio.h>

static const char schema[] = "{\"type\":\"object\",\"properties\":{\"answer\":{\"type\":\"string\",\"maxLength\":40}},"
                             "\"required\":[\"answer\"],\"additionalProperties\":false}";

struct job {
    sl_assistant *model;
    const char *question;
    char answer[512];
};

static void *work(void *arg)
{
    struct job *job = arg;
    sl_error err;
    sl_talk *talk = NULL;
    const sl_reply *reply = NULL;
    sl_ask_options o;
    sl_ask_options_defaults(&o);
    o.json_schema = schema;
    sl_status s = sl_talk_new(job->model, "Answer as JSON.", &talk, &err);
    if (s == SL_OK) s = sl_talk_add_text(talk, job->question, &err);
    if (s == SL_OK) s = sl_talk_ask(talk, &o, &reply, &err);
    snprintf(job->answer, sizeof job->answer, "%s", s == SL_OK ? reply->answer : err.message);
    sl_talk_free(&talk);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { MAX = 16 };
    sl_error err;
    sl_assistant *model = NULL;
    struct job jobs[MAX];
    pthread_t threads[MAX];
    if (argc < 3 || argc > 2 + MAX) return fprintf(stderr, "usage: threads MODEL QUESTION...\n"), 2;
    if (sl_load(argv[1], NULL, &model, &err) != SL_OK) return fprintf(stderr, "%s\n", err.message), 1;
    for (int i = 0; i < argc - 2; i++) {
        jobs[i] = (struct job){.model = model, .question = argv[i + 2]};
        pthread_create(&threads[i], NULL, work, &jobs[i]);
    }
    for (int i = 0; i < argc - 2; i++) {
        pthread_join(threads[i], NULL);
        printf("%s\n", jobs[i].answer);
    }
    sl_unload(&model);
    return 0;
}
