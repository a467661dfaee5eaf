/*
 * fuzz_gguf.c: any bytes as a GGUF file; every value and tensor of what is accepted must be readable and found.
 */
#include "model/gguf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static unsigned read_value(const struct sl_gguf_value *v)
{
    unsigned sum = 0;
    int64_t whole;
    double number;
    const char *s;
    size_t length;
    for (size_t i = 0; i < v->bytes; i++) sum += v->data[i];
    for (uint64_t i = 0; i < v->count && i < 100; i++)
        sum += (unsigned)sl_gguf_element_int(v, i, &whole) + (unsigned)sl_gguf_element_number(v, i, &number);
    for (struct sl_gguf_walk w = {0}; sl_gguf_next_string(v, &w, &s, &length);)
        for (size_t i = 0; i < length; i++) sum += (unsigned char)s[i];
    for (s = v->string; s && *s; s++) sum += (unsigned char)*s;
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    sl_gguf *g;
    sl_error err = {0};
    if (sl_gguf_parse(bytes, n, &g, &err)) {
        if (g || !err.message[0]) abort();
        return 0;
    }
    size_t total = 0;
    unsigned sum = 0;
    for (size_t i = 0; i < sl_gguf_n_values(g); i++) {
        const struct sl_gguf_value *v = sl_gguf_value_at(g, i);
        if (sl_gguf_value(g, v->key) != v) abort();
        sum += read_value(v);
    }
    for (size_t i = 0; i < sl_gguf_count(g); i++) {
        const struct sl_stored_tensor *t = sl_gguf_at(g, i);
        if (sl_gguf_find(g, t->name) != t || t->n_dims < 1 || t->n_dims > SL_MAX_DIMS) abort();
        for (size_t j = 0; j < t->bytes; j++) sum += t->data[j];
        total += t->bytes;
        if (!sl_stored_is_float(t) || !t->bytes) continue;
        float x[256];
        sl_stored_read_f32(t, 0, sl_dtype_block(t->dtype), x);
    }
    if (total > n) abort();
    sl_gguf_close(&g);
    return sum > 0xfffffffeu ? -1 : 0; /* depends on every byte */
}
