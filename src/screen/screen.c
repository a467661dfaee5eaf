/*
 * screen.c: checks before the driver, and the answer language's actions as input.
 */
#include "screen/screen.h"

#include <math.h>

sl_status sl_screen_capture(struct sl_screen *s, struct sl_picture *out, sl_error *err)
{
    *out = (struct sl_picture){0};
    return s->driver->capture(s->self, out, err);
}

sl_status sl_screen_input(struct sl_screen *s, const struct sl_input *in, sl_error *err)
{
    bool placed = in->kind <= SL_INPUT_SCROLL;
    if (placed && !(in->x >= 0 && in->y >= 0 && in->x <= s->width && in->y <= s->height))
        return sl_fail(err, SL_ERR_ARGUMENT, "input at (%g, %g) is outside the screen of %d x %d", in->x, in->y,
                       s->width, s->height);
    if (in->kind == SL_INPUT_SCROLL && !(fabs(in->dx) <= 1e6 && fabs(in->dy) <= 1e6))
        return sl_fail(err, SL_ERR_ARGUMENT, "cannot scroll by (%g, %g) pixels", in->dx, in->dy);
    return s->driver->input(s->self, in, err);
}

sl_status sl_screen_wait(struct sl_screen *s, double seconds, sl_error *err)
{
    if (!(seconds >= 0 && seconds <= 600)) return sl_fail(err, SL_ERR_ARGUMENT, "cannot wait %g seconds", seconds);
    return s->driver->wait(s->self, seconds, err);
}

struct sl_screen_pace sl_screen_pace_default(void)
{
    return (struct sl_screen_pace){.hold = 0.6, .wait = 5, .drag_steps = 8};
}

/* Presses and lifts a button `clicks` times at (x, y). */
static sl_status click(struct sl_screen *s, double x, double y, sl_button button, int clicks, sl_error *err)
{
    struct sl_input in = {.kind = SL_INPUT_MOVE, .x = x, .y = y, .button = button};
    sl_status status = sl_screen_input(s, &in, err);
    for (int i = 1; i <= clicks && !status; i++) {
        in.clicks = i;
        in.kind = SL_INPUT_PRESS;
        status = sl_screen_input(s, &in, err);
        in.kind = SL_INPUT_LIFT;
        if (!status) status = sl_screen_input(s, &in, err);
    }
    return status;
}

static sl_status long_press(struct sl_screen *s, double x, double y, double hold, sl_error *err)
{
    struct sl_input in = {.kind = SL_INPUT_PRESS, .x = x, .y = y, .clicks = 1};
    sl_status status = sl_screen_input(s, &in, err);
    if (!status) status = sl_screen_wait(s, hold, err);
    in.kind = SL_INPUT_LIFT;
    return status ? status : sl_screen_input(s, &in, err);
}

/* Presses at from, moves to end in steps, lifts. */
static sl_status drag(struct sl_screen *s, const double from[2], const double end[2], int steps, sl_error *err)
{
    struct sl_input in = {.kind = SL_INPUT_MOVE, .x = from[0], .y = from[1], .clicks = 1};
    sl_status status = sl_screen_input(s, &in, err);
    in.kind = SL_INPUT_PRESS;
    if (!status) status = sl_screen_input(s, &in, err);
    in.kind = SL_INPUT_MOVE;
    for (int i = 1; i <= steps && !status; i++) {
        in.x = from[0] + (end[0] - from[0]) * i / steps;
        in.y = from[1] + (end[1] - from[1]) * i / steps;
        status = sl_screen_input(s, &in, err);
    }
    in.kind = SL_INPUT_LIFT;
    return status ? status : sl_screen_input(s, &in, err);
}

static sl_status scroll(struct sl_screen *s, double x, double y, enum sl_direction direction, double by, sl_error *err)
{
    struct sl_input in = {.kind = SL_INPUT_SCROLL, .x = x, .y = y};
    bool vertical = direction == SL_DIRECTION_DOWN || direction == SL_DIRECTION_UP;
    double length = by > 0 ? by : (vertical ? s->height : s->width) / 2.0;
    if (direction == SL_DIRECTION_UP || direction == SL_DIRECTION_LEFT) length = -length;
    *(vertical ? &in.dy : &in.dx) = length;
    return sl_screen_input(s, &in, err);
}

sl_status sl_screen_act(struct sl_screen *s, const struct sl_answer_action *action, const char *text, size_t n,
                        const struct sl_screen_pace *pace, sl_error *err)
{
    struct sl_screen_pace p = pace ? *pace : sl_screen_pace_default();
    double at[2] = {sl_coordinate_to_pixel_center(action->x, s->width),
                    sl_coordinate_to_pixel_center(action->y, s->height)};
    double end[2] = {sl_coordinate_to_pixel_center(action->end_x, s->width),
                     sl_coordinate_to_pixel_center(action->end_y, s->height)};
    struct sl_input in = {.text = text, .n = n};
    switch (action->kind) {
    case SL_ACTION_CLICK:
        return click(s, at[0], at[1], SL_BUTTON_LEFT, 1, err);
    case SL_ACTION_LEFT_DOUBLE:
        return click(s, at[0], at[1], SL_BUTTON_LEFT, 2, err);
    case SL_ACTION_RIGHT_SINGLE:
        return click(s, at[0], at[1], SL_BUTTON_RIGHT, 1, err);
    case SL_ACTION_LONG_PRESS:
        return long_press(s, at[0], at[1], p.hold, err);
    case SL_ACTION_DRAG:
        return drag(s, at, end, p.drag_steps > 0 ? p.drag_steps : 1, err);
    case SL_ACTION_SCROLL:
        return scroll(s, at[0], at[1], action->direction, p.scroll, err);
    case SL_ACTION_WAIT:
        return sl_screen_wait(s, p.wait, err);
    case SL_ACTION_HOTKEY:
        in.kind = SL_INPUT_KEYS;
        break;
    case SL_ACTION_TYPE:
        in.kind = SL_INPUT_TEXT;
        break;
    case SL_ACTION_OPEN_APP:
        in.kind = SL_INPUT_APP;
        break;
    case SL_ACTION_PRESS_HOME:
        in.kind = SL_INPUT_HOME;
        break;
    case SL_ACTION_PRESS_BACK:
        in.kind = SL_INPUT_BACK;
        break;
    case SL_ACTION_FINISHED:
    case SL_N_ACTIONS:
        return SL_OK;
    }
    return sl_screen_input(s, &in, err);
}
