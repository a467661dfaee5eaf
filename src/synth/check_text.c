/*
 * check_text.c: rules about words, numbers and patterns.
 */
#include "synth/check_parts.h"

#include "text/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <utf8proc.h>

enum { MAX_CHARACTERS = 16384, MAX_PATTERN = 4096, MAX_MATCH_STEPS = 1000000 };

/* Overwrites a range with spaces. */
static void blank(struct sl_buf *b, size_t start, struct sl_byte_range range, size_t offset)
{
    for (size_t i = range.begin; i < range.end; i++)
        if (i >= offset && start + i - offset < b->len) b->data[start + i - offset] = ' ';
}

void sl_check_plain(const struct sl_answer *a, struct sl_buf *out)
{
    size_t start = out->len, offset = a->answer.begin;
    sl_buf_add(out, a->text + offset, a->answer.end - offset);
    if (!sl_buf_ok(out) || !out->len) return;
    for (size_t i = 0; i < a->n_points; i++) {
        blank(out, start, a->points[i].range, offset);
        blank(out, start, a->points[i].label, offset);
    }
    for (size_t i = 0; i < a->n_boxes; i++) {
        blank(out, start, a->boxes[i].range, offset);
        blank(out, start, a->boxes[i].label, offset);
    }
    for (size_t i = 0; i < a->n_boxes3d; i++) {
        blank(out, start, a->boxes3d[i].range, offset);
        blank(out, start, a->boxes3d[i].label, offset);
    }
    for (size_t i = 0; i < a->n_polygons; i++) {
        blank(out, start, a->polygons[i].range, offset);
        blank(out, start, a->polygons[i].label, offset);
    }
}

static bool is_wrapping(char c)
{
    return c == ' ' || c == '"' || c == '\'' || c == '*' || c == '`' || c == '.' || c == '$';
}

/* Appends a character in lower case; broken bytes as U+FFFD. */
static void add_folded(const char *s, size_t length, uint32_t cp, bool keep_case, struct sl_buf *out)
{
    unsigned char utf8[4];
    if (length == 0) {
        sl_buf_addstr(out, "\xef\xbf\xbd");
    } else if (keep_case || (cp >= 'a' && cp <= 'z')) {
        sl_buf_add(out, s, length);
    } else {
        utf8proc_ssize_t n = utf8proc_encode_char(utf8proc_tolower((utf8proc_int32_t)cp), utf8);
        sl_buf_add(out, utf8, (size_t)n);
    }
}

void sl_check_fold(const char *text, size_t n, bool keep_case, struct sl_buf *out)
{
    size_t start = out->len;
    bool space = false;
    while (n && is_wrapping(*text) && *text != '.' && *text != '$') text++, n--;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t length = sl_utf8_decode(text + i, n - i, &cp);
        if (length && sl_utf8_is_space(cp)) {
            space = out->len > start;
        } else {
            if (space) sl_buf_addch(out, ' ');
            space = false;
            add_folded(text + i, length, cp, keep_case, out);
        }
        i += length ? length : 1;
    }
    if (!sl_buf_ok(out) || !out->data) return;
    while (out->len > start && is_wrapping(out->data[out->len - 1]) && out->data[out->len - 1] != '$')
        out->data[--out->len] = '\0';
}

/* --- similarity ----------------------------------------------------------------------------------------------- */

/* Decodes at most MAX_CHARACTERS; broken bytes are characters of their own. */
static size_t decode(const char *s, uint32_t *out)
{
    size_t n = strlen(s), count = 0;
    for (size_t i = 0; i < n && count < MAX_CHARACTERS;) {
        uint32_t cp = 0;
        size_t length = sl_utf8_decode(s + i, n - i, &cp);
        out[count++] = length ? cp : 0x110000u + (unsigned char)s[i];
        i += length ? length : 1;
    }
    return count;
}

/* Edit distance by rows (Wagner and Fischer 1974); row has nb + 1 places. */
static size_t distance(const uint32_t *a, size_t na, const uint32_t *b, size_t nb, uint32_t *row)
{
    for (size_t j = 0; j <= nb; j++) row[j] = (uint32_t)j;
    for (size_t i = 0; i < na; i++) {
        uint32_t diagonal = row[0];
        row[0] = (uint32_t)i + 1;
        for (size_t j = 0; j < nb; j++) {
            uint32_t up = row[j + 1], best = diagonal + (a[i] != b[j]);
            if (up + 1 < best) best = up + 1;
            if (row[j] + 1 < best) best = row[j] + 1;
            diagonal = up;
            row[j + 1] = best;
        }
    }
    return row[nb];
}

/* Returns 1 - edit distance / length of the longer, in characters; both are cut at MAX_CHARACTERS. */
static double similarity(const char *a, const char *b)
{
    uint32_t *memory = malloc((3 * MAX_CHARACTERS + 1) * sizeof *memory);
    if (!memory) return 0;
    uint32_t *pa = memory, *pb = memory + MAX_CHARACTERS, *row = pb + MAX_CHARACTERS;
    size_t na = decode(a, pa), nb = decode(b, pb), longer = na > nb ? na : nb, begin = 0;
    while (begin < na && begin < nb && pa[begin] == pb[begin]) begin++;
    while (na > begin && nb > begin && pa[na - 1] == pb[nb - 1]) na--, nb--;
    size_t d = distance(pa + begin, na - begin, pb + begin, nb - begin, row);
    free(memory);
    return longer ? 1 - (double)d / (double)longer : 1;
}

/* --- words ---------------------------------------------------------------------------------------------------- */

static void fold_answer(const struct sl_answer *a, bool keep_case, struct sl_buf *out)
{
    struct sl_buf plain = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    sl_check_plain(a, &plain);
    sl_check_fold(sl_buf_str(&plain), plain.len, keep_case, out);
    sl_buf_release(&plain);
}

/* The best score of the folded answer against truth's "answer", a string or an array of them. */
static double best_of(const json_t *truth, const struct sl_answer *a, double (*score)(const char *, const char *))
{
    struct sl_buf said = SL_BUF_INIT(SL_CHECK_MAX_TEXT), want = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    const json_t *accepted = json_object_get(truth, "answer");
    bool keep_case = json_is_true(json_object_get(truth, "case"));
    double best = 0;
    fold_answer(a, keep_case, &said);
    size_t n = json_is_array(accepted) ? json_array_size(accepted) : 1;
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_is_array(accepted) ? json_array_get(accepted, i) : accepted);
        if (!text) continue;
        sl_buf_clear(&want);
        sl_check_fold(text, strlen(text), keep_case, &want);
        best = fmax(best, score(sl_buf_str(&want), sl_buf_str(&said)));
    }
    sl_buf_release(&said);
    sl_buf_release(&want);
    return best;
}

static double is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

double sl_check_exact(const json_t *truth, const struct sl_answer *a)
{
    return best_of(truth, a, is_same);
}

double sl_check_text(const json_t *truth, const struct sl_answer *a)
{
    return best_of(truth, a, similarity);
}

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || (c & 0x80);
}

/* Returns the first place of word in text that is not inside another word, or NULL. */
static const char *find_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = text; n && (at = strstr(at, word)); at++)
        if ((at == text || !is_letter(at[-1])) && !is_letter(at[n])) return at;
    return NULL;
}

double sl_check_yes_no(const json_t *truth, const struct sl_answer *a)
{
    struct sl_buf said = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    fold_answer(a, false, &said);
    const char *text = sl_buf_str(&said), *yes = find_word(text, "yes"), *no = find_word(text, "no");
    const char *found = yes && (!no || yes < no) ? "yes" : no ? "no" : "";
    double score = strcmp(found, sl_check_string(truth, "answer", "?")) == 0;
    sl_buf_release(&said);
    return score;
}

/* The letter that the answer chooses: its first letter standing alone ("(B)", "B. red", "The answer is C"). */
static char chosen_letter(const char *text)
{
    char found = '\0';
    for (const char *at = text; *at; at++)
        if (*at >= 'A' && *at <= 'Z' && (at == text || !is_letter(at[-1])) && !is_letter(at[1]) && at[1] != '\'') {
            /* "A dog" and "I see" are words, unless nothing better follows. */
            bool article = (*at == 'A' || *at == 'I') && at[1] == ' ' && is_letter(at[2]);
            if (!article) return *at;
            found = *at;
        }
    return found;
}

double sl_check_choice(const json_t *truth, const struct sl_answer *a)
{
    struct sl_buf said = SL_BUF_INIT(SL_CHECK_MAX_TEXT), option = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    const char *letter = sl_check_string(truth, "answer", "");
    fold_answer(a, true, &said);
    const char *text = sl_buf_str(&said);
    char found = said.len == 1 ? (char)toupper((unsigned char)text[0]) : chosen_letter(text);
    double score = letter[0] && !letter[1] && found == letter[0];
    const char *full = score > 0 ? NULL
                                 : json_string_value(json_array_get(json_object_get(truth, "options"),
                                                                    (size_t)(unsigned char)(letter[0] - 'A')));
    if (full) {
        sl_check_fold(full, strlen(full), true, &option);
        score = strcmp(text, sl_buf_str(&option)) == 0;
    }
    sl_buf_release(&said);
    sl_buf_release(&option);
    return score;
}

/* True when text has the word, or one of an array of synonyms. */
static bool mentions(const char *text, const json_t *words)
{
    struct sl_buf word = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    bool found = false;
    size_t n = json_is_array(words) ? json_array_size(words) : 1;
    for (size_t i = 0; i < n && !found; i++) {
        const char *w = json_string_value(json_is_array(words) ? json_array_get(words, i) : words);
        if (!w) continue;
        sl_buf_clear(&word);
        sl_check_fold(w, strlen(w), false, &word);
        found = find_word(text, sl_buf_str(&word)) != NULL;
    }
    sl_buf_release(&word);
    return found;
}

double sl_check_mentions(const json_t *truth, const struct sl_answer *a)
{
    struct sl_buf said = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    const json_t *right = json_object_get(truth, "answer"), *wrong = json_object_get(truth, "wrong");
    size_t n = json_array_size(right), n_right = 0, n_wrong = 0;
    fold_answer(a, false, &said);
    for (size_t i = 0; i < n; i++) n_right += mentions(sl_buf_str(&said), json_array_get(right, i));
    for (size_t i = 0; i < json_array_size(wrong); i++)
        n_wrong += mentions(sl_buf_str(&said), json_array_get(wrong, i));
    sl_buf_release(&said);
    return n ? fmax(0, ((double)n_right - (double)n_wrong) / (double)n) : 0;
}

/* --- numbers -------------------------------------------------------------------------------------------------- */

/* Reads "1,234.5", "-3e4" or "3/4" at *at, which is a digit or a point before one, and moves past it. */
static double read_number(const char *text, const char **at)
{
    char digits[64];
    size_t n = 0;
    const char *p = *at;
    bool minus = (p > text && p[-1] == '-' && (p - 1 == text || !is_letter(p[-2]))) ||
                 (p - text >= 3 && memcmp(p - 3, "\xe2\x88\x92", 3) == 0);
    for (;; p++) {
        bool thousands = *p == ',' && isdigit((unsigned char)p[1]) && isdigit((unsigned char)p[2]) &&
                         isdigit((unsigned char)p[3]) && !isdigit((unsigned char)p[4]) && n > 0;
        if (thousands) continue;
        if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1]) && !memchr(digits, '.', n)))
            break;
        if (n < sizeof digits - 8) digits[n++] = *p;
    }
    if ((*p == 'e' || *p == 'E') &&
        (isdigit((unsigned char)p[1]) || ((p[1] == '-' || p[1] == '+') && isdigit((unsigned char)p[2])))) {
        digits[n++] = *p++;
        digits[n++] = *p++;
        while (isdigit((unsigned char)*p) && n < sizeof digits - 1) digits[n++] = *p++;
    }
    digits[n] = '\0';
    double x = strtod(digits, NULL);
    if (*p == '/' && isdigit((unsigned char)p[1])) {
        char *end;
        double below = strtod(p + 1, &end);
        if (below > 0) x /= below;
        p = end;
    }
    *at = p;
    return minus ? -x : x;
}

static bool last_number(const char *text, double *value)
{
    bool found = false;
    for (const char *p = text; *p;) {
        bool starts = isdigit((unsigned char)*p) || (*p == '.' && isdigit((unsigned char)p[1]));
        /* The 2 of "H2O" and of "x2" is no number. */
        if (starts && p > text && is_letter(p[-1]) && !(p[-1] & 0x80)) {
            while (isdigit((unsigned char)*p) || *p == '.') p++;
        } else if (starts) {
            *value = read_number(text, &p);
            found = true;
        } else {
            p++;
        }
    }
    return found;
}

static bool last_word_number(const char *text, double *value)
{
    static const char *const words[] = {"zero",     "one",      "two",      "three",   "four",    "five",
                                        "six",      "seven",    "eight",    "nine",    "ten",     "eleven",
                                        "twelve",   "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
                                        "eighteen", "nineteen", "twenty"};
    const char *last = NULL;
    for (int i = 0; i <= 20; i++)
        for (const char *at = find_word(text, words[i]); at; at = find_word(at + 1, words[i]))
            if (!last || at > last) {
                last = at;
                *value = i;
            }
    if (!last && find_word(text, "none")) {
        *value = 0;
        return true;
    }
    return last != NULL;
}

/* Copies what stands between open and close, the last time, to out; false when it does not occur. */
static bool marked(const char *text, const char *open, const char *close, struct sl_buf *out)
{
    const char *begin = NULL;
    for (const char *at = text; (at = strstr(at, open));) {
        at += strlen(open);
        const char *end = strstr(at, close);
        if (!end) break;
        begin = at;
        at = end + strlen(close);
    }
    if (!begin) return false;
    sl_buf_add(out, begin, (size_t)(strstr(begin, close) - begin));
    return sl_buf_ok(out);
}

bool sl_check_number(const char *text, double *value)
{
    struct sl_buf inside = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    bool found =
        (marked(text, "\\boxed{", "}", &inside) && last_number(sl_buf_str(&inside), value)) ||
        (sl_buf_clear(&inside), marked(text, "**", "**", &inside) && last_number(sl_buf_str(&inside), value)) ||
        last_number(text, value) || last_word_number(text, value);
    sl_buf_release(&inside);
    return found && isfinite(*value);
}

static bool said_number(const struct sl_answer *a, double *value)
{
    struct sl_buf said = SL_BUF_INIT(SL_CHECK_MAX_TEXT), folded = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    sl_check_plain(a, &said);
    bool found = sl_check_number(sl_buf_str(&said), value);
    if (!found) {
        sl_check_fold(sl_buf_str(&said), said.len, false, &folded);
        found = sl_check_number(sl_buf_str(&folded), value);
    }
    sl_buf_release(&said);
    sl_buf_release(&folded);
    return found;
}

double sl_check_value(const json_t *truth, const struct sl_answer *a)
{
    double want = sl_check_real(truth, "answer", NAN), value = 0;
    double allowed = fmax(sl_check_real(truth, "tolerance", 0.05) * fabs(want), sl_check_real(truth, "absolute", 0));
    return said_number(a, &value) && fabs(value - want) <= allowed + 1e-9 * fabs(want);
}

double sl_check_count(const json_t *truth, const struct sl_answer *a)
{
    double want = sl_check_real(truth, "answer", NAN), value = 0;
    if (!said_number(a, &value)) {
        if (!a->n_points) return 0;
        value = (double)a->n_points; /* pointed at, not said */
    }
    return value == want;
}

/* --- patterns ------------------------------------------------------------------------------------------------- */

/* Whether pattern matches somewhere in text; one that does not compile, or takes too long, matches nothing. */
static bool matches(const char *pattern, const char *text, size_t n)
{
    int code;
    PCRE2_SIZE where;
    if (strlen(pattern) > MAX_PATTERN) return false;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &code, &where, NULL);
    pcre2_match_data *data = re ? pcre2_match_data_create_from_pattern(re, NULL) : NULL;
    pcre2_match_context *context = data ? pcre2_match_context_create(NULL) : NULL;
    int rc = -1;
    if (context) {
        pcre2_set_match_limit(context, MAX_MATCH_STEPS);
        pcre2_set_depth_limit(context, 1000);
        pcre2_set_heap_limit(context, 16384);
        rc = pcre2_match(re, (PCRE2_SPTR)text, n, 0, 0, data, context);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(re);
    return rc >= 0;
}

/* How many of the patterns (a string or an array of strings) match; *n: of how many. */
static size_t count_matches(const json_t *patterns, const struct sl_answer *a, size_t *n)
{
    const char *text = a->text + a->answer.begin;
    size_t length = a->answer.end - a->answer.begin, found = 0;
    *n = json_is_array(patterns) ? json_array_size(patterns) : patterns ? 1 : 0;
    for (size_t i = 0; i < *n; i++) {
        const char *p = json_string_value(json_is_array(patterns) ? json_array_get(patterns, i) : patterns);
        found += p && matches(p, text, length);
    }
    return found;
}

double sl_check_regex(const json_t *truth, const struct sl_answer *a)
{
    size_t n_right, n_wrong;
    size_t right = count_matches(json_object_get(truth, "answer"), a, &n_right);
    size_t wrong = count_matches(json_object_get(truth, "not"), a, &n_wrong);
    return right == n_right && wrong == 0 && n_right + n_wrong > 0;
}
