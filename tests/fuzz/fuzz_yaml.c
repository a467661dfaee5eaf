/*
 * fuzz_yaml.c: any bytes as YAML; what is accepted must be a tree that JSON can hold, and take an override.
 */
#include "base/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json_t *v = NULL;
    sl_error err = {0};
    if (sl_yaml_parse((const char *)bytes, n, "fuzz", &v, &err)) {
        if (v || !err.message[0]) abort();
        return 0;
    }
    struct sl_buf text = SL_BUF_INIT((size_t)64 << 20);
    if (sl_json_dump(v, 0, &text, &err)) abort();
    json_t *again;
    if (sl_json_parse(sl_buf_str(&text), text.len, SL_YAML_MAX_DEPTH, &again, &err)) abort();
    if (json_is_object(v) && sl_yaml_set(v, "fuzz_key=[1, {a: b}]", &err)) abort();
    sl_buf_release(&text);
    json_decref(again);
    json_decref(v);
    return 0;
}
