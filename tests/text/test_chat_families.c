/*
 * test_chat_families.c: the chat templates of other families: what their chat_template files render, written out here
 * from the published templates.
 */
#include "test.h"

#include "text/chat.h"

static struct sl_chat_part text_part(const char *text)
{
    return (struct sl_chat_part){SL_CHAT_TEXT, text, strlen(text), 0};
}

static struct sl_chat_message message(enum sl_chat_role role, const struct sl_chat_part *parts, size_t n)
{
    return (struct sl_chat_message){.role = role, .parts = parts, .n_parts = n};
}

static void check(const struct sl_chat_message *m, size_t n, const struct sl_chat_options *o, const char *expected)
{
    struct sl_buf out = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    assert_sl_ok(sl_chat_render(m, n, o, &out, &err), &err);
    assert_string_equal(sl_buf_str(&out), expected);
    sl_buf_release(&out);
}

static void refuse(const struct sl_chat_message *m, size_t n, const struct sl_chat_options *o, const char *why)
{
    struct sl_buf out = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    assert_int_not_equal(sl_chat_render(m, n, o, &out, &err), SL_OK);
    assert_non_null(strstr(err.message, why));
    sl_buf_release(&out);
}

static const struct sl_chat_part picture = {.kind = SL_CHAT_PICTURE};

#define SEEN "<|vision_start|><|image_pad|><|vision_end|>"

static void test_qwen3_vl_shows_pictures_without_a_system_text(void **state)
{
    (void)state;
    struct sl_chat_options o = {.format = SL_CHAT_FORMAT_QWEN3_VL, .generation_prompt = true};
    struct sl_chat_part first[] = {picture, picture, text_part("Which is older?")}, answer[] = {text_part("The left.")};
    struct sl_chat_part second[] = {text_part("Why?")};
    struct sl_chat_message m[] = {message(SL_CHAT_USER, first, 3), message(SL_CHAT_ASSISTANT, answer, 1),
                                  message(SL_CHAT_USER, second, 1)};
    check(m, 3, &o,
          "<|im_start|>user\n" SEEN SEEN "Which is older?<|im_end|>\n<|im_start|>assistant\nThe left.<|im_end|>\n"
          "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n");
}

static void test_qwen3_vl_shows_videos_as_moments_with_their_times(void **state)
{
    (void)state;
    struct sl_chat_options o = {.format = SL_CHAT_FORMAT_QWEN3_VL, .generation_prompt = true};
    struct sl_chat_part parts[] = {
        {.kind = SL_CHAT_FRAME, .seconds = 0.25}, {.kind = SL_CHAT_FRAME, .seconds = 1.25}, text_part("What moves?")};
    struct sl_chat_message m[] = {message(SL_CHAT_USER, parts, 3)};
    check(m, 1, &o,
          "<|im_start|>user\n<0.2 seconds><|vision_start|><|video_pad|><|vision_end|>"
          "<1.2 seconds><|vision_start|><|video_pad|><|vision_end|>What moves?<|im_end|>\n<|im_start|>assistant\n");
}

static void test_qwen3_vl_describes_and_calls_tools(void **state)
{
    (void)state;
    const char *tools[] = {"{\"type\":\"function\",\"function\":{\"name\":\"zoom\",\"parameters\":{\"a\":[1,2.5]}}}"};
    struct sl_chat_options o = {
        .format = SL_CHAT_FORMAT_QWEN3_VL, .generation_prompt = true, .tools = tools, .n_tools = 1};
    static const char call[] = "{\"name\":\"zoom\",\"arguments\":{\"x\":1,\"y\":\"b\"}}";
    struct sl_chat_part system[] = {text_part("Be brief.")}, question[] = {text_part("Read it.")};
    struct sl_chat_part calls[] = {text_part("Closer."),
                                   {SL_CHAT_TOOL_CALL, call, sizeof call - 1, 0},
                                   {SL_CHAT_TOOL_CALL, call, sizeof call - 1, 0}};
    struct sl_chat_part result[] = {picture}, other[] = {text_part("done")};
    struct sl_chat_message m[] = {message(SL_CHAT_SYSTEM, system, 1), message(SL_CHAT_USER, question, 1),
                                  message(SL_CHAT_ASSISTANT, calls, 3), message(SL_CHAT_TOOL, result, 1),
                                  message(SL_CHAT_TOOL, other, 1)};
    check(
        m, 5, &o,
        "<|im_start|>system\nBe brief.\n\n# Tools\n\nYou may call one or more functions to assist with the user "
        "query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
        "{\"type\": \"function\", \"function\": {\"name\": \"zoom\", \"parameters\": {\"a\": [1, 2.5]}}}\n</tools>\n\n"
        "For each function call, return a json object with function name and arguments within "
        "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
        "<args-json-object>}\n</tool_call><|im_end|>\n<|im_start|>user\nRead it.<|im_end|>\n"
        "<|im_start|>assistant\nCloser.\n<tool_call>\n{\"name\": \"zoom\", \"arguments\": {\"x\": 1, \"y\": \"b\"}}\n"
        "</tool_call>\n<tool_call>\n{\"name\": \"zoom\", \"arguments\": {\"x\": 1, \"y\": \"b\"}}\n</tool_call>"
        "<|im_end|>\n<|im_start|>user\n<tool_response>\n" SEEN "\n</tool_response>\n<tool_response>\ndone\n"
        "</tool_response><|im_end|>\n<|im_start|>assistant\n");
}

static void test_qwen3_vl_thinking_opens_thoughts_and_forgets_old_ones(void **state)
{
    (void)state;
    struct sl_chat_options o = {.format = SL_CHAT_FORMAT_QWEN3_VL, .thinking = true, .generation_prompt = true};
    struct sl_chat_part question[] = {text_part("One?")}, more[] = {text_part("Two?")};
    struct sl_chat_part answer[] = {text_part("<think>\nhm\n</think>\n\nYes.")};
    struct sl_chat_message m[] = {message(SL_CHAT_USER, question, 1), message(SL_CHAT_ASSISTANT, answer, 1),
                                  message(SL_CHAT_USER, more, 1)};
    check(m, 3, &o,
          "<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nTwo?<|im_end|>\n"
          "<|im_start|>assistant\n<think>\n");
    o.generation_prompt = false;
    check(m, 2, &o,
          "<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\n<think>\nhm\n</think>\n\nYes.<|im_end|>\n");
}

static void test_qwen2_5_vl_has_a_system_text_and_videos_in_one_run(void **state)
{
    (void)state;
    struct sl_chat_options o = {.format = SL_CHAT_FORMAT_QWEN2_5_VL, .generation_prompt = true};
    struct sl_chat_part parts[] = {picture,
                                   {.kind = SL_CHAT_FRAME, .seconds = 0.5},
                                   {.kind = SL_CHAT_FRAME, .seconds = 1.5},
                                   text_part("Compare.")};
    struct sl_chat_message m[] = {message(SL_CHAT_USER, parts, 4)};
    check(m, 1, &o,
          "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n" SEEN
          "<|vision_start|><|video_pad|><|video_pad|><|vision_end|>Compare.<|im_end|>\n<|im_start|>assistant\n");
    const char *tools[] = {"{}"};
    o.tools = tools, o.n_tools = 1;
    refuse(m, 1, &o, "no tools");
}

static void test_kimi_vl_names_roles_by_tokens(void **state)
{
    (void)state;
    struct sl_chat_options o = {.format = SL_CHAT_FORMAT_KIMI_VL, .generation_prompt = true};
    struct sl_chat_part parts[] = {picture, text_part("What?")}, answer[] = {text_part("A cat.")};
    struct sl_chat_message m[] = {message(SL_CHAT_USER, parts, 2), message(SL_CHAT_ASSISTANT, answer, 1),
                                  message(SL_CHAT_USER, parts + 1, 1)};
    check(m, 3, &o,
          "<|im_system|>system<|im_middle|>You are a helpful assistant<|im_end|><|im_user|>user<|im_middle|>"
          "<|media_start|>image<|media_content|><|media_pad|><|media_end|>What?<|im_end|>"
          "<|im_assistant|>assistant<|im_middle|>A cat.<|im_end|><|im_user|>user<|im_middle|>What?<|im_end|>"
          "<|im_assistant|>assistant<|im_middle|>");
    m[0].role = SL_CHAT_TOOL;
    refuse(m, 1, &o, "answers an assistant");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qwen3_vl_shows_pictures_without_a_system_text),
        cmocka_unit_test(test_qwen3_vl_shows_videos_as_moments_with_their_times),
        cmocka_unit_test(test_qwen3_vl_describes_and_calls_tools),
        cmocka_unit_test(test_qwen3_vl_thinking_opens_thoughts_and_forgets_old_ones),
        cmocka_unit_test(test_qwen2_5_vl_has_a_system_text_and_videos_in_one_run),
        cmocka_unit_test(test_kimi_vl_names_roles_by_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
