/*
 * instructions_rules.c: what a picture shows, told under rules: so many sentences, words, no commas, lower case.
 *
 * One rule says how much is written, others say how. The answer is composed first, and what there is to count is
 * counted in it, so every set of rules has an answer.
 */
#include "synth/instructions.h"
#include "synth/say.h"

#include <ctype.h>
#include <string.h>

/* How much. */
enum amount { SENTENCES, WORDS, SHORT, ONE, KEYS, N_AMOUNTS };

/* How; several at once. */
enum {
    LOWER = 1 << 0,
    CAPITALS = 1 << 1,
    NO_COMMA = 1 << 2,
    NO_THERE = 1 << 3,
    PICTURE = 1 << 4,
    ENDING = 1 << 5,
    N_MANNERS = 6,
};

static const struct {
    const char *wish, *pattern, *never; /* a pattern that must match, or one that may not */
} manners[N_MANNERS] = {
    {"Write in lower case only.", "\\A[^A-Z]*\\z", NULL},
    {"Write in capital letters only.", "\\A[^a-z]*\\z", NULL},
    {"Do not use commas.", NULL, ","},
    {"Do not use the word \"there\".", NULL, "(?i)\\bthere\\b"},
    {"Use the word \"picture\".", "(?i)\\bpicture\\b", NULL},
    {"End with the words \"That is all.\"", "(?i)that is all\\.\\s*\\z", NULL},
};

/* Rules and the text that keeps them. */
struct telling {
    enum amount amount;
    unsigned manner;
    const struct sl_items *items;
    struct sl_buf text;
    json_t *always, *never; /* arrays of patterns */
};

static void say_all(struct telling *t)
{
    const char *begin = t->manner & PICTURE ? "In the picture I see" : t->manner & NO_THERE ? "I see" : "There is";
    for (int i = 0; i < t->items->n; i++) {
        const char *item = t->items->text[i];
        const char *article = strchr("aeiou", item[0]) ? "an" : "a";
        if (t->amount == ONE && i)
            sl_buf_addf(&t->text, " and %s %s", article, item);
        else
            sl_buf_addf(&t->text, "%s%s %s %s", i ? " " : "", begin, article, item);
        if (t->amount != ONE || i + 1 == t->items->n) sl_buf_addch(&t->text, '.');
    }
    if (t->manner & ENDING) sl_buf_addstr(&t->text, " That is all.");
}

static void say_as_json(struct telling *t)
{
    sl_buf_addf(&t->text, "{\"count\": %d, \"objects\": [", t->items->n);
    for (int i = 0; i < t->items->n; i++) sl_buf_addf(&t->text, "%s\"%s\"", i ? ", " : "", t->items->text[i]);
    sl_buf_addstr(&t->text, "]}");
}

static int count_words(const char *text)
{
    int n = 0;
    for (const char *c = text; *c; c++) n += *c != ' ' && (c == text || c[-1] == ' ');
    return n;
}

/* Words of the longest sentence. */
static int longest_sentence(const char *text)
{
    int longest = 0, n = 0;
    for (const char *c = text; *c; c++) {
        n += *c != ' ' && (c == text || c[-1] == ' ');
        if (n > longest) longest = n;
        if (*c == '.') n = 0;
    }
    return longest;
}

/* Says the rule of amount to the user, and its pattern. */
static void add_amount(const struct telling *t, struct sl_buf *wish)
{
    struct sl_buf pattern = SL_BUF_INIT(1024);
    const char *text = sl_buf_str(&t->text);
    int sentences = 0, words = count_words(text), longest = longest_sentence(text);
    for (const char *c = text; *c; c++) sentences += *c == '.';
    switch (t->amount) {
    case SENTENCES:
        sl_buf_addf(wish, "Write exactly %d sentence%s.", sentences, sentences == 1 ? "" : "s");
        sl_buf_addf(&pattern, "\\A(?:[^.!?]+[.!?]\\s*){%d}\\z", sentences);
        break;
    case WORDS:
        sl_buf_addf(wish, "Use exactly %d words.", words);
        sl_buf_addf(&pattern, "\\A\\s*(?:\\S+\\s+){%d}\\S+\\s*\\z", words - 1);
        break;
    case SHORT:
        sl_buf_addf(wish, "No sentence may have more than %d words.", longest);
        sl_buf_addf(&pattern, "\\A(?:\\s*(?:[^\\s.!?]+\\s+){0,%d}[^\\s.!?]+[.!?])+\\s*\\z", longest - 1);
        break;
    case ONE:
        sl_buf_addstr(wish, "Write one sentence only.");
        sl_buf_addstr(&pattern, "\\A[^.!?]+[.!?]?\\s*\\z");
        break;
    default:
        sl_buf_addstr(wish, "Answer as a JSON object with the keys \"count\" and \"objects\", a list of strings.");
        sl_buf_addf(&pattern,
                    "\\A\\s*\\{\\s*\"count\"\\s*:\\s*%d\\s*,\\s*\"objects\"\\s*:\\s*\\[\\s*\"[^\"]*\""
                    "(?:\\s*,\\s*\"[^\"]*\"){%d}\\s*\\]\\s*\\}\\s*\\z",
                    t->items->n, t->items->n - 1);
    }
    json_array_append_new(t->always, json_string(sl_buf_str(&pattern)));
    sl_buf_release(&pattern);
}

static void add_manners(struct telling *t, struct sl_buf *wish)
{
    for (int i = 0; i < N_MANNERS; i++) {
        if (!(t->manner >> i & 1)) continue;
        sl_buf_addf(wish, " %s", manners[i].wish);
        if (manners[i].pattern) json_array_append_new(t->always, json_string(manners[i].pattern));
        if (manners[i].never) json_array_append_new(t->never, json_string(manners[i].never));
    }
    for (char *c = t->text.data; *c; c++) {
        if (t->manner & LOWER) *c = (char)tolower((unsigned char)*c);
        if (t->manner & CAPITALS) *c = (char)toupper((unsigned char)*c);
    }
}

/* Draws rules that do not contradict each other: JSON has commas and small keys, one sentence has one end. */
static void draw_rules(const struct sl_synth_request *r, struct telling *t)
{
    int n = r->level > 2 ? 2 : r->level;
    t->amount = (enum amount)sl_synth_choose(r, N_AMOUNTS);
    for (int i = 0; i < n; i++) t->manner |= 1u << sl_synth_choose(r, N_MANNERS);
    if (t->manner & LOWER) t->manner &= ~(unsigned)CAPITALS;
    if (t->amount == KEYS) t->manner &= LOWER;
    if (t->amount == ONE) t->manner &= ~(unsigned)ENDING;
}

void sl_ask_under_rules(const struct sl_synth_request *r, struct sl_synth_sample *out, const struct sl_items *items)
{
    static const char *const forms[] = {"Say what the picture shows, each thing with its colour.",
                                        "Tell me all objects in the picture and their colours.",
                                        "Which things can be seen, and in which colour is each?",
                                        "Describe the objects by colour and kind.", NULL};
    struct telling t = {.items = items, .text = SL_BUF_INIT(1 << 13), .always = json_array(), .never = json_array()};
    struct sl_buf wish = SL_BUF_INIT(1024);
    json_t *words = json_array();
    draw_rules(r, &t);
    if (t.amount == KEYS)
        say_as_json(&t);
    else
        say_all(&t);
    add_amount(&t, &wish);
    add_manners(&t, &wish);
    for (int i = 0; i < items->n; i++) json_array_append_new(words, json_string(items->text[i]));
    sl_synth_user(out, "%s %s", sl_synth_phrase(r, forms), sl_buf_str(&wish));
    sl_synth_think(out, "There are %d different things. %s", items->n, sl_buf_str(&wish));
    sl_synth_answer(out, "%s", sl_buf_str(&t.text));
    json_t *form = json_pack("{s:s,s:o,s:o}", "checker", "regex", "answer", t.always, "not", t.never);
    json_t *content = json_pack("{s:s,s:o}", "checker", "mentions", "answer", words);
    sl_synth_truth(out, "checker", json_string("all"));
    sl_synth_truth(out, "answer", json_pack("[o,o]", form, content));
    sl_buf_release(&wish);
    sl_buf_release(&t.text);
}
