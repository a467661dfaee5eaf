/*
 * answer.c: the walk over an answer: where reasoning ends, and what begins where in the rest.
 */
#include "text/answer_parts.h"

#include "base/mem.h"

#include <stdlib.h>

/* What is wrong, in words; kept: that alone does not keep the piece out of its list. Listed with examples in
 * docs/ANSWERS.md. */
static const struct {
    bool kept;
    const char *text;
} problems[SL_N_PROBLEMS] = {
    [SL_PROBLEM_THINK_NOT_OPENED] = {true, "</think> without <think> before it"},
    [SL_PROBLEM_THINK_TEXT_BEFORE] = {false, "text before <think>"},
    [SL_PROBLEM_THINK_NESTED] = {true, "<think> inside the reasoning"},
    [SL_PROBLEM_THINK_NOT_CLOSED] = {true, "<think> without </think>"},
    [SL_PROBLEM_THINK_STRAY] = {false, "<think> or </think> after the reasoning"},
    [SL_PROBLEM_TAG_NOT_OPENED] = {false, "closing tag without its opening tag"},
    [SL_PROBLEM_TAG_NOT_CLOSED] = {true, "no closing tag"},
    [SL_PROBLEM_LABEL_NOT_CLOSED] = {false, "<text> without </text>"},
    [SL_PROBLEM_NUMBER] = {false, "not a number"},
    [SL_PROBLEM_COUNT] = {false, "wrong count of numbers"},
    [SL_PROBLEM_COORDINATE] = {false, "coordinate not between 0 and 999"},
    [SL_PROBLEM_BOX_ORDER] = {false, "x2 is less than x1, or y2 less than y1"},
    [SL_PROBLEM_BOX3D_SIZE] = {false, "negative size"},
    [SL_PROBLEM_BOX3D_ANGLE] = {false, "angle not between -1 and 1"},
    [SL_PROBLEM_TIME_MARK] = {false, "mark of time without a number of seconds"},
    [SL_PROBLEM_TIME_ORDER] = {false, "span that ends before it starts"},
    [SL_PROBLEM_TIME_NEGATIVE] = {false, "negative time"},
    [SL_PROBLEM_TIME_COMMA] = {false, "time with a comma in its number"},
    [SL_PROBLEM_ACTION_NONE] = {false, "no action after Thought: or Action:"},
    [SL_PROBLEM_ACTION_SYNTAX] = {false, "not of the form name(argument='value')"},
    [SL_PROBLEM_ACTION_UNKNOWN] = {false, "unknown action"},
    [SL_PROBLEM_ACTION_NOT_CLOSED] = {true, "action without its closing parenthesis"},
    [SL_PROBLEM_ACTION_STRING] = {false, "string without its closing quote"},
    [SL_PROBLEM_ACTION_QUOTE] = {true, "quote inside a string without \\ before it"},
    [SL_PROBLEM_ARGUMENT_MISSING] = {false, "action without an argument that it needs"},
    [SL_PROBLEM_ARGUMENT_UNKNOWN] = {true, "argument that the action does not have"},
    [SL_PROBLEM_ARGUMENT_TWICE] = {false, "argument given twice"},
    [SL_PROBLEM_ARGUMENT_POINT] = {false, "argument is not a point between 0 and 999"},
    [SL_PROBLEM_ARGUMENT_DIRECTION] = {false, "direction is not down, up, right or left"},
    [SL_PROBLEM_ARGUMENT_KEYS] = {false, "hotkey is not one to three keys"},
    [SL_PROBLEM_ARGUMENT_KEY_SPELLING] = {true, "keys are written in lower case with single spaces between"},
    [SL_PROBLEM_TOOL_CALL_NOT_CLOSED] = {false, "<tool_call> without </tool_call>"},
    [SL_PROBLEM_TOOL_CALL_JSON] = {false, "tool call is not {\"name\": \"...\", \"arguments\": {...}}"},
};

const char *sl_answer_problem_text(enum sl_answer_problem_kind kind)
{
    return problems[kind].text;
}

/* --- the lists ------------------------------------------------------------------------------------------------ */

void *sl_answer_push(struct sl_answer_parser *p, void *items, size_t *n, size_t *cap, size_t size)
{
    char **list = items;
    if (p->status || !sl_grow_array((void **)list, cap, *n + 1, size, SL_ANSWER_MAX_ITEMS)) {
        p->status = SL_ERR_MEMORY;
        return NULL;
    }
    void *item = *list + *n * size;
    memset(item, 0, size);
    ++*n;
    return item;
}

void sl_answer_report(struct sl_answer_parser *p, enum sl_answer_problem_kind kind, size_t begin, size_t end)
{
    struct sl_answer *a = p->out;
    struct sl_answer_problem *problem =
        sl_answer_push(p, &a->problems, &a->n_problems, &a->cap_problems, sizeof *problem);
    if (problem) *problem = (struct sl_answer_problem){kind, problems[kind].kept, {begin, end}};
}

struct sl_byte_range sl_answer_store(struct sl_answer_parser *p, const char *bytes, size_t n)
{
    struct sl_buf *strings = &p->out->strings;
    struct sl_byte_range range = {strings->len, strings->len + n};
    sl_buf_add(strings, bytes, n);
    if (!sl_buf_ok(strings)) p->status = SL_ERR_MEMORY;
    return range;
}

/* --- reasoning ------------------------------------------------------------------------------------------------ */

static const char think_open[] = "<think>", think_close[] = "</think>";
enum { N_OPEN = sizeof think_open - 1, N_CLOSE = sizeof think_close - 1 };

struct think_tag {
    size_t begin, end;
    bool found, closes;
};

/* Finds the next <think> or </think> at or after `at`. */
static struct think_tag next_think(const char *s, size_t n, size_t at)
{
    const char *lt;
    for (; at < n && (lt = memchr(s + at, '<', n - at)); at++) {
        at = (size_t)(lt - s);
        if (sl_stands_at(s, at, n, think_open)) return (struct think_tag){at, at + N_OPEN, true, false};
        if (sl_stands_at(s, at, n, think_close)) return (struct think_tag){at, at + N_CLOSE, true, true};
    }
    return (struct think_tag){n, n, false, false};
}

static struct sl_byte_range trimmed(const char *s, size_t begin, size_t end)
{
    while (begin < end && sl_is_space(s[begin])) begin++;
    while (end > begin && sl_is_space(s[end - 1])) end--;
    return (struct sl_byte_range){begin, end};
}

static bool is_space_only(const char *s, size_t n)
{
    struct sl_byte_range r = trimmed(s, 0, n);
    return r.begin == r.end;
}

static void report_to(struct sl_answer_parser *p, enum sl_answer_problem_kind kind, size_t begin, size_t end)
{
    if (p) sl_answer_report(p, kind, begin, end);
}

/*
 * Splits a text whose reasoning begins at `body`: it ends where as many tags have closed as opened, or, when there are
 * too few, at the last that closes. p may be NULL.
 */
static struct sl_answer_split split_from(struct sl_answer_parser *p, const char *s, size_t n, size_t body)
{
    struct sl_answer_split split = {.has_reasoning = true};
    size_t close = n, after = n;
    int64_t depth = 1;
    for (struct think_tag t = next_think(s, n, body); t.found && depth > 0; t = next_think(s, n, t.end)) {
        depth += t.closes ? -1 : 1;
        if (t.closes) {
            split.reasoning_closed = true;
            close = t.begin;
            after = t.end;
        }
    }
    for (struct think_tag t = next_think(s, close, body); t.found; t = next_think(s, close, t.end))
        if (!t.closes) report_to(p, SL_PROBLEM_THINK_NESTED, t.begin, t.end);
    split.reasoning = trimmed(s, body, close);
    split.answer = trimmed(s, after, n);
    return split;
}

static struct sl_answer_split split_text(struct sl_answer_parser *p, const char *s, size_t n, unsigned flags)
{
    struct think_tag first = next_think(s, n, 0);
    struct sl_answer_split split = {.answer = trimmed(s, 0, n)};
    if (flags & SL_ANSWER_THINK_OPEN) {
        split = split_from(p, s, n, 0);
        if (!split.reasoning_closed) report_to(p, SL_PROBLEM_THINK_NOT_CLOSED, 0, 0);
        return split;
    }
    if (!first.found) return split;
    if (first.closes) {
        report_to(p, SL_PROBLEM_THINK_NOT_OPENED, first.begin, first.end);
        return (struct sl_answer_split){true, true, trimmed(s, 0, first.begin), trimmed(s, first.end, n)};
    }
    bool text_before = !is_space_only(s, first.begin);
    /* After other text, a tag that never closes is rather talked about than used; the walk reports it. */
    if (text_before && !split_from(NULL, s, n, first.end).reasoning_closed) return split;
    if (text_before) {
        struct sl_byte_range before = trimmed(s, 0, first.begin);
        report_to(p, SL_PROBLEM_THINK_TEXT_BEFORE, before.begin, before.end);
    }
    split = split_from(p, s, n, first.end);
    if (!split.reasoning_closed) report_to(p, SL_PROBLEM_THINK_NOT_CLOSED, first.begin, first.end);
    return split;
}

struct sl_answer_split sl_answer_split(const char *text, size_t n, unsigned flags)
{
    return split_text(NULL, text, n, flags);
}

/* --- the walk ------------------------------------------------------------------------------------------------- */

static void walk(struct sl_answer_parser *p)
{
    size_t at = p->begin;
    while (at < p->end && !p->status) {
        char c = p->s[at];
        if (c == '<')
            at = sl_answer_read_tag(p, at);
        else if (c == '[' || sl_is_digit(c))
            at = sl_answer_read_time(p, at);
        else if (c == 'T' || c == 'A')
            at = sl_answer_read_step(p, at);
        else
            at++;
    }
}

/* Empties the lists, keeping their memory. */
static void clear(struct sl_answer *a)
{
    a->n_points = a->n_boxes = a->n_boxes3d = a->n_polygons = a->n_times = a->n_actions = a->n_tool_calls = 0;
    a->n_problems = a->n_coordinates = 0;
    sl_buf_clear(&a->strings);
    a->thought = (struct sl_byte_range){0, 0};
}

sl_status sl_answer_parse(const char *text, size_t n, unsigned flags, struct sl_answer *out, sl_error *err)
{
    struct sl_answer_parser p = {.out = out, .s = text};
    clear(out);
    out->text = text;
    out->n = n;
    /* Strings are no longer than their spelling, but JSON is written anew: 1e9 becomes 1000000000.0. */
    out->strings.ceiling = n < SIZE_MAX / 8 ? 8 * n + 64 : SIZE_MAX;
    struct sl_answer_split split = split_text(&p, text, n, flags);
    out->has_reasoning = split.has_reasoning;
    out->reasoning_closed = split.reasoning_closed;
    out->reasoning = split.reasoning;
    out->answer = split.answer;
    p.begin = split.answer.begin;
    p.end = split.answer.end;
    walk(&p);
    free(p.numbers);
    if (p.status) return sl_fail(err, p.status, "out of memory for an answer of %zu bytes, or too many items in it", n);
    return SL_OK;
}

void sl_answer_release(struct sl_answer *a)
{
    void *lists[] = {a->points,  a->boxes,      a->boxes3d,  a->polygons,   a->times,
                     a->actions, a->tool_calls, a->problems, a->coordinates};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) free(lists[i]);
    sl_buf_release(&a->strings);
    *a = (struct sl_answer){0};
}
