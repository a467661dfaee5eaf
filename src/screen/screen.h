/*
 * screen.h: something that shows a picture and takes input: what an agent acts on, whatever stands behind it.
 *
 * A driver (chromium.h; an X desktop and Android fill the same table) gives a struct sl_screen. Coordinates are pixels
 * of the picture that the screen captures, x to the right and y down. One thread uses a screen.
 */
#ifndef SL_SCREEN_SCREEN_H
#define SL_SCREEN_SCREEN_H

#include "base/error.h"
#include "media/picture.h"
#include "text/answer.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum sl_input_kind {
    SL_INPUT_MOVE,   /* the pointer to (x, y) */
    SL_INPUT_PRESS,  /* a button down at (x, y) */
    SL_INPUT_LIFT,   /* and up again */
    SL_INPUT_SCROLL, /* by (dx, dy) pixels of content at (x, y); dy > 0 shows what is below */
    SL_INPUT_KEYS,   /* one to three keys pressed together: text is "ctrl c" */
    SL_INPUT_TEXT,   /* text into what has the focus; a newline is the enter key */
    SL_INPUT_HOME,   /* a phone's buttons; a browser goes back in its history */
    SL_INPUT_BACK,
    SL_INPUT_APP, /* starts the app called text */
} sl_input_kind;

typedef enum sl_button { SL_BUTTON_LEFT, SL_BUTTON_MIDDLE, SL_BUTTON_RIGHT } sl_button;

struct sl_input {
    sl_input_kind kind;
    double x, y;
    double dx, dy;
    sl_button button;
    int clicks;       /* of PRESS and LIFT: 2 for the second of a double click; 0 counts as 1 */
    const char *text; /* n bytes of UTF-8, borrowed */
    size_t n;
};

/* What a driver fills. What it cannot do is SL_ERR_UNSUPPORTED. */
struct sl_screen_driver {
    /* Takes a picture of what is shown, owned by the caller; its size is the screen's. */
    sl_status (*capture)(void *self, struct sl_picture *out, sl_error *err);
    /* Gives one input and returns once the screen has taken it in. */
    sl_status (*input)(void *self, const struct sl_input *in, sl_error *err);
    /* Lets seconds pass, at most; returns early where the driver knows that nothing moves any more. */
    sl_status (*wait)(void *self, double seconds, sl_error *err);
};

struct sl_screen {
    const struct sl_screen_driver *driver;
    void *self;        /* the driver's; borrowed */
    int width, height; /* of its pictures, kept true by the driver */
};

/* Takes a picture of the screen; release with sl_picture_free. */
sl_status sl_screen_capture(struct sl_screen *s, struct sl_picture *out, sl_error *err);

/* Gives one input. Positions outside the screen and numbers that are not finite are SL_ERR_ARGUMENT. */
sl_status sl_screen_input(struct sl_screen *s, const struct sl_input *in, sl_error *err);

/* Lets seconds (0 .. 600) pass, or less where nothing moves any more. */
sl_status sl_screen_wait(struct sl_screen *s, double seconds, sl_error *err);

/* How the actions of the answer language become input. */
struct sl_screen_pace {
    double scroll;  /* pixels that one scroll goes; 0: half of the screen's side */
    double hold;    /* seconds of a long press */
    double wait;    /* seconds of wait() */
    int drag_steps; /* moves between the ends of a drag */
};

/* Returns the defaults: half a screen, 0.6 s, 5 s, 8 steps. */
struct sl_screen_pace sl_screen_pace_default(void);

/*
 * Does one action of a parsed answer (docs/ANSWERS.md): its points are the middle of their strip, its text is n bytes.
 * finished() does nothing. pace may be NULL.
 */
sl_status sl_screen_act(struct sl_screen *s, const struct sl_answer_action *action, const char *text, size_t n,
                        const struct sl_screen_pace *pace, sl_error *err);

#endif
