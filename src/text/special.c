/*
 * special.c: the texts of Seedling's added tokens.
 */
#include "text/special.h"

#include "base/error.h"

static const struct sl_special_token table[] = {
    [SL_SPECIAL_ENDOFTEXT] = {"<|endoftext|>", true},
    [SL_SPECIAL_IM_START] = {"<|im_start|>", true},
    [SL_SPECIAL_IM_END] = {"<|im_end|>", true},
    [SL_SPECIAL_IMAGE_START] = {"<|image_start|>", true},
    [SL_SPECIAL_IMAGE_PATCH] = {"<|image_patch|>", true},
    [SL_SPECIAL_IMAGE_END] = {"<|image_end|>", true},
    [SL_SPECIAL_THINK_OPEN] = {"<think>", false},
    [SL_SPECIAL_THINK_CLOSE] = {"</think>", false},
    [SL_SPECIAL_BBOX_OPEN] = {"<bbox>", false},
    [SL_SPECIAL_BBOX_CLOSE] = {"</bbox>", false},
    [SL_SPECIAL_POINT_OPEN] = {"<point>", false},
    [SL_SPECIAL_POINT_CLOSE] = {"</point>", false},
    [SL_SPECIAL_3DBBOX_OPEN] = {"<3dbbox>", false},
    [SL_SPECIAL_3DBBOX_CLOSE] = {"</3dbbox>", false},
    [SL_SPECIAL_POLYGON_OPEN] = {"<polygon>", false},
    [SL_SPECIAL_POLYGON_CLOSE] = {"</polygon>", false},
    [SL_SPECIAL_TEXT_OPEN] = {"<text>", false},
    [SL_SPECIAL_TEXT_CLOSE] = {"</text>", false},
    [SL_SPECIAL_TOOL_CALL_OPEN] = {"<tool_call>", false},
    [SL_SPECIAL_TOOL_CALL_CLOSE] = {"</tool_call>", false},
    [SL_SPECIAL_RESERVED_0] = {"<|reserved_0|>", true},
    {"<|reserved_1|>", true},
    {"<|reserved_2|>", true},
    {"<|reserved_3|>", true},
    {"<|reserved_4|>", true},
    {"<|reserved_5|>", true},
    {"<|reserved_6|>", true},
    {"<|reserved_7|>", true},
    {"<|reserved_8|>", true},
    {"<|reserved_9|>", true},
    {"<|reserved_10|>", true},
    {"<|reserved_11|>", true},
};

_Static_assert(sizeof table / sizeof table[0] == SL_N_SPECIAL, "the table and SL_N_SPECIAL agree");

const struct sl_special_token *sl_special_token_at(int i)
{
    SL_CHECK(i >= 0 && i < SL_N_SPECIAL);
    return &table[i];
}
