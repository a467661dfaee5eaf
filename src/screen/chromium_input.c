/*
 * chromium_input.c: the pointer, keys and text through the DevTools protocol's Input domain.
 */
#include "screen/chromium_parts.h"

#include "base/clock.h"
#include "screen/keys.h"

#include <ctype.h>
#include <string.h>

static sl_status mouse(struct sl_browser *b, const char *type, const struct sl_input *in, const char *button,
                       sl_error *err)
{
    double s = b->viewport.scale;
    json_t *p = json_pack("{s:s, s:f, s:f, s:s, s:i, s:i}", "type", type, "x", in->x / s, "y", in->y / s, "button",
                          button, "buttons", (int)b->buttons, "clickCount", in->clicks > 0 ? in->clicks : 1);
    if (in->kind == SL_INPUT_SCROLL) {
        json_object_set_new(p, "deltaX", json_real(in->dx / s));
        json_object_set_new(p, "deltaY", json_real(in->dy / s));
        json_object_del(p, "clickCount");
    }
    b->pointed = true;
    return sl_browser_call(b, "Input.dispatchMouseEvent", p, NULL, err);
}

/* The buttons' names, and their bits in "buttons". */
static const char *const button_names[] = {"left", "middle", "right"};
static const unsigned button_bits[] = {1, 4, 2};

static sl_status press(struct sl_browser *b, const struct sl_input *in, bool down, sl_error *err)
{
    if (in->button > SL_BUTTON_RIGHT) return sl_fail(err, SL_ERR_ARGUMENT, "no button %d", (int)in->button);
    b->buttons = down ? b->buttons | button_bits[in->button] : b->buttons & ~button_bits[in->button];
    return mouse(b, down ? "mousePressed" : "mouseReleased", in, button_names[in->button], err);
}

static sl_status move(struct sl_browser *b, const struct sl_input *in, sl_error *err)
{
    return mouse(b, "mouseMoved", in, b->buttons & 1 ? "left" : b->buttons ? "right" : "none", err);
}

sl_status sl_browser_park(struct sl_browser *b, sl_error *err)
{
    struct sl_input in = {.kind = SL_INPUT_LIFT, .x = -1, .y = -1};
    sl_status status = SL_OK;
    for (int i = SL_BUTTON_LEFT; i <= SL_BUTTON_RIGHT && !status; i++) {
        in.button = (sl_button)i;
        if (b->buttons & button_bits[i]) status = press(b, &in, false, err);
    }
    in.kind = SL_INPUT_MOVE;
    if (!status) status = move(b, &in, err);
    b->pointed = false;
    return status;
}

/* Sends a key down or up with these modifiers. */
static sl_status key_event(struct sl_browser *b, const struct sl_key *k, bool down, int modifiers, sl_error *err)
{
    /* What an editing key does is decided by the window system, which a browser without a window has not. */
    static const struct {
        char key;
        const char *command;
    } editing[] = {{'a', "selectAll"}, {'c', "copy"}, {'x', "cut"}, {'v', "paste"}, {'z', "undo"}, {'y', "redo"}};
    bool types = k->text[0] && !(modifiers & (SL_KEY_CTRL | SL_KEY_ALT | SL_KEY_META));
    char text[4];
    memcpy(text, k->text, sizeof text);
    if (modifiers & SL_KEY_SHIFT) text[0] = (char)toupper((unsigned char)text[0]);
    json_t *p = json_pack("{s:s, s:s, s:s, s:i, s:i}", "type",
                          !down   ? "keyUp"
                          : types ? "keyDown"
                                  : "rawKeyDown",
                          "key", k->text[0] > ' ' && types ? text : k->key, "code", k->code, "windowsVirtualKeyCode",
                          k->virtual_code, "modifiers", modifiers);
    if (down && types) json_object_set_new(p, "text", json_string(text));
    for (size_t i = 0; i < sizeof editing / sizeof *editing && down; i++)
        if (modifiers == SL_KEY_CTRL && k->key[0] == editing[i].key && !k->key[1])
            json_object_set_new(p, "commands", json_pack("[s]", editing[i].command));
    return sl_browser_call(b, "Input.dispatchKeyEvent", p, NULL, err);
}

enum { MAX_KEYS = 3 };

/* Presses the keys in order and lifts them in the opposite order. */
static sl_status chord(struct sl_browser *b, const struct sl_key *keys, int n, sl_error *err)
{
    int modifiers = 0;
    sl_status status = SL_OK;
    for (int i = 0; i < n && !status; i++) {
        modifiers |= keys[i].modifier;
        status = key_event(b, &keys[i], true, modifiers, err);
    }
    for (int i = n - 1; i >= 0 && !status; i--) {
        modifiers &= ~keys[i].modifier;
        status = key_event(b, &keys[i], false, modifiers, err);
    }
    return status;
}

static sl_status press_keys(struct sl_browser *b, const char *text, size_t n, sl_error *err)
{
    struct sl_key keys[MAX_KEYS];
    int n_keys = 0;
    for (size_t at = 0; at < n;) {
        size_t end = at;
        while (end < n && text[end] != ' ') end++;
        if (end > at && (n_keys == MAX_KEYS || !sl_key_find(text + at, end - at, &keys[n_keys++])))
            return sl_fail(err, SL_ERR_ARGUMENT, "no such keys: '%.*s'", (int)(n < 64 ? n : 64), text);
        at = end + 1;
    }
    return chord(b, keys, n_keys, err);
}

/* Puts text where the cursor is; newlines are the enter key. */
static sl_status type_text(struct sl_browser *b, const char *text, size_t n, sl_error *err)
{
    struct sl_key enter;
    sl_key_find("enter", 5, &enter);
    sl_status status = SL_OK;
    for (size_t at = 0; at < n && !status;) {
        const char *line = memchr(text + at, '\n', n - at);
        size_t length = line ? (size_t)(line - text) - at : n - at;
        if (length) {
            json_t *piece = json_stringn(text + at, length);
            if (!piece) return sl_fail(err, SL_ERR_ARGUMENT, "text to type that is not UTF-8");
            status = sl_browser_call(b, "Input.insertText", json_pack("{s:o}", "text", piece), NULL, err);
        }
        if (!status && line) status = chord(b, &enter, 1, err);
        at += length + (line != NULL);
    }
    return status;
}

/* Goes back one page in the history; on the first page nothing happens. */
static sl_status go_back(struct sl_browser *b, sl_error *err)
{
    json_t *answer;
    sl_status status = sl_browser_call(b, "Page.getNavigationHistory", NULL, &answer, err);
    if (status) return status;
    json_int_t now = json_integer_value(json_object_get(answer, "currentIndex"));
    const json_t *entry = now > 0 ? json_array_get(json_object_get(answer, "entries"), (size_t)now - 1) : NULL;
    json_t *id = json_incref(json_object_get(entry, "id"));
    json_decref(answer);
    if (!id) return SL_OK;
    return sl_browser_call(b, "Page.navigateToHistoryEntry", json_pack("{s:o}", "entryId", id), NULL, err);
}

/* A wheel moves what is shown before the page itself knows: a frame, which a picture forces, brings the two together.
 */
static sl_status scroll(struct sl_browser *b, const struct sl_input *in, sl_error *err)
{
    sl_status status = mouse(b, "mouseWheel", in, "none", err);
    if (status) return status;
    return sl_browser_call(b, "Page.captureScreenshot", json_pack("{s:s, s:i}", "format", "jpeg", "quality", 1), NULL,
                           err);
}

sl_status sl_browser_input(void *self, const struct sl_input *in, sl_error *err)
{
    struct sl_browser *b = self;
    switch (in->kind) {
    case SL_INPUT_MOVE:
        return move(b, in, err);
    case SL_INPUT_PRESS:
        return press(b, in, true, err);
    case SL_INPUT_LIFT:
        return press(b, in, false, err);
    case SL_INPUT_SCROLL:
        return scroll(b, in, err);
    case SL_INPUT_KEYS:
        return press_keys(b, in->text, in->n, err);
    case SL_INPUT_TEXT:
        return type_text(b, in->text, in->n, err);
    case SL_INPUT_BACK:
        return go_back(b, err);
    case SL_INPUT_HOME:
    case SL_INPUT_APP:
        break;
    }
    return sl_fail(err, SL_ERR_UNSUPPORTED, "a browser has no home button and no apps");
}

sl_status sl_browser_wait(void *self, double seconds, sl_error *err)
{
    struct sl_browser *b = self;
    double until = sl_clock_seconds() + seconds, quiet = 0.1;
    bool never = false;
    /* Nothing moves any more once the page has not been loading for a tenth of a second. */
    do {
        double left = until - sl_clock_seconds();
        sl_status status = sl_devtools_listen(&b->devtools, &never, left < quiet ? left : quiet, err);
        if (status || !b->loading) return status;
    } while (sl_clock_seconds() < until);
    return SL_OK;
}
