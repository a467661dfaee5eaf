/* talk.c: a conversation line by line, streamed, with reasoning in brackets.   talk MODEL [PICTURE] */
#include <seedling.h>
#include <stdio.h>
#include <string.h>

static void show(void *reasoning_shown, const char *text, size_t n, int reasoning)
{
    int *open = reasoning_shown;
    if (reasoning != *open) fputs(reasoning ? "[" : "] ", stdout);
    *open = reasoning;
    fwrite(text, 1, n, stdout);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    sl_error err;
    sl_assistant *model = NULL;
    sl_talk *talk = NULL;
    const sl_reply *reply = NULL;
    char line[4096];
    int reasoning = 0;
    sl_ask_options o;
    if (argc < 2) return fprintf(stderr, "usage: talk MODEL [PICTURE]\n"), 2;
    sl_ask_options_defaults(&o);
    o.thinking = 1;
    o.thinking_budget = 256;
    o.on_text = show;
    o.user = &reasoning;
    sl_status s = sl_load(argv[1], NULL, &model, &err);
    if (s == SL_OK) s = sl_talk_new(model, NULL, &talk, &err);
    if (s == SL_OK && argc > 2) s = sl_talk_add_picture_file(talk, argv[2], &err);
    while (s == SL_OK && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        s = sl_talk_add_text(talk, line, &err);
        if (s == SL_OK) s = sl_talk_ask(talk, &o, &reply, &err);
        if (s == SL_OK) printf("\n(%d of %d tokens read before)\n", reply->cached_tokens, reply->prompt_tokens);
    }
    if (s != SL_OK) fprintf(stderr, "%s\n", err.message);
    sl_talk_free(&talk);
    sl_unload(&model);
    return s == SL_OK ? 0 : 1;
}
