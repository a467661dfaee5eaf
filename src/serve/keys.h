/*
 * keys.h: who may ask, and how much in a minute.
 */
#ifndef SL_SERVE_KEYS_H
#define SL_SERVE_KEYS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct sl_keys;

/*
 * Reads a file of keys into *out, owned: a line each, "KEY [REQUESTS [TOKENS]]", the numbers being what the key may use
 * in a minute (0 or missing: as much as it likes); empty lines and those that begin with # say nothing. Errors name the
 * file and the line. At most 4096 keys of 8 to 200 printable characters.
 */
sl_status sl_keys_open(const char *path, struct sl_keys **out, sl_error *err);
void sl_keys_free(struct sl_keys **keys);

/* What became of a request. */
enum sl_key_verdict { SL_KEY_GOOD, SL_KEY_UNKNOWN, SL_KEY_TOO_MANY };

/*
 * Looks up the key (NULL: none was given), counts one request of it, and gives its number in *id.
 * When it asked for too much, *wait is how many seconds to wait. The comparison takes the same time for every wrong key
 * of a length. Any thread.
 */
enum sl_key_verdict sl_keys_admit(struct sl_keys *keys, const char *key, double now, int *id, double *wait);

/* Counts tokens that key number id has used. */
void sl_keys_spend(struct sl_keys *keys, int id, int64_t tokens);

#endif
