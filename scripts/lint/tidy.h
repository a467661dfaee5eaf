/*
 * tidy.h: what clang-tidy is told beside each file. It sees one file at a time, so it cannot know that sl_fail returns
 * the status it was given and would follow paths on which a failure is a success.
 */
#include "base/error.h"

#define sl_fail(err, status, ...) ((void)(sl_fail)(err, status, __VA_ARGS__), (status))
#define sl_fail_context(err, status, ...) ((void)(sl_fail_context)(err, status, __VA_ARGS__), (status))
