/*
 * fuzz_schema.c: any bytes as a JSON Schema; the first line is a text that is then tried.
 */
#include "infer/grammar.h"

#include <string.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *text = (const char *)bytes, *line = n ? memchr(text, '\n', n) : NULL;
    size_t first = line ? (size_t)(line - text) : 0, skip = line ? first + 1 : 0;
    sl_grammar *g = NULL;
    sl_error err = {0};
    if (n > 1 << 14) return 0;
    if (sl_grammar_from_schema(text + skip, n - skip, &g, &err) != SL_OK) {
        if (!err.message[0]) abort();
        return 0;
    }
    sl_grammar_matches(g, text, first);
    sl_grammar_matches(g, "{\"a\":[1,\"x\",null]}", 18);
    sl_grammar_drop(g);
    return 0;
}
