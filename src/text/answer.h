/*
 * answer.h: the answer language: what a model writes, read into numbers, and numbers written as it should write them.
 *
 * An answer is reasoning, then text with points, boxes, boxes in space, polygons, times, actions and tool calls in it
 * (docs/ANSWERS.md has the grammar). Reading takes what models really write: commas, brackets, decimals, a missing
 * last tag. What it cannot take for certain it leaves out, and everything that is not as it should be is listed with
 * its place and reason. Time and memory are linear in the text. One thread owns an answer.
 */
#ifndef SL_TEXT_ANSWER_H
#define SL_TEXT_ANSWER_H

#include "base/buf.h"
#include "base/camera.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes [begin, end) of a text. */
struct sl_byte_range {
    size_t begin, end;
};

/* A shape's numbers are coordinates from 0 to 999 across the picture; see sl_coordinate_to_pixel. */
struct sl_answer_point {
    double x, y;
    struct sl_byte_range range; /* with its tags, without its label */
    struct sl_byte_range label; /* what a <text> directly before it holds; empty without one */
};

struct sl_answer_box {
    double x1, y1, x2, y2; /* x1 <= x2, y1 <= y2 */
    struct sl_byte_range range, label;
};

struct sl_answer_box3d {
    struct sl_box3d box;
    struct sl_byte_range range, label;
};

struct sl_answer_polygon {
    size_t first;    /* where its x1 y1 x2 y2 ... begin in the answer's coordinates */
    size_t n_points; /* at least 3 */
    struct sl_byte_range range, label;
};

/* How a time is written. */
enum sl_time_form {
    SL_TIME_MARK,    /* [1.5 second] */
    SL_TIME_SECONDS, /* 1.5 seconds, 3 - 10 seconds; minutes and hours too */
    SL_TIME_CLOCK,   /* 01:05 - 01:10 */
};

struct sl_answer_time {
    double start, end; /* seconds; end == start unless is_span */
    bool is_span;
    enum sl_time_form form;
    struct sl_byte_range range;
};

enum sl_action_kind {
    SL_ACTION_CLICK,
    SL_ACTION_LEFT_DOUBLE,
    SL_ACTION_RIGHT_SINGLE,
    SL_ACTION_DRAG,
    SL_ACTION_HOTKEY,
    SL_ACTION_TYPE,
    SL_ACTION_SCROLL,
    SL_ACTION_WAIT,
    SL_ACTION_FINISHED,
    SL_ACTION_LONG_PRESS,
    SL_ACTION_OPEN_APP,
    SL_ACTION_PRESS_HOME,
    SL_ACTION_PRESS_BACK,
    SL_N_ACTIONS,
};

enum sl_direction { SL_DIRECTION_DOWN, SL_DIRECTION_UP, SL_DIRECTION_RIGHT, SL_DIRECTION_LEFT, SL_N_DIRECTIONS };

struct sl_answer_action {
    enum sl_action_kind kind;
    double x, y;                 /* point, or where a drag starts */
    double end_x, end_y;         /* where a drag ends */
    enum sl_direction direction; /* of a scroll */
    struct sl_byte_range text;   /* in the answer's strings, escapes undone: content, key or app_name */
    struct sl_byte_range range;
};

struct sl_answer_tool_call {
    struct sl_byte_range name;      /* in the answer's strings */
    struct sl_byte_range arguments; /* in the answer's strings: a JSON object on one line */
    struct sl_byte_range range;
};

/* What can be wrong. sl_answer_problem_text has the words, docs/ANSWERS.md the examples. */
enum sl_answer_problem_kind {
    SL_PROBLEM_THINK_NOT_OPENED,
    SL_PROBLEM_THINK_TEXT_BEFORE,
    SL_PROBLEM_THINK_NESTED,
    SL_PROBLEM_THINK_NOT_CLOSED,
    SL_PROBLEM_THINK_STRAY,
    SL_PROBLEM_TAG_NOT_OPENED,
    SL_PROBLEM_TAG_NOT_CLOSED,
    SL_PROBLEM_LABEL_NOT_CLOSED,
    SL_PROBLEM_NUMBER,
    SL_PROBLEM_COUNT,
    SL_PROBLEM_COORDINATE,
    SL_PROBLEM_BOX_ORDER,
    SL_PROBLEM_BOX3D_SIZE,
    SL_PROBLEM_BOX3D_ANGLE,
    SL_PROBLEM_TIME_MARK,
    SL_PROBLEM_TIME_ORDER,
    SL_PROBLEM_TIME_NEGATIVE,
    SL_PROBLEM_TIME_COMMA,
    SL_PROBLEM_ACTION_NONE,
    SL_PROBLEM_ACTION_SYNTAX,
    SL_PROBLEM_ACTION_UNKNOWN,
    SL_PROBLEM_ACTION_NOT_CLOSED,
    SL_PROBLEM_ACTION_STRING,
    SL_PROBLEM_ACTION_QUOTE,
    SL_PROBLEM_ARGUMENT_MISSING,
    SL_PROBLEM_ARGUMENT_UNKNOWN,
    SL_PROBLEM_ARGUMENT_TWICE,
    SL_PROBLEM_ARGUMENT_POINT,
    SL_PROBLEM_ARGUMENT_DIRECTION,
    SL_PROBLEM_ARGUMENT_KEYS,
    SL_PROBLEM_ARGUMENT_KEY_SPELLING,
    SL_PROBLEM_TOOL_CALL_NOT_CLOSED,
    SL_PROBLEM_TOOL_CALL_JSON,
    SL_N_PROBLEMS,
};

struct sl_answer_problem {
    enum sl_answer_problem_kind kind;
    bool kept; /* this alone does not keep the piece out of its list */
    struct sl_byte_range range;
};

/*
 * A parsed answer. {0} before the first parse; parsing again reuses the memory. Each list is in the order of the text.
 * Shapes, times, actions and tool calls are those of the answer, never of the reasoning.
 */
struct sl_answer {
    const char *text;               /* borrowed from the caller; what ranges point into */
    size_t n;                       /* its bytes */
    bool has_reasoning;             /* perhaps empty */
    bool reasoning_closed;          /* false when it was cut off */
    struct sl_byte_range reasoning; /* without tags and surrounding white space */
    struct sl_byte_range answer;    /* the same of what follows it; all of the text without reasoning */
    struct sl_byte_range thought;   /* after "Thought:" and before the first "Action:", else empty */
    struct sl_answer_point *points;
    struct sl_answer_box *boxes;
    struct sl_answer_box3d *boxes3d;
    struct sl_answer_polygon *polygons;
    struct sl_answer_time *times;
    struct sl_answer_action *actions;
    struct sl_answer_tool_call *tool_calls;
    struct sl_answer_problem *problems;
    double *coordinates; /* of all polygons */
    size_t n_points, n_boxes, n_boxes3d, n_polygons, n_times, n_actions, n_tool_calls, n_problems, n_coordinates;
    struct sl_buf strings; /* the text of actions and tool calls */
    /* Allocated lengths of the lists. */
    size_t cap_points, cap_boxes, cap_boxes3d, cap_polygons, cap_times, cap_actions, cap_tool_calls, cap_problems,
        cap_coordinates;
};

/* What sl_answer_parse must know about the text. */
enum {
    SL_ANSWER_THINK_OPEN = 1, /* the prompt ended in <think>, so the text begins inside the reasoning */
};

/* More items than this of one kind are SL_ERR_MEMORY. */
enum { SL_ANSWER_MAX_ITEMS = 1 << 20 };

/*
 * Parses n bytes, which need not be UTF-8; flags are of SL_ANSWER_*. *out borrows text. The only failure is
 * SL_ERR_MEMORY; *out then holds what was read so far. Release with sl_answer_release in any case.
 */
sl_status sl_answer_parse(const char *text, size_t n, unsigned flags, struct sl_answer *out, sl_error *err);

/* Where the reasoning of a text ends and its answer begins; ranges without tags and surrounding white space. */
struct sl_answer_split {
    bool has_reasoning, reasoning_closed;
    struct sl_byte_range reasoning, answer;
};

/* Splits as sl_answer_parse does, for those who want no more than that. */
struct sl_answer_split sl_answer_split(const char *text, size_t n, unsigned flags);

/* Releases the memory; *a = {0} again. */
void sl_answer_release(struct sl_answer *a);

/* Returns the words for a problem, without a full stop; static storage. */
const char *sl_answer_problem_text(enum sl_answer_problem_kind kind);

/* Returns an action's name as it is written, "left_double"; static storage. */
const char *sl_action_name(enum sl_action_kind kind);

/* Returns "down", "up", "right" or "left"; static storage. */
const char *sl_direction_name(enum sl_direction direction);

/* --- printing ------------------------------------------------------------------------------------------------- */

/*
 * Each appends the one canonical spelling of an item to out; parsing that gives back the same numbers and strings.
 * Numbers have as many decimals as they need, up to 15 significant digits: at least none in shapes, one in marks of
 * time, two in boxes in space. What the language cannot say (a coordinate of 1000, x2 < x1, NaN) is SL_ERR_ARGUMENT
 * with the reason in err, and out is left alone; past out's ceiling SL_ERR_MEMORY. ranges and labels are not read.
 */
sl_status sl_answer_print_point(const struct sl_answer_point *p, struct sl_buf *out, sl_error *err);
sl_status sl_answer_print_box(const struct sl_answer_box *b, struct sl_buf *out, sl_error *err);
sl_status sl_answer_print_box3d(const struct sl_box3d *b, struct sl_buf *out, sl_error *err);
/* xy is x1 y1 x2 y2 ..., (n_points, 2). */
sl_status sl_answer_print_polygon(const double *xy, size_t n_points, struct sl_buf *out, sl_error *err);
/* <text>...</text>, to stand before a shape; n bytes that may not contain </text>. */
sl_status sl_answer_print_label(const char *text, size_t n, struct sl_buf *out, sl_error *err);
sl_status sl_answer_print_time(const struct sl_answer_time *t, struct sl_buf *out, sl_error *err);
/* text is the n bytes of content, key or app_name that a->text stands for. Without the "Action: " before it. */
sl_status sl_answer_print_action(const struct sl_answer_action *a, const char *text, size_t n, struct sl_buf *out,
                                 sl_error *err);

/* --- coordinates ---------------------------------------------------------------------------------------------- */

/*
 * Returns the coordinate of pixel position x on a side of `size` pixels: min(999, floor(1000 x / size)), or -1 when x
 * is not on the side, 0 <= x <= size. The picture's far edge is 999 too.
 */
int sl_coordinate_from_pixel(double x, int size);

/* Returns where coordinate v begins on a side of `size` pixels, v / 1000 * size (the provider's examples). */
double sl_coordinate_to_pixel(double v, int size);

/*
 * Returns the middle of the strip of pixels that v stands for, (v + 1/2) / 1000 * size: half a step less off on
 * average, and sl_coordinate_from_pixel brings v back.
 */
double sl_coordinate_to_pixel_center(double v, int size);

#endif
