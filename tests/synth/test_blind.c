/*
 * test_blind.c: no question gives its answer away. A bag-of-words classifier (multinomial naive Bayes over the words of
 * the question, with the answers as classes) is trained on two thirds of a family's samples and guesses the answers of
 * the others without seeing a picture (samples without one are all question); it may pass the checkers no oftener
 * than chance (the truths' own) by more than the margin. SEEDLING_TEST_LONG=1 takes more samples, and the slow families
 * too.
 */
#include "families_test.h"

#include "base/mem.h"
#include "synth/check.h"

#include <ctype.h>
#include <math.h>
#include <time.h>

enum { MAX_WORDS = 4096, MAX_SAMPLES = 2000, MAX_QUESTION = 96, LEAST_SAMPLES = 100 };

/* Above chance by so much, plus two standard deviations of what so few samples can say. */
static const double margin = 0.05;

/* A question as the numbers of its words, the answer, and the truth. */
struct example {
    int words[MAX_QUESTION];
    int n_words;
    char *answer;  /* owned */
    int label;     /* of the answer, among those of training; -1: new */
    json_t *truth; /* owned */
};

struct blind {
    char *words[MAX_WORDS]; /* owned */
    int n_words;
    struct example *examples; /* owned */
    int n;
    int *counts; /* (n_labels, MAX_WORDS), owned */
    int *totals, *sizes;
    int n_labels;
};

static int word_number(struct blind *b, const char *word)
{
    for (int i = 0; i < b->n_words; i++)
        if (strcmp(b->words[i], word) == 0) return i;
    if (b->n_words == MAX_WORDS) return -1;
    b->words[b->n_words] = sl_strdup(word);
    return b->n_words++;
}

static void add_words(struct blind *b, struct example *e, const char *text)
{
    for (const char *at = text; *at && e->n_words < MAX_QUESTION;) {
        char word[48];
        size_t n = 0;
        while (*at && !isalnum((unsigned char)*at) && !(*at & 0x80)) at++;
        while ((isalnum((unsigned char)*at) || *at & 0x80) && n < sizeof word - 1)
            word[n++] = (char)tolower((unsigned char)*at++);
        while (isalnum((unsigned char)*at) || *at & 0x80) at++;
        word[n] = '\0';
        int number = n ? word_number(b, word) : -1;
        if (number >= 0) e->words[e->n_words++] = number;
    }
}

static void add_example(struct blind *b, const struct sl_synth_sample *s)
{
    struct example *e = &b->examples[b->n++];
    struct sl_buf text = SL_BUF_INIT(1 << 23);
    int last = sl_synth_last_message(s, SL_SYNTH_ASSISTANT);
    *e = (struct example){.label = -1, .truth = json_incref(s->truth)};
    for (int i = 0; i < last; i++) {
        sl_buf_clear(&text);
        sl_synth_message_text(s, i, false, &text);
        add_words(b, e, sl_buf_str(&text));
    }
    sl_buf_clear(&text);
    sl_synth_message_text(s, last, false, &text);
    e->answer = sl_strdup(sl_buf_str(&text));
    sl_buf_release(&text);
}

static void train(struct blind *b, int n)
{
    b->counts = sl_alloc_array((size_t)n * MAX_WORDS, sizeof *b->counts);
    b->totals = sl_alloc_array((size_t)n, sizeof *b->totals);
    b->sizes = sl_alloc_array((size_t)n, sizeof *b->sizes);
    assert_true(b->counts && b->totals && b->sizes);
    for (int i = 0; i < n; i++) {
        struct example *e = &b->examples[i];
        for (int k = 0; k < i && e->label < 0; k++)
            if (strcmp(b->examples[k].answer, e->answer) == 0) e->label = b->examples[k].label;
        if (e->label < 0) e->label = b->n_labels++;
        b->sizes[e->label]++;
        for (int k = 0; k < e->n_words; k++) {
            b->counts[(size_t)e->label * MAX_WORDS + (size_t)e->words[k]]++;
            b->totals[e->label]++;
        }
    }
}

/* Returns the answer that the classifier would give. */
static const char *guess(const struct blind *b, const struct example *e, int n)
{
    double best = -INFINITY;
    int label = 0;
    for (int l = 0; l < b->n_labels; l++) {
        double sum = log(b->sizes[l]);
        for (int k = 0; k < e->n_words; k++)
            sum +=
                log((b->counts[(size_t)l * MAX_WORDS + (size_t)e->words[k]] + 0.1) / (b->totals[l] + 0.1 * b->n_words));
        if (sum > best) best = sum, label = l;
    }
    for (int i = 0; i < n; i++)
        if (b->examples[i].label == label) return b->examples[i].answer;
    return "";
}

static void collect(struct test_family *f, struct blind *b, int n, double seconds)
{
    clock_t start = clock();
    for (int i = 0; i < n && (double)(clock() - start) < seconds * CLOCKS_PER_SEC; i++) {
        sl_error err = {0};
        struct sl_recipe_sample s;
        const struct sl_recipe_place at = {.split = SL_SYNTH_TRAIN, .number = i};
        assert_sl_ok(sl_recipe_make(&f->recipe, &at, f->state, &s, &err), &err);
        if (s.sample.truth && s.sample.n_media) add_example(b, &s.sample);
        sl_synth_sample_release(&s.sample);
    }
}

static void judge(const struct test_family *f, const struct blind *b, int n_train)
{
    double right = 0, chance = 0;
    int n = b->n - n_train;
    for (int i = n_train; i < b->n; i++) {
        const char *answer = guess(b, &b->examples[i], n_train);
        const json_t *given = json_object_get(b->examples[i].truth, "chance");
        double score = 0;
        sl_error err = {0};
        assert_sl_ok(sl_check(b->examples[i].truth, answer, strlen(answer), 0, &score, &err), &err);
        right += sl_check_passes(b->examples[i].truth, score);
        chance += json_is_number(given) ? json_number_value(given) : 0;
    }
    right /= n;
    chance /= n;
    /* Three deviations: a dozen families are judged, and few samples must not raise false alarms. */
    double allowed = chance + margin + 3 * sqrt(fmax(chance, 0.02) * (1 - chance) / n);
    printf("# %s: %.3f right without the picture, %.3f by chance (%d samples, %.3f allowed)\n", f->family->name, right,
           chance, n, allowed);
    if (right > allowed) fail_msg("the questions of %s give answers away", f->family->name);
}

static void release(struct blind *b)
{
    for (int i = 0; i < b->n_words; i++) free(b->words[i]);
    for (int i = 0; i < b->n; i++) {
        free(b->examples[i].answer);
        json_decref(b->examples[i].truth);
    }
    free(b->examples);
    free(b->counts);
    free(b->totals);
    free(b->sizes);
}

static void test_questions_do_not_give_answers_away(void **state)
{
    (void)state;
    bool thorough = getenv("SEEDLING_TEST_LONG") != NULL;
    for (int i = 0; i < sl_synth_n_families(); i++) {
        struct test_family f;
        struct blind b = {.examples = sl_alloc_array(MAX_SAMPLES, sizeof *b.examples)};
        assert_non_null(b.examples);
        if (test_family_open(i, &f)) {
            collect(&f, &b, thorough ? MAX_SAMPLES : 600, thorough ? 90 : 0.7);
            if (b.n >= LEAST_SAMPLES) {
                int n_train = b.n * 2 / 3;
                train(&b, n_train);
                judge(&f, &b, n_train);
            } else {
                printf("# %s: %d samples in the time, too few to judge\n", f.family->name, b.n);
            }
            test_family_close(&f);
        }
        release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_questions_do_not_give_answers_away)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
