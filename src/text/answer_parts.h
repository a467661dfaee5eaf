/*
 * answer_parts.h: what the files that parse answers share. Nothing else includes it.
 *
 * The parser walks the answer once. A reader is called with the position of something that may begin its construct;
 * it adds items and problems and returns where to go on, always further than it was called. Memory failures are
 * sticky in `status`. A reader may look ahead only as far as it then goes on, or to the next '<' or the end of a run
 * of spaces: that keeps the whole linear.
 */
#ifndef SL_TEXT_ANSWER_PARTS_H
#define SL_TEXT_ANSWER_PARTS_H

#include "text/answer.h"

#include <stdint.h>
#include <string.h>

struct sl_answer_parser {
    struct sl_answer *out;
    const char *s;              /* the whole text */
    size_t begin, end;          /* of the answer in it */
    struct sl_byte_range label; /* of the last <text> */
    size_t label_until;         /* a shape that begins here has that label; 0: none */
    double *numbers;            /* owned; of the shape being read */
    size_t n_numbers, cap_numbers;
    bool no_text_close, no_tool_close, no_action; /* none of these in what is left: looked for once */
    sl_status status;
};

/* --- answer.c --- */

/* Appends one zeroed item of `size` bytes to a list of out; NULL sets p->status. */
void *sl_answer_push(struct sl_answer_parser *p, void *items, size_t *n, size_t *cap, size_t size);
/* Appends a problem. Whether its piece is kept follows from its kind. */
void sl_answer_report(struct sl_answer_parser *p, enum sl_answer_problem_kind kind, size_t begin, size_t end);
/* Keeps n bytes in out's strings; returns where. */
struct sl_byte_range sl_answer_store(struct sl_answer_parser *p, const char *bytes, size_t n);

/* --- answer_numbers.c --- */

/* The largest number that prints and parses exactly. */
#define SL_ANSWER_MAX_NUMBER 999999999999999.0

/*
 * Reads [+-]digits[.digits] or [+-].digits, all n bytes of it, correctly rounded; digits after the 15th significant
 * one of a fraction are dropped. False for anything else, and for more than 15 digits before the point.
 */
bool sl_answer_number(const char *s, size_t n, double *out);
/* Returns the nearest number with 15 significant decimal digits: those that print and parse exactly. */
double sl_answer_snap(double x);
/* Appends x, snapped, with at least min_decimals decimals; |x| <= SL_ANSWER_MAX_NUMBER. */
void sl_answer_print_number(double x, int min_decimals, struct sl_buf *out);

/* What sl_answer_numbers found besides the numbers. */
struct sl_number_list {
    bool all_numbers;             /* every token is one */
    bool in_range;                /* of 0 to 999 */
    struct sl_byte_range culprit; /* the first token that is no number, else the first out of range */
};

/* Reads the tokens of s[begin, end), which white space and any of , ; [ ] ( ) separate, into p->numbers. */
struct sl_number_list sl_answer_numbers(struct sl_answer_parser *p, const char *s, size_t begin, size_t end);

/* --- answer_shapes.c --- */

/* Reads at a '<': shapes, labels, tool calls, stray tags. */
size_t sl_answer_read_tag(struct sl_answer_parser *p, size_t at);
/* Each returns true when the numbers are what the language allows, else the reason in *why. */
bool sl_answer_check_coordinates(const double *v, size_t n, enum sl_answer_problem_kind *why);
bool sl_answer_check_box(const struct sl_answer_box *b, enum sl_answer_problem_kind *why);
bool sl_answer_check_box3d(const struct sl_box3d *b, enum sl_answer_problem_kind *why);

/* --- answer_times.c --- */

/* Reads at a digit or a '['. */
size_t sl_answer_read_time(struct sl_answer_parser *p, size_t at);

/* --- answer_actions.c --- */

/* Reads at a 'T' or an 'A' that may begin "Thought:" or "Action:". */
size_t sl_answer_read_step(struct sl_answer_parser *p, size_t at);

/* --- answer_tools.c --- */

/* Reads the JSON between a <tool_call> at `at`, whose text begins at body, and its closing tag. */
size_t sl_answer_read_tool_call(struct sl_answer_parser *p, size_t at, size_t body);

/* --- small questions about bytes --- */

static inline bool sl_is_blank(char c)
{
    return c == ' ' || c == '\t';
}
static inline bool sl_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static inline bool sl_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool sl_is_word(char c)
{
    return sl_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* True when `word` stands at `at`, before end. */
static inline bool sl_stands_at(const char *s, size_t at, size_t end, const char *word)
{
    size_t n = strlen(word);
    return end - at >= n && memcmp(s + at, word, n) == 0;
}

#endif
