/*
 * gguf_values.c: typed reading of metadata values whose bytes have been checked.
 */
#include "model/gguf.h"

#include "base/error.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size; /* 0: of no fixed size */
} kinds[SL_N_GGUF_KINDS] = {
    [SL_GGUF_U8] = {"u8", 1},       [SL_GGUF_I8] = {"i8", 1},     [SL_GGUF_U16] = {"u16", 2},
    [SL_GGUF_I16] = {"i16", 2},     [SL_GGUF_U32] = {"u32", 4},   [SL_GGUF_I32] = {"i32", 4},
    [SL_GGUF_F32] = {"f32", 4},     [SL_GGUF_BOOL] = {"bool", 1}, [SL_GGUF_STRING] = {"string", 0},
    [SL_GGUF_ARRAY] = {"array", 0}, [SL_GGUF_U64] = {"u64", 8},   [SL_GGUF_I64] = {"i64", 8},
    [SL_GGUF_F64] = {"f64", 8},
};

const char *sl_gguf_kind_name(sl_gguf_kind kind)
{
    SL_CHECK(kind < SL_N_GGUF_KINDS);
    return kinds[kind].name;
}

size_t sl_gguf_kind_size(sl_gguf_kind kind)
{
    SL_CHECK(kind < SL_N_GGUF_KINDS);
    return kinds[kind].size;
}

static uint64_t little_endian(const unsigned char *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = n; i-- > 0;) x = x << 8 | p[i];
    return x;
}

/* Element i as its bytes and kind; false when there is no such number. */
static bool element(const struct sl_gguf_value *v, uint64_t i, sl_gguf_kind *kind, uint64_t *bits)
{
    *kind = v->kind == SL_GGUF_ARRAY ? v->element : v->kind;
    size_t size = kinds[*kind].size;
    if (!size || i >= v->count) return false;
    *bits = little_endian(v->data + (size_t)i * size, size);
    return true;
}

bool sl_gguf_element_int(const struct sl_gguf_value *v, uint64_t i, int64_t *out)
{
    sl_gguf_kind kind;
    uint64_t bits;
    if (!element(v, i, &kind, &bits) || kind == SL_GGUF_F32 || kind == SL_GGUF_F64) return false;
    if (kind == SL_GGUF_U64 && bits > INT64_MAX) return false;
    unsigned shift = 64 - 8 * (unsigned)kinds[kind].size;
    bool is_signed = kind == SL_GGUF_I8 || kind == SL_GGUF_I16 || kind == SL_GGUF_I32;
    *out = is_signed ? (int64_t)(bits << shift) >> shift : (int64_t)bits;
    return true;
}

bool sl_gguf_element_number(const struct sl_gguf_value *v, uint64_t i, double *out)
{
    sl_gguf_kind kind;
    uint64_t bits;
    int64_t whole;
    if (!element(v, i, &kind, &bits)) return false;
    if (kind == SL_GGUF_F32) {
        uint32_t low = (uint32_t)bits;
        float f;
        memcpy(&f, &low, sizeof f);
        *out = (double)f;
    } else if (kind == SL_GGUF_F64) {
        memcpy(out, &bits, sizeof *out);
    } else if (kind == SL_GGUF_BOOL || !sl_gguf_element_int(v, i, &whole)) {
        return false;
    } else {
        *out = (double)whole;
    }
    return true;
}

bool sl_gguf_get_int(const sl_gguf *g, const char *key, int64_t *out)
{
    const struct sl_gguf_value *v = sl_gguf_value(g, key);
    return v && v->kind != SL_GGUF_ARRAY && sl_gguf_element_int(v, 0, out);
}

bool sl_gguf_get_number(const sl_gguf *g, const char *key, double *out)
{
    const struct sl_gguf_value *v = sl_gguf_value(g, key);
    return v && v->kind != SL_GGUF_ARRAY && sl_gguf_element_number(v, 0, out);
}

bool sl_gguf_get_bool(const sl_gguf *g, const char *key, bool *out)
{
    const struct sl_gguf_value *v = sl_gguf_value(g, key);
    if (!v || v->kind != SL_GGUF_BOOL) return false;
    *out = v->data[0];
    return true;
}

bool sl_gguf_get_string(const sl_gguf *g, const char *key, const char **out)
{
    const struct sl_gguf_value *v = sl_gguf_value(g, key);
    if (!v || v->kind != SL_GGUF_STRING) return false;
    *out = v->string;
    return true;
}

bool sl_gguf_next_string(const struct sl_gguf_value *v, struct sl_gguf_walk *w, const char **s, size_t *n)
{
    if (v->kind != SL_GGUF_ARRAY || v->element != SL_GGUF_STRING || w->next >= v->count) return false;
    *n = (size_t)little_endian(v->data + w->at, 8);
    *s = (const char *)v->data + w->at + 8;
    w->at += 8 + *n;
    w->next++;
    return true;
}
