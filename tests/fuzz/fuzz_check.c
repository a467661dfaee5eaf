/*
 * fuzz_check.c: any truth and any answer: a JSON line, a line break, the answer. A score is in [0, 1] or refused.
 */
#include "base/json.h"
#include "synth/check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const uint8_t *end = memchr(bytes, '\n', n);
    json_t *truth = NULL;
    double score = -1;
    if (!end || n > 20000) return 0;
    if (sl_json_parse((const char *)bytes, (size_t)(end - bytes), 16, &truth, NULL) != SL_OK) return 0;
    size_t rest = n - (size_t)(end - bytes) - 1;
    if (sl_check(truth, (const char *)end + 1, rest, 0, &score, NULL) == SL_OK) {
        if (!(score >= 0 && score <= 1)) abort();
        if (score >= 1 && !sl_check_passes(truth, score) && !json_object_get(truth, "threshold")) abort();
    }
    json_decref(truth);
    return 0;
}
