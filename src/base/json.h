/*
 * json.h: what this program adds to jansson: limits on what it parses, and getters whose errors say where and what.
 *
 * Values are jansson's own (json_t). Reading an object goes through a struct sl_json_object, which knows its key path
 * and keeps the first error, so that a reader is a flat list of getters with one check at the end:
 *
 *     struct sl_json_object top;
 *     sl_json_open(&top, value, err);
 *     sl_json_get_int(&top, "vocab_size", 1, 1 << 22, &vocab);
 *     if (top.status) ...            "text_config.vocab_size: expected an integer, found the string \"abc\""
 */
#ifndef SL_BASE_JSON_H
#define SL_BASE_JSON_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Parses n bytes of JSON text, which hold one value, into *out: owned, release with json_decref. Nesting deeper than
 * max_depth (the outermost array or object counts 1), repeated keys, bad UTF-8 and numbers that do not fit are errors
 * that name the line. Takes about 20 times n bytes of memory at worst: the caller bounds n.
 */
sl_status sl_json_parse(const char *text, size_t n, int max_depth, json_t **out, sl_error *err);

/* Reads and parses the file at path, of at most max_bytes. Errors name path. *out is owned. */
sl_status sl_json_load(const char *path, size_t max_bytes, int max_depth, json_t **out, sl_error *err);

/* An object being read. Borrows everything; a plain value, nothing to release. */
struct sl_json_object {
    const json_t *value; /* NULL once failed */
    char path[96];       /* key path with a closing dot: "text_config.", "" at the top */
    sl_error *err;       /* where the first failure's message goes */
    sl_status status;    /* of the first failure; getters do nothing after it */
};

/* Starts reading value, which must be an object, as the top of a document. */
void sl_json_open(struct sl_json_object *o, const json_t *value, sl_error *err);

/* True when key is there and not null. */
bool sl_json_has(const struct sl_json_object *o, const char *key);

/*
 * Getters: each puts the value of key into *out, or fails o and leaves *out alone when the key is missing, has
 * another type or is out of range. Strings and values are borrowed from the document.
 */
void sl_json_get_int(struct sl_json_object *o, const char *key, int64_t min, int64_t max, int64_t *out);
/* Any finite number; integers too. */
void sl_json_get_number(struct sl_json_object *o, const char *key, double *out);
/* true or false. */
void sl_json_get_bool(struct sl_json_object *o, const char *key, bool *out);
/* A string. */
void sl_json_get_string(struct sl_json_object *o, const char *key, const char **out);
/* An array. */
void sl_json_get_array(struct sl_json_object *o, const char *key, const json_t **out);
/* An object, opened into *out with the longer path; *out takes over o's error, so that checking it suffices. */
void sl_json_get_object(struct sl_json_object *o, const char *key, struct sl_json_object *out);

/*
 * Fails o when it has a key that is none of the n names, and says which of them was probably meant: a misspelt key
 * would otherwise change a run in silence.
 */
void sl_json_known_keys(struct sl_json_object *o, const char *const *names, int n);

/* Fails o with "path.key: " and a printf-style reason, unless it failed before. For checks beyond the getters'. */
void sl_json_fail(struct sl_json_object *o, const char *key, const char *fmt, ...) SL_PRINTF(3, 4);

/* Returns an owned JSON number with the fewest digits that read back as the same float; NULL for inf and NaN. */
json_t *sl_json_float(float x);

/*
 * Appends value as text to out, keys in the order they were set: indented by indent spaces, or on one line when
 * indent is 0. Reals are written with 15 digits, which brings sl_json_float's back exactly. A NULL value (what
 * jansson's constructors return without memory) is an error.
 */
sl_status sl_json_dump(const json_t *value, int indent, struct sl_buf *out, sl_error *err);

#endif
