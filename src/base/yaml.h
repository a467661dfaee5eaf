/*
 * yaml.h: YAML files as the same trees that JSON files become, so that recipes are read with the getters of json.h.
 *
 * What is understood is YAML 1.2's core schema: null, booleans, decimal, octal (0o17) and hexadecimal (0x1f) integers,
 * finite reals, strings; block and flow style; anchors and aliases. Refused, with the line: tags, merge keys ("<<"),
 * repeated keys, several documents, infinities, and more than the limits below.
 */
#ifndef SL_BASE_YAML_H
#define SL_BASE_YAML_H

#include "base/json.h"

enum {
    SL_YAML_MAX_BYTES = 1 << 20,
    SL_YAML_MAX_DEPTH = 32,
    SL_YAML_MAX_NODES = 1 << 16, /* after aliases are copied out */
};

/*
 * Parses n bytes of YAML, one document, into *out: owned, release with json_decref. Nothing shares with anything in the
 * tree: an alias is a copy. Errors say "name:line: reason". An empty document is null.
 */
sl_status sl_yaml_parse(const char *text, size_t n, const char *name, json_t **out, sl_error *err);

/* Reads and parses the file at path; errors say "path:line: reason". *out is owned. */
sl_status sl_yaml_load(const char *path, json_t **out, sl_error *err);

/*
 * Applies "a.b.c=VALUE" to the tree: VALUE, read as YAML, becomes the value of that key, and the objects on the way are
 * made where they are missing; a number picks an existing element of an array. The error names the assignment.
 */
sl_status sl_yaml_set(json_t *root, const char *assignment, sl_error *err);

#endif
