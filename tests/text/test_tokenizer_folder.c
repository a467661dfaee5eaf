/*
 * test_tokenizer_folder.c: folders without a tokenizer.json: Qwen's vocab.json with merges.txt, Kimi's tiktoken.model.
 */
#include "test.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void put(const char *name, const char *text, size_t n)
{
    char path[128];
    sl_error err = {0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_sl_ok(sl_file_write(path, text, n, &err), &err);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/seedling-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"vocab.json", "merges.txt", "tokenizer_config.json", "tiktoken.model"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static void expect_ids(const struct sl_tokenizer *t, const char *text, const int32_t *want, size_t n)
{
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(1 << 16);
    sl_error err = {0};
    assert_sl_ok(sl_tokenizer_encode(t, text, strlen(text), SL_ENCODE_EVERYTHING, &ids, &err), &err);
    assert_int_equal(ids.len, n);
    assert_memory_equal(ids.data, want, n * sizeof *want);
    sl_token_ids_release(&ids);
}

/* Takes tests/text/data/tokenizer.json apart into the two older files and compares what they give. */
static void test_vocabulary_and_merges_stand_for_a_tokenizer_json(void **state)
{
    (void)state;
    static const char *const texts[] = {"Hello, world!  It's 2026.\r\n\n\tcafe\xCC\x81", "\xE4\xBD\xA0\xE5\xA5\xBD x",
                                        "for (int i = 0; i < 10; i++) {}", "\xFF\xFE broken"};
    struct sl_tokenizer *whole, *parts;
    json_error_t why;
    sl_error err = {0};
    json_t *document = json_load_file("tests/text/data/tokenizer.json", JSON_ALLOW_NUL, &why), *entry;
    struct sl_buf merges = SL_BUF_INIT(1 << 24);
    size_t i;
    assert_non_null(document);
    json_t *model = json_object_get(document, "model");
    sl_buf_addstr(&merges, "#version: 0.2\n");
    json_array_foreach(json_object_get(model, "merges"), i, entry)
    {
        if (json_is_string(entry))
            sl_buf_addf(&merges, "%s\n", json_string_value(entry));
        else
            sl_buf_addf(&merges, "%s %s\n", json_string_value(json_array_get(entry, 0)),
                        json_string_value(json_array_get(entry, 1)));
    }
    json_t *added = json_object();
    json_array_foreach(json_object_get(document, "added_tokens"), i, entry)
    {
        char id[16];
        snprintf(id, sizeof id, "%d", (int)json_integer_value(json_object_get(entry, "id")));
        json_object_set(added, id, entry);
    }
    json_t *config = json_pack("{s:s, s:o}", "tokenizer_class", "Qwen2Tokenizer", "added_tokens_decoder", added);
    char *vocab_text = json_dumps(json_object_get(model, "vocab"), 0), *config_text = json_dumps(config, 0);
    put("vocab.json", vocab_text, strlen(vocab_text));
    put("merges.txt", sl_buf_str(&merges), merges.len);
    put("tokenizer_config.json", config_text, strlen(config_text));
    assert_sl_ok(sl_tokenizer_load(dir, &parts, &err), &err);
    assert_sl_ok(sl_tokenizer_load("tests/text/data/tokenizer.json", &whole, &err), &err);
    for (i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sl_token_ids ids = SL_TOKEN_IDS_INIT(1 << 16);
        assert_sl_ok(sl_tokenizer_encode(whole, texts[i], strlen(texts[i]), SL_ENCODE_EVERYTHING, &ids, &err), &err);
        expect_ids(parts, texts[i], ids.data, ids.len);
        sl_token_ids_release(&ids);
    }
    sl_tokenizer_free(&whole);
    sl_tokenizer_free(&parts);
    sl_buf_release(&merges);
    json_decref(config);
    json_decref(document);
    free(vocab_text);
    free(config_text);
}

/* All bytes, then the tokens of more. */
static void put_ranks(const char *const *more, int n)
{
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    for (int i = 0; i < 256 + n; i++) {
        const char byte = (char)i;
        sl_base64_encode(i < 256 ? &byte : more[i - 256], i < 256 ? 1 : strlen(more[i - 256]), &text);
        sl_buf_addf(&text, " %d\n", i);
    }
    put("tiktoken.model", sl_buf_str(&text), text.len);
    sl_buf_release(&text);
}

static void test_ranks_merge_whatever_is_a_token_together(void **state)
{
    (void)state;
    static const char *const more[] = {"bc", "ab", "abc", "cd", "\xE4\xBD\xA0", "\xE4\xBD"};
    static const char config[] =
        "{\"added_tokens_decoder\": {\"300\": {\"content\": \"<|im_end|>\", \"special\": true}}}";
    struct sl_tokenizer *t;
    sl_error err = {0};
    put_ranks(more, 6);
    put("tokenizer_config.json", config, sizeof config - 1);
    assert_sl_ok(sl_tokenizer_load(dir, &t, &err), &err);
    expect_ids(t, "abc", (int32_t[]){258}, 1);       /* bc first, then a + bc */
    expect_ids(t, "abcd", (int32_t[]){258, 'd'}, 2); /* never ab + cd: bc has the lower rank */
    expect_ids(t, "ab12345", (int32_t[]){257, '1', '2', '3', '4', '5'}, 6);
    expect_ids(t, "a<|im_end|>", (int32_t[]){'a', 300}, 2);
    expect_ids(t, "x\xE4\xBD\xA0", (int32_t[]){'x', 260}, 2); /* a run of Han is cut off */
    sl_tokenizer_free(&t);
}

static void test_broken_ranks_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"YQ==\n", "line 1 is no token with its rank"},
        {"YQ== 0\n!!!! 1\n", "line 2"},
        {"YQ== 0\nYQ== 1\n", "line 2"},
        {"YQ== 0\nYg== 0\n", "line 2"},
        {"YQ== 0\nYg== 99999999\n", "line 2 is no token with its rank"},
        {"YQ== 0\n", "tiktoken.model"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_tokenizer *t = NULL;
        sl_error err = {0};
        put("tiktoken.model", cases[i].text, strlen(cases[i].text));
        assert_int_not_equal(sl_tokenizer_load(dir, &t, &err), SL_OK);
        assert_null(t);
        if (!strstr(err.message, cases[i].why)) fail_msg("case %zu: %s", i, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vocabulary_and_merges_stand_for_a_tokenizer_json, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_ranks_merge_whatever_is_a_token_together, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_broken_ranks_name_the_line, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
