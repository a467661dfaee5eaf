/*
 * test_bpe_train.c: learning merges against a naive learner, and what a trained tokenizer is like.
 */
#include "test.h"

#include "base/file.h"
#include "base/rng.h"
#include "text/bpe_learn.h"
#include "text/bpe_train.h"

#define DATA "tests/text/data/"

/* --- the learning algorithm ---------------------------------------------------------------------------------- */

enum { MAX_WORDS = 60, MAX_WORD = 40, MAX_TOKENS = 400 };

/* Words as lists of token ids, counted and merged from scratch at every step. */
struct naive {
    int words[MAX_WORDS][MAX_WORD];
    int lengths[MAX_WORDS];
    uint64_t counts[MAX_WORDS];
    int n_words;
    char tokens[MAX_TOKENS][MAX_WORD + 1];
    int n_tokens;
};

static uint64_t count_pair(const struct naive *w, int left, int right)
{
    uint64_t count = 0;
    for (int i = 0; i < w->n_words; i++)
        for (int k = 0; k + 1 < w->lengths[i]; k++)
            if (w->words[i][k] == left && w->words[i][k + 1] == right) count += w->counts[i];
    return count;
}

/* The most frequent pair whose token is short enough; of equals, the lower ids. Returns its count. */
static uint64_t best_pair(const struct naive *w, size_t max_bytes, int *left, int *right)
{
    uint64_t best = 0;
    for (int i = 0; i < w->n_words; i++) {
        for (int k = 0; k + 1 < w->lengths[i]; k++) {
            int a = w->words[i][k], b = w->words[i][k + 1];
            if (strlen(w->tokens[a]) + strlen(w->tokens[b]) > max_bytes) continue;
            uint64_t count = count_pair(w, a, b);
            bool better = count > best || (count == best && (a < *left || (a == *left && b < *right)));
            if (!better) continue;
            best = count;
            *left = a;
            *right = b;
        }
    }
    return best;
}

static int token_of(struct naive *w, int left, int right)
{
    char joined[2 * MAX_WORD + 1];
    snprintf(joined, sizeof joined, "%s%s", w->tokens[left], w->tokens[right]);
    for (int i = 0; i < w->n_tokens; i++)
        if (strcmp(w->tokens[i], joined) == 0) return i;
    assert_true(w->n_tokens < MAX_TOKENS && strlen(joined) <= MAX_WORD);
    memcpy(w->tokens[w->n_tokens], joined, strlen(joined) + 1);
    return w->n_tokens++;
}

static void apply(struct naive *w, int left, int right, int token)
{
    for (int i = 0; i < w->n_words; i++) {
        int kept = 0;
        for (int k = 0; k < w->lengths[i]; k++) {
            bool here = k + 1 < w->lengths[i] && w->words[i][k] == left && w->words[i][k + 1] == right;
            w->words[i][kept++] = here ? token : w->words[i][k];
            if (here) k++;
        }
        w->lengths[i] = kept;
    }
}

static void make_words(struct sl_rng *rng, struct naive *w, struct sl_bytes_map *words)
{
    uint32_t n_letters = 1 + sl_rng_below(rng, 4);
    w->n_tokens = 256;
    for (int b = 0; b < 256; b++) snprintf(w->tokens[b], sizeof w->tokens[b], "%c", b);
    w->n_words = 0;
    for (int i = 0; i < MAX_WORDS; i++) {
        char text[MAX_WORD];
        uint32_t n = 1 + sl_rng_below(rng, 14);
        for (uint32_t k = 0; k < n; k++) text[k] = (char)('a' + sl_rng_below(rng, n_letters));
        if (sl_bytes_map_intern(words, text, n) != (uint32_t)w->n_words) continue;
        for (uint32_t k = 0; k < n; k++) w->words[w->n_words][k] = text[k];
        w->lengths[w->n_words] = (int)n;
        w->counts[w->n_words++] = 1 + sl_rng_below(rng, 5);
    }
}

/* Few letters make overlapping runs such as aaaa. */
static void test_merges_equal_those_of_a_naive_learner(void **state)
{
    (void)state;
    struct sl_rng rng;
    sl_rng_init(&rng, 3, 0);
    static struct naive w;
    for (int trial = 0; trial < 60; trial++) {
        struct sl_bytes_map words, tokens;
        sl_bytes_map_init(&words, 1 << 20);
        sl_bytes_map_init(&tokens, 1 << 20);
        make_words(&rng, &w, &words);
        struct sl_bpe_learn job = {
            .words = &words,
            .counts = w.counts,
            .n_tokens = 256 + sl_rng_below(&rng, 100),
            .min_count = 1 + sl_rng_below(&rng, 3),
            .max_token_bytes = 3 + sl_rng_below(&rng, 10),
        };
        struct sl_bpe_merge *merges;
        size_t n_merges, step = 0;
        sl_error err = {0};
        assert_sl_ok(sl_bpe_learn(&job, &tokens, &merges, &n_merges, &err), &err);
        for (; w.n_tokens < (int)job.n_tokens; step++) {
            int left = 0, right = 0;
            if (best_pair(&w, job.max_token_bytes, &left, &right) < job.min_count) break;
            int token = token_of(&w, left, right);
            assert_true(step < n_merges);
            assert_int_equal(merges[step].left, left);
            assert_int_equal(merges[step].right, right);
            assert_int_equal(merges[step].result, token);
            apply(&w, left, right, token);
        }
        assert_int_equal(n_merges, step);
        assert_int_equal(tokens.n, w.n_tokens);
        free(merges);
        sl_bytes_map_release(&words);
        sl_bytes_map_release(&tokens);
    }
}

/* --- trained tokenizers -------------------------------------------------------------------------------------- */

static struct sl_bpe_trainer *new_trainer(size_t vocab_size)
{
    struct sl_bpe_train_options o;
    struct sl_bpe_trainer *trainer = NULL;
    sl_error err = {0};
    sl_bpe_train_defaults(&o);
    o.vocab_size = vocab_size;
    assert_sl_ok(sl_bpe_trainer_new(&o, &trainer, &err), &err);
    return trainer;
}

static struct sl_tokenizer *finish(struct sl_bpe_trainer *trainer)
{
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_bpe_trainer_finish(trainer, &t, &err), &err);
    return t;
}

static void add(struct sl_bpe_trainer *trainer, const char *text)
{
    sl_error err = {0};
    assert_sl_ok(sl_bpe_trainer_add(trainer, text, strlen(text), &err), &err);
}

static void expect_same_file(const char *path, const char *want_path)
{
    struct sl_buf got = SL_BUF_INIT(1 << 24), want = SL_BUF_INIT(1 << 24);
    sl_error err = {0};
    assert_sl_ok(sl_file_read(path, &got, &err), &err);
    assert_sl_ok(sl_file_read(want_path, &want, &err), &err);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
    sl_buf_release(&got);
    sl_buf_release(&want);
}

static void test_the_same_text_gives_the_same_file_on_every_machine(void **state)
{
    (void)state;
    struct sl_bpe_trainer *trainer = new_trainer(640);
    sl_error err = {0};
    assert_sl_ok(sl_bpe_trainer_add_file(trainer, DATA "sample.txt", &err), &err);
    struct sl_tokenizer *t = finish(trainer);
    const char *path = test_temp_path("tokenizer.json");
    assert_sl_ok(sl_tokenizer_save(t, path, &err), &err);
    expect_same_file(path, DATA "tokenizer.json");
    sl_tokenizer_free(&t);
    sl_bpe_trainer_free(&trainer);
}

static void test_the_order_of_texts_does_not_matter(void **state)
{
    (void)state;
    static const char *const texts[] = {"the cat and the dog\n", "a dog, a cat; the end\n", "endless cats and dogs\n"};
    const char *paths[2] = {test_temp_path("forward.json"), test_temp_path("backward.json")};
    for (int run = 0; run < 2; run++) {
        struct sl_bpe_trainer *trainer = new_trainer(310);
        for (int i = 0; i < 3; i++) add(trainer, texts[run ? 2 - i : i]);
        struct sl_tokenizer *t = finish(trainer);
        sl_error err = {0};
        assert_sl_ok(sl_tokenizer_save(t, paths[run], &err), &err);
        sl_tokenizer_free(&t);
        sl_bpe_trainer_free(&trainer);
    }
    expect_same_file(paths[0], paths[1]);
}

static void test_bytes_come_first_and_special_tokens_last(void **state)
{
    (void)state;
    struct sl_bpe_trainer *trainer = new_trainer(8192);
    add(trainer, "low lower lowest low low");
    struct sl_tokenizer *t = finish(trainer);
    int32_t vocab = sl_tokenizer_vocab_size(t);
    assert_int_equal(vocab, 256 + (int)sl_tokenizer_n_merges(t) + SL_N_SPECIAL);
    assert_true(vocab < 300); /* there is not more to merge */
    size_t n;
    for (int32_t b = 0; b < 256; b++) {
        const char *bytes = sl_tokenizer_token(t, b, &n);
        assert_int_equal(n, 1);
        assert_int_equal((unsigned char)bytes[0], b);
    }
    assert_int_equal(sl_tokenizer_id(t, "lo"), 256); /* as frequent as "ow", "l" is the lower id */
    assert_true(sl_tokenizer_id(t, " low") > 256);
    assert_int_equal(sl_tokenizer_id(t, "<|endoftext|>"), sl_special_id(SL_SPECIAL_ENDOFTEXT, vocab));
    assert_int_equal(sl_tokenizer_id(t, "<|reserved_11|>"), vocab - 1);
    sl_tokenizer_free(&t);
    sl_bpe_trainer_free(&trainer);
}

static void test_text_of_special_tokens_is_not_learned(void **state)
{
    (void)state;
    struct sl_bpe_trainer *trainer = new_trainer(8192);
    for (int i = 0; i < 50; i++) add(trainer, "<|im_start|><think><3dbbox>");
    struct sl_tokenizer *t = finish(trainer);
    assert_int_equal(sl_tokenizer_n_merges(t), 0);
    assert_int_equal(sl_tokenizer_vocab_size(t), SL_BPE_MIN_VOCABULARY);
    sl_tokenizer_free(&t);
    sl_bpe_trainer_free(&trainer);
}

static void test_text_is_counted_in_nfc(void **state)
{
    (void)state;
    struct sl_bpe_trainer *trainer = new_trainer(8192);
    add(trainer, "e\xCC\x81 e\xCC\x81");
    struct sl_tokenizer *t = finish(trainer);
    assert_true(sl_tokenizer_id(t, "\xC3\xA9") >= 256);
    assert_int_equal(sl_tokenizer_id(t, "\xCC\x81"), -1);
    sl_tokenizer_free(&t);
    sl_bpe_trainer_free(&trainer);
}

static void test_a_trainer_may_go_on_after_finishing(void **state)
{
    (void)state;
    struct sl_bpe_trainer *trainer = new_trainer(300);
    struct sl_tokenizer *t = finish(trainer);
    assert_int_equal(sl_tokenizer_n_merges(t), 0);
    sl_tokenizer_free(&t);
    add(trainer, "again and again");
    t = finish(trainer);
    assert_true(sl_tokenizer_n_merges(t) > 3);
    assert_true(sl_tokenizer_vocab_size(t) <= 300);
    sl_tokenizer_free(&t);
    sl_bpe_trainer_free(&trainer);
}

struct report {
    int n_reading, n_merging;
    double last;
};

static void note_progress(void *user, const char *phase, double done, double total)
{
    struct report *r = user;
    bool reading = strcmp(phase, "reading") == 0;
    if (reading) assert_true(done > r->last);
    assert_true(done <= total);
    r->last = done;
    r->n_reading += reading;
    r->n_merging += !reading;
}

/* Blocks of about a megabyte must give the counts of the whole. */
static void test_a_long_file_is_read_in_blocks_that_split_no_piece(void **state)
{
    (void)state;
    static const char line[] = "some words, and more\n\n  words {\n};\n";
    enum { N_LINES = 100000 };
    struct sl_buf text = SL_BUF_INIT(1 << 24);
    for (int i = 0; i < N_LINES; i++) sl_buf_addstr(&text, line);
    const char *path = test_temp_path("long.txt");
    test_write_file(path, text.data, text.len);
    struct report report = {0};
    struct sl_bpe_train_options o;
    sl_bpe_train_defaults(&o);
    o.vocab_size = 330;
    /* A piece cut in two would leave counts that are no multiple of N_LINES, and so tokens of them. */
    o.min_count = 2;
    o.progress = note_progress;
    o.user = &report;
    struct sl_bpe_trainer *by_file = NULL, *whole = new_trainer(330);
    sl_error err = {0};
    assert_sl_ok(sl_bpe_trainer_new(&o, &by_file, &err), &err);
    assert_sl_ok(sl_bpe_trainer_add_file(by_file, path, &err), &err);
    assert_sl_ok(sl_bpe_trainer_add(whole, text.data, text.len, &err), &err);
    struct sl_tokenizer *a = finish(by_file), *b = finish(whole);
    assert_true(report.n_reading >= 3);
    const char *paths[2] = {test_temp_path("a.json"), test_temp_path("b.json")};
    assert_sl_ok(sl_tokenizer_save(a, paths[0], &err), &err);
    assert_sl_ok(sl_tokenizer_save(b, paths[1], &err), &err);
    expect_same_file(paths[0], paths[1]);
    sl_tokenizer_free(&a);
    sl_tokenizer_free(&b);
    sl_bpe_trainer_free(&by_file);
    sl_bpe_trainer_free(&whole);
    sl_buf_release(&text);
}

static void test_options_out_of_range_and_missing_files_are_errors(void **state)
{
    (void)state;
    struct sl_bpe_train_options o;
    struct sl_bpe_trainer *trainer = NULL;
    sl_error err = {0};
    sl_bpe_train_defaults(&o);
    o.vocab_size = SL_BPE_MIN_VOCABULARY - 1;
    assert_int_equal(sl_bpe_trainer_new(&o, &trainer, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "a vocabulary of 287 is not between 288 and 1048576");
    sl_bpe_train_defaults(&o);
    o.min_count = 0;
    assert_int_equal(sl_bpe_trainer_new(&o, &trainer, &err), SL_ERR_ARGUMENT);
    sl_bpe_train_defaults(&o);
    o.max_token_bytes = 0;
    assert_int_equal(sl_bpe_trainer_new(&o, &trainer, &err), SL_ERR_ARGUMENT);
    assert_null(trainer);
    trainer = new_trainer(300);
    assert_int_equal(sl_bpe_trainer_add_file(trainer, "/nonexistent/text", &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "/nonexistent/text"));
    sl_bpe_trainer_free(&trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges_equal_those_of_a_naive_learner),
        cmocka_unit_test(test_the_same_text_gives_the_same_file_on_every_machine),
        cmocka_unit_test(test_the_order_of_texts_does_not_matter),
        cmocka_unit_test(test_bytes_come_first_and_special_tokens_last),
        cmocka_unit_test(test_text_of_special_tokens_is_not_learned),
        cmocka_unit_test(test_text_is_counted_in_nfc),
        cmocka_unit_test(test_a_trainer_may_go_on_after_finishing),
        cmocka_unit_test(test_a_long_file_is_read_in_blocks_that_split_no_piece),
        cmocka_unit_test(test_options_out_of_range_and_missing_files_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
