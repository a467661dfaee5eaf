/*
 * answer_keys.c: the spelling of hotkeys.
 */
#include "text/answer_actions.h"

#include "text/answer_parts.h"

enum { MAX_KEYS = 3, MAX_PIECES = 2 * MAX_KEYS };

/* Finds the next key at or after *at; an inner '+' ends one and a lone one is one. Returns its length, 0 at the end. */
static size_t next_piece(const char *s, size_t n, size_t *at)
{
    while (*at < n && sl_is_space(s[*at])) ++*at;
    size_t end = *at;
    while (end < n && !sl_is_space(s[end])) {
        bool joins = s[end] == '+' && end > *at && end + 1 < n && !sl_is_space(s[end + 1]);
        if (joins) break;
        end++;
    }
    return end - *at;
}

size_t sl_action_keys(const char *s, size_t n, char out[SL_ACTION_KEYS_SIZE])
{
    struct sl_byte_range pieces[MAX_PIECES];
    size_t n_pieces = 0, n_keys = 0, length = 0, at = 0, size;
    while ((size = next_piece(s, n, &at)) > 0) {
        if (n_pieces == MAX_PIECES) return 0;
        pieces[n_pieces++] = (struct sl_byte_range){at, at + size};
        at += size;
        if (at < n && s[at] == '+') at++;
    }
    for (size_t i = 0; i < n_pieces; i++) {
        size_t begin = pieces[i].begin, bytes = pieces[i].end - begin;
        bool joins = bytes == 1 && s[begin] == '+' && i > 0 && i + 1 < n_pieces;
        if (joins) continue;
        if (++n_keys > MAX_KEYS || length + 1 + bytes > SL_ACTION_KEYS_SIZE) return 0;
        if (n_keys > 1) out[length++] = ' ';
        for (size_t k = begin; k < begin + bytes; k++)
            out[length++] = (char)(s[k] >= 'A' && s[k] <= 'Z' ? s[k] - 'A' + 'a' : s[k]);
    }
    return length;
}
