/*
 * test_grammar.c: which texts fit which schema, pattern and form; what is refused; and which tokens may follow.
 */
#include "test.h"

#include "infer/grammar.h"
#include "text/bpe_train.h"

/* A grammar and texts: those that fit, then NULL, then those that do not, then NULL. */
struct language {
    const char *source;
    const char *texts[24];
};

static const struct language schemas[] = {
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"}},\"required\":["
     "\"a\"],"
     "\"additionalProperties\":false}",
     {"{\"a\":1}", "{\"a\": -20, \"b\": \"x\"}", "{\n  \"a\": 0,\n  \"b\": \"\"\n}", NULL, "{}", "{\"b\":\"x\"}",
      "{\"a\":1,}", "{\"a\":1,\"c\":2}", "{\"a\":1.5}", "{\"a\":01}", "{\"a\":1} ", "", NULL}},
    {"{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"null\"},\"ac\":{\"type\":\"null\"}},"
     "\"additionalProperties\":{\"type\":\"boolean\"}}",
     {"{}", "{\"ab\":null}", "{\"ac\":null,\"a\":true}", "{\"abc\":false}", "{\"x\":true,\"\":false}",
      "{\"ab\":null,\"ac\":null,\"z\":true,\"y\":false}", NULL, "{\"ab\":true}", "{\"ac\":false}", "{\"z\":null}",
      "{\"z\":true,\"ab\":null}", NULL}},
    {"{\"type\":\"object\"}",
     {"{}", "{\"a\":[1,2,{\"b\":[]}],\"c\":{\"d\":null}}", "{\"\\n\":\"\\u00e9\"}", NULL, "[]", "{\"a\"}", "{a:1}",
      NULL}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":3}",
     {"[1,2]", "[1, 2, 3]", NULL, "[]", "[1]", "[1,2,3,4]", "[1,2,]", NULL}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"minItems\":1}",
     {"[true]", "[true,false,true,true]", NULL, "[]", "[1]", NULL}},
    {"{\"type\":\"array\",\"maxItems\":0}", {"[]", NULL, "[1]", NULL}},
    {"{\"enum\":[\"red\",\"blue\",3,null]}", {"\"red\"", "\"blue\"", "3", "null", NULL, "red", "\"green\"", "4", NULL}},
    {"{\"const\":{\"k\":[1]}}", {"{\"k\":[1]}", NULL, "{\"k\":[2]}", NULL}},
    {"{\"anyOf\":[{\"type\":\"string\",\"maxLength\":2},{\"type\":\"integer\"}]}",
     {"\"ab\"", "\"\"", "\"\\u00e9x\"", "\"é\"", "7", NULL, "\"abc\"", "true", "\"\\ud800\"", NULL}},
    {"{\"type\":[\"string\",\"null\"],\"minLength\":1}", {"\"a\"", "null", NULL, "\"\"", "1", NULL}},
    {"{\"$ref\":\"#/$defs/node\",\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},"
     "\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/node\"},{\"type\":\"null\"}]}},\"required\":[\"v\",\"next\"]}}}",
     {"{\"v\":1,\"next\":null}", "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3,\"next\":null}}}", NULL,
      "{\"v\":1,\"next\":{\"v\":2}}", "{\"v\":1,\"next\":{\"v\":2,\"next\":null}", NULL}},
    {"{\"type\":\"string\",\"pattern\":\"^[a-c]+\\\\d$\"}", {"\"ab1\"", NULL, "\"1\"", "\"ab1x\"", "\"xab1\"", NULL}},
    {"{\"type\":\"string\",\"pattern\":\"b\"}", {"\"abc\"", "\"b\"", NULL, "\"ac\"", NULL}},
    {"{\"type\":\"string\",\"pattern\":\"^.$\"}",
     {"\"\\\"\"", "\"\\\\\"", "\"\\t\"", "\"ü\"", NULL, "\"\"\"", "\"\\n\"", NULL}},
    {"{\"type\":\"string\",\"format\":\"date\"}", {"\"2024-02-29\"", NULL, "\"2024-13-01\"", "\"24-01-01\"", NULL}},
    {"{\"type\":\"string\",\"format\":\"ipv4\"}", {"\"192.168.0.255\"", NULL, "\"256.1.1.1\"", "\"1.1.1\"", NULL}},
    {"{\"type\":\"integer\",\"minimum\":-5,\"maximum\":120}",
     {"-5", "-1", "0", "9", "10", "99", "100", "119", "120", NULL, "-6", "121", "200", "1000", "-10", "007", "1.0",
      NULL}},
    {"{\"type\":\"integer\",\"exclusiveMinimum\":7}",
     {"8", "19", "1234567890123456789012", NULL, "7", "-8", "0", NULL}},
    {"{\"type\":\"integer\",\"maximum\":-3}", {"-3", "-40", "-99999999999999999999999", NULL, "-2", "0", "3", NULL}},
    {"{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
     {"0", "0.5", "1", "1.0", "1.000", "0.999", NULL, "1.01", "-0.5", "2", "1e3", ".5", NULL}},
    {"{\"type\":\"number\"}", {"0", "-1.5e+10", "12E-3", "3.25", NULL, "01", "1.", "+1", "e5", "1e", NULL}},
    {"true", {"1", "{\"a\":[]}", "\"x\"", "true", NULL, "", "x", NULL}},
};

static const struct language patterns[] = {
    {"abc", {"abc", NULL, "ab", "abcd", NULL}},
    {"^a|b$", {"a", "b", NULL, "ab", NULL}},
    {"(yes|no)( please)?", {"yes", "no please", NULL, "yes please please", NULL}},
    {"a{2,3}b{2}c{1,}", {"aabbc", "aaabbccc", NULL, "abbc", "aabb", "aaaabbc", NULL}},
    {"[^a-z\\d]+", {"ABC", "é ", "\n", NULL, "a", "A1", NULL}},
    {"[\\]\\-a]+", {"]-a", NULL, "b", NULL}},
    {"[]a]+", {"]a", NULL, "[", NULL}},
    {".\\.\\x41\\u00e9", {"x.Aé", "日.Aé", NULL, "\n.Aé", "xxAé", NULL}},
    {"[α-ω𝄞]*", {"", "αβω", "𝄞α", NULL, "a", "Α", NULL}},
    {"\\w+@\\w+\\.(com|org)", {"me@here.org", NULL, "me@here.net", "@a.com", NULL}},
    {"(a*)*b", {"b", "aaab", NULL, "a", NULL}},
    {"", {"", NULL, "a", NULL}},
    {"x??y*?", {"", "x", "xyy", NULL, "xx", NULL}},
};

static const struct language named[] = {
    {"boxes",
     {"<bbox>1 2 300 999</bbox>", "<text>cat</text><bbox>0 0 1 1</bbox><bbox>5 5 6 6</bbox>", NULL, "",
      "<bbox>1 2 3</bbox>", "<bbox>1 2 3 1000</bbox>", "<bbox>01 2 3 4</bbox>", NULL}},
    {"points", {"<point>10 999</point>", NULL, "<point>1,2</point>", NULL}},
    {"action",
     {"Thought: I see.\nAction: click(point='<point>1 2</point>')", "Thought: x\nAction: type(content='it\\'s\\n')",
      "Thought: x\nAction: hotkey(key='ctrl c')", "Thought: x\nAction: wait()", NULL, "Action: wait()",
      "Thought: x\nAction: click()", "Thought: x\nAction: scroll(point='<point>1 2</point>', direction='Up')", NULL}},
    {"json", {"{\"a\":1}", NULL, "[1]", NULL}},
};

static void check_language(const struct language *l, sl_grammar *g)
{
    size_t i = 0;
    for (; l->texts[i]; i++)
        if (!sl_grammar_matches(g, l->texts[i], strlen(l->texts[i])))
            fail_msg("%s: refuses %s", l->source, l->texts[i]);
    for (i++; l->texts[i]; i++)
        if (sl_grammar_matches(g, l->texts[i], strlen(l->texts[i]))) fail_msg("%s: takes %s", l->source, l->texts[i]);
    sl_grammar_drop(g);
}

static void test_texts_fit_their_schema(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        sl_grammar *g = NULL;
        sl_error err = {0};
        const char *s = schemas[i].source;
        if (sl_grammar_from_schema(s, strlen(s), &g, &err)) fail_msg("%s: %s", s, err.message);
        check_language(&schemas[i], g);
    }
}

static void test_texts_match_their_pattern(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        sl_grammar *g = NULL;
        sl_error err = {0};
        const char *s = patterns[i].source;
        if (sl_grammar_from_regex(s, strlen(s), &g, &err)) fail_msg("%s: %s", s, err.message);
        check_language(&patterns[i], g);
    }
}

static void test_forms_of_the_answer_language(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        sl_grammar *g = NULL;
        sl_error err = {0};
        assert_sl_ok(sl_grammar_named(named[i].source, &g, &err), &err);
        check_language(&named[i], g);
    }
}

static void test_calls_of_tools(void **state)
{
    (void)state;
    const char *tools[2] = {
        "{\"type\":\"function\",\"function\":{\"name\":\"zoom\",\"parameters\":{\"type\":\"object\","
        "\"properties\":{\"by\":{\"type\":\"integer\"}},\"required\":[\"by\"]}}}",
        "{\"name\":\"stop\"}"};
    sl_grammar *g = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_grammar_from_tools(tools, 2, &g, &err), &err);
    const struct language l = {"tools",
                               {"<tool_call>\n{\"name\":\"zoom\",\"arguments\":{\"by\": 2}}\n</tool_call>",
                                "<tool_call>\n{\"name\":\"stop\",\"arguments\":{}}\n</tool_call>", NULL,
                                "<tool_call>\n{\"name\":\"zoom\",\"arguments\":{}}\n</tool_call>",
                                "<tool_call>\n{\"name\":\"other\",\"arguments\":{}}\n</tool_call>", NULL}};
    check_language(&l, g);
}

static void test_what_cannot_be_kept_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"type\":\"string\",\"not\":{}}", "schema /: not is not supported"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"uniqueItems\":true}}}",
         "schema /properties/a: uniqueItems is not supported"},
        {"{\"type\":\"object\",\"required\":[\"x\"]}", "schema /: required names what is no property"},
        {"{\"$ref\":\"#/nowhere\"}", "schema /: $ref leads nowhere in this schema"},
        {"{\"enum\":[]}", "nothing can ever fit this"},
        {"{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", "nothing can ever fit this"},
        {"{\"$ref\":\"#\"}", "nothing can ever fit this"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
         "nothing can ever fit this"},
        {"{\"type\":\"wrong\"}", "schema /: wrong is no type"},
        {"{\"type\":\"number\",\"multipleOf\":0.1}",
         "schema /: number has a multipleOf other than 1, which is not supported"},
        {"{\"type\":\"string\",\"pattern\":\"(?=a)\"}",
         "schema /: byte 1 of the pattern: look-around and named groups are not supported"},
        {"[]", "schema /: not a schema"},
    };
    static const char *const bad_patterns[][2] = {
        {"a(b", "byte 2 of the pattern: ( without )"},
        {"a)", "byte 1 of the pattern: ) without ("},
        {"[a", "byte 1 of the pattern: [ without ]"},
        {"*a", "byte 0 of the pattern: nothing to repeat"},
        {"(a)\\1", "byte 5 of the pattern: an escape that is not supported"},
        {"a{3,2}", "byte 5 of the pattern: a repetition that is not {m}, {m,} or {m,n}"},
        {"((a{1000}){1000}){1000}", "the pattern needs too many states"},
        {"[z-a]", "byte 4 of the pattern: a range that ends before it begins"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sl_grammar *g = NULL;
        sl_error err = {0};
        assert_int_not_equal(sl_grammar_from_schema(bad[i][0], strlen(bad[i][0]), &g, &err), SL_OK);
        assert_string_equal(err.message, bad[i][1]);
    }
    for (size_t i = 0; i < sizeof bad_patterns / sizeof *bad_patterns; i++) {
        sl_grammar *g = NULL;
        sl_error err = {0};
        assert_int_not_equal(sl_grammar_from_regex(bad_patterns[i][0], strlen(bad_patterns[i][0]), &g, &err), SL_OK);
        assert_string_equal(err.message, bad_patterns[i][1]);
    }
}

/* The set of tokens that may follow is what trying each of them says. */
static void test_token_sets_are_what_trying_every_token_says(void **state)
{
    (void)state;
    static const char text[] =
        "the color of the box is red and the color of the ball is blue {\"color\": \"red\", \"n\": 12}";
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"color\":{\"type\":\"string\",\"maxLength\":6},"
                                 "\"n\":{\"type\":\"integer\",\"maximum\":50}},\"required\":[\"color\"]}";
    static const char *const begins[] = {
        "", "{", "{\"co", "{\"color\": \"re", "{\"color\":\"red\", \"n\":4", "{\"color\":\"\"}"};
    struct sl_bpe_train_options o;
    struct sl_bpe_trainer *trainer = NULL;
    struct sl_tokenizer *t = NULL;
    sl_token_list *list = NULL;
    sl_grammar *g = NULL;
    sl_error err = {0};
    int32_t start;
    sl_bpe_train_defaults(&o);
    o.vocab_size = 340;
    assert_sl_ok(sl_bpe_trainer_new(&o, &trainer, &err), &err);
    for (int i = 0; i < 3; i++) assert_sl_ok(sl_bpe_trainer_add(trainer, text, sizeof text - 1, &err), &err);
    assert_sl_ok(sl_bpe_trainer_finish(trainer, &t, &err), &err);
    int vocab = (int)sl_tokenizer_vocab_size(t);
    assert_sl_ok(sl_token_list_new(t, vocab, &list, &err), &err);
    assert_sl_ok(sl_grammar_from_schema(schema, sizeof schema - 1, &g, &err), &err);
    assert_sl_ok(sl_grammar_begin(g, &start, &err), &err);
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        const uint32_t *mask;
        int n, found = 0;
        int32_t at = sl_grammar_advance(g, start, begins[i], strlen(begins[i]));
        assert_true(at >= 0);
        assert_sl_ok(sl_grammar_mask(g, list, at, &mask, &n, &err), &err);
        for (int32_t id = 0; id < vocab; id++) {
            size_t bytes;
            const char *s = sl_tokenizer_token(t, id, &bytes);
            bool usable = s && !sl_tokenizer_is_special(t, id) && id != sl_tokenizer_id(t, "<think>") &&
                          id != sl_tokenizer_id(t, "</think>");
            bool fits = usable && sl_grammar_advance(g, at, s, bytes) >= 0;
            assert_int_equal(mask[id / 32] >> (id % 32) & 1, fits);
            found += fits;
        }
        assert_int_equal(n, found);
    }
    sl_grammar_end(g);
    sl_grammar_drop(g);
    sl_token_list_free(list);
    sl_tokenizer_free(&t);
    sl_bpe_trainer_free(&trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_fit_their_schema),
        cmocka_unit_test(test_texts_match_their_pattern),
        cmocka_unit_test(test_forms_of_the_answer_language),
        cmocka_unit_test(test_calls_of_tools),
        cmocka_unit_test(test_what_cannot_be_kept_is_refused),
        cmocka_unit_test(test_token_sets_are_what_trying_every_token_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
