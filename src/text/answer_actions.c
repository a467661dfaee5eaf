/*
 * answer_actions.c: "Thought: ... Action: click(point='<point>1 2</point>')": what a model does on a screen.
 *
 * Values of arguments are unescaped into the answer's strings first, where points and directions are then read and
 * forgotten again.
 */
#include "text/answer_actions.h"

#include "text/answer_parts.h"

static const struct sl_action_form forms[SL_N_ACTIONS] = {
    [SL_ACTION_CLICK] = {"click", SL_ARGUMENT_POINT, 0, NULL},
    [SL_ACTION_LEFT_DOUBLE] = {"left_double", SL_ARGUMENT_POINT, 0, NULL},
    [SL_ACTION_RIGHT_SINGLE] = {"right_single", SL_ARGUMENT_POINT, 0, NULL},
    [SL_ACTION_DRAG] = {"drag", SL_ARGUMENT_POINT | SL_ARGUMENT_END, 0, NULL},
    [SL_ACTION_HOTKEY] = {"hotkey", SL_ARGUMENT_TEXT, 0, "key"},
    [SL_ACTION_TYPE] = {"type", SL_ARGUMENT_TEXT, 0, "content"},
    [SL_ACTION_SCROLL] = {"scroll", SL_ARGUMENT_POINT | SL_ARGUMENT_DIRECTION, 0, NULL},
    [SL_ACTION_WAIT] = {"wait", 0, 0, NULL},
    [SL_ACTION_FINISHED] = {"finished", 0, SL_ARGUMENT_TEXT, "content"},
    [SL_ACTION_LONG_PRESS] = {"long_press", SL_ARGUMENT_POINT, 0, NULL},
    [SL_ACTION_OPEN_APP] = {"open_app", SL_ARGUMENT_TEXT, 0, "app_name"},
    [SL_ACTION_PRESS_HOME] = {"press_home", 0, 0, NULL},
    [SL_ACTION_PRESS_BACK] = {"press_back", 0, 0, NULL},
};

static const char *const directions[SL_N_DIRECTIONS] = {
    [SL_DIRECTION_DOWN] = "down",
    [SL_DIRECTION_UP] = "up",
    [SL_DIRECTION_RIGHT] = "right",
    [SL_DIRECTION_LEFT] = "left",
};

const struct sl_action_form *sl_action_form_of(enum sl_action_kind kind)
{
    return &forms[kind];
}

const char *sl_action_name(enum sl_action_kind kind)
{
    return forms[kind].name;
}

const char *sl_direction_name(enum sl_direction direction)
{
    return directions[direction];
}

/* --- places --------------------------------------------------------------------------------------------------- */

static bool same(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(s, word, n) == 0;
}

static size_t skip_spaces(const struct sl_answer_parser *p, size_t at)
{
    while (at < p->end && sl_is_space(p->s[at])) at++;
    return at;
}

static size_t skip_blanks(const struct sl_answer_parser *p, size_t at)
{
    while (at < p->end && sl_is_blank(p->s[at])) at++;
    return at;
}

static size_t skip_word(const struct sl_answer_parser *p, size_t at)
{
    while (at < p->end && sl_is_word(p->s[at])) at++;
    return at;
}

static size_t line_end(const struct sl_answer_parser *p, size_t at)
{
    const char *newline = memchr(p->s + at, '\n', p->end - at);
    return newline ? (size_t)(newline - p->s) : p->end;
}

static bool at_line_start(const struct sl_answer_parser *p, size_t at)
{
    while (at > p->begin && sl_is_blank(p->s[at - 1])) at--;
    return at == p->begin || p->s[at - 1] == '\n';
}

/* Returns the action of that name, or SL_N_ACTIONS. */
static enum sl_action_kind kind_of(const char *name, size_t n)
{
    int kind = 0;
    while (kind < SL_N_ACTIONS && !same(name, n, forms[kind].name)) kind++;
    return (enum sl_action_kind)kind;
}

/* Returns where the arguments of the call at `at` begin, behind its parenthesis, or 0 when there is no call. */
static size_t call_body(const struct sl_answer_parser *p, size_t at, enum sl_action_kind *kind)
{
    size_t name_end = skip_word(p, at), open = name_end;
    *kind = kind_of(p->s + at, name_end - at);
    if (*kind < SL_N_ACTIONS) open = skip_blanks(p, name_end);
    return name_end > at && open < p->end && p->s[open] == '(' ? open + 1 : 0;
}

/* --- values --------------------------------------------------------------------------------------------------- */

/* True when a string may end with the quote before `at`: the call or its next argument follows. */
static bool string_may_end(const struct sl_answer_parser *p, size_t at)
{
    at = skip_spaces(p, at);
    if (at == p->end || p->s[at] == ')') return true;
    if (p->s[at] != ',') return false;
    size_t name = skip_spaces(p, at + 1), name_end = skip_word(p, name);
    at = skip_spaces(p, name_end);
    return at < p->end && (name_end > name ? p->s[at] == '=' : p->s[at] == ')');
}

/* Undoes the escape of c into out: \n, \t, and the character itself for quotes and backslashes; others stay. */
static void add_unescaped(struct sl_buf *out, char c)
{
    if (c == 'n')
        sl_buf_addch(out, '\n');
    else if (c == 't')
        sl_buf_addch(out, '\t');
    else if (c == '\'' || c == '"' || c == '\\')
        sl_buf_addch(out, c);
    else {
        sl_buf_addch(out, '\\');
        sl_buf_addch(out, c);
    }
}

/* Reads a string whose quote stands at `at` into strings; returns where it ends, or 0 when it does not. */
static size_t read_string(struct sl_answer_parser *p, size_t at)
{
    char quote = p->s[at];
    struct sl_buf *out = &p->out->strings;
    size_t n_problems = p->out->n_problems;
    for (size_t i = at + 1; i < p->end; i++) {
        char c = p->s[i];
        if (c == '\\' && i + 1 < p->end) {
            add_unescaped(out, p->s[++i]);
            continue;
        }
        if (c == quote) {
            if (string_may_end(p, i + 1)) return i + 1;
            sl_answer_report(p, SL_PROBLEM_ACTION_QUOTE, i, i + 1);
        }
        sl_buf_addch(out, c);
    }
    /* One report covers the rest of the text, and what its quotes mean is anyone's guess. */
    p->out->n_problems = n_problems;
    sl_answer_report(p, SL_PROBLEM_ACTION_STRING, at, p->end);
    return 0;
}

/* Reads a value without quotes: up to a comma or parenthesis that does not belong to one opened in it. */
static size_t read_bare(struct sl_answer_parser *p, size_t at)
{
    size_t i = at, depth = 0;
    for (; i < p->end && p->s[i] != '\n'; i++) {
        char c = p->s[i];
        if (depth == 0 && (c == ',' || c == ')')) break;
        if (c == '(' || c == '[') depth++;
        if ((c == ')' || c == ']') && depth > 0) depth--;
    }
    size_t end = i;
    while (end > at && sl_is_blank(p->s[end - 1])) end--;
    sl_buf_add(&p->out->strings, p->s + at, end - at);
    return end > at ? i : 0;
}

/* --- arguments ------------------------------------------------------------------------------------------------ */

/* One call in the making. */
struct call {
    struct sl_answer_action action;
    enum sl_action_kind kind; /* SL_N_ACTIONS: unknown */
    unsigned given;           /* of SL_ARGUMENT_* */
    bool bad;                 /* something is wrong that leaves it out */
};

static void report_bad(struct sl_answer_parser *p, struct call *c, enum sl_answer_problem_kind kind,
                       struct sl_byte_range range)
{
    c->bad = true;
    sl_answer_report(p, kind, range.begin, range.end);
}

/* Takes an opening mark and its closing one off s[*begin, *end); false when only one of them is there. */
static bool unwrap(const char *s, size_t *begin, size_t *end)
{
    static const char *const wraps[][2] = {
        {"<point>", "</point>"}, {"<bbox>", "</bbox>"}, {"<|box_start|>", "<|box_end|>"}};
    for (size_t i = 0; i < sizeof wraps / sizeof *wraps; i++) {
        size_t n_open = strlen(wraps[i][0]), n_close = strlen(wraps[i][1]);
        if (!sl_stands_at(s, *begin, *end, wraps[i][0])) continue;
        *begin += n_open;
        if (*end - *begin < n_close || !sl_stands_at(s, *end - n_close, *end, wraps[i][1])) return false;
        *end -= n_close;
        return true;
    }
    return true;
}

/* Reads a point, or a box for its centre, from s[begin, end). */
static bool read_point(struct sl_answer_parser *p, const char *s, size_t begin, size_t end, double *x, double *y)
{
    while (begin < end && sl_is_space(s[begin])) begin++;
    while (begin < end && sl_is_space(s[end - 1])) end--;
    if (!unwrap(s, &begin, &end)) return false;
    struct sl_number_list list = sl_answer_numbers(p, s, begin, end);
    const double *v = p->numbers;
    if (p->status || !list.all_numbers || !list.in_range || (p->n_numbers != 2 && p->n_numbers != 4)) return false;
    if (p->n_numbers == 4 && (v[2] < v[0] || v[3] < v[1])) return false;
    *x = p->n_numbers == 4 ? sl_answer_snap((v[0] + v[2]) / 2) : v[0];
    *y = p->n_numbers == 4 ? sl_answer_snap((v[1] + v[3]) / 2) : v[1];
    return true;
}

/* Returns the argument that a name stands for in an action, or 0. */
static unsigned argument_of(enum sl_action_kind kind, const char *name, size_t n)
{
    static const struct {
        const char *name;
        unsigned argument;
    } names[] = {
        {"point", SL_ARGUMENT_POINT},   {"start_point", SL_ARGUMENT_POINT}, {"start_box", SL_ARGUMENT_POINT},
        {"end_point", SL_ARGUMENT_END}, {"end_box", SL_ARGUMENT_END},       {"direction", SL_ARGUMENT_DIRECTION},
    };
    if (kind == SL_N_ACTIONS) return 0;
    const struct sl_action_form *form = &forms[kind];
    if (form->text && same(name, n, form->text)) return SL_ARGUMENT_TEXT;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same(name, n, names[i].name)) return names[i].argument & (form->needs | form->may_have);
    return 0;
}

static bool read_direction(const char *s, size_t n, enum sl_direction *out)
{
    for (int i = 0; i < SL_N_DIRECTIONS; i++) {
        if (!same(s, n, directions[i])) continue;
        *out = (enum sl_direction)i;
        return true;
    }
    return false;
}

/* Keeps the text of an action, which stands in strings; hotkeys as they should be written. */
static void take_text(struct sl_answer_parser *p, struct call *c, struct sl_byte_range stored,
                      struct sl_byte_range source)
{
    struct sl_buf *strings = &p->out->strings;
    c->action.text = stored;
    if (c->kind != SL_ACTION_HOTKEY) return;
    char keys[SL_ACTION_KEYS_SIZE];
    size_t n = sl_action_keys(sl_buf_str(strings) + stored.begin, stored.end - stored.begin, keys);
    if (n == 0) {
        report_bad(p, c, SL_PROBLEM_ARGUMENT_KEYS, source);
    } else if (n != stored.end - stored.begin || memcmp(keys, strings->data + stored.begin, n) != 0) {
        sl_answer_report(p, SL_PROBLEM_ARGUMENT_KEY_SPELLING, source.begin, source.end);
        c->action.text = sl_answer_store(p, keys, n);
    }
}

/* Takes one argument, whose value stands at the end of strings from `mark` on; source is where it was. */
static void take_argument(struct sl_answer_parser *p, struct call *c, struct sl_byte_range name, size_t mark,
                          struct sl_byte_range source)
{
    struct sl_buf *strings = &p->out->strings;
    struct sl_byte_range stored = {mark, strings->len};
    struct sl_answer_action *a = &c->action;
    if (!sl_buf_ok(strings)) p->status = SL_ERR_MEMORY;
    if (p->status) return;
    unsigned argument = argument_of(c->kind, p->s + name.begin, name.end - name.begin);
    const char *value = sl_buf_str(strings);
    bool start = argument == SL_ARGUMENT_POINT;
    if (c->given & argument) report_bad(p, c, SL_PROBLEM_ARGUMENT_TWICE, name);
    c->given |= argument;
    if (argument == SL_ARGUMENT_TEXT) {
        take_text(p, c, stored, source);
        return;
    }
    if (argument == 0 && c->kind != SL_N_ACTIONS)
        sl_answer_report(p, SL_PROBLEM_ARGUMENT_UNKNOWN, name.begin, name.end);
    if (argument == SL_ARGUMENT_DIRECTION && !read_direction(value + mark, stored.end - mark, &a->direction))
        report_bad(p, c, SL_PROBLEM_ARGUMENT_DIRECTION, source);
    if ((start || argument == SL_ARGUMENT_END) &&
        !read_point(p, value, mark, stored.end, start ? &a->x : &a->end_x, start ? &a->y : &a->end_y))
        report_bad(p, c, SL_PROBLEM_ARGUMENT_POINT, source);
    strings->len = mark;
}

/* --- calls ---------------------------------------------------------------------------------------------------- */

/* Reads name=value at `at`; returns where it ends, or 0 when it is no argument. *fatal: nothing can follow. */
static size_t read_argument(struct sl_answer_parser *p, struct call *c, size_t at, bool *fatal)
{
    struct sl_byte_range name = {at, skip_word(p, at)};
    at = skip_spaces(p, name.end);
    if (name.end == name.begin || at == p->end || p->s[at] != '=') return 0;
    at = skip_spaces(p, at + 1);
    if (at == p->end) return 0;
    bool quoted = p->s[at] == '\'' || p->s[at] == '"';
    size_t mark = p->out->strings.len;
    size_t after = quoted ? read_string(p, at) : read_bare(p, at);
    *fatal = quoted && after == 0;
    if (after) take_argument(p, c, name, mark, (struct sl_byte_range){at, after});
    return after;
}

static void finish_call(struct sl_answer_parser *p, struct call *c, size_t begin, size_t end)
{
    struct sl_answer *a = p->out;
    struct sl_byte_range range = {begin, end};
    if (c->kind == SL_N_ACTIONS) {
        report_bad(p, c, SL_PROBLEM_ACTION_UNKNOWN, range);
        return;
    }
    if (forms[c->kind].needs & ~c->given) report_bad(p, c, SL_PROBLEM_ARGUMENT_MISSING, range);
    if (c->bad) return;
    struct sl_answer_action *slot = sl_answer_push(p, &a->actions, &a->n_actions, &a->cap_actions, sizeof *slot);
    if (!slot) return;
    *slot = c->action;
    slot->kind = c->kind;
    slot->range = range;
}

/* Reads the call at `begin`, whose arguments start at `at`; returns where it ends. */
static size_t read_call(struct sl_answer_parser *p, struct call *c, size_t begin, size_t at)
{
    bool fatal = false;
    for (bool first = true; !p->status; first = false) {
        at = skip_spaces(p, at);
        bool comma = !first && at < p->end && p->s[at] == ',';
        if (comma) at = skip_spaces(p, at + 1);
        if (at == p->end) {
            sl_answer_report(p, SL_PROBLEM_ACTION_NOT_CLOSED, begin, at);
            break;
        }
        if (p->s[at] == ')') {
            at++;
            break;
        }
        size_t after = first || comma ? read_argument(p, c, at, &fatal) : 0;
        if (fatal) return p->end;
        if (!after) {
            size_t end = line_end(p, at);
            sl_answer_report(p, SL_PROBLEM_ACTION_SYNTAX, begin, end);
            return end;
        }
        at = after;
    }
    finish_call(p, c, begin, at);
    return at;
}

/* Goes on after a call: to the next one, or to where other text begins. */
static size_t after_call(struct sl_answer_parser *p, size_t at)
{
    enum sl_action_kind kind;
    at = skip_blanks(p, at);
    if (at < p->end && (p->s[at] == ';' || p->s[at] == '\n' || p->s[at] == '\r')) {
        while (at < p->end && (p->s[at] == ';' || sl_is_space(p->s[at]))) at++;
        return at;
    }
    if (at == p->end || call_body(p, at, &kind) || sl_stands_at(p->s, at, p->end, "Action:")) return at;
    size_t end = line_end(p, at);
    sl_answer_report(p, SL_PROBLEM_ACTION_SYNTAX, at, end);
    return end;
}

/* Reads the calls behind an "Action:" at `begin`. */
static size_t read_actions(struct sl_answer_parser *p, size_t begin)
{
    size_t colon = begin + strlen("Action:");
    size_t at = skip_spaces(p, colon);
    struct call c = {0};
    size_t body = call_body(p, at, &c.kind);
    if (!body) {
        enum sl_answer_problem_kind kind = c.kind < SL_N_ACTIONS ? SL_PROBLEM_ACTION_SYNTAX : SL_PROBLEM_ACTION_NONE;
        sl_answer_report(p, kind, begin, c.kind < SL_N_ACTIONS ? line_end(p, at) : colon);
        return c.kind < SL_N_ACTIONS ? line_end(p, at) : at;
    }
    while (body && !p->status) {
        at = after_call(p, read_call(p, &c, at, body));
        c = (struct call){0};
        body = call_body(p, at, &c.kind);
    }
    return at;
}

/* True when an "Action:" at `at` is meant as one: it begins a line, or an action follows. */
static bool is_action(const struct sl_answer_parser *p, size_t at)
{
    enum sl_action_kind kind;
    if (at > p->begin && sl_is_word(p->s[at - 1])) return false;
    if (at_line_start(p, at)) return true;
    return call_body(p, skip_blanks(p, at + strlen("Action:")), &kind) && kind < SL_N_ACTIONS;
}

/* Returns where the next "Action:" is, or p->end. */
static size_t find_action(struct sl_answer_parser *p, size_t at)
{
    while (!p->no_action) {
        const char *word = memmem(p->s + at, p->end - at, "Action:", 7);
        p->no_action = !word;
        if (word && is_action(p, (size_t)(word - p->s))) return (size_t)(word - p->s);
        if (word) at = (size_t)(word - p->s) + 7;
    }
    return p->end;
}

size_t sl_answer_read_step(struct sl_answer_parser *p, size_t at)
{
    struct sl_byte_range *thought = &p->out->thought;
    if (sl_stands_at(p->s, at, p->end, "Action:")) return is_action(p, at) ? read_actions(p, at) : at + 1;
    if (!sl_stands_at(p->s, at, p->end, "Thought:") || !at_line_start(p, at)) return at + 1;
    size_t body = at + strlen("Thought:"), action = find_action(p, body);
    if (thought->end == 0) {
        *thought = (struct sl_byte_range){skip_spaces(p, body), action};
        if (thought->begin > action) thought->begin = action;
        while (thought->end > thought->begin && sl_is_space(p->s[thought->end - 1])) thought->end--;
    }
    if (action < p->end) return read_actions(p, action);
    sl_answer_report(p, SL_PROBLEM_ACTION_NONE, at, body);
    return body;
}
