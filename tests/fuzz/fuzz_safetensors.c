/*
 * fuzz_safetensors.c: any bytes as a safetensors file; every tensor of what is accepted must be readable and found.
 */
#include "model/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    sl_safetensors *st;
    sl_error err = {0};
    if (sl_safetensors_parse(bytes, n, &st, &err)) {
        if (st || !err.message[0]) abort();
        return 0;
    }
    size_t total = 0;
    unsigned sum = 0;
    for (size_t i = 0; i < sl_safetensors_count(st); i++) {
        const struct sl_stored_tensor *t = sl_safetensors_at(st, i);
        if (sl_safetensors_find(st, t->name) != t || t->n_dims < 1 || t->n_dims > SL_FILE_DIMS) abort();
        for (size_t j = 0; j < t->bytes; j++) sum += t->data[j];
        total += t->bytes;
        if (t->dtype != SL_F32 && t->dtype != SL_BF16 && t->dtype != SL_F16) continue;
        float x;
        int64_t numel = t->shape[0] * t->shape[1] * t->shape[2] * t->shape[3];
        if (numel > 0) sl_stored_read_f32(t, numel - 1, 1, &x);
    }
    if (total > n) abort();
    sl_safetensors_close(&st);
    return sum > 0xfffffffeu ? -1 : 0; /* depends on every byte */
}
