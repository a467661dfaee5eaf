/*
 * keys.h: the names of keys in the answer language ("ctrl", "page down", "f5") as the DevTools protocol wants them.
 */
#ifndef SL_SCREEN_KEYS_H
#define SL_SCREEN_KEYS_H

#include <stddef.h>

/* The bits of modifier keys. */
enum { SL_KEY_ALT = 1, SL_KEY_CTRL = 2, SL_KEY_META = 4, SL_KEY_SHIFT = 8 };

struct sl_key {
    char key[16];  /* KeyboardEvent.key: "Enter", "a" */
    char code[16]; /* KeyboardEvent.code: "Enter", "KeyA" */
    char text[4];  /* what it types; "" for none */
    int virtual_code;
    int modifier; /* its bit, when it is a modifier */
};

/* Finds the key of that name of n bytes: letters, digits, punctuation of ASCII, and named keys. Returns 0 when there is
 * none. */
int sl_key_find(const char *name, size_t n, struct sl_key *out);

#endif
