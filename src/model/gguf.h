/*
 * gguf.h: GGUF files: typed metadata and named tensors in one mapped file, or in several parts of one.
 *
 * The format (github.com/ggml-org/ggml, docs/gguf.md), versions 2 and 3, little-endian: "GGUF", u32 version, u64
 * tensors, u64 pairs; the pairs (key, u32 type, value), the tensors' descriptions (name, u32 dimensions, fastest first,
 * u32 type, u64 offset), then, from the next multiple of general.alignment, the data. Strings are u64 length and bytes.
 * A file NAME-00001-of-00003.gguf is the first of three parts; it has the metadata, and each part its own tensors.
 */
#ifndef SL_MODEL_GGUF_H
#define SL_MODEL_GGUF_H

#include "base/error.h"
#include "model/stored.h"

/* Types of metadata values, by their number in the file. */
typedef enum sl_gguf_kind {
    SL_GGUF_U8,
    SL_GGUF_I8,
    SL_GGUF_U16,
    SL_GGUF_I16,
    SL_GGUF_U32,
    SL_GGUF_I32,
    SL_GGUF_F32,
    SL_GGUF_BOOL,
    SL_GGUF_STRING,
    SL_GGUF_ARRAY,
    SL_GGUF_U64,
    SL_GGUF_I64,
    SL_GGUF_F64,
    SL_N_GGUF_KINDS,
} sl_gguf_kind;

/* A metadata value; everything is borrowed from the file. */
struct sl_gguf_value {
    const char *key;
    sl_gguf_kind kind;
    sl_gguf_kind element;      /* of an array: never SL_GGUF_ARRAY */
    uint64_t count;            /* of an array's elements; else 1 */
    const char *string;        /* of a string: NUL-terminated, without a NUL inside */
    const unsigned char *data; /* of the file: the number, the string's bytes, or the array's first element */
    size_t bytes;              /* at data */
};

/* An open file: immutable, so any number of threads may read it. */
typedef struct sl_gguf sl_gguf;

/*
 * Opens a file, all parts of it when it is one of several, and validates all of it but the numbers. *out is owned,
 * release with sl_gguf_close. Errors name the file, the key or tensor, and the reason. Files are mapped, not read: they
 * must not be shortened while open.
 */
sl_status sl_gguf_open(const char *path, sl_gguf **out, sl_error *err);

/* The same for one file of n bytes in memory, borrowed until the close. Messages do not name a file. */
sl_status sl_gguf_parse(const unsigned char *bytes, size_t n, sl_gguf **out, sl_error *err);

/* Unmaps and frees *g (NULL is fine) and sets it to NULL. */
void sl_gguf_close(sl_gguf **g);

/* True when the file at path begins as a GGUF file does. */
bool sl_gguf_is_file(const char *path);

/* Version of the format, 2 or 3, and how many files this is. */
int sl_gguf_version(const sl_gguf *g);
int sl_gguf_n_parts(const sl_gguf *g);

/* Tensors: how many, tensor i in the order of the file, and the one of a name, or NULL; the last is O(log count). */
size_t sl_gguf_count(const sl_gguf *g);
const struct sl_stored_tensor *sl_gguf_at(const sl_gguf *g, size_t i);
const struct sl_stored_tensor *sl_gguf_find(const sl_gguf *g, const char *name);

/* Metadata: how many pairs, pair i in the order of the file, and the value of a key, or NULL. */
size_t sl_gguf_n_values(const sl_gguf *g);
const struct sl_gguf_value *sl_gguf_value_at(const sl_gguf *g, size_t i);
const struct sl_gguf_value *sl_gguf_value(const sl_gguf *g, const char *key);

/* "u32", "string", ...; and bytes of one, 0 for strings and arrays. */
const char *sl_gguf_kind_name(sl_gguf_kind kind);
size_t sl_gguf_kind_size(sl_gguf_kind kind);

/*
 * Typed reading: each is false, and leaves *out alone, when the key is missing or its value has another type. An
 * integer of any width, or a bool, that fits; any number; a bool; a string, borrowed.
 */
bool sl_gguf_get_int(const sl_gguf *g, const char *key, int64_t *out);
bool sl_gguf_get_number(const sl_gguf *g, const char *key, double *out);
bool sl_gguf_get_bool(const sl_gguf *g, const char *key, bool *out);
bool sl_gguf_get_string(const sl_gguf *g, const char *key, const char **out);

/* Element i of an array of numbers or bools, or the number itself when v is one and i is 0. False as above. */
bool sl_gguf_element_int(const struct sl_gguf_value *v, uint64_t i, int64_t *out);
bool sl_gguf_element_number(const struct sl_gguf_value *v, uint64_t i, double *out);

/* Where a walk along an array of strings stands; start with {0}. */
struct sl_gguf_walk {
    uint64_t next;
    size_t at;
};

/* The next string of the array v, n bytes, not terminated, borrowed; false after the last, or when v is no such array.
 */
bool sl_gguf_next_string(const struct sl_gguf_value *v, struct sl_gguf_walk *w, const char **s, size_t *n);

/* The number of a type in GGUF files, or -1 when the format has none. */
int sl_gguf_type_of(sl_dtype dtype);

#endif
