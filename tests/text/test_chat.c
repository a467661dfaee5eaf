/*
 * test_chat.c: what the template makes of messages, as text and as ids; what is learnt from; what no content can do.
 */
#include "test.h"

#include "text/bpe_train.h"
#include "text/chat.h"
#include "text/special.h"

#define SYSTEM_DIRECT                                                                                                  \
    "<|im_start|>system\nAnswer the question directly, without writing down your reasoning.<|im_end|>\n"
#define SYSTEM_THINKING                                                                                                \
    "<|im_start|>system\nReason about the question first, inside <think> and </think>. Then, after </think>, give "    \
    "the answer.<|im_end|>\n"
#define PICTURE "<|image_start|><|image_patch|><|image_end|>"

static const struct sl_chat_options direct = {0}, thinking = {.thinking = true};

/* --- making messages and a tokenizer -------------------------------------------------------------------------- */

/* A message of one text part; static storage that the next 16 calls keep. */
static struct sl_chat_message says(enum sl_chat_role role, const char *text)
{
    static struct sl_chat_part parts[16];
    static int next;
    struct sl_chat_part *p = &parts[next++ % 16];
    *p = (struct sl_chat_part){SL_CHAT_TEXT, text, strlen(text), 0};
    return (struct sl_chat_message){.role = role, .parts = p, .n_parts = 1};
}

static struct sl_chat_message thinks(const char *reasoning, const char *text)
{
    struct sl_chat_message m = says(SL_CHAT_ASSISTANT, text);
    m.reasoning = reasoning;
    m.n_reasoning = strlen(reasoning);
    return m;
}

static int train(void **state)
{
    static const char text[] = "Answer the question: how many cats are in the picture? There are two cats, and a dog. "
                               "system user assistant tool inside and after, the the the second second 10 20 30";
    struct sl_bpe_train_options o;
    struct sl_bpe_trainer *trainer = NULL;
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    sl_bpe_train_defaults(&o);
    o.vocab_size = SL_BPE_MIN_VOCABULARY + 60;
    assert_sl_ok(sl_bpe_trainer_new(&o, &trainer, &err), &err);
    assert_sl_ok(sl_bpe_trainer_add(trainer, text, sizeof text - 1, &err), &err);
    assert_sl_ok(sl_bpe_trainer_finish(trainer, &t, &err), &err);
    sl_bpe_trainer_free(&trainer);
    *state = t;
    return 0;
}

static int untrain(void **state)
{
    struct sl_tokenizer *t = *state;
    sl_tokenizer_free(&t);
    return 0;
}

static struct sl_chat_tokens encode(const struct sl_tokenizer *t, const struct sl_chat_message *m, size_t n,
                                    const struct sl_chat_options *o)
{
    struct sl_chat_tokens out;
    sl_error err = {0};
    sl_chat_tokens_init(&out, 1 << 20);
    assert_sl_ok(sl_chat_encode(t, m, n, o, &out, &err), &err);
    return out;
}

/* Appends the text of the ids whose loss is at least `loss`. */
static void decode(const struct sl_tokenizer *t, const struct sl_chat_tokens *c, unsigned loss, struct sl_buf *out)
{
    sl_error err = {0};
    for (size_t i = 0; i < c->ids.len; i++)
        if (c->loss[i] >= loss) assert_sl_ok(sl_tokenizer_decode(t, &c->ids.data[i], 1, false, out, &err), &err);
}

/* Expects the text that the messages render to, the same from their ids, and what of it is learnt. */
static void expect(const struct sl_tokenizer *t, const struct sl_chat_message *m, size_t n,
                   const struct sl_chat_options *o, const char *text, const char *learnt)
{
    struct sl_buf b = SL_BUF_INIT(1 << 20);
    sl_error err = {0};
    assert_sl_ok(sl_chat_render(m, n, o, &b, &err), &err);
    assert_string_equal(sl_buf_str(&b), text);
    struct sl_chat_tokens c = encode(t, m, n, o);
    sl_buf_clear(&b);
    decode(t, &c, 0, &b);
    assert_string_equal(sl_buf_str(&b), text);
    sl_buf_clear(&b);
    decode(t, &c, 1, &b);
    assert_string_equal(sl_buf_str(&b), learnt);
    sl_buf_release(&b);
    sl_chat_tokens_release(&c);
}

/* --- the template --------------------------------------------------------------------------------------------- */

static void answers_and_their_ends_are_learnt(void **state)
{
    struct sl_chat_message m[] = {says(SL_CHAT_USER, "How many cats?"), says(SL_CHAT_ASSISTANT, "Two."),
                                  says(SL_CHAT_USER, "And dogs?"), says(SL_CHAT_ASSISTANT, "One.")};
    expect(*state, m, 4, &direct,
           SYSTEM_DIRECT "<|im_start|>user\nHow many cats?<|im_end|>\n<|im_start|>assistant\nTwo.<|im_end|>\n"
                         "<|im_start|>user\nAnd dogs?<|im_end|>\n<|im_start|>assistant\nOne.<|im_end|>\n",
           "Two.<|im_end|>One.<|im_end|>");
    m[1].no_loss = true;
    struct sl_chat_tokens c = encode(*state, m, 4, &direct);
    struct sl_buf b = SL_BUF_INIT(1 << 12);
    decode(*state, &c, 1, &b);
    assert_string_equal(sl_buf_str(&b), "One.<|im_end|>");
    sl_buf_release(&b);
    sl_chat_tokens_release(&c);
}

static void the_users_system_message_follows_the_switch(void **state)
{
    assert_non_null(strstr(SYSTEM_DIRECT, sl_chat_system_text(false)));
    assert_non_null(strstr(SYSTEM_THINKING, sl_chat_system_text(true)));
    struct sl_chat_message m[] = {says(SL_CHAT_SYSTEM, "Be brief."), says(SL_CHAT_USER, "Hi")};
    expect(*state, m, 2, &direct,
           "<|im_start|>system\nAnswer the question directly, without writing down your reasoning.\n\nBe brief."
           "<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n",
           "");
}

static void thinking_writes_the_thought_before_the_answer(void **state)
{
    struct sl_chat_message m[] = {says(SL_CHAT_USER, "Hi"), thinks("\n a cat \n", "Two.")};
    expect(*state, m, 2, &thinking,
           SYSTEM_THINKING "<|im_start|>user\nHi<|im_end|>\n"
                           "<|im_start|>assistant\n<think>\na cat\n</think>\n\nTwo.<|im_end|>\n",
           "a cat\n</think>\n\nTwo.<|im_end|>");
    /* Without thinking none is written, and a thought that nobody had is an empty one. */
    expect(*state, m, 2, &direct,
           SYSTEM_DIRECT "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nTwo.<|im_end|>\n", "Two.<|im_end|>");
    m[1].reasoning = NULL;
    expect(*state, m, 2, &thinking,
           SYSTEM_THINKING "<|im_start|>user\nHi<|im_end|>\n"
                           "<|im_start|>assistant\n<think>\n\n</think>\n\nTwo.<|im_end|>\n",
           "\n</think>\n\nTwo.<|im_end|>");
}

static void thoughts_of_earlier_turns_are_dropped_unless_kept(void **state)
{
    struct sl_chat_message m[] = {says(SL_CHAT_USER, "A"), thinks("one", "1"),
                                  says(SL_CHAT_ASSISTANT, " <think>two</think>\n2"), says(SL_CHAT_USER, "B"),
                                  says(SL_CHAT_ASSISTANT, "<think>three</think>3")};
    struct sl_chat_options keep = {.thinking = true, .keep_reasoning = true};
    expect(*state, m, 5, &thinking,
           SYSTEM_THINKING "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n1<|im_end|>\n"
                           "<|im_start|>assistant\n2<|im_end|>\n<|im_start|>user\nB<|im_end|>\n"
                           "<|im_start|>assistant\n<think>\nthree\n</think>\n\n3<|im_end|>\n",
           "1<|im_end|>2<|im_end|>three\n</think>\n\n3<|im_end|>");
    expect(*state, m, 5, &keep,
           SYSTEM_THINKING
           "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n<think>\none\n</think>\n\n1<|im_end|>\n"
           "<|im_start|>assistant\n<think>\ntwo\n</think>\n\n2<|im_end|>\n"
           "<|im_start|>user\nB<|im_end|>\n"
           "<|im_start|>assistant\n<think>\nthree\n</think>\n\n3<|im_end|>\n",
           "one\n</think>\n\n1<|im_end|>two\n</think>\n\n2<|im_end|>three\n</think>\n\n3<|im_end|>");
}

static void pictures_and_frames_stand_where_they_are(void **state)
{
    const struct sl_tokenizer *t = *state;
    struct sl_chat_part parts[] = {{SL_CHAT_TEXT, "Look: ", 6, 0},
                                   {.kind = SL_CHAT_PICTURE},
                                   {SL_CHAT_TEXT, " and ", 5, 0},
                                   {.kind = SL_CHAT_FRAME, .seconds = 0},
                                   {.kind = SL_CHAT_FRAME, .seconds = 1.46}};
    struct sl_chat_message m[] = {{.role = SL_CHAT_USER, .parts = parts, .n_parts = 5},
                                  says(SL_CHAT_ASSISTANT, "One."),
                                  {.role = SL_CHAT_USER, .parts = parts + 1, .n_parts = 1}};
    expect(t, m, 3, &direct,
           SYSTEM_DIRECT "<|im_start|>user\nLook: " PICTURE " and [0.0 second]" PICTURE "[1.5 second]" PICTURE
                         "<|im_end|>\n<|im_start|>assistant\nOne.<|im_end|>\n<|im_start|>user\n" PICTURE "<|im_end|>\n",
           "One.<|im_end|>");
    static const size_t want[][2] = {{0, 1}, {0, 3}, {0, 4}, {2, 0}};
    struct sl_chat_tokens c = encode(t, m, 3, &direct);
    int32_t patch = sl_tokenizer_id(t, "<|image_patch|>");
    size_t n_patches = 0;
    for (size_t i = 0; i < c.ids.len; i++) n_patches += c.ids.data[i] == patch;
    assert_int_equal(n_patches, 4);
    assert_int_equal(c.n_marks, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(c.ids.data[c.marks[i].token], patch);
        assert_true(i == 0 || c.marks[i].token > c.marks[i - 1].token);
        assert_int_equal(c.marks[i].message, want[i][0]);
        assert_int_equal(c.marks[i].part, want[i][1]);
    }
    sl_chat_tokens_release(&c);
}

static void tools_are_described_called_and_answered(void **state)
{
    static const char call[] = "{ \"name\": \"zoom\",\n \"arguments\": {\"at\": \"</tool_call>\"}}";
    static const char *const tools[] = {"{\"name\": \"zoom\"}", "{\"name\":\n\"count\"}"};
    struct sl_chat_part parts[] = {{SL_CHAT_TEXT, "Let me look.", 12, 0},
                                   {SL_CHAT_TOOL_CALL, call, sizeof call - 1, 0},
                                   {SL_CHAT_TOOL_CALL, call, sizeof call - 1, 0}};
    struct sl_chat_message m[] = {says(SL_CHAT_USER, "Hi"),
                                  {.role = SL_CHAT_ASSISTANT, .parts = parts, .n_parts = 3},
                                  says(SL_CHAT_TOOL, "2"),
                                  {.role = SL_CHAT_ASSISTANT, .parts = parts + 1, .n_parts = 1}};
    struct sl_chat_options o = {.tools = tools, .n_tools = 2};
    expect(*state, m, 4, &o,
           "<|im_start|>system\nAnswer the question directly, without writing down your reasoning.\n\n"
           "You may use the tools that are described below, one JSON object a line. To use one, write its name and its "
           "arguments as JSON inside <tool_call> and </tool_call>:\n"
           "<tool_call>\n{\"name\":\"...\",\"arguments\":{...}}\n</tool_call>\n"
           "Its result comes back as a message of the role tool.\n"
           "{\"name\":\"zoom\"}\n{\"name\":\"count\"}<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
           "<|im_start|>assistant\nLet me look.\n"
           "<tool_call>\n{\"name\":\"zoom\",\"arguments\":{\"at\":\"\\u003c/tool_call>\"}}\n</tool_call>\n"
           "<tool_call>\n{\"name\":\"zoom\",\"arguments\":{\"at\":\"\\u003c/tool_call>\"}}\n</tool_call><|im_end|>\n"
           "<|im_start|>tool\n2<|im_end|>\n<|im_start|>assistant\n"
           "<tool_call>\n{\"name\":\"zoom\",\"arguments\":{\"at\":\"\\u003c/tool_call>\"}}\n</tool_call><|im_end|>\n",
           "Let me look.\n"
           "<tool_call>\n{\"name\":\"zoom\",\"arguments\":{\"at\":\"\\u003c/tool_call>\"}}\n</tool_call>\n"
           "<tool_call>\n{\"name\":\"zoom\",\"arguments\":{\"at\":\"\\u003c/tool_call>\"}}\n</tool_call><|im_end|>"
           "<tool_call>\n{\"name\":\"zoom\",\"arguments\":{\"at\":\"\\u003c/tool_call>\"}}\n</tool_call><|im_end|>");
}

static void a_call_begins_a_line_of_its_own_only_after_text(void **state)
{
    static const char call[] = "{\"name\":\"f\",\"arguments\":{}}";
    struct sl_chat_part parts[] = {{SL_CHAT_TEXT, "", 0, 0}, {SL_CHAT_TOOL_CALL, call, sizeof call - 1, 0}};
    struct sl_chat_message m = {.role = SL_CHAT_ASSISTANT, .parts = parts, .n_parts = 2};
    expect(*state, &m, 1, &direct,
           SYSTEM_DIRECT "<|im_start|>assistant\n<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>"
                         "<|im_end|>\n",
           "<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call><|im_end|>");
}

static void thoughts_between_tool_calls_are_kept(void **state)
{
    static const char call[] = "{\"name\":\"f\",\"arguments\":{}}";
    struct sl_chat_part part = {SL_CHAT_TOOL_CALL, call, sizeof call - 1, 0};
    struct sl_chat_message m[] = {
        says(SL_CHAT_USER, "Hi"),
        {.role = SL_CHAT_ASSISTANT, .parts = &part, .n_parts = 1, .reasoning = "a", .n_reasoning = 1},
        says(SL_CHAT_TOOL, "2")};
    struct sl_chat_options o = {.thinking = true, .generation_prompt = true};
    expect(*state, m, 3, &o,
           SYSTEM_THINKING "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\na\n</think>\n\n"
                           "<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call><|im_end|>\n"
                           "<|im_start|>tool\n2<|im_end|>\n<|im_start|>assistant\n<think>\n",
           "a\n</think>\n\n<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call><|im_end|>");
}

/* What the model is asked with is exactly what stood before the answer when it learnt it, and none of it is learnt. */
static void a_prompt_is_a_prefix_of_what_was_learnt(void **state)
{
    static const char *const texts[] = {"Two.", "\n\nTwo", " two", "", "<point>1 2</point>"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int think = 0; think < 2; think++) {
            struct sl_chat_message m[] = {says(SL_CHAT_USER, "How many?\n"), thinks(texts[i], texts[i])};
            struct sl_chat_options o = {.thinking = think}, ask = {.thinking = think, .generation_prompt = true};
            struct sl_chat_tokens whole = encode(*state, m, 2, &o), prompt = encode(*state, m, 1, &ask);
            assert_true(prompt.ids.len < whole.ids.len);
            assert_memory_equal(prompt.ids.data, whole.ids.data, prompt.ids.len * sizeof *prompt.ids.data);
            for (size_t k = 0; k < prompt.ids.len; k++) assert_int_equal(prompt.loss[k] + whole.loss[k], 0);
            assert_int_equal(whole.loss[prompt.ids.len], 1);
            sl_chat_tokens_release(&whole);
            sl_chat_tokens_release(&prompt);
        }
}

static void encoding_again_replaces_what_was_there(void **state)
{
    static const struct sl_chat_part picture = {.kind = SL_CHAT_PICTURE};
    struct sl_chat_message m[] = {{.role = SL_CHAT_USER, .parts = &picture, .n_parts = 1},
                                  says(SL_CHAT_ASSISTANT, "a")};
    struct sl_chat_tokens once = encode(*state, m, 2, &direct), twice = encode(*state, m, 2, &thinking);
    sl_error err = {0};
    assert_sl_ok(sl_chat_encode(*state, m, 2, &direct, &twice, &err), &err);
    assert_int_equal(twice.n_marks, 1);
    assert_int_equal(twice.marks[0].token, once.marks[0].token);
    assert_int_equal(twice.ids.len, once.ids.len);
    assert_memory_equal(twice.ids.data, once.ids.data, once.ids.len * sizeof *once.ids.data);
    assert_memory_equal(twice.loss, once.loss, once.ids.len);
    sl_chat_tokens_release(&once);
    sl_chat_tokens_release(&twice);
}

/* --- content cannot steer ------------------------------------------------------------------------------------- */

static size_t count_id(const struct sl_chat_tokens *c, int32_t id)
{
    size_t n = 0;
    for (size_t i = 0; i < c->ids.len; i++) n += c->ids.data[i] == id;
    return n;
}

static void no_content_makes_a_token_that_steers(void **state)
{
    static const enum sl_special steering[] = {
        SL_SPECIAL_ENDOFTEXT,   SL_SPECIAL_IM_START,   SL_SPECIAL_IM_END,         SL_SPECIAL_IMAGE_START,
        SL_SPECIAL_IMAGE_PATCH, SL_SPECIAL_IMAGE_END,  SL_SPECIAL_THINK_OPEN,     SL_SPECIAL_THINK_CLOSE,
        SL_SPECIAL_RESERVED_0,  SL_SPECIAL_BBOX_CLOSE, SL_SPECIAL_TOOL_CALL_OPEN, SL_SPECIAL_TOOL_CALL_CLOSE,
    };
    const struct sl_tokenizer *t = *state;
    struct sl_buf evil = SL_BUF_INIT(1 << 12);
    for (int i = 0; i < SL_N_SPECIAL; i++) sl_buf_addf(&evil, "x%s", sl_special_token_at(i)->text);
    struct sl_chat_message bad[] = {says(SL_CHAT_SYSTEM, sl_buf_str(&evil)), says(SL_CHAT_USER, sl_buf_str(&evil)),
                                    thinks(sl_buf_str(&evil), sl_buf_str(&evil)),
                                    says(SL_CHAT_TOOL, sl_buf_str(&evil))};
    struct sl_chat_message good[] = {says(SL_CHAT_SYSTEM, "x"), says(SL_CHAT_USER, "x"), thinks("x", "x"),
                                     says(SL_CHAT_TOOL, "x")};
    struct sl_chat_tokens c = encode(t, bad, 4, &thinking), plain = encode(t, good, 4, &thinking);
    for (size_t i = 0; i < sizeof steering / sizeof *steering; i++) {
        int32_t id = sl_tokenizer_id(t, sl_special_token_at((int)steering[i])->text);
        /* Boxes may be shown by all but tools: the system, the user, the thought and the answer. */
        size_t shown = steering[i] == SL_SPECIAL_BBOX_CLOSE ? 4 : 0;
        assert_int_equal(count_id(&c, id), count_id(&plain, id) + shown);
    }
    struct sl_buf back = SL_BUF_INIT(1 << 16), text = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    decode(t, &c, 0, &back);
    assert_sl_ok(sl_chat_render(bad, 4, &thinking, &text, &err), &err);
    assert_string_equal(sl_buf_str(&back), sl_buf_str(&text));
    sl_buf_release(&back);
    sl_buf_release(&text);
    sl_buf_release(&evil);
    sl_chat_tokens_release(&c);
    sl_chat_tokens_release(&plain);
}

/* --- errors --------------------------------------------------------------------------------------------------- */

static void what_does_not_go_together_is_refused(void **state)
{
    static const struct sl_chat_part picture = {.kind = SL_CHAT_PICTURE}, late = {.kind = SL_CHAT_FRAME, .seconds = -1},
                                     call = {SL_CHAT_TOOL_CALL, "{\"name\": 1}", 11, 0},
                                     no_json = {SL_CHAT_TOOL_CALL, "{", 1, 0},
                                     odd = {.kind = (enum sl_chat_part_kind)9};
    struct sl_chat_message user = says(SL_CHAT_USER, "a"), system = says(SL_CHAT_SYSTEM, "a"),
                           tool = says(SL_CHAT_TOOL, "a"), assistant = says(SL_CHAT_ASSISTANT, "a");
    struct {
        struct sl_chat_message m[2];
        size_t n;
        const char *want;
    } table[] = {
        {{user}, 0, "a chat without messages"},
        {{user, system}, 2, "message 1: a system message comes first or not at all"},
        {{user, tool}, 2, "message 1: a tool answers an assistant"},
        {{tool}, 1, "message 0: a tool answers an assistant"},
        {{user, {.role = (enum sl_chat_role)7}}, 2, "message 1: a role that is none"},
        {{user, {.role = SL_CHAT_ASSISTANT, .parts = &picture, .n_parts = 1}},
         2,
         "message 1: pictures come from the user or a tool"},
        {{{.role = SL_CHAT_SYSTEM, .parts = &picture, .n_parts = 1}},
         1,
         "message 0: pictures come from the user or a tool"},
        {{{.role = SL_CHAT_USER, .parts = &late, .n_parts = 1}},
         1,
         "message 0: a frame's time is not a number of seconds"},
        {{{.role = SL_CHAT_USER, .parts = &call, .n_parts = 1}}, 1, "message 0: only an assistant calls tools"},
        {{{.role = SL_CHAT_USER, .parts = &odd, .n_parts = 1}}, 1, "message 0: a part of no known kind"},
        {{user, {.role = SL_CHAT_ASSISTANT, .parts = &call, .n_parts = 1}},
         2,
         "message 1: a tool call is not {\"name\": \"...\", \"arguments\": {...}}"},
        {{user, {.role = SL_CHAT_ASSISTANT, .parts = &no_json, .n_parts = 1}}, 2, "message 1: tool call: "},
        {{user, assistant}, 2, "message 1: the last message already is an assistant's"},
    };
    struct sl_chat_options o = {.generation_prompt = true};
    struct sl_chat_tokens c;
    sl_chat_tokens_init(&c, 1 << 16);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        sl_error err = {0};
        assert_int_equal(sl_chat_encode(*state, table[i].m, table[i].n, &o, &c, &err), SL_ERR_ARGUMENT);
        if (strncmp(err.message, table[i].want, strlen(table[i].want)) != 0)
            fail_msg("'%s' instead of '%s'", err.message, table[i].want);
        assert_int_equal(sl_chat_encode(*state, table[i].m, table[i].n, &o, &c, NULL), SL_ERR_ARGUMENT);
    }
    sl_chat_tokens_release(&c);
}

static void tools_that_are_no_objects_are_refused(void **state)
{
    static const char *const tools[] = {"{}", "[1]"};
    struct sl_chat_message m = says(SL_CHAT_USER, "a");
    struct sl_chat_options o = {.tools = tools, .n_tools = 2};
    struct sl_chat_tokens c;
    sl_error err = {0};
    sl_chat_tokens_init(&c, 1 << 16);
    assert_int_equal(sl_chat_encode(*state, &m, 1, &o, &c, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "message 0: tool description: not a JSON object");
    sl_chat_tokens_release(&c);
}

static void the_ceiling_holds_at_every_length(void **state)
{
    struct sl_chat_part parts[] = {{SL_CHAT_TEXT, "cats and dogs", 13, 0}, {.kind = SL_CHAT_PICTURE}};
    struct sl_chat_message m[] = {{.role = SL_CHAT_USER, .parts = parts, .n_parts = 2}, thinks("two", "2")};
    struct sl_chat_tokens whole = encode(*state, m, 2, &thinking);
    for (size_t max = 0; max <= whole.ids.len; max++) {
        struct sl_chat_tokens c;
        sl_error err = {0};
        sl_chat_tokens_init(&c, max);
        sl_status status = sl_chat_encode(*state, m, 2, &thinking, &c, &err);
        assert_int_equal(status, max < whole.ids.len ? SL_ERR_MEMORY : SL_OK);
        assert_true(c.ids.len <= max);
        sl_chat_tokens_release(&c);
    }
    sl_chat_tokens_release(&whole);
}

static void roles_have_names(void **state)
{
    (void)state;
    enum sl_chat_role role;
    for (int i = 0; i < SL_N_CHAT_ROLES; i++) {
        const char *name = sl_chat_role_name((enum sl_chat_role)i);
        assert_true(sl_chat_role_of(name, strlen(name), &role));
        assert_int_equal(role, i);
    }
    assert_false(sl_chat_role_of("users", 5, &role));
    assert_false(sl_chat_role_of("use", 3, &role));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_their_ends_are_learnt),
        cmocka_unit_test(the_users_system_message_follows_the_switch),
        cmocka_unit_test(thinking_writes_the_thought_before_the_answer),
        cmocka_unit_test(thoughts_of_earlier_turns_are_dropped_unless_kept),
        cmocka_unit_test(pictures_and_frames_stand_where_they_are),
        cmocka_unit_test(tools_are_described_called_and_answered),
        cmocka_unit_test(a_call_begins_a_line_of_its_own_only_after_text),
        cmocka_unit_test(thoughts_between_tool_calls_are_kept),
        cmocka_unit_test(encoding_again_replaces_what_was_there),
        cmocka_unit_test(a_prompt_is_a_prefix_of_what_was_learnt),
        cmocka_unit_test(no_content_makes_a_token_that_steers),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(tools_that_are_no_objects_are_refused),
        cmocka_unit_test(the_ceiling_holds_at_every_length),
        cmocka_unit_test(roles_have_names),
    };
    return cmocka_run_group_tests(tests, train, untrain);
}
