/*
 * info_gguf.c: the metadata and the tensors of a GGUF file, whatever its architecture.
 */
#include "cli/info_gguf.h"

#include "base/json.h"
#include "cli/cli.h"
#include "model/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_ELEMENTS = 8, SHOWN_BYTES = 60 };

/* Prints at most SHOWN_BYTES of a string on one line, control characters as '?'. */
static void print_string(const char *s, size_t n)
{
    putchar('"');
    size_t end = n < SHOWN_BYTES ? n : SHOWN_BYTES;
    while (end < n && end && ((unsigned char)s[end] & 0xc0) == 0x80) end--; /* whole characters */
    for (size_t i = 0; i < end; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '\n')
            fputs("\\n", stdout);
        else
            putchar(c < 0x20 || c == 0x7f ? '?' : c);
    }
    printf(end < n ? "\"... (%zu bytes)" : "\"", n);
}

static void print_number(const struct sl_gguf_value *v, uint64_t i)
{
    int64_t whole;
    double x;
    sl_gguf_kind kind = v->kind == SL_GGUF_ARRAY ? v->element : v->kind;
    if (kind == SL_GGUF_BOOL && sl_gguf_element_int(v, i, &whole))
        fputs(whole ? "true" : "false", stdout);
    else if (sl_gguf_element_int(v, i, &whole))
        printf("%" PRId64, whole);
    else if (sl_gguf_element_number(v, i, &x))
        printf("%.9g", x);
    else
        fputs("over 2^63", stdout);
}

static void print_array(const struct sl_gguf_value *v)
{
    struct sl_gguf_walk w = {0};
    const char *s;
    size_t n;
    printf("%" PRIu64 " x %s [", v->count, sl_gguf_kind_name(v->element));
    for (uint64_t i = 0; i < v->count && i < SHOWN_ELEMENTS; i++) {
        if (i) fputs(", ", stdout);
        if (v->element != SL_GGUF_STRING)
            print_number(v, i);
        else if (sl_gguf_next_string(v, &w, &s, &n))
            print_string(s, n);
    }
    fputs(v->count > SHOWN_ELEMENTS ? ", ...]" : "]", stdout);
}

static void print_value(const struct sl_gguf_value *v)
{
    printf("  %-44s ", v->key);
    if (v->kind == SL_GGUF_ARRAY)
        print_array(v);
    else if (v->kind == SL_GGUF_STRING)
        print_string(v->string, v->bytes);
    else
        print_number(v, 0);
    putchar('\n');
}

/* Numbers and bytes of all tensors. */
static void add_up(const sl_gguf *g, double *numbers, double *bytes)
{
    *numbers = *bytes = 0;
    for (size_t i = 0; i < sl_gguf_count(g); i++) {
        const struct sl_stored_tensor *t = sl_gguf_at(g, i);
        *numbers += (double)t->shape[0] * (double)t->shape[1] * (double)t->shape[2] * (double)t->shape[3];
        *bytes += (double)t->bytes;
    }
}

static void print_text(const sl_gguf *g)
{
    double numbers, bytes;
    add_up(g, &numbers, &bytes);
    printf("GGUF version %d, %d file%s: %zu values, %zu tensors, %.3f million numbers in %.2f MiB", sl_gguf_version(g),
           sl_gguf_n_parts(g), sl_gguf_n_parts(g) > 1 ? "s" : "", sl_gguf_n_values(g), sl_gguf_count(g), numbers / 1e6,
           bytes / (1 << 20));
    if (numbers > 0) printf(", %.2f bits each", 8 * bytes / numbers);
    puts("\n\nmetadata");
    for (size_t i = 0; i < sl_gguf_n_values(g); i++) print_value(sl_gguf_value_at(g, i));
    puts("\ntensors (slowest dimension first)");
    for (size_t i = 0; i < sl_gguf_count(g); i++) {
        const struct sl_stored_tensor *t = sl_gguf_at(g, i);
        printf("  %-44s %-7s ", t->name, t->dtype_name);
        for (int d = 0; d < t->n_dims; d++) printf(d ? " x %" PRId64 : "%" PRId64, t->shape[d]);
        putchar('\n');
    }
}

/* A number, bool or string of the file as JSON; what JSON cannot hold becomes null. */
static json_t *json_number_of(const struct sl_gguf_value *v, uint64_t i)
{
    int64_t whole;
    double x;
    sl_gguf_kind kind = v->kind == SL_GGUF_ARRAY ? v->element : v->kind;
    json_t *j = NULL;
    if (sl_gguf_element_int(v, i, &whole))
        j = kind == SL_GGUF_BOOL ? json_boolean(whole) : json_integer((json_int_t)whole);
    else if (sl_gguf_element_number(v, i, &x))
        j = json_real(x);
    return j ? j : json_null();
}

static json_t *json_string_of(const char *s, size_t n)
{
    json_t *j = json_stringn(s, n);
    return j ? j : json_null();
}

static json_t *json_value(const struct sl_gguf_value *v)
{
    if (v->kind == SL_GGUF_STRING) return json_string_of(v->string, v->bytes);
    if (v->kind != SL_GGUF_ARRAY) return json_number_of(v, 0);
    json_t *list = json_array();
    struct sl_gguf_walk w = {0};
    const char *s;
    size_t n;
    for (uint64_t i = 0; list && i < v->count; i++) {
        if (v->element != SL_GGUF_STRING)
            json_array_append_new(list, json_number_of(v, i));
        else if (sl_gguf_next_string(v, &w, &s, &n))
            json_array_append_new(list, json_string_of(s, n));
    }
    return list;
}

static int print_json(const sl_gguf *g)
{
    json_t *values = json_object(), *tensors = json_array();
    for (size_t i = 0; i < sl_gguf_n_values(g); i++) {
        const struct sl_gguf_value *v = sl_gguf_value_at(g, i);
        json_object_set_new(values, v->key, json_value(v));
    }
    for (size_t i = 0; i < sl_gguf_count(g); i++) {
        const struct sl_stored_tensor *t = sl_gguf_at(g, i);
        json_t *shape = json_array();
        for (int d = 0; d < t->n_dims; d++) json_array_append_new(shape, json_integer((json_int_t)t->shape[d]));
        json_array_append_new(tensors, json_pack("{s:s, s:s, s:o, s:I}", "name", t->name, "type", t->dtype_name,
                                                 "shape", shape, "bytes", (json_int_t)t->bytes));
    }
    json_t *top = json_pack("{s:i, s:i, s:o, s:o}", "version", sl_gguf_version(g), "files", sl_gguf_n_parts(g),
                            "metadata", values, "tensors", tensors);
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 30);
    sl_error err = {0};
    sl_status s = sl_json_dump(top, 0, &text, &err);
    if (s == SL_OK) puts(sl_buf_str(&text));
    json_decref(top);
    sl_buf_release(&text);
    return s == SL_OK ? SL_EXIT_OK : sl_cli_failed("info", "%s", err.message);
}

int sl_cli_info_gguf(const char *path, bool json)
{
    sl_gguf *g;
    sl_error err = {0};
    if (sl_gguf_open(path, &g, &err) != SL_OK) return sl_cli_failed("info", "%s", err.message);
    int rc = SL_EXIT_OK;
    if (json)
        rc = print_json(g);
    else
        print_text(g);
    sl_gguf_close(&g);
    return rc;
}
