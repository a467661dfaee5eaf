/*
 * keys.c: API keys with a bucket of requests and one of tokens each, refilled evenly over the minute.
 */
#include "serve/keys.h"

#include "base/file.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 4096, MIN_KEY = 8, MAX_KEY = 200, MAX_FILE = 1 << 20 };

struct key {
    char text[MAX_KEY + 1];
    double limits[2]; /* requests and tokens a minute; 0: none */
    double left[2];
    double seen; /* when left was true */
};

struct sl_keys {
    pthread_mutex_t lock;
    int n;
    struct key keys[]; /* (n) */
};

/* Reads one line into k; false when it is not as it should be. */
static bool read_key(const char *line, struct key *k)
{
    size_t n = strcspn(line, " \t");
    if (n < MIN_KEY || n > MAX_KEY) return false;
    memcpy(k->text, line, n);
    for (size_t i = 0; i < n; i++) {
        if (!isgraph((unsigned char)line[i])) return false;
    }
    line += n;
    for (int i = 0; i < 2; i++) {
        char *end;
        line += strspn(line, " \t");
        if (!*line) break;
        double limit = strtod(line, &end);
        if (end == line || !(limit >= 0 && limit < 1e12)) return false;
        k->limits[i] = k->left[i] = limit;
        line = end;
    }
    return line[strspn(line, " \t")] == '\0';
}

static sl_status read_lines(char *text, const char *path, struct sl_keys *keys, sl_error *err)
{
    int number = 0;
    char *save = NULL;
    for (char *line = text; line; line = save) {
        number++;
        save = strchr(line, '\n');
        if (save) *save++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        line += strspn(line, " \t");
        if (!*line || *line == '#') continue;
        if (keys->n == MAX_KEYS) return sl_fail(err, SL_ERR_MEMORY, "%s: more than %d keys", path, MAX_KEYS);
        if (!read_key(line, &keys->keys[keys->n++])) {
            return sl_fail(err, SL_ERR_FORMAT,
                           "%s:%d: expected \"KEY [REQUESTS [TOKENS]]\", the key of %d to %d characters", path, number,
                           MIN_KEY, MAX_KEY);
        }
    }
    return keys->n ? SL_OK : sl_fail(err, SL_ERR_FORMAT, "%s: no keys", path);
}

sl_status sl_keys_open(const char *path, struct sl_keys **out, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_FILE);
    sl_status status = sl_file_read(path, &text, err);
    struct sl_keys *keys = status ? NULL : calloc(1, sizeof *keys + MAX_KEYS * sizeof *keys->keys);
    *out = NULL;
    if (!status && !keys) status = sl_fail(err, SL_ERR_MEMORY, "no memory for keys");
    if (!status && text.len)
        status = read_lines(text.data, path, keys, err);
    else if (!status)
        status = sl_fail(err, SL_ERR_FORMAT, "%s: no keys", path);
    sl_buf_release(&text);
    if (status) {
        free(keys);
        return status;
    }
    pthread_mutex_init(&keys->lock, NULL);
    *out = keys;
    return SL_OK;
}

void sl_keys_free(struct sl_keys **keys)
{
    if (!*keys) return;
    pthread_mutex_destroy(&(*keys)->lock);
    free(*keys);
    *keys = NULL;
}

/* Equal, in a time that depends on the lengths only. */
static bool same(const char *a, const char *b)
{
    size_t n = strlen(a);
    if (n != strlen(b)) return false;
    unsigned char differs = 0;
    for (size_t i = 0; i < n; i++) differs |= (unsigned char)(a[i] ^ b[i]);
    return !differs;
}

static void refill(struct key *k, double now)
{
    double passed = now > k->seen ? (now - k->seen) / 60 : 0;
    for (int i = 0; i < 2; i++) {
        k->left[i] += passed * k->limits[i];
        if (k->left[i] > k->limits[i]) k->left[i] = k->limits[i];
    }
    k->seen = now;
}

enum sl_key_verdict sl_keys_admit(struct sl_keys *keys, const char *key, double now, int *id, double *wait)
{
    enum sl_key_verdict verdict = SL_KEY_UNKNOWN;
    *id = -1;
    *wait = 0;
    pthread_mutex_lock(&keys->lock);
    for (int i = 0; key && i < keys->n; i++) {
        if (same(keys->keys[i].text, key)) *id = i;
    }
    if (*id >= 0) {
        struct key *k = &keys->keys[*id];
        refill(k, now);
        for (int i = 0; i < 2; i++) {
            /* A request needs one request, and tokens that are not overdrawn. */
            double missing = (i == 0 ? 1 : 0) - k->left[i];
            if (k->limits[i] > 0 && missing > 0 && missing / k->limits[i] * 60 > *wait) {
                *wait = missing / k->limits[i] * 60;
            }
        }
        verdict = *wait > 0 ? SL_KEY_TOO_MANY : SL_KEY_GOOD;
        if (verdict == SL_KEY_GOOD && k->limits[0] > 0) k->left[0] -= 1;
    }
    pthread_mutex_unlock(&keys->lock);
    return verdict;
}

void sl_keys_spend(struct sl_keys *keys, int id, int64_t tokens)
{
    pthread_mutex_lock(&keys->lock);
    if (id >= 0 && id < keys->n && keys->keys[id].limits[1] > 0) keys->keys[id].left[1] -= (double)tokens;
    pthread_mutex_unlock(&keys->lock);
}
