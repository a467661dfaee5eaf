/*
 * text.c: the family of plain text and of talk without pictures: documents that teach syntax, words, facts and numbers,
 * files of the machine, and questions with answers.
 *
 * A document is one assistant message without a question (docs/DATA.md), and has no truth. What is asked has a checker.
 */
#include "synth/families.h"
#include "synth/text_parts.h"

#include <stdlib.h>
#include <string.h>

enum task { GRAMMAR, STORY, FACTS, SUMS, SCENES, COUNTING, WORDS, FILES, CHAT, READING, N_TASKS };
static const char *const tasks[N_TASKS] = {"grammar",  "story", "facts", "sums", "scenes",
                                           "counting", "words", "files", "chat", "reading"};

static sl_status open_text(void **state, sl_error *err)
{
    struct sl_text_files *f = calloc(1, sizeof *f);
    if (!f) return sl_fail(err, SL_ERR_MEMORY, "no memory for the list of text files");
    *state = f;
    return sl_text_files_list(f, err);
}

static void close_text(void *state)
{
    if (state) sl_text_files_release(state);
    free(state);
}

/* An item of the task's kind. */
static void draw_item(const struct sl_synth_request *r, enum task task, struct sl_text_item *out)
{
    if (task == SUMS)
        sl_text_sum(r, r->level, out);
    else if (task == WORDS)
        sl_text_word(r, out);
    else
        sl_text_fact(r, out);
}

/* Items one after the other in one of several layouts. */
static void item_document(const struct sl_synth_request *r, enum task task, struct sl_buf *b)
{
    int n = 3 + 3 * r->level + sl_synth_int(r, 0, 2), style = sl_synth_choose(r, 8);
    for (int i = 0; i < n; i++) {
        struct sl_text_item it;
        draw_item(r, task, &it);
        switch (style) {
        case 0:
            sl_buf_addf(b, "%s ", it.sentence);
            break;
        case 1:
            sl_buf_addf(b, "Question: %s\nAnswer: %s\n\n", it.question, it.answer);
            break;
        case 2:
            sl_buf_addf(b, "Q: %s\nA: %s\n", it.question, it.sentence);
            break;
        case 3:
            sl_buf_addf(b, "%d) %s %s\n", i + 1, it.question, it.answer);
            break;
        case 4:
            sl_buf_addf(b, "- %s\n", it.sentence);
            break;
        case 5:
            sl_buf_addf(b, "%s%s%s Therefore: %s\n", it.question, it.steps[0] ? " " : "", it.steps, it.sentence);
            break;
        case 6:
            sl_buf_addf(b, "%d. %s\n", i + 1, it.sentence);
            break;
        default:
            sl_buf_addf(b, "\"%s\" - \"%s\"\n", it.question, it.sentence);
            break;
        }
    }
}

static void document(const struct sl_text_files *files, const struct sl_synth_request *r, struct sl_buf *b)
{
    switch (r->task) {
    case GRAMMAR:
        sl_text_grammar(r, 3 + 3 * r->level, b);
        break;
    case STORY:
        sl_text_story(r, r->level, b, NULL);
        break;
    case SCENES:
        sl_text_scene(r, r->level, b, NULL);
        break;
    case COUNTING:
        sl_text_counting(r, r->level, b);
        break;
    case FILES:
        if (!sl_text_files_piece(files, r, 500u << r->level, b)) sl_text_grammar(r, 6, b);
        break;
    default:
        item_document(r, (enum task)r->task, b);
        break;
    }
}

/* --- talk ------------------------------------------------------------------------------------------------------- */

/* How a question asks for its answer. */
enum length { SHORT, SENTENCE, ANY };

static void ask_and_answer(const struct sl_synth_request *r, struct sl_synth_sample *s, const struct sl_text_item *it)
{
    static const char *const brief[] = {" Answer briefly.", " Just the answer, please.",
                                        " Answer in as few words as possible.", " Give only the answer.", NULL};
    static const char *const full[] = {" Answer in a full sentence.", " Please answer with a whole sentence.",
                                       " Reply in one sentence.", " Use a complete sentence.", NULL};
    enum length length = (enum length)sl_synth_int(r, SHORT, ANY);
    const char *wish = length == SHORT ? sl_synth_phrase(r, brief) : length == SENTENCE ? sl_synth_phrase(r, full) : "";
    sl_synth_user(s, "%s%s", it->question, wish);
    if (it->steps[0]) sl_synth_think(s, "%s", it->steps);
    bool whole = length == SENTENCE || (length == ANY && strlen(it->answer) > 12);
    sl_synth_answer(s, "%s", whole ? it->sentence : it->answer);
}

static void greeting(const struct sl_synth_request *r, struct sl_synth_sample *s)
{
    static const char *const hellos[] = {
        "Hello!",        "Hi there.", "Good morning.", "Hey, can you help me?", "Hello, I have a question.",
        "Good evening!", "Hi!",       "Are you there?"};
    static const char *const replies[] = {"Hello! What would you like to know?", "Hi! How can I help you?",
                                          "Good to see you. Ask me anything.",
                                          "Hello. I can look at pictures and answer questions."};
    sl_synth_user(s, "%s", hellos[sl_synth_choose(r, 8)]);
    sl_synth_answer(s, "%s", replies[sl_synth_int(r, 0, 3)]);
}

/* The truth of the last question, by what its short answer is: yes or no, a number, words. */
static void set_truth(struct sl_synth_sample *s, const struct sl_text_item *it)
{
    const char *answer = it->answer;
    if (strcmp(answer, "yes") == 0 || strcmp(answer, "no") == 0) {
        sl_synth_truth(s, "checker", json_string("yes-no"));
        sl_synth_truth(s, "answer", json_string(answer));
    } else if (strspn(answer, "0123456789") == strlen(answer)) {
        sl_synth_truth(s, "checker", json_string("count"));
        sl_synth_truth(s, "answer", json_integer(strtol(answer, NULL, 10)));
    } else {
        sl_synth_truth(s, "checker", json_string("mentions"));
        sl_synth_truth(s, "answer", json_pack("[s]", answer));
    }
}

static void chat(const struct sl_synth_request *r, struct sl_synth_sample *s)
{
    struct sl_text_item it;
    if (sl_synth_chance(r, 0.15)) greeting(r, s);
    int turns = 1 + sl_synth_int(r, 0, r->level);
    for (int i = 0; i < turns; i++) {
        static const enum task kinds[] = {FACTS, SUMS, WORDS, FACTS};
        draw_item(r, kinds[sl_synth_int(r, 0, 3)], &it);
        ask_and_answer(r, s, &it);
    }
    set_truth(s, &it);
}

static void reading(const struct sl_synth_request *r, struct sl_synth_sample *s)
{
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    struct sl_text_item it;
    if (sl_synth_chance(r, 0.5))
        sl_text_story(r, r->level, &text, &it);
    else
        sl_text_scene(r, r->level, &text, &it);
    int form = sl_synth_choose(r, 4);
    switch (form) {
    case 0:
        sl_synth_user(s, "Read the text and answer.\n\n%s\n%s", sl_buf_str(&text), it.question);
        break;
    case 1:
        sl_synth_user(s, "%s\n%s", sl_buf_str(&text), it.question);
        break;
    case 2:
        sl_synth_user(s, "Text:\n%s\nQuestion: %s", sl_buf_str(&text), it.question);
        break;
    default:
        sl_synth_user(s, "Here is a text.\n\n%s\nNow tell me: %s", sl_buf_str(&text), it.question);
        break;
    }
    if (it.steps[0]) sl_synth_think(s, "%s", it.steps);
    sl_synth_answer(s, "%s", sl_synth_chance(r, 0.5) ? it.answer : it.sentence);
    set_truth(s, &it);
    if (!sl_buf_ok(&text)) sl_synth_fail(s, SL_ERR_MEMORY, "no memory for a text");
    sl_buf_release(&text);
}

static sl_status make(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    if (r->task == CHAT) {
        chat(r, out);
    } else if (r->task == READING) {
        reading(r, out);
    } else {
        struct sl_buf text = SL_BUF_INIT(1 << 18);
        document(state, r, &text);
        while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == ' '))
            text.data[--text.len] = 0;
        if (!sl_buf_ok(&text)) sl_synth_fail(out, SL_ERR_MEMORY, "no memory for a text");
        sl_synth_answer(out, "%s", sl_buf_str(&text));
        sl_buf_release(&text);
    }
    if (out->status && err) *err = out->error;
    return out->status;
}

const struct sl_synth_family sl_family_text = {
    .name = "text",
    .title = "plain text, arithmetic, and talk without pictures",
    .tasks = tasks,
    .n_tasks = N_TASKS,
    .n_levels = 4,
    .open = open_text,
    .close = close_text,
    .make = make,
};
