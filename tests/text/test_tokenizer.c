/*
 * test_tokenizer.c: encoding and decoding against golden ids of an independent implementation
 * (scripts/golden/tokenizer.mjs) and against a naive one, round trips, and what malformed files are told.
 */
#include "test.h"

#include "base/json.h"
#include "base/rng.h"
#include "text/special.h"
#include "text/tokenizer.h"

#define DATA "tests/text/data/"

static json_t *load_json(const char *path)
{
    json_error_t why;
    json_t *j = json_load_file(path, JSON_ALLOW_NUL, &why);
    if (!j) fail_msg("%s: %s", path, why.text);
    return j;
}

static struct sl_tokenizer *parse_json(const json_t *document)
{
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    char *text = json_dumps(document, 0);
    assert_sl_ok(sl_tokenizer_parse(text, strlen(text), &t, &err), &err);
    free(text);
    return t;
}

static struct sl_tokenizer *load_small(void)
{
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_tokenizer_load(DATA "tokenizer.json", &t, &err), &err);
    return t;
}

static struct sl_token_ids encode(const struct sl_tokenizer *t, const char *text, size_t n, unsigned flags)
{
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(1 << 24);
    sl_error err = {0};
    assert_sl_ok(sl_tokenizer_encode(t, text, n, flags, &ids, &err), &err);
    return ids;
}

/* Encodes text, decodes the ids and expects `want`. */
static void expect_round_trip(const struct sl_tokenizer *t, const char *text, size_t n, const char *want, size_t n_want)
{
    struct sl_token_ids ids = encode(t, text, n, SL_ENCODE_EVERYTHING);
    struct sl_buf back = SL_BUF_INIT(1 << 26);
    sl_error err = {0};
    assert_sl_ok(sl_tokenizer_decode(t, ids.data, ids.len, false, &back, &err), &err);
    assert_int_equal(back.len, n_want);
    assert_memory_equal(sl_buf_str(&back), want, n_want);
    sl_buf_release(&back);
    sl_token_ids_release(&ids);
}

/* --- golden ids ---------------------------------------------------------------------------------------------- */

static json_t *first_merges_as_pairs(const json_t *merges, size_t n)
{
    json_t *pairs = json_array();
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(merges, i)), *space = strchr(s, ' ');
        json_array_append_new(pairs, json_pack("[s%, s]", s, (size_t)(space - s), space + 1));
    }
    return pairs;
}

/* Returns the tokenizer.json that a variant of golden.json stands for. */
static json_t *variant_document(const json_t *base, const json_t *variant)
{
    json_t *document = json_deep_copy(base), *model = json_object_get(document, "model");
    const json_t *change = json_object_get(variant, "model");
    json_object_update(document, json_object_get(variant, "replace"));
    if (json_object_get(change, "ignore_merges")) json_object_set(model, "ignore_merges", json_true());
    if (json_object_get(change, "merges")) {
        size_t n = (size_t)json_integer_value(json_object_get(change, "merges"));
        json_object_set_new(model, "merges", first_merges_as_pairs(json_object_get(model, "merges"), n));
    }
    return document;
}

static void compare_ids(const char *variant, const json_t *text, const json_t *want, const struct sl_token_ids *got)
{
    bool same = json_array_size(want) == got->len;
    for (size_t i = 0; same && i < got->len; i++) same = json_integer_value(json_array_get(want, i)) == got->data[i];
    if (same) return;
    printf("variant '%s', text '%s': got", variant, json_string_value(text));
    for (size_t i = 0; i < got->len; i++) printf(" %d", got->data[i]);
    char *list = json_dumps(want, 0);
    fail_msg("want %s", list);
}

static void test_ids_equal_those_of_an_independent_implementation(void **state)
{
    (void)state;
    json_t *base = load_json(DATA "tokenizer.json"), *golden = load_json(DATA "golden.json");
    const json_t *strings = json_object_get(golden, "strings"), *variants = json_object_get(golden, "variants");
    assert_true(json_array_size(strings) > 70 && json_array_size(variants) >= 17);
    for (size_t v = 0; v < json_array_size(variants); v++) {
        const json_t *variant = json_array_get(variants, v), *ids = json_object_get(variant, "ids");
        const char *name = json_string_value(json_object_get(variant, "name"));
        json_t *document = variant_document(base, variant);
        struct sl_tokenizer *t = parse_json(document);
        for (size_t i = 0; i < json_array_size(strings); i++) {
            const json_t *s = json_array_get(strings, i);
            struct sl_token_ids got = encode(t, json_string_value(s), json_string_length(s), SL_ENCODE_EVERYTHING);
            compare_ids(name, s, json_array_get(ids, i), &got);
            sl_token_ids_release(&got);
        }
        sl_tokenizer_free(&t);
        json_decref(document);
    }
    json_decref(golden);
    json_decref(base);
}

static void test_saving_and_loading_changes_no_id_in_any_variant(void **state)
{
    (void)state;
    json_t *base = load_json(DATA "tokenizer.json"), *golden = load_json(DATA "golden.json");
    const json_t *strings = json_object_get(golden, "strings"), *variants = json_object_get(golden, "variants");
    const char *path = test_temp_path("saved.json");
    for (size_t v = 0; v < json_array_size(variants); v++) {
        const json_t *variant = json_array_get(variants, v), *ids = json_object_get(variant, "ids");
        json_t *document = variant_document(base, variant);
        struct sl_tokenizer *t = parse_json(document);
        sl_error err = {0};
        assert_sl_ok(sl_tokenizer_save(t, path, &err), &err);
        sl_tokenizer_free(&t);
        assert_sl_ok(sl_tokenizer_load(path, &t, &err), &err);
        for (size_t i = 0; i < json_array_size(strings); i++) {
            const json_t *s = json_array_get(strings, i);
            struct sl_token_ids got = encode(t, json_string_value(s), json_string_length(s), SL_ENCODE_EVERYTHING);
            compare_ids("saved", s, json_array_get(ids, i), &got);
            sl_token_ids_release(&got);
        }
        sl_tokenizer_free(&t);
        json_decref(document);
    }
    json_decref(golden);
    json_decref(base);
}

/* --- the merging algorithm ----------------------------------------------------------------------------------- */

/* Merges one piece the slow way: the lowest-ranked pair, leftmost, over and over. Returns the number of ids. */
static size_t merge_naively(const json_t *vocab, const json_t *merges, char tokens[][400], size_t n, int32_t *ids)
{
    for (;;) {
        size_t best = SIZE_MAX, at = 0, rank;
        const json_t *m;
        char pair[820];
        json_array_foreach((json_t *)merges, rank, m)
        {
            for (size_t i = 0; i + 1 < n && best == SIZE_MAX; i++) {
                snprintf(pair, sizeof pair, "%s %s", tokens[i], tokens[i + 1]);
                if (strcmp(pair, json_string_value(m)) == 0) {
                    best = rank;
                    at = i;
                }
            }
            if (best != SIZE_MAX) break;
        }
        if (best == SIZE_MAX) break;
        size_t left = strlen(tokens[at]);
        memcpy(tokens[at] + left, tokens[at + 1], strlen(tokens[at + 1]) + 1);
        memmove(tokens[at + 1], tokens[at + 2], (n - at - 2) * sizeof tokens[0]);
        n--;
    }
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)json_integer_value(json_object_get(vocab, tokens[i]));
    return n;
}

/* Words of letters that merge a lot, of lengths around and beyond where the algorithm for long pieces takes over. */
static void test_short_and_long_pieces_merge_like_a_naive_merger(void **state)
{
    (void)state;
    json_t *base = load_json(DATA "tokenizer.json");
    const json_t *model = json_object_get(base, "model");
    const json_t *vocab = json_object_get(model, "vocab"), *merges = json_object_get(model, "merges");
    struct sl_tokenizer *t = load_small();
    struct sl_rng rng;
    sl_rng_init(&rng, 7, 0);
    static char tokens[80][400];
    static const char letters[] = "theinaroundsgl";
    for (int trial = 0; trial < 60; trial++) {
        size_t n = 2 + sl_rng_below(&rng, 70);
        uint32_t n_letters = 1 + sl_rng_below(&rng, sizeof letters - 1);
        char text[80];
        for (size_t i = 0; i < n; i++) {
            text[i] = letters[sl_rng_below(&rng, n_letters)];
            snprintf(tokens[i], sizeof tokens[i], "%c", text[i]);
        }
        int32_t want[80];
        size_t n_want = merge_naively(vocab, merges, tokens, n, want);
        struct sl_token_ids got = encode(t, text, n, SL_ENCODE_PLAIN);
        assert_int_equal(got.len, n_want);
        assert_memory_equal(got.data, want, n_want * sizeof *want);
        sl_token_ids_release(&got);
    }
    sl_tokenizer_free(&t);
    json_decref(base);
}

/* Takes seconds if merging or splitting were quadratic: a million bytes would then be 10^12 steps. */
static void test_a_megabyte_of_one_piece_is_encoded_quickly(void **state)
{
    (void)state;
    struct sl_tokenizer *t = load_small();
    static char text[1 << 20];
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < sizeof text; i++) text[i] = "t the-\n"[kind == 0 ? 0 : kind == 1 ? 1 : 5 - i % 2];
        expect_round_trip(t, text, sizeof text, text, sizeof text);
    }
    sl_tokenizer_free(&t);
}

/* --- round trips --------------------------------------------------------------------------------------------- */

static void test_any_bytes_come_back(void **state)
{
    (void)state;
    struct sl_tokenizer *t = load_small();
    struct sl_rng rng;
    sl_rng_init(&rng, 1, 0);
    static const char parts[] = " \n\xCC\x81"
                                "e<>|\xE3\x81\x8B\xF0\x9F";
    char text[300];
    for (int trial = 0; trial < 3000; trial++) {
        size_t n = sl_rng_below(&rng, sizeof text);
        uint32_t kind = sl_rng_below(&rng, 3);
        for (size_t i = 0; i < n; i++)
            text[i] = kind == 0   ? (char)sl_rng_below(&rng, 256)
                      : kind == 1 ? parts[sl_rng_below(&rng, sizeof parts)]
                                  : (char)(0x80 + sl_rng_below(&rng, 0x80));
        if (n) text[n - 1] = '\xFF'; /* so that the text is surely no UTF-8 */
        expect_round_trip(t, text, n, text, n);
    }
    sl_tokenizer_free(&t);
}

static void test_valid_text_comes_back_in_nfc(void **state)
{
    (void)state;
    static const struct {
        const char *text, *nfc;
    } cases[] = {
        {"e\xCC\x81", "\xC3\xA9"},
        {"\xE2\x84\xAB", "\xC3\x85"},                             /* Angstrom sign */
        {"a\xCC\x87\xCC\xA3", "\xE1\xBA\xA1\xCC\x87"},            /* marks are reordered */
        {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C"}, /* jamo */
        {"x\ne\xCC\x81\ny", "x\n\xC3\xA9\ny"},
        {"<think>\xCC\x81", "<think>\xCC\x81"}, /* added tokens are found before normalisation */
        {"e\xCC\x81\xFF", "e\xCC\x81\xFF"},     /* not UTF-8: left alone */
    };
    struct sl_tokenizer *t = load_small();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_round_trip(t, cases[i].text, strlen(cases[i].text), cases[i].nfc, strlen(cases[i].nfc));
    sl_tokenizer_free(&t);
}

/* --- added tokens -------------------------------------------------------------------------------------------- */

static void test_flags_choose_which_added_tokens_are_found(void **state)
{
    (void)state;
    struct sl_tokenizer *t = load_small();
    const char *text = "<|im_end|><point>";
    int32_t end = sl_tokenizer_id(t, "<|im_end|>"), point = sl_tokenizer_id(t, "<point>");
    for (unsigned flags = SL_ENCODE_PLAIN; flags <= SL_ENCODE_EVERYTHING; flags++) {
        struct sl_token_ids ids = encode(t, text, strlen(text), flags);
        bool has_end = false, has_point = false;
        for (size_t i = 0; i < ids.len; i++) {
            has_end |= ids.data[i] == end;
            has_point |= ids.data[i] == point;
        }
        assert_int_equal(has_end, (flags & SL_ENCODE_SPECIAL) != 0);
        assert_int_equal(has_point, (flags & SL_ENCODE_TAGS) != 0);
        sl_token_ids_release(&ids);
    }
    sl_tokenizer_free(&t);
}

static void test_decode_skips_special_tokens_but_shows_tags(void **state)
{
    (void)state;
    struct sl_tokenizer *t = load_small();
    const char *text = "<|im_start|>a <point>1</point><|im_end|>";
    struct sl_token_ids ids = encode(t, text, strlen(text), SL_ENCODE_EVERYTHING);
    struct sl_buf out = SL_BUF_INIT(1000);
    sl_error err = {0};
    assert_sl_ok(sl_tokenizer_decode(t, ids.data, ids.len, true, &out, &err), &err);
    assert_string_equal(out.data, "a <point>1</point>");
    sl_buf_release(&out);
    sl_token_ids_release(&ids);
    sl_tokenizer_free(&t);
}

static void test_special_tokens_are_the_last_ids_in_the_order_of_the_table(void **state)
{
    (void)state;
    struct sl_tokenizer *t = load_small();
    int32_t vocab = sl_tokenizer_vocab_size(t);
    assert_int_equal(vocab, 640);
    for (int i = 0; i < SL_N_SPECIAL; i++) {
        const struct sl_special_token *s = sl_special_token_at(i);
        int32_t id = sl_special_id((enum sl_special)i, vocab);
        size_t n;
        assert_int_equal(sl_tokenizer_id(t, s->text), id);
        assert_memory_equal(sl_tokenizer_token(t, id, &n), s->text, strlen(s->text));
        assert_int_equal(n, strlen(s->text));
        assert_true(sl_tokenizer_is_added(t, id));
        assert_int_equal(sl_tokenizer_is_special(t, id), s->special);
        assert_int_equal(s->special, s->text[1] == '|');
    }
    assert_string_equal(sl_special_token_at(SL_SPECIAL_TOOL_CALL_CLOSE)->text, "</tool_call>");
    assert_false(sl_tokenizer_is_added(t, vocab - SL_N_SPECIAL - 1));
    sl_tokenizer_free(&t);
}

/* --- the vocabulary and streams ------------------------------------------------------------------------------ */

static void test_ids_and_bytes_of_tokens_are_inverse(void **state)
{
    (void)state;
    struct sl_tokenizer *t = load_small();
    for (int32_t id = 0; id < sl_tokenizer_vocab_size(t); id++) {
        size_t n;
        const char *bytes = sl_tokenizer_token(t, id, &n);
        assert_non_null(bytes);
        if (memchr(bytes, '\0', n)) continue;
        char text[100];
        assert_true(n < sizeof text);
        memcpy(text, bytes, n);
        text[n] = '\0';
        assert_int_equal(sl_tokenizer_id(t, text), id);
    }
    size_t n;
    assert_int_equal(sl_tokenizer_id(t, "no such token"), -1);
    assert_null(sl_tokenizer_token(t, -1, &n));
    assert_null(sl_tokenizer_token(t, sl_tokenizer_vocab_size(t), &n));
    struct sl_buf out = SL_BUF_INIT(100);
    sl_error err = {0};
    assert_int_equal(sl_tokenizer_decode(t, &(int32_t){640}, 1, false, &out, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "640 is no token of this vocabulary of 640");
    sl_tokenizer_free(&t);
}

static void test_a_stream_holds_back_what_is_no_whole_character_yet(void **state)
{
    (void)state;
    struct sl_tokenizer *t = load_small();
    static const struct {
        const char *bytes;    /* one token each */
        const char *after[6]; /* the text so far after each; the last after the end */
    } cases[] = {
        {"a\xE2\x82\xAC", {"a", "a", "a", "a\xE2\x82\xAC", "a\xE2\x82\xAC"}},
        {"\xF0\x9F\x98\x80", {"", "", "", "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"}},
        {"\xC3"
         "a",
         {"",
          "\xEF\xBF\xBD"
          "a",
          "\xEF\xBF\xBD"
          "a"}},
        {"\xE2\x82", {"", "", "\xEF\xBF\xBD"}},
        {"\xE2\xC3\xA9", {"", "\xEF\xBF\xBD", "\xEF\xBF\xBD\xC3\xA9", "\xEF\xBF\xBD\xC3\xA9"}},
        {"\xFF\xED\xA0", {"\xEF\xBF\xBD", "\xEF\xBF\xBD", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct sl_token_stream s = {.n_held = 0};
        struct sl_buf out = SL_BUF_INIT(100);
        sl_error err = {0};
        size_t n = strlen(cases[c].bytes);
        for (size_t i = 0; i < n; i++) {
            int32_t id = (unsigned char)cases[c].bytes[i];
            assert_sl_ok(sl_token_stream_add(t, &s, id, true, &out, &err), &err);
            assert_string_equal(sl_buf_str(&out), cases[c].after[i]);
        }
        sl_token_stream_end(&s, &out);
        if (cases[c].after[n]) assert_string_equal(sl_buf_str(&out), cases[c].after[n]);
        sl_buf_release(&out);
    }
    sl_tokenizer_free(&t);
}

static void test_encoding_stops_at_the_ceiling(void **state)
{
    (void)state;
    struct sl_tokenizer *t = load_small();
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(3);
    sl_error err = {0};
    assert_int_equal(sl_tokenizer_encode(t, "1 2 3 4", 7, 0, &ids, &err), SL_ERR_MEMORY);
    assert_string_equal(err.message, "more than 3 tokens");
    assert_true(ids.len <= 3);
    sl_token_ids_release(&ids);
    sl_tokenizer_free(&t);
}

static void test_a_folder_stands_for_the_tokenizer_json_in_it(void **state)
{
    (void)state;
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_tokenizer_load("tests/text/data", &t, &err), &err);
    sl_tokenizer_free(&t);
    assert_int_equal(sl_tokenizer_load("tests/text", &t, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "tests/text/tokenizer.json"));
    assert_null(t);
}

/* --- malformed files ----------------------------------------------------------------------------------------- */

/* Sets document[key...] to the value written in JSON; a value of NULL deletes the key. Keys are "a.b" or "a.3". */
static void set_at(json_t *document, const char *key, const char *value)
{
    char path[100];
    snprintf(path, sizeof path, "%s", key);
    json_t *at = document;
    char *part = path, *dot;
    while ((dot = strchr(part, '.')) != NULL) {
        *dot = '\0';
        at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10)) : json_object_get(at, part);
        part = dot + 1;
    }
    if (!value) {
        json_object_del(at, part);
        return;
    }
    json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    if (json_is_array(at))
        json_array_set_new(at, strtoul(part, NULL, 10), v);
    else
        json_object_set_new(at, part, v);
}

static void test_a_malformed_file_is_told_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"model", NULL, "model: missing"},
        {"model", "3", "model: expected an object, found 3"},
        {"model.type", "\"WordPiece\"", "model.type: 'WordPiece' is not supported, only BPE is"},
        {"model.vocab", NULL, "model.vocab: missing"},
        {"model.vocab", "[]", "model.vocab: expected an object, found an array"},
        {"model.vocab", "{}", "merge 0 '\xC3\xA0 \xC2\xA4': '\xC3\xA0' is not in the vocabulary"},
        {"model.vocab.a", "\"97\"", "model.vocab: the id of 'a' is no integer"},
        {"model.vocab.a", "-1", "model.vocab: the id of 'a', -1, is not between 0 and 1048575"},
        {"model.vocab.a", "1048576", "model.vocab: the id of 'a', 1048576, is not between 0 and 1048575"},
        {"model.vocab.a", "98", "model.vocab: 'b': id 98 is also that of 'a'"},
        {"model.vocab.", "700", "model.vocab: a token of 0 bytes"},
        {"model.vocab.!", NULL, "the byte 0x21 is not in the vocabulary"},
        {"model.merges", NULL, "model.merges: missing"},
        {"model.merges", "{}", "model.merges: expected an array, found an object"},
        {"model.merges.17", "\"a b\"", "merge 17 'a b': 'ab' is not in the vocabulary"},
        {"model.merges.17", "[\"a\", \"zz\"]", "merge 17 'a zz': 'zz' is not in the vocabulary"},
        {"model.merges.17", "\" b\"", "merge 17 ' b': '' is not in the vocabulary"},
        {"model.merges.17", "\"a\"", "merge 17 is neither \"a b\" nor [\"a\", \"b\"]"},
        {"model.merges.17", "\"a b c\"", "merge 17 is neither \"a b\" nor [\"a\", \"b\"]"},
        {"model.merges.17", "[\"a\"]", "merge 17 is neither \"a b\" nor [\"a\", \"b\"]"},
        {"model.merges.17", "[\"a\", 1]", "merge 17 is neither \"a b\" nor [\"a\", \"b\"]"},
        {"model.merges.17", "5", "merge 17 is neither \"a b\" nor [\"a\", \"b\"]"},
        {"model.merges.17", "\"\xC3\xA0 \xC2\xA4\"", "merge 17 repeats merge 0"},
        {"model.byte_fallback", "true", "model.byte_fallback: not supported"},
        {"model.ignore_merges", "1", "model.ignore_merges: expected true or false, found 1"},
        {"model.dropout", "0.1", "model.dropout: not supported"},
        {"model.continuing_subword_prefix", "\"##\"",
         "model.continuing_subword_prefix: '##' is not supported: the vocabulary must be byte-level"},
        {"added_tokens", "{}", "added_tokens: expected an array, found an object"},
        {"added_tokens.2", "7", "added_tokens[2]: expected a JSON object, found 7"},
        {"added_tokens.2.id", "\"x\"", "added_tokens[2].id: expected an integer, found the string \"x\""},
        {"added_tokens.2.id", "99999999999", "added_tokens[2].id: 99999999999 is outside 0 to 1048575"},
        {"added_tokens.2.id", "97", "added token '<|im_end|>': id 97 is also that of 'a'"},
        {"added_tokens.2.id", "609", "added token '<|im_end|>': id 609 is also that of '<|im_start|>'"},
        {"added_tokens.2.content", "\"\"", "added_tokens[2].content: a token of 0 bytes"},
        {"added_tokens.2.content", "\"<think>\"", "added token '<think>' is there twice"},
        {"added_tokens.2.content", "\"a\"", "added token 'a' has id 610, in model.vocab it has 97"},
        {"added_tokens.2.special", "0", "added_tokens[2].special: expected true or false, found 0"},
        {"normalizer.type", "\"Lowercase\"",
         "normalizer.type: 'Lowercase' is not supported, only NFC, NFD, NFKC, NFKD and Sequence are"},
        {"normalizer", "\"NFC\"", "normalizer: expected an object, found the string \"NFC\""},
        {"pre_tokenizer", "null", "pre_tokenizer: no ByteLevel step, so this is no byte-level BPE"},
        {"pre_tokenizer.type", "\"Metaspace\"",
         "pre_tokenizer.type: 'Metaspace' is not supported, only Split, Digits, ByteLevel and Sequence are"},
        {"pre_tokenizer.pretokenizers.0", "{\"type\":\"ByteLevel\"}",
         "pre_tokenizer[1].type: 'ByteLevel' after ByteLevel is not supported"},
        {"pre_tokenizer.pretokenizers.0.behavior", "\"Sideways\"",
         "pre_tokenizer[0].behavior: no such behavior: 'Sideways'"},
        {"pre_tokenizer.pretokenizers.0.pattern.Regex", "\"(\"",
         "pre_tokenizer: pattern '(': missing closing parenthesis at byte 1"},
        {"pre_tokenizer.pretokenizers.0.pattern.Regex", "\"[a[b]]\"",
         "pre_tokenizer: pattern '[a[b]]': the character class at byte 0 is not closed, or nested in a way that PCRE2 "
         "has not"},
        {"pre_tokenizer.pretokenizers.0.pattern", "{}", "pre_tokenizer[0].pattern.Regex: missing"},
        {"pre_tokenizer.pretokenizers.1.add_prefix_space", "true", "pre_tokenizer[1].add_prefix_space: not supported"},
    };
    json_t *base = load_json(DATA "tokenizer.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *document = json_deep_copy(base);
        set_at(document, cases[i].key, cases[i].value);
        char *text = json_dumps(document, 0);
        struct sl_tokenizer *t = NULL;
        sl_error err = {0};
        sl_status status = sl_tokenizer_parse(text, strlen(text), &t, &err);
        assert_int_not_equal(status, SL_OK);
        assert_null(t);
        assert_string_equal(err.message, cases[i].message);
        free(text);
        json_decref(document);
    }
    json_decref(base);
}

static void test_an_error_names_the_file(void **state)
{
    (void)state;
    const char *path = test_temp_path("tokenizer.json");
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    test_write_file(path, "{}", 2);
    assert_int_equal(sl_tokenizer_load(path, &t, &err), SL_ERR_FORMAT);
    char want[600];
    snprintf(want, sizeof want, "%s: model: missing", path);
    assert_string_equal(err.message, want);
    assert_int_equal(sl_tokenizer_load("/nonexistent/tokenizer.json", &t, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "/nonexistent/tokenizer.json"));
}

/* Also finds leaks and reads past the end, under the sanitizers. */
static void test_every_truncation_is_an_error(void **state)
{
    (void)state;
    json_t *base = load_json(DATA "tokenizer.json");
    char *text = json_dumps(base, JSON_COMPACT);
    size_t n = strlen(text);
    for (size_t cut = 0; cut < n; cut += 1 + cut / 40) {
        char *exact = malloc(cut ? cut : 1);
        memcpy(exact, text, cut);
        struct sl_tokenizer *t = NULL;
        sl_error err = {0};
        assert_int_equal(sl_tokenizer_parse(exact, cut, &t, &err), SL_ERR_FORMAT);
        assert_non_null(strstr(err.message, "bad JSON"));
        free(exact);
    }
    free(text);
    json_decref(base);
}

static void test_deep_nesting_is_an_error(void **state)
{
    (void)state;
    static char text[200000];
    memset(text, '[', sizeof text);
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    assert_int_equal(sl_tokenizer_parse(text, sizeof text, &t, &err), SL_ERR_FORMAT);
    assert_string_equal(err.message, "JSON nested deeper than 32 levels");
}

static void test_a_hostile_pattern_ends_in_an_error(void **state)
{
    (void)state;
    json_t *base = load_json(DATA "tokenizer.json");
    set_at(base, "pre_tokenizer.pretokenizers.0.pattern.Regex", "\"(a|a|aa)*b\"");
    struct sl_tokenizer *t = parse_json(base);
    const char *text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaacb";
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(1000);
    sl_error err = {0};
    assert_int_equal(sl_tokenizer_encode(t, text, strlen(text), 0, &ids, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "failed on the text: match limit exceeded"));
    sl_token_ids_release(&ids);
    sl_tokenizer_free(&t);
    json_decref(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_equal_those_of_an_independent_implementation),
        cmocka_unit_test(test_saving_and_loading_changes_no_id_in_any_variant),
        cmocka_unit_test(test_short_and_long_pieces_merge_like_a_naive_merger),
        cmocka_unit_test(test_a_megabyte_of_one_piece_is_encoded_quickly),
        cmocka_unit_test(test_any_bytes_come_back),
        cmocka_unit_test(test_valid_text_comes_back_in_nfc),
        cmocka_unit_test(test_flags_choose_which_added_tokens_are_found),
        cmocka_unit_test(test_decode_skips_special_tokens_but_shows_tags),
        cmocka_unit_test(test_special_tokens_are_the_last_ids_in_the_order_of_the_table),
        cmocka_unit_test(test_ids_and_bytes_of_tokens_are_inverse),
        cmocka_unit_test(test_a_stream_holds_back_what_is_no_whole_character_yet),
        cmocka_unit_test(test_encoding_stops_at_the_ceiling),
        cmocka_unit_test(test_a_folder_stands_for_the_tokenizer_json_in_it),
        cmocka_unit_test(test_a_malformed_file_is_told_what_is_wrong),
        cmocka_unit_test(test_an_error_names_the_file),
        cmocka_unit_test(test_every_truncation_is_an_error),
        cmocka_unit_test(test_deep_nesting_is_an_error),
        cmocka_unit_test(test_a_hostile_pattern_ends_in_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
