/*
 * nearest.c: edit distance between short names.
 */
#include "base/nearest.h"

#include <limits.h>
#include <string.h>

enum { MAX_WORD = 32 };

static int min3(int a, int b, int c)
{
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Damerau-Levenshtein distance (restricted: a swapped pair is not edited again); words longer than MAX_WORD are far
 * from all. */
static int edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX_WORD || m > MAX_WORD) return INT_MAX;
    int d[MAX_WORD + 1][MAX_WORD + 1];
    for (size_t i = 0; i <= n; i++) d[i][0] = (int)i;
    for (size_t j = 0; j <= m; j++) d[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[n][m];
}

int sl_nearest_name(const char *word, const void *names, int n, size_t stride)
{
    int best = -1;
    int best_distance = 1 + (int)(strlen(word) + 1) / 3; /* a third of the letters wrong is still a guess */
    for (int i = 0; i < n; i++) {
        const char *name;
        memcpy(&name, (const char *)names + (size_t)i * stride, sizeof name);
        int distance = edit_distance(word, name);
        if (distance < best_distance) {
            best_distance = distance;
            best = i;
        }
    }
    return best;
}
